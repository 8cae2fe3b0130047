/* What an attempt that is over ended in. */
#include "content_range.h"
#include "engine_state.h"
#include "i18n.h"
#include "web_address.h"

#include <string.h>

static gint64 retry_after(const Attempt *attempt)
{
    curl_off_t seconds = 0;

    if (attempt_header(attempt, "Retry-After") == NULL || attempt->easy == NULL)
        return -1;
    curl_easy_getinfo(attempt->easy, CURLINFO_RETRY_AFTER, &seconds);
    return seconds > 0 ? (gint64)MIN(seconds, G_MAXINT32) * 1000 : -1;
}

/* Prepared, and sent with this very request: where a redirect leads elsewhere, it is not. */
static gboolean sent_a_token(const Attempt *attempt)
{
    const GPtrArray *headers = attempt->transfer->request_headers;

    if (headers == NULL || headers_find(headers, "Authorization") == NULL)
        return FALSE;
    for (const struct curl_slist *line = attempt->header_list; line != NULL; line = line->next)
        if (g_ascii_strncasecmp(line->data, "Authorization:", 14) == 0)
            return TRUE;
    return FALSE;
}

static gboolean needs_no_token(const Transfer *transfer)
{
    if (credentials_guard_of(transfer->engine->config.credentials, transfer->address) != NULL)
        return FALSE;
    return transfer->manifest == NULL || transfer->manifest->access == ACCESS_OPEN;
}

/* Of a plain address nobody knows who refuses. */
static gboolean has_a_known_source(const Transfer *transfer)
{
    return transfer->fetcher != NULL && transfer->fetcher->row.hosts != NULL &&
           transfer->fetcher->row.hosts[0] != NULL;
}

static OutcomeKind kind_of_status(const Attempt *attempt)
{
    int status = attempt->status;

    switch (status) {
    case 202:
        return OUTCOME_NOT_READY;
    case 401:
        return sent_a_token(attempt) && needs_no_token(attempt->transfer) ? OUTCOME_TOKEN_REFUSED
                                                                          : OUTCOME_REFUSED;
    case 403:
        return (has_a_known_source(attempt->transfer) || attempt->transfer->is_document) &&
                       !answer_host_is_foreign(attempt)
                   ? OUTCOME_REFUSED
                   : OUTCOME_FOREIGN_REFUSAL;
    case 404:
    case 410:
        return OUTCOME_ABSENT;
    case 407:
    case 511:
        return OUTCOME_PROXY;
    case 408:
    case 425:
    case 429:
        return OUTCOME_BUSY;
    case 416:
        return OUTCOME_RANGE_UNSATISFIED;
    case 451:
        return OUTCOME_FOREIGN_REFUSAL;
    default:
        if (status >= 500)
            return OUTCOME_BUSY;
        return status / 100 == 2 ? OUTCOME_NOT_DATA : OUTCOME_OTHER_STATUS;
    }
}

static void conclude_proxy(Attempt *attempt, int status)
{
    g_autofree char *proxy = curl_options_proxy(attempt->engine, attempt->address);
    const char *wants = attempt_header(attempt, "Proxy-Authenticate");
    const char *shown = proxy != NULL ? proxy : _("(unknown)");

    if (status == 407)
        attempt_fail(attempt, OUTCOME_PROXY, _("the proxy %s wants a user and a password%s%s"),
                     shown, wants != NULL ? ": " : "", wants != NULL ? wants : "");
    else if (status != 0)
        attempt_fail(attempt, OUTCOME_PROXY,
                     _("the proxy %s refused the connection with status %d"), shown, status);
    else
        attempt_fail(attempt, OUTCOME_PROXY, _("the proxy %s cannot be used: %s"), shown,
                     *attempt->curl_message != '\0' ? attempt->curl_message
                                                    : curl_easy_strerror(attempt->code));
    attempt->outcome.status = status;
}

/* The first refusal ends the use of a login in this run. */
static void note_refused_login(Attempt *attempt)
{
    const Engine *engine = attempt->engine;
    const Fetcher *fetcher = attempt->transfer->fetcher;

    if (engine->config.credentials == NULL || fetcher == NULL || fetcher->row.login == NULL)
        return;
    credentials_refuse(engine->config.credentials, fetcher->row.name);
    attempt->outcome.login_is_refused = TRUE;
}

static void conclude_status(Attempt *attempt)
{
    Transfer *transfer = attempt->transfer;
    AnswerKind answer = answer_kind(attempt, attempt->error_body);

    if (!transfer->accepted)
        answer_record(attempt);
    if (attempt->status == 407) {
        conclude_proxy(attempt, 407);
    } else if (!answer_fail_by_kind(attempt, answer, attempt->error_body)) {
        OutcomeKind kind = kind_of_status(attempt);
        g_autofree char *detail = g_strdup_printf(_("HTTP status %d"), attempt->status);
        answer_fail_with_title(attempt, kind, attempt->error_body, detail);
    }
    if (attempt->outcome.kind == OUTCOME_REFUSED && attempt->status == 401 && sent_a_token(attempt))
        note_refused_login(attempt);
    if (attempt->outcome.kind == OUTCOME_BUSY || attempt->outcome.kind == OUTCOME_NOT_READY)
        attempt->outcome.retry_after_ms = retry_after(attempt);
    if (attempt->outcome.kind == OUTCOME_RANGE_UNSATISFIED) {
        ContentRange range;
        transfer->no_ranges = TRUE;
        transfer->history.held_equal_total =
            content_range_parse(attempt_header(attempt, "Content-Range"), &range) &&
            range.total == transfer->held && transfer->held > 0 && !transfer->accepted;
    }
}

static void conclude_certificate(Attempt *attempt)
{
    const char *reason = attempt->certificate_problem != NULL ? attempt->certificate_problem
                         : *attempt->curl_message != '\0'     ? attempt->curl_message
                                                              : curl_easy_strerror(attempt->code);

    if (attempt->certificate_issuer != NULL)
        attempt_fail(attempt, OUTCOME_CERTIFICATE,
                     _("its certificate, issued by “%s”, is not valid here: %s"),
                     attempt->certificate_issuer, reason);
    else
        attempt_fail(attempt, OUTCOME_CERTIFICATE, _("its certificate is not valid here: %s"),
                     reason);
}

static gboolean was_connected(const Attempt *attempt)
{
    curl_off_t at = 0;

    if (attempt->easy != NULL)
        curl_easy_getinfo(attempt->easy, CURLINFO_PRETRANSFER_TIME_T, &at);
    return at > 0;
}

/* Nobody listens. It was the proxy where curl did not try the address itself; whether it did, only
 * its message tells. */
static void conclude_no_connection(Attempt *attempt, const char *words)
{
    g_autofree char *proxy = curl_options_proxy(attempt->engine, attempt->address);
    g_autoptr(WebAddress) address = web_address_parse(attempt->address, NULL);
    g_autofree char *itself = address == NULL
                                  ? NULL
                                  : g_strdup_printf("to %s port %s ", address->host,
                                                    address->port != NULL ? address->port
                                                    : strcmp(address->scheme, "http") == 0 ? "80"
                                                                                           : "443");

    if (attempt->code == CURLE_COULDNT_CONNECT && proxy != NULL && itself != NULL &&
        strstr(words, itself) == NULL)
        attempt_fail(attempt, OUTCOME_NO_CONNECTION, _("the proxy %s does not answer: %s"), proxy,
                     words);
    else
        attempt_fail(attempt, OUTCOME_NO_CONNECTION, "%s", words);
}

static void conclude_code(Attempt *attempt)
{
    long connect_status = 0;
    const char *words =
        *attempt->curl_message != '\0' ? attempt->curl_message : curl_easy_strerror(attempt->code);

    if (attempt->easy != NULL)
        curl_easy_getinfo(attempt->easy, CURLINFO_HTTP_CONNECTCODE, &connect_status);
    if (connect_status != 0 && connect_status / 100 != 2 && !attempt->headers_done) {
        conclude_proxy(attempt, (int)connect_status);
        return;
    }
    switch (attempt->code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        conclude_proxy(attempt, 0);
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        conclude_certificate(attempt);
        break;
    case CURLE_URL_MALFORMAT:
    case CURLE_OUT_OF_MEMORY:
        attempt_fail(attempt,
                     attempt->code == CURLE_URL_MALFORMAT ? OUTCOME_OTHER_STATUS : OUTCOME_CUT,
                     "%s", words);
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
        conclude_no_connection(attempt, words);
        break;
    default:
        attempt_fail(attempt, was_connected(attempt) ? OUTCOME_CUT : OUTCOME_NO_CONNECTION, "%s",
                     words);
        break;
    }
    attempt->outcome.curl_code = attempt->code;
}

static gboolean length_is_right(const Attempt *attempt)
{
    if (attempt->transfer->head_only || attempt->status == 304)
        return TRUE;
    if (attempt->to != SIZE_UNKNOWN)
        return attempt->at == attempt->to;
    guint64 length = attempt->easy != NULL ? answer_content_length(attempt) : SIZE_UNKNOWN;
    return length == SIZE_UNKNOWN || length == attempt->body_bytes;
}

void answer_conclude(Attempt *attempt)
{
    const Transfer *transfer = attempt->transfer;

    attempt->outcome.received = attempt->received;
    if (attempt->outcome.kind != OUTCOME_OK || attempt->stops_itself)
        return;
    if (attempt->body == BODY_ERROR && attempt->headers_done)
        conclude_status(attempt);
    else if (attempt->code != CURLE_OK)
        conclude_code(attempt);
    else if (!attempt->headers_done)
        attempt_fail(attempt, OUTCOME_CUT, _("the answer ended within its header"));
    else if (!length_is_right(attempt))
        attempt_fail(attempt, OUTCOME_CUT, _("the answer ended before its length"));
    else if (!transfer->is_document && attempt->fresh && attempt->at == 0 &&
             transfer->total == SIZE_UNKNOWN && transfer->file->size != 0)
        attempt_fail(attempt, OUTCOME_NOT_DATA, _("the answer is empty"));
    attempt->outcome.received = attempt->received;
}

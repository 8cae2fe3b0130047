#include "content_range.h"
#include "engine_state.h"
#include "event_log.h"
#include "i18n.h"
#include "redact.h"
#include "web_address.h"

#include <string.h>

const char *headers_find(const GPtrArray *headers, const char *name)
{
    gsize length = strlen(name);

    for (guint i = 0; headers != NULL && i < headers->len; i++) {
        const char *line = g_ptr_array_index(headers, i);
        if (line == NULL || g_ascii_strncasecmp(line, name, length) != 0 || line[length] != ':')
            continue;
        line += length + 1;
        while (*line == ' ' || *line == '\t')
            line++;
        return line;
    }
    return NULL;
}

Validators *answer_validators(const Attempt *attempt, guint64 total)
{
    return validators_new(attempt_header(attempt, "ETag"), attempt_header(attempt, "Last-Modified"),
                          total);
}

gboolean answer_is_redirect(const Attempt *attempt)
{
    int status = attempt->status;

    return (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
           attempt_header(attempt, "Location") != NULL;
}

static guint64 content_length(const Attempt *attempt)
{
    curl_off_t length = -1;

    curl_easy_getinfo(attempt->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return length < 0 ? SIZE_UNKNOWN : (guint64)length;
}

/* What the transfer tells of its last answer. */
static void record(const Attempt *attempt)
{
    Transfer *transfer = attempt->transfer;

    transfer->status = attempt->status;
    g_free(transfer->final_address);
    transfer->final_address = g_strdup(attempt->address);
    g_free(transfer->content_type);
    transfer->content_type = g_strdup(attempt_header(attempt, "Content-Type"));
    g_ptr_array_set_size(transfer->answer_headers, 0);
    for (guint i = 0; i < attempt->headers->len; i++)
        g_ptr_array_add(transfer->answer_headers, g_strdup(g_ptr_array_index(attempt->headers, i)));
    g_ptr_array_add(transfer->answer_headers, NULL);
    g_clear_pointer(&transfer->validators, validators_free);
    transfer->validators = answer_validators(attempt, transfer->total);
    if (attempt->certificate_issuer != NULL) {
        g_free(transfer->certificate_issuer);
        transfer->certificate_issuer = g_strdup(attempt->certificate_issuer);
    }
}

/* Both speak, and differ. A 206 to If-Range may leave out what the client has (RFC 9110, 15.3.7).
 */
static gboolean texts_differ(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) != 0;
}

static gboolean is_same_file(const Attempt *attempt, guint64 total)
{
    const Transfer *transfer = attempt->transfer;
    const Validators *expected = transfer->expected;

    if (transfer->total != SIZE_UNKNOWN && transfer->total != total)
        return FALSE;
    if (expected == NULL)
        return TRUE;
    if (expected->total != SIZE_UNKNOWN && expected->total != total)
        return FALSE;
    /* From another address the digest decides; its tags are another server's. */
    if (g_strcmp0(transfer->bytes_from, transfer->address) != 0)
        return TRUE;
    return !texts_differ(expected->etag, attempt_header(attempt, "ETag")) &&
           !texts_differ(expected->last_modified, attempt_header(attempt, "Last-Modified"));
}

static gboolean too_large(Attempt *attempt, guint64 total)
{
    guint64 most = attempt->transfer->max_bytes;

    if (most == SIZE_UNKNOWN || total == SIZE_UNKNOWN || total <= most)
        return FALSE;
    attempt_fail(attempt, OUTCOME_NOT_DATA,
                 _("it has %" G_GUINT64_FORMAT " bytes, more than %" G_GUINT64_FORMAT), total,
                 most);
    return TRUE;
}

/* An answer that sends the file from its first byte. */
static gboolean begin_fresh(Attempt *attempt, guint64 total)
{
    Transfer *transfer = attempt->transfer;

    if (too_large(attempt, total))
        return FALSE;
    attempt->fresh = TRUE;
    attempt->from = attempt->at = 0;
    transfer->total = total;
    record(attempt);
    attempt->body = BODY_PEEK;
    return TRUE;
}

static gboolean check_whole(Attempt *attempt)
{
    Transfer *transfer = attempt->transfer;
    guint64 total = content_length(attempt);

    if (transfer->accepted) {
        transfer->no_ranges = TRUE;
        attempt_fail(attempt, OUTCOME_CHANGED,
                     _("it sent the whole file where a part of it was asked for"));
        return FALSE;
    }
    if (attempt->ranged && transfer->resuming) {
        g_autoptr(Validators) now = answer_validators(attempt, total);
        if (validators_same(now, transfer->expected))
            transfer->no_ranges = TRUE;
        event_log(EVENT_LOG_INFO,
                  transfer->no_ranges
                      ? _("%s: its host cannot continue what is here; it comes anew, whole.")
                      : _("%s: it has changed at its source; it comes anew, whole."),
                  transfer->name);
    } else if (attempt->ranged) {
        transfer->no_ranges = TRUE;
    }
    transfer->resuming = FALSE;
    transfer->total = SIZE_UNKNOWN;
    attempt->to = SIZE_UNKNOWN;
    if (!begin_fresh(attempt, total))
        return FALSE;
    attempt->to = total;
    return TRUE;
}

static gboolean check_part(Attempt *attempt)
{
    Transfer *transfer = attempt->transfer;
    ContentRange range;

    if (!attempt->ranged ||
        !content_range_parse(attempt_header(attempt, "Content-Range"), &range) ||
        range.from != attempt->from || range.to <= range.from ||
        (attempt->to != SIZE_UNKNOWN && range.to > attempt->to)) {
        transfer->no_ranges = TRUE;
        attempt_fail(attempt, OUTCOME_CHANGED, _("it sent another part than was asked for (%s)"),
                     attempt_header(attempt, "Content-Range") != NULL
                         ? attempt_header(attempt, "Content-Range")
                         : _("without saying which"));
        return FALSE;
    }
    if (range.total == SIZE_UNKNOWN && transfer->expected != NULL)
        range.total = transfer->expected->total;
    if (range.total == SIZE_UNKNOWN) {
        transfer->no_ranges = TRUE;
        attempt_fail(attempt, OUTCOME_CHANGED, _("it does not say how long the whole file is"));
        return FALSE;
    }
    if (!is_same_file(attempt, range.total)) {
        attempt_fail(attempt, OUTCOME_CHANGED, _("the file has changed there since its beginning"));
        return FALSE;
    }
    attempt->to = range.to;
    if (transfer->accepted) {
        attempt->body = BODY_STORE;
        return TRUE;
    }
    if (transfer->resuming) {
        transfer->total = range.total;
        record(attempt);
        round_accept(attempt, range.total, transfer->expected);
        attempt->body = BODY_STORE;
        return TRUE;
    }
    g_autoptr(Validators) validators = answer_validators(attempt, range.total);
    if (range.to < range.total && !validators_allow_resume(validators)) {
        transfer->no_ranges = TRUE;
        attempt_fail(attempt, OUTCOME_CHANGED,
                     _("it offers parts without a validator that would join them"));
        return FALSE;
    }
    return begin_fresh(attempt, range.total);
}

static gboolean check_document(Attempt *attempt)
{
    Transfer *transfer = attempt->transfer;
    ContentRange range = {0};
    gboolean good = attempt->status == 200 || attempt->status == 304 || transfer->any_status ||
                    (attempt->status == 206 && transfer->range != NULL) ||
                    (transfer->head_only && attempt->status / 100 == 2);

    if (!good) {
        attempt->body = BODY_ERROR;
        return TRUE;
    }
    guint64 total = content_length(attempt);
    if (attempt->status == 206) {
        if (!content_range_parse(attempt_header(attempt, "Content-Range"), &range)) {
            attempt_fail(attempt, OUTCOME_NOT_DATA, _("it does not say which part it sent"));
            return FALSE;
        }
        transfer->range_start = range.from;
        total = range.total;
    }
    if (!transfer->head_only && attempt->status != 304 &&
        too_large(attempt, content_length(attempt)))
        return FALSE;
    attempt->to = SIZE_UNKNOWN;
    transfer->total = total;
    record(attempt);
    attempt->fresh = TRUE;
    attempt->from = attempt->at = 0;
    attempt->body = transfer->head_only || attempt->status == 304 ? BODY_NONE : BODY_PEEK;
    return TRUE;
}

gboolean answer_check_headers(Attempt *attempt)
{
    if (answer_is_redirect(attempt)) {
        attempt->body = BODY_NONE;
        return TRUE;
    }
    if (attempt->transfer->is_document)
        return check_document(attempt);
    if (attempt->status == 200)
        return check_whole(attempt);
    if (attempt->status == 206)
        return check_part(attempt);
    attempt->body = BODY_ERROR;
    return TRUE;
}

static gboolean name_is_html(const char *path)
{
    g_autofree char *lower = g_ascii_strdown(path, -1);

    return g_str_has_suffix(lower, ".html") || g_str_has_suffix(lower, ".htm") ||
           g_str_has_suffix(lower, ".xhtml");
}

static AnswerKind ask_fetcher(const Attempt *attempt, const GByteArray *body)
{
    const Transfer *transfer = attempt->transfer;
    g_autoptr(GPtrArray) headers = g_ptr_array_new();

    for (guint i = 0; i < attempt->headers->len; i++)
        g_ptr_array_add(headers, g_ptr_array_index(attempt->headers, i));
    g_ptr_array_add(headers, NULL);
    const AnswerHead head = {
        .status = attempt->status,
        .address = transfer->address,
        .final_address = attempt->address,
        .content_type = attempt_header(attempt, "Content-Type"),
        .headers = (const char *const *)headers->pdata,
        .body = body->data,
        .body_length = body->len,
        .expects_html = transfer->is_document || name_is_html(transfer->file->path),
    };
    return transfer->fetcher != NULL && transfer->fetcher->classify != NULL
               ? transfer->fetcher->classify(transfer->fetcher, &head)
               : fetcher_classify_common(&head);
}

static gboolean host_is_foreign(const Attempt *attempt)
{
    const Transfer *transfer = attempt->transfer;
    g_autoptr(GUri) asked = g_uri_parse(transfer->address, G_URI_FLAGS_ENCODED, NULL);
    g_autoptr(GUri) final = g_uri_parse(attempt->address, G_URI_FLAGS_ENCODED, NULL);

    if (asked == NULL || final == NULL || attempt->redirects == 0 ||
        g_ascii_strcasecmp(g_uri_get_host(asked), g_uri_get_host(final)) == 0)
        return FALSE;
    if (transfer->fetcher != NULL && transfer->fetcher->row.hosts != NULL)
        for (gsize i = 0; transfer->fetcher->row.hosts[i] != NULL; i++)
            if (g_ascii_strcasecmp(transfer->fetcher->row.hosts[i], g_uri_get_host(final)) == 0)
                return FALSE;
    return TRUE;
}

static void fail_with_title(Attempt *attempt, OutcomeKind kind, const GByteArray *body,
                            const char *detail)
{
    attempt_fail(attempt, kind, "%s", detail);
    if (attempt->outcome.title == NULL)
        attempt->outcome.title = answer_title(body->data, body->len);
}

/* TRUE where the classification alone decided. */
static gboolean fail_by_kind(Attempt *attempt, AnswerKind kind, const GByteArray *body)
{
    switch (kind) {
    case ANSWER_DATA:
    case ANSWER_BY_STATUS:
        return FALSE;
    case ANSWER_LOGIN_PAGE:
        fail_with_title(attempt,
                        host_is_foreign(attempt) ? OUTCOME_FOREIGN_REFUSAL : OUTCOME_REFUSED, body,
                        _("a login page came instead of the file"));
        break;
    case ANSWER_TERMS:
        fail_with_title(attempt, OUTCOME_REFUSED, body,
                        _("a page of terms came instead of the file"));
        break;
    case ANSWER_QUOTA:
        fail_with_title(attempt, OUTCOME_BUSY, body, _("a quota there is used up"));
        break;
    case ANSWER_NOT_READY:
        fail_with_title(attempt, OUTCOME_NOT_READY, body, _("it is not ready yet"));
        break;
    case ANSWER_EXPIRED:
        fail_with_title(attempt, OUTCOME_EXPIRED, body, _("its address has expired"));
        break;
    case ANSWER_NOTHING_THERE:
        fail_with_title(attempt, OUTCOME_NOT_DATA, body, _("there is nothing behind its address"));
        break;
    case ANSWER_ABSENT:
        fail_with_title(attempt, OUTCOME_ABSENT, body, _("it is not there"));
        break;
    case ANSWER_TRANSIENT:
        fail_with_title(attempt, OUTCOME_BUSY, body, _("it has a trouble that passes"));
        break;
    case ANSWER_NOT_THE_SOURCES_OWN:
        fail_with_title(attempt, OUTCOME_FOREIGN_REFUSAL, body,
                        _("a page of a proxy or a filter came instead"));
        break;
    case ANSWER_UNEXPECTED_HTML:
        fail_with_title(attempt,
                        host_is_foreign(attempt) ? OUTCOME_FOREIGN_REFUSAL : OUTCOME_NOT_DATA, body,
                        _("a web page came where data was expected"));
        break;
    }
    return TRUE;
}

gboolean answer_classify(Attempt *attempt)
{
    if (attempt->transfer->any_status)
        return TRUE;
    return !fail_by_kind(attempt, ask_fetcher(attempt, attempt->pending), attempt->pending);
}

static gint64 retry_after(const Attempt *attempt)
{
    curl_off_t seconds = 0;

    if (attempt_header(attempt, "Retry-After") == NULL || attempt->easy == NULL)
        return -1;
    curl_easy_getinfo(attempt->easy, CURLINFO_RETRY_AFTER, &seconds);
    return seconds > 0 ? (gint64)MIN(seconds, G_MAXINT32) * 1000 : -1;
}

static gboolean sent_a_token(const Attempt *attempt)
{
    const GPtrArray *headers = attempt->transfer->request_headers;

    return !attempt->transfer->without_token && headers != NULL &&
           headers_find(headers, "Authorization") != NULL;
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
                       !host_is_foreign(attempt)
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
    AnswerKind answer = ask_fetcher(attempt, attempt->error_body);

    if (!transfer->accepted)
        record(attempt);
    if (attempt->status == 407) {
        conclude_proxy(attempt, 407);
    } else if (!fail_by_kind(attempt, answer, attempt->error_body)) {
        OutcomeKind kind = kind_of_status(attempt);
        g_autofree char *detail = g_strdup_printf(_("HTTP status %d"), attempt->status);
        fail_with_title(attempt, kind, attempt->error_body, detail);
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
    guint64 length = attempt->easy != NULL ? content_length(attempt) : SIZE_UNKNOWN;
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

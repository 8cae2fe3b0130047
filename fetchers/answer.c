#include "content_range.h"
#include "engine_state.h"
#include "event_log.h"
#include "i18n.h"
#include "sent_digests.h"

#include <string.h>

/* Google Cloud Storage numbers the states of an object. */
#define GENERATION "x-goog-generation"

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

/* All that its storage says of the whole file's digests, where its source knows that it does. */
static void read_sent(const Attempt *attempt, DigestSet *sent)
{
    static const char name[] = "x-goog-hash:";
    const Fetcher *fetcher = attempt->transfer->fetcher;

    *sent = (DigestSet){0};
    if (fetcher == NULL || fetcher->row.sent_digests == 0)
        return;
    for (guint i = 0; i < attempt->headers->len; i++) {
        const char *line = g_ptr_array_index(attempt->headers, i);
        if (g_ascii_strncasecmp(line, name, strlen(name)) == 0)
            sent_digests_add_google(sent, line + strlen(name));
    }
    sent->present &= fetcher->row.sent_digests;
}

Validators *answer_validators(const Attempt *attempt, guint64 total)
{
    Validators *validators = validators_new(attempt_header(attempt, "ETag"),
                                            attempt_header(attempt, "Last-Modified"), total);
    DigestSet sent;

    read_sent(attempt, &sent);
    validators_set_sent(validators, &sent);
    return validators;
}

gboolean answer_is_redirect(const Attempt *attempt)
{
    int status = attempt->status;

    return (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
           attempt_header(attempt, "Location") != NULL;
}

gboolean answer_is_kept_redirect(const Attempt *attempt)
{
    return attempt->transfer->keep_redirect && answer_is_redirect(attempt);
}

guint64 answer_content_length(const Attempt *attempt)
{
    curl_off_t length = -1;

    curl_easy_getinfo(attempt->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return length < 0 ? SIZE_UNKNOWN : (guint64)length;
}

/* What the transfer tells of its last answer. */
void answer_record(const Attempt *attempt)
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
    if (attempt->status / 100 == 2) {
        g_free(transfer->generation);
        transfer->generation = g_strdup(attempt_header(attempt, GENERATION));
    }
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
    DigestSet sent;
    read_sent(attempt, &sent);
    return !sent_digests_differ(expected->sent, &sent) &&
           !texts_differ(expected->etag, attempt_header(attempt, "ETag")) &&
           !texts_differ(expected->last_modified, attempt_header(attempt, "Last-Modified")) &&
           !texts_differ(transfer->generation, attempt_header(attempt, GENERATION));
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
    answer_record(attempt);
    attempt->body = BODY_PEEK;
    return TRUE;
}

static gboolean check_whole(Attempt *attempt)
{
    Transfer *transfer = attempt->transfer;
    guint64 total = answer_content_length(attempt);

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
        answer_record(attempt);
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

gboolean answer_is_wanted_refusal(const Attempt *attempt)
{
    int status = attempt->status;

    return attempt->transfer->any_status ||
           (attempt->transfer->any_refusal && status / 100 == 4 && status != 407 && status != 408 &&
            status != 425 && status != 429);
}

/* A host without ranges sends as much each time: it is not asked again. */
static gboolean sends_all_for_part(Attempt *attempt)
{
    const Transfer *transfer = attempt->transfer;
    guint64 length = answer_content_length(attempt);

    if (attempt->status != 200 || transfer->range == NULL || length == SIZE_UNKNOWN ||
        length <= transfer->max_bytes)
        return FALSE;
    answer_record(attempt);
    attempt_fail(attempt, OUTCOME_OTHER_STATUS,
                 _("it sends the whole file where a part of it was asked for"));
    return TRUE;
}

static gboolean check_document(Attempt *attempt)
{
    Transfer *transfer = attempt->transfer;
    ContentRange range = {0};
    gboolean good =
        attempt->status == 200 || attempt->status == 304 || answer_is_wanted_refusal(attempt) ||
        (attempt->status == 206 && transfer->range != NULL) ||
        (transfer->head_only && attempt->status / 100 == 2) || answer_is_kept_redirect(attempt);

    if (!good) {
        attempt->body = BODY_ERROR;
        return TRUE;
    }
    guint64 total = answer_content_length(attempt);
    if (attempt->status == 206) {
        if (!content_range_parse(attempt_header(attempt, "Content-Range"), &range)) {
            attempt_fail(attempt, OUTCOME_NOT_DATA, _("it does not say which part it sent"));
            return FALSE;
        }
        transfer->range_start = range.from;
        total = range.total;
    }
    gboolean no_body =
        transfer->head_only || attempt->status == 304 || answer_is_kept_redirect(attempt);
    if (!no_body && sends_all_for_part(attempt))
        return FALSE;
    if (!no_body && too_large(attempt, answer_content_length(attempt)))
        return FALSE;
    attempt->to = SIZE_UNKNOWN;
    transfer->total = total;
    answer_record(attempt);
    attempt->fresh = TRUE;
    attempt->from = attempt->at = 0;
    attempt->body = no_body ? BODY_NONE : BODY_PEEK;
    return TRUE;
}

gboolean answer_check_headers(Attempt *attempt)
{
    if (answer_is_redirect(attempt) && !answer_is_kept_redirect(attempt)) {
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

#include "engine_state.h"
#include "i18n.h"
#include "redact.h"

#include <string.h>

#define MOST_HEADER_LINES 256

Attempt *attempt_new(Transfer *transfer, guint64 from, guint64 to, gboolean ranged)
{
    Attempt *attempt = g_new0(Attempt, 1);

    attempt->transfer = transfer;
    attempt->engine = transfer->engine;
    attempt->from = attempt->at = from;
    attempt->to = to;
    attempt->ranged = ranged;
    attempt->held_fd = -1;
    attempt->outcome.retry_after_ms = -1;
    attempt->headers = g_ptr_array_new_with_free_func(g_free);
    attempt->pending = g_byte_array_new();
    attempt->error_body = g_byte_array_new();
    return attempt;
}

static void drop_easy(Attempt *attempt)
{
    if (attempt->easy != NULL) {
        curl_multi_remove_handle(attempt->engine->multi, attempt->easy);
        curl_easy_cleanup(attempt->easy);
        attempt->easy = NULL;
    }
    for (struct curl_slist *line = attempt->header_list; line != NULL; line = line->next)
        explicit_bzero(line->data, strlen(line->data)); /* one may hold a password */
    g_clear_pointer(&attempt->header_list, curl_slist_free_all);
}

static void drop_pending(Attempt *attempt)
{
    if (attempt->body == BODY_OFFERING)
        attempt->engine->pending_bytes -= attempt->pending->len;
    g_byte_array_set_size(attempt->pending, 0);
}

void attempt_free(Attempt *attempt)
{
    drop_easy(attempt);
    engine_loop_release(attempt->engine, attempt);
    drop_pending(attempt);
    g_ptr_array_unref(attempt->headers);
    g_byte_array_unref(attempt->pending);
    g_byte_array_unref(attempt->error_body);
    outcome_clear(&attempt->outcome);
    g_free(attempt->certificate_issuer);
    g_free(attempt->certificate_problem);
    g_free(attempt->address);
    g_free(attempt);
}

void attempt_fail(Attempt *attempt, OutcomeKind kind, const char *detail, ...)
{
    va_list args;

    if (attempt->outcome.kind != OUTCOME_OK)
        return;
    outcome_clear(&attempt->outcome);
    attempt->outcome.kind = kind;
    attempt->outcome.retry_after_ms = -1;
    attempt->outcome.status = attempt->status;
    attempt->outcome.address = redact_address(attempt->address);
    if (detail != NULL) {
        va_start(args, detail);
        attempt->outcome.detail = g_strdup_vprintf(detail, args);
        va_end(args);
    }
}

void attempt_start(Attempt *attempt, const char *address)
{
    char *copy = g_strdup(address);

    g_free(attempt->address);
    attempt->address = copy;
    attempt->status = 0;
    attempt->headers_done = FALSE;
    attempt->body = BODY_NONE;
    attempt->body_bytes = 0;
    attempt->finished = FALSE;
    attempt->started_at = attempt->last_byte_at = engine_now();
    attempt->gate_closed_before = attempt->engine->gate_closed_for;
    g_ptr_array_set_size(attempt->headers, 0);
    attempt->easy = curl_easy_init();
    if (attempt->easy == NULL || !curl_options_set(attempt)) {
        attempt_fail(attempt, OUTCOME_STORAGE, "%s", g_strerror(ENOMEM));
        attempt->outcome.error_number = ENOMEM;
    }
    engine_loop_add(attempt->engine, attempt);
}

const char *attempt_header(const Attempt *attempt, const char *name)
{
    return headers_find(attempt->headers, name);
}

static void note_life(Attempt *attempt)
{
    attempt->last_byte_at = engine_now();
    attempt->gate_closed_before = attempt->engine->gate_closed_for;
}

static void note_bytes(Attempt *attempt, gsize length)
{
    note_life(attempt);
    rate_bucket_take(&attempt->engine->bucket, length);
    attempt->engine->received += length;
    attempt->transfer->received += length;
    attempt->body_bytes += length;
}

/* The end of one header block: of an interim answer, of the last one, or of a redirect. */
static gboolean headers_ended(Attempt *attempt)
{
    long status = 0;
    long version = 0;

    curl_easy_getinfo(attempt->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(attempt->easy, CURLINFO_HTTP_VERSION, &version);
    if (status / 100 == 1)
        return TRUE;
    attempt->status = (int)status;
    attempt->headers_done = TRUE;
    if (version == CURL_HTTP_VERSION_2_0 && !attempt->host->http2) {
        attempt->host->http2 = TRUE;
        if (attempt->host->patience == 0)
            host_limits_raise(&attempt->host->limits, attempt->engine->config.small_files_per_host);
    }
    admission_note_answer(attempt->engine, attempt->host);
    return answer_check_headers(attempt);
}

size_t attempt_on_header(char *bytes, size_t size, size_t count, void *data)
{
    Attempt *attempt = data;
    gsize length = size * count;
    gsize end = length;

    note_life(attempt);
    if (length >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        g_ptr_array_set_size(attempt->headers, 0);
        attempt->headers_done = FALSE;
        return length;
    }
    if (attempt->headers_done) /* a trailer says nothing that counts */
        return length;
    while (end > 0 && (bytes[end - 1] == '\r' || bytes[end - 1] == '\n'))
        end--;
    if (end == 0)
        return headers_ended(attempt) ? length : 0;
    if (attempt->headers->len < MOST_HEADER_LINES)
        g_ptr_array_add(attempt->headers, g_strndup(bytes, end));
    return length;
}

/* FALSE where the request is to end here. */
static gboolean store(Attempt *attempt, const guint8 *bytes, gsize length)
{
    Transfer *transfer = attempt->transfer;

    if (transfer->max_bytes != SIZE_UNKNOWN && attempt->at + length > transfer->max_bytes) {
        attempt_fail(attempt, OUTCOME_NOT_DATA, _("it is larger than %" G_GUINT64_FORMAT " bytes"),
                     transfer->max_bytes);
        return FALSE;
    }
    while (length > 0) {
        gsize part = (gsize)MIN((guint64)length, attempt->to - attempt->at);
        if (part == 0) {
            if (attempt->extends && round_extend(attempt))
                continue;
            attempt->stops_itself = TRUE;
            return FALSE;
        }
        g_auto(Outcome) outcome = {0};
        transfer->sink->class->write(transfer->sink, attempt->at, bytes, part, &outcome);
        if (outcome.kind != OUTCOME_OK) {
            outcome_copy(&attempt->outcome, &outcome);
            return FALSE;
        }
        attempt->at += part;
        attempt->received += part;
        transfer->held += part;
        transfer->round_received += part;
        bytes += part;
        length -= part;
    }
    return TRUE;
}

static gboolean flush_pending(Attempt *attempt)
{
    g_autoptr(GByteArray) pending = attempt->pending;

    if (attempt->body == BODY_OFFERING)
        attempt->engine->pending_bytes -= pending->len;
    attempt->pending = g_byte_array_new();
    attempt->body = BODY_STORE;
    return store(attempt, pending->data, pending->len);
}

/* Enough of the body is there to say what it is. */
static gboolean judge(Attempt *attempt)
{
    attempt->judged = TRUE;
    if (attempt->fresh && !answer_classify(attempt))
        return FALSE;
    if (!attempt->fresh)
        return flush_pending(attempt);
    attempt->body = BODY_OFFERING;
    attempt->engine->pending_bytes += attempt->pending->len;
    g_autoptr(Validators) validators = answer_validators(attempt, attempt->transfer->total);
    round_offer(attempt, validators, attempt->transfer->held > 0 || attempt->transfer->drop_held);
    return TRUE;
}

static gboolean gather_pending(Attempt *attempt, const guint8 *bytes, gsize length)
{
    Engine *engine = attempt->engine;

    g_byte_array_append(attempt->pending, bytes, (guint)length);
    if (attempt->body == BODY_PEEK)
        return attempt->pending->len < PEEK_BYTES || judge(attempt);
    engine->pending_bytes += length;
    if (attempt->pending->len >= PENDING_BYTES || engine->pending_bytes >= PENDING_BYTES_ALL)
        engine_loop_hold(engine, attempt);
    return TRUE;
}

static gboolean gather_error(Attempt *attempt, const guint8 *bytes, gsize length)
{
    gsize room = ERROR_BODY_BYTES - attempt->error_body->len;

    g_byte_array_append(attempt->error_body, bytes, (guint)MIN(room, length));
    return length <= room;
}

size_t attempt_on_body(char *bytes, size_t size, size_t count, void *data)
{
    Attempt *attempt = data;
    gsize length = size * count;
    gboolean goes_on = TRUE;

    note_bytes(attempt, length);
    switch (attempt->body) {
    case BODY_NONE:
        break;
    case BODY_PEEK:
    case BODY_OFFERING:
        goes_on = gather_pending(attempt, (const guint8 *)bytes, length);
        break;
    case BODY_STORE:
        goes_on = store(attempt, (const guint8 *)bytes, length);
        break;
    case BODY_ERROR:
        goes_on = gather_error(attempt, (const guint8 *)bytes, length);
        break;
    }
    return goes_on ? length : 0;
}

static void end_attempt(Attempt *attempt)
{
    answer_conclude(attempt);
    drop_easy(attempt);
    round_attempt_ended(attempt);
}

void attempt_offered(Attempt *attempt, const Outcome *outcome)
{
    gboolean goes_on = FALSE;

    attempt->awaits_offer = FALSE;
    engine_loop_release(attempt->engine, attempt);
    note_life(attempt);
    if (attempt->outcome.kind == OUTCOME_OK && outcome->kind != OUTCOME_OK)
        outcome_copy(&attempt->outcome, outcome);
    if (attempt->outcome.kind == OUTCOME_OK) {
        g_autoptr(Validators) validators = answer_validators(attempt, attempt->transfer->total);
        attempt->transfer->held = 0;
        attempt->transfer->drop_held = FALSE;
        round_accept(attempt, attempt->transfer->total, validators);
        goes_on = flush_pending(attempt);
    }
    if (attempt->finished || !goes_on)
        end_attempt(attempt);
}

static gboolean is_down_from_https(const char *from, const char *to)
{
    return g_ascii_strncasecmp(from, "https:", 6) == 0 && g_ascii_strncasecmp(to, "https:", 6) != 0;
}

/* Who redirects says where to go, not as whom. */
static gboolean names_user(const char *address)
{
    const char *authority = strstr(address, "://");

    return authority != NULL && memchr(authority + 3, '@', strcspn(authority + 3, "/?#")) != NULL;
}

/* Where the answer redirects to: http or https, not down from https, as nobody. NULL with the
 * outcome set. Owned. */
static char *redirect_target(Attempt *attempt)
{
    char *found = NULL;

    curl_easy_getinfo(attempt->easy, CURLINFO_REDIRECT_URL, &found);
    if (found == NULL) {
        attempt_fail(attempt, OUTCOME_REDIRECT_REFUSED, _("it redirects to no address"));
        return NULL;
    }
    g_autofree char *shown = redact_address(found);
    if (g_ascii_strncasecmp(found, "http:", 5) != 0 && g_ascii_strncasecmp(found, "https:", 6) != 0)
        attempt_fail(attempt, OUTCOME_REDIRECT_REFUSED,
                     _("it redirects to “%s”, which is neither http nor https"), shown);
    else if (is_down_from_https(attempt->address, found))
        attempt_fail(attempt, OUTCOME_REDIRECT_REFUSED, _("it redirects from https down to “%s”"),
                     shown);
    else if (names_user(found))
        attempt_fail(attempt, OUTCOME_REDIRECT_REFUSED,
                     _("it redirects to “%s” with a user or a password of its own in the address"),
                     shown);
    else if (attempt->redirects >= MOST_REDIRECTS)
        attempt_fail(attempt, OUTCOME_REDIRECT_REFUSED,
                     _("it redirects more than %d times, lastly to “%s”"), MOST_REDIRECTS, shown);
    return attempt->outcome.kind == OUTCOME_OK ? g_strdup(found) : NULL;
}

/* Only 307 and 308 are asked with the method of the question (RFC 9110, 15.4). */
static gboolean redirect_makes_get(int status)
{
    return status != 307 && status != 308;
}

/* TRUE where the request goes on at another address. */
static gboolean follow_redirect(Attempt *attempt)
{
    Engine *engine = attempt->engine;
    g_autofree char *target = redirect_target(attempt);

    if (target == NULL)
        return FALSE;
    attempt->redirects++;
    attempt->asks_by_get |= redirect_makes_get(attempt->status);
    drop_easy(attempt);
    Host *host = admission_host(engine, target);
    if (host != attempt->host) {
        admission_return_lane(engine, attempt->host, attempt->wide);
        attempt->host = host;
        admission_take_lane(engine, host, attempt->wide);
    }
    attempt_start(attempt, target);
    return TRUE;
}

static void keep_redirect(Attempt *attempt)
{
    g_free(attempt->transfer->location);
    attempt->transfer->location = redirect_target(attempt);
}

void attempt_finished(Attempt *attempt, CURLcode code)
{
    attempt->finished = TRUE;
    attempt->code = code;
    if (code == CURLE_OK && attempt->headers_done && answer_is_redirect(attempt)) {
        if (answer_is_kept_redirect(attempt))
            keep_redirect(attempt);
        else if (follow_redirect(attempt))
            return;
    }
    if (code == CURLE_OK && attempt->body == BODY_PEEK && attempt->outcome.kind == OUTCOME_OK)
        judge(attempt);
    if (attempt->awaits_offer) { /* its answer ends the attempt; the connection is free already */
        attempt_return_lane(attempt);
        return;
    }
    end_attempt(attempt);
}

void attempt_return_lane(Attempt *attempt)
{
    if (!attempt->lane_is_back)
        admission_return_lane(attempt->engine, attempt->host, attempt->wide);
    attempt->lane_is_back = TRUE;
}

gint64 attempt_patience(Attempt *attempt, gint64 now)
{
    const EngineConfig *config = &attempt->engine->config;
    const Transfer *transfer = attempt->transfer;

    if (attempt->awaits_offer || attempt->finished)
        return G_MAXINT32;
    guint64 first = transfer->first_byte_ms != 0 ? transfer->first_byte_ms : config->first_byte_ms;
    guint64 limit = attempt->headers_done ? config->stall_ms : config->connect_ms + first;
    gint64 waited = now - attempt->last_byte_at -
                    (attempt->engine->gate_closed_for - attempt->gate_closed_before);
    if (attempt->engine->gate_closed_at >= 0)
        waited -= now - MAX(attempt->engine->gate_closed_at, attempt->last_byte_at);
    if (waited < (gint64)limit)
        return (gint64)limit - waited;
    if (attempt->headers_done)
        attempt_fail(attempt, OUTCOME_CUT, _("no byte for %.3g s"), (double)limit / 1000.0);
    else
        attempt_fail(attempt, OUTCOME_CUT, _("no answer within %.3g s"), (double)limit / 1000.0);
    return 0;
}

void attempt_abort(Attempt *attempt, OutcomeKind kind)
{
    attempt_fail(attempt, kind, NULL);
    drop_easy(attempt);
    engine_loop_release(attempt->engine, attempt);
    attempt->finished = TRUE;
    attempt->code = CURLE_ABORTED_BY_CALLBACK;
}

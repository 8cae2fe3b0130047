#include "engine_state.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "redact.h"

#include <string.h>

typedef enum {
    HOME_OFFER_BEFORE, /* what is held? */
    HOME_OFFER_ANSWER, /* an answer's validators */
    HOME_BY_LOGIN,     /* what comes now is not everybody's */
    HOME_SETTLE,
} HomeKind;

/* One call of the sink on the transfer's home queue. */
typedef struct {
    HomeKind kind;
    Transfer *transfer;
    Attempt *attempt; /* of HOME_OFFER_ANSWER */
    char *address;
    Validators *validators;
    gboolean restart;
    guint64 total;
    SinkOffer offer;
    Outcome outcome;
} HomeCall;

static void home_returned(gpointer data);

static void run_at_home(gpointer data)
{
    HomeCall *call = data;
    Sink *sink = call->transfer->sink;

    if (call->kind == HOME_BY_LOGIN)
        call->transfer->on_login(call->transfer, &call->outcome, call->transfer->data);
    else if (call->kind == HOME_SETTLE)
        sink->class->settle(sink, call->total, &call->outcome);
    else
        sink->class->offer(sink, call->address, call->validators, call->restart, &call->offer,
                           &call->outcome);
    task_queue_push(call->transfer->engine->queue, home_returned, call);
}

static HomeCall *home_call_new(HomeKind kind, Transfer *transfer)
{
    HomeCall *call = g_new0(HomeCall, 1);

    call->kind = kind;
    call->transfer = transfer;
    call->address = g_strdup(transfer->address);
    call->total = SIZE_UNKNOWN;
    return call;
}

static void home_call_free(HomeCall *call)
{
    g_free(call->address);
    validators_free(call->validators);
    sink_offer_clear(&call->offer);
    outcome_clear(&call->outcome);
    g_free(call);
}

static void fail_round(Transfer *transfer, OutcomeKind kind, const char *detail)
{
    g_auto(Outcome) outcome = {.kind = kind, .retry_after_ms = -1};

    outcome.address = redact_address(transfer->address);
    outcome.detail = g_strdup(detail);
    round_end(transfer, &outcome);
}

static void end_round_well(Transfer *transfer)
{
    const Outcome good = {.retry_after_ms = -1};

    round_end(transfer, &good);
}

static void prepare_or_request(Transfer *transfer);

void round_begin(Transfer *transfer)
{
    transfer_clear_round(transfer);
    if (!transfer->prepared_stands || g_strcmp0(transfer->prepared_for, transfer->address) != 0)
        transfer_forget_prepared(transfer);
    transfer->state = TRANSFER_OFFERING;
    transfer->attempts_made++;
    g_ptr_array_add(transfer->engine->running, transfer);
    if (transfer->holds_nothing) {
        transfer->holds_nothing = FALSE;
        prepare_or_request(transfer);
        return;
    }
    task_queue_push(transfer->home, run_at_home, home_call_new(HOME_OFFER_BEFORE, transfer));
}

void round_offer(Attempt *attempt, const Validators *validators, gboolean restart)
{
    HomeCall *call = home_call_new(HOME_OFFER_ANSWER, attempt->transfer);

    call->attempt = attempt;
    call->validators = validators_copy(validators);
    call->restart = restart;
    attempt->awaits_offer = TRUE;
    task_queue_push(attempt->transfer->home, run_at_home, call);
}

static guint64 held_bytes(const GArray *held)
{
    guint64 sum = 0;

    for (guint i = 0; held != NULL && i < held->len; i++)
        sum += g_array_index(held, Extent, i).to - g_array_index(held, Extent, i).from;
    return sum;
}

/* What is not held of [0, TOTAL). */
static void list_gaps(const GArray *held, guint64 total, GArray *gaps)
{
    guint64 at = 0;

    g_array_set_size(gaps, 0);
    for (guint i = 0; held != NULL && i < held->len; i++) {
        const Extent *extent = &g_array_index(held, Extent, i);
        const Extent gap = {at, MIN(extent->from, total)};
        if (gap.from < gap.to)
            g_array_append_val(gaps, gap);
        at = MAX(at, extent->to);
    }
    const Extent rest = {at, total};
    if (rest.from < rest.to)
        g_array_append_val(gaps, rest);
}

static void put_back(Transfer *transfer, Extent extent)
{
    GArray *todo = transfer->todo;
    guint at = 0;

    if (extent.from >= extent.to)
        return;
    while (at < todo->len && g_array_index(todo, Extent, at).from < extent.from)
        at++;
    if (at < todo->len && g_array_index(todo, Extent, at).from == extent.to)
        g_array_index(todo, Extent, at).from = extent.from;
    else
        g_array_insert_val(todo, at, extent);
}

static gboolean is_large(const Transfer *transfer, guint64 total)
{
    return !transfer->is_document && total != SIZE_UNKNOWN &&
           total >= transfer->engine->config.segment_from_bytes;
}

/* The next piece, in order. */
static Extent take_piece(Transfer *transfer)
{
    Extent *first = &g_array_index(transfer->todo, Extent, 0);
    Extent piece = *first;

    if (is_large(transfer, transfer->total))
        piece.to = MIN(piece.to, piece.from + transfer->engine->config.piece_bytes);
    first->from = piece.to;
    if (first->from >= first->to)
        g_array_remove_index(transfer->todo, 0);
    return piece;
}

static void start_attempt(Transfer *transfer, Extent extent, gboolean ranged, gboolean wide)
{
    Attempt *attempt = attempt_new(transfer, extent.from, extent.to, ranged);

    attempt->asked_to = extent.to;
    attempt->wide = wide;
    attempt->host = transfer->host;
    g_ptr_array_add(transfer->attempts, attempt);
    attempt_start(attempt, transfer->request_address != NULL ? transfer->request_address
                                                             : transfer->address);
}

/* The reserved lane becomes one of another kind where the request asks for that. */
static void shape_lane(Transfer *transfer, gboolean wide)
{
    if (transfer->wide != wide) {
        admission_return_lane(transfer->engine, transfer->host, transfer->wide);
        admission_take_lane(transfer->engine, transfer->host, wide);
    }
    transfer->wide = wide;
    transfer->has_lane = FALSE; /* it is the attempt's now */
}

static gboolean may_cross_addresses(const Transfer *transfer)
{
    return transfer->digest_covers_all && transfer->file->addresses->len > 1;
}

static void resume(Transfer *transfer)
{
    transfer->resuming = TRUE;
    transfer->expected = validators_copy(transfer->offer.validators);
    transfer->total = transfer->expected->total;
    if (transfer->bytes_from == NULL && !may_cross_addresses(transfer))
        transfer->bytes_from = g_strdup(transfer->address);
    list_gaps(transfer->offer.held, transfer->total, transfer->todo);
    if (transfer->todo->len == 0) {
        end_round_well(transfer);
        return;
    }
    gboolean wide = is_large(transfer, transfer->total);
    const Extent piece = take_piece(transfer);
    shape_lane(transfer, wide);
    transfer->state = TRANSFER_RUNNING;
    start_attempt(transfer, piece, TRUE, wide);
}

static void begin_anew(Transfer *transfer)
{
    const EngineConfig *config = &transfer->engine->config;
    gboolean never = transfer->fetcher != NULL && transfer->fetcher->row.never_resumes;
    gboolean by_pieces = is_large(transfer, transfer->file->size) && !transfer->no_ranges && !never;
    const Extent all = {0, by_pieces ? config->piece_bytes : SIZE_UNKNOWN};

    transfer->total = SIZE_UNKNOWN;
    shape_lane(transfer, by_pieces);
    transfer->state = TRANSFER_RUNNING;
    start_attempt(transfer, all, by_pieces, by_pieces);
}

static void request(Transfer *transfer)
{
    const SinkOffer *offer = &transfer->offer;
    guint64 held = held_bytes(offer->held);
    gboolean usable = held > 0 && !transfer->drop_held && !transfer->no_ranges &&
                      !transfer->is_document && validators_allow_resume(offer->validators);

    transfer->held = held;
    transfer->history.resumable = TRUE;
    if (held > 0 && !usable)
        transfer->drop_held = TRUE;
    if (usable)
        resume(transfer);
    else
        begin_anew(transfer);
}

typedef struct {
    Transfer *transfer;
    Prepared *prepared;
    GError *error;
} PrepareCall;

static OutcomeKind kind_of_error(const GError *error)
{
    if (g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS))
        return OUTCOME_REFUSED;
    if (g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT))
        return OUTCOME_ABSENT;
    if (g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED))
        return OUTCOME_CANCELLED;
    if (g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED))
        return OUTCOME_NO_FETCHER;
    return OUTCOME_BUSY;
}

/* What a fetcher says of it is all that there is to say; and what it asked for failed after as many
 * attempts as there are for this. */
static void fail_prepared(Transfer *transfer, const GError *error)
{
    g_auto(Outcome) outcome = {.kind = kind_of_error(error), .retry_after_ms = -1};

    outcome.address = redact_address(transfer->address);
    outcome.detail = g_strdup(error->message);
    outcome.is_explained = outcome.kind == OUTCOME_REFUSED || outcome.kind == OUTCOME_BUSY;
    if (outcome.kind == OUTCOME_BUSY)
        transfer->history.without_progress = transfer_limits(transfer).retries;
    round_end(transfer, &outcome);
}

static void tell_of_login(Transfer *transfer)
{
    if (transfer->by_login && transfer->on_login != NULL)
        task_queue_push(transfer->home, run_at_home, home_call_new(HOME_BY_LOGIN, transfer));
    else
        request(transfer);
}

static void told_of_login(Transfer *transfer, const HomeCall *call)
{
    if (transfer->cancelled)
        fail_round(transfer, OUTCOME_CANCELLED, NULL);
    else if (call->outcome.kind != OUTCOME_OK)
        round_end(transfer, &call->outcome);
    else
        request(transfer);
}

/* The requests are the host's that they go to, and what becomes of them is. */
static void move_lane(Transfer *transfer)
{
    Engine *engine = transfer->engine;
    Host *host = admission_host(engine, transfer->request_address);

    if (host == transfer->host)
        return;
    admission_return_lane(engine, transfer->host, transfer->wide);
    transfer->host = host;
    admission_take_lane(engine, host, transfer->wide);
}

static void request_prepared(Transfer *transfer)
{
    if (transfer->prepared_address != NULL) {
        transfer->request_address = g_strdup(transfer->prepared_address);
        move_lane(transfer);
    }
    tell_of_login(transfer);
}

static void prepare_returned(gpointer data)
{
    PrepareCall *call = data;
    Transfer *transfer = call->transfer;

    admission_end_prepare(transfer->engine, transfer->host);
    if (transfer->cancelled) {
        fail_round(transfer, OUTCOME_CANCELLED, NULL);
    } else if (call->error != NULL) {
        fail_prepared(transfer, call->error);
    } else {
        if (call->prepared != NULL) {
            transfer->prepared_address = g_steal_pointer(&call->prepared->address);
            transfer->prepared_for = g_strdup(transfer->address);
            transfer->request_headers = g_steal_pointer(&call->prepared->headers);
            transfer->request_signer = g_steal_pointer(&call->prepared->signer);
            transfer->by_login |= call->prepared->by_login;
        }
        request_prepared(transfer);
    }
    g_clear_pointer(&call->prepared, prepared_free);
    g_clear_error(&call->error);
    g_free(call);
}

static void prepare(HostServices *services, gpointer data)
{
    PrepareCall *call = data;
    const Transfer *transfer = call->transfer;

    call->prepared =
        transfer->fetcher->prepare(transfer->fetcher, transfer->locator, transfer->file,
                                   transfer->address, services, &call->error);
    task_queue_push(transfer->engine->queue, prepare_returned, call);
}

static gboolean must_prepare(Transfer *transfer)
{
    const Fetcher *fetcher = transfer->fetcher;

    /* A document comes prepared; and the thread that prepares may be the one that waits for it. */
    if (fetcher == NULL || fetcher->prepare == NULL || transfer->without_token ||
        transfer->is_document)
        return FALSE;
    if (fetcher->row.login == NULL || !fetcher->row.login->where_refused || transfer->with_login)
        return TRUE;
    if (credentials_guard_of(transfer->engine->config.credentials, transfer->address) == NULL)
        return FALSE;
    transfer->history.can_log_in = FALSE; /* it goes with the login at once */
    return TRUE;
}

static void prepare_or_request(Transfer *transfer)
{
    if (!must_prepare(transfer)) {
        request(transfer);
        return;
    }
    if (transfer->prepared_stands) {
        request_prepared(transfer);
        return;
    }
    PrepareCall *call = g_new0(PrepareCall, 1);
    call->transfer = transfer;
    transfer->state = TRANSFER_PREPARING;
    admission_begin_prepare(transfer->engine, transfer->host);
    if (!resolver_pool_push(transfer->engine->resolvers, transfer->fetcher, prepare, call)) {
        g_set_error(&call->error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED, "%s",
                    g_strerror(EAGAIN));
        prepare_returned(call);
    }
}

static void offered_before(Transfer *transfer, HomeCall *call)
{
    transfer->offer = call->offer;
    call->offer = (SinkOffer){0};
    if (transfer->cancelled) {
        fail_round(transfer, OUTCOME_CANCELLED, NULL);
    } else if (call->outcome.kind != OUTCOME_OK) {
        round_end(transfer, &call->outcome);
    } else if (transfer->offer.complete && !transfer->drop_held) {
        const Validators *validators = transfer->offer.validators;
        transfer->held = held_bytes(transfer->offer.held);
        transfer->total = validators != NULL && validators->total != SIZE_UNKNOWN
                              ? validators->total
                              : transfer->held;
        end_round_well(transfer);
    } else {
        prepare_or_request(transfer);
    }
}

static void settled(Transfer *transfer, HomeCall *call)
{
    g_auto(Outcome) outcome = {0};

    outcome_copy(&outcome,
                 call->outcome.kind != OUTCOME_OK ? &call->outcome : &transfer->round_outcome);
    outcome.received = transfer->round_received;
    g_ptr_array_remove_fast(transfer->engine->running, transfer);
    transfer->state = TRANSFER_DELAYED;
    transfer_step(transfer, &outcome);
}

static void home_returned(gpointer data)
{
    HomeCall *call = data;
    Transfer *transfer = call->transfer;

    switch (call->kind) {
    case HOME_OFFER_BEFORE:
        offered_before(transfer, call);
        break;
    case HOME_OFFER_ANSWER:
        attempt_offered(call->attempt, &call->outcome);
        break;
    case HOME_BY_LOGIN:
        told_of_login(transfer, call);
        break;
    case HOME_SETTLE:
        settled(transfer, call);
        break;
    }
    home_call_free(call);
}

static void settle(Transfer *transfer)
{
    HomeCall *call = home_call_new(HOME_SETTLE, transfer);

    if (transfer->round_outcome.kind == OUTCOME_OK)
        call->total = transfer->is_document ? transfer->held : transfer->total;
    transfer->state = TRANSFER_SETTLING;
    task_queue_push(transfer->home, run_at_home, call);
}

void round_settle_held(Transfer *transfer)
{
    outcome_clear(&transfer->round_outcome);
    transfer->total = transfer->held;
    g_ptr_array_add(transfer->engine->running, transfer);
    settle(transfer);
}

static void drop_attempt(Transfer *transfer, Attempt *attempt)
{
    attempt_return_lane(attempt);
    g_ptr_array_remove_fast(transfer->attempts, attempt);
    attempt_free(attempt);
}

void round_end(Transfer *transfer, const Outcome *outcome)
{
    if (!transfer->ending)
        outcome_copy(&transfer->round_outcome, outcome);
    transfer->ending = TRUE;
    for (guint i = transfer->attempts->len; i-- > 0;) {
        Attempt *attempt = g_ptr_array_index(transfer->attempts, i);
        attempt_abort(attempt, OUTCOME_CANCELLED);
        if (!attempt->awaits_offer)
            drop_attempt(transfer, attempt);
    }
    if (transfer->has_lane) {
        admission_return_lane(transfer->engine, transfer->host, transfer->wide);
        transfer->has_lane = FALSE;
    }
    if (transfer->attempts->len == 0)
        settle(transfer);
}

void round_cancel(Transfer *transfer)
{
    transfer->cancelled = TRUE;
    if (transfer->state == TRANSFER_RUNNING && !transfer->ending)
        fail_round(transfer, OUTCOME_CANCELLED, NULL);
}

gboolean round_wants_lane(const Transfer *transfer)
{
    return transfer->accepted && !transfer->ending && transfer->todo->len > 0 &&
           transfer->attempts->len < transfer->most_lanes;
}

void round_add_lane(Transfer *transfer)
{
    admission_take_lane(transfer->engine, transfer->host, TRUE);
    start_attempt(transfer, take_piece(transfer), TRUE, TRUE);
}

static gboolean accepts_ranges(const Attempt *attempt)
{
    const char *value = attempt_header(attempt, "Accept-Ranges");

    return attempt->status == 206 || (value != NULL && g_ascii_strcasecmp(value, "bytes") == 0);
}

static gboolean refuses_ranges(const Attempt *attempt)
{
    const char *value = attempt_header(attempt, "Accept-Ranges");

    return attempt->status == 200 && value != NULL && g_ascii_strcasecmp(value, "none") == 0;
}

void round_accept(Attempt *attempt, guint64 total, const Validators *validators)
{
    Transfer *transfer = attempt->transfer;
    const EngineConfig *config = &transfer->engine->config;
    gboolean joins = validators_allow_resume(validators) && !transfer->no_ranges &&
                     !transfer->is_document && !refuses_ranges(attempt);

    if (transfer->expected != validators) {
        validators_free(transfer->expected);
        transfer->expected = validators_copy(validators);
    }
    transfer->accepted = TRUE;
    transfer->total = total;
    transfer->history.resumable = joins;
    if (!transfer->resuming || !may_cross_addresses(transfer)) {
        g_free(transfer->bytes_from);
        transfer->bytes_from = g_strdup(transfer->address);
    }
    if (attempt->redirects > 0) { /* the other pieces ask there at once */
        g_free(transfer->request_address);
        transfer->request_address = g_strdup(attempt->address);
    }
    if (attempt->asked_to == SIZE_UNKNOWN)
        attempt->asked_to = total;
    if (attempt->fresh) {
        attempt->asked_to = attempt->to;
        g_array_set_size(transfer->todo, 0);
        if (attempt->status == 206) {
            put_back(transfer, (Extent){attempt->to, total});
        } else if (joins && accepts_ranges(attempt) && is_large(transfer, total)) {
            attempt->extends = TRUE;
            attempt->to = attempt->asked_to = MIN(config->piece_bytes, total);
            put_back(transfer, (Extent){attempt->to, total});
        }
    }
    transfer->most_lanes = joins && is_large(transfer, total) ? config->connections_per_host : 1;
    transfer->engine->wants_admission = TRUE;
}

gboolean round_extend(Attempt *attempt)
{
    Transfer *transfer = attempt->transfer;

    if (transfer->todo->len == 0 || g_array_index(transfer->todo, Extent, 0).from != attempt->to)
        return FALSE;
    const Extent piece = take_piece(transfer);
    attempt->to = attempt->asked_to = piece.to;
    return TRUE;
}

static gboolean is_soft(const Outcome *outcome)
{
    return outcome->kind == OUTCOME_CUT || outcome->kind == OUTCOME_NO_CONNECTION ||
           outcome->kind == OUTCOME_BUSY;
}

/* One of several failed, the others go on, with one lane less. */
static void go_on_with_fewer(Transfer *transfer, Host *host, const Outcome *outcome)
{
    transfer->most_lanes = MAX(transfer->attempts->len, 1);
    host_limits_halve(&host->limits, engine_now(), (gint64)transfer->engine->config.delay_min_ms);
    event_log(EVENT_LOG_DEBUG, "%s: one connection ended: %s; %u go on", transfer->name,
              outcome->detail != NULL ? outcome->detail : outcome_kind_name(outcome->kind),
              transfer->attempts->len);
}

void round_attempt_ended(Attempt *attempt)
{
    Transfer *transfer = attempt->transfer;
    Host *host = attempt->host;
    g_auto(Outcome) outcome = {0};

    outcome_copy(&outcome, &attempt->outcome);
    if (transfer->accepted && attempt->asked_to != SIZE_UNKNOWN)
        put_back(transfer, (Extent){attempt->at, attempt->asked_to});
    if (transfer->total == SIZE_UNKNOWN && outcome.kind == OUTCOME_OK)
        transfer->total = attempt->at;
    drop_attempt(transfer, attempt);
    if (transfer->ending) {
        if (transfer->attempts->len == 0)
            settle(transfer);
        return;
    }
    if (transfer->cancelled) {
        fail_round(transfer, OUTCOME_CANCELLED, NULL);
    } else if (outcome.kind == OUTCOME_OK) {
        host_limits_note_good(&host->limits);
        if (transfer->todo->len == 0 && transfer->attempts->len == 0)
            end_round_well(transfer);
        else
            transfer->engine->wants_admission = TRUE;
    } else if (is_soft(&outcome) && transfer->accepted && transfer->attempts->len > 0) {
        go_on_with_fewer(transfer, host, &outcome);
    } else {
        round_end(transfer, &outcome);
    }
}

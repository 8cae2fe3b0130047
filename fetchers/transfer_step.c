#include "engine_state.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"

#include <string.h>

StepLimits transfer_limits(const Transfer *transfer)
{
    const EngineConfig *config = &transfer->engine->config;
    guint patience = transfer->host != NULL ? transfer->host->patience : 0;

    return (StepLimits){
        .waits_when_wrong = patience > 0,
        .retries = transfer->most_attempts != 0 ? transfer->most_attempts : config->retries,
        .delay_min_ms = config->delay_min_ms * MAX(patience, 1),
        .delay_max_ms = config->delay_max_ms,
        .retry_after_max_ms = config->retry_after_max_ms,
    };
}

/* A host with points, or one that asked to be left alone, comes last; the last one is never
 * skipped. */
gboolean transfer_choose_address(Transfer *transfer)
{
    const GPtrArray *addresses = transfer->file->addresses;
    gint64 now = engine_now();
    guint fallback = G_MAXUINT;
    guint chosen = G_MAXUINT;

    for (guint i = 0; i < addresses->len && chosen == G_MAXUINT; i++) {
        guint index = (transfer->history.address + i) % addresses->len;
        const Host *host = admission_host(transfer->engine, g_ptr_array_index(addresses, index));
        if (host->limits.is_out)
            continue;
        if (fallback == G_MAXUINT)
            fallback = index;
        if (host->limits.points < HOST_POINTS_LAST && host->limits.parked_until <= now)
            chosen = index;
    }
    if (chosen == G_MAXUINT)
        chosen = fallback;
    if (chosen == G_MAXUINT) {
        transfer->host = admission_host(transfer->engine,
                                        g_ptr_array_index(addresses, transfer->history.address));
        return FALSE;
    }
    transfer->history.address = chosen;
    g_free(transfer->address);
    transfer->address = g_strdup(g_ptr_array_index(addresses, chosen));
    return TRUE;
}

static void queue_again(Transfer *transfer, guint64 delay_ms)
{
    Engine *engine = transfer->engine;

    if (delay_ms > 0) {
        admission_delay(engine, transfer, delay_ms);
    } else if (transfer_choose_address(transfer)) {
        admission_enqueue(engine, transfer);
    } else {
        g_auto(Outcome) outcome = {0};
        outcome_copy(&outcome, &transfer->host->last_word);
        engine_finish(engine, transfer, &outcome);
    }
}

typedef struct {
    Transfer *transfer;
    Outcome outcome; /* why */
    guint64 delay_ms;
    GPtrArray *addresses;
} RefreshCall;

static void refresh_returned(gpointer data)
{
    RefreshCall *call = data;
    Transfer *transfer = call->transfer;

    transfer->state = TRANSFER_DELAYED;
    if (transfer->cancelled) {
        g_auto(Outcome) cancelled = {.kind = OUTCOME_CANCELLED, .retry_after_ms = -1};
        engine_finish(transfer->engine, transfer, &cancelled);
    } else if (call->addresses == NULL || call->addresses->len == 0) {
        transfer->history.can_refresh = FALSE;
        call->outcome.received = 0;
        transfer_step(transfer, &call->outcome);
    } else {
        g_ptr_array_set_size(transfer->file->addresses, 0);
        for (guint i = 0; i < call->addresses->len; i++)
            file_spec_add_address(transfer->file, g_ptr_array_index(call->addresses, i));
        transfer->history.addresses = transfer->file->addresses->len;
        transfer->history.address = 0;
        queue_again(transfer, call->delay_ms);
    }
    g_clear_pointer(&call->addresses, g_ptr_array_unref);
    outcome_clear(&call->outcome);
    g_free(call);
}

static void refresh(HostServices *services, gpointer data)
{
    RefreshCall *call = data;
    const Transfer *transfer = call->transfer;
    g_autoptr(GError) error = NULL;

    call->addresses = transfer->fetcher->refresh(
        transfer->fetcher, transfer->locator, transfer->manifest, transfer->file, services, &error);
    if (error != NULL)
        event_log(EVENT_LOG_DEBUG, "refresh %s: %s", transfer->name, error->message);
    task_queue_push(transfer->engine->queue, refresh_returned, call);
}

static void begin_refresh(Transfer *transfer, const Outcome *outcome, guint64 delay_ms)
{
    RefreshCall *call = g_new0(RefreshCall, 1);

    call->transfer = transfer;
    call->delay_ms = delay_ms;
    outcome_copy(&call->outcome, outcome);
    transfer->state = TRANSFER_REFRESHING;
    if (!resolver_pool_push(transfer->engine->resolvers, transfer->fetcher, refresh, call))
        refresh_returned(call);
}

static void tell(const Transfer *transfer, const Outcome *outcome, const Step *step)
{
    const char *detail =
        outcome->detail != NULL ? outcome->detail : outcome_kind_name(outcome->kind);
    const char *address = outcome->address != NULL ? outcome->address : "";

    if (step->kind == STEP_DONE || outcome->kind == OUTCOME_CANCELLED)
        return;
    if (step->kind == STEP_WITH_LOGIN)
        event_log(EVENT_LOG_DEBUG, "%s: %s: %s; asked again with the login", transfer->name,
                  address, detail);
    else if (step->kind == STEP_GIVE_UP || step->kind == STEP_STOP_RUN || step->kind == STEP_ABSENT)
        event_log(EVENT_LOG_DEBUG, "%s: %s: %s; given up", transfer->name, address, detail);
    else if (step->drop_bytes && outcome->kind == OUTCOME_CHANGED)
        event_log(EVENT_LOG_INFO, _("%s: %s: %s; it is fetched anew from its beginning."),
                  transfer->name, address, detail);
    else {
        /* A document is named by its address. */
        gboolean same = strcmp(transfer->name, address) == 0;

        event_log(EVENT_LOG_INFO, _("%s%s%s: %s; it goes on in %.1f s (attempt %u of %u)."),
                  transfer->name, same ? "" : ": ", same ? "" : address, detail,
                  (double)step->delay_ms / 1000.0, transfer->history.without_progress + 1,
                  transfer_limits(transfer).retries);
    }
}

static void note_at_host(Transfer *transfer, const Outcome *outcome, const Step *step)
{
    const EngineConfig *config = &transfer->engine->config;
    HostLimits *limits = &transfer->host->limits;
    gint64 now = engine_now();

    if (step->halve_host)
        host_limits_halve(limits, now, (gint64)config->delay_min_ms);
    for (guint i = 0; i < step->host_points; i++)
        host_limits_add_point(limits, now, (gint64)config->host_point_ms);
    if (step->host_out)
        limits->is_out = TRUE;
    if (step->park_host)
        limits->parked_until = MAX(limits->parked_until, now + outcome->retry_after_ms);
    if (step->host_out || step->park_host)
        outcome_copy(&transfer->host->last_word, outcome);
}

static gboolean nothing_came(const Outcome *outcome)
{
    return outcome->kind == OUTCOME_NO_CONNECTION ||
           (outcome->kind == OUTCOME_CUT && outcome->status == 0 && outcome->received == 0);
}

/* They say nothing against the address that was asked: it is asked again, and not its source for
 * another one. */
static gboolean is_of_the_line(OutcomeKind kind)
{
    return kind == OUTCOME_CUT || kind == OUTCOME_NO_CONNECTION || kind == OUTCOME_BUSY;
}

void transfer_step(Transfer *transfer, const Outcome *outcome)
{
    Engine *engine = transfer->engine;
    const StepLimits limits = transfer_limits(transfer);

    if ((transfer->cancelled || engine->cancelled) && outcome->kind != OUTCOME_OK) {
        g_auto(Outcome) cancelled = {.kind = OUTCOME_CANCELLED, .retry_after_ms = -1};
        engine_finish(engine, transfer, &cancelled);
        return;
    }
    transfer->history.host_answered = engine->host_answered;
    if (nothing_came(outcome) && admission_note_line_failure(engine, transfer->host) &&
        transfer->most_attempts == 0) {
        admission_delay(engine, transfer, engine->config.patience_interval_ms);
        transfer->waits_for_line = TRUE;
        return;
    }
    transfer->history.can_sign = transfer->request_address != NULL &&
                                 strcmp(transfer->request_address, transfer->address) != 0;
    transfer->prepared_stands = transfer->prepared_address != NULL && is_of_the_line(outcome->kind);
    const Step step =
        next_step(outcome, &transfer->history, &limits, g_rand_double(engine->random));
    note_at_host(transfer, outcome, &step);
    tell(transfer, outcome, &step);
    if (step.drop_bytes)
        transfer->drop_held = TRUE;
    switch (step.kind) {
    case STEP_DONE:
    case STEP_GIVE_UP:
    case STEP_STOP_RUN:
    case STEP_ABSENT:
        engine_finish(engine, transfer, outcome);
        break;
    case STEP_CHECK_HELD:
        round_settle_held(transfer);
        break;
    case STEP_WITHOUT_TOKEN:
        transfer->without_token = TRUE;
        queue_again(transfer, step.delay_ms);
        break;
    case STEP_WITH_LOGIN:
        transfer->with_login = TRUE;
        queue_again(transfer, step.delay_ms);
        break;
    case STEP_REFRESH:
        begin_refresh(transfer, outcome, step.delay_ms);
        break;
    case STEP_SAME_ADDRESS:
    case STEP_ANEW:
    case STEP_NEXT_ADDRESS:
        queue_again(transfer, step.delay_ms);
        if (step.park_host && transfer->state == TRANSFER_DELAYED)
            transfer->is_parked = TRUE;
        break;
    }
}

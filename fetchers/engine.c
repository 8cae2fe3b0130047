#include "engine_state.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "redact.h"
#include "trust_settings.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define PUBLISH_EACH_MS 200
#define RATE_SMOOTHING 0.25

gint64 engine_now(void)
{
    return g_get_monotonic_time() / 1000;
}

static void take_default(guint64 *value, guint64 fallback)
{
    if (*value == 0)
        *value = fallback;
}

static void take_default_count(guint *value, guint fallback)
{
    if (*value == 0)
        *value = fallback;
}

static void fill_config(EngineConfig *config, const EngineConfig *given)
{
    *config = *given;
    take_default_count(&config->connections_per_host, 8);
    take_default_count(&config->connections_total, 64);
    take_default_count(&config->small_files_per_host, 256);
    take_default_count(&config->retries, 8);
    take_default(&config->delay_min_ms, 1000);
    take_default(&config->delay_max_ms, 60 * 1000);
    take_default(&config->retry_after_max_ms, 10 * 60 * 1000);
    take_default(&config->connect_ms, 20 * 1000);
    take_default(&config->first_byte_ms, 30 * 1000);
    take_default(&config->stall_ms, 60 * 1000);
    take_default(&config->network_patience_ms, 12 * 60 * 60 * 1000);
    take_default(&config->patience_interval_ms, 60 * 1000);
    take_default(&config->host_point_ms, 60 * 1000);
    take_default(&config->piece_bytes, 8 * 1024 * 1024);
    take_default(&config->segment_from_bytes, 16 * 1024 * 1024);
    g_autoptr(TrustSettings) trust = trust_settings_new(given->ca_file, given->proxy, NULL,
                                                        given->ca_dir, NULL, given->no_proxy);
    config->ca_file = g_steal_pointer(&trust->ca_file.value);
    config->ca_dir = g_steal_pointer(&trust->ca_dir.value);
    config->proxy = g_steal_pointer(&trust->proxy.value);
    config->no_proxy = g_steal_pointer(&trust->no_proxy.value);
    config->user_agent = g_strdup(given->user_agent != NULL ? given->user_agent
                                                            : "medmirror/" MEDMIRROR_VERSION
                                                              " (+" MEDMIRROR_HOME ")");
    config->slots_folder = g_strdup(given->slots_folder);
}

static void clear_config(EngineConfig *config)
{
    g_free(config->ca_file);
    g_free(config->ca_dir);
    g_free(config->proxy);
    g_free(config->no_proxy);
    g_free(config->user_agent);
    g_free(config->slots_folder);
}

static void *engine_main(void *data)
{
    sigset_t all;

    /* Signals are the main thread's; and OpenSSL writes to sockets without MSG_NOSIGNAL. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    engine_loop_run(data);
    return NULL;
}

static void engine_close(Engine *engine)
{
    resolver_pool_free(engine->resolvers);
    engine_loop_close(engine);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, engine->shares);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        curl_share_cleanup(value);
    g_hash_table_unref(engine->shares);
    for (guint i = 0; i < engine->host_order->len; i++)
        admission_host_free(g_ptr_array_index(engine->host_order, i));
    g_ptr_array_unref(engine->host_order);
    g_hash_table_unref(engine->hosts);
    g_hash_table_unref(engine->alive);
    g_sequence_free(engine->delayed);
    g_ptr_array_unref(engine->running);
    if (engine->slots_folder >= 0)
        close(engine->slots_folder);
    task_queue_free(engine->queue);
    engine_snapshot_free(engine->published);
    pthread_mutex_destroy(&engine->published_mutex);
    g_rand_free(engine->random);
    endpoints_free(engine->no_endpoints);
    clear_config(&engine->config);
    g_free(engine);
}

Engine *engine_new(const EngineConfig *config, GError **error)
{
    static gsize curl_is_ready;

    if (g_once_init_enter(&curl_is_ready))
        g_once_init_leave(&curl_is_ready,
                          curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 1 : 2);
    Engine *engine = g_new0(Engine, 1);
    engine->connections_are_chosen = config->connections_per_host != 0;
    fill_config(&engine->config, config);
    engine->no_endpoints = endpoints_new();
    engine->queue = task_queue_new();
    engine->shares = g_hash_table_new(NULL, NULL);
    engine->hosts = g_hash_table_new(g_str_hash, g_str_equal);
    engine->host_order = g_ptr_array_new();
    engine->alive = g_hash_table_new(NULL, NULL);
    engine->delayed = g_sequence_new(NULL);
    engine->running = g_ptr_array_new();
    engine->random = g_rand_new();
    engine->parked_alone_since = -1;
    engine->slots_folder = host_slots_open_folder(engine->config.slots_folder);
    if (engine->slots_folder < 0)
        event_log(EVENT_LOG_DEBUG, "no folder for the slots of hosts: runs do not know each other");
    rate_bucket_init(&engine->bucket, engine->config.limit_rate, g_get_monotonic_time());
    pthread_mutex_init(&engine->published_mutex, NULL);
    engine->published = g_new0(EngineSnapshot, 1);
    engine->resolvers = resolver_pool_new(engine, config->endpoints != NULL ? config->endpoints
                                                                            : engine->no_endpoints);
    if (!engine_loop_open(engine, error)) {
        engine_close(engine);
        return NULL;
    }
    int failed = pthread_create(&engine->thread, NULL, engine_main, engine);
    if (failed != 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("The network part cannot be started: %s."), g_strerror(failed));
        engine_close(engine);
        return NULL;
    }
    return engine;
}

typedef struct {
    Engine *engine;
    Transfer *transfer;
    Outcome outcome;
    gboolean flag;
} Order;

static void order(Engine *engine, TaskFunc func, Transfer *transfer, const Outcome *outcome,
                  gboolean flag)
{
    Order *call = g_new0(Order, 1);

    call->engine = engine;
    call->transfer = transfer;
    call->flag = flag;
    if (outcome != NULL)
        outcome_copy(&call->outcome, outcome);
    task_queue_push(engine->queue, func, call);
}

static void order_free(Order *call)
{
    outcome_clear(&call->outcome);
    g_free(call);
}

static void finish_cancelled(Engine *engine, Transfer *transfer)
{
    const Outcome cancelled = {.kind = OUTCOME_CANCELLED, .retry_after_ms = -1};

    engine_finish(engine, transfer, &cancelled);
}

static void take_in(Engine *engine, Transfer *transfer)
{
    transfer->engine = engine;
    transfer->state = TRANSFER_DELAYED;
    transfer->cancelled = FALSE;
    transfer->history.addresses = transfer->file->addresses->len;
    const Fetcher *fetcher = transfer->is_document ? NULL : transfer->fetcher;
    transfer->history.can_refresh = fetcher != NULL && fetcher->refresh != NULL;
    transfer->history.can_log_in = !transfer->with_login && fetcher != NULL &&
                                   fetcher->prepare != NULL && fetcher->row.login != NULL &&
                                   fetcher->row.login->where_refused;
    g_hash_table_add(engine->alive, transfer);
}

static void submit(gpointer data)
{
    Order *call = data;
    Engine *engine = call->engine;
    Transfer *transfer = call->transfer;

    transfer->begun = FALSE;
    engine->queued_count++;
    take_in(engine, transfer);
    if (engine->cancelled) {
        finish_cancelled(engine, transfer);
    } else if (transfer->history.addresses == 0) {
        g_auto(Outcome) outcome = {.kind = OUTCOME_ABSENT, .retry_after_ms = -1};
        outcome.detail = g_strdup(_("no address of it is known"));
        engine_finish(engine, transfer, &outcome);
    } else if (transfer_choose_address(transfer)) {
        admission_enqueue(engine, transfer);
    } else {
        g_auto(Outcome) outcome = {0};
        outcome_copy(&outcome, &transfer->host->last_word);
        engine_finish(engine, transfer, &outcome);
    }
    order_free(call);
}

static void go_on(gpointer data)
{
    Order *call = data;

    take_in(call->engine, call->transfer);
    transfer_step(call->transfer, &call->outcome);
    order_free(call);
}

static void cancel_one(Engine *engine, Transfer *transfer)
{
    if (transfer->state == TRANSFER_QUEUED || transfer->state == TRANSFER_DELAYED)
        finish_cancelled(engine, transfer);
    else
        round_cancel(transfer);
}

static void cancel_transfer(gpointer data)
{
    Order *call = data;

    if (g_hash_table_contains(call->engine->alive, call->transfer))
        cancel_one(call->engine, call->transfer);
    order_free(call);
}

static void cancel_all(gpointer data)
{
    Order *call = data;
    Engine *engine = call->engine;
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    GHashTableIter iter;
    gpointer transfer;

    engine->cancelled = TRUE;
    if (call->flag)
        engine->quits = TRUE;
    g_hash_table_iter_init(&iter, engine->alive);
    while (g_hash_table_iter_next(&iter, &transfer, NULL))
        g_ptr_array_add(all, transfer);
    for (guint i = 0; i < all->len; i++)
        cancel_one(engine, g_ptr_array_index(all, i));
    order_free(call);
}

static void hold_admission(gpointer data)
{
    Order *call = data;

    call->engine->admission_held = call->flag;
    order_free(call);
}

void engine_submit(Engine *engine, Transfer *transfer)
{
    order(engine, submit, transfer, NULL, FALSE);
}

void engine_go_on(Engine *engine, Transfer *transfer, const Outcome *outcome)
{
    order(engine, go_on, transfer, outcome, FALSE);
}

void engine_cancel(Engine *engine)
{
    order(engine, cancel_all, NULL, NULL, FALSE);
}

void engine_cancel_transfer(Engine *engine, Transfer *transfer)
{
    order(engine, cancel_transfer, transfer, NULL, FALSE);
}

void engine_hold_admission(Engine *engine, gboolean hold)
{
    order(engine, hold_admission, NULL, NULL, hold);
}

void engine_free(Engine *engine)
{
    if (engine == NULL)
        return;
    order(engine, cancel_all, NULL, NULL, TRUE);
    pthread_join(engine->thread, NULL);
    engine_close(engine);
}

typedef struct {
    Transfer *transfer;
    Outcome outcome;
} DoneCall;

static void run_done(gpointer data)
{
    DoneCall *call = data;
    Transfer *transfer = call->transfer;

    transfer->done(transfer, &call->outcome, transfer->data);
    outcome_clear(&call->outcome);
    g_free(call);
}

void engine_finish(Engine *engine, Transfer *transfer, const Outcome *outcome)
{
    DoneCall *call = g_new0(DoneCall, 1);

    if (!transfer->begun)
        engine->queued_count--;
    admission_remove(engine, transfer);
    g_hash_table_remove(engine->alive, transfer);
    transfer->begun = TRUE;
    transfer->state = TRANSFER_IDLE;
    call->transfer = transfer;
    outcome_copy(&call->outcome, outcome);
    if (outcome->kind != OUTCOME_OK && outcome->address == NULL && transfer->address != NULL)
        call->outcome.address = redact_address(transfer->address);
    if (g_hash_table_size(engine->alive) == 0)
        engine_publish(engine, TRUE);
    task_queue_push(transfer->home, run_done, call);
}

static TransferProgress progress_of(Transfer *transfer, double seconds)
{
    guint64 got = transfer->received - transfer->seen_received;

    transfer->seen_received = transfer->received;
    transfer->rate += RATE_SMOOTHING * ((double)got / seconds - transfer->rate);
    return (TransferProgress){
        .name = g_strdup(transfer->name),
        .done = transfer->held,
        .total = transfer->total != SIZE_UNKNOWN ? transfer->total : transfer->file->size,
        .rate = (guint64)transfer->rate,
        .connections = transfer->attempts->len,
        .waits_until = transfer->state == TRANSFER_DELAYED ? transfer->wakes_at : 0,
        .attempt = transfer->attempts_made,
    };
}

static void clear_progress(gpointer data)
{
    g_free(((TransferProgress *)data)->name);
}

static EngineSnapshot *snapshot_new(void)
{
    EngineSnapshot *snapshot = g_new0(EngineSnapshot, 1);

    snapshot->running = g_array_new(FALSE, FALSE, sizeof(TransferProgress));
    g_array_set_clear_func(snapshot->running, clear_progress);
    return snapshot;
}

void engine_publish(Engine *engine, gboolean now)
{
    gint64 time = engine_now();
    gint64 elapsed = time - engine->published_at;

    if (!now && elapsed < PUBLISH_EACH_MS)
        return;
    double seconds = (double)MAX(elapsed, PUBLISH_EACH_MS) / 1000.0;
    guint64 got = engine->received - engine->published_received;
    engine->rate += RATE_SMOOTHING * ((double)got / seconds - engine->rate);
    engine->published_received = engine->received;
    engine->published_at = time;
    EngineSnapshot *snapshot = snapshot_new();
    for (guint i = 0; i < engine->running->len; i++) {
        const TransferProgress progress =
            progress_of(g_ptr_array_index(engine->running, i), seconds);
        g_array_append_val(snapshot->running, progress);
    }
    GSequenceIter *iter = g_sequence_get_begin_iter(engine->delayed);
    for (; !g_sequence_iter_is_end(iter); iter = g_sequence_iter_next(iter)) {
        const TransferProgress progress = progress_of(g_sequence_get(iter), seconds);
        g_array_append_val(snapshot->running, progress);
    }
    snapshot->received = engine->received;
    snapshot->rate = (guint64)engine->rate;
    snapshot->queued = engine->queued_count;
    snapshot->line_down = engine->line_down;
    pthread_mutex_lock(&engine->published_mutex);
    EngineSnapshot *old = engine->published;
    engine->published = snapshot;
    pthread_mutex_unlock(&engine->published_mutex);
    engine_snapshot_free(old);
}

EngineSnapshot *engine_snapshot(Engine *engine)
{
    EngineSnapshot *copy = snapshot_new();

    pthread_mutex_lock(&engine->published_mutex);
    const EngineSnapshot *published = engine->published;
    for (guint i = 0; published->running != NULL && i < published->running->len; i++) {
        TransferProgress progress = g_array_index(published->running, TransferProgress, i);
        progress.name = g_strdup(progress.name);
        g_array_append_val(copy->running, progress);
    }
    copy->received = published->received;
    copy->rate = published->rate;
    copy->queued = published->queued;
    copy->line_down = published->line_down;
    pthread_mutex_unlock(&engine->published_mutex);
    return copy;
}

void engine_snapshot_free(EngineSnapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    if (snapshot->running != NULL)
        g_array_unref(snapshot->running);
    g_free(snapshot);
}

#include "engine_state.h"
#include "event_log.h"
#include "host_pace.h"
#include "i18n.h"

#define LINE_FAILURES 3
#define SLOTS_AGAIN_MS 200

static char *origin_of(const char *address)
{
    g_autoptr(GUri) uri =
        g_uri_parse(address, G_URI_FLAGS_ENCODED | G_URI_FLAGS_SCHEME_NORMALIZE, NULL);

    if (uri == NULL || g_uri_get_host(uri) == NULL)
        return g_strdup("");
    g_autofree char *host = g_ascii_strdown(g_uri_get_host(uri), -1);
    return g_strdup_printf("%s://%s:%d", g_uri_get_scheme(uri), host, g_uri_get_port(uri));
}

Host *admission_host(Engine *engine, const char *address)
{
    g_autofree char *origin = origin_of(address);
    Host *host = g_hash_table_lookup(engine->hosts, origin);

    if (host != NULL)
        return host;
    host = g_new0(Host, 1);
    host->origin = g_steal_pointer(&origin);
    host->most_connections = engine->config.connections_per_host;
    host_limits_init(&host->limits, host->most_connections);
    host->slots =
        host_slots_new(engine->slots_folder, host->origin, engine->config.connections_per_host);
    g_queue_init(&host->urgent);
    g_queue_init(&host->waiting);
    g_hash_table_insert(engine->hosts, host->origin, host);
    g_ptr_array_add(engine->host_order, host);
    return host;
}

void admission_host_free(Host *host)
{
    g_queue_clear(&host->urgent);
    g_queue_clear(&host->waiting);
    host_slots_free(host->slots);
    outcome_clear(&host->last_word);
    g_free(host->origin);
    g_free(host);
}

static gboolean is_urgent(const Transfer *transfer)
{
    return transfer->is_document || transfer->begun;
}

/* As many at once as its pace says, over HTTP/2 too. */
static void keep_pace(const Engine *engine, Host *host, const EndpointPace *pace)
{
    guint most = MIN(pace->connections, HOST_PACE_MOST);

    if (engine->connections_are_chosen)
        most = MIN(most, engine->config.connections_per_host);
    host->patience = MAX(pace->patience, 1);
    if (most == 0 || most == host->most_connections)
        return;
    host->most_connections = most;
    host_slots_set_most(host->slots, most);
    host->limits.most = most;
    host->limits.allowed = host->limits.has_trouble ? MIN(host->limits.allowed, most) : most;
}

static void be_polite(const Engine *engine, Host *host, const Transfer *transfer)
{
    const FetcherRow *row = transfer->fetcher != NULL ? &transfer->fetcher->row : NULL;
    const EndpointPace *pace =
        row != NULL && row->paces != NULL
            ? host_pace_of(row,
                           engine->config.endpoints != NULL ? engine->config.endpoints
                                                            : engine->no_endpoints,
                           transfer->address)
            : NULL;

    if (pace != NULL) {
        keep_pace(engine, host, pace);
    } else if (row != NULL && row->connections != 0 && row->connections < host->limits.most &&
               !host->http2 && host->patience == 0) {
        host->limits.most = row->connections;
        host->limits.allowed = MIN(host->limits.allowed, host->limits.most);
    }
}

void admission_enqueue(Engine *engine, Transfer *transfer)
{
    Host *host = admission_host(engine, transfer->address);
    GQueue *queue = is_urgent(transfer) ? &host->urgent : &host->waiting;

    be_polite(engine, host, transfer);
    transfer->state = TRANSFER_QUEUED;
    transfer->host = host;
    if (transfer->is_document) { /* somebody waits for it, and may hold a lane meanwhile */
        g_queue_push_head(queue, transfer);
        transfer->queued = queue->head;
    } else {
        g_queue_push_tail(queue, transfer);
        transfer->queued = queue->tail;
    }
    engine->wants_admission = TRUE;
}

static gint compare_wakes(gconstpointer a, gconstpointer b, gpointer unused)
{
    const Transfer *left = a;
    const Transfer *right = b;

    return left->wakes_at < right->wakes_at ? -1 : left->wakes_at > right->wakes_at;
}

void admission_delay(Engine *engine, Transfer *transfer, guint64 delay_ms)
{
    transfer->state = TRANSFER_DELAYED;
    transfer->wakes_at = engine_now() + (gint64)MIN(delay_ms, (guint64)G_MAXINT32);
    transfer->delayed = g_sequence_insert_sorted(engine->delayed, transfer, compare_wakes, NULL);
}

void admission_remove(Engine *engine, Transfer *transfer)
{
    if (transfer->delayed != NULL) {
        g_sequence_remove(transfer->delayed);
        transfer->delayed = NULL;
    }
    if (transfer->queued != NULL) {
        g_queue_delete_link(is_urgent(transfer) ? &transfer->host->urgent
                                                : &transfer->host->waiting,
                            transfer->queued);
        transfer->queued = NULL;
    }
    transfer->waits_for_line = transfer->is_parked = FALSE;
}

static void wake(Engine *engine, Transfer *transfer)
{
    admission_remove(engine, transfer);
    if (transfer_choose_address(transfer)) {
        admission_enqueue(engine, transfer);
        return;
    }
    g_auto(Outcome) outcome = {.kind = OUTCOME_CERTIFICATE, .retry_after_ms = -1};
    outcome_copy(&outcome, &transfer->host->last_word);
    engine_finish(engine, transfer, &outcome);
}

static guint streams_a_connection(const Engine *engine)
{
    return MAX(engine->config.small_files_per_host / HTTP2_CONNECTIONS, 1);
}

/* Connections that so many requests take. */
static guint slots_needed(const Engine *engine, const Host *host, guint lanes, guint wide)
{
    guint narrow = lanes - wide;
    guint each = host->http2 ? streams_a_connection(engine) : 1;

    return MIN(wide + (narrow + each - 1) / each, host->most_connections);
}

static gboolean host_has_room(Engine *engine, Host *host, gboolean wide, gboolean is_document)
{
    gint64 now = engine_now();
    /* Those that prepare wait for a document, and would for ever if it had to wait for them. */
    guint lanes = host->lanes - (is_document ? host->preparing : 0);

    if (lanes >= host->limits.allowed || host->limits.parked_until > now)
        return FALSE;
    if (wide && host->wide_lanes >= host->most_connections)
        return FALSE;
    if (host->slots_asked != 0 && now - host->slots_asked < SLOTS_AGAIN_MS)
        return FALSE;
    guint wide_lanes = MIN(host->wide_lanes, lanes) + (wide ? 1 : 0);
    guint needed = slots_needed(engine, host, lanes + 1, wide_lanes);
    guint all = engine->connections - host->connections + needed;
    if (all - (is_document ? MIN(engine->preparing, all) : 0) > engine->config.connections_total)
        return FALSE;
    if (host_slots_hold(host->slots, needed) < needed) {
        host->slots_asked = now;
        return FALSE;
    }
    host->slots_asked = 0;
    return TRUE;
}

static void count_connections(Engine *engine, Host *host)
{
    guint now = slots_needed(engine, host, host->lanes, host->wide_lanes);

    engine->connections += now - host->connections;
    host->connections = now;
}

void admission_take_lane(Engine *engine, Host *host, gboolean wide)
{
    host->lanes++;
    if (wide)
        host->wide_lanes++;
    engine->lanes++;
    count_connections(engine, host);
}

void admission_return_lane(Engine *engine, Host *host, gboolean wide)
{
    host->lanes--;
    if (wide)
        host->wide_lanes--;
    engine->lanes--;
    count_connections(engine, host);
    engine->wants_admission = TRUE;
}

void admission_begin_prepare(Engine *engine, Host *host)
{
    host->preparing++;
    engine->preparing++;
}

void admission_end_prepare(Engine *engine, Host *host)
{
    host->preparing--;
    engine->preparing--;
}

static gboolean is_large(const Transfer *transfer)
{
    return !transfer->is_document && transfer->file->size != SIZE_UNKNOWN &&
           transfer->file->size >= transfer->engine->config.segment_from_bytes;
}

static void start(Engine *engine, Host *host, Transfer *transfer)
{
    if (!transfer->begun)
        engine->queued_count--;
    admission_remove(engine, transfer);
    transfer->begun = TRUE;
    transfer->has_lane = TRUE;
    transfer->wide = is_large(transfer);
    transfer->host = host;
    admission_take_lane(engine, host, transfer->wide);
    round_begin(transfer);
}

static Transfer *next_waiting(const Engine *engine, const Host *host)
{
    if (host->urgent.head != NULL)
        return host->urgent.head->data;
    if (host->waiting.head != NULL && !engine->admission_held)
        return host->waiting.head->data;
    return NULL;
}

static gboolean start_waiting(Engine *engine, Host *host)
{
    Transfer *transfer = next_waiting(engine, host);

    if (transfer == NULL)
        return FALSE;
    /* It was told to wait here before another said that this host is worse than the next. */
    if (!host_has_room(engine, host, is_large(transfer), transfer->is_document))
        return FALSE;
    start(engine, host, transfer);
    return TRUE;
}

/* Transfers that run get more lanes: all that is left where nobody waits, else half of the host. */
static void add_lanes(Engine *engine)
{
    for (guint i = 0; i < engine->running->len; i++) {
        Transfer *transfer = g_ptr_array_index(engine->running, i);
        while (transfer->state == TRANSFER_RUNNING && round_wants_lane(transfer)) {
            Host *host =
                admission_host(engine, transfer->request_address != NULL ? transfer->request_address
                                                                         : transfer->address);
            gboolean others = next_waiting(engine, host) != NULL;
            guint most = others ? MAX(host->limits.allowed / 2, 1) : G_MAXUINT;
            if (transfer->attempts->len >= MIN(most, transfer->most_lanes) ||
                !host_has_room(engine, host, TRUE, FALSE))
                break;
            transfer->host = host;
            round_add_lane(transfer);
        }
    }
}

static gint64 wake_delayed(Engine *engine)
{
    gint64 now = engine_now();

    for (;;) {
        GSequenceIter *first = g_sequence_get_begin_iter(engine->delayed);
        if (g_sequence_iter_is_end(first))
            return -1;
        Transfer *transfer = g_sequence_get(first);
        if (transfer->wakes_at > now)
            return transfer->wakes_at - now;
        if (engine->line_down) /* the line's clock rules */
            return -1;
        wake(engine, transfer);
    }
}

static gboolean host_is_in_use(const Host *host)
{
    return host->lanes > 0 || host->urgent.length > 0 || host->waiting.length > 0;
}

void admission_note_answer(Engine *engine, Host *host)
{
    host->limits.line_failures = 0;
    engine->line_failures = 0;
    engine->line_down_since = 0;
    engine->host_answered = TRUE;
    if (!engine->line_down)
        return;
    engine->line_down = FALSE;
    engine->wants_admission = TRUE;
    event_log(EVENT_LOG_INFO, _("%s can be reached again."), host->origin);
}

gboolean admission_note_line_failure(Engine *engine, Host *host)
{
    host->limits.line_failures++;
    engine->line_failures++;
    if (!engine->host_answered)
        return FALSE;
    if (engine->line_down)
        return TRUE;
    gboolean others = FALSE;
    for (guint i = 0; i < engine->host_order->len; i++) {
        const Host *other = g_ptr_array_index(engine->host_order, i);
        if (other != host && host_is_in_use(other) && other->limits.line_failures == 0)
            return FALSE;
        others = others || (other != host && other->limits.line_failures > 0);
    }
    if (engine->line_failures < LINE_FAILURES)
        return FALSE;
    engine->line_down = TRUE;
    if (engine->line_down_since == 0)
        engine->line_down_since = engine_now();
    engine->line_probe_at = engine_now() + (gint64)engine->config.patience_interval_ms;
    /* Of one host alone nobody knows whether it is the host or the line. */
    event_log(EVENT_LOG_WARNING,
              others ? _("No host can be reached (lastly %s): the line seems to be down. One "
                         "address is tried every %.3g s; nothing is lost.")
                     : _("%s cannot be reached. It is tried every %.3g s; nothing is lost."),
              host->origin, (double)engine->config.patience_interval_ms / 1000.0);
    return TRUE;
}

static Transfer *any_that_waits(Engine *engine)
{
    GSequenceIter *first = g_sequence_get_begin_iter(engine->delayed);

    if (!g_sequence_iter_is_end(first))
        return g_sequence_get(first);
    for (guint i = 0; i < engine->host_order->len; i++) {
        const Host *host = g_ptr_array_index(engine->host_order, i);
        Transfer *transfer = next_waiting(engine, host);
        if (transfer != NULL)
            return transfer;
    }
    return NULL;
}

static void give_up_the_line(Engine *engine)
{
    GHashTableIter iter;
    gpointer key;
    g_autoptr(GPtrArray) waiting = g_ptr_array_new();
    g_auto(Outcome) outcome = {.kind = OUTCOME_NO_CONNECTION, .retry_after_ms = -1};

    outcome.detail = g_strdup_printf(_("no host could be reached for %.3g s"),
                                     (double)engine->config.network_patience_ms / 1000.0);
    g_hash_table_iter_init(&iter, engine->alive);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const Transfer *transfer = key;
        if (transfer->state == TRANSFER_QUEUED || transfer->state == TRANSFER_DELAYED)
            g_ptr_array_add(waiting, key);
    }
    for (guint i = 0; i < waiting->len; i++)
        engine_finish(engine, g_ptr_array_index(waiting, i), &outcome);
    for (guint i = engine->running->len; i-- > 0;) {
        Transfer *transfer = g_ptr_array_index(engine->running, i);
        if (transfer->state == TRANSFER_RUNNING && transfer->attempts->len == 0)
            round_end(transfer, &outcome);
    }
}

/* A host that has not failed says whether it is the line. */
static void look_at_the_others(Engine *engine)
{
    for (guint i = 0; i < engine->host_order->len && engine->line_down; i++) {
        const Host *host = g_ptr_array_index(engine->host_order, i);
        engine->line_down = host->limits.line_failures > 0 || next_waiting(engine, host) == NULL;
    }
}

/* While the line is down: one try each interval. */
static gint64 probe_the_line(Engine *engine)
{
    gint64 now = engine_now();

    if (now - engine->line_down_since >= (gint64)engine->config.network_patience_ms) {
        give_up_the_line(engine);
        return -1;
    }
    if (now < engine->line_probe_at)
        return engine->line_probe_at - now;
    engine->line_probe_at = now + (gint64)engine->config.patience_interval_ms;
    if (engine->lanes == 0)
        add_lanes(engine);
    Transfer *transfer = engine->lanes == 0 ? any_that_waits(engine) : NULL;
    if (transfer != NULL) {
        admission_remove(engine, transfer);
        /* Each time another address, where there are several. */
        transfer->history.address = (transfer->history.address + 1) % transfer->history.addresses;
        if (transfer_choose_address(transfer)) {
            transfer->state = TRANSFER_QUEUED;
            start(engine, admission_host(engine, transfer->address), transfer);
        }
    }
    return engine->line_probe_at - now;
}

static void wake_those_of_the_line(Engine *engine)
{
    g_autoptr(GPtrArray) ready = g_ptr_array_new();
    GSequenceIter *iter = g_sequence_get_begin_iter(engine->delayed);

    for (; !g_sequence_iter_is_end(iter); iter = g_sequence_iter_next(iter)) {
        Transfer *transfer = g_sequence_get(iter);
        if (transfer->waits_for_line)
            g_ptr_array_add(ready, transfer);
    }
    for (guint i = 0; i < ready->len; i++)
        wake(engine, g_ptr_array_index(ready, i));
}

/* Those that wait for hosts which asked to be left alone for longer than we wait. */
static GPtrArray *list_parked(Engine *engine)
{
    GPtrArray *parked = g_ptr_array_new();
    GSequenceIter *iter = g_sequence_get_begin_iter(engine->delayed);
    gint64 now = engine_now();

    for (; !g_sequence_iter_is_end(iter); iter = g_sequence_iter_next(iter)) {
        Transfer *transfer = g_sequence_get(iter);
        if (transfer->is_parked)
            g_ptr_array_add(parked, transfer);
    }
    for (guint i = 0; i < engine->host_order->len; i++) {
        const Host *host = g_ptr_array_index(engine->host_order, i);
        if (host->limits.parked_until <= now)
            continue;
        for (const GList *link = host->urgent.head; link != NULL; link = link->next)
            g_ptr_array_add(parked, link->data);
        for (const GList *link = host->waiting.head; link != NULL; link = link->next)
            g_ptr_array_add(parked, link->data);
    }
    return parked;
}

/* Those that wait for documents, which are parked if they are. */
static guint count_preparing(const Engine *engine)
{
    GHashTableIter iter;
    gpointer transfer;
    guint preparing = 0;

    g_hash_table_iter_init(&iter, engine->alive);
    while (g_hash_table_iter_next(&iter, &transfer, NULL))
        preparing += ((Transfer *)transfer)->state == TRANSFER_PREPARING;
    return preparing;
}

/* When nothing is left but what is parked, the run ends with the time to come back. */
static gint64 check_parked(Engine *engine)
{
    gint64 now = engine_now();
    gboolean any = FALSE;

    for (guint i = 0; i < engine->host_order->len && !any; i++)
        any = ((Host *)g_ptr_array_index(engine->host_order, i))->limits.parked_until > now;
    if (!any) {
        engine->parked_alone_since = -1;
        return -1;
    }
    g_autoptr(GPtrArray) parked = list_parked(engine);
    if (parked->len == 0 ||
        parked->len + count_preparing(engine) < g_hash_table_size(engine->alive)) {
        engine->parked_alone_since = -1;
        return -1;
    }
    /* What is to come next may be on its way to us. */
    gint64 grace = (gint64)engine->config.delay_min_ms;
    if (engine->parked_alone_since < 0)
        engine->parked_alone_since = now;
    if (now - engine->parked_alone_since < grace)
        return grace - (now - engine->parked_alone_since);
    for (guint i = 0; i < parked->len; i++) {
        Transfer *transfer = g_ptr_array_index(parked, i);
        g_auto(Outcome) outcome = {0};
        outcome_copy(&outcome, &transfer->host->last_word);
        outcome.retry_after_ms = transfer->host->limits.parked_until - now;
        engine_finish(engine, transfer, &outcome);
    }
    return -1;
}

static gint64 first_of(gint64 a, gint64 b)
{
    if (a < 0 || b < 0)
        return MAX(a, b);
    return MIN(a, b);
}

static void give_slots_back(Engine *engine, gint64 *again)
{
    for (guint i = 0; i < engine->host_order->len; i++) {
        Host *host = g_ptr_array_index(engine->host_order, i);
        guint needed = slots_needed(engine, host, host->lanes, host->wide_lanes);
        if (host->slots_asked != 0 && host_is_in_use(host))
            *again = first_of(*again, SLOTS_AGAIN_MS);
        else
            host_slots_hold(host->slots, needed);
        if (host->limits.parked_until > engine_now() && host_is_in_use(host))
            *again = first_of(*again, host->limits.parked_until - engine_now());
    }
}

gint64 admission_run(Engine *engine)
{
    if (engine->cancelled)
        return -1;
    if (engine->line_down)
        look_at_the_others(engine);
    if (engine->line_down)
        return probe_the_line(engine);
    wake_those_of_the_line(engine);
    gint64 again = wake_delayed(engine);
    add_lanes(engine);
    gboolean started = TRUE;
    while (started) {
        started = FALSE;
        /* One each in turn, so that no host starves another. */
        for (guint i = 0; i < engine->host_order->len; i++) {
            engine->next_host = (engine->next_host + 1) % engine->host_order->len;
            if (start_waiting(engine, g_ptr_array_index(engine->host_order, engine->next_host)))
                started = TRUE;
        }
    }
    add_lanes(engine);
    give_slots_back(engine, &again);
    again = first_of(again, check_parked(engine));
    return again;
}

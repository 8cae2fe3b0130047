/*
 * The engine against an origin of our own, with every fault that a test can make.
 */
#include "engine.h"
#include "error.h"

#include "support_origin.h"

#include "support_memory_sink.h"

#define MIB (1024 * 1024)
#define PATIENCE_MS 60000

typedef struct {
    Origin *origin;
    Engine *engine;
    TaskQueue *home;
    char *slots;
} Fixture;

static EngineConfig quick_config(const char *slots)
{
    return (EngineConfig){
        .delay_min_ms = 2,
        .delay_max_ms = 20,
        .retry_after_max_ms = 10 * 1000,
        .connect_ms = 10 * 1000,
        .first_byte_ms = 20 * 1000,
        .stall_ms = 20 * 1000,
        .network_patience_ms = 2000,
        .patience_interval_ms = 50,
        .host_point_ms = 10,
        .no_proxy = (char *)"*",
        .slots_folder = (char *)slots,
    };
}

static void set_up_with(Fixture *fixture, void (*change)(EngineConfig *config))
{
    g_autoptr(GError) error = NULL;

    fixture->origin = origin_start();
    fixture->home = task_queue_new();
    fixture->slots = g_dir_make_tmp("medmirror-slots-XXXXXX", &error);
    g_assert_no_error(error);
    EngineConfig config = quick_config(fixture->slots);
    if (change != NULL)
        change(&config);
    fixture->engine = engine_new(&config, &error);
    g_assert_no_error(error);
}

static void set_up(Fixture *fixture)
{
    set_up_with(fixture, NULL);
}

static void remove_folder(const char *path)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;

    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        g_assert_cmpint(unlink(child), ==, 0);
    }
    g_assert_cmpint(rmdir(path), ==, 0);
}

static void tear_down(Fixture *fixture)
{
    engine_free(fixture->engine);
    origin_stop(fixture->origin);
    task_queue_free(fixture->home);
    remove_folder(fixture->slots);
    g_free(fixture->slots);
}

typedef struct {
    MemorySink sink;
    Transfer *transfer;
    FileSpec *file;
    gboolean is_done;
    Outcome outcome;
} Run;

static void on_done(Transfer *transfer, const Outcome *outcome, gpointer data)
{
    Run *run = data;

    g_assert_false(run->is_done);
    run->is_done = TRUE;
    outcome_copy(&run->outcome, outcome);
}

/* ADDRESSES: NULL-terminated, absolute. */
static void run_prepare(Run *run, Fixture *fixture, const char *const *addresses, guint64 capacity,
                        guint64 size, TransferSpec spec)
{
    *run = (Run){0};
    memory_sink_init(&run->sink, capacity);
    run->file = file_spec_new("a/file.bin");
    run->file->size = size;
    for (gsize i = 0; addresses[i] != NULL; i++)
        file_spec_add_address(run->file, addresses[i]);
    spec.name = "a/file.bin";
    spec.file = run->file;
    spec.sink = &run->sink.sink;
    spec.home = fixture->home;
    spec.done = on_done;
    spec.data = run;
    run->transfer = transfer_new(&spec);
}

static void run_wait(Run *run, Fixture *fixture)
{
    gint64 end = g_get_monotonic_time() + PATIENCE_MS * 1000;

    while (!run->is_done && g_get_monotonic_time() < end)
        task_queue_run(fixture->home, 100);
    g_assert_true(run->is_done);
}

static void run_clear(Run *run)
{
    transfer_free(run->transfer);
    file_spec_free(run->file);
    memory_sink_clear(&run->sink);
    outcome_clear(&run->outcome);
}

/* One file of the origin, begun with an empty sink. */
static void run_path(Run *run, Fixture *fixture, const char *path, guint64 capacity, guint64 size)
{
    g_autofree char *address = origin_address(fixture->origin, path);
    const char *const addresses[] = {address, NULL};

    run_prepare(run, fixture, addresses, capacity, size, (TransferSpec){0});
    engine_submit(fixture->engine, run->transfer);
    run_wait(run, fixture);
}

static void assert_bytes(Run *run, const OriginFile *file)
{
    g_assert_cmpstr(outcome_kind_name(run->outcome.kind), ==, "ok");
    g_assert_cmpuint(run->sink.settled_total, ==, file->size);
    g_assert_cmpuint(memory_sink_held(&run->sink), ==, file->size);
    for (guint64 i = 0; i < file->size; i++)
        if (run->sink.bytes[i] != origin_byte(file->seed, i))
            g_error("byte %" G_GUINT64_FORMAT " differs", i);
}

#define assert_outcome(run, name) g_assert_cmpstr(outcome_kind_name((run)->outcome.kind), ==, name)

static void test_whole_file(void)
{
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/whole", 300000);
    file->etag = "\"one\"";
    file->last_modified = "Mon, 01 Jan 2024 00:00:00 GMT";
    run_path(&run, &fixture, "/whole", 300000, SIZE_UNKNOWN);
    assert_bytes(&run, file);
    g_assert_cmpuint(run.sink.offers_before, ==, 1);
    g_assert_cmpuint(run.sink.offers, ==, 1);
    g_assert_cmpuint(run.sink.restarts, ==, 0);
    g_assert_cmpuint(run.sink.settles, ==, 1);
    g_assert_cmpstr(run.sink.validators->etag, ==, "\"one\"");
    g_assert_cmpuint(run.sink.validators->total, ==, 300000);
    g_assert_cmpint(transfer_status(run.transfer), ==, 200);
    g_assert_cmpstr(transfer_header(run.transfer, "etag"), ==, "\"one\"");
    g_assert_cmpuint(transfer_received(run.transfer), ==, 300000);
    const OriginRequest *request = origin_request(fixture.origin, "/whole", 0);
    g_assert_null(request->range);
    g_assert_cmpstr(request->encoding, ==, "identity");
    g_assert_true(g_str_has_prefix(request->user_agent, "medmirror/" MEDMIRROR_VERSION));
    run_clear(&run);
    tear_down(&fixture);
}

static void test_small_and_empty(void)
{
    static const guint64 sizes[] = {0, 1, 511, 512, 513};
    static const char *const paths[] = {"/0", "/1", "/511", "/512", "/513"};
    Fixture fixture;

    set_up(&fixture);
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        Run run;
        OriginFile *file = origin_add(fixture.origin, paths[i], sizes[i]);
        run_path(&run, &fixture, paths[i], sizes[i], sizes[i]);
        assert_bytes(&run, file);
        run_clear(&run);
    }
    /* One connection served all of them. */
    g_assert_cmpuint(fixture.origin->connections, ==, 1);
    tear_down(&fixture);
}

static void test_without_length(void)
{
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/chunked", 200000);
    file->chunked = TRUE;
    run_path(&run, &fixture, "/chunked", 200000, SIZE_UNKNOWN);
    assert_bytes(&run, file);
    g_assert_cmpuint(run.sink.validators->total, ==, SIZE_UNKNOWN);
    run_clear(&run);
    tear_down(&fixture);
}

static void hold(Run *run, const OriginFile *file, guint64 from, guint64 to)
{
    for (guint64 i = from; i < to; i++)
        run->sink.bytes[i] = origin_byte(file->seed, i);
    memory_sink_note(&run->sink, from, to);
    if (run->sink.validators == NULL)
        run->sink.validators = validators_new(file->etag, file->last_modified, file->size);
}

static void test_resume_with_extents(void)
{
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/resume", 500000);
    file->etag = "\"v\"";
    g_autofree char *address = origin_address(fixture.origin, "/resume");
    run_prepare(&run, &fixture, (const char *const[]){address, NULL}, 500000, 500000,
                (TransferSpec){0});
    hold(&run, file, 0, 100000);
    hold(&run, file, 200000, 450000);
    engine_submit(fixture.engine, run.transfer);
    run_wait(&run, &fixture);
    assert_bytes(&run, file);
    g_assert_false(run.sink.wrote_twice);
    g_assert_cmpuint(run.sink.offers, ==, 0);
    g_assert_cmpuint(origin_count(fixture.origin, NULL), ==, 2);
    g_assert_cmpstr(origin_request(fixture.origin, "/resume", 0)->range, ==, "bytes=100000-199999");
    g_assert_cmpstr(origin_request(fixture.origin, "/resume", 0)->if_range, ==, "\"v\"");
    g_assert_cmpstr(origin_request(fixture.origin, "/resume", 1)->range, ==, "bytes=450000-499999");
    run_clear(&run);

    /* What is whole asks for nothing. */
    run_prepare(&run, &fixture, (const char *const[]){address, NULL}, 500000, 500000,
                (TransferSpec){0});
    hold(&run, file, 0, 500000);
    engine_submit(fixture.engine, run.transfer);
    run_wait(&run, &fixture);
    assert_bytes(&run, file);
    g_assert_cmpuint(origin_count(fixture.origin, NULL), ==, 2);
    run_clear(&run);
    tear_down(&fixture);
}

static void test_range_ignored(void)
{
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/ignores", 400000);
    file->etag = "\"v\"";
    file->ignores_ranges = TRUE;
    g_autofree char *address = origin_address(fixture.origin, "/ignores");
    run_prepare(&run, &fixture, (const char *const[]){address, NULL}, 400000, 400000,
                (TransferSpec){0});
    hold(&run, file, 0, 100000);
    engine_submit(fixture.engine, run.transfer);
    run_wait(&run, &fixture);
    assert_bytes(&run, file);
    g_assert_cmpuint(run.sink.restarts, ==, 1);
    g_assert_cmpuint(run.sink.first_write, ==, 0);
    g_assert_cmpuint(origin_count(fixture.origin, NULL), ==, 1);
    run_clear(&run);
    tear_down(&fixture);
}

static void test_wrong_content_range(void)
{
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/shifted", 400000);
    file->etag = "\"v\"";
    file->shifts_range = 5;
    g_autofree char *address = origin_address(fixture.origin, "/shifted");
    run_prepare(&run, &fixture, (const char *const[]){address, NULL}, 400000, 400000,
                (TransferSpec){0});
    hold(&run, file, 0, 100000);
    engine_submit(fixture.engine, run.transfer);
    run_wait(&run, &fixture);
    assert_bytes(&run, file);
    g_assert_cmpuint(run.sink.restarts, ==, 1);
    /* Nothing of the wrong answer was stored, and the second request asked for the whole. */
    g_assert_cmpuint(run.sink.first_write, ==, 0);
    g_assert_cmpuint(origin_count(fixture.origin, NULL), ==, 2);
    g_assert_null(origin_request(fixture.origin, "/shifted", 1)->range);
    run_clear(&run);
    tear_down(&fixture);
}

static void test_changed_etag(void)
{
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/changes", 400000);
    file->etag = "\"new\"";
    g_autofree char *address = origin_address(fixture.origin, "/changes");
    run_prepare(&run, &fixture, (const char *const[]){address, NULL}, 400000, SIZE_UNKNOWN,
                (TransferSpec){0});
    run.sink.validators = validators_new("\"old\"", NULL, 300000);
    memory_sink_note(&run.sink, 0, 100000);
    engine_submit(fixture.engine, run.transfer);
    run_wait(&run, &fixture);
    assert_bytes(&run, file);
    g_assert_cmpuint(run.sink.restarts, ==, 1);
    g_assert_cmpstr(run.sink.validators->etag, ==, "\"new\"");
    g_assert_cmpstr(origin_request(fixture.origin, "/changes", 0)->if_range, ==, "\"old\"");
    run_clear(&run);
    tear_down(&fixture);
}

static void test_cut_then_resume(void)
{
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/cut", 400000);
    file->etag = "\"v\"";
    file->cut_after = 100000;
    file->cuts = 2;
    run_path(&run, &fixture, "/cut", 400000, 400000);
    assert_bytes(&run, file);
    g_assert_false(run.sink.wrote_twice);
    g_assert_cmpuint(run.sink.restarts, ==, 0);
    g_assert_cmpuint(run.sink.settles, ==, 3);
    g_assert_cmpstr(origin_request(fixture.origin, "/cut", 1)->range, ==, "bytes=100000-399999");
    g_assert_cmpstr(origin_request(fixture.origin, "/cut", 2)->range, ==, "bytes=200000-399999");
    run_clear(&run);
    tear_down(&fixture);
}

static void test_cut_without_validators(void)
{
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/weak", 400000);
    file->chunked = TRUE;
    file->cut_after = 100000;
    file->cuts = 2;
    run_path(&run, &fixture, "/weak", 400000, SIZE_UNKNOWN);
    assert_bytes(&run, file);
    g_assert_cmpuint(run.sink.restarts, ==, 2);
    g_assert_null(origin_request(fixture.origin, "/weak", 1)->range);
    run_clear(&run);

    file = origin_add(fixture.origin, "/always", 400000);
    file->chunked = TRUE;
    file->cut_after = 100000;
    file->cuts = 100;
    run_path(&run, &fixture, "/always", 400000, SIZE_UNKNOWN);
    assert_outcome(&run, "cut");
    g_assert_cmpuint(origin_count(fixture.origin, "/always"), ==, 3);
    g_assert_cmpuint(run.sink.settled_total, ==, SIZE_UNKNOWN);
    run_clear(&run);
    tear_down(&fixture);
}

static void test_lying_length(void)
{
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/lies", 100000);
    file->lies_by = 10;
    run_path(&run, &fixture, "/lies", 200000, 100000);
    assert_outcome(&run, "cut");
    g_assert_cmpuint(run.sink.settled_total, ==, SIZE_UNKNOWN);
    run_clear(&run);
    tear_down(&fixture);
}

static void short_stall(EngineConfig *config)
{
    config->stall_ms = 300;
}

static void test_stall(void)
{
    Fixture fixture;
    Run run;

    set_up_with(&fixture, short_stall);
    OriginFile *file = origin_add(fixture.origin, "/stall", 400000);
    file->etag = "\"v\"";
    file->stall_after = 150000;
    file->stalls = 1;
    run_path(&run, &fixture, "/stall", 400000, 400000);
    assert_bytes(&run, file);
    g_assert_cmpstr(origin_request(fixture.origin, "/stall", 1)->range, ==, "bytes=150000-399999");
    run_clear(&run);
    tear_down(&fixture);
}

static void test_busy(void)
{
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/busy", 1000);
    file->status = 503;
    file->statuses = 3;
    file->retry_after = "0";
    run_path(&run, &fixture, "/busy", 1000, 1000);
    assert_bytes(&run, file);
    g_assert_cmpuint(origin_count(fixture.origin, "/busy"), ==, 4);
    g_assert_cmpuint(run.sink.offers, ==, 1);
    run_clear(&run);

    gint64 begun = g_get_monotonic_time();
    file = origin_add(fixture.origin, "/later", 1000);
    file->status = 429;
    file->statuses = 1;
    file->retry_after = "1";
    run_path(&run, &fixture, "/later", 1000, 1000);
    assert_bytes(&run, file);
    g_assert_cmpint(g_get_monotonic_time() - begun, >=, 900 * 1000);
    run_clear(&run);

    file = origin_add(fixture.origin, "/never", 1000);
    file->status = 500;
    file->statuses = 100;
    run_path(&run, &fixture, "/never", 1000, 1000);
    assert_outcome(&run, "busy");
    g_assert_cmpint(run.outcome.status, ==, 500);
    g_assert_cmpstr(run.outcome.title, ==, "Trouble");
    g_assert_cmpuint(origin_count(fixture.origin, "/never"), ==, 8);
    run_clear(&run);

    /* Longer than we wait: the host is parked, and with nothing else left it ends. */
    file = origin_add(fixture.origin, "/parked", 1000);
    file->status = 503;
    file->statuses = 1;
    file->retry_after = "3600";
    run_path(&run, &fixture, "/parked", 1000, 1000);
    assert_outcome(&run, "busy");
    g_assert_cmpint(run.outcome.retry_after_ms, >, 3000 * 1000);
    g_autoptr(GError) error =
        outcome_to_error(&run.outcome, "a/file.bin", "http://h/x", NULL, NULL, NULL);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
    g_assert_nonnull(strstr(error->message, "left alone until"));
    run_clear(&run);
    tear_down(&fixture);
}

static void test_statuses(void)
{
    static const struct {
        int status;
        const char *outcome;
        guint requests;
    } rows[] = {
        {404, "absent", 1},  {410, "absent", 1},          {403, "foreign-refusal", 1},
        {401, "refused", 1}, {451, "foreign-refusal", 1}, {418, "other-status", 1},
        {407, "proxy", 1},   {202, "not-ready", 8},
    };
    Fixture fixture;

    set_up(&fixture);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_strdup_printf("/status-%d", rows[i].status);
        Run run;
        OriginFile *file = origin_add(fixture.origin, path, 100);
        file->status = rows[i].status;
        file->statuses = 100;
        run_path(&run, &fixture, path, 100, 100);
        assert_outcome(&run, rows[i].outcome);
        g_assert_cmpint(run.outcome.status, ==, rows[i].status);
        g_assert_cmpuint(origin_count(fixture.origin, path), ==, rows[i].requests);
        g_assert_cmpuint(run.sink.offers, ==, 0);
        g_assert_cmpuint(memory_sink_held(&run.sink), ==, 0);
        run_clear(&run);
        pthread_mutex_lock(&fixture.origin->mutex);
        g_hash_table_remove(fixture.origin->files, path);
        pthread_mutex_unlock(&fixture.origin->mutex);
    }
    tear_down(&fixture);
}

static void test_redirects(void)
{
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/there", 5000);
    origin_add(fixture.origin, "/here", 0)->location = "/there";
    run_path(&run, &fixture, "/here", 5000, 5000);
    assert_bytes(&run, file);
    g_assert_true(g_str_has_suffix(transfer_final_address(run.transfer), "/there"));
    run_clear(&run);

    origin_add(fixture.origin, "/loop", 0)->location = "/loop";
    run_path(&run, &fixture, "/loop", 100, 100);
    assert_outcome(&run, "redirect-refused");
    g_assert_cmpuint(origin_count(fixture.origin, "/loop"), ==, 11);
    run_clear(&run);

    origin_add(fixture.origin, "/away", 0)->location = "file:///etc/hostname";
    run_path(&run, &fixture, "/away", 100, 100);
    assert_outcome(&run, "redirect-refused");
    g_assert_cmpuint(memory_sink_held(&run.sink), ==, 0);
    run_clear(&run);
    tear_down(&fixture);
}

static Prepared *prepare_token(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                               const char *address, HostServices *services, GError **error)
{
    Prepared *prepared = g_new0(Prepared, 1);

    prepared->headers = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(prepared->headers, g_strdup("Authorization: Bearer secret-token"));
    return prepared;
}

static GPtrArray *refresh_to_nothing(const Fetcher *fetcher, const json_t *locator,
                                     const Manifest *manifest, const FileSpec *file,
                                     HostServices *services, GError **error)
{
    return g_ptr_array_new_with_free_func(g_free);
}

static const Fetcher token_fetcher = {
    .row = {.name = "token", .title = "Token"},
    .prepare = prepare_token,
    .refresh = refresh_to_nothing,
};

static void test_token_stays_with_its_host(void)
{
    Fixture fixture;
    Run run;
    Origin *other = origin_start();

    set_up(&fixture);
    OriginFile *file = origin_add(other, "/file", 5000);
    g_autofree char *target = origin_address(other, "/file");
    g_autofree char *address = origin_address(fixture.origin, "/start");
    origin_add(fixture.origin, "/start", 0)->location = target;
    run_prepare(&run, &fixture, (const char *const[]){address, NULL}, 5000, 5000,
                (TransferSpec){.fetcher = &token_fetcher});
    engine_submit(fixture.engine, run.transfer);
    run_wait(&run, &fixture);
    assert_bytes(&run, file);
    g_assert_cmpstr(origin_request(fixture.origin, "/start", 0)->authorization, ==,
                    "Bearer secret-token");
    g_assert_null(origin_request(other, "/file", 0)->authorization);
    run_clear(&run);

    /* A refused token is not sent twice. */
    OriginFile *refusing = origin_add(fixture.origin, "/refusing", 100);
    refusing->status = 401;
    refusing->statuses = 1;
    g_autofree char *second = origin_address(fixture.origin, "/refusing");
    run_prepare(&run, &fixture, (const char *const[]){second, NULL}, 100, 100,
                (TransferSpec){.fetcher = &token_fetcher});
    engine_submit(fixture.engine, run.transfer);
    run_wait(&run, &fixture);
    assert_bytes(&run, refusing);
    g_assert_nonnull(origin_request(fixture.origin, "/refusing", 0)->authorization);
    g_assert_null(origin_request(fixture.origin, "/refusing", 1)->authorization);
    run_clear(&run);
    tear_down(&fixture);
    origin_stop(other);
}

static void small_pieces(EngineConfig *config)
{
    config->piece_bytes = 2 * MIB;
    config->segment_from_bytes = 4 * MIB;
}

static guint connections_used(Origin *origin, const char *path)
{
    g_autoptr(GHashTable) used = g_hash_table_new(NULL, NULL);
    pthread_mutex_lock(&origin->mutex);
    for (guint i = 0; i < origin->requests->len; i++) {
        const OriginRequest *request = g_ptr_array_index(origin->requests, i);
        if (strcmp(request->path, path) == 0)
            g_hash_table_add(used, GUINT_TO_POINTER(request->connection));
    }
    pthread_mutex_unlock(&origin->mutex);
    return g_hash_table_size(used);
}

static void test_segments(void)
{
    Fixture fixture;
    Run run;

    set_up_with(&fixture, small_pieces);
    OriginFile *file = origin_add(fixture.origin, "/large", 64 * MIB + 17);
    file->etag = "\"large\"";
    file->pause_each_64k_ms = 1;
    run_path(&run, &fixture, "/large", file->size, file->size);
    assert_bytes(&run, file);
    g_assert_false(run.sink.wrote_twice);
    g_assert_cmpuint(run.sink.offers, ==, 1);
    g_assert_cmpuint(origin_count(fixture.origin, "/large"), ==, 33);
    g_assert_cmpuint(connections_used(fixture.origin, "/large"), ==, 8);
    for (guint i = 0; i < 33; i++)
        g_assert_nonnull(origin_request(fixture.origin, "/large", i)->range);
    run_clear(&run);

    /* A size that nobody told: the first answer shows it, and others run ahead. */
    file = origin_add(fixture.origin, "/untold", 16 * MIB);
    file->etag = "\"untold\"";
    file->pause_each_64k_ms = 1;
    run_path(&run, &fixture, "/untold", file->size, SIZE_UNKNOWN);
    assert_bytes(&run, file);
    g_assert_false(run.sink.wrote_twice);
    g_assert_cmpuint(connections_used(fixture.origin, "/untold"), >, 1);
    g_assert_null(origin_request(fixture.origin, "/untold", 0)->range);
    g_assert_nonnull(origin_request(fixture.origin, "/untold", 1)->range);
    run_clear(&run);
    tear_down(&fixture);
}

static void test_segments_with_faults(void)
{
    Fixture fixture;
    Run run;

    set_up_with(&fixture, small_pieces);
    OriginFile *file = origin_add(fixture.origin, "/cuts", 32 * MIB);
    file->etag = "\"cuts\"";
    file->cut_after = 700000;
    file->cuts = 6;
    run_path(&run, &fixture, "/cuts", file->size, file->size);
    assert_bytes(&run, file);
    g_assert_false(run.sink.wrote_twice);
    g_assert_cmpuint(run.sink.restarts, ==, 0);
    run_clear(&run);

    /* Ranges are ignored: the first answer is the whole file, and that is that. */
    file = origin_add(fixture.origin, "/whole-only", 8 * MIB);
    file->etag = "\"w\"";
    file->ignores_ranges = TRUE;
    run_path(&run, &fixture, "/whole-only", file->size, file->size);
    assert_bytes(&run, file);
    g_assert_cmpuint(origin_count(fixture.origin, "/whole-only"), ==, 1);
    run_clear(&run);

    /* Another file midway: nothing of the old one stays. */
    file = origin_add(fixture.origin, "/replaced", 8 * MIB);
    file->etag = "\"old\"";
    file->etag_after = "\"new\"";
    run_path(&run, &fixture, "/replaced", file->size, file->size);
    assert_bytes(&run, file);
    g_assert_cmpuint(run.sink.restarts, ==, 1);
    g_assert_cmpstr(run.sink.validators->etag, ==, "\"new\"");
    run_clear(&run);

    /* Parts without a validator cannot be joined. */
    file = origin_add(fixture.origin, "/unnamed", 8 * MIB);
    run_path(&run, &fixture, "/unnamed", file->size, file->size);
    assert_bytes(&run, file);
    g_assert_cmpuint(origin_count(fixture.origin, "/unnamed"), ==, 2);
    run_clear(&run);
    tear_down(&fixture);
}

static void test_next_address(void)
{
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/second", 3000);
    g_autofree char *absent = origin_address(fixture.origin, "/first");
    g_autofree char *good = origin_address(fixture.origin, "/second");
    run_prepare(&run, &fixture, (const char *const[]){"http://127.0.0.1:1/x", absent, good, NULL},
                3000, 3000, (TransferSpec){0});
    engine_submit(fixture.engine, run.transfer);
    run_wait(&run, &fixture);
    assert_bytes(&run, file);
    g_assert_cmpstr(transfer_address(run.transfer), ==, good);
    run_clear(&run);

    /* Nobody ever answered: three attempts, not a minute of patience. */
    run_prepare(&run, &fixture, (const char *const[]){"http://127.0.0.1:1/x", NULL}, 100, 100,
                (TransferSpec){.most_attempts = 1});
    engine_submit(fixture.engine, run.transfer);
    run_wait(&run, &fixture);
    assert_outcome(&run, "no-connection");
    run_clear(&run);
    tear_down(&fixture);
}

static void test_another_address_continues(void)
{
    Fixture fixture;
    Run run;
    Origin *other = origin_start();

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/f", 400000);
    OriginFile *twin = origin_add(other, "/f", 400000);
    file->etag = "\"a\"";
    twin->etag = "\"b\"";
    file->cut_after = 50000;
    file->cuts = 3;
    g_autofree char *first = origin_address(fixture.origin, "/f");
    g_autofree char *second = origin_address(other, "/f");
    run_prepare(&run, &fixture, (const char *const[]){first, second, NULL}, 400000, 400000,
                (TransferSpec){.digest_covers_all = TRUE});
    engine_submit(fixture.engine, run.transfer);
    run_wait(&run, &fixture);
    assert_bytes(&run, file);
    g_assert_false(run.sink.wrote_twice);
    g_assert_cmpstr(origin_request(other, "/f", 0)->range, ==, "bytes=150000-399999");
    g_assert_null(origin_request(other, "/f", 0)->if_range);
    run_clear(&run);
    tear_down(&fixture);
    origin_stop(other);
}

static void test_cancel(void)
{
    Fixture fixture;
    Run runs[3];

    set_up_with(&fixture, small_pieces);
    OriginFile *file = origin_add(fixture.origin, "/slow", 32 * MIB);
    file->etag = "\"slow\"";
    file->pause_each_64k_ms = 20;
    g_autofree char *address = origin_address(fixture.origin, "/slow");
    for (gsize i = 0; i < G_N_ELEMENTS(runs); i++) {
        run_prepare(&runs[i], &fixture, (const char *const[]){address, NULL}, file->size,
                    file->size, (TransferSpec){0});
        engine_submit(fixture.engine, runs[i].transfer);
    }
    while (memory_sink_held(&runs[0].sink) < MIB)
        task_queue_run(fixture.home, 5);
    guint seen_running = 0; /* the picture is some moments old */
    while (seen_running == 0) {
        task_queue_run(fixture.home, 5);
        g_autoptr(EngineSnapshot) snapshot = engine_snapshot(fixture.engine);
        seen_running = snapshot->running->len;
    }
    engine_cancel(fixture.engine);
    for (gsize i = 0; i < G_N_ELEMENTS(runs); i++) {
        run_wait(&runs[i], &fixture);
        assert_outcome(&runs[i], "cancelled");
        g_assert_cmpuint(runs[i].sink.settles, ==, runs[i].sink.offers_before);
        g_assert_cmpuint(runs[i].sink.settled_total, ==, SIZE_UNKNOWN);
        run_clear(&runs[i]);
    }
    /* What comes afterwards ends at once. */
    run_path(&runs[0], &fixture, "/slow", file->size, file->size);
    assert_outcome(&runs[0], "cancelled");
    g_assert_cmpuint(runs[0].sink.settles, ==, 0);
    run_clear(&runs[0]);
    tear_down(&fixture);
}

static void test_storage_fails(void)
{
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/full", 100000);
    file->etag = "\"v\"";
    g_autofree char *address = origin_address(fixture.origin, "/full");
    run_prepare(&run, &fixture, (const char *const[]){address, NULL}, 50000, 100000,
                (TransferSpec){0});
    engine_submit(fixture.engine, run.transfer);
    run_wait(&run, &fixture);
    assert_outcome(&run, "storage");
    g_assert_cmpint(run.outcome.error_number, ==, ENOSPC);
    g_assert_true(outcome_stops_run(&run.outcome));
    g_assert_cmpuint(origin_count(fixture.origin, NULL), ==, 1);
    run_clear(&run);
    tear_down(&fixture);
}

static void test_login_page(void)
{
    static const char page[] = "<!DOCTYPE html><html><head><title>Please log in</title></head>"
                               "<body><form><input type=\"password\"></form></body></html>";
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/login", sizeof page - 1);
    file->body = page;
    file->content_type = "text/html; charset=utf-8";
    run_path(&run, &fixture, "/login", 1000, SIZE_UNKNOWN);
    g_assert_true(run.outcome.kind == OUTCOME_REFUSED || run.outcome.kind == OUTCOME_NOT_DATA ||
                  run.outcome.kind == OUTCOME_FOREIGN_REFUSAL);
    g_assert_cmpstr(run.outcome.title, ==, "Please log in");
    g_assert_cmpuint(memory_sink_held(&run.sink), ==, 0);
    g_assert_cmpuint(run.sink.offers, ==, 0);
    run_clear(&run);
    tear_down(&fixture);
}

static void test_go_on_after_wrong_bytes(void)
{
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/wrong", 5000);
    file->etag = "\"v\"";
    run_path(&run, &fixture, "/wrong", 5000, 5000);
    assert_bytes(&run, file);
    const Outcome wrong = {.kind = OUTCOME_WRONG_BYTES, .retry_after_ms = -1};
    run.is_done = FALSE;
    engine_go_on(fixture.engine, run.transfer, &wrong);
    run_wait(&run, &fixture);
    assert_bytes(&run, file);
    g_assert_cmpuint(run.sink.restarts, ==, 1);
    g_assert_null(origin_request(fixture.origin, "/wrong", 1)->range);
    run.is_done = FALSE;
    engine_go_on(fixture.engine, run.transfer, &wrong);
    run_wait(&run, &fixture);
    assert_outcome(&run, "wrong-bytes");
    g_assert_cmpuint(origin_count(fixture.origin, "/wrong"), ==, 2);
    run_clear(&run);
    tear_down(&fixture);
}

static void slow_rate(EngineConfig *config)
{
    config->limit_rate = 8 * MIB;
}

static void test_rate(void)
{
    Fixture fixture;
    Run runs[2];

    set_up_with(&fixture, slow_rate);
    OriginFile *file = origin_add(fixture.origin, "/limited", 6 * MIB);
    g_autofree char *address = origin_address(fixture.origin, "/limited");
    gint64 begun = g_get_monotonic_time();
    for (gsize i = 0; i < 2; i++) {
        run_prepare(&runs[i], &fixture, (const char *const[]){address, NULL}, 6 * MIB, 6 * MIB,
                    (TransferSpec){0});
        engine_submit(fixture.engine, runs[i].transfer);
    }
    for (gsize i = 0; i < 2; i++) {
        run_wait(&runs[i], &fixture);
        assert_bytes(&runs[i], file);
    }
    /* 12 MiB at 8 MiB a second, less what may be owed at the end: never faster. */
    g_assert_cmpint(g_get_monotonic_time() - begun, >=, 1000 * 1000);
    run_clear(&runs[0]);
    run_clear(&runs[1]);
    tear_down(&fixture);
}

#define MANY 300

static void test_many_small_files(void)
{
    Fixture fixture;
    g_autofree Run *runs = g_new0(Run, MANY);
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) files = g_ptr_array_new();

    set_up(&fixture);
    for (guint i = 0; i < MANY; i++) {
        g_ptr_array_add(paths, g_strdup_printf("/small/%u", i));
        g_ptr_array_add(files, origin_add(fixture.origin, g_ptr_array_index(paths, i), 10 + i * 7));
        g_autofree char *address = origin_address(fixture.origin, g_ptr_array_index(paths, i));
        run_prepare(&runs[i], &fixture, (const char *const[]){address, NULL}, 10 + i * 7,
                    10 + i * 7, (TransferSpec){0});
        engine_submit(fixture.engine, runs[i].transfer);
    }
    for (guint i = 0; i < MANY; i++) {
        run_wait(&runs[i], &fixture);
        assert_bytes(&runs[i], g_ptr_array_index(files, i));
        run_clear(&runs[i]);
    }
    g_assert_cmpuint(fixture.origin->connections, <=, 8);
    g_assert_cmpuint(origin_count(fixture.origin, NULL), ==, MANY);
    tear_down(&fixture);
}

static void test_dead_line(void)
{
    Fixture fixture;
    Run run;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/line", 1000);
    run_path(&run, &fixture, "/line", 1000, 1000);
    assert_bytes(&run, file);
    run_clear(&run);
    /* After the first answer of the run, no connection at all is the line: more attempts than a
     * file has are made, and it ends by the line's own patience. */
    run_prepare(&run, &fixture, (const char *const[]){"http://127.0.0.1:1/x", NULL}, 100, 100,
                (TransferSpec){0});
    gint64 begun = g_get_monotonic_time();
    engine_submit(fixture.engine, run.transfer);
    gboolean was_down = FALSE;
    while (!run.is_done) {
        task_queue_run(fixture.home, 50);
        g_autoptr(EngineSnapshot) snapshot = engine_snapshot(fixture.engine);
        was_down = was_down || snapshot->line_down;
    }
    assert_outcome(&run, "no-connection");
    g_assert_true(was_down);
    g_assert_cmpint(g_get_monotonic_time() - begun, >=, 1900 * 1000);
    run_clear(&run);
    tear_down(&fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/engine/whole-file", test_whole_file);
    g_test_add_func("/engine/small-and-empty", test_small_and_empty);
    g_test_add_func("/engine/without-length", test_without_length);
    g_test_add_func("/engine/resume-with-extents", test_resume_with_extents);
    g_test_add_func("/engine/range-ignored", test_range_ignored);
    g_test_add_func("/engine/wrong-content-range", test_wrong_content_range);
    g_test_add_func("/engine/changed-etag", test_changed_etag);
    g_test_add_func("/engine/cut-then-resume", test_cut_then_resume);
    g_test_add_func("/engine/cut-without-validators", test_cut_without_validators);
    g_test_add_func("/engine/lying-length", test_lying_length);
    g_test_add_func("/engine/stall", test_stall);
    g_test_add_func("/engine/busy", test_busy);
    g_test_add_func("/engine/statuses", test_statuses);
    g_test_add_func("/engine/redirects", test_redirects);
    g_test_add_func("/engine/token-stays-with-its-host", test_token_stays_with_its_host);
    g_test_add_func("/engine/segments", test_segments);
    g_test_add_func("/engine/segments-with-faults", test_segments_with_faults);
    g_test_add_func("/engine/next-address", test_next_address);
    g_test_add_func("/engine/another-address-continues", test_another_address_continues);
    g_test_add_func("/engine/cancel", test_cancel);
    g_test_add_func("/engine/storage-fails", test_storage_fails);
    g_test_add_func("/engine/login-page", test_login_page);
    g_test_add_func("/engine/go-on-after-wrong-bytes", test_go_on_after_wrong_bytes);
    g_test_add_func("/engine/rate", test_rate);
    g_test_add_func("/engine/many-small-files", test_many_small_files);
    g_test_add_func("/engine/dead-line", test_dead_line);
    return g_test_run();
}

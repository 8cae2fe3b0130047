/*
 * Signed addresses of a storage beside the source: asked as they were prepared by all pieces, kept
 * over cuts, prepared anew when they expire; nothing of the source's own goes there.
 */
#include "documents.h"

#include "support_origin.h"

#include "support_memory_sink.h"

#define KIB ((guint64)1024)
#define SIZE (4 * 1024 * KIB)
#define PIECE (256 * KIB)

typedef struct {
    Origin *api, *storage;
    Engine *engine;
    char *folder;
} Fixture;

static Origin *storage_now; /* for prepare, which has no data */
static gint prepared_times;

/* Each time another signature, with the login that the source wants. */
static Prepared *prepare(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                         const char *address, HostServices *services, GError **error)
{
    Prepared *prepared = g_new0(Prepared, 1);
    guint number = (guint)g_atomic_int_add(&prepared_times, 1) + 1;

    prepared->address = g_strdup_printf("http://127.0.0.1:%u/bucket/a.zip?X-Goog-Signature=%u",
                                        storage_now->port, number);
    prepared->headers = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(prepared->headers, g_strdup("Authorization: Bearer KGAT_0123456789"));
    g_ptr_array_add(prepared->headers, g_strdup("User-Agent: Wget/1.21 medmirror"));
    return prepared;
}

static const Fetcher signing = {
    .row = {.name = "signing",
            .title = "Signing",
            .sent_digests = 1U << DIGEST_CRC32C | 1U << DIGEST_MD5},
    .prepare = prepare,
};
/* The source redirects, and prepares nothing. */
static const Fetcher redirecting = {.row = {.name = "redirecting", .title = "Redirecting"}};

static void set_up(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;

    *fixture = (Fixture){0};
    fixture->api = origin_start();
    fixture->storage = storage_now = origin_start();
    fixture->folder = g_dir_make_tmp("medmirror-slots-XXXXXX", &error);
    g_assert_no_error(error);
    g_atomic_int_set(&prepared_times, 0);
    const EngineConfig config = {
        .delay_min_ms = 2,
        .delay_max_ms = 20,
        .network_patience_ms = 2000,
        .patience_interval_ms = 50,
        .host_point_ms = 10,
        .connections_per_host = 4,
        .piece_bytes = PIECE,
        .segment_from_bytes = 4 * PIECE,
        .no_proxy = (char *)"*",
        .slots_folder = fixture->folder,
    };
    fixture->engine = engine_new(&config, &error);
    g_assert_no_error(error);
}

static void tear_down(Fixture *fixture)
{
    const char *name;

    engine_free(fixture->engine);
    origin_stop(fixture->api);
    origin_stop(fixture->storage);
    g_autoptr(GDir) folder = g_dir_open(fixture->folder, 0, NULL);
    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_build_filename(fixture->folder, name, NULL);
        g_assert_cmpint(unlink(path), ==, 0);
    }
    g_assert_cmpint(rmdir(fixture->folder), ==, 0);
    g_free(fixture->folder);
}

static const char *const signed_paths[] = {
    "/bucket/a.zip?X-Goog-Signature=1", "/bucket/a.zip?X-Goog-Signature=2",
    "/bucket/a.zip?X-Goog-Signature=3", "/bucket/a.zip?X-Goog-Signature=4",
    "/bucket/a.zip?X-Goog-Signature=5", "/bucket/a.zip?X-Goog-Signature=6",
    "/bucket/a.zip?X-Goog-Signature=7", "/bucket/a.zip?X-Goog-Signature=8",
    "/bucket/a.zip?X-Goog-Signature=9"};

/* The same object behind the signature of that NUMBER, from 1. */
static OriginFile *add_signed(Fixture *fixture, guint number)
{
    OriginFile *file = origin_add(fixture->storage, signed_paths[number - 1], SIZE);

    file->seed = 7;
    file->etag = "\"5eed\"";
    file->last_modified = "Tue, 01 Sep 2026 10:00:00 GMT";
    return file;
}

static void on_done(Transfer *transfer, const Outcome *outcome, gpointer data)
{
    outcome_copy(data, outcome);
    ((Outcome *)data)->curl_code = -1;
}

static void fetch(Fixture *fixture, const Fetcher *fetcher, guint64 size, MemorySink *sink,
                  Outcome *outcome)
{
    g_autoptr(TaskQueue) home = task_queue_new();
    g_autoptr(FileSpec) file = file_spec_new("a.zip");
    g_autofree char *address = origin_address(fixture->api, "/api/v1/datasets/download/a/b");

    memory_sink_init(sink, SIZE);
    file->size = size;
    file_spec_add_address(file, address);
    const TransferSpec spec = {.name = "a.zip",
                               .fetcher = fetcher,
                               .file = file,
                               .sink = &sink->sink,
                               .home = home,
                               .done = on_done,
                               .data = outcome};
    g_autoptr(Transfer) transfer = transfer_new(&spec);
    engine_submit(fixture->engine, transfer);
    while (outcome->curl_code != -1)
        task_queue_run(home, 1000);
    g_assert_cmpstr(transfer_address(transfer), ==, address);
}

static void assert_whole(MemorySink *sink, const Outcome *outcome, guint8 seed)
{
    g_assert_cmpstr(outcome_kind_name(outcome->kind), ==, "ok");
    g_assert_cmpuint(memory_sink_held(sink), ==, SIZE);
    for (guint64 at = 0; at < SIZE; at += 4093)
        g_assert_cmpuint(sink->bytes[at], ==, origin_byte(seed, at));
}

/* What goes to the storage says nothing of who asks. */
static void assert_nobody(Fixture *fixture)
{
    for (guint i = 0; i < fixture->storage->requests->len; i++) {
        const OriginRequest *request = g_ptr_array_index(fixture->storage->requests, i);
        g_assert_null(request->authorization);
        g_assert_null(request->cookie);
        g_assert_true(g_str_has_prefix(request->user_agent, "medmirror/"));
        g_assert_cmpstr(request->encoding, ==, "identity");
    }
}

/* Pieces side by side ask the storage; the source is asked once. */
static void test_pieces(void)
{
    Fixture fixture;
    MemorySink sink;
    g_auto(Outcome) outcome = {0};

    set_up(&fixture);
    add_signed(&fixture, 1)->pause_each_64k_ms = 1;
    fetch(&fixture, &signing, SIZE, &sink, &outcome);
    assert_whole(&sink, &outcome, 7);
    g_assert_cmpint(g_atomic_int_get(&prepared_times), ==, 1);
    g_assert_cmpuint(origin_count(fixture.api, NULL), ==, 0);
    g_assert_cmpuint(origin_count(fixture.storage, signed_paths[0]), ==, SIZE / PIECE);
    g_assert_cmpuint(fixture.storage->connections, >, 1);
    g_assert_false(sink.wrote_twice);
    assert_nobody(&fixture);
    memory_sink_clear(&sink);
    tear_down(&fixture);
}

/* A connection that is cut does not ask the source again; an address that has expired does, and
 * what is here stays. */
static void test_cut_and_expired(void)
{
    Fixture fixture;
    MemorySink sink;
    g_auto(Outcome) outcome = {0};

    set_up(&fixture);
    OriginFile *first = add_signed(&fixture, 1);
    first->cuts = 3;
    first->cut_after = PIECE / 2;
    first->expires_after = 9;
    add_signed(&fixture, 2);
    fetch(&fixture, &signing, SIZE, &sink, &outcome);
    assert_whole(&sink, &outcome, 7);
    g_assert_cmpint(g_atomic_int_get(&prepared_times), ==, 2);
    g_assert_cmpuint(origin_count(fixture.storage, signed_paths[0]), >, 9);
    g_assert_cmpstr(origin_request(fixture.storage, signed_paths[1], 0)->if_range, ==, "\"5eed\"");
    g_assert_cmpuint(sink.restarts, ==, 0);
    g_assert_false(sink.wrote_twice);
    assert_nobody(&fixture);
    memory_sink_clear(&sink);
    tear_down(&fixture);
}

static void check_changed(const char *etag, const char *generation, const char *hash,
                          gboolean goes_on)
{
    Fixture fixture;
    MemorySink sink;
    g_auto(Outcome) outcome = {0};

    set_up(&fixture);
    OriginFile *first = add_signed(&fixture, 1);
    first->expires_after = 5;
    first->generation = "1700000000000001";
    first->hash = "crc32c=4waSgw==,md5=JfnnlDI7RTiF9RgfG2JNCw==";
    OriginFile *second = add_signed(&fixture, 2);
    OriginFile *third = add_signed(&fixture, 3);
    second->seed = third->seed = goes_on ? 7 : 8;
    second->etag = third->etag = etag;
    second->generation = third->generation = generation;
    second->hash = third->hash = hash;
    fetch(&fixture, &signing, SIZE, &sink, &outcome);
    assert_whole(&sink, &outcome, goes_on ? 7 : 8);
    g_assert_cmpuint(sink.restarts, ==, goes_on ? 0 : 1);
    memory_sink_clear(&sink);
    tear_down(&fixture);
}

/* Behind the fresh address lies another object: nothing of both is joined. */
static void test_changed(void)
{
    check_changed("\"5eed\"", "1700000000000001", NULL, TRUE);
    check_changed("\"5eed\"", NULL, "crc32c=4waSgw==", TRUE);
    check_changed("\"07he7\"", "1700000000000002", NULL, FALSE);
    check_changed("\"5eed\"", "1700000000000002", NULL, FALSE);
    check_changed("\"5eed\"", NULL, "crc32c=AAAAAA==", FALSE);
}

/* The source's own redirect: later pieces ask where it led, and when that has expired it is asked
 * again. */
static void test_redirect_expired(void)
{
    Fixture fixture;
    MemorySink sink;
    g_auto(Outcome) outcome = {0};

    set_up(&fixture);
    OriginFile *file = add_signed(&fixture, 1);
    file->expires_after = 6;
    g_autofree char *there = origin_address(fixture.storage, signed_paths[0]);
    OriginFile *download = origin_add(fixture.api, "/api/v1/datasets/download/a/b", 0);
    download->location = there;
    add_signed(&fixture, 2);
    g_autofree char *there_again = origin_address(fixture.storage, signed_paths[1]);
    download->location_after = there_again;
    fetch(&fixture, &redirecting, SIZE, &sink, &outcome);
    assert_whole(&sink, &outcome, 7);
    g_assert_cmpuint(origin_count(fixture.api, NULL), ==, 2);
    g_assert_cmpuint(sink.restarts, ==, 0);
    g_assert_false(sink.wrote_twice);
    memory_sink_clear(&sink);
    tear_down(&fixture);
}

/* Each is dead when it comes: that ends, and nobody is asked for ever. */
static void test_always_expired(void)
{
    Fixture fixture;
    MemorySink sink;
    g_auto(Outcome) outcome = {0};

    set_up(&fixture);
    for (guint i = 1; i <= G_N_ELEMENTS(signed_paths); i++) {
        OriginFile *file = add_signed(&fixture, i);
        file->expires_after = 1;
        file->asked = 1;
    }
    fetch(&fixture, &signing, SIZE, &sink, &outcome);
    g_assert_cmpstr(outcome_kind_name(outcome.kind), ==, "expired");
    g_assert_cmpint(g_atomic_int_get(&prepared_times), <=, 9);
    g_assert_null(strstr(outcome.address, "X-Goog"));
    memory_sink_clear(&sink);
    tear_down(&fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/signed/pieces", test_pieces);
    g_test_add_func("/signed/cut-and-expired", test_cut_and_expired);
    g_test_add_func("/signed/changed", test_changed);
    g_test_add_func("/signed/redirect-expired", test_redirect_expired);
    g_test_add_func("/signed/always-expired", test_always_expired);
    return g_test_run();
}

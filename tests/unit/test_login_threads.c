/* A login on its way: what goes with it, where it stays, and where its use ends. PhysioNet's
 * fetcher over the engine. */
#include "documents.h"
#include "error.h"
#include "own_folders.h"
#include "sources.h"
#include "support_memory_sink.h"
#include "support_origin.h"

#define VERSION "/files/mimiciii/1.4/"
#define RIGHT "Basic YW5hOnNlY3JldCBvZiBhbmE=" /* ana:secret of ana */
#define SIZE 3000
#define PIECE 4096
#define LARGE (16 * PIECE)

typedef struct {
    Origin *origin, *other;
    char *base;
    Credentials *credentials;
    Endpoints *endpoints;
    Engine *engine;
    HostServices *services;
} Fixture;

static void set_up(Fixture *fixture, const char *password)
{
    g_autoptr(GError) error = NULL;
    g_setenv("PHYSIONET_USERNAME", "ana", TRUE);
    if (password)
        g_setenv("PHYSIONET_PASSWORD", password, TRUE);
    else
        g_unsetenv("PHYSIONET_PASSWORD");
    fixture->origin = origin_start();
    fixture->other = origin_start();
    fixture->base = origin_address(fixture->origin, "");
    fixture->credentials = credentials_new();
    fixture->endpoints = endpoints_new();
    g_autofree char *setting = g_strconcat("physionet=", fixture->base, NULL);
    g_assert_true(endpoints_set(fixture->endpoints, setting, &error));
    const EngineConfig config = {
        .delay_min_ms = 2,
        .delay_max_ms = 20,
        .no_proxy = (char *)"*",
        .piece_bytes = PIECE,
        .segment_from_bytes = 4 * PIECE,
        .slots_folder = (char *)g_get_user_runtime_dir(),
        .endpoints = fixture->endpoints,
        .credentials = fixture->credentials,
    };
    fixture->engine = engine_new(&config, &error);
    g_assert_no_error(error);
    fixture->services = documents_new(fixture->engine, fixture->endpoints, NULL, NULL);
}

static void tear_down(Fixture *fixture)
{
    documents_free(fixture->services);
    engine_free(fixture->engine);
    credentials_free(fixture->credentials);
    endpoints_free(fixture->endpoints);
    origin_stop(fixture->origin);
    origin_stop(fixture->other);
    g_free(fixture->base);
}

static OriginFile *add_closed(Fixture *fixture, const char *path)
{
    OriginFile *file = origin_add(fixture->origin, path, SIZE);
    file->wants = RIGHT;
    file->etag = "\"1-2\"";
    return file;
}

static void on_done(Transfer *transfer, const Outcome *outcome, gpointer data)
{
    outcome_copy(data, outcome);
    ((Outcome *)data)->curl_code = -1;
}

typedef struct {
    MemorySink sink;
    Transfer *transfer;
    Outcome outcome;
} File;

static void file_begin(Fixture *fixture, File *file, const char *path, guint64 size,
                       TaskQueue *home)
{
    g_autoptr(FileSpec) spec = file_spec_new("file");
    g_autofree char *address = origin_address(fixture->origin, path);
    memory_sink_init(&file->sink, size);
    file_spec_add_address(spec, address);
    spec->size = size;
    const TransferSpec transfer = {.name = "file",
                                   .fetcher = &physionet_fetcher,
                                   .file = spec,
                                   .sink = &file->sink.sink,
                                   .home = home,
                                   .done = on_done,
                                   .data = &file->outcome};
    file->outcome = (Outcome){0};
    file->transfer = transfer_new(&transfer);
    engine_submit(fixture->engine, file->transfer);
}

static void file_end(File *file, TaskQueue *home)
{
    while (file->outcome.curl_code != -1)
        task_queue_run(home, 1000);
}

static void file_clear(File *file)
{
    transfer_free(file->transfer);
    memory_sink_clear(&file->sink);
    outcome_clear(&file->outcome);
}

/* How it ended, as OUTCOME; the file is cleared. */
static void fetch_of(Fixture *fixture, const char *path, guint64 size, Outcome *outcome)
{
    g_autoptr(TaskQueue) home = task_queue_new();
    File file;
    file_begin(fixture, &file, path, size, home);
    file_end(&file, home);
    outcome_copy(outcome, &file.outcome);
    file_clear(&file);
}

static void fetch(Fixture *fixture, const char *path, Outcome *outcome)
{
    fetch_of(fixture, path, SIZE, outcome);
}

static guint count_logins(Origin *origin)
{
    guint count = 0;
    pthread_mutex_lock(&origin->mutex);
    for (guint i = 0; i < origin->requests->len; i++)
        count += ((OriginRequest *)g_ptr_array_index(origin->requests, i))->authorization != NULL;
    pthread_mutex_unlock(&origin->mutex);
    return count;
}

/* Refused without, shown once by itself, then with each request; cookies are kept. */
static void test_file(void)
{
    Fixture fixture;
    g_auto(Outcome) outcome = {0};
    set_up(&fixture, "secret of ana");
    add_closed(&fixture, VERSION "a");
    add_closed(&fixture, VERSION "b");
    origin_add(fixture.origin, "/files/mitdb/1.0.0/c", SIZE);
    fetch(&fixture, VERSION "a", &outcome);
    g_assert_cmpstr(outcome_kind_name(outcome.kind), ==, "ok");
    const OriginRequest *first = origin_request(fixture.origin, VERSION "a", 0);
    const OriginRequest *proof = origin_request(fixture.origin, VERSION "a", 1);
    const OriginRequest *file = origin_request(fixture.origin, VERSION "a", 2);
    g_assert_null(first->authorization);
    g_assert_null(first->cookie);
    g_assert_true(g_str_has_prefix(first->user_agent, "medmirror/"));
    g_assert_cmpstr(proof->method, ==, "HEAD");
    g_assert_cmpstr(proof->authorization, ==, RIGHT);
    g_assert_cmpstr(proof->cookie, ==, "testcookie=1");
    g_assert_cmpstr(file->method, ==, "GET");
    g_assert_cmpstr(file->authorization, ==, RIGHT);
    g_assert_true(g_str_has_prefix(file->user_agent, "Wget/1.21 (medmirror/"));
    g_assert_nonnull(strstr(file->cookie, "session=1"));

    /* The next one goes with it at once; what is open never does. */
    outcome_clear(&outcome);
    fetch(&fixture, VERSION "b", &outcome);
    g_assert_cmpstr(outcome_kind_name(outcome.kind), ==, "ok");
    g_assert_cmpuint(origin_count(fixture.origin, VERSION "b"), ==, 1);
    g_assert_cmpstr(origin_request(fixture.origin, VERSION "b", 0)->authorization, ==, RIGHT);
    outcome_clear(&outcome);
    fetch(&fixture, "/files/mitdb/1.0.0/c", &outcome);
    const OriginRequest *open = origin_request(fixture.origin, "/files/mitdb/1.0.0/c", 0);
    g_assert_null(open->authorization);
    g_assert_true(g_str_has_prefix(open->user_agent, "medmirror/"));
    tear_down(&fixture);
}

#define MANY 24
static const char *const many[MANY] = {
    VERSION "00", VERSION "01", VERSION "02", VERSION "03", VERSION "04", VERSION "05",
    VERSION "06", VERSION "07", VERSION "08", VERSION "09", VERSION "10", VERSION "11",
    VERSION "12", VERSION "13", VERSION "14", VERSION "15", VERSION "16", VERSION "17",
    VERSION "18", VERSION "19", VERSION "20", VERSION "21", VERSION "22", VERSION "23",
};

static void fetch_many(Fixture *fixture, OutcomeKind kind, File *files)
{
    g_autoptr(TaskQueue) home = task_queue_new();
    for (gsize i = 0; i < MANY; i++)
        add_closed(fixture, many[i]);
    for (gsize i = 0; i < MANY; i++)
        file_begin(fixture, &files[i], many[i], SIZE, home);
    for (gsize i = 0; i < MANY; i++) {
        file_end(&files[i], home);
        g_assert_cmpstr(outcome_kind_name(files[i].outcome.kind), ==, outcome_kind_name(kind));
    }
}

/* However many are asked for at once, a wrong password is shown once. */
static void test_wrong(void)
{
    Fixture fixture;
    File files[MANY];
    set_up(&fixture, "secret of bob");
    fetch_many(&fixture, OUTCOME_REFUSED, files);
    g_assert_cmpuint(count_logins(fixture.origin), ==, 1);
    for (gsize i = 0; i < MANY; i++) {
        g_assert_true(files[i].outcome.is_explained);
        g_autoptr(GError) error = outcome_to_error(&files[i].outcome, "file", "mimic-iii",
                                                   &physionet_fetcher, NULL, NULL);
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
        g_assert_nonnull(strstr(error->message, "PHYSIONET_PASSWORD"));
        g_assert_nonnull(strstr(error->message, "medmirror login physionet"));
        g_assert_null(strstr(error->message, "secret"));
        file_clear(&files[i]);
    }
    tear_down(&fixture);
}

static void test_right(void)
{
    Fixture fixture;
    File files[MANY];
    set_up(&fixture, "secret of ana");
    fetch_many(&fixture, OUTCOME_OK, files);
    for (gsize i = 0; i < MANY; i++)
        file_clear(&files[i]);
    tear_down(&fixture);
}

static void test_none(void)
{
    Fixture fixture;
    g_auto(Outcome) outcome = {0};
    set_up(&fixture, NULL);
    add_closed(&fixture, VERSION "a");
    fetch(&fixture, VERSION "a", &outcome);
    g_assert_cmpstr(outcome_kind_name(outcome.kind), ==, outcome_kind_name(OUTCOME_REFUSED));
    g_assert_true(outcome.is_explained);
    g_assert_false(outcome_stops_run(&outcome));
    g_assert_nonnull(strstr(outcome.detail, "medmirror login physionet"));
    g_assert_cmpuint(origin_count(fixture.origin, VERSION "a"), ==, 1);
    tear_down(&fixture);
}

/* Right when it was shown, and not any more: the first refusal ends its use, and the run. */
static void test_changed(void)
{
    Fixture fixture;
    g_auto(Outcome) outcome = {0};
    g_autoptr(GError) error = NULL;
    set_up(&fixture, "secret of ana");
    g_autofree char *prefix = g_strconcat(fixture.base, VERSION, NULL);
    add_closed(&fixture, VERSION "a")->wants = "Basic another";
    add_closed(&fixture, VERSION "b");
    credentials_guard(fixture.credentials, "physionet", prefix);
    fetch(&fixture, VERSION "a", &outcome);
    g_assert_cmpstr(outcome_kind_name(outcome.kind), ==, outcome_kind_name(OUTCOME_REFUSED));
    g_assert_true(outcome_stops_run(&outcome));
    g_assert_cmpuint(origin_count(fixture.origin, VERSION "a"), ==, 1);
    outcome_clear(&outcome);
    fetch(&fixture, VERSION "b", &outcome);
    g_assert_cmpstr(outcome_kind_name(outcome.kind), ==, outcome_kind_name(OUTCOME_REFUSED));
    g_assert_cmpuint(origin_count(fixture.origin, VERSION "b"), ==, 0);
    g_assert_null(credentials_find(fixture.credentials, "physionet", prefix, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
    tear_down(&fixture);
}

/* Neither login nor cookie follows a redirect to another host. */
static void test_redirect(void)
{
    Fixture fixture;
    g_auto(Outcome) outcome = {0};
    set_up(&fixture, "secret of ana");
    g_autofree char *prefix = g_strconcat(fixture.base, VERSION, NULL);
    g_autofree char *there = origin_address(fixture.other, "/there");
    add_closed(&fixture, VERSION "a");
    OriginFile *leads = add_closed(&fixture, VERSION "b");
    leads->location = there;
    origin_add(fixture.other, "/there", SIZE);
    credentials_guard(fixture.credentials, "physionet", prefix);
    fetch(&fixture, VERSION "a", &outcome);
    outcome_clear(&outcome);
    fetch(&fixture, VERSION "b", &outcome);
    g_assert_cmpstr(outcome_kind_name(outcome.kind), ==, "ok");
    g_assert_nonnull(strstr(origin_request(fixture.origin, VERSION "b", 0)->cookie, "session=1"));
    const OriginRequest *elsewhere = origin_request(fixture.other, "/there", 0);
    g_assert_null(elsewhere->authorization);
    g_assert_null(elsewhere->cookie);
    g_assert_true(g_str_has_prefix(elsewhere->user_agent, "medmirror/"));

    /* Nor do the further pieces of a large file, which are asked for there at once. */
    outcome_clear(&outcome);
    OriginFile *large = origin_add(fixture.other, "/large", LARGE);
    large->etag = "\"1-3\"";
    g_autofree char *far = origin_address(fixture.other, "/large");
    add_closed(&fixture, VERSION "c")->location = far;
    fetch_of(&fixture, VERSION "c", LARGE, &outcome);
    g_assert_cmpstr(outcome_kind_name(outcome.kind), ==, "ok");
    g_assert_cmpuint(origin_count(fixture.other, "/large"), >, 4);
    g_assert_cmpuint(origin_count(fixture.origin, VERSION "c"), <, 4);
    g_assert_cmpuint(count_logins(fixture.other), ==, 0);
    tear_down(&fixture);
}

/* Documents below a guarded prefix carry it, whoever asks for them. */
static void test_documents(void)
{
    Fixture fixture;
    g_autoptr(GError) error = NULL;
    set_up(&fixture, "secret of ana");
    g_autofree char *prefix = g_strconcat(fixture.base, VERSION, NULL);
    g_autofree char *a = g_strconcat(prefix, "a", NULL);
    g_autofree char *b = g_strconcat(prefix, "b", NULL);
    add_closed(&fixture, VERSION "a");
    add_closed(&fixture, VERSION "b")->wants = "Basic another";
    int status = -1;
    DocumentRequest request = {.url = a, .status = &status};
    g_assert_null(fixture.services->get(fixture.services, &request, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
    g_assert_cmpint(status, ==, 403);
    g_clear_error(&error);
    fixture.services->guard(fixture.services, "physionet", prefix);
    g_autoptr(Document) document = fixture.services->get(fixture.services, &request, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(document->length, ==, SIZE);
    g_assert_cmpint(status, ==, 200);
    g_assert_cmpstr(origin_request(fixture.origin, VERSION "a", 1)->authorization, ==, RIGHT);

    /* Refused: no document is asked for with it any more. */
    request.url = b;
    g_assert_null(fixture.services->get(fixture.services, &request, &error));
    g_assert_cmpint(status, ==, 401);
    g_clear_error(&error);
    request.url = a;
    g_assert_null(fixture.services->get(fixture.services, &request, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
    g_assert_cmpuint(origin_count(fixture.origin, VERSION "a"), ==, 2);
    g_assert_cmpuint(origin_count(fixture.origin, VERSION "b"), ==, 1);
    tear_down(&fixture);
}

int main(int argc, char **argv)
{
    char *top = own_folders_begin();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/login/a file", test_file);
    g_test_add_func("/login/wrong", test_wrong);
    g_test_add_func("/login/right", test_right);
    g_test_add_func("/login/none", test_none);
    g_test_add_func("/login/changed", test_changed);
    g_test_add_func("/login/redirect", test_redirect);
    g_test_add_func("/login/documents", test_documents);
    return own_folders_end(top, g_test_run());
}

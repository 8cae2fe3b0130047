/* Kaggle: what its documents say, and what is asked of it. */
#include "kaggle_api.h"
#include "kaggle_facts.h"
#include "kaggle_listing.h"
#include "sources.h"
#include "support_fake_host.h"

#define BASE "https://www.kaggle.com"
#define API BASE "/api/v1"
#define RPC "https://api.kaggle.com/v1/"
#define JSON_TYPE "application/json"
#define SIGNED                                                                                     \
    "https://storage.googleapis.com:443/kaggle-data-sets/1/2/bundle/"                              \
    "archive.zip?X-Goog-Signature=x"

/* Documents. */

static void add_croissant(KaggleFacts *facts, const char *archive)
{
    g_autofree char *text = g_strdup_printf(
        "{\"@type\":\"sc:Dataset\",\"name\":\"T\",\"license\":{\"name\":\"MIT\"},\"dateModified\":"
        "\"2026-03-27T15:16:05.7Z\",\"citeAs\":\"\",\"distribution\":[{\"@type\":\"cr:FileSet\"},"
        "{\"@type\":\"cr:FileObject\",\"contentUrl\":\"x.csv\",\"md5\":\"no\"},%s]}",
        archive);
    json_auto_t *json = json_loads(text, 0, NULL);
    g_assert_nonnull(json);
    g_assert_true(kaggle_facts_add_croissant(facts, json));
}

static void test_croissant(void)
{
    static const char at[] = "\"contentUrl\":\"" API "/datasets/download/a/b";
    static const struct {
        const char *rest, *version, *md5;
        guint64 size;
    } cases[] = {
        {"?datasetVersionNumber=4\",\"contentSize\":\"98.305 KB\",\"md5\":"
         "\"zW6hk+us6JWXnT7xutqIUA==\"",
         "4", "cd6ea193ebace895979d3ef1bada8850", 100665},
        {"?datasetVersionNumber=4\",\"md5\":\"CD6EA193EBACE895979D3EF1BADA8850\"", "4",
         "cd6ea193ebace895979d3ef1bada8850", SIZE_UNKNOWN},
        {"?datasetVersionNumber=4\",\"md5\":\"nonsense\"", "4", NULL, SIZE_UNKNOWN},
        {"?datasetVersionNumber=4\"", "4", NULL, SIZE_UNKNOWN},
        {"\",\"md5\":\"zW6hk+us6JWXnT7xutqIUA==\"", NULL, NULL, SIZE_UNKNOWN},
        {"?datasetVersionNumber=0\"", NULL, NULL, SIZE_UNKNOWN},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(KaggleFacts) facts = {.archive_bytes = SIZE_UNKNOWN};
        g_autofree char *archive = g_strdup_printf("{%s%s}", at, cases[i].rest);
        add_croissant(&facts, archive);
        g_autofree char *md5 = facts.has_md5 ? digest_to_hex(&facts.md5) : NULL;
        g_assert_cmpstr(facts.version, ==, cases[i].version);
        g_assert_cmpstr(md5, ==, cases[i].md5);
        g_assert_cmpuint(facts.archive_bytes, ==, cases[i].size);
        g_assert_cmpstr(facts.licence, ==, "MIT");
        g_assert_cmpstr(facts.changed, ==, "2026-03-27");
        g_assert_null(facts.citation);
    }
    static const char *const none[] = {"{}", "[]", "17", "{\"distribution\":{}}"};
    for (gsize i = 0; i < G_N_ELEMENTS(none); i++) {
        g_auto(KaggleFacts) facts = {0};
        json_auto_t *json = json_loads(none[i], JSON_DECODE_ANY, NULL);
        g_assert_false(kaggle_facts_add_croissant(&facts, json));
    }
}

static void test_view(void)
{
    static const char *const views[] = {
        "{\"ref\":\"a/"
        "b\",\"title\":\"T\",\"currentVersionNumber\":3,\"totalBytes\":0,\"versions\":["
        "{\"versionNumber\":1,\"creationDate\":\"2019-03-16T15:56:52.083Z\"},{\"versionNumber\":3},"
        "{\"versionNumber\":2,\"status\":\"Deleted\"},{\"versionNumber\":0},17]}",
        "{\"ref\":\"a/b\",\"titleNullable\":\"T\",\"title\":\"\",\"hasTitle\":true,"
        "\"currentVersionNumberNullable\":3,\"totalBytesNullable\":0,\"versions\":["
        "{\"versionNumber\":3},{\"versionNumberNullable\":1,\"creationDate\":\"2019-03-16\"},"
        "{\"versionNumber\":2,\"status\":\"DELETED\"}]}",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(views); i++) {
        g_auto(KaggleFacts) facts = {.archive_bytes = SIZE_UNKNOWN};
        json_auto_t *json = json_loads(views[i], 0, NULL);
        g_assert_true(kaggle_facts_add_view(&facts, json));
        g_assert_cmpstr(facts.version, ==, "3");
        g_assert_cmpstr(facts.title, ==, "T");
        g_assert_true(facts.is_closed);
        g_assert_cmpuint(facts.versions->len, ==, 3);
        g_assert_cmpuint(g_array_index(facts.versions, KaggleVersion, 0).number, ==, 3);
        g_assert_true(kaggle_facts_version(&facts, "2")->is_deleted);
        g_assert_cmpstr(kaggle_facts_version(&facts, "1")->created, ==, "2019-03-16");
        g_assert_null(kaggle_facts_version(&facts, "7"));
    }
    g_auto(KaggleFacts) facts = {0};
    json_auto_t *nothing = json_pack("{s:s}", "x", "y");
    g_assert_false(kaggle_facts_add_view(&facts, nothing));
}

static void test_small_texts(void)
{
    static const struct {
        const char *text;
        guint64 size;
    } sizes[] = {{"0 B", 0},
                 {"17 B", 17},
                 {"1 KB", 1024},
                 {"1.5 MB", 1572864},
                 {"4.074 GB", 4374424191},
                 {"98.305 KB", 100665},
                 {"1 XB", SIZE_UNKNOWN},
                 {"KB", SIZE_UNKNOWN},
                 {"-1 KB", SIZE_UNKNOWN},
                 {"nan KB", SIZE_UNKNOWN},
                 {"1e300 PB", SIZE_UNKNOWN},
                 {"", SIZE_UNKNOWN},
                 {NULL, SIZE_UNKNOWN}};
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++)
        g_assert_cmpuint(kaggle_rounded_size(sizes[i].text), ==, sizes[i].size);
    static const char *const dates[][2] = {{"2026-03-27T15:16:05.7Z", "2026-03-27"},
                                           {"2019-03-16T15:56:52.0830000Z", "2019-03-16"},
                                           {"2019-03-16", "2019-03-16"},
                                           {"2019-13-16", NULL},
                                           {"2019-3-16", NULL},
                                           {"0001-01-01T00:00:00", "0001-01-01"},
                                           {"", NULL},
                                           {NULL, NULL}};
    for (gsize i = 0; i < G_N_ELEMENTS(dates); i++) {
        g_autofree char *date = kaggle_date(dates[i][0]);
        g_assert_cmpstr(date, ==, dates[i][1]);
    }
}

/* Listings. */

typedef struct {
    FakeTaker fake;
    GString *members; /* a line each: "path size" */
} Taker;

static gboolean take_member(gpointer data, const char *archive, const char *path, guint64 size,
                            GError **error)
{
    Taker *taker = data;
    g_string_append_printf(taker->members, "%s %" G_GINT64_FORMAT "\n", path,
                           size == SIZE_UNKNOWN ? (gint64)-1 : (gint64)size);
    return TRUE;
}

static void taker_init(Taker *taker)
{
    fake_taker_init(&taker->fake);
    taker->fake.taker.data = taker;
    taker->fake.taker.member = take_member;
    taker->members = g_string_new(NULL);
}

static void taker_clear(Taker *taker)
{
    fake_taker_clear(&taker->fake);
    g_string_free(taker->members, TRUE);
}

#define LIST API "/datasets/list/a/b?datasetVersionNumber=4&pageSize=200"

static void serve_json(FakeHost *host, const char *url, const char *body)
{
    fake_serve(host, url, 200, JSON_TYPE, body);
}

static KaggleDoor open_door(FakeHost *host, const char *locator_text)
{
    json_auto_t *locator = json_loads(locator_text, 0, NULL);
    KaggleDoor door;
    kaggle_door_open(&door, &host->services, locator, NULL);
    return door;
}

static void test_pages(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    g_auto(KaggleDoor) door = open_door(host, "{\"dataset\":\"a/b\"}");
    g_auto(KaggleListing) listing = {0};
    g_autoptr(GError) error = NULL;
    Taker taker;
    taker_init(&taker);
    serve_json(host, LIST,
               "{\"datasetFiles\":[{\"name\":\"x/1.png\",\"totalBytes\":28160,\"creationDate\":"
               "\"2021-01-31T05:11:49.000Z\"},{\"name\":\"../evil\"},{\"nameNullable\":\"y\"}],"
               "\"errorMessage\":null,\"nextPageToken\":\"t1\"}");
    serve_json(host, LIST "&pageToken=t1", "{\"datasetFiles\":[],\"nextPageToken\":\"t2\"}");
    serve_json(host, LIST "&pageToken=t2",
               "{\"files\":[{\"name\":\"z\",\"totalBytes\":4000000000,\"creationDate\":"
               "\"2022-01-31T05:11:49Z\"}],\"nextPageToken\":\"\"}");
    g_assert_true(kaggle_listing_begin(&listing, &door, "4", &error));
    g_assert_true(kaggle_listing_tell(&listing, "b.zip", &taker.fake.taker, &error));
    g_assert_cmpstr(taker.members->str, ==, "x/1.png 28160\ny -1\nz 4000000000\n");
    g_assert_cmpuint(listing.files, ==, 3);
    g_assert_cmpuint(listing.unsafe, ==, 1);
    g_assert_cmpstr(listing.newest, ==, "2022-01-31");
    g_assert_null(listing.left);
    taker_clear(&taker);
}

/* A list that never ends is left, whichever way it does not end. */
static void test_endless_pages(void)
{
    static const struct {
        const char *first, *second, *files;
        const char *left;
    } cases[] = {
        {"t1", "t1", "{\"name\":\"x\"}", "called as the one before"},
        {"t1", NULL, "{\"name\":\"x\"}", "404"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        g_auto(KaggleDoor) door = open_door(host, "{\"dataset\":\"a/b\"}");
        g_auto(KaggleListing) listing = {0};
        Taker taker;
        taker_init(&taker);
        g_autofree char *first = g_strdup_printf("{\"datasetFiles\":[%s],\"nextPageToken\":\"%s\"}",
                                                 cases[i].files, cases[i].first);
        serve_json(host, LIST, first);
        if (cases[i].second)
            serve_json(host, LIST "&pageToken=t1", first);
        g_assert_true(kaggle_listing_begin(&listing, &door, "4", NULL));
        g_assert_true(kaggle_listing_tell(&listing, "b.zip", &taker.fake.taker, NULL));
        g_assert_nonnull(listing.left);
        g_assert_nonnull(strstr(listing.left, cases[i].left));
        taker_clear(&taker);
    }
    /* Empty ones, each with another token. */
    g_autoptr(FakeHost) host = fake_host_new();
    g_auto(KaggleDoor) door = open_door(host, "{\"dataset\":\"a/b\"}");
    g_auto(KaggleListing) listing = {0};
    Taker taker;
    taker_init(&taker);
    serve_json(host, LIST, "{\"datasetFiles\":[],\"nextPageToken\":\"0\"}");
    for (guint i = 0; i < 200; i++) {
        g_autofree char *url = g_strdup_printf("%s&pageToken=%u", LIST, i);
        g_autofree char *body =
            g_strdup_printf("{\"datasetFiles\":[],\"nextPageToken\":\"%u\"}", i + 1);
        serve_json(host, url, body);
    }
    g_assert_true(kaggle_listing_begin(&listing, &door, "4", NULL));
    g_assert_true(kaggle_listing_tell(&listing, "b.zip", &taker.fake.taker, NULL));
    g_assert_nonnull(listing.left);
    g_assert_cmpuint(listing.pages, ==, 10);
    taker_clear(&taker);
}

/* Resolving. */

#define CROISSANT BASE "/datasets/a/b/croissant/download"
#define DOCUMENT(version, md5)                                                                     \
    "{\"name\":\"T\",\"license\":{\"name\":\"MIT\"},\"distribution\":[{\"contentUrl\":\"" API      \
    "/datasets/download/a/b?datasetVersionNumber=" version                                         \
    "\",\"contentSize\":\"1 KB\",\"md5\":\"" md5 "\"}]}"
#define MD5_ONE "zW6hk+us6JWXnT7xutqIUA=="
#define MD5_TWO "HCum2fdmoPkhtjie2rukYg=="

static ResolveResult resolve(FakeHost *host, const char *locator_text, const char *version,
                             const char *token, Taker *taker, GError **error)
{
    json_auto_t *locator = json_loads(locator_text, 0, NULL);
    const ResolveRequest request = {.locator = locator, .version = version, .state_token = token};
    taker_init(taker);
    return kaggle_fetcher.resolve(&kaggle_fetcher, &request, &host->services, &taker->fake.taker,
                                  error);
}

static void serve_small_set(FakeHost *host)
{
    serve_json(host, CROISSANT, DOCUMENT("4", MD5_ONE));
    serve_json(host, API "/datasets/files/summary/a/b?datasetVersionNumber=4",
               "{\"fileSummaryInfo\":{\"totalFileCount\":2,\"fileTypes\":[]}}");
    serve_json(host, LIST,
               "{\"datasetFiles\":[{\"name\":\"x.csv\",\"totalBytes\":7}],\"nextPageToken\":\"\"}");
    serve_json(
        host, API "/datasets/view/a/b",
        "{\"ref\":\"a/b\",\"currentVersionNumber\":4,\"lastUpdated\":\"2026-01-02T00:00:00Z\","
        "\"versions\":[{\"versionNumber\":3},{\"versionNumber\":4}]}");
}

static void test_resolve(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    g_autoptr(GError) error = NULL;
    Taker taker;
    serve_small_set(host);
    g_assert_cmpint(resolve(host, "{\"dataset\":\"a/b\"}", NULL, NULL, &taker, &error), ==,
                    RESOLVE_LISTED);
    g_assert_no_error(error);
    g_assert_cmpstr(taker.fake.files->str, ==, "b.zip 1024~ archive +md5:cd6ea193\n");
    g_assert_cmpstr(taker.fake.addresses->str, ==,
                    "b.zip " API "/datasets/download/a/b?datasetVersionNumber=4\n");
    g_assert_cmpstr(taker.members->str, ==, "x.csv 7\n");
    const ListingHead *head = taker.fake.head;
    g_assert_cmpstr(head->version, ==, "4");
    g_assert_cmpstr(head->licence, ==, "MIT");
    g_assert_true(head->is_one_archive && !head->is_restricted);
    /* The summary counts two. */
    g_assert_cmpuint(head->notes->len, ==, 1);
    g_assert_nonnull(strstr(head->notes->pdata[0], "counts 2"));
    g_autofree char *token = g_strdup(head->state_token);
    taker_clear(&taker);

    g_assert_cmpint(resolve(host, "{\"dataset\":\"a/b\"}", NULL, token, &taker, &error), ==,
                    RESOLVE_UNCHANGED);
    taker_clear(&taker);
    /* The digest that is not told any more is no change; another one is. */
    fake_serve(host, CROISSANT, 404, "text/html", "<html>");
    g_assert_cmpint(resolve(host, "{\"dataset\":\"a/b\"}", NULL, token, &taker, &error), ==,
                    RESOLVE_UNCHANGED);
    taker_clear(&taker);
    serve_json(host, CROISSANT, DOCUMENT("4", MD5_TWO));
    g_assert_cmpint(resolve(host, "{\"dataset\":\"a/b\"}", NULL, token, &taker, &error), ==,
                    RESOLVE_LISTED);
    g_assert_nonnull(strstr(taker.fake.files->str, "+md5:1c2ba6d9"));
    taker_clear(&taker);
}

static void test_resolve_version(void)
{
    static const struct {
        const char *wanted;
        gboolean there;
    } cases[] = {{"4", TRUE}, {"3", TRUE}, {"2", TRUE}, {"5", FALSE}, {"0", FALSE}, {"x", FALSE}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        g_autoptr(GError) error = NULL;
        Taker taker;
        serve_small_set(host);
        host->cancelled = FALSE;
        ResolveResult result =
            resolve(host, "{\"dataset\":\"a/b\"}", cases[i].wanted, "{}", &taker, &error);
        g_test_message("%s", cases[i].wanted);
        if (!cases[i].there) {
            g_assert_cmpint(result, ==, RESOLVE_FAILED);
            g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
            g_assert_nonnull(strstr(error->message, "4, 3"));
        } else {
            g_assert_cmpstr(taker.fake.head->version, ==, cases[i].wanted);
            gboolean has_md5 = strstr(taker.fake.files->str, "+md5") != NULL;
            g_assert_cmpint(has_md5, ==, strcmp(cases[i].wanted, "4") == 0);
        }
        taker_clear(&taker);
    }
}

static void test_long_lists(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    Taker taker;
    serve_small_set(host);
    serve_json(host, API "/datasets/files/summary/a/b?datasetVersionNumber=4",
               "{\"fileSummaryInfo\":{\"totalFileCount\":1000000}}");
    g_assert_cmpint(resolve(host, "{\"dataset\":\"a/b\"}", NULL, NULL, &taker, NULL), ==,
                    RESOLVE_LISTED);
    g_assert_cmpstr(taker.members->str, ==, "");
    g_assert_nonnull(strstr(taker.fake.head->notes->pdata[0], "1000000"));
    g_autofree char *asked = fake_asked(host);
    g_assert_null(strstr(asked, "/datasets/list/"));
    taker_clear(&taker);
}

/* Where GET is gone the calls are asked by POST; where Kaggle itself refuses they are not. */
static void test_faces(void)
{
    static const struct {
        int status;
        const char *type, *body;
        gboolean down, other_face;
    } cases[] = {
        {404, "text/html", "<html>", FALSE, TRUE},
        {410, NULL, "", FALSE, TRUE},
        {200, "text/html", "<!DOCTYPE html><title>x</title>", FALSE, TRUE},
        {200, NULL, "", TRUE, TRUE},
        {500, JSON_TYPE, "{}", FALSE, TRUE},
        {404, JSON_TYPE, "{\"code\":404,\"message\":\"Not found\"}", FALSE, FALSE},
        {429, JSON_TYPE, "{\"code\":429}", FALSE, FALSE},
        {403, JSON_TYPE, "{\"code\":403,\"message\":\"Forbidden\"}", FALSE, FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        g_autoptr(GError) error = NULL;
        json_auto_t *locator = json_pack("{s:s}", "dataset", "a/b");
        fake_serve(host, API "/datasets/view/a/b", cases[i].status, cases[i].type, cases[i].body)
            ->down = cases[i].down;
        serve_json(host, RPC "datasets.DatasetApiService/GetDataset",
                   "{\"ref\":\"a/b\",\"currentVersionNumber\":7}");
        g_autoptr(GPtrArray) versions =
            kaggle_fetcher.versions(&kaggle_fetcher, locator, &host->services, &error);
        g_test_message("%d %s", cases[i].status, cases[i].body);
        g_assert_cmpint(versions != NULL, ==, cases[i].other_face);
        if (versions)
            g_assert_cmpstr(versions->pdata[0], ==, "7");
    }
}

/* Signed addresses. */

static Prepared *prepare(FakeHost *host, const char *locator_text, const char *address,
                         GError **error)
{
    json_auto_t *locator = json_loads(locator_text, 0, NULL);
    g_autoptr(FileSpec) file = file_spec_new("x");
    return kaggle_fetcher.prepare(&kaggle_fetcher, locator, file, address, &host->services, error);
}

static void test_prepare(void)
{
    static const char archive[] = API "/datasets/download/a/b?datasetVersionNumber=4";
    g_autoptr(FakeHost) host = fake_host_new();
    g_autoptr(GError) error = NULL;
    fake_serve(host, archive, 302, NULL, "")->location = SIGNED;
    g_autoptr(Prepared) prepared = prepare(host, "{\"dataset\":\"a/b\"}", archive, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(prepared->address, ==, SIGNED);
    g_assert_null(prepared->headers);
    g_assert_false(prepared->by_login);
    /* What is not Kaggle's is asked as it is. */
    g_autoptr(Prepared) foreign =
        prepare(host, "{\"dataset\":\"a/b\"}", "https://example.org/x.csv", &error);
    g_assert_null(foreign->address);
    /* To its own login page. */
    fake_serve(host, archive, 302, NULL, "")->location = BASE "/account/login?ReturnUrl=x";
    g_assert_null(prepare(host, "{\"dataset\":\"a/b\"}", archive, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
    g_clear_error(&error);
    /* In a circle. */
    fake_serve(host, archive, 302, NULL, "")->location = archive;
    g_assert_null(prepare(host, "{\"dataset\":\"a/b\"}", archive, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
    g_clear_error(&error);
    /* The file itself. */
    fake_serve(host, archive, 200, "application/zip", "PK");
    g_autoptr(Prepared) direct = prepare(host, "{\"dataset\":\"a/b\"}", archive, &error);
    g_assert_no_error(error);
    g_assert_null(direct->address);
}

static void test_login_where_refused(void)
{
    static const char archive[] = API "/datasets/download/a/b?datasetVersionNumber=4";
    g_autoptr(FakeHost) host = fake_host_new();
    g_autoptr(GError) error = NULL;
    FakeAnswer *answer = fake_serve(host, archive, 302, NULL, "");
    answer->location = SIGNED;
    answer->login = "ana:key";
    g_assert_null(prepare(host, "{\"dataset\":\"a/b\"}", archive, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
    g_clear_error(&error);
    fake_log_in(host, "ana", "key");
    g_autoptr(Prepared) prepared = prepare(host, "{\"dataset\":\"a/b\"}", archive, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(prepared->address, ==, SIGNED);
    g_assert_null(prepared->headers); /* nothing of the login goes to the storage */
    g_assert_true(prepared->by_login);
    g_assert_true(fake_is_guarded(&host->services, archive));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/kaggle/croissant", test_croissant);
    g_test_add_func("/kaggle/view", test_view);
    g_test_add_func("/kaggle/small-texts", test_small_texts);
    g_test_add_func("/kaggle/pages", test_pages);
    g_test_add_func("/kaggle/endless-pages", test_endless_pages);
    g_test_add_func("/kaggle/resolve", test_resolve);
    g_test_add_func("/kaggle/resolve-version", test_resolve_version);
    g_test_add_func("/kaggle/long-lists", test_long_lists);
    g_test_add_func("/kaggle/faces", test_faces);
    g_test_add_func("/kaggle/prepare", test_prepare);
    g_test_add_func("/kaggle/login-where-refused", test_login_where_refused);
    return g_test_run();
}

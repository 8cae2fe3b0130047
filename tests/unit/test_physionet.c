/* The PhysioNet fetcher: names, versions, the list of digests, listings where it lacks, refusals.
 */
#include "physionet_project.h"
#include "sources.h"
#include "support_fake_host.h"

#define SITE "https://physionet.org"
#define FILES SITE "/files/mitdb/1.0.0/"
#define SUMS FILES "SHA256SUMS.txt"
#define CONTENT SITE "/content/mitdb/"
#define FACTS SITE "/api/v1/projects/mitdb/versions/1.0.0/"
#define OLD_FACTS SITE "/api/v1/project/published/mitdb/1.0.0/"
#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char sums[] = SHA_B " RECORDS\n" SHA_A " 100.dat\n" SHA_A " sub/a b+c.csv.gz\n" SHA_B
                                 " LICENSE.txt\n" SHA_B " LICENSE.txt\n";
static const char facts[] =
    "{\"slug\":\"mitdb\",\"version\":\"1.0.0\",\"title\":\"MIT-BIH Arrhythmia Database\","
    "\"license\":{\"name\":\"ODC-By 1.0\"},\"version_doi\":\"10.13026/C2F305\","
    "\"publish_date\":\"2005-02-24\",\"main_storage_size\":104300000,\"access_policy\":\"Open\"}";

typedef struct {
    const char *name, *ref, *version; /* ref NULL: refused */
} NameCase;

static void check_names(void)
{
    static const NameCase names[] = {
        {"mitdb", "physionet/mitdb", NULL},
        {"mitdb/1.0.0", "physionet/mitdb", "1.0.0"},
        {"mitdb/", "physionet/mitdb", NULL},
        {"ptb-xl/1.10.24", "physionet/ptb-xl", "1.10.24"},
        {"mimic3cdb", "physionet/mimiciii", NULL},
        {"", NULL, NULL},
        {"a b", NULL, NULL},
        {"../x", NULL, NULL},
        {"mitdb/latest", NULL, NULL},
        {"mitdb/1.0.0/100.dat", NULL, NULL},
        {"mitdb/1..0", NULL, NULL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_test_message("%s", names[i].name);
        g_autofree char *version = NULL;
        g_autoptr(GError) error = NULL;
        json_auto_t *locator = physionet_fetcher.locator_from_name(&physionet_fetcher,
                                                                   names[i].name, &version, &error);
        g_assert_cmpstr(version, ==, names[i].version);
        if (!names[i].ref) {
            g_assert_null(locator);
            g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
            continue;
        }
        g_assert_true(physionet_fetcher.check_locator(&physionet_fetcher, locator, NULL));
        g_autofree char *ref = physionet_fetcher.ref(&physionet_fetcher, locator);
        g_autofree char *folder = physionet_fetcher.folder(&physionet_fetcher, locator, "some-id");
        g_assert_cmpstr(ref, ==, names[i].ref);
        g_assert_cmpstr(folder, ==, names[i].ref);
    }
}

static void check_addresses(void)
{
    static const NameCase addresses[] = {
        {SITE "/content/mitdb/1.0.0/", "physionet/mitdb", "1.0.0"},
        {SITE "/content/mitdb/", "physionet/mitdb", NULL},
        {SITE "/content/mitdb", "physionet/mitdb", NULL},
        {SITE "/content/mitdb/get-zip/1.0.0/", "physionet/mitdb", "1.0.0"},
        {SITE "/files/mitdb/1.0.0/100.dat?download", "physionet/mitdb", "1.0.0"},
        {SITE "/static/published-projects/mitdb/1.0.0/", "physionet/mitdb", "1.0.0"},
        {SITE "/static/published-projects/mitdb/mit-bih-arrhythmia-database-1.0.0.zip",
         "physionet/mitdb", NULL},
        {"http://physionet.org/physiobank/database/mitdb/", "physionet/mitdb", NULL},
        {SITE "/physiobank/database/mimic3cdb/", "physionet/mimiciii", NULL},
        {SITE "/challenge/2021/", "physionet/challenge-2021", NULL},
        {SITE "/sign-dua/mimiciii/1.4/", "physionet/mimiciii", "1.4"},
        {SITE "/api/v1/projects/mitdb/versions/1.0.0/", "physionet/mitdb", "1.0.0"},
        {SITE "/api/v1/projects/published/", NULL, NULL},
        {"https://physionet.mit.edu/content/mitdb/", "physionet/mitdb", NULL},
        {"https://physionet-open.s3.amazonaws.com/mimic-iv-demo/2.2/hosp/a.csv.gz",
         "physionet/mimic-iv-demo", "2.2"},
        {SITE "/", NULL, NULL},
        {SITE "/about/", NULL, NULL},
        {"https://example.org/content/mitdb/1.0.0/", NULL, NULL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(addresses); i++) {
        g_test_message("%s", addresses[i].name);
        json_t *locator = NULL;
        g_autofree char *version = NULL;
        const Fetcher *fetcher = fetcher_find_by_address(addresses[i].name, &locator, &version);
        g_assert_cmpstr(fetcher->row.name, ==, addresses[i].ref ? "physionet" : "http");
        g_assert_cmpstr(version, ==, addresses[i].version);
        if (addresses[i].ref) {
            g_autofree char *ref = fetcher->ref(fetcher, locator);
            g_assert_cmpstr(ref, ==, addresses[i].ref);
        }
        json_decref(locator);
    }
}

static void check_locators(void)
{
    static const char *const wrong[] = {"{}",
                                        "{\"project\":\"a b\"}",
                                        "{\"project\":5}",
                                        "{\"project\":\"x\",\"bucket\":\"yes\"}",
                                        "{\"project\":\"x\",\"version\":\"new\"}",
                                        "{\"slug\":\"x\"}"};
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        json_auto_t *locator = json_loads(wrong[i], 0, NULL);
        g_autoptr(GError) error = NULL;
        g_test_message("%s", wrong[i]);
        g_assert_false(physionet_fetcher.check_locator(&physionet_fetcher, locator, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    }
}

static void check_order(void)
{
    static const char *const rising[] = {"0.9",   "1.0",    "1.0.0", "1.0.3", "1.4",
                                         "1.9.2", "1.10.0", "2.0",   "10.0",  "10.5.24"};
    for (guint i = 0; i < G_N_ELEMENTS(rising); i++)
        for (guint j = 0; j < G_N_ELEMENTS(rising); j++) {
            int order = project_version_compare(rising[i], rising[j]);
            g_assert_cmpint((order > 0) - (order < 0), ==, (i > j) - (i < j));
        }
    static const char *const wrong[] = {"", ".", "1.", ".1", "1..0", "v1.0", "1.0-rc", "latest"};
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_false(project_version_is_valid(wrong[i]));
}

static ResolveResult resolve(FakeHost *host, FakeTaker *taker, const char *locator_text,
                             const char *version, const char *token, const Manifest *manifest,
                             GError **error)
{
    json_auto_t *locator = json_loads(locator_text, 0, NULL);
    g_assert_true(physionet_fetcher.check_locator(&physionet_fetcher, locator, NULL));
    ResolveRequest request = {
        .locator = locator, .version = version, .state_token = token, .manifest = manifest};
    return physionet_fetcher.resolve(&physionet_fetcher, &request, &host->services, &taker->taker,
                                     error);
}

static FakeHost *usual_host(void)
{
    FakeHost *host = fake_host_new();
    fake_serve(host, CONTENT, 200, "text/html", "<html>")->final_url = CONTENT "1.0.0/";
    FakeAnswer *list = fake_serve(host, SUMS, 200, "text/plain", sums);
    list->etag = "\"65938e00-dc\"";
    list->modified = "Tue, 02 Jan 2024 03:04:05 GMT";
    fake_serve(host, FACTS, 200, "application/json", facts);
    return host;
}

#define MITDB "{\"project\":\"mitdb\"}"

static void check_listed(void)
{
    g_autoptr(FakeHost) host = usual_host();
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(host, &taker, MITDB, NULL, NULL, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_no_error(error);
    g_autofree char *itself =
        g_strdup_printf("SHA256SUMS.txt %zu 2024-01-02T03:04:05 checksums ?\n", strlen(sums));
    g_assert_true(g_str_has_prefix(taker.files->str, itself));
    g_assert_cmpstr(taker.files->str + strlen(itself), ==,
                    "RECORDS - data +sha256:bbbbbbbb\n100.dat - data +sha256:aaaaaaaa\n"
                    "sub/a b+c.csv.gz - data +sha256:aaaaaaaa\n"
                    "LICENSE.txt - licence +sha256:bbbbbbbb\n"
                    "LICENSE.txt - licence +sha256:bbbbbbbb\n");
    g_assert_nonnull(
        strstr(taker.addresses->str, "sub/a b+c.csv.gz " FILES "sub/a%20b%2Bc.csv.gz\n"));
    g_assert_null(strstr(taker.addresses->str, "s3.amazonaws.com"));
    g_assert_cmpstr(taker.head->version, ==, "1.0.0");
    g_assert_cmpstr(taker.head->newest_change, ==, "2005-02-24");
    g_assert_cmpuint(taker.head->total_bytes, ==, 104300000);
    g_assert_cmpstr(taker.head->title, ==, "MIT-BIH Arrhythmia Database");
    g_assert_cmpstr(taker.head->licence, ==, "ODC-By 1.0");
    g_assert_cmpstr(taker.head->citation, ==, "10.13026/C2F305");
    g_assert_cmpstr(taker.head->homepage, ==, "https://physionet.org/content/mitdb/1.0.0/");
    g_assert_false(taker.head->state_is_weak);
    g_assert_false(taker.head->is_one_archive);
    g_autofree char *asked = fake_asked(host);
    g_assert_cmpstr(asked, ==, "HEAD " CONTENT "\nGET " SUMS "\nGET " FACTS " ?\n");

    /* Known: two cheap questions, or one where the version is named. */
    g_autofree char *token = g_strdup(taker.head->state_token);
    guint count = taker.count;
    g_ptr_array_set_size(host->asked, 0);
    g_assert_cmpint(resolve(host, &taker, MITDB, NULL, token, NULL, &error), ==, RESOLVE_UNCHANGED);
    g_assert_cmpint(resolve(host, &taker, MITDB, "1.0.0", token, NULL, &error), ==,
                    RESOLVE_UNCHANGED);
    g_assert_cmpuint(taker.count, ==, count);
    g_assert_cmpstr(taker.head->state_token, ==, token);
    g_autofree char *again = fake_asked(host);
    g_assert_cmpstr(again, ==, "HEAD " CONTENT "\nGET " SUMS "\nGET " SUMS "\n");

    /* The list changed; or the token is of another version. */
    ((FakeAnswer *)g_hash_table_lookup(host->answers, SUMS))->etag = "\"65938e01-dc\"";
    g_assert_cmpint(resolve(host, &taker, MITDB, NULL, token, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_cmpint(resolve(host, &taker, MITDB, NULL,
                            "{\"etag\":\"\\\"x\\\"\",\"version\":\"0.9\"}", NULL, &error),
                    ==, RESOLVE_LISTED);
    g_assert_cmpint(resolve(host, &taker, MITDB, NULL, "no token", NULL, &error), ==,
                    RESOLVE_LISTED);
}

static void check_bucket(void)
{
    static const char locator[] = "{\"project\":\"mitdb\",\"bucket\":true}";
    g_autoptr(FakeHost) host = usual_host();
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(host, &taker, locator, "1.0.0", NULL, NULL, &error), ==,
                    RESOLVE_LISTED);
    g_assert_nonnull(
        strstr(taker.addresses->str,
               "100.dat " FILES "100.dat\n"
               "100.dat https://physionet-open.s3.amazonaws.com/mitdb/1.0.0/100.dat\n"));

    /* The site does not answer, the bucket does. */
    ((FakeAnswer *)g_hash_table_lookup(host->answers, SUMS))->down = TRUE;
    fake_serve(host, "https://physionet-open.s3.amazonaws.com/mitdb/1.0.0/SHA256SUMS.txt", 200,
               "text/plain", sums);
    g_assert_cmpint(resolve(host, &taker, locator, "1.0.0", NULL, NULL, &error), ==,
                    RESOLVE_LISTED);
    g_autofree char *notes = fake_notes(&taker);
    g_assert_nonnull(strstr(notes, "came from the bucket"));

    /* Sent elsewhere without an endpoint for the bucket: it is not asked. */
    g_autoptr(FakeHost) local = fake_host_new();
    g_hash_table_insert(local->bases, (gpointer) "physionet", (gpointer) "http://127.0.0.1:1");
    fake_serve(local, "http://127.0.0.1:1/files/mitdb/1.0.0/SHA256SUMS.txt", 200, "text/plain",
               sums);
    g_string_truncate(taker.addresses, 0);
    g_assert_cmpint(resolve(local, &taker, locator, "1.0.0", NULL, NULL, &error), ==,
                    RESOLVE_LISTED);
    g_assert_nonnull(
        strstr(taker.addresses->str, "100.dat http://127.0.0.1:1/files/mitdb/1.0.0/100.dat\n"));
    g_assert_null(strstr(taker.addresses->str, "amazonaws"));
    for (guint i = 0; i < local->asked->len; i++)
        g_assert_nonnull(strstr(local->asked->pdata[i], "http://127.0.0.1:1/"));
}

/* The ways to the newest version. */
static void check_newest(void)
{
    static const char versions_2025[] =
        "[{\"slug\":\"mitdb\",\"version\":\"1.9.2\"},{\"slug\":\"mitdb\",\"version\":\"1.10.0\"},"
        "{\"slug\":\"mitdb\",\"version\":\"1.4\"},{\"slug\":\"mitdb\",\"version\":\"x\"}]";
    g_autoptr(GError) error = NULL;
    g_autoptr(FakeHost) host = fake_host_new();

    /* No HEAD: the page itself. */
    FakeAnswer *page = fake_serve(host, CONTENT, 200, "text/html", "<html>");
    page->final_url = CONTENT "1.10.0/";
    page->head_status = 405;
    g_autofree char *by_page = project_newest(&host->services, SITE, "mitdb", &error);
    g_assert_cmpstr(by_page, ==, "1.10.0");

    /* The page does not tell: the API of 2025, then that of 2024. */
    fake_serve(host, CONTENT, 200, "text/html", "<html>");
    fake_serve(host, SITE "/api/v1/projects/mitdb/versions/", 200, "application/json",
               versions_2025);
    g_autofree char *by_new = project_newest(&host->services, SITE, "mitdb", &error);
    g_assert_cmpstr(by_new, ==, "1.10.0");
    g_autoptr(GPtrArray) all = project_versions(&host->services, SITE, "mitdb", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(all->len, ==, 3);
    g_assert_cmpstr(all->pdata[1], ==, "1.9.2");
    g_assert_cmpstr(all->pdata[2], ==, "1.4");
    fake_serve(host, SITE "/api/v1/projects/mitdb/versions/", 404, "application/json",
               "{\"detail\":\"Not found.\"}");
    fake_serve(host, SITE "/api/v1/project/published/mitdb/", 200, "application/json",
               versions_2025);
    g_autofree char *by_old = project_newest(&host->services, SITE, "mitdb", &error);
    g_assert_cmpstr(by_old, ==, "1.10.0");

    /* The API is throttled: what the page tells is all. */
    fake_serve(host, SITE "/api/v1/projects/mitdb/versions/", 429, "application/json", "{}");
    fake_serve(host, SITE "/api/v1/project/published/mitdb/", 429, "application/json", "{}");
    fake_serve(host, CONTENT, 200, "text/html", "<html>")->final_url = CONTENT "1.10.0/";
    g_autoptr(GPtrArray) one = project_versions(&host->services, SITE, "mitdb", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(one->len, ==, 1);

    /* Down, and no such project. */
    fake_serve(host, CONTENT, 503, "text/html", "<html>");
    g_assert_null(project_newest(&host->services, SITE, "mitdb", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
    g_clear_error(&error);
    g_assert_null(project_newest(&host->services, SITE, "nosuch", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
    g_assert_nonnull(strstr(error->message, "PhysioNet has no project \"nosuch\""));
}

static void check_recorded_version(void)
{
    static const char locator[] = "{\"project\":\"mitdb\",\"version\":\"1.0.0\"}";
    g_autoptr(FakeHost) host = usual_host();
    fake_serve(host, CONTENT, 0, NULL, "")->down = TRUE;
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(host, &taker, locator, NULL, NULL, NULL, &error), ==, RESOLVE_LISTED);
    g_autofree char *notes = fake_notes(&taker);
    g_assert_nonnull(strstr(notes, "the one that the catalogue names is taken, 1.0.0"));
    g_assert_cmpint(resolve(host, &taker, MITDB, NULL, NULL, NULL, &error), ==, RESOLVE_FAILED);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
    g_clear_error(&error);
    g_assert_cmpint(resolve(host, &taker, locator, NULL, "{}", NULL, &error), ==, RESOLVE_FAILED);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
}

static void check_facts(void)
{
    g_autoptr(FakeHost) host = usual_host();
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    /* The API of 2024. */
    fake_serve(host, FACTS, 404, "application/json", "{\"detail\":\"Not found.\"}");
    fake_serve(host, OLD_FACTS, 200, "application/json",
               "{\"title\":\"T\",\"doi\":\"10.1/x\",\"publish_datetime\":\"2005-02-24T00:00:00Z\","
               "\"main_storage_size\":7}");
    g_assert_cmpint(resolve(host, &taker, MITDB, "1.0.0", NULL, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_cmpuint(taker.head->total_bytes, ==, 7);
    g_assert_cmpstr(taker.head->newest_change, ==, "2005-02-24");
    /* Throttled: the catalogue's figure, and a word. */
    static const char json[] =
        "{\"id\":\"mitdb\",\"kind\":\"dataset\",\"title\":{\"en\":\"M\",\"zh\":\"M\"},"
        "\"source\":\"physionet\",\"locator\":{\"project\":\"mitdb\"},\"access\":\"open\","
        "\"size\":104000000,\"files\":[{\"path\":\"100.dat\",\"size\":1950000}]}";
    g_autoptr(Manifest) manifest = manifest_parse(json, strlen(json), "x.json", &error);
    g_assert_no_error(error);
    fake_serve(host, FACTS, 429, "application/json", "{\"detail\":\"Request was throttled.\"}");
    g_string_truncate(taker.files, 0);
    g_assert_cmpint(resolve(host, &taker, MITDB, "1.0.0", NULL, manifest, &error), ==,
                    RESOLVE_LISTED);
    g_assert_cmpuint(taker.head->total_bytes, ==, 104000000);
    g_assert_cmpstr(taker.head->title, ==, "M");
    g_autofree char *notes = fake_notes(&taker);
    g_assert_nonnull(strstr(notes, "HTTP status 429"));
    g_assert_nonnull(strstr(notes, "The size is the catalogue's"));
    g_assert_nonnull(strstr(taker.files->str, "100.dat 1950000 data +sha256:aaaaaaaa\n"));
}

/* Without a list the index is read; nobody vouches then. */
static void check_no_list(void)
{
    g_autoptr(FakeHost) host = usual_host();
    fake_serve(host, SUMS, 404, "text/html", "<html>");
    fake_serve(host, FILES, 200, "text/html",
               "<html><head><title>Index of /files/mitdb/1.0.0/</title></head><body><pre>"
               "<a href=\"../\">../</a>\n<a href=\"x/\">x/</a>  02-Jan-2024 03:04  -\n"
               "<a href=\"100.dat\">100.dat</a>  02-Jan-2024 03:04  1950000\n</pre>");
    fake_serve(host, FILES "x/", 200, "text/html",
               "<title>Index of /files/mitdb/1.0.0/x/</title><pre><a href=\"../\">../</a>\n"
               "<a href=\"a.hea\">a.hea</a>  03-Jan-2024 03:04  7\n</pre>");
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(host, &taker, "{\"project\":\"mitdb\",\"bucket\":true}", "1.0.0", NULL,
                            NULL, &error),
                    ==, RESOLVE_LISTED);
    g_assert_no_error(error);
    g_assert_cmpstr(taker.files->str, ==,
                    "100.dat 1950000 2024-01-02T03:04 data\nx/a.hea 7 2024-01-03T03:04 data\n");
    g_assert_cmpstr(taker.addresses->str, ==,
                    "100.dat " FILES "100.dat\n"
                    "100.dat https://physionet-open.s3.amazonaws.com/mitdb/1.0.0/100.dat\n"
                    "x/a.hea " FILES "x/a.hea\n"
                    "x/a.hea https://physionet-open.s3.amazonaws.com/mitdb/1.0.0/x/a.hea\n");
    g_autofree char *notes = fake_notes(&taker);
    g_assert_nonnull(strstr(notes, "has no SHA256SUMS.txt"));
    g_assert_cmpstr(taker.head->version, ==, "1.0.0");
    g_assert_null(taker.head->state_token);
}

typedef struct {
    const char *list;
    int code;
    const char *says;
} ListCase;

static void check_wrong_lists(void)
{
    static const ListCase lists[] = {
        {SHA_A " ../../etc/passwd\n", MEDMIRROR_ERROR_UNSAFE,
         "SHA256SUMS.txt of physionet/mitdb 1.0.0"},
        {SHA_A " /etc/passwd\n", MEDMIRROR_ERROR_UNSAFE, "SHA256SUMS.txt of physionet/mitdb 1.0.0"},
        {SHA_A " a\x01"
               "b\n",
         MEDMIRROR_ERROR_UNSAFE, "SHA256SUMS.txt of physionet/mitdb 1.0.0"},
        {"<!DOCTYPE html><html><title>Log in</title></html>\n", MEDMIRROR_ERROR_ORIGIN,
         "SHA256SUMS.txt"},
        {SHA_A " a.dat\nabc\n", MEDMIRROR_ERROR_ORIGIN, "SHA256SUMS.txt"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_autoptr(FakeHost) host = usual_host();
        fake_serve(host, SUMS, 200, "text/plain", lists[i].list);
        g_auto(FakeTaker) taker;
        fake_taker_init(&taker);
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(resolve(host, &taker, MITDB, "1.0.0", NULL, NULL, &error), ==,
                        RESOLVE_FAILED);
        g_test_message("%s", error->message);
        g_assert_error(error, MEDMIRROR_ERROR, lists[i].code);
        g_assert_nonnull(strstr(error->message, lists[i].says));
    }
}

#define CLOSED SITE "/files/mimiciii/1.4/"
#define CLOSED_SUMS CLOSED "SHA256SUMS.txt"
#define CLOSED_FACTS SITE "/api/v1/projects/mimiciii/versions/1.4/"
#define MIMIC "{\"project\":\"mimiciii\"}"
#define RIGHT "ana:p\xc3\xa4ssword: 1"

static Manifest *closed_manifest(void)
{
    static const char json[] =
        "{\"id\":\"mimic-iii\",\"kind\":\"dataset\",\"title\":{\"en\":\"M\",\"zh\":\"M\"},"
        "\"source\":\"physionet\",\"locator\":{\"project\":\"mimiciii\",\"version\":\"1.4\"},"
        "\"access\":\"application\",\"related\":[\"mimic-iii-demo\"]}";
    g_autoptr(GError) error = NULL;
    Manifest *manifest = manifest_parse(json, strlen(json), "x.json", &error);
    g_assert_no_error(error);
    return manifest;
}

/* A project that lets in who knows RIGHT. */
static FakeHost *closed_host(const char *access)
{
    FakeHost *host = fake_host_new();
    FakeAnswer *list = fake_serve(host, CLOSED_SUMS, 200, "text/plain", SHA_A " NOTES.csv.gz\n");
    list->login = RIGHT;
    list->etag = "\"1-2\"";
    fake_serve(host, CLOSED "NOTES.csv.gz", 200, "application/gzip", "x")->login = RIGHT;
    g_autofree char *json = g_strdup_printf("{\"access_policy\":\"%s\"}", access);
    fake_serve(host, CLOSED_FACTS, 200, "application/json", json);
    return host;
}

typedef struct {
    const char *name, *access;
    gboolean in_catalogue;
    const char *user, *password; /* NULL: no login is here */
    gboolean no_right;
    const char *asked;   /* for the list */
    const char *says[6]; /* in this order */
    const char *silent;  /* is not said */
} RefusalCase;

static const RefusalCase refusals[] = {
    {"nobody, known as closed",
     "Credentialed",
     TRUE,
     NULL,
     NULL,
     FALSE,
     "GET " CLOSED_SUMS "\n",
     {"without a login", SITE "/content/mimiciii/1.4/",
      SITE "/content/mimiciii/view-required-training/1.4/", SITE "/sign-dua/mimiciii/1.4/",
      "medmirror login physionet", "medmirror pull mimic-iii"},
     "region"},
    {"nobody, closed as the API says",
     "Restricted",
     FALSE,
     NULL,
     NULL,
     FALSE,
     "GET " CLOSED_SUMS "\n",
     {"without a login", SITE "/sign-dua/mimiciii/1.4/", "medmirror login physionet",
      "medmirror pull physionet/mimiciii@1.4"},
     "training"},
    {"nobody, and a person decides",
     "Contributor Review",
     FALSE,
     NULL,
     NULL,
     FALSE,
     "GET " CLOSED_SUMS "\n",
     {"without a login", "view-required-training", SITE "/request-access/mimiciii/1.4/",
      "medmirror login physionet"},
     "sign-dua"},
    {"nobody, and it is called open",
     "Open",
     FALSE,
     NULL,
     NULL,
     FALSE,
     "GET " CLOSED_SUMS "\n",
     {"PhysioNet asks for a login for this open dataset", "refuses your region", "closed",
      SITE "/content/mimiciii/1.4/", "medmirror login physionet"},
     "training"},
    {"a wrong password",
     "Credentialed",
     TRUE,
     "ana",
     "guess",
     FALSE,
     "GET " CLOSED_SUMS " (login)\n",
     {"does not know this user", "ana", "PHYSIONET_PASSWORD", "medmirror login physionet"},
     "guess"},
    {"a wrong password, not in the catalogue",
     "Credentialed",
     FALSE,
     "ana",
     "guess",
     FALSE,
     "GET " CLOSED_SUMS "\nGET " CLOSED_SUMS " (login)\n",
     {"does not know this user", "ana", "PHYSIONET_PASSWORD", "medmirror login physionet"},
     "guess"},
    {"no right",
     "Credentialed",
     TRUE,
     "ana",
     "p\xc3\xa4ssword: 1",
     TRUE,
     "GET " CLOSED_SUMS " (login)\n",
     {"knows you", SITE "/sign-dua/mimiciii/1.4/",
      SITE "/content/mimiciii/view-required-training/1.4/", "closed for download", "region",
      "medmirror show mimic-iii-demo"},
     "ssword"},
    {"no right, and no training is wanted",
     "Restricted",
     TRUE,
     "ana",
     "p\xc3\xa4ssword: 1",
     TRUE,
     "GET " CLOSED_SUMS " (login)\n",
     {"knows you", SITE "/sign-dua/mimiciii/1.4/", "closed for download", "region"},
     "training"},
};

static void check_refusal(const RefusalCase *refusal)
{
    g_autoptr(FakeHost) host = closed_host(refusal->access);
    g_autoptr(Manifest) manifest = refusal->in_catalogue ? closed_manifest() : NULL;
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    if (refusal->user)
        fake_log_in(host, refusal->user, refusal->password);
    ((FakeAnswer *)g_hash_table_lookup(host->answers, CLOSED_SUMS))->no_right = refusal->no_right;
    g_assert_cmpint(resolve(host, &taker, MIMIC, "1.4", NULL, manifest, &error), ==,
                    RESOLVE_FAILED);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
    g_test_message("%s: %s", refusal->name, error->message);
    const char *at = error->message;
    for (guint i = 0; i < G_N_ELEMENTS(refusal->says) && refusal->says[i]; i++) {
        at = strstr(at, refusal->says[i]);
        g_assert_nonnull(at);
    }
    g_assert_null(strstr(error->message, refusal->silent));
    g_autofree char *asked = fake_asked(host);
    g_assert_true(g_str_has_prefix(asked, refusal->asked));
    g_assert_null(strstr(asked + strlen(refusal->asked), "/files/"));
    g_assert_cmpuint(host->guarded->len, ==, 0);
    g_assert_cmpint(host->refused, ==, refusal->user && !refusal->no_right);

    /* What was refused is not tried again: the error is the store's own. */
    if (!host->refused)
        return;
    g_clear_error(&error);
    g_ptr_array_set_size(host->asked, 0);
    g_assert_cmpint(resolve(host, &taker, MIMIC, "1.4", NULL, manifest, &error), ==,
                    RESOLVE_FAILED);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
    g_autofree char *again = fake_asked(host);
    g_assert_null(strstr(again, "(login)"));
}

static void check_refusals(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(refusals); i++)
        check_refusal(&refusals[i]);
}

/* With a login: one request goes first and alone, and the rest is guarded. */
static void check_login(void)
{
    g_autoptr(FakeHost) host = closed_host("Credentialed");
    g_autoptr(Manifest) manifest = closed_manifest();
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    fake_log_in(host, "ana", "p\xc3\xa4ssword: 1");
    g_assert_cmpint(resolve(host, &taker, MIMIC, "1.4", NULL, manifest, &error), ==,
                    RESOLVE_LISTED);
    g_assert_no_error(error);
    g_assert_true(taker.head->is_restricted);
    g_autofree char *asked = fake_asked(host);
    g_assert_true(g_str_has_prefix(asked, "GET " CLOSED_SUMS " (login)\n"));
    g_assert_cmpuint(host->guarded->len, ==, 1);
    g_assert_cmpstr(host->guarded->pdata[0], ==, CLOSED);

    /* Its files carry it; nothing is asked before. */
    g_ptr_array_set_size(host->asked, 0);
    g_autoptr(Prepared) prepared = physionet_fetcher.prepare(
        &physionet_fetcher, NULL, NULL, CLOSED "NOTES.csv.gz", &host->services, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(prepared->headers->len, ==, 2);
    g_assert_true(g_str_has_prefix(prepared->headers->pdata[0], "Authorization: Basic "));
    g_assert_true(g_str_has_prefix(prepared->headers->pdata[1], "User-Agent: Wget/"));
    g_assert_cmpuint(host->asked->len, ==, 0);
    g_autoptr(Prepared) bucket = physionet_fetcher.prepare(
        &physionet_fetcher, NULL, NULL, "https://physionet-open.s3.amazonaws.com/mitdb/1.0.0/x",
        &host->services, &error);
    g_assert_no_error(error);
    g_assert_null(bucket->headers);

    /* Nothing is new, and it is as closed as before. */
    g_autofree char *token = g_strdup(taker.head->state_token);
    g_assert_cmpint(resolve(host, &taker, MIMIC, "1.4", token, manifest, &error), ==,
                    RESOLVE_UNCHANGED);
    g_assert_true(taker.head->is_restricted);

    /* Open data is asked for without, whoever is logged in. */
    g_autoptr(FakeHost) open = usual_host();
    fake_log_in(open, "ana", "p\xc3\xa4ssword: 1");
    g_assert_cmpint(resolve(open, &taker, MITDB, NULL, NULL, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_false(taker.head->is_restricted);
    g_autofree char *without = fake_asked(open);
    g_assert_null(strstr(without, "(login)"));
}

/* Files of a listing that is known already: the first one shows what the login is worth. */
static void check_prepare(void)
{
    g_autoptr(FakeHost) host = closed_host("Credentialed");
    g_autoptr(GError) error = NULL;
    g_assert_null(physionet_fetcher.prepare(&physionet_fetcher, NULL, NULL, CLOSED "NOTES.csv.gz",
                                            &host->services, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
    g_assert_nonnull(strstr(error->message, "medmirror login physionet"));
    g_clear_error(&error);

    fake_log_in(host, "ana", "guess");
    for (guint i = 0; i < 3; i++) {
        g_assert_null(physionet_fetcher.prepare(&physionet_fetcher, NULL, NULL,
                                                CLOSED "NOTES.csv.gz", &host->services, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
        g_clear_error(&error);
    }
    g_autofree char *asked = fake_asked(host);
    g_assert_cmpstr(asked, ==, "HEAD " CLOSED "NOTES.csv.gz (login)\n");

    g_autoptr(FakeHost) right = closed_host("Credentialed");
    fake_log_in(right, "ana", "p\xc3\xa4ssword: 1");
    for (guint i = 0; i < 3; i++) {
        g_autoptr(Prepared) prepared = physionet_fetcher.prepare(
            &physionet_fetcher, NULL, NULL, CLOSED "NOTES.csv.gz", &right->services, &error);
        g_assert_no_error(error);
        g_assert_nonnull(prepared->headers);
    }
    g_autofree char *once = fake_asked(right);
    g_assert_cmpstr(once, ==, "HEAD " CLOSED "NOTES.csv.gz (login)\n");
}

static void check_beforehand(void)
{
    g_autoptr(Manifest) manifest = closed_manifest();
    g_autofree char *before =
        physionet_fetcher.describe_access(&physionet_fetcher, manifest->locator, manifest, 0);
    g_assert_nonnull(strstr(before, SITE "/sign-dua/mimiciii/1.4/"));
    g_assert_nonnull(strstr(before, "medmirror login physionet"));
    g_assert_nonnull(strstr(before, "medmirror pull mimic-iii"));
    g_assert_null(
        physionet_fetcher.describe_access(&physionet_fetcher, manifest->locator, NULL, 0));
}

typedef struct {
    const char *name;
    gboolean has_usual; /* the project that is usually asked */
    const char *password;
    gboolean no_right;
    int code; /* -1: proven */
    const char *says;
    const char *asked;
} ProofCase;

static void check_proofs(void)
{
    static const ProofCase proofs[] = {
        {"opens", TRUE, "p\xc3\xa4ssword: 1", FALSE, -1, "brought a file",
         "GET " CLOSED_SUMS " (login)\n"},
        {"right", TRUE, "p\xc3\xa4ssword: 1", TRUE, -1, "was answered by 403",
         "GET " CLOSED_SUMS " (login)\n"},
        {"wrong", TRUE, "guess", FALSE, MEDMIRROR_ERROR_ACCESS, "Nothing was stored",
         "GET " CLOSED_SUMS " (login)\n"},
        {"another project", FALSE, "p\xc3\xa4ssword: 1", FALSE, -1, "agreed 2.0",
         "GET " CLOSED_SUMS " (login)\nGET " SITE "/api/v1/projects/published/ ?\n"
         "GET " SITE "/files/agreed/2.0/SHA256SUMS.txt (login)\n"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(proofs); i++) {
        g_autoptr(FakeHost) host = closed_host("Credentialed");
        g_autoptr(GError) error = NULL;
        g_autofree char *said = NULL;
        if (!proofs[i].has_usual)
            g_hash_table_remove(host->answers, CLOSED_SUMS);
        else
            ((FakeAnswer *)g_hash_table_lookup(host->answers, CLOSED_SUMS))->no_right =
                proofs[i].no_right;
        fake_serve(host, SITE "/api/v1/projects/published/", 200, "application/json",
                   "[{\"slug\":\"mitdb\",\"version\":\"1.0.0\",\"access_policy\":\"Open\"},"
                   "{\"slug\":\"agreed\",\"version\":\"2.0\",\"access_policy\":\"Restricted\"}]");
        fake_serve(host, SITE "/files/agreed/2.0/SHA256SUMS.txt", 200, "text/plain", "")->login =
            RIGHT;
        fake_log_in(host, "ana", proofs[i].password);
        gboolean good = physionet_fetcher.prove_login(&physionet_fetcher, host->login,
                                                      &host->services, &said, &error);
        g_test_message("%s: %s", proofs[i].name, good ? said : error->message);
        g_assert_cmpint(good, ==, proofs[i].code == -1);
        if (!good)
            g_assert_error(error, MEDMIRROR_ERROR, proofs[i].code);
        g_assert_nonnull(strstr(good ? said : error->message, proofs[i].says));
        g_autofree char *asked = fake_asked(host);
        g_assert_cmpstr(asked, ==, proofs[i].asked);
        g_assert_cmpuint(host->guarded->len, ==, 0);
    }
}

static void check_absent(void)
{
    g_autoptr(FakeHost) host = usual_host();
    fake_serve(host, SITE "/api/v1/projects/mitdb/versions/", 200, "application/json",
               "[{\"version\":\"1.0.0\"},{\"version\":\"0.9.0\"}]");
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(host, &taker, MITDB, "7.7.7", NULL, NULL, &error), ==, RESOLVE_FAILED);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
    g_assert_nonnull(strstr(error->message, "no version 7.7.7"));
    g_assert_nonnull(strstr(error->message, "1.0.0, 0.9.0"));
    g_assert_nonnull(strstr(error->message, "medmirror pull physionet/mitdb@1.0.0"));
    g_clear_error(&error);
    g_assert_cmpint(resolve(host, &taker, MITDB, "latest", NULL, NULL, &error), ==, RESOLVE_FAILED);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
    g_clear_error(&error);
    g_assert_cmpint(resolve(host, &taker, MITDB, "0.9.0", NULL, NULL, &error), ==, RESOLVE_FAILED);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
    g_assert_nonnull(strstr(error->message, "names version 0.9.0"));
    g_clear_error(&error);
    g_assert_cmpint(resolve(host, &taker, "{\"project\":\"nosuch\"}", "1.0", NULL, NULL, &error),
                    ==, RESOLVE_FAILED);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
    g_assert_nonnull(strstr(error->message, "no project \"nosuch\""));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/physionet/names", check_names);
    g_test_add_func("/physionet/addresses", check_addresses);
    g_test_add_func("/physionet/locators", check_locators);
    g_test_add_func("/physionet/the order of versions", check_order);
    g_test_add_func("/physionet/listed by digests", check_listed);
    g_test_add_func("/physionet/the bucket", check_bucket);
    g_test_add_func("/physionet/the newest version", check_newest);
    g_test_add_func("/physionet/the recorded version", check_recorded_version);
    g_test_add_func("/physionet/facts", check_facts);
    g_test_add_func("/physionet/no list", check_no_list);
    g_test_add_func("/physionet/wrong lists", check_wrong_lists);
    g_test_add_func("/physionet/refusals", check_refusals);
    g_test_add_func("/physionet/login", check_login);
    g_test_add_func("/physionet/files with a login", check_prepare);
    g_test_add_func("/physionet/beforehand", check_beforehand);
    g_test_add_func("/physionet/proofs of a login", check_proofs);
    g_test_add_func("/physionet/absent", check_absent);
    return g_test_run();
}

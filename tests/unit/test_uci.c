/* The UCI fetcher: names, addresses, and every answer of its API. */
#include "sources.h"
#include "support_fake_host.h"
#include "uci_names.h"

#define API "https://archive.ics.uci.edu/api/dataset?id=45"
#define SHA "b17cd273da9ce1caa4710fce80227ea454d4dbf9fcbc8e6a9121672751563adc"
#define STATIC "https://archive.ics.uci.edu/static/public/"
#define CDN "https://cdn.uci-ics-mlr-prod.aws.uci.edu/"

static const char answer_45[] =
    "{\"status\":200,\"statusText\":\"OK\",\"data\":{\"uci_id\":45,\"name\":\"Heart Disease\","
    "\"repository_url\":\"https://archive.ics.uci.edu/dataset/45/heart+disease\",\"data_url\":null,"
    "\"abstract\":\"\xc3\xa2\xe2\x82\xac\xc5\x93mojibake\\r\\n\",\"last_updated\":\"Fri Nov 03 "
    "2023\","
    "\"dataset_doi\":\"10.24432/C52P4X\",\"creators\":[]}}";

static const char manifest_45[] =
    "{\"id\":\"uci-heart-disease\",\"kind\":\"dataset\",\"title\":{\"en\":\"Heart\",\"zh\":\"X\"},"
    "\"source\":\"uci\",\"locator\":{\"id\":45,\"slug\":\"heart+disease\"},\"access\":\"open\","
    "\"licence\":\"CC-BY-4.0\",\"unpack\":{\"format\":\"zip\"},\"files\":["
    "{\"path\":\"heart+disease.zip\",\"size\":128894,\"sha256\":\"" SHA "\"},"
    "{\"path\":\"processed.va.data\",\"member_of\":\"heart+disease.zip\",\"addresses\":["
    "\"https://archive.ics.uci.edu/ml/machine-learning-databases/heart-disease/"
    "processed.va.data\"]},"
    "{\"path\":\"extra/cleve.mod\",\"addresses\":["
    "\"https://archive.ics.uci.edu/ml/machine-learning-databases/heart-disease/cleve.mod\","
    "\"https://mirror.example/cleve.mod\"]}]}";

typedef struct {
    const char *name, *locator, *folder; /* locator NULL: refused */
} NameCase;

static void check_names(void)
{
    static const NameCase names[] = {
        {"45", "{\"id\": 45}", "uci/45"},
        {"45/heart+disease", "{\"id\": 45, \"slug\": \"heart+disease\"}", "uci/45"},
        {"heart+disease", "{\"id\": 45}", "uci/45"},
        {"heart%2Bdisease", "{\"id\": 45}", "uci/45"},
        {"Heart Disease", "{\"id\": 45}", "uci/45"},
        {"parkinson+speech+dataset+with++multiple+types+of+sound+recordings", "{\"id\": 301}",
         "uci/301"},
        {"not+in+the+table", "{\"slug\": \"not+in+the+table\"}", "uci/not+in+the+table"},
        {"", NULL, NULL},
        {"0", "{\"slug\": \"0\"}", "uci/0"},
        {"../45", NULL, NULL},
        {"a/b", NULL, NULL},
        {"a%2Fb", NULL, NULL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_test_message("%s", names[i].name);
        char *version = NULL;
        g_autoptr(GError) error = NULL;
        json_auto_t *locator =
            uci_fetcher.locator_from_name(&uci_fetcher, names[i].name, &version, &error);
        g_assert_null(version);
        if (!names[i].locator) {
            g_assert_null(locator);
            g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
            continue;
        }
        g_assert_true(uci_fetcher.check_locator(&uci_fetcher, locator, NULL));
        char *text = json_dumps(locator, JSON_SORT_KEYS);
        g_assert_cmpstr(text, ==, names[i].locator);
        free(text);
        g_autofree char *folder = uci_fetcher.folder(&uci_fetcher, locator, NULL);
        g_autofree char *ref = uci_fetcher.ref(&uci_fetcher, locator);
        g_assert_cmpstr(folder, ==, names[i].folder);
        g_assert_cmpstr(ref, ==, names[i].folder);
    }
}

static void check_addresses(void)
{
    static const NameCase addresses[] = {
        {"https://archive.ics.uci.edu/dataset/45/heart+disease",
         "{\"id\": 45, \"slug\": \"heart+disease\"}", "uci/45"},
        {"https://archive.ics.uci.edu/dataset/45", "{\"id\": 45}", "uci/45"},
        {"http://archive.ics.uci.edu/static/public/45/heart%2Bdisease.zip",
         "{\"id\": 45, \"slug\": \"heart+disease\"}", "uci/45"},
        {STATIC "45/data.csv", "{\"id\": 45}", "uci/45"},
        {CDN "45/heart%2Bdisease.zip", "{\"id\": 45, \"slug\": \"heart+disease\"}", "uci/45"},
        {"https://archive.ics.uci.edu/api/dataset?id=45", "{\"id\": 45}", "uci/45"},
        {"https://archive.ics.uci.edu/ml/datasets/Heart+Disease", "{\"id\": 45}", "uci/45"},
        {"https://archive.ics.uci.edu/ml/datasets/Breast+Cancer+Wisconsin+(Diagnostic)",
         "{\"id\": 17}", "uci/17"},
        {"https://archive.ics.uci.edu/ml/datasets/"
         "Parkinson+Speech+Dataset+with++Multiple+Types+of+Sound+Recordings",
         "{\"id\": 301}", "uci/301"},
        {"https://archive.ics.uci.edu/ml/machine-learning-databases/heart-disease/", "{\"id\": 45}",
         "uci/45"},
        {"https://archive.ics.uci.edu/ml/machine-learning-databases/breast-cancer-wisconsin/"
         "wdbc.data",
         "{\"id\": 17}", "uci/17"},
        {"https://archive.ics.uci.edu/ml/machine-learning-databases/00225/x%20(y).csv",
         "{\"id\": 225}", "uci/225"},
        {"https://archive.ics.uci.edu/ml/machine-learning-databases/parkinsons/telemonitoring/x",
         "{\"id\": 189}", "uci/189"},
        {"https://archive.ics.uci.edu/ml/machine-learning-databases/breast-cancer-wisconsin/", NULL,
         NULL},
        {"https://archive.ics.uci.edu/", NULL, NULL},
        {"https://archive.ics.uci.edu/datasets", NULL, NULL},
        {"https://example.org/dataset/45", NULL, NULL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(addresses); i++) {
        g_test_message("%s", addresses[i].name);
        json_t *locator = NULL;
        char *version = NULL;
        const Fetcher *fetcher = fetcher_find_by_address(addresses[i].name, &locator, &version);
        g_assert_nonnull(fetcher);
        g_assert_cmpstr(fetcher->row.name, ==, addresses[i].locator ? "uci" : "http");
        if (addresses[i].locator) {
            char *text = json_dumps(locator, JSON_SORT_KEYS);
            g_assert_cmpstr(text, ==, addresses[i].locator);
            free(text);
            g_autofree char *folder = uci_fetcher.folder(&uci_fetcher, locator, NULL);
            g_assert_cmpstr(folder, ==, addresses[i].folder);
        }
        json_decref(locator);
    }
}

static void check_locators(void)
{
    static const char *const wrong[] = {"{}",
                                        "{\"id\":\"45\"}",
                                        "{\"id\":0}",
                                        "{\"id\":-1}",
                                        "{\"id\":45,\"slug\":\"\"}",
                                        "{\"id\":45,\"slug\":\"a/b\"}",
                                        "{\"id\":45,\"slug\":\"..\"}",
                                        "{\"id\":45,\"name\":\"x\"}",
                                        "{\"id\":99999999999}"};
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        json_auto_t *locator = json_loads(wrong[i], 0, NULL);
        g_autoptr(GError) error = NULL;
        g_test_message("%s", wrong[i]);
        g_assert_false(uci_fetcher.check_locator(&uci_fetcher, locator, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    }
}

static ResolveResult resolve(FakeHost *host, FakeTaker *taker, const char *locator_text,
                             const Manifest *manifest, const char *token, GError **error)
{
    json_auto_t *locator = json_loads(locator_text, 0, NULL);
    ResolveRequest request = {.locator = locator, .manifest = manifest, .state_token = token};
    return uci_fetcher.resolve(&uci_fetcher, &request, &host->services, &taker->taker, error);
}

static void check_plain(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(host, API, 200, "application/json", answer_45);
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(host, &taker, "{\"id\":45}", NULL, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_no_error(error);
    g_assert_cmpstr(taker.files->str, ==, "heart+disease.zip - archive\n");
    g_assert_cmpstr(taker.addresses->str, ==,
                    "heart+disease.zip " STATIC "45/heart+disease.zip\n"
                    "heart+disease.zip " CDN "45/heart%2Bdisease.zip\n");
    g_assert_true(taker.head->is_one_archive);
    g_assert_true(taker.head->state_is_weak);
    g_assert_null(taker.head->version);
    g_assert_cmpstr(taker.head->newest_change, ==, "2023-11-03");
    g_assert_cmpstr(taker.head->title, ==, "Heart Disease");
    g_assert_cmpstr(taker.head->citation, ==, "10.24432/C52P4X");
    g_assert_cmpstr(taker.head->homepage, ==,
                    "https://archive.ics.uci.edu/dataset/45/heart+disease");
    g_assert_null(taker.head->licence); /* the API has no word on it */

    g_autofree char *token = g_strdup(taker.head->state_token);
    guint count = taker.count;
    g_assert_cmpint(resolve(host, &taker, "{\"id\":45}", NULL, token, &error), ==,
                    RESOLVE_UNCHANGED);
    g_assert_cmpuint(taker.count, ==, count);
    g_autofree char *later = g_strdup(answer_45);
    memcpy(strstr(later, "Fri Nov 03"), "Sat Nov 04", 10);
    fake_serve(host, API, 200, "application/json", later);
    g_assert_cmpint(resolve(host, &taker, "{\"id\":45}", NULL, token, &error), ==, RESOLVE_LISTED);
}

static void check_recorded(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Manifest) manifest =
        manifest_parse(manifest_45, strlen(manifest_45), "x.json", &error);
    g_assert_no_error(error);
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(host, API, 200, "application/json", answer_45);
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    static const char locator[] = "{\"id\":45,\"slug\":\"heart+disease\"}";
    g_assert_cmpint(resolve(host, &taker, locator, manifest, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_cmpstr(taker.files->str, ==,
                    "heart+disease.zip 128894 archive +sha256:b17cd273\nextra/cleve.mod - data\n");
    g_assert_cmpstr(
        taker.addresses->str, ==,
        "heart+disease.zip " STATIC "45/heart+disease.zip\n"
        "heart+disease.zip " CDN "45/heart%2Bdisease.zip\n"
        "extra/cleve.mod "
        "https://archive.ics.uci.edu/ml/machine-learning-databases/heart-disease/cleve.mod\n"
        "extra/cleve.mod https://mirror.example/cleve.mod\n");
    g_assert_false(taker.head->is_one_archive);
    g_assert_cmpstr(taker.head->licence, ==, "CC-BY-4.0");

    /* Sent elsewhere: only what has an endpoint there is asked. */
    g_hash_table_insert(host->bases, (gpointer) "uci", (gpointer) "http://127.0.0.1:1");
    fake_serve(host, "http://127.0.0.1:1/api/dataset?id=45", 200, "application/json", answer_45);
    g_string_truncate(taker.addresses, 0);
    g_assert_cmpint(resolve(host, &taker, locator, manifest, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_cmpstr(taker.addresses->str, ==,
                    "heart+disease.zip http://127.0.0.1:1/static/public/45/heart+disease.zip\n"
                    "extra/cleve.mod "
                    "http://127.0.0.1:1/ml/machine-learning-databases/heart-disease/cleve.mod\n");
    g_hash_table_insert(host->bases, (gpointer) "uci-cdn", (gpointer) "http://127.0.0.1:2");
    g_string_truncate(taker.addresses, 0);
    g_assert_cmpint(resolve(host, &taker, locator, manifest, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_nonnull(strstr(taker.addresses->str, "http://127.0.0.1:2/45/heart%2Bdisease.zip\n"));
    g_assert_null(strstr(taker.addresses->str, "uci.edu"));
}

/* The API is down: the recorded slug serves, unless something is here that could be used. */
static void check_down(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Manifest) manifest =
        manifest_parse(manifest_45, strlen(manifest_45), "x.json", &error);
    g_assert_no_error(error);
    static const char locator[] = "{\"id\":45,\"slug\":\"heart+disease\"}";
    static const struct {
        int status;
        const char *type, *body;
        gboolean down;
    } answers[] = {
        {502, "text/html", "<html><head><title>502 Bad Gateway</title></head></html>", FALSE},
        {200, "text/html", "<html>", FALSE},
        {200, "application/json", "{\"status\":500,\"statusText\":\"Error\"}", FALSE},
        {200, "application/json", "{", FALSE},
        {200, "application/json", "[]", FALSE},
        {0, NULL, "", TRUE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_test_message("%u", i);
        g_autoptr(FakeHost) host = fake_host_new();
        fake_serve(host, API, answers[i].status, answers[i].type, answers[i].body)->down =
            answers[i].down;
        g_auto(FakeTaker) taker;
        fake_taker_init(&taker);
        g_assert_cmpint(resolve(host, &taker, locator, manifest, NULL, &error), ==, RESOLVE_LISTED);
        g_assert_no_error(error);
        g_assert_nonnull(strstr(taker.files->str, "heart+disease.zip 128894 archive"));
        g_autofree char *notes = fake_notes(&taker);
        g_assert_nonnull(
            strstr(notes, "could not be read, so the recorded name of its zip is used"));
        g_autofree char *asked = fake_asked(host);
        g_assert_cmpstr(asked, ==, "GET " API " ?\n");
        g_assert_cmpint(resolve(host, &taker, locator, manifest, "{}", &error), ==, RESOLVE_FAILED);
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
        g_clear_error(&error);

        /* What was pulled then is the same state when the API is back. */
        g_autofree char *token = g_strdup(taker.head->state_token);
        fake_serve(host, API, 200, "application/json", answer_45);
        g_assert_cmpint(resolve(host, &taker, locator, manifest, token, &error), ==,
                        RESOLVE_UNCHANGED);
    }
    /* Without any recorded slug there is no zip to name. */
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(host, "https://archive.ics.uci.edu/api/dataset?id=999", 502, "text/html", "<html>");
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_assert_cmpint(resolve(host, &taker, "{\"id\":999}", NULL, NULL, &error), ==, RESOLVE_FAILED);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
}

static void check_absent(void)
{
    static const struct {
        int status;
        const char *body, *says;
    } answers[] = {
        {200,
         "{\"status\":404,\"statusText\":\"Error\",\"message\":\"Dataset not found in "
         "repository\"}",
         "Dataset not found in repository"},
        {404, "{\"status\":404,\"statusText\":\"Error\"}", "UCI knows no dataset 45"},
        {200,
         "{\"status\":200,\"data\":{\"name\":\"Elsewhere\",\"external_url\":\"https://x.example/"
         "d\"}}",
         "only links to https://x.example/d"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        fake_serve(host, API, answers[i].status, "application/json", answers[i].body);
        g_auto(FakeTaker) taker;
        fake_taker_init(&taker);
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(resolve(host, &taker, "{\"id\":45}", NULL, NULL, &error), ==,
                        RESOLVE_FAILED);
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
        g_assert_nonnull(strstr(error->message, answers[i].says));
        g_assert_cmpuint(taker.heads, ==, 0);
    }
}

/* The slug is the page's, never the title's; a renamed set keeps its recorded digest. */
static void check_slugs(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Manifest) manifest =
        manifest_parse(manifest_45, strlen(manifest_45), "x.json", &error);
    g_assert_no_error(error);
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(
        host, API, 200, "application/json",
        "{\"status\":200,\"data\":{\"name\":\"Some Title\","
        "\"repository_url\":\"https://archive.ics.uci.edu/dataset/45/new+name+1999-2008\"}}");
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_assert_cmpint(
        resolve(host, &taker, "{\"id\":45,\"slug\":\"heart+disease\"}", manifest, NULL, &error), ==,
        RESOLVE_LISTED);
    g_assert_nonnull(
        strstr(taker.files->str, "new+name+1999-2008.zip 128894 archive +sha256:b17c"));

    g_autoptr(FakeHost) other = fake_host_new();
    fake_serve(other, "https://archive.ics.uci.edu/api/dataset?id=301", 200, "application/json",
               "{\"status\":200,\"data\":{\"name\":\"Parkinson's Speech\",\"repository_url\":"
               "\"https://archive.ics.uci.edu/dataset/301/"
               "parkinson+speech+dataset+with+multiple+types+of+sound+recordings\"}}");
    g_auto(FakeTaker) speech;
    fake_taker_init(&speech);
    g_assert_cmpint(resolve(other, &speech, "{\"id\":301}", NULL, NULL, &error), ==,
                    RESOLVE_LISTED);
    g_auto(GStrv) lines = g_strsplit(speech.addresses->str, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 5);
    g_assert_true(g_str_has_suffix(lines[0],
                                   STATIC "301/parkinson+speech+dataset+with+multiple+types"
                                          "+of+sound+recordings.zip"));
    g_assert_true(g_str_has_suffix(lines[1],
                                   STATIC "301/parkinson+speech+dataset+with++multiple+types"
                                          "+of+sound+recordings.zip"));
    g_assert_nonnull(strstr(lines[2], CDN "301/parkinson%2Bspeech%2Bdataset%2Bwith%2Bmultiple"));
    g_assert_nonnull(strstr(lines[3], CDN "301/parkinson%2Bspeech%2Bdataset%2Bwith%2B%2Bmultiple"));
}

static void check_completion(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(
        host, "https://archive.ics.uci.edu/api/dataset?name=rare%20set", 200, "application/json",
        "{\"status\":200,\"data\":{\"uci_id\":777,\"name\":\"Other Rare Settings\","
        "\"repository_url\":\"https://archive.ics.uci.edu/dataset/777/other+rare+settings\"}}");
    fake_serve(host, "https://archive.ics.uci.edu/api/datasets/list", 200, "application/json",
               "{\"status\":200,\"data\":[{\"id\":1,\"name\":\"Abalone\"},"
               "{\"id\":778,\"name\":\"Rare Set\"}]}");
    json_auto_t *rare = json_pack("{s:s}", "slug", "rare+set");
    g_autoptr(GError) error = NULL;
    g_assert_false(uci_fetcher.locator_is_complete(&uci_fetcher, rare));
    json_auto_t *found = uci_fetcher.complete_locator(&uci_fetcher, rare, &host->services, &error);
    g_assert_no_error(error);
    g_assert_cmpint(json_integer_value(json_object_get(found, "id")), ==, 778);
    g_assert_true(uci_fetcher.locator_is_complete(&uci_fetcher, found));

    json_auto_t *unknown = json_pack("{s:s}", "slug", "no+such+set");
    json_t *none = uci_fetcher.complete_locator(&uci_fetcher, unknown, &host->services, &error);
    g_assert_null(none);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
    g_clear_error(&error);

    fake_serve(host, "https://archive.ics.uci.edu/api/dataset?name=rare%20set", 200,
               "application/json",
               "{\"status\":200,\"data\":{\"uci_id\":779,\"name\":\"A Later Title\","
               "\"repository_url\":\"https://archive.ics.uci.edu/dataset/779/rare+set\"}}");
    json_auto_t *by_slug =
        uci_fetcher.complete_locator(&uci_fetcher, rare, &host->services, &error);
    g_assert_cmpint(json_integer_value(json_object_get(by_slug, "id")), ==, 779);
}

static void check_refresh(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    json_auto_t *locator = json_pack("{s:i}", "id", 45);
    g_autoptr(FileSpec) file = file_spec_new("heart+disease.zip");
    file->role = FILE_ROLE_ARCHIVE;
    file_spec_add_address(file, STATIC "45/heart+disease.zip");
    file_spec_add_address(file, CDN "45/heart%2Bdisease.zip");
    g_autoptr(GError) error = NULL;
    fake_serve(host, API, 200, "application/json", answer_45);
    g_autoptr(GPtrArray) same =
        uci_fetcher.refresh(&uci_fetcher, locator, NULL, file, &host->services, &error);
    g_assert_cmpuint(same->len, ==, 0);
    fake_serve(host, API, 200, "application/json",
               "{\"status\":200,\"data\":{\"repository_url\":"
               "\"https://archive.ics.uci.edu/dataset/45/heart+disease+2\"}}");
    g_autoptr(GPtrArray) fresh =
        uci_fetcher.refresh(&uci_fetcher, locator, NULL, file, &host->services, &error);
    g_assert_cmpuint(fresh->len, ==, 2);
    g_assert_cmpstr(fresh->pdata[0], ==, STATIC "45/heart+disease+2.zip");
    g_assert_cmpstr(fresh->pdata[1], ==, CDN "45/heart%2Bdisease%2B2.zip");
    fake_serve(host, API, 502, "text/html", "<html>");
    g_autoptr(GPtrArray) none =
        uci_fetcher.refresh(&uci_fetcher, locator, NULL, file, &host->services, &error);
    g_assert_cmpuint(none->len, ==, 0);
    g_assert_no_error(error);
}

static void check_words(void)
{
    json_auto_t *locator = json_pack("{s:i}", "id", 45);
    g_autofree char *refused = uci_fetcher.describe_access(&uci_fetcher, locator, NULL, 403);
    g_assert_nonnull(strstr(refused, "https://archive.ics.uci.edu/dataset/45"));
    g_assert_null(uci_fetcher.describe_access(&uci_fetcher, locator, NULL, 0));
    g_autoptr(FakeHost) host = fake_host_new();
    g_autoptr(GPtrArray) versions =
        uci_fetcher.versions(&uci_fetcher, locator, &host->services, NULL);
    g_assert_cmpuint(versions->len, ==, 0);
    g_assert_true(uci_fetcher.row.never_resumes);
}

/* The catalogue's own sets. */
static void check_catalogue(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_build_filename(SOURCE_DIR, "manifests", "catalog", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
    g_assert_no_error(error);
    guint checked = 0;
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (!g_str_has_suffix(name, ".json"))
            continue;
        g_autoptr(Manifest) manifest = manifest_load(path, &error);
        g_assert_no_error(error);
        const Fetcher *fetcher = manifest->source ? fetcher_find(manifest->source) : NULL;
        if (!fetcher)
            continue;
        g_assert_true(fetcher->check_locator(fetcher, manifest->locator, &error));
        g_assert_no_error(error);
        if (fetcher == &uci_fetcher) {
            int id = (int)json_integer_value(json_object_get(manifest->locator, "id"));
            const char *slug = json_string_value(json_object_get(manifest->locator, "slug"));
            g_assert_nonnull(uci_name_by_id(id));
            g_assert_cmpstr(uci_name_by_id(id)->slug, ==, slug);
        }
        checked++;
    }
    g_assert_cmpuint(checked, >=, 22);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/uci/names", check_names);
    g_test_add_func("/uci/addresses", check_addresses);
    g_test_add_func("/uci/locators", check_locators);
    g_test_add_func("/uci/a plain set", check_plain);
    g_test_add_func("/uci/recorded facts", check_recorded);
    g_test_add_func("/uci/the API is down", check_down);
    g_test_add_func("/uci/absent sets", check_absent);
    g_test_add_func("/uci/slugs", check_slugs);
    g_test_add_func("/uci/completing a name", check_completion);
    g_test_add_func("/uci/refresh", check_refresh);
    g_test_add_func("/uci/words", check_words);
    g_test_add_func("/uci/the catalogue", check_catalogue);
    return g_test_run();
}

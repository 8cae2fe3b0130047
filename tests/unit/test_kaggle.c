/* Kaggle: names and addresses, what its documents and its refusals say, and what is asked of it. */
#include "event_log.h"
#include "kaggle_api.h"
#include "kaggle_facts.h"
#include "kaggle_fetch.h"
#include "kaggle_listing.h"
#include "kaggle_resolve.h"
#include "kaggle_said.h"
#include "kaggle_words.h"
#include "sources.h"
#include "support_fake_host.h"

#define BASE "https://www.kaggle.com"
#define API BASE "/api/v1"
#define RPC "https://api.kaggle.com/v1/"
#define SIGNED                                                                                     \
    "https://storage.googleapis.com:443/kaggle-data-sets/1/2/bundle/"                              \
    "archive.zip?X-Goog-Signature=x"

/* Names. */

typedef struct {
    const char *text;
    const char *ref; /* NULL: refused */
    const char *version;
} NameCase;

static void check_name(const char *text, json_t *locator, char *version, const NameCase *wanted)
{
    g_test_message("%s", text);
    g_assert_cmpint(locator != NULL, ==, wanted->ref != NULL);
    g_assert_cmpstr(version, ==, wanted->version);
    if (locator) {
        g_assert_true(kaggle_check_locator(&kaggle_fetcher, locator, NULL));
        g_autofree char *ref = kaggle_ref(&kaggle_fetcher, locator);
        g_autofree char *folder = kaggle_folder(&kaggle_fetcher, locator, NULL);
        g_assert_cmpstr(ref, ==, wanted->ref);
        g_assert_cmpstr(folder, ==, wanted->ref);
    }
    json_decref(locator);
    g_free(version);
}

static void test_names(void)
{
    static const NameCase cases[] = {
        {"kmader/ham10000", "kaggle/kmader/ham10000", NULL},
        {"Microsoft/Chest-Xrays", "kaggle/Microsoft/Chest-Xrays", NULL},
        {"kmader/ham10000/", "kaggle/kmader/ham10000", NULL},
        {"kmader/ham10000/4", "kaggle/kmader/ham10000", "4"},
        {"kmader/ham10000/versions/4", "kaggle/kmader/ham10000", "4"},
        {"datasets/kmader/ham10000", "kaggle/kmader/ham10000", NULL},
        {"datasets/kmader/ham10000/versions/12", "kaggle/kmader/ham10000", "12"},
        {"c/rsna-bone-age", "kaggle/c/rsna-bone-age", NULL},
        {"competitions/rsna-bone-age", "kaggle/c/rsna-bone-age", NULL},
        {"kmader", NULL, NULL},
        {"c", NULL, NULL},
        {"c/", NULL, NULL},
        {"c/a/b", NULL, NULL},
        {"kmader/ham10000/versions/0", NULL, NULL},
        {"kmader/ham10000/versions/-1", NULL, NULL},
        {"kmader/ham10000/versions/4/5", NULL, NULL},
        {"kmader/ham10000/x", NULL, NULL},
        {"km ader/ham10000", NULL, NULL},
        {"../ham10000", NULL, NULL},
        {"kmader/..", NULL, NULL},
        {"kmader/.x", NULL, NULL},
        {"", NULL, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *version = NULL;
        g_autoptr(GError) error = NULL;
        json_t *locator =
            kaggle_locator_from_name(&kaggle_fetcher, cases[i].text, &version, &error);
        g_assert_true(locator || g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE));
        check_name(cases[i].text, locator, version, &cases[i]);
    }
}

static void test_addresses(void)
{
    static const NameCase cases[] = {
        {BASE "/datasets/kmader/ham10000", "kaggle/kmader/ham10000", NULL},
        {BASE "/datasets/kmader/ham10000/", "kaggle/kmader/ham10000", NULL},
        {BASE "/datasets/kmader/ham10000/versions/2", "kaggle/kmader/ham10000", "2"},
        {BASE "/datasets/kmader/ham10000/data?select=x.csv", "kaggle/kmader/ham10000", NULL},
        {BASE "/datasets/kmader/ham10000/download?datasetVersionNumber=3", "kaggle/kmader/ham10000",
         "3"},
        {BASE "/datasets/kmader/ham10000/croissant/download", "kaggle/kmader/ham10000", NULL},
        {"http://kaggle.com/datasets/kmader/ham10000", "kaggle/kmader/ham10000", NULL},
        {BASE "/kmader/ham10000", "kaggle/kmader/ham10000", NULL},
        {BASE "/kmader/ham10000/version/2", "kaggle/kmader/ham10000", "2"},
        {BASE "/competitions/rsna-bone-age/data", "kaggle/c/rsna-bone-age", NULL},
        {BASE "/c/rsna-bone-age", "kaggle/c/rsna-bone-age", NULL},
        {API "/datasets/download/kmader/ham10000", "kaggle/kmader/ham10000", NULL},
        {API "/datasets/download/kmader/ham10000?datasetVersionNumber=4", "kaggle/kmader/ham10000",
         "4"},
        {API "/datasets/download/kmader/ham10000/a%2Fb.csv?dataset_version_number=4&raw=true",
         "kaggle/kmader/ham10000", "4"},
        {API "/datasets/view/kmader/ham10000", "kaggle/kmader/ham10000", NULL},
        {API "/datasets/files/summary/kmader/ham10000", "kaggle/kmader/ham10000", NULL},
        {API "/datasets/list-tree/kmader/ham10000?path=x", "kaggle/kmader/ham10000", NULL},
        {API "/competitions/data/download-all/rsna-bone-age", "kaggle/c/rsna-bone-age", NULL},
        {API "/competitions/data/download/rsna-bone-age/x.csv", "kaggle/c/rsna-bone-age", NULL},
        {API "/competitions/get/rsna-bone-age", "kaggle/c/rsna-bone-age", NULL},
        {API "/competitions/rsna-bone-age/data-tree/list/", "kaggle/c/rsna-bone-age", NULL},
        {API "/competitions/list", NULL, NULL},
        {API "/datasets/list", NULL, NULL},
        {BASE "/code/kmader/a-notebook", NULL, NULL},
        {BASE "/discussions/general/1", NULL, NULL},
        {BASE "/kmader", NULL, NULL},
        {BASE "/", NULL, NULL},
        {"https://www.kaggle.example/datasets/kmader/ham10000", NULL, NULL},
        {"https://storage.googleapis.com/kaggle-data-sets/1/2/bundle/archive.zip", NULL, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *version = NULL;
        json_t *locator = kaggle_locator_from_address(&kaggle_fetcher, cases[i].text, &version);
        check_name(cases[i].text, locator, version, &cases[i]);
    }
}

static void test_locators(void)
{
    static const char *const wrong[] = {
        "{}",
        "{\"dataset\":\"a/b\",\"competition\":\"c\"}",
        "{\"dataset\":\"a\"}",
        "{\"dataset\":\"a/b/c\"}",
        "{\"dataset\":\"c/x\"}",
        "{\"dataset\":17}",
        "{\"competition\":18405}",
        "{\"competition\":\"a/b\"}",
        "{\"competition\":\"..\"}",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        json_auto_t *locator = json_loads(wrong[i], 0, NULL);
        g_autoptr(GError) error = NULL;
        g_assert_false(kaggle_check_locator(&kaggle_fetcher, locator, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    }
}

/* Questions. */

static void check_call(KaggleCall call, const char *path, const char *method, const char *message)
{
    g_autofree char *address = kaggle_call_address(&call, BASE);
    g_autofree char *wanted = g_strconcat(API, path, NULL);
    char *text = json_dumps(call.message, JSON_COMPACT | JSON_SORT_KEYS);
    g_assert_cmpstr(address, ==, wanted);
    g_assert_cmpstr(call.method, ==, method);
    g_assert_cmpstr(text, ==, message);
    free(text);
    kaggle_call_clear(&call);
}

static void test_calls(void)
{
    KaggleName set = {.owner = (char *)"kmader", .slug = (char *)"ham10000"};
    KaggleName contest = {.slug = (char *)"rsna-bone-age"};
    check_call(kaggle_call_view(&set), "/datasets/view/kmader/ham10000",
               "datasets.DatasetApiService/GetDataset",
               "{\"datasetSlug\":\"ham10000\",\"ownerSlug\":\"kmader\"}");
    check_call(
        kaggle_call_files(&set, "4", "a+/="),
        "/datasets/list/kmader/ham10000?datasetVersionNumber=4&pageSize=200&pageToken=a%2B%2F%3D",
        "datasets.DatasetApiService/ListDatasetFiles",
        "{\"datasetSlug\":\"ham10000\",\"datasetVersionNumber\":4,\"ownerSlug\":\"kmader\","
        "\"pageSize\":200,\"pageToken\":\"a+/=\"}");
    check_call(kaggle_call_files(&contest, NULL, NULL),
               "/competitions/data/list/rsna-bone-age?pageSize=200",
               "competitions.CompetitionApiService/ListDataFiles",
               "{\"competitionName\":\"rsna-bone-age\",\"pageSize\":200}");
    check_call(
        kaggle_call_summary(&set, "4"),
        "/datasets/files/summary/kmader/ham10000?datasetVersionNumber=4",
        "datasets.DatasetApiService/GetDatasetFilesSummary",
        "{\"datasetSlug\":\"ham10000\",\"datasetVersionNumber\":4,\"ownerSlug\":\"kmader\"}");
    check_call(
        kaggle_call_download(&set, "4", "a b/ünï+1.csv"),
        "/datasets/download/kmader/ham10000/a%20b%2F%C3%BCn%C3%AF%2B1.csv?datasetVersionNumber=4",
        "datasets.DatasetApiService/DownloadDataset",
        "{\"datasetSlug\":\"ham10000\",\"datasetVersionNumber\":4,\"fileName\":\"a b/"
        "ünï+1.csv\",\"ownerSlug\":\"kmader\"}");
    check_call(kaggle_call_download(&contest, NULL, NULL),
               "/competitions/data/download-all/rsna-bone-age",
               "competitions.CompetitionApiService/DownloadDataFiles",
               "{\"competitionName\":\"rsna-bone-age\"}");
    check_call(kaggle_call_download(&contest, NULL, "train/1.png"),
               "/competitions/data/download/rsna-bone-age/train%2F1.png",
               "competitions.CompetitionApiService/DownloadDataFile",
               "{\"competitionName\":\"rsna-bone-age\",\"fileName\":\"train/1.png\"}");
}

/* A download's address is its question again, whoever wrote it. */
static void test_addresses_of_calls(void)
{
    static const struct {
        const char *address;
        const char *again; /* below the API; NULL: it is none */
    } cases[] = {
        {API "/datasets/download/a/b?datasetVersionNumber=4",
         "/datasets/download/a/b?datasetVersionNumber=4"},
        {API "/datasets/download/a/b", "/datasets/download/a/b"},
        {API "/datasets/download/a/b/x%2Fy.csv?datasetVersionNumber=4",
         "/datasets/download/a/b/x%2Fy.csv?datasetVersionNumber=4"},
        {API "/datasets/download/a/b/x/y.csv", "/datasets/download/a/b/x%2Fy.csv"},
        {API "/datasets/download/a/b?fileName=x+y%2Bz.csv&datasetVersionNumber=1",
         "/datasets/download/a/b/x%20y%2Bz.csv?datasetVersionNumber=1"},
        {API "/competitions/data/download-all/x", "/competitions/data/download-all/x"},
        {API "/competitions/data/download/x/y.csv", "/competitions/data/download/x/y.csv"},
        {API "/datasets/view/a/b", NULL},
        {API "/datasets/download/a", NULL},
        {"https://storage.googleapis.com/kaggle-forum/x.csv", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(KaggleName) name = {0};
        g_auto(KaggleCall) call = {0};
        g_test_message("%s", cases[i].address);
        gboolean is_one = kaggle_call_of_address(BASE, cases[i].address, &name, &call);
        g_assert_cmpint(is_one, ==, cases[i].again != NULL);
        if (is_one) {
            g_assert_cmpstr(call.path, ==, cases[i].again);
            g_assert_true(call.wants_address);
        }
    }
}

static void test_member_addresses(void)
{
    g_autoptr(FileSpec) archive = file_spec_new("b.zip");
    file_spec_add_address(archive, "http://127.0.0.1:8/k/api/v1/datasets/download/a/"
                                   "b?datasetVersionNumber=4");
    g_autofree char *one = kaggle_member_address(&kaggle_fetcher, NULL, archive, "images/0 1.png");
    g_assert_cmpstr(one, ==,
                    "http://127.0.0.1:8/k/api/v1/datasets/download/a/b/images%2F0%201.png"
                    "?datasetVersionNumber=4");
    g_autoptr(FileSpec) contest = file_spec_new("x.zip");
    file_spec_add_address(contest, API "/competitions/data/download-all/x");
    g_autofree char *other = kaggle_member_address(&kaggle_fetcher, NULL, contest, "a/b.csv");
    g_assert_cmpstr(other, ==, API "/competitions/data/download/x/a%2Fb.csv");
    g_autoptr(FileSpec) foreign = file_spec_new("x.zip");
    file_spec_add_address(foreign, "https://example.org/x.zip");
    g_assert_null(kaggle_member_address(&kaggle_fetcher, NULL, foreign, "x"));
}

/* Refusals. */

typedef struct {
    int status;
    const char *type, *body;
    KaggleSaidKind kind;
    int code;
    const char *message;
} SaidCase;

#define JSON_TYPE "application/json"
#define RULES                                                                                      \
    "You must accept this competition\\u0027s rules before you\\u0027ll be able to download "      \
    "files."

static const SaidCase said_cases[] = {
    {200, JSON_TYPE, "{\"datasetFiles\":[]}", KAGGLE_SAID_NOTHING, 200, NULL},
    {200, JSON_TYPE, "[]", KAGGLE_SAID_NOTHING, 200, NULL},
    {200, JSON_TYPE, "{\"code\":200}", KAGGLE_SAID_NOTHING, 200, NULL},
    {401, JSON_TYPE, "{\"code\":401,\"message\":\"Unauthenticated\"}", KAGGLE_SAID_LOGIN, 401,
     "Unauthenticated"},
    {401, "text/plain", "Unauthorized", KAGGLE_SAID_LOGIN, 401, "Unauthorized"},
    {401, NULL, "", KAGGLE_SAID_LOGIN, 401, NULL},
    {403, JSON_TYPE, "{\"code\":403,\"message\":\"" RULES "\"}", KAGGLE_SAID_RULES, 403,
     "You must accept this competition's rules before you'll be able to download files."},
    {403, JSON_TYPE, "{\"code\":403,\"message\":\"Forbidden\"}", KAGGLE_SAID_FORBIDDEN, 403,
     "Forbidden"},
    {403, JSON_TYPE, "{\"code\":403}", KAGGLE_SAID_FORBIDDEN, 403, NULL},
    {403, "text/plain", "Forbidden", KAGGLE_SAID_FORBIDDEN, 403, "Forbidden"},
    {403, JSON_TYPE, "{\"errors\":[\"no\"]}", KAGGLE_SAID_FORBIDDEN, 403, "{\"errors\":[\"no\"]}"},
    {403, NULL, "", KAGGLE_SAID_BLOCKED, 403, NULL},
    {403, JSON_TYPE,
     "{\"code\":403,\"message\":\"Required permission \\u0027competitions.get\\u0027 was not "
     "satisfied\"}",
     KAGGLE_SAID_PERMISSION, 403, "Required permission 'competitions.get' was not satisfied"},
    {404, JSON_TYPE, "{\"code\":404,\"message\":\"Not found\"}", KAGGLE_SAID_ABSENT, 404,
     "Not found"},
    {404, NULL, "", KAGGLE_SAID_ABSENT_MUTELY, 404, NULL},
    {404, "text/html", "<html><title>We can't find that page</title>", KAGGLE_SAID_ABSENT, 404,
     "We can't find that page"},
    {410, JSON_TYPE, "{\"code\":410,\"message\":\"Gone\"}", KAGGLE_SAID_ABSENT, 410, "Gone"},
    {400, JSON_TYPE, "{\"code\":400,\"message\":\"Invalid page token\"}", KAGGLE_SAID_WRONG, 400,
     "Invalid page token"},
    {429, JSON_TYPE, "{\"code\":429,\"message\":\"TooManyRequests\"}", KAGGLE_SAID_THROTTLED, 429,
     "TooManyRequests"},
    {429, JSON_TYPE,
     "{\"error\":{\"code\":429,\"message\":\"Too many "
     "requests\",\"status\":\"RESOURCE_EXHAUSTED\"}}",
     KAGGLE_SAID_THROTTLED, 429, "Too many requests"},
    {200, JSON_TYPE, "{\"code\":403,\"message\":\"Forbidden\"}", KAGGLE_SAID_FORBIDDEN, 403,
     "Forbidden"},
    {200, JSON_TYPE, "{\"error\":{\"code\":429,\"message\":\"Too many requests\"}}",
     KAGGLE_SAID_THROTTLED, 429, "Too many requests"},
    {200, JSON_TYPE, "{\"code\":500,\"message\":\"Oops\\u001b[2J\"}", KAGGLE_SAID_TROUBLE, 500,
     NULL},
    {503, "text/html", "<html><title>We'll be back soon</title>", KAGGLE_SAID_TROUBLE, 503,
     "We'll be back soon"},
    {200, "text/html", "<!DOCTYPE html><title>Kaggle</title>", KAGGLE_SAID_PAGE, 200, "Kaggle"},
    {200, "text/html", "<html><title>Login</title><input type=\"password\">", KAGGLE_SAID_LOGIN,
     200, "Login"},
    {403, "text/html", "<html><title>FortiGuard: Web Page Blocked</title>", KAGGLE_SAID_FILTER, 403,
     "FortiGuard: Web Page Blocked"},
};

static void test_said(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(said_cases); i++) {
        const SaidCase *of = &said_cases[i];
        g_auto(KaggleSaid) said = {0};
        json_auto_t *json = json_loads(of->body, JSON_DECODE_ANY, NULL);
        g_test_message("%d %s", of->status, of->body);
        kaggle_said_take(&said, of->status, of->type, of->body, strlen(of->body), json);
        g_assert_cmpint(said.kind, ==, of->kind);
        g_assert_cmpint(said.code, ==, of->code);
        if (of->message || of->kind == KAGGLE_SAID_NOTHING || !*of->body)
            g_assert_cmpstr(said.message, ==, of->message);
        g_assert_true(!said.message || !strchr(said.message, '\x1b'));
    }
}

/* Each refusal has its own words, the page to open and the line to type. */
static void test_words(void)
{
    static const struct {
        KaggleSaidKind kind;
        gboolean contest, login;
        MedmirrorError error;
        const char *words[4];
    } cases[] = {
        {KAGGLE_SAID_LOGIN,
         TRUE,
         FALSE,
         MEDMIRROR_ERROR_ACCESS,
         {"medmirror login kaggle", BASE "/settings", BASE "/competitions/x/rules"}},
        {KAGGLE_SAID_LOGIN,
         FALSE,
         FALSE,
         MEDMIRROR_ERROR_ACCESS,
         {"medmirror login kaggle", BASE "/datasets/a/x"}},
        {KAGGLE_SAID_LOGIN,
         TRUE,
         TRUE,
         MEDMIRROR_ERROR_ACCESS,
         {"“ana”", "THE_PLACE", "not asked again", "medmirror login kaggle"}},
        {KAGGLE_SAID_RULES,
         TRUE,
         TRUE,
         MEDMIRROR_ERROR_ACCESS,
         {BASE "/competitions/x/rules", "Late Submission", "medmirror pull REF"}},
        {KAGGLE_SAID_FORBIDDEN,
         TRUE,
         TRUE,
         MEDMIRROR_ERROR_ACCESS,
         {BASE "/competitions/x/rules", "telephone", BASE "/settings", "medmirror pull REF"}},
        {KAGGLE_SAID_FORBIDDEN,
         FALSE,
         FALSE,
         MEDMIRROR_ERROR_ACCESS,
         {BASE "/datasets/a/x", "consent", "medmirror login kaggle"}},
        {KAGGLE_SAID_BLOCKED,
         FALSE,
         FALSE,
         MEDMIRROR_ERROR_ACCESS,
         {"network", BASE "/datasets/a/x", "medmirror pull REF"}},
        {KAGGLE_SAID_PERMISSION,
         TRUE,
         TRUE,
         MEDMIRROR_ERROR_ABSENT,
         {"name is wrong", "medmirror"}},
        {KAGGLE_SAID_ABSENT, FALSE, FALSE, MEDMIRROR_ERROR_ABSENT, {BASE "/datasets/a/x"}},
        {KAGGLE_SAID_ABSENT_MUTELY, FALSE, FALSE, MEDMIRROR_ERROR_ABSENT, {"network"}},
        {KAGGLE_SAID_WRONG, FALSE, FALSE, MEDMIRROR_ERROR_ORIGIN, {"medmirror versions REF"}},
        {KAGGLE_SAID_THROTTLED,
         FALSE,
         FALSE,
         MEDMIRROR_ERROR_ORIGIN,
         {"fewer requests", "left alone until", "half an hour", "medmirror pull REF"}},
        {KAGGLE_SAID_TROUBLE, FALSE, FALSE, MEDMIRROR_ERROR_ORIGIN, {"medmirror pull REF"}},
        {KAGGLE_SAID_PAGE, FALSE, FALSE, MEDMIRROR_ERROR_ORIGIN, {"web page", "browser"}},
        {KAGGLE_SAID_FILTER, FALSE, FALSE, MEDMIRROR_ERROR_ORIGIN, {"proxy", "browser"}},
    };
    g_autoptr(Credential) login =
        credential_new(CREDENTIAL_PASSWORD, "ana", "never-shown", "THE_PLACE");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        KaggleName name = {.owner = cases[i].contest ? NULL : (char *)"a", .slug = (char *)"x"};
        const KaggleCase of = {.name = &name, .ref = "REF", .login = cases[i].login ? login : NULL};
        const KaggleSaid said = {
            .kind = cases[i].kind, .code = 400, .message = (char *)"Said", .wait_ms = 3600000};
        g_autoptr(GError) error = NULL;
        kaggle_set_error(&of, &said, &error);
        g_assert_error(error, MEDMIRROR_ERROR, (gint)cases[i].error);
        g_test_message("%s", error->message);
        g_assert_null(strstr(error->message, "never-shown"));
        for (gsize k = 0; k < G_N_ELEMENTS(cases[i].words) && cases[i].words[k]; k++)
            g_assert_nonnull(strstr(error->message, cases[i].words[k]));
    }
}

static void test_classify(void)
{
    static const char archive[] = API "/datasets/download/a/b?datasetVersionNumber=4";
    static const char single[] = API "/datasets/download/a/b/x.json?datasetVersionNumber=4";
    static const char contest[] = API "/competitions/data/download-all/x";
    static const char xml[] = "<?xml version='1.0'?><Error><Code>ExpiredToken</Code><Message>The "
                              "provided token has expired.</Message></Error>";
    static const struct {
        const char *asked, *final;
        int status;
        const char *type, *body;
        AnswerKind kind;
    } cases[] = {
        {archive, SIGNED, 200, "application/zip", "PK\x03\x04", ANSWER_DATA},
        {archive, SIGNED, 206, "application/zip", "PK\x03\x04", ANSWER_DATA},
        {archive, SIGNED, 200, "application/octet-stream", "nonsense", ANSWER_NOTHING_THERE},
        {contest, SIGNED, 200, "application/x-tar", "ustar", ANSWER_DATA},
        {archive, SIGNED, 400, "application/xml", xml, ANSWER_EXPIRED},
        {archive, SIGNED, 403, "application/xml", xml, ANSWER_EXPIRED},
        {archive, SIGNED, 403, "application/xml",
         "<Error><Code>SignatureDoesNotMatch</Code></Error>", ANSWER_EXPIRED},
        {archive, SIGNED, 404, "application/xml", "<Error><Code>NoSuchKey</Code></Error>",
         ANSWER_BY_STATUS},
        {archive, SIGNED, 503, "text/plain", "no", ANSWER_BY_STATUS},
        {archive, archive, 200, JSON_TYPE, "{\"code\":403,\"message\":\"Forbidden\"}",
         ANSWER_TERMS},
        {archive, archive, 200, JSON_TYPE, "{\"code\":404}", ANSWER_ABSENT},
        {archive, archive, 200, JSON_TYPE, "{\"code\":400}", ANSWER_NOTHING_THERE},
        {archive, archive, 200, JSON_TYPE, "{\"error\":{\"code\":429}}", ANSWER_TRANSIENT},
        {archive, archive, 200, JSON_TYPE, "{\"code\":500}", ANSWER_TRANSIENT},
        {single, single, 200, JSON_TYPE, "{\"code\":404}", ANSWER_ABSENT},
        /* A file that is called so and says so. */
        {API "/datasets/download/a/b/x.json",
         "https://storage.googleapis.com/kaggle-data-sets/1/2/x.json", 200, JSON_TYPE,
         "{\"code\":404}", ANSWER_DATA},
        {archive, archive, 200, "text/html", "<html><form><input type=\"password\">",
         ANSWER_LOGIN_PAGE},
        {archive, archive, 200, "text/html", "<!DOCTYPE html><title>Hi</title>",
         ANSWER_UNEXPECTED_HTML},
        {archive, archive, 403, "text/html", "<html>FortiGuard: Web Page Blocked",
         ANSWER_NOT_THE_SOURCES_OWN},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *const headers[] = {"Content-Range: bytes 0-3/4", NULL};
        const AnswerHead head = {.status = cases[i].status,
                                 .address = cases[i].asked,
                                 .final_address = cases[i].final,
                                 .content_type = cases[i].type,
                                 .headers = headers,
                                 .body = (const guint8 *)cases[i].body,
                                 .body_length = strlen(cases[i].body)};
        g_test_message("%" G_GSIZE_FORMAT " %d %s", i, cases[i].status, cases[i].body);
        g_assert_cmpint(kaggle_classify(&kaggle_fetcher, &head), ==, cases[i].kind);
    }
}

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
    g_test_add_func("/kaggle/names", test_names);
    g_test_add_func("/kaggle/addresses", test_addresses);
    g_test_add_func("/kaggle/locators", test_locators);
    g_test_add_func("/kaggle/calls", test_calls);
    g_test_add_func("/kaggle/addresses-of-calls", test_addresses_of_calls);
    g_test_add_func("/kaggle/member-addresses", test_member_addresses);
    g_test_add_func("/kaggle/said", test_said);
    g_test_add_func("/kaggle/words", test_words);
    g_test_add_func("/kaggle/classify", test_classify);
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

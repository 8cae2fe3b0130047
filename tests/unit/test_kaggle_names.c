/* Kaggle: names, addresses, and the questions that they become. */
#include "error.h"
#include "kaggle_api.h"
#include "kaggle_fetch.h"
#include "sources.h"

#include <stdlib.h>

#define BASE "https://www.kaggle.com"
#define API BASE "/api/v1"

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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/kaggle-names/names", test_names);
    g_test_add_func("/kaggle-names/addresses", test_addresses);
    g_test_add_func("/kaggle-names/locators", test_locators);
    g_test_add_func("/kaggle-names/calls", test_calls);
    g_test_add_func("/kaggle-names/addresses-of-calls", test_addresses_of_calls);
    g_test_add_func("/kaggle-names/member-addresses", test_member_addresses);
    return g_test_run();
}

/* What every registered fetcher must do, those outside the tree included: the functions that ask
 * nobody. The journey of the same name does the rest. A fetcher without a row here fails. */
#include "error.h"
#include "external.h"
#include "fetcher.h"
#include "own_folders.h"
#include "relpath.h"

#include <string.h>
#include <sys/stat.h>

#define EXAMPLE "docs/examples/medmirror-fetch-example"

typedef struct {
    const char *source;
    const char *name; /* behind SOURCE/ in a REF, or the REF itself where it is an address */
    const char *folder, *ref; /* what they must be */
    const char *page;         /* an address of the dataset; NULL: the source has none */
    const char *wrong_name;
    const char *wrong_value; /* a locator whose keys are right and whose value is not */
} Row;

static const Row rows[] = {
    {"uci", "45", "uci/45", "uci/45", "https://archive.ics.uci.edu/dataset/45/heart+disease",
     "../45", "{\"id\":\"45\"}"},
    {"physionet", "mitdb", "physionet/mitdb", "physionet/mitdb",
     "https://physionet.org/content/mitdb/1.0.0/", "mit db", "{\"project\":17}"},
    {"kaggle", "kmader/ham10000", "kaggle/kmader/ham10000", "kaggle/kmader/ham10000",
     "https://www.kaggle.com/datasets/kmader/ham10000/versions/2", "kmader",
     "{\"dataset\":\"../ham10000\"}"},
    {"tcia", "LIDC-IDRI", "tcia/LIDC-IDRI", "tcia/LIDC-IDRI",
     "https://wiki.cancerimagingarchive.net/display/Public/LIDC-IDRI", "../LIDC-IDRI",
     "{\"collection\":\"../LIDC-IDRI\"}"},
    {"s3", "physionet-open/mitdb/1.0.0/", "s3/physionet-open/mitdb/1.0.0",
     "s3://physionet-open/mitdb/1.0.0/", "s3://physionet-open/mitdb/1.0.0/", "a/b",
     "{\"bucket\":\"../x\"}"},
    {"http", "https://example.org/data/x.zip", "http/example.org/data/x.zip",
     "https://example.org/data/x.zip", "https://example.org/data/x.zip", "example.org/x",
     "{\"url\":\"ftp://example.org/x\"}"},
    {"example", "heart/left", "example/heart/left", "example/heart/left", NULL, "../heart",
     "{\"name\":[\"heart\"]}"},
};

static const Row *row_of(const Fetcher *fetcher)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(rows[i].source, fetcher->row.name) == 0)
            return &rows[i];
    g_error("The fetcher \"%s\" is registered, and this test has no row for it.",
            fetcher->row.name);
    return NULL;
}

static json_t *locator_of(const Fetcher *fetcher, const Row *row)
{
    char *version = NULL;
    g_autoptr(GError) error = NULL;
    json_t *locator = fetcher->locator_from_name(fetcher, row->name, &version, &error);
    g_assert_no_error(error);
    g_assert_nonnull(locator);
    g_assert_null(version);
    return locator;
}

static void test_rows(void)
{
    guint count = 0;
    for (; fetchers[count]; count++) {
        const Fetcher *fetcher = fetchers[count];
        (void)row_of(fetcher);
        g_assert_true(fetcher_find(fetcher->row.name) == fetcher);
        g_assert_nonnull(fetcher->row.title);
        g_assert_true(fetcher->row.locator_keys && fetcher->row.locator_keys[0]);
        g_assert_nonnull(fetcher->row.endpoints);
        g_assert_nonnull(fetcher->row.version_help);
        g_assert_true(fetcher->check_locator && fetcher->locator_from_name && fetcher->folder &&
                      fetcher->ref && fetcher->versions && fetcher->resolve && fetcher->classify &&
                      fetcher->describe_access);
        g_assert_true(!fetcher->complete_locator == !fetcher->locator_is_complete);
        g_assert_true(!fetcher->row.login || fetcher->row.login->hosts);
    }
    g_assert_cmpuint(count, ==, G_N_ELEMENTS(rows));
    g_assert_cmpstr(fetchers[count - 1]->row.name, ==, "http"); /* the last resort */
}

/* The name comes back as it went in, and the folder is safe, the source's own, and always the same.
 */
static void test_folders(void)
{
    for (guint i = 0; fetchers[i]; i++) {
        const Fetcher *fetcher = fetchers[i];
        const Row *row = row_of(fetcher);
        json_auto_t *locator = locator_of(fetcher, row);
        json_auto_t *copy = json_deep_copy(locator);
        g_autofree char *folder = fetcher->folder(fetcher, locator, NULL);
        g_autofree char *again = fetcher->folder(fetcher, copy, NULL);
        g_autofree char *ref = fetcher->ref(fetcher, locator);
        g_autofree char *top = g_strconcat(row->source, "/", NULL);
        g_assert_cmpstr(folder, ==, row->folder);
        g_assert_cmpstr(again, ==, folder);
        g_assert_true(json_equal(locator, copy));
        g_assert_true(g_str_has_prefix(folder, top));
        g_assert_true(relpath_check(folder, NULL));
        g_assert_cmpstr(ref, ==, row->ref);
        g_assert_true(fetcher->check_locator(fetcher, locator, NULL));
        /* What is typed again is the same dataset. */
        const char *name = g_str_has_prefix(ref, top) ? ref + strlen(top) : ref;
        char *version = NULL;
        json_auto_t *back = fetcher->locator_from_name(fetcher, name, &version, NULL);
        g_assert_nonnull(back);
        g_autofree char *same = fetcher->folder(fetcher, back, NULL);
        g_assert_cmpstr(same, ==, folder);
    }
}

static void assert_refused(const Fetcher *fetcher, json_t *locator)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(fetcher->check_locator(fetcher, locator, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_assert_cmpuint(strlen(error->message), >, 20);
    json_decref(locator);
}

static void test_nonsense(void)
{
    for (guint i = 0; fetchers[i]; i++) {
        const Fetcher *fetcher = fetchers[i];
        const Row *row = row_of(fetcher);
        g_autoptr(GError) error = NULL;
        char *version = NULL;
        g_assert_null(fetcher->locator_from_name(fetcher, row->wrong_name, &version, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
        g_assert_null(version);
        assert_refused(fetcher, json_object());
        assert_refused(fetcher, json_array());
        assert_refused(fetcher, json_loads(row->wrong_value, 0, NULL));
        json_t *odd = locator_of(fetcher, row);
        json_object_set_new(odd, "nonsense", json_string("x"));
        assert_refused(fetcher, odd);
        for (const char *const *key = fetcher->row.locator_keys; *key; key++) {
            json_t *wrong = locator_of(fetcher, row);
            json_object_set_new(wrong, *key, json_object());
            assert_refused(fetcher, wrong);
        }
    }
}

/* Names that would leave the folder, or the mirror. */
static void test_hostile_names(void)
{
    static const char *const names[] = {"",
                                        ".",
                                        "..",
                                        "../x",
                                        "x/../../y",
                                        "/etc/x",
                                        "a\n",
                                        "a\x01",
                                        "\xff\xfe",
                                        "a\\b",
                                        "%2e%2e/x",
                                        "..%2f..%2fx",
                                        "https://example.org/../..",
                                        ".medmirror",
                                        "x/.medmirror",
                                        "@1",
                                        "a//b"};
    for (guint i = 0; fetchers[i]; i++)
        for (gsize k = 0; k < G_N_ELEMENTS(names); k++) {
            const Fetcher *fetcher = fetchers[i];
            char *version = NULL;
            json_auto_t *locator = fetcher->locator_from_name(fetcher, names[k], &version, NULL);
            g_free(version);
            if (!locator || !fetcher->check_locator(fetcher, locator, NULL))
                continue;
            g_autofree char *folder = fetcher->folder(fetcher, locator, NULL);
            g_autofree char *top = g_strconcat(fetcher->row.name, "/", NULL);
            g_assert_true(relpath_check(folder, NULL));
            g_assert_true(g_str_has_prefix(folder, top));
            g_assert_null(strstr(folder, "/.")); /* nothing hidden, and none of our own */
        }
}

static void test_pages(void)
{
    for (guint i = 0; fetchers[i]; i++) {
        const Row *row = row_of(fetchers[i]);
        if (!row->page)
            continue;
        json_t *locator = NULL;
        char *version = NULL;
        const Fetcher *found = fetcher_find_by_address(row->page, &locator, &version);
        g_assert_true(found == fetchers[i]);
        g_assert_true(found->check_locator(found, locator, NULL));
        g_autofree char *folder = found->folder(found, locator, NULL);
        g_assert_cmpstr(folder, ==, row->folder);
        json_decref(locator);
        g_free(version);
    }
}

/* Who is refused is told what to do, in a sentence. */
static void test_access(void)
{
    static const int statuses[] = {401, 403};
    for (guint i = 0; fetchers[i]; i++) {
        const Fetcher *fetcher = fetchers[i];
        json_auto_t *locator = locator_of(fetcher, row_of(fetcher));
        for (gsize k = 0; k < G_N_ELEMENTS(statuses); k++) {
            g_autofree char *words = fetcher->describe_access(fetcher, locator, NULL, statuses[k]);
            if (!words)
                g_error("%s says nothing of %d.", fetcher->row.name, statuses[k]);
            g_assert_cmpuint(strlen(words), >, 20);
            g_assert_true(g_utf8_validate(words, -1, NULL));
        }
        g_autofree char *fine = fetcher->describe_access(fetcher, locator, NULL, 200);
        g_assert_null(fine);
    }
}

static AnswerKind classify(const Fetcher *fetcher, int status, const char *type, const char *body)
{
    const AnswerHead head = {.status = status,
                             .address = "https://example.org/x.dat",
                             .final_address = "https://example.org/x.dat",
                             .content_type = type,
                             .body = (const guint8 *)body,
                             .body_length = strlen(body)};
    return fetcher->classify(fetcher, &head);
}

/* A page is never data, bytes are, and a filter's page is nobody's of the source. */
static void test_classify(void)
{
    for (guint i = 0; fetchers[i]; i++) {
        const Fetcher *fetcher = fetchers[i];
        g_assert_cmpint(classify(fetcher, 200, "application/octet-stream", "\x01\x02\x03"), ==,
                        ANSWER_DATA);
        g_assert_cmpint(classify(fetcher, 200, "text/html", "<!DOCTYPE html><title>Hello</title>"),
                        !=, ANSWER_DATA);
        g_assert_cmpint(classify(fetcher, 200, "text/html",
                                 "<html><form><input type=\"password\"></form></html>"),
                        ==, ANSWER_LOGIN_PAGE);
        g_assert_cmpint(classify(fetcher, 403, "text/html", "<html>FortiGuard: Web Page Blocked"),
                        ==, ANSWER_NOT_THE_SOURCES_OWN);
        /* A region that is refused: the source's own word, or nobody knows whose. */
        AnswerKind region = classify(fetcher, 451, "text/html", "<html>Not in your region");
        g_assert_true(region == ANSWER_NOT_THE_SOURCES_OWN || region == ANSWER_TERMS);
        g_assert_cmpint(classify(fetcher, 404, "text/plain", "no"), !=, ANSWER_DATA);
        g_assert_cmpint(classify(fetcher, 503, "text/plain", "no"), !=, ANSWER_DATA);
    }
}

/* The example as its users have it: a program of their own. */
static void register_example(const char *top)
{
    g_autofree char *path = g_build_filename(top, "medmirror-fetch-example", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    gsize length = 0;
    g_assert_true(g_file_get_contents(SOURCE_DIR "/" EXAMPLE, &text, &length, &error));
    g_assert_true(g_file_set_contents(path, text, (gssize)length, &error));
    g_assert_cmpint(chmod(path, 0755), ==, 0);
    g_assert_true(external_register("example", path, 0, &error));
    const Fetcher *fetcher = fetcher_find("example");
    g_assert_true(fetcher->open(fetcher, &error));
    g_assert_no_error(error);
}

int main(int argc, char **argv)
{
    char *top = own_folders_begin();
    g_test_init(&argc, &argv, NULL);
    register_example(top);
    g_test_add_func("/conformance/rows", test_rows);
    g_test_add_func("/conformance/folders", test_folders);
    g_test_add_func("/conformance/nonsense", test_nonsense);
    g_test_add_func("/conformance/hostile-names", test_hostile_names);
    g_test_add_func("/conformance/pages", test_pages);
    g_test_add_func("/conformance/access", test_access);
    g_test_add_func("/conformance/classify", test_classify);
    int status = g_test_run();
    external_stop_all();
    return own_folders_end(top, status);
}

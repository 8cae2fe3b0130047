/* IDC's API: an answer counts only where it speaks of what was asked. Its buckets' folders. */
#include "error.h"
#include "idc_api.h"
#include "support_fake_host.h"
#include "tcia_bundle.h"

#define BASE "https://idc/v3"
#define UUID "01234567-89ab-cdef-0123-456789abcdef"

static char *row(const char *collection, const char *series, const char *uuid)
{
    return g_strdup_printf(
        "{\"collection_id\":\"%s\",\"PatientID\":\"P\",\"StudyInstanceUID\":\"1.3\","
        "\"SeriesInstanceUID\":\"%s\",\"Modality\":\"CT\",\"instanceCount\":7,"
        "\"aws_bucket\":\"idc-open-data\",\"crdc_series_uuid\":\"%s\"}",
        collection, series, uuid);
}

typedef struct {
    guint count;
    guint64 images;
} Rows;

static gboolean take_series(gpointer data, const IdcSeries *series, GError **error)
{
    Rows *rows = data;
    rows->count++;
    rows->images += series->images;
    g_assert_cmpstr(series->uuid, ==, UUID);
    g_assert_cmpstr(series->bucket, ==, "idc-open-data");
    return TRUE;
}

static gboolean ask(FakeHost *host, Rows *rows, GError **error)
{
    IdcQuery query = {.services = &host->services,
                      .base = BASE,
                      .collection_id = "lung",
                      .series = take_series,
                      .data = rows};
    gboolean done = idc_each_series(&query, error);
    if (done)
        g_assert_cmpstr(query.version, ==, "v25");
    g_assert_cmpuint(done ? query.length : rows->count, ==, rows->count);
    g_free(query.version);
    return done;
}

static void test_answers(void)
{
    g_autofree char *one = row("lung", "1.2", UUID);
    g_autofree char *two = row("lung", "1.4", UUID);
    g_autofree char *foreign = row("breast", "1.2", UUID);
    g_autofree char *no_uuid = row("lung", "1.2", "../x");
    struct {
        const char *version, *counts, *page, *first, *second;
        guint count;
        gboolean is_wrong;
    } cases[] = {
        {"v25", "{\"series\":2}", "\"total_series\":2,\"page\":0,\"page_size\":5000,\"returned\":2",
         one, two, 2, FALSE},
        {"v25", "{\"counts\":{\"series\":1}}", "\"total_series\":1", one, NULL, 1, FALSE},
        {"v25", "{\"series\":0}", NULL, NULL, NULL, 0, FALSE},
        /* Everything, for the body was not understood. */
        {"v25", "{\"series\":2}", "\"total_series\":1032911", one, two, 0, TRUE},
        {"v25", "{\"series\":1032911}", "\"total_series\":2", one, two, 0, TRUE},
        {"v25", "{\"series\":1}", "\"total_series\":1", foreign, NULL, 0, TRUE},
        {"v25", "{\"series\":1}", "\"total_series\":1", no_uuid, NULL, 0, TRUE},
        /* Short, and twice as long as it says. */
        {"v25", "{\"series\":2}", "\"total_series\":2", one, NULL, 0, TRUE},
        {"v25", "{\"series\":1}", "\"total_series\":1", one, two, 0, TRUE},
        {"v25", "{\"series\":1}", "\"total_series\":1,\"page\":3", one, NULL, 0, TRUE},
        {"v25", "{\"series\":1}", "\"total_series\":1,\"page_size\":0", one, NULL, 0, TRUE},
        {"v25", "{\"series\":1}", "\"total\":1", one, NULL, 0, TRUE},
        {"v25", "{\"series\":\"1\"}", "\"total_series\":1", one, NULL, 0, TRUE},
        {"v25", "[]", "\"total_series\":1", one, NULL, 0, TRUE},
        {"", "{\"series\":1}", "\"total_series\":1", one, NULL, 0, TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        g_autofree char *version = g_strdup_printf("{\"idc_version\":\"%s\"}", cases[i].version);
        g_autofree char *page =
            g_strdup_printf("{%s,\"series\":[%s%s%s]}", cases[i].page ? cases[i].page : "\"x\":0",
                            cases[i].first ? cases[i].first : "", cases[i].second ? "," : "",
                            cases[i].second ? cases[i].second : "");
        fake_serve(host, BASE "/version", 200, "application/json", version);
        fake_serve(host, BASE "/cohort/counts", 200, "application/json", cases[i].counts);
        fake_serve(host, BASE "/cohort/manifest", 200, "application/json", page);
        Rows rows = {0};
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(ask(host, &rows, &error), ==, !cases[i].is_wrong);
        if (cases[i].is_wrong)
            g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
        g_assert_cmpuint(rows.count, ==, cases[i].count);
        g_assert_cmpuint(rows.images, ==, 7 * cases[i].count);
    }
}

static void test_away(void)
{
    static const int statuses[] = {400, 404, 422, 504};
    for (gsize i = 0; i < G_N_ELEMENTS(statuses); i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        fake_serve(host, BASE "/version", 200, "application/json", "{\"idc_version\":\"v25\"}");
        fake_serve(host, BASE "/cohort/counts", statuses[i], "application/json", "{}");
        Rows rows = {0};
        g_autoptr(GError) error = NULL;
        g_assert_false(ask(host, &rows, &error));
        g_assert_nonnull(error);
    }
}

typedef struct {
    GString *names;
    guint hinted;
} Parts;

static gboolean take_part(gpointer data, const BundlePart *part, GError **error)
{
    Parts *parts = data;
    g_string_append_printf(parts->names, "%s %s %" G_GUINT64_FORMAT "\n", part->name, part->address,
                           part->size);
    parts->hinted += digest_set_get(&part->hinted, DIGEST_MD5) != NULL;
    return TRUE;
}

#define FOLDER "https://s3/idc-open-data/" UUID "/"

static char *object(const char *key, const char *etag)
{
    return g_strdup_printf("<Contents><Key>%s</Key><Size>12</Size><ETag>&quot;%s&quot;</ETag>"
                           "</Contents>",
                           key, etag);
}

/* The listing is asked for by whatever address it has: the host answers the first one. */
static Document *serve_any(HostServices *services, const DocumentRequest *request, GError **error)
{
    FakeHost *host = services->host;
    FakeAnswer *answer = g_hash_table_lookup(host->answers, "any");
    g_assert_true(g_str_has_prefix(request->url, "https://s3/idc-open-data"));
    g_assert_nonnull(strstr(request->url, "list-type=2"));
    g_assert_nonnull(strstr(request->url, UUID));
    return fake_document(answer, request, 200, answer->length);
}

static gboolean list(const char *address, const char *contents, Parts *parts, GError **error)
{
    g_autoptr(FakeHost) host = fake_host_new();
    g_autofree char *page =
        g_strdup_printf("<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated>"
                        "%s</ListBucketResult>",
                        contents);
    fake_serve(host, "any", 200, "application/xml", page);
    host->services.get = serve_any;
    const BundleTaker taker = {.part = take_part, .data = parts};
    json_auto_t *locator = json_pack("{s:s}", "collection", "Lung");
    g_autoptr(FileSpec) spec = file_spec_new("x.zip");
    return tcia_list_bundle(fetcher_find("tcia"), locator, spec, address, &host->services, &taker,
                            error);
}

static void test_bundle(void)
{
    g_autofree char *whole = object(UUID "/a.dcm", "0123456789abcdef0123456789abcdef");
    g_autofree char *in_parts = object(UUID "/b.dcm", "0123456789abcdef0123456789abcdef-2");
    g_autofree char *both = g_strconcat(whole, in_parts, NULL);
    Parts parts = {.names = g_string_new(NULL)};
    g_autoptr(GError) error = NULL;
    g_assert_true(list(FOLDER, both, &parts, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(parts.names->str, ==, "a.dcm " FOLDER "a.dcm 12\nb.dcm " FOLDER "b.dcm 12\n");
    g_assert_cmpuint(parts.hinted, ==, 1);
    g_assert_false(list(FOLDER, "", &parts, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
    g_string_free(parts.names, TRUE);
}

static void test_hostile_bundle(void)
{
    static const char *const keys[] = {UUID "/../x.dcm", UUID "/a/b.dcm", "other/x.dcm", UUID "/..",
                                       UUID "/a\\b"};
    static const char *const folders[] = {"https://s3/idc-open-data/x/", "https://s3/" UUID "/",
                                          "https://s3/idc-open-data/" UUID, "", "/"};
    Parts parts = {.names = g_string_new(NULL)};
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *one = object(keys[i], "x");
        g_autoptr(GError) error = NULL;
        g_assert_false(list(FOLDER, one, &parts, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(list(folders[i], "", &parts, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED);
    }
    g_assert_cmpuint(parts.names->len, ==, 0);
    g_autofree char *b = object(UUID "/b.dcm", "x");
    g_autofree char *a = object(UUID "/a.dcm", "x");
    for (gsize i = 0; i < 2; i++) {
        g_autofree char *both = g_strconcat(b, i == 0 ? b : a, NULL);
        g_autoptr(GError) error = NULL;
        g_assert_false(list(FOLDER, both, &parts, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
    }
    g_string_free(parts.names, TRUE);
}

int main(int count, char **arguments)
{
    g_test_init(&count, &arguments, NULL);
    g_test_add_func("/idc/answers", test_answers);
    g_test_add_func("/idc/away", test_away);
    g_test_add_func("/idc/bundle", test_bundle);
    g_test_add_func("/idc/hostile-bundle", test_hostile_bundle);
    return g_test_run();
}

/* Where-terms: what they match, how they are written, and how they go into a selection. */
#include "error.h"
#include "selection.h"
#include "where_keys.h"

#include <glib/gstdio.h>
#include <string.h>

static json_t *facts_of(const char *text)
{
    return *text ? json_loads(text, 0, NULL) : NULL;
}

#define CT                                                                                         \
    "{\"Modality\":\"CT\",\"PatientID\":\"LIDC-IDRI-0001\",\"Manufacturer\":\"GE MEDICAL "         \
    "SYSTEMS\",\"SeriesInstanceUID\":\"1.2.3\",\"SeriesDescription\":\"Thorax, lung\"}"
#define OTHERS                                                                                     \
    "{\"Modality\":\"SEG\",\"ThirdPartyAnalysis\":\"YES\",\"SeriesInstanceUID\":\"1.2.4\"}"

static void test_matches(void)
{
    static const struct {
        const char *term, *facts;
        gboolean matches;
    } rows[] = {
        {"Modality=CT", CT, TRUE},
        {"modality=ct", CT, TRUE},
        {"MODALITY=MR", CT, FALSE},
        {"Modality=MR,CT", CT, TRUE},
        {"Modality=MR, ct ", CT, TRUE},
        {"Modality==CT", CT, TRUE},
        {"Modality!=CT", CT, FALSE},
        {"Modality!=MR,SEG", CT, TRUE},
        {"Modality=C", CT, FALSE}, /* whole values */
        {"Modality~C*", CT, TRUE},
        {"Modality~c?", CT, TRUE},
        {"Modality~C", CT, FALSE},
        {"manufacturer=ge medical systems", CT, TRUE},
        {"vendor~ge*", CT, TRUE},
        {"patient=LIDC-IDRI-0001", CT, TRUE},
        {"Subject ID=lidc-idri-0001", CT, TRUE},
        {"description~*lung", CT, TRUE},
        {"series=1.2.3", CT, TRUE},
        {"series=1.2", CT, FALSE},
        {"Series UID=1.2.3,1.2.9", CT, TRUE},
        {"body part=CHEST", CT, FALSE}, /* it has no such fact */
        {"body part!=CHEST", CT, TRUE},
        {"body part=", CT, TRUE},
        {"Modality=", CT, FALSE},
        {"body_part~*", CT, TRUE},
        {"Modality=CT", "", FALSE},
        {"Modality!=CT", "", TRUE},
        {"shape=ROUND", "{\"Shape\":\"round\"}", TRUE}, /* a key of another source */
        {"Ort=KÖLN", "{\"Ort\":\"Köln\"}", TRUE},
        {"Ort=KOLN", "{\"Ort\":\"Köln\"}", FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(WhereTerm) term = where_term_parse(rows[i].term, &error);
        g_assert_no_error(error);
        json_t *facts = facts_of(rows[i].facts);
        if (where_term_matches(term, facts) != rows[i].matches)
            g_error("%s on %s", rows[i].term, rows[i].facts);
        json_decref(facts);
        g_autoptr(GString) text = g_string_new(NULL);
        where_term_append_json(term, 0, text);
        json_t *json = json_loads(text->str, 0, NULL);
        g_autoptr(WhereTerm) again = where_term_from_json(json);
        g_assert_nonnull(again);
        g_assert_true(where_term_equal(term, again));
        json_decref(json);
    }
}

static void test_wrong(void)
{
    static const char *const rows[] = {"",    "Modality", "=CT", "Modality>3",
                                       "!=x", "a<b",      " =x", "Modality!CT"};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(where_term_parse(rows[i], &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
        g_assert_nonnull(strstr(error->message, "--where Modality=CT,MR"));
    }
    static const char *const objects[] = {"{}",
                                          "{\"key\":\"a\"}",
                                          "{\"is\":[]}",
                                          "{\"key\":\"a\",\"is\":[1]}",
                                          "{\"key\":\"a\",\"is\":\"b\"}",
                                          "{\"key\":\"a\",\"is\":[],\"like\":\"b\"}",
                                          "{\"key\":\"a\",\"is\":[],\"count\":-1}",
                                          "[]"};
    for (gsize i = 0; i < G_N_ELEMENTS(objects); i++) {
        json_t *object = json_loads(objects[i], 0, NULL);
        g_assert_null(where_term_from_json(object));
        json_decref(object);
    }
}

static void test_file(void)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) error = NULL;
    g_close(g_file_open_tmp("where-XXXXXX", &path, NULL), NULL);
    g_assert_true(g_file_set_contents(path, "1.2.3\r\n\n  1.2.4 \nThorax, lung", -1, NULL));
    g_autofree char *typed = g_strdup_printf("series=@%s", path);
    g_autoptr(WhereTerm) term = where_term_parse(typed, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(where_term_values(term), ==, 3);
    g_assert_true(where_term_has(term, "1.2.4"));
    g_assert_true(where_term_has(term, "thorax, LUNG"));
    g_autofree char *described = where_term_describe(term);
    g_assert_cmpstr(described, ==, "SeriesInstanceUID=@FILE (3 values)");
    g_assert_true(g_file_set_contents(path, "\n \n", -1, NULL));
    g_assert_null(where_term_parse(typed, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_clear_error(&error);
    g_unlink(path);
    g_assert_null(where_term_parse(typed, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
}

static WhereTerm *term_of(const char *text)
{
    g_autoptr(GError) error = NULL;
    WhereTerm *term = where_term_parse(text, &error);
    g_assert_no_error(error);
    return term;
}

/* "A&B": each must match; NULL: all. */
static Selection *selection_of(const char *text)
{
    g_autoptr(Selection) all = selection_new_all();
    g_autoptr(GPtrArray) terms = g_ptr_array_new_with_free_func((GDestroyNotify)where_term_unref);
    g_auto(GStrv) parts = g_strsplit(text ? text : "", "&", -1);
    for (guint i = 0; parts[i]; i++)
        g_ptr_array_add(terms, term_of(parts[i]));
    return selection_narrow(all, terms);
}

static void test_selection(void)
{
    static const struct {
        const char *a, *b, *json, *description;
    } rows[] = {
        {"Modality=CT", "Modality=CT", "[{\"where\":[{\"key\":\"Modality\",\"is\":[\"CT\"]}]}]",
         "--where Modality=CT"},
        {"patient=B", "patient=A", "[{\"where\":[{\"key\":\"PatientID\",\"is\":[\"A\",\"B\"]}]}]",
         "--where PatientID=A,B"},
        {"patient=B&modality=CT", "modality=CT&patient=A",
         "[{\"where\":[{\"key\":\"Modality\",\"is\":[\"CT\"]},{\"key\":\"PatientID\",\"is\":["
         "\"A\",\"B\"]}]}]",
         "--where Modality=CT --where PatientID=A,B"},
        {"modality=CT", "patient=A",
         "[{\"where\":[{\"key\":\"Modality\",\"is\":[\"CT\"]}]},"
         "{\"where\":[{\"key\":\"PatientID\",\"is\":[\"A\"]}]}]",
         "--where Modality=CT or --where PatientID=A"},
        {"Modality~C*", "Modality!=MR",
         "[{\"where\":[{\"key\":\"Modality\",\"is_not\":[\"MR\"]}]},"
         "{\"where\":[{\"key\":\"Modality\",\"like\":\"C*\"}]}]",
         "--where 'Modality!=MR' or --where 'Modality~C*'"},
        {"Modality=CT", NULL, "\"all\"", "everything"},
        /* What asks for others' results is more than all. */
        {"third party=YES", NULL,
         "[{},{\"where\":[{\"key\":\"ThirdPartyAnalysis\",\"is\":[\"YES\"]}]}]",
         "everything or --where ThirdPartyAnalysis=YES"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Selection) a = selection_of(rows[i].a);
        g_autoptr(Selection) all = selection_new_all();
        g_autoptr(Selection) b = rows[i].b ? selection_of(rows[i].b) : selection_copy(all);
        g_autoptr(Selection) both = selection_union(a, b);
        g_autoptr(Selection) turned = selection_union(b, a);
        g_assert_true(selection_equal(both, turned));
        g_autoptr(Selection) twice = selection_union(both, a);
        g_assert_true(selection_equal(both, twice));
        g_autofree char *json = selection_to_json(both);
        g_assert_cmpstr(json, ==, rows[i].json);
        g_autofree char *described = selection_describe(both);
        g_assert_cmpstr(described, ==, rows[i].description);
        g_autoptr(GError) error = NULL;
        g_autoptr(Selection) again = selection_from_json(json, &error);
        g_assert_no_error(error);
        g_assert_true(selection_equal(both, again));
        g_assert_cmpint(selection_is_all(both), ==, rows[i].b == NULL);
    }
}

static void test_members(void)
{
    static const char *const includes[] = {"P/*", NULL}, *const excludes[] = {"*/x.dcm", NULL};
    g_autoptr(Selection) paths = selection_new(includes, excludes, NULL);
    g_autoptr(GPtrArray) terms = g_ptr_array_new_with_free_func((GDestroyNotify)where_term_unref);
    g_ptr_array_add(terms, term_of("Modality=CT"));
    g_autoptr(Selection) selection = selection_narrow(paths, terms);
    json_t *ct = facts_of(CT), *seg = facts_of(OTHERS);
    g_assert_true(selection_takes(selection, "P/a", ct));
    g_assert_false(selection_takes(selection, "Q/a", ct));
    g_assert_false(selection_takes(selection, "P/a", seg));
    g_assert_false(selection_takes(selection, "P/a", NULL));
    g_assert_true(selection_may_take_members(selection, "P/S/1.zip", ct));
    g_assert_false(selection_may_take_members(selection, "P/S/1.zip", seg));
    g_assert_true(selection_takes_member(selection, "P/S/1.zip", "P/S/1/a.dcm", ct));
    g_assert_false(selection_takes_member(selection, "P/S/1.zip", "P/S/1/x.dcm", ct));
    g_assert_false(selection_takes_member(selection, "P/S/1.zip", "P/S/1/a.dcm", seg));
    g_assert_true(selection_looks_at_facts(selection));
    g_assert_false(selection_looks_at_facts(paths));
    g_autoptr(Selection) plain = selection_without_terms(selection);
    g_assert_true(selection_equal(plain, paths));
    json_decref(ct);
    json_decref(seg);
}

static void test_asked_for(void)
{
    static const char *const pattern[] = {"P/*", NULL}, *const exact[] = {"P/S/1.2.4.zip", NULL};
    json_t *others = facts_of(OTHERS);
    g_autoptr(Selection) all = selection_new_all();
    g_autoptr(Selection) by_pattern = selection_new(pattern, NULL, NULL);
    g_autoptr(Selection) by_path = selection_new(NULL, NULL, exact);
    g_assert_false(selection_asks_for(all, "P/S/1.2.4.zip", others));
    g_assert_false(selection_asks_for(by_pattern, "P/S/1.2.4.zip", others));
    g_assert_true(selection_asks_for(by_pattern, "P/sheet.xlsx", NULL));
    g_assert_true(selection_asks_for(by_path, "P/S/1.2.4.zip", others));
    static const struct {
        const char *term;
        gboolean asks;
    } rows[] = {
        {"Modality=SEG", FALSE}, {"third party=YES", TRUE}, {"third party=NO", FALSE},
        {"series=1.2.4", TRUE},  {"series=1.2.5", FALSE},   {"third party!=NO", TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Selection) selection = selection_of(rows[i].term);
        g_assert_cmpint(selection_asks_for(selection, "P/S/1.2.4.zip", others), ==, rows[i].asks);
    }
    json_decref(others);
}

static gboolean collect(const char *line, gpointer data)
{
    g_assert_cmpuint(strlen(line), <, 65536);
    g_ptr_array_add(data, g_strdup(line));
    return TRUE;
}

/* 200,000 UIDs: the header stays a short line, and the lists come back from lines of their own. */
static void test_long_list(void)
{
    const guint count = 200000;
    g_autoptr(Selection) all = selection_new_all();
    g_autoptr(GPtrArray) terms = g_ptr_array_new_with_free_func((GDestroyNotify)where_term_unref);
    WhereTerm *term = where_term_new("SeriesInstanceUID", WHERE_IS);
    g_ptr_array_add(terms, term);
    for (guint i = 0; i < count; i++) {
        g_autofree char *uid = g_strdup_printf("1.3.6.1.4.1.14519.5.2.1.7009.9004.%07u", i * 7);
        where_term_add(term, uid);
    }
    g_autoptr(Selection) selection = selection_narrow(all, terms);
    g_autofree char *json = selection_to_json(selection);
    g_assert_cmpstr(json, ==,
                    "[{\"where\":[{\"key\":\"SeriesInstanceUID\",\"is\":[],\"list\":0,\"count\":"
                    "200000}]}]");
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_assert_true(selection_each_line(selection, collect, lines));
    g_assert_cmpuint(lines->len, ==, count / 500);
    g_autoptr(Selection) again = selection_from_json(json, NULL);
    g_assert_true(selection_lacks_lines(again));
    g_assert_false(selection_take_line(again, "{\"list\":1,\"values\":[\"1\"]}", 26));
    g_assert_false(selection_take_line(again, "{\"file\":\"x\"}", 12));
    for (guint i = 0; i < lines->len; i++) {
        g_assert_true(selection_lacks_lines(again));
        const char *line = g_ptr_array_index(lines, i);
        g_assert_true(selection_take_line(again, line, strlen(line)));
    }
    g_assert_false(selection_lacks_lines(again));
    g_assert_true(selection_equal(selection, again));
    json_t *facts = json_pack("{s:s}", "SeriesInstanceUID", "");
    for (guint i = 0; i < count * 7; i += 999) {
        g_autofree char *uid = g_strdup_printf("1.3.6.1.4.1.14519.5.2.1.7009.9004.%07u", i);
        json_object_set_new(facts, "SeriesInstanceUID", json_string(uid));
        g_assert_cmpint(selection_takes(again, "x", facts), ==, i % 7 == 0);
    }
    json_decref(facts);
}

static void test_keys(void)
{
    g_assert_cmpstr(where_key_canonical("body part"), ==, "BodyPartExamined");
    g_assert_cmpstr(where_key_canonical("3rd Party Analysis"), ==, "ThirdPartyAnalysis");
    g_assert_cmpstr(where_key_canonical("File Size (Bytes)"), ==, "FileSize");
    g_assert_cmpstr(where_key_canonical("Data Description URI"), ==, "DataDescriptionURI");
    g_assert_null(where_key_canonical("label"));
    g_assert_null(where_key_canonical(""));
    g_assert_null(where_key_canonical("ö"));
}

static void test_no_list(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(where_term_parse("PatientID=@/nowhere/list", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_assert_nonnull(strstr(error->message, "medmirror pull"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/where/matches", test_matches);
    g_test_add_func("/where/wrong", test_wrong);
    g_test_add_func("/where/file", test_file);
    g_test_add_func("/where/selection", test_selection);
    g_test_add_func("/where/members", test_members);
    g_test_add_func("/where/asked-for", test_asked_for);
    g_test_add_func("/where/long-list", test_long_list);
    g_test_add_func("/where/keys", test_keys);
    g_test_add_func("/where/no-list", test_no_list);
    return g_test_run();
}

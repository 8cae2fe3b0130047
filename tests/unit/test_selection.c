/* What a selection takes, how two become one, and how it is kept in a lock. */
#include "error.h"
#include "selection.h"

#include <string.h>

/* "i:PATTERN", "x:PATTERN", "f:PATH", "f" (an empty list of files), separated by blanks. */
static Selection *selection_of(const char *text)
{
    g_autoptr(GPtrArray) includes = g_ptr_array_new();
    g_autoptr(GPtrArray) excludes = g_ptr_array_new();
    g_autoptr(GPtrArray) files = g_ptr_array_new();
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    gboolean with_files = FALSE;
    for (char **word = words; *word; word++) {
        if (**word == 'i')
            g_ptr_array_add(includes, *word + 2);
        else if (**word == 'x')
            g_ptr_array_add(excludes, *word + 2);
        else if (**word == 'f') {
            with_files = TRUE;
            if ((*word)[1])
                g_ptr_array_add(files, *word + 2);
        }
    }
    g_ptr_array_add(includes, NULL);
    g_ptr_array_add(excludes, NULL);
    g_ptr_array_add(files, NULL);
    return selection_new((const char *const *)includes->pdata, (const char *const *)excludes->pdata,
                         with_files ? (const char *const *)files->pdata : NULL);
}

static void test_takes(void)
{
    static const struct {
        const char *selection, *path;
        gboolean takes;
    } rows[] = {
        {"", "a/b", TRUE},
        {"i:*.csv", "a.csv", TRUE},
        {"i:*.csv", "x/y/a.csv", TRUE},
        {"i:*.csv", "a.csv.gz", FALSE},
        {"i:a*", "b/a1", TRUE}, /* the last part, where the pattern has no slash */
        {"i:a/*", "b/a/x", FALSE},
        {"i:a/*", "a/x/y", TRUE}, /* '*' passes '/' */
        {"i:a?c", "a/c", TRUE},
        {"i:.hid*", ".hidden", TRUE},
        {"i:*", ".hidden", TRUE},
        {"i:[ab]", "b", TRUE},
        {"i:\\*", "*", TRUE},
        {"i:\\*", "x", FALSE},
        {"x:*.zip", "a.zip", FALSE},
        {"x:*.zip", "a.csv", TRUE},
        {"i:a* x:*.tmp", "a.csv", TRUE},
        {"i:a* x:*.tmp", "a.tmp", FALSE},
        {"i:a* x:*.tmp", "b.csv", FALSE},
        {"f:a/b", "a/b", TRUE},
        {"f:a/b", "a/bc", FALSE},
        {"f:a/b", "b", FALSE},
        {"f:a*", "ab", FALSE}, /* exact, no pattern */
        {"f:a/b i:*.csv", "x.csv", TRUE},
        {"f:a/b x:b", "a/b", FALSE},
        {"f", "a", FALSE},
        {"i:影*", "影像.dcm", TRUE},
        {"i:\xff*", "a", FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Selection) selection = selection_of(rows[i].selection);
        if (selection_takes(selection, rows[i].path, NULL) != rows[i].takes)
            g_error("%s on %s", rows[i].selection, rows[i].path);
        g_autofree char *json = selection_to_json(selection);
        g_autoptr(GError) error = NULL;
        g_autoptr(Selection) again = selection_from_json(json, &error);
        g_assert_no_error(error);
        g_assert_true(selection_equal(selection, again));
        g_assert_cmpint(selection_takes(again, rows[i].path, NULL), ==, rows[i].takes);
    }
}

static void test_members(void)
{
    static const struct {
        const char *selection, *archive;
        gboolean may;
        const char *member;
        gboolean takes;
    } rows[] = {
        {"", "x.zip", TRUE, "a", TRUE},
        {"i:*.csv", "x.zip", TRUE, "a.csv", TRUE},
        {"i:*.csv", "d/x.zip", TRUE, "d/a.txt", FALSE},
        {"i:x.zip", "x.zip", TRUE, "a.txt", TRUE},
        {"i:d/*", "x.zip", TRUE, "d/a", TRUE},
        {"i:d/*", "d/x.zip", TRUE, "d/a", TRUE},
        {"i:d/e/*", "d/x.zip", TRUE, "d/a", FALSE},
        {"i:d/*", "e/x.zip", FALSE, "e/a", FALSE},
        {"i:d/a.csv", "e/x.zip", FALSE, "e/a", FALSE},
        {"i:d/a.csv", "d/e/x.zip", FALSE, "d/e/a", FALSE},
        {"i:*/a.csv", "e/x.zip", TRUE, "e/a.csv", TRUE},
        {"f:d/a", "d/x.zip", TRUE, "d/a", TRUE},
        {"f:d/a", "e/x.zip", FALSE, "e/a", FALSE},
        {"f:d/e/f/a", "d/x.zip", TRUE, "d/e/f/a", TRUE},
        {"f:d/e/f/a", "d/e/f/x.zip", TRUE, "d/e/f/a", TRUE},
        {"f:d/e/f/a", "d/e/f/g/x.zip", FALSE, "d/e/f/g/a", FALSE},
        {"f:e/x.zip", "e/x.zip", TRUE, "e/a", TRUE},
        {"f:a", "x.zip", TRUE, "a", TRUE},
        {"f", "x.zip", FALSE, "a", FALSE},
        {"x:*.zip", "x.zip", FALSE, "a", FALSE},
        {"x:d/*", "d/x.zip", FALSE, "d/a", FALSE},
        {"x:d*", "d/e/x.zip", FALSE, "d/e/a", FALSE},
        {"x:d/e*", "d/x.zip", TRUE, "d/a", TRUE},
        {"x:*.csv", "x.zip", TRUE, "a.csv", FALSE},
        {"x:*", "x.zip", FALSE, "a", FALSE},
        {"i:x.zip x:*.tmp", "x.zip", TRUE, "a.tmp", FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Selection) selection = selection_of(rows[i].selection);
        if (selection_may_take_members(selection, rows[i].archive, NULL) != rows[i].may ||
            selection_takes_member(selection, rows[i].archive, rows[i].member, NULL) !=
                rows[i].takes)
            g_error("%s on %s, %s", rows[i].selection, rows[i].archive, rows[i].member);
        g_assert_true(rows[i].may || !rows[i].takes);
    }
}

static void test_union(void)
{
    static const struct {
        const char *a, *b, *json, *description;
    } rows[] = {
        {"", "i:a*", "\"all\"", "everything"},
        {"i:a*", "", "\"all\"", "everything"},
        {"i:b* i:a*", "i:a*", "[{\"include\":[\"a*\",\"b*\"]}]", "--include 'a*' --include 'b*'"},
        {"i:a", "f:c/d", "[{\"include\":[\"a\"],\"files\":[\"c/d\"]}]",
         "--include a --files-from FILE (1 path)"},
        {"f:b", "f:a", "[{\"files\":[\"a\",\"b\"]}]", "--files-from FILE (2 paths)"},
        {"f", "f", "[{\"files\":[]}]", "--files-from FILE (0 paths)"},
        {"x:z", "i:a", "[{\"include\":[\"a\"]},{\"exclude\":[\"z\"]}]",
         "--include a or --exclude z"},
        {"x:z", "x:z i:a", "[{\"exclude\":[\"z\"]}]", "--exclude z"},
        {"i:a x:z x:y", "i:b x:y x:z", "[{\"include\":[\"a\",\"b\"],\"exclude\":[\"y\",\"z\"]}]",
         "--include a --include b --exclude y --exclude z"},
        {"i:\"q\\", "i:\"q\\", "[{\"include\":[\"\\\"q\\\\\"]}]", "--include '\"q\\'"},
    };
    static const char *const paths[] = {"a", "ab", "b", "c/d", "y", "z", "q"};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Selection) a = selection_of(rows[i].a);
        g_autoptr(Selection) b = selection_of(rows[i].b);
        g_autoptr(Selection) one = selection_union(a, b);
        g_autoptr(Selection) other = selection_union(b, a);
        g_autoptr(Selection) copy = selection_copy(one);
        g_autofree char *json = selection_to_json(copy);
        g_autofree char *description = selection_describe(other);
        g_assert_cmpstr(json, ==, rows[i].json);
        g_assert_cmpstr(description, ==, rows[i].description);
        g_assert_true(selection_equal(one, other));
        g_assert_cmpint(selection_is_all(one), ==, strcmp(rows[i].json, "\"all\"") == 0);
        for (gsize k = 0; k < G_N_ELEMENTS(paths); k++)
            g_assert_cmpint(selection_takes(one, paths[k], NULL), ==,
                            selection_takes(a, paths[k], NULL) ||
                                selection_takes(b, paths[k], NULL));
    }
}

static void test_equal(void)
{
    static const char *const different[] = {"",    "i:a", "i:b",     "x:a",    "i:a x:a",
                                            "f:a", "f",   "f:a f:b", "i:a f:a"};
    for (gsize i = 0; i < G_N_ELEMENTS(different); i++) {
        g_autoptr(Selection) a = selection_of(different[i]);
        for (gsize j = 0; j < G_N_ELEMENTS(different); j++) {
            g_autoptr(Selection) b = selection_of(different[j]);
            g_assert_cmpint(selection_equal(a, b), ==, i == j);
        }
    }
}

static void test_json(void)
{
    static const char *const all[] = {NULL, "all", "\"all\"", "null"};
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autoptr(Selection) selection = selection_from_json(all[i], NULL);
        g_assert_true(selection_is_all(selection));
    }
    static const char *const wrong[] = {
        "",
        "some",
        "\"some\"",
        "{}",
        "[]",
        "[1]",
        "[{\"include\":\"a\"}]",
        "[{\"files\":[1]}]",
        "[{\"include\":[\"a\"]}",
        "[null]",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(selection_from_json(wrong[i], &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
    }
    g_autoptr(Selection) newer = selection_from_json("[{\"include\":[\"a\"],\"newer\":1}]", NULL);
    g_assert_true(selection_takes(newer, "a", NULL));
    g_assert_false(selection_takes(newer, "b", NULL));
}

/* Constant time each: a quadratic one would take hours. */
static void test_many_files(void)
{
    const guint count = 300000;
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < count; i++)
        g_ptr_array_add(files, g_strdup_printf("collection/patient-%u/series/%u.dcm", i / 100, i));
    g_ptr_array_add(files, NULL);
    g_autoptr(Selection) selection = selection_new(NULL, NULL, (const char *const *)files->pdata);
    for (guint i = 0; i < count; i++) {
        g_autofree char *other = g_strdup_printf("collection/patient-%u/series/%u.txt", i, i);
        g_autofree char *archive = g_strdup_printf("collection/patient-%u/series/x.zip", i);
        g_assert_true(selection_takes(selection, g_ptr_array_index(files, i), NULL));
        g_assert_false(selection_takes(selection, other, NULL));
        g_assert_cmpint(selection_may_take_members(selection, archive, NULL), ==, i < count / 100);
    }
    g_autofree char *json = selection_to_json(selection);
    g_autoptr(Selection) again = selection_from_json(json, NULL);
    g_assert_true(selection_equal(selection, again));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/selection/takes", test_takes);
    g_test_add_func("/selection/members", test_members);
    g_test_add_func("/selection/union", test_union);
    g_test_add_func("/selection/equal", test_equal);
    g_test_add_func("/selection/json", test_json);
    g_test_add_func("/selection/many-files", test_many_files);
    return g_test_run();
}

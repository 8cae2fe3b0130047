/* Where in somebody's folder a dataset begins, and which version its address tells. */
#include "adopt_root.h"
#include "adopt_survey.h"

typedef struct {
    const char *expected[8], *there[8], *root; /* root NULL: none */
} Root;

static const Root roots[] = {
    {{"100.dat", "100.hea"}, {"100.dat", "100.hea", "notes"}, ""},
    {{"100.dat", "x/100.hea"}, {"mitdb/100.dat", "mitdb/x/100.hea"}, "mitdb"},
    {{"100.dat", "100.hea"},
     {"h/files/mitdb/1.0/100.dat", "h/files/mitdb/1.0/100.hea"},
     "h/files/mitdb/1.0"},
    {{"a", "b", "c"}, {"one/a", "two/a", "two/b"}, "two"},
    {{"a"}, {"deep/er/a", "one/a", "two/a"}, "one"},
    {{"a"}, {"one/a", "a"}, ""},
    {{"x/a"}, {"a", "y/a", "xx/a"}, NULL},
    {{"a.dat"}, {"a.dat.part", "ba.dat"}, NULL},
    {{"a", "b"}, {NULL}, NULL},
    {{NULL}, {"a"}, NULL},
};

static void test_roots(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(roots); i++) {
        g_autoptr(RootFinder) finder = root_finder_new();
        for (gsize k = 0; k < 8 && roots[i].expected[k]; k++) {
            root_finder_expect(finder, roots[i].expected[k]);
        }
        for (gsize k = 0; k < 8 && roots[i].there[k]; k++) {
            root_finder_see(finder, roots[i].there[k]);
        }
        g_autofree char *root = root_finder_best(finder);
        g_assert_cmpstr(root, ==, roots[i].root);
    }
}

/* More than a sample holds, and a name that is in every folder. */
static void test_many(void)
{
    g_autoptr(RootFinder) finder = root_finder_new();
    for (guint i = 0; i < 20000; i++) {
        g_autofree char *path = g_strdup_printf("p%05u/index", i);
        root_finder_expect(finder, path);
    }
    for (guint i = 0; i < 20000; i++) {
        g_autofree char *path = g_strdup_printf("top/p%05u/index", i);
        root_finder_see(finder, path);
        g_autofree char *other = g_strdup_printf("others/q%05u/index", i);
        root_finder_see(finder, other);
    }
    g_autofree char *root = root_finder_best(finder);
    g_assert_cmpstr(root, ==, "top");
}

typedef struct {
    const char *path, *folder, *version;
} Address;

static const Address addresses[] = {
    {"/d/physionet.org/files/mitdb/1.0.0/100.dat", "/d/physionet.org/files/mitdb/1.0.0", "1.0.0"},
    {"/d/physionet.org/files/mitdb/1.0.0/x/y", "/d/physionet.org/files/mitdb/1.0.0", "1.0.0"},
    {"/d/PhysioNet.org/files/mitdb/1.0.0/100.dat", "/d/PhysioNet.org/files/mitdb/1.0.0", "1.0.0"},
    {"/d/physionet.org/files/ltdb/1.0.0/100.dat", NULL, NULL},
    {"/d/physionet.org/robots.txt", NULL, NULL},
    {"/d/example.org/files/mitdb/1.0.0/100.dat", NULL, NULL},
    {"/d/xphysionet.org/files/mitdb/1.0.0/100.dat", NULL, NULL},
    {"/d/mitdb/1.0.0/100.dat", NULL, NULL},
};

static void test_addresses(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Reference) reference = reference_parse("physionet/mitdb", NULL, &error);
    g_assert_no_error(error);
    for (gsize i = 0; i < G_N_ELEMENTS(addresses); i++) {
        g_autofree char *version = NULL;
        g_autofree char *folder = survey_address_folder(addresses[i].path, reference, &version);
        g_assert_cmpstr(folder, ==, addresses[i].folder);
        g_assert_cmpstr(version, ==, addresses[i].version);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/adopt/roots", test_roots);
    g_test_add_func("/adopt/many", test_many);
    g_test_add_func("/adopt/addresses", test_addresses);
    return g_test_run();
}

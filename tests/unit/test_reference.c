/* What a person types for a dataset, in the order that it is read. */
#include "reference.h"

#include "error.h"
#include "own_folders.h"

#include <glib/gstdio.h>
#include <string.h>

static Catalogue *open_catalogue(void)
{
    const char *const folders[] = {SOURCE_DIR "/manifests/catalog", NULL};
    return catalogue_open(folders);
}

static void test_right(void)
{
    const struct {
        const char *text, *source, *folder, *version, *id;
        gboolean latest;
    } rows[] = {
        {"uci-heart-disease", "uci", "uci/45", NULL, "uci-heart-disease", FALSE},
        {"mitdb", "physionet", "physionet/mitdb", NULL, "mitdb", FALSE},
        {"mitdb@1.0.0", "physionet", "physionet/mitdb", "1.0.0", "mitdb", FALSE},
        {"mitdb@latest", "physionet", "physionet/mitdb", NULL, "mitdb", TRUE},
        {"physionet/mitdb@1.0.0", "physionet", "physionet/mitdb", "1.0.0", "mitdb", FALSE},
        {"physionet/some-other", "physionet", "physionet/some-other", NULL, NULL, FALSE},
        {"https://physionet.org/content/mitdb/1.0.0/", "physionet", "physionet/mitdb", "1.0.0",
         "mitdb", FALSE},
        {"uci/45", "uci", "uci/45", NULL, "uci-heart-disease", FALSE},
        {"https://archive.ics.uci.edu/dataset/45/heart+disease", "uci", "uci/45", NULL,
         "uci-heart-disease", FALSE},
        {"doi:10.24432/C52P4X", "uci", "uci/45", NULL, "uci-heart-disease", FALSE},
        {"10.24432/c52p4x", "uci", "uci/45", NULL, "uci-heart-disease", FALSE},
        {"http://127.0.0.1:8080/a/b.zip", "http", "http/127.0.0.1_8080/a/b.zip", NULL, NULL, FALSE},
    };
    g_autoptr(Catalogue) catalogue = open_catalogue();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Reference) reference = reference_parse(rows[i].text, catalogue, &error);
        g_test_message("%s", rows[i].text);
        g_assert_no_error(error);
        g_assert_cmpstr(reference->fetcher->row.name, ==, rows[i].source);
        g_assert_cmpstr(reference->folder, ==, rows[i].folder);
        g_assert_cmpstr(reference->version, ==, rows[i].version);
        g_assert_cmpstr(reference->id, ==, rows[i].id);
        g_assert_cmpint(reference->latest, ==, rows[i].latest);
    }
}

static void test_wrong(void)
{
    const struct {
        const char *text;
        int code;
        const char *says;
    } rows[] = {
        {"uci-hart-disease", MEDMIRROR_ERROR_ABSENT, "uci-heart-disease"},
        {"", MEDMIRROR_ERROR_USAGE, "REF"},
        {"ftp://example.org/a", MEDMIRROR_ERROR_USAGE, "ftp://example.org/a"},
        {"10.9999/nobody", MEDMIRROR_ERROR_ABSENT, "https://doi.org/10.9999/nobody"},
        {"./not-there.json", MEDMIRROR_ERROR_ABSENT, "./not-there.json"},
    };
    g_autoptr(Catalogue) catalogue = open_catalogue();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Reference) reference = reference_parse(rows[i].text, catalogue, &error);
        g_test_message("%s", rows[i].text);
        g_assert_null(reference);
        g_assert_error(error, MEDMIRROR_ERROR, rows[i].code);
        g_assert_nonnull(strstr(error->message, rows[i].says));
    }
}

/* Never decided by what else lies in the working folder: a file called mitdb changes nothing. */
static void test_own_manifest(void)
{
    g_autofree char *folder = g_dir_make_tmp("medmirror-XXXXXX", NULL);
    g_autofree char *before = g_get_current_dir();
    g_assert_cmpint(g_chdir(folder), ==, 0);
    g_assert_true(g_file_set_contents("mitdb", "x", 1, NULL));
    g_assert_true(g_file_set_contents(
        "mine.json",
        "{\"id\": \"mine\", \"kind\": \"dataset\", \"title\": {\"en\": \"Mine\"}, \"access\": "
        "\"open\","
        " \"source\": \"http\", \"locator\": {\"url\": \"http://127.0.0.1:1/x.zip\"}}",
        -1, NULL));
    g_autoptr(Catalogue) catalogue = open_catalogue();
    g_autoptr(GError) error = NULL;
    g_autoptr(Reference) known = reference_parse("mitdb", catalogue, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(known->folder, ==, "physionet/mitdb");
    g_autoptr(Reference) own = reference_parse("./mine.json", catalogue, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(own->folder, ==, "local/mine");
    g_assert_cmpstr(own->fetcher->row.name, ==, "http");
    g_unlink("mitdb");
    g_unlink("mine.json");
    g_assert_cmpint(g_chdir(before), ==, 0);
    g_rmdir(folder);
}

int main(int argc, char **argv)
{
    char *folders = own_folders_begin();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/reference/right", test_right);
    g_test_add_func("/reference/wrong", test_wrong);
    g_test_add_func("/reference/own-manifest", test_own_manifest);
    return own_folders_end(folders, g_test_run());
}

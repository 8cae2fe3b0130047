#include "error.h"
#include "kagglehub_cache.h"

#include <glib/gstdio.h>
#include <string.h>

#define LANL "kaggle/pankajb64/lanl-data"

static char *root;

static void make(const char *path, gboolean is_folder)
{
    g_autofree char *whole = g_build_filename(root, path, NULL);
    g_autofree char *folder = is_folder ? g_strdup(whole) : g_path_get_dirname(whole);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    g_assert_true(is_folder || g_file_set_contents(whole, "", 0, NULL));
}

static void set_up(void)
{
    root = g_dir_make_tmp("kagglehub-XXXXXX", NULL);
    g_assert_nonnull(root);
    make("kagglehub/datasets/pankajb64/lanl-data/versions/2/images", TRUE);
    make("kagglehub/datasets/pankajb64/lanl-data/versions/10", TRUE);
    make("kagglehub/datasets/pankajb64/lanl-data/versions/11", TRUE);
    make("kagglehub/datasets/pankajb64/lanl-data/versions/notes", TRUE);
    make("kagglehub/datasets/pankajb64/lanl-data/2.complete", FALSE);
    make("kagglehub/datasets/pankajb64/lanl-data/10.complete", FALSE);
    make("kagglehub/datasets/pankajb64/lanl-data/.complete/11/images/a.png.complete", FALSE);
    make("kagglehub/datasets/Microsoft/chest/versions/4", TRUE);
    make("kagglehub/competitions/bones/train", TRUE);
    make("kagglehub/competitions/bones.complete", FALSE);
    make("kagglehub/competitions/half", TRUE);
    make("own/competitions/bones", TRUE);
    make("out/.complete/datasets/pankajb64/lanl-data/7/bundle.complete", FALSE);
    make("out/x.csv", FALSE);
    make("one/.complete/datasets/pankajb64/lanl-data/8/x.csv.complete", FALSE);
    make("bones/.complete/competitions/bones/bundle.complete", FALSE);
    make("own/datasets/table.csv", FALSE);
}

typedef struct {
    const char *path, *dataset, *version;
    const char *folder; /* found; NULL: none, or an error */
    const char *found_version;
    gboolean is_complete;
    int code; /* of the error; 0: none */
} Case;

static const Case cases[] = {
    /* The root, the dataset, its versions, one of them. */
    {"kagglehub", LANL, NULL, "kagglehub/datasets/pankajb64/lanl-data/versions/10", "10", TRUE, 0},
    {"kagglehub/datasets/pankajb64/lanl-data", LANL, NULL,
     "kagglehub/datasets/pankajb64/lanl-data/versions/10", "10", TRUE, 0},
    {"kagglehub/datasets/pankajb64/lanl-data/versions", LANL, "2",
     "kagglehub/datasets/pankajb64/lanl-data/versions/2", "2", TRUE, 0},
    {"kagglehub/datasets/pankajb64/lanl-data/versions/2", LANL, NULL,
     "kagglehub/datasets/pankajb64/lanl-data/versions/2", "2", TRUE, 0},
    {"kagglehub", LANL, "11", "kagglehub/datasets/pankajb64/lanl-data/versions/11", "11", FALSE, 0},
    {"kagglehub", "kaggle/microsoft/Chest", NULL, "kagglehub/datasets/Microsoft/chest/versions/4",
     "4", FALSE, 0},
    /* Competitions. */
    {"kagglehub", "kaggle/c/bones", NULL, "kagglehub/competitions/bones", NULL, TRUE, 0},
    {"kagglehub/competitions/bones", "kaggle/c/bones", NULL, "kagglehub/competitions/bones", NULL,
     TRUE, 0},
    {"kagglehub", "kaggle/c/half", NULL, "kagglehub/competitions/half", NULL, FALSE, 0},
    /* Folders that were named to the module. */
    {"out", LANL, NULL, "out", "7", TRUE, 0},
    {"one", LANL, "8", "one", "8", FALSE, 0},
    {"bones", "kaggle/c/bones", NULL, "bones", NULL, TRUE, 0},
    {"out", "kaggle/Microsoft/chest", NULL, NULL, NULL, FALSE, 0},
    /* Something else. */
    {"kagglehub", LANL, "3", NULL, NULL, FALSE, MEDMIRROR_ERROR_ABSENT},
    {"kagglehub", "kaggle/no/such", NULL, NULL, NULL, FALSE, MEDMIRROR_ERROR_ABSENT},
    {"kagglehub", "kaggle/c/no-such", NULL, NULL, NULL, FALSE, MEDMIRROR_ERROR_ABSENT},
    {"kagglehub/datasets/Microsoft/chest/versions/4", LANL, NULL, NULL, NULL, FALSE,
     MEDMIRROR_ERROR_USAGE},
    {"kagglehub/competitions/bones", LANL, NULL, NULL, NULL, FALSE, MEDMIRROR_ERROR_USAGE},
    {"kagglehub/datasets/pankajb64/lanl-data/versions/2", LANL, "10", NULL, NULL, FALSE,
     MEDMIRROR_ERROR_USAGE},
    /* Folders that are none of the module's. */
    {"own", LANL, NULL, NULL, NULL, FALSE, 0},
    {"own/datasets", LANL, NULL, NULL, NULL, FALSE, 0},
    {"own/competitions/bones", "kaggle/c/bones", NULL, NULL, NULL, FALSE, 0},
    {"kagglehub", "physionet/mitdb", NULL, NULL, NULL, FALSE, 0},
    {"kagglehub", "uci/45", NULL, NULL, NULL, FALSE, 0},
};

static void test_places(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *one = &cases[i];
        g_autofree char *path = g_build_filename(root, one->path, NULL);
        g_autoptr(KagglehubCopy) copy = NULL;
        g_autoptr(GError) error = NULL;
        gboolean done = kagglehub_copy_find(path, one->dataset, one->version, &copy, &error);
        g_test_message("%s of %s", one->path, one->dataset);
        g_assert_cmpint(done, ==, one->code == 0);
        if (one->code) {
            g_assert_error(error, MEDMIRROR_ERROR, one->code);
            g_assert_nonnull(strstr(error->message, "medmirror "));
        }
        g_assert_cmpint(copy != NULL, ==, one->folder != NULL);
        if (copy) {
            g_autofree char *folder = g_build_filename(root, one->folder, NULL);
            g_assert_cmpstr(copy->folder, ==, folder);
            g_assert_cmpstr(copy->version, ==, one->found_version);
            g_assert_cmpint(copy->is_complete, ==, one->is_complete);
        }
    }
}

static void test_single_files(void)
{
    g_autofree char *path = g_build_filename(root, "kagglehub", NULL);
    g_autoptr(KagglehubCopy) half = NULL, whole = NULL, bare = NULL;
    g_assert_true(kagglehub_copy_find(path, LANL, "11", &half, NULL));
    g_assert_true(kagglehub_copy_has(half, "images/a.png"));
    g_assert_false(kagglehub_copy_has(half, "images/b.png"));
    g_assert_true(kagglehub_copy_find(path, LANL, "2", &whole, NULL));
    g_assert_true(kagglehub_copy_has(whole, "images/b.png"));
    g_assert_true(kagglehub_copy_find(path, "kaggle/Microsoft/chest", NULL, &bare, NULL));
    g_assert_true(kagglehub_copy_has(bare, "x"));
    g_autofree char *out = g_build_filename(root, "out", NULL);
    g_autoptr(KagglehubCopy) named = NULL, other = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_true(kagglehub_copy_find(out, LANL, NULL, &named, NULL));
    g_assert_true(kagglehub_copy_has(named, "x.csv"));
    g_assert_false(
        kagglehub_copy_has(named, ".complete/datasets/pankajb64/lanl-data/7/bundle.complete"));
    g_assert_false(kagglehub_copy_find(out, LANL, "8", &other, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    set_up();
    g_test_add_func("/kagglehub-cache/places", test_places);
    g_test_add_func("/kagglehub-cache/single-files", test_single_files);
    int status = g_test_run();
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", root);
    g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL);
    g_free(root);
    return status;
}

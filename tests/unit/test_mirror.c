/* The mirror's folder, its versions, their order and names. */
#include <errno.h>
#include <sys/wait.h>

#include "mirror_rig.h"

typedef struct {
    char *base, *path;
    Mirror *mirror;
} Place;

static void set_up(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    place->base = g_dir_make_tmp("mirror-XXXXXX", NULL);
    place->path = g_build_filename(place->base, "deep", "mirror", NULL);
    place->mirror = mirror_open(place->path, MIRROR_OPEN_WRITE, &error);
    g_assert_no_error(error);
}

static void tear_down(Place *place, gconstpointer data)
{
    mirror_close(place->mirror);
    g_free(place->path);
    scratch_remove(place->base);
}

static const char *const one_file[] = {"a", "1", NULL};

static void test_open(Place *place, gconstpointer data)
{
    static const char *const parts[] = {"partial", "stage",    "owners",
                                        "intents", "evidence", "format"};
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        g_assert_cmpint(faccessat(mirror_private_fd(place->mirror), parts[i], F_OK, 0), ==, 0);
    g_autoptr(GError) error = NULL;
    g_autofree char *none = g_build_filename(place->base, "none", NULL);
    g_assert_null(mirror_open(none, MIRROR_OPEN_READ, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
    g_assert_false(g_file_test(none, G_FILE_TEST_EXISTS));
    g_clear_error(&error);

    g_autoptr(Mirror) again = mirror_open(place->path, MIRROR_OPEN_READ, &error);
    g_assert_no_error(error);
    g_autoptr(GPtrArray) versions = mirror_list(again, &error);
    g_assert_cmpuint(versions->len, ==, 0);

    rig_write(place->mirror, ".medmirror/format", "{\"format\": 9, \"min_reader\": 9}");
    g_assert_null(mirror_open(place->path, MIRROR_OPEN_READ, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_clear_error(&error);
    rig_write(place->mirror, ".medmirror/format", "nothing of ours");
    g_assert_null(mirror_open(place->path, MIRROR_OPEN_WRITE, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
}

/* Several processes make one mirror at once. */
static void test_open_at_once(Place *place, gconstpointer data)
{
    for (guint round = 0; round < 20; round++) {
        g_autofree char *name = g_strdup_printf("at-once-%u", round);
        g_autofree char *path = g_build_filename(place->base, name, NULL);
        pid_t children[6];
        for (guint i = 0; i < G_N_ELEMENTS(children); i++) {
            children[i] = fork();
            g_assert_cmpint(children[i], >=, 0);
            if (children[i] == 0)
                _exit(mirror_open(path, MIRROR_OPEN_WRITE, NULL) == NULL);
        }
        for (guint i = 0; i < G_N_ELEMENTS(children); i++) {
            int status = -1;
            g_assert_cmpint(TEMP_FAILURE_RETRY(waitpid(children[i], &status, 0)), ==, children[i]);
            g_assert_cmpint(status, ==, 0);
        }
        g_autofree char *format = g_build_filename(path, ".medmirror", "format", NULL);
        g_autofree char *text = NULL;
        g_assert_true(g_file_get_contents(format, &text, NULL, NULL));
        g_assert_cmpstr(text, ==, "{\"format\": 1, \"min_reader\": 1}\n");
    }
}

static void test_other_things(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *home = g_build_filename(place->base, "home", NULL);
    g_autofree char *file = g_build_filename(home, "thesis.tex", NULL);
    g_assert_cmpint(g_mkdir_with_parents(home, 0755), ==, 0);
    g_assert_true(g_file_set_contents(file, "x", -1, NULL));
    g_assert_null(mirror_open(home, MIRROR_OPEN_WRITE, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_clear_error(&error);
    g_autofree char *private = g_build_filename(home, ".medmirror", NULL);
    g_assert_false(g_file_test(private, G_FILE_TEST_EXISTS));

    /* A tree that has locks is a mirror, though its private folder was not copied with it. */
    rig_pull(place->mirror, RIG_FOLDER, "1.0", one_file, NULL);
    g_assert_true(tree_remove_all(mirror_fd(place->mirror), ".medmirror", &error));
    g_autoptr(Mirror) reader = mirror_open(place->path, MIRROR_OPEN_READ, &error);
    g_assert_no_error(error);
    g_assert_cmpint(mirror_private_fd(reader), ==, -1);
    g_autoptr(GPtrArray) versions = mirror_list(reader, &error);
    g_assert_cmpuint(versions->len, ==, 1);
    g_autoptr(Mirror) writer = mirror_open(place->path, MIRROR_OPEN_WRITE, &error);
    g_assert_no_error(error);
    g_assert_nonnull(writer);
}

static void test_versions(Place *place, gconstpointer data)
{
    static const char *const names[] = {"1.9", "1.10.0", "1.2.0", "10.0"};
    static const char *const order[] = {"10.0", "1.10.0", "1.9", "1.2.0"};
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        rig_pull(place->mirror, RIG_FOLDER, names[i], one_file, NULL);
    rig_pull(place->mirror, "uci/17", "2019-01-01", one_file, NULL);
    /* What lies in a version's own tree is no dataset. */
    rig_write(place->mirror, "uci/17/2019-01-01/sub/x.lock.jsonl", "{}");
    rig_write(place->mirror, "uci/18/1.lock.jsonl", "no lock at all\n");
    g_autoptr(GPtrArray) versions = mirror_versions(place->mirror, RIG_FOLDER, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(versions->len, ==, G_N_ELEMENTS(order));
    for (guint i = 0; i < versions->len; i++)
        g_assert_cmpstr(((LockHeader *)versions->pdata[i])->version, ==, order[i]);
    g_autoptr(GPtrArray) all = mirror_list(place->mirror, &error);
    g_assert_cmpuint(all->len, ==, 5);
    g_assert_cmpstr(((LockHeader *)all->pdata[4])->folder, ==, "uci/17");
    g_autoptr(GPtrArray) damaged = mirror_damaged_locks(place->mirror, NULL);
    g_assert_cmpuint(damaged->len, ==, 1);
    const DamagedLock *lock = damaged->pdata[0];
    g_assert_cmpstr(lock->folder, ==, "uci/18");
    g_assert_cmpstr(lock->name, ==, "1");
    g_assert_error(lock->problem, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
    g_autoptr(GPtrArray) sound = mirror_damaged_locks(place->mirror, RIG_FOLDER);
    g_assert_cmpuint(sound->len, ==, 0);
    g_autoptr(GPtrArray) none = mirror_versions(place->mirror, "uci/none", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(none->len, ==, 0);
    g_assert_null(mirror_versions(place->mirror, "../x", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
    g_clear_error(&error);

    char target[32] = "";
    g_assert_cmpint(readlinkat(mirror_fd(place->mirror), RIG_FOLDER "/latest", target, 31), >, 0);
    g_assert_cmpstr(target, ==, "10.0");
    g_autofree char *path = mirror_version_path(place->mirror, RIG_FOLDER, "1.9");
    g_assert_true(g_file_test(path, G_FILE_TEST_IS_DIR));
    int fd = mirror_open_tree(place->mirror, RIG_FOLDER, "1.9", &error);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    g_assert_cmpint(mirror_open_tree(place->mirror, RIG_FOLDER, "7", &error), ==, -1);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
    g_clear_error(&error);
    g_assert_null(mirror_open_lock(place->mirror, RIG_FOLDER, "7", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
}

static void test_names(void)
{
    static const struct {
        const char *version, *name;
    } rows[] = {
        {"1.0.0", "1.0.0"},
        {"2026-11-23+2026-11-24.2", "2026-11-23+2026-11-24.2"},
        {"latest", "%6Catest"},
        {"a.sha256", "a%2Esha256"},
        {"a.lock.jsonl", "a%2Elock.jsonl"},
        {"x/../y", "x%2F..%2Fy"},
        {".hidden", "%2Ehidden"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *name = mirror_version_name(rows[i].version);
        g_assert_cmpstr(name, ==, rows[i].name);
    }
    g_autofree char *folder = g_strnfill(600, 'x');
    g_autofree char *other = g_strnfill(601, 'x');
    g_autofree char *key = mirror_folder_key(folder);
    g_autofree char *other_key = mirror_folder_key(other);
    g_assert_cmpuint(strlen(key), <, 240);
    g_assert_cmpstr(key, !=, other_key);
    g_autofree char *plain = mirror_folder_key("uci/17");
    g_assert_cmpstr(plain, ==, "uci%2F17");
}

static void test_compare(void)
{
    static const struct {
        const char *a, *b;
        int order;
    } rows[] = {
        {"1.9", "1.10", -1},
        {"1.0", "1.0.0", -1},
        {"2", "1.9.9", 1},
        {"1.0", "1.0", 0},
        {"001.2", "1.10", -1},
        {"1.0", "a", -1},
        {"v2", "v10", 1},
        {"1.", "1.0", -1},
        {"99999999999999999999", "100000000000000000000", -1},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        int there = version_compare(rows[i].a, rows[i].b);
        int back = version_compare(rows[i].b, rows[i].a);
        g_assert_cmpint((there > 0) - (there < 0), ==, rows[i].order);
        g_assert_cmpint((back > 0) - (back < 0), ==, -rows[i].order);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) g_test_add("/mirror/" name, Place, NULL, set_up, func, tear_down)
    ADD("open", test_open);
    ADD("open_at_once", test_open_at_once);
    ADD("other_things", test_other_things);
    ADD("versions", test_versions);
    g_test_add_func("/mirror/names", test_names);
    g_test_add_func("/mirror/compare", test_compare);
    return g_test_run();
}

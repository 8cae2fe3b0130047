/* The index: twins, stamps, what is built again, and files that share their space. */
#include <errno.h>
#include <glib/gstdio.h>

#include "index.h"
#include "mirror_rig.h"
#include "share.h"

typedef struct {
    char *path;
    Mirror *mirror;
    Index *index;
    char *large; /* a content that is shared */
} Place;

static void open_index(Place *place)
{
    g_autoptr(GError) error = NULL;
    g_clear_pointer(&place->index, index_close);
    place->index = index_open(place->mirror, &error);
    g_assert_no_error(error);
}

static void set_up(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    place->path = g_dir_make_tmp("index-XXXXXX", NULL);
    place->mirror = mirror_open(place->path, MIRROR_OPEN_WRITE, &error);
    g_assert_no_error(error);
    place->large = g_strnfill(10000, 'x');
    open_index(place);
}

static void tear_down(Place *place, gconstpointer data)
{
    index_close(place->index);
    mirror_close(place->mirror);
    g_free(place->large);
    scratch_remove(place->path);
}

static char *find(Place *place, const char *text)
{
    DigestSet set;
    rig_digest(text, &set);
    return index_find_twin(place->index, digest_set_get(&set, DIGEST_SHA256), strlen(text));
}

static void assert_found(Place *place, const char *text, const char *path)
{
    g_autofree char *found = find(place, text);
    g_assert_cmpstr(found, ==, path);
}

static void pull(Place *place, const char *folder, const char *version, const char *access)
{
    const char *const files[] = {"small", "tiny", "sub/large", place->large, NULL};
    g_autoptr(GError) error = NULL;
    Stage *stage = rig_stage(place->mirror, folder, version, NULL, files);
    g_assert_true(
        rig_install(place->mirror, stage, folder, version, access, FALSE, place->index, &error));
    g_assert_no_error(error);
}

static gboolean is_unchanged(Place *place, const char *folder, const char *version,
                             const char *path)
{
    g_autofree char *whole = g_strdup_printf("%s/%s/%s", folder, version, path);
    g_autoptr(IndexStamps) stamps = index_stamps_new(place->index, folder, version);
    FileStamp stamp, known;
    return file_stamp_of(mirror_fd(place->mirror), whole, &stamp) &&
           index_stamps_find(stamps, path, &known) && file_stamp_equal(&stamp, &known);
}

static void test_find(Place *place, gconstpointer data)
{
    assert_found(place, place->large, NULL);
    pull(place, "uci/1", "1.0", "open");
    assert_found(place, place->large, "uci/1/1.0/sub/large");
    assert_found(place, "tiny", NULL);
    g_autofree char *other = g_strnfill(10000, 'y');
    assert_found(place, other, NULL);
    g_assert_true(is_unchanged(place, "uci/1", "1.0", "sub/large"));
    g_assert_true(is_unchanged(place, "uci/1", "1.0", "small"));
    g_assert_false(is_unchanged(place, "uci/1", "2.0", "small"));

    DigestSet set;
    rig_digest(place->large, &set);
    g_autofree char *sizeless =
        index_find_twin(place->index, digest_set_get(&set, DIGEST_SHA256), SIZE_UNKNOWN);
    g_assert_cmpstr(sizeless, ==, "uci/1/1.0/sub/large");
    FileStamp stamp;
    g_assert_true(file_stamp_of(mirror_fd(place->mirror), "uci/1/1.0/sub/large", &stamp));
    g_autoptr(GPtrArray) paths = index_paths_of_inode(place->index, stamp.inode);
    g_assert_cmpuint(paths->len, ==, 1);
    g_assert_cmpstr(paths->pdata[0], ==, "uci/1/1.0/sub/large");
    g_autoptr(GError) error = NULL;
    g_assert_true(index_forget_version(place->index, "uci/1", "1.0", &error));
    assert_found(place, place->large, NULL);
}

static gint compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Found in the order of whole paths, and in any other; folders within folders, and more files than
 * are fetched at once. */
static void test_stamps(Place *place, gconstpointer data)
{
    static const char *const folders[] = {"", "a/", "a/b/", "a/b/c/", "a-b/", "b/"};
    enum {
        COUNT = 1300
    };
    pull(place, "uci/1", "1.0", "open");
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    DigestSet set;
    rig_digest("tiny", &set);
    g_assert_true(index_continue_version(place->index, "uci/1", "1.0", "open", &error));
    for (guint i = 0; i < COUNT; i++) {
        for (guint f = 0; f < G_N_ELEMENTS(folders); f++) {
            char *path = g_strdup_printf("%s%c%u", folders[f], "A.bz"[i % 4], i);
            const FileStamp stamp = {paths->len, 1, 2, paths->len + 7};
            g_assert_true(index_add_file(place->index, path, digest_set_get(&set, DIGEST_SHA256),
                                         i == 1 ? NULL : &stamp, &error));
            g_ptr_array_add(paths, path);
        }
    }
    g_assert_true(index_end_version(place->index, &error));
    g_autoptr(IndexStamps) stamps = index_stamps_new(place->index, "uci/1", "1.0");
    for (guint sorted = 0; sorted < 2; sorted++) {
        for (guint i = 0; i < paths->len; i++) {
            FileStamp stamp = {0};
            const char *path = g_ptr_array_index(paths, i);
            gboolean is_known = index_stamps_find(stamps, path, &stamp);
            if (is_known == g_str_has_suffix(path, ".1")) {
                g_error("%s is %s", path, is_known ? "known" : "not known");
            }
            g_assert_true(!is_known || stamp.inode == stamp.size + 7);
            if (!sorted && is_known) {
                g_assert_cmpuint(stamp.size, ==, i);
            }
        }
        FileStamp stamp;
        g_assert_false(index_stamps_find(stamps, "a/b/nothing", &stamp));
        g_assert_false(index_stamps_find(stamps, "nowhere/A0", &stamp));
        g_assert_true(index_stamps_find(stamps, "sub/large", &stamp));
        g_ptr_array_sort(paths, compare_paths);
    }
    g_autoptr(IndexStamps) none = index_stamps_new(place->index, "uci/1", "2.0");
    FileStamp stamp;
    g_assert_false(index_stamps_find(none, "a/A0", &stamp));
}

/* What was granted to one person is nobody else's twin. */
static void test_access(Place *place, gconstpointer data)
{
    pull(place, "uci/1", "1.0", "credentialed");
    assert_found(place, place->large, NULL);
    g_clear_pointer(&place->index, index_close);
    open_index(place);
    assert_found(place, place->large, NULL);
}

/* Other bytes of the same size, even with the old times, are never shared. */
static void test_damage(Place *place, gconstpointer data)
{
    pull(place, "uci/1", "1.0", "open");
    g_autofree char *path = g_build_filename(place->path, "uci/1/1.0/sub/large", NULL);
    struct stat before;
    g_assert_cmpint(stat(path, &before), ==, 0);
    g_assert_cmpint(g_chmod(path, 0644), ==, 0);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(pwrite(fd, "y", 1, 5000), ==, 1);
    struct timespec times[] = {before.st_atim, before.st_mtim};
    g_assert_cmpint(futimens(fd, times), ==, 0);
    close(fd);
    g_assert_false(is_unchanged(place, "uci/1", "1.0", "sub/large"));
    assert_found(place, place->large, NULL);
    g_assert_cmpint(g_unlink(path), ==, 0);
    assert_found(place, place->large, NULL);
}

/* Deleted or broken, it is built again; rows of a lock alone prove nothing, but are hashed. */
static void test_rebuilt(Place *place, gconstpointer data)
{
    pull(place, "uci/1", "1.0", "open");
    g_autofree char *path = g_build_filename(place->path, ".medmirror", "index.db", NULL);
    for (guint round = 0; round < 2; round++) {
        g_clear_pointer(&place->index, index_close);
        if (round == 0)
            g_assert_cmpint(g_unlink(path), ==, 0);
        else
            g_assert_true(
                g_file_set_contents(path, "no database, whatever it was before", -1, NULL));
        open_index(place);
        g_assert_false(is_unchanged(place, "uci/1", "1.0", "sub/large"));
        assert_found(place, place->large, "uci/1/1.0/sub/large");
        g_assert_true(is_unchanged(place, "uci/1", "1.0", "sub/large"));
        g_assert_false(is_unchanged(place, "uci/1", "1.0", "small"));
    }
    /* A version that came without the index, and one that went without it. */
    g_autofree char *large = g_strnfill(9000, 'z');
    const char *const files[] = {"z", large, NULL};
    rig_pull(place->mirror, "uci/2", "1.0", files, NULL);
    assert_found(place, large, NULL);
    open_index(place);
    assert_found(place, large, "uci/2/1.0/z");
    g_autoptr(GError) error = NULL;
    g_assert_true(tree_remove_all(mirror_fd(place->mirror), "uci/2", &error));
    open_index(place);
    assert_found(place, large, NULL);
    assert_found(place, place->large, "uci/1/1.0/sub/large");
}

static ino_t inode_of(Place *place, const char *path)
{
    struct stat now;
    g_assert_cmpint(fstatat(mirror_fd(place->mirror), path, &now, 0), ==, 0);
    return now.st_ino;
}

/* The second dataset takes its large file from the first: by reflink or by link. */
static void test_share(Place *place, gconstpointer data)
{
    pull(place, "uci/1", "1.0", "open");
    pull(place, "uci/2", "1.0", "open");
    g_autofree char *second = rig_read(place->mirror, "uci/2/1.0/sub/large");
    g_assert_cmpstr(second, ==, place->large);
    g_assert_cmpuint(inode_of(place, "uci/1/1.0/small"), !=, inode_of(place, "uci/2/1.0/small"));
    g_assert_true(is_unchanged(place, "uci/1", "1.0", "sub/large"));
    g_assert_true(is_unchanged(place, "uci/2", "1.0", "sub/large"));
    FileStamp stamp;
    g_assert_true(file_stamp_of(mirror_fd(place->mirror), "uci/1/1.0/sub/large", &stamp));
    g_autoptr(GPtrArray) paths = index_paths_of_inode(place->index, stamp.inode);
    gboolean linked =
        inode_of(place, "uci/1/1.0/sub/large") == inode_of(place, "uci/2/1.0/sub/large");
    g_assert_cmpuint(paths->len, ==, linked ? 2 : 1);
    pull(place, "uci/3", "1.0", "credentialed");
    g_assert_cmpuint(inode_of(place, "uci/1/1.0/sub/large"), !=,
                     inode_of(place, "uci/3/1.0/sub/large"));
}

static void test_place(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    pull(place, "uci/1", "1.0", "open");
    g_autoptr(Stage) stage = stage_open(place->mirror, "uci/9", &error);
    DigestSet set, none;
    rig_digest(place->large, &set);
    rig_digest("nowhere", &none);
    ShareHow how = SHARE_COPY;
    g_assert_true(share_place(place->mirror, place->index, digest_set_get(&none, DIGEST_SHA256),
                              5000, stage_tree_fd(stage), "d/none", 0444, &how, &error));
    g_assert_cmpint(how, ==, SHARE_NONE);
    const guint modes[] = {0444, 0640};
    for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_autofree char *path = g_strdup_printf("d/e/%o", modes[i]);
        g_assert_true(share_place(place->mirror, place->index, digest_set_get(&set, DIGEST_SHA256),
                                  10000, stage_tree_fd(stage), path, modes[i], &how, &error));
        g_assert_no_error(error);
        g_assert_cmpint(how, !=, SHARE_NONE);
        struct stat now;
        g_assert_cmpint(fstatat(stage_tree_fd(stage), path, &now, 0), ==, 0);
        g_assert_cmpuint(now.st_mode & 07777, ==, modes[i]);
        g_assert_cmpint(now.st_size, ==, 10000);
        /* A link has one mode for all its names. */
        g_assert_true(modes[i] == 0444 || how != SHARE_LINK);
        g_assert_true(share_place(place->mirror, place->index, digest_set_get(&set, DIGEST_SHA256),
                                  10000, stage_tree_fd(stage), path, modes[i], &how, &error));
        g_assert_cmpint(how, ==, SHARE_NONE);
    }
    g_assert_true(is_unchanged(place, "uci/1", "1.0", "sub/large"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) g_test_add("/index/" name, Place, NULL, set_up, func, tear_down)
    ADD("find", test_find);
    ADD("stamps", test_stamps);
    ADD("access", test_access);
    ADD("damage", test_damage);
    ADD("rebuilt", test_rebuilt);
    ADD("share", test_share);
    ADD("place", test_place);
    return g_test_run();
}

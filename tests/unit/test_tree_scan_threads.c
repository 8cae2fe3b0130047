/* A tree looked at by several threads: all of it, in order, and the end where somebody asks for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"
#include "tree_scan.h"

typedef struct {
    char *path;
    int fd;
    GString *seen; /* the last path, or all that were seen */
    gboolean gathers;
    guint count, most;
} Tree;

static void set_up(Tree *tree, gconstpointer data)
{
    tree->path = g_dir_make_tmp("scan-XXXXXX", NULL);
    tree->fd = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tree->seen = g_string_new(NULL);
    tree->most = G_MAXUINT;
}

static void tear_down(Tree *tree, gconstpointer data)
{
    close(tree->fd);
    g_string_free(tree->seen, TRUE);
    scratch_remove(tree->path);
}

static void make_file(const Tree *tree, const char *path, const char *text)
{
    g_autofree char *full = g_build_filename(tree->path, path, NULL);
    g_autofree char *folder = g_path_get_dirname(full);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_file_set_contents(full, text, -1, &error);
    g_assert_no_error(error);
}

static gboolean on_entry(const TreeEntry *entry, gpointer data, GError **error)
{
    Tree *tree = data;
    struct stat st;

    if (entry->errno_value) {
        g_string_append_printf(tree->seen, "%s %s\n", entry->path, g_strerror(entry->errno_value));
        return TRUE;
    }
    g_assert_cmpint(fstatat(tree->fd, entry->path, &st, AT_SYMLINK_NOFOLLOW), ==, 0);
    g_assert_cmpuint(entry->inode, ==, st.st_ino);
    g_assert_cmpuint(entry->mode, ==, st.st_mode);
    g_assert_cmpuint(entry->size, ==, (guint64)st.st_size);
    g_assert_cmpint(entry->mtime_ns % 1000000000, ==, st.st_mtim.tv_nsec);
    g_assert_cmpint(entry->ctime_ns / 1000000000, ==, st.st_ctim.tv_sec);
    if (tree->gathers) {
        g_string_append_printf(tree->seen, "%s\n", entry->path);
    } else {
        g_assert_cmpint(strcmp(tree->seen->str, entry->path), <, 0);
        g_string_assign(tree->seen, entry->path);
    }
    return ++tree->count < tree->most;
}

static void test_order(Tree *tree, gconstpointer data)
{
    static const char *const files[] = {"a/z",     "a-b/x", "a.txt",    "a0",  "B",
                                        "a/b/c/d", "a/b.d", "\xc3\xa9", "\xff"};
    g_autoptr(GError) error = NULL;

    tree->gathers = TRUE;
    g_assert_true(tree_scan(tree->fd, 0, on_entry, tree, &error));
    g_assert_cmpstr(tree->seen->str, ==, "");
    for (guint i = 0; i < G_N_ELEMENTS(files); i++)
        make_file(tree, files[i], files[i]);
    g_assert_cmpint(mkdirat(tree->fd, "nothing", 0755), ==, 0);
    g_assert_cmpint(symlinkat("a", tree->fd, "link"), ==, 0);
    g_assert_cmpint(mkfifoat(tree->fd, "pipe", 0644), ==, 0);
    g_assert_true(tree_scan(tree->fd, 1, on_entry, tree, &error));
    g_assert_cmpstr(tree->seen->str, ==,
                    "B\na-b/x\na.txt\na/b.d\na/b/c/d\na/z\na0\nlink\npipe\n\xc3\xa9\n\xff\n");
}

/* More names than are held at once, more batches than are under way at once; and an end at any
 * place. */
static void test_large(Tree *tree, gconstpointer data)
{
    const guint folders = 120, files = 300;
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < folders; i++) {
        g_autofree char *name = g_strdup_printf("%08x", i * 2654435761u);
        g_assert_cmpint(mkdirat(tree->fd, name, 0755), ==, 0);
        int fd = openat(tree->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (guint j = 0; j < files; j++) {
            g_autofree char *file = g_strdup_printf("%08x", j * 2246822519u);
            close(openat(fd, file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
        }
        close(fd);
    }
    for (guint threads = 0; threads < 4; threads++) {
        g_string_truncate(tree->seen, 0);
        tree->count = 0;
        g_assert_true(
            tree_scan_within(tree->fd, threads ? 1 : 1 << 24, threads, on_entry, tree, &error));
        g_assert_cmpuint(tree->count, ==, folders * files);
    }
    for (tree->most = 1; tree->most < folders * files; tree->most *= 7) {
        g_string_truncate(tree->seen, 0);
        tree->count = 0;
        g_assert_false(tree_scan(tree->fd, 0, on_entry, tree, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(tree->count, ==, tree->most);
    }
}

static void remove_chain(int fd, const char *name)
{
    int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (unlinkat(below, "d", AT_REMOVEDIR) != 0 && errno != ENOENT)
        remove_chain(below, "d");
    close(below);
    g_assert_cmpint(unlinkat(fd, name, AT_REMOVEDIR), ==, 0);
}

static void test_deep(Tree *tree, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    int fd = dup(tree->fd);

    for (guint i = 0; i < 300; i++) {
        g_assert_cmpint(mkdirat(fd, "d", 0755), ==, 0);
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = next;
    }
    close(fd);
    g_assert_true(tree_scan(tree->fd, 0, on_entry, tree, &error));
    g_autofree char *words = g_strdup_printf("d/d/ %s\n", g_strerror(ELOOP));
    g_assert_true(g_str_has_suffix(tree->seen->str, words));
    g_assert_cmpuint(tree->count, ==, 0);
    remove_chain(tree->fd, "d");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) g_test_add("/tree-scan/" name, Tree, NULL, set_up, func, tear_down)
    ADD("order", test_order);
    ADD("large", test_large);
    ADD("deep", test_deep);
    return g_test_run();
}

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verdict.h"
#include "verifier.h"

typedef struct {
    char *path;
    int fd;
    DigestPool *pool;
    GHashTable *seen; /* char* -> VerifiedFile*, without borrowed parts */
    GString *walked;
    guint64 changed_inode; /* what the index says is not as it was */
    guint asked;
} Tree;

static void tree_init(Tree *tree)
{
    g_autoptr(GError) error = NULL;

    *tree = (Tree){0};
    tree->path = g_dir_make_tmp("tree-XXXXXX", &error);
    g_assert_no_error(error);
    tree->fd = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tree->pool = digest_pool_new(2);
    tree->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    tree->walked = g_string_new(NULL);
}

static void remove_below(int parent_fd, const char *name)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *child;

    while ((child = g_dir_read_name(dir))) {
        if (unlinkat(fd, child, 0) < 0)
            remove_below(fd, child);
    }
    close(fd);
    g_assert_cmpint(unlinkat(parent_fd, name, AT_REMOVEDIR), ==, 0);
}

static void tree_clear(Tree *tree)
{
    digest_pool_free(tree->pool);
    g_hash_table_unref(tree->seen);
    g_string_free(tree->walked, TRUE);
    close(tree->fd);
    remove_below(AT_FDCWD, tree->path);
    g_free(tree->path);
}

static void make_file(Tree *tree, const char *path, const char *text)
{
    g_autofree char *full = g_build_filename(tree->path, path, NULL);
    g_autofree char *folder = g_path_get_dirname(full);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_file_set_contents(full, text, -1, &error);
    g_assert_no_error(error);
}

static DigestSet digests_of(guint algorithms, const char *text)
{
    g_autoptr(DigestStream) stream = digest_stream_new(algorithms, strlen(text));
    DigestSet set = {0};

    digest_stream_update(stream, text, strlen(text));
    digest_stream_finish(stream, &set);
    return set;
}

static void on_result(const VerifiedFile *file, gpointer data)
{
    Tree *tree = data;
    VerifiedFile *copy = g_memdup2(file, sizeof *file);

    g_assert_true(file->seen == NULL || !digest_set_is_empty(file->seen));
    copy->path = NULL;
    copy->wanted = NULL;
    g_assert_true(g_hash_table_insert(tree->seen, g_strdup(file->path), copy));
}

static gboolean on_unchanged(const char *path, guint64 size, gint64 mtime_ns, gint64 ctime_ns,
                             guint64 inode, gpointer data)
{
    Tree *tree = data;

    g_assert_cmpint(mtime_ns, >, 0);
    g_assert_cmpint(ctime_ns, >, 0);
    tree->asked++;
    return inode != tree->changed_inode;
}

static const VerifiedFile *result_of(Tree *tree, const char *path)
{
    const VerifiedFile *file = g_hash_table_lookup(tree->seen, path);

    g_assert_nonnull(file);
    return file;
}

static void add(Tree *tree, Verifier *verifier, const char *path, const char *text)
{
    DigestSet wanted = digests_of(1u << DIGEST_SHA256 | 1u << DIGEST_MD5, text);

    verifier_add(verifier, path, strlen(text), &wanted, NULL);
}

static void test_kinds(void)
{
    Tree tree;
    struct stat st;

    tree_init(&tree);
    make_file(&tree, "right", "some bytes");
    make_file(&tree, "deep/er/right", "other bytes");
    make_file(&tree, "empty", "");
    make_file(&tree, "damaged", "some bitas");
    make_file(&tree, "longer", "some bytes more");
    make_file(&tree, "folder/file", "x");
    g_assert_cmpint(symlinkat("right", tree.fd, "link"), ==, 0);
    g_assert_cmpint(symlinkat("deep", tree.fd, "way"), ==, 0);
    g_assert_cmpint(mkfifoat(tree.fd, "pipe", 0644), ==, 0);

    g_autoptr(Verifier) verifier = verifier_new(tree.fd, tree.pool, FALSE, NULL, on_result, &tree);
    add(&tree, verifier, "right", "some bytes");
    add(&tree, verifier, "deep/er/right", "other bytes");
    add(&tree, verifier, "deep/er/gone", "other bytes");
    add(&tree, verifier, "empty", "");
    add(&tree, verifier, "damaged", "some bytes");
    add(&tree, verifier, "longer", "some bytes");
    add(&tree, verifier, "gone", "some bytes");
    add(&tree, verifier, "gone/too", "some bytes");
    add(&tree, verifier, "folder", "some bytes");
    add(&tree, verifier, "pipe", "some bytes");
    add(&tree, verifier, "way/er/right", "other bytes");
    add(&tree, verifier, "right/below", "some bytes");
    DigestSet none = {0};
    verifier_add(verifier, "folder/file", 1, &none, NULL);
    verifier_add(verifier, "link", 0, NULL, "right");
    verifier_finish(verifier);

    static const struct {
        const char *path;
        VerifiedAs as;
    } want[] = {
        {"right", VERIFIED_RIGHT},
        {"deep/er/right", VERIFIED_RIGHT},
        {"deep/er/gone", VERIFIED_MISSING},
        {"empty", VERIFIED_RIGHT},
        {"damaged", VERIFIED_DAMAGED},
        {"longer", VERIFIED_SIZE},
        {"gone", VERIFIED_MISSING},
        {"gone/too", VERIFIED_MISSING},
        {"folder", VERIFIED_NOT_A_FILE},
        {"pipe", VERIFIED_NOT_A_FILE},
        {"way/er/right", VERIFIED_NOT_A_FILE},
        {"right/below", VERIFIED_NOT_A_FILE},
        {"folder/file", VERIFIED_NO_DIGEST},
        {"link", VERIFIED_RIGHT},
    };
    g_assert_cmpuint(g_hash_table_size(tree.seen), ==, G_N_ELEMENTS(want));
    for (gsize i = 0; i < G_N_ELEMENTS(want); i++) {
        g_test_message("%s", want[i].path);
        g_assert_cmpint(result_of(&tree, want[i].path)->as, ==, want[i].as);
    }
    g_assert_cmpint(fstatat(tree.fd, "right", &st, 0), ==, 0);
    g_assert_cmpuint(result_of(&tree, "right")->inode, ==, st.st_ino);
    g_assert_cmpint(result_of(&tree, "right")->mtime_ns, ==,
                    (gint64)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
    g_assert_cmpuint(result_of(&tree, "longer")->size, ==, 15);
    g_assert_cmpuint(result_of(&tree, "longer")->wanted_size, ==, 10);
    g_clear_pointer(&verifier, verifier_free);
    tree_clear(&tree);
}

static void test_links(void)
{
    Tree tree;

    tree_init(&tree);
    make_file(&tree, "file", "x");
    g_assert_cmpint(symlinkat("file", tree.fd, "right"), ==, 0);
    g_assert_cmpint(symlinkat("file", tree.fd, "longer"), ==, 0);
    g_autoptr(Verifier) verifier = verifier_new(tree.fd, tree.pool, FALSE, NULL, on_result, &tree);
    verifier_add(verifier, "right", 0, NULL, "file");
    verifier_add(verifier, "longer", 0, NULL, "files");
    verifier_add(verifier, "file", 0, NULL, "file");
    verifier_add(verifier, "gone", 0, NULL, "file");
    verifier_finish(verifier);
    g_assert_cmpint(result_of(&tree, "right")->as, ==, VERIFIED_RIGHT);
    g_assert_cmpint(result_of(&tree, "longer")->as, ==, VERIFIED_NOT_A_FILE);
    g_assert_cmpint(result_of(&tree, "file")->as, ==, VERIFIED_NOT_A_FILE);
    g_assert_cmpint(result_of(&tree, "gone")->as, ==, VERIFIED_MISSING);
    g_clear_pointer(&verifier, verifier_free);
    tree_clear(&tree);
}

/* Each algorithm alone can prove a file. */
static void test_algorithms(void)
{
    for (guint algorithm = 0; algorithm < DIGEST_ALGORITHMS; algorithm++) {
        if (!(DIGEST_STREAMED & 1u << algorithm))
            continue;
        Tree tree;
        tree_init(&tree);
        make_file(&tree, "right", "some bytes");
        make_file(&tree, "wrong", "some bitas");
        DigestSet wanted = digests_of(1u << algorithm, "some bytes");
        g_autoptr(Verifier) verifier =
            verifier_new(tree.fd, tree.pool, FALSE, NULL, on_result, &tree);
        verifier_add(verifier, "right", SIZE_UNKNOWN, &wanted, NULL);
        verifier_add(verifier, "wrong", SIZE_UNKNOWN, &wanted, NULL);
        verifier_finish(verifier);
        g_assert_cmpint(result_of(&tree, "right")->as, ==, VERIFIED_RIGHT);
        g_assert_cmpint(result_of(&tree, "wrong")->as, ==, VERIFIED_DAMAGED);
        g_clear_pointer(&verifier, verifier_free);
        tree_clear(&tree);
    }
}

static void test_quick(void)
{
    Tree tree;
    struct stat st;

    tree_init(&tree);
    make_file(&tree, "a", "some bytes");
    make_file(&tree, "b", "some bitas"); /* of the right size: quick does not see it */
    make_file(&tree, "c", "some bitas"); /* but it does where the index says that it changed */
    make_file(&tree, "d", "longer than it must be");
    g_assert_cmpint(fstatat(tree.fd, "c", &st, 0), ==, 0);
    tree.changed_inode = st.st_ino;
    g_autoptr(Verifier) verifier =
        verifier_new(tree.fd, tree.pool, TRUE, on_unchanged, on_result, &tree);
    add(&tree, verifier, "a", "some bytes");
    add(&tree, verifier, "b", "some bytes");
    add(&tree, verifier, "c", "some bytes");
    add(&tree, verifier, "d", "some bytes");
    add(&tree, verifier, "e", "some bytes");
    verifier_finish(verifier);
    g_assert_cmpint(result_of(&tree, "a")->as, ==, VERIFIED_UNCHANGED);
    g_assert_cmpint(result_of(&tree, "b")->as, ==, VERIFIED_UNCHANGED);
    g_assert_cmpint(result_of(&tree, "c")->as, ==, VERIFIED_DAMAGED);
    g_assert_cmpint(result_of(&tree, "d")->as, ==, VERIFIED_SIZE);
    g_assert_cmpint(result_of(&tree, "e")->as, ==, VERIFIED_MISSING);
    g_assert_cmpuint(tree.asked, ==, 3);
    g_clear_pointer(&verifier, verifier_free);
    tree_clear(&tree);
}

/* More files than may be open at a time, and one verifier that is given up in the middle. */
static void test_many(void)
{
    Tree tree;

    tree_init(&tree);
    for (guint i = 0; i < 3000; i++) {
        g_autofree char *path = g_strdup_printf("%u/%u", i / 100, i);
        g_autofree char *text = g_strdup_printf("the file number %u", i);
        make_file(&tree, path, text);
    }
    for (guint round = 0; round < 2; round++) {
        g_autoptr(Verifier) verifier =
            verifier_new(tree.fd, tree.pool, FALSE, NULL, on_result, &tree);
        for (guint i = 0; i < 3000; i++) {
            g_autofree char *path = g_strdup_printf("%u/%u", i / 100, i);
            g_autofree char *text = g_strdup_printf("the file number %u", i == 1234 ? 7777 : i);
            add(&tree, verifier, path, text);
        }
        if (round == 1)
            break;
        verifier_finish(verifier);
        g_assert_cmpuint(g_hash_table_size(tree.seen), ==, 3000);
        g_assert_cmpint(result_of(&tree, "12/1234")->as, ==, VERIFIED_DAMAGED);
        g_assert_cmpint(result_of(&tree, "12/1235")->as, ==, VERIFIED_RIGHT);
        g_hash_table_remove_all(tree.seen);
    }
    g_assert_cmpuint(g_hash_table_size(tree.seen), <=, 3000);
    tree_clear(&tree);
}

static void test_unreadable(void)
{
    Tree tree;

    tree_init(&tree);
    make_file(&tree, "secret", "some bytes");
    make_file(&tree, "closed/file", "some bytes");
    g_assert_cmpint(fchmodat(tree.fd, "secret", 0, 0), ==, 0);
    g_assert_cmpint(fchmodat(tree.fd, "closed", 0, 0), ==, 0);
    g_assert_cmpint(fchmod(tree.fd, 0755), ==, 0);
    /* The superuser may read all: somebody else, where that can be had. */
    gboolean changed = geteuid() == 0 && seteuid(65534) == 0;
    gboolean may_all = faccessat(tree.fd, "secret", R_OK, AT_EACCESS) == 0;
    g_autoptr(Verifier) verifier = verifier_new(tree.fd, tree.pool, FALSE, NULL, on_result, &tree);
    add(&tree, verifier, "secret", "some bytes");
    add(&tree, verifier, "closed/file", "some bytes");
    verifier_finish(verifier);
    VerifiedAs want = may_all ? VERIFIED_RIGHT : VERIFIED_UNREADABLE;
    g_assert_cmpint(result_of(&tree, "secret")->as, ==, want);
    g_assert_cmpint(result_of(&tree, "closed/file")->as, ==, want);
    g_assert_cmpint(result_of(&tree, "secret")->errno_value, ==, may_all ? 0 : EACCES);
    /* A name too long for any file system, for everybody. */
    g_autofree char *name = g_strnfill(300, 'x');
    g_autofree char *path = g_strdup_printf("%s/x", name);
    add(&tree, verifier, name, "some bytes");
    add(&tree, verifier, path, "some bytes");
    g_assert_cmpint(result_of(&tree, name)->as, ==, VERIFIED_UNREADABLE);
    g_assert_cmpint(result_of(&tree, name)->errno_value, ==, ENAMETOOLONG);
    g_assert_cmpint(result_of(&tree, path)->as, ==, VERIFIED_UNREADABLE);
    g_assert_true(!changed || seteuid(0) == 0);
    g_assert_cmpint(fchmodat(tree.fd, "closed", 0700, 0), ==, 0);
    g_clear_pointer(&verifier, verifier_free);
    tree_clear(&tree);
}

static gboolean on_walk(const char *path, guint64 size, gboolean is_link, gpointer data,
                        GError **error)
{
    Tree *tree = data;
    g_autofree char *bytes =
        size == SIZE_UNKNOWN ? g_strdup("?") : g_strdup_printf("%" G_GUINT64_FORMAT, size);

    g_string_append_printf(tree->walked, "%s %s%s\n", path, bytes, is_link ? " link" : "");
    return strcmp(path, "stop") != 0;
}

static void test_walk(void)
{
    Tree tree;
    g_autoptr(GError) error = NULL;

    tree_init(&tree);
    g_assert_true(tree_walk(tree.fd, on_walk, &tree, &error));
    g_assert_cmpstr(tree.walked->str, ==, "");
    make_file(&tree, "a/z", "1");
    make_file(&tree, "a-b/x", "22");
    make_file(&tree, "a.txt", "333");
    make_file(&tree, "a0", "");
    make_file(&tree, "B", "1");
    make_file(&tree, "a/b/c/d", "4444");
    make_file(&tree, "a/b.d", "1");
    make_file(&tree, "\xc3\xa9", "1");
    make_file(&tree, "\xff", "1");
    g_assert_cmpint(mkdirat(tree.fd, "nothing", 0755), ==, 0);
    g_assert_cmpint(symlinkat("a", tree.fd, "link"), ==, 0);
    g_assert_cmpint(symlinkat(".", tree.fd, "loop"), ==, 0);
    g_assert_cmpint(mkfifoat(tree.fd, "pipe", 0644), ==, 0);
    g_assert_true(tree_walk(tree.fd, on_walk, &tree, &error));
    g_assert_cmpstr(tree.walked->str, ==,
                    "B 1\na-b/x 2\na.txt 3\na/b.d 1\na/b/c/d 4\na/z 1\na0 0\nlink 0 link\n"
                    "loop 0 link\npipe 0\n\xc3\xa9 1\n\xff 1\n");
    make_file(&tree, "stop", "1");
    g_string_truncate(tree.walked, 0);
    g_assert_false(tree_walk(tree.fd, on_walk, &tree, &error));
    g_assert_no_error(error);
    g_assert_true(g_str_has_suffix(tree.walked->str, "pipe 0\nstop 1\n"));
    tree_clear(&tree);
}

/* A folder with more names than are held at once; and folders deeper than anybody goes. */
static gboolean on_order(const char *path, guint64 size, gboolean is_link, gpointer data,
                         GError **error)
{
    Tree *tree = data;

    g_assert_cmpint(strcmp(tree->walked->str, path), <, 0);
    g_string_assign(tree->walked, path);
    tree->asked++;
    return TRUE;
}

static void test_walk_large(void)
{
    Tree tree;
    g_autoptr(GError) error = NULL;
    g_autofree char *filling = g_strnfill(200, 'n');
    const guint count = 4000;

    tree_init(&tree);
    make_file(&tree, "a/many/first", "");
    g_autofree char *path = g_build_filename(tree.path, "a/many", NULL);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (guint i = 0; i < count; i++) {
        g_autofree char *name = g_strdup_printf("%08x-%s", i * 2654435761u, filling);
        if (i % 100 == 0) {
            g_assert_cmpint(mkdirat(fd, name, 0755), ==, 0);
            int child = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            close(openat(child, "x", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
            close(child);
        } else {
            close(openat(fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
        }
    }
    close(fd);
    /* 0.9 MB of names: read once, and several times. */
    for (gsize room = 4 * 1024 * 1024; room > 0; room /= 4) {
        g_string_truncate(tree.walked, 0);
        tree.asked = 0;
        g_assert_true(tree_walk_within(tree.fd, room, on_order, &tree, &error));
        g_assert_cmpuint(tree.asked, ==, count + 1);
    }
    tree_clear(&tree);

    tree_init(&tree);
    fd = dup(tree.fd);
    for (guint i = 0; i < 300; i++) {
        g_assert_cmpint(mkdirat(fd, "d", 0755), ==, 0);
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = next;
    }
    close(fd);
    g_assert_true(tree_walk(tree.fd, on_walk, &tree, &error));
    g_assert_true(g_str_has_suffix(tree.walked->str, "d/d/ ?\n")); /* named, not skipped */
    tree_clear(&tree);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/verifier/kinds", test_kinds);
    g_test_add_func("/verifier/links", test_links);
    g_test_add_func("/verifier/algorithms", test_algorithms);
    g_test_add_func("/verifier/quick", test_quick);
    g_test_add_func("/verifier/many", test_many);
    g_test_add_func("/verifier/unreadable", test_unreadable);
    g_test_add_func("/tree-walk/order", test_walk);
    g_test_add_func("/tree-walk/large", test_walk_large);
    return g_test_run();
}

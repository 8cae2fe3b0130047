/* Nothing is written, read or removed outside the folder, whatever stands inside. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "scratch.h"

typedef struct {
    char *base;  /* holds inside/ and outside/ */
    int base_fd; /* of it */
    int fd;      /* of inside/ */
} Place;

static void set_up(Place *place, gconstpointer data)
{
    place->base = g_dir_make_tmp("tree-writer-XXXXXX", NULL);
    place->base_fd = open(place->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(mkdirat(place->base_fd, "inside", 0755), ==, 0);
    g_assert_cmpint(mkdirat(place->base_fd, "outside", 0755), ==, 0);
    place->fd = openat(place->base_fd, "inside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int file = openat(place->base_fd, "outside/kept", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    g_assert_cmpint(write(file, "kept", 4), ==, 4);
    close(file);
}

static void tear_down(Place *place, gconstpointer data)
{
    struct stat now;
    g_assert_cmpint(fstatat(place->base_fd, "outside/kept", &now, AT_SYMLINK_NOFOLLOW), ==, 0);
    g_assert_cmpint(now.st_size, ==, 4);
    g_assert_cmpint(fstatat(place->base_fd, "outside/x", &now, AT_SYMLINK_NOFOLLOW), ==, -1);
    close(place->fd);
    close(place->base_fd);
    scratch_remove(place->base);
}

static void put(TreeWriter *writer, const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;
    int fd = tree_writer_create(writer, path, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
    close(fd);
}

static void test_writes(Place *place, gconstpointer data)
{
    g_autoptr(TreeWriter) writer = tree_writer_new(place->fd, 0444);
    put(writer, "a", "1");
    put(writer, "deep/er/b", "22");
    put(writer, "deep/er/c", "333");
    put(writer, "deep/d", "4444");
    struct stat now;
    g_assert_cmpint(fstatat(place->fd, "deep/er/c", &now, 0), ==, 0);
    g_assert_cmpuint(now.st_mode & 07777, ==, 0444);
    g_assert_cmpint(now.st_size, ==, 3);
    g_assert_cmpint(fstatat(place->fd, "deep/er", &now, 0), ==, 0);
    g_assert_cmpuint(now.st_mode & 07777, ==, 0755);

    g_autoptr(TreeWriter) own = tree_writer_new(place->fd, 0400);
    put(own, "own/e", "5");
    g_assert_cmpint(fstatat(place->fd, "own/e", &now, 0), ==, 0);
    g_assert_cmpuint(now.st_mode & 07777, ==, 0400);
    g_assert_cmpint(fstatat(place->fd, "own", &now, 0), ==, 0);
    g_assert_cmpuint(now.st_mode & 07777, ==, 0700);

    g_autoptr(GError) error = NULL;
    g_assert_true(tree_writer_link(writer, "deep/link", "er/b", &error));
    g_assert_no_error(error);
    char target[16] = "";
    g_assert_cmpint(readlinkat(place->fd, "deep/link", target, sizeof target - 1), ==, 4);
    g_assert_cmpstr(target, ==, "er/b");
}

static void test_exists(Place *place, gconstpointer data)
{
    static const char *const paths[] = {"file", "folder", "link"};
    g_autoptr(TreeWriter) writer = tree_writer_new(place->fd, 0444);
    put(writer, "file", "first");
    put(writer, "folder/x", "1");
    g_assert_cmpint(symlinkat("../outside/x", place->fd, "link"), ==, 0);
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        gboolean exists = FALSE;
        g_assert_cmpint(tree_writer_create(writer, paths[i], &exists, &error), ==, -1);
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
        g_assert_nonnull(strstr(error->message, paths[i]));
        g_assert_true(exists);
        g_clear_error(&error);
        g_assert_false(tree_writer_link(writer, paths[i], "file", &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
    }
}

/* Links and files where a folder must be: nothing goes through them. */
static void test_escapes(Place *place, gconstpointer data)
{
    g_assert_cmpint(symlinkat("../outside", place->fd, "up"), ==, 0);
    g_assert_cmpint(symlinkat(place->base, place->fd, "absolute"), ==, 0);
    g_assert_cmpint(symlinkat("/proc/self/cwd", place->fd, "magic"), ==, 0);
    g_assert_cmpint(symlinkat(".", place->fd, "within"), ==, 0);
    g_autoptr(TreeWriter) writer = tree_writer_new(place->fd, 0444);
    put(writer, "file", "1");
    static const char *const paths[] = {"up/x",     "up/y/x",   "absolute/outside/x", "magic/x",
                                        "within/x", "file/x",   "../outside/x",       "a/../../x",
                                        "/x",       "up/../x/y"};
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        gboolean exists = TRUE;
        g_assert_cmpint(tree_writer_create(writer, paths[i], &exists, &error), ==, -1);
        g_assert_nonnull(error);
        g_assert_false(exists);
        g_clear_error(&error);
        g_assert_false(tree_writer_make_parents(writer, paths[i], &error));
        g_clear_error(&error);
        g_assert_false(tree_writer_link(writer, paths[i], "file", &error));
    }
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(tree_writer_create(writer, "up/x", NULL, &error), ==, -1);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
}

/* A folder that was swapped for a link after it was used once. */
static void test_swapped(Place *place, gconstpointer data)
{
    g_autoptr(TreeWriter) writer = tree_writer_new(place->fd, 0444);
    put(writer, "a/1", "1");
    put(writer, "b/1", "1");
    g_autoptr(GError) error = NULL;
    g_assert_true(tree_remove_all(place->fd, "a", &error));
    g_assert_cmpint(symlinkat("../outside", place->fd, "a"), ==, 0);
    g_assert_cmpint(tree_writer_create(writer, "a/x", NULL, &error), ==, -1);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
    g_clear_error(&error);
    /* The kept folder is gone: it is made again. */
    g_assert_true(tree_remove_all(place->fd, "b", &error));
    put(writer, "b/2", "2");
    g_assert_true(tree_remove_all(place->fd, "b", &error));
    put(writer, "b/3", "3");
}

static void test_reads(Place *place, gconstpointer data)
{
    g_autoptr(TreeWriter) writer = tree_writer_new(place->fd, 0444);
    put(writer, "d/file", "hello");
    g_assert_cmpint(symlinkat("d/file", place->fd, "link"), ==, 0);
    g_assert_cmpint(symlinkat("../outside", place->fd, "up"), ==, 0);
    g_assert_cmpint(mkfifoat(place->fd, "pipe", 0644), ==, 0);
    static const struct {
        const char *path;
        gboolean absent;
        int code;
    } rows[] = {
        {"none", TRUE, MEDMIRROR_ERROR_ABSENT},     {"d/none", TRUE, MEDMIRROR_ERROR_ABSENT},
        {"d/file/x", TRUE, MEDMIRROR_ERROR_ABSENT}, {"d", FALSE, MEDMIRROR_ERROR_UNSAFE},
        {"link", FALSE, MEDMIRROR_ERROR_UNSAFE},    {"up/kept", FALSE, MEDMIRROR_ERROR_UNSAFE},
        {"pipe", FALSE, MEDMIRROR_ERROR_UNSAFE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        gboolean absent = !rows[i].absent;
        g_assert_cmpint(tree_open_file(place->fd, rows[i].path, &absent, &error), ==, -1);
        g_assert_error(error, MEDMIRROR_ERROR, rows[i].code);
        g_assert_cmpint(absent, ==, rows[i].absent);
    }
    g_autoptr(GError) error = NULL;
    int fd = tree_open_file(place->fd, "d/file", NULL, &error);
    g_assert_no_error(error);
    char text[8] = "";
    g_assert_cmpint(read(fd, text, sizeof text), ==, 5);
    close(fd);
}

static void test_removes(Place *place, gconstpointer data)
{
    g_autoptr(TreeWriter) writer = tree_writer_new(place->fd, 0444);
    for (guint i = 0; i < 300; i++) {
        g_autofree char *path = g_strdup_printf("t/%u/%u/f", i % 7, i);
        put(writer, path, "x");
    }
    g_assert_cmpint(symlinkat("../../outside", place->fd, "t/up"), ==, 0);
    g_assert_cmpint(symlinkat("../outside", place->fd, "up"), ==, 0);
    g_autoptr(GError) error = NULL;
    g_assert_true(tree_remove_file(place->fd, "t/0/0/f", &error));
    g_assert_true(tree_remove_file(place->fd, "t/0/0/f", &error));
    g_assert_false(tree_remove_file(place->fd, "up/kept", &error));
    g_clear_error(&error);
    g_assert_true(tree_remove_all(place->fd, "up", &error));
    g_assert_true(tree_remove_all(place->fd, "t", &error));
    g_assert_true(tree_remove_all(place->fd, "t", &error));
    g_assert_no_error(error);
    struct stat now;
    g_assert_cmpint(fstatat(place->fd, "t", &now, AT_SYMLINK_NOFOLLOW), ==, -1);
}

static void test_folders(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(tree_open_folder(place->fd, "p/q", FALSE, 0755, &error), ==, -1);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
    g_clear_error(&error);
    int fd = tree_open_folder(place->fd, "p/q", TRUE, 0755, &error);
    g_assert_no_error(error);
    close(fd);
    g_assert_cmpint(symlinkat("p", place->fd, "r"), ==, 0);
    g_assert_cmpint(tree_open_folder(place->fd, "r/q", TRUE, 0755, &error), ==, -1);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
    g_clear_error(&error);
    const char *name = NULL;
    fd = tree_open_parent(place->fd, "p/q/file", FALSE, 0755, &name, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(name, ==, "file");
    close(fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) g_test_add("/tree_writer/" name, Place, NULL, set_up, func, tear_down)
    ADD("writes", test_writes);
    ADD("exists", test_exists);
    ADD("escapes", test_escapes);
    ADD("swapped", test_swapped);
    ADD("reads", test_reads);
    ADD("removes", test_removes);
    ADD("folders", test_folders);
    return g_test_run();
}

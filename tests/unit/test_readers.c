/* Who may read: modes, and what becomes of files that had others. */
#include "readers.h"
#include "scratch.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *top;
static int top_fd;

static void put(const char *path, const char *text, mode_t mode)
{
    g_autofree char *full = g_build_filename(top, path, NULL);
    g_autofree char *folder = g_path_get_dirname(full);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_assert_true(g_file_set_contents(full, text, -1, NULL));
    g_assert_cmpint(g_chmod(full, mode), ==, 0);
}

static struct stat look(const char *path)
{
    struct stat now;
    g_assert_cmpint(fstatat(top_fd, path, &now, AT_SYMLINK_NOFOLLOW), ==, 0);
    return now;
}

static mode_t mode_of(const char *path)
{
    return look(path).st_mode & 07777;
}

static void test_modes(void)
{
    const Readers everybody = READERS_EVERYBODY, owner = READERS_OWNER, members = {TRUE, 100};
    g_assert_cmpuint(readers_file_mode(&everybody), ==, 0444);
    g_assert_cmpuint(readers_folder_mode(&everybody), ==, 0755);
    g_assert_cmpuint(readers_file_mode(&owner), ==, 0400);
    g_assert_cmpuint(readers_folder_mode(&owner), ==, 0700);
    g_assert_cmpuint(readers_file_mode(&members), ==, 0440);
    g_assert_cmpuint(readers_folder_mode(&members), ==, 02750);
    static const char *const closed[] = {"account", "application", "manual", "unknown", "", NULL};
    g_assert_true(access_is_open("open"));
    for (guint i = 0; i < G_N_ELEMENTS(closed); i++)
        g_assert_false(access_is_open(closed[i]));
}

static void test_exceeded(void)
{
    const Readers everybody = READERS_EVERYBODY, owner = READERS_OWNER, members = {TRUE, 100};
    static const struct {
        mode_t mode;
        gid_t group;
        gboolean owner_exceeded, members_exceeded;
        mode_t owner_mode, members_mode;
    } cases[] = {
        {0400, 7, FALSE, FALSE, 0400, 0440},  {0440, 100, TRUE, FALSE, 0400, 0440},
        {0440, 7, TRUE, TRUE, 0400, 0440},    {0444, 100, TRUE, TRUE, 0400, 0440},
        {0640, 100, TRUE, FALSE, 0600, 0640}, {0660, 100, TRUE, TRUE, 0600, 0640},
        {0755, 100, TRUE, TRUE, 0700, 0750},  {0701, 100, TRUE, TRUE, 0700, 0750},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_false(readers_are_exceeded(&everybody, cases[i].mode, cases[i].group));
        g_assert_cmpint(readers_are_exceeded(&owner, cases[i].mode, cases[i].group), ==,
                        cases[i].owner_exceeded);
        g_assert_cmpint(readers_are_exceeded(&members, cases[i].mode, cases[i].group), ==,
                        cases[i].members_exceeded);
        g_assert_cmpuint(readers_restrain(&everybody, cases[i].mode), ==, cases[i].mode);
        g_assert_cmpuint(readers_restrain(&owner, cases[i].mode), ==, cases[i].owner_mode);
        g_assert_cmpuint(readers_restrain(&members, cases[i].mode), ==, cases[i].members_mode);
    }
}

static void test_below(void)
{
    const Readers owner = READERS_OWNER;
    guint64 changed = 0;
    put("tree/a", "a", 0444);
    put("tree/deep/er/b", "b", 0644);
    put("tree/mine", "m", 0400);
    put("outside", "o", 0444);
    g_assert_cmpint(symlinkat("../outside", top_fd, "tree/link"), ==, 0);
    g_assert_cmpint(linkat(top_fd, "outside", top_fd, "tree/shared", 0), ==, 0);
    struct stat before = look("outside");
    int fd = openat(top_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(GError) error = NULL;
    g_assert_true(readers_apply_below(&owner, fd, &changed, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(changed, ==, 6); /* three folders, a, b, shared */
    g_assert_cmpuint(mode_of("tree"), ==, 0700);
    g_assert_cmpuint(mode_of("tree/deep/er"), ==, 0700);
    g_assert_cmpuint(mode_of("tree/a"), ==, 0400);
    g_assert_cmpuint(mode_of("tree/deep/er/b"), ==, 0600);
    g_assert_cmpuint(mode_of("tree/mine"), ==, 0400);
    /* The other name keeps its inode and its mode; this one has bytes of its own. */
    struct stat after = look("outside"), own = look("tree/shared");
    g_assert_cmpuint(after.st_ino, ==, before.st_ino);
    g_assert_cmpuint(after.st_mode & 07777, ==, 0444);
    g_assert_cmpuint(after.st_nlink, ==, 1);
    g_assert_cmpuint(own.st_ino, !=, before.st_ino);
    g_assert_cmpuint(own.st_mode & 07777, ==, 0400);
    g_assert_cmpint(own.st_mtim.tv_sec, ==, before.st_mtim.tv_sec);
    g_autofree char *copy = g_build_filename(top, "tree/shared", NULL);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(copy, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "o");
    /* Once more: nothing is left to do. */
    changed = 0;
    g_assert_true(readers_apply_below(&owner, fd, &changed, &error));
    g_assert_cmpuint(changed, ==, 0);
    close(fd);
}

static void test_group(void)
{
    const Readers members = {TRUE, getegid()};
    put("theirs/x/y", "y", 0444);
    int fd = openat(top_fd, "theirs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(GError) error = NULL;
    g_assert_true(readers_apply_below(&members, fd, NULL, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(mode_of("theirs"), ==, 02750);
    g_assert_cmpuint(mode_of("theirs/x"), ==, 02750);
    g_assert_cmpuint(mode_of("theirs/x/y"), ==, 0440);
    Readers found = readers_of_tree("application", fd);
    g_assert_true(found.is_private);
    g_assert_cmpuint(found.group, ==, getegid());
    g_assert_false(readers_of_tree("open", fd).is_private);
    /* Loosened by somebody: it lets nobody in. */
    g_assert_cmpint(fchmod(fd, 0755), ==, 0);
    g_assert_cmpuint(readers_of_tree("application", fd).group, ==, READERS_NO_GROUP);
    g_assert_true(readers_of_tree("application", -1).is_private);
    close(fd);
}

static void test_everybody(void)
{
    const Readers everybody = READERS_EVERYBODY;
    put("open/a", "a", 0644);
    int fd = openat(top_fd, "open", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_true(readers_apply_below(&everybody, fd, NULL, NULL));
    g_assert_true(readers_apply(&everybody, fd, "open", NULL));
    g_assert_cmpuint(mode_of("open/a"), ==, 0644);
    close(fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    umask(022);
    top = g_dir_make_tmp("readers-XXXXXX", NULL);
    top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_test_add_func("/readers/modes", test_modes);
    g_test_add_func("/readers/exceeded", test_exceeded);
    g_test_add_func("/readers/below", test_below);
    g_test_add_func("/readers/group", test_group);
    g_test_add_func("/readers/everybody", test_everybody);
    int status = g_test_run();
    close(top_fd);
    scratch_remove(top);
    return status;
}

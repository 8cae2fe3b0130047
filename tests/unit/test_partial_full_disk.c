/*
 * The disk refuses in the middle of a file: what was written stays, and counts when there is room
 * again. Tried with a limit on the file's size, which is always to be had, and with a small tmpfs,
 * which this program mounts for itself where it may.
 */
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "partial_rig.h"

#define MIB ((guint64)1024 * 1024)
#define TOTAL (6 * MIB)
#define ETAG "\"v1\""
#define NO_MOUNT 77

typedef struct {
    void (*shrink)(void);
    void (*grow)(void);
    int errno_value;
} Disk;

static void fill_and_go_on(Rig *rig, const Disk *disk)
{
    int errno_value = 0;
    PartialSpec spec = rig_spec(rig);
    PartialFile *file = partial_file_new(&spec);

    rig_offer(file, RIG_ADDRESS, ETAG, TOTAL, FALSE);
    disk->shrink();
    g_assert_cmpint(rig_try_write(file, 0, TOTAL, 0, &errno_value), ==, OUTCOME_STORAGE);
    g_assert_cmpint(errno_value, ==, disk->errno_value);
    guint64 held = partial_file_held(file);
    g_assert_cmpuint(held, >, 2 * MIB);
    g_assert_cmpuint(held, <, 5 * MIB);
    /* It stays refused until the next attempt. */
    g_assert_cmpint(rig_try_write(file, 0, 10, 0, &errno_value), ==, OUTCOME_STORAGE);
    g_assert_cmpint(rig_settle(file, SIZE_UNKNOWN), ==, OUTCOME_STORAGE);
    partial_file_free(file);

    /* A run that finds it still full. */
    g_assert_cmpuint(partial_file_left(rig->folder_fd, RIG_KEY), ==, held);
    file = partial_file_new(&spec);
    g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, NULL, NULL), ==, held);
    g_assert_cmpint(rig_try_write(file, held, TOTAL, 0, &errno_value), ==, OUTCOME_STORAGE);
    rig_settle(file, SIZE_UNKNOWN);
    partial_file_free(file);

    disk->grow();
    file = partial_file_new(&spec);
    g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, NULL, NULL), >=, held);
    rig_write(file, partial_file_held(file), TOTAL, 0);
    g_assert_cmpint(rig_settle(file, TOTAL), ==, OUTCOME_OK);
    rig_assert_digest(rig, file, TOTAL, 0);
    rig_place(rig, file, TOTAL, 0);
    partial_file_free(file);
}

static struct rlimit limit_before;

static void limit_files(void)
{
    struct rlimit small = {.rlim_cur = 3 * MIB + 1000, .rlim_max = limit_before.rlim_max};

    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
}

static void unlimit_files(void)
{
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit_before), ==, 0);
}

static void test_limit(void)
{
    const Disk disk = {.shrink = limit_files, .grow = unlimit_files, .errno_value = EFBIG};
    Rig rig;

    rig_init(&rig);
    signal(SIGXFSZ, SIG_IGN);
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &limit_before), ==, 0);
    fill_and_go_on(&rig, &disk);
    rig_clear(&rig);
}

static const char *mount_point;

static void nothing_to_shrink(void)
{
}

static void grow_tmpfs(void)
{
    g_assert_cmpint(mount("none", mount_point, "tmpfs", MS_REMOUNT, "size=32m,mode=0755"), ==, 0);
}

static gboolean write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    gboolean good = fd >= 0 && write(fd, text, strlen(text)) == (gssize)strlen(text);

    if (fd >= 0)
        close(fd);
    return good;
}

/* Mounts of our own: as the superuser, else as the one of a user namespace. */
static gboolean leave_mounts(void)
{
    g_autofree char *users = g_strdup_printf("0 %u 1", geteuid());
    g_autofree char *groups = g_strdup_printf("0 %u 1", getegid());

    if (unshare(CLONE_NEWNS) == 0)
        return TRUE;
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/uid_map", users) &&
           write_file("/proc/self/gid_map", groups);
}

/* In a process of its own, whose mounts nobody else sees. */
static int run_on_tmpfs(const char *path)
{
    const Disk disk = {.shrink = nothing_to_shrink, .grow = grow_tmpfs, .errno_value = ENOSPC};
    Rig rig = {.path = NULL};

    if (!leave_mounts() || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", path, "tmpfs", 0, "size=4m,mode=0755") < 0)
        return NO_MOUNT;
    mount_point = path;
    rig.folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rig.pool = digest_pool_new(1);
    rig.store = task_queue_new();
    fill_and_go_on(&rig, &disk);
    g_clear_pointer(&rig.frontier, frontier_unref);
    digest_pool_free(rig.pool);
    task_queue_free(rig.store);
    close(rig.folder_fd);
    return 0;
}

static void test_tmpfs(void)
{
    g_autofree char *path = g_dir_make_tmp("full-XXXXXX", NULL);
    char program[] = "/proc/self/exe";
    char option[] = "--tmpfs";
    char *const argv[] = {program, option, path, NULL};
    pid_t pid;
    int status = 0;

    g_assert_cmpint(posix_spawn(&pid, program, NULL, NULL, argv, environ), ==, 0);
    g_assert_cmpint(TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)), ==, pid);
    g_assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_MOUNT)
        g_test_message("no file system may be mounted here; the size limit was tried alone");
    else
        g_assert_cmpint(WEXITSTATUS(status), ==, 0);
    g_assert_cmpint(g_rmdir(path), ==, 0);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--tmpfs") == 0)
        return run_on_tmpfs(argv[2]);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/partial-file/full-disk/limit", test_limit);
    g_test_add_func("/partial-file/full-disk/tmpfs", test_tmpfs);
    return g_test_run();
}

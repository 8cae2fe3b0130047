#include "child.h"

#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The file actions, and the copies they refer to: ours at numbers above all of theirs, so that no
 * dup2 in the child overwrites the source of a later one. */
typedef struct {
    posix_spawn_file_actions_t actions;
    GArray *copies; /* int */
} Handover;

static int highest_descriptor(const int *descriptors)
{
    int highest = STDERR_FILENO;
    for (const int *d = descriptors; d && *d >= 0; d += 2)
        highest = MAX(highest, d[1]);
    return highest;
}

static gboolean is_handed_over(const int *descriptors, int theirs)
{
    for (const int *d = descriptors; d && *d >= 0; d += 2) {
        if (d[1] == theirs)
            return TRUE;
    }
    return FALSE;
}

static void handover_clear(Handover *handover)
{
    posix_spawn_file_actions_destroy(&handover->actions);
    for (guint i = 0; i < handover->copies->len; i++)
        close(g_array_index(handover->copies, int, i));
    g_array_unref(handover->copies);
}

/* 0 or an errno. HANDOVER is made in any case. */
static int handover_init(Handover *handover, const int *descriptors)
{
    const int highest = highest_descriptor(descriptors);
    handover->copies = g_array_new(FALSE, FALSE, sizeof(int));
    int failed = posix_spawn_file_actions_init(&handover->actions);
    for (const int *d = descriptors; !failed && d && *d >= 0; d += 2) {
        int copy = fcntl(d[0], F_DUPFD_CLOEXEC, highest + 1);
        if (copy < 0)
            return errno;
        g_array_append_val(handover->copies, copy);
        failed = posix_spawn_file_actions_adddup2(&handover->actions, copy, d[1]);
    }
    for (int fd = 0; !failed && fd <= highest; fd++) {
        if (is_handed_over(descriptors, fd) || fd == STDERR_FILENO)
            continue;
        if (fd < STDERR_FILENO)
            failed =
                posix_spawn_file_actions_addopen(&handover->actions, fd, "/dev/null", O_RDWR, 0);
        else
            failed = posix_spawn_file_actions_addclose(&handover->actions, fd);
    }
    if (!failed)
        failed = posix_spawn_file_actions_addclosefrom_np(&handover->actions, highest + 1);
    return failed;
}

static int spawn_with(const ChildSpec *spec, const Handover *handover, pid_t *pid)
{
    static const char *const nothing[] = {NULL};
    const char *const *environment = spec->environment ? spec->environment : nothing;
    posix_spawnattr_t attributes;
    int failed = posix_spawnattr_init(&attributes);
    if (failed)
        return failed;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    /* A group of its own: the terminal's Ctrl-C is for us, who then tell the child. */
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    failed = posix_spawn(pid, spec->program, &handover->actions, &attributes,
                         (char *const *)(gpointer)spec->argv, (char *const *)(gpointer)environment);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

gboolean child_start(const ChildSpec *spec, pid_t *pid, GError **error)
{
    Handover handover;
    int failed = handover_init(&handover, spec->descriptors);
    if (!failed && spec->folder)
        failed = posix_spawn_file_actions_addchdir_np(&handover.actions, spec->folder);
    if (!failed)
        failed = spawn_with(spec, &handover, pid);
    handover_clear(&handover);
    if (failed)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("The program %s could not be started: %s."), spec->program,
                    g_strerror(failed));
    return !failed;
}

gboolean child_wait(pid_t pid, int *status)
{
    int ended = 0;
    if (TEMP_FAILURE_RETRY(waitpid(pid, &ended, 0)) != pid)
        ended = -1;
    if (status)
        *status = ended;
    return ended == 0;
}

void child_kill(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGKILL);
    child_wait(pid, NULL);
}

char *child_own_program(void)
{
    const char *named = g_getenv("MEDMIRROR_PROGRAM");
    if (named && *named)
        return g_strdup(named);
    char *path = g_file_read_link("/proc/self/exe", NULL);
    /* Replaced by an upgrade while it runs: the link itself still leads to what we are. */
    if (!path || g_str_has_suffix(path, " (deleted)")) {
        g_free(path);
        return g_strdup("/proc/self/exe");
    }
    return path;
}

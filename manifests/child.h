/*
 * Child processes, started by posix_spawn with an environment made for them and no descriptor but
 * those handed over.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct {
    const char *program;            /* absolute path */
    const char *const *argv;        /* NULL-terminated, argv[0] included */
    const char *const *environment; /* NULL-terminated "NAME=value"; NULL: empty */
    const int *descriptors; /* pairs: ours, theirs; ended by -1. 0, 1, 2 not named are /dev/null (2:
                               ours) */
    const char *folder;     /* its working folder; NULL: ours */
} ChildSpec;

/* MEDMIRROR_ERROR_FAILED. */
gboolean child_start(const ChildSpec *spec, pid_t *pid, GError **error);
/* Waits; TRUE where it exited with 0. *STATUS as of waitpid(2); may be NULL. */
gboolean child_wait(pid_t pid, int *status);
/* SIGKILL, then waits. Only for processes that child_start() made. */
void child_kill(pid_t pid);
/* The absolute path of this program (/proc/self/exe), or what MEDMIRROR_PROGRAM names (tests link
 * the libraries and are not the program). Owned. */
char *child_own_program(void);

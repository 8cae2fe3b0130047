/*
 * An owner is a file that its process made with O_EXCL, holds an OFD lock on, and touches.
 *
 * Who finds one decides whether its owner lives: under the same boot the kernel tells, by the lock
 * (which dies with its process) and by the process's start time; elsewhere only the touches tell,
 * against the time of a file made just now on the same file system. A dead one is taken over by
 * renaming it to a name of one's own while holding its lock, looking again, and starting over with
 * O_EXCL: of several contenders one wins. limits: a plain "read, unlink, create" gave two owners in
 * one of thirteen rounds.
 */
#include "owner.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "durable.h"
#include "error.h"
#include "group_mode.h"
#include "i18n.h"
#include "machine.h"
#include "owner_file.h"
#include "relpath.h"

#define BEAT_SECONDS 30
#define POLL_MS 200
#define TELL_AGAIN_MS 30000

struct Owner {
    int owners_fd, fd;
    char *name, *folder;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t ends;
    gboolean ending, has_thread; /* ending: under the mutex */
    atomic_bool lost;
};

static gboolean is_still_there(const Owner *owner)
{
    struct stat own, there;
    return fstat(owner->fd, &own) == 0 &&
           fstatat(owner->owners_fd, owner->name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           own.st_ino == there.st_ino && own.st_dev == there.st_dev;
}

static void *beat(void *data)
{
    Owner *owner = data;
    pthread_mutex_lock(&owner->mutex);
    while (!owner->ending) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += BEAT_SECONDS;
        if (pthread_cond_timedwait(&owner->ends, &owner->mutex, &until) != ETIMEDOUT)
            continue;
        if (!is_still_there(owner))
            atomic_store(&owner->lost, TRUE);
        else
            futimens(owner->fd, NULL);
    }
    pthread_mutex_unlock(&owner->mutex);
    return NULL;
}

static gboolean start_beating(Owner *owner, GError **error)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&owner->ends, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&owner->mutex, NULL);
    int problem = pthread_create(&owner->thread, NULL, beat, owner);
    owner->has_thread = problem == 0;
    if (!owner->has_thread) {
        pthread_cond_destroy(&owner->ends);
        pthread_mutex_destroy(&owner->mutex);
        return error_set_storage(error, problem, _("cannot start a thread for the owner file"));
    }
    return TRUE;
}

gboolean owner_still(Owner *owner, GError **error)
{
    if (!atomic_load(&owner->lost) && is_still_there(owner))
        return TRUE;
    atomic_store(&owner->lost, TRUE);
    g_set_error(
        error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_BUSY,
        _("Another run took %s over while this one was not heard of: this one stops. Start it "
          "again to go on."),
        owner->folder);
    return FALSE;
}

void owner_release(Owner *owner)
{
    if (owner == NULL)
        return;
    if (owner->has_thread) {
        pthread_mutex_lock(&owner->mutex);
        owner->ending = TRUE;
        pthread_cond_signal(&owner->ends);
        pthread_mutex_unlock(&owner->mutex);
        pthread_join(owner->thread, NULL);
        pthread_cond_destroy(&owner->ends);
        pthread_mutex_destroy(&owner->mutex);
    }
    if (owner->fd >= 0) {
        if (is_still_there(owner))
            unlinkat(owner->owners_fd, owner->name, 0);
        close(owner->fd);
    }
    if (owner->owners_fd >= 0)
        close(owner->owners_fd);
    g_free(owner->name);
    g_free(owner->folder);
    g_free(owner);
}

/* 1: made, and ours; 0: somebody was faster; -1 with an error. */
static int make_file(Owner *owner, const Mirror *mirror, const char *verb, GError **error)
{
    owner->fd =
        openat(owner->owners_fd, owner->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
               group_mode(owner->owners_fd, 0644));
    int problem = errno;
    if (owner->fd < 0 && problem == EEXIST)
        return 0;
    gboolean locked = FALSE;
    /* Who looks at the file holds the lock for an instant. */
    for (guint attempt = 0; owner->fd >= 0 && !locked && attempt < 20; attempt++) {
        locked = owner_file_lock(owner->fd);
        if (!locked)
            g_usleep(1000);
    }
    g_autofree char *text = owner_file_describe(owner->folder, verb, locked);
    gboolean written = owner->fd >= 0 && write_whole(owner->fd, text, strlen(text));
    if (!written) {
        if (owner->fd >= 0) {
            problem = errno;
            unlinkat(owner->owners_fd, owner->name, 0);
        }
        error_set_storage(error, problem, _("cannot write the owner file of %s in the mirror %s"),
                          owner->folder, mirror_path(mirror));
        return -1;
    }
    /* Stopped for long between the two calls, we may have been taken for dead. */
    if (is_still_there(owner))
        return 1;
    close(owner->fd);
    owner->fd = -1;
    return 0;
}

static gboolean refuse_busy(const char *folder, const OwnerInfo *info, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_BUSY,
                _("%s is in use: %s by %s on %s, process %" G_GINT64_FORMAT
                  ", since %s. Wait for it, or run the command again without --no-wait."),
                folder, info->verb, info->user, info->host, info->pid, info->since);
    return FALSE;
}

typedef struct {
    gboolean no_wait;
    void (*waits)(const OwnerInfo *info, gpointer data);
    gboolean (*cancelled)(gpointer data);
    gpointer data;
    char *told;      /* which owner was told of */
    gint64 told_at;  /* monotonic, microseconds */
    guint uncertain; /* rounds in which nobody could be named */
} Waiting;

/* Somebody lives, or may live. FALSE with an error: no more waiting. */
static gboolean wait_for(Waiting *waiting, const char *folder, OwnerLife life,
                         const OwnerInfo *info, GError **error)
{
    if (waiting->cancelled != NULL && waiting->cancelled(waiting->data)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED,
                    _("Interrupted while waiting for %s."), folder);
        return FALSE;
    }
    if (life == OWNER_LIVES) {
        if (waiting->no_wait)
            return refuse_busy(folder, info, error);
        g_autofree char *who =
            g_strdup_printf("%s %" G_GINT64_FORMAT " %s", info->host, info->pid, info->since);
        gint64 now = g_get_monotonic_time();
        if (waiting->waits != NULL && (g_strcmp0(who, waiting->told) != 0 ||
                                       now - waiting->told_at >= TELL_AGAIN_MS * 1000)) {
            waiting->waits(info, waiting->data);
            g_free(waiting->told);
            waiting->told = g_steal_pointer(&who);
            waiting->told_at = now;
        }
    } else if (waiting->no_wait && ++waiting->uncertain > 100) {
        return refuse_busy(folder, info, error);
    }
    g_usleep(life == OWNER_LIVES ? POLL_MS * 1000 : 20000);
    return TRUE;
}

static gboolean take(Owner *owner, const Mirror *mirror, const char *verb, Waiting *waiting,
                     GError **error)
{
    for (;;) {
        int made = make_file(owner, mirror, verb, error);
        if (made != 0)
            return made > 0;
        g_autoptr(OwnerInfo) info = NULL;
        OwnerLife life = owner_file_judge(owner->owners_fd, owner->name, TRUE, &info);
        if (life == OWNER_GONE)
            continue;
        if (!wait_for(waiting, owner->folder, life, info, error))
            return FALSE;
    }
}

Owner *owner_take(Mirror *mirror, const char *folder, const char *verb, gboolean no_wait,
                  void (*waits)(const OwnerInfo *info, gpointer data),
                  gboolean (*cancelled)(gpointer data), gpointer data, GError **error)
{
    g_autoptr(Owner) owner = g_new0(Owner, 1);
    g_autofree char *key = mirror_folder_key(folder);
    owner->fd = -1;
    owner->folder = g_strdup(folder);
    owner->name = g_strconcat(key, ".json", NULL);
    owner->owners_fd =
        openat(mirror_private_fd(mirror), "owners", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (owner->owners_fd < 0) {
        error_set_storage(error, errno, _("cannot open the owners' folder of %s"),
                          mirror_path(mirror));
        return NULL;
    }
    Waiting waiting = {no_wait, waits, cancelled, data, NULL, 0, 0};
    gboolean taken = take(owner, mirror, verb, &waiting, error);
    g_free(waiting.told);
    return taken && start_beating(owner, error) ? g_steal_pointer(&owner) : NULL;
}

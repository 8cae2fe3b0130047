#include "group_mode.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "file_copy.h"
#include "i18n.h"

#define SHARED (S_ISGID | S_IWGRP)
#define MOST_DEPTH 256

gboolean group_is_shared(int folder_fd)
{
    struct stat folder;
    return fstat(folder_fd, &folder) == 0 && (folder.st_mode & SHARED) == SHARED;
}

mode_t group_mode(int folder_fd, mode_t mode)
{
    return (mode & S_IRWXG) != 0 && group_is_shared(folder_fd) ? mode | ((mode & S_IRWXU) >> 3)
                                                               : mode;
}

gboolean group_share_folder(int parent_fd, int folder_fd, const char *name, GError **error)
{
    struct stat now;
    if (!group_is_shared(parent_fd) || fstat(folder_fd, &now) != 0 || now.st_uid != geteuid() ||
        (now.st_mode & 07777) == 02775)
        return TRUE;
    return fchmod(folder_fd, 02775) == 0 ||
           error_set_storage(error, errno, _("cannot open the folder %s to its group"), name);
}

static gboolean give(int fd, const struct stat *now, gid_t group, mode_t mode, GError **error)
{
    struct stat given;
    if (now->st_gid == group && (now->st_mode & 07777) == mode)
        return TRUE;
    /* Another's: it is as it is. */
    if (now->st_uid != geteuid() && geteuid() != 0)
        return TRUE;
    if (now->st_gid != group && fchown(fd, (uid_t)-1, group) != 0 && errno != EPERM)
        return error_set_storage(error, errno, _("cannot give a folder to its group"));
    if (fchmod(fd, mode) != 0)
        return error_set_storage(error, errno, _("cannot open a folder to its group"));
    /* The kernel takes the set-group-ID bit away from who is no member. */
    if (fstat(fd, &given) == 0 && given.st_gid == group && (given.st_mode & 07777) == mode)
        return TRUE;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("The folder cannot be given to the group with the number %u: you are no member "
                  "of it, or the file system keeps no groups. Your groups are told by: id"),
                (guint)group);
    return FALSE;
}

static gboolean open_below(int folder_fd, gid_t group, guint depth, GError **error);

static gboolean open_one(int folder_fd, const char *name, gid_t group, guint depth, GError **error)
{
    struct stat now;
    if (fstatat(folder_fd, name, &now, AT_SYMLINK_NOFOLLOW) != 0)
        return TRUE;
    /* 02750: what another group alone may read (readers.h) is none of this one's. */
    gboolean is_theirs = (now.st_mode & S_ISGID) != 0 && (now.st_mode & 0007) == 0;
    gboolean is_folder = S_ISDIR(now.st_mode) && (now.st_mode & 0050) == 0050 && !is_theirs;
    gboolean is_file = S_ISREG(now.st_mode) && (now.st_mode & 0240) == 0240;
    if (!is_folder && !is_file)
        return TRUE;
    int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return TRUE;
    gboolean done =
        is_file ? give(fd, &now, group, (now.st_mode & 07777) | ((now.st_mode & 0700) >> 3), error)
                : open_below(fd, group, depth + 1, error);
    close(fd);
    return done;
}

static gboolean open_below(int folder_fd, gid_t group, guint depth, GError **error)
{
    struct stat now;
    if (fstat(folder_fd, &now) != 0 || !give(folder_fd, &now, group, 02775, error))
        return FALSE;
    int fd = depth > MOST_DEPTH ? -1 : openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    gboolean done = TRUE;
    struct dirent *entry;
    while (folder != NULL && done && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            done = open_one(folder_fd, entry->d_name, group, depth, error);
    }
    if (folder != NULL)
        closedir(folder);
    else if (fd >= 0)
        close(fd);
    return done;
}

gboolean group_open_below(int folder_fd, gid_t group, GError **error)
{
    return open_below(folder_fd, group, 0, error);
}

/* Made durable before it takes the place: a journal may say of the bytes that they are. */
static gboolean take_over(int folder_fd, const char *name, mode_t mode, GError **error)
{
    g_autofree char *own = g_strdup_printf(".%.200s.%08x.own", name, g_random_int());
    int from = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int to = from < 0 ? -1
                      : openat(folder_fd, own, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                               group_mode(folder_fd, mode | 0644));
    gboolean taken = to >= 0 && file_copy(from, to) && TEMP_FAILURE_RETRY(fsync(to)) == 0 &&
                     fchmod(to, mode) == 0 && renameat(folder_fd, own, folder_fd, name) == 0;
    int problem = errno;
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    if (!taken && to >= 0)
        unlinkat(folder_fd, own, 0);
    return taken ||
           error_set_storage(error, problem, _("cannot go on with another's file %s"), name);
}

gboolean group_take_over(int folder_fd, GError **error)
{
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        if (fd >= 0)
            close(fd);
        return error_set_storage(error, errno, _("cannot read a folder of the stage"));
    }
    gboolean taken = TRUE;
    struct dirent *entry;
    while (taken && (entry = readdir(folder)) != NULL) {
        struct stat now;
        if (fstatat(folder_fd, entry->d_name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(now.st_mode) && now.st_uid != geteuid() &&
            faccessat(folder_fd, entry->d_name, W_OK, AT_EACCESS) != 0)
            taken = take_over(folder_fd, entry->d_name, now.st_mode & 07777, error);
    }
    closedir(folder);
    return taken;
}

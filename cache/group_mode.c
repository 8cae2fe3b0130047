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

#include "copy_target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable.h"
#include "error.h"
#include "i18n.h"
#include "tree_writer.h"

#define MARK ".medmirror-copy"
#define READ_BYTES ((gsize)256 * 1024)

struct CopyTarget {
    char *path, *partial;
    char *name, *partial_name; /* below the folder above */
    int above_fd, fd, mark_fd;
    gboolean begun;
};

void copy_target_free(CopyTarget *target)
{
    if (target == NULL)
        return;
    if (target->mark_fd >= 0)
        close(target->mark_fd);
    if (target->fd >= 0)
        close(target->fd);
    if (target->above_fd >= 0)
        close(target->above_fd);
    g_free(target->path);
    g_free(target->partial);
    g_free(target->name);
    g_free(target->partial_name);
    g_free(target);
}

int copy_target_fd(const CopyTarget *target)
{
    return target->fd;
}

const char *copy_target_path(const CopyTarget *target)
{
    return target->partial;
}

gboolean copy_target_was_begun(const CopyTarget *target)
{
    return target->begun;
}

/* *EMPTY: there is nothing in it but the mark of a copy, if MAY_BE_MARKED. */
static gboolean look_inside(const char *path, gboolean *is_folder, gboolean *empty,
                            gboolean *marked)
{
    *is_folder = *empty = *marked = FALSE;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        if (fd >= 0)
            close(fd);
        return FALSE;
    }
    *is_folder = *empty = TRUE;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        *empty = FALSE;
        *marked = *marked || strcmp(entry->d_name, MARK) == 0;
    }
    closedir(folder);
    return TRUE;
}

gboolean copy_target_check(const char *path, GError **error)
{
    struct stat now;
    gboolean is_folder, empty, marked;
    g_autofree char *partial = g_strconcat(path, ".partial", NULL);
    if (lstat(path, &now) == 0 && (!look_inside(path, &is_folder, &empty, &marked) || !empty)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    S_ISDIR(now.st_mode)
                        ? _("%s is not empty. Name a folder that is not there yet, or an empty "
                            "one: medmirror copy REF DIR")
                        : _("%s is there already and is no folder. Name one that is not there "
                            "yet: medmirror copy REF DIR"),
                    path);
        return FALSE;
    }
    if (lstat(partial, &now) == 0 &&
        (!look_inside(partial, &is_folder, &empty, &marked) || (!empty && !marked))) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s is there and was not made by a copy, which is built under that name. "
                      "Name another folder: medmirror copy REF DIR"),
                    partial);
        return FALSE;
    }
    return TRUE;
}

static gboolean make_folder(CopyTarget *target, gboolean is_private, GError **error)
{
    g_autofree char *above = g_path_get_dirname(target->path);
    if (g_mkdir_with_parents(above, 0777) != 0)
        return error_set_storage(error, errno, _("cannot make the folder %s"), above);
    target->above_fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target->above_fd < 0)
        return error_set_storage(error, errno, _("cannot open the folder %s"), above);
    if (mkdirat(target->above_fd, target->partial_name, is_private ? 0700 : 0777) != 0 &&
        errno != EEXIST)
        return error_set_storage(error, errno, _("cannot make the folder %s"), target->partial);
    target->fd = openat(target->above_fd, target->partial_name,
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return target->fd >= 0 ||
           error_set_storage(error, errno, _("cannot open the folder %s"), target->partial);
}

static gboolean refuse_busy(const CopyTarget *target, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_BUSY,
                _("Another run copies to %s just now. Wait for it, or name another folder: "
                  "medmirror copy REF DIR"),
                target->path);
    return FALSE;
}

/* Everything but the mark. */
static gboolean empty_folder(const CopyTarget *target, GError **error)
{
    int fd = openat(target->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    gboolean emptied = folder != NULL;
    struct dirent *entry;
    while (emptied && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, MARK) != 0)
            emptied = tree_remove_all(target->fd, entry->d_name, error);
    }
    if (folder != NULL)
        closedir(folder);
    else if (fd >= 0)
        close(fd);
    return emptied;
}

/* The mark says whose bytes these are, and its lock that somebody is at work. */
static gboolean take_mark(CopyTarget *target, const char *fingerprint, GError **error)
{
    char found[256] = "";
    target->mark_fd = openat(target->fd, MARK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (target->mark_fd < 0)
        return error_set_storage(error, errno, _("cannot write in %s"), target->partial);
    if (flock(target->mark_fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return refuse_busy(target, error);
    gssize length = TEMP_FAILURE_RETRY(pread(target->mark_fd, found, sizeof found - 1, 0));
    target->begun = length > 0 && strcmp(found, fingerprint) == 0;
    if (target->begun)
        return TRUE;
    gboolean written = empty_folder(target, error) && ftruncate(target->mark_fd, 0) == 0 &&
                       lseek(target->mark_fd, 0, SEEK_SET) == 0 &&
                       write_whole(target->mark_fd, fingerprint, strlen(fingerprint));
    return written || (error != NULL && *error != NULL) ||
           error_set_storage(error, errno, _("cannot write in %s"), target->partial);
}

CopyTarget *copy_target_open(const char *path, const char *fingerprint, gboolean is_private,
                             GError **error)
{
    g_autoptr(CopyTarget) target = g_new0(CopyTarget, 1);
    target->above_fd = target->fd = target->mark_fd = -1;
    target->path = g_strdup(path);
    target->partial = g_strconcat(path, ".partial", NULL);
    target->name = g_path_get_basename(target->path);
    target->partial_name = g_path_get_basename(target->partial);
    if (!copy_target_check(path, error) || !make_folder(target, is_private, error) ||
        !take_mark(target, fingerprint, error))
        return NULL;
    return g_steal_pointer(&target);
}

gboolean copy_target_has(CopyTarget *target, const char *file, guint64 size, const Digest *sha256)
{
    struct stat now;
    int fd = tree_open_file(target->fd, file, NULL, NULL);
    if (fd < 0)
        return FALSE;
    g_autofree char *buffer = g_malloc(READ_BYTES);
    g_autoptr(DigestStream) stream = digest_stream_new(1U << DIGEST_SHA256, 0);
    gssize got = fstat(fd, &now) == 0 && (guint64)now.st_size == size ? 1 : -1;
    while (got > 0) {
        got = TEMP_FAILURE_RETRY(read(fd, buffer, READ_BYTES));
        if (got > 0)
            digest_stream_update(stream, buffer, (gsize)got);
    }
    close(fd);
    DigestSet seen = {0};
    digest_stream_finish(stream, &seen);
    gboolean right = got == 0 && digest_equal(digest_set_get(&seen, DIGEST_SHA256), sha256);
    if (!right)
        tree_remove_file(target->fd, file, NULL);
    return right;
}

gboolean copy_target_finish(CopyTarget *target, GError **error)
{
    if (syncfs(target->fd) != 0)
        return error_set_storage(error, errno, _("cannot make %s durable"), target->partial);
    if (unlinkat(target->fd, MARK, 0) != 0 && errno != ENOENT)
        return error_set_storage(error, errno, _("cannot write in %s"), target->partial);
    /* An empty folder gives way to a whole one (rename(2)). */
    if (renameat(target->above_fd, target->partial_name, target->above_fd, target->name) != 0)
        return error_set_storage(error, errno, _("cannot move %s to %s"), target->partial,
                                 target->path);
    return durable_sync_folder(target->above_fd, target->path, error);
}

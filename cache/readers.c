#include "readers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable.h"
#include "error.h"
#include "i18n.h"
#include "relpath.h"

#define OWN_COPY ".medmirror-own"
#define MOST_DEPTH 256

gboolean access_is_open(const char *access)
{
    return g_strcmp0(access, "open") == 0;
}

static gboolean has_group(const Readers *readers)
{
    return readers->group != READERS_NO_GROUP;
}

mode_t readers_file_mode(const Readers *readers)
{
    return !readers->is_private ? 0444 : has_group(readers) ? 0440 : 0400;
}

mode_t readers_folder_mode(const Readers *readers)
{
    return !readers->is_private ? 0755 : has_group(readers) ? 02750 : 0700;
}

gboolean readers_are_exceeded(const Readers *readers, mode_t mode, gid_t group)
{
    if (!readers->is_private)
        return FALSE;
    gboolean is_their_group = has_group(readers) && group == readers->group;
    return (mode & (is_their_group ? 0027 : 0077)) != 0;
}

mode_t readers_restrain(const Readers *readers, mode_t mode)
{
    if (!readers->is_private)
        return mode;
    if (!has_group(readers))
        return mode & ~(mode_t)0077;
    return (mode & ~(mode_t)0027) | ((mode & 0500) >> 3);
}

Readers readers_of_tree(const char *access, int tree_fd)
{
    Readers readers = READERS_OWNER;
    struct stat now;
    if (access_is_open(access))
        return READERS_EVERYBODY;
    /* A group's folder hands the group on; one that somebody loosened does not. */
    if (fstat(tree_fd, &now) == 0 && (now.st_mode & (S_ISGID | 0050)) == (S_ISGID | 0050))
        readers.group = now.st_gid;
    return readers;
}

static gboolean refuse_group(const Readers *readers, const char *name, int problem, GError **error)
{
    if (problem != EPERM)
        return error_set_storage(error, problem, _("cannot give %s to its group"), name);
    g_set_error(
        error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
        _("%s cannot be given to the group with the number %u, which the configuration "
          "names: you are no member of it. Name a group of yours with: medmirror config set"),
        name, (guint)readers->group);
    return FALSE;
}

static gboolean apply_to(const Readers *readers, int fd, const struct stat *now, const char *name,
                         guint64 *changed, GError **error)
{
    gboolean gives = has_group(readers) && now->st_gid != readers->group;
    mode_t wanted = readers_restrain(readers, now->st_mode & 07777);
    if (S_ISDIR(now->st_mode) && has_group(readers))
        wanted |= S_ISGID;
    if (!gives && wanted == (now->st_mode & 07777))
        return TRUE;
    if (gives && fchown(fd, (uid_t)-1, readers->group) != 0)
        return refuse_group(readers, name, errno, error);
    if (fchmod(fd, wanted) != 0)
        return error_set_storage(error, errno, _("cannot make %s private"), name);
    if (changed != NULL)
        (*changed)++;
    return TRUE;
}

gboolean readers_apply(const Readers *readers, int fd, const char *name, GError **error)
{
    struct stat now;
    if (!readers->is_private)
        return TRUE;
    return fstat(fd, &now) == 0
               ? apply_to(readers, fd, &now, name, NULL, error)
               : error_set_storage(error, errno, _("cannot make %s private"), name);
}

static int copy_bytes(int from, int to)
{
    if (ioctl(to, FICLONE, from) == 0)
        return 0;
    const gsize piece = (gsize)256 * 1024;
    g_autofree char *buffer = g_malloc(piece);
    gssize got;
    while ((got = TEMP_FAILURE_RETRY(read(from, buffer, piece))) > 0) {
        if (!write_whole(to, buffer, (gsize)got))
            return errno;
    }
    return got < 0 || TEMP_FAILURE_RETRY(fsync(to)) != 0 ? errno : 0;
}

/* Its other names are somebody else's: they keep the inode. */
static gboolean give_own_bytes(const Readers *readers, int folder_fd, const char *name, int from,
                               const struct stat *now, guint64 *changed, GError **error)
{
    unlinkat(folder_fd, OWN_COPY, 0);
    int own = openat(folder_fd, OWN_COPY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const struct timespec times[] = {now->st_atim, now->st_mtim};
    int problem = own < 0 ? errno : copy_bytes(from, own);
    if (problem == 0 && (futimens(own, times) != 0 || fchmod(own, now->st_mode & 0700) != 0))
        problem = errno;
    struct stat made;
    gboolean done = problem == 0 && fstat(own, &made) == 0 &&
                    apply_to(readers, own, &made, name, NULL, error) &&
                    renameat(folder_fd, OWN_COPY, folder_fd, name) == 0;
    if (!done && problem == 0)
        problem = errno;
    if (own >= 0)
        close(own);
    if (done && changed != NULL)
        (*changed)++;
    if (done)
        return TRUE;
    unlinkat(folder_fd, OWN_COPY, 0);
    return (error != NULL && *error != NULL)
               ? FALSE
               : error_set_storage(error, problem, _("cannot make %s private"), name);
}

static gboolean apply_below(const Readers *readers, int fd, guint depth, guint64 *changed,
                            GError **error);

static gboolean apply_entry(const Readers *readers, int folder_fd, const char *name, guint depth,
                            guint64 *changed, GError **error)
{
    struct stat now;
    g_autofree char *shown = relpath_display(name);
    if (fstatat(folder_fd, name, &now, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ||
               error_set_storage(error, errno, _("cannot make %s private"), shown);
    if (!S_ISDIR(now.st_mode) && !S_ISREG(now.st_mode))
        return TRUE;
    gboolean is_file = S_ISREG(now.st_mode);
    if (is_file && !readers_are_exceeded(readers, now.st_mode, now.st_gid) &&
        readers_restrain(readers, now.st_mode & 07777) == (now.st_mode & 07777) &&
        (!has_group(readers) || now.st_gid == readers->group))
        return TRUE;
    int fd = openat(folder_fd, name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (is_file ? 0 : O_DIRECTORY));
    if (fd < 0)
        return error_set_storage(error, errno, _("cannot make %s private"), shown);
    gboolean done = is_file && now.st_nlink > 1
                        ? give_own_bytes(readers, folder_fd, name, fd, &now, changed, error)
                        : apply_to(readers, fd, &now, shown, changed, error);
    if (is_file || !done) {
        close(fd);
        return done;
    }
    return apply_below(readers, fd, depth + 1, changed, error);
}

/* Takes FD over. */
static gboolean apply_below(const Readers *readers, int fd, guint depth, guint64 *changed,
                            GError **error)
{
    DIR *folder = depth > MOST_DEPTH ? NULL : fdopendir(fd);
    if (folder == NULL) {
        int problem = depth > MOST_DEPTH ? ELOOP : errno;
        close(fd);
        return error_set_storage(error, problem, _("cannot make a folder private"));
    }
    gboolean done = TRUE;
    struct dirent *entry;
    while (done && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            done = apply_entry(readers, dirfd(folder), entry->d_name, depth, changed, error);
    }
    closedir(folder);
    return done;
}

gboolean readers_apply_below(const Readers *readers, int fd, guint64 *changed, GError **error)
{
    if (!readers->is_private)
        return TRUE;
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat now;
    if (own < 0 || fstat(own, &now) != 0) {
        int problem = errno;
        if (own >= 0)
            close(own);
        return error_set_storage(error, problem, _("cannot make a folder private"));
    }
    if (apply_to(readers, own, &now, ".", changed, error))
        return apply_below(readers, own, 0, changed, error);
    close(own);
    return FALSE;
}

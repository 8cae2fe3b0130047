#include "local_files.h"

#include "error.h"
#include "i18n.h"
#include "relpath.h"
#include "tree_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void local_files_init(LocalFiles *files, char *folder, int fd, LocalHow how)
{
    local_files_clear(files);
    *files = (LocalFiles){.fd = fd, .folder = folder, .root = g_strdup(""), .how = how};
}

void local_files_clear(LocalFiles *files)
{
    if (!files->folder) {
        return;
    }
    if (files->fd >= 0) {
        close(files->fd);
    }
    g_free(files->folder);
    g_free(files->root);
    g_free(files->only);
    g_free(files->only_name);
    if (files->taken) {
        fclose(files->taken);
    }
    series_map_free(files->series);
    *files = (LocalFiles){.fd = -1};
}

char *local_files_name(const LocalFiles *files, const char *path)
{
    if (files->only) {
        return strcmp(files->only, path) == 0 ? g_strdup(files->only_name) : NULL;
    }
    return *files->root ? g_strconcat(files->root, "/", path, NULL) : g_strdup(path);
}

char *local_files_shown(const LocalFiles *files, const char *path)
{
    g_autofree char *name = local_files_name(files, path);
    g_autofree char *whole = g_build_filename(files->folder, name ? name : path, NULL);
    return relpath_display(whole);
}

static int open_inside(int fd, const char *name, guint64 links)
{
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | links};
    long got;
    do {
        got = syscall(SYS_openat2, fd, name, &how, sizeof how);
    } while (got < 0 && (errno == EINTR || errno == EAGAIN));
    return (int)got;
}

/* Links, of folders too, are followed as long as they end below: a tree that somebody else prepared
 * is not to lead to what only the adopting person can read. */
static int open_file(const LocalFiles *files, const char *name, struct stat *now)
{
    int fd = open_inside(files->fd, name, RESOLVE_NO_SYMLINKS);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) { /* an older kernel, or a container */
        fd = TEMP_FAILURE_RETRY(
            openat(files->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    }
    if (fd < 0 && errno == ELOOP && (files->how == LOCAL_COPY || files->how == LOCAL_MOVE)) {
        fd = open_inside(files->fd, name, RESOLVE_NO_MAGICLINKS);
    }
    if (fd >= 0 && (fstat(fd, now) != 0 || !S_ISREG(now->st_mode))) {
        close(fd);
        errno = ELOOP;
        return -1;
    }
    return fd;
}

LocalState local_files_stat(const LocalFiles *files, const char *name, struct stat *now)
{
    if (fstatat(files->fd, name, now, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT || errno == ENOTDIR ? LOCAL_MISSING : LOCAL_REFUSED;
    }
    if (S_ISREG(now->st_mode)) {
        return LOCAL_THERE;
    }
    int fd = S_ISLNK(now->st_mode) ? open_file(files, name, now) : -1;
    if (fd < 0) {
        return LOCAL_REFUSED;
    }
    close(fd);
    return LOCAL_THERE;
}

int local_files_open(const LocalFiles *files, const char *path, struct stat *now, GError **error)
{
    g_autofree char *name = local_files_name(files, path);
    g_autofree char *shown = local_files_shown(files, path);
    errno = ENOENT;
    int fd = name ? open_file(files, name, now) : -1;
    if (fd >= 0) {
        return fd;
    }
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO ||
        errno == EXDEV /* a link to elsewhere */) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    errno == ENOENT ? _("%s is not there any more.")
                                    : _("%s is no regular file any more."),
                    shown);
    } else {
        error_set_storage(error, errno, _("%s cannot be read"), shown);
    }
    return -1;
}

/* Only who may write a file by no other name than this one gives it away whole. */
static gboolean is_ours_alone(const struct stat *now)
{
    return now->st_uid == geteuid() && now->st_nlink == 1;
}

gboolean local_files_give(LocalFiles *files, const char *name, const struct stat *before,
                          int folder_fd, const char *key)
{
    struct stat now;
    gboolean given = FALSE;
    if (files->how == LOCAL_TAKE) {
        given = renameat(files->fd, name, folder_fd, key) == 0;
    } else if (files->how == LOCAL_MOVE && is_ours_alone(before)) {
        given = linkat(files->fd, name, folder_fd, key, 0) == 0;
        files->linked += given;
    }
    if (given && (fstatat(folder_fd, key, &now, AT_SYMLINK_NOFOLLOW) != 0 ||
                  now.st_ino != before->st_ino || now.st_dev != before->st_dev)) {
        unlinkat(folder_fd, key, 0);
        given = FALSE;
    }
    return given;
}

gboolean local_files_note_taken(LocalFiles *files, const char *path, const struct stat *now,
                                GError **error)
{
    if (!files->taken) {
        files->taken = tmpfile();
    }
    g_autofree char *name = local_files_name(files, path);
    if (files->taken && fprintf(files->taken, "%" PRIu64 " %" PRIi64 " %" PRIi64 " %ld %s\n",
                                (guint64)now->st_ino, (gint64)now->st_size,
                                (gint64)now->st_mtim.tv_sec, now->st_mtim.tv_nsec, name) > 0) {
        return TRUE;
    }
    return error_set_storage(error, errno, _("what was taken cannot be written down"));
}

/* One line of local_files_note_taken(). */
static gboolean remove_original(const LocalFiles *files, char *line)
{
    guint64 inode = 0;
    gint64 size = 0, seconds = 0;
    long nanoseconds = 0;
    int at = 0;
    struct stat now;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%" SCNu64 " %" SCNi64 " %" SCNi64 " %ld %n", &inode, &size, &seconds,
               &nanoseconds, &at) != 4 ||
        at == 0) {
        return FALSE;
    }
    const char *name = line + at;
    gboolean same = fstatat(files->fd, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
                    S_ISREG(now.st_mode) && (guint64)now.st_ino == inode && now.st_size == size &&
                    now.st_mtim.tv_sec == seconds && now.st_mtim.tv_nsec == nanoseconds;
    if (!same || unlinkat(files->fd, name, 0) != 0) {
        return FALSE;
    }
    tree_remove_empty_folders(files->fd, name);
    return TRUE;
}

void local_files_remove(LocalFiles *files, guint64 *removed, guint64 *left)
{
    char *line = NULL;
    size_t room = 0;
    *removed = *left = 0;
    if (!files->taken) {
        return;
    }
    rewind(files->taken);
    while (getline(&line, &room, files->taken) > 0) {
        if (remove_original(files, line)) {
            (*removed)++;
        } else {
            (*left)++;
        }
    }
    free(line);
}

#include "tree_writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "group_mode.h"
#include "i18n.h"
#include "relpath.h"

/* Deeper than any checked path; what is deeper was not made by us. */
#define MOST_DEPTH 128

struct TreeWriter {
    int fd;
    guint mode;
    /* The folder of the last file stays open: most files follow one of the same folder. */
    char *folder;
    int folder_fd;
};

static guint folder_mode(guint mode)
{
    return mode | ((mode & 0444) >> 2) | 0200;
}

TreeWriter *tree_writer_new(int fd, guint mode)
{
    TreeWriter *writer = g_new0(TreeWriter, 1);
    writer->fd = fd;
    writer->mode = mode;
    writer->folder_fd = -1;
    return writer;
}

TreeWriter *tree_writer_copy(const TreeWriter *writer)
{
    return tree_writer_new(writer->fd, writer->mode);
}

static void forget_folder(TreeWriter *writer)
{
    if (writer->folder_fd >= 0)
        close(writer->folder_fd);
    writer->folder_fd = -1;
    g_clear_pointer(&writer->folder, g_free);
}

void tree_writer_free(TreeWriter *writer)
{
    if (writer == NULL)
        return;
    forget_folder(writer);
    g_free(writer);
}

/* Without openat2 (kernels before 5.6, some containers): part by part, O_NOFOLLOW at each. */
static int open_by_parts(int fd, const char *path, int flags, mode_t mode)
{
    int at = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    for (guint i = 0; at >= 0 && parts[i] != NULL; i++) {
        if (parts[i][0] == '\0' || strcmp(parts[i], "..") == 0) {
            close(at);
            errno = EXDEV;
            return -1;
        }
        int how = parts[i + 1] == NULL ? flags : O_RDONLY | O_DIRECTORY;
        int next = openat(at, parts[i], how | O_NOFOLLOW | O_CLOEXEC, mode);
        int saved = errno;
        close(at);
        errno = saved;
        at = next;
    }
    return at;
}

static int open_beneath(int fd, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (guint64)(flags | O_NOFOLLOW | O_CLOEXEC),
        .mode = (flags & O_CREAT) != 0 ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    for (;;) {
        long got = syscall(SYS_openat2, fd, path, &how, sizeof how);
        if (got >= 0)
            return (int)got;
        /* EAGAIN: something was renamed meanwhile (openat2(2)). */
        if (errno == EINTR || errno == EAGAIN)
            continue;
        if (errno == ENOSYS || errno == EPERM)
            return open_by_parts(fd, path, flags, mode);
        return -1;
    }
}

/* Stands there something that must not: a link, or a file where a folder must be? */
static gboolean is_in_the_way(int errno_value)
{
    return errno_value == ELOOP || errno_value == ENOTDIR || errno_value == EXDEV;
}

static gboolean fail(GError **error, int errno_value, const char *path)
{
    g_autofree char *shown = relpath_display(path);
    if (is_in_the_way(errno_value))
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                    _("%s is refused: a link or a file stands where one of its folders must be."),
                    shown);
    else
        error_set_storage(error, errno_value, _("cannot write %s"), shown);
    errno = errno_value;
    return FALSE;
}

/* One folder below AT, made where it is not there; AT is closed. -1 with errno. */
static int descend(int at, const char *part, gboolean make, guint mode)
{
    int next = open_beneath(at, part, O_RDONLY | O_DIRECTORY, 0);
    if (next < 0 && errno == ENOENT && make) {
        if (mkdirat(at, part, group_mode(at, mode)) == 0 || errno == EEXIST)
            next = open_beneath(at, part, O_RDONLY | O_DIRECTORY, 0);
    }
    int saved = errno;
    close(at);
    errno = saved;
    return next;
}

static int open_folder(int fd, const char *path, gboolean make, guint mode)
{
    if (path[0] == '\0' || strcmp(path, ".") == 0)
        return openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int at = open_beneath(fd, path, O_RDONLY | O_DIRECTORY, 0);
    if (at >= 0 || errno != ENOENT || !make)
        return at;
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    /* A folder that was made just now may be removed by who tidies up empty ones. */
    for (guint attempt = 0; at < 0 && errno == ENOENT && attempt < 10; attempt++) {
        at = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        for (guint i = 0; at >= 0 && parts[i] != NULL; i++)
            at = descend(at, parts[i], TRUE, mode);
    }
    return at;
}

int tree_open_folder(int fd, const char *path, gboolean make, guint mode, GError **error)
{
    int folder = open_folder(fd, path, make, mode);
    if (folder >= 0)
        return folder;
    int saved = errno;
    if (saved == ENOENT && !make) {
        g_autofree char *shown = relpath_display(path);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT, _("There is no folder %s."),
                    shown);
        errno = saved;
        return -1;
    }
    fail(error, saved, path);
    return -1;
}

int tree_open_parent(int fd, const char *path, gboolean make, guint mode, const char **name,
                     GError **error)
{
    const char *slash = strrchr(path, '/');
    *name = slash == NULL ? path : slash + 1;
    if (slash == path) {
        fail(error, EXDEV, path);
        return -1;
    }
    g_autofree char *folder = slash == NULL ? g_strdup("") : g_strndup(path, (gsize)(slash - path));
    return tree_open_folder(fd, folder, make, mode, error);
}

gboolean tree_writer_make_parents(TreeWriter *writer, const char *path, GError **error)
{
    const char *slash = strrchr(path, '/');
    gsize length = slash == NULL ? 0 : (gsize)(slash - path);
    if (slash == path)
        return fail(error, EXDEV, path);
    if (writer->folder_fd >= 0 && strlen(writer->folder) == length &&
        memcmp(writer->folder, path, length) == 0)
        return TRUE;
    forget_folder(writer);
    g_autofree char *folder = g_strndup(path, length);
    writer->folder_fd = open_folder(writer->fd, folder, TRUE, folder_mode(writer->mode));
    if (writer->folder_fd < 0)
        return fail(error, errno, path);
    writer->folder = g_steal_pointer(&folder);
    return TRUE;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

int tree_writer_create(TreeWriter *writer, const char *path, gboolean *exists, GError **error)
{
    if (exists != NULL)
        *exists = FALSE;
    for (guint attempt = 0;; attempt++) {
        if (!tree_writer_make_parents(writer, path, error))
            return -1;
        int fd = open_beneath(writer->folder_fd, last_part(path), O_RDWR | O_CREAT | O_EXCL,
                              writer->mode);
        if (fd >= 0)
            return fd;
        /* The folder that was kept open was removed meanwhile. */
        if (errno == ENOENT && attempt == 0) {
            forget_folder(writer);
            continue;
        }
        break;
    }
    int saved = errno;
    if (saved != EEXIST) {
        fail(error, saved, path);
        return -1;
    }
    if (exists != NULL)
        *exists = TRUE;
    g_autofree char *shown = relpath_display(path);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                _("%s is refused: something of that name is there already."), shown);
    errno = saved;
    return -1;
}

gboolean tree_writer_link(TreeWriter *writer, const char *path, const char *target, GError **error)
{
    if (!tree_writer_make_parents(writer, path, error))
        return FALSE;
    if (symlinkat(target, writer->folder_fd, last_part(path)) == 0)
        return TRUE;
    int saved = errno;
    g_autofree char *shown = relpath_display(path);
    if (saved == EEXIST)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                    _("%s is refused: something of that name is there already."), shown);
    else
        error_set_storage(error, saved, _("cannot make the symbolic link %s"), shown);
    errno = saved;
    return FALSE;
}

int tree_open_file(int fd, const char *path, gboolean *absent, GError **error)
{
    if (absent != NULL)
        *absent = FALSE;
    g_autofree char *shown = relpath_display(path);
    /* O_NONBLOCK: a named pipe must not hold us. */
    int file = open_beneath(fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    int saved = errno;
    struct stat now;
    if (file >= 0 && fstat(file, &now) == 0 && S_ISREG(now.st_mode))
        return file;
    if (file >= 0) {
        close(file);
        saved = EISDIR;
    }
    if (saved == ENOENT || saved == ENOTDIR) {
        if (absent != NULL)
            *absent = TRUE;
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT, _("There is no file %s."),
                    shown);
    } else if (saved == EISDIR || saved == ENXIO || is_in_the_way(saved)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                    _("%s is not opened: it is no regular file."), shown);
    } else {
        error_set_storage(error, saved, _("cannot open %s"), shown);
    }
    errno = saved;
    return -1;
}

gboolean tree_remove_file(int fd, const char *path, GError **error)
{
    const char *slash = strrchr(path, '/');
    g_autofree char *folder = slash == NULL ? g_strdup("") : g_strndup(path, (gsize)(slash - path));
    errno = EXDEV;
    int at = slash == path ? -1 : open_folder(fd, folder, FALSE, 0);
    int saved = errno;
    if (at >= 0) {
        saved = unlinkat(at, last_part(path), 0) == 0 ? 0 : errno;
        close(at);
    }
    if (saved == 0 || saved == ENOENT)
        return TRUE;
    g_autofree char *shown = relpath_display(path);
    error_set_storage(error, saved, _("cannot remove %s"), shown);
    errno = saved;
    return FALSE;
}

void tree_remove_empty_folders(int fd, const char *path)
{
    g_autofree char *folder = g_strdup(path);
    gboolean removed = TRUE;
    for (char *slash = strrchr(folder, '/'); removed && slash != NULL;
         slash = strrchr(folder, '/')) {
        *slash = '\0';
        const char *name = NULL;
        int above = tree_open_parent(fd, folder, FALSE, 0, &name, NULL);
        removed = above >= 0 && unlinkat(above, name, AT_REMOVEDIR) == 0;
        if (above >= 0)
            close(above);
    }
}

static int remove_below(int fd, const char *name, guint depth);

/* Takes over FD. 0 or an errno. */
static int empty_folder(int fd, guint depth)
{
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        int saved = errno;
        close(fd);
        return saved;
    }
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (errno = 0, entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = remove_below(fd, entry->d_name, depth);
    }
    if (result == 0 && entry == NULL)
        result = errno;
    closedir(folder);
    return result;
}

static int remove_below(int fd, const char *name, guint depth)
{
    if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return errno;
    if (depth >= MOST_DEPTH)
        return ELOOP;
    /* Some file systems skip names while others are removed: look again. */
    int result = ENOTEMPTY;
    for (guint attempt = 0; attempt < 8 && (result == ENOTEMPTY || result == EEXIST); attempt++) {
        if (unlinkat(fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        result = errno;
        if (result != ENOTEMPTY && result != EEXIST)
            break;
        int below = open_beneath(fd, name, O_RDONLY | O_DIRECTORY, 0);
        int emptied = below < 0 ? errno : empty_folder(below, depth + 1);
        if (emptied != 0)
            return emptied;
    }
    return result;
}

gboolean tree_remove_all(int fd, const char *name, GError **error)
{
    int result = remove_below(fd, name, 0);
    if (result == 0)
        return TRUE;
    g_autofree char *shown = relpath_display(name);
    error_set_storage(error, result, _("cannot remove the folder %s"), shown);
    errno = result;
    return FALSE;
}

#include "member_file.h"

#include "error.h"
#include "i18n.h"
#include "relpath.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES (128 * 1024)

struct MemberFile {
    TreeWriter *tree;
    int tree_fd;
    char *path;
    MemberStands stands;
    gpointer data;
    int fd;     /* being written; -1 while comparing */
    int old_fd; /* what stands there; -1 where nothing did */
    guint64 offset;
    guint8 *piece; /* for comparing */
    gboolean finished;
};

static gboolean storage_failed(const MemberFile *file, int errno_value, GError **error)
{
    return error_set_storage(error, errno_value, _("cannot write %s"), file->path);
}

MemberFile *member_file_new(TreeWriter *tree, int tree_fd, const char *path, MemberStands stands,
                            gpointer data, GError **error)
{
    g_autoptr(MemberFile) file = g_new0(MemberFile, 1);
    *file = (MemberFile){.tree = tree,
                         .tree_fd = tree_fd,
                         .path = g_strdup(path),
                         .stands = stands,
                         .data = data,
                         .fd = -1,
                         .old_fd = -1};
    gboolean exists = FALSE;
    g_autoptr(GError) failed = NULL;
    file->fd = tree_writer_create(tree, path, &exists, &failed);
    if (file->fd < 0 && exists)
        file->old_fd = tree_open_file(tree_fd, path, NULL, error);
    else if (file->fd < 0)
        g_propagate_error(error, g_steal_pointer(&failed));
    return file->fd < 0 && file->old_fd < 0 ? NULL : g_steal_pointer(&file);
}

static gboolean write_all(MemberFile *file, const guint8 *bytes, gsize length, GError **error)
{
    while (length > 0) {
        gssize n = TEMP_FAILURE_RETRY(write(file->fd, bytes, length));
        if (n < 0)
            return storage_failed(file, errno, error);
        bytes += n;
        length -= (gsize)n;
    }
    return TRUE;
}

/* The bytes that were found equal, into the new file. */
static gboolean copy_equal_part(MemberFile *file, GError **error)
{
    for (guint64 at = 0; at < file->offset;) {
        gssize n = TEMP_FAILURE_RETRY(pread(file->old_fd, file->piece,
                                            (gsize)MIN((guint64)PIECE_BYTES, file->offset - at),
                                            (goffset)at));
        if (n <= 0)
            return error_set_storage(error, n < 0 ? errno : EIO, _("cannot read %s"), file->path);
        if (!write_all(file, file->piece, (gsize)n, error))
            return FALSE;
        at += (guint64)n;
    }
    return TRUE;
}

static gboolean refuse_other(const char *path, GError **error)
{
    g_autofree char *shown = relpath_display(path);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                _("The member \"%s\" is refused: another file of other bytes lies there already."),
                shown);
    return FALSE;
}

static gboolean replace_old(MemberFile *file, GError **error)
{
    if (!file->stands || file->stands(file->path, file->data))
        return refuse_other(file->path, error);
    if (!tree_remove_file(file->tree_fd, file->path, error))
        return FALSE;
    file->fd = tree_writer_create(file->tree, file->path, NULL, error);
    if (file->fd < 0)
        return FALSE;
    if (!file->piece)
        file->piece = g_malloc(PIECE_BYTES);
    gboolean copied = copy_equal_part(file, error);
    close(file->old_fd);
    file->old_fd = -1;
    return copied;
}

/* 1: the next bytes of what stands there are these; 0: they are not; -1: an error. */
static int compare_old(MemberFile *file, const guint8 *bytes, gsize length, GError **error)
{
    if (!file->piece)
        file->piece = g_malloc(PIECE_BYTES);
    for (gsize done = 0; done < length;) {
        gssize n = TEMP_FAILURE_RETRY(pread(file->old_fd, file->piece,
                                            MIN((gsize)PIECE_BYTES, length - done),
                                            (goffset)(file->offset + done)));
        if (n < 0) {
            error_set_storage(error, errno, _("cannot read %s"), file->path);
            return -1;
        }
        if (n == 0 || memcmp(file->piece, bytes + done, (gsize)n) != 0)
            return 0;
        done += (gsize)n;
    }
    return 1;
}

gboolean member_file_write(MemberFile *file, const void *bytes, gsize length, GError **error)
{
    if (file->fd < 0) {
        int same = compare_old(file, bytes, length, error);
        if (same < 0 || (same == 0 && !replace_old(file, error)))
            return FALSE;
    }
    if (file->fd >= 0 && !write_all(file, bytes, length, error))
        return FALSE;
    file->offset += length;
    return TRUE;
}

gboolean member_file_finish(MemberFile *file, gboolean *made, GError **error)
{
    if (file->fd < 0) {
        struct stat seen;
        if (fstat(file->old_fd, &seen) != 0)
            return error_set_storage(error, errno, _("cannot read %s"), file->path);
        if ((guint64)seen.st_size != file->offset && !replace_old(file, error))
            return FALSE;
    }
    *made = file->fd >= 0;
    if (file->fd >= 0) {
        /* Quotas and network file systems may tell of a failed write only here. */
        int closed = close(file->fd);
        file->fd = -1;
        if (closed != 0 && errno != EINTR)
            return storage_failed(file, errno, error);
    }
    file->finished = TRUE;
    return TRUE;
}

void member_file_free(MemberFile *file)
{
    if (!file)
        return;
    if (file->fd >= 0) {
        close(file->fd);
        if (!file->finished)
            (void)tree_remove_file(file->tree_fd, file->path, NULL);
    }
    if (file->old_fd >= 0)
        close(file->old_fd);
    g_free(file->piece);
    g_free(file->path);
    g_free(file);
}

/* The link's target where PATH is a link; NULL otherwise. */
static char *read_link(int tree_fd, const char *path)
{
    const char *name = NULL;
    int folder = tree_open_parent(tree_fd, path, FALSE, 0, &name, NULL);
    if (folder < 0)
        return NULL;
    char target[PATH_MAX];
    gssize n = readlinkat(folder, name, target, sizeof(target));
    close(folder);
    return n < 0 || n == sizeof(target) ? NULL : g_strndup(target, (gsize)n);
}

gboolean member_link_make(TreeWriter *tree, int tree_fd, const char *path, const char *target,
                          MemberStands stands, gpointer data, gboolean *made, GError **error)
{
    g_autoptr(GError) failed = NULL;
    *made = tree_writer_link(tree, path, target, &failed);
    if (*made)
        return TRUE;
    g_autofree char *old = read_link(tree_fd, path);
    if (g_strcmp0(old, target) == 0)
        return TRUE;
    if (!old) {
        g_propagate_error(error, g_steal_pointer(&failed));
        return FALSE;
    }
    if (!stands || stands(path, data))
        return refuse_other(path, error);
    *made = TRUE;
    return tree_remove_file(tree_fd, path, error) && tree_writer_link(tree, path, target, error);
}

int scratch_file_new(int tree_fd, GError **error)
{
    int fd = -1;
    if (tree_fd >= 0)
        fd = openat(tree_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    /* Network file systems know no files without names. */
    g_autofree char *name = NULL;
    fd = g_file_open_tmp("medmirror-XXXXXX", &name, NULL);
    if (fd < 0) {
        error_set_storage(error, errno, _("cannot make a temporary file in %s"), g_get_tmp_dir());
        return -1;
    }
    unlink(name);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

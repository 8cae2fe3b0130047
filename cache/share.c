#include "share.h"

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
#include "tree_writer.h"

#define COPY_BYTES ((gsize)256 * 1024)
#define SHARE_NAME ".medmirror-share"

static gboolean reflink(int twin, int folder, const char *name, mode_t mode)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return FALSE;
    gboolean cloned = ioctl(fd, FICLONE, twin) == 0;
    close(fd);
    if (!cloned)
        unlinkat(folder, name, 0);
    return cloned;
}

/* A link shares mode and owner: only where they are what they would be. */
static gboolean hard_link(Mirror *mirror, Index *index, const char *twin_path, int twin,
                          const Digest *sha256, int folder, const char *name, mode_t mode)
{
    struct stat own;
    if (fstat(twin, &own) != 0 || (own.st_mode & 07777) != mode || own.st_uid != geteuid() ||
        linkat(mirror_fd(mirror), twin_path, folder, name, 0) != 0)
        return FALSE;
    struct stat made;
    /* What was opened and what was linked must be one file. */
    if (fstatat(folder, name, &made, AT_SYMLINK_NOFOLLOW) != 0 || made.st_ino != own.st_ino ||
        made.st_dev != own.st_dev) {
        unlinkat(folder, name, 0);
        return FALSE;
    }
    index_note_linked(index, twin_path, sha256, NULL);
    return TRUE;
}

static gboolean copy_bytes(int from, int to, const Digest *sha256)
{
    g_autofree char *buffer = g_malloc(COPY_BYTES);
    g_autoptr(DigestStream) stream = digest_stream_new(1U << DIGEST_SHA256, 0);
    gssize got;
    while ((got = TEMP_FAILURE_RETRY(read(from, buffer, COPY_BYTES))) > 0) {
        if (!write_whole(to, buffer, (gsize)got))
            return FALSE;
        digest_stream_update(stream, buffer, (gsize)got);
    }
    DigestSet set = {0};
    digest_stream_finish(stream, &set);
    if (got == 0 && !digest_equal(digest_set_get(&set, DIGEST_SHA256), sha256)) {
        errno = EILSEQ;
        return FALSE;
    }
    return got == 0;
}

/* *HOW stays SHARE_NONE where the twin turned out to be another file after all. */
static gboolean copy(int twin, int folder, const char *name, mode_t mode, const Digest *sha256,
                     ShareHow *how, GError **error)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    gboolean copied = fd >= 0 && copy_bytes(twin, fd, sha256);
    int saved = errno;
    if (fd >= 0)
        close(fd);
    if (copied) {
        *how = SHARE_COPY;
        return TRUE;
    }
    if (fd >= 0)
        unlinkat(folder, name, 0);
    return saved == EILSEQ || saved == EEXIST ||
           error_set_storage(error, saved, _("cannot copy %s"), name);
}

static mode_t mode_less_umask(mode_t mode)
{
    /* umask(2) cannot be read without being set, for all threads at once. */
    g_autofree char *status = NULL;
    if (!g_file_get_contents("/proc/self/status", &status, NULL, NULL))
        return mode;
    const char *line = strstr(status, "\nUmask:");
    return line == NULL ? mode : mode & ~(mode_t)g_ascii_strtoull(line + 7, NULL, 8);
}

gboolean share_place(Mirror *mirror, Index *index, const Digest *sha256, guint64 size, int tree_fd,
                     const char *path, guint mode, ShareHow *how, GError **error)
{
    *how = SHARE_NONE;
    g_autofree char *twin_path = index_find_twin(index, sha256, size);
    int twin = twin_path == NULL ? -1 : tree_open_file(mirror_fd(mirror), twin_path, NULL, NULL);
    if (twin < 0)
        return TRUE;
    g_autoptr(TreeWriter) writer = tree_writer_new(tree_fd, mode);
    const char *name = NULL;
    int folder = tree_writer_make_parents(writer, path, error)
                     ? tree_open_parent(tree_fd, path, FALSE, 0, &name, error)
                     : -1;
    gboolean done = folder >= 0;
    struct stat there;
    if (done && fstatat(folder, name, &there, AT_SYMLINK_NOFOLLOW) != 0) {
        mode_t real = mode_less_umask(mode);
        if (reflink(twin, folder, name, mode))
            *how = SHARE_REFLINK;
        else if (hard_link(mirror, index, twin_path, twin, sha256, folder, name, real))
            *how = SHARE_LINK;
        else
            done = copy(twin, folder, name, mode, sha256, how, error);
    }
    if (folder >= 0)
        close(folder);
    close(twin);
    return done;
}

ShareHow share_replace(Mirror *mirror, Index *index, const Digest *sha256, guint64 size,
                       int tree_fd, const char *path)
{
    const char *name = NULL;
    g_autofree char *twin_path = index_find_twin(index, sha256, size);
    int twin = twin_path == NULL ? -1 : tree_open_file(mirror_fd(mirror), twin_path, NULL, NULL);
    int folder = twin < 0 ? -1 : tree_open_parent(tree_fd, path, FALSE, 0, &name, NULL);
    struct stat own, other;
    ShareHow how = SHARE_NONE;
    if (folder >= 0 && fstatat(folder, name, &own, AT_SYMLINK_NOFOLLOW) == 0 &&
        fstat(twin, &other) == 0 && (own.st_ino != other.st_ino || own.st_dev != other.st_dev)) {
        mode_t mode = own.st_mode & 07777;
        unlinkat(folder, SHARE_NAME, 0);
        if (reflink(twin, folder, SHARE_NAME, mode))
            how = SHARE_REFLINK;
        else if (hard_link(mirror, index, twin_path, twin, sha256, folder, SHARE_NAME, mode))
            how = SHARE_LINK;
        if (how != SHARE_NONE && renameat(folder, SHARE_NAME, folder, name) != 0) {
            unlinkat(folder, SHARE_NAME, 0);
            how = SHARE_NONE;
        }
        if (how == SHARE_LINK)
            index_note_linked(index, twin_path, sha256, NULL);
    }
    if (folder >= 0)
        close(folder);
    if (twin >= 0)
        close(twin);
    return how;
}

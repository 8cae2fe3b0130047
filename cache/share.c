#include "share.h"

#include "error.h"
#include "i18n.h"
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (256 * 1024)

static gboolean is_right(int fd, const Digest *sha256)
{
    g_autofree guint8 *block = g_malloc(BLOCK);
    g_autoptr(DigestStream) stream = digest_stream_new(1U << DIGEST_SHA256, 0);
    gssize got;
    guint64 at = 0;
    while ((got = TEMP_FAILURE_RETRY(pread(fd, block, BLOCK, (off_t)at))) > 0) {
        digest_stream_update(stream, block, (gsize)got);
        at += (guint64)got;
    }
    DigestSet seen = {0};
    digest_stream_finish(stream, &seen);
    return got == 0 && digest_equal(digest_set_get(&seen, DIGEST_SHA256), sha256);
}

static gboolean copy_bytes(int from, int to)
{
    g_autofree guint8 *block = g_malloc(BLOCK);
    gssize got;
    guint64 at = 0;
    while ((got = TEMP_FAILURE_RETRY(pread(from, block, BLOCK, (off_t)at))) > 0) {
        for (gssize done = 0; done < got;) {
            gssize wrote = TEMP_FAILURE_RETRY(write(to, block + done, (gsize)(got - done)));
            if (wrote < 0) {
                return FALSE;
            }
            done += wrote;
        }
        at += (guint64)got;
    }
    return got == 0;
}

/* A file of its own, by reflink; FALSE where the file system knows no such thing. */
static gboolean clone_file(int from, TreeWriter *writer, int tree_fd, const char *path,
                           gboolean copy, GError **error)
{
    gboolean exists = FALSE;
    int to = tree_writer_create(writer, path, &exists, error);
    if (to < 0) {
        return FALSE;
    }
    gboolean done = copy ? copy_bytes(from, to) : ioctl(to, FICLONE, from) == 0;
    int number = errno;
    close(to);
    if (!done) {
        tree_remove_file(tree_fd, path, NULL);
        if (copy) {
            error_set_storage(error, number, _("%s cannot be copied"), path);
        }
    }
    return done;
}

static gboolean share_file(Mirror *mirror, const char *twin, int from, TreeWriter *writer,
                           int tree_fd, const char *path, GError **error)
{
    if (!tree_writer_make_parents(writer, path, error)) {
        return FALSE;
    }
    if (clone_file(from, writer, tree_fd, path, FALSE, NULL)) {
        return TRUE;
    }
    /* Only a file that nobody can write any more may be the same inode under two names. */
    struct stat now;
    if (fstat(from, &now) == 0 && (now.st_mode & 0222) == 0 && now.st_uid == geteuid() &&
        linkat(mirror_fd(mirror), twin, tree_fd, path, 0) == 0) {
        return TRUE;
    }
    return clone_file(from, writer, tree_fd, path, TRUE, error);
}

gboolean share_twin(Index *index, Mirror *mirror, const Digest *sha256, TreeWriter *writer,
                    int tree_fd, const char *path, guint64 *size, GError **error)
{
    gboolean proven = FALSE;
    g_autofree char *twin = index_find_twin(index, sha256, SIZE_UNKNOWN, &proven);
    gboolean absent = FALSE;
    int from = twin ? tree_open_file(mirror_fd(mirror), twin, &absent, NULL) : -1;
    struct stat now;
    if (from < 0) {
        return FALSE;
    }
    gboolean done = fstat(from, &now) == 0 && (proven || is_right(from, sha256)) &&
                    share_file(mirror, twin, from, writer, tree_fd, path, error);
    *size = done ? (guint64)now.st_size : 0;
    close(from);
    return done;
}

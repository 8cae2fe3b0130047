#include "file_copy.h"

#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable.h"

#define COPY_BYTES ((gsize)256 * 1024)

static gboolean copy_by_hand(int from_fd, int to_fd, off_t at, off_t end)
{
    g_autofree char *buffer = g_malloc(COPY_BYTES);
    if (lseek(to_fd, at, SEEK_SET) < 0)
        return FALSE;
    while (at < end) {
        gssize got =
            TEMP_FAILURE_RETRY(pread(from_fd, buffer, MIN(COPY_BYTES, (gsize)(end - at)), at));
        if (got <= 0 || !write_whole(to_fd, buffer, (gsize)got)) {
            if (got == 0)
                errno = EIO;
            return FALSE;
        }
        at += got;
    }
    return TRUE;
}

static gboolean copy_range(int from_fd, int to_fd, off_t at, off_t end)
{
    while (at < end) {
        off_t source = at, target = at;
        gssize got = TEMP_FAILURE_RETRY(
            copy_file_range(from_fd, &source, to_fd, &target, (gsize)(end - at), 0));
        /* Some file systems know no such thing, or say so by nothing. */
        if (got == 0 || (got < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS ||
                                     errno == EOPNOTSUPP || errno == EPERM)))
            return copy_by_hand(from_fd, to_fd, at, end);
        if (got < 0)
            return FALSE;
        at += got;
    }
    return TRUE;
}

gboolean file_copy(int from_fd, int to_fd)
{
    struct stat from;
    if (fstat(from_fd, &from) != 0)
        return FALSE;
    if (ioctl(to_fd, FICLONE, from_fd) == 0)
        return TRUE;
    if (ftruncate(to_fd, from.st_size) != 0)
        return FALSE;
    off_t at = 0;
    while (at < from.st_size) {
        off_t data = lseek(from_fd, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            return TRUE;
        if (data < 0)
            return copy_range(from_fd, to_fd, at, from.st_size);
        off_t hole = lseek(from_fd, data, SEEK_HOLE);
        off_t end = hole < 0 ? from.st_size : hole;
        if (!copy_range(from_fd, to_fd, data, end))
            return FALSE;
        at = end;
    }
    return TRUE;
}

/* A lock file: its paths are safe, and what was read is what is written. */
#include "error.h"
#include "fuzz_input.h"
#include "lock.h"
#include "relpath.h"

#include <fcntl.h>

static void check_file(const LockFile *file)
{
    g_assert_true(relpath_check(file->path, NULL));
    g_assert_true(!file->archive || relpath_check(file->archive, NULL));
    if (file->state == LOCK_STATE_HAVE && !file->link_target)
        g_assert_nonnull(digest_set_get(&file->digests, DIGEST_SHA256));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int fd = fuzz_file(data, size);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GError) error = NULL;
    g_autoptr(LockReader) reader = lock_reader_open(AT_FDCWD, path, &error);
    LockLine line = reader ? LOCK_LINE_FILE : LOCK_LINE_ERROR;
    while (line != LOCK_LINE_END && line != LOCK_LINE_ERROR) {
        g_auto(LockDownload) download = {0};
        g_auto(LockFile) file = {0};
        line = lock_reader_next(reader, &download, &file, &error);
        if (line == LOCK_LINE_FILE)
            check_file(&file);
        else if (line == LOCK_LINE_DOWNLOAD)
            g_assert_true(relpath_check(download.path, NULL));
    }
    if (line == LOCK_LINE_ERROR)
        fuzz_assert_told(error);
    else
        g_assert_no_error(error);
    if (reader) {
        g_assert_nonnull(lock_reader_header(reader)->version);
        g_autoptr(LockHeader) copy = lock_header_copy(lock_reader_header(reader));
        lock_header_is_whole(copy);
    }
    close(fd);
    return 0;
}

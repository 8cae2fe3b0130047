#include "lock_form.h"

#include "error.h"
#include "i18n.h"
#include "line_reader.h"
#include "relpath.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A selection of a million exact paths stands in one line. */
#define MOST_LINE_BYTES ((gsize)512 << 20)

struct LockReader {
    int fd;
    char *path;
    LineReader *lines;
    LockHeader *header;
    LockEnd seen;
    GString *last; /* the path of the file line before */
    gboolean ended;
};

static LockLine damaged(const LockReader *reader, const char *reason, GError **error)
{
    g_autofree char *shown = relpath_display(reader->path);
    /* TRANSLATORS: the lock file, a line number, and a clause such as "it is no JSON". */
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                _("The lock file %s is damaged at line %" G_GUINT64_FORMAT ": %s."), shown,
                line_reader_number(reader->lines), reason);
    return LOCK_LINE_ERROR;
}

/* TRUE with a line; FALSE at the end (*ENDED) or with an error. */
static gboolean next_line(LockReader *reader, char **line, gsize *length, gboolean *ended,
                          GError **error)
{
    int errno_value = 0;
    *ended = FALSE;
    switch (line_reader_next(reader->lines, line, length, NULL, &errno_value)) {
    case LINE_READ:
        return TRUE;
    case LINE_END:
        *ended = TRUE;
        return FALSE;
    case LINE_TOO_LONG:
        damaged(reader, _("it is longer than any line of a lock"), error);
        return FALSE;
    case LINE_FAILED:
        break;
    }
    return error_set_storage(error, errno_value, _("cannot read the lock file %s"), reader->path);
}

/* The values of the selection's long lists. */
static gboolean read_lists(LockReader *reader, GError **error)
{
    Selection *selection = reader->header->selection;
    while (selection_lacks_lines(selection)) {
        char *line = NULL;
        gsize length = 0;
        gboolean ended;
        if (!next_line(reader, &line, &length, &ended, error)) {
            if (ended)
                damaged(reader, _("the file ends too early; its last lines are missing"), error);
            return FALSE;
        }
        if (!selection_take_line(selection, line, length)) {
            damaged(reader, _("values of the selection are missing before it"), error);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean read_header(LockReader *reader, GError **error)
{
    char *line = NULL;
    gsize length = 0;
    gboolean ended, needs_newer;
    g_autofree char *reason = NULL;
    if (!next_line(reader, &line, &length, &ended, error)) {
        if (ended)
            damaged(reader, _("the file is empty"), error);
        return FALSE;
    }
    reader->header = lock_parse_header(line, length, &needs_newer, &reason);
    if (needs_newer) {
        g_autofree char *shown = relpath_display(reader->path);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The lock file %s was written for a newer medmirror than this one (%s)."),
                    shown, MEDMIRROR_VERSION);
    } else if (!reader->header) {
        damaged(reader, reason, error);
    }
    return reader->header != NULL && read_lists(reader, error);
}

static int open_lock(int dirfd, const char *path, GError **error)
{
    /* O_NONBLOCK: a FIFO under this name must not hold us. */
    int fd = TEMP_FAILURE_RETRY(openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat status;
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        return fd;
    }
    g_autofree char *shown = relpath_display(path);
    if (fd >= 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The lock file %s is no regular file."), shown);
        close(fd);
    } else if (errno == ENOENT || errno == ENOTDIR) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT, _("There is no lock file %s."),
                    shown);
    } else {
        error_set_storage(error, errno, _("cannot open the lock file %s"), shown);
    }
    return -1;
}

LockReader *lock_reader_open(int dirfd, const char *path, GError **error)
{
    int fd = open_lock(dirfd, path, error);
    if (fd < 0)
        return NULL;
    g_autoptr(LockReader) reader = g_new0(LockReader, 1);
    reader->fd = fd;
    reader->path = g_strdup(path);
    reader->lines = line_reader_new(fd, MOST_LINE_BYTES);
    reader->last = g_string_new(NULL);
    if (!read_header(reader, error))
        return NULL;
    return g_steal_pointer(&reader);
}

void lock_reader_free(LockReader *reader)
{
    if (!reader)
        return;
    close(reader->fd);
    g_free(reader->path);
    line_reader_free(reader->lines);
    lock_header_free(reader->header);
    g_string_free(reader->last, TRUE);
    g_free(reader);
}

const LockHeader *lock_reader_header(const LockReader *reader)
{
    return reader->header;
}

/* Paths of a lock are opened and written to: one that came with a copied mirror is a stranger's
 * word as well. */
static gboolean path_is_safe(const LockReader *reader, const char *path, GError **error)
{
    g_autoptr(GError) unsafe = NULL;
    if (path && relpath_check(path, &unsafe))
        return TRUE;
    damaged(reader, unsafe ? unsafe->message : _("it has no path"), error);
    return FALSE;
}

static LockLine take_download(LockReader *reader, LockDownload *download, GError **error)
{
    if (reader->seen.files > 0)
        return damaged(reader, _("a download stands behind the files"), error);
    if (!path_is_safe(reader, download->path, error)) {
        lock_download_clear(download);
        return LOCK_LINE_ERROR;
    }
    reader->seen.downloads++;
    return LOCK_LINE_DOWNLOAD;
}

static LockLine take_file(LockReader *reader, LockFile *file, GError **error)
{
    LockLine line = LOCK_LINE_FILE;
    if (!path_is_safe(reader, file->path, error))
        line = LOCK_LINE_ERROR;
    else if (reader->seen.files > 0 && strcmp(reader->last->str, file->path) >= 0)
        line = damaged(reader, _("the file is not in the byte order of the paths"), error);
    else if (file->state == LOCK_STATE_HAVE && !file->link_target &&
             !digest_set_get(&file->digests, DIGEST_SHA256))
        line = damaged(reader, _("the file has no SHA-256"), error);
    if (line == LOCK_LINE_ERROR) {
        lock_file_clear(file);
        return line;
    }
    g_string_assign(reader->last, file->path);
    reader->seen.files++;
    return line;
}

static LockLine take_end(LockReader *reader, const LockEnd *end, GError **error)
{
    if (end->downloads != reader->seen.downloads || end->files != reader->seen.files)
        return damaged(reader, _("lines are missing before it"), error);
    reader->ended = TRUE;
    return LOCK_LINE_END;
}

/* A line that the scanner left. LOCK_LINE_END without reader->ended: go on with the next. */
static LockLine parse_other(LockReader *reader, const char *line, gsize length,
                            LockDownload *download, LockFile *file, GError **error)
{
    LockEnd end = {0};
    g_autofree char *reason = NULL;
    switch (lock_parse_line(line, length, download, file, &end, &reason)) {
    case LOCK_FORM_DOWNLOAD:
        return take_download(reader, download, error);
    case LOCK_FORM_FILE:
        return take_file(reader, file, error);
    case LOCK_FORM_END:
        return take_end(reader, &end, error);
    case LOCK_FORM_UNKNOWN:
        return LOCK_LINE_END;
    case LOCK_FORM_HEADER:
        return damaged(reader, _("a second header stands here"), error);
    case LOCK_FORM_WRONG:
        break;
    }
    lock_download_clear(download);
    lock_file_clear(file);
    return damaged(reader, reason, error);
}

LockLine lock_reader_next(LockReader *reader, LockDownload *download, LockFile *file,
                          GError **error)
{
    if (download->path) {
        lock_download_clear(download);
    } else {
        download->size = SIZE_UNKNOWN;
    }
    lock_file_clear(file);
    while (!reader->ended) {
        char *line = NULL;
        gsize length = 0;
        gboolean ended;
        if (!next_line(reader, &line, &length, &ended, error)) {
            if (ended)
                damaged(reader, _("the file ends too early; its last lines are missing"), error);
            return LOCK_LINE_ERROR;
        }
        if (lock_scan_file(line, length, file))
            return take_file(reader, file, error);
        if (lock_scan_download(line, length, download))
            return take_download(reader, download, error);
        LockLine kind = parse_other(reader, line, length, download, file, error);
        if (kind != LOCK_LINE_END)
            return kind;
    }
    return LOCK_LINE_END;
}

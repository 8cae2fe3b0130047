#include "unpack_filter.h"

#include "error.h"
#include "i18n.h"
#include "unpack_gzip.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

enum {
    BLOCK_BYTES = 256 * 1024
};

struct UnpackFilter {
    ArchiveFilter kind;
    UnpackSource *source;
    UnpackWriter *writer;
    guint64 offset; /* of the source: read so far */
    GzipReader *gzip;
    struct archive *archive; /* of the other filters: libarchive's "raw" */
    GError *read_error;      /* of the source, met within libarchive */
    gboolean at_end;
    guint8 *block;
};

void unpack_set_archive_error(struct archive *archive, GError **error)
{
    const char *text = archive_error_string(archive);
    const int number = archive_errno(archive);
    if (!text)
        text = _("it ends where it must not");
    if (number == ENOMEM || strstr(text, "memory"))
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("Decoding the archive needs more memory than is allowed (%s)."), text);
    else if (strcasestr(text, "encrypt") || strcasestr(text, "passphrase"))
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                            _("The archive is encrypted; it cannot be unpacked without its "
                              "password."));
    else if (strcasestr(text, "unsupported") || strcasestr(text, "not supported"))
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("The archive uses something that cannot be decoded (%s)."), text);
    else
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The archive is damaged: %s."), text);
}

static la_ssize_t filter_feed(struct archive *archive, void *data, const void **bytes)
{
    UnpackFilter *filter = data;
    gssize n = unpack_source_read(filter->source, filter->offset, filter->block, BLOCK_BYTES,
                                  &filter->read_error);
    if (n < 0) {
        archive_set_error(archive, EIO, "read error");
        return ARCHIVE_FATAL;
    }
    filter->offset += (guint64)n;
    *bytes = filter->block;
    return n;
}

static int filter_enable(UnpackFilter *filter)
{
    switch (filter->kind) {
    case FILTER_COMPRESS:
        return archive_read_support_filter_compress(filter->archive);
    case FILTER_BZIP2:
        return archive_read_support_filter_bzip2(filter->archive);
    case FILTER_XZ:
        return archive_read_support_filter_xz(filter->archive);
    case FILTER_ZSTD:
        return archive_read_support_filter_zstd(filter->archive);
    case FILTER_LZ4:
        return archive_read_support_filter_lz4(filter->archive);
    case FILTER_NONE:
    case FILTER_GZIP:
        break;
    }
    return ARCHIVE_FATAL;
}

static int filter_code(ArchiveFilter filter)
{
    static const int codes[] = {
        [FILTER_NONE] = ARCHIVE_FILTER_NONE,
        [FILTER_GZIP] = ARCHIVE_FILTER_GZIP,
        [FILTER_COMPRESS] = ARCHIVE_FILTER_COMPRESS,
        [FILTER_BZIP2] = ARCHIVE_FILTER_BZIP2,
        [FILTER_XZ] = ARCHIVE_FILTER_XZ,
        [FILTER_ZSTD] = ARCHIVE_FILTER_ZSTD,
        [FILTER_LZ4] = ARCHIVE_FILTER_LZ4,
    };
    return codes[filter];
}

/* The error of the source where it has one, else libarchive's. */
static gboolean filter_failed(UnpackFilter *filter, GError **error)
{
    if (filter->read_error)
        g_propagate_error(error, g_steal_pointer(&filter->read_error));
    else
        unpack_set_archive_error(filter->archive, error);
    return FALSE;
}

static gboolean filter_open(UnpackFilter *filter, GError **error)
{
    struct archive_entry *entry;
    filter->archive = archive_read_new();
    filter->block = g_malloc(BLOCK_BYTES);
    if (filter_enable(filter) != ARCHIVE_OK ||
        archive_read_support_format_raw(filter->archive) != ARCHIVE_OK ||
        archive_read_open(filter->archive, filter, NULL, filter_feed, NULL) != ARCHIVE_OK)
        return filter_failed(filter, error);
    int code = archive_read_next_header(filter->archive, &entry);
    if (code != ARCHIVE_OK && code != ARCHIVE_EOF)
        return filter_failed(filter, error);
    /* Formats bid for the bytes: the one that is named must have won, and nothing within it. */
    if (code == ARCHIVE_EOF || archive_filter_count(filter->archive) != 2 ||
        archive_filter_code(filter->archive, 0) != filter_code(filter->kind)) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                            _("The archive is not compressed in the way that is said of it."));
        return FALSE;
    }
    return TRUE;
}

UnpackFilter *unpack_filter_new(ArchiveFilter kind, UnpackSource *source, UnpackWriter *writer,
                                GError **error)
{
    g_autoptr(UnpackFilter) filter = g_new0(UnpackFilter, 1);
    filter->kind = kind;
    filter->source = source;
    filter->writer = writer;
    if (kind == FILTER_GZIP)
        filter->gzip = gzip_reader_new(source);
    else if (kind == FILTER_NONE)
        filter->block = g_malloc(BLOCK_BYTES);
    else if (!filter_open(filter, error))
        return NULL;
    return g_steal_pointer(&filter);
}

void unpack_filter_free(UnpackFilter *filter)
{
    if (!filter)
        return;
    gzip_reader_free(filter->gzip);
    archive_read_free(filter->archive);
    g_clear_error(&filter->read_error);
    g_free(filter->block);
    g_free(filter);
}

static gssize read_decoded(UnpackFilter *filter, const void **bytes, GError **error)
{
    size_t length = 0;
    la_int64_t offset = 0;
    int code;
    do
        code = archive_read_data_block(filter->archive, bytes, &length, &offset);
    while (code == ARCHIVE_OK && length == 0);
    if (code == ARCHIVE_EOF)
        return 0;
    if (code == ARCHIVE_OK)
        return (gssize)length;
    filter_failed(filter, error);
    return -1;
}

gssize unpack_filter_read(UnpackFilter *filter, const void **bytes, GError **error)
{
    gssize n;
    if (filter->at_end)
        return 0;
    if (filter->gzip) {
        n = gzip_reader_read(filter->gzip, bytes, error);
    } else if (filter->archive) {
        n = read_decoded(filter, bytes, error);
    } else {
        n = unpack_source_read(filter->source, filter->offset, filter->block, BLOCK_BYTES, error);
        filter->offset += (guint64)MAX(n, 0);
        *bytes = filter->block;
    }
    filter->at_end = n == 0;
    return n;
}

/* Bytes that libarchive's filter left unread, be they in its hands already or not. */
static guint64 unread(UnpackFilter *filter)
{
    const guint64 total = unpack_source_total(filter->source);
    const guint64 used = (guint64)archive_filter_bytes(filter->archive, -1);
    return total > used ? total - used : 0;
}

gboolean unpack_filter_drain(UnpackFilter *filter,
                             void (*seen)(const void *bytes, gsize length, gpointer data),
                             gpointer data, GError **error)
{
    const void *bytes = NULL;
    gssize n;
    while ((n = unpack_filter_read(filter, &bytes, error)) > 0) {
        if (seen)
            seen(bytes, (gsize)n, data);
    }
    if (n < 0)
        return FALSE;
    guint64 behind = 0;
    if (filter->gzip)
        behind = gzip_reader_behind(filter->gzip);
    else if (filter->archive)
        behind = unread(filter);
    if (behind > 0)
        unpack_write_warning(filter->writer, UNPACK_WARNING_BEHIND, behind);
    if (filter->kind == FILTER_COMPRESS)
        unpack_write_warning(filter->writer, UNPACK_WARNING_NO_CHECK, 0);
    return TRUE;
}

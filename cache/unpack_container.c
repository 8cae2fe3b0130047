#include "unpack_container.h"

#include "error.h"
#include "i18n.h"
#include "tar_names.h"
#include "unpack_rar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

enum {
    BLOCK_BYTES = 256 * 1024,
    TAR_END_BYTES = 1024,
};

typedef struct {
    UnpackFilter *filter;
    UnpackSource *source;
    UnpackWriter *writer;
    struct archive *archive;
    GError *read_error;
    /* Of what the filter handed on: its length, and where its last byte that is not zero ends. */
    guint64 handed, nonzero_end;
    TarNames *names; /* of a tar */
    /* Of a 7z, which is sought in. */
    guint64 position;
    guint8 *block;
} Container;

static void container_see(const void *bytes, gsize length, gpointer data)
{
    Container *container = data;
    const guint8 *from = bytes;
    gsize end = length;
    while (end > 0 && from[end - 1] == 0)
        end--;
    if (end > 0)
        container->nonzero_end = container->handed + end;
    container->handed += length;
    if (container->names)
        tar_names_see(container->names, bytes, length);
}

static la_ssize_t container_feed(struct archive *archive, void *data, const void **bytes)
{
    Container *container = data;
    gssize n = unpack_filter_read(container->filter, bytes, &container->read_error);
    if (n < 0) {
        archive_set_error(archive, EIO, "read error");
        return ARCHIVE_FATAL;
    }
    container_see(*bytes, (gsize)n, container);
    return n;
}

static la_ssize_t seekable_feed(struct archive *archive, void *data, const void **bytes)
{
    Container *container = data;
    gssize n = unpack_source_read(container->source, container->position, container->block,
                                  BLOCK_BYTES, &container->read_error);
    if (n < 0) {
        archive_set_error(archive, EIO, "read error");
        return ARCHIVE_FATAL;
    }
    container->position += (guint64)n;
    *bytes = container->block;
    return n;
}

static la_int64_t seekable_seek(struct archive *archive, void *data, la_int64_t offset, int whence)
{
    Container *container = data;
    const la_int64_t total = (la_int64_t)unpack_source_total(container->source);
    la_int64_t base = whence == SEEK_SET ? 0 : total;
    if (whence == SEEK_CUR)
        base = (la_int64_t)container->position;
    if (offset < -base || offset > total - base) {
        archive_set_error(archive, EINVAL, "seek out of the file");
        return ARCHIVE_FATAL;
    }
    container->position = (guint64)(base + offset);
    return base + offset;
}

static la_int64_t seekable_skip(struct archive *archive, void *data, la_int64_t request)
{
    Container *container = data;
    const guint64 total = unpack_source_total(container->source);
    const guint64 skipped = MIN((guint64)request, total - container->position);
    container->position += skipped;
    return (la_int64_t)skipped;
}

static gboolean container_failed(Container *container, GError **error)
{
    if (container->read_error)
        g_propagate_error(error, g_steal_pointer(&container->read_error));
    else
        unpack_set_archive_error(container->archive, error);
    return FALSE;
}

static int container_enable(Container *container, ArchiveContainer kind)
{
    struct archive *archive = container->archive;
    int code = ARCHIVE_FATAL;
    switch (kind) {
    case ARCHIVE_TAR:
        return archive_read_support_format_tar(archive);
    case ARCHIVE_RAR:
        code = archive_read_support_format_rar(archive);
        return code == ARCHIVE_OK ? archive_read_support_format_rar5(archive) : code;
    case ARCHIVE_7Z:
        return archive_read_support_format_7zip(archive);
    case ARCHIVE_ZIP:
    case ARCHIVE_NONE:
        break;
    }
    return code;
}

static gboolean container_open(Container *container, ArchiveContainer kind, GError **error)
{
    container->archive = archive_read_new();
    int code = container_enable(container, kind);
    if (code == ARCHIVE_OK && kind == ARCHIVE_7Z) {
        archive_read_set_seek_callback(container->archive, seekable_seek);
        archive_read_set_skip_callback(container->archive, seekable_skip);
        archive_read_set_read_callback(container->archive, seekable_feed);
    } else {
        archive_read_set_read_callback(container->archive, container_feed);
    }
    archive_read_set_callback_data(container->archive, container);
    if (code != ARCHIVE_OK || archive_read_open1(container->archive) != ARCHIVE_OK)
        return container_failed(container, error);
    return TRUE;
}

static UnpackType type_of(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry))
        return UNPACK_HARDLINK;
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return UNPACK_FILE;
    case AE_IFDIR:
        return UNPACK_FOLDER;
    case AE_IFLNK:
        return UNPACK_SYMLINK;
    case AE_IFCHR:
    case AE_IFBLK:
        return UNPACK_DEVICE;
    case AE_IFIFO:
        return UNPACK_FIFO;
    case AE_IFSOCK:
        return UNPACK_SOCKET;
    default:
        return UNPACK_OTHER;
    }
}

static gboolean set_encrypted(GError **error)
{
    g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                        _("The archive is encrypted; it cannot be unpacked without its "
                          "password."));
    return FALSE;
}

static gboolean entry_check(struct archive_entry *entry, const char **name, GError **error)
{
    if (archive_entry_is_encrypted(entry))
        return set_encrypted(error);
    *name = archive_entry_pathname(entry);
    if (!*name)
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                            _("The archive is damaged: a member's name cannot be read."));
    return *name != NULL;
}

/* Holes of sparse files are zeros to everybody else. */
static guint64 write_zeros(UnpackWriter *writer, guint64 from, guint64 to)
{
    while (from < to) {
        const gsize n = (gsize)MIN(to - from, (guint64)UNPACK_DATA_MAX);
        memset(unpack_writer_room(writer), 0, n);
        unpack_writer_fill(writer, n);
        from += n;
    }
    return to;
}

static gboolean entry_data(Container *container, struct archive_entry *entry, guint64 size,
                           guint64 *written, GError **error)
{
    const gboolean sparse = archive_entry_sparse_count(entry) > 0;
    for (;;) {
        const void *bytes = NULL;
        size_t length = 0;
        la_int64_t offset = 0;
        int code = archive_read_data_block(container->archive, &bytes, &length, &offset);
        if (code != ARCHIVE_OK && code != ARCHIVE_EOF)
            return container_failed(container, error);
        const guint64 at = offset < 0 ? 0 : (guint64)offset;
        /* No hole leads beyond the size that the member has. */
        if ((code == ARCHIVE_OK && at < *written) || (length > 0 && at > *written && at > size)) {
            g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                                _("The archive is damaged: a member's pieces contradict its "
                                  "size."));
            return FALSE;
        }
        if (code == ARCHIVE_OK && length > 0)
            *written = write_zeros(container->writer, *written, at);
        else if (code == ARCHIVE_EOF && sparse && size != G_MAXUINT64)
            *written = write_zeros(container->writer, *written, size);
        if (code == ARCHIVE_EOF)
            return TRUE;
        unpack_write_data(container->writer, bytes, length);
        *written += length;
    }
}

/* As the tar has it, where libarchive wrote it in another form. */
static char *name_as_written(const Container *container, const char *key, const char *name)
{
    if (!container->names || !name)
        return NULL;
    return tar_names_find(container->names,
                          (guint64)MAX(archive_read_header_position(container->archive), 0), key,
                          name);
}

static gboolean container_entry(Container *container, struct archive_entry *entry, GError **error)
{
    const char *name = NULL, *target = NULL;
    if (!entry_check(entry, &name, error))
        return FALSE;
    UnpackMessage message = {.type = type_of(entry), .size = G_MAXUINT64};
    if (archive_entry_size_is_set(entry) && archive_entry_size(entry) >= 0)
        message.size = (guint64)archive_entry_size(entry);
    if (message.type == UNPACK_HARDLINK && message.size == 0)
        message.size = G_MAXUINT64;
    if (message.type == UNPACK_HARDLINK)
        target = archive_entry_hardlink(entry);
    else if (message.type == UNPACK_SYMLINK)
        target = archive_entry_symlink(entry);
    g_autofree char *written_name = name_as_written(container, "path", name);
    g_autofree char *written_target = name_as_written(container, "linkpath", target);
    message.name = written_name ? written_name : name;
    message.name_length = strlen(message.name);
    message.target = written_target ? written_target : target;
    message.target_length = message.target ? strlen(message.target) : 0;
    unpack_write_entry(container->writer, &message);
    guint64 written = 0;
    if ((message.type == UNPACK_FILE || message.type == UNPACK_HARDLINK) &&
        !entry_data(container, entry, message.size, &written, error))
        return FALSE;
    unpack_write_number(container->writer, UNPACK_MESSAGE_END, written);
    return TRUE;
}

/* The start header says where the last header ends (7zFormat.txt, "SignatureHeader"). */
static gboolean seven_zip_end(Container *container, GError **error)
{
    guint8 start[32];
    guint64 next[2];
    if (!unpack_source_read_exactly(0, start, sizeof(start), container->source, error))
        return FALSE;
    memcpy(next, start + 12, sizeof(next));
    const guint64 total = unpack_source_total(container->source);
    const guint64 end = sizeof(start) + GUINT64_FROM_LE(next[0]) + GUINT64_FROM_LE(next[1]);
    if (end < total)
        unpack_write_warning(container->writer, UNPACK_WARNING_BEHIND, total - end);
    return TRUE;
}

/* libarchive takes one block of zeros for the end, and looks at nothing behind it. */
static void tell_tar_end(Container *container)
{
    const guint64 end = (guint64)MAX(archive_read_header_position(container->archive), 0);
    if (container->handed < end + TAR_END_BYTES)
        unpack_write_warning(container->writer, UNPACK_WARNING_NO_END, 0);
    if (container->nonzero_end > end)
        unpack_write_warning(container->writer, UNPACK_WARNING_BEHIND,
                             container->nonzero_end - end);
}

static gboolean container_members(Container *container, GError **error)
{
    struct archive_entry *entry;
    int code;
    while ((code = archive_read_next_header(container->archive, &entry)) == ARCHIVE_OK) {
        if (!container_entry(container, entry, error))
            return FALSE;
    }
    return code == ARCHIVE_EOF || container_failed(container, error);
}

/* What libarchive does not look at, or does not notice. */
static gboolean container_end(Container *container, ArchiveContainer kind, GError **error)
{
    if (kind == ARCHIVE_7Z)
        return seven_zip_end(container, error);
    if (!unpack_filter_drain(container->filter, container_see, container, error))
        return FALSE;
    if (kind == ARCHIVE_TAR)
        tell_tar_end(container);
    return kind != ARCHIVE_RAR || unpack_rar_check_end(container->source, container->writer, error);
}

static gboolean container_read(Container *container, ArchiveContainer kind, GError **error)
{
    g_autoptr(GError) failed = NULL;
    if (container_open(container, kind, &failed) && container_members(container, &failed))
        return container_end(container, kind, error);
    if (kind == ARCHIVE_RAR && failed->code == MEDMIRROR_ERROR_DAMAGED &&
        unpack_rar_is_encrypted(container->source))
        return set_encrypted(error);
    g_propagate_error(error, g_steal_pointer(&failed));
    return FALSE;
}

static gboolean read_bare(Container *container, GError **error)
{
    const UnpackMessage message = {.type = UNPACK_FILE, .bare = TRUE, .size = G_MAXUINT64};
    unpack_write_entry(container->writer, &message);
    const void *bytes = NULL;
    guint64 written = 0;
    gssize n;
    while ((n = unpack_filter_read(container->filter, &bytes, error)) > 0) {
        unpack_write_data(container->writer, bytes, (gsize)n);
        written += (guint64)n;
    }
    if (n < 0 || !unpack_filter_drain(container->filter, NULL, NULL, error))
        return FALSE;
    unpack_write_number(container->writer, UNPACK_MESSAGE_END, written);
    return TRUE;
}

gboolean unpack_container(ArchiveContainer kind, ArchiveFilter filter, UnpackSource *source,
                          UnpackWriter *writer, GError **error)
{
    Container container = {.source = source, .writer = writer};
    gboolean done = FALSE;
    if (kind == ARCHIVE_TAR)
        container.names = tar_names_new();
    if (kind == ARCHIVE_7Z)
        container.block = g_malloc(BLOCK_BYTES);
    else
        container.filter = unpack_filter_new(filter, source, writer, error);
    if (kind == ARCHIVE_7Z || container.filter)
        done = kind == ARCHIVE_NONE ? read_bare(&container, error)
                                    : container_read(&container, kind, error);
    archive_read_free(container.archive);
    unpack_filter_free(container.filter);
    tar_names_free(container.names);
    g_clear_error(&container.read_error);
    g_free(container.block);
    return done;
}

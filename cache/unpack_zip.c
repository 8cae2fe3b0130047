#include "unpack_zip.h"

#include "error.h"
#include "i18n.h"
#include "zip_ahead.h"
#include "zip_member.h"
#include "zip_notes.h"

#include <string.h>
#include <sys/stat.h>

typedef struct {
    UnpackSource *source;
    UnpackWriter *writer;
    ZipLocal *local;
    ZipNotes *read; /* members that were read ahead; each is provisional to the parent */
    ZipNotes *rows;
    guint64 most_entries;
    ZipEnd end;
    /* The walk over the rows in order of offsets. */
    gboolean has_ahead;
    ZipNote ahead;    /* the first of READ that is not settled */
    guint64 settled;  /* its number */
    guint64 position; /* everything in front of it is accounted for */
    guint64 dead;     /* entries that no row names */
} ZipReading;

static gboolean damaged(const char *why, GError **error)
{
    /* TRANSLATORS: a clause. */
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED, _("The zip is damaged: %s."), why);
    return FALSE;
}

static gboolean note_row(const ZipEntry *row, gpointer data, GError **error)
{
    ZipReading *reading = data;
    ZipNote note = {.header_offset = row->header_offset,
                    .compressed = row->compressed,
                    .size = row->size,
                    .row_offset = row->row_offset,
                    .row_length = row->row_length,
                    .crc = row->crc,
                    .mode = row->mode,
                    .method = row->method,
                    .flags = row->flags,
                    .is_folder = row->is_folder};
    zip_note_set_names(&note, row);
    return zip_notes_add(reading->rows, &note, error);
}

static gboolean read_directory(ZipReading *reading, GError **error)
{
    const guint64 total = unpack_source_total(reading->source);
    if (!zip_find_end(unpack_source_read_exactly, reading->source, total, &reading->end, error))
        return FALSE;
    if (reading->most_entries && reading->end.entries > reading->most_entries) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
            _("The archive is refused as unsafe: it has more than %" G_GUINT64_FORMAT " members."),
            reading->most_entries);
        return FALSE;
    }
    if (reading->end.behind > 0)
        unpack_write_warning(reading->writer, UNPACK_WARNING_BEHIND, reading->end.behind);
    return zip_each_entry(unpack_source_read_exactly, reading->source, &reading->end, note_row,
                          reading, error) &&
           zip_notes_sort(reading->rows, error);
}

static void drop_ahead(ZipReading *reading)
{
    unpack_write_number(reading->writer, UNPACK_MESSAGE_DROP, reading->settled++);
    reading->has_ahead = zip_notes_next(reading->read, &reading->ahead);
}

/* Bytes between members must be entries that were taken out of the directory; in front of the first
 * one they may be anything but an entry (a program that unpacks itself). */
static gboolean account_gap(ZipReading *reading, guint64 to, GError **error)
{
    while (reading->position < to) {
        ZipLocalRead got =
            zip_local_read(reading->source, reading->position, reading->local, error);
        if (got == ZIP_LOCAL_ERROR)
            return FALSE;
        if (got == ZIP_LOCAL_NONE && reading->position == 0) {
            unpack_write_warning(reading->writer, UNPACK_WARNING_BEFORE, to);
            reading->position = to;
            return TRUE;
        }
        const ZipOutput nowhere = {0};
        ZipDecoded decoded;
        guint64 end = 0;
        if (got == ZIP_LOCAL_NONE ||
            !zip_member_read(reading->source, reading->local, &nowhere, &decoded, &end, NULL) ||
            end > to ||
            /* An archive in front of this one, or one that lies within another that is cut. */
            (reading->position == 0 && reading->end.prefix > 0)) {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                        _("The zip is damaged: what lies from byte %" G_GUINT64_FORMAT
                          " to byte %" G_GUINT64_FORMAT " is in its directory nowhere."),
                        reading->position, to);
            return FALSE;
        }
        reading->position = end;
        reading->dead++;
    }
    return TRUE;
}

static gboolean is_plain_file(const ZipNote *row)
{
    return !row->is_folder && ((row->mode & S_IFMT) == 0 || S_ISREG(row->mode));
}

static gboolean is_confirmed(const ZipNote *row, const ZipNote *ahead)
{
    return ahead->is_good && is_plain_file(row) && row->method == ahead->method &&
           row->compressed == ahead->compressed && row->size == ahead->size &&
           row->crc == ahead->crc && memcmp(row->names, ahead->names, sizeof(row->names)) == 0;
}

static UnpackType type_of(const ZipEntry *row)
{
    if (row->is_folder)
        return UNPACK_FOLDER;
    switch (row->mode & S_IFMT) {
    case 0:
    case S_IFREG:
        return UNPACK_FILE;
    case S_IFLNK:
        return UNPACK_SYMLINK;
    case S_IFCHR:
    case S_IFBLK:
        return UNPACK_DEVICE;
    case S_IFIFO:
        return UNPACK_FIFO;
    case S_IFSOCK:
        return UNPACK_SOCKET;
    default:
        return UNPACK_OTHER;
    }
}

/* Header and row must tell of the same member. */
static gboolean header_agrees(ZipReading *reading, const ZipEntry *row, GError **error)
{
    ZipLocalRead got = zip_local_read(reading->source, row->header_offset, reading->local, error);
    if (got == ZIP_LOCAL_ERROR)
        return FALSE;
    const ZipEntry *local = &reading->local->entry;
    if (got == ZIP_LOCAL_NONE)
        return damaged(_("its directory names a member that is not there"), error);
    if (local->method != row->method || local->local_name_length != row->local_name_length ||
        memcmp(local->local_name, row->local_name, row->local_name_length) != 0)
        return damaged(_("its directory and the header of a member differ"), error);
    /* Zeros stand for "see the directory" in some archives. */
    if (!(local->flags & ZIP_FLAG_DESCRIPTOR) &&
        ((local->size && local->size != row->size) ||
         (local->compressed && local->compressed != row->compressed) ||
         (local->crc && local->crc != row->crc)))
        return damaged(_("its directory and the header of a member differ"), error);
    return TRUE;
}

/* The member as the directory has it. */
static gboolean read_row_member(const ZipEntry *row, gpointer data, GError **error)
{
    ZipReading *reading = data;
    if (!header_agrees(reading, row, error))
        return FALSE;
    const gboolean descriptor = reading->local->entry.flags & ZIP_FLAG_DESCRIPTOR;
    g_autoptr(GByteArray) target = NULL;
    UnpackMessage message = {.type = type_of(row),
                             .size = row->size,
                             .name = (const char *)row->name,
                             .name_length = row->name_length};
    ZipOutput output = {0};
    ZipDecoded decoded;
    if (message.type == UNPACK_FILE) {
        unpack_write_entry(reading->writer, &message);
        output.writer = reading->writer;
    } else if (message.type == UNPACK_SYMLINK) {
        output.kept = target = g_byte_array_new();
    }
    ZipEntry entry = *row;
    entry.flags |= reading->local->entry.flags;
    if (!zip_member_decode(reading->source, reading->local->data_offset, &entry, &output, &decoded,
                           error))
        return FALSE;
    if (decoded.compressed != row->compressed || decoded.size != row->size ||
        decoded.crc != row->crc || (message.type == UNPACK_FOLDER && decoded.size > 0))
        return damaged(_("a member's size or checksum is wrong"), error);
    if (message.type != UNPACK_FILE) {
        message.target = target ? (const char *)target->data : NULL;
        message.target_length = target ? target->len : 0;
        unpack_write_entry(reading->writer, &message);
    }
    unpack_write_number(reading->writer, UNPACK_MESSAGE_END,
                        message.type == UNPACK_FILE ? decoded.size : 0);
    reading->position = reading->local->data_offset + decoded.compressed;
    gssize length =
        descriptor ? zip_descriptor_length(reading->source, reading->position, &decoded, error) : 0;
    reading->position += (guint64)MAX(length, 0);
    return length >= 0;
}

/* The row that NOTE stands for is read once more, for its name. */
static gboolean read_row(ZipReading *reading, const ZipNote *note, GError **error)
{
    ZipEnd alone = reading->end;
    alone.entries = 1;
    alone.directory_offset = note->row_offset;
    alone.directory_size = note->row_length;
    return zip_each_entry(unpack_source_read_exactly, reading->source, &alone, read_row_member,
                          reading, error);
}

static gboolean settle_row(ZipReading *reading, const ZipNote *row, GError **error)
{
    while (reading->has_ahead && reading->ahead.header_offset < row->header_offset)
        drop_ahead(reading);
    if (row->header_offset < reading->position) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                            _("The zip is refused as unsafe: members of it lie one over the "
                              "other."));
        return FALSE;
    }
    if (!account_gap(reading, row->header_offset, error))
        return FALSE;
    if (reading->has_ahead && reading->ahead.header_offset == row->header_offset) {
        if (is_confirmed(row, &reading->ahead)) {
            unpack_write_number(reading->writer, UNPACK_MESSAGE_CONFIRM, reading->settled++);
            reading->position = reading->ahead.end_offset;
            reading->has_ahead = zip_notes_next(reading->read, &reading->ahead);
            return TRUE;
        }
        drop_ahead(reading);
    }
    return read_row(reading, row, error);
}

static gboolean settle_all(ZipReading *reading, GError **error)
{
    ZipNote row;
    reading->has_ahead = zip_notes_next(reading->read, &reading->ahead);
    while (zip_notes_next(reading->rows, &row)) {
        if (!settle_row(reading, &row, error))
            return FALSE;
    }
    while (reading->has_ahead)
        drop_ahead(reading);
    if (!account_gap(reading, reading->end.directory_offset, error))
        return FALSE;
    if (reading->position > reading->end.directory_offset)
        return damaged(_("its directory begins within a member"), error);
    if (reading->dead > 0)
        unpack_write_warning(reading->writer, UNPACK_WARNING_DEAD_ENTRY, reading->dead);
    return TRUE;
}

static gboolean read_ahead(const ZipReading *reading, InflatePool *pool, GError **error)
{
    const ZipAheadSpec spec = {.source = reading->source,
                               .writer = reading->writer,
                               .local = reading->local,
                               .pool = pool,
                               .most_entries = reading->most_entries};
    return zip_read_ahead(&spec, reading->read, error);
}

gboolean unpack_zip(UnpackSource *source, UnpackWriter *writer, InflatePool *pool,
                    const int scratch[2], gboolean head_start, guint64 most_entries, GError **error)
{
    g_autoptr(ZipNotes) read = zip_notes_new(scratch[0]), rows = zip_notes_new(scratch[1]);
    g_autofree ZipLocal *local = g_new0(ZipLocal, 1);
    ZipReading reading = {.source = source,
                          .writer = writer,
                          .local = local,
                          .read = read,
                          .rows = rows,
                          .most_entries = most_entries};
    return (!head_start || read_ahead(&reading, pool, error)) && zip_notes_sort(read, error) &&
           read_directory(&reading, error) && settle_all(&reading, error);
}

#include "remote_zip.h"

#include "error.h"
#include "i18n.h"
#include "redact.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
    TAIL_BYTES = 22 + 65535, /* the end record and its longest comment */
    LOCAL_BYTES = 30,
    END_BYTES = 22,
    LOCATOR_BYTES = 20,
    END64_BYTES = 56,
    FLAG_DESCRIPTOR = 1 << 3,
    VERSION_ZIP64 = 45,
    LOOK_AHEAD = 1024 * 1024,
    COPY_BYTES = 128 * 1024,
};
/* A request's answer lies in the folder for temporary files, which may be memory. */
#define PIECE_BYTES (G_GUINT64_CONSTANT(16) << 20)
#define SIGNATURE_LOCAL 0x04034b50u
#define SIGNATURE_END 0x06054b50u
#define SIGNATURE_LOCATOR 0x07064b50u
#define SIGNATURE_END64 0x06064b50u

struct RemoteZip {
    HostServices *services;
    char *address;
    guint64 total;
    Document *tail, *piece; /* what was fetched last; PIECE may be NULL */
    guint64 look_to;        /* pieces end here */
    ZipEnd end;
};

static guint16 get16(const guint8 *p)
{
    return (guint16)(p[0] | p[1] << 8);
}

static guint32 get32(const guint8 *p)
{
    return (guint32)get16(p) | (guint32)get16(p + 2) << 16;
}

static void put16(guint8 *p, guint16 value)
{
    p[0] = (guint8)value;
    p[1] = (guint8)(value >> 8);
}

static void put32(guint8 *p, guint32 value)
{
    put16(p, (guint16)value);
    put16(p + 2, (guint16)(value >> 16));
}

static void put64(guint8 *p, guint64 value)
{
    put32(p, (guint32)value);
    put32(p + 4, (guint32)(value >> 32));
}

static gboolean damaged(const RemoteZip *zip, GError **error)
{
    g_autofree char *shown = redact_address(zip->address);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                _("The zip at %s is damaged: an entry is not where its directory says."), shown);
    return FALSE;
}

/* Bytes [FROM, TO), or the last TO bytes where FROM is G_MAXUINT64. */
static Document *get_range(const RemoteZip *zip, guint64 from, guint64 to, GError **error)
{
    const gboolean is_suffix = from == G_MAXUINT64;
    const DocumentRequest request = {.url = zip->address,
                                     .max_bytes = is_suffix ? to : to - from,
                                     .range_from = is_suffix ? 0 : from,
                                     .range_to = to,
                                     .range_is_suffix = is_suffix};
    g_autoptr(Document) document = zip->services->get(zip->services, &request, error);
    if (!document) {
        return NULL;
    }
    gboolean exact = document->status == 206 && document->fd >= 0 &&
                     (is_suffix ? document->length > 0 && document->length <= to
                                : document->range_start == from && document->length == to - from);
    if (!exact) {
        g_autofree char *shown = redact_address(zip->address);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("%s does not serve the ranges that were asked for."), shown);
        return NULL;
    }
    return g_steal_pointer(&document);
}

static gboolean holds(const Document *document, guint64 offset, gsize length)
{
    return document && offset >= document->range_start && length <= document->length &&
           offset - document->range_start <= document->length - length;
}

/* A ZipReadAt. */
static gboolean read_at(guint64 offset, void *buffer, gsize length, gpointer data, GError **error)
{
    RemoteZip *zip = data;
    const Document *from = holds(zip->tail, offset, length) ? zip->tail : zip->piece;
    if (!holds(from, offset, length)) {
        if (length > zip->total || offset > zip->total - length) {
            return damaged(zip, error);
        }
        const guint64 needed = offset + length;
        const guint64 to = MAX(needed, MIN(zip->look_to, offset + LOOK_AHEAD));
        g_clear_pointer(&zip->piece, document_free);
        zip->piece = get_range(zip, offset, to, error);
        if (!zip->piece) {
            return FALSE;
        }
        from = zip->piece;
    }
    return zip_read_at_fd(offset - from->range_start, buffer, length, GINT_TO_POINTER(from->fd),
                          error);
}

RemoteZip *remote_zip_open(HostServices *services, const char *address, GError **error)
{
    g_autoptr(RemoteZip) zip = g_new0(RemoteZip, 1);
    zip->services = services;
    zip->address = g_strdup(address);
    zip->tail = get_range(zip, G_MAXUINT64, TAIL_BYTES, error);
    if (!zip->tail) {
        return NULL;
    }
    zip->total = zip->tail->range_start + zip->tail->length;
    if (!zip_find_end(read_at, zip, zip->total, &zip->end, error)) {
        return NULL;
    }
    zip->look_to = zip->end.directory_end;
    return g_steal_pointer(&zip);
}

void remote_zip_free(RemoteZip *zip)
{
    if (!zip) {
        return;
    }
    document_free(zip->tail);
    document_free(zip->piece);
    g_free(zip->address);
    g_free(zip);
}

typedef struct {
    gboolean (*choose)(const ZipEntry *entry, gpointer data);
    gpointer data;
    gboolean found;
    ZipEntry entry; /* its names are gone */
} Choice;

/* FALSE without an error ends the reading. */
static gboolean consider(const ZipEntry *entry, gpointer data, GError **error)
{
    Choice *choice = data;
    choice->found = choice->choose(entry, choice->data);
    if (choice->found) {
        choice->entry = *entry;
    }
    return !choice->found;
}

static gboolean write_all(int fd, const guint8 *bytes, gsize length, GError **error)
{
    while (length > 0) {
        const gssize n = TEMP_FAILURE_RETRY(write(fd, bytes, length));
        if (n <= 0) {
            return error_set_storage(error, n < 0 ? errno : ENOSPC, _("cannot write a member"));
        }
        bytes += n;
        length -= (gsize)n;
    }
    return TRUE;
}

static gboolean append_document(int fd, const Document *document, GError **error)
{
    g_autofree guint8 *buffer = g_malloc(COPY_BYTES);
    guint64 at = 0;
    while (at < document->length) {
        const gsize length = (gsize)MIN((guint64)COPY_BYTES, document->length - at);
        if (!zip_read_at_fd(at, buffer, length, GINT_TO_POINTER(document->fd), error) ||
            !write_all(fd, buffer, length, error)) {
            return FALSE;
        }
        at += length;
    }
    return TRUE;
}

/* Its header tells all that a descriptor would, which is left behind: where one ends is for the
 * decoder to find, and nothing else may follow. Zeros stand for what the row tells. */
static void drop_descriptor(guint8 *local, const ZipEntry *entry)
{
    const guint16 flags = get16(local + 6);
    const gboolean fits = entry->compressed < G_MAXUINT32 && entry->size < G_MAXUINT32;
    if (!(flags & FLAG_DESCRIPTOR)) {
        return;
    }
    put16(local + 6, flags & ~FLAG_DESCRIPTOR);
    put32(local + 14, fits ? entry->crc : 0);
    put32(local + 18, fits ? (guint32)entry->compressed : 0);
    put32(local + 22, fits ? (guint32)entry->size : 0);
}

/* The entry's local header and data; *LENGTH is how many bytes these are. */
static gboolean copy_entry(RemoteZip *zip, const ZipEntry *entry, int fd, guint64 *length,
                           GError **error)
{
    guint8 local[LOCAL_BYTES];
    const guint64 room = zip->end.directory_offset - entry->header_offset;
    zip->look_to = entry->header_offset + LOCAL_BYTES;
    if (!read_at(entry->header_offset, local, sizeof local, zip, error)) {
        return FALSE;
    }
    const guint64 head = LOCAL_BYTES + (guint64)get16(local + 26) + get16(local + 28);
    if (get32(local) != SIGNATURE_LOCAL || head > room || entry->compressed > room - head) {
        return damaged(zip, error);
    }
    *length = head + entry->compressed;
    drop_descriptor(local, entry);
    if (!write_all(fd, local, sizeof local, error)) {
        return FALSE;
    }
    for (guint64 at = LOCAL_BYTES; at < *length; at += PIECE_BYTES) {
        const guint64 to = MIN(at + PIECE_BYTES, *length);
        g_autoptr(Document) piece =
            get_range(zip, entry->header_offset + at, entry->header_offset + to, error);
        if (!piece || !append_document(fd, piece, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* The entry's row, which now points to the file's beginning. A 64-bit offset in its extra field is
 * not looked at then. */
static gboolean copy_row(RemoteZip *zip, const ZipEntry *entry, int fd, GError **error)
{
    g_autofree guint8 *row = g_malloc(entry->row_length);
    if (!read_at(entry->row_offset, row, entry->row_length, zip, error)) {
        return FALSE;
    }
    put16(row + 8, get16(row + 8) & ~FLAG_DESCRIPTOR);
    put16(row + 34, 0);
    put32(row + 42, 0);
    return write_all(fd, row, entry->row_length, error);
}

static gboolean write_end(int fd, guint64 directory_offset, guint32 directory_size, GError **error)
{
    guint8 records[END64_BYTES + LOCATOR_BYTES + END_BYTES] = {0};
    guint8 *end64 = records, *locator = records + END64_BYTES, *end = locator + LOCATOR_BYTES;
    const gboolean needs64 = directory_offset >= G_MAXUINT32;
    put32(end64, SIGNATURE_END64);
    put64(end64 + 4, END64_BYTES - 12);
    put16(end64 + 12, VERSION_ZIP64);
    put16(end64 + 14, VERSION_ZIP64);
    put64(end64 + 24, 1);
    put64(end64 + 32, 1);
    put64(end64 + 40, directory_size);
    put64(end64 + 48, directory_offset);
    put32(locator, SIGNATURE_LOCATOR);
    put64(locator + 8, directory_offset + directory_size);
    put32(locator + 16, 1);
    put32(end, SIGNATURE_END);
    put16(end + 8, 1);
    put16(end + 10, 1);
    put32(end + 12, directory_size);
    put32(end + 16, needs64 ? G_MAXUINT32 : (guint32)directory_offset);
    return needs64 ? write_all(fd, records, sizeof records, error)
                   : write_all(fd, end, END_BYTES, error);
}

RemoteZipResult remote_zip_extract(RemoteZip *zip,
                                   gboolean (*choose)(const ZipEntry *entry, gpointer data),
                                   gpointer data, int fd, GError **error)
{
    Choice choice = {.choose = choose, .data = data};
    if (!zip_each_entry(read_at, zip, &zip->end, consider, &choice, error) && !choice.found) {
        return REMOTE_ZIP_FAILED;
    }
    if (!choice.found) {
        return REMOTE_ZIP_NOT_THERE;
    }
    guint64 length = 0;
    const gboolean done = copy_entry(zip, &choice.entry, fd, &length, error) &&
                          copy_row(zip, &choice.entry, fd, error) &&
                          write_end(fd, length, choice.entry.row_length, error);
    return done ? REMOTE_ZIP_EXTRACTED : REMOTE_ZIP_FAILED;
}

#include "remote_zip.h"

#include "error.h"
#include "i18n.h"
#include "redact.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TAIL_BYTES = 22 + 65535, /* the end record and its longest comment */
    LOCAL_BYTES = 30,
    END_BYTES = 22,
    LOCATOR_BYTES = 20,
    END64_BYTES = 56,
    FLAG_DESCRIPTOR = 1 << 3,
    VERSION_ZIP64 = 45,
    EXTRA_BYTES = 64, /* of a local header: more than the usual fields take */
    ROWS_BYTES = 4 * 1024 * 1024,
    COPY_BYTES = 128 * 1024,
};
/* A request's answer lies in the folder for temporary files, which may be memory. */
#define PIECE_BYTES (G_GUINT64_CONSTANT(16) << 20)
#define SIGNATURE_LOCAL 0x04034b50u
#define SIGNATURE_END 0x06054b50u
#define SIGNATURE_LOCATOR 0x07064b50u
#define SIGNATURE_END64 0x06064b50u

struct RemoteZip {
    RemotePlace place;
    char *address;      /* the listed one */
    char *now;          /* that is asked: a prepared one, or where a redirect led; NULL: none yet */
    GPtrArray *headers; /* for it, NULL-terminated; may be NULL */
    RequestSigner *signer;
    gboolean by_login;
    Validators *validators; /* of the first answer: all are of the same file */
    guint64 received;
    gint64 *came; /* likewise, for others to read; atomic; NULL: nobody does */
    guint64 total;
    Document *tail, *rows, *piece; /* what was fetched last; all but TAIL may be NULL */
    guint64 look_to;               /* pieces end here */
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

static void forget_address(RemoteZip *zip)
{
    credential_header_free(g_steal_pointer(&zip->now));
    g_clear_pointer(&zip->headers, g_ptr_array_unref);
    g_clear_pointer(&zip->signer, request_signer_free);
}

static gboolean is_other_address(const RemoteZip *zip)
{
    return zip->now && strcmp(zip->now, zip->address) != 0;
}

/* As its fetcher wants it asked for. */
static gboolean prepare_address(RemoteZip *zip, GError **error)
{
    const RemotePlace *place = &zip->place;
    const Fetcher *fetcher = place->fetcher;
    g_autoptr(Prepared) prepared = NULL;
    g_autoptr(GError) failed = NULL;
    /* What is given to a login only where it is refused without goes with it by itself. */
    if (fetcher && fetcher->prepare && !(fetcher->row.login && fetcher->row.login->where_refused)) {
        prepared = fetcher->prepare(fetcher, place->locator, place->file, zip->address,
                                    place->services, &failed);
    }
    if (failed) {
        g_propagate_error(error, g_steal_pointer(&failed));
        return FALSE;
    }
    zip->now = prepared && prepared->address ? g_steal_pointer(&prepared->address)
                                             : g_strdup(zip->address);
    /* Those of the source are not for somebody else's storage. */
    if (prepared && prepared->headers && !is_other_address(zip)) {
        zip->headers = g_steal_pointer(&prepared->headers);
        g_ptr_array_add(zip->headers, NULL);
    }
    if (prepared) {
        zip->signer = g_steal_pointer(&prepared->signer);
        zip->by_login |= prepared->by_login;
    }
    return TRUE;
}

static gboolean texts_differ(const char *a, const char *b)
{
    return a && b && strcmp(a, b) != 0;
}

/* All ranges are of one state of the file. */
static gboolean is_same_file(RemoteZip *zip, const Document *document)
{
    const Validators *now = document->validators, *first = zip->validators;
    if (!first) {
        zip->validators = validators_copy(now);
        return TRUE;
    }
    return !texts_differ(first->etag, now->etag) &&
           !texts_differ(first->last_modified, now->last_modified);
}

static void set_unfit(const RemoteZip *zip, GError **error, const char *format)
{
    g_autofree char *shown = redact_address(zip->address);
    g_auto(GStrv) parts = g_strsplit(format, "%s", 2);
    g_autofree char *text = g_strconcat(parts[0], shown, parts[1], NULL);
    g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN, text);
    if (zip->place.unfit) {
        *zip->place.unfit = TRUE;
    }
}

static Document *ask(RemoteZip *zip, const DocumentRequest *range, GError **error)
{
    HostServices *services = zip->place.services;
    DocumentRequest request = *range;
    if (!zip->now && !prepare_address(zip, error)) {
        return NULL;
    }
    request.url = zip->now;
    request.headers = zip->headers ? (const char *const *)zip->headers->pdata : NULL;
    request.signer = zip->signer;
    request.source = zip->place.fetcher ? zip->place.fetcher->row.name : NULL;
    Document *document = services->get(services, &request, error);
    /* The next range asks where the redirect led; what went with this one stays here. */
    if (document && document->final_url && !zip->headers && !zip->signer &&
        strcmp(document->final_url, zip->now) != 0) {
        credential_header_free(zip->now);
        zip->now = g_strdup(document->final_url);
    }
    return document;
}

/* An address that was signed may have expired: its source gives another one. */
static Document *ask_twice(RemoteZip *zip, const DocumentRequest *range, GError **error)
{
    gboolean may_be_old = is_other_address(zip);
    g_autoptr(GError) failed = NULL;
    Document *document = ask(zip, range, &failed);
    if (!document && may_be_old &&
        !g_error_matches(failed, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED) &&
        !g_error_matches(failed, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE)) {
        g_clear_error(&failed);
        forget_address(zip);
        document = ask(zip, range, &failed);
    }
    if (failed) {
        g_propagate_error(error, g_steal_pointer(&failed));
    }
    return document;
}

/* Bytes [FROM, TO), or the last TO bytes where FROM is G_MAXUINT64. */
static Document *get_range(RemoteZip *zip, guint64 from, guint64 to, GError **error)
{
    const gboolean is_suffix = from == G_MAXUINT64;
    const DocumentRequest request = {.max_bytes = is_suffix ? to : to - from,
                                     .range_from = is_suffix ? 0 : from,
                                     .range_to = to,
                                     .range_is_suffix = is_suffix};
    int status = 0;
    DocumentRequest asked = request;
    asked.status = &status;
    g_autoptr(GError) failed = NULL;
    g_autoptr(Document) document = ask_twice(zip, &asked, &failed);
    if (!document && status == 200) { /* a whole file came, which is larger than the range */
        set_unfit(zip, error, _("%s does not serve the ranges that were asked for."));
        return NULL;
    }
    if (!document) {
        g_propagate_error(error, g_steal_pointer(&failed));
        return NULL;
    }
    zip->received += document->length;
    if (zip->came) {
        __atomic_add_fetch(zip->came, (gint64)document->length, __ATOMIC_RELAXED);
    }
    gboolean exact = document->status == 206 && document->fd >= 0 &&
                     (is_suffix ? document->length > 0 && document->length <= to
                                : document->range_start == from && document->length == to - from);
    if (!exact) {
        set_unfit(zip, error, _("%s does not serve the ranges that were asked for."));
        return NULL;
    }
    if (!is_same_file(zip, document)) {
        set_unfit(zip, error, _("%s has changed while parts of it were fetched."));
        return NULL;
    }
    return g_steal_pointer(&document);
}

static gboolean holds(const Document *document, guint64 offset, gsize length)
{
    return document && offset >= document->range_start && length <= document->length &&
           offset - document->range_start <= document->length - length;
}

static gboolean is_inside(const RemoteZip *zip, guint64 offset, gsize length)
{
    return length <= zip->total && offset <= zip->total - length;
}

/* Rows of the directory, which are read in order while entries are, too. */
static gboolean is_of_directory(const RemoteZip *zip, guint64 offset)
{
    return zip->end.directory_end != 0 && offset >= zip->end.directory_offset;
}

/* A ZipReadAt. */
static gboolean read_at(guint64 offset, void *buffer, gsize length, gpointer data, GError **error)
{
    RemoteZip *zip = data;
    const gboolean is_row = is_of_directory(zip, offset);
    Document **cache = is_row ? &zip->rows : &zip->piece;
    const Document *from = holds(zip->tail, offset, length) ? zip->tail : *cache;
    if (!holds(from, offset, length)) {
        if (!is_inside(zip, offset, length)) {
            return damaged(zip, error);
        }
        const guint64 needed = offset + length;
        const guint64 most = is_row ? zip->end.directory_end : zip->look_to;
        const guint64 to = MAX(needed, MIN(most, offset + (is_row ? ROWS_BYTES : PIECE_BYTES)));
        g_clear_pointer(cache, document_free);
        *cache = get_range(zip, offset, to, error);
        if (!*cache) {
            return FALSE;
        }
        from = *cache;
    }
    return zip_read_at_fd(offset - from->range_start, buffer, length, GINT_TO_POINTER(from->fd),
                          error);
}

RemoteZip *remote_zip_open(const RemotePlace *place, GError **error)
{
    g_autoptr(RemoteZip) zip = g_new0(RemoteZip, 1);
    g_autoptr(GError) failed = NULL;
    zip->place = *place;
    zip->address = g_strdup(place->address);
    zip->tail = get_range(zip, G_MAXUINT64, TAIL_BYTES, error);
    if (!zip->tail) {
        return NULL;
    }
    zip->total = zip->tail->range_start + zip->tail->length;
    if (!zip_find_end(read_at, zip, zip->total, &zip->end, &failed)) {
        if (place->unfit && g_error_matches(failed, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED)) {
            *place->unfit = TRUE;
        }
        g_propagate_error(error, g_steal_pointer(&failed));
        return NULL;
    }
    return g_steal_pointer(&zip);
}

void remote_zip_free(RemoteZip *zip)
{
    if (!zip) {
        return;
    }
    forget_address(zip);
    document_free(zip->tail);
    document_free(zip->rows);
    document_free(zip->piece);
    validators_free(zip->validators);
    g_free(zip->address);
    g_free(zip);
}

guint64 remote_zip_total(const RemoteZip *zip)
{
    return zip->total;
}

guint64 remote_zip_received(const RemoteZip *zip)
{
    return zip->received;
}

gboolean remote_zip_came_by_login(const RemoteZip *zip)
{
    return zip->by_login;
}

const ZipEnd *remote_zip_end(const RemoteZip *zip)
{
    return &zip->end;
}

gboolean remote_zip_each(RemoteZip *zip,
                         gboolean (*func)(const ZipEntry *entry, gpointer data, GError **error),
                         gpointer data, GError **error)
{
    return zip_each_entry(read_at, zip, &zip->end, func, data, error);
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

/* Bytes [FROM, TO) of the zip, as they come. */
static gboolean copy_bytes(RemoteZip *zip, guint64 from, guint64 to, int fd, GError **error)
{
    g_autofree guint8 *buffer = g_malloc(COPY_BYTES);
    while (from < to) {
        gsize length = (gsize)MIN((guint64)COPY_BYTES, to - from);
        /* What is here first: the rest of it is no reason to ask for it again. */
        if (holds(zip->piece, from, 1)) {
            const Document *piece = zip->piece;
            length = (gsize)MIN((guint64)length, piece->range_start + piece->length - from);
        }
        zip->look_to = MAX(zip->look_to, to);
        if (!read_at(from, buffer, length, zip, error) || !write_all(fd, buffer, length, error)) {
            return FALSE;
        }
        from += length;
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

/* The entry's local header, as it is written; *LENGTH is how many bytes it and the data are. */
static gboolean read_local(RemoteZip *zip, const ZipEntry *entry, guint8 *local, guint64 *length,
                           GError **error)
{
    const guint64 room = zip->end.directory_offset - entry->header_offset;
    zip->look_to = MIN(zip->look_to, zip->end.directory_offset);
    if (!read_at(entry->header_offset, local, LOCAL_BYTES, zip, error)) {
        return FALSE;
    }
    const guint64 head = LOCAL_BYTES + (guint64)get16(local + 26) + get16(local + 28);
    if (get32(local) != SIGNATURE_LOCAL || head > room || entry->compressed > room - head) {
        return damaged(zip, error);
    }
    *length = head + entry->compressed;
    drop_descriptor(local, entry);
    return TRUE;
}

/* The entry's local header and data; *LENGTH is how many bytes these are. */
static gboolean copy_entry(RemoteZip *zip, const ZipEntry *entry, int fd, guint64 *length,
                           GError **error)
{
    guint8 local[LOCAL_BYTES];
    zip->look_to = MAX(zip->look_to, entry->header_offset + remote_zip_entry_length(entry));
    return read_local(zip, entry, local, length, error) &&
           write_all(fd, local, sizeof local, error) &&
           copy_bytes(zip, entry->header_offset + LOCAL_BYTES, entry->header_offset + *length, fd,
                      error);
}

/* The entry's row, which now points to OFFSET of the file. A 64-bit offset in its extra field is
 * not looked at then. */
static gboolean copy_row(RemoteZip *zip, const ZipEntry *entry, guint32 offset, int fd,
                         GError **error)
{
    g_autofree guint8 *row = g_malloc(entry->row_length);
    if (!read_at(entry->row_offset, row, entry->row_length, zip, error)) {
        return FALSE;
    }
    put16(row + 8, get16(row + 8) & ~FLAG_DESCRIPTOR);
    put16(row + 34, 0);
    put32(row + 42, offset);
    return write_all(fd, row, entry->row_length, error);
}

static gboolean write_end(int fd, guint count, guint64 directory_offset, guint32 directory_size,
                          GError **error)
{
    guint8 records[END64_BYTES + LOCATOR_BYTES + END_BYTES] = {0};
    guint8 *end64 = records, *locator = records + END64_BYTES, *end = locator + LOCATOR_BYTES;
    const gboolean needs64 = directory_offset >= G_MAXUINT32 || count >= G_MAXUINT16;
    put32(end64, SIGNATURE_END64);
    put64(end64 + 4, END64_BYTES - 12);
    put16(end64 + 12, VERSION_ZIP64);
    put16(end64 + 14, VERSION_ZIP64);
    put64(end64 + 24, count);
    put64(end64 + 32, count);
    put64(end64 + 40, directory_size);
    put64(end64 + 48, directory_offset);
    put32(locator, SIGNATURE_LOCATOR);
    put64(locator + 8, directory_offset + directory_size);
    put32(locator + 16, 1);
    put32(end, SIGNATURE_END);
    put16(end + 8, (guint16)MIN(count, G_MAXUINT16));
    put16(end + 10, (guint16)MIN(count, G_MAXUINT16));
    put32(end + 12, directory_size);
    put32(end + 16, needs64 ? G_MAXUINT32 : (guint32)directory_offset);
    return needs64 ? write_all(fd, records, sizeof records, error)
                   : write_all(fd, end, END_BYTES, error);
}

guint64 remote_zip_entry_length(const ZipEntry *entry)
{
    /* Its extra field may be longer there than in its row: what lacks is asked for then. */
    return LOCAL_BYTES + entry->local_name_length + EXTRA_BYTES + entry->compressed;
}

/* The entries from FIRST on that come by one request; *TO is where that ends. */
static guint stretch_of(const ZipEntry *entries, guint first, guint count, guint64 gap, guint64 *to)
{
    guint next = first;
    *to = 0;
    while (next < count &&
           (next == first || (entries[next].header_offset >= entries[next - 1].header_offset &&
                              entries[next].header_offset <= *to + gap))) {
        *to = MAX(*to, entries[next].header_offset + remote_zip_entry_length(&entries[next]));
        next++;
    }
    return next;
}

void remote_zip_forget(RemoteZip *zip)
{
    g_clear_pointer(&zip->piece, document_free);
}

gboolean remote_zip_copy(RemoteZip *zip, const ZipEntry *entries, guint count, guint64 gap, int fd,
                         GError **error)
{
    g_autofree guint64 *offsets = g_new(guint64, count);
    guint64 at = 0, directory = 0;
    guint next = 0;
    for (guint i = 0; i < count; i++) {
        guint64 length = 0;
        if (i == next) {
            next = stretch_of(entries, i, count, gap, &zip->look_to);
        }
        offsets[i] = at;
        if (at >= G_MAXUINT32 || !copy_entry(zip, &entries[i], fd, &length, error)) {
            return at < G_MAXUINT32 ? FALSE : damaged(zip, error);
        }
        at += length;
    }
    for (guint i = 0; i < count; i++) {
        if (!copy_row(zip, &entries[i], (guint32)offsets[i], fd, error)) {
            return FALSE;
        }
        directory += entries[i].row_length;
    }
    return write_end(fd, count, at, (guint32)directory, error);
}

/* Cuts FD to the bytes of the entry that it has, and stands behind them. */
static gboolean keep_entry(int fd, guint64 length, guint64 *have, GError **error)
{
    struct stat now;
    if (fstat(fd, &now) != 0) {
        return error_set_storage(error, errno, _("cannot read a member back"));
    }
    *have = MIN((guint64)now.st_size, length);
    *have = *have >= LOCAL_BYTES ? *have : 0;
    return (ftruncate(fd, (off_t)*have) == 0 && lseek(fd, (off_t)*have, SEEK_SET) >= 0) ||
           error_set_storage(error, errno, _("cannot write a member"));
}

gboolean remote_zip_go_on(RemoteZip *zip, const ZipEntry *entry, int fd, GError **error)
{
    guint8 local[LOCAL_BYTES];
    guint64 length = 0, have = 0;
    /* Its data is not asked for again for the sake of its header. */
    zip->look_to = entry->header_offset + LOCAL_BYTES;
    if (!read_local(zip, entry, local, &length, error) || !keep_entry(fd, length, &have, error) ||
        (have == 0 && !write_all(fd, local, sizeof local, error))) {
        return FALSE;
    }
    have = MAX(have, LOCAL_BYTES);
    return copy_bytes(zip, entry->header_offset + have, entry->header_offset + length, fd, error) &&
           copy_row(zip, entry, 0, fd, error) && write_end(fd, 1, length, entry->row_length, error);
}

char *remote_zip_entry_name(const RemoteZip *zip, const ZipEntry *entry)
{
    const Validators *of = zip->validators;
    g_autofree char *all = g_strdup_printf(
        "%s\n%s\n%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %x",
        of && of->etag ? of->etag : "", of && of->last_modified ? of->last_modified : "",
        zip->total, entry->header_offset, entry->compressed, entry->crc);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, all, -1);
    return g_strndup(digest, 16);
}

void remote_zip_read_by(RemoteZip *zip, HostServices *services, gint64 *came)
{
    zip->place.services = services;
    zip->came = came;
}

RemoteZipResult remote_zip_extract(RemoteZip *zip,
                                   gboolean (*choose)(const ZipEntry *entry, gpointer data),
                                   gpointer data, int fd, GError **error)
{
    Choice choice = {.choose = choose, .data = data};
    if (!remote_zip_each(zip, consider, &choice, error) && !choice.found) {
        return REMOTE_ZIP_FAILED;
    }
    if (!choice.found) {
        return REMOTE_ZIP_NOT_THERE;
    }
    return remote_zip_copy(zip, &choice.entry, 1, 0, fd, error) ? REMOTE_ZIP_EXTRACTED
                                                                : REMOTE_ZIP_FAILED;
}

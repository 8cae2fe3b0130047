#include "zip_directory.h"

#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

/* APPNOTE.TXT 4.3.12 (headers), 4.3.14 to 4.3.16 (end records), 4.5.3 (zip64), 4.6.9 (Unicode
 * path). */
enum {
    HEADER_BYTES = 46,
    END_BYTES = 22,
    LOCATOR_BYTES = 20,
    END64_BYTES = 56,
    LONGEST_COMMENT = 65535,
    EXTRA_ZIP64 = 0x0001,
    EXTRA_UNICODE_PATH = 0x7075,
    MADE_BY_UNIX = 3,
    MADE_BY_DARWIN = 19,
    FLAG_UTF8 = 1 << 11,
    DOS_FOLDER = 0x10,
};
#define SIGNATURE_HEADER 0x02014b50u
#define SIGNATURE_END 0x06054b50u
#define SIGNATURE_LOCATOR 0x07064b50u
#define SIGNATURE_END64 0x06064b50u

#define WINDOW_BYTES (256 * 1024)

static guint16 get16(const guint8 *p)
{
    return (guint16)(p[0] | p[1] << 8);
}

static guint32 get32(const guint8 *p)
{
    return (guint32)get16(p) | (guint32)get16(p + 2) << 16;
}

static guint64 get64(const guint8 *p)
{
    return (guint64)get32(p) | (guint64)get32(p + 4) << 32;
}

static gboolean damaged(GError **error, const char *reason)
{
    /* TRANSLATORS: a clause such as "its end record is missing". */
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED, _("The zip is damaged: %s."),
                reason);
    return FALSE;
}

/* The zip64 end record, where a locator stands in front of the end record at END_OFFSET. Fills the
 * three figures; *BEGINS is where the end records begin. */
static gboolean read_end64(ZipReadAt read_at, gpointer data, guint64 end_offset, ZipEnd *end,
                           guint64 *begins, gboolean needed, GError **error)
{
    guint8 locator[LOCATOR_BYTES], record[END64_BYTES];
    *begins = end_offset;
    if (end_offset >= LOCATOR_BYTES) {
        if (!read_at(end_offset - LOCATOR_BYTES, locator, sizeof(locator), data, error))
            return FALSE;
    } else {
        memset(locator, 0, sizeof(locator));
    }
    if (get32(locator) != SIGNATURE_LOCATOR)
        return !needed || damaged(error, _("its 64-bit end record is missing"));
    /* The record usually adjoins its locator, also where bytes stand in front of the archive. */
    guint64 at = end_offset - LOCATOR_BYTES;
    const guint64 told = get64(locator + 8);
    gboolean found = FALSE;
    const guint64 candidates[] = {told, at >= END64_BYTES ? at - END64_BYTES : G_MAXUINT64};
    for (gsize i = 0; i < G_N_ELEMENTS(candidates) && !found; i++) {
        if (at < END64_BYTES || candidates[i] > at - END64_BYTES)
            continue;
        if (!read_at(candidates[i], record, sizeof(record), data, error))
            return FALSE;
        found = get32(record) == SIGNATURE_END64 && get64(record + 4) >= END64_BYTES - 12 &&
                get64(record + 4) == at - candidates[i] - 12;
        *begins = candidates[i];
    }
    if (!found)
        return damaged(error, _("its 64-bit end record is missing"));
    if (get32(record + 16) != 0 || get32(record + 20) != 0 ||
        get64(record + 24) != get64(record + 32))
        return damaged(error, _("it is one part of several"));
    end->entries = get64(record + 32);
    end->directory_size = get64(record + 40);
    end->directory_offset = get64(record + 48);
    return TRUE;
}

/* RECORD is the end record found at END_OFFSET. */
static gboolean read_end(ZipReadAt read_at, gpointer data, const guint8 *record, guint64 end_offset,
                         ZipEnd *end, GError **error)
{
    guint16 entries = get16(record + 10);
    guint32 size = get32(record + 12), offset = get32(record + 16);
    *end = (ZipEnd){.entries = entries, .directory_offset = offset, .directory_size = size};
    gboolean needed = entries == 0xffff || size == 0xffffffff || offset == 0xffffffff;
    guint64 begins = end_offset;
    /* 0xffff entries without a 64-bit record are exactly that many. */
    if (!read_end64(read_at, data, end_offset, end, &begins,
                    needed && !(size != 0xffffffff && offset != 0xffffffff), error))
        return FALSE;
    if (begins == end_offset && (get16(record + 4) != 0 || get16(record + 6) != 0 ||
                                 get16(record + 8) != get16(record + 10)))
        return damaged(error, _("it is one part of several"));
    if (end->directory_size > begins || end->directory_offset > begins - end->directory_size)
        return damaged(error, _("its end record contradicts itself"));
    end->prefix = begins - end->directory_size - end->directory_offset;
    end->directory_offset += end->prefix;
    if (end->entries > end->directory_size / HEADER_BYTES)
        return damaged(error, _("its end record contradicts itself"));
    end->directory_end = begins;
    return TRUE;
}

gboolean zip_find_end(ZipReadAt read_at, gpointer data, guint64 total, ZipEnd *end, GError **error)
{
    if (total < END_BYTES)
        return damaged(error, _("its end is missing"));
    const gsize window = (gsize)MIN(total, END_BYTES + LONGEST_COMMENT);
    g_autofree guint8 *tail = g_malloc(window);
    if (!read_at(total - window, tail, window, data, error))
        return FALSE;
    /* An end record's signature may stand in its own comment: the one whose comment reaches exactly
     * to the file's end counts; else the last one, with what is behind it. */
    gssize exact = -1, last = -1;
    for (gsize i = window - END_BYTES + 1; i-- > 0;) {
        if (get32(tail + i) != SIGNATURE_END)
            continue;
        gsize comment = get16(tail + i + 20);
        if (i + END_BYTES + comment > window)
            continue;
        if (last < 0)
            last = (gssize)i;
        if (i + END_BYTES + comment == window) {
            exact = (gssize)i;
            break;
        }
    }
    const gssize chosen = exact >= 0 ? exact : last;
    if (chosen < 0)
        return damaged(error, _("its end is missing"));
    if (!read_end(read_at, data, tail + chosen, total - window + (guint64)chosen, end, error))
        return FALSE;
    end->behind = window - (gsize)chosen - END_BYTES - get16(tail + chosen + 20);
    return TRUE;
}

typedef struct {
    ZipReadAt read_at;
    gpointer data;
    guint64 from, to; /* what is not in the window yet */
    guint8 *bytes;
    gsize start, end; /* unused part of the window */
} Window;

/* LENGTH contiguous bytes; NULL at an error or where the directory ends first. */
static const guint8 *window_take(Window *window, gsize length, GError **error)
{
    if (window->end - window->start < length) {
        memmove(window->bytes, window->bytes + window->start, window->end - window->start);
        window->end -= window->start;
        window->start = 0;
        gsize more = (gsize)MIN((guint64)(WINDOW_BYTES - window->end), window->to - window->from);
        if (window->end + more < length) {
            damaged(error, _("its directory is cut"));
            return NULL;
        }
        if (!window->read_at(window->from, window->bytes + window->end, more, window->data, error))
            return NULL;
        window->from += more;
        window->end += more;
    }
    const guint8 *taken = window->bytes + window->start;
    window->start += length;
    return taken;
}

/* Fills in what of the three values is all ones in the row. */
static gboolean read_zip64(const guint8 *field, gsize length, ZipEntry *entry, GError **error)
{
    guint64 *wanted[] = {&entry->size, &entry->compressed, &entry->header_offset};
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++) {
        if (*wanted[i] != 0xffffffff)
            continue;
        if (length < 8)
            return damaged(error, _("a 64-bit field of its directory is cut"));
        *wanted[i] = get64(field);
        field += 8;
        length -= 8;
    }
    return TRUE;
}

/* The name in UTF-8 that some writers put beside one in another charset; it counts only where its
 * CRC is that of the name it stands for. */
static void read_unicode_path(const guint8 *field, gsize length, ZipEntry *entry)
{
    if (length <= 5 || field[0] != 1 || entry->name_is_utf8)
        return;
    if (get32(field + 1) != crc32(0, entry->name, (uInt)entry->name_length))
        return;
    entry->name = field + 5;
    entry->name_length = length - 5;
    entry->name_is_utf8 = TRUE;
}

gboolean zip_read_extra(const guint8 *extra, gsize length, ZipEntry *entry, GError **error)
{
    gboolean needs64 = entry->size == 0xffffffff || entry->compressed == 0xffffffff ||
                       entry->header_offset == 0xffffffff;
    while (length >= 4) {
        const gsize size = get16(extra + 2);
        /* Padding of aligned archives ends in pieces that are no fields. */
        if (size > length - 4)
            break;
        if (get16(extra) == EXTRA_ZIP64 && needs64) {
            if (!read_zip64(extra + 4, size, entry, error))
                return FALSE;
            needs64 = FALSE;
        } else if (get16(extra) == EXTRA_UNICODE_PATH) {
            read_unicode_path(extra + 4, size, entry);
        }
        extra += 4 + size;
        length -= 4 + size;
    }
    return TRUE;
}

static void read_attributes(const guint8 *row, ZipEntry *entry)
{
    const guint8 made_by = row[5];
    const guint32 attributes = get32(row + 38);
    if (made_by == MADE_BY_UNIX || made_by == MADE_BY_DARWIN)
        entry->mode = attributes >> 16;
    entry->is_folder = (entry->name_length > 0 && entry->name[entry->name_length - 1] == '/') ||
                       (entry->mode & 0170000) == 0040000 ||
                       (entry->mode == 0 && (attributes & DOS_FOLDER) && entry->size == 0);
}

static gboolean read_row(Window *window, const ZipEnd *end, ZipEntry *entry, GError **error)
{
    const guint64 row_offset = window->from - (window->end - window->start);
    const guint8 *row = window_take(window, HEADER_BYTES, error);
    if (!row)
        return FALSE;
    if (get32(row) != SIGNATURE_HEADER)
        return damaged(error, _("its directory has a row that is none"));
    guint8 fixed[HEADER_BYTES];
    memcpy(fixed, row, HEADER_BYTES);
    const gsize name = get16(fixed + 28), extra = get16(fixed + 30), comment = get16(fixed + 32);
    const guint8 *rest = window_take(window, name + extra + comment, error);
    if (!rest)
        return FALSE;
    *entry = (ZipEntry){
        .name = rest,
        .name_length = name,
        .name_is_utf8 = (get16(fixed + 8) & FLAG_UTF8) != 0,
        .flags = get16(fixed + 8),
        .method = get16(fixed + 10),
        .crc = get32(fixed + 16),
        .compressed = get32(fixed + 20),
        .size = get32(fixed + 24),
        .header_offset = get32(fixed + 42),
        .local_name = rest,
        .local_name_length = name,
        .row_offset = row_offset,
        .row_length = (guint32)(HEADER_BYTES + name + extra + comment),
    };
    if (get16(fixed + 34) != 0 && get16(fixed + 34) != 0xffff)
        return damaged(error, _("it is one part of several"));
    if (!zip_read_extra(rest + name, extra, entry, error))
        return FALSE;
    if (entry->header_offset >= end->directory_offset - end->prefix)
        return damaged(error, _("its directory points behind itself"));
    entry->header_offset += end->prefix;
    read_attributes(fixed, entry);
    return TRUE;
}

gboolean zip_each_entry(ZipReadAt read_at, gpointer data, const ZipEnd *end,
                        gboolean (*func)(const ZipEntry *entry, gpointer data, GError **error),
                        gpointer func_data, GError **error)
{
    g_autofree guint8 *bytes = g_malloc(WINDOW_BYTES);
    Window window = {.read_at = read_at,
                     .data = data,
                     .from = end->directory_offset,
                     .to = end->directory_offset + end->directory_size,
                     .bytes = bytes};
    for (guint64 i = 0; i < end->entries; i++) {
        ZipEntry entry;
        if (!read_row(&window, end, &entry, error) || !func(&entry, func_data, error))
            return FALSE;
    }
    if (window.from != window.to || window.start != window.end)
        return damaged(error, _("its directory has more rows than its end record says"));
    return TRUE;
}

gboolean zip_read_at_fd(guint64 offset, void *buffer, gsize length, gpointer data, GError **error)
{
    guint8 *to = buffer;
    while (length > 0) {
        gssize got = TEMP_FAILURE_RETRY(pread(GPOINTER_TO_INT(data), to, length, (goffset)offset));
        if (got < 0)
            return error_set_storage(error, errno, _("cannot read the archive"));
        if (got == 0)
            return damaged(error, _("it is shorter than it was"));
        to += got;
        offset += (guint64)got;
        length -= (gsize)got;
    }
    return TRUE;
}

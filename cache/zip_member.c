#include "zip_member.h"

#include "error.h"
#include "i18n.h"
#include "unpack_filter.h"

#include <archive.h>
#include <archive_entry.h>
#include <libdeflate.h>
#include <string.h>
#include <zlib.h>

enum {
    LOCAL_BYTES = 30,
    DESCRIPTOR_LONGEST = 24,
    IN_BYTES = 256 * 1024,
    END_BYTES = 22,
    ROW_BYTES = 46,
};
#define SIGNATURE_LOCAL 0x04034b50u
#define SIGNATURE_DESCRIPTOR 0x08074b50u

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

static void put16(guint8 *p, guint value)
{
    p[0] = (guint8)value;
    p[1] = (guint8)(value >> 8);
}

static void put32(guint8 *p, guint32 value)
{
    put16(p, value & 0xffff);
    put16(p + 2, value >> 16);
}

static gboolean damaged(const char *why, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED, _("The zip is damaged: %s."), why);
    return FALSE;
}

/* Reads what is there of LENGTH bytes; -1 at an error. */
static gssize read_some(UnpackSource *source, guint64 offset, guint8 *buffer, gsize length,
                        GError **error)
{
    gsize got = 0;
    while (got < length) {
        gssize n = unpack_source_read(source, offset + got, buffer + got, length - got, error);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (gsize)n;
    }
    return (gssize)got;
}

ZipLocalRead zip_local_read(UnpackSource *source, guint64 offset, ZipLocal *local, GError **error)
{
    guint8 header[LOCAL_BYTES];
    gssize got = read_some(source, offset, header, sizeof(header), error);
    if (got < 0)
        return ZIP_LOCAL_ERROR;
    if (got < LOCAL_BYTES || get32(header) != SIGNATURE_LOCAL)
        return ZIP_LOCAL_NONE;
    const gsize name = get16(header + 26), extra = get16(header + 28);
    got = read_some(source, offset + LOCAL_BYTES, local->names, name + extra, error);
    if (got < 0)
        return ZIP_LOCAL_ERROR;
    if ((gsize)got < name + extra)
        return ZIP_LOCAL_NONE;
    local->data_offset = offset + LOCAL_BYTES + name + extra;
    local->entry = (ZipEntry){
        .name = local->names,
        .name_length = name,
        .local_name = local->names,
        .local_name_length = name,
        .flags = get16(header + 6),
        .method = get16(header + 8),
        .crc = get32(header + 14),
        .compressed = get32(header + 18),
        .size = get32(header + 22),
    };
    if (!zip_read_extra(local->names + name, extra, &local->entry, NULL))
        return ZIP_LOCAL_NONE;
    local->entry.header_offset = offset;
    local->entry.is_folder = name > 0 && local->names[name - 1] == '/';
    if (local->entry.flags & ZIP_FLAG_DESCRIPTOR) {
        local->entry.compressed = local->entry.size = G_MAXUINT64;
        local->entry.crc = 0;
    }
    return ZIP_LOCAL_IS;
}

/* Takes decoded bytes: counts, checks, hands on. */
static gboolean output_take(const ZipOutput *output, const ZipEntry *entry, const void *bytes,
                            gsize length, ZipDecoded *decoded, GError **error)
{
    if (entry->size != G_MAXUINT64 && length > entry->size - decoded->size)
        return damaged(_("a member is longer than it says"), error);
    decoded->crc = libdeflate_crc32(decoded->crc, bytes, length);
    decoded->size += length;
    if (output->writer)
        unpack_write_data(output->writer, bytes, length);
    if (output->kept) {
        if (output->kept->len + length > ZIP_LONGEST_TARGET)
            return damaged(_("a symbolic link is longer than a path can be"), error);
        g_byte_array_append(output->kept, bytes, (guint)length);
    }
    return TRUE;
}

static gboolean decode_stored(UnpackSource *source, guint64 offset, const ZipEntry *entry,
                              const ZipOutput *output, ZipDecoded *decoded, GError **error)
{
    g_autofree guint8 *in = g_malloc(IN_BYTES);
    while (decoded->compressed < entry->compressed) {
        gsize n = (gsize)MIN((guint64)IN_BYTES, entry->compressed - decoded->compressed);
        if (!unpack_source_read_exactly(offset + decoded->compressed, in, n, source, error))
            return FALSE;
        decoded->compressed += n;
        if (!output_take(output, entry, in, n, decoded, error))
            return FALSE;
    }
    return TRUE;
}

/* A member whose both sizes are known and small. */
static gboolean decode_whole(UnpackSource *source, guint64 offset, const ZipEntry *entry,
                             const ZipOutput *output, ZipDecoded *decoded, GError **error)
{
    g_autofree guint8 *in = g_malloc(entry->compressed);
    if (!unpack_source_read_exactly(offset, in, (gsize)entry->compressed, source, error))
        return FALSE;
    g_autofree guint8 *out = g_malloc(MAX(entry->size, 1));
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    if (!decompressor)
        g_error("libdeflate cannot be started");
    gsize used = 0, made = 0;
    enum libdeflate_result result = libdeflate_deflate_decompress_ex(
        decompressor, in, (gsize)entry->compressed, out, (gsize)entry->size, &used, &made);
    libdeflate_free_decompressor(decompressor);
    if (result != LIBDEFLATE_SUCCESS)
        return damaged(_("a member's data cannot be decoded"), error);
    decoded->compressed = used;
    return output_take(output, entry, out, made, decoded, error);
}

static gboolean decode_deflated(UnpackSource *source, guint64 offset, const ZipEntry *entry,
                                const ZipOutput *output, ZipDecoded *decoded, GError **error)
{
    g_autofree guint8 *in = g_malloc(IN_BYTES), *out = g_malloc(UNPACK_DATA_MAX);
    z_stream stream = {0};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        g_error("zlib cannot be started");
    guint64 read_to = 0;
    int code = Z_OK;
    gboolean right = TRUE;
    stream.next_out = out;
    stream.avail_out = UNPACK_DATA_MAX;
    while (right && code != Z_STREAM_END) {
        if (stream.avail_in == 0) {
            const guint64 left = entry->compressed - read_to;
            gssize n = left == 0 ? 0
                                 : unpack_source_read(source, offset + read_to, in,
                                                      (gsize)MIN((guint64)IN_BYTES, left), error);
            right = n > 0 || (n == 0 && damaged(_("a member's data are cut short"), error));
            stream.next_in = in;
            stream.avail_in = (uInt)MAX(n, 0);
            read_to += (guint64)MAX(n, 0);
        }
        if (!right)
            break;
        code = inflate(&stream, Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            right = damaged(_("a member's data cannot be decoded"), error);
        if (right && (stream.avail_out == 0 || code == Z_STREAM_END)) {
            right =
                output_take(output, entry, out, UNPACK_DATA_MAX - stream.avail_out, decoded, error);
            stream.next_out = out;
            stream.avail_out = UNPACK_DATA_MAX;
        }
    }
    decoded->compressed = read_to - stream.avail_in;
    inflateEnd(&stream);
    return right;
}

/* A zip of this one member, as libarchive reads it as a stream: the header, then the data as they
 * lie in the archive, then a directory of one row. For the methods that are rare. */
typedef struct {
    UnpackSource *source;
    guint64 offset, left;
    guint8 header[LOCAL_BYTES + 1];
    guint8 directory[ROW_BYTES + 1 + END_BYTES];
    guint8 block[IN_BYTES];
    int stage;
    GError *error;
} LoneMember;

static void lone_fill(LoneMember *lone, const ZipEntry *entry)
{
    static const guint8 local[4] = {'P', 'K', 3, 4}, row[4] = {'P', 'K', 1, 2},
                        end[4] = {'P', 'K', 5, 6};
    guint8 common[26];
    put16(common, 63);
    put16(common + 2, entry->flags & 6u); /* the bits that belong to the method */
    put16(common + 4, entry->method);
    put32(common + 6, 0x00210000);
    put32(common + 10, entry->crc);
    put32(common + 14, (guint32)entry->compressed);
    put32(common + 18, (guint32)entry->size);
    put16(common + 22, 1);
    put16(common + 24, 0);
    memcpy(lone->header, local, 4);
    memcpy(lone->header + 4, common, sizeof(common));
    lone->header[LOCAL_BYTES] = 'm';
    memcpy(lone->directory, row, 4);
    put16(lone->directory + 4, 63);
    memcpy(lone->directory + 6, common, sizeof(common));
    lone->directory[ROW_BYTES] = 'm';
    guint8 *tail = lone->directory + ROW_BYTES + 1;
    memcpy(tail, end, 4);
    put16(tail + 8, 1);
    put16(tail + 10, 1);
    put32(tail + 12, ROW_BYTES + 1);
    put32(tail + 16, (guint32)(sizeof(lone->header) + entry->compressed));
}

static la_ssize_t lone_feed(struct archive *archive, void *data, const void **bytes)
{
    LoneMember *lone = data;
    if (lone->stage == 0) {
        lone->stage = 1;
        *bytes = lone->header;
        return sizeof(lone->header);
    }
    if (lone->stage == 1 && lone->left > 0) {
        gsize n = (gsize)MIN((guint64)IN_BYTES, lone->left);
        if (!unpack_source_read_exactly(lone->offset, lone->block, n, lone->source, &lone->error)) {
            archive_set_error(archive, 5, "read error");
            return ARCHIVE_FATAL;
        }
        lone->offset += n;
        lone->left -= n;
        *bytes = lone->block;
        return (la_ssize_t)n;
    }
    *bytes = lone->directory;
    return lone->stage++ == 1 ? (la_ssize_t)sizeof(lone->directory) : 0;
}

static gboolean lone_read(LoneMember *lone, struct archive *archive, const ZipEntry *entry,
                          const ZipOutput *output, ZipDecoded *decoded, GError **error)
{
    struct archive_entry *found;
    int code = archive_read_support_format_zip_streamable(archive);
    if (code == ARCHIVE_OK)
        code = archive_read_open(archive, lone, NULL, lone_feed, NULL);
    if (code == ARCHIVE_OK)
        code = archive_read_next_header(archive, &found);
    while (code == ARCHIVE_OK) {
        const void *bytes = NULL;
        size_t length = 0;
        la_int64_t at = 0;
        code = archive_read_data_block(archive, &bytes, &length, &at);
        /* Also the block that comes with a warning, so that the bytes are judged by us. */
        if (code == ARCHIVE_OK && !output_take(output, entry, bytes, length, decoded, error))
            return FALSE;
    }
    if (code == ARCHIVE_EOF)
        return TRUE;
    if (lone->error)
        g_propagate_error(error, g_steal_pointer(&lone->error));
    else
        unpack_set_archive_error(archive, error);
    return FALSE;
}

static gboolean decode_rare(UnpackSource *source, guint64 offset, const ZipEntry *entry,
                            const ZipOutput *output, ZipDecoded *decoded, GError **error)
{
    /* The lone member's header has 32-bit sizes. */
    if (entry->compressed > 0xfffffff0 || entry->size > 0xfffffff0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("The zip has a member of method %u above 4 GiB, which cannot be decoded."),
                    entry->method);
        return FALSE;
    }
    LoneMember *lone = g_new0(LoneMember, 1);
    lone->source = source;
    lone->offset = offset;
    lone->left = entry->compressed;
    lone_fill(lone, entry);
    struct archive *archive = archive_read_new();
    gboolean done = lone_read(lone, archive, entry, output, decoded, error);
    archive_read_free(archive);
    decoded->compressed = entry->compressed;
    g_clear_error(&lone->error);
    g_free(lone);
    return done;
}

gboolean zip_member_decode(UnpackSource *source, guint64 data_offset, const ZipEntry *entry,
                           const ZipOutput *output, ZipDecoded *decoded, GError **error)
{
    *decoded = (ZipDecoded){0};
    if (entry->flags & (ZIP_FLAG_ENCRYPTED | ZIP_FLAG_STRONG | ZIP_FLAG_MASKED)) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                            _("The archive is encrypted; it cannot be unpacked without its "
                              "password."));
        return FALSE;
    }
    const gboolean known = entry->compressed != G_MAXUINT64;
    if (entry->method == ZIP_DEFLATED && known && entry->compressed <= ZIP_WHOLE_BYTES &&
        entry->size <= ZIP_WHOLE_BYTES)
        return decode_whole(source, data_offset, entry, output, decoded, error);
    if (entry->method == ZIP_DEFLATED)
        return decode_deflated(source, data_offset, entry, output, decoded, error);
    if (!known)
        return damaged(_("a member does not say where it ends"), error);
    if (entry->method == ZIP_STORED)
        return decode_stored(source, data_offset, entry, output, decoded, error);
    return decode_rare(source, data_offset, entry, output, decoded, error);
}

/* Java writes 64-bit descriptors without saying so, and some writers leave the signature out: the
 * form is the one that tells what was seen and is followed by a header. */
gssize zip_descriptor_length(UnpackSource *source, guint64 offset, const ZipDecoded *decoded,
                             GError **error)
{
    guint8 bytes[DESCRIPTOR_LONGEST + 2] = {0};
    gssize got = read_some(source, offset, bytes, sizeof(bytes), error);
    if (got < 0)
        return -1;
    for (int form = 0; form < 4; form++) {
        const gsize start = form < 2 ? 4 : 0, width = form % 2 ? 8 : 4;
        const gsize length = start + 4 + 2 * width;
        const guint8 *sizes = bytes + start + 4;
        if ((gsize)got < length + 2 || memcmp(bytes + length, "PK", 2) != 0 ||
            (start && get32(bytes) != SIGNATURE_DESCRIPTOR) || get32(bytes + start) != decoded->crc)
            continue;
        if (width == 8 ? get64(sizes) == decoded->compressed && get64(sizes + 8) == decoded->size
                       : get32(sizes) == (guint32)decoded->compressed &&
                             get32(sizes + 4) == (guint32)decoded->size)
            return (gssize)length;
    }
    return 0;
}

gboolean zip_member_read(UnpackSource *source, const ZipLocal *local, const ZipOutput *output,
                         ZipDecoded *decoded, guint64 *end, GError **error)
{
    const ZipEntry *entry = &local->entry;
    if (!zip_member_decode(source, local->data_offset, entry, output, decoded, error))
        return FALSE;
    *end = local->data_offset + decoded->compressed;
    if (!(entry->flags & ZIP_FLAG_DESCRIPTOR)) {
        if (decoded->compressed != entry->compressed || decoded->size != entry->size ||
            decoded->crc != entry->crc)
            return damaged(_("a member's size or checksum is wrong"), error);
        return TRUE;
    }
    gssize descriptor = zip_descriptor_length(source, *end, decoded, error);
    if (descriptor == 0)
        return damaged(_("a member's size or checksum is wrong"), error);
    *end += (guint64)MAX(descriptor, 0);
    return descriptor > 0;
}

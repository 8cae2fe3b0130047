#include "unpack_rar.h"

#include "error.h"
#include "i18n.h"

#include <string.h>
#include <zlib.h>

/* Rar 4: technote.txt of unrar's distribution up to 4.x. Rar 5: rarlab.com/technote.htm. */
enum {
    SIGNATURE4_BYTES = 7,
    SIGNATURE5_BYTES = 8,
    HEADER4_BYTES = 7,
    FILE4_CRC_AT = 16,
    FILE4_METHOD_AT = 25,
    FILE4_HIGH_AT = 32, /* the upper half of a file's packed size */
    MAIN4 = 0x73,
    FILE4 = 0x74,
    SERVICE4 = 0x7a,
    END4 = 0x7b,
    HAS_DATA4 = 0x8000,
    HAS_HIGH4 = 0x0100,
    ENCRYPTED4 = 0x0080,
    SPLIT_OR_ENCRYPTED4 = 0x0007,
    STORED4 = 0x30,
    HEADER5_LONGEST = 4 + 3 + 10 + 10 + 10 + 10,
    ENCRYPTION5 = 4,
    END5 = 5,
    HAS_EXTRA5 = 1,
    HAS_DATA5 = 2,
    SPLIT5 = 0x18,
    FILE5 = 2,
    FILE5_HAS_TIME = 2,
    FILE5_HAS_CRC = 4,
    FILE5_METHOD = 0x380,
    FILE5_LONGEST = 4 + 8 * 10 + 8,
};
static const guint8 signature4[SIGNATURE4_BYTES] = {'R', 'a', 'r', '!', 0x1a, 7, 0};
static const guint8 signature5[SIGNATURE5_BYTES] = {'R', 'a', 'r', '!', 0x1a, 7, 1, 0};

typedef struct {
    guint64 type, flags;
    guint64 length; /* with its data */
    guint64 header; /* without */
} Block;

#define PIECE_BYTES 65536

static gboolean chain_broken(GError **error)
{
    g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                        _("The archive is damaged: its blocks do not reach to its end; it may be "
                          "cut short."));
    return FALSE;
}

static guint64 get_le(const guint8 *p, guint bytes)
{
    guint64 value = 0;
    while (bytes-- > 0)
        value = value << 8 | p[bytes];
    return value;
}

static gboolean read_block4(UnpackSource *source, guint64 at, Block *block, GError **error)
{
    guint8 header[HEADER4_BYTES], size[4];
    if (!unpack_source_read_exactly(at, header, sizeof(header), source, error))
        return FALSE;
    const guint64 header_length = get_le(header + 5, 2);
    *block = (Block){.type = header[2],
                     .flags = get_le(header + 3, 2),
                     .length = header_length,
                     .header = header_length};
    if (header_length < HEADER4_BYTES)
        return chain_broken(error);
    const gboolean is_file = block->type == FILE4 || block->type == SERVICE4;
    if (is_file || (block->flags & HAS_DATA4)) {
        if (!unpack_source_read_exactly(at + HEADER4_BYTES, size, sizeof(size), source, error))
            return FALSE;
        block->length += get_le(size, 4);
    }
    if (is_file && (block->flags & HAS_HIGH4)) {
        if (header_length < FILE4_HIGH_AT + 4 ||
            !unpack_source_read_exactly(at + FILE4_HIGH_AT, size, sizeof(size), source, error))
            return chain_broken(error);
        block->length += get_le(size, 4) << 32;
    }
    return TRUE;
}

/* A number of rar 5: seven bits a byte, the lowest first. FALSE where it does not end. */
static gboolean take_number(const guint8 **from, const guint8 *end, guint64 *number)
{
    *number = 0;
    for (guint shift = 0; shift < 64 && *from < end; shift += 7) {
        const guint8 byte = *(*from)++;
        *number |= (guint64)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return TRUE;
    }
    return FALSE;
}

static gboolean read_block5(UnpackSource *source, guint64 at, Block *block, GError **error)
{
    guint8 header[HEADER5_LONGEST] = {0};
    gsize there = 0;
    while (there < sizeof(header)) {
        gssize n =
            unpack_source_read(source, at + there, header + there, sizeof(header) - there, error);
        if (n < 0)
            return FALSE;
        if (n == 0)
            break;
        there += (gsize)n;
    }
    const guint8 *from = header + 4, *end = header + there;
    guint64 length, extra = 0, data = 0;
    if (there <= 4 || !take_number(&from, end, &length))
        return chain_broken(error);
    block->header = block->length = (guint64)(from - header) + length;
    if (!take_number(&from, end, &block->type) || !take_number(&from, end, &block->flags) ||
        ((block->flags & HAS_EXTRA5) && !take_number(&from, end, &extra)) ||
        ((block->flags & HAS_DATA5) && !take_number(&from, end, &data)) || length == 0 ||
        data > G_MAXINT64)
        return chain_broken(error);
    block->length += data;
    return TRUE;
}

/* 4, 5, or 0 where neither begins at AT. */
static int version_at(UnpackSource *source, guint64 at)
{
    guint8 signature[SIGNATURE5_BYTES] = {0};
    if (!unpack_source_read_exactly(at, signature, SIGNATURE4_BYTES, source, NULL))
        return 0;
    if (memcmp(signature, signature4, SIGNATURE4_BYTES) == 0)
        return 4;
    if (!unpack_source_read_exactly(at, signature, SIGNATURE5_BYTES, source, NULL))
        return 0;
    return memcmp(signature, signature5, SIGNATURE5_BYTES) == 0 ? 5 : 0;
}

/* libarchive 3.6 never compares the CRC of a member that is stored: the data of the block at AT. */
static gboolean check_crc(UnpackSource *source, guint64 at, const Block *block, guint64 wanted,
                          GError **error)
{
    g_autofree guint8 *piece = g_malloc(PIECE_BYTES);
    const guint64 end = at + block->length;
    uLong crc = crc32(0, NULL, 0);
    for (guint64 from = at + block->header; from < end;) {
        const gsize length = (gsize)MIN((guint64)PIECE_BYTES, end - from);
        if (!unpack_source_read_exactly(from, piece, length, source, error))
            return FALSE;
        crc = crc32(crc, piece, (uInt)length);
        from += length;
    }
    if (crc == wanted)
        return TRUE;
    g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                        _("The archive is damaged: a member's bytes do not have its CRC."));
    return FALSE;
}

static gboolean check_stored4(UnpackSource *source, guint64 at, const Block *block, GError **error)
{
    guint8 header[FILE4_METHOD_AT + 1];
    if (block->type != FILE4 || (block->flags & SPLIT_OR_ENCRYPTED4) ||
        block->header < sizeof(header))
        return TRUE;
    if (!unpack_source_read_exactly(at, header, sizeof(header), source, error))
        return FALSE;
    return header[FILE4_METHOD_AT] != STORED4 ||
           check_crc(source, at, block, get_le(header + FILE4_CRC_AT, 4), error);
}

static gboolean check_stored5(UnpackSource *source, guint64 at, const Block *block, GError **error)
{
    guint8 header[FILE5_LONGEST];
    const gsize length = (gsize)MIN((guint64)sizeof(header), block->header);
    if (block->type != FILE5 || (block->flags & SPLIT5) || length <= 4)
        return TRUE;
    if (!unpack_source_read_exactly(at, header, length, source, error))
        return FALSE;
    const guint8 *from = header + 4, *end = header + length;
    guint64 skipped, flags, method;
    gboolean whole = TRUE;
    for (guint field = 0; whole && field < 3; field++) /* the header's size, its type, its flags */
        whole = take_number(&from, end, &skipped);
    if (whole && (block->flags & HAS_EXTRA5))
        whole = take_number(&from, end, &skipped);
    if (whole && (block->flags & HAS_DATA5))
        whole = take_number(&from, end, &skipped);
    whole = whole && take_number(&from, end, &flags) && take_number(&from, end, &skipped) &&
            take_number(&from, end, &skipped);
    if (!whole)
        return chain_broken(error);
    if (!(flags & FILE5_HAS_CRC))
        return TRUE;
    from += flags & FILE5_HAS_TIME ? 4 : 0;
    if (end - from < 4)
        return chain_broken(error);
    const guint64 crc = get_le(from, 4);
    from += 4;
    if (!take_number(&from, end, &method))
        return chain_broken(error);
    return (method & FILE5_METHOD) != 0 || check_crc(source, at, block, crc, error);
}

/* One volume from *AT on; *AT: behind its last block. *ENDED: it has an end block. */
static gboolean walk_volume(UnpackSource *source, int version, guint64 total, guint64 *at,
                            gboolean *ended, GError **error)
{
    *at += version == 4 ? (guint64)SIGNATURE4_BYTES : (guint64)SIGNATURE5_BYTES;
    *ended = FALSE;
    while (*at < total && !*ended) {
        Block block = {0};
        if (!(version == 4 ? read_block4 : read_block5)(source, *at, &block, error))
            return FALSE;
        if (block.length > total - *at)
            return chain_broken(error);
        if (!(version == 4 ? check_stored4 : check_stored5)(source, *at, &block, error))
            return FALSE;
        *at += block.length;
        *ended = block.type == (version == 4 ? (guint64)END4 : (guint64)END5);
    }
    return TRUE;
}

gboolean unpack_rar_check_end(UnpackSource *source, UnpackWriter *writer, GError **error)
{
    const guint64 total = unpack_source_total(source);
    guint64 at = 0;
    gboolean ended = FALSE;
    int version = version_at(source, at);
    while (version != 0) {
        if (!walk_volume(source, version, total, &at, &ended, error))
            return FALSE;
        if (!ended && version == 5)
            return chain_broken(error);
        version = at < total ? version_at(source, at) : 0;
    }
    if (!ended)
        unpack_write_warning(writer, UNPACK_WARNING_NO_END, 0);
    else if (at < total)
        unpack_write_warning(writer, UNPACK_WARNING_BEHIND, total - at);
    return TRUE;
}

gboolean unpack_rar_is_encrypted(UnpackSource *source)
{
    Block block;
    switch (version_at(source, 0)) {
    case 4:
        return read_block4(source, SIGNATURE4_BYTES, &block, NULL) && block.type == MAIN4 &&
               (block.flags & ENCRYPTED4);
    case 5:
        return read_block5(source, SIGNATURE5_BYTES, &block, NULL) && block.type == ENCRYPTION5;
    default:
        return FALSE;
    }
}

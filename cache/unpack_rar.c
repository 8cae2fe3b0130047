#include "unpack_rar.h"

#include "error.h"
#include "i18n.h"

#include <string.h>

/* Rar 4: technote.txt of unrar's distribution up to 4.x. Rar 5: rarlab.com/technote.htm. */
enum {
    SIGNATURE4_BYTES = 7,
    SIGNATURE5_BYTES = 8,
    HEADER4_BYTES = 7,
    FILE4_HIGH_AT = 32, /* the upper half of a file's packed size */
    MAIN4 = 0x73,
    FILE4 = 0x74,
    SERVICE4 = 0x7a,
    END4 = 0x7b,
    HAS_DATA4 = 0x8000,
    HAS_HIGH4 = 0x0100,
    ENCRYPTED4 = 0x0080,
    HEADER5_LONGEST = 4 + 3 + 10 + 10 + 10 + 10,
    ENCRYPTION5 = 4,
    END5 = 5,
    HAS_EXTRA5 = 1,
    HAS_DATA5 = 2,
};
static const guint8 signature4[SIGNATURE4_BYTES] = {'R', 'a', 'r', '!', 0x1a, 7, 0};
static const guint8 signature5[SIGNATURE5_BYTES] = {'R', 'a', 'r', '!', 0x1a, 7, 1, 0};

typedef struct {
    guint64 type, flags;
    guint64 length; /* with its data */
} Block;

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
    *block = (Block){header[2], get_le(header + 3, 2), get_le(header + 5, 2)};
    const guint64 header_length = block->length;
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
    block->length = (guint64)(from - header) + length;
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

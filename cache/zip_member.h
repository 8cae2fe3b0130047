/*
 * One member of a zip: its local header, its data, its descriptor (APPNOTE.TXT 4.3.7 to 4.3.9).
 */
#pragma once

#include "unpack_source.h"
#include "zip_directory.h"

enum {
    ZIP_STORED = 0,
    ZIP_DEFLATED = 8,
    ZIP_FLAG_ENCRYPTED = 1 << 0,
    ZIP_FLAG_DESCRIPTOR = 1 << 3,
    ZIP_FLAG_STRONG = 1 << 6,
    ZIP_FLAG_MASKED = 1 << 13,
};
#define ZIP_LONGEST_TARGET 4096
/* Members up to here are decoded at once, at twice the speed. */
#define ZIP_WHOLE_BYTES (16 * 1024 * 1024)

typedef struct {
    ZipEntry entry;      /* as the header has it; sizes G_MAXUINT64 where a descriptor has them */
    guint64 data_offset; /* where the data begin */
    guint8 names[2 * 65536]; /* what the entry points into */
} ZipLocal;

typedef enum {
    ZIP_LOCAL_ERROR = -1,
    ZIP_LOCAL_NONE, /* something else stands there, or nothing */
    ZIP_LOCAL_IS,
} ZipLocalRead;
/* The local header at OFFSET. */
ZipLocalRead zip_local_read(UnpackSource *source, guint64 offset, ZipLocal *local, GError **error);

/* Where the data go: one of both, or neither. */
typedef struct {
    UnpackWriter *writer;
    GByteArray *kept; /* at most ZIP_LONGEST_TARGET bytes */
} ZipOutput;

typedef struct {
    guint64 compressed, size;
    guint32 crc;
} ZipDecoded;
/* COMPRESSED, SIZE: G_MAXUINT64 where not known. Errors: _DAMAGED, _FAILED (a method that cannot be
 * decoded, encryption), _STORAGE. DECODED tells how far it came, also at an error. */
gboolean zip_member_decode(UnpackSource *source, guint64 data_offset, const ZipEntry *entry,
                           const ZipOutput *output, ZipDecoded *decoded, GError **error);
/* The length of the descriptor that stands at OFFSET and tells what was DECODED, whatever its form;
 * 0 where none does; -1 at an error. */
gssize zip_descriptor_length(UnpackSource *source, guint64 offset, const ZipDecoded *decoded,
                             GError **error);
/* The whole entry whose header is LOCAL: its data and its descriptor. *END: behind it. FALSE with
 * an error where it is not whole and right. */
gboolean zip_member_read(UnpackSource *source, const ZipLocal *local, const ZipOutput *output,
                         ZipDecoded *decoded, guint64 *end, GError **error);

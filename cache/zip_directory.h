/*
 * The central directory of a zip (APPNOTE.TXT 4.3), read by a parser of our own: bounded,
 * streaming, zip64. It has the last word on what an archive holds.
 */
#pragma once

#include <glib.h>

/* Reads exactly LENGTH bytes at OFFSET; FALSE with an error. */
typedef gboolean (*ZipReadAt)(guint64 offset, void *buffer, gsize length, gpointer data,
                              GError **error);

typedef struct {
    const guint8 *name; /* raw bytes; valid during the call */
    gsize name_length;
    const guint8 *local_name; /* the bytes as the row has them, which the local header repeats */
    gsize local_name_length;
    gboolean name_is_utf8; /* the flag, or the Unicode path extra field (then that name) */
    guint64 compressed, size;
    guint64 header_offset; /* in the file: the prefix is counted in */
    guint32 crc;
    guint16 method, flags;
    guint32 mode; /* Unix mode where the maker was Unix, else 0 */
    gboolean is_folder;
    guint64 row_offset; /* of the row in the file */
    guint32 row_length;
} ZipEntry;

typedef struct {
    guint64 entries;
    guint64 directory_offset; /* in the file: the prefix is counted in */
    guint64 directory_size;
    guint64 directory_end; /* where the end records begin */
    guint64 prefix;        /* bytes in front of the first header that offsets do not count */
    guint64 behind;        /* bytes behind the end record and its comment */
} ZipEnd;

/* Finds the end record in the last 64 KiB and more of a file of TOTAL bytes. _DAMAGED where there
 * is none or it contradicts itself. */
gboolean zip_find_end(ZipReadAt read_at, gpointer data, guint64 total, ZipEnd *end, GError **error);
/* Every entry in the directory's order. _DAMAGED, or FUNC's error. */
gboolean zip_each_entry(ZipReadAt read_at, gpointer data, const ZipEnd *end,
                        gboolean (*func)(const ZipEntry *entry, gpointer data, GError **error),
                        gpointer func_data, GError **error);
/* What the extra fields of a row or of a local header say (zip64 sizes, Unicode path), into ENTRY,
 * whose sizes and offset are as the 32-bit fields have them. _DAMAGED. */
gboolean zip_read_extra(const guint8 *extra, gsize length, ZipEntry *entry, GError **error);
/* ZipReadAt over a descriptor: DATA is GINT_TO_POINTER(fd). */
gboolean zip_read_at_fd(guint64 offset, void *buffer, gsize length, gpointer data, GError **error);

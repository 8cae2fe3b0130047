/*
 * A path proven safe: relative, '/'-separated, no empty part, no "." or "..", no NUL, control
 * character or backslash, no leading '/' or drive letter, at most 4,096 bytes with parts of at most
 * 255 bytes, at most 32 deep.
 */
#pragma once

#include <glib.h>

#define RELPATH_MAX_BYTES 4096
#define RELPATH_MAX_PART_BYTES 255
#define RELPATH_MAX_DEPTH 32

/* TRUE where TEXT (UTF-8) is such a path. Otherwise MEDMIRROR_ERROR_UNSAFE with the escaped name
 * and the reason. */
gboolean relpath_check(const char *text, GError **error);

/* The path made of the raw bytes of an archive's or a listing's name: valid UTF-8 as it is, else
 * converted from CHARSET (an iconv name; may be NULL), else refused with the charsets that would
 * fit. "./" in front and a final '/' (a folder's) are taken off. Errors: MEDMIRROR_ERROR_UNSAFE.
 * Free with g_free(). */
char *relpath_from_bytes(const char *bytes, gsize length, const char *charset, GError **error);

/* A key that is equal for two paths which a case-insensitive or normalising file system would make
 * one (NFC, casefold). Free with g_free(). */
char *relpath_collision_key(const char *path);

/* The path with everything but printable UTF-8 escaped, for messages. Any bytes may go in. Free
 * with g_free(). */
char *relpath_display(const char *path);

/* One part of a folder in the mirror: every byte but letters, digits and ". _ - +" becomes %XX, a
 * leading dot too. Free with g_free(). */
char *relpath_encode_part(const char *part);

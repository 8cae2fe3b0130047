/*
 * What a series of images is compared by: the images that came, and md5hashes.csv, which names each
 * with its MD5 (a line "Filename,MD5Hash", then "00000001.dcm,HEX" in any order). Kept in a
 * temporary SQLite database that spills to disk: a series can have 92,000 images.
 */
#pragma once

#include "series_member.h"

typedef struct SeriesCheck SeriesCheck;

SeriesCheck *series_check_new(GError **error); /* _STORAGE; owned */
void series_check_free(SeriesCheck *check);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SeriesCheck, series_check_free)

/* An image came: NAME as the list would call it. Errors here and below: MEDMIRROR_ERROR_DAMAGED,
 * _STORAGE. */
gboolean series_check_add_image(SeriesCheck *check, const char *name, const Digest *md5,
                                guint64 size, GError **error);

/* More of md5hashes.csv, in pieces of any length; CR LF, a byte order mark and upper case are taken
 * too. */
gboolean series_check_read(SeriesCheck *check, const void *bytes, gsize length, GError **error);
gboolean series_check_read_end(SeriesCheck *check, GError **error);
/* What was read is no list after all. */
gboolean series_check_forget_read(SeriesCheck *check, GError **error);

/* The images that came, so far. */
SeriesCount series_check_came(const SeriesCheck *check);
/* Images and list name the same and agree in each MD5; HAS_LIST: there was one. WANTED: what the
 * source lists of the series. The error says which is wrong, and how many. */
gboolean series_check_compare(SeriesCheck *check, gboolean has_list, const UnpackRule *rule,
                              const SeriesCount *wanted, GError **error);
/* DIGEST_MD5_TREE of the images that came. */
gboolean series_check_digest(SeriesCheck *check, Digest *digest, GError **error);

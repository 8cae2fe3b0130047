/*
 * What a series of images is compared by: the images that came, and md5hashes.csv, which names each
 * with its MD5 (a line "Filename,MD5Hash", then "00000001.dcm,HEX" in any order). Kept in a
 * temporary SQLite database that spills to disk: a series can have 92,000 images.
 */
#pragma once

#include "series_member.h"

typedef struct SeriesList SeriesList;

SeriesList *series_list_new(GError **error); /* _STORAGE; owned */
void series_list_free(SeriesList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SeriesList, series_list_free)

/* An image came: NAME as the list would call it. Errors here and below: MEDMIRROR_ERROR_DAMAGED,
 * _STORAGE. */
gboolean series_list_add_image(SeriesList *list, const char *name, const Digest *md5, guint64 size,
                               GError **error);

/* More of md5hashes.csv, in pieces of any length; CR LF, a byte order mark and upper case are taken
 * too. */
gboolean series_list_read(SeriesList *list, const void *bytes, gsize length, GError **error);
gboolean series_list_read_end(SeriesList *list, GError **error);
/* What was read is no list after all. */
gboolean series_list_forget_read(SeriesList *list, GError **error);

/* The images that came, so far. */
SeriesCount series_list_came(const SeriesList *list);
/* Images and list name the same and agree in each MD5; HAS_LIST: there was one. WANTED: what the
 * source lists of the series. The error says which is wrong, and how many. */
gboolean series_list_compare(SeriesList *list, gboolean has_list, const UnpackRule *rule,
                             const SeriesCount *wanted, GError **error);
/* DIGEST_MD5_TREE of the images that came. */
gboolean series_list_digest(SeriesList *list, Digest *digest, GError **error);

/*
 * Which files of a folder are images of which DICOM series, told by what is in them and never by
 * their names: the way into a tree that another program downloaded. Kept in a temporary SQLite
 * file, for a collection has hundreds of thousands of images.
 */
#pragma once

#include <glib.h>

typedef struct SeriesMap SeriesMap;

/* _STORAGE. Owned. */
SeriesMap *series_map_new(GError **error);
/* What was opened by series_map_open() is freed before. */
void series_map_free(SeriesMap *map);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SeriesMap, series_map_free)
/* The same map to be read by another thread. _STORAGE. Owned. */
SeriesMap *series_map_open(const SeriesMap *map, GError **error);

/* The file NAME, of SIZE bytes, is the image SOP of SERIES. */
gboolean series_map_add(SeriesMap *map, const char *series, const char *sop, const char *name,
                        guint64 size, GError **error);
/* All have been added. */
gboolean series_map_finish(SeriesMap *map, GError **error);

/* Images of SERIES (each counted once, however many files it has), and the bytes of one file of
 * each. */
gboolean series_map_count(SeriesMap *map, const char *series, guint64 *images, guint64 *bytes,
                          GError **error);
/* Of all series: images, and series. */
gboolean series_map_totals(SeriesMap *map, guint64 *images, guint64 *series, GError **error);
/* Each file of SERIES, by image and name: an image that lies there twice comes twice. FALSE from
 * FUNC ends it, with its error. */
gboolean series_map_each(SeriesMap *map, const char *series,
                         gboolean (*func)(const char *name, guint64 size, gpointer data,
                                          GError **error),
                         gpointer data, GError **error);

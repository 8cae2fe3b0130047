/*
 * Where the series of the Imaging Data Commons lie: from a SeriesInstanceUID to the bucket and the
 * folder (crdc_series_uuid) of its objects. Some 40 bytes a series: a million fit.
 */
#pragma once

#include <glib.h>

typedef struct SeriesIndex SeriesIndex;

SeriesIndex *series_index_new(void);
void series_index_free(SeriesIndex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SeriesIndex, series_index_free)

/* UUID in its text form of 36 characters; FALSE where it is none, or BUCKET is no bucket's name.
 * The last one that was added for SERIES counts. */
gboolean series_index_add(SeriesIndex *index, const char *series, const char *bucket,
                          const char *uuid);
guint64 series_index_length(const SeriesIndex *index);
/* *BUCKET is borrowed, *UUID the caller's. FALSE: it is not in there. Sorts what was added since
 * the last call: add first, then find. */
gboolean series_index_find(SeriesIndex *index, const char *series, const char **bucket,
                           char **uuid);

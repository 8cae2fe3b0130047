/*
 * The outer layer of an archive: what undoes its compression, and hands the bytes within on. Only
 * the filter that is named is undone, and once.
 */
#pragma once

#include "filespec.h"
#include "unpack_source.h"

typedef struct UnpackFilter UnpackFilter;

/* SOURCE and WRITER are borrowed. Errors here and below: MEDMIRROR_ERROR_DAMAGED, _STORAGE,
 * _FAILED. Owned. */
UnpackFilter *unpack_filter_new(ArchiveFilter filter, UnpackSource *source, UnpackWriter *writer,
                                GError **error);
void unpack_filter_free(UnpackFilter *filter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UnpackFilter, unpack_filter_free)
/* The next bytes (valid until the next call): how many; 0: the end; -1: an error. */
gssize unpack_filter_read(UnpackFilter *filter, const void **bytes, GError **error);
/* Reads to the end, so that damage there is noticed, and tells of what cannot be known. Calls SEEN
 * (may be NULL) with what comes. */
gboolean unpack_filter_drain(UnpackFilter *filter,
                             void (*seen)(const void *bytes, gsize length, gpointer data),
                             gpointer data, GError **error);

/* What a code of libarchive's that is neither OK nor EOF means. */
struct archive;
void unpack_set_archive_error(struct archive *archive, GError **error);

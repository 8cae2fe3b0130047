/*
 * A zip's members read from their headers while it arrives, before its directory is there: each is
 * told as provisional and noted, in the order in which they lie. Where a member ends is found by
 * its descriptor, so that several are decoded side by side; what does not fit that is read by
 * itself. What is wrong here may be dead bytes: the directory will tell.
 */
#pragma once

#include "inflate_pool.h"
#include "zip_member.h"
#include "zip_notes.h"

typedef struct {
    UnpackSource *source;
    UnpackWriter *writer;
    ZipLocal *local; /* to work with */
    InflatePool *pool;
    guint64 most_entries; /* 0: no limit here */
} ZipAheadSpec;

/* As far as members can be read without the directory; that no more can be is no error. Errors:
 * _STORAGE, _FAILED. */
gboolean zip_read_ahead(const ZipAheadSpec *spec, ZipNotes *read, GError **error);

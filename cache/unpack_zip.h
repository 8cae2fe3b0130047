/*
 * Zip: members are read from their headers while the archive arrives, as a head start; the central
 * directory then has the last word on each, and what it does not confirm is read again from the
 * directory's side, or dropped. Every byte must be accounted for.
 */
#pragma once

#include "inflate_pool.h"
#include "unpack_source.h"

/* POOL: for the head start. SCRATCH: two files for notes. HEAD_START: see above; else the directory
 * alone is followed. MOST_ENTRIES: 0: no limit here. Errors: _DAMAGED, _UNSAFE, _STORAGE, _FAILED.
 */
gboolean unpack_zip(UnpackSource *source, UnpackWriter *writer, InflatePool *pool,
                    const int scratch[2], gboolean head_start, guint64 most_entries,
                    GError **error);

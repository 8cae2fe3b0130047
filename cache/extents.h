/*
 * Which bytes of a file are there, and where each came from: disjoint pieces in order. Pieces of
 * one source that touch are one.
 */
#pragma once

#include "sink.h"

typedef struct {
    guint64 from; /* inclusive */
    guint64 to;   /* exclusive */
    guint source; /* whose bytes; a number of the caller's */
} ExtentPiece;

typedef struct Extents Extents;
Extents *extents_new(void); /* owned: extents_free() */
Extents *extents_copy(const Extents *extents);
void extents_free(Extents *extents);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Extents, extents_free)

/* Bytes FROM to TO of SOURCE are there; what was there of them before is overwritten. Empty ones
 * are ignored. Going on at the end of a piece costs O(log pieces). */
void extents_add(Extents *extents, guint64 from, guint64 to, guint source);
/* All that OTHER has. */
void extents_add_all(Extents *extents, const Extents *other);
/* Nothing is there from TO on. */
void extents_clip(Extents *extents, guint64 to);
void extents_clear(Extents *extents);

/* Bytes in all pieces. */
guint64 extents_bytes(const Extents *extents);
/* The end of what is there without a gap from 0 on. */
guint64 extents_contiguous(const Extents *extents);
gboolean extents_cover(const Extents *extents, guint64 total);
/* TRUE where every piece is of SOURCE (also where there is none). */
gboolean extents_all_of(const Extents *extents, guint source);
gsize extents_count(const Extents *extents);
ExtentPiece extents_get(const Extents *extents, gsize index);
/* As a Sink offers them: Extent, whatever the source. Owned. */
GArray *extents_to_array(const Extents *extents);

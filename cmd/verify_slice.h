/*
 * A part of a version's files, in the byte order of their paths: as many as there is time to read.
 *
 * Several files are read at once and end in any order; a slice ends behind the last one before
 * which all others have ended. A file is never left half read: one that is begun is read to its
 * end, and one that would not end in time, at the pace so far, is not begun, unless it is the first
 * of its run (else it would never be proven).
 */
#pragma once

#include <glib.h>

/* Of a whole run, over all its slices. Times in us of the monotonic clock. */
typedef struct {
    gint64 begun, deadline;
    guint64 bytes; /* read so far */
    guint64 files; /* begun so far */
} VerifyPace;

/* Is there time to read SIZE bytes more, now that it is NOW? Pure. */
gboolean verify_pace_allows(const VerifyPace *pace, guint64 size, gint64 now);

typedef struct VerifySlice VerifySlice;

/* AFTER: the path up to which earlier slices went; NULL: none. PACE is borrowed. Owned. */
VerifySlice *verify_slice_new(VerifyPace *pace, const char *after);
void verify_slice_free(VerifySlice *slice);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VerifySlice, verify_slice_free)
/* Was PATH proven by an earlier slice? */
gboolean verify_slice_is_behind(const VerifySlice *slice, const char *path);
/* PATH is about to be read. FALSE: there is no time for it; the slice ends before it. */
gboolean verify_slice_begin(VerifySlice *slice, const char *path, guint64 size);
/* PATH, which was begun, was read, whatever was found. */
void verify_slice_end(VerifySlice *slice, const char *path, guint64 size);
const char *verify_slice_after(const VerifySlice *slice); /* as it was given */
/* Up to which path all was read; NULL: nothing yet. Borrowed until the next end. */
const char *verify_slice_upto(const VerifySlice *slice);
/* There was no time for all. */
gboolean verify_slice_is_cut(const VerifySlice *slice);

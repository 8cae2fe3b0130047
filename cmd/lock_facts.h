/*
 * What a pull wants to know of a version that stands, out of its lock.
 */
#pragma once

#include "mirror.h"

typedef struct {
    gboolean unpacked; /* some archive was unpacked */
    gboolean keepable; /* one of them could have been kept */
    gboolean packed;   /* some archive lies in the tree as it is (--no-unpack) */
} Packing;
/* Reads the downloads alone. */
gboolean lock_facts_packing(Mirror *mirror, const LockHeader *header, Packing *packing,
                            GError **error);

/* NAMES: NULL-terminated paths that were asked for. MEDMIRROR_ERROR_ABSENT with the first of those
 * that the version neither holds nor lists. */
gboolean lock_facts_check_names(Mirror *mirror, const LockHeader *header, const char *const *names,
                                GError **error);

/* MEDMIRROR_ERROR_ABSENT where SELECTION takes no file of the version. Reads on to the first that
 * it takes. */
gboolean lock_facts_check_taken(Mirror *mirror, const LockHeader *header,
                                const Selection *selection, GError **error);

/* What a version holds that is not whole: the options that chose it, or, of one that was to be
 * whole, how many files it lacks. Owned. */
char *lock_facts_part(const LockHeader *header);

/*
 * Two locks of one dataset, side by side: what is new, changed, gone.
 */
#pragma once

#include "lock.h"

typedef struct {
    guint64 same, added, changed, gone; /* files that are held */
} LockComparison;

/* Both readers were just opened. In one pass, in the memory of two lines. FALSE with the reader's
 * error. */
gboolean lock_compare(LockReader *before, LockReader *after, LockComparison *result,
                      GError **error);

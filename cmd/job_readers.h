/*
 * Restricted data that others may read: it is noticed by verify, and mended.
 */
#pragma once

#include "job.h"
#include "mirror.h"

/* How many of the version's places (its folder, its archives, its list and its lock) can be read by
 * others than those whom it was brought for. Its files are looked at where they are verified. */
guint64 job_readers_count_places(Mirror *mirror, const LockHeader *header);
/* Makes the version private again, all that lies in its folder included. _STORAGE, _BUSY. */
gboolean job_readers_mend(Job *job, Mirror *mirror, const LockHeader *header, gboolean no_wait,
                          GError **error);

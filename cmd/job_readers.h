/*
 * Restricted data that others may read: it is noticed by verify, and mended.
 */
#pragma once

#include "job.h"
#include "mirror.h"
#include "readers.h"

/* Who is to read it: as the configuration says of what is one's own, as it was installed of what is
 * another's, whoever its owner lets in of a tree in place. TREE_FD: of its tree; may be -1. */
Readers job_readers_of(Job *job, const LockHeader *header, int tree_fd);
/* How many of the version's places (its folder, its archives, its list and its lock) can be read by
 * others than those. Its files are looked at where they are verified. */
guint64 job_readers_count_places(Job *job, Mirror *mirror, const LockHeader *header);
/* Is its folder another group's than the configuration names? */
gboolean job_readers_lack_group(Job *job, Mirror *mirror, const LockHeader *header);
/* Makes the version private again, all that lies in its folder included. _STORAGE, _BUSY. */
gboolean job_readers_mend(Job *job, Mirror *mirror, const LockHeader *header, gboolean no_wait,
                          GError **error);

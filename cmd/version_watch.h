/*
 * A version that is read while others work on it: does what was found wrong still mean anything?
 * Growing, removing and replacing change the lock's file, or stand in an intent while they last.
 */
#pragma once

#include "index.h"
#include "job.h"
#include "mirror.h"

typedef struct {
    Mirror *mirror;
    char *folder, *lock; /* LOCK: its path below the mirror */
    gboolean is_there;
    FileStamp stamp;
} VersionWatch;

void version_watch_begin(VersionWatch *watch, Mirror *mirror, const LockHeader *header);
void version_watch_clear(VersionWatch *watch);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VersionWatch, version_watch_clear)
/* Is the version another one than at the beginning, or is it being changed? */
gboolean version_watch_has_moved(const VersionWatch *watch);
/* Waits until nobody is changing it, and finishes what a dead run left there. FALSE: it is still
 * being changed (ten minutes), or the job is cancelled. */
gboolean version_watch_settle(const VersionWatch *watch, Job *job);
/* The header as it stands now; owned. NULL with _ABSENT where the version was removed. */
LockHeader *version_watch_header(const VersionWatch *watch, const LockHeader *before,
                                 GError **error);

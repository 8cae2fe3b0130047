/*
 * A staged tree merged into one that stands, file by file, each by one rename.
 */
#pragma once

#include "lock.h"

/* A lock's files in order, asked by ascending paths. */
typedef struct LockCursor LockCursor;
/* Takes the reader over; NULL: a lock that holds nothing. Owned. */
LockCursor *lock_cursor_new(LockReader *reader);
void lock_cursor_free(LockCursor *cursor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LockCursor, lock_cursor_free)
/* The next file that is held; NULL at the end (*error unset) or with an error. Borrowed. */
const LockFile *lock_cursor_next(LockCursor *cursor, GError **error);
/* Is PATH held? PATH must not be before the last one asked for. */
gboolean lock_cursor_holds(LockCursor *cursor, const char *path, gboolean *held, GError **error);

typedef struct {
    int from_fd, to_fd;
    int base_fd;       /* where EXTRA lies */
    const char *extra; /* folder below BASE_FD that takes what is not the dataset's */
    LockCursor *owned; /* files that stand in TO and are the dataset's own: replaced */
} TreeMerge;

/* Every file and link of FROM takes its place in TO. What stands in the way and is not the
 * dataset's is moved to EXTRA, and named in an event. Folders touched are durable afterwards. */
gboolean tree_merge(const TreeMerge *merge, GError **error);
/* What HELD holds (a cursor over the lock of what shall be) stays; what DROPPED holds besides is
 * removed; anything else in TO goes to EXTRA. MERGE's FROM_FD and OWNED are not used. */
gboolean tree_keep_only(const TreeMerge *merge, LockCursor *(*held)(gpointer data, GError **error),
                        LockCursor *(*dropped)(gpointer data, GError **error), gpointer data,
                        GError **error);
/* Moves PATH of FD to EXTRA below BASE_FD. */
gboolean tree_set_aside(int fd, const char *path, int base_fd, const char *extra, GError **error);
/* fsync of each of FOLDERS (char * below FD, a set) and of all folders above them. */
gboolean tree_sync_folders(int fd, GHashTable *folders, GError **error);

/*
 * What removing files gives back: a file whose other hard links stay gives nothing.
 *
 * Memory is bounded: of more than SPACE_COUNT_MOST_LINKS files with several names, those beyond
 * count as shared, and AT_LEAST says so.
 */
#pragma once

#include <glib.h>
#include <sys/stat.h>

#define SPACE_COUNT_MOST_LINKS 200000

typedef struct {
    guint64 files;        /* names of regular files */
    guint64 bytes;        /* their sizes */
    guint64 freed_bytes;  /* on disk, once all that was added is gone */
    guint64 shared_files; /* of FILES: names of inodes that keep another name */
    guint64 shared_bytes; /* on disk, of these */
    gboolean at_least;    /* FREED_BYTES may be more */
    GHashTable *links;    /* inode: how many of its names were added */
} SpaceCount;

void space_count_clear(SpaceCount *count);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SpaceCount, space_count_clear)
/* A name of a regular file that is to go. All are of one file system. */
void space_count_add(SpaceCount *count, const struct stat *file);
/* Files that are byte for byte one on disk without being one inode (reflinks) cannot be told from
 * others: may FD's file system hold such? (btrfs, XFS, bcachefs, OCFS2, ZFS) */
gboolean file_system_may_reflink(int fd);

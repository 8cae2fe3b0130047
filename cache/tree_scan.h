/*
 * A tree looked at by several threads: one reads the folders, others ask for each file's stamp, the
 * caller gets all of it in order. For trees of a million files of which nothing is read but that.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct {
    const char *path; /* of a folder that cannot be read or lies more than 256 deep: ends in '/' */
    int errno_value;  /* why nothing is known of it, and nothing of what follows is set; 0 */
    mode_t mode;
    gid_t group;
    guint64 size;
    gint64 mtime_ns, ctime_ns;
    guint64 inode;
} TreeEntry;

/* Everything below TREE_FD that is no folder, in byte order of whole paths (LC_ALL=C sort); nothing
 * is followed. THREADS that ask for stamps; 0: by the number of cores. FUNC runs on the calling
 * thread; its FALSE ends it, with its error (if it set one); otherwise TRUE. Errors of its own:
 * _FAILED where no thread can be started. What FUNC changes in the tree may have been looked at
 * before.
 *
 * Memory: at most 24 MiB for names, 256 kB for each folder it is in, 2 MiB for stamps. */
gboolean tree_scan(int tree_fd, guint threads,
                   gboolean (*func)(const TreeEntry *entry, gpointer data, GError **error),
                   gpointer data, GError **error);
/* The same with another bound than 24 MiB. */
gboolean tree_scan_within(int tree_fd, gsize names_bytes, guint threads,
                          gboolean (*func)(const TreeEntry *entry, gpointer data, GError **error),
                          gpointer data, GError **error);

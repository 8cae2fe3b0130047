/*
 * The index: a cache of facts in SQLite. Deleted, it is built again from the lock files;
 * unreadable, nothing but sharing and --quick's shortcut is lost.
 */
#pragma once

#include "mirror.h"

typedef struct Index Index;
/* On a network file system it lies in $XDG_CACHE_HOME/medmirror. Rebuilt where absent or broken.
 * Owned; NULL with an error where it cannot be made (go on without). */
Index *index_open(Mirror *mirror, GError **error);
void index_close(Index *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Index, index_close)

typedef struct {
    guint64 size;
    gint64 mtime_ns, ctime_ns;
    guint64 inode;
} FileStamp;

/* What is known of a version is replaced by BEGIN, filled in path order by ADD, and committed by
 * END. */
gboolean index_begin_version(Index *index, const char *folder, const char *version,
                             const char *access, GError **error);
gboolean index_add_file(Index *index, const char *path, const Digest *sha256,
                        const FileStamp *stamp, GError **error);
gboolean index_end_version(Index *index, GError **error);
gboolean index_forget_version(Index *index, const char *folder, const char *version,
                              GError **error);
/* Is the file as it was at its last proof? */
gboolean index_is_unchanged(Index *index, const char *folder, const char *version, const char *path,
                            const FileStamp *stamp);
/* A file of these bytes in the mirror (open access alone): absolute to the mirror
 * "FOLDER/VERSION/PATH", whose size, mtime, ctime and inode are still those of its proof; owned;
 * NULL where none. Nothing below 4,096 bytes is found. */
char *index_find_twin(Index *index, const Digest *sha256, guint64 size);
/* Marks what a repair replaced: every path that shared INODE. char* "FOLDER/VERSION/PATH", owned.
 */
GPtrArray *index_paths_of_inode(Index *index, guint64 inode);

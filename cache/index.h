/*
 * The index: a cache of facts in SQLite. Deleted, it is built again from the lock files;
 * unreadable, nothing but sharing and --quick's shortcut is lost.
 *
 * A version's rows count only while its lock file is the one they were made from. Rows that were
 * built from a lock alone have no stamp: nobody has read those files, so they prove nothing, but
 * tell where a twin may lie.
 */
#pragma once

#include "mirror.h"

typedef struct Index Index;
/* On a network file system it lies in $XDG_CACHE_HOME/medmirror. Rebuilt where absent or broken;
 * versions whose lock changed without it are read anew. One thread at a time. Owned; NULL with an
 * error where it cannot be made (go on without). */
Index *index_open(Mirror *mirror, GError **error);
void index_close(Index *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Index, index_close)

typedef struct {
    guint64 size;
    gint64 mtime_ns, ctime_ns;
    guint64 inode;
} FileStamp;

/* The stamp of PATH ("": FD's own) below FD now; FALSE where it is no regular file. */
gboolean file_stamp_of(int fd, const char *path, FileStamp *stamp);
gboolean file_stamp_equal(const FileStamp *a, const FileStamp *b);

/* What is known of a version is replaced by BEGIN, filled in path order by ADD, and committed by
 * END (after its lock file has its place). */
gboolean index_begin_version(Index *index, const char *folder, const char *version,
                             const char *access, GError **error);
/* As begin, but what is known stays; ADD replaces. For a version that grows, and for new proofs. */
gboolean index_continue_version(Index *index, const char *folder, const char *version,
                                const char *access, GError **error);
/* STAMP: as it was when its bytes were proven; NULL: not proven. */
gboolean index_add_file(Index *index, const char *path, const Digest *sha256,
                        const FileStamp *stamp, GError **error);
gboolean index_end_version(Index *index, GError **error);
gboolean index_forget_version(Index *index, const char *folder, const char *version,
                              GError **error);
/* Is the file as it was at its last proof? For many, ask index_stamps_find(). */
gboolean index_is_unchanged(Index *index, const char *folder, const char *version, const char *path,
                            const FileStamp *stamp);
/* The stamps that a version's files had at their last proof, some hundred rows at a time: fastest
 * in the order of whole paths, right in any. One thread; INDEX must outlive it. Owned. */
typedef struct IndexStamps IndexStamps;
IndexStamps *index_stamps_new(Index *index, const char *folder, const char *version);
void index_stamps_free(IndexStamps *stamps);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(IndexStamps, index_stamps_free)
/* FALSE where PATH is unknown or not proven. */
gboolean index_stamps_find(IndexStamps *stamps, const char *path, FileStamp *stamp);
/* A file of these bytes in the mirror (open access alone): "FOLDER/VERSION/PATH" below the mirror,
 * whose size, mtime, ctime and inode are still those of its proof; owned; NULL where none. Nothing
 * below 4,096 bytes is found. SIZE may be SIZE_UNKNOWN. Where only the stamp does not hold, the
 * file is read, and is found if its bytes are right. */
char *index_find_twin(Index *index, const Digest *sha256, guint64 size);
/* Lookups from here on may stand in one transaction, a third of the cost; index_rest() ends it
 * where the caller has nothing to look up for a while, so that nobody waits who wants to write.
 * FALSE: each by itself again. */
void index_gather(Index *index, gboolean gathers);
void index_rest(Index *index);
/* PATH ("FOLDER/VERSION/PATH") was linked or renamed, which changed the ctime of all names of its
 * inode, and nothing else. */
gboolean index_note_linked(Index *index, const char *path, const Digest *sha256, GError **error);
typedef struct {
    guint64 inode;
    Digest sha256;
} IndexInode;
/* Names of these inodes (their bytes were proven, and had not changed) were removed, which changed
 * the ctime of the names that they have left, and nothing else. */
gboolean index_note_unlinked(Index *index, const IndexInode *inodes, guint count, GError **error);
/* The file at PATH has taken the place of INODE under every name that had it. */
gboolean index_note_replaced(Index *index, guint64 inode, const char *path, const Digest *sha256,
                             GError **error);
/* Marks what a repair replaced: every path that shared INODE. char* "FOLDER/VERSION/PATH", owned.
 */
GPtrArray *index_paths_of_inode(Index *index, guint64 inode);

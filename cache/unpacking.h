/*
 * Unpacking one archive: a child process decodes and does nothing else; the parent takes each entry
 * as a stranger's word, makes the file and hashes what it writes (DESIGN.md, "Unpack" to "Limits of
 * the unpacker").
 */
#pragma once

#include "filespec.h"
#include "frontier.h"
#include "lock.h"
#include "series_member.h"
#include "task_queue.h"
#include "tree_writer.h"

typedef struct Unpacking Unpacking;

typedef struct {
    guint64 most_bytes;   /* of output; 0 or SIZE_UNKNOWN: no limit but the disk's */
    guint64 most_entries; /* 0: 5,000,000 */
    guint ratio;          /* output : input from the first GiB of output on; 0: 1,100 */
    guint64 ratio_from;   /* output bytes before the ratio counts; 0: 1 GiB */
    guint most_depth;     /* 0: 32 */
    guint64 memory;       /* of the decoder's child; 0: 1 GiB and what the program itself takes */
} UnpackLimits;

/* Who takes the members: on the unpacking's own thread, one call at a time. */
typedef struct {
    /* Chosen? PATH is where it would lie in the tree. FALSE: decoded, hashed, not stored. */
    gboolean (*takes)(const char *path, gpointer data);
    /* A file stands at PATH with other bytes than the member's: is it a leftover (FALSE: replaced)
     * or another file of the dataset (TRUE: refused)? */
    gboolean (*stands)(const char *path, gpointer data);
    /* The member is stored (or skipped): path, size, SHA-256 (and the algorithms asked for),
     * archive member name, link target. FALSE with an error ends it. Blocks when the store is
     * behind. */
    gboolean (*member)(const LockFile *member, gboolean chosen, gpointer data, GError **error);
    gpointer data;
} UnpackTaker;

typedef struct {
    const UnpackRule *rule; /* copied */
    const char *name; /* the archive's path, for messages and for where members lie (its folder) */
    int fd;           /* the archive (partial file or whole); duplicated */
    const int *
        volume_fds; /* further volumes in order, ended by -1; NULL: none; whole files; duplicated */
    Frontier *frontier; /* NULL: the file is whole */
    TreeWriter
        *tree;   /* NULL: test only, nothing is stored; the unpacking makes its own copy of it */
    int tree_fd; /* of the tree, for looking at what stands there; borrowed */
    guint algorithms;          /* beside SHA-256 */
    const SeriesCount *series; /* of a rule with a series: what the source lists of it; copied;
                                  NULL: nothing */
    UnpackLimits limits;
    UnpackTaker taker;
    TaskQueue *home;
    /* On HOME, once. ERROR: NULL, or _UNSAFE (escape, overwrite, collision, explosion, named),
     * _DAMAGED (the archive is not whole or not right), _STORAGE, _INTERRUPTED (cancelled, or the
     * frontier failed), _FAILED. Borrowed. WARNINGS: char*, what counts as verified only by a
     * digest ("bytes behind the end"); may be NULL. */
    void (*done)(Unpacking *unpacking, const GError *error, const GPtrArray *warnings,
                 gpointer data);
    gpointer data;
} UnpackSpec;

Unpacking *unpacking_start(const UnpackSpec *spec, GError **error);
/* Asks it to end soon; done comes all the same. */
void unpacking_cancel(Unpacking *unpacking);
/* After done. Joins the thread. */
void unpacking_free(Unpacking *unpacking);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Unpacking, unpacking_free)
/* Bytes of the archive that the child has not read although they are there. */
guint64 unpacking_behind(Unpacking *unpacking);
/* In done, without an error, of a rule with a series: its images, and their DIGEST_MD5_TREE (both
 * of the images that came, chosen or not). FALSE of any other. */
gboolean unpacking_series(const Unpacking *unpacking, SeriesCount *came, Digest *digest);
/* Bytes and entries written so far; any thread. */
void unpacking_progress(Unpacking *unpacking, guint64 *bytes, guint64 *entries);

/* What the program does when it is started as the decoding child (its argv[1] is this name): never
 * returns. */
#define UNPACK_CHILD_VERB "unpack-child"
int unpack_child_main(int argc, char **argv);

/* Blocks until all is done: for `unpack ARCHIVE DIR` and tests. Warnings go to the event log. */
gboolean unpack_whole_file(const UnpackRule *rule, int fd, const char *name, int tree_fd,
                           const UnpackLimits *limits, guint64 *bytes, guint64 *entries,
                           gboolean (*cancelled)(gpointer data), gpointer data, GError **error);

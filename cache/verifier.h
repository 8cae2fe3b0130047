/*
 * Proving a tree: every file against its digest, as many at once as there are cores, bounded in
 * memory.
 */
#pragma once

#include "digest_pool.h"
#include "lock.h"
#include "task_queue.h"

#include <sys/types.h>

typedef enum {
    VERIFIED_RIGHT,
    VERIFIED_UNCHANGED, /* quick: size and time as at the last proof; contents not read */
    VERIFIED_DAMAGED,   /* other bytes */
    VERIFIED_SIZE,      /* another size */
    VERIFIED_MISSING,
    VERIFIED_NOT_A_FILE, /* a folder, a link or a device where a file must be, or a link with
                            another target */
    VERIFIED_UNREADABLE, /* I/O error or no permission: errno in the result */
    VERIFIED_NO_DIGEST,  /* nobody says what it must be */
} VerifiedAs;

typedef struct {
    const char *path;
    VerifiedAs as;
    const DigestSet *seen; /* NULL where not read */
    const DigestSet *wanted;
    guint64 size, wanted_size;
    int errno_value;
    gint64 mtime_ns, ctime_ns; /* as at the reading */
    guint64 inode;
    mode_t mode; /* and group: with the stamp; 0 where nothing is there */
    gid_t group;
} VerifiedFile;

typedef struct Verifier Verifier;
/* TREE_FD is borrowed. RESULT runs on the calling thread, from verifier_add() and
 * verifier_finish(), in no certain order; what it is given is borrowed. QUICK: a file of the wanted
 * size, and for which UNCHANGED (the index: is it as at its last proof? may be NULL) says TRUE, is
 * not read; any other is. */
Verifier *verifier_new(int tree_fd, DigestPool *pool, gboolean quick,
                       gboolean (*unchanged)(const char *path, guint64 size, gint64 mtime_ns,
                                             gint64 ctime_ns, guint64 inode, gpointer data),
                       void (*result)(const VerifiedFile *file, gpointer data), gpointer data);
/* Waits while too many are under way. PATH is checked by the caller (relpath.h); no link is
 * followed on it. SIZE: SIZE_UNKNOWN where nobody says. WANTED: the strongest of its digests is
 * computed, no other. LINK_TARGET: NULL but for a symbolic link, which is read alone. In order of
 * paths it is fastest: the last folder stays open. */
void verifier_add(Verifier *verifier, const char *path, guint64 size, const DigestSet *wanted,
                  const char *link_target);
/* Waits for all; more may be added afterwards. */
void verifier_finish(Verifier *verifier);
/* What runs is ended; nothing more is reported. Before the pool is freed. */
void verifier_free(Verifier *verifier);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Verifier, verifier_free)

/* Everything below TREE_FD that is no folder, in byte order of whole paths (LC_ALL=C sort); folders
 * are walked with open descriptors, nothing is followed. SIZE: of a regular file, else 0. A folder
 * that cannot be read, or lies more than 256 deep, is given with a PATH that ends in '/' and
 * SIZE_UNKNOWN. PATH may be no UTF-8. FUNC's FALSE ends it, with its error (if it set one);
 * otherwise TRUE.
 *
 * Memory: at most 24 MiB for names, plus 256 kB for each folder the walk is in; a folder with more
 * names is read several times. */
gboolean tree_walk(int tree_fd,
                   gboolean (*func)(const char *path, guint64 size, gboolean is_link, gpointer data,
                                    GError **error),
                   gpointer data, GError **error);
/* The same with another bound than 24 MiB. */
gboolean tree_walk_within(int tree_fd, gsize names_bytes,
                          gboolean (*func)(const char *path, guint64 size, gboolean is_link,
                                           gpointer data, GError **error),
                          gpointer data, GError **error);

/*
 * Proving a tree: every file against its digest, as many at once as there are cores, bounded in
 * memory.
 */
#pragma once

#include "digest_pool.h"
#include "lock.h"
#include "task_queue.h"

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
} VerifiedFile;

typedef struct Verifier Verifier;
/* TREE_FD is borrowed. RESULT runs on the calling thread, from verifier_add() and
 * verifier_finish(), in no certain order. QUICK: size and mtime (and the index's inode and ctime
 * through UNCHANGED, may be NULL) instead of reading. */
Verifier *verifier_new(int tree_fd, DigestPool *pool, gboolean quick,
                       gboolean (*unchanged)(const char *path, guint64 size, gint64 mtime_ns,
                                             gint64 ctime_ns, guint64 inode, gpointer data),
                       void (*result)(const VerifiedFile *file, gpointer data), gpointer data);
/* Waits while too many are under way. */
void verifier_add(Verifier *verifier, const char *path, guint64 size, const DigestSet *wanted,
                  const char *link_target);
/* Waits for all. */
void verifier_finish(Verifier *verifier);
/* What runs is ended; nothing more is reported. */
void verifier_free(Verifier *verifier);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Verifier, verifier_free)

/* Every regular file and link below TREE_FD in byte order of whole paths; folders are walked with
 * open descriptors, nothing is followed. FUNC's FALSE ends it. Unreadable folders are reported by
 * FUNC's PATH with IS_ERROR. */
gboolean tree_walk(int tree_fd,
                   gboolean (*func)(const char *path, guint64 size, gboolean is_link, gpointer data,
                                    GError **error),
                   gpointer data, GError **error);

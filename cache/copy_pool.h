/*
 * Copying threads: as many as cores, a file each. A file is read once: what is written is digested
 * on its way, so that the digests are those of the copy, whatever becomes of the original.
 */
#pragma once

#include "digest.h"
#include "task_queue.h"

typedef struct CopyPool CopyPool;
/* THREADS 0: as many as cores. Owned. NULL (and errno) where not one thread can be started. */
CopyPool *copy_pool_new(guint threads);
/* Copies that are under way end soon, those that wait are dropped; their DONE does not come. Waits.
 * NULL does nothing. */
void copy_pool_free(CopyPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CopyPool, copy_pool_free)

/* READ_ERRNO, WRITE_ERRNO: 0, or why the original could not be read, the copy not be written. SIZE:
 * bytes that were copied. */
typedef void (*CopyDone)(const DigestSet *digests, guint64 size, int read_errno, int write_errno,
                         gpointer data);
/* The whole of FROM, from its start, into TO, which is empty; both are taken over and closed. DONE
 * runs on HOME. ALGORITHMS: bits 1 << algorithm; DIGEST_GIT_BLOB by FROM's size at the beginning.
 */
void copy_pool_file(CopyPool *pool, int from, int to, guint algorithms, TaskQueue *home,
                    CopyDone done, gpointer data);
/* Any thread: copies end with READ_ERRNO ECANCELED from now on. */
void copy_pool_cancel(CopyPool *pool);

/* TO (empty) shares FROM's space, where the file system can do that (FICLONE). */
gboolean file_clone(int from, int to);
/* Can files of FROM's file system be cloned into the folder TO_FOLDER? Tried with an unnamed file
 * there, of which nothing stays. */
gboolean file_can_clone(int from, int to_folder);

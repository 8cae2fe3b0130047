/*
 * Digest threads: as many as cores, a file each. Work comes in slices, so that a file that arrives
 * slowly blocks no thread, and one that lies there whole keeps none from the others.
 */
#pragma once

#include "digest.h"
#include "task_queue.h"

typedef struct DigestPool DigestPool;
/* THREADS 0: as many as cores. Owned. NULL (and errno) where not one thread can be started. */
DigestPool *digest_pool_new(guint threads);
/* Ends what is queued; done callbacks of it are not called, finished jobs are freed. Jobs that were
 * not finished must be cancelled before. NULL does nothing. */
void digest_pool_free(DigestPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DigestPool, digest_pool_free)
/* Bytes that arrived and are not digested yet: beyond 1 GiB no new transfer is admitted. What an
 * earlier run left, and whole files, do not count. Any thread. */
guint64 digest_pool_behind(DigestPool *pool);

typedef struct DigestJob DigestJob;
/* ERRNO_VALUE: 0, or why the file could not be read. SIZE: bytes that were digested. */
typedef void (*DigestDone)(const DigestSet *digests, guint64 size, int errno_value, gpointer data);

/* A whole file, read to its end: FD is taken over and closed. DONE runs on HOME; until then the job
 * may be cancelled there. */
DigestJob *digest_pool_file(DigestPool *pool, int fd, guint algorithms, TaskQueue *home,
                            DigestDone done, gpointer data);

/* A file that still arrives. FD is borrowed and must live until the job is done or cancelled. SIZE:
 * what the file will have, SIZE_UNKNOWN where nobody knows (DIGEST_GIT_BLOB then waits for
 * digest_job_finish()). HELD: bytes that an earlier run left at its start; they are there at once,
 * and do not count as behind. */
DigestJob *digest_job_new(DigestPool *pool, int fd, guint algorithms, guint64 size, guint64 held);
/* Any thread: bytes up to TO are there. */
void digest_job_advance(DigestJob *job, guint64 to);
/* All TOTAL bytes are there; DONE runs on HOME once they are digested; the job is freed before. */
void digest_job_finish(DigestJob *job, guint64 total, TaskQueue *home, DigestDone done,
                       gpointer data);
/* Waits for the piece that is being read (256 kB); frees. A finished job may be cancelled on HOME's
 * thread alone, and before the pool is freed; its DONE does not come. NULL does nothing. */
void digest_job_cancel(DigestJob *job);

/*
 * Digest threads: as many as cores, a file each. Work comes in slices, so that a file that arrives
 * slowly blocks no thread.
 */
#pragma once

#include "digest.h"
#include "task_queue.h"

typedef struct DigestPool DigestPool;
/* THREADS 0: as many as cores. Owned. */
DigestPool *digest_pool_new(guint threads);
void digest_pool_free(
    DigestPool *pool); /* ends what is queued; done callbacks of it are not called */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DigestPool, digest_pool_free)
/* Bytes that arrived and are not digested yet: beyond 1 GiB no new transfer is admitted. */
guint64 digest_pool_behind(DigestPool *pool);

/* ERRNO_VALUE: 0, or why the file could not be read. */
typedef void (*DigestDone)(const DigestSet *digests, guint64 size, int errno_value, gpointer data);

/* A whole file: FD is taken over and closed. DONE runs on HOME. */
void digest_pool_file(DigestPool *pool, int fd, guint algorithms, TaskQueue *home, DigestDone done,
                      gpointer data);

/* A file that still arrives. */
typedef struct DigestJob DigestJob;
/* FD is borrowed and must live until the job is done or cancelled. */
DigestJob *digest_job_new(DigestPool *pool, int fd, guint algorithms);
/* Any thread: bytes up to TO are there. */
void digest_job_advance(DigestJob *job, guint64 to);
/* All TOTAL bytes are there; DONE runs on HOME once they are digested; the job is freed before. */
void digest_job_finish(DigestJob *job, guint64 total, TaskQueue *home, DigestDone done,
                       gpointer data);
/* Waits for the slice that runs; frees. */
void digest_job_cancel(DigestJob *job);

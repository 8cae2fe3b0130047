/*
 * Members of a zip that lie in memory whole, inflated side by side. For the decoding child: threads
 * are started and memory for them is taken before it is confined; afterwards they ask the system
 * for nothing but to wait and to wake.
 */
#pragma once

#include <glib.h>

typedef struct {
    const guint8 *in; /* raw deflate; all of it must be used up */
    gsize in_length;
    guint8 *out; /* NULL: IN is stored, and its checksum alone is looked at */
    gsize out_length;
    guint32 crc; /* of what comes out */
    gboolean right;
    /* The pool's. */
    GList link;
    guint state;
} InflateTask;

typedef struct InflatePool InflatePool;
/* THREADS 0: as many as cores, at most 8. All of them run when this returns; where fewer can be
 * started, the waiting thread does their work. Owned. */
InflatePool *inflate_pool_new(guint threads);
/* No task may be under way. */
void inflate_pool_free(InflatePool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(InflatePool, inflate_pool_free)
guint inflate_pool_threads(const InflatePool *pool);
/* TASK and what it points to are the pool's until it was waited for or forgotten. One thread alone
 * calls this and the next two. */
void inflate_pool_push(InflatePool *pool, InflateTask *task);
/* Afterwards RIGHT is set. */
void inflate_pool_wait(InflatePool *pool, InflateTask *task);
/* It is not wanted any more. */
void inflate_pool_forget(InflatePool *pool, InflateTask *task);

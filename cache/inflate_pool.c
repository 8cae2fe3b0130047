#include "inflate_pool.h"

#include <libdeflate.h>
#include <pthread.h>

enum {
    MOST_THREADS = 8
};

enum {
    TASK_WAITS,
    TASK_RUNS,
    TASK_DONE,
};

typedef struct {
    InflatePool *pool;
    struct libdeflate_decompressor *decompressor;
    pthread_t thread;
} Worker;

struct InflatePool {
    pthread_mutex_t lock; /* guards what follows, and each task's state */
    pthread_cond_t work;
    pthread_cond_t done;
    GQueue tasks; /* that wait; InflateTask, linked by their own links */
    guint running;
    gboolean stop;
    guint threads;
    Worker own; /* of whoever waits */
    Worker workers[MOST_THREADS];
};

static gboolean run(const Worker *worker, const InflateTask *task)
{
    gsize used = 0, made = 0;

    if (task->out == NULL)
        return libdeflate_crc32(0, task->in, task->in_length) == task->crc;
    return libdeflate_deflate_decompress_ex(worker->decompressor, task->in, task->in_length,
                                            task->out, task->out_length, &used,
                                            &made) == LIBDEFLATE_SUCCESS &&
           used == task->in_length && made == task->out_length &&
           libdeflate_crc32(0, task->out, task->out_length) == task->crc;
}

/* Called and left with the lock held; the task is in no queue. */
static void locked_run(const Worker *worker, InflateTask *task)
{
    InflatePool *pool = worker->pool;

    task->state = TASK_RUNS;
    pthread_mutex_unlock(&pool->lock);
    gboolean right = run(worker, task);
    pthread_mutex_lock(&pool->lock);
    task->right = right;
    task->state = TASK_DONE;
}

static void *worker_thread(void *data)
{
    Worker *worker = data;
    InflatePool *pool = worker->pool;

    pthread_mutex_lock(&pool->lock);
    pool->running++;
    pthread_cond_signal(&pool->done);
    while (!pool->stop) {
        GList *link = g_queue_pop_head_link(&pool->tasks);
        if (link) {
            locked_run(worker, link->data);
            pthread_cond_signal(&pool->done);
        } else {
            pthread_cond_wait(&pool->work, &pool->lock);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static gboolean worker_prepare(InflatePool *pool, Worker *worker)
{
    worker->pool = pool;
    worker->decompressor = libdeflate_alloc_decompressor();
    return worker->decompressor != NULL;
}

InflatePool *inflate_pool_new(guint threads)
{
    InflatePool *pool = g_new0(InflatePool, 1);
    guint wanted = MIN(threads ? threads : g_get_num_processors(), MOST_THREADS);

    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    g_queue_init(&pool->tasks);
    if (!worker_prepare(pool, &pool->own))
        g_error("libdeflate cannot be started");
    while (pool->threads < wanted) {
        Worker *worker = &pool->workers[pool->threads];
        if (!worker_prepare(pool, worker))
            break;
        if (pthread_create(&worker->thread, NULL, worker_thread, worker) != 0) {
            libdeflate_free_decompressor(worker->decompressor);
            break;
        }
        pool->threads++;
    }
    /* A thread's first steps are calls that the confined child may not make. */
    pthread_mutex_lock(&pool->lock);
    while (pool->running < pool->threads)
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    return pool;
}

void inflate_pool_free(InflatePool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = TRUE;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (guint i = 0; i < pool->threads; i++) {
        pthread_join(pool->workers[i].thread, NULL);
        libdeflate_free_decompressor(pool->workers[i].decompressor);
    }
    libdeflate_free_decompressor(pool->own.decompressor);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    g_free(pool);
}

guint inflate_pool_threads(const InflatePool *pool)
{
    return pool->threads;
}

void inflate_pool_push(InflatePool *pool, InflateTask *task)
{
    task->link = (GList){.data = task};
    task->right = FALSE;
    pthread_mutex_lock(&pool->lock);
    task->state = TASK_WAITS;
    g_queue_push_tail_link(&pool->tasks, &task->link);
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

void inflate_pool_wait(InflatePool *pool, InflateTask *task)
{
    pthread_mutex_lock(&pool->lock);
    if (task->state == TASK_WAITS) { /* rather than wait for another to do it */
        g_queue_unlink(&pool->tasks, &task->link);
        locked_run(&pool->own, task);
    }
    while (task->state != TASK_DONE)
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

void inflate_pool_forget(InflatePool *pool, InflateTask *task)
{
    pthread_mutex_lock(&pool->lock);
    if (task->state == TASK_WAITS) {
        g_queue_unlink(&pool->tasks, &task->link);
        task->state = TASK_DONE;
    }
    while (task->state != TASK_DONE)
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

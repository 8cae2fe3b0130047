#include "resolver_pool.h"

#include "documents.h"
#include "task_queue.h"

#include <pthread.h>
#include <signal.h>

#define MOST_WORKERS 4

typedef struct {
    pthread_t thread;
    TaskQueue *queue;
    HostServices *services;
    gboolean stops; /* the worker's own */
} Worker;

struct ResolverPool {
    Engine *engine;
    const Endpoints *endpoints;
    Worker *workers[MOST_WORKERS];
    guint count;
    GHashTable *worker_of; /* source -> index + 1 */
    guint next;
};

typedef struct {
    Worker *worker;
    ResolverFunc func;
    gpointer data;
} Job;

static void *worker_main(void *data)
{
    Worker *worker = data;
    sigset_t all;

    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (!worker->stops)
        task_queue_run(worker->queue, -1);
    return NULL;
}

static void run_job(gpointer data)
{
    Job *job = data;

    job->func(job->worker->services, job->data);
    g_free(job);
}

static void stop_worker(gpointer data)
{
    ((Worker *)data)->stops = TRUE;
}

ResolverPool *resolver_pool_new(Engine *engine, const Endpoints *endpoints)
{
    ResolverPool *pool = g_new0(ResolverPool, 1);

    pool->engine = engine;
    pool->endpoints = endpoints;
    pool->worker_of = g_hash_table_new(NULL, NULL);
    return pool;
}

void resolver_pool_free(ResolverPool *pool)
{
    if (pool == NULL)
        return;
    for (guint i = 0; i < pool->count; i++) {
        Worker *worker = pool->workers[i];
        task_queue_push(worker->queue, stop_worker, worker);
        pthread_join(worker->thread, NULL);
        task_queue_free(worker->queue);
        documents_free(worker->services);
        g_free(worker);
    }
    g_hash_table_unref(pool->worker_of);
    g_free(pool);
}

static gboolean add_worker(ResolverPool *pool)
{
    Worker *worker = g_new0(Worker, 1);

    worker->queue = task_queue_new();
    worker->services = documents_new(pool->engine, pool->endpoints, NULL, NULL);
    if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) {
        task_queue_free(worker->queue);
        documents_free(worker->services);
        g_free(worker);
        return FALSE;
    }
    pool->workers[pool->count++] = worker;
    return TRUE;
}

gboolean resolver_pool_push(ResolverPool *pool, gconstpointer source, ResolverFunc func,
                            gpointer data)
{
    guint index = GPOINTER_TO_UINT(g_hash_table_lookup(pool->worker_of, source));

    if (index == 0) {
        if (pool->count < MOST_WORKERS && !add_worker(pool) && pool->count == 0)
            return FALSE;
        index = pool->next++ % pool->count + 1;
        g_hash_table_insert(pool->worker_of, (gpointer)source, GUINT_TO_POINTER(index));
    }
    Job *job = g_new(Job, 1);
    *job = (Job){pool->workers[index - 1], func, data};
    task_queue_push(job->worker->queue, run_job, job);
    return TRUE;
}

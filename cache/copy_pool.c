#include "copy_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable.h"

#define PIECE_BYTES ((gsize)256 * 1024)
#define MOST_THREADS 16

typedef struct {
    GList link;
    int from, to;
    guint algorithms;
    TaskQueue *home;
    CopyDone done;
    gpointer data;
    DigestSet digests;
    guint64 size;
    int read_errno, write_errno;
} Copy;

struct CopyPool {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GQueue waiting; /* Copy, by their own links */
    pthread_t threads[MOST_THREADS];
    guint thread_count;
    gboolean ending;
    int cancelled; /* atomic */
};

static void copy_free(Copy *copy)
{
    close(copy->from);
    close(copy->to);
    g_free(copy);
}

static void copy_tell(gpointer data)
{
    Copy *copy = data;
    copy->done(&copy->digests, copy->size, copy->read_errno, copy->write_errno, copy->data);
    g_free(copy);
}

static void copy_bytes(CopyPool *pool, Copy *copy, guint8 *buffer)
{
    struct stat now;
    guint64 size = fstat(copy->from, &now) == 0 ? (guint64)now.st_size : 0;
    g_autoptr(DigestStream) stream = digest_stream_new(copy->algorithms, size);
    gssize got = 1;

    posix_fadvise(copy->from, 0, 0, POSIX_FADV_SEQUENTIAL);
    while (got > 0) {
        if (__atomic_load_n(&pool->cancelled, __ATOMIC_RELAXED)) {
            copy->read_errno = ECANCELED;
            return;
        }
        got = TEMP_FAILURE_RETRY(pread(copy->from, buffer, PIECE_BYTES, (off_t)copy->size));
        if (got < 0)
            copy->read_errno = errno;
        else if (got > 0 && !write_whole(copy->to, (const char *)buffer, (gsize)got))
            copy->write_errno = errno;
        if (copy->write_errno)
            return;
        if (got > 0) {
            digest_stream_update(stream, buffer, (gsize)got);
            copy->size += (guint64)got;
        }
    }
    digest_stream_finish(stream, &copy->digests);
}

static void *copy_thread(void *data)
{
    CopyPool *pool = data;
    g_autofree guint8 *buffer = g_malloc(PIECE_BYTES);

    for (;;) {
        pthread_mutex_lock(&pool->lock);
        while (pool->waiting.length == 0 && !pool->ending)
            pthread_cond_wait(&pool->changed, &pool->lock);
        GList *link = pool->ending ? NULL : g_queue_pop_head_link(&pool->waiting);
        pthread_mutex_unlock(&pool->lock);
        if (!link)
            return NULL;
        Copy *copy = link->data;
        copy_bytes(pool, copy, buffer);
        /* A late report of a full disk comes with close(2). */
        close(copy->from);
        if (close(copy->to) != 0 && !copy->read_errno && !copy->write_errno)
            copy->write_errno = errno;
        pthread_mutex_lock(&pool->lock);
        gboolean ending = pool->ending;
        if (!ending)
            task_queue_push(copy->home, copy_tell, copy);
        pthread_mutex_unlock(&pool->lock);
        if (ending)
            g_free(copy);
    }
}

CopyPool *copy_pool_new(guint threads)
{
    CopyPool *pool = g_new0(CopyPool, 1);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    guint wanted = threads ? threads : (guint)CLAMP(cores, 1, MOST_THREADS);
    int failed = 0;

    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    g_queue_init(&pool->waiting);
    for (guint i = 0; i < MIN(wanted, MOST_THREADS) && !failed; i++) {
        failed = pthread_create(&pool->threads[i], NULL, copy_thread, pool);
        if (!failed)
            pool->thread_count++;
    }
    if (pool->thread_count > 0)
        return pool;
    copy_pool_free(pool);
    errno = failed;
    return NULL;
}

void copy_pool_cancel(CopyPool *pool)
{
    __atomic_store_n(&pool->cancelled, 1, __ATOMIC_RELAXED);
}

void copy_pool_free(CopyPool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = TRUE;
    copy_pool_cancel(pool); /* whoever sees it sees the end as well */
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (guint i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    for (GList *link = g_queue_pop_head_link(&pool->waiting); link;
         link = g_queue_pop_head_link(&pool->waiting))
        copy_free(link->data);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    g_free(pool);
}

void copy_pool_file(CopyPool *pool, int from, int to, guint algorithms, TaskQueue *home,
                    CopyDone done, gpointer data)
{
    Copy *copy = g_new0(Copy, 1);

    copy->link.data = copy;
    copy->from = from;
    copy->to = to;
    copy->algorithms = algorithms;
    copy->home = home;
    copy->done = done;
    copy->data = data;
    pthread_mutex_lock(&pool->lock);
    g_queue_push_tail_link(&pool->waiting, &copy->link);
    pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

gboolean file_clone(int from, int to)
{
    return ioctl(to, FICLONE, from) == 0;
}

gboolean file_can_clone(int from, int to_folder)
{
    int to = openat(to_folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    gboolean cloned = to >= 0 && file_clone(from, to);

    if (to >= 0)
        close(to);
    return cloned;
}

#include "digest_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verdict.h"

#define READ_BYTES (256 * 1024)
/* How much of one file is digested before the next one has its turn. A whole file is read in long
 * runs, so that a disk that turns does not have to jump. */
#define SLICE_ARRIVING (8 * 1024 * 1024)
#define SLICE_WHOLE (64 * 1024 * 1024)

typedef enum {
    JOB_IDLE,
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_DELIVERED, /* a task of the home queue owns it */
} JobState;

struct DigestJob {
    GList link; /* of one of the pool's queues; its data is the job */
    DigestPool *pool;
    int fd;
    gboolean whole; /* owns its descriptor, ends at the end of the file */
    guint algorithms;
    guint64 size; /* as told beforehand */
    guint64 held; /* not counted as behind */
    guint64 to;   /* bytes that are there */
    guint64 digested;
    guint64 counted; /* this job's part of pool->behind */
    DigestStream *stream;
    DigestSet digests;
    int errno_value;
    JobState state;
    atomic_bool cancelled;
    gboolean finishing;
    gboolean ended;
    TaskQueue *home;
    DigestDone done;
    gpointer data;
};

struct DigestPool {
    pthread_mutex_t mutex;
    pthread_cond_t work; /* something is queued, or the end */
    pthread_cond_t rest; /* a slice is over */
    /* DigestJob, linked by their own links. What arrives has the right of way, each in turn; a
     * whole file, once begun, is read to its end. */
    GQueue arriving, whole;
    guint64 behind;
    gboolean stop;
    guint threads;
    pthread_t thread[];
};

static void job_free(DigestJob *job)
{
    g_clear_pointer(&job->stream, digest_stream_free);
    if (job->whole)
        close(job->fd);
    g_free(job);
}

/* On the home queue's thread: nobody else knows the job any more. */
static void job_deliver(gpointer data)
{
    DigestJob *job = data;
    DigestDone done = job->done;
    gpointer done_data = job->data;
    DigestSet digests = job->digests;
    guint64 size = job->digested;
    int errno_value = job->errno_value;
    gboolean cancelled = atomic_load(&job->cancelled);

    job_free(job);
    if (!cancelled)
        done(&digests, size, errno_value, done_data);
}

/* The functions named locked_ are called with the pool's mutex held. */
static void locked_count(DigestJob *job)
{
    guint64 from = MAX(job->digested, job->held);
    guint64 counted = job->whole || job->errno_value || job->to <= from ? 0 : job->to - from;

    job->pool->behind += counted - job->counted;
    job->counted = counted;
}

/* A git blob's digest begins with the size: what was digested under another one is void. */
static void locked_check_size(DigestJob *job)
{
    if (!job->finishing || job->whole || job->size == job->to ||
        !(job->algorithms & (1u << DIGEST_GIT_BLOB)))
        return;
    job->size = job->to;
    job->digested = 0;
    g_clear_pointer(&job->stream, digest_stream_free);
}

static gboolean locked_has_work(const DigestJob *job)
{
    if (job->errno_value)
        return job->finishing;
    if (!job->finishing && job->size == SIZE_UNKNOWN && (job->algorithms & (1u << DIGEST_GIT_BLOB)))
        return FALSE;
    return job->finishing || job->digested < job->to;
}

static void locked_queue(DigestJob *job)
{
    if (job->state != JOB_IDLE || !locked_has_work(job))
        return;
    job->state = JOB_QUEUED;
    if (!job->whole)
        g_queue_push_tail_link(&job->pool->arriving, &job->link);
    else if (job->digested > 0)
        g_queue_push_head_link(&job->pool->whole, &job->link);
    else
        g_queue_push_tail_link(&job->pool->whole, &job->link);
    pthread_cond_signal(&job->pool->work);
}

/* Digests up to LIMIT, without the mutex: while it runs, the job's stream, digests and `ended` are
 * this thread's. TO is where the bytes that are there end. Returns 0 or an errno. */
static int job_run_slice(DigestJob *job, guint8 *buffer, guint64 limit, guint64 to,
                         gboolean finishing, guint64 *digested)
{
    if (!job->stream) {
        job->stream = digest_stream_new(job->algorithms, job->size);
        if (job->whole || job->held)
            posix_fadvise(job->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    gboolean at_end = *digested == to;
    while (!at_end && *digested < limit && !atomic_load(&job->cancelled)) {
        gsize want = (gsize)MIN((guint64)READ_BYTES, limit - *digested);
        gssize got = TEMP_FAILURE_RETRY(pread(job->fd, buffer, want, (off_t)*digested));
        if (got < 0)
            return errno;
        if (got == 0 && !job->whole) /* told of bytes that are not there */
            return EIO;
        at_end = got == 0;
        digest_stream_update(job->stream, buffer, (gsize)got);
        *digested += (guint64)got;
        at_end = at_end || *digested == to;
    }
    if (finishing && at_end) {
        digest_stream_finish(job->stream, &job->digests);
        job->ended = TRUE;
    }
    return 0;
}

/* One turn of a job that was taken from the queue; called and left with the mutex held. */
static void locked_run_job(DigestPool *pool, DigestJob *job, guint8 *buffer)
{
    job->state = JOB_RUNNING;
    locked_check_size(job);
    if (!job->errno_value) {
        guint64 digested = job->digested;
        guint64 to = job->to;
        guint64 limit = MIN(to, digested + (job->whole ? SLICE_WHOLE : SLICE_ARRIVING));
        gboolean finishing = job->finishing;
        pthread_mutex_unlock(&pool->mutex);
        int failed = job_run_slice(job, buffer, limit, to, finishing, &digested);
        pthread_mutex_lock(&pool->mutex);
        job->digested = digested;
        if (!job->errno_value)
            job->errno_value = failed;
    }
    locked_count(job);
    job->state = JOB_IDLE;
    gboolean over = job->ended || (job->errno_value && job->finishing);
    if (atomic_load(&job->cancelled)) {
        pthread_cond_broadcast(&pool->rest);
    } else if (over) {
        job->state = JOB_DELIVERED;
        task_queue_push(job->home, job_deliver, job);
    } else {
        locked_check_size(job);
        locked_queue(job);
    }
}

static GList *locked_pop(DigestPool *pool)
{
    GList *link = g_queue_pop_head_link(&pool->arriving);

    return link ? link : g_queue_pop_head_link(&pool->whole);
}

static gpointer pool_thread(gpointer data)
{
    DigestPool *pool = data;
    g_autofree guint8 *buffer = g_malloc(READ_BYTES);

    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        GList *link = pool->stop ? NULL : locked_pop(pool);
        if (link)
            locked_run_job(pool, link->data, buffer);
        else if (!pool->stop)
            pthread_cond_wait(&pool->work, &pool->mutex);
        else
            break;
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

DigestPool *digest_pool_new(guint threads)
{
    guint wanted = threads ? threads : g_get_num_processors();
    DigestPool *pool = g_malloc0(sizeof *pool + wanted * sizeof pool->thread[0]);

    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->rest, NULL);
    g_queue_init(&pool->arriving);
    g_queue_init(&pool->whole);
    for (guint i = 0; i < wanted; i++) {
        int failed = pthread_create(&pool->thread[pool->threads], NULL, pool_thread, pool);
        if (!failed) {
            pool->threads++;
        } else if (i + 1 == wanted && pool->threads == 0) {
            digest_pool_free(pool);
            errno = failed;
            return NULL;
        }
    }
    return pool;
}

void digest_pool_free(DigestPool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->stop = TRUE;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    for (guint i = 0; i < pool->threads; i++)
        pthread_join(pool->thread[i], NULL);
    for (GList *link = locked_pop(pool); link; link = locked_pop(pool))
        job_free(link->data);
    pthread_cond_destroy(&pool->rest);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    g_free(pool);
}

guint64 digest_pool_behind(DigestPool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    guint64 behind = pool->behind;
    pthread_mutex_unlock(&pool->mutex);
    return behind;
}

static DigestJob *job_new(DigestPool *pool, int fd, guint algorithms, guint64 size)
{
    DigestJob *job = g_new0(DigestJob, 1);

    job->link.data = job;
    job->pool = pool;
    job->fd = fd;
    job->algorithms = algorithms;
    job->size = size;
    atomic_init(&job->cancelled, FALSE);
    return job;
}

DigestJob *digest_pool_file(DigestPool *pool, int fd, guint algorithms, TaskQueue *home,
                            DigestDone done, gpointer data)
{
    struct stat st;
    gboolean known = fstat(fd, &st) == 0;
    DigestJob *job = job_new(pool, fd, algorithms, known ? (guint64)st.st_size : 0);

    job->whole = TRUE;
    job->to = G_MAXUINT64;
    job->errno_value = known ? 0 : errno;
    job->finishing = TRUE;
    job->home = home;
    job->done = done;
    job->data = data;
    pthread_mutex_lock(&pool->mutex);
    locked_queue(job);
    pthread_mutex_unlock(&pool->mutex);
    return job;
}

DigestJob *digest_job_new(DigestPool *pool, int fd, guint algorithms, guint64 size, guint64 held)
{
    DigestJob *job = job_new(pool, fd, algorithms, size);

    job->held = held;
    digest_job_advance(job, held);
    return job;
}

void digest_job_advance(DigestJob *job, guint64 to)
{
    pthread_mutex_lock(&job->pool->mutex);
    if (to > job->to && !job->finishing) {
        job->to = to;
        locked_count(job);
        locked_queue(job);
    }
    pthread_mutex_unlock(&job->pool->mutex);
}

void digest_job_finish(DigestJob *job, guint64 total, TaskQueue *home, DigestDone done,
                       gpointer data)
{
    DigestPool *pool = job->pool;

    pthread_mutex_lock(&pool->mutex);
    if (job->to > total && !job->errno_value) /* told of more than there is: nothing is right */
        job->errno_value = EIO;
    job->to = total;
    job->finishing = TRUE;
    job->home = home;
    job->done = done;
    job->data = data;
    if (job->state != JOB_RUNNING)
        locked_check_size(job);
    locked_count(job);
    locked_queue(job);
    pthread_mutex_unlock(&pool->mutex);
}

void digest_job_cancel(DigestJob *job)
{
    if (!job)
        return;
    DigestPool *pool = job->pool;
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&job->cancelled, TRUE);
    if (job->state == JOB_QUEUED)
        g_queue_unlink(job->whole ? &pool->whole : &pool->arriving, &job->link);
    while (job->state == JOB_RUNNING)
        pthread_cond_wait(&pool->rest, &pool->mutex);
    gboolean delivered = job->state == JOB_DELIVERED;
    pool->behind -= job->counted;
    job->counted = 0;
    pthread_mutex_unlock(&pool->mutex);
    if (!delivered) /* else the task on its way frees it */
        job_free(job);
}

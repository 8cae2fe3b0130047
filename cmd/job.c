#include "job.h"

#include "error.h"
#include "i18n.h"

#include <pthread.h>
#include <signal.h>

struct Job {
    const JobSettings *settings;
    pthread_mutex_t lock; /* engine, for job_engine_snapshot() and job_cancel() */
    Engine *engine;
    HostServices *services;
    DigestPool *pool;
    TaskQueue *store;
    gint cancelled; /* atomic: signal number */
    gint64 deadline;
    JobProgress progress;
};

void job_event_free(JobEvent *event)
{
    if (event) {
        g_free(event->sentence);
        g_free(event->answer);
        json_decref(event->facts);
        g_free(event);
    }
}

Job *job_new(const JobSettings *settings)
{
    Job *job = g_new0(Job, 1);
    job->settings = settings;
    pthread_mutex_init(&job->lock, NULL);
    job->store = task_queue_new();
    return job;
}

void job_free(Job *job)
{
    if (!job) {
        return;
    }
    g_clear_pointer(&job->services, documents_free);
    g_clear_pointer(&job->engine, engine_free);
    g_clear_pointer(&job->pool, digest_pool_free);
    g_clear_pointer(&job->store, task_queue_free);
    pthread_mutex_destroy(&job->lock);
    g_free(job);
}

const JobSettings *job_settings(const Job *job)
{
    return job->settings;
}

static gboolean services_cancelled(gpointer data)
{
    Job *job = data;
    return job_is_cancelled(job) || (job->deadline && g_get_monotonic_time() > job->deadline);
}

Engine *job_engine(Job *job, GError **error)
{
    if (job->engine) {
        return job->engine;
    }
    if (job->settings->offline) {
        g_set_error_literal(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
            _("This needs the network, and --offline forbids it. Try again without --offline."));
        return NULL;
    }
    Engine *engine = engine_new(&job->settings->engine_config, error);
    pthread_mutex_lock(&job->lock);
    job->engine = engine;
    pthread_mutex_unlock(&job->lock);
    if (engine && job_is_cancelled(job)) {
        engine_cancel(engine);
    }
    return engine;
}

HostServices *job_services(Job *job, GError **error)
{
    Engine *engine = job_engine(job, error);
    if (engine && !job->services) {
        job->services = documents_new(engine, job->settings->endpoints, services_cancelled, job);
    }
    return engine ? job->services : NULL;
}

DigestPool *job_digest_pool(Job *job)
{
    if (!job->pool) {
        job->pool = digest_pool_new(0);
    }
    return job->pool;
}

TaskQueue *job_store(Job *job)
{
    return job->store;
}

EngineSnapshot *job_engine_snapshot(Job *job)
{
    pthread_mutex_lock(&job->lock);
    EngineSnapshot *snapshot = job->engine ? engine_snapshot(job->engine) : NULL;
    pthread_mutex_unlock(&job->lock);
    return snapshot;
}

void job_cancel(Job *job, int signal_number)
{
    g_atomic_int_set(&job->cancelled, signal_number);
    pthread_mutex_lock(&job->lock);
    if (job->engine) {
        engine_cancel(job->engine);
    }
    pthread_mutex_unlock(&job->lock);
    task_queue_wake(job->store);
}

gboolean job_is_cancelled(const Job *job)
{
    return g_atomic_int_get(&job->cancelled) != 0;
}

void job_set_cancelled_error(const Job *job, const char *go_on, GError **error)
{
    gboolean interrupted = g_atomic_int_get(&job->cancelled) == SIGINT;
    g_set_error(error, MEDMIRROR_ERROR,
                interrupted ? MEDMIRROR_ERROR_INTERRUPTED : MEDMIRROR_ERROR_TERMINATED,
                interrupted ? _("Interrupted; what was received is kept. Go on with: %s")
                            : _("Terminated; what was received is kept. Go on with: %s"),
                go_on);
}

void job_set_deadline(Job *job, gint64 deadline)
{
    job->deadline = deadline;
}

void job_tell(Job *job, JobEventLevel level, const char *name, json_t *facts, const char *format,
              ...)
{
    g_autofree char *sentence = NULL;
    if (format) {
        va_list args;
        va_start(args, format);
        sentence = g_strdup_vprintf(format, args);
        va_end(args);
    }
    job_answer(job, level, name, facts, sentence, NULL);
}

void job_answer(Job *job, JobEventLevel level, const char *name, json_t *facts,
                const char *sentence, const char *answer)
{
    JobEvent *event = g_new0(JobEvent, 1);
    event->level = level;
    event->name = name;
    event->facts = facts ? facts : json_object();
    event->sentence = g_strdup(sentence);
    event->answer = g_strdup(answer);
    if (job->settings->tell) {
        job->settings->tell(event, job->settings->tell_data);
    } else {
        job_event_free(event);
    }
}

void job_progress_get(Job *job, JobProgress *progress)
{
    const gint64 *from = (const gint64 *)&job->progress;
    gint64 *to = (gint64 *)progress;
    for (gsize i = 0; i < sizeof *progress / sizeof *to; i++) {
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    }
}

JobProgress *job_progress(Job *job)
{
    return &job->progress;
}

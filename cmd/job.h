/*
 * A job joins fetchers and cache, prints nothing, and tells what happens by events. It runs on a
 * thread of its own, which is the store thread: the one that writes the spool, journals, syncs,
 * links and renames.
 */
#pragma once

#include "catalogue.h"
#include "config.h"
#include "digest_pool.h"
#include "documents.h"
#include "engine.h"
#include "room.h"
#include "trust_settings.h"

typedef enum {
    JOB_EVENT_DETAIL,  /* JSON, --verbose */
    JOB_EVENT_STEP,    /* what goes on; not with --quiet */
    JOB_EVENT_WARNING, /* matters, but is no failure; not with --quiet */
    JOB_EVENT_FAILURE, /* always */
} JobEventLevel;

typedef struct {
    JobEventLevel level;
    const char *name; /* JSON "event"; static */
    char *sentence;   /* for people; NULL: for JSON alone */
    char *answer;     /* a line for standard output; NULL: none */
    json_t *facts;    /* object; never NULL */
} JobEvent;
void job_event_free(JobEvent *event);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JobEvent, job_event_free)

/* What is on its way, for whoever draws; read from another thread. */
typedef struct {
    gint64 files_done, files_all;        /* downloads of this pull */
    gint64 bytes_done, bytes_all;        /* bytes_all -1: not known */
    gint64 members;                      /* unpacked so far */
    gint64 checked_files, checked_bytes; /* verify */
} JobProgress;

typedef struct {
    const Config *config;
    Catalogue *catalogue;
    Endpoints *endpoints;
    const TrustSettings *trust;
    const char *mirror_path;
    gboolean mirror_is_chosen; /* by option, environment or configuration */
    const char *mirror_words; /* " --mirror DIR" where that was typed, for lines to type; else "" */
    gboolean offline;
    EngineConfig engine_config;
    /* Called on the job's thread; takes the event. */
    void (*tell)(JobEvent *event, gpointer data);
    gpointer tell_data;
} JobSettings;

typedef struct Job Job;

Job *job_new(const JobSettings *settings); /* SETTINGS must outlive it */
void job_free(Job *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Job, job_free)
const JobSettings *job_settings(const Job *job);
/* Owned by the job, made when first asked for; NULL with an error. With --offline:
 * MEDMIRROR_ERROR_ABSENT. */
Engine *job_engine(Job *job, GError **error);
HostServices *job_services(Job *job, GError **error);
DigestPool *job_digest_pool(Job *job);
TaskQueue *job_store(Job *job); /* the job thread's queue */
/* The engine if there is one yet; any thread. */
EngineSnapshot *job_engine_snapshot(Job *job);

/* Any thread: end soon. SIGNAL_NUMBER tells with which exit status. */
void job_cancel(Job *job, int signal_number);
gboolean job_is_cancelled(const Job *job);
/* MEDMIRROR_ERROR_INTERRUPTED or _TERMINATED with the line that goes on. */
void job_set_cancelled_error(const Job *job, const char *go_on, GError **error);
/* While a deadline (monotonic us; 0: none) is set, documents end with it. */
void job_set_deadline(Job *job, gint64 deadline);

void job_tell(Job *job, JobEventLevel level, const char *name, json_t *facts, const char *format,
              ...) G_GNUC_PRINTF(5, 6);
/* The same with a line for standard output (NULL: none); takes FACTS. */
void job_answer(Job *job, JobEventLevel level, const char *name, json_t *facts,
                const char *sentence, const char *answer);
/* Progress is written by the job alone (job_count()) and read by anybody. */
void job_progress_get(Job *job, JobProgress *progress);
JobProgress *job_progress(Job *job);
#define job_count(job, field, by)                                                                  \
    ((void)__atomic_add_fetch(&job_progress(job)->field, (gint64)(by), __ATOMIC_RELAXED))
#define job_set(job, field, to)                                                                    \
    __atomic_store_n(&job_progress(job)->field, (gint64)(to), __ATOMIC_RELAXED)

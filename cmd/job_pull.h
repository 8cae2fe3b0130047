/*
 * The pull of one dataset: resolve, plan, download, verify, unpack, install into the mirror.
 */
#pragma once

#include "job_fetch.h"

/* A plan that waits for its fetch: the listing lies in the stage. */
typedef struct {
    char *id; /* tells that listing from any other */
    ListingHead *head;
} PullPlanned;

typedef struct {
    const Reference *reference;
    const Selection *selection; /* what was asked for; all where nothing was */
    gboolean only;              /* --only: this selection is all there is */
    gboolean no_unpack;
    gboolean keep_archives;
    gboolean refresh; /* what has changed at the source is taken as a new version */
    gboolean allow_incomplete;
    gboolean no_wait;
    gboolean dry_run;
    guint64 kept_bytes; /* of a dry run, which looks into no stage: what the stage holds */
    Requirement require;
    const char *const *names; /* paths of --files-from; NULL: none */
    const char *list;         /* the list of series that says where they lie; NULL: none */
    const char *prefer;       /* --prefer: one of the source's back ends; NULL: as it thinks best */
    const char *to;           /* --to: absolute; a copy goes there afterwards; NULL: none */
    const char *options;      /* as typed, for the line that begins anew */
    /* For sync: the newest version is wanted, what stands is not added to (but where files of it
     * failed), and a source that does not answer is an error. */
    gboolean is_sync;
    gboolean plan_only;         /* ends with the plan; whether it fits is in the result */
    const PullPlanned *planned; /* of an earlier call with plan_only: the source is not asked again;
                                   NULL: none */
} PullRequest;

typedef struct {
    gboolean up_to_date; /* nothing had to be fetched */
    gboolean is_weak;    /* "as far as the source tells" */
    gboolean not_asked;  /* whether there is a newer version is not known */
    gboolean installed;
    char *path;         /* absolute; NULL where nothing stands */
    char *ref;          /* "physionet/mitdb" */
    LockHeader *header; /* of what stands now; NULL where nothing does */
    FetchReport fetched;
    gint64 elapsed_us;
    Plan plan;
    Room room;             /* as it was when the plan was made */
    gboolean does_not_fit; /* the plan, into that room */
    gboolean has_changed;  /* the source has other content under the name of a version here */
    gboolean is_begun;     /* what came so far is kept: pull --resume */
    gboolean other_begun;  /* is_sync: a pull with other options is unfinished here */
    PullPlanned *planned;  /* plan_only: there is something to fetch; NULL: there is not */
} PullResult;
void pull_planned_free(PullPlanned *planned);
void pull_result_free(PullResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PullResult, pull_result_free)

/* *RESULT is always set (owned), an error or not: absent files are installed without them, and an
 * error (_ABSENT). */
gboolean job_pull(Job *job, const PullRequest *request, PullResult **result, GError **error);
/* A plan that was made with plan_only is not wanted: its listing goes, unless more than that is
 * kept. */
void job_pull_drop(Job *job, const Reference *reference);

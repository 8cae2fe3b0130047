/*
 * The sync of a mirror: every dataset to its newest version. All are planned first, then brought
 * smallest first, as long as they fit; what stands is never touched.
 */
#pragma once

#include "job_pull.h"
#include "lock_compare.h"

typedef enum {
    SYNC_UNCHANGED, /* the newest version is here */
    SYNC_UPDATED,
    SYNC_PLANNED,   /* --dry-run: it would be brought */
    SYNC_WAITS,     /* does not fit, or somebody works on it */
    SYNC_PERSON,    /* credentials, terms or an application are needed */
    SYNC_GONE,      /* the source has it no more */
    SYNC_CHANGED,   /* the source has other content under the name of a version here */
    SYNC_FAILED,    /* anything else */
    SYNC_NOT_ASKED, /* nobody can be asked: adopted, in place, without a source */
    SYNC_LEFT,      /* the run ended before it */
} SyncState;
#define SYNC_STATES (SYNC_LEFT + 1)
const char *sync_state_name(SyncState state); /* "unchanged", ...; static */

typedef struct {
    char *ref, *folder, *text; /* text: what to type to have it again */
    char *before;              /* the newest version held when the run began */
    Selection *selection;      /* of it */
    char *version, *path;      /* the newest that stands now; path: absolute */
    SyncState state;
    int exit;
    char *message; /* why, where it is neither unchanged nor updated; may be NULL */
    /* Of what was planned. */
    PullPlanned *planned;
    Plan plan;
    Room room; /* that there was for it */
    /* Of an update. */
    LockComparison files;
    guint64 received;
    char *hold; /* who holds the version before it; NULL: nobody */
    /* Of what needs a person. */
    char *since;     /* UTC: since when it does */
    gboolean is_new; /* to be named: for the first time, after a week, or as it was asked for */
} SyncEntry;

typedef struct {
    GPtrArray *entries; /* SyncEntry*, in the order of the REFs, else of their folders */
    guint count[SYNC_STATES];
    gint64 begun, ended; /* seconds since 1970 */
    int status;          /* of all, as CLI.md orders them */
} SyncReport;
void sync_report_free(SyncReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SyncReport, sync_report_free)

typedef struct {
    Catalogue *catalogue;
    char **refs; /* NULL-terminated; empty: the whole mirror */
    gboolean no_wait, dry_run;
    Requirement require;
} SyncSpec;

/* Each update tells what a pull tells. *REPORT (owned) is set where the mirror could be read, an
 * error or not: the error is that which ended the run early (_STORAGE, _INTERRUPTED). */
gboolean job_sync(Job *job, const SyncSpec *spec, SyncReport **report, GError **error);

/*
 * One pull, between its files: job_pull.c (the course of it), job_pull_resolve.c (the source's
 * listing into the spool) and job_pull_install.c (from the chosen files to the installed version).
 */
#pragma once

#include "index.h"
#include "job_pull.h"
#include "job_version.h"

typedef struct {
    Job *job;
    const PullRequest *request;
    const Reference *reference;
    PullResult *result;
    Mirror *mirror;
    GPtrArray *versions; /* LockHeader* of what stands, newest first */
    Owner *owner;
    Stage *stage;
    Index *index; /* NULL where there is none */
    Spool *spool;
    char *scratch; /* of a dry run: a folder of its own in place of a stage */
    ListingHead *head;
    const LockHeader
        *standing;        /* the version that this pull is about, where it stands; of `versions` */
    Selection *selection; /* what the version is to hold afterwards */
    VersionName *name;
    RoomLimits limits;
    struct RangePlan *ranges; /* members that are fetched by themselves; borrowed while it plans and
                                 fetches */
    char *command;            /* the line that goes on */
    char *anew;               /* the line that begins it, with its options */
    gboolean keep_stage;      /* even where nothing has come yet */
} Pull;

#define PULL_PLAN_ID "plan_id" /* fact of the spool: which plan its listing was made for */

/* Does the version hold all that the request asks for? */
gboolean pull_holds(const LockHeader *header, const PullRequest *request);
/* Asks the source; *UNCHANGED: it says that CANDIDATE is still its state. */
gboolean pull_resolve(Pull *pull, const LockHeader *candidate, gboolean *unchanged, GError **error);
/* The version's name is known: what of the listing it is to hold. */
gboolean pull_choose_files(Pull *pull, GError **error);
/* What the manifest records of members of archives. */
gboolean pull_expect_members(Pull *pull, GError **error);
/* Who may read what comes, before the first byte does. */
gboolean pull_settle_readers(Pull *pull, GError **error);
/* Of the version as it is to be; the counts are the install's. Owned. */
LockHeader *pull_make_header(const Pull *pull);
/* BY: the verb that read and judged all of a new version. */
void pull_note_proof(Pull *pull, const LockHeader *header, const char *by);
/* Plan, fetch, install. */
gboolean pull_fetch(Pull *pull, GError **error);
/* The result is what stands: HEADER's version. */
gboolean pull_finish_with(Pull *pull, const LockHeader *header);
gboolean pull_finish_up_to_date(Pull *pull, const LockHeader *header);

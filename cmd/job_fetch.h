/*
 * The middle of a pull: takes downloads from the spool, a few hundred at a time, through engine,
 * partial file, digest, unpacker and verdict into the stage. Large and small ones run side by side.
 */
#pragma once

#include "index.h"
#include "job.h"
#include "local_files.h"
#include "reference.h"
#include "requirement.h"
#include "selection.h"
#include "stage.h"

typedef struct {
    const Reference *reference;
    Index *index; /* NULL: nothing is taken from the mirror itself */
    Mirror *mirror;
    Owner *owner;
    Stage *stage;
    const Selection *selection; /* decides which members of archives are taken */
    Requirement require;
    gboolean keep_archives;
    const RoomLimits *limits;
    const char *command; /* the line that goes on, for messages */
    const char *anew;    /* the line that begins it, with its options; NULL: the same */
    struct RangePlan
        *ranges;        /* members that are fetched by themselves (job_ranges.h); NULL: none */
    gboolean is_repair; /* nothing is taken from the mirror itself */
    LocalFiles *local;  /* the bytes are there, and no network is needed; NULL: the source's */
} FetchSpec;

typedef struct {
    guint64 fetched_files, fetched_bytes; /* verified and staged in this run: downloads */
    guint64 received;                     /* bytes over the network */
    guint64 absent, failed;
    gboolean renewed;  /* the source says something else of what it lists than when it was asked */
    guint64 unvouched; /* of the downloads that came object by object those whose source has no hash
                          of them as a whole */
    guint64 shared_files, shared_bytes; /* taken from the mirror itself */
    gboolean left_over;                 /* the stage's tree may hold what is in no row */
} FetchReport;

/* FALSE with the error that ends the run: _STORAGE, _INTERRUPTED, _BUSY, or that of the files that
 * failed (the worst; each was told as an event and is noted in the spool). Absent files are no
 * error here. */
gboolean job_fetch(Job *job, const FetchSpec *spec, FetchReport *report, GError **error);

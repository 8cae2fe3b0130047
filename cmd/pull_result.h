/*
 * What a pull brought, in words and as facts.
 */
#pragma once

#include "job_pull.h"

/* The paragraph at the end: what was brought, how much, how fast, how it was verified, its
 * fingerprint, how to cite it. RESULT has a header. Owned. */
char *pull_result_describe(const PullResult *result);
/* The facts of the event "result"; owned. */
json_t *pull_result_json(const PullResult *result);

/* Several pulls of one run. */
typedef struct {
    guint refs, failed;
    int status;        /* of all */
    gboolean must_end; /* storage is full, or a signal came */
} PullTally;

/* Parses TEXT, which becomes REQUEST's reference (its options too, for the line that begins it
 * anew), pulls, and tells "result" and "error". Returns the exit status of this one. */
int pull_and_tell(Job *job, Catalogue *catalogue, const char *text, PullRequest *request,
                  PullTally *tally);
void pull_tally_add(PullTally *tally, int status);
void pull_tell_error(Job *job, const char *ref, const GError *error);
/* The event "summary". */
void pull_tell_summary(Job *job, const PullTally *tally);

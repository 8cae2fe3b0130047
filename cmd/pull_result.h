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

/* Pulls what TEXT means, as REQUEST says (its reference and options are not looked at), and tells
 * "result" and "error"; of a list of series, each of its datasets. Returns the exit status. */
int pull_and_tell(Job *job, Catalogue *catalogue, const char *text, const PullRequest *request,
                  PullTally *tally);
void pull_tally_add(PullTally *tally, int status);
void pull_tell_error(Job *job, const char *ref, const GError *error);
/* The event "summary". */
void pull_tell_summary(Job *job, const PullTally *tally);

/*
 * `pull --resume`: what is unfinished goes on, with the options it began with.
 */
#pragma once

#include "job.h"

typedef struct {
    Catalogue *catalogue;
    char **refs; /* NULL-terminated; empty: all */
    gboolean no_wait, dry_run;
} ResumeSpec;

/* Runs on the job's thread; tells all, the summary too. Returns the exit status: 0 where nothing is
 * unfinished, 7 where a REF is neither begun nor here. */
int pull_resume(Job *job, const ResumeSpec *spec);

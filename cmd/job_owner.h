/*
 * Taking a dataset for a job: a living owner is waited for, by name.
 */
#pragma once

#include "job.h"
#include "owner.h"

/* Takes the dataset FOLDER for VERB; REF names it in what is told ("waits"). NO_WAIT: _BUSY where
 * another run has it. The job's end ends the wait with _INTERRUPTED. Owned. */
Owner *job_take_owner(Job *job, Mirror *mirror, const char *ref, const char *folder,
                      const char *verb, gboolean no_wait, GError **error);

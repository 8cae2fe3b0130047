/*
 * Versions leave the mirror; what removing them would do is told before.
 */
#pragma once

#include "job.h"
#include "removal.h"
#include "stage.h"

/* Looks at every version of HEADERS (LockHeader*) and tells what would go ("removal", "foreign"),
 * and what that frees in all ("frees"). _USAGE where one is held; _INTERRUPTED. Changes nothing. */
gboolean job_remove_look(Job *job, Mirror *mirror, const GPtrArray *headers, GError **error);
/* Removes one and tells it ("removed"), its name the answer. */
gboolean job_remove_version(Job *job, Mirror *mirror, const LockHeader *header, gboolean no_wait,
                            GError **error);
/* What an unfinished pull of FOLDER left: stage and partial files. */
gboolean job_remove_unfinished(Job *job, Mirror *mirror, const UnfinishedInfo *unfinished,
                               gboolean no_wait, GError **error);

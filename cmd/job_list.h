/*
 * What a source lists, without a mirror: for `files`.
 */
#pragma once

#include "job.h"
#include "reference.h"
#include "spool.h"

/* Resolves into a spool of its own in the temporary folder, then calls FUNC for each download
 * that SELECTION takes, in byte order of paths; SELECTION NULL: for all that is listed, also what a
 * pull brings only if it is asked for. */
gboolean job_list(Job *job, const Reference *reference, const Selection *selection,
                  gboolean (*func)(const SpoolDownload *download, gpointer data, GError **error),
                  gpointer data, GError **error);

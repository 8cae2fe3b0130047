/*
 * What a source lists, without a mirror: for `files`.
 */
#pragma once

#include "job.h"
#include "reference.h"
#include "spool.h"

/* Resolves into a spool of its own in the temporary folder, then calls FUNC for each download in
 * byte order of paths. */
gboolean job_list(Job *job, const Reference *reference,
                  gboolean (*func)(const SpoolDownload *download, gpointer data, GError **error),
                  gpointer data, GError **error);

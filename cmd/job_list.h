/*
 * What a source lists, without a mirror: for `files`.
 */
#pragma once

#include "job.h"
#include "reference.h"
#include "spool.h"

/* Who is told what is listed. */
typedef struct {
    gboolean (*download)(const SpoolDownload *download, gpointer data, GError **error);
    /* May be NULL. What the source says lies in the archive at ARCHIVE; while it is told, before
     * the downloads, in the order of the source. */
    gboolean (*member)(const char *archive, const char *path, guint64 size, gpointer data,
                       GError **error);
    gpointer data;
} ListReader;

/* Resolves into a spool of its own in the temporary folder, then tells each download that SELECTION
 * takes, in byte order of paths; SELECTION NULL: all that is listed, also what a pull brings only
 * if it is asked for. What the source notes of its listing is told as events. */
gboolean job_list(Job *job, const Reference *reference, const Selection *selection,
                  const ListReader *reader, GError **error);

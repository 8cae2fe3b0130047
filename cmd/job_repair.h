/*
 * Mending: fetches the smallest download that holds a damaged file, verifies it against the lock,
 * and renames it over every path that shared the damaged file.
 */
#pragma once

#include "job_verify.h"
#include "reference.h"

/* WRONG: char*, paths of the version. *MENDED counts. _DAMAGED where some could not be mended (each
 * was told), nothing of them touched; others as of the fetch. */
gboolean job_repair(Job *job, Mirror *mirror, const LockHeader *header, const Reference *reference,
                    const GPtrArray *wrong, gboolean no_wait, guint64 *mended, GError **error);
/* Writes VERSION.sha256 anew from the lock. */
gboolean job_repair_list(Job *job, Mirror *mirror, const LockHeader *header, gboolean no_wait,
                         GError **error);
/* Is VERSION.metadata.csv not there, though series of DICOM images are held? */
gboolean job_lacks_metadata(Mirror *mirror, const LockHeader *header);
/* Writes it anew from the lock. */
gboolean job_repair_metadata(Job *job, Mirror *mirror, const LockHeader *header, gboolean no_wait,
                             GError **error);

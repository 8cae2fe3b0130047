/*
 * A version's tree at a place of one's own, writable.
 */
#pragma once

#include "job.h"
#include "mirror.h"
#include "series_table.h"

typedef struct {
    char *path;           /* absolute */
    guint64 files, bytes; /* of the tree */
    guint64 cloned;       /* files that share their space with the mirror's (reflinks) */
    guint64 kept;         /* files that an interrupted copy had made, and are right */
    guint64 doubles; /* series that would have shared a folder, and have their whole UID in it */
    gboolean is_private; /* data of restricted access: for the user's eyes alone */
} CopyResult;
void copy_result_clear(CopyResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CopyResult, copy_result_clear)

/* DIR must be absent or an empty folder, outside the mirror. *PATH: absolute, owned. _USAGE. */
gboolean job_copy_check(const char *mirror_path, const char *dir, char **path, GError **error);
/* Makes PATH (of job_copy_check()) the tree of HEADER's version: files and links of its lock, in
 * the modes that the umask leaves (of restricted data 0600 and 0700), each proven against the lock
 * while it is copied. It is built in PATH.partial and appears by one rename; what an interrupted
 * copy left there is gone on with. Series of DICOM images lie as LAYOUT says, each image under the
 * name that it has here, and metadata.csv tells of them. _USAGE where LAYOUT is another than the
 * tree's and there are no series; _DAMAGED where a file is not as the lock says, _STORAGE, _BUSY
 * where another run copies to it, _INTERRUPTED; PATH is not made then. */
gboolean job_copy(Job *job, Mirror *mirror, const LockHeader *header, const char *path,
                  SeriesLayout layout, CopyResult *result, GError **error);
/* Tells "copied", PATH the answer. */
void job_copy_tell(Job *job, const LockHeader *header, const CopyResult *result);

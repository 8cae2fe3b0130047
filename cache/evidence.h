/*
 * Evidence: the newest wrong copy of a file, kept so that one can look at what came. Whole up to 16
 * MiB (NAME), else its first and last MiB (NAME.head, NAME.tail); NAME.json says what it is.
 */
#pragma once

#include "digest.h"

#define EVIDENCE_WHOLE_BYTES ((guint64)16 * 1024 * 1024)
#define EVIDENCE_PART_BYTES ((guint64)1024 * 1024)

typedef struct {
    const char *path;    /* of the file in its dataset */
    const char *address; /* where it came from, without secrets; NULL where it was found damaged */
    const DigestSet *seen;   /* may be NULL */
    const DigestSet *wanted; /* may be NULL */
} EvidenceNote;

/* Keeps a copy of what FD has below EVIDENCE_FD, as private as FD's file is; what an earlier one of
 * that name left is replaced. NAME may be a path: it becomes one part (relpath_encode_part). FD's
 * position is not used. _STORAGE. */
gboolean evidence_keep(int evidence_fd, const char *name, int fd, const EvidenceNote *note,
                       GError **error);

/*
 * One image of a DICOM series, by whichever way it came: does it belong there, and where in the
 * tree does it lie? Pure.
 */
#pragma once

#include "dicom_head.h"
#include "filespec.h"

/* The path of the image that HEAD tells of: SOPInstanceUID.dcm, below RULE's `into` in the folder
 * where ARCHIVE (the download's path) would lie. NAME: the image's own name at the source, for
 * messages. Owned. Errors: MEDMIRROR_ERROR_DAMAGED where it is of another series than RULE's;
 * _UNSAFE where the path is none. */
char *series_member_path(const UnpackRule *rule, const char *archive, const char *name,
                         const DicomHead *head, GError **error);

/* The error of an image whose head says nothing: RESULT and REASON as dicom_head_parse() gave them.
 * Always FALSE. */
gboolean series_member_refuse(const UnpackRule *rule, const char *name, DicomHeadResult result,
                              const char *reason, GError **error);

/* What the source says of the whole series; SIZE_UNKNOWN where it does not. */
typedef struct {
    guint64 images;
    guint64 bytes; /* of the images */
} SeriesCount;
/* The facts ImageCount and FileSize of a download (FileSpec.facts, which may be NULL). */
SeriesCount series_count_of(const json_t *facts);
/* MEDMIRROR_ERROR_DAMAGED where CAME is not what is WANTED: "the source delivers n of m images of
 * series UID". */
gboolean series_count_check(const UnpackRule *rule, const SeriesCount *wanted,
                            const SeriesCount *came, GError **error);

/*
 * The head of a DICOM file: which image of which series it is, from the first bytes alone (DICOM
 * PS3.10, 7, and PS3.5, 7 and annex A). Explicit and implicit little endian, explicit big endian,
 * deflated; with the preamble, or without it where the bytes can be nothing else.
 *
 * Any bytes may go in: what is read, copied and inflated is bounded.
 */
#pragma once

#include <glib.h>

/* No head is looked for beyond this many bytes of a file (or of its inflated data set). */
#define DICOM_HEAD_MOST_BYTES (4 * 1024 * 1024)
#define DICOM_UID_BYTES 64
#define DICOM_TEXT_BYTES 256

/* Texts without the blanks and NULs around them; "" where the file has none. UIDs are valid ones.
 * The identifiers of patient and study are in whatever character set the file has. */
typedef struct {
    char transfer_syntax[DICOM_UID_BYTES + 1];    /* (0002,0010) */
    char sop_class[DICOM_UID_BYTES + 1];          /* (0008,0016) */
    char sop_instance[DICOM_UID_BYTES + 1];       /* (0008,0018), the data set's; never "" */
    char media_sop_instance[DICOM_UID_BYTES + 1]; /* (0002,0003), the file's */
    char study_instance[DICOM_UID_BYTES + 1];     /* (0020,000D) */
    char series_instance[DICOM_UID_BYTES + 1];    /* (0020,000E); never "" */
    char modality[DICOM_TEXT_BYTES + 1];          /* (0008,0060) */
    char patient_id[DICOM_TEXT_BYTES + 1];        /* (0010,0020) */
    char study_id[DICOM_TEXT_BYTES + 1];          /* (0020,0010) */
    gboolean has_preamble;
    gboolean names_differ; /* the file's SOPInstanceUID is not the data set's, which counts */
} DicomHead;

typedef enum {
    DICOM_HEAD_DONE,
    DICOM_HEAD_NEED_MORE, /* ask again with more bytes from the beginning: twice as many is good */
    DICOM_HEAD_NOT_DICOM,
    DICOM_HEAD_DAMAGED, /* DICOM, but it does not say properly which image it is */
} DicomHeadResult;

/* BYTES: the first LENGTH bytes of the file; IS_WHOLE: there are no more. *HEAD is filled with
 * DICOM_HEAD_DONE alone. *REASON (may be NULL): of NOT_DICOM and DAMAGED a clause for people,
 * translated, static. With DICOM_HEAD_MOST_BYTES or IS_WHOLE it never needs more. */
DicomHeadResult dicom_head_parse(const guint8 *bytes, gsize length, gboolean is_whole,
                                 DicomHead *head, const char **reason);

/* The same of the file in FD, from its first byte on (pread): never NEED_MORE. Reads as little as
 * will do. MEDMIRROR_ERROR_STORAGE where it cannot be read; *RESULT else. */
gboolean dicom_head_read(int fd, DicomHeadResult *result, DicomHead *head, const char **reason,
                         GError **error);

/* Numbers with dots between them, at most 64 bytes (PS3.5, 9.1; leading zeros are let pass): fit
 * for a name in the tree. */
gboolean dicom_uid_is_valid(const char *uid);

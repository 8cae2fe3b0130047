/*
 * The zip of one DICOM series, while it is unpacked: what each entry is, which image, and at its
 * end whether all is there. What the source makes is described at
 * https://github.com/CBIIT/NBIA-TCIA (V1_getImageWithMD5Hash): images in no stable order under
 * running numbers, then md5hashes.csv; where the source fails on the way it ends the zip in good
 * order all the same.
 */
#pragma once

#include "series_check.h"

typedef enum {
    SERIES_PART_NONE, /* of no series */
    SERIES_PART_IMAGE,
    SERIES_PART_LIST,    /* md5hashes.csv */
    SERIES_PART_LICENCE, /* LICENSE: no file of the tree; the lock tells of licences */
    SERIES_PART_OTHER,   /* an annotation: a file of the tree under its own name */
} SeriesPart;

typedef struct UnpackSeries UnpackSeries;

/* RULE and ARCHIVE are borrowed; COUNT (may be NULL): what the source lists. */
UnpackSeries *unpack_series_new(const UnpackRule *rule, const char *archive,
                                const SeriesCount *count);
void unpack_series_free(UnpackSeries *series);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UnpackSeries, unpack_series_free)

/* What the entry of NAME is. Errors of all functions: MEDMIRROR_ERROR_DAMAGED, _UNSAFE, _STORAGE.
 */
gboolean unpack_series_begin(UnpackSeries *series, const char *name, SeriesPart *part,
                             GError **error);
/* More of the list that was begun. */
gboolean unpack_series_read_list(UnpackSeries *series, const void *bytes, gsize length,
                                 GError **error);
gboolean unpack_series_end_list(UnpackSeries *series, GError **error);

typedef enum {
    SERIES_HEAD_FAILED = -1,
    SERIES_HEAD_WAITS, /* for more bytes */
    SERIES_HEAD_KNOWN,
} SeriesHead;
/* The beginning of the image that was begun, with more and more bytes, until it is known; IS_WHOLE:
 * these are the last. *PATH: where it lies, owned. *HEAD, *HEAD_LENGTH: all its bytes so far,
 * borrowed until the next call. */
SeriesHead unpack_series_head(UnpackSeries *series, const char *name, const guint8 *bytes,
                              gsize length, gboolean is_whole, char **path, const guint8 **head,
                              gsize *head_length, GError **error);

/* The archive's directory confirms an image (with its MD5 in DIGESTS), or the list; or disowns the
 * list. In the order of the archive. */
gboolean unpack_series_take_image(UnpackSeries *series, const char *name, const DigestSet *digests,
                                  guint64 size, GError **error);
void unpack_series_take_list(UnpackSeries *series);
gboolean unpack_series_drop_list(UnpackSeries *series, GError **error);

/* The archive was read to its end. *CAME, *DIGEST (DIGEST_MD5_TREE): of its images. FALSE where it
 * is not whole and right. */
gboolean unpack_series_finish(UnpackSeries *series, SeriesCount *came, Digest *digest,
                              GError **error);

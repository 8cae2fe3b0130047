/*
 * The buckets of the Imaging Data Commons: the same objects on two clouds, under a bucket's name of
 * each. All pure.
 */
#pragma once

#include <glib.h>

#define IDC_S3_BASE "https://s3.us-east-1.amazonaws.com"
#define IDC_GCS_BASE "https://storage.googleapis.com"

/* The name of BUCKET, which may be either cloud's, at Amazon or Google; NULL where it is not known
 * to be there. Borrowed. */
const char *idc_bucket_at_s3(const char *bucket);
const char *idc_bucket_at_gcs(const char *bucket);

/* Is TEXT the 36 characters of a UUID? */
gboolean idc_is_uuid(const char *text);

/* "BASE/BUCKET/UUID/" for each cloud whose base is given (NULL: not to be asked), added to
 * ADDRESSES (char*, owned). */
void idc_add_bundles(GPtrArray *addresses, const char *s3_base, const char *gcs_base,
                     const char *bucket, const char *uuid);

#include "idc_buckets.h"

#include <string.h>

static const struct {
    const char *at_s3, *at_gcs;
} buckets[] = {
    {"idc-open-data", "idc-open-data"},
    {"idc-open-data-two", "idc-open-idc1"},
    {"idc-open-data-cr", "idc-open-cr"},
    {"idc-open-data", "public-datasets-idc"}, /* Google's until v19 */
};

const char *idc_bucket_at_s3(const char *bucket)
{
    for (gsize i = 0; i < G_N_ELEMENTS(buckets); i++)
        if (strcmp(buckets[i].at_s3, bucket) == 0 || strcmp(buckets[i].at_gcs, bucket) == 0)
            return buckets[i].at_s3;
    return bucket; /* a new one: IDC tells Amazon's names */
}

const char *idc_bucket_at_gcs(const char *bucket)
{
    for (gsize i = 0; i < G_N_ELEMENTS(buckets); i++)
        if (strcmp(buckets[i].at_gcs, bucket) == 0 || strcmp(buckets[i].at_s3, bucket) == 0)
            return buckets[i].at_gcs;
    return NULL;
}

gboolean idc_is_uuid(const char *text)
{
    if (!text || strlen(text) != 36)
        return FALSE;
    for (gsize i = 0; i < 36; i++) {
        gboolean is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? text[i] != '-' : !g_ascii_isxdigit(text[i]))
            return FALSE;
    }
    return TRUE;
}

void idc_add_bundles(GPtrArray *addresses, const char *s3_base, const char *gcs_base,
                     const char *bucket, const char *uuid)
{
    const char *at_s3 = idc_bucket_at_s3(bucket);
    const char *at_gcs = idc_bucket_at_gcs(bucket);
    if (s3_base && at_s3)
        g_ptr_array_add(addresses, g_strdup_printf("%s/%s/%s/", s3_base, at_s3, uuid));
    if (gcs_base && at_gcs)
        g_ptr_array_add(addresses, g_strdup_printf("%s/%s/%s/", gcs_base, at_gcs, uuid));
}

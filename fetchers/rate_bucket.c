#include "rate_bucket.h"

static gint64 most(const RateBucket *bucket)
{
    return MAX((gint64)(bucket->rate / 10), 1);
}

void rate_bucket_init(RateBucket *bucket, guint64 rate, gint64 now_us)
{
    bucket->rate = MIN(rate, (guint64)G_MAXINT64 / G_USEC_PER_SEC);
    bucket->level = most(bucket);
    bucket->at_us = now_us;
}

void rate_bucket_take(RateBucket *bucket, guint64 bytes)
{
    if (bucket->rate != 0)
        bucket->level -= (gint64)MIN(bytes, (guint64)G_MAXINT32);
}

gboolean rate_bucket_is_open(RateBucket *bucket, gint64 now_us)
{
    if (bucket->rate == 0)
        return TRUE;
    gint64 elapsed = CLAMP(now_us - bucket->at_us, 0, 10 * G_USEC_PER_SEC);
    gint64 gained = (gint64)((double)bucket->rate * (double)elapsed / G_USEC_PER_SEC);
    /* Fractions of a byte are kept by leaving the clock where it was. */
    if (gained > 0) {
        bucket->level = MIN(bucket->level + gained, most(bucket));
        bucket->at_us = now_us;
    }
    return bucket->level > 0;
}

gint64 rate_bucket_opens_in_ms(const RateBucket *bucket)
{
    if (bucket->rate == 0 || bucket->level > 0)
        return 0;
    return (gint64)((double)(1 - bucket->level) * 1000.0 / (double)bucket->rate) + 1;
}

/*
 * One bucket for all transfers: bytes are taken after they came, so that it may go into debt;
 * sockets are served only while it is above zero, and TCP holds the other side back.
 */
#pragma once

#include <glib.h>

typedef struct {
    guint64 rate; /* bytes a second; 0: no limit */
    gint64 level; /* bytes; at most a tenth of a second's */
    gint64 at_us; /* when LEVEL was right */
} RateBucket;

void rate_bucket_init(RateBucket *bucket, guint64 rate, gint64 now_us);
void rate_bucket_take(RateBucket *bucket, guint64 bytes);
/* Fills what has come in since; TRUE where more may be received now. */
gboolean rate_bucket_is_open(RateBucket *bucket, gint64 now_us);
/* Milliseconds until it opens; 0 where it is open. */
gint64 rate_bucket_opens_in_ms(const RateBucket *bucket);

/*
 * The Content-Range field of a 206 or 416 (RFC 9110, section 14.4).
 */
#pragma once

#include "verdict.h"

typedef struct {
    guint64 from;  /* first byte */
    guint64 to;    /* one behind the last byte; FROM == TO of a 416 */
    guint64 total; /* SIZE_UNKNOWN where "*" */
} ContentRange;

/* Pure. "bytes 0-9/100"; either side of the slash may be a star (the total of a 206 is not known; a
 * 416 has no span). FALSE, RANGE untouched, for another unit, a range that ends before it begins or
 * beyond its total, numbers that do not fit, or anything behind. */
gboolean content_range_parse(const char *value, ContentRange *range);

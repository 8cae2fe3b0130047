/*
 * Members that are fetched by themselves: shared by job_ranges.c (which these are) and
 * job_ranges_fetch.c (how they come).
 */
#pragma once

#include "job_fetch_internal.h"
#include "job_ranges.h"
#include "remote_zip.h"

#define RANGE_BATCH_BYTES                                                                          \
    (G_GUINT64_CONSTANT(8) << 20) /* compressed; fetched, decoded and noted together */
#define RANGE_BATCH_MEMBERS 1000

typedef struct {
    SpoolDownload *row;
    RemoteZip *zip;
    gboolean unfit;
    gboolean is_over; /* its members are here, or it comes whole */
    GArray *entries;  /* ZipEntry that have to come, in the order of the file; no names in them */
    guint64 taken;    /* members that the selection takes, with those that are here */
    guint64 members;  /* all in the archive */
    guint64 gap, bytes, on_disk;
    guint requests;
    GPtrArray *singles; /* char*: paths of those that come each from its own address; NULL: by
                           ranges */
} RangePart;

struct RangePlan {
    Job *job;
    RangeSpec spec;
    GPtrArray *parts;        /* RangePart* */
    guint looked_at, chosen; /* archives; members of all parts, held in memory */
};

/* Any thread. Where ENTRY would lie; NULL: it is no file. FALSE where the unpacker would refuse it.
 * Owned. */
gboolean range_part_place(const RangePart *part, const ZipEntry *entry, char **path,
                          GError **error);
gboolean range_part_takes(const RangePlan *plan, const RangePart *part, const char *path);
/* An archive that its host cannot give in parts comes whole, and that is no small thing. */
void range_part_tell_unfit(const RangePlan *plan, const RangePart *part, const GError *reason);
/* job_singles.c: asks the source which members the archive has, and whether those that are wanted
 * are few. FALSE, maybe with an error: they do not come so. */
gboolean singles_look(RangePlan *plan, RangePart *part, GError **error);
gboolean range_error_ends_all(const GError *error);
/* How many of the entries from FIRST on come together: a large one alone, for it is gone on with
 * where it was cut. *BYTES: compressed. */
guint range_part_batch(const RangePart *part, guint first, guint64 *bytes);

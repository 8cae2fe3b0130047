/*
 * Few members of a large zip that lies on a host: found in its directory and fetched by ranges, in
 * place of the whole archive, where that is much less and not many requests. The archive's row then
 * counts as here with the chosen members; the others are known and not chosen, so that a wider pull
 * brings them.
 */
#pragma once

#include "job_fetch.h"

typedef struct RangePlan RangePlan;

typedef struct {
    guint64 fetch;            /* bytes over the network */
    guint64 members, on_disk; /* of what is fetched: files, and their bytes */
    guint64 peak;             /* bytes beside them at any moment */
} RangeFigures;

typedef struct {
    const Reference *reference;
    Spool *spool;
    const Selection *selection;
    const char *version; /* that is pulled */
    int partial_fd; /* an archive that has come by half is better fetched to its end; -1: none */
    gboolean needs_whole; /* archives are kept, or a digest must vouch for all of them */
} RangeSpec;

/* Looks into the archives that are queued, by ranged requests; on the store thread. What cannot be
 * read so is not in the plan, and no error. NULL with _ABSENT where the selection takes no member
 * of the one archive that there is, and nothing else; _INTERRUPTED. Owned. SPEC's parts must
 * outlive it. */
RangePlan *range_plan_new(Job *job, const RangeSpec *spec, GError **error);
void range_plan_free(RangePlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RangePlan, range_plan_free)
gboolean range_plan_is_empty(const RangePlan *plan); /* NULL: TRUE */
/* Is the archive of row ID fetched by ranges? */
gboolean range_plan_find(const RangePlan *plan, gint64 id, RangeFigures *figures);

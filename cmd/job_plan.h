/*
 * The plan: four figures before the first byte, and whether they fit.
 */
#pragma once

#include "job.h"
#include "reference.h"
#include "spool.h"

typedef struct {
    Mirror *mirror; /* NULL: a dry run where no mirror is yet */
    Spool *spool;
    const ListingHead *head; /* may be NULL */
    int partial_fd;          /* where partial files lie; -1: none */
    guint64 kept_bytes;      /* received before, beside what lies there and in the spool */
    gboolean keep_archives;
    const struct RangePlan *ranges; /* archives of which members alone are fetched; NULL: none */
    const Reference *reference;
    const char *version;
    const RoomLimits *limits;
    gboolean is_quiet; /* told as a detail */
    Room *room;        /* may be NULL; what there is is put here */
} PlanSpec;

/* Fills *PLAN and tells it as an event. _STORAGE where it does not fit, _USAGE where no mirror was
 * chosen and it is above 1 GiB; both end with lines to type. */
gboolean job_plan(Job *job, const PlanSpec *spec, const SpoolTotals *totals, Plan *plan,
                  GError **error);

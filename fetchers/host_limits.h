/*
 * What the engine knows of one host: how many requests may run there at once (halved on trouble,
 * growing back), points, and whether it is parked or out. The engine's thread alone.
 */
#pragma once

#include <glib.h>

#define HOST_POINTS_LAST 3

typedef struct {
    guint most;           /* the ceiling */
    guint allowed;        /* 1 to most */
    guint good;           /* answers since the last change of ALLOWED */
    gint64 halved_at;     /* ms; one burst of failures halves once */
    guint points;         /* from HOST_POINTS_LAST on it comes last */
    gint64 pointed_at;    /* ms */
    gint64 parked_until;  /* ms */
    gboolean is_out;      /* for this run */
    guint line_failures;  /* connection failures in a row since its last answer */
    gboolean has_trouble; /* was ever halved */
} HostLimits;

void host_limits_init(HostLimits *limits, guint most);
/* A higher ceiling (HTTP/2 is spoken); what was allowed grows along where there was no trouble. */
void host_limits_raise(HostLimits *limits, guint most);
void host_limits_note_good(HostLimits *limits);
/* INTERVAL_MS: what comes within it after the last halving is the same trouble. */
void host_limits_halve(HostLimits *limits, gint64 now, gint64 interval_ms);
/* At most one point each INTERVAL_MS. */
void host_limits_add_point(HostLimits *limits, gint64 now, gint64 interval_ms);

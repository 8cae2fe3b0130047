/*
 * What comes after an attempt: a pure function from outcomes to the next step (ENGINE.md's table),
 * tested as a table.
 */
#pragma once

#include "outcome.h"

typedef enum {
    STEP_DONE,
    STEP_SAME_ADDRESS,  /* go on with what is held, after delay_ms */
    STEP_ANEW,          /* same address, from the first byte, after delay_ms */
    STEP_NEXT_ADDRESS,  /* the next candidate, after delay_ms; what is held is kept where it may be
                         */
    STEP_REFRESH,       /* ask the fetcher for new addresses or credentials first */
    STEP_WITHOUT_TOKEN, /* once without credentials */
    STEP_WITH_LOGIN,    /* once with the source's login, which it was asked without */
    STEP_CHECK_HELD,    /* 416 with a total equal to what is held: judge it */
    STEP_GIVE_UP,       /* this file fails with this outcome */
    STEP_STOP_RUN,      /* the whole run stops with this outcome */
    STEP_ABSENT,        /* absent at the source */
} StepKind;

/* What has happened to this file so far. Plain counters, kept by the Transfer and changed by
 * next_step alone. */
typedef struct {
    guint addresses;          /* candidates there are */
    guint address;            /* index of the one just tried */
    guint without_progress;   /* attempts in a row that brought less than 1 MiB */
    guint cut_unresumable;    /* times it was cut where nothing can be resumed */
    guint wrong_here;         /* times wrong bytes came from this address, fresh */
    guint wrong_after_resume; /* times wrong bytes came after a resume */
    guint
        changed; /* times the file had to begin anew because the remote changed or ignored ranges */
    guint refreshes;    /* times refresh was asked */
    guint not_data;     /* times something came that was no data */
    guint expired;      /* expired twice in a row without a byte between */
    gboolean resumable; /* what is held can be continued */
    gboolean token_dropped;
    gboolean can_log_in; /* the source gives some files only with a login, and none has gone yet */
    gboolean any_address_not_absent; /* some address said other than absent */
    gboolean host_answered;          /* any host answered in this run */
    gboolean can_refresh;            /* the fetcher has a refresh function */
    gboolean can_sign;      /* another address than the listed one was asked: one that its fetcher
                               prepared, or where a redirect led. The listed one gives a fresh one */
    guint held_equal_total; /* of 416: what is held has the total length */
} TransferHistory;

typedef struct {
    guint retries;              /* attempts without progress, 8 */
    guint64 delay_min_ms;       /* 1,000 */
    guint64 delay_max_ms;       /* 60,000 */
    guint64 retry_after_max_ms; /* 600,000: a longer one parks the host */
    gboolean waits_when_wrong;  /* after wrong bytes, too */
} StepLimits;

typedef struct {
    StepKind kind;
    guint64 delay_ms;       /* to wait before it */
    gboolean drop_bytes;    /* what is held does not count any more */
    gboolean keep_evidence; /* the wrong copy is kept aside */
    gboolean halve_host;    /* the host's parallel limit is halved */
    guint host_points;      /* points against the host */
    gboolean host_out;      /* the host is out for this run */
    gboolean park_host;     /* Retry-After longer than we wait: until retry_after_ms has passed */
} Step;

/* Pure but for RANDOM (0 to 1: full jitter; tests hand in a constant). Updates HISTORY. */
Step next_step(const Outcome *outcome, TransferHistory *history, const StepLimits *limits,
               double random);

/* TRUE where an outcome concerns not this file alone: a proxy or a login that is refused, storage
 * that fails. The
 * receiver of `done` ends the run (engine_cancel()). */
gboolean outcome_stops_run(const Outcome *outcome);

/*
 * What one attempt, or one step of storing, ended in. Plain data; what comes next is decided
 * elsewhere (next_step.h).
 */
#pragma once

#include <glib.h>

typedef enum {
    OUTCOME_OK,
    OUTCOME_CANCELLED,         /* we stopped it */
    OUTCOME_NO_CONNECTION,     /* name or connection failure */
    OUTCOME_CERTIFICATE,       /* certificate not valid, or of an unknown issuer */
    OUTCOME_PROXY,             /* 407, or CONNECT refused */
    OUTCOME_CUT,               /* timeout, stall, reset, cut short */
    OUTCOME_BUSY,              /* 408 429 5xx */
    OUTCOME_REFUSED,           /* 401, 403, a login or terms page of the source itself */
    OUTCOME_TOKEN_REFUSED,     /* 401 with a token on what needs none */
    OUTCOME_FOREIGN_REFUSAL,   /* 403, 451 or HTML that is not the source's own */
    OUTCOME_EXPIRED,           /* a signed address that has expired */
    OUTCOME_ABSENT,            /* 404, 410 */
    OUTCOME_NOT_READY,         /* 202, or as classify says: later */
    OUTCOME_NOT_DATA,          /* 200 with an empty or unexpected body */
    OUTCOME_RANGE_UNSATISFIED, /* 416 */
    OUTCOME_CHANGED, /* validator changed, wrong Content-Range, no range support: this file anew */
    OUTCOME_TRUNCATED_ARCHIVE, /* complete length, archive without its end */
    OUTCOME_WRONG_BYTES,       /* wrong size or digest */
    OUTCOME_HINT_DISAGREES, /* a hint does not agree: once more, and the same bytes twice are first
                               use */
    OUTCOME_OTHER_STATUS,   /* any other 4xx */
    OUTCOME_REDIRECT_REFUSED, /* a loop, too many, or one that goes down from https or off http(s)
                               */
    OUTCOME_STORAGE,          /* disk or quota full, read-only, I/O error: see error_number */
    OUTCOME_UNSAFE,           /* refused as unsafe */
    OUTCOME_NO_FETCHER,       /* the program that must prepare it failed, and runs no more */
} OutcomeKind;

/* A zeroed Outcome is OUTCOME_OK. Strings are owned: outcome_clear(). */
typedef struct {
    OutcomeKind kind;
    int status;                /* HTTP status, 0 where none came */
    int curl_code;             /* CURLcode, 0 where none */
    int error_number;          /* errno of OUTCOME_STORAGE */
    gboolean login_is_refused; /* REFUSED: the login itself, which all files that need it go with */
    gboolean is_explained;     /* REFUSED: DETAIL is whole sentences, with the line to type */
    gboolean after_resume;     /* WRONG_BYTES, TRUNCATED_ARCHIVE: some bytes came from an earlier
                                  attempt or address */
    gint64 retry_after_ms;     /* what Retry-After asked for, -1 where it did not */
    guint64 received;          /* bytes that this attempt stored */
    char *address;             /* redacted, for people */
    char *detail; /* a clause for people: "HTTP 503 Service Unavailable", "no byte for 60 s"; may be
                     NULL */
    char *title;  /* title or first line of a foreign answer; may be NULL */
} Outcome;

const char *outcome_kind_name(OutcomeKind kind); /* for logs and JSON; static */
void outcome_clear(Outcome *outcome);
/* Frees what *TO held; FROM keeps its own. */
void outcome_copy(Outcome *to, const Outcome *from);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Outcome, outcome_clear)

/* An OUTCOME_STORAGE of ERRNO_VALUE with a clause such as "cannot write FILE". */
void outcome_set_storage(Outcome *outcome, int errno_value, const char *what, ...)
    G_GNUC_PRINTF(3, 4);

/*
 * What an origin says of the identity of a representation: ETag and Last-Modified (RFC 9110,
 * section 8.8).
 */
#pragma once

#include "verdict.h"

typedef struct {
    char *etag;          /* as sent, with quotes and W/; NULL where none */
    char *last_modified; /* as sent; NULL where none */
    guint64 total;       /* bytes of the whole representation, SIZE_UNKNOWN where not said */
    DigestSet *sent;     /* digests of it that came in the same answer (sent_digests.h); NULL where
                            none */
} Validators;

Validators *validators_new(const char *etag, const char *last_modified, guint64 total);
Validators *validators_copy(const Validators *validators); /* NULL gives NULL */
/* Takes a copy of SENT; an empty set is none. */
void validators_set_sent(Validators *validators, const DigestSet *sent);
void validators_free(Validators *validators);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Validators, validators_free)

/* TRUE where a transfer with these may be continued: a strong ETag, or Last-Modified together with
 * a total. NULL: FALSE. */
gboolean validators_allow_resume(const Validators *validators);
/* The value for If-Range (RFC 9110, 13.1.5): the strong ETag, else Last-Modified; NULL where
 * neither will do. Borrowed. */
const char *validators_if_range(const Validators *validators);
/* TRUE where nothing both have differs, and at least one strong thing agrees. */
gboolean validators_same(const Validators *a, const Validators *b);

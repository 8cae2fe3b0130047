/*
 * A version leaves the mirror: its tree by one rename into the private folder, then lock, list and
 * archives; files that are not the dataset's go to VERSION.extra/; only then is anything deleted.
 *
 * An intent (intent.h) says that it has begun: whoever opens the mirror next finishes it. While it
 * stands, the version is not shown. A version that is registered in place (its tree is a symbolic
 * link) loses link, lock and list, and nothing behind the link is touched.
 */
#pragma once

#include "holds.h"
#include "intent.h"
#include "owner.h"
#include "space_count.h"

typedef struct {
    gboolean in_place;    /* nothing is freed but lock and list */
    guint64 files, bytes; /* that go: the dataset's own */
    guint64 foreign;      /* files that are not the dataset's */
    GPtrArray *names;     /* char *: the first REMOVAL_MOST_NAMES of these */
    guint64 archives;     /* files kept beside the version, which go with it */
} RemovalFacts;
#define REMOVAL_MOST_NAMES 20
void removal_facts_clear(RemovalFacts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RemovalFacts, removal_facts_clear)

/* What removing HEADER's version would do; what it frees is added to SPACE, which several versions
 * share. Changes nothing, takes no lock. CANCELLED (may be NULL) ends it, with FALSE and no error.
 */
gboolean removal_look(Mirror *mirror, const LockHeader *header, RemovalFacts *facts,
                      SpaceCount *space, gboolean (*cancelled)(gpointer data), gpointer data,
                      GError **error);
/* Does it; OWNER has the dataset. Afterwards nothing of the version is left under final names but
 * VERSION.extra/, and `latest` leads to what is the newest now. _USAGE where it is held, _ABSENT
 * where it is not here, _BUSY where the owner was lost, _STORAGE; each with the version whole, or
 * the removal begun and left to the next run. */
gboolean removal_run(Mirror *mirror, Owner *owner, const LockHeader *header, GError **error);
/* The steps of an intent; each may have been done already. */
gboolean removal_finish(Mirror *mirror, const Intent *intent, GError **error);
/* _USAGE where HOLD (not NULL) protects HEADER's version: who, until when, how to go on. */
void removal_set_held(const LockHeader *header, const Hold *hold, GError **error);

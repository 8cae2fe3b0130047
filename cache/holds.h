/*
 * Holds: versions that somebody needs as they are, which nothing removes meanwhile.
 *
 * .medmirror/holds/FOLDER-ENCODED/VERSION/USER.json, a file for each person, so that several
 * processes and people need no lock between them, and one who releases hers leaves the other's. It
 * is no part of the index and outlives it.
 */
#pragma once

#include "mirror.h"

typedef struct {
    char *folder;     /* of the dataset, below the mirror */
    char *ref;        /* "physionet/mitdb" */
    char *version;    /* as the lock's header has it */
    char *until;      /* "2027-06-30", that day (UTC) included; NULL: until it is released */
    char *note;       /* NULL: none */
    char *user;       /* whose it is */
    char *since;      /* UTC, "2026-11-23T10:00:00Z" */
    gboolean is_over; /* UNTIL has passed: it protects no more (filled in by reading) */
} Hold;
void hold_free(Hold *hold);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Hold, hold_free)

/* "2027-06-30" of a calendar's day. */
gboolean hold_date_is_valid(const char *date);
/* Written durably; what the same user held of the same version before is replaced. SINCE and
 * IS_OVER are not read: it is now. The mirror is open for writing. _STORAGE. */
gboolean hold_set(Mirror *mirror, const Hold *hold, GError **error);
/* *FOUND: there was one. */
gboolean hold_remove(Mirror *mirror, const char *folder, const char *version, const char *user,
                     gboolean *found, GError **error);
/* Hold*, owned, sorted by folder, version and user, those that are over too. FOLDER, VERSION: of
 * these alone (NULL: of all; VERSION only with FOLDER). Takes no lock. A hold that cannot be read
 * counts as one, by its user's name alone. _STORAGE. */
GPtrArray *hold_list(Mirror *mirror, const char *folder, const char *version, GError **error);
/* The hold that protects the version now, of several the one that lasts longest; owned; NULL where
 * none does, or with an error. */
Hold *hold_find(Mirror *mirror, const char *folder, const char *version, GError **error);
/* "held by ana until 2027-06-30: MICCAI paper"; owned. */
char *hold_describe(const Hold *hold);

/*
 * Leftovers: what runs left in the private folder and nobody goes on with, and archives kept beside
 * versions. Never a version, never what a living owner works on.
 */
#pragma once

#include "owner.h"

typedef enum {
    LEFTOVER_UNFINISHED, /* the stage of an unfinished pull, with its partial files */
    LEFTOVER_PARTIAL,    /* partial files of no known pull */
    LEFTOVER_EVIDENCE,   /* wrong copies of a dataset's files */
    LEFTOVER_ARCHIVES,   /* original archives kept beside a version */
} LeftoverKind;
#define LEFTOVER_KINDS 4

typedef struct {
    LeftoverKind kind;
    char *folder;         /* of the dataset */
    char *ref, *version;  /* NULL where not known */
    guint64 files, bytes; /* BYTES: on disk */
    gint64 touched;       /* change of the newest file, seconds since 1970 */
    gboolean lives;       /* a living owner works on it */
} Leftover;
void leftover_free(Leftover *leftover);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Leftover, leftover_free)

/* Leftover*, owned, by kind and folder; of the kinds whose bits (1 << LeftoverKind) are in KINDS.
 * What cannot be read, another user's, is passed over. Takes no lock. */
GPtrArray *leftovers_find(Mirror *mirror, guint kinds, GError **error);
/* Away by one rename, deleted afterwards. The caller owns the dataset (owner.h). No error where it
 * is gone already. _STORAGE, _USAGE where the version whose archives they are is held. */
gboolean leftover_remove(Mirror *mirror, const Leftover *leftover, GError **error);
/* Owner files of dead runs go; how many did. */
guint leftovers_forget_dead_owners(Mirror *mirror);

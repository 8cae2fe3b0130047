/*
 * proofs.jsonl: what was read and found right (or not), when, how much, by which program;
 * append-only.
 *
 * A version may be proven in slices, one after the other in the byte order of its paths: they are
 * one proof, which begins with its first slice and is complete with the one that has no "upto".
 *
 *   {"when":UTC,"begun":UTC,"folder":..,"version":..,"fingerprint":..,"by":"verify","quick":false,
 *    "files":N,"bytes":N,"damaged":N,"missing":N,"foreign":N,"mended":N,"after":PATH,"upto":PATH,
 *    "tool":"medmirror/0.1.0"}
 */
#pragma once

#include "mirror.h"

typedef struct {
    const char *folder, *version, *fingerprint;
    guint64 files, bytes; /* read and right */
    guint64 damaged, missing, foreign;
    guint64 mended;           /* of those that slices of this proof found damaged or missing */
    gboolean quick;           /* by size and time: proves nothing */
    const char *by;           /* "pull", "verify", "repair" */
    gint64 begun;             /* UTC seconds: when the first byte of the proof was read; 0: now */
    const char *after, *upto; /* a slice: files behind AFTER (NULL: from the first), up to UPTO and
                                 with it (NULL: to the last) */
} Proof;
/* One write(2) of one line: lines of several runs do not mix. _STORAGE. */
gboolean proofs_append(Mirror *mirror, const Proof *proof, GError **error);

/* What is known of one version. */
typedef struct {
    gint64 proven; /* UTC seconds: no byte's proof is older than this; 0: there is none */
    gint64 read;   /* the newest complete reading, right or not, began; 0: there is none */
    /* The proof that slices have begun since. */
    char *upto;           /* NULL: none */
    char *fingerprint;    /* of the version as it was then */
    gint64 begun;         /* of its first slice */
    guint64 files, bytes; /* read so far */
} ProofState;

typedef struct ProofStates ProofStates;
/* Reads backwards, and no further than it takes to know all of HEADERS (LockHeader*); an absent
 * file is no proof. Broken lines are passed over. Takes no lock. Owned. */
ProofStates *proofs_read(Mirror *mirror, const GPtrArray *headers);
/* Borrowed; never NULL. */
const ProofState *proof_states_get(const ProofStates *states, const char *folder,
                                   const char *version);
void proof_states_free(ProofStates *states);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProofStates, proof_states_free)

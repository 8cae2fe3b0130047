/*
 * The journal of a partial file: which of its bytes count at the next run, which validators they
 * came with and from which address.
 *
 * JSON Lines, appended. A `held` line says what write() has taken: it outlives SIGKILL, but counts
 * only while the machine's boot is the one of the `boot` line above it. A `durable` line says what
 * was synced before the line was written, and counts always. `begin` voids all above it. A line
 * that was torn by a power cut or a full disk is no JSON, and is passed over: what it said is
 * fetched again.
 *
 * Appending is serialised by the caller; partial_journal_sync(), _prepare() and _publish() run on
 * the store thread and may go on while another thread appends. All return 0 or an errno.
 */
#pragma once

#include <sys/types.h>

#include "extents.h"

typedef struct {
    char *address;          /* without secrets */
    Validators *validators; /* of its answer; never NULL */
} PartialSource;
PartialSource *partial_source_new(const char *address, const Validators *validators);

typedef struct {
    char *name;         /* the path of the file in its dataset */
    guint64 total;      /* SIZE_UNKNOWN where not known */
    GPtrArray *sources; /* PartialSource*, owned; pieces name them by index */
    Extents *held;
} PartialState;
PartialState *partial_state_new(const char *name);
/* Begins anew: no total, no sources, nothing held. */
void partial_state_reset(PartialState *state);
void partial_state_free(PartialState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PartialState, partial_state_free)

/* What KEY.journal below FOLDER_FD says. ENOENT: there is none; EBADMSG: it is none, or of a newer
 * form. Owned. */
int partial_journal_read(int folder_fd, const char *key, PartialState **state);
/* Removes the journal of KEY, if there is one, and what a run that was killed left beside it. */
int partial_journal_remove(int folder_fd, const char *key);

typedef struct PartialJournal PartialJournal;
/* Opens for appending, or makes. FOLDER_FD is borrowed. NULL and *ERRNO_VALUE. Owned. */
PartialJournal *partial_journal_open(int folder_fd, const char *key, const char *name, mode_t mode,
                                     int *errno_value);
void partial_journal_close(PartialJournal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PartialJournal, partial_journal_close)

/* A new beginning with all that STATE has. */
int partial_journal_begin(PartialJournal *journal, const PartialState *state);
int partial_journal_source(PartialJournal *journal, const PartialSource *source);
int partial_journal_total(PartialJournal *journal, guint64 total);
int partial_journal_held(PartialJournal *journal, const ExtentPiece *piece);
/* The data of DURABLE was synced before this call. */
int partial_journal_durable(PartialJournal *journal, const Extents *durable);
/* A sync failed: what is not in the last durable line does not count any more. */
int partial_journal_lost(PartialJournal *journal);
int partial_journal_sync(PartialJournal *journal);

/* Makes the journal short again, in three steps: a new one beside it (synced), the switch with all
 * that is HELD by then (serialised with appending, does not wait), the rename (and a sync of the
 * folder). */
gboolean partial_journal_is_long(const PartialJournal *journal);
int partial_journal_prepare(PartialJournal *journal, const PartialState *state,
                            const Extents *durable);
void partial_journal_switch(PartialJournal *journal, const Extents *held);
int partial_journal_publish(PartialJournal *journal);

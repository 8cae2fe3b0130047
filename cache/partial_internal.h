/*
 * The inside of a partial file, for the files that it is made of: partial_file.c (life),
 * partial_sink.c (offer, write, settle), partial_progress.c (what is recorded, and when).
 */
#pragma once

#include <pthread.h>

#include "partial_file.h"
#include "partial_journal.h"

/* Below this a file is fetched again rather than resumed. */
#define PARTIAL_JOURNAL_FROM ((guint64)1024 * 1024)
/* Pieces that grow side by side, each with so many bytes that no journal line tells of yet: what
 * kill -9 can cost. */
#define PARTIAL_OPEN_PIECES 16
#define PARTIAL_RECORD_BYTES ((guint64)256 * 1024)

typedef struct {
    PartialFile *file; /* NULL: freed meanwhile */
} PartialCheckpoint;

struct PartialFile {
    Sink sink; /* first: the engine's pointer is ours */
    PartialSpec spec;
    char *key;
    char *name;
    int fd;
    PartialState *state; /* store thread; `held` under the mutex */
    guint source;        /* whose bytes come now */
    gboolean complete;
    gboolean attempt; /* between an answer's offer and settle */
    gboolean begun;   /* begins() was called for this frontier */
    gboolean resumed;
    gboolean suspect; /* a sync failed: nobody knows what of it is right */
    gboolean wants_journal;
    gboolean has_durable; /* the journal may have a durable line */
    gboolean folder_synced;
    int open_errno; /* why what was left cannot be used */
    Frontier *frontier;
    DigestDone done;
    gpointer done_data;

    pthread_mutex_t mutex; /* guards what follows, state->held, and appending to the journal */
    PartialJournal *journal;
    DigestJob *job;
    guint64 job_told, frontier_told;
    ExtentPiece open[PARTIAL_OPEN_PIECES];
    guint open_count;
    guint64 undurable;             /* bytes since the last sync */
    gint64 durable_at;             /* monotonic, us */
    PartialCheckpoint *checkpoint; /* on its way to the store thread */
    int failed_errno;
};

/* partial_progress.c. The functions named locked_ are called with the mutex held. */

/* Bytes FROM to TO have been written: recorded, and told to digest and frontier. Engine's thread.
 */
void partial_locked_arrived(PartialFile *file, guint64 from, guint64 to);
/* Tells all there is, in small steps too. */
void partial_locked_tell(PartialFile *file);
/* All that is held stands in the journal. */
void partial_locked_record(PartialFile *file);
/* Makes the journal where there is none, with all that is held. 0 or an errno. */
int partial_locked_make_journal(PartialFile *file);
/* Store thread: syncs data, then journal. 0 or an errno. */
int partial_make_durable(PartialFile *file);
/* The journal and what it said are gone, also after a power cut. 0 or an errno. */
int partial_discard_journal(PartialFile *file);

/* partial_sink.c */
extern const SinkClass partial_sink_class;
/* The frontier fails, the digest ends, nothing is held. */
void partial_forget(PartialFile *file);

/*
 * A file that arrives: the partial file, its journal, its frontier and its running digest; a Sink
 * to the engine.
 *
 * The journal has the validators as they were when those bytes were written, the pieces, and the
 * address that each came from; data is durable before the journal says so, while the boot is the
 * same, bytes beyond it count too (DESIGN.md, "Resume"; partial_journal.h). Files below 1 MiB, and
 * files that cannot be resumed, have no journal and are dropped at the next run.
 *
 * All functions run on the store thread, but for the sink's write (the engine's) and
 * partial_file_held() (any).
 */
#pragma once

#include <sys/types.h>

#include "digest_pool.h"
#include "frontier.h"
#include "sink.h"

typedef struct PartialFile PartialFile;

typedef struct {
    int folder_fd;    /* where partial files lie; borrowed */
    const char *key;  /* its name there (the spool's row id as text); journal: KEY.journal */
    const char *name; /* for messages, and to know the file again: the path */
    guint64 size;     /* as listed; SIZE_UNKNOWN */
    guint algorithms; /* to be computed */
    gboolean digest_covers_all; /* a locked or declared digest covers the whole: other addresses may
                                   continue it */
    gboolean never_resume;
    mode_t mode;        /* 0444, or 0400 for restricted data */
    guint64 most_bytes; /* refuses more: OUTCOME_STORAGE with ENOSPC when room is what lacks; 0 or
                           SIZE_UNKNOWN: no limit but the disk's */
    DigestSet wanted;   /* what evidence says beside what came; may be empty */
    DigestPool *pool;   /* borrowed */
    TaskQueue *store;   /* borrowed: the home queue */
    /* On the store thread, when bytes begin to arrive (also after a restart, with a new frontier):
     * for the unpacker. Comes from within the sink's offer, which must not be called from it. May
     * be NULL. */
    void (*begins)(PartialFile *file, Frontier *frontier, guint64 total, gpointer data);
    gpointer data;
} PartialSpec;

/* Opens what an earlier run left under this key (what it has is digested at once) or makes nothing
 * yet. What is left of another name, or cannot be resumed, is dropped. Failures are told by the
 * sink's first offer. Owned. */
PartialFile *partial_file_new(const PartialSpec *spec);
/* Closes; what arrived stays on disk. A digest that is under way ends without its done. */
void partial_file_free(PartialFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PartialFile, partial_file_free)

/*
 * The sink, beyond what sink.h says: offer(NULL) gives what may be continued from that address,
 * nothing where another address has its bytes and no digest covers the whole; the validators are
 * those of that address, else of the first one. It may be written to at once. An offer with
 * validators that cannot continue what is held (another total, another address) begins anew without
 * being told; *OFFER then holds nothing.
 */
Sink *partial_file_sink(PartialFile *file);
/* For reading; borrowed; -1 before the first offer, after place and drop. */
int partial_file_fd(const PartialFile *file);
/* Bytes held, in all extents. Any thread. */
guint64 partial_file_held(const PartialFile *file);
/* Nothing was left of it by an earlier run, and nothing has come yet. Store thread. */
gboolean partial_file_is_fresh(const PartialFile *file);
/* Some bytes came from an earlier run, attempt or another address than the last. After a drop it
 * still speaks of what was dropped. */
gboolean partial_file_was_resumed(const PartialFile *file);
/* The digests that came with the bytes which are held (Validators.sent); empty where none did, or
 * where they came from several addresses that say different things. */
void partial_file_sent(const PartialFile *file, DigestSet *sent);
/* After the sink was settled complete: the digest of all; DONE on the store queue, once. */
void partial_file_digest(PartialFile *file, DigestDone done, gpointer data);
/* Verified: takes its final name PATH (one part or a path whose folders exist) below FOLDER_FD by
 * one rename; the journal goes. _STORAGE. */
gboolean partial_file_place(PartialFile *file, int folder_fd, const char *path, GError **error);
/* Drops what arrived; the next attempt begins anew. EVIDENCE_FD: a folder where the wrong copy is
 * kept as EVIDENCE_NAME (evidence.h) with DIGESTS (may be NULL); -1: none. Evidence that cannot be
 * kept is a warning in the log, no error. _STORAGE. */
gboolean partial_file_drop(PartialFile *file, int evidence_fd, const char *evidence_name,
                           const DigestSet *digests, GError **error);
/* What an earlier run left under KEY, for the plan: bytes that count; 0 where nothing. */
guint64 partial_file_left(int folder_fd, const char *key);
/* The same for each key in the folder that something is left under. A folder that cannot be read
 * has none. */
void partial_file_each_left(int folder_fd,
                            void (*func)(const char *key, guint64 bytes, gpointer data),
                            gpointer data);

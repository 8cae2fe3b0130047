/*
 * A file that arrives: the partial file, its journal, its frontier and its running digest; a Sink
 * to the engine.
 *
 * The journal has the validators as they were when those bytes were written, the pieces, and the
 * address that each came from; data is durable before the journal says so, while the boot is the
 * same, bytes beyond it count too (DESIGN.md, "Resume"). Files below 1 MiB, and files that cannot
 * be resumed, have no journal.
 */
#pragma once

#include "digest_pool.h"
#include "frontier.h"
#include "sink.h"

typedef struct PartialFile PartialFile;

typedef struct {
    int folder_fd;    /* where partial files lie; borrowed */
    const char *key;  /* its name there (the spool's row id as text); journal: KEY.journal */
    const char *name; /* for messages: the path */
    guint64 size;     /* as listed; SIZE_UNKNOWN */
    guint algorithms; /* to be computed */
    gboolean digest_covers_all; /* a locked or declared digest covers the whole: other addresses may
                                   continue it */
    gboolean never_resume;
    mode_t mode;        /* 0444, or 0400 for restricted data */
    guint64 most_bytes; /* refuses more: OUTCOME_STORAGE with ENOSPC when room is what lacks */
    DigestPool *pool;   /* borrowed */
    TaskQueue *store;   /* borrowed: the home queue */
    /* On the store thread, when bytes begin to arrive (also after a restart, with a new frontier):
     * for the unpacker. May be NULL. */
    void (*begins)(PartialFile *file, Frontier *frontier, guint64 total, gpointer data);
    gpointer data;
} PartialSpec;

/* Opens what an earlier run left under this key (what it has is digested at once) or makes nothing
 * yet. Owned. */
PartialFile *partial_file_new(const PartialSpec *spec);
/* Closes; what arrived stays on disk. */
void partial_file_free(PartialFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PartialFile, partial_file_free)

Sink *partial_file_sink(PartialFile *file);
/* For reading; borrowed; -1 before the first offer. */
int partial_file_fd(const PartialFile *file);
/* Bytes held, in all extents. */
guint64 partial_file_held(const PartialFile *file);
/* Some bytes came from an earlier run, attempt or another address than the last. */
gboolean partial_file_was_resumed(const PartialFile *file);
/* After the sink was settled complete: the digest of all; DONE on the store queue, once. */
void partial_file_digest(PartialFile *file, DigestDone done, gpointer data);
/* Verified: takes its final name NAME (one part or a path whose folders exist) below FOLDER_FD by
 * one rename; the journal goes. _STORAGE. */
gboolean partial_file_place(PartialFile *file, int folder_fd, const char *path, GError **error);
/* Drops what arrived. EVIDENCE_FD: a folder where the wrong copy is kept as NAME (first and last
 * MiB and DIGESTS where it is larger than 16 MiB); -1: none. */
gboolean partial_file_drop(PartialFile *file, int evidence_fd, const char *evidence_name,
                           const DigestSet *digests, GError **error);
/* What an earlier run left under KEY, for the plan: bytes held; 0 where nothing. */
guint64 partial_file_left(int folder_fd, const char *key);

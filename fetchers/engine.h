/*
 * The engine: one thread that owns the curl multi handle and every easy handle. Others hand it
 * transfers and read events. It never sleeps, hashes, syncs, asks the index or runs code that may
 * block.
 */
#pragma once

#include "credentials.h"
#include "endpoints.h"
#include "transfer.h"

typedef struct Engine Engine;

/* All times in ms, all sizes in bytes; 0 takes the default in brackets. Strings are copied. */
typedef struct {
    guint connections_per_host;   /* [8] */
    guint connections_total;      /* [64] */
    guint small_files_per_host;   /* running transfers of small files a host where HTTP/2 is spoken:
                                     streams of at most four connections [256] */
    guint64 limit_rate;           /* bytes a second for all; 0: none */
    guint retries;                /* [8] */
    guint64 delay_min_ms;         /* [1,000] */
    guint64 delay_max_ms;         /* [60,000] */
    guint64 retry_after_max_ms;   /* [600,000] */
    guint64 connect_ms;           /* [20,000] */
    guint64 first_byte_ms;        /* [30,000] */
    guint64 stall_ms;             /* [60,000] */
    guint64 network_patience_ms;  /* [43,200,000] when every host fails at once */
    guint64 patience_interval_ms; /* [60,000] one address each such time while the line is down */
    guint64 host_point_ms;        /* [60,000] at most one point a host in this time */
    guint64 piece_bytes;          /* [8 MiB] */
    guint64 segment_from_bytes;   /* [16 MiB] files of this size and more are fetched in pieces */
    char *user_agent;             /* [medmirror/VERSION (+HOME)] */
    char *proxy, *no_proxy;       /* NULL: the *_proxy variables */
    char *ca_file, *ca_dir;       /* NULL: trust_settings.h's order */
    const Endpoints *endpoints;   /* for the services that prepare and refresh are lent; borrowed;
                                     NULL: none is sent elsewhere */
    Credentials *credentials;     /* borrowed; NULL: nobody logs in anywhere */
    char *slots_folder;           /* where runs of one user share their connections to a host; NULL:
                                     $XDG_RUNTIME_DIR or the temporary folder */
} EngineConfig;

/* Starts the thread. NULL with MEDMIRROR_ERROR_FAILED. */
Engine *engine_new(const EngineConfig *config, GError **error);
/* Ends everything that runs (done is called with OUTCOME_CANCELLED), joins the thread. Home queues
 * of transfers that are still the engine's must be run meanwhile by other threads than this one:
 * who owns a home queue calls engine_cancel() and waits for each done first. */
void engine_free(Engine *engine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Engine, engine_free)

/* Any thread. The transfer is the engine's until done. */
void engine_submit(Engine *engine, Transfer *transfer);
/* After done, when what came turned out wrong: the outcome goes through next_step; the transfer
 * runs again or ends with done. OUTCOME is copied. */
void engine_go_on(Engine *engine, Transfer *transfer, const Outcome *outcome);
/* All running and queued transfers end with OUTCOME_CANCELLED, settled. New ones end so at once. */
void engine_cancel(Engine *engine);
/* Any thread: this one ends with OUTCOME_CANCELLED. Nothing happens where it is through; it must
 * not be freed yet. */
void engine_cancel_transfer(Engine *engine, Transfer *transfer);
/* No new transfer is started while TRUE (digest or unpacker are behind); running ones go on. Any
 * thread. */
void engine_hold_admission(Engine *engine, gboolean hold);

typedef struct {
    char *name;    /* owned by the snapshot */
    guint64 done;  /* bytes held of this file */
    guint64 total; /* SIZE_UNKNOWN where not known */
    guint64 rate;  /* bytes a second, smoothed */
    guint connections;
    gint64 waits_until; /* monotonic ms when it goes on after a failure; 0: it runs */
    guint attempt;
} TransferProgress;

typedef struct {
    GArray *running;    /* TransferProgress */
    guint64 received;   /* bytes over the network in this run */
    guint64 rate;       /* bytes a second, all */
    guint queued;       /* transfers handed in and not begun */
    gboolean line_down; /* every host fails at once */
} EngineSnapshot;
/* Any thread. Owned: engine_snapshot_free(). */
EngineSnapshot *engine_snapshot(Engine *engine);
void engine_snapshot_free(EngineSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EngineSnapshot, engine_snapshot_free)

/* The words for an outcome that ended a file or a run: what, which file, which address, why, and
 * what to type next; with the code that belongs to it (exit status 4, 5, 6, 7, 9). NAME: the file;
 * REF: what was asked for. */
GError *outcome_to_error(const Outcome *outcome, const char *name, const char *ref,
                         const Fetcher *fetcher, const json_t *locator, const Manifest *manifest);

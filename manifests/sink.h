/*
 * Where the bytes of one Transfer go: made by the cache, lent to one Transfer, freed by whoever
 * made it.
 *
 * offer and settle run on the transfer's home queue (the store thread), write on the engine's
 * thread. An attempt is offer(NULL)                    what is held already, and with which
 * validators? [offer(validators)]            the answer's: go on, or start anew (what was held is
 * dropped) write...                       only inside what the last offer left to fetch settle the
 * attempt is over: make what came durable, keep the journal
 */
#pragma once

#include "outcome.h"
#include "validators.h"

/* Bytes FROM (inclusive) to TO (exclusive). */
typedef struct {
    guint64 from;
    guint64 to;
} Extent;

typedef struct {
    GArray *held; /* Extent, sorted, disjoint: bytes that need not be fetched; NULL or empty where
                     none */
    Validators *validators; /* those which the held bytes came with; NULL where nothing is held */
    gboolean complete;      /* all bytes are held: nothing to fetch */
} SinkOffer;
void sink_offer_clear(SinkOffer *offer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SinkOffer, sink_offer_clear)

typedef struct Sink Sink;
typedef struct {
    /* ADDRESS: where the bytes come from (without secrets). VALIDATORS: NULL before a request; else
     * of an answer that sends the file from its first byte, or continues what is held. RESTART: the
     * answer does not continue what is held; all of it is dropped. Fills *OFFER (zeroed by the
     * caller, cleared by it). The Outcome is OK, STORAGE, or UNSAFE. */
    void (*offer)(Sink *sink, const char *address, const Validators *validators, gboolean restart,
                  SinkOffer *offer, Outcome *outcome);
    /* Engine's thread; never blocks on anything but the page cache. OFFSET in bytes. */
    void (*write)(Sink *sink, guint64 offset, const void *bytes, gsize length, Outcome *outcome);
    /* TOTAL: the file's length where the transfer is complete, SIZE_UNKNOWN where it is not. */
    void (*settle)(Sink *sink, guint64 total, Outcome *outcome);
} SinkClass;

struct Sink {
    const SinkClass *class;
};

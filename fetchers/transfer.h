/*
 * One remote file on its way: addresses, validators, segments, attempts, sink. Made by a job, given
 * to the engine, handed back by `done` on the home queue.
 */
#pragma once

#include "fetcher.h"
#include "next_step.h"
#include "sink.h"
#include "task_queue.h"

typedef struct Transfer Transfer;

/* On the home queue, once for each engine_submit() or engine_go_on(). OUTCOME: OK where all bytes
 * are in the sink and settled; else why it was given up; borrowed. The transfer is the receiver's
 * again: free it, or hand it back with engine_go_on(). */
typedef void (*TransferDone)(Transfer *transfer, const Outcome *outcome, gpointer data);

/* Before the first byte of what is asked for with a login (Prepared.by_login), in each round. Any
 * OUTCOME but OK ends the transfer. */
typedef void (*TransferByLogin)(Transfer *transfer, Outcome *outcome, gpointer data);

typedef struct {
    const char *name;       /* for progress and messages: the path */
    const Fetcher *fetcher; /* classify, prepare, refresh; NULL: the common rule */
    const json_t *locator;  /* for prepare and refresh; borrowed, must live as long as the transfer;
                               may be NULL */
    const Manifest *manifest;   /* borrowed; may be NULL */
    const FileSpec *file;       /* copied as far as needed: addresses, size, name */
    gboolean digest_covers_all; /* a locked or declared digest covers the whole file: other
                                   addresses may continue it */
    guint64 max_bytes; /* more is OUTCOME_NOT_DATA; SIZE_UNKNOWN: no limit but the sink's */
    const char *const *headers;  /* more request headers (conditional requests); may be NULL */
    const RequestSigner *signer; /* copied: signs requests to the host of FILE's address; NULL */
    gboolean is_document;        /* a fetcher's document: no segments, its own patience */
    guint64 first_byte_ms;       /* 0: the engine's */
    guint most_attempts;         /* 0: as the engine's retries say; else it does not wait for the
                                    line either, for there is another way */
    gboolean head_only;
    gboolean
        any_status; /* a document: bodies of other statuses are stored too, and count as done */
    gboolean any_refusal;   /* a document: of 4xx, but what passes and a proxy's */
    const char *post_body;  /* a document: POST with these bytes; NULL: GET */
    const char *post_type;  /* its Content-Type; NULL: application/x-www-form-urlencoded */
    gboolean keep_redirect; /* a document: a redirect is its answer (transfer_location()) */
    const char *range; /* a document: "0-1023" or "-65536", asked once as it is; NULL: the engine's
                          own ranges */
    Sink *sink;        /* lent */
    gboolean holds_nothing;   /* the sink is known to be empty: it is not asked before the first
                                 request */
    TaskQueue *home;          /* where offer, settle, by_login and done run */
    TransferByLogin by_login; /* may be NULL */
    TransferDone done;
    gpointer data;
} TransferSpec;

Transfer *transfer_new(const TransferSpec *spec);
void transfer_free(Transfer *transfer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Transfer, transfer_free)

gpointer transfer_data(const Transfer *transfer);
const char *transfer_name(const Transfer *transfer);
/* Of the last answer (after done): validators, status, final address, content type. Borrowed; NULL
 * or 0 where none came. */
const Validators *transfer_validators(const Transfer *transfer);
int transfer_status(const Transfer *transfer);
const char *transfer_final_address(const Transfer *transfer);
const char *transfer_content_type(const Transfer *transfer);
guint64 transfer_range_start(const Transfer *transfer);
/* Value of a response header of the last answer, NULL where absent. Borrowed. */
const char *transfer_header(const Transfer *transfer, const char *name);
/* Where a redirect that was kept leads: absolute, of http or https; may hold a secret. Borrowed;
 * NULL where none was. */
const char *transfer_location(const Transfer *transfer);
/* The address that the bytes came from last (as listed, without secrets). Borrowed. */
const char *transfer_address(const Transfer *transfer);
/* Was it asked for with a login, as its fetcher said when it prepared (Prepared.by_login)? */
gboolean transfer_came_by_login(const Transfer *transfer);
/* Bytes received over the network for this transfer so far. */
guint64 transfer_received(const Transfer *transfer);
/* Who issued the certificate of the last host that was connected to for it; NULL where none was
 * shown (plain http, or a connection that stood already). Borrowed. */
const char *transfer_certificate_issuer(const Transfer *transfer);

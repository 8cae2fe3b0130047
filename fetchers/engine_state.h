/*
 * The engine from inside: for its own files alone.
 *
 *     engine.c          the thread, what others may ask of it, the published snapshot
 *     engine_loop.c     epoll, curl's sockets and clock, the gate
 *     admission.c       who may start: queues by host, delays, parked hosts, the dead line
 *     transfer_round.c  a round of one transfer: offer, prepare, attempts side by side, settle
 *     transfer_step.c   what comes after a round
 *     attempt.c         one request: callbacks, checks, its outcome
 *
 * Everything here belongs to the engine's thread, but what `published` guards.
 */
#pragma once

#include "answer_title.h"
#include "documents.h"
#include "engine.h"
#include "host_limits.h"
#include "host_slots.h"
#include "rate_bucket.h"
#include "resolver_pool.h"

#include <curl/curl.h>
#include <pthread.h>

#define PEEK_BYTES 512
#define ERROR_BODY_BYTES (64 * 1024)
#define MOST_REDIRECTS 10
/* An answer that waits for its offer may gather this much before its socket is left alone. */
#define PENDING_BYTES (64 * 1024)
#define PENDING_BYTES_ALL (4 * 1024 * 1024)
#define HTTP2_CONNECTIONS 4

typedef struct Attempt Attempt;

typedef struct {
    char *origin; /* "https://host:443" */
    HostLimits limits;
    HostSlots *slots;
    gboolean http2;    /* seen to speak it */
    guint lanes;       /* requests that run, or are about to */
    guint wide_lanes;  /* of them those with a connection each (HTTP/1.1) */
    guint connections; /* that they take */
    guint most_connections;
    guint patience;     /* EndpointPace's; 0: none has a pace for it */
    guint preparing;    /* of them those whose fetcher prepares, for which it may ask documents */
    GQueue urgent;      /* Transfer*: documents, and what was begun already */
    GQueue waiting;     /* Transfer* */
    Outcome last_word;  /* why it is parked */
    gint64 slots_asked; /* ms: when slots could not be had */
} Host;

typedef struct {
    int fd;
    int wanted; /* CURL_POLL_* */
    guint held; /* attempts that wait for an offer's answer */
    int events; /* CURL_CSELECT_* while in the queue of ready sockets */
    gboolean queued;
    gboolean removed; /* closed by curl while in the queue */
} Socket;

typedef enum {
    TRANSFER_IDLE, /* not the engine's */
    TRANSFER_QUEUED,
    TRANSFER_DELAYED,
    TRANSFER_OFFERING,
    TRANSFER_PREPARING,
    TRANSFER_RUNNING,
    TRANSFER_SETTLING,
    TRANSFER_REFRESHING,
} TransferState;

struct Transfer {
    /* As specified. */
    char *name;
    const Fetcher *fetcher;
    const json_t *locator;
    const Manifest *manifest;
    FileSpec *file; /* path, size, addresses */
    gboolean digest_covers_all;
    guint64 max_bytes;
    GPtrArray *headers;    /* char*; may be NULL */
    RequestSigner *signer; /* of a document; NULL */
    gboolean is_document;
    guint64 first_byte_ms;
    guint most_attempts;
    gboolean head_only;
    gboolean any_status, any_refusal;
    char *post_body, *post_type; /* may be NULL */
    gboolean keep_redirect;
    char *range;
    Sink *sink;
    TaskQueue *home;
    TransferByLogin on_login; /* may be NULL */
    TransferDone done;
    gpointer data;

    /* The course of things. */
    Engine *engine;
    TransferState state;
    TransferHistory history;
    gboolean begun; /* a round was begun already */
    gboolean cancelled;
    gboolean holds_nothing; /* the sink, before the first round */
    gboolean drop_held;     /* what the sink holds does not count */
    gboolean no_ranges;     /* ranges were ignored or badly answered */
    gboolean without_token; /* no prepared headers */
    gboolean with_login;    /* it was refused without the source's login */
    gboolean by_login;      /* Prepared.by_login, of any round */
    gint64 wakes_at;
    gboolean waits_for_line;
    gboolean is_parked;
    GSequenceIter *delayed;
    GList *queued;    /* its link in the queue of HOST */
    Host *host;       /* where it waits or runs */
    char *bytes_from; /* address that the held bytes came from, where this run knows; NULL */
    char *generation; /* x-goog-generation of the answer that they came with; NULL */
    gboolean prepared_stands; /* the next round asks the address that was prepared for this one */
    guint attempts_made;

    /* This round. */
    gboolean has_lane;      /* a lane of HOST is reserved */
    gboolean wide;          /* it is one with a connection of its own */
    char *address;          /* the candidate */
    char *prepared_address; /* by the fetcher; NULL: as it is */
    char *prepared_for;     /* the candidate that it was prepared for */
    char *request_address;  /* what is asked: the prepared one, or where a redirect led */
    GPtrArray *request_headers;
    RequestSigner *request_signer; /* the prepared one */
    SinkOffer offer;
    gboolean accepted; /* an answer was found good: more requests may follow */
    gboolean ending;   /* the round is over; attempts whose offers are out are waited for */
    gboolean resuming;
    guint64 total;
    Validators *expected; /* what every answer of this round must agree with */
    GArray *todo;         /* Extent: not asked for yet, sorted */
    GPtrArray *attempts;  /* Attempt*, owned */
    guint most_lanes;
    guint64 round_received;
    guint64 held; /* bytes in the sink, for the progress */
    Outcome round_outcome;

    /* Of the last answer. */
    int status;
    char *final_address;
    char *location; /* of a redirect that was kept */
    char *content_type;
    GPtrArray *answer_headers; /* char*, NULL-terminated */
    Validators *validators;
    guint64 range_start;
    char *certificate_issuer;
    guint64 received;

    /* For the snapshot. */
    guint64 seen_received;
    double rate;
};

struct Engine {
    EngineConfig config; /* defaults filled in, strings owned */
    Endpoints *no_endpoints;
    TaskQueue *queue;
    pthread_t thread;
    gboolean thread_runs;
    gboolean quits;
    gboolean cancelled;
    gboolean admission_held;
    gboolean connections_are_chosen; /* connections_per_host, by the person */

    CURLM *multi;
    GHashTable *shares; /* const Fetcher* -> CURLSH* */
    int epoll_fd;
    GHashTable *sockets; /* fd -> Socket* */
    GQueue ready;        /* Socket* */
    int served_fd;       /* -1: none */
    gint64 curl_timer;   /* ms; -1: none */
    RateBucket bucket;
    gint64 gate_closed_at; /* ms; -1: open */
    gint64 gate_closed_for;
    guint64 pending_bytes;

    GHashTable *hosts; /* origin -> Host* */
    GPtrArray *host_order;
    guint next_host;
    int slots_folder;
    GHashTable *alive;  /* Transfer* set: all that are the engine's */
    GSequence *delayed; /* Transfer* by wakes_at */
    GPtrArray *running; /* Transfer* from offer to settle */
    guint queued_count; /* never begun */
    guint lanes;
    guint connections; /* of all hosts */
    guint preparing;   /* of them, as at each host */
    gboolean wants_admission;
    ResolverPool *resolvers;

    gboolean host_answered;
    guint line_failures; /* since the last answer of any host */
    gboolean line_down;
    gint64 line_down_since, line_probe_at;
    gint64 parked_alone_since; /* -1: not */

    guint64 received;
    GRand *random;

    pthread_mutex_t published_mutex;
    EngineSnapshot *published; /* guarded */
    gint64 published_at;
    guint64 published_received;
    double rate;
};

typedef enum {
    BODY_NONE,     /* no body is expected (HEAD, 304, a redirect): thrown away */
    BODY_PEEK,     /* its beginning is gathered for the judgement */
    BODY_OFFERING, /* gathered until the sink has answered */
    BODY_STORE,
    BODY_ERROR, /* gathered for the message */
} BodyMode;

struct Attempt {
    Transfer *transfer;
    Engine *engine;
    Host *host;
    CURL *easy;
    struct curl_slist *header_list;
    char curl_message[CURL_ERROR_SIZE];
    char *address; /* asked */
    guint redirects;
    gboolean asks_by_get; /* a redirect made a GET of what was a POST */
    gboolean wide;        /* HTTP/1.1, a connection of its own */
    gboolean ranged;      /* a Range was asked for */
    gboolean extends;     /* a stream whose end moves on while nobody asked for what follows */
    guint64 from, to;     /* asked or taken over: [from, to), SIZE_UNKNOWN: open */
    guint64 asked_to;     /* what is not brought of [from, asked_to) must be asked for again */
    guint64 at;           /* next byte to be stored */

    int status;
    gboolean headers_done;
    GPtrArray *headers; /* char*, of the last answer */
    BodyMode body;
    GByteArray *pending; /* peek, or what waits for the offer */
    GByteArray *error_body;
    guint64 body_bytes;    /* that came */
    gboolean fresh;        /* the answer sends the file from its first byte */
    gboolean stops_itself; /* all that was wanted of it is there */
    gboolean judged;
    gboolean awaits_offer;
    gboolean lane_is_back;
    gboolean finished; /* curl is through with it */
    CURLcode code;
    int held_fd; /* socket that is left alone for it; -1 */

    gint64 started_at;
    gint64 last_byte_at;
    gint64 gate_closed_before; /* engine's gate_closed_for at LAST_BYTE_AT */
    Outcome outcome;           /* decided by ourselves; OK: not decided */
    char *certificate_issuer, *certificate_problem;
    guint64 received;
};

/* engine.c */
gint64 engine_now(void); /* monotonic ms */
void engine_publish(Engine *engine, gboolean now);
/* Ends TRANSFER: done is pushed to its home. */
void engine_finish(Engine *engine, Transfer *transfer, const Outcome *outcome);

/* engine_loop.c */
gboolean engine_loop_open(Engine *engine, GError **error);
void engine_loop_close(Engine *engine);
void engine_loop_run(Engine *engine);
void engine_loop_add(Engine *engine, Attempt *attempt);
/* Leaves the socket that is served now alone until the attempt is released. */
void engine_loop_hold(Engine *engine, Attempt *attempt);
void engine_loop_release(Engine *engine, Attempt *attempt);

/* admission.c */
Host *admission_host(Engine *engine, const char *address);
void admission_host_free(Host *host);
/* Queues at the host of its best candidate address. */
void admission_enqueue(Engine *engine, Transfer *transfer);
void admission_delay(Engine *engine, Transfer *transfer, guint64 delay_ms);
void admission_remove(Engine *engine, Transfer *transfer);
/* Starts what may start; returns ms until it should be asked again, -1: when something happens. */
gint64 admission_run(Engine *engine);
void admission_take_lane(Engine *engine, Host *host, gboolean wide);
void admission_return_lane(Engine *engine, Host *host, gboolean wide);
/* While a transfer prepares, its lane is one for the documents that it may take. */
void admission_begin_prepare(Engine *engine, Host *host);
void admission_end_prepare(Engine *engine, Host *host);
/* An answer came from a host. */
void admission_note_answer(Engine *engine, Host *host);
/* No connection, or nothing at all came. TRUE where the line itself is down. */
gboolean admission_note_line_failure(Engine *engine, Host *host);

/* transfer_round.c */
void round_begin(Transfer *transfer);
void round_cancel(Transfer *transfer);
/* Ends it: what runs is aborted, what came is settled, then comes the next step. */
void round_end(Transfer *transfer, const Outcome *outcome);
/* What is held is the whole file after all. */
void round_settle_held(Transfer *transfer);
/* Another request side by side, where there is something to ask for. */
gboolean round_wants_lane(const Transfer *transfer);
void round_add_lane(Transfer *transfer);
void round_attempt_ended(Attempt *attempt);
/* An answer was found good: what else is to be asked for is known now. */
void round_accept(Attempt *attempt, guint64 total, const Validators *validators);
/* Where an extending attempt has come to its end: more to take over? */
gboolean round_extend(Attempt *attempt);
void round_offer(Attempt *attempt, const Validators *validators, gboolean restart);

/* transfer_step.c */
void transfer_step(Transfer *transfer, const Outcome *outcome);
/* The candidate to be asked now; sets ADDRESS. FALSE where every host is out. */
gboolean transfer_choose_address(Transfer *transfer);
void transfer_clear_round(Transfer *transfer);
/* What its fetcher prepared is not asked again. */
void transfer_forget_prepared(Transfer *transfer);
StepLimits transfer_limits(const Transfer *transfer);

/* attempt.c */
Attempt *attempt_new(Transfer *transfer, guint64 from, guint64 to, gboolean ranged);
void attempt_start(Attempt *attempt, const char *address);
void attempt_free(Attempt *attempt);
void attempt_fail(Attempt *attempt, OutcomeKind kind, const char *detail, ...) G_GNUC_PRINTF(3, 4);
/* curl is through with it. */
void attempt_finished(Attempt *attempt, CURLcode code);
/* The sink has answered the offer. */
void attempt_offered(Attempt *attempt, const Outcome *outcome);
/* Its clock: ms until it is too late, 0 where it is; the outcome is set then. */
gint64 attempt_patience(Attempt *attempt, gint64 now);
/* Its lane is another one's from now on, where it was not before. */
void attempt_return_lane(Attempt *attempt);
/* Takes it away from curl; it ends with KIND where it has no outcome yet. */
void attempt_abort(Attempt *attempt, OutcomeKind kind);
const char *attempt_header(const Attempt *attempt, const char *name);

/* answer.c: pure judgements on the header of what came */
const char *headers_find(const GPtrArray *headers, const char *name);
Validators *answer_validators(const Attempt *attempt, guint64 total);
/* Sets what the transfer tells of its last answer. */
void answer_record(const Attempt *attempt);
/* The checks of the header's empty line; FALSE with the outcome set. Chooses the body's mode. */
gboolean answer_check_headers(Attempt *attempt);
gboolean answer_is_redirect(const Attempt *attempt);
/* A document's status that its asker wants to see himself. */
gboolean answer_is_wanted_refusal(const Attempt *attempt);
/* A redirect that is the answer itself. */
gboolean answer_is_kept_redirect(const Attempt *attempt);
/* SIZE_UNKNOWN where the header does not tell. */
guint64 answer_content_length(const Attempt *attempt);

/* answer_classify.c: what it is, by its fetcher and by its source */
/* Of the body's beginning. FALSE with the outcome set. */
gboolean answer_classify(Attempt *attempt);
AnswerKind answer_kind(const Attempt *attempt, const GByteArray *body);
/* TRUE with the outcome set where KIND is no data. */
gboolean answer_fail_by_kind(Attempt *attempt, AnswerKind kind, const GByteArray *body);
/* DETAIL and the title that BODY gives itself. */
void answer_fail_with_title(Attempt *attempt, OutcomeKind kind, const GByteArray *body,
                            const char *detail);
/* Was it redirected to a host that is not the source's? */
gboolean answer_host_is_foreign(const Attempt *attempt);

/* answer_conclude.c: what the end of a request amounts to */
void answer_conclude(Attempt *attempt);

/* curl_options.c: the one place where options are set */
gboolean curl_options_set(Attempt *attempt);
gboolean curl_options_set_multi(Engine *engine);
/* The proxy that a request to ADDRESS takes, redacted; NULL: none. Owned. */
char *curl_options_proxy(const Engine *engine, const char *address);

/* callbacks of attempt.c */
size_t attempt_on_header(char *bytes, size_t size, size_t count, void *data);
size_t attempt_on_body(char *bytes, size_t size, size_t count, void *data);

/* certificate.c */
CURLcode certificate_watch(CURL *easy, void *ssl_ctx, void *attempt);

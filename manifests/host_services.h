/*
 * What a fetcher may ask of its host: small and large documents, by our proxies, TLS, limits,
 * retries and log. Runs on the resolver's thread and blocks there.
 */
#pragma once

#include "credential.h"
#include "listing.h"
#include "request_signer.h"

typedef struct {
    const char *url;
    const char *const *headers; /* NULL-terminated "Name: value"; may be NULL */
    guint64 max_bytes;          /* more is an error; 0: 64 MiB */
    guint64 first_byte_ms;      /* patience for the first byte; 0: the engine's */
    gboolean optional;          /* asked for once, for 10 s at most */
    guint most_attempts; /* 0: as the engine's retries say. Else there is another place to ask: it
                            does not wait for a line that is down either */
    const char *if_none_match;     /* entity tag for a conditional request; may be NULL */
    const char *if_modified_since; /* may be NULL */
    guint64 range_from, range_to; /* bytes [from, to); both 0: all. The last N bytes: from = 0, to =
                                     N, range_is_suffix */
    gboolean range_is_suffix;
    gboolean head_only;    /* HEAD */
    const char *post_body; /* POST with these bytes, asked for again like any other request: for
                              services whose questions are POSTs; NULL: GET */
    const char *post_type; /* its Content-Type; NULL: application/x-www-form-urlencoded */
    const RequestSigner *signer; /* signs the request, in place of a login's header; NULL: nobody */
    gboolean keep_redirect; /* a redirect is the answer (Document.location), and is not followed */
    gboolean any_status;    /* answers of 4xx and 5xx are returned, not errors */
    gboolean any_refusal;   /* answers of 4xx are, but those that pass (408, 425, 429) and a
                               proxy's (407), which are asked for again as ever */
    const char *source; /* whose document it is: its jar of cookies, its word on what is a refusal;
                           NULL: nobody's */
    int *status;        /* set to the last answer's HTTP status, also where it is an error (0: none
                           came); may be NULL */
    gint64 *retry_after_ms; /* set to how long its Retry-After asks to be left alone; -1: it asks
                               not; may be NULL */
} DocumentRequest;

typedef struct {
    int status; /* 200, 206, 304; others only with any_status, 3xx with keep_redirect */
    char *final_url;
    char *location; /* of a redirect that was kept: absolute; may hold a secret; NULL otherwise */
    char *content_type;       /* NULL where none */
    char *link;               /* its Link header (RFC 8288); NULL where none */
    Validators *validators;   /* never NULL */
    guint64 range_start;      /* of a 206 */
    guint64 length;           /* bytes of the body */
    char *certificate_issuer; /* of the host; NULL where none was shown */
    int fd; /* the body in an unlinked temporary file, at offset 0; -1 for HEAD and 304 */
} Document;
void document_free(Document *document);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Document, document_free)
/* The body as text with a NUL behind; for small documents. Owned by the caller.
 * MEDMIRROR_ERROR_STORAGE, or ORIGIN above MAX_BYTES. */
char *document_read(Document *document, gsize max_bytes, gsize *length, GError **error);

typedef struct HostServices HostServices;
struct HostServices {
    gpointer host;
    /* NULL with MEDMIRROR_ERROR_ORIGIN, _ACCESS (401, 403), _ABSENT (404, 410), _INTERRUPTED, ...
     * Owned. */
    Document *(*get)(HostServices *services, const DocumentRequest *request, GError **error);
    /* REQUEST will be made soon, without a range, condition or patience of its own: its document
     * may be fetched meanwhile. May be NULL: use host_services_expect(). */
    void (*expect)(HostServices *services, const DocumentRequest *request);
    /* The base address of endpoint NAME: where the person sends it ("--endpoint"), else
     * DEFAULT_BASE; no slash at its end. NULL where this endpoint is not to be asked at all,
     * because its source's first one was sent elsewhere. Owned by the host. */
    const char *(*endpoint)(HostServices *services, const char *name, const char *source,
                            const char *default_base);
    /* A line for the log ("resolve uci/45: ..."), redacted by the host. */
    void (*log)(HostServices *services, const char *message);
    gboolean (*cancelled)(HostServices *services);
    /* What the person has for SOURCE, to be told to ADDRESS. NULL without an error: there is
     * nothing. NULL with MEDMIRROR_ERROR_ACCESS and the line to type: there is one that cannot be
     * used: the source refused it in this run, it may not go to ADDRESS (no host of the source's,
     * or neither https nor loopback), or others can read the file that it lies in. Owned. */
    Credential *(*credential)(HostServices *services, const char *source, const char *address,
                              GError **error);
    /* SOURCE refused what it was given: it is not used again in this run. */
    void (*refuse_credential)(HostServices *services, const char *source);
    /* What SOURCE has is NOW for the rest of this run, in memory alone: a token that was renewed;
     * NULL: that of the source's own places is of no use. Copied. May be NULL. */
    void (*renew_credential)(HostServices *services, const char *source, const Credential *now);
    /* From now on in this run, what lies below PREFIX is asked for with SOURCE's credential:
     * documents and files. For what was seen to be given only with it. */
    void (*guard)(HostServices *services, const char *source, const char *prefix);
    gboolean (*is_guarded)(HostServices *services, const char *address);
};

/* A hint, and no more than that: a few at a time are taken. */
void host_services_expect(HostServices *services, const DocumentRequest *request);

/* Convenience: get, checked, as text of at most MAX_BYTES. *FINAL_URL (may be NULL pointer) is
 * owned by the caller. */
char *host_services_get_text(HostServices *services, const char *url, gsize max_bytes,
                             gsize *length, char **final_url, GError **error);

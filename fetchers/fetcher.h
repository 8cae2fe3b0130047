/*
 * A source: a row of data and a table of functions. It lists and it explains. It never opens a
 * file, never makes a curl handle, never retries, never prints; it asks the host for documents
 * (host_services.h).
 */
#pragma once

#include "host_services.h"
#include "manifest.h"
#include "series_index.h"

typedef struct Fetcher Fetcher;

/* What is to be resolved. */
typedef struct {
    const json_t *locator;    /* object, checked by check_locator */
    const Manifest *manifest; /* NULL where the catalogue does not know it */
    const char *version;      /* wanted; NULL: the newest */
    const char *state_token;  /* of what is here (listing.h); NULL: nothing is known */
    const char *standing; /* the version that is here; NULL: none. What stands in for the source's
                             own listing would be another version beside it */
    const char *prefer;   /* one of FetcherRow.back_ends, whose addresses come first; NULL: as
                             the source thinks best */
    SeriesIndex *index;   /* where the person's own file says that series lie; may be NULL */
} ResolveRequest;

typedef enum {
    RESOLVE_FAILED,
    RESOLVE_LISTED,
    RESOLVE_UNCHANGED, /* the state that STATE_TOKEN stands for is still the source's; head was
                          called, file was not */
} ResolveResult;

/* What the engine saw of an answer, for classify. Strings are borrowed. */
typedef struct {
    int status;
    const char *address;        /* asked */
    const char *final_address;  /* after redirects */
    const char *content_type;   /* NULL where none */
    const char *const *headers; /* NULL-terminated "Name: value" of the last answer */
    const guint8 *body; /* the first 512 bytes of a 200 or 206 (or its end, if shorter), or the
                           error buffer of any other answer */
    gsize body_length;
    gboolean expects_html; /* the file wanted is itself HTML, by its name */
} AnswerHead;

typedef enum {
    ANSWER_DATA,
    ANSWER_LOGIN_PAGE,
    ANSWER_TERMS,
    ANSWER_QUOTA,
    ANSWER_NOT_READY,
    ANSWER_EXPIRED,
    ANSWER_NOTHING_THERE,
    ANSWER_ABSENT,
    ANSWER_NOT_PUBLIC, /* the source's own word: withdrawn, hidden or closed; no login opens it */
    ANSWER_TRANSIENT,
    ANSWER_NOT_THE_SOURCES_OWN, /* a proxy's or a filter's page */
    ANSWER_UNEXPECTED_HTML,     /* HTML where data was expected */
    ANSWER_BY_STATUS,           /* nothing more to say than the status does */
} AnswerKind;

/* For one attempt: headers to add and the address to ask. */
typedef struct {
    char *address;         /* NULL: as it is */
    GPtrArray *headers;    /* char* "Name: value", for the source's own hosts alone; NULL: none */
    gboolean by_login;     /* what comes is given to a login: its puller's alone */
    RequestSigner *signer; /* signs each request for ADDRESS's host, and for no other; NULL: none */
} Prepared;
void prepared_free(Prepared *prepared);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Prepared, prepared_free)

/* A file whose address ends in '/' is a bundle there: a folder of objects, each a member of it. */
gboolean address_is_bundle(const char *address);
typedef struct {
    const char *name;             /* of the object within its folder */
    const char *address;          /* absolute, without secrets */
    guint64 size;                 /* SIZE_UNKNOWN where not said */
    DigestSet hinted;             /* an ETag that looks like an MD5 */
    const Validators *validators; /* may be NULL */
} BundlePart;
typedef struct {
    /* PART is borrowed. Blocks while enough parts are waiting to be fetched. FALSE with an error
     * ends it. */
    gboolean (*part)(gpointer data, const BundlePart *part, GError **error);
    gpointer data;
} BundleTaker;

/* What the source's own tools would look at, told by the host: a fetcher opens nothing itself.
 * Texts that READ gives are wiped by credential_header_free(). */
typedef struct LoginPlaces LoginPlaces;
struct LoginPlaces {
    gpointer host;
    const char *home, *config_home; /* ~; $XDG_CONFIG_HOME, else ~/.config */
    /* The value of one of SourceLogin.own_variables; NULL where it is unset or empty. Borrowed. */
    const char *(*variable)(const LoginPlaces *places, const char *name);
    /* The text of the file at PATH; NULL without an error where there is none, with
     * MEDMIRROR_ERROR_STORAGE where it cannot be read. That it held a login, and who else can read
     * it, is said to the person by `used`. Owned. */
    char *(*read)(const LoginPlaces *places, const char *path, GError **error);
    void (*used)(const LoginPlaces *places, const char *path);
};

/* Series that a person's own list names, and of which it does not say where they belong. */
#define SERIES_QUESTION_MOST 1000
typedef struct {
    const char *const *series; /* NULL-terminated: SeriesInstanceUIDs; may be NULL */
    const char *const *places; /* NULL-terminated: "BUCKET/UUID" of the Imaging Data Commons; may be
                                  NULL. At most SERIES_QUESTION_MOST of both together */
    /* ASKED is the text of the question, SERIES its SeriesInstanceUID, COLLECTION a name that REFs
     * take. Where IS_STUDY, ASKED is no series but a study of COLLECTION, and SERIES is NULL. */
    void (*found)(gpointer data, const char *asked, const char *series, const char *collection,
                  gboolean is_study);
    gpointer data;
} SeriesQuestion;

/* How a source lets people in, where it does. Arrays are NULL-terminated. */
typedef struct {
    CredentialKind kind;
    const char *const *hosts; /* a login belongs to the first, and may be told to all; lower case */
    const char *user_variable, *secret_variable; /* the source's own: "PHYSIONET_USERNAME"; may be
                                                    NULL */
    const char *list_variable; /* "URL-PREFIX USER:PASSWORD" lines ("WFDBPASSWORD"); NULL: none */
    const char *agent;         /* what the User-Agent of a request with a login must begin with
                                  ("Wget/1.21"); NULL: any */
    const char *cookie;        /* goes with each login beside what the jar has ("testcookie=1"): it
                                  shows that cookies are kept; NULL: none */
    const char *const *own_variables; /* what FIND may ask for; their values are taken out of the
                                         environment */
    /* What lies in places of the source's own that the fields above do not describe. NULL without
     * an error: nothing. NULL function: there are none. Owned. */
    Credential *(*find)(const LoginPlaces *places, GError **error);
    /* The credential that SECRET is, given with USER (may be NULL), where the source takes several
     * kinds. NULL with MEDMIRROR_ERROR_ACCESS: it is none. NULL function: one of KIND. Owned. */
    Credential *(*make)(const char *user, const char *secret, const char *origin, GError **error);
    gboolean where_refused; /* prepare is called only for what lies below a guarded prefix
                               (HostServices.guard), and once for what was refused without */
} SourceLogin;

/* How gently one of a source's hosts is to be treated. */
typedef struct {
    const char *endpoint; /* one of FetcherRow.endpoints: what lies below its base; NULL: the end */
    guint connections;    /* polite number at once, of all runs of the person, whatever is asked for
                             and by whichever HTTP; may be more than the engine's own */
    guint patience; /* what failed, or came short, waits so many times as long before it is asked
                       for again; 0: as long as elsewhere */
} EndpointPace;

typedef struct {
    const char *name;                /* "physionet": in REFs, folders, --endpoint */
    const char *title;               /* "PhysioNet" */
    const char *const *locator_keys; /* NULL-terminated */
    const char *const *endpoints;    /* NULL-terminated pairs: name, default base address */
    const char *const *hosts;        /* NULL-terminated: the source's own hosts, lower case */
    gboolean never_resumes;          /* its main host sends neither length nor ranges */
    guint connections;               /* polite number of connections to one host; 0: the engine's */
    const EndpointPace *paces;       /* of single endpoints; NULL: none */
    const char *version_help;        /* example REF for help texts */
    const SourceLogin *login;        /* NULL: nobody logs in there */
    const char *const *back_ends;    /* NULL-terminated: what --prefer may name; NULL: nothing */
    const char *const *where_keys;   /* NULL-terminated: keys of FileSpec.facts that files have, in
                                        the source's spelling; empty: only a listing tells them;
                                        NULL: none */
    guint sent_digests;              /* bits of algorithms that its storage may send with the bytes
                                        (x-goog-hash): computed beforehand, and compared */
    gboolean sends_zipped;           /* its storage may have zipped a single file under its name */
} FetcherRow;

struct Fetcher {
    FetcherRow row;
    /* Makes the row whole where only the source's own program knows it (external.h): hosts, base
     * address. Blocks; not on the engine's thread. The error as of resolve. NULL function: it is
     * whole. */
    gboolean (*open)(const Fetcher *fetcher, GError **error);
    /* Pure. MEDMIRROR_ERROR_USAGE with the key that is wrong. */
    gboolean (*check_locator)(const Fetcher *fetcher, const json_t *locator, GError **error);
    /* Pure. NAME is what follows SOURCE/ in a REF, @VERSION taken off. The locator (owned) or NULL
     * with _USAGE; *VERSION (owned) where the name itself names one. */
    json_t *(*locator_from_name)(const Fetcher *fetcher, const char *name, char **version,
                                 GError **error);
    /* Pure. A page, API or download address of the source: its locator (owned), or NULL where it is
     * none of the source's. NULL function: no addresses. */
    json_t *(*locator_from_address)(const Fetcher *fetcher, const char *address, char **version);
    /* Pure. The dataset's folder below the mirror ("physionet/mitdb"), parts encoded; owned. ID:
     * the catalogue's, may be NULL. */
    char *(*folder)(const Fetcher *fetcher, const json_t *locator, const char *id);
    /* Pure. The REF of a locator ("physionet/mitdb"; for http the address); owned. */
    char *(*ref)(const Fetcher *fetcher, const json_t *locator);
    /* Pure. What LOCATOR chooses of its dataset, a patient or a series, as --where has it
     * ("PatientID=LIDC-IDRI-0001"; char*, owned): to be asked before the locator is changed for
     * the catalogue's. NULL: all of it; NULL function: likewise. */
    GPtrArray *(*where)(const Fetcher *fetcher, const json_t *locator);
    /* What the name alone cannot tell (the number behind a UCI slug), asked of the source: a
     * locator (owned) for folder and ref to be called with; NULL with an error. NULL function, or
     * locator_is_complete: there is nothing to ask. */
    json_t *(*complete_locator)(const Fetcher *fetcher, const json_t *locator,
                                HostServices *services, GError **error);
    gboolean (*locator_is_complete)(const Fetcher *fetcher, const json_t *locator);
    /* Calls QUESTION->found for each that the source knows; what it does not know is no error.
     * NULL function: it has no series. */
    gboolean (*locate)(const Fetcher *fetcher, const SeriesQuestion *question,
                       HostServices *services, GError **error);
    /* The versions the source offers, newest first: char*, owned; empty: it has none. NULL with an
     * error. */
    GPtrArray *(*versions)(const Fetcher *fetcher, const json_t *locator, HostServices *services,
                           GError **error);
    /* See ResolveResult; deterministic for the same remote state; never a request a file. */
    ResolveResult (*resolve)(const Fetcher *fetcher, const ResolveRequest *request,
                             HostServices *services, const ListingTaker *taker, GError **error);
    /* Before each attempt, on a resolver's thread; NULL function: nothing to prepare. NULL without
     * an error: nothing for this one. MEDMIRROR_ERROR_FAILED: it is not tried again. */
    Prepared *(*prepare)(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                         const char *address, HostServices *services, GError **error);
    /* New candidate addresses (char*, owned) when one is gone or has expired; NULL function or
     * empty: there are none. */
    GPtrArray *(*refresh)(const Fetcher *fetcher, const json_t *locator, const Manifest *manifest,
                          const FileSpec *file, HostServices *services, GError **error);
    /* The objects of the bundle at ADDRESS (one of FILE's), in the order of the source; may block;
     * on a thread of its own. None: MEDMIRROR_ERROR_ABSENT. NULL function: there are no bundles. */
    gboolean (*list_bundle)(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                            const char *address, HostServices *services, const BundleTaker *taker,
                            GError **error);
    /* What the publisher declares of FILE and would be a request a file to ask beforehand; asked
     * when its bytes have come. May block; on a thread of its own. TRUE with an empty set: it
     * declares nothing. NULL function: likewise. */
    gboolean (*vouch)(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                      HostServices *services, DigestSet *declared, GError **error);
    /* What came is not what the listing says of FILE: what does the source say of it now? Its facts
     * (owned); NULL without an error: nothing. May block; on a thread of its own. NULL function:
     * likewise. */
    json_t *(*look_again)(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                          HostServices *services, GError **error);
    /* Pure. Where the member at PATH of ARCHIVE can be had by itself; owned; NULL: nowhere. NULL
     * function: likewise. */
    char *(*member_address)(const Fetcher *fetcher, const json_t *locator, const FileSpec *archive,
                            const char *path);
    /* Pure, on the engine's thread. */
    AnswerKind (*classify)(const Fetcher *fetcher, const AnswerHead *head);
    /* What the person must do, as whole sentences; owned; NULL: nothing is known. STATUS: 401, 403
     * ..., 0 beforehand. 401: no login went with the request; 403, where the source has logins: one
     * did, and is not enough. */
    char *(*describe_access)(const Fetcher *fetcher, const json_t *locator,
                             const Manifest *manifest, int status);
    /* Shows CREDENTIAL to the source by one request. TRUE with *SAID (owned: whole sentences on
     * what was proven, and what it opens); FALSE with MEDMIRROR_ERROR_ACCESS where the source does
     * not know it, or with what kept it from being asked. NULL function where row.login is NULL. */
    gboolean (*prove_login)(const Fetcher *fetcher, const Credential *credential,
                            HostServices *services, char **said, GError **error);
};

/* The one table, NULL-terminated; what is registered comes before the last one, the plain
 * addresses. */
extern const Fetcher *const *const fetchers;
/* Adds FETCHER, which must live to the end. Only while there is no other thread.
 * MEDMIRROR_ERROR_USAGE where its name is taken, or there are too many. */
gboolean fetcher_register(const Fetcher *fetcher, GError **error);
/* NULL where there is none of that name. */
const Fetcher *fetcher_find(const char *name);
/* Which source's page, API or download is ADDRESS? *LOCATOR and *VERSION are the caller's. Never
 * NULL for http and https: the last resort is the plain `http` fetcher; NULL for other schemes. */
const Fetcher *fetcher_find_by_address(const char *address, json_t **locator, char **version);
/* The rule that serves every fetcher for what it does not know better: HTML where data was
 * expected, known filters' pages. */
AnswerKind fetcher_classify_common(const AnswerHead *head);

/*
 * A host for fetchers in unit tests: serves canned documents from memory and remembers what it was
 * asked; and a taker that writes down what is listed.
 */
#pragma once

#include "error.h"
#include "fetcher.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    char *url;
    int status;
    const char *type; /* NULL: none */
    char *body;
    gsize length;
    const char *etag, *modified; /* NULL: none */
    const char *final_url;       /* NULL: as asked */
    const char *login;           /* "user:password" that opens it; NULL: it is open */
    gboolean no_right;           /* a right login is answered with 403 */
    int head_status;             /* 0: as GET's */
    gboolean no_length;          /* HEAD tells no length */
    gboolean ignores_range;
    gboolean down;        /* no connection */
    const char *location; /* of a redirect; NULL: none */
} FakeAnswer;

typedef struct {
    HostServices services;
    GHashTable *answers; /* url to FakeAnswer */
    GPtrArray *asked;    /* char*: "GET url", "HEAD url", "RANGE url", with " ?" where optional */
    GHashTable *bases;   /* endpoint name to base */
    GPtrArray *log;
    gboolean cancelled;
    Credential *login;  /* what the person has; NULL: nothing */
    gboolean refused;   /* the fetcher said so */
    GPtrArray *guarded; /* char*: prefixes */
} FakeHost;

static inline void fake_answer_free(gpointer data)
{
    FakeAnswer *answer = data;
    g_free(answer->url);
    g_free(answer->body);
    g_free(answer);
}

static inline FakeAnswer *fake_serve_bytes(FakeHost *host, const char *url, int status,
                                           const char *type, const char *body, gsize length)
{
    FakeAnswer *answer = g_new0(FakeAnswer, 1);
    answer->url = g_strdup(url);
    answer->status = status;
    answer->type = type;
    answer->body = g_memdup2(body, length);
    answer->length = length;
    g_hash_table_replace(host->answers, answer->url, answer);
    return answer;
}

static inline FakeAnswer *fake_serve(FakeHost *host, const char *url, int status, const char *type,
                                     const char *body)
{
    return fake_serve_bytes(host, url, status, type, body, strlen(body));
}

static inline Document *fake_document(const FakeAnswer *answer, const DocumentRequest *request,
                                      int status, gsize length)
{
    Document *document = g_new0(Document, 1);
    document->status = status;
    document->final_url = g_strdup(answer->final_url ? answer->final_url : request->url);
    document->content_type = g_strdup(answer->type);
    document->location = status / 100 == 3 ? g_strdup(answer->location) : NULL;
    document->validators = validators_new(
        answer->etag, answer->modified, answer->no_length ? SIZE_UNKNOWN : (guint64)answer->length);
    document->fd = -1;
    if (request->head_only || status == 304)
        return document;
    document->fd = memfd_create("document", MFD_CLOEXEC);
    g_assert_cmpint(document->fd, >=, 0);
    g_assert_cmpint(write(document->fd, answer->body, length), ==, (gssize)length);
    g_assert_cmpint(lseek(document->fd, 0, SEEK_SET), ==, 0);
    document->length = length;
    return document;
}

static inline Document *fake_refuse(const DocumentRequest *request, int status, GError **error)
{
    int code = status == 404 || status == 410   ? MEDMIRROR_ERROR_ABSENT
               : status == 401 || status == 403 ? MEDMIRROR_ERROR_ACCESS
                                                : MEDMIRROR_ERROR_ORIGIN;
    g_set_error(error, MEDMIRROR_ERROR, code, "%s: HTTP status %d.", request->url, status);
    return NULL;
}

/* As PhysioNet does: a login counts from an agent that it takes passwords from. */
static inline int fake_login_status(const FakeAnswer *answer, const DocumentRequest *request,
                                    int status)
{
    const char *given = NULL;
    gboolean agent_is_known = FALSE;
    for (gsize i = 0; request->headers && request->headers[i]; i++) {
        if (g_str_has_prefix(request->headers[i], "Authorization: "))
            given = request->headers[i];
        agent_is_known |= g_str_has_prefix(request->headers[i], "User-Agent: Wget/");
    }
    if (!answer->login || status >= 400)
        return status;
    if (!agent_is_known)
        return 403;
    g_auto(GStrv) pair = g_strsplit(answer->login, ":", 2);
    g_autoptr(Credential) right = credential_new(CREDENTIAL_PASSWORD, pair[0], pair[1], NULL);
    g_autofree char *wanted = credential_header(right);
    if (g_strcmp0(given, wanted) != 0)
        return 401;
    return answer->no_right ? 403 : status;
}

static inline Document *fake_get(HostServices *services, const DocumentRequest *request,
                                 GError **error)
{
    FakeHost *host = services->host;
    gboolean is_range = request->range_to > 0;
    gboolean with_login = request->headers && request->headers[0] &&
                          g_str_has_prefix(request->headers[0], "Authorization: ");
    g_ptr_array_add(host->asked, g_strdup_printf("%s %s%s%s",
                                                 request->head_only ? "HEAD"
                                                 : is_range         ? "RANGE"
                                                                    : "GET",
                                                 request->url, request->optional ? " ?" : "",
                                                 with_login ? " (login)" : ""));
    static const FakeAnswer nothing = {
        .status = 404, .type = "text/html", .body = (char *)"<html>", .length = 6};
    const FakeAnswer *answer = g_hash_table_lookup(host->answers, request->url);
    if (!answer)
        answer = &nothing;
    if (answer->down) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN, "%s does not answer.",
                    request->url);
        return NULL;
    }
    int status = request->head_only && answer->head_status ? answer->head_status : answer->status;
    status = fake_login_status(answer, request, status);
    if (request->status)
        *request->status = status;
    gboolean is_wanted =
        request->any_status || (request->any_refusal && status < 500 && status != 429);
    if (status >= 400 && !is_wanted)
        return fake_refuse(request, status, error);
    if (status == 200 && answer->etag && g_strcmp0(request->if_none_match, answer->etag) == 0)
        return fake_document(answer, request, 304, 0);
    if (status == 200 && is_range && !answer->ignores_range)
        return fake_document(answer, request, 206, MIN(answer->length, request->range_to));
    if (request->max_bytes && answer->length > request->max_bytes && !request->head_only)
        return fake_refuse(request, 500, error);
    return fake_document(answer, request, status, answer->length);
}

static inline const char *fake_endpoint(HostServices *services, const char *name,
                                        const char *source, const char *default_base)
{
    FakeHost *host = services->host;
    const char *base = g_hash_table_lookup(host->bases, name);
    if (base)
        return base;
    gboolean first_is_elsewhere = g_hash_table_contains(host->bases, source);
    return first_is_elsewhere ? NULL : default_base;
}

static inline void fake_log(HostServices *services, const char *message)
{
    FakeHost *host = services->host;
    g_ptr_array_add(host->log, g_strdup(message));
}

static inline gboolean fake_cancelled(HostServices *services)
{
    return ((FakeHost *)services->host)->cancelled;
}

static inline Credential *fake_credential(HostServices *services, const char *source,
                                          const char *address, GError **error)
{
    FakeHost *host = services->host;
    if (host->refused) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    "The login was refused in this run.");
        return NULL;
    }
    return host->login ? credential_copy(host->login) : NULL;
}

static inline void fake_refuse_credential(HostServices *services, const char *source)
{
    ((FakeHost *)services->host)->refused = TRUE;
}

static inline void fake_guard(HostServices *services, const char *source, const char *prefix)
{
    g_ptr_array_add(((FakeHost *)services->host)->guarded, g_strdup(prefix));
}

static inline gboolean fake_is_guarded(HostServices *services, const char *address)
{
    const FakeHost *host = services->host;
    for (guint i = 0; i < host->guarded->len; i++)
        if (g_str_has_prefix(address, host->guarded->pdata[i]))
            return TRUE;
    return FALSE;
}

/* The person logs in as USER. */
static inline void fake_log_in(FakeHost *host, const char *user, const char *password)
{
    credential_free(host->login);
    host->login = credential_new(CREDENTIAL_PASSWORD, user, password, "PHYSIONET_PASSWORD");
    host->login->agent = g_strdup("Wget/1.21 (medmirror)");
}

static inline FakeHost *fake_host_new(void)
{
    FakeHost *host = g_new0(FakeHost, 1);
    host->services = (HostServices){.host = host,
                                    .get = fake_get,
                                    .endpoint = fake_endpoint,
                                    .log = fake_log,
                                    .cancelled = fake_cancelled,
                                    .credential = fake_credential,
                                    .refuse_credential = fake_refuse_credential,
                                    .guard = fake_guard,
                                    .is_guarded = fake_is_guarded};
    host->guarded = g_ptr_array_new_with_free_func(g_free);
    host->answers = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, fake_answer_free);
    host->asked = g_ptr_array_new_with_free_func(g_free);
    host->log = g_ptr_array_new_with_free_func(g_free);
    host->bases = g_hash_table_new(g_str_hash, g_str_equal);
    return host;
}

static inline void fake_host_free(FakeHost *host)
{
    g_hash_table_unref(host->answers);
    g_hash_table_unref(host->bases);
    g_ptr_array_unref(host->asked);
    g_ptr_array_unref(host->log);
    g_ptr_array_unref(host->guarded);
    credential_free(host->login);
    g_free(host);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeHost, fake_host_free)

/* Everything that was asked, a line each, in order. Owned. */
static inline char *fake_asked(FakeHost *host)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < host->asked->len; i++)
        g_string_append_printf(text, "%s\n", (char *)host->asked->pdata[i]);
    return g_string_free(text, FALSE);
}

/* What was listed. */
typedef struct {
    ListingTaker taker;
    ListingHead *head; /* the last one */
    guint heads;
    GString *files;     /* a line a file: see fake_take_file */
    GString *addresses; /* a line an address: "path address" */
    GString *digests;   /* a line a digest told apart: "path hex" */
    guint count;
    gboolean counts_only;
} FakeTaker;

static inline gboolean fake_take_head(gpointer data, const ListingHead *head, GError **error)
{
    FakeTaker *taker = data;
    listing_head_free(taker->head);
    taker->head = listing_head_copy(head);
    taker->heads++;
    return TRUE;
}

/* "path size[~] [modified] role [+algorithm:first 8 digits] [?hinted]": ~ where rounded, - unknown
 */
static inline gboolean fake_take_file(gpointer data, const FileSpec *file, GError **error)
{
    FakeTaker *taker = data;
    g_assert_nonnull(taker->head); /* the head comes first */
    g_assert_false(file->size_is_exact);
    taker->count++;
    if (taker->counts_only)
        return TRUE;
    g_string_append_printf(taker->files, "%s ", file->path);
    if (file->size == SIZE_UNKNOWN)
        g_string_append(taker->files, "-");
    else
        g_string_append_printf(taker->files, "%" G_GUINT64_FORMAT "%s", file->size,
                               file->size_is_rounded ? "~" : "");
    if (file->modified)
        g_string_append_printf(taker->files, " %s", file->modified);
    g_string_append_printf(taker->files, " %s", file_role_name(file->role));
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        const Digest *digest = digest_set_get(&file->declared, (DigestAlgorithm)i);
        g_autofree char *hex = digest ? digest_to_hex(digest) : NULL;
        if (hex)
            g_string_append_printf(taker->files, " +%s:%.8s", digest_algorithm_name(i), hex);
    }
    if (!digest_set_is_empty(&file->hinted))
        g_string_append(taker->files, " ?");
    g_string_append_c(taker->files, '\n');
    for (guint i = 0; i < file->addresses->len; i++)
        g_string_append_printf(taker->addresses, "%s %s\n", file->path,
                               (char *)file->addresses->pdata[i]);
    return TRUE;
}

static inline gboolean fake_take_digest(gpointer data, const char *path, const Digest *digest,
                                        GError **error)
{
    FakeTaker *taker = data;
    g_autofree char *hex = digest_to_hex(digest);
    g_string_append_printf(taker->digests, "%s %s\n", path, hex);
    return TRUE;
}

static inline void fake_taker_init(FakeTaker *taker)
{
    memset(taker, 0, sizeof *taker);
    taker->taker = (ListingTaker){
        .head = fake_take_head, .file = fake_take_file, .data = taker, .digest = fake_take_digest};
    taker->files = g_string_new(NULL);
    taker->addresses = g_string_new(NULL);
    taker->digests = g_string_new(NULL);
}

static inline void fake_taker_clear(FakeTaker *taker)
{
    listing_head_free(taker->head);
    g_string_free(taker->files, TRUE);
    g_string_free(taker->addresses, TRUE);
    g_string_free(taker->digests, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FakeTaker, fake_taker_clear)

/* The notes of the last head, a line each. Owned. */
static inline char *fake_notes(const FakeTaker *taker)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; taker->head && taker->head->notes && i < taker->head->notes->len; i++)
        g_string_append_printf(text, "%s\n", (char *)taker->head->notes->pdata[i]);
    return g_string_free(text, FALSE);
}

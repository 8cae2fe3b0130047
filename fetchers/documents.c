#include "documents.h"

#include "credentials.h"
#include "engine_state.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "redact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONAL_MS (10 * 1000)
#define MOST_BYTES (64 * 1024 * 1024)
#define CANCELLED_EACH_MS 100
#define MOST_EXPECTED 8

typedef struct {
    HostServices services;
    Engine *engine;
    const Endpoints *endpoints;
    gboolean (*cancelled)(gpointer data);
    gpointer data;
    TaskQueue *home; /* run by the thread that waits in get */
    GQueue expected; /* Fetch*, begun before somebody asks */
} Documents;

/* The body goes to an unlinked temporary file, always from its beginning. */
typedef struct {
    Sink sink;
    int fd;
    guint64 length;
    gboolean is_done;
    Outcome outcome;
} DocumentSink;

/* One document on its way. */
typedef struct {
    DocumentSink sink;
    char *url, *name, *range;
    GPtrArray *headers;
    const char *guard; /* the source whose login goes with it; NULL: none */
    FileSpec *file;
    Transfer *transfer;
} Fetch;

static int open_unlinked(void)
{
    const char *folder = g_get_tmp_dir();
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    g_autofree char *path = g_build_filename(folder, "medmirror-XXXXXX", NULL);
    fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static void sink_offer(Sink *base, const char *address, const Validators *validators,
                       gboolean restart, SinkOffer *offer, Outcome *outcome)
{
    DocumentSink *sink = (DocumentSink *)base;

    if (validators == NULL)
        return;
    if (sink->fd < 0 && (sink->fd = open_unlinked()) < 0)
        outcome_set_storage(outcome, errno, _("cannot make a temporary file in “%s”"),
                            g_get_tmp_dir());
    else if (ftruncate(sink->fd, 0) != 0)
        outcome_set_storage(outcome, errno, _("cannot empty a temporary file"));
    sink->length = 0;
}

static void sink_write(Sink *base, guint64 offset, const void *bytes, gsize length,
                       Outcome *outcome)
{
    DocumentSink *sink = (DocumentSink *)base;
    const char *at = bytes;

    while (length > 0) {
        ssize_t written = TEMP_FAILURE_RETRY(pwrite(sink->fd, at, length, (off_t)offset));
        if (written <= 0) {
            outcome_set_storage(outcome, written < 0 ? errno : ENOSPC,
                                _("cannot write a temporary file in “%s”"), g_get_tmp_dir());
            return;
        }
        at += written;
        length -= (gsize)written;
        offset += (guint64)written;
        sink->length = MAX(sink->length, offset);
    }
}

static void sink_settle(Sink *sink, guint64 total, Outcome *outcome)
{
}

static const SinkClass document_sink_class = {sink_offer, sink_write, sink_settle};

static void on_done(Transfer *transfer, const Outcome *outcome, gpointer data)
{
    DocumentSink *sink = data;

    sink->is_done = TRUE;
    outcome_copy(&sink->outcome, outcome);
}

/* With the login of SOURCE (NULL: none); of a key pair, *SIGNER (owned) is what it signs with. NULL
 * with the error that it cannot be used. */
static GPtrArray *headers_of(Credentials *credentials, const char *source,
                             const DocumentRequest *request, RequestSigner **signer, GError **error)
{
    g_autoptr(Credential) login =
        source != NULL ? credentials_find(credentials, source, request->url, error) : NULL;
    if (login == NULL && error != NULL && *error != NULL)
        return NULL;
    GPtrArray *headers =
        login != NULL ? credential_headers(login)
                      : g_ptr_array_new_with_free_func((GDestroyNotify)credential_header_free);

    if (login != NULL && login->kind == CREDENTIAL_KEY_PAIR) {
        g_autofree char *region = request_signer_region(request->url);
        *signer = request_signer_new(login, region);
    }
    for (gsize i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
        g_ptr_array_add(headers, g_strdup(request->headers[i]));
    if (request->if_none_match != NULL)
        g_ptr_array_add(headers, g_strdup_printf("If-None-Match: %s", request->if_none_match));
    if (request->if_modified_since != NULL)
        g_ptr_array_add(headers,
                        g_strdup_printf("If-Modified-Since: %s", request->if_modified_since));
    g_ptr_array_add(headers, NULL);
    return headers;
}

static char *range_of(const DocumentRequest *request)
{
    if (request->range_to == 0)
        return NULL;
    if (request->range_is_suffix)
        return g_strdup_printf("-%" G_GUINT64_FORMAT, request->range_to);
    return g_strdup_printf("%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, request->range_from,
                           request->range_to - 1);
}

static gboolean is_cancelled(HostServices *services)
{
    Documents *documents = services->host;

    return documents->cancelled != NULL && documents->cancelled(documents->data);
}

/* Runs the home queue until the transfer is through. TRUE where it was we who ended it, for time.
 */
static gboolean wait_for(Documents *documents, Transfer *transfer, DocumentSink *sink,
                         gboolean optional)
{
    gint64 deadline = g_get_monotonic_time() / 1000 + OPTIONAL_MS;
    gboolean asked_to_end = FALSE;
    gboolean too_late = FALSE;

    while (!sink->is_done) {
        task_queue_run(documents->home, CANCELLED_EACH_MS);
        if (sink->is_done || asked_to_end)
            continue;
        too_late = optional && g_get_monotonic_time() / 1000 >= deadline;
        asked_to_end = too_late || is_cancelled(&documents->services);
        if (asked_to_end)
            engine_cancel_transfer(documents->engine, transfer);
    }
    return too_late && sink->outcome.kind == OUTCOME_CANCELLED;
}

static Document *document_of(const Transfer *transfer, DocumentSink *sink)
{
    Document *document = g_new0(Document, 1);

    document->status = transfer_status(transfer);
    document->final_url = g_strdup(transfer_final_address(transfer));
    document->content_type = g_strdup(transfer_content_type(transfer));
    document->link = g_strdup(transfer_header(transfer, "Link"));
    document->certificate_issuer = g_strdup(transfer_certificate_issuer(transfer));
    document->validators = transfer_validators(transfer) != NULL
                               ? validators_copy(transfer_validators(transfer))
                               : validators_new(NULL, NULL, SIZE_UNKNOWN);
    document->range_start = transfer_range_start(transfer);
    document->length = sink->length;
    document->location = g_strdup(transfer_location(transfer));
    document->fd = -1;
    if (document->location != NULL)
        document->length = 0;
    else if (document->status != 304 && sink->fd >= 0) {
        document->fd = sink->fd;
        sink->fd = -1;
        (void)lseek(document->fd, 0, SEEK_SET);
    }
    return document;
}

/* The source whose login goes with REQUEST because its address is guarded; NULL where none does,
 * the request has one of its own, or another source asks: a fetcher's program gets what anybody
 * may. */
static const char *guard_of(const Documents *documents, const DocumentRequest *request)
{
    for (gsize i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
        if (g_ascii_strncasecmp(request->headers[i], "Authorization:", 14) == 0)
            return NULL;
    const char *source = credentials_guard_of(documents->engine->config.credentials, request->url);
    return request->source == NULL || g_strcmp0(source, request->source) == 0 ? source : NULL;
}

static void fetch_free(Fetch *fetch)
{
    g_clear_pointer(&fetch->transfer, transfer_free);
    g_clear_pointer(&fetch->file, file_spec_free);
    g_clear_pointer(&fetch->headers, g_ptr_array_unref);
    if (fetch->sink.fd >= 0)
        close(fetch->sink.fd);
    outcome_clear(&fetch->sink.outcome);
    g_free(fetch->url);
    g_free(fetch->name);
    g_free(fetch->range);
    g_free(fetch);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Fetch, fetch_free)

/* NULL with an error where nothing can be asked. */
static Fetch *fetch_begin(Documents *documents, const DocumentRequest *request, GError **error)
{
    g_autoptr(Fetch) fetch = g_new0(Fetch, 1);
    g_autoptr(RequestSigner) signer = NULL;
    GError *why = NULL;

    fetch->sink = (DocumentSink){.sink = {&document_sink_class}, .fd = -1};
    fetch->guard = request->signer == NULL ? guard_of(documents, request) : NULL;
    fetch->headers =
        headers_of(documents->engine->config.credentials, fetch->guard, request, &signer, &why);
    if (fetch->headers == NULL) {
        g_propagate_error(error, why);
        return NULL;
    }
    const char *source = request->source != NULL ? request->source : fetch->guard;
    fetch->url = g_strdup(request->url);
    fetch->range = range_of(request);
    fetch->name = redact_address(request->url);
    fetch->file = file_spec_new(fetch->name);
    file_spec_add_address(fetch->file, request->url);
    const TransferSpec spec = {
        .name = fetch->name,
        .fetcher = source != NULL ? fetcher_find(source) : NULL,
        .file = fetch->file,
        .max_bytes = request->max_bytes != 0 ? request->max_bytes : MOST_BYTES,
        .headers = (const char *const *)fetch->headers->pdata,
        .signer = request->signer != NULL ? request->signer : signer,
        .is_document = TRUE,
        .first_byte_ms = request->first_byte_ms,
        .most_attempts = request->optional ? 1 : request->most_attempts,
        .head_only = request->head_only,
        .any_status = request->any_status,
        .any_refusal = request->any_refusal,
        .post_body = request->post_body,
        .post_type = request->post_type,
        .keep_redirect = request->keep_redirect,
        .range = fetch->range,
        .sink = &fetch->sink.sink,
        .holds_nothing = TRUE,
        .home = documents->home,
        .done = on_done,
        .data = &fetch->sink,
    };
    fetch->transfer = transfer_new(&spec);
    engine_submit(documents->engine, fetch->transfer);
    return g_steal_pointer(&fetch);
}

static Document *fetch_end(Documents *documents, Fetch *fetch, const DocumentRequest *request,
                           GError **error)
{
    DocumentSink *sink = &fetch->sink;
    gboolean too_late = wait_for(documents, fetch->transfer, sink, request->optional);
    int status = transfer_status(fetch->transfer);

    if (request->status != NULL)
        *request->status = status;
    if (request->retry_after_ms != NULL)
        *request->retry_after_ms =
            sink->outcome.kind == OUTCOME_OK ? -1 : sink->outcome.retry_after_ms;
    if (fetch->guard != NULL && status == 401)
        credentials_refuse(documents->engine->config.credentials, fetch->guard);
    if (sink->outcome.kind == OUTCOME_OK)
        return document_of(fetch->transfer, sink);
    if (too_late)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("“%s” did not come within %d s."), fetch->name, OPTIONAL_MS / 1000);
    else
        g_propagate_error(error,
                          outcome_to_error(&sink->outcome, fetch->name, NULL, NULL, NULL, NULL));
    return NULL;
}

static gboolean is_plain(const DocumentRequest *request)
{
    return !request->optional && !request->head_only && !request->any_status &&
           !request->any_refusal && request->post_body == NULL && !request->keep_redirect &&
           request->range_to == 0 && request->if_none_match == NULL &&
           request->if_modified_since == NULL && request->signer == NULL &&
           request->first_byte_ms == 0;
}

static GList *find_expected(Documents *documents, const char *url)
{
    for (GList *link = documents->expected.head; link != NULL; link = link->next)
        if (strcmp(((const Fetch *)link->data)->url, url) == 0)
            return link;
    return NULL;
}

/* What goes with a login is never expected: a refusal must be seen before the next is asked. */
static gboolean may_be_expected(const Documents *documents, const DocumentRequest *request)
{
    return is_plain(request) && request->source == NULL && guard_of(documents, request) == NULL;
}

/* That of the same request, where it was expected. */
static Fetch *take_expected(Documents *documents, const DocumentRequest *request)
{
    GList *link = find_expected(documents, request->url);

    if (link == NULL || !may_be_expected(documents, request))
        return NULL;
    Fetch *fetch = link->data;
    g_autoptr(GPtrArray) headers = headers_of(NULL, NULL, request, NULL, NULL);
    if (headers->len != fetch->headers->len)
        return NULL;
    for (guint i = 0; i < headers->len; i++)
        if (g_strcmp0(headers->pdata[i], fetch->headers->pdata[i]) != 0)
            return NULL;
    g_queue_delete_link(&documents->expected, link);
    return fetch;
}

static void expect(HostServices *services, const DocumentRequest *request)
{
    Documents *documents = services->host;

    if (documents->expected.length >= MOST_EXPECTED || !may_be_expected(documents, request) ||
        is_cancelled(services) || find_expected(documents, request->url) != NULL)
        return;
    Fetch *fetch = fetch_begin(documents, request, NULL);
    if (fetch != NULL)
        g_queue_push_tail(&documents->expected, fetch);
}

static Document *get(HostServices *services, const DocumentRequest *request, GError **error)
{
    Documents *documents = services->host;

    if (is_cancelled(services)) {
        g_autofree char *name = redact_address(request->url);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED,
                    _("Interrupted before “%s” was asked for."), name);
        return NULL;
    }
    g_autoptr(Fetch) fetch = take_expected(documents, request);
    if (fetch == NULL)
        fetch = fetch_begin(documents, request, error);
    return fetch != NULL ? fetch_end(documents, fetch, request, error) : NULL;
}

/* Nobody asked for these after all. */
static void drop_expected(Documents *documents)
{
    Fetch *fetch;

    while ((fetch = g_queue_pop_head(&documents->expected)) != NULL) {
        engine_cancel_transfer(documents->engine, fetch->transfer);
        while (!fetch->sink.is_done)
            task_queue_run(documents->home, CANCELLED_EACH_MS);
        fetch_free(fetch);
    }
}

static const char *endpoint(HostServices *services, const char *name, const char *source,
                            const char *default_base)
{
    const Documents *documents = services->host;

    return endpoints_base(documents->endpoints, name, source, default_base);
}

static void log_line(HostServices *services, const char *message)
{
    event_log(EVENT_LOG_DEBUG, "%s", message);
}

static Credentials *credentials_of(HostServices *services)
{
    const Documents *documents = services->host;

    return documents->engine->config.credentials;
}

static Credential *find_credential(HostServices *services, const char *source, const char *address,
                                   GError **error)
{
    Credentials *credentials = credentials_of(services);

    return credentials != NULL ? credentials_find(credentials, source, address, error) : NULL;
}

static void refuse_credential(HostServices *services, const char *source)
{
    Credentials *credentials = credentials_of(services);

    if (credentials != NULL)
        credentials_refuse(credentials, source);
}

static void renew_credential(HostServices *services, const char *source, const Credential *now)
{
    Credentials *credentials = credentials_of(services);

    if (credentials != NULL)
        credentials_renew(credentials, source, now);
}

static void guard(HostServices *services, const char *source, const char *prefix)
{
    Credentials *credentials = credentials_of(services);

    if (credentials != NULL)
        credentials_guard(credentials, source, prefix);
}

static gboolean is_guarded(HostServices *services, const char *address)
{
    return credentials_guard_of(credentials_of(services), address) != NULL;
}

HostServices *documents_new(Engine *engine, const Endpoints *endpoints,
                            gboolean (*cancelled)(gpointer data), gpointer data)
{
    Documents *documents = g_new0(Documents, 1);

    documents->engine = engine;
    documents->endpoints = endpoints;
    documents->cancelled = cancelled;
    documents->data = data;
    documents->home = task_queue_new();
    documents->services = (HostServices){.host = documents,
                                         .get = get,
                                         .expect = expect,
                                         .endpoint = endpoint,
                                         .log = log_line,
                                         .cancelled = is_cancelled,
                                         .credential = find_credential,
                                         .refuse_credential = refuse_credential,
                                         .renew_credential = renew_credential,
                                         .guard = guard,
                                         .is_guarded = is_guarded};
    return &documents->services;
}

void documents_free(HostServices *services)
{
    if (services == NULL)
        return;
    Documents *documents = services->host;
    drop_expected(documents);
    task_queue_free(documents->home);
    g_free(documents);
}

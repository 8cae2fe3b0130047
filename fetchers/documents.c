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

typedef struct {
    HostServices services;
    Engine *engine;
    const Endpoints *endpoints;
    gboolean (*cancelled)(gpointer data);
    gpointer data;
    TaskQueue *home; /* run by the thread that waits in get */
} Documents;

/* The body goes to an unlinked temporary file, always from its beginning. */
typedef struct {
    Sink sink;
    int fd;
    guint64 length;
    gboolean is_done;
    Outcome outcome;
} DocumentSink;

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

/* With the login of SOURCE (NULL: none). NULL with the error that it cannot be used. */
static GPtrArray *headers_of(Credentials *credentials, const char *source,
                             const DocumentRequest *request, GError **error)
{
    g_autoptr(Credential) login =
        source != NULL ? credentials_find(credentials, source, request->url, error) : NULL;
    if (login == NULL && error != NULL && *error != NULL)
        return NULL;
    GPtrArray *headers =
        login != NULL ? credential_headers(login)
                      : g_ptr_array_new_with_free_func((GDestroyNotify)credential_header_free);

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
    document->certificate_issuer = g_strdup(transfer_certificate_issuer(transfer));
    document->validators = transfer_validators(transfer) != NULL
                               ? validators_copy(transfer_validators(transfer))
                               : validators_new(NULL, NULL, SIZE_UNKNOWN);
    document->range_start = transfer_range_start(transfer);
    document->length = sink->length;
    document->fd = -1;
    if (document->status != 304 && sink->fd >= 0) {
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

static Document *get(HostServices *services, const DocumentRequest *request, GError **error)
{
    Documents *documents = services->host;
    Credentials *credentials = documents->engine->config.credentials;
    DocumentSink sink = {.sink = {&document_sink_class}, .fd = -1};
    const char *guard = guard_of(documents, request);
    GError *why = NULL;
    g_autoptr(GPtrArray) headers = headers_of(credentials, guard, request, &why);
    if (headers == NULL) {
        g_propagate_error(error, why);
        return NULL;
    }
    const char *source = request->source != NULL ? request->source : guard;
    g_autofree char *range = range_of(request);
    g_autofree char *name = redact_address(request->url);
    g_autoptr(FileSpec) file = file_spec_new(name);
    Document *document = NULL;

    if (is_cancelled(services)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED,
                    _("Interrupted before “%s” was asked for."), name);
        return NULL;
    }
    file_spec_add_address(file, request->url);
    const TransferSpec spec = {
        .name = name,
        .fetcher = source != NULL ? fetcher_find(source) : NULL,
        .file = file,
        .max_bytes = request->max_bytes != 0 ? request->max_bytes : MOST_BYTES,
        .headers = (const char *const *)headers->pdata,
        .is_document = TRUE,
        .first_byte_ms = request->first_byte_ms,
        .most_attempts = request->optional ? 1 : 0,
        .head_only = request->head_only,
        .any_status = request->any_status,
        .range = range,
        .sink = &sink.sink,
        .home = documents->home,
        .done = on_done,
        .data = &sink,
    };
    g_autoptr(Transfer) transfer = transfer_new(&spec);
    engine_submit(documents->engine, transfer);
    gboolean too_late = wait_for(documents, transfer, &sink, request->optional);
    if (request->status != NULL)
        *request->status = transfer_status(transfer);
    if (guard != NULL && transfer_status(transfer) == 401)
        credentials_refuse(credentials, guard);
    if (sink.outcome.kind == OUTCOME_OK) {
        document = document_of(transfer, &sink);
    } else if (too_late) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("“%s” did not come within %d s."), name, OPTIONAL_MS / 1000);
    } else {
        g_propagate_error(error, outcome_to_error(&sink.outcome, name, NULL, NULL, NULL, NULL));
    }
    if (sink.fd >= 0)
        close(sink.fd);
    outcome_clear(&sink.outcome);
    return document;
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
                                         .endpoint = endpoint,
                                         .log = log_line,
                                         .cancelled = is_cancelled,
                                         .credential = find_credential,
                                         .refuse_credential = refuse_credential,
                                         .guard = guard,
                                         .is_guarded = is_guarded};
    return &documents->services;
}

void documents_free(HostServices *services)
{
    if (services == NULL)
        return;
    Documents *documents = services->host;
    task_queue_free(documents->home);
    g_free(documents);
}

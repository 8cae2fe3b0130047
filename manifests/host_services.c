#include "host_services.h"

#include "error.h"
#include "i18n.h"
#include "redact.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void document_free(Document *document)
{
    if (!document)
        return;
    g_free(document->final_url);
    if (document->location)
        explicit_bzero(document->location, strlen(document->location));
    g_free(document->location);
    g_free(document->content_type);
    g_free(document->link);
    g_free(document->certificate_issuer);
    validators_free(document->validators);
    if (document->fd >= 0)
        close(document->fd);
    g_free(document);
}

static void set_too_large(const Document *document, gsize max_bytes, GError **error)
{
    g_autofree char *address = redact_address(document->final_url ? document->final_url : "");
    g_autofree char *most = g_format_size(max_bytes);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                _("The document at %s is larger than the %s that such a document may have."),
                address, most);
}

char *document_read(Document *document, gsize max_bytes, gsize *length, GError **error)
{
    gsize have = 0, capacity = MIN(max_bytes, (gsize)document->length) + 1;
    if (document->length > max_bytes) {
        set_too_large(document, max_bytes, error);
        return NULL;
    }
    g_autofree char *text = g_malloc(capacity);
    while (document->fd >= 0) {
        /* The length is what the host said; the file has the last word. */
        if (have + 1 == capacity && have < max_bytes) {
            capacity = MIN(MAX(2 * capacity, (gsize)4096), max_bytes + 1);
            text = g_realloc(text, capacity);
        }
        char beyond;
        gboolean full = have + 1 == capacity;
        ssize_t got = TEMP_FAILURE_RETRY(pread(document->fd, full ? &beyond : text + have,
                                               full ? 1 : capacity - 1 - have, (off_t)have));
        if (got < 0) {
            error_set_storage(error, errno, _("cannot read a document that was fetched"));
            return NULL;
        }
        if (got == 0)
            break;
        if (full) {
            set_too_large(document, max_bytes, error);
            return NULL;
        }
        have += (gsize)got;
    }
    text[have] = '\0';
    if (length)
        *length = have;
    return g_steal_pointer(&text);
}

void host_services_expect(HostServices *services, const DocumentRequest *request)
{
    if (services->expect)
        services->expect(services, request);
}

char *host_services_get_text(HostServices *services, const char *url, gsize max_bytes,
                             gsize *length, char **final_url, GError **error)
{
    const DocumentRequest request = {.url = url, .max_bytes = max_bytes};
    g_autoptr(Document) document = services->get(services, &request, error);
    if (!document)
        return NULL;
    char *text = document_read(document, max_bytes, length, error);
    if (text && final_url)
        *final_url = g_strdup(document->final_url ? document->final_url : url);
    return text;
}

/* One page of a bucket's listing, as XML that comes in pieces. */
#include "error.h"
#include "i18n.h"
#include "s3_listing.h"
#include "verdict.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES 16384
#define MOST_TEXT (16 * 1024) /* a key has 1,024 bytes at most, each of which may be encoded */
#define MOST_DEPTH 16

typedef struct {
    S3Page *page;
    S3ObjectFunc func;
    gpointer data;
    GError *error;
    xmlParserCtxtPtr context;
    guint depth;
    gboolean in_object;
    GString *text;
    char *key, *etag, *modified;
    guint64 size;
} PageReader;

void s3_page_clear(S3Page *page)
{
    g_clear_pointer(&page->token, g_free);
    g_clear_pointer(&page->error_code, g_free);
    g_clear_pointer(&page->error_message, g_free);
    g_clear_pointer(&page->error_region, g_free);
    *page = (S3Page){0};
}

static void stop(PageReader *reader, const char *why)
{
    if (!reader->error)
        g_set_error(&reader->error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    /* TRANSLATORS: a clause such as "it declares a document type". */
                    _("The listing of the bucket cannot be read: %s."), why);
    xmlStopParser(reader->context);
}

static void object_clear(PageReader *reader)
{
    g_clear_pointer(&reader->key, g_free);
    g_clear_pointer(&reader->etag, g_free);
    g_clear_pointer(&reader->modified, g_free);
    reader->size = SIZE_UNKNOWN;
}

static void on_start(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int namespace_count, const xmlChar **namespaces, int attribute_count,
                     int defaulted_count, const xmlChar **attributes)
{
    PageReader *reader = data;
    const char *element = (const char *)name;
    if (++reader->depth > MOST_DEPTH) {
        stop(reader, _("it is nested too deep"));
        return;
    }
    g_string_truncate(reader->text, 0);
    if (reader->depth == 1)
        reader->page->is_listing = strcmp(element, "ListBucketResult") == 0;
    if (reader->depth == 2 && strcmp(element, "Contents") == 0) {
        reader->in_object = TRUE;
        object_clear(reader);
    }
}

static void end_object(PageReader *reader)
{
    reader->in_object = FALSE;
    if (!reader->key) {
        stop(reader, _("an object in it has no key"));
        return;
    }
    const S3Object object = {.key = reader->key,
                             .size = reader->size,
                             .etag = reader->etag,
                             .modified = reader->modified};
    if (!reader->error && reader->func && !reader->func(&object, reader->data, &reader->error))
        xmlStopParser(reader->context);
    object_clear(reader);
}

static void take(char **to, const PageReader *reader)
{
    g_free(*to);
    *to = g_strdup(reader->text->str);
}

static void end_object_part(PageReader *reader, const char *element)
{
    guint64 size;
    if (strcmp(element, "Key") == 0)
        take(&reader->key, reader);
    else if (strcmp(element, "ETag") == 0)
        take(&reader->etag, reader);
    else if (strcmp(element, "LastModified") == 0)
        take(&reader->modified, reader);
    else if (strcmp(element, "Size") == 0 &&
             g_ascii_string_to_unsigned(reader->text->str, 10, 0, G_MAXINT64, &size, NULL))
        reader->size = size;
}

/* Of a PermanentRedirect: "bucket.s3.eu-west-1.amazonaws.com". */
static char *region_of_host(const char *host)
{
    g_autofree char *address = g_strconcat("https://", host, "/", NULL);
    return request_signer_region(address);
}

static void end_page_part(PageReader *reader, const char *element)
{
    S3Page *page = reader->page;
    if (!page->is_listing) {
        if (strcmp(element, "Code") == 0)
            take(&page->error_code, reader);
        else if (strcmp(element, "Message") == 0)
            take(&page->error_message, reader);
        else if (strcmp(element, "Region") == 0)
            take(&page->error_region, reader);
        else if (strcmp(element, "Endpoint") == 0 && !page->error_region)
            page->error_region = region_of_host(reader->text->str);
    } else if (strcmp(element, "IsTruncated") == 0) {
        page->is_truncated = g_ascii_strcasecmp(reader->text->str, "true") == 0;
    } else if (strcmp(element, "NextContinuationToken") == 0) {
        take(&page->token, reader);
    }
}

static void on_end(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    PageReader *reader = data;
    const char *element = (const char *)name;
    if (reader->depth == 2 && reader->in_object)
        end_object(reader);
    else if (reader->depth == 3 && reader->in_object)
        end_object_part(reader, element);
    else if (reader->depth == 2)
        end_page_part(reader, element);
    reader->depth--;
    g_string_truncate(reader->text, 0);
}

static void on_text(void *data, const xmlChar *text, int length)
{
    PageReader *reader = data;
    if (reader->text->len + (gsize)length > MOST_TEXT)
        stop(reader, _("a text in it is longer than any key"));
    else
        g_string_append_len(reader->text, (const char *)text, length);
}

/* No listing has one, and what it declares could be made to grow without end. */
static void on_document_type(void *data, const xmlChar *name, const xmlChar *id,
                             const xmlChar *system)
{
    stop(data, _("it declares a document type"));
}

static void on_problem(void *data, const char *message, ...)
{
}

static gboolean feed(PageReader *reader, int fd, GError **error)
{
    char chunk[CHUNK_BYTES];
    int wrong = 0;
    while (!reader->error && wrong == 0) {
        ssize_t got = TEMP_FAILURE_RETRY(read(fd, chunk, sizeof chunk));
        if (got < 0)
            return error_set_storage(error, errno, _("A listing cannot be read back"));
        wrong = xmlParseChunk(reader->context, chunk, (int)got, got == 0);
        if (got == 0)
            break;
    }
    if (!reader->error && (wrong != 0 || !reader->context->wellFormed))
        stop(reader, _("it is no XML, or ends too soon"));
    return TRUE;
}

static xmlParserCtxtPtr make_context(PageReader *reader)
{
    static gsize initialised;
    xmlSAXHandler handler = {
        .initialized = XML_SAX2_MAGIC,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .characters = on_text,
        .cdataBlock = on_text,
        .internalSubset = on_document_type,
        .error = on_problem,
        .warning = on_problem,
    };
    if (g_once_init_enter(&initialised)) {
        xmlInitParser();
        g_once_init_leave(&initialised, 1);
    }
    xmlParserCtxtPtr context = xmlCreatePushParserCtxt(&handler, reader, NULL, 0, NULL);
    if (context)
        xmlCtxtUseOptions(context, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    return context;
}

gboolean s3_page_read(int fd, S3Page *page, S3ObjectFunc func, gpointer data, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    PageReader reader = {
        .page = page, .func = func, .data = data, .text = text, .size = SIZE_UNKNOWN};
    reader.context = make_context(&reader);
    if (!reader.context) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("The reader of listings of buckets could not be made."));
        return FALSE;
    }
    gboolean read = feed(&reader, fd, error);
    xmlFreeParserCtxt(reader.context);
    object_clear(&reader);
    if (!read || !reader.error) {
        g_clear_error(&reader.error);
        return read;
    }
    g_propagate_error(error, reader.error);
    return FALSE;
}

#include "external_documents.h"

#include "classify_answer.h"
#include "error.h"
#include "i18n.h"
#include "json_text.h"
#include "redact.h"
#include "source_facts.h"
#include "web_address.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES (384 * 1024) /* 512 KiB of base64 */
#define MOST_DOCUMENTS 1000000
#define MOST_DOCUMENT_BYTES (G_GUINT64_CONSTANT(4) << 30)

static gboolean is_loopback(const WebAddress *address)
{
    return strcmp(address->host, "localhost") == 0 || strcmp(address->host, "[::1]") == 0 ||
           (g_str_has_prefix(address->host, "127.") && g_hostname_is_ip_address(address->host));
}

char *external_address(const External *external, HostServices *services, const char *text,
                       GError **error)
{
    const char *base = source_base(services, &external->fetcher.row, 0);
    gboolean is_absolute = strstr(text, "://") != NULL;
    while (!is_absolute && *text == '/')
        text++;
    g_autofree char *full = is_absolute ? g_strdup(text) : g_strconcat(base, "/", text, NULL);
    g_autoptr(WebAddress) address = web_address_parse(full, error);
    if (!address)
        return NULL;
    g_autofree char *plain = web_address_text(address);
    if (!is_absolute)
        return g_steal_pointer(&plain);
    gsize length = strlen(base);
    if (strncmp(plain, base, length) == 0 && plain[length] == '/')
        return g_steal_pointer(&plain);
    char *moved = source_address(services, &external->fetcher.row, plain);
    if (!moved) {
        g_autofree char *shown = redact_address(plain);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("%s is not asked, for its source is sent elsewhere (--endpoint %s)."), shown,
                    external->name);
    }
    return moved;
}

static gboolean has_name(const char *header, const char *const *names)
{
    for (; *names; names++) {
        gsize length = strlen(*names);
        if (g_ascii_strncasecmp(header, *names, length) == 0 && header[length] == ':')
            return TRUE;
    }
    return FALSE;
}

/* Whatever a header holds may be a secret. */
static gboolean may_carry(const External *external, HostServices *services, const char *text)
{
    g_autoptr(WebAddress) address = web_address_parse(text, NULL);
    g_autoptr(WebAddress) base =
        web_address_parse(source_base(services, &external->fetcher.row, 0), NULL);
    if (!address)
        return FALSE;
    gboolean is_own = g_strv_contains(external->fetcher.row.hosts, address->host);
    if (is_loopback(address))
        return is_own || (base && web_address_same_origin(address, base));
    return is_own && strcmp(address->scheme, "https") == 0;
}

gboolean external_check_headers(const External *external, HostServices *services,
                                const char *address, const GPtrArray *headers, GError **error)
{
    static const char *const harmless[] = {"Accept", "Accept-Language", NULL};
    /* These are the engine's. */
    static const char *const never[] = {"Host",
                                        "Connection",
                                        "Content-Length",
                                        "Transfer-Encoding",
                                        "TE",
                                        "Upgrade",
                                        "Trailer",
                                        "Accept-Encoding",
                                        "Proxy-Authorization",
                                        "Range",
                                        "If-Range",
                                        "Expect",
                                        "User-Agent",
                                        NULL};
    for (guint i = 0; headers && i < headers->len; i++) {
        const char *header = headers->pdata[i];
        g_autofree char *name = g_strndup(header, strcspn(header, ":"));
        if (has_name(header, never)) {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                        _("the header \"%s\" is medmirror's own"), name);
            return FALSE;
        }
        if (has_name(header, harmless) || may_carry(external, services, address))
            continue;
        g_autofree char *shown = redact_address(address);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("the header \"%s\" may go to the source's own hosts alone, by https, which "
                      "%s is not"),
                    name, shown);
        return FALSE;
    }
    return TRUE;
}

void external_documents_clear(ExternalDocuments *documents)
{
    g_clear_pointer(&documents->document, document_free);
    g_clear_error(&documents->failure);
}

static gboolean send_line(ExternalDocuments *documents, GString *line, GError **error)
{
    g_string_append(line, "}\n");
    return external_process_write(documents->external->process, line->str, line->len,
                                  external_is_cancelled, documents->services, error);
}

static const char *code_word(const GError *error)
{
    if (g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS))
        return "access";
    if (g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT))
        return "absent";
    return g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE) ? "usage" : "origin";
}

gboolean external_documents_answer_failure(ExternalDocuments *documents, guint id, GError *why,
                                           GError **error)
{
    if (g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED) ||
        g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_TERMINATED) ||
        g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE)) {
        g_propagate_error(error, why);
        return FALSE;
    }
    g_autoptr(GString) line = g_string_new(NULL);
    g_string_printf(line, "{\"id\":%u,\"answer\":\"failed\"", id);
    json_text_append_member(line, "code", code_word(why));
    json_text_append_member(line, "text", why->message);
    g_clear_error(&documents->failure);
    documents->failure = why;
    return send_line(documents, line, error);
}

/* A page where data was asked for is no document, and the program's rules are for these too. */
static gboolean check_kind(const ExternalDocuments *documents, const Message *message,
                           const char *address, const Document *document, GError **error)
{
    if (message->html || document->fd < 0 || document->status / 100 != 2)
        return TRUE;
    guint8 body[ANSWER_LOOK_BYTES];
    ssize_t got = TEMP_FAILURE_RETRY(pread(document->fd, body, sizeof body, 0));
    const AnswerHead head = {.status = document->status,
                             .address = address,
                             .final_address = document->final_url,
                             .content_type = document->content_type,
                             .body = body,
                             .body_length = got > 0 ? (gsize)got : 0};
    MedmirrorError code = MEDMIRROR_ERROR_ORIGIN;
    const char *what = NULL;
    switch (external_hello_classify(documents->external->hello, &head)) {
    case ANSWER_DATA:
    case ANSWER_BY_STATUS:
    case ANSWER_NOTHING_THERE: /* an empty document may be one */
        return TRUE;
    case ANSWER_LOGIN_PAGE:
        code = MEDMIRROR_ERROR_ACCESS;
        what = _("a login page came instead of data");
        break;
    case ANSWER_TERMS:
        code = MEDMIRROR_ERROR_ACCESS;
        what = _("its terms or its access must be settled first");
        break;
    case ANSWER_QUOTA:
        what = _("the quota there is used up");
        break;
    case ANSWER_NOT_READY:
    case ANSWER_TRANSIENT:
        what = _("it is not ready at its source; try again later");
        break;
    case ANSWER_EXPIRED:
        what = _("its address has expired");
        break;
    case ANSWER_ABSENT:
    case ANSWER_NOT_PUBLIC:
        code = MEDMIRROR_ERROR_ABSENT;
        what = _("it is not there");
        break;
    case ANSWER_NOT_THE_SOURCES_OWN:
    case ANSWER_UNEXPECTED_HTML:
        what = _("a page (HTML) came instead of data, of the source or of a proxy on the way");
        break;
    }
    g_autofree char *shown = redact_address(address);
    g_set_error(error, MEDMIRROR_ERROR, (int)code,
                _("%s: %s. Open the address in a browser on this machine to see what it says."),
                shown, what);
    return FALSE;
}

/* "body" and "more": the next piece; nothing where there is no body. */
static gboolean append_piece(ExternalDocuments *documents, GString *line, GError **error)
{
    Document *document = documents->document;
    guint64 left = document->fd < 0 ? 0 : document->length - documents->told;
    gsize wanted = (gsize)MIN(left, PIECE_BYTES);
    g_autofree guchar *piece = g_malloc(wanted + 1);
    gsize got = 0;
    while (got < wanted) {
        ssize_t n = TEMP_FAILURE_RETRY(
            pread(document->fd, piece + got, wanted - got, (off_t)(documents->told + got)));
        if (n <= 0)
            return error_set_storage(error, n < 0 ? errno : EIO, _("cannot read a temporary file"));
        got += (gsize)n;
    }
    documents->told += got;
    g_autofree char *text = g_base64_encode(piece, got);
    json_text_append_member(line, "body", text);
    json_text_append_raw(line, "more", left > got ? "true" : "false");
    if (left == got)
        g_clear_pointer(&documents->document, document_free);
    return TRUE;
}

static gboolean answer_document(ExternalDocuments *documents, guint id, GError **error)
{
    const Document *document = documents->document;
    const Validators *validators = document->validators;
    g_autoptr(GString) line = g_string_new(NULL);
    g_string_printf(line, "{\"id\":%u,\"answer\":\"document\",\"status\":%d", id, document->status);
    json_text_append_member(line, "address", document->final_url);
    json_text_append_member(line, "type", document->content_type);
    json_text_append_member(line, "etag", validators->etag);
    json_text_append_member(line, "last_modified", validators->last_modified);
    if (document->fd >= 0)
        json_text_append_number(line, "length", document->length);
    else if (validators->total != SIZE_UNKNOWN)
        json_text_append_number(line, "length", validators->total);
    return append_piece(documents, line, error) && send_line(documents, line, error);
}

/* The document that MESSAGE asks for, at ADDRESS. Owned. */
static Document *get_document(const ExternalDocuments *documents, const Message *message,
                              const char *address, GError **error)
{
    HostServices *services = documents->services;
    g_autoptr(GPtrArray) headers = g_ptr_array_new();
    for (guint i = 0; i < message->headers->len; i++)
        g_ptr_array_add(headers, message->headers->pdata[i]);
    g_ptr_array_add(headers, NULL);
    const DocumentRequest request = {
        .url = address,
        .headers = (const char *const *)headers->pdata,
        .max_bytes = message->most_bytes == SIZE_UNKNOWN
                         ? 0
                         : CLAMP(message->most_bytes, 1, MOST_DOCUMENT_BYTES),
        .optional = message->optional,
        .if_none_match = message->if_none_match,
        .if_modified_since = message->if_modified_since,
        .head_only = message->head_only,
        .any_status = message->any_status,
        .source = documents->external->name,
    };
    return services->get(services, &request, error);
}

gboolean external_documents_get(ExternalDocuments *documents, const Message *message,
                                GError **error)
{
    const External *external = documents->external;
    HostServices *services = documents->services;
    external_documents_clear(documents);
    documents->told = 0;
    if (++documents->count > MOST_DOCUMENTS) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("it asked for more than %d documents"), MOST_DOCUMENTS);
        return FALSE;
    }
    GError *why = NULL;
    g_autofree char *address = external_address(external, services, message->address, &why);
    if (address && external_check_headers(external, services, address, message->headers, &why))
        documents->document = get_document(documents, message, address, &why);
    if (documents->document && !check_kind(documents, message, address, documents->document, &why))
        g_clear_pointer(&documents->document, document_free);
    if (!documents->document)
        return external_documents_answer_failure(documents, message->id, why, error);
    return answer_document(documents, message->id, error);
}

gboolean external_documents_more(ExternalDocuments *documents, guint id, GError **error)
{
    if (!documents->document) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("it asks for more of a document that it has whole, or never asked for"));
        return FALSE;
    }
    g_autoptr(GString) line = g_string_new(NULL);
    g_string_printf(line, "{\"id\":%u,\"answer\":\"more\"", id);
    return append_piece(documents, line, error) && send_line(documents, line, error);
}

#include "nbia_api.h"

#include "error.h"
#include "i18n.h"
#include "json_stream.h"
#include "redact.h"
#include "relpath.h"
#include "source_facts.h"
#include "tcia_places.h"
#include "tcia_series.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LIST_MOST_BYTES (G_GUINT64_CONSTANT(8) << 30)
#define NAMES_MOST 20000
#define HASH_MOST_BYTES 4096
#define HASH_MOST_ATTEMPTS 4                         /* a series can do without */
#define NO_IMAGES "d41d8cd98f00b204e9800998ecf8427e" /* the MD5 of nothing */

/* The first bytes of DOCUMENT, without moving. */
static gboolean begins_like_list(const Document *document, char **said, GError **error)
{
    char bytes[256];
    ssize_t got =
        document->fd < 0 ? 0 : TEMP_FAILURE_RETRY(pread(document->fd, bytes, sizeof bytes - 1, 0));
    if (got < 0)
        return error_set_storage(error, errno, _("A listing cannot be read back"));
    bytes[got] = '\0';
    const char *text = bytes + strspn(bytes, " \t\r\n");
    if (!*text || *text == '[')
        return TRUE;
    g_autofree char *line = g_strndup(text, strcspn(text, "\r\n"));
    *said = relpath_display(line);
    return FALSE;
}

static Document *get_list(HostServices *services, const char *url, int *status, GError **error)
{
    const DocumentRequest request = {.url = url,
                                     .max_bytes = LIST_MOST_BYTES,
                                     .first_byte_ms = TCIA_LISTS_FIRST_BYTE_MS,
                                     .status = status};
    g_autoptr(Document) document = services->get(services, &request, error);
    if (!document)
        return NULL;
    g_autofree char *said = NULL;
    if (begins_like_list(document, &said, error))
        return g_steal_pointer(&document);
    if (said) {
        g_autofree char *shown = redact_address(url);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("The answer of %s is no list: \"%.100s\"."), shown, said);
    }
    return NULL;
}

Document *nbia_get_list(HostServices *services, const char *base, const char *name, const char *key,
                        const char *value, GError **error)
{
    int status = 0;
    GError *why = NULL;
    g_autofree char *url = nbia_url(base, "v4", name, key, value);
    Document *document = get_list(services, url, &status, &why);
    gboolean may_try_again = !document && status != 0 && !services->cancelled(services) &&
                             !g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE);
    if (may_try_again) {
        g_autofree char *older = nbia_url(base, "v1", name, key, value);
        document = get_list(services, older, NULL, NULL);
    }
    if (document)
        g_clear_error(&why);
    else
        g_propagate_error(error, why);
    return document;
}

static gboolean take_name(const json_t *element, gpointer data, GError **error)
{
    GPtrArray *names = data;
    const char *name = locator_text(element, "Collection");
    if (name && *name && names->len < NAMES_MOST)
        g_ptr_array_add(names, g_strdup(name));
    return TRUE;
}

GPtrArray *nbia_collections(HostServices *services, const char *base, GError **error)
{
    g_autoptr(Document) document =
        nbia_get_list(services, base, "getCollectionValues", NULL, NULL, error);
    if (!document)
        return NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    JsonStreamShape shape;
    if (!json_stream_array(document->fd, take_name, names, &shape, error))
        return NULL;
    return g_steal_pointer(&names);
}

static gboolean take_collection(const json_t *element, gpointer data, GError **error)
{
    char **collection = data;
    json_auto_t *facts = tcia_series_facts(element);
    if (!*collection)
        *collection = g_strdup(locator_text(facts, "Collection"));
    return TRUE;
}

char *nbia_collection_of(HostServices *services, const char *base, const char *series,
                         GError **error)
{
    g_autoptr(Document) document =
        nbia_get_list(services, base, "getSeries", "SeriesInstanceUID", series, error);
    g_autofree char *collection = NULL;
    JsonStreamShape shape;
    if (!document || !json_stream_array(document->fd, take_collection, &collection, &shape, error))
        return NULL;
    return g_steal_pointer(&collection);
}

gboolean nbia_ask_hash(HostServices *services, const char *base, const char *series, Digest *hash,
                       gboolean *has_hash, GError **error)
{
    *has_hash = FALSE;
    g_autofree char *url = nbia_url(base, "v4", "getMD5Hierarchy", NULL, NULL);
    g_autofree char *body = g_strconcat("SeriesInstanceUID=", series, NULL);
    const DocumentRequest request = {.url = url,
                                     .max_bytes = HASH_MOST_BYTES,
                                     .most_attempts = HASH_MOST_ATTEMPTS,
                                     .first_byte_ms = TCIA_LISTS_FIRST_BYTE_MS,
                                     .post_body = body};
    g_autoptr(Document) document = services->get(services, &request, error);
    gsize length;
    g_autofree char *text =
        document ? document_read(document, HASH_MOST_BYTES, &length, error) : NULL;
    if (!text)
        return FALSE;
    g_strstrip(text);
    /* Whether the text stands between quotes is nobody's promise. */
    if (length > 1 && text[0] == '"' && g_str_has_suffix(text, "\""))
        g_strstrip(g_strdelimit(text, "\"", ' '));
    if (!*text || g_ascii_strcasecmp(text, NO_IMAGES) == 0)
        return TRUE;
    if (digest_parse_hex(DIGEST_MD5_TREE, text, hash)) {
        *has_hash = TRUE;
        return TRUE;
    }
    g_autofree char *shown = redact_address(url);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                _("The answer of %s for the series %s is no hash."), shown, series);
    return FALSE;
}

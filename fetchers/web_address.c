#include "web_address.h"

#include "error.h"
#include "i18n.h"
#include "redact.h"
#include "relpath.h"

#include <curl/curl.h>
#include <string.h>

typedef CURLU UrlHandle;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UrlHandle, curl_url_cleanup)

/* NULL where the address has no such part. Owned. */
static char *url_part(CURLU *url, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    if (curl_url_get(url, part, &text, flags) != CURLUE_OK)
        return NULL;
    char *copy = g_strdup(text);
    curl_free(text);
    return copy;
}

WebAddress *web_address_parse(const char *text, GError **error)
{
    g_autoptr(UrlHandle) url = curl_url();
    if (!url || curl_url_set(url, CURLUPART_URL, text, CURLU_URLENCODE) != CURLUE_OK) {
        g_autofree char *plain = redact_address(text);
        g_autofree char *shown = relpath_display(plain);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("\"%s\" is no address of http or https."), shown);
        return NULL;
    }
    g_autoptr(WebAddress) address = g_new0(WebAddress, 1);
    address->scheme = url_part(url, CURLUPART_SCHEME, 0);
    if (g_strcmp0(address->scheme, "http") != 0 && g_strcmp0(address->scheme, "https") != 0) {
        g_autofree char *shown = redact_address(text);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("\"%s\" is no address of http or https."), shown);
        return NULL;
    }
    g_autofree char *user = url_part(url, CURLUPART_USER, 0);
    g_autofree char *password = url_part(url, CURLUPART_PASSWORD, 0);
    if (user || password) {
        g_autofree char *shown = redact_address(text);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The address %s holds a user name or a password, which would end up in lock "
                      "files and logs: write it without."),
                    shown);
        return NULL;
    }
    g_autofree char *host = url_part(url, CURLUPART_HOST, 0);
    address->host = g_ascii_strdown(host, -1);
    address->port = url_part(url, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
    address->path = url_part(url, CURLUPART_PATH, 0);
    address->query = url_part(url, CURLUPART_QUERY, 0);
    return g_steal_pointer(&address);
}

void web_address_free(WebAddress *address)
{
    if (!address)
        return;
    g_free(address->scheme);
    g_free(address->host);
    g_free(address->port);
    g_free(address->path);
    g_free(address->query);
    g_free(address);
}

char *web_address_text(const WebAddress *address)
{
    return g_strconcat(address->scheme, "://", address->host, address->port ? ":" : "",
                       address->port ? address->port : "", address->path, address->query ? "?" : "",
                       address->query ? address->query : "", NULL);
}

gboolean web_address_same_origin(const WebAddress *a, const WebAddress *b)
{
    return g_strcmp0(a->host, b->host) == 0 && g_strcmp0(a->port, b->port) == 0;
}

GPtrArray *web_path_decode(const char *path, GError **error)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) encoded = g_strsplit(path, "/", -1);
    for (char **part = encoded; *part; part++) {
        if (!**part)
            continue;
        char *decoded = g_uri_unescape_string(*part, "/");
        if (!decoded) {
            g_autofree char *shown = relpath_display(path);
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                        _("The name \"%s\" is refused: it hides a slash or a NUL behind percent "
                          "signs, or its percent signs are no code."),
                        shown);
            return NULL;
        }
        g_ptr_array_add(parts, decoded);
    }
    return g_steal_pointer(&parts);
}

char *web_path_to_relpath(const char *path, GError **error)
{
    g_autoptr(GPtrArray) parts = web_path_decode(path, error);
    if (!parts)
        return NULL;
    g_ptr_array_add(parts, NULL);
    g_autofree char *joined = g_strjoinv("/", (char **)parts->pdata);
    return relpath_from_bytes(joined, strlen(joined), NULL, error);
}

char *web_path_encode(const char *path)
{
    return g_uri_escape_string(path, "/!$'()*,;=:@", FALSE);
}

char *web_date_normalise(const char *text)
{
    time_t when = text ? curl_getdate(text, NULL) : -1;
    if (when == -1)
        return NULL;
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc((gint64)when);
    return date ? g_date_time_format(date, "%Y-%m-%dT%H:%M:%S") : NULL;
}

/* To which hosts a login may be told. */
#include "credentials.h"
#include "error.h"
#include "i18n.h"
#include "redact.h"
#include "web_address.h"

#include <arpa/inet.h>
#include <string.h>

static gboolean is_loopback(const char *host)
{
    struct in6_addr six;
    struct in_addr four;
    g_autofree char *bare = g_strdup(*host == '[' ? host + 1 : host);
    g_strdelimit(bare, "]", '\0');
    if (inet_pton(AF_INET, bare, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, bare, &six) == 1)
        return IN6_IS_ADDR_LOOPBACK(&six);
    return g_ascii_strcasecmp(bare, "localhost") == 0;
}

gboolean credentials_is_loopback(const char *text)
{
    g_autoptr(WebAddress) address = web_address_parse(text, NULL);
    return address && is_loopback(address->host);
}

gboolean credentials_may_travel(const char *text, GError **error)
{
    g_autoptr(WebAddress) address = web_address_parse(text, error);
    if (!address)
        return FALSE;
    if (strcmp(address->scheme, "https") == 0 || is_loopback(address->host))
        return TRUE;
    g_autofree char *shown = redact_address(text);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                _("A login goes over https alone, and %s is not. Type the address with https:// "
                  "where --endpoint, MEDMIRROR_ENDPOINT_... or [endpoints] names it."),
                shown);
    return FALSE;
}

const char *const *credentials_hosts(const char *source)
{
    static const char *const none[] = {NULL};
    const Fetcher *fetcher = fetcher_find(source);
    if (fetcher && fetcher->row.login)
        return fetcher->row.login->hosts;
    return fetcher && fetcher->row.hosts ? fetcher->row.hosts : none;
}

char *credentials_host(const char *source, const char *text)
{
    const char *const *hosts = credentials_hosts(source);
    g_autoptr(WebAddress) address = web_address_parse(text, NULL);
    if (!address)
        return NULL;
    gboolean is_own =
        is_loopback(address->host) || (!address->port && g_strv_contains(hosts, address->host));
    if (is_own && hosts[0])
        return g_strdup(hosts[0]);
    return address->port ? g_strconcat(address->host, ":", address->port, NULL)
                         : g_strdup(address->host);
}

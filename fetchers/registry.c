#include "fetcher.h"
#include "sources.h"

#include <string.h>

/* The plain fetcher is the last: every address is its own. */
const Fetcher *const fetchers[] = {&uci_fetcher, &physionet_fetcher, &http_fetcher, NULL};

void prepared_free(Prepared *prepared)
{
    if (!prepared)
        return;
    g_free(prepared->address);
    g_clear_pointer(&prepared->headers, g_ptr_array_unref);
    g_free(prepared);
}

const Fetcher *fetcher_find(const char *name)
{
    for (const Fetcher *const *fetcher = fetchers; *fetcher; fetcher++)
        if (g_strcmp0((*fetcher)->row.name, name) == 0)
            return *fetcher;
    return NULL;
}

const Fetcher *fetcher_find_by_address(const char *address, json_t **locator, char **version)
{
    *locator = NULL;
    *version = NULL;
    if (g_ascii_strncasecmp(address, "http://", 7) != 0 &&
        g_ascii_strncasecmp(address, "https://", 8) != 0)
        return NULL;
    for (const Fetcher *const *fetcher = fetchers; *fetcher; fetcher++) {
        if (!(*fetcher)->locator_from_address)
            continue;
        *locator = (*fetcher)->locator_from_address(*fetcher, address, version);
        if (*locator)
            return *fetcher;
    }
    /* Not even the plain fetcher can read it; its check says why, so nothing may be mended here. */
    g_autofree char *text = g_utf8_make_valid(address, -1);
    *locator = json_pack("{s:s}", "url", text);
    return &http_fetcher;
}

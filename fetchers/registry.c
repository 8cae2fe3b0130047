#include "error.h"
#include "fetcher.h"
#include "i18n.h"
#include "sources.h"

#include <string.h>

#define MOST_FETCHERS 256

/* The plain fetcher is the last: every address is its own. */
static const Fetcher *table[MOST_FETCHERS + 1] = {
    &uci_fetcher, &physionet_fetcher, &kaggle_fetcher, &tcia_fetcher, &s3_fetcher, &http_fetcher};
const Fetcher *const *const fetchers = (const Fetcher *const *)table;

gboolean fetcher_register(const Fetcher *fetcher, GError **error)
{
    guint count = 0;
    while (table[count])
        count++;
    if (fetcher_find(fetcher->row.name)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("There is a source named \"%s\" already; give the other one another name."),
                    fetcher->row.name);
        return FALSE;
    }
    if (count == MOST_FETCHERS) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("There are %d sources, and no room for another one."), MOST_FETCHERS);
        return FALSE;
    }
    table[count] = table[count - 1];
    table[count - 1] = fetcher;
    return TRUE;
}

void prepared_free(Prepared *prepared)
{
    if (!prepared)
        return;
    g_free(prepared->address);
    g_clear_pointer(&prepared->headers, g_ptr_array_unref);
    request_signer_free(prepared->signer);
    g_free(prepared);
}

const Fetcher *fetcher_find(const char *name)
{
    for (const Fetcher *const *fetcher = fetchers; *fetcher; fetcher++)
        if (g_strcmp0((*fetcher)->row.name, name) == 0)
            return *fetcher;
    return NULL;
}

gboolean address_is_bundle(const char *address)
{
    return g_str_has_suffix(address, "/");
}

const Fetcher *fetcher_find_by_address(const char *address, json_t **locator, char **version)
{
    *locator = NULL;
    *version = NULL;
    gboolean is_plain = g_ascii_strncasecmp(address, "http://", 7) == 0 ||
                        g_ascii_strncasecmp(address, "https://", 8) == 0;
    for (const Fetcher *const *fetcher = fetchers; *fetcher; fetcher++) {
        if (!(*fetcher)->locator_from_address)
            continue;
        *locator = (*fetcher)->locator_from_address(*fetcher, address, version);
        if (*locator)
            return *fetcher;
    }
    if (!is_plain)
        return NULL;
    /* Not even the plain fetcher can read it; its check says why, so nothing may be mended here. */
    g_autofree char *text = g_utf8_make_valid(address, -1);
    *locator = json_pack("{s:s}", "url", text);
    return &http_fetcher;
}

#include "login_source.h"

#include "error.h"
#include "i18n.h"

static char *list_names(void)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; fetchers[i]; i++) {
        if (fetchers[i]->row.login && fetchers[i]->prove_login) {
            g_ptr_array_add(names, (gpointer)fetchers[i]->row.name);
        }
    }
    g_ptr_array_add(names, NULL);
    return g_strjoinv(", ", (char **)names->pdata);
}

const Fetcher *login_source_find(const char *name, GError **error)
{
    const Fetcher *fetcher = fetcher_find(name);
    if (fetcher && fetcher->open && !fetcher->open(fetcher, error)) {
        return NULL;
    }
    if (fetcher && fetcher->row.login && fetcher->prove_login) {
        return fetcher;
    }
    g_autofree char *list = list_names();
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                fetcher ? _("%s has no login here. Sources that have one: %s.")
                        : _("There is no source '%s'. Sources that have a login: %s. As in: "
                            "medmirror login physionet"),
                fetcher ? fetcher->row.title : name, list);
    return NULL;
}

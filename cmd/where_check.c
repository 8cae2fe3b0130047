#include "where_check.h"

#include "error.h"
#include "i18n.h"
#include "nearest_words.h"
#include "relpath.h"

#include <string.h>

typedef struct {
    const GPtrArray *keys;
    const char *missing;
} Search;

static gboolean is_there(const char *key, gpointer data)
{
    Search *search = data;
    for (guint i = 0; i < search->keys->len; i++) {
        if (g_ascii_strcasecmp(g_ptr_array_index(search->keys, i), key) == 0) {
            return TRUE;
        }
    }
    search->missing = key;
    return FALSE;
}

const char *where_missing_key(const Selection *selection, const GPtrArray *keys)
{
    Search search = {.keys = keys};
    selection_each_key(selection, is_there, &search);
    return search.missing;
}

static char *join_keys(const GPtrArray *keys)
{
    GString *list = g_string_new(NULL);
    for (guint i = 0; i < keys->len; i++) {
        g_string_append_printf(list, "%s%s", i ? ", " : "",
                               (const char *)g_ptr_array_index(keys, i));
    }
    return g_string_free(list, FALSE);
}

gboolean where_check_keys(const Selection *selection, const Fetcher *fetcher, GError **error)
{
    if (!selection_looks_at_facts(selection)) {
        return TRUE;
    }
    if (!fetcher->row.where_keys) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
            _("%s says nothing of its files but their paths and sizes, so that --where has "
              "nothing to look at. Choose by path, as in: medmirror pull REF --include 'folder/*'"),
            fetcher->row.title ? fetcher->row.title : fetcher->row.name);
        return FALSE;
    }
    /* Only its listing tells. */
    if (!*fetcher->row.where_keys) {
        return TRUE;
    }
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    for (const char *const *key = fetcher->row.where_keys; *key; key++) {
        g_ptr_array_add(keys, (gpointer)*key);
    }
    const char *missing = where_missing_key(selection, keys);
    if (!missing) {
        return TRUE;
    }
    g_autofree char *shown = relpath_display(missing);
    g_autofree char *list = join_keys(keys);
    g_autoptr(GPtrArray) near = nearest_words(missing, keys, 1);
    const char *meant = near->len ? g_ptr_array_index(near, 0) : NULL;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("No file of %s has a key \"%s\" that --where could look at.%s%s%s The keys are: "
                  "%s. Their values are told by: medmirror show --fields REF"),
                fetcher->row.title ? fetcher->row.title : fetcher->row.name, shown,
                meant ? _(" Did you mean ") : "", meant ? meant : "", meant ? "?" : "", list);
    return FALSE;
}

gboolean where_set_missing(const char *ref, const char *key, const GPtrArray *keys, GError **error)
{
    g_autofree char *shown = relpath_display(key);
    g_autofree char *list = join_keys(keys);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                keys->len
                    ? _("%s: no file of it has a key \"%s\". The keys that there are: %s. "
                        "Their values are told by: medmirror show --fields %s")
                    : _("%s: no file of it has a key \"%s\", nor any other%s. Choose by path, "
                        "as in: medmirror pull %s --include 'folder/*'"),
                ref, shown, list, ref);
    return FALSE;
}

gboolean where_set_none(const char *ref, const Selection *selection, GError **error)
{
    g_autofree char *asked = selection_describe(selection);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                selection_looks_at_facts(selection)
                    ? _("%s: no file is taken by %s. What values there are is told by: medmirror "
                        "show --fields %s")
                    : _("%s: no file is taken by %s. What there is is told by: medmirror files %s"),
                ref, asked, ref);
    return FALSE;
}

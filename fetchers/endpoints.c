#include "endpoints.h"

#include "error.h"
#include "i18n.h"
#include "nearest_words.h"
#include "redact.h"

#include <string.h>

struct Endpoints {
    GHashTable *bases; /* name -> base address, no slash at its end */
};

Endpoints *endpoints_new(void)
{
    Endpoints *endpoints = g_new0(Endpoints, 1);
    endpoints->bases = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return endpoints;
}

void endpoints_free(Endpoints *endpoints)
{
    if (endpoints == NULL)
        return;
    g_hash_table_unref(endpoints->bases);
    g_free(endpoints);
}

/* char*, borrowed, NULL-terminated: every name of every source. */
static GPtrArray *list_names(void)
{
    GPtrArray *names = g_ptr_array_new();

    for (gsize i = 0; fetchers[i] != NULL; i++) {
        const char *const *pairs = fetchers[i]->row.endpoints;
        for (gsize j = 0; pairs != NULL && pairs[j] != NULL && pairs[j + 1] != NULL; j += 2)
            g_ptr_array_add(names, (gpointer)pairs[j]);
    }
    g_ptr_array_add(names, NULL);
    return names;
}

static gboolean name_is_known(const GPtrArray *names, const char *name)
{
    for (guint i = 0; g_ptr_array_index(names, i) != NULL; i++)
        if (strcmp(g_ptr_array_index(names, i), name) == 0)
            return TRUE;
    return FALSE;
}

static gboolean set_unknown_name(const GPtrArray *names, const char *name, GError **error)
{
    g_autoptr(GPtrArray) candidates = g_ptr_array_new();
    for (guint i = 0; g_ptr_array_index(names, i) != NULL; i++)
        g_ptr_array_add(candidates, g_ptr_array_index(names, i));
    g_autoptr(GPtrArray) nearest = nearest_words(name, candidates, 1);
    if (nearest->len > 0)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("There is no endpoint named “%s”. Did you mean --endpoint %s=URL?"), name,
                    (const char *)g_ptr_array_index(nearest, 0));
    else
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("There is no endpoint named “%s”. Type: medmirror doctor, which lists them."),
                    name);
    return FALSE;
}

static gboolean is_base_address(const char *text)
{
    g_autoptr(GUri) uri = g_uri_parse(text, G_URI_FLAGS_ENCODED, NULL);

    if (uri == NULL || g_uri_get_host(uri) == NULL || *g_uri_get_host(uri) == '\0' ||
        g_uri_get_userinfo(uri) != NULL || g_uri_get_query(uri) != NULL ||
        g_uri_get_fragment(uri) != NULL)
        return FALSE;
    return strcmp(g_uri_get_scheme(uri), "http") == 0 ||
           strcmp(g_uri_get_scheme(uri), "https") == 0;
}

static gboolean set_one(Endpoints *endpoints, const char *name, const char *address, GError **error)
{
    if (!is_base_address(address)) {
        g_autofree char *shown = redact_address(address);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The endpoint %s cannot be “%s”: it must be an http or https address without "
                      "a user, a password and a query (logins are stored by: medmirror login). "
                      "Type: --endpoint %s=https://HOST/PATH"),
                    name, shown, name);
        return FALSE;
    }
    if (g_hash_table_contains(endpoints->bases, name))
        return TRUE;
    char *base = g_strdup(address);
    for (gsize length = strlen(base); length > 0 && base[length - 1] == '/';)
        base[--length] = '\0';
    g_hash_table_insert(endpoints->bases, g_strdup(name), base);
    return TRUE;
}

gboolean endpoints_set(Endpoints *endpoints, const char *setting, GError **error)
{
    const char *equals = strchr(setting, '=');
    g_autoptr(GPtrArray) names = list_names();

    if (equals == NULL || equals == setting) {
        g_autofree char *shown = redact_address(setting);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("“%s” does not name an endpoint and its address. Type: --endpoint NAME=URL"),
                    shown);
        return FALSE;
    }
    g_autofree char *name = g_strndup(setting, (gsize)(equals - setting));
    if (!name_is_known(names, name))
        return set_unknown_name(names, name, error);
    return set_one(endpoints, name, equals + 1, error);
}

static const char PREFIX[] = "MEDMIRROR_ENDPOINT_";

/* A variable of a name that nobody knows would send nothing anywhere, and nobody would notice. */
static gboolean check_environment(const GPtrArray *names, GError **error)
{
    g_auto(GStrv) variables = g_listenv();

    for (guint i = 0; variables[i] != NULL; i++) {
        if (!g_str_has_prefix(variables[i], PREFIX))
            continue;
        g_autofree char *name = g_ascii_strdown(variables[i] + strlen(PREFIX), -1);
        g_strdelimit(name, "_", '-');
        if (!name_is_known(names, name) && !set_unknown_name(names, name, error)) {
            g_prefix_error(error, "%s: ", variables[i]);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean endpoints_set_from_environment(Endpoints *endpoints, GError **error)
{
    g_autoptr(GPtrArray) names = list_names();

    if (!check_environment(names, error))
        return FALSE;
    for (guint i = 0; g_ptr_array_index(names, i) != NULL; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *upper = g_ascii_strup(name, -1);
        g_autofree char *variable = g_strconcat(PREFIX, g_strdelimit(upper, "-", '_'), NULL);
        const char *value = g_getenv(variable);
        if (value == NULL || *value == '\0')
            continue;
        if (!set_one(endpoints, name, value, error)) {
            g_prefix_error(error, "%s: ", variable);
            return FALSE;
        }
    }
    return TRUE;
}

/* The first name of a source is that of its main host. */
static const char *first_name_of(const char *source)
{
    for (gsize i = 0; source != NULL && fetchers[i] != NULL; i++)
        if (strcmp(fetchers[i]->row.name, source) == 0 && fetchers[i]->row.endpoints != NULL)
            return fetchers[i]->row.endpoints[0];
    return source;
}

const char *endpoints_base(const Endpoints *endpoints, const char *name, const char *source,
                           const char *default_base)
{
    const char *set = g_hash_table_lookup(endpoints->bases, name);
    const char *first = first_name_of(source);

    if (set != NULL)
        return set;
    if (first != NULL && strcmp(first, name) != 0 && endpoints_is_set(endpoints, first))
        return NULL;
    return default_base;
}

static gboolean is_same_host(const char *a, const char *b)
{
    g_autoptr(GUri) one = g_uri_parse(a, G_URI_FLAGS_ENCODED | G_URI_FLAGS_SCHEME_NORMALIZE, NULL);
    g_autoptr(GUri) other =
        g_uri_parse(b, G_URI_FLAGS_ENCODED | G_URI_FLAGS_SCHEME_NORMALIZE, NULL);

    return one != NULL && other != NULL && g_uri_get_host(one) != NULL &&
           g_uri_get_host(other) != NULL &&
           g_ascii_strcasecmp(g_uri_get_host(one), g_uri_get_host(other)) == 0 &&
           g_uri_get_port(one) == g_uri_get_port(other);
}

gboolean endpoints_is_own_host(const Endpoints *endpoints, const FetcherRow *row,
                               const char *address)
{
    g_autoptr(GUri) uri = g_uri_parse(address, G_URI_FLAGS_ENCODED, NULL);

    if (uri == NULL || g_uri_get_host(uri) == NULL)
        return FALSE;
    for (gsize i = 0; row->hosts != NULL && row->hosts[i] != NULL; i++)
        if (g_ascii_strcasecmp(row->hosts[i], g_uri_get_host(uri)) == 0)
            return TRUE;
    for (gsize i = 0; row->endpoints != NULL && row->endpoints[i] != NULL; i += 2) {
        const char *base = g_hash_table_lookup(endpoints->bases, row->endpoints[i]);
        if (base != NULL && is_same_host(base, address))
            return TRUE;
    }
    return FALSE;
}

gboolean endpoints_is_set(const Endpoints *endpoints, const char *name)
{
    return g_hash_table_contains(endpoints->bases, name);
}

#include "config_keys.h"

#include "catalogue.h"
#include "endpoints.h"
#include "error.h"
#include "external_program.h"
#include "i18n.h"

#include <string.h>

#define AT(member) G_STRUCT_OFFSET(Config, member)

static const ConfigKey rows[] = {
    {"mirror", "dir", KEY_PATH, AT(mirror), NULL},
    {"mirror", "max-size", KEY_BYTES, AT(max_size), "none"},
    {"mirror", "max-files", KEY_BYTES, AT(max_files), "none"},
    {"mirror", "reserve", KEY_BYTES, AT(reserve), "256 MiB"},
    {"mirror", "keep-archives", KEY_BOOLEAN, AT(keep_archives), "no"},
    {"network", "ca-file", KEY_PATH, AT(ca_file), NULL},
    {"network", "ca-dir", KEY_PATH, AT(ca_dir), NULL},
    {"network", "proxy", KEY_TEXT, AT(proxy), NULL},
    {"network", "no-proxy", KEY_TEXT, AT(no_proxy), NULL},
    {"network", "user-agent", KEY_TEXT, AT(engine.user_agent), "medmirror/VERSION"},
    {"network", "limit-rate", KEY_BYTES, AT(engine.limit_rate), "none"},
    {"network", "connections-per-host", KEY_COUNT, AT(engine.connections_per_host), "8"},
    {"network", "retries", KEY_COUNT, AT(engine.retries), "8"},
    {"network", "delay-min", KEY_MS, AT(engine.delay_min_ms), "1000"},
    {"network", "delay-max", KEY_MS, AT(engine.delay_max_ms), "60000"},
    {"network", "retry-after-max", KEY_MS, AT(engine.retry_after_max_ms), "600000"},
    {"network", "connect-timeout", KEY_MS, AT(engine.connect_ms), "20000"},
    {"network", "first-byte-timeout", KEY_MS, AT(engine.first_byte_ms), "30000"},
    {"network", "stall-timeout", KEY_MS, AT(engine.stall_ms), "60000"},
    {"network", "network-patience", KEY_MS, AT(engine.network_patience_ms), "43200000"},
    {"network", "patience-interval", KEY_MS, AT(engine.patience_interval_ms), "60000"},
    {"network", "host-point-interval", KEY_MS, AT(engine.host_point_ms), "60000"},
    {"network", "piece-size", KEY_BYTES, AT(engine.piece_bytes), "8 MiB"},
    {"network", "segment-from", KEY_BYTES, AT(engine.segment_from_bytes), "16 MiB"},
    {"network", "fetcher-timeout", KEY_MS, AT(fetcher_ms), "60000"},
};

const ConfigKey *config_keys(guint *count)
{
    *count = G_N_ELEMENTS(rows);
    return rows;
}

const ConfigKey *config_key_find(const char *group, const char *key)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].group, group) == 0 && strcmp(rows[i].key, key) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

const char *config_key_words(const ConfigKey *row)
{
    switch (row->kind) {
    case KEY_BYTES:
        return _("a number, as in 500k, 10M or 2TB");
    case KEY_COUNT:
        return _("a number from 1 to 10000");
    case KEY_MS:
        return _("a number of milliseconds");
    case KEY_BOOLEAN:
        return _("yes or no");
    case KEY_PATH:
        return _("an absolute path");
    case KEY_TEXT:
        break;
    }
    return _("a text");
}

gboolean config_key_set(const ConfigKey *row, Config *config, const char *value)
{
    void *at = G_STRUCT_MEMBER_P(config, row->offset);
    guint64 number = 0;
    switch (row->kind) {
    case KEY_PATH:
    case KEY_TEXT:
        if (!*(char **)at) {
            *(char **)at = g_strdup(value);
        }
        return TRUE;
    case KEY_BYTES:
        if (!bytes_parse(value, &number)) {
            return FALSE;
        }
        *(guint64 *)at = number;
        return TRUE;
    case KEY_MS:
        if (!g_ascii_string_to_unsigned(value, 10, 0, G_MAXINT64, &number, NULL)) {
            return FALSE;
        }
        *(guint64 *)at = number;
        return TRUE;
    case KEY_COUNT:
        if (!g_ascii_string_to_unsigned(value, 10, 1, 10000, &number, NULL)) {
            return FALSE;
        }
        *(guint *)at = (guint)number;
        return TRUE;
    case KEY_BOOLEAN:
        if (strcmp(value, "yes") && strcmp(value, "no") && strcmp(value, "true") &&
            strcmp(value, "false")) {
            return FALSE;
        }
        *(gboolean *)at = value[0] == 'y' || value[0] == 't';
        return TRUE;
    }
    return FALSE;
}

const char *config_key_nearest(const char *group, const char *key)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].group, group) == 0) {
            g_ptr_array_add(known, (gpointer)rows[i].key);
        }
    }
    g_autoptr(GPtrArray) near = nearest_words(key, known, 1);
    return near->len ? g_ptr_array_index(near, 0) : NULL;
}

gboolean config_group_is_open(const char *group)
{
    return strcmp(group, "endpoints") == 0 || strcmp(group, "fetchers") == 0;
}

static gboolean unknown(const char *name, GError **error)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_ptr_array_add(known, g_strdup_printf("%s.%s", rows[i].group, rows[i].key));
        g_ptr_array_add(known, g_strdup(rows[i].key));
    }
    g_autoptr(GPtrArray) near = nearest_words(name, known, 1);
    if (near->len) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("There is no key '%s'. The nearest one is '%s'. All of them: medmirror "
                      "config"),
                    name, (const char *)g_ptr_array_index(near, 0));
    } else {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("There is no key '%s'. All of them: medmirror config"), name);
    }
    return FALSE;
}

gboolean config_key_parse(const char *name, char **group, char **key, GError **error)
{
    const char *dot = strchr(name, '.');
    const ConfigKey *found = strcmp(name, "mirror") == 0 ? config_key_find("mirror", "dir") : NULL;
    *group = *key = NULL;
    if (dot) {
        g_autofree char *first = g_strndup(name, (gsize)(dot - name));
        if (config_group_is_open(first) && dot[1]) {
            *group = g_steal_pointer(&first);
            *key = g_strdup(dot + 1);
            return TRUE;
        }
        const char *last = strrchr(dot + 1, '.');
        gboolean has_name = strcmp(first, "source") == 0 || strcmp(first, "dataset") == 0 ||
                            strcmp(first, "access") == 0;
        if (has_name && last > dot) {
            *group = g_strdup_printf("%s %.*s", first, (int)(last - dot - 1), dot + 1);
            *key = g_strdup(last + 1);
            return TRUE;
        }
        found = config_key_find(first, dot + 1);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(rows) && !found && !dot; i++) {
        found = strcmp(rows[i].key, name) == 0 ? &rows[i] : NULL;
    }
    if (!found) {
        return unknown(name, error);
    }
    *group = g_strdup(found->group);
    *key = g_strdup(found->key);
    return TRUE;
}

gboolean config_value_check(const char *group, const char *key, const char *value, GError **error)
{
    if (strcmp(group, "fetchers") == 0) {
        return external_program_check_name(key, value, error);
    }
    if (strcmp(group, "endpoints") == 0) {
        g_autoptr(Endpoints) endpoints = endpoints_new();
        g_autofree char *setting = g_strdup_printf("%s=%s", key, value);
        return endpoints_set(endpoints, setting, error);
    }
    const ConfigKey *row = config_key_find(group, key);
    if (!row) {
        return TRUE;
    }
    Config scratch = {0};
    gboolean right = *value && config_key_set(row, &scratch, value) &&
                     (row->kind != KEY_PATH || g_path_is_absolute(value));
    if (row->kind == KEY_TEXT || row->kind == KEY_PATH) {
        g_free(G_STRUCT_MEMBER(char *, &scratch, row->offset));
    }
    if (!right) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("'%s' is no value that '%s.%s' can take; it takes %s."), value, group, key,
                    config_key_words(row));
    }
    return right;
}

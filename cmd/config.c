#include "config.h"

#include "catalogue.h"
#include "error.h"
#include "external_program.h"
#include "i18n.h"
#include "verdict.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define DEFAULT_RESERVE (G_GUINT64_CONSTANT(256) << 20)

typedef enum {
    KEY_TEXT,
    KEY_BYTES,
    KEY_COUNT,
    KEY_MS,
    KEY_BOOLEAN,
} KeyKind;

typedef struct {
    const char *group;
    const char *key;
    KeyKind kind;
    gsize offset;
} KeyRow;

#define AT(member) G_STRUCT_OFFSET(Config, member)

static const KeyRow rows[] = {
    {"mirror", "dir", KEY_TEXT, AT(mirror)},
    {"mirror", "max-size", KEY_BYTES, AT(max_size)},
    {"mirror", "max-files", KEY_BYTES, AT(max_files)},
    {"mirror", "reserve", KEY_BYTES, AT(reserve)},
    {"mirror", "keep-archives", KEY_BOOLEAN, AT(keep_archives)},
    {"network", "ca-file", KEY_TEXT, AT(ca_file)},
    {"network", "ca-dir", KEY_TEXT, AT(ca_dir)},
    {"network", "proxy", KEY_TEXT, AT(proxy)},
    {"network", "no-proxy", KEY_TEXT, AT(no_proxy)},
    {"network", "user-agent", KEY_TEXT, AT(engine.user_agent)},
    {"network", "limit-rate", KEY_BYTES, AT(engine.limit_rate)},
    {"network", "connections-per-host", KEY_COUNT, AT(engine.connections_per_host)},
    {"network", "retries", KEY_COUNT, AT(engine.retries)},
    {"network", "delay-min", KEY_MS, AT(engine.delay_min_ms)},
    {"network", "delay-max", KEY_MS, AT(engine.delay_max_ms)},
    {"network", "retry-after-max", KEY_MS, AT(engine.retry_after_max_ms)},
    {"network", "connect-timeout", KEY_MS, AT(engine.connect_ms)},
    {"network", "first-byte-timeout", KEY_MS, AT(engine.first_byte_ms)},
    {"network", "stall-timeout", KEY_MS, AT(engine.stall_ms)},
    {"network", "network-patience", KEY_MS, AT(engine.network_patience_ms)},
    {"network", "patience-interval", KEY_MS, AT(engine.patience_interval_ms)},
    {"network", "host-point-interval", KEY_MS, AT(engine.host_point_ms)},
    {"network", "piece-size", KEY_BYTES, AT(engine.piece_bytes)},
    {"network", "segment-from", KEY_BYTES, AT(engine.segment_from_bytes)},
    {"network", "fetcher-timeout", KEY_MS, AT(fetcher_ms)},
};

gboolean bytes_parse(const char *text, guint64 *bytes)
{
    static const struct {
        const char *unit;
        double factor;
    } units[] = {{"", 1},         {"b", 1},           {"k", 1e3},      {"kb", 1e3},    {"m", 1e6},
                 {"mb", 1e6},     {"g", 1e9},         {"gb", 1e9},     {"t", 1e12},    {"tb", 1e12},
                 {"kib", 1024.0}, {"mib", 1048576.0}, {"gib", 0x1p30}, {"tib", 0x1p40}};
    char *end = NULL;
    errno = 0;
    double value = g_ascii_strtod(text, &end);
    if (end == text || errno || !isfinite(value) || value < 0) {
        return FALSE;
    }
    g_autofree char *unit = g_ascii_strdown(end, -1);
    g_strstrip(unit);
    for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
        if (strcmp(unit, units[i].unit) == 0) {
            double all = value * units[i].factor;
            if (all >= 0x1p63) {
                return FALSE;
            }
            *bytes = (guint64)all;
            return TRUE;
        }
    }
    return FALSE;
}

/* GKeyFile does not say where a key stands. */
static guint line_of(const char *text, const char *group, const char *key)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *in_group = NULL;
    for (guint i = 0; lines[i]; i++) {
        char *line = g_strstrip(lines[i]);
        gsize length = strlen(line);
        if (line[0] == '[' && length > 2) {
            g_free(in_group);
            in_group = g_strndup(line + 1, length - 2);
            if (!key && g_strcmp0(in_group, group) == 0) {
                return i + 1;
            }
        } else if (key && g_strcmp0(in_group, group) == 0 && g_str_has_prefix(line, key) &&
                   strchr(" \t=", line[strlen(key)])) {
            return i + 1;
        }
    }
    return 0;
}

static const char *kind_words(KeyKind kind)
{
    switch (kind) {
    case KEY_BYTES:
        return _("a number, as in 500k, 10M or 2TB");
    case KEY_COUNT:
        return _("a number from 1 to 10000");
    case KEY_MS:
        return _("a number of milliseconds");
    case KEY_BOOLEAN:
        return _("yes or no");
    case KEY_TEXT:
        break;
    }
    return _("a text");
}

static gboolean value_set(Config *config, const KeyRow *row, const char *value)
{
    void *at = G_STRUCT_MEMBER_P(config, row->offset);
    guint64 number = 0;
    switch (row->kind) {
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

static gboolean key_unknown(const char *path, guint line, const char *group, const char *key,
                            GError **error)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].group, group) == 0) {
            g_ptr_array_add(known, (gpointer)rows[i].key);
        }
    }
    g_autoptr(GPtrArray) near = nearest_words(key, known, 1);
    if (near->len) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s:%u: [%s] has no key '%s'. The nearest one is '%s'."), path, line, group,
                    key, (const char *)g_ptr_array_index(near, 0));
    } else {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s:%u: [%s] has no key '%s'."), path, line, group, key);
    }
    return FALSE;
}

static const KeyRow *row_find(const char *group, const char *key)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].group, group) == 0 && strcmp(rows[i].key, key) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* What the first file says of a source counts. */
static gboolean fetcher_read(Config *config, const char *name, const char *program,
                             const char *path, guint line, GError **error)
{
    if (!external_program_check_name(name, program, error)) {
        g_prefix_error(error, "%s:%u: ", path, line);
        return FALSE;
    }
    for (guint i = 0; i < config->fetchers->len; i += 2) {
        if (strcmp(g_ptr_array_index(config->fetchers, i), name) == 0) {
            return TRUE;
        }
    }
    g_ptr_array_add(config->fetchers, g_strdup(name));
    g_ptr_array_add(config->fetchers, g_strdup(program));
    return TRUE;
}

static gboolean group_read(Config *config, GKeyFile *file, const char *group, const char *path,
                           const char *text, GHashTable *done, GError **error)
{
    gboolean is_endpoints = strcmp(group, "endpoints") == 0;
    gboolean is_fetchers = strcmp(group, "fetchers") == 0;
    if (!is_endpoints && !is_fetchers && strcmp(group, "mirror") != 0 &&
        strcmp(group, "network") != 0) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
            _("%s:%u: there is no group [%s]. The groups are [mirror], [network], [endpoints] and "
              "[fetchers]."),
            path, line_of(text, group, NULL), group);
        return FALSE;
    }
    g_auto(GStrv) keys = g_key_file_get_keys(file, group, NULL, error);
    for (guint i = 0; keys && keys[i]; i++) {
        g_autofree char *value = g_key_file_get_string(file, group, keys[i], error);
        if (!value) {
            return FALSE;
        }
        g_autofree char *full = g_strdup_printf("%s.%s", group, keys[i]);
        if (is_endpoints) {
            g_ptr_array_add(config->endpoints, g_strdup_printf("%s=%s", keys[i], value));
            continue;
        }
        if (is_fetchers) {
            if (!fetcher_read(config, keys[i], value, path, line_of(text, group, keys[i]), error)) {
                return FALSE;
            }
            continue;
        }
        const KeyRow *row = row_find(group, keys[i]);
        if (!row) {
            return key_unknown(path, line_of(text, group, keys[i]), group, keys[i], error);
        }
        if (g_hash_table_contains(done, full)) {
            continue;
        }
        if (!value_set(config, row, value)) {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                        _("%s:%u: '%s' is no value that '%s' can take; it takes %s."), path,
                        line_of(text, group, keys[i]), value, keys[i], kind_words(row->kind));
            return FALSE;
        }
        g_hash_table_add(done, g_steal_pointer(&full));
    }
    return keys != NULL;
}

static gboolean file_read(Config *config, const char *path, GHashTable *done, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) failure = NULL;
    if (!g_file_get_contents(path, &text, NULL, &failure)) {
        if (g_error_matches(failure, G_FILE_ERROR, G_FILE_ERROR_NOENT) ||
            g_error_matches(failure, G_FILE_ERROR, G_FILE_ERROR_NOTDIR)) {
            return TRUE;
        }
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The configuration cannot be read: %s"), failure->message);
        return FALSE;
    }
    g_autoptr(GKeyFile) file = g_key_file_new();
    if (!g_key_file_load_from_data(file, text, (gsize)-1, G_KEY_FILE_NONE, &failure)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The configuration %s is wrong: %s"), path, failure->message);
        return FALSE;
    }
    g_ptr_array_add(config->files, g_strdup(path));
    g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
    for (guint i = 0; groups[i]; i++) {
        if (!group_read(config, file, groups[i], path, text, done, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

Config *config_load(GError **error)
{
    g_autoptr(Config) config = g_new0(Config, 1);
    config->max_size = config->max_files = SIZE_UNKNOWN;
    config->reserve = DEFAULT_RESERVE;
    config->endpoints = g_ptr_array_new_with_free_func(g_free);
    config->fetchers = g_ptr_array_new_with_free_func(g_free);
    config->files = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) done = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *own =
        g_build_filename(g_get_user_config_dir(), "medmirror", "medmirror.conf", NULL);
    if (!file_read(config, own, done, error) ||
        !file_read(config, "/etc/medmirror/medmirror.conf", done, error)) {
        return NULL;
    }
    return g_steal_pointer(&config);
}

void config_free(Config *config)
{
    if (!config) {
        return;
    }
    g_free(config->mirror);
    g_free(config->ca_file);
    g_free(config->ca_dir);
    g_free(config->proxy);
    g_free(config->no_proxy);
    g_free(config->engine.user_agent);
    g_ptr_array_unref(config->endpoints);
    g_ptr_array_unref(config->fetchers);
    g_ptr_array_unref(config->files);
    g_free(config);
}

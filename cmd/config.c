#include "config.h"

#include "config_keys.h"
#include "config_readers.h"
#include "error.h"
#include "external_program.h"
#include "i18n.h"
#include "verdict.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define DEFAULT_RESERVE (G_GUINT64_CONSTANT(256) << 20)

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

static gboolean key_unknown(const char *path, guint line, const char *group, const char *key,
                            GError **error)
{
    const char *near = config_key_nearest(group, key);
    if (near) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s:%u: [%s] has no key '%s'. The nearest one is '%s'."), path, line, group,
                    key, near);
    } else {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s:%u: [%s] has no key '%s'."), path, line, group, key);
    }
    return FALSE;
}

/* Of two files the first one's word counts. */
static void note_origin(Config *config, const char *full, const char *value, const char *path)
{
    if (!g_hash_table_contains(config->origins, full)) {
        g_hash_table_insert(config->origins, g_strdup(full), g_strdup(path));
        g_hash_table_insert(config->texts, g_strdup(full), g_strdup(value));
    }
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

#define SOURCE_GROUP "source "

/* [source NAME]: how that source is spoken to. */
static gboolean source_read(Config *config, const char *name, const char *key, const char *value,
                            const char *path, guint line, GError **error)
{
    if (!fetcher_find(name)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s:%u: there is no source '%s'. Type: medmirror doctor, which lists them."),
                    path, line, name);
        return FALSE;
    }
    if (strcmp(key, "user-agent") != 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s:%u: [source %s] has no key '%s'. Its key is 'user-agent'."), path, line,
                    name, key);
        return FALSE;
    }
    for (guint i = 0; i < config->agents->len; i += 2) {
        if (strcmp(g_ptr_array_index(config->agents, i), name) == 0) {
            return TRUE;
        }
    }
    g_ptr_array_add(config->agents, g_strdup(name));
    g_ptr_array_add(config->agents, g_strdup(value));
    return TRUE;
}

static gboolean row_read(Config *config, const char *group, const char *key, const char *value,
                         const char *path, guint line, GError **error)
{
    const ConfigKey *row = config_key_find(group, key);
    if (!row) {
        return key_unknown(path, line, group, key, error);
    }
    g_autofree char *full = g_strdup_printf("%s.%s", group, key);
    if (g_hash_table_contains(config->origins, full) || config_key_set(row, config, value)) {
        return TRUE;
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%s:%u: '%s' is no value that '%s' can take; it takes %s."), path, line, value,
                key, config_key_words(row));
    return FALSE;
}

/* What the group's keys are, its name tells. */
static gboolean key_read(Config *config, const char *group, const char *key, const char *value,
                         const char *path, guint line, GError **error)
{
    if (strcmp(group, "endpoints") == 0) {
        g_ptr_array_add(config->endpoints, g_strdup_printf("%s=%s", key, value));
        return TRUE;
    }
    if (strcmp(group, "fetchers") == 0) {
        return fetcher_read(config, key, value, path, line, error);
    }
    if (g_str_has_prefix(group, SOURCE_GROUP)) {
        return source_read(config, group + strlen(SOURCE_GROUP), key, value, path, line, error);
    }
    if (config_readers_is_group(group)) {
        return config_readers_take(config, group, key, value, path, line, error);
    }
    return row_read(config, group, key, value, path, line, error);
}

static gboolean is_group(const char *group)
{
    return config_group_is_open(group) || g_str_has_prefix(group, SOURCE_GROUP) ||
           config_readers_is_group(group) || strcmp(group, "mirror") == 0 ||
           strcmp(group, "network") == 0;
}

static gboolean group_read(Config *config, GKeyFile *file, const char *group, const char *path,
                           const char *text, GError **error)
{
    if (!is_group(group)) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
            _("%s:%u: there is no group [%s]. The groups are [mirror], [network], [endpoints], "
              "[fetchers], [source NAME], [dataset ID] and [access CLASS]."),
            path, line_of(text, group, NULL), group);
        return FALSE;
    }
    g_auto(GStrv) keys = g_key_file_get_keys(file, group, NULL, error);
    for (guint i = 0; keys && keys[i]; i++) {
        g_autofree char *value = g_key_file_get_string(file, group, keys[i], error);
        g_autofree char *full = g_strdup_printf("%s.%s", group, keys[i]);
        if (!value ||
            !key_read(config, group, keys[i], value, path, line_of(text, group, keys[i]), error)) {
            return FALSE;
        }
        note_origin(config, full, value, path);
    }
    return keys != NULL;
}

static gboolean text_read(Config *config, const char *text, const char *path, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GKeyFile) file = g_key_file_new();
    if (!g_key_file_load_from_data(file, text, (gsize)-1, G_KEY_FILE_NONE, &failure)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The configuration %s is wrong: %s. Put it right with an editor, then type: "
                      "medmirror config"),
                    path, failure->message);
        return FALSE;
    }
    g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
    for (guint i = 0; groups[i]; i++) {
        if (!group_read(config, file, groups[i], path, text, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean file_read(Config *config, const char *path, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) failure = NULL;
    if (!g_file_get_contents(path, &text, NULL, &failure)) {
        if (g_error_matches(failure, G_FILE_ERROR, G_FILE_ERROR_NOENT) ||
            g_error_matches(failure, G_FILE_ERROR, G_FILE_ERROR_NOTDIR)) {
            return TRUE;
        }
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The configuration cannot be read: %s. When that is put right, type: "
                      "medmirror config"),
                    failure->message);
        return FALSE;
    }
    g_ptr_array_add(config->files, g_strdup(path));
    return text_read(config, text, path, error);
}

char *config_own_path(void)
{
    return g_build_filename(g_get_user_config_dir(), "medmirror", "medmirror.conf", NULL);
}

static Config *config_new(void)
{
    Config *config = g_new0(Config, 1);
    config->max_size = config->max_files = SIZE_UNKNOWN;
    config->reserve = DEFAULT_RESERVE;
    config->endpoints = g_ptr_array_new_with_free_func(g_free);
    config->fetchers = g_ptr_array_new_with_free_func(g_free);
    config->agents = g_ptr_array_new_with_free_func(g_free);
    config->readers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    config->files = g_ptr_array_new_with_free_func(g_free);
    config->origins = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    config->texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return config;
}

gboolean config_check_text(const char *text, const char *path, GError **error)
{
    g_autoptr(Config) config = config_new();
    return text_read(config, text, path, error);
}

Config *config_load(GError **error)
{
    g_autoptr(Config) config = config_new();
    g_autofree char *own = config_own_path();
    if (!file_read(config, own, error) ||
        !file_read(config, "/etc/medmirror/medmirror.conf", error)) {
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
    g_ptr_array_unref(config->agents);
    g_hash_table_unref(config->readers);
    g_ptr_array_unref(config->files);
    g_hash_table_unref(config->origins);
    g_hash_table_unref(config->texts);
    g_free(config);
}

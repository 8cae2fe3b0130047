#include "config_edit.h"
#include "config_keys.h"
#include "error.h"
#include "i18n.h"
#include "progress.h"
#include "redact.h"
#include "verbs.h"

#include <string.h>

#define KEY_COLUMNS 29 /* "network.connections-per-host" */

/* A key, what counts, and who said so. */
typedef struct {
    char *key, *value, *origin; /* VALUE is NULL where nothing counts */
} Setting;

static void setting_clear(Setting *setting)
{
    g_free(setting->key);
    g_free(setting->value);
    g_free(setting->origin);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Setting, setting_clear)

static void set_from(Setting *setting, const char *value, const char *origin)
{
    g_free(setting->value);
    g_free(setting->origin);
    setting->value = g_strdup(value);
    setting->origin = g_strdup(origin);
}

/* Options and environment stand before the configuration. */
static void look_at_mirror(const Invocation *invocation, Setting *setting)
{
    const char *environment = g_getenv("MEDMIRROR_DIR");
    if (invocation->mirror) {
        set_from(setting, invocation->mirror_path, "--mirror");
    } else if (environment && *environment) {
        set_from(setting, invocation->mirror_path, "MEDMIRROR_DIR");
    } else if (!setting->value) {
        set_from(setting, invocation->mirror_path, _("default, for plans up to 1 GiB"));
    }
}

static void look_at_trust(const TrustSetting *trust, Setting *setting)
{
    if (trust->value && strcmp(trust->origin, "configuration") != 0) {
        set_from(setting, trust->value, trust->origin);
    }
}

static void look_up(const Invocation *invocation, const char *group, const char *key,
                    Setting *setting)
{
    const Config *config = invocation->config;
    const TrustSettings *trust = invocation->trust;
    const ConfigKey *row = config_key_find(group, key);
    setting->key = g_strdup_printf("%s.%s", group, key);
    set_from(setting, g_hash_table_lookup(config->texts, setting->key),
             g_hash_table_lookup(config->origins, setting->key));
    if (strcmp(setting->key, "mirror.dir") == 0) {
        look_at_mirror(invocation, setting);
    } else if (strcmp(setting->key, "network.ca-file") == 0) {
        look_at_trust(&trust->ca_file, setting);
    } else if (strcmp(setting->key, "network.ca-dir") == 0) {
        look_at_trust(&trust->ca_dir, setting);
    } else if (strcmp(setting->key, "network.proxy") == 0) {
        look_at_trust(&trust->proxy, setting);
    } else if (strcmp(setting->key, "network.no-proxy") == 0) {
        look_at_trust(&trust->no_proxy, setting);
    }
    if (!setting->value && row && row->otherwise) {
        set_from(setting, row->otherwise, _("default"));
    }
}

/* A proxy's address may hold a password. */
static char *shown_value(const Setting *setting)
{
    return strcmp(setting->key, "network.proxy") == 0 ? redact_proxy(setting->value)
                                                      : redact_address(setting->value);
}

static void print_setting(Invocation *invocation, Setting *setting)
{
    g_autofree char *shown = setting->value ? shown_value(setting) : g_strdup("-");
    /* The group [source NAME] is typed as source.NAME. */
    g_strdelimit(setting->key, " ", '.');
    g_autofree char *key = text_pad(setting->key, KEY_COLUMNS);
    console_json(invocation->console, "setting",
                 json_pack("{s:s, s:s?, s:s?}", "key", setting->key, "value",
                           setting->value ? shown : NULL, "from", setting->origin));
    console_answer(invocation->console, setting->origin ? "%s  %s  (%s)" : "%s  %s%s", key, shown,
                   setting->origin ? setting->origin : "");
}

static gint compare_keys(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int print_all(Invocation *invocation)
{
    guint count = 0;
    const ConfigKey *rows = config_keys(&count);
    for (guint i = 0; i < count; i++) {
        g_auto(Setting) setting = {0};
        look_up(invocation, rows[i].group, rows[i].key, &setting);
        print_setting(invocation, &setting);
    }
    g_autoptr(GPtrArray) others = g_ptr_array_new();
    GHashTableIter iter;
    gpointer full;
    g_hash_table_iter_init(&iter, invocation->config->origins);
    while (g_hash_table_iter_next(&iter, &full, NULL)) {
        const char *dot = strrchr(full, '.');
        g_autofree char *group = g_strndup(full, (gsize)(dot - (const char *)full));
        if (!config_key_find(group, dot + 1)) {
            g_ptr_array_add(others, full);
        }
    }
    g_ptr_array_sort(others, compare_keys);
    for (guint i = 0; i < others->len; i++) {
        const char *key = g_ptr_array_index(others, i);
        g_auto(Setting) setting = {.key = g_strdup(key)};
        set_from(&setting, g_hash_table_lookup(invocation->config->texts, key),
                 g_hash_table_lookup(invocation->config->origins, key));
        print_setting(invocation, &setting);
    }
    if (invocation->config->files->len == 0) {
        g_autofree char *own = config_own_path();
        console_note(invocation->console,
                     _("No configuration was written yet; it would be %s. To begin one: medmirror "
                       "config set mirror DIR"),
                     own);
    }
    return 0;
}

static gboolean print_one(Invocation *invocation, const char *name, GError **error)
{
    g_autofree char *group = NULL;
    g_autofree char *key = NULL;
    g_auto(Setting) setting = {0};
    if (!config_key_parse(name, &group, &key, error)) {
        return FALSE;
    }
    look_up(invocation, group, key, &setting);
    if (!setting.value) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s is not set. To set it: medmirror config set %s VALUE"), setting.key,
                    setting.key);
        return FALSE;
    }
    g_autofree char *shown = shown_value(&setting);
    console_answer(invocation->console, "%s", shown);
    console_json(
        invocation->console, "setting",
        json_pack("{s:s, s:s, s:s?}", "key", setting.key, "value", shown, "from", setting.origin));
    return TRUE;
}

/* What a person types for a path counts from where she stands; in the file it counts for all. */
static char *whole_value(const ConfigKey *row, const char *value)
{
    if (!row || row->kind != KEY_PATH || !*value) {
        return g_strdup(value);
    }
    if (g_str_has_prefix(value, "~/")) {
        return g_build_filename(g_get_home_dir(), value + 2, NULL);
    }
    return g_canonicalize_filename(value, NULL);
}

/* An option or a variable that stands before the file makes the file's word count for nothing. */
static void warn_of_environment(Invocation *invocation, const char *full)
{
    const char *environment = g_getenv("MEDMIRROR_DIR");
    if (strcmp(full, "mirror.dir") == 0 && environment && *environment) {
        console_note(invocation->console,
                     _("MEDMIRROR_DIR is set to %s and counts before it. Without: unset "
                       "MEDMIRROR_DIR"),
                     environment);
    }
}

/* VALUE NULL: unset. */
static gboolean change(Invocation *invocation, const char *name, const char *value, GError **error)
{
    g_autofree char *group = NULL;
    g_autofree char *key = NULL;
    g_autofree char *path = NULL;
    gboolean changed = FALSE;
    if (!config_key_parse(name, &group, &key, error)) {
        /* A key that nobody knows can be taken out. */
        const char *dot = value ? NULL : strrchr(name, '.');
        if (!dot) {
            return FALSE;
        }
        g_clear_error(error);
        group = g_strndup(name, (gsize)(dot - name));
        key = g_strdup(dot + 1);
    }
    g_autofree char *whole = value ? whole_value(config_key_find(group, key), value) : NULL;
    if ((whole && !config_value_check(group, key, whole, error)) ||
        !config_edit(group, key, whole, &path, &changed, error)) {
        return FALSE;
    }
    g_autofree char *full = g_strdup_printf("%s.%s", group, key);
    g_strdelimit(full, " ", '.');
    if (!whole && !changed) {
        console_note(invocation->console, _("%s was not set in %s."), full, path);
    } else if (whole) {
        console_note(invocation->console, _("%s = %s, in %s"), full, whole, path);
        warn_of_environment(invocation, full);
    } else {
        console_note(invocation->console, _("%s is not set any more in %s"), full, path);
    }
    console_json(invocation->console, whole ? "set" : "unset",
                 json_pack("{s:s, s:s?, s:s, s:b}", "key", full, "value", whole, "file", path,
                           "changed", changed));
    return TRUE;
}

static int run_words(Invocation *invocation, char **words, guint count)
{
    g_autoptr(GError) error = NULL;
    const char *verb = words[0];
    gboolean done;
    if (count == 3 && strcmp(verb, "set") == 0) {
        done = change(invocation, words[1], words[2], &error);
    } else if (count == 2 && strcmp(verb, "unset") == 0) {
        done = change(invocation, words[1], NULL, &error);
    } else if (count == 2 && strcmp(verb, "get") == 0) {
        done = invocation_open(invocation, &error) && print_one(invocation, words[1], &error);
    } else {
        return invocation_usage(invocation, _("config takes nothing, get KEY, set KEY VALUE or "
                                              "unset KEY, as in: medmirror config set mirror "
                                              "/data/mirror"));
    }
    return done ? 0 : invocation_fail(invocation, error);
}

static int run(Invocation *invocation)
{
    int status = 0;
    if (!invocation_parse(invocation, NULL, &status)) {
        return status;
    }
    guint count = g_strv_length(invocation->arguments);
    /* A configuration that is wrong must not keep one from mending it. */
    invocation->console =
        console_new(invocation->json, invocation->quiet, invocation->verbose, invocation->color);
    if (count) {
        return run_words(invocation, invocation->arguments, count);
    }
    g_autoptr(GError) error = NULL;
    return invocation_open(invocation, &error) ? print_all(invocation)
                                               : invocation_fail(invocation, error);
}

const Verb verb_config = {
    .name = "config",
    .summary = N_("What is configured and by whom; get, set and unset a key"),
    .arguments = "[get KEY | set KEY VALUE | unset KEY]",
    .help = N_("Alone, every key with what counts and where it comes from: an option, the "
               "environment, a file, or the default. get prints the value alone. set and unset "
               "change one's own file ($XDG_CONFIG_HOME/medmirror/medmirror.conf), whose comments "
               "stay. A key is GROUP.KEY; the group can be left out, and mirror is mirror.dir. "
               "Secrets are no configuration: medmirror login SOURCE\n\n"
               "Examples:\n"
               "  medmirror config set mirror /data/mirror\n"
               "  medmirror config set network.ca-file /etc/ssl/gateway.pem"),
    .run = run,
};

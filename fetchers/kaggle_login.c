#include "kaggle_login.h"

#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "kaggle_api.h"
#include "kaggle_locator.h"

#include <string.h>

#define TOKEN_PREFIX "KGAT_"
#define KEY_DIGITS 32
#define TOKEN_PAGE KAGGLE_SITE "/settings"

static const char *const login_hosts[] = {KAGGLE_HOST, KAGGLE_API_HOST, "kaggle.com", NULL};
static const char *const own_variables[] = {"KAGGLE_API_V1_TOKEN", "KAGGLE_API_TOKEN",
                                            "KAGGLE_USERNAME",     "KAGGLE_KEY",
                                            "KAGGLE_CONFIG_DIR",   NULL};
const SourceLogin kaggle_login = {
    .kind = CREDENTIAL_TOKEN,
    .hosts = login_hosts,
    .own_variables = own_variables,
    .find = kaggle_login_find,
    .make = kaggle_login_make,
};

static gboolean is_token(const char *secret)
{
    return g_str_has_prefix(secret, TOKEN_PREFIX);
}

static gboolean is_legacy_key(const char *secret)
{
    return strlen(secret) == KEY_DIGITS && strspn(secret, "0123456789abcdefABCDEF") == KEY_DIGITS;
}

/* What a header's line can hold. */
static gboolean is_sendable(const char *text)
{
    for (const char *at = text; *at; at++)
        if (g_ascii_iscntrl(*at))
            return FALSE;
    return *text != '\0';
}

static void wipe_json(json_t *json)
{
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        if (json_is_string(value))
            explicit_bzero((char *)json_string_value(value), json_string_length(value));
    }
    json_decref(json);
}

/* Owned, without blanks around; NULL where it is no text, or an empty one. */
static char *text_of(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    char *copy = text ? g_strstrip(g_strdup(text)) : NULL;
    if (copy && *copy)
        return copy;
    g_free(copy);
    return NULL;
}

/* A key is Basic with its user; a token is Bearer, wherever it was put. */
static Credential *make_one(const char *user, const char *secret, const char *origin)
{
    if (!is_sendable(secret))
        return NULL;
    if (!user || is_token(secret))
        return credential_new(CREDENTIAL_TOKEN, NULL, secret, origin);
    return is_sendable(user) && !strchr(user, ':')
               ? credential_new(CREDENTIAL_PASSWORD, user, secret, origin)
               : NULL;
}

static Credential *of_json_text(const char *text, const char *origin)
{
    json_t *json = json_loads(text, 0, NULL);
    g_autofree char *user = text_of(json, "username");
    char *key = text_of(json, "key");
    Credential *made = key && (user || is_token(key)) ? make_one(user, key, origin) : NULL;
    credential_header_free(key);
    wipe_json(json);
    return made;
}

Credential *kaggle_login_make(const char *user, const char *secret, const char *origin,
                              GError **error)
{
    char *bare = g_strstrip(g_strdup(secret));
    Credential *made = *bare == '{'                   ? of_json_text(bare, origin)
                       : !user && is_legacy_key(bare) ? NULL
                                                      : make_one(user, bare, origin);
    if (!made && !user && is_legacy_key(bare))
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    _("This is one of Kaggle's older keys, which goes with a user name. Type: "
                      "medmirror login kaggle --user NAME"));
    else if (!made)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    _("What %s holds is neither a token of Kaggle, nor a key, nor the text of a "
                      "kaggle.json. Make a token at %s and type: medmirror login kaggle"),
                    origin, TOKEN_PAGE);
    credential_header_free(bare);
    return made;
}

/* Places. */

/* The first line of a file; *NONE: there is no such file. */
static Credential *of_token_file(const LoginPlaces *places, const char *path, const char *origin,
                                 gboolean *none, GError **error)
{
    GError *why = NULL;
    char *text = places->read(places, path, &why);
    *none = !text && !why;
    if (!text) {
        if (why)
            g_propagate_error(error, why);
        return NULL;
    }
    g_strstrip(text);
    text[strcspn(text, "\r\n")] = '\0';
    Credential *made = *text ? make_one(NULL, text, origin) : NULL;
    credential_header_free(text);
    if (made)
        places->used(places, path);
    return made;
}

/* A token, or where a file with one lies. What may be the token itself is in no message, also where
 * the system cannot say whether there is a file of that name. */
static Credential *of_token_or_file(const LoginPlaces *places, const char *text, GError **error)
{
    gboolean none = FALSE;
    GError *why = NULL;
    char *bare = g_strstrip(g_strdup(text));
    Credential *found = of_token_file(places, text, "KAGGLE_API_TOKEN", &none, &why);
    if (none || (why && is_token(bare))) {
        g_clear_error(&why);
        found = make_one(NULL, bare, "KAGGLE_API_TOKEN");
    } else if (why && *bare != '/') {
        g_clear_error(&why);
        g_set_error(&why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    _("KAGGLE_API_TOKEN names a file that cannot be read. Correct it; or unset "
                      "it, and type: medmirror login kaggle"));
    }
    credential_header_free(bare);
    if (why)
        g_propagate_error(error, why);
    return found;
}

static Credential *of_token_variables(const LoginPlaces *places, GError **error)
{
    gboolean none = FALSE;
    GError *why = NULL;
    const char *path = places->variable(places, "KAGGLE_API_V1_TOKEN");
    Credential *found =
        path ? of_token_file(places, path, "KAGGLE_API_V1_TOKEN", &none, &why) : NULL;
    const char *token = places->variable(places, "KAGGLE_API_TOKEN");
    if (!found && !why && token)
        found = of_token_or_file(places, token, &why);
    if (why)
        g_propagate_error(error, why);
    return found;
}

static Credential *of_token_files(const LoginPlaces *places, GError **error)
{
    static const char *const names[] = {"access_token", "access_token.txt"};
    Credential *found = NULL;
    GError *why = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(names) && !found && !why; i++) {
        g_autofree char *path = g_build_filename(places->home, ".kaggle", names[i], NULL);
        gboolean none;
        found = of_token_file(places, path, path, &none, &why);
    }
    if (why)
        g_propagate_error(error, why);
    return found;
}

/* The text of the kaggle.json that counts, with its path; NULL where there is none. */
static char *read_config(const LoginPlaces *places, char **path, GError **error)
{
    const char *chosen = places->variable(places, "KAGGLE_CONFIG_DIR");
    g_autofree char *home = g_build_filename(places->home, ".kaggle", NULL);
    g_autofree char *xdg = g_build_filename(places->config_home, "kaggle", NULL);
    const char *folders[] = {chosen ? chosen : home, chosen ? NULL : xdg};
    for (guint i = 0; i < G_N_ELEMENTS(folders) && folders[i]; i++) {
        g_autofree char *at = g_build_filename(folders[i], "kaggle.json", NULL);
        GError *why = NULL;
        char *text = places->read(places, at, &why);
        if (why) {
            g_propagate_error(error, why);
            return NULL;
        }
        if (text) {
            *path = g_steal_pointer(&at);
            return text;
        }
    }
    return NULL;
}

/* The file's keys, each overridden by the variable of its name. */
static Credential *of_user_and_key(const LoginPlaces *places, GError **error)
{
    const char *env_user = places->variable(places, "KAGGLE_USERNAME");
    const char *env_key = places->variable(places, "KAGGLE_KEY");
    if (env_key && (env_user || is_token(env_key)))
        return make_one(env_user, env_key, "KAGGLE_KEY");
    g_autofree char *path = NULL;
    char *text = read_config(places, &path, error);
    if (!text)
        return NULL;
    json_t *json = json_loads(text, 0, NULL);
    credential_header_free(text);
    if (!json_is_object(json)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    _("%s is no JSON object, as Kaggle makes it. Take a new one, or a token, from "
                      "%s; or type: medmirror login kaggle"),
                    path, TOKEN_PAGE);
        json_decref(json);
        return NULL;
    }
    g_autofree char *user = env_user ? g_strdup(env_user) : text_of(json, "username");
    char *key = env_key ? g_strdup(env_key) : text_of(json, "key");
    Credential *made = key && (user || is_token(key)) ? make_one(user, key, path) : NULL;
    credential_header_free(key);
    wipe_json(json);
    if (made)
        places->used(places, path);
    return made;
}

/* Its end is not near: what is begun with it is not to fail at once. */
static gboolean is_current(const json_t *json)
{
    const char *text = json_string_value(json_object_get(json, "access_token_expiration"));
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) end = text ? g_date_time_new_from_iso8601(text, utc) : NULL;
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    return end && g_date_time_difference(end, now) > G_TIME_SPAN_MINUTE;
}

static Credential *of_browser_login(const LoginPlaces *places, GError **error)
{
    g_autofree char *path = g_build_filename(places->home, ".kaggle", "credentials.json", NULL);
    char *text = places->read(places, path, error);
    if (!text)
        return NULL;
    json_t *json = json_loads(text, 0, NULL);
    credential_header_free(text);
    char *token = text_of(json, "access_token");
    char *renewal = text_of(json, "refresh_token");
    Credential *made = token && is_current(json) ? make_one(NULL, token, path) : NULL;
    if (!made && renewal) { /* what the first question that needs it asks a new one for */
        made = make_one(NULL, token ? token : renewal, path);
        if (made)
            made->renewal = g_strdup(renewal);
    }
    credential_header_free(renewal);
    if (token && !made)
        event_log(
            EVENT_LOG_WARNING,
            _("The login of Kaggle's own tool in %s has expired, and is not used. Any call of "
              "that tool renews it; or type: medmirror login kaggle"),
            path);
    credential_header_free(token);
    wipe_json(json);
    if (made)
        places->used(places, path);
    return made;
}

/* One variable of two is somebody's slip, and no choice to have no login. */
static void check_no_half(const LoginPlaces *places, GError **error)
{
    gboolean has_user = places->variable(places, "KAGGLE_USERNAME") != NULL;
    if (has_user == (places->variable(places, "KAGGLE_KEY") != NULL))
        return;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                _("%s is set, and %s is not: a login at Kaggle is both of them, or a token. Set "
                  "both, or type: medmirror login kaggle"),
                has_user ? "KAGGLE_USERNAME" : "KAGGLE_KEY",
                has_user ? "KAGGLE_KEY" : "KAGGLE_USERNAME");
}

Credential *kaggle_login_find(const LoginPlaces *places, GError **error)
{
    static Credential *(*const ways[])(const LoginPlaces *, GError **) = {
        of_token_variables, of_token_files, of_user_and_key, of_browser_login};
    for (guint i = 0; i < G_N_ELEMENTS(ways); i++) {
        GError *why = NULL;
        Credential *found = ways[i](places, &why);
        if (why) { /* a file that cannot be read is a login that cannot be used */
            gboolean is_unread = g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE);
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                        is_unread ? _("%s Mend that; or take it away, and type: medmirror login "
                                      "kaggle")
                                  : "%s",
                        why->message);
            g_error_free(why);
        }
        if (found || why)
            return found;
    }
    check_no_half(places, error);
    return NULL;
}

/* One request. */

gboolean kaggle_prove_login(const Fetcher *fetcher, const Credential *credential,
                            HostServices *services, char **said_text, GError **error)
{
    g_auto(KaggleDoor) door = {0};
    g_auto(KaggleCall) call = kaggle_call_probe();
    g_auto(KaggleAnswer) answer = {0};
    g_auto(KaggleSaid) said = {0};
    json_auto_t *nothing = json_pack("{s:s}", "competition", "");
    GError *why = NULL;
    kaggle_door_open(&door, services, nothing, NULL);
    if (kaggle_ask_as(&door, &call, credential, &answer, &said, &why)) {
        *said_text =
            credential->user
                ? g_strdup_printf(_("Kaggle knows “%s” with this key: one request that it refuses "
                                    "to everybody else was answered."),
                                  credential->user)
                : g_strdup(_("Kaggle knows this token: one request that it refuses to everybody "
                             "else was answered."));
        return TRUE;
    }
    if (why) {
        g_propagate_error(error, why);
        return FALSE;
    }
    if (said.kind == KAGGLE_SAID_LOGIN || said.kind == KAGGLE_SAID_WRONG) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    credential->user
                        ? _("Kaggle does not know this user with this key (%d, one request). "
                            "Nothing was stored. Making a new key ends the one before: take the "
                            "newest from %s, and type: medmirror login kaggle")
                        : _("Kaggle does not know this token (%d, one request). Nothing was "
                            "stored. Make one at %s, and type: medmirror login kaggle"),
                    said.code, TOKEN_PAGE);
        return FALSE;
    }
    gboolean is_refusal = said.code == 403;
    g_set_error(error, MEDMIRROR_ERROR,
                is_refusal ? MEDMIRROR_ERROR_ACCESS : MEDMIRROR_ERROR_ORIGIN,
                _("Kaggle did not say whether it knows this login (%d: %s), so nothing was stored. "
                  "Type: medmirror login kaggle"),
                said.code, said.message ? said.message : _("nothing more"));
    return FALSE;
}

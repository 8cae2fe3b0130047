#include "credentials.h"

#include "credential_file.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "login_places.h"
#include "netrc.h"
#include "redact.h"
#include "web_address.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_SECRET_BYTES (64 * 1024)
#define MOST_FILE_BYTES (1024 * 1024)

typedef struct {
    char *name;
    const SourceLogin *login; /* may be NULL */
    char *agent;              /* as configured; NULL */
    /* MEDMIRROR_SOURCE_...; NULL where not set */
    char *user, *password, *password_file, *token, *token_file;
    Credential *own;           /* of the source's own variables */
    GHashTable *own_variables; /* what its fetcher looks at itself; NULL */
    gboolean has_none;         /* of them, nor in its own files */
    char *list;                /* the value of SourceLogin.list_variable */
    gboolean is_refused;
    char *told;        /* where the credential came from that was given out last */
    Credential *found; /* the last one of a host, so that files are not read for each transfer */
    char *found_host;
} Source;

typedef struct {
    const char *source;
    char *prefix;
} Guard;

struct Credentials {
    pthread_mutex_t mutex; /* guards all below */
    GHashTable *sources;   /* name -> Source */
    GArray *guards;        /* Guard */
    GHashTable *seen;      /* files whose modes were spoken of */
    gboolean is_shielded;
};

static void wipe(char *text)
{
    credential_header_free(text);
}

static void source_free(gpointer data)
{
    Source *source = data;
    g_free(source->name);
    g_free(source->agent);
    g_free(source->user);
    wipe(source->password);
    g_free(source->password_file);
    wipe(source->token);
    g_free(source->token_file);
    credential_free(source->own);
    wipe(source->list);
    g_clear_pointer(&source->own_variables, g_hash_table_unref);
    g_free(source->told);
    credential_free(source->found);
    g_free(source->found_host);
    g_free(source);
}

static char *copy_variable(const char *name)
{
    const char *value = g_getenv(name);
    return value && *value ? g_strdup(value) : NULL;
}

static char *variable_name(const char *source, const char *what)
{
    g_autofree char *upper = g_ascii_strup(source, -1);
    g_strdelimit(upper, "-.", '_');
    return g_strconcat("MEDMIRROR_", upper, "_", what, NULL);
}

static char *own_variable(const char *source, const char *what, gboolean is_secret)
{
    g_autofree char *name = variable_name(source, what);
    return is_secret ? login_places_take(name) : copy_variable(name);
}

static Source *source_new(const char *name)
{
    const Fetcher *fetcher = fetcher_find(name);
    Source *source = g_new0(Source, 1);
    source->name = g_strdup(name);
    source->login = fetcher ? fetcher->row.login : NULL;
    source->user = own_variable(name, "USER", FALSE);
    source->password = own_variable(name, "PASSWORD", TRUE);
    source->password_file = own_variable(name, "PASSWORD_FILE", FALSE);
    source->token = own_variable(name, "TOKEN", TRUE);
    source->token_file = own_variable(name, "TOKEN_FILE", FALSE);
    const SourceLogin *login = source->login;
    if (!login)
        return source;
    char *secret = login_places_take(login->secret_variable);
    g_autofree char *user = login->user_variable ? copy_variable(login->user_variable) : NULL;
    if (secret && (user || login->kind == CREDENTIAL_TOKEN))
        source->own = credential_new(login->kind, user, secret, login->secret_variable);
    wipe(secret);
    source->list = login_places_take(login->list_variable);
    source->own_variables = login_places_take_all(login->own_variables);
    return source;
}

static gboolean has_secrets(const Source *source)
{
    return source->password || source->token || source->own || source->list ||
           (source->own_variables && g_hash_table_size(source->own_variables));
}

/* A password in a core dump outlives the process that was careful with it. */
static void shield_memory(Credentials *credentials)
{
    if (credentials->is_shielded)
        return;
    credentials->is_shielded = TRUE;
    struct rlimit limit;
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (getrlimit(RLIMIT_CORE, &limit) == 0) {
        limit.rlim_cur = 0;
        (void)setrlimit(RLIMIT_CORE, &limit);
    }
}

static Source *source_of(Credentials *credentials, const char *name)
{
    Source *source = g_hash_table_lookup(credentials->sources, name);
    if (!source) {
        source = source_new(name);
        g_hash_table_insert(credentials->sources, source->name, source);
        if (has_secrets(source))
            shield_memory(credentials);
    }
    return source;
}

static void guard_clear(gpointer data)
{
    g_free(((Guard *)data)->prefix);
}

Credentials *credentials_new(void)
{
    Credentials *credentials = g_new0(Credentials, 1);
    pthread_mutex_init(&credentials->mutex, NULL);
    credentials->sources = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, source_free);
    credentials->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    credentials->guards = g_array_new(FALSE, FALSE, sizeof(Guard));
    g_array_set_clear_func(credentials->guards, guard_clear);
    for (guint i = 0; fetchers[i]; i++)
        source_of(credentials, fetchers[i]->row.name);
    return credentials;
}

void credentials_free(Credentials *credentials)
{
    if (!credentials)
        return;
    g_hash_table_unref(credentials->sources);
    g_hash_table_unref(credentials->seen);
    g_array_unref(credentials->guards);
    pthread_mutex_destroy(&credentials->mutex);
    g_free(credentials);
}

void credentials_set_agent(Credentials *credentials, const char *name, const char *agent)
{
    pthread_mutex_lock(&credentials->mutex);
    Source *source = source_of(credentials, name);
    g_free(source->agent);
    source->agent = g_strdup(agent);
    for (char *at = source->agent; at && *at; at++) /* a line of a request's header, never two */
        if (g_ascii_iscntrl(*at))
            *at = ' ';
    pthread_mutex_unlock(&credentials->mutex);
}

static char *agent_of(const Source *source)
{
    if (source->agent)
        return g_strdup(source->agent);
    if (!source->login || !source->login->agent)
        return NULL;
    return g_strconcat(source->login->agent,
                       " (medmirror/" MEDMIRROR_VERSION "; +" MEDMIRROR_HOME ")", NULL);
}

char *credentials_agent(const Credentials *credentials, const char *name)
{
    Credentials *changed = (Credentials *)credentials; /* for its mutex */
    pthread_mutex_lock(&changed->mutex);
    char *agent = agent_of(source_of(changed, name));
    pthread_mutex_unlock(&changed->mutex);
    return agent;
}

void credentials_hide(const Credential *credential)
{
    char *header = credential_header(credential);
    redact_add_secret(credential->secret);
    if (credential->session)
        redact_add_secret(credential->session);
    if (credential->renewal)
        redact_add_secret(credential->renewal);
    if (header)
        redact_add_secret(strrchr(header, ' ') + 1);
    wipe(header);
}

static const char *title_of(const Source *source)
{
    const Fetcher *fetcher = fetcher_find(source->name);
    return fetcher ? fetcher->row.title : source->name;
}

/* Where a credential may lie. */

/* The first line of a file that a variable names (systemd's LoadCredential=, for example). */
static char *read_secret_file(const char *path, GError **error)
{
    struct stat status;
    char *text = login_places_read(path, MOST_SECRET_BYTES, &status, error);
    gsize length = text ? strcspn(text, "\r\n") : 0;
    if (text && length == 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    _("%s, which is to hold a password or a token, begins with an empty line."),
                    path);
        g_clear_pointer(&text, wipe);
    }
    if (text)
        text[length] = '\0';
    return text;
}

/* A credential out of VALUE, else out of the file at PATH. */
static Credential *make(const Source *source, CredentialKind kind, const char *value,
                        const char *path, const char *what, GError **error)
{
    char *secret = value ? g_strdup(value) : read_secret_file(path, error);
    g_autofree char *name = variable_name(source->name, what);
    g_autofree char *origin = value ? g_strdup(name) : g_strconcat(name, "_FILE", NULL);
    const char *user = kind == CREDENTIAL_TOKEN ? NULL : source->user;
    Credential *made = !secret ? NULL
                       : source->login && source->login->make
                           ? source->login->make(user, secret, origin, error)
                           : credential_new(kind, user, secret, origin);
    wipe(secret);
    return made;
}

/* A token where a user and a password are wanted, or the other way round. */
static gboolean set_wrong_kind(const Source *source, const char *given, GError **error)
{
    g_autofree char *name = variable_name(source->name, given);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                source->login->kind == CREDENTIAL_PASSWORD
                    ? _("%s takes a user and a password, no token. Type: unset %s %s_FILE")
                    : _("%s takes a token, no user and password. Type: unset %s %s_FILE"),
                title_of(source), name, name);
    return FALSE;
}

static gboolean check_kind(const Source *source, GError **error)
{
    if (!source->login || source->login->make)
        return TRUE;
    if (source->login->kind == CREDENTIAL_PASSWORD && (source->token || source->token_file))
        return set_wrong_kind(source, "TOKEN", error);
    if (source->login->kind == CREDENTIAL_TOKEN && (source->password || source->password_file))
        return set_wrong_kind(source, "PASSWORD", error);
    return TRUE;
}

static Credential *of_this_run(const Source *source, GError **error)
{
    gboolean has_password = source->password || source->password_file;
    if (!check_kind(source, error))
        return NULL;
    if (source->token || source->token_file)
        return make(source, CREDENTIAL_TOKEN, source->token, source->token_file, "TOKEN", error);
    if (source->user && has_password)
        return make(source, CREDENTIAL_PASSWORD, source->password, source->password_file,
                    "PASSWORD", error);
    if (source->user || has_password) {
        g_autofree char *given = variable_name(source->name, source->user ? "USER" : "PASSWORD");
        g_autofree char *lacks = variable_name(source->name, source->user ? "PASSWORD" : "USER");
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    _("%s is set and %s is not: a login is both. Set it, or type: unset %s"), given,
                    lacks, given);
    }
    return NULL;
}

/* "URL-PREFIX USER:PASSWORD", items parted by tabs or ends of lines; or "@FILE" with such items. */
static Credential *of_list(const char *list, const char *source, const char *host,
                           const char *address, const char *origin)
{
    g_auto(GStrv) items = g_strsplit_set(list, "\t\r\n", -1);
    g_autoptr(WebAddress) asked = web_address_parse(address, NULL);
    Credential *found = NULL;
    for (guint i = 0; items[i]; i++) {
        char *blank = strchr(items[i], ' ');
        char *colon = blank ? strchr(blank, ':') : NULL;
        if (!colon || found)
            continue;
        *blank = *colon = '\0';
        g_autofree char *belongs = credentials_host(source, items[i]);
        g_autoptr(WebAddress) prefix = web_address_parse(items[i], NULL);
        if (prefix && asked && g_strcmp0(belongs, host) == 0 &&
            g_str_has_prefix(asked->path, prefix->path))
            found = credential_new(CREDENTIAL_PASSWORD, blank + 1, colon + 1, origin);
        explicit_bzero(colon + 1, strlen(colon + 1));
    }
    return found;
}

static Credential *of_list_variable(const Source *source, const char *host, const char *address)
{
    const char *name = source->login ? source->login->list_variable : NULL;
    struct stat status;
    if (!source->list)
        return NULL;
    if (*source->list != '@')
        return of_list(source->list, source->name, host, address, name);
    g_autofree char *origin = g_strdup_printf("%s (%s)", name, source->list + 1);
    char *text = login_places_read(source->list + 1, MOST_FILE_BYTES, &status, NULL);
    Credential *found = text ? of_list(text, source->name, host, address, origin) : NULL;
    wipe(text);
    return found;
}

/* Others' files are theirs: a word, and they are used. */
static void speak_of_modes(Credentials *credentials, const char *path, const struct stat *status)
{
    if ((status->st_mode & 077) == 0 || !g_hash_table_add(credentials->seen, g_strdup(path)))
        return;
    event_log(EVENT_LOG_WARNING,
              _("%s holds passwords and can be read by others. Type: chmod 600 %s"), path, path);
}

static Credential *of_netrc(Credentials *credentials, const char *host)
{
    const char *named = g_getenv("NETRC");
    g_autofree char *path =
        named && *named ? g_strdup(named) : g_build_filename(g_get_home_dir(), ".netrc", NULL);
    struct stat status;
    char *text = login_places_read(path, MOST_FILE_BYTES, &status, NULL);
    Credential *found = text ? netrc_find(text, host, path) : NULL;
    wipe(text);
    if (found)
        speak_of_modes(credentials, path, &status);
    return found;
}

/* A file of others that a login came from. */
static void on_used(gpointer data, const char *path, const struct stat *status)
{
    speak_of_modes(data, path, status);
}

/* The source's own variables and files; where nothing is, that is not looked at again. */
static Credential *of_own(Credentials *credentials, const Source *source, GError **error)
{
    Source *looked = g_hash_table_lookup(credentials->sources, source->name);
    GError *why = NULL;
    if (source->own)
        return credential_copy(source->own);
    if (!source->login || !source->login->find || looked->has_none)
        return NULL;
    Credential *found =
        login_places_find(source->login, source->own_variables, on_used, credentials, &why);
    looked->has_none = !found && !why;
    if (why)
        g_propagate_error(error, why);
    return found;
}

/* netrc knows users and passwords, whatever the second of them is. */
static Credential *of_netrc_as(Credentials *credentials, const Source *source, const char *host)
{
    g_autoptr(Credential) found = of_netrc(credentials, host);
    return found && source->login && source->login->make
               ? source->login->make(found->user, found->secret, found->origin, NULL)
               : g_steal_pointer(&found);
}

/* What there is for HOST, by the order of the header; NULL without an error: nothing. */
static Credential *look_up(Credentials *credentials, const Source *source, const char *host,
                           const char *address, GError **error)
{
    const char *own_host = credentials_hosts(source->name)[0];
    gboolean is_own = own_host && strcmp(host, own_host) == 0;
    GError *why = NULL;
    Credential *found = is_own ? of_this_run(source, &why) : NULL;
    if (!found && !why)
        found = credential_file_find(source->name, host, &why);
    if (!found && !why && is_own)
        found = of_own(credentials, source, &why);
    if (!found && !why)
        found = of_list_variable(source, host, address);
    if (!found && !why)
        found = of_netrc_as(credentials, source, host);
    if (why)
        g_propagate_error(error, why);
    return found;
}

/* The same, remembered; but that of a list is for a part of its host alone. */
static Credential *look_up_once(Credentials *credentials, Source *source, const char *host,
                                const char *address, GError **error)
{
    if (source->found && strcmp(source->found_host, host) == 0)
        return credential_copy(source->found);
    Credential *found = look_up(credentials, source, host, address, error);
    if (found && !source->list) {
        g_clear_pointer(&source->found, credential_free);
        g_free(source->found_host);
        source->found = credential_copy(found);
        source->found_host = g_strdup(host);
    }
    return found;
}

/* What `login` stores counts before all but the variables of this run. */
char *credentials_mend(const char *source, const char *origin)
{
    return g_strdup_printf(g_str_has_prefix(origin, "MEDMIRROR_")
                               ? _("Correct that variable; or take it away, and type: medmirror "
                                   "login %s")
                               : _("Type: medmirror login %s"),
                           source);
}

static void set_refused(const Source *source, GError **error)
{
    const char *origin = source->told ? source->told : "?";
    g_autofree char *mend = credentials_mend(source->name, origin);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                _("%s refused the login from %s, so it is not used again in this run. %s"),
                title_of(source), origin, mend);
}

/* There is one for the source's own host, and none for this one. */
static void explain_elsewhere(Credentials *credentials, const Source *source, const char *host,
                              const char *address, GError **error)
{
    const char *own_host = credentials_hosts(source->name)[0];
    g_autoptr(Credential) own = own_host && strcmp(own_host, host) != 0
                                    ? look_up(credentials, source, own_host, address, NULL)
                                    : NULL;
    g_autoptr(WebAddress) parsed = own ? web_address_parse(address, NULL) : NULL;
    if (!parsed)
        return;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                _("The login from %s belongs to %s and is not told to %s, where this source is "
                  "sent. If that host has a login of its own, type: medmirror login %s --endpoint "
                  "%s=%s://%s"),
                own->origin, own_host, host, source->name, source->name, parsed->scheme, host);
}

Credential *credentials_find(Credentials *credentials, const char *name, const char *address,
                             GError **error)
{
    g_autofree char *host = credentials_host(name, address);
    GError *why = NULL;
    if (!host)
        return NULL;
    pthread_mutex_lock(&credentials->mutex);
    Source *source = source_of(credentials, name);
    Credential *found = NULL;
    if (source->is_refused)
        set_refused(source, &why);
    else
        found = look_up_once(credentials, source, host, address, &why);
    if (!found && !why)
        explain_elsewhere(credentials, source, host, address, &why);
    if (found && !credentials_may_travel(address, &why))
        g_clear_pointer(&found, credential_free);
    if (found) {
        shield_memory(credentials);
        credentials_hide(found);
        found->agent = agent_of(source);
        g_free(source->told);
        source->told = g_strdup(found->origin);
    }
    pthread_mutex_unlock(&credentials->mutex);
    if (why)
        g_propagate_error(error, why);
    return found;
}

void credentials_refuse(Credentials *credentials, const char *name)
{
    pthread_mutex_lock(&credentials->mutex);
    source_of(credentials, name)->is_refused = TRUE;
    pthread_mutex_unlock(&credentials->mutex);
}

void credentials_renew(Credentials *credentials, const char *name, const Credential *now)
{
    pthread_mutex_lock(&credentials->mutex);
    Source *source = source_of(credentials, name);
    g_clear_pointer(&source->found, credential_free);
    g_clear_pointer(&source->found_host, g_free);
    g_clear_pointer(&source->own, credential_free);
    source->own = now ? credential_copy(now) : NULL;
    source->has_none = now == NULL;
    pthread_mutex_unlock(&credentials->mutex);
}

static const Guard *guard_of(const Credentials *credentials, const char *address)
{
    for (guint i = 0; i < credentials->guards->len; i++) {
        const Guard *guard = &g_array_index(credentials->guards, Guard, i);
        if (g_str_has_prefix(address, guard->prefix))
            return guard;
    }
    return NULL;
}

void credentials_guard(Credentials *credentials, const char *name, const char *prefix)
{
    pthread_mutex_lock(&credentials->mutex);
    if (!guard_of(credentials, prefix)) {
        const Guard guard = {source_of(credentials, name)->name, g_strdup(prefix)};
        g_array_append_val(credentials->guards, guard);
    }
    pthread_mutex_unlock(&credentials->mutex);
}

const char *credentials_guard_of(Credentials *credentials, const char *address)
{
    if (!credentials)
        return NULL;
    pthread_mutex_lock(&credentials->mutex);
    const Guard *guard = guard_of(credentials, address);
    const char *source = guard ? guard->source : NULL;
    pthread_mutex_unlock(&credentials->mutex);
    return source;
}

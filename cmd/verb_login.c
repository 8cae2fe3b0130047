#include "credential_file.h"
#include "credentials.h"
#include "error.h"
#include "i18n.h"
#include "login_source.h"
#include "secret_input.h"
#include "verbs.h"

#include <string.h>

typedef struct {
    Invocation *invocation;
    const Fetcher *fetcher;
    gboolean from_stdin;
    const char *base; /* where the source is asked */
    char *host;       /* that the login will belong to */
    Credential *credential;
    GError *error; /* of the job */
} Login;

static void login_clear(Login *login)
{
    g_free(login->host);
    credential_free(login->credential);
    g_clear_error(&login->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Login, login_clear)

/* Of a token there is no user. NULL with _USAGE. */
static char *ask_user(const Login *login, const char *given, GError **error)
{
    const FetcherRow *row = &login->fetcher->row;
    g_autofree char *prompt = g_strdup_printf(_("User name or e-mail at %s: "), row->title);
    GError *why = NULL;
    g_autofree char *user = given                ? g_strdup(given)
                            : !login->from_stdin ? line_input_read(prompt, &why)
                                                 : NULL;
    if (why) {
        g_propagate_error(error, why);
    } else if (!user) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("Whose login? Type: medmirror login %s --user NAME"), row->name);
    } else if (!*user || strchr(user, ':') || !g_utf8_validate(user, -1, NULL)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("A user name is UTF-8 text without a colon, which “%s” is not."), user);
    } else {
        return g_steal_pointer(&user);
    }
    return NULL;
}

/* What was typed, as the source takes it. NULL with an error. */
static Credential *make(const FetcherRow *row, const char *user, const char *secret, GError **error)
{
    return row->login->make ? row->login->make(user, secret, _("what was typed"), error)
                            : credential_new(row->login->kind, user, secret, _("what was typed"));
}

static gboolean ask(Login *login, const char *given, GError **error)
{
    const FetcherRow *row = &login->fetcher->row;
    /* Of a source that takes several kinds, who names a user has a password. */
    gboolean is_token =
        row->login->kind == CREDENTIAL_TOKEN && !(row->login->make && given != NULL);
    g_autofree char *user = is_token ? NULL : ask_user(login, given, error);
    if (!is_token && !user) {
        return FALSE;
    }
    g_autofree char *prompt =
        is_token ? g_strdup_printf(_("Token of %s (it is not shown): "), row->title)
                 : g_strdup_printf(_("Password of %s at %s (it is not shown): "), user, row->title);
    GError *why = NULL;
    char *secret = secret_input_read(login->from_stdin ? NULL : prompt, &why);
    if (!secret) {
        if (why) {
            g_propagate_error(error, why);
        } else {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                        is_token
                            ? _("Nothing came from standard input, and it is there that the token "
                                "is read. Type it on a terminal, or: medmirror login %s%s%s "
                                "--stdin < FILE")
                            : _("Nothing came from standard input, and it is there that the "
                                "password is read. Type it on a terminal, or: medmirror login "
                                "%s%s%s --stdin < FILE"),
                        row->name, is_token ? "" : " --user ", is_token ? "" : user);
        }
        return FALSE;
    }
    login->credential = make(row, user, secret, error);
    secret_input_free(secret);
    if (!login->credential) {
        return FALSE;
    }
    login->credential->agent = credentials_agent(login->invocation->credentials, row->name);
    credentials_hide(login->credential);
    return TRUE;
}

/* Variables of a run count before what is stored. */
static void note_others(Job *job, const Login *login)
{
    g_autoptr(Credential) counts = credentials_find(login->invocation->credentials,
                                                    login->fetcher->row.name, login->base, NULL);
    if (counts && g_str_has_prefix(counts->origin, "MEDMIRROR_")) {
        job_tell(job, JOB_EVENT_WARNING, "note", NULL,
                 _("%s is set, and counts before what is stored now."), counts->origin);
    }
}

static int prove_and_store(Job *job, gpointer data)
{
    Login *login = data;
    const char *source = login->fetcher->row.name;
    g_autofree char *said = NULL;
    HostServices *services = job_services(job, &login->error);
    if (!services ||
        !login->fetcher->prove_login(login->fetcher, login->credential, services, &said,
                                     &login->error) ||
        !credential_file_store(source, login->host, login->credential, &login->error)) {
        return 1;
    }
    g_autofree char *path = credential_file_path();
    g_autofree char *answer = g_strdup_printf(
        _("%s\nIt is stored for %s in %s, which you alone can read."), said, login->host, path);
    job_answer(job, JOB_EVENT_DETAIL, "login",
               json_pack("{s:s, s:s, s:s?, s:s, s:s}", "source", source, "host", login->host,
                         "user", login->credential->user, "text", said, "path", path),
               NULL, answer);
    note_others(job, login);
    return 0;
}

static gboolean prepare(Invocation *invocation, const char *name, const char *user, Login *login,
                        GError **error)
{
    login->invocation = invocation;
    login->fetcher = login_source_find(name, error);
    if (!login->fetcher) {
        return FALSE;
    }
    const FetcherRow *row = &login->fetcher->row;
    login->base =
        endpoints_base(invocation->endpoint_table, row->endpoints[0], row->name, row->endpoints[1]);
    login->host = credentials_host(row->name, login->base);
    return credentials_may_travel(login->base, error) && ask(login, user, error);
}

static int run(Invocation *invocation)
{
    g_autofree char *user = NULL;
    g_auto(Login) login = {0};
    const GOptionEntry entries[] = {
        {"user", 0, 0, G_OPTION_ARG_FILENAME, &user, N_("The account's name or e-mail"), "NAME"},
        {"stdin", 0, 0, G_OPTION_ARG_NONE, &login.from_stdin,
         N_("Read the password or token from standard input; ask nothing"), NULL},
        {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status)) {
        return status;
    }
    if (!invocation->arguments[0] || invocation->arguments[1]) {
        return invocation_usage(invocation, _("Name one source, as in: medmirror login physionet"));
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error) ||
        !prepare(invocation, invocation->arguments[0], user, &login, &error)) {
        return invocation_fail(invocation, error);
    }
    status = invocation_run(invocation, prove_and_store, &login);
    return login.error ? invocation_fail(invocation, login.error) : status;
}

const Verb verb_login = {
    .name = "login",
    .summary = N_("Store a login of a source, after one request has proven it"),
    .arguments = "SOURCE",
    .help = N_("The password is read from the terminal, where it is not shown, or from standard "
               "input; never from an option. One request shows it to the source; a wrong one is "
               "not stored.\n\n"
               "Examples:\n"
               "  medmirror login physionet\n"
               "  medmirror login physionet --user ana --stdin < password.txt\n"
               "  medmirror login kaggle"),
    .run = run,
};

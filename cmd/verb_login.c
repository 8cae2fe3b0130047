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

static gboolean ask(Login *login, const char *given, GError **error)
{
    const FetcherRow *row = &login->fetcher->row;
    gboolean is_token = row->login->kind == CREDENTIAL_TOKEN;
    g_autofree char *prompt = g_strdup_printf(_("User name or e-mail at %s: "), row->title);
    GError *why = NULL;
    g_autofree char *user = is_token || given ? g_strdup(given) : line_input_read(prompt, &why);
    if (!is_token && !user) {
        if (why) {
            g_propagate_error(error, why);
        } else {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                        _("Whose login? Type: medmirror login %s --user NAME"), row->name);
        }
        return FALSE;
    }
    if (user && (strchr(user, ':') || !g_utf8_validate(user, -1, NULL) || !*user)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("A user name is UTF-8 text without a colon, which “%s” is not."), user);
        return FALSE;
    }
    g_autofree char *secret_prompt =
        is_token ? g_strdup_printf(_("Token of %s (it is not shown): "), row->title)
                 : g_strdup_printf(_("Password of %s at %s (it is not shown): "), user, row->title);
    char *secret = secret_input_read(secret_prompt, error);
    if (!secret) {
        return FALSE;
    }
    login->credential = credential_new(row->login->kind, user, secret, _("what was typed"));
    secret_input_free(secret);
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
    gboolean from_stdin = FALSE;
    const GOptionEntry entries[] = {
        {"user", 0, 0, G_OPTION_ARG_FILENAME, &user, N_("The account's name or e-mail"), "NAME"},
        {"stdin", 0, 0, G_OPTION_ARG_NONE, &from_stdin,
         N_("Read the password from standard input, as is done where that is no terminal"), NULL},
        {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status)) {
        return status;
    }
    if (!invocation->arguments[0] || invocation->arguments[1]) {
        return invocation_usage(invocation, _("Name one source, as in: medmirror login physionet"));
    }
    g_autoptr(GError) error = NULL;
    g_auto(Login) login = {0};
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
               "  medmirror login physionet --user ana --stdin < password.txt"),
    .run = run,
};

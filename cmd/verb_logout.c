#include "credential_file.h"
#include "credentials.h"
#include "error.h"
#include "i18n.h"
#include "login_source.h"
#include "verbs.h"

static int logout(Invocation *invocation, const char *name, GError **error)
{
    const Fetcher *fetcher = login_source_find(name, error);
    g_autoptr(GPtrArray) hosts = fetcher ? credential_file_remove(fetcher->row.name, error) : NULL;
    if (!hosts) {
        return 1;
    }
    for (guint i = 0; i < hosts->len; i++) {
        const char *host = g_ptr_array_index(hosts, i);
        console_answer(invocation->console, _("The login of %s for %s is no longer stored."),
                       fetcher->row.title, host);
        console_json(invocation->console, "logout",
                     json_pack("{s:s, s:s}", "source", fetcher->row.name, "host", host));
    }
    if (!hosts->len) {
        console_note(invocation->console, _("No login of %s is stored."), fetcher->row.title);
    }
    /* It may be found elsewhere, too; those places are not ours. */
    const char *base = endpoints_base(invocation->endpoint_table, fetcher->row.endpoints[0],
                                      fetcher->row.name, fetcher->row.endpoints[1]);
    g_autoptr(Credential) other =
        credentials_find(invocation->credentials, fetcher->row.name, base, NULL);
    if (other) {
        console_note(invocation->console,
                     _("But %s still has one, and it will be used; take it away there."),
                     other->origin);
    }
    return 0;
}

static int run(Invocation *invocation)
{
    int status = 0;
    if (!invocation_parse(invocation, NULL, &status)) {
        return status;
    }
    if (!invocation->arguments[0] || invocation->arguments[1]) {
        return invocation_usage(invocation,
                                _("Name one source, as in: medmirror logout physionet"));
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error) ||
        logout(invocation, invocation->arguments[0], &error)) {
        return invocation_fail(invocation, error);
    }
    return 0;
}

const Verb verb_logout = {
    .name = "logout",
    .summary = N_("Forget what login stored for a source"),
    .arguments = "SOURCE",
    .help = N_("Takes away every login of the source that was stored here, and says where else one "
               "is still found.\n\n"
               "Examples:\n"
               "  medmirror logout physionet"),
    .run = run,
};

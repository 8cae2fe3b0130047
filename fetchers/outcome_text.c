#include "engine.h"
#include "error.h"
#include "i18n.h"

static MedmirrorError code_of(const Outcome *outcome)
{
    switch (outcome->kind) {
    case OUTCOME_CANCELLED:
        return MEDMIRROR_ERROR_INTERRUPTED;
    case OUTCOME_REFUSED:
    case OUTCOME_TOKEN_REFUSED:
        return MEDMIRROR_ERROR_ACCESS;
    case OUTCOME_ABSENT:
        return MEDMIRROR_ERROR_ABSENT;
    case OUTCOME_STORAGE:
        return MEDMIRROR_ERROR_STORAGE;
    case OUTCOME_UNSAFE:
        return MEDMIRROR_ERROR_UNSAFE;
    case OUTCOME_OK:
    case OUTCOME_NO_CONNECTION:
    case OUTCOME_CERTIFICATE:
    case OUTCOME_PROXY:
    case OUTCOME_CUT:
    case OUTCOME_BUSY:
    case OUTCOME_FOREIGN_REFUSAL:
    case OUTCOME_EXPIRED:
    case OUTCOME_NOT_READY:
    case OUTCOME_NOT_DATA:
    case OUTCOME_RANGE_UNSATISFIED:
    case OUTCOME_CHANGED:
    case OUTCOME_TRUNCATED_ARCHIVE:
    case OUTCOME_WRONG_BYTES:
    case OUTCOME_HINT_DISAGREES:
    case OUTCOME_OTHER_STATUS:
    case OUTCOME_REDIRECT_REFUSED:
    case OUTCOME_NO_FETCHER:
        return MEDMIRROR_ERROR_ORIGIN;
    }
    return MEDMIRROR_ERROR_FAILED;
}

/* What happened, as the beginning of a sentence about “NAME”. */
static const char *what_happened(const Outcome *outcome)
{
    switch (outcome->kind) {
    case OUTCOME_OK:
        return N_("“%s” came whole");
    case OUTCOME_CANCELLED:
        return N_("“%s” was interrupted");
    case OUTCOME_NO_CONNECTION:
        return N_("“%s” cannot be fetched: there is no connection");
    case OUTCOME_CERTIFICATE:
        return N_("“%s” cannot be fetched: the host does not prove who it is");
    case OUTCOME_PROXY:
        return N_("“%s” cannot be fetched: the proxy does not let it through");
    case OUTCOME_CUT:
        return N_("“%s” was cut short again and again");
    case OUTCOME_BUSY:
        return N_("“%s” cannot be fetched now: the host is busy or in trouble");
    case OUTCOME_REFUSED:
    case OUTCOME_TOKEN_REFUSED:
        return N_("“%s” is refused by its source");
    case OUTCOME_FOREIGN_REFUSAL:
        return N_("“%s” is refused by the source, or by a proxy or filter on the way");
    case OUTCOME_EXPIRED:
        return N_("“%s” cannot be fetched: its address expires before it is used");
    case OUTCOME_ABSENT:
        return N_("“%s” is not at its source");
    case OUTCOME_NOT_READY:
        return N_("“%s” is not ready at its source");
    case OUTCOME_NOT_DATA:
        return N_("“%s” did not come: something else was sent instead");
    case OUTCOME_RANGE_UNSATISFIED:
    case OUTCOME_CHANGED:
        return N_("“%s” kept changing while it was fetched");
    case OUTCOME_TRUNCATED_ARCHIVE:
        return N_("“%s” came without its end, though the source called it whole");
    case OUTCOME_WRONG_BYTES:
    case OUTCOME_HINT_DISAGREES:
        return N_("The source kept sending wrong bytes for “%s”");
    case OUTCOME_OTHER_STATUS:
        return N_("“%s” cannot be fetched: the host refuses the request");
    case OUTCOME_REDIRECT_REFUSED:
        return N_("“%s” cannot be fetched: its address leads astray");
    case OUTCOME_STORAGE:
        return N_("“%s” cannot be stored");
    case OUTCOME_UNSAFE:
        return N_("“%s” is refused as unsafe");
    case OUTCOME_NO_FETCHER:
        return N_("“%s” cannot be fetched: its source's fetcher failed");
    }
    return N_("“%s” failed");
}

static char *time_to_come_back(gint64 wait_ms)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autoptr(GDateTime) then = g_date_time_add_seconds(now, (double)wait_ms / 1000.0 + 60);

    return g_date_time_format(then, "%Y-%m-%d %H:%M");
}

static char *line_that_goes_on(const char *ref)
{
    return ref == NULL
               ? g_strdup("")
               : g_strdup_printf(_(" Nothing that came is lost. Type: medmirror pull %s"), ref);
}

static char *access_advice(const Outcome *outcome, const char *ref, const Fetcher *fetcher,
                           const json_t *locator, const Manifest *manifest)
{
    g_autofree char *advice =
        fetcher != NULL && fetcher->describe_access != NULL
            ? fetcher->describe_access(fetcher, locator, manifest, outcome->status)
            : NULL;

    if (outcome->login_is_refused && fetcher != NULL)
        return g_strdup_printf(
            _(" The login that went with it is refused, and is not used again in this run. Type: "
              "medmirror login %s"),
            fetcher->row.name);
    if (advice != NULL)
        return g_strdup_printf(" %s", advice);
    if (manifest != NULL && manifest->access_page != NULL)
        return g_strdup_printf(_(" What it needs is told at %s"), manifest->access_page);
    if (fetcher != NULL && ref != NULL)
        return g_strdup_printf(
            _(" It may need an account, accepted terms or an application at %s. Type: medmirror "
              "show %s"),
            fetcher->row.title, ref);
    return g_strdup(_(" It needs an account, accepted terms or an application at its source."));
}

static char *advice_for(const Outcome *outcome, const char *ref, const Fetcher *fetcher,
                        const json_t *locator, const Manifest *manifest)
{
    const char *shown = ref != NULL ? ref : "REF";

    switch (outcome->kind) {
    case OUTCOME_REFUSED:
    case OUTCOME_TOKEN_REFUSED:
        return access_advice(outcome, ref, fetcher, locator, manifest);
    case OUTCOME_CERTIFICATE:
        return g_strdup_printf(
            _(" If your network is one that looks into TLS, name its certificate: write “ca-file = "
              "FILE” below [network] in medmirror.conf, or type: medmirror --cacert FILE pull %s"),
            shown);
    case OUTCOME_PROXY:
        return g_strdup_printf(
            _(" Give the proxy's address with user and password in https_proxy, or type: medmirror "
              "--proxy http://HOST:PORT pull %s"),
            shown);
    case OUTCOME_FOREIGN_REFUSAL:
        return g_strdup_printf(_(" Open the address in a browser on this machine to see who "
                                 "refuses; then type: medmirror pull %s"),
                               shown);
    case OUTCOME_ABSENT:
        return ref != NULL ? g_strdup_printf(_(" Type: medmirror versions %s"), ref) : g_strdup("");
    case OUTCOME_BUSY:
    case OUTCOME_NOT_READY:
        if (outcome->retry_after_ms > 0) {
            g_autofree char *then = time_to_come_back(outcome->retry_after_ms);
            return g_strdup_printf(
                _(" It asks to be left alone until %s. After that, type: medmirror pull %s"), then,
                shown);
        }
        return line_that_goes_on(ref);
    case OUTCOME_STORAGE:
        return ref != NULL ? g_strdup_printf(_(" Make room or choose another place with --mirror "
                                               "DIR; then type: medmirror pull %s"),
                                             ref)
                           : g_strdup("");
    case OUTCOME_REDIRECT_REFUSED:
    case OUTCOME_OTHER_STATUS:
    case OUTCOME_NOT_DATA:
        return ref != NULL ? g_strdup_printf(_(" Type: medmirror show %s"), ref) : g_strdup("");
    case OUTCOME_WRONG_BYTES:
    case OUTCOME_HINT_DISAGREES:
    case OUTCOME_TRUNCATED_ARCHIVE:
        return ref != NULL
                   ? g_strdup_printf(_(" They are kept as evidence, never as the file. Type: "
                                       "medmirror pull %s"),
                                     ref)
                   : g_strdup("");
    default:
        return line_that_goes_on(ref);
    }
}

GError *outcome_to_error(const Outcome *outcome, const char *name, const char *ref,
                         const Fetcher *fetcher, const json_t *locator, const Manifest *manifest)
{
    GString *text = g_string_new(NULL);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* each of them has the one place for NAME */
    g_string_append_printf(text, _(what_happened(outcome)), name);
#pragma GCC diagnostic pop
    if (outcome->is_explained) {
        g_string_append_printf(text, ". %s", outcome->detail);
        GError *explained = g_error_new_literal(MEDMIRROR_ERROR, (gint)code_of(outcome), text->str);
        g_string_free(text, TRUE);
        return explained;
    }
    if (outcome->address != NULL && g_strcmp0(outcome->address, name) != 0)
        g_string_append_printf(text, " (%s)", outcome->address);
    if (outcome->detail != NULL)
        g_string_append_printf(text, ": %s", outcome->detail);
    if (outcome->title != NULL)
        g_string_append_printf(text, " (“%s”)", outcome->title);
    if (text->str[text->len - 1] != '.')
        g_string_append_c(text, '.');
    g_autofree char *advice = advice_for(outcome, ref, fetcher, locator, manifest);
    g_string_append(text, advice);
    GError *error = g_error_new_literal(MEDMIRROR_ERROR, (gint)code_of(outcome), text->str);
    g_string_free(text, TRUE);
    return error;
}

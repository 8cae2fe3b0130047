#include "error.h"
#include "i18n.h"
#include "secret_input.h"
#include "terms.h"
#include "verbs.h"

#include <string.h>
#include <unistd.h>

#define SHORTEST_DIGEST 12

/* What is agreed to elsewhere, where the source wants that. */
static void show(Invocation *invocation, const Reference *reference, const char *text,
                 const char *digest)
{
    console_answer(invocation->console, "%ssha256: %s", text, digest);
    if (reference->manifest->access != ACCESS_OPEN && reference->manifest->access_page) {
        console_note(invocation->console,
                     _("This is a record here. What %s itself wants signed is signed there: %s"),
                     reference->fetcher ? reference->fetcher->row.title : _("the publisher"),
                     reference->manifest->access_page);
    }
}

static int tell(Invocation *invocation, const Reference *reference, const char *text,
                const char *digest, const char *when)
{
    const Manifest *manifest = reference->manifest;
    console_json(invocation->console, "terms",
                 json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:s, s:s, s:s?}", "ref", reference->ref,
                           "licence", manifest->licence, "terms", manifest->terms, "terms_page",
                           manifest->terms_page, "sharing", manifest->sharing, "text", text,
                           "sha256", digest, "accepted", when));
    if (when) {
        console_answer(invocation->console, _("accepted: %s by %s"), when, g_get_user_name());
    }
    return 0;
}

/* The terminal's answer; FALSE without an error where it is no. */
static gboolean ask(GError **error)
{
    GError *why = NULL;
    g_autofree char *line =
        line_input_read(_("Have you read this and the page it names, and do you accept it for "
                          "yourself? Type yes or no: "),
                        &why);
    if (why) {
        g_propagate_error(error, why);
        return FALSE;
    }
    return line && (g_ascii_strcasecmp(line, "yes") == 0 || strcmp(line, _("yes")) == 0);
}

/* This text and no other: terms that changed have another digest. */
static gboolean names_text(const char *given, const char *digest)
{
    return strlen(given) >= SHORTEST_DIGEST &&
           g_ascii_strncasecmp(digest, given, strlen(given)) == 0;
}

static gboolean decide(const char *yes, const char *ref, const char *digest, GError **error)
{
    GError *why = NULL;
    if (yes ? names_text(yes, digest) : ask(&why)) {
        return TRUE;
    }
    if (why) {
        g_propagate_error(error, why);
    } else if (yes) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    _("The terms of %s are others than %s (12 digits at least): read what stands "
                      "above, then type: medmirror accept %s --yes %.*s"),
                    ref, yes, ref, SHORTEST_DIGEST, digest);
    } else if (isatty(STDIN_FILENO)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    _("Nothing was accepted. To read it again: medmirror accept %s"), ref);
    } else {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    _("There is no terminal to ask on. Who has read what stands above, and accepts "
                      "it, types: medmirror accept %s --yes %.*s"),
                    ref, SHORTEST_DIGEST, digest);
    }
    return FALSE;
}

static gboolean accept_one(Invocation *invocation, const char *typed, const char *yes,
                           GError **error)
{
    g_autoptr(Reference) reference = reference_parse(typed, invocation->catalogue, error);
    if (!reference) {
        return FALSE;
    }
    g_autofree char *text = terms_text(reference);
    if (!text) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("Neither a licence nor terms of %s are known here, so there is nothing to "
                      "accept. What is known: medmirror show %s"),
                    reference->ref, typed);
        return FALSE;
    }
    GError *why = NULL;
    g_autofree char *digest = terms_digest(text);
    g_autofree char *before = terms_accepted(reference->ref, digest, &why);
    if (why) {
        g_propagate_error(error, why);
        return FALSE;
    }
    show(invocation, reference, text, digest);
    if (before && (!yes || names_text(yes, digest))) {
        tell(invocation, reference, text, digest, before);
        return TRUE;
    }
    if (!decide(yes, typed, digest, error)) {
        tell(invocation, reference, text, digest, NULL);
        return FALSE;
    }
    if (!terms_accept(reference, text, digest, error)) {
        return FALSE;
    }
    g_autofree char *now = terms_accepted(reference->ref, digest, error);
    if (!now) {
        return FALSE;
    }
    tell(invocation, reference, text, digest, now);
    return TRUE;
}

static int run(Invocation *invocation)
{
    g_autofree char *yes = NULL;
    const GOptionEntry entries[] = {
        {"yes", 0, 0, G_OPTION_ARG_FILENAME, &yes,
         N_("Accept without a question the text of this SHA-256, and no other"), "DIGEST"},
        {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status)) {
        return status;
    }
    if (!invocation->arguments[0] || invocation->arguments[1]) {
        return invocation_usage(invocation,
                                _("Name one dataset, as in: medmirror accept mimic-iii"));
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error) ||
        !accept_one(invocation, invocation->arguments[0], yes, &error)) {
        return invocation_fail(invocation, error);
    }
    return 0;
}

const Verb verb_accept = {
    .name = "accept",
    .summary = N_("Read the licence and terms of a dataset and accept them, once, with a record"),
    .arguments = "REF",
    .help = N_("Shows what is known of licence and terms with its SHA-256, asks, and records who "
               "accepted which text when. Terms that change are accepted anew. What a publisher "
               "wants signed is signed on its own pages.\n\n"
               "Examples:\n"
               "  medmirror accept mimic-iii\n"
               "  medmirror accept mimic-iii --yes 77b1c20d9a4e"),
    .run = run,
};

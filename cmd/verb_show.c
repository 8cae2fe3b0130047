#include "error.h"
#include "fields.h"
#include "i18n.h"
#include "show_page.h"
#include "terminal.h"
#include "terms.h"
#include "verbs.h"
#include "version_choice.h"

#include <string.h>

static void tell_version(Invocation *invocation, const Mirror *mirror, const LockHeader *header)
{
    g_autofree char *path = mirror_version_path(mirror, header->folder, header->version);
    console_json(invocation->console, "here",
                 json_pack("{s:s, s:s, s:s, s:I, s:I, s:b}", "version", header->version, "path",
                           path, "fingerprint", header->fingerprint, "files",
                           (json_int_t)header->held_files, "bytes", (json_int_t)header->held_bytes,
                           "whole", lock_header_is_whole(header)));
}

/* The manifest file itself is the fullest account; --json gives it as it is. */
static void show_manifest_json(Invocation *invocation, const Manifest *manifest)
{
    json_t *facts = manifest->file ? json_load_file(manifest->file, 0, NULL) : NULL;
    if (facts) {
        console_json(invocation->console, "manifest", facts);
    }
}

static char **access_lines(const Reference *reference)
{
    const Fetcher *fetcher = reference->fetcher;
    g_autofree char *words =
        fetcher && fetcher->describe_access
            ? fetcher->describe_access(fetcher, reference->locator, reference->manifest, 0)
            : NULL;
    return words ? g_strsplit(words, "\n", -1) : NULL;
}

static void print_page(Invocation *invocation, const ShowFacts *known)
{
    ShowFacts facts = *known;
    g_autofree char *terms = facts.reference->manifest ? terms_text(facts.reference) : NULL;
    g_autofree char *digest = terms ? terms_digest(terms) : NULL;
    g_autofree char *accepted = digest ? terms_accepted(facts.reference->ref, digest, NULL) : NULL;
    g_auto(GStrv) access = access_lines(facts.reference);
    facts.access = access;
    facts.accepted = accepted;
    facts.has_terms = terms != NULL;
    g_autofree char *page = show_page(&facts, terminal_columns());
    console_answer(invocation->console, "%s", page);
}

/* What it needs is the source's to say, also of what nobody has catalogued. */
static int fail_unknown(const Reference *reference, GError **error)
{
    g_auto(GStrv) access = access_lines(reference);
    g_autofree char *words = access ? g_strjoinv("\n", access) : g_strdup("");
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("%s is in no catalogue and not here. What its source has: medmirror files "
                  "%s%s%s"),
                reference->text, reference->text, *words ? "\n" : "", words);
    return 1;
}

static int show_one(Invocation *invocation, const char *text, GError **error)
{
    g_autoptr(Reference) reference = reference_parse(text, invocation->catalogue, error);
    if (!reference) {
        return 1;
    }
    g_autoptr(Mirror) mirror = mirror_open(invocation->mirror_path, MIRROR_OPEN_READ, NULL);
    g_autoptr(GPtrArray) versions =
        mirror ? mirror_versions(mirror, reference->folder, NULL) : NULL;
    if (!reference->manifest && !(versions && versions->len)) {
        return fail_unknown(reference, error);
    }
    if (reference->manifest) {
        show_manifest_json(invocation, reference->manifest);
    }
    ShowFacts facts = {.reference = reference,
                       .catalogue = invocation->catalogue,
                       .versions = versions,
                       .mirror = mirror};
    print_page(invocation, &facts);
    for (guint i = 0; versions && i < versions->len; i++) {
        tell_version(invocation, mirror, g_ptr_array_index(versions, i));
    }
    return 0;
}

/* What the catalogue says, else what the source said of the newest version that is here. */
static int cite_one(Invocation *invocation, const char *text, GError **error)
{
    g_autoptr(Reference) reference = reference_parse(text, invocation->catalogue, error);
    if (!reference) {
        return 1;
    }
    g_autoptr(Mirror) mirror = mirror_open(invocation->mirror_path, MIRROR_OPEN_READ, NULL);
    g_autoptr(GPtrArray) versions =
        mirror ? mirror_versions(mirror, reference->folder, NULL) : NULL;
    const LockHeader *newest = versions && versions->len ? g_ptr_array_index(versions, 0) : NULL;
    const char *citation = reference->manifest && reference->manifest->citation
                               ? reference->manifest->citation
                           : newest ? newest->citation
                                    : NULL;
    if (!citation) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("How to cite %s is not known here. What is known: medmirror show %s"),
                    reference->ref, reference->ref);
        return 1;
    }
    console_answer(invocation->console, "%s", citation);
    console_json(invocation->console, "citation",
                 json_pack("{s:s, s:s}", "ref", reference->ref, "citation", citation));
    return 0;
}

static int show_all(Invocation *invocation, gboolean cite, GError **error)
{
    for (guint i = 0; invocation->arguments[i]; i++) {
        if (i && !cite) {
            console_answer(invocation->console, "%s", "");
        }
        if (cite ? cite_one(invocation, invocation->arguments[i], error)
                 : show_one(invocation, invocation->arguments[i], error)) {
            return 1;
        }
    }
    return 0;
}

static int run(Invocation *invocation)
{
    gboolean cite = FALSE, fields = FALSE;
    const GOptionEntry entries[] = {
        {"cite", 0, 0, G_OPTION_ARG_NONE, &cite, N_("Only how to cite it"), NULL},
        {"fields", 0, 0, G_OPTION_ARG_NONE, &fields,
         N_("By what a pull can choose among its files, and how many there are of each"), NULL},
        {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status)) {
        return status;
    }
    if (!invocation->arguments[0]) {
        return invocation_usage(invocation,
                                _("Which dataset? Name one, as in: medmirror show mitdb"));
    }
    if (fields && (cite || invocation->arguments[1])) {
        return invocation_usage(invocation, _("--fields takes one REF and no --cite, as in: "
                                              "medmirror show --fields mitdb"));
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    if (fields) {
        return fields_print(invocation, invocation->arguments[0]);
    }
    status = show_all(invocation, cite, &error);
    catalogue_finder_tell_wrong(invocation->finder, invocation->console);
    return status ? invocation_fail(invocation, error) : 0;
}

const Verb verb_show = {
    .name = "show",
    .summary = N_("All that is known of a dataset: access, licence, citation, size, what is here"),
    .arguments = "REF...",
    .help = N_("From the catalogue and from the mirror; opens no connection, but for --fields of "
               "what is not here.\n\n"
               "Examples:\n"
               "  medmirror show mitdb\n"
               "  medmirror show --cite uci-heart-disease"),
    .run = run,
};

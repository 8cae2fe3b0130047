#include "error.h"
#include "i18n.h"
#include "verbs.h"
#include "version_choice.h"

static int print_paths(Invocation *invocation, gboolean complete, GError **error)
{
    g_autoptr(Mirror) mirror = mirror_open(invocation->mirror_path, MIRROR_OPEN_READ, error);
    for (guint i = 0; mirror && invocation->arguments[i]; i++) {
        g_autoptr(Reference) reference =
            reference_parse(invocation->arguments[i], invocation->catalogue, error);
        g_autoptr(LockHeader) header = reference ? version_choose(mirror, reference, error) : NULL;
        if (!header) {
            return 1;
        }
        if (complete && !lock_header_is_whole(header)) {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                        _("%s@%s is here in part alone. Complete it with: medmirror pull %s"),
                        reference->ref, header->version, reference->ref);
            return 1;
        }
        if (!version_check_tree(mirror, header, error)) {
            return 1;
        }
        g_autofree char *path = mirror_version_path(mirror, reference->folder, header->version);
        console_answer(invocation->console, "%s", path);
        console_json(invocation->console, "path",
                     json_pack("{s:s, s:s, s:s, s:s}", "ref", reference->ref, "version",
                               header->version, "path", path, "fingerprint", header->fingerprint));
    }
    return mirror ? 0 : 1;
}

static int run(Invocation *invocation)
{
    gboolean complete = FALSE;
    const GOptionEntry entries[] = {{"complete", 0, 0, G_OPTION_ARG_NONE, &complete,
                                     N_("Fail with exit status 7 where only a part is held"), NULL},
                                    {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status)) {
        return status;
    }
    if (!invocation->arguments[0]) {
        return invocation_usage(invocation,
                                _("Which dataset? Name one, as in: medmirror path mitdb"));
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    status = print_paths(invocation, complete, &error);
    catalogue_finder_tell_wrong(invocation->finder, invocation->console);
    return status ? invocation_fail(invocation, error) : 0;
}

const Verb verb_path = {
    .name = "path",
    .summary = N_("Where a dataset lies; for scripts"),
    .arguments = "REF...",
    .help = N_("Prints the absolute path of each REF, opens no connection, takes no lock. Where "
               "several versions are here, "
               "name one.\n\n"
               "Examples:\n"
               "  DIR=$(medmirror path ptb-xl@1.0.3) || exit\n"
               "  medmirror path --complete mitdb"),
    .run = run,
};

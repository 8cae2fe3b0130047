#include "error.h"
#include "i18n.h"
#include "reference.h"
#include "verbs.h"
#include "version_choice.h"

#include <string.h>

static const LockHeader *find(const GPtrArray *here, const char *version)
{
    for (guint i = 0; here && i < here->len; i++) {
        const LockHeader *header = g_ptr_array_index(here, i);
        if (strcmp(header->version, version) == 0) {
            return header;
        }
    }
    return NULL;
}

static void print_version(Job *job, const char *version, gboolean offered, const LockHeader *header)
{
    const char *here = !header                        ? ""
                       : lock_header_is_whole(header) ? _("  here")
                                                      : _("  here in part");
    g_autofree char *text = g_strdup_printf("%s%s%s", version, here,
                                            offered ? "" : _("  not offered by the source now"));
    job_answer(job, JOB_EVENT_DETAIL, "version",
               json_pack("{s:s, s:b, s:b, s:s?}", "version", version, "offered", offered, "here",
                         header != NULL, "fingerprint", header ? header->fingerprint : NULL),
               NULL, text);
}

static GPtrArray *ask(Job *job, const Reference *reference, GError **error)
{
    if (!reference_can_be_fetched(reference, error)) {
        return NULL;
    }
    HostServices *services = job_services(job, error);
    return services ? reference->fetcher->versions(reference->fetcher, reference->locator, services,
                                                   error)
                    : NULL;
}

static int versions_on_job(Job *job, gpointer data)
{
    Invocation *invocation = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(Reference) reference =
        reference_parse(invocation->arguments[0], invocation->catalogue, &error);
    g_autoptr(Mirror) mirror =
        reference ? mirror_open(invocation->mirror_path, MIRROR_OPEN_READ, NULL) : NULL;
    g_autoptr(GPtrArray) here = mirror ? mirror_versions(mirror, reference->folder, NULL) : NULL;
    g_autoptr(GPtrArray) offered = reference ? ask(job, reference, &error) : NULL;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; offered && i < offered->len; i++) {
        char *version = g_ptr_array_index(offered, i);
        g_hash_table_add(seen, version);
        print_version(job, version, TRUE, find(here, version));
    }
    for (guint i = 0; here && i < here->len; i++) {
        const LockHeader *header = g_ptr_array_index(here, i);
        if (!g_hash_table_contains(seen, header->version)) {
            print_version(job, header->version, !offered || offered->len == 0, header);
        }
    }
    if (offered && offered->len == 0) {
        job_tell(job, JOB_EVENT_STEP, "note", NULL,
                 _("%s has no versions of its own: each new state of the source becomes one here."),
                 reference->ref);
    }
    if (error) {
        g_autofree char *message =
            reference && error_exit_status(error) == 5
                ? g_strdup_printf(_("%s What is here is listed; try again later with: medmirror "
                                    "versions %s"),
                                  error->message, reference->ref)
                : g_strdup(error->message);
        job_tell(job, JOB_EVENT_FAILURE, "error",
                 json_pack("{s:i, s:s}", "exit", error_exit_status(error), "message", message),
                 "medmirror: %s", message);
    }
    return error_exit_status(error);
}

static int run(Invocation *invocation)
{
    int status = 0;
    if (!invocation_parse(invocation, NULL, &status)) {
        return status;
    }
    if (!invocation->arguments[0] || invocation->arguments[1]) {
        return invocation_usage(
            invocation, _("versions takes one REF, as in: medmirror versions physionet/ptb-xl"));
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    return invocation_run(invocation, versions_on_job, invocation);
}

const Verb verb_versions = {
    .name = "versions",
    .summary = N_("What versions the source has, and which are here"),
    .arguments = "REF",
    .help = N_("Newest first. The source is asked; without it, what is here is printed and the "
               "exit status says so.\n\n"
               "Examples:\n"
               "  medmirror versions physionet/ptb-xl\n"
               "  medmirror versions --json mimic-iv-demo"),
    .run = run,
};

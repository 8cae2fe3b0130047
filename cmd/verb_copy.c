#include "error.h"
#include "i18n.h"
#include "job_copy.h"
#include "verbs.h"
#include "version_choice.h"

static gboolean copy(Job *job, const Invocation *invocation, GError **error)
{
    g_autofree char *path = NULL;
    g_auto(CopyResult) result = {0};
    g_autoptr(Reference) reference =
        reference_parse(invocation->arguments[0], invocation->catalogue, error);
    g_autoptr(Mirror) mirror =
        reference ? mirror_open(invocation->mirror_path, MIRROR_OPEN_READ, error) : NULL;
    g_autoptr(LockHeader) header = mirror ? version_choose(mirror, reference, error) : NULL;
    if (!header || !job_copy_check(mirror_path(mirror), invocation->arguments[1], &path, error)) {
        return FALSE;
    }
    g_autoptr(GError) failure = NULL;
    if (!job_copy(job, mirror, header, path, &result, &failure)) {
        g_autofree char *label = version_label(header);
        g_autofree char *quoted = g_shell_quote(invocation->arguments[1]);
        g_autofree char *again = g_strdup_printf("medmirror copy%s %s %s",
                                                 job_settings(job)->mirror_words, label, quoted);
        version_add_next(failure, label, again);
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    job_copy_tell(job, header, &result);
    return TRUE;
}

static int run_copy(Job *job, gpointer data)
{
    g_autoptr(GError) error = NULL;
    int status = 0;
    if (!copy(job, data, &error)) {
        status = error_exit_status(error);
        job_tell(job, JOB_EVENT_FAILURE, "error",
                 json_pack("{s:i, s:s}", "exit", status, "message", error->message),
                 "medmirror: %s", error->message);
    }
    job_tell(job, JOB_EVENT_DETAIL, "summary", json_pack("{s:i}", "exit", status), NULL);
    return status;
}

static int run(Invocation *invocation)
{
    int status = 0;
    if (!invocation_parse(invocation, NULL, &status)) {
        return status;
    }
    if (g_strv_length(invocation->arguments) != 2) {
        return invocation_usage(invocation, _("copy takes a dataset and a folder, as in: "
                                              "medmirror copy mitdb ./mitdb"));
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    return invocation_run(invocation, run_copy, invocation);
}

const Verb verb_copy = {
    .name = "copy",
    .summary = N_("A version's files at a place of one's own, writable"),
    .arguments = "REF DIR",
    .help = N_("DIR is absent or empty. Files share their space with the mirror's where the file "
               "system can (reflink), until one of them is changed; else they are copied. Each is "
               "proven against its digest on the way, and DIR appears when all are right; until "
               "then they lie in DIR.partial, where an interrupted copy goes on. Restricted data "
               "becomes readable by you alone. Standard output is the absolute path.\n\n"
               "Examples:\n"
               "  medmirror copy mitdb ./mitdb\n"
               "  medmirror copy physionet/ptb-xl@1.0.3 /scratch/ana/ptb-xl"),
    .run = run,
};

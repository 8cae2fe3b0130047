#include "error.h"
#include "i18n.h"
#include "job_copy.h"
#include "verbs.h"
#include "version_choice.h"

typedef struct {
    Invocation *invocation;
    char *layout_name; /* --layout; NULL: as it lies here */
    SeriesLayout layout;
} Copying;

static gboolean copy(Job *job, const Copying *copying, GError **error)
{
    const Invocation *invocation = copying->invocation;
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
    if (!job_copy(job, mirror, header, path, copying->layout, &result, &failure)) {
        g_autofree char *label = version_label(header);
        g_autofree char *quoted = g_shell_quote(invocation->arguments[1]);
        g_autofree char *again =
            g_strdup_printf("medmirror copy%s%s%s %s %s", job_settings(job)->mirror_words,
                            copying->layout_name ? " --layout " : "",
                            copying->layout_name ? copying->layout_name : "", label, quoted);
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

static int run_parsed(Copying *copying)
{
    Invocation *invocation = copying->invocation;
    if (copying->layout_name && !series_layout_parse(copying->layout_name, &copying->layout)) {
        return invocation_usage(invocation,
                                _("--layout takes classic (Collection/Patient/Study/Series by "
                                  "their UIDs) or descriptive (the Data Retriever's long names), "
                                  "as in: medmirror copy --layout classic tcia/LIDC-IDRI ./lidc"));
    }
    if (g_strv_length(invocation->arguments) != 2) {
        return invocation_usage(invocation, _("copy takes a dataset and a folder, as in: "
                                              "medmirror copy mitdb ./mitdb"));
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    return invocation_run(invocation, run_copy, copying);
}

static int run(Invocation *invocation)
{
    Copying copying = {.invocation = invocation, .layout = SERIES_LAYOUT_TREE};
    const GOptionEntry entries[] = {
        {"layout", 0, 0, G_OPTION_ARG_STRING, &copying.layout_name,
         N_("Series in the folders of the NBIA Data Retriever: classic or descriptive"), "NAME"},
        {NULL}};
    int status = 0;
    if (invocation_parse(invocation, entries, &status)) {
        status = run_parsed(&copying);
    }
    g_free(copying.layout_name);
    return status;
}

const Verb verb_copy = {
    .name = "copy",
    .summary = N_("A version's files at a place of one's own, writable"),
    .arguments = "REF DIR",
    .help = N_("DIR is absent or empty. Files share their space with the mirror's where the file "
               "system can (reflink), until one of them is changed; else they are copied. Each is "
               "proven against its digest on the way, and DIR appears when all are right; until "
               "then they lie in DIR.partial, where an interrupted copy goes on. Restricted data "
               "becomes readable by you alone. Series of DICOM images come with a metadata.csv "
               "as the NBIA Data Retriever writes it; with --layout they lie in its folders, each "
               "image named by its SOPInstanceUID as ever. Standard output is the absolute "
               "path.\n\n"
               "Examples:\n"
               "  medmirror copy mitdb ./mitdb\n"
               "  medmirror copy physionet/ptb-xl@1.0.3 /scratch/ana/ptb-xl\n"
               "  medmirror copy --layout classic tcia/LIDC-IDRI ./lidc"),
    .run = run,
};

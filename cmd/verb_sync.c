#include "error.h"
#include "fetch_options.h"
#include "i18n.h"
#include "pull_result.h"
#include "sync_summary.h"
#include "verbs.h"

/* A line that is down is not waited for all night: tomorrow is another one. */
#define SYNC_PATIENCE_MS (3600 * 1000)

typedef struct {
    Invocation *invocation;
    FetchOptions options;
} Syncing;

static void tell_report(Job *job, const Syncing *syncing, const SyncReport *report)
{
    for (guint i = 0; i < report->entries->len; i++) {
        const SyncEntry *entry = g_ptr_array_index(report->entries, i);
        gboolean is_right = entry->state == SYNC_UNCHANGED || entry->state == SYNC_UPDATED;
        job_answer(job, JOB_EVENT_DETAIL, "synced", sync_entry_json(entry), NULL,
                   is_right ? entry->path : NULL);
    }
    g_autofree char *text = sync_summary(report, syncing->invocation->verbose);
    job_tell(job, report->status ? JOB_EVENT_FAILURE : JOB_EVENT_STEP, "summary",
             sync_report_json(report), "%s", text);
}

static int sync_all(Job *job, gpointer data)
{
    Syncing *syncing = data;
    const SyncSpec spec = {.catalogue = syncing->invocation->catalogue,
                           .refs = syncing->invocation->arguments,
                           .no_wait = syncing->options.no_wait,
                           .dry_run = syncing->options.dry_run,
                           .require = syncing->options.requirement};
    g_autoptr(GError) error = NULL;
    g_autoptr(SyncReport) report = NULL;
    job_sync(job, &spec, &report, &error);
    int status = error_exit_status(error);
    if (report) {
        status = report->status;
        if (report->entries->len == 0) {
            job_tell(job, JOB_EVENT_STEP, "note", NULL,
                     _("Nothing is in the mirror %s yet. Bring a dataset with: medmirror pull REF"),
                     syncing->invocation->mirror_path);
        }
        tell_report(job, syncing, report);
    }
    if (error) {
        pull_tell_error(job, syncing->invocation->mirror_path, error);
    }
    if (!report) {
        job_tell(job, JOB_EVENT_DETAIL, "summary", json_pack("{s:i}", "exit", status), NULL);
    }
    return status;
}

static int sync_opened(Syncing *syncing)
{
    Invocation *invocation = syncing->invocation;
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    if (invocation->settings.offline) {
        return invocation_usage(invocation,
                                _("sync asks the sources what is new, and --offline (or "
                                  "MEDMIRROR_OFFLINE) forbids it."));
    }
    if (!invocation->settings.engine_config.network_patience_ms) {
        invocation->settings.engine_config.network_patience_ms = SYNC_PATIENCE_MS;
    }
    int status = fetch_options_take(&syncing->options, invocation);
    return status ? status : invocation_run(invocation, sync_all, syncing);
}

static int run(Invocation *invocation)
{
    Syncing syncing = {.invocation = invocation, .options = FETCH_OPTIONS_INIT};
    const GOptionEntry entries[] = {FETCH_ENTRIES(syncing.options), {NULL}};
    int status = 0;
    if (invocation_parse(invocation, entries, &status)) {
        status = sync_opened(&syncing);
    }
    fetch_options_clear(&syncing.options);
    return status;
}

const Verb verb_sync = {
    .name = "sync",
    .summary = N_("Every dataset of the mirror to its newest version"),
    .arguments = "[REF...]",
    .help = N_("What a timer runs at night. All datasets (or those named) are planned first, then "
               "brought smallest first, as long as they fit; a part stays a part, files that did "
               "not change are shared with the version before, and no version that is here is "
               "touched. One that fails does not stop the others. The summary at the end has a "
               "line for each dataset that is not unchanged; one that needs a person is named "
               "once, then weekly.\n\n"
               "Examples:\n"
               "  medmirror sync\n"
               "  medmirror sync --dry-run mitdb ptb-xl"),
    .run = run,
};

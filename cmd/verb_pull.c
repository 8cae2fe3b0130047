#include "error.h"
#include "fetch_options.h"
#include "i18n.h"
#include "job_copy.h"
#include "pull_result.h"
#include "pull_resume.h"
#include "selection_options.h"
#include "verbs.h"

typedef struct {
    Invocation *invocation;
    SelectionOptions selection_options;
    Selection *selection;
    FetchOptions fetch_options;
    gboolean only, no_unpack, keep_archives, refresh, allow_incomplete, resume;
    char *prefer;
    char *to; /* as typed, then absolute */
} Pulling;

static PullRequest make_request(const Pulling *pulling)
{
    return (PullRequest){.selection = pulling->selection,
                         .only = pulling->only,
                         .no_unpack = pulling->no_unpack,
                         .keep_archives =
                             pulling->keep_archives || pulling->invocation->config->keep_archives,
                         .refresh = pulling->refresh,
                         .allow_incomplete = pulling->allow_incomplete,
                         .no_wait = pulling->fetch_options.no_wait,
                         .dry_run = pulling->fetch_options.dry_run,
                         .require = pulling->fetch_options.requirement,
                         .prefer = pulling->prefer,
                         .to = pulling->to,
                         .names = (const char *const *)pulling->selection_options.paths};
}

static int pull_all(Job *job, gpointer data)
{
    Pulling *pulling = data;
    PullTally tally = {0};
    char **refs = pulling->invocation->arguments;
    for (guint i = 0; refs[i] && !tally.must_end; i++) {
        PullRequest request = make_request(pulling);
        pull_and_tell(job, pulling->invocation->catalogue, refs[i], &request, &tally);
    }
    pull_tell_summary(job, &tally);
    return tally.status;
}

static int resume_all(Job *job, gpointer data)
{
    Pulling *pulling = data;
    const ResumeSpec spec = {.catalogue = pulling->invocation->catalogue,
                             .refs = pulling->invocation->arguments,
                             .no_wait = pulling->fetch_options.no_wait,
                             .dry_run = pulling->fetch_options.dry_run};
    return pull_resume(job, &spec);
}

/* An option without effect is an error. */
static int check_together(Pulling *pulling)
{
    const SelectionOptions *chosen = &pulling->selection_options;
    if (pulling->resume &&
        (selection_options_given(chosen) || pulling->only || pulling->no_unpack ||
         pulling->keep_archives || pulling->refresh || pulling->allow_incomplete || pulling->to ||
         pulling->prefer || pulling->fetch_options.require)) {
        return invocation_usage(pulling->invocation,
                                _("--resume goes on with the options that the pull began with, and "
                                  "takes no others on what is to come. For others, type: medmirror "
                                  "pull REF, with them; what was received counts there too."));
    }
    if (!pulling->resume && !pulling->invocation->arguments[0]) {
        return invocation_usage(pulling->invocation,
                                _("Which dataset? Name one, as in: medmirror pull mitdb"));
    }
    if (pulling->only && !selection_options_given(chosen)) {
        return invocation_usage(pulling->invocation,
                                _("--only goes with --include, --exclude, --where or --files-from: "
                                  "it says that their files are all that the version is to hold."));
    }
    if (pulling->to && pulling->invocation->arguments[1]) {
        return invocation_usage(pulling->invocation,
                                _("--to DIR takes one dataset, for DIR becomes its folder."));
    }
    if (pulling->no_unpack && pulling->keep_archives) {
        return invocation_usage(pulling->invocation,
                                _("--no-unpack and --keep-archives exclude each other: the first "
                                  "leaves archives packed, the second keeps them beside what was "
                                  "unpacked."));
    }
    return 0;
}

/* Before hours of fetching: can the copy be made there? */
static gboolean take_to(Pulling *pulling, GError **error)
{
    g_autofree char *typed = g_steal_pointer(&pulling->to);
    return job_copy_check(pulling->invocation->mirror_path, typed, &pulling->to, error);
}

static int pull_opened(Pulling *pulling)
{
    Invocation *invocation = pulling->invocation;
    int together = check_together(pulling);
    if (together) {
        return together;
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    int status = fetch_options_take(&pulling->fetch_options, invocation);
    if (status) {
        return status;
    }
    if (pulling->resume) {
        return invocation_run(invocation, resume_all, pulling);
    }
    if (pulling->to && !take_to(pulling, &error)) {
        return invocation_fail(invocation, error);
    }
    pulling->selection = selection_options_make(&pulling->selection_options, &error);
    if (!pulling->selection) {
        return invocation_fail(invocation, error);
    }
    return invocation_run(invocation, pull_all, pulling);
}

static int run(Invocation *invocation)
{
    Pulling pulling = {.invocation = invocation, .fetch_options = FETCH_OPTIONS_INIT};
    const GOptionEntry entries[] = {
        SELECTION_ENTRIES(pulling.selection_options),
        {"only", 0, 0, G_OPTION_ARG_NONE, &pulling.only,
         N_("This selection is all there is: what the version holds beyond it goes"), NULL},
        {"no-unpack", 0, 0, G_OPTION_ARG_NONE, &pulling.no_unpack, N_("Archives stay as they are"),
         NULL},
        {"keep-archives", 0, 0, G_OPTION_ARG_NONE, &pulling.keep_archives,
         N_("Unpack, and keep the archives beside the version"), NULL},
        {"to", 0, 0, G_OPTION_ARG_FILENAME, &pulling.to,
         N_("Then a copy of one's own, writable, at DIR (as: medmirror copy)"), "DIR"},
        FETCH_ENTRIES(pulling.fetch_options),
        {"prefer", 0, 0, G_OPTION_ARG_STRING, &pulling.prefer,
         N_("Of a source's back ends that have the same, this one first (tcia: idc, nbia)"),
         "NAME"},
        {"refresh", 0, 0, G_OPTION_ARG_NONE, &pulling.refresh,
         N_("Take what has changed at the source as a new version"), NULL},
        {"allow-incomplete", 0, 0, G_OPTION_ARG_NONE, &pulling.allow_incomplete,
         N_("Install although files failed"), NULL},
        {"resume", 0, 0, G_OPTION_ARG_NONE, &pulling.resume,
         N_("Go on with what is unfinished (of REF, else all), with the options it had"), NULL},
        {NULL}};
    int status = 0;
    if (invocation_parse(invocation, entries, &status)) {
        status = pull_opened(&pulling);
    }
    selection_options_clear(&pulling.selection_options);
    g_clear_pointer(&pulling.selection, selection_free);
    fetch_options_clear(&pulling.fetch_options);
    g_free(pulling.prefer);
    g_free(pulling.to);
    return status;
}

const Verb verb_pull = {
    .name = "pull",
    .summary = N_("Bring datasets: resolve, plan, download, verify, unpack, install"),
    .arguments = "REF...|--resume [REF...]",
    .help =
        N_("REF is an id of the catalogue (mitdb), SOURCE/NAME (physionet/mitdb@1.0.0, uci/45), "
           "the address of a dataset's page or of a file (https://example.org/data.zip, or a "
           "folder with a slash at its end), a DOI (doi:10.13026/C2F305), a manifest of one's own "
           "(./my.json), or a list of series (./my.tcia, .s5cmd, .csv, .tsv). Kaggle's are "
           "kaggle/OWNER/SLUG and kaggle/c/COMPETITION; TCIA's are tcia/COLLECTION, "
           "tcia/COLLECTION/PATIENT and tcia/series/UID; buckets are s3://BUCKET/PREFIX/.\n\n"
           "--where takes KEY=V,V, KEY!=V,V, KEY~GLOB and KEY=@FILE; what is given several times "
           "must all be true. Keys and values are listed by: medmirror show --fields REF\n\n"
           "What was begun goes on where it stopped: type the same command "
           "again, or --resume, which knows its options. Standard output is the path of each "
           "dataset; with --to, of the copy.\n\n"
           "Examples:\n"
           "  medmirror pull mitdb\n"
           "  medmirror pull physionet/ptb-xl --include 'records100/*' --limit-rate 20M\n"
           "  medmirror pull kaggle/kmader/skin-cancer-mnist-ham10000\n"
           "  medmirror pull tcia/LIDC-IDRI --where Modality=CT\n"
           "  medmirror pull --resume"),
    .run = run,
};

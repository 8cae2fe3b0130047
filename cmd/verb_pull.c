#include "error.h"
#include "i18n.h"
#include "job_pull.h"
#include "progress.h"
#include "selection_options.h"
#include "size_text.h"
#include "verbs.h"

#include <string.h>

typedef struct {
    Invocation *invocation;
    SelectionOptions selection_options;
    Selection *selection;
    gboolean only, no_unpack, keep_archives, refresh, allow_incomplete, no_wait, dry_run;
    int jobs, retries;
    char *limit_rate, *require;
    Requirement requirement;
    char *options; /* as typed */
} Pulling;

static void add_line(GString *text, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void add_line(GString *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (text->len) {
        g_string_append_c(text, '\n');
    }
    g_string_append_vprintf(text, format, args);
    va_end(args);
}

static void add_trust(GString *text, const LockHeader *header)
{
    const guint64 *by = header->trust_count;
    const struct {
        guint64 files;
        const char *words;
    } rows[] = {{by[TRUST_LOCKED], _("by the lock")},
                {by[TRUST_DECLARED], _("by digests that are declared")},
                {by[TRUST_HINT], _("agreeing with the size or ETag that the source gives")},
                {by[TRUST_FIRST_USE], _("first use (nobody declares a digest)")}};
    g_autoptr(GString) words = g_string_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].files) {
            g_string_append_printf(words, "%s%" G_GUINT64_FORMAT " %s", words->len ? " · " : "",
                                   rows[i].files, rows[i].words);
        }
    }
    if (words->len) {
        add_line(text, _("verified     %s"), words->str);
    }
}

static void add_part(GString *text, const LockHeader *header)
{
    if (lock_header_is_whole(header)) {
        return;
    }
    g_autofree char *what = selection_describe(header->selection);
    add_line(text,
             ngettext("part         %s: %" G_GUINT64_FORMAT " file is held, %" G_GUINT64_FORMAT
                      " of the source not",
                      "part         %s: %" G_GUINT64_FORMAT " files are held, %" G_GUINT64_FORMAT
                      " of the source not",
                      header->held_files),
             what, header->held_files, header->skipped + header->absent + header->failed);
}

/* The paragraph at the end: what was brought, how much, how fast, how it was verified, its
 * fingerprint, how to cite it. */
static char *describe_result(const PullResult *result)
{
    const LockHeader *header = result->header;
    GString *text = g_string_new(NULL);
    g_autofree char *held = size_text(header->held_bytes);
    g_autofree char *files = g_strdup_printf(
        ngettext("%" G_GUINT64_FORMAT " file", "%" G_GUINT64_FORMAT " files", header->held_files),
        header->held_files);
    if (result->up_to_date) {
        add_line(text,
                 result->not_asked ? _("here         %s@%s; the source was not asked for a newer "
                                       "one: %s, %s")
                 : result->is_weak ? _("up to date   %s@%s, as far as the source tells: %s, %s")
                                   : _("up to date   %s@%s: %s, %s"),
                 result->ref, header->version, files, held);
    } else {
        g_autofree char *received = size_text(result->fetched.received);
        g_autofree char *time = duration_text((guint64)(result->elapsed_us / G_USEC_PER_SEC));
        gdouble seconds = MAX((gdouble)result->elapsed_us / G_USEC_PER_SEC, 0.001);
        g_autofree char *rate = size_text((guint64)((gdouble)result->fetched.received / seconds));
        if (result->fetched.received) {
            add_line(text, _("done         %s@%s: %s, %s; received %s in %s (%s/s)"), result->ref,
                     header->version, files, held, received, time, rate);
        } else {
            add_line(text, _("done         %s@%s: %s, %s; nothing had to be fetched"), result->ref,
                     header->version, files, held);
        }
        if (result->fetched.shared_files) {
            g_autofree char *shared = size_text(result->fetched.shared_bytes);
            add_line(text,
                     _("shared       %" G_GUINT64_FORMAT " files, %s, were in the mirror already"),
                     result->fetched.shared_files, shared);
        }
        add_trust(text, header);
    }
    add_part(text, header);
    add_line(text, _("fingerprint  %s"), header->fingerprint);
    if (header->citation && !result->up_to_date) {
        add_line(text, _("cite         %s"), header->citation);
    }
    return g_string_free(text, FALSE);
}

static json_t *result_json(const PullResult *result)
{
    json_t *facts =
        json_pack("{s:s, s:b, s:b, s:b, s:b}", "ref", result->ref, "up_to_date",
                  result->up_to_date && !result->not_asked, "not_asked", result->not_asked,
                  "as_far_as_the_source_tells", result->is_weak, "installed", result->installed);
    const LockHeader *header = result->header;
    if (header) {
        json_object_update_new(
            facts,
            json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:I, s:I, s:I}", "version", header->version,
                      "path", result->path, "fingerprint", header->fingerprint, "files",
                      (json_int_t)header->held_files, "bytes", (json_int_t)header->held_bytes,
                      "whole", lock_header_is_whole(header), "skipped", (json_int_t)header->skipped,
                      "absent", (json_int_t)header->absent, "failed", (json_int_t)header->failed));
    }
    json_object_set_new(facts, "received", json_integer((json_int_t)result->fetched.received));
    return facts;
}

static gboolean ask_what_is_open(Job *job, Reference *reference, Catalogue *catalogue,
                                 GError **error)
{
    if (reference_is_complete(reference)) {
        return TRUE;
    }
    HostServices *services = job_services(job, error);
    return services && reference_ask(reference, catalogue, services, error);
}

static int pull_one(Job *job, Pulling *pulling, const char *text, guint *failures)
{
    Invocation *invocation = pulling->invocation;
    g_autoptr(GError) error = NULL;
    g_autoptr(Reference) reference = reference_parse(text, invocation->catalogue, &error);
    g_autoptr(PullResult) result = NULL;
    if (reference && reference_can_be_fetched(reference, &error) &&
        ask_what_is_open(job, reference, invocation->catalogue, &error)) {
        PullRequest request = {.reference = reference,
                               .selection = pulling->selection,
                               .only = pulling->only,
                               .no_unpack = pulling->no_unpack,
                               .keep_archives =
                                   pulling->keep_archives || invocation->config->keep_archives,
                               .refresh = pulling->refresh,
                               .allow_incomplete = pulling->allow_incomplete,
                               .no_wait = pulling->no_wait,
                               .dry_run = pulling->dry_run,
                               .require = pulling->requirement,
                               .names = (const char *const *)pulling->selection_options.paths,
                               .options = pulling->options};
        job_pull(job, &request, &result, &error);
    }
    json_t *facts = result ? result_json(result) : json_pack("{s:s}", "ref", text);
    if (error) {
        (*failures)++;
        json_object_set_new(facts, "message", json_string(error->message));
    }
    json_object_set_new(facts, "exit", json_integer(error_exit_status(error)));
    if (result && result->header) {
        g_autofree char *paragraph = describe_result(result);
        job_answer(job, JOB_EVENT_STEP, "result", facts, paragraph, result->path);
    } else {
        job_tell(job, JOB_EVENT_DETAIL, "result", facts, NULL);
    }
    if (error) {
        g_autofree char *line = g_strdup_printf("medmirror: %s", error->message);
        job_answer(job, JOB_EVENT_FAILURE, "error",
                   json_pack("{s:s, s:i, s:s}", "ref", text, "exit", error_exit_status(error),
                             "message", error->message),
                   line, NULL);
    }
    return error_exit_status(error);
}

static int pull_all(Job *job, gpointer data)
{
    Pulling *pulling = data;
    int status = 0;
    guint failures = 0;
    guint refs = 0;
    for (; pulling->invocation->arguments[refs]; refs++) {
        int now = pull_one(job, pulling, pulling->invocation->arguments[refs], &failures);
        status = refs == 0 ? now : exit_status_worst(status, now);
        if (now == 6 || now >= 130) {
            refs++;
            break;
        }
    }
    job_tell(
        job, JOB_EVENT_DETAIL, "summary",
        json_pack("{s:i, s:i, s:i}", "exit", status, "refs", (int)refs, "failed", (int)failures),
        NULL);
    return status;
}

static gboolean take_require(Pulling *pulling)
{
    if (!pulling->require) {
        return TRUE;
    }
    if (strcmp(pulling->require, "declared") == 0) {
        pulling->requirement = REQUIRE_DECLARED;
    } else if (strcmp(pulling->require, "locked") == 0) {
        pulling->requirement = REQUIRE_LOCKED;
    } else {
        return FALSE;
    }
    return TRUE;
}

/* Numbers into the engine's settings; 0, or the exit status of what is wrong. */
static int take_numbers(Pulling *pulling)
{
    Invocation *invocation = pulling->invocation;
    EngineConfig *engine = &invocation->settings.engine_config;
    if (pulling->jobs != -1 && (pulling->jobs < 1 || pulling->jobs > 64)) {
        return invocation_usage(invocation, _("--jobs takes a number from 1 to 64."));
    }
    if (pulling->retries < -1 || pulling->retries > 10000) {
        return invocation_usage(invocation, _("--retries takes a number from 0 to 10000."));
    }
    if (pulling->limit_rate &&
        (!bytes_parse(pulling->limit_rate, &engine->limit_rate) || !engine->limit_rate)) {
        return invocation_usage(invocation,
                                _("--limit-rate takes bytes a second, as in 500k or 10M."));
    }
    if (!take_require(pulling)) {
        return invocation_usage(invocation, _("--require takes declared or locked."));
    }
    if (pulling->jobs > 0) {
        engine->connections_per_host = (guint)pulling->jobs;
        engine->connections_total = (guint)pulling->jobs;
        engine->small_files_per_host = (guint)pulling->jobs;
    }
    if (pulling->retries >= 0) {
        engine->retries = (guint)pulling->retries + 1;
    }
    return 0;
}

/* An option without effect is an error. */
static int check_together(Pulling *pulling)
{
    const SelectionOptions *chosen = &pulling->selection_options;
    if (pulling->only && !chosen->includes && !chosen->excludes && !chosen->files_from) {
        return invocation_usage(pulling->invocation,
                                _("--only goes with --include, --exclude or --files-from: it says "
                                  "that their files are all that the version is to hold."));
    }
    if (pulling->no_unpack && pulling->keep_archives) {
        return invocation_usage(pulling->invocation,
                                _("--no-unpack and --keep-archives exclude each other: the first "
                                  "leaves archives packed, the second keeps them beside what was "
                                  "unpacked."));
    }
    return 0;
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
    int status = take_numbers(pulling);
    if (status) {
        return status;
    }
    pulling->selection = selection_options_make(&pulling->selection_options, &error);
    if (!pulling->selection) {
        return invocation_fail(invocation, error);
    }
    pulling->options = selection_is_all(pulling->selection)
                           ? g_strdup("")
                           : selection_describe(pulling->selection);
    return invocation_run(invocation, pull_all, pulling);
}

static int run(Invocation *invocation)
{
    Pulling pulling = {.invocation = invocation, .jobs = -1, .retries = -1};
    const GOptionEntry entries[] = {
        SELECTION_ENTRIES(pulling.selection_options),
        {"only", 0, 0, G_OPTION_ARG_NONE, &pulling.only,
         N_("This selection is all there is: what the version holds beyond it goes"), NULL},
        {"no-unpack", 0, 0, G_OPTION_ARG_NONE, &pulling.no_unpack, N_("Archives stay as they are"),
         NULL},
        {"keep-archives", 0, 0, G_OPTION_ARG_NONE, &pulling.keep_archives,
         N_("Unpack, and keep the archives beside the version"), NULL},
        {"jobs", 'j', 0, G_OPTION_ARG_INT, &pulling.jobs, N_("At most N connections, 1 to 64"),
         "N"},
        {"limit-rate", 0, 0, G_OPTION_ARG_FILENAME, &pulling.limit_rate,
         N_("At most RATE bytes a second in all, as in 500k or 10M"), "RATE"},
        {"retries", 0, 0, G_OPTION_ARG_INT, &pulling.retries,
         N_("How often a file is tried again without progress (7)"), "N"},
        {"require", 0, 0, G_OPTION_ARG_FILENAME, &pulling.require,
         N_("declared or locked: a file that nobody vouches for is a failure"), "TRUST"},
        {"refresh", 0, 0, G_OPTION_ARG_NONE, &pulling.refresh,
         N_("Take what has changed at the source as a new version"), NULL},
        {"allow-incomplete", 0, 0, G_OPTION_ARG_NONE, &pulling.allow_incomplete,
         N_("Install although files failed"), NULL},
        {"no-wait", 0, 0, G_OPTION_ARG_NONE, &pulling.no_wait,
         N_("End with exit status 8 where another run works on it"), NULL},
        {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &pulling.dry_run,
         N_("Say what would be done, and fetch nothing"), NULL},
        {NULL}};
    int status = 0;
    if (invocation_parse(invocation, entries, &status)) {
        status = invocation->arguments[0]
                     ? pull_opened(&pulling)
                     : invocation_usage(invocation, _("Which dataset? Name one, as in: medmirror "
                                                      "pull mitdb"));
    }
    selection_options_clear(&pulling.selection_options);
    g_clear_pointer(&pulling.selection, selection_free);
    g_free(pulling.limit_rate);
    g_free(pulling.require);
    g_free(pulling.options);
    return status;
}

const Verb verb_pull = {
    .name = "pull",
    .summary = N_("Bring datasets: resolve, plan, download, verify, unpack, install"),
    .arguments = "REF...",
    .help =
        N_("REF is an id of the catalogue (mitdb), SOURCE/NAME (physionet/mitdb@1.0.0, uci/45), "
           "the address of a dataset's page or of a file (https://example.org/data.zip, or a "
           "folder with a slash at its end), a DOI (doi:10.13026/C2F305), or a manifest of one's "
           "own (./my.json). What was begun goes on where it stopped: type the same command "
           "again. Standard output is the path of each dataset.\n\n"
           "Examples:\n"
           "  medmirror pull mitdb\n"
           "  medmirror pull physionet/ptb-xl --include 'records100/*' --limit-rate 20M"),
    .run = run,
};

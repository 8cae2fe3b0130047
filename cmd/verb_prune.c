#include "duration.h"
#include "error.h"
#include "holds.h"
#include "i18n.h"
#include "job_owner.h"
#include "leftovers.h"
#include "progress.h"
#include "size_text.h"
#include "verbs.h"

#include <string.h>

/* Unfinished pulls are worth more than their age tells, for so long. */
#define UNFINISHED_SECONDS ((guint64)30 * 86400)

typedef struct {
    Invocation *invocation;
    gboolean kinds[LEFTOVER_KINDS];
    gboolean dry_run;
    guint64 older_than; /* seconds */
    gboolean has_age, has_kinds;
    guint64 freed, kept, files;
} Pruning;

static const char *const kind_names[LEFTOVER_KINDS] = {"unfinished", "partial", "evidence",
                                                       "archives"};

static gboolean is_young(const Pruning *pruning, const Leftover *leftover)
{
    /* A stage that was asked for by name goes, as evidence does; else unfinished pulls have time.
     */
    guint64 most = pruning->has_age ? pruning->older_than
                   : leftover->kind == LEFTOVER_UNFINISHED && !pruning->has_kinds
                       ? UNFINISHED_SECONDS
                       : 0;
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    return most > 0 && now - leftover->touched < (gint64)most;
}

static char *leftover_name(const Leftover *leftover)
{
    return leftover->kind == LEFTOVER_ARCHIVES
               ? g_strdup_printf("%s@%s", leftover->folder, leftover->version)
               : g_strdup(leftover->folder);
}

static json_t *leftover_json(const Leftover *leftover)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(leftover->touched);
    g_autofree char *touched = time ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("");
    return json_pack("{s:s, s:s, s:s?, s:s?, s:I, s:I, s:s}", "kind", kind_names[leftover->kind],
                     "folder", leftover->folder, "ref", leftover->ref, "version", leftover->version,
                     "files", (json_int_t)leftover->files, "bytes", (json_int_t)leftover->bytes,
                     "touched", touched);
}

static void tell_kept(Job *job, Pruning *pruning, const Leftover *leftover)
{
    g_autofree char *name = leftover_name(leftover);
    g_autofree char *size = size_text(leftover->bytes);
    json_t *facts = leftover_json(leftover);
    json_object_set_new(facts, "reason", json_string(leftover->lives ? "in use" : "young"));
    pruning->kept++;
    if (leftover->lives) {
        job_tell(job, JOB_EVENT_STEP, "kept", facts,
                 _("kept         %s of %s (%s): another run works on it"),
                 kind_names[leftover->kind], name, size);
    } else if (leftover->kind == LEFTOVER_UNFINISHED && !pruning->has_age) {
        job_tell(job, JOB_EVENT_STEP, "kept", facts,
                 _("kept         the unfinished pull of %s (%s): it is younger than 30 days. It "
                   "goes on with: medmirror pull %s; it goes with: medmirror prune --unfinished"),
                 name, size, leftover->ref ? leftover->ref : name);
    } else {
        job_tell(job, JOB_EVENT_DETAIL, "kept", facts, _("kept         %s of %s (%s): too young"),
                 kind_names[leftover->kind], name, size);
    }
}

static gboolean prune_one(Job *job, Pruning *pruning, Mirror *mirror, const Leftover *leftover,
                          GError **error)
{
    if (!pruning->dry_run) {
        g_autoptr(GError) busy = NULL;
        g_autoptr(Owner) owner =
            job_take_owner(job, mirror, leftover->folder, leftover->folder, "prune", TRUE, &busy);
        if (g_error_matches(busy, MEDMIRROR_ERROR, MEDMIRROR_ERROR_BUSY)) {
            Leftover used = *leftover;
            used.lives = TRUE;
            tell_kept(job, pruning, &used);
            return TRUE;
        }
        if (!owner) {
            g_propagate_error(error, g_steal_pointer(&busy));
            return FALSE;
        }
        if (!leftover_remove(mirror, leftover, error)) {
            return FALSE;
        }
    }
    g_autofree char *name = leftover_name(leftover);
    g_autofree char *size = size_text(leftover->bytes);
    g_autofree char *kind = text_pad(kind_names[leftover->kind], 10);
    g_autofree char *padded = text_pad(size, 10);
    g_autofree char *line = g_strdup_printf("%s  %s  %s", kind, padded, name);
    pruning->freed += leftover->bytes;
    pruning->files += leftover->files;
    job_answer(job, JOB_EVENT_DETAIL, pruning->dry_run ? "would-prune" : "pruned",
               leftover_json(leftover), NULL, line);
    return TRUE;
}

/* Holds that are over and owner files of dead runs: too small to be counted. */
static void forget_small_things(Mirror *mirror)
{
    g_autoptr(GPtrArray) holds = hold_list(mirror, NULL, NULL, NULL);
    gboolean found;
    leftovers_forget_dead_owners(mirror);
    for (guint i = 0; holds && i < holds->len; i++) {
        const Hold *hold = g_ptr_array_index(holds, i);
        if (hold->is_over) {
            hold_remove(mirror, hold->folder, hold->version, hold->user, &found, NULL);
        }
    }
}

static int tell_error(Job *job, const GError *error)
{
    int status = error_exit_status(error);
    job_tell(job, JOB_EVENT_FAILURE, "error",
             json_pack("{s:i, s:s}", "exit", status, "message", error->message), "medmirror: %s",
             error->message);
    return status;
}

static int prune_each(Job *job, Pruning *pruning, Mirror *mirror, const GPtrArray *leftovers)
{
    int status = 0;
    for (guint i = 0; i < leftovers->len; i++) {
        const Leftover *leftover = g_ptr_array_index(leftovers, i);
        g_autoptr(GError) error = NULL;
        if (leftover->lives || is_young(pruning, leftover)) {
            tell_kept(job, pruning, leftover);
        } else if (job_is_cancelled(job)) {
            job_set_cancelled_error(job, "medmirror prune", &error);
        } else {
            prune_one(job, pruning, mirror, leftover, &error);
        }
        if (error) {
            int now = tell_error(job, error);
            status = status ? exit_status_worst(status, now) : now;
            if (now >= 130) {
                break;
            }
        }
    }
    return status;
}

static int prune(Job *job, gpointer data)
{
    Pruning *pruning = data;
    g_autoptr(GError) error = NULL;
    guint kinds = 0;
    for (guint i = 0; i < LEFTOVER_KINDS; i++) {
        kinds |= pruning->kinds[i] ? 1U << i : 0;
    }
    g_autoptr(Mirror) mirror =
        mirror_open(pruning->invocation->mirror_path,
                    pruning->dry_run ? MIRROR_OPEN_READ : MIRROR_OPEN_CHANGE, &error);
    g_autoptr(GPtrArray) leftovers = mirror ? leftovers_find(mirror, kinds, &error) : NULL;
    int status = leftovers ? prune_each(job, pruning, mirror, leftovers) : tell_error(job, error);
    if (leftovers) {
        g_autofree char *freed = size_text(pruning->freed);
        if (!pruning->dry_run) {
            forget_small_things(mirror);
        }
        job_tell(job, JOB_EVENT_STEP, "freed",
                 json_pack("{s:I, s:I, s:I, s:b}", "bytes", (json_int_t)pruning->freed, "files",
                           (json_int_t)pruning->files, "kept", (json_int_t)pruning->kept, "dry_run",
                           pruning->dry_run),
                 pruning->dry_run ? _("would free   %s in %s; now with: medmirror prune")
                                  : _("freed        %s in %s"),
                 freed, mirror_path(mirror));
    }
    job_tell(job, JOB_EVENT_DETAIL, "summary", json_pack("{s:i}", "exit", status), NULL);
    return status;
}

static int run(Invocation *invocation)
{
    Pruning pruning = {.invocation = invocation};
    g_autofree char *older_than = NULL;
    const GOptionEntry entries[] = {
        {"unfinished", 0, 0, G_OPTION_ARG_NONE, &pruning.kinds[LEFTOVER_UNFINISHED],
         N_("What unfinished pulls received, with their partial files"), NULL},
        {"stage", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &pruning.kinds[LEFTOVER_UNFINISHED],
         NULL, NULL},
        {"partial", 0, 0, G_OPTION_ARG_NONE, &pruning.kinds[LEFTOVER_PARTIAL],
         N_("Partial files of no known pull"), NULL},
        {"evidence", 0, 0, G_OPTION_ARG_NONE, &pruning.kinds[LEFTOVER_EVIDENCE],
         N_("Wrong copies of files that were kept to look at"), NULL},
        {"archives", 0, 0, G_OPTION_ARG_NONE, &pruning.kinds[LEFTOVER_ARCHIVES],
         N_("Original archives kept beside versions (--keep-archives); never without this option"),
         NULL},
        {"older-than", 0, 0, G_OPTION_ARG_FILENAME, &older_than,
         N_("Only what was not touched for so long, as in 30d, 12h or 0d"), "TIME"},
        {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &pruning.dry_run,
         N_("Say what would go, and remove nothing"), NULL},
        {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status)) {
        return status;
    }
    if (invocation->arguments[0]) {
        return invocation_usage(invocation,
                                _("prune frees leftovers of the whole mirror. A "
                                  "version is removed by: medmirror remove %s"),
                                invocation->arguments[0]);
    }
    if (older_than && !duration_parse(older_than, &pruning.older_than)) {
        return invocation_usage(invocation, _("--older-than takes a time, as in 30d, 12h or 0d."));
    }
    pruning.has_age = older_than != NULL;
    for (guint i = 0; i < LEFTOVER_KINDS; i++) {
        pruning.has_kinds = pruning.has_kinds || pruning.kinds[i];
    }
    for (guint i = 0; i < LEFTOVER_KINDS && !pruning.has_kinds; i++) {
        pruning.kinds[i] = i != LEFTOVER_ARCHIVES;
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    return invocation_run(invocation, prune, &pruning);
}

const Verb verb_prune = {
    .name = "prune",
    .summary = N_("Free what runs left behind; never a version"),
    .arguments = "",
    .help = N_("Without an option: partial files of no known pull, evidence (wrong copies), and "
               "unfinished pulls that were not touched for 30 days. With options, these kinds "
               "alone, of any age unless --older-than says otherwise. What a living run works on "
               "stays. Standard output is a line for each thing that went: kind, size on disk, "
               "dataset.\n\n"
               "Examples:\n"
               "  medmirror prune --dry-run\n"
               "  medmirror prune --unfinished --older-than 7d"),
    .run = run,
};

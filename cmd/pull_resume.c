#include "pull_resume.h"

#include "error.h"
#include "i18n.h"
#include "pull_note.h"
#include "pull_result.h"
#include "size_text.h"

#include <string.h>

typedef struct {
    Job *job;
    const ResumeSpec *spec;
    PullTally tally;
} Resume;

/* "14:02" of today, else the day too; of this machine's clock. Owned. */
static char *when_text(const char *stamp)
{
    g_autoptr(GDateTime) utc = stamp ? g_date_time_new_from_iso8601(stamp, NULL) : NULL;
    g_autoptr(GDateTime) then = utc ? g_date_time_to_local(utc) : NULL;
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    if (!then) {
        return g_strdup("?");
    }
    gboolean today = g_date_time_get_year(then) == g_date_time_get_year(now) &&
                     g_date_time_get_day_of_year(then) == g_date_time_get_day_of_year(now);
    return g_date_time_format(then, today ? "%H:%M" : "%Y-%m-%d %H:%M");
}

static void tell_going_on(Resume *resume, const UnfinishedInfo *info, const PullNote *note)
{
    g_autofree char *options = pull_note_options(note);
    g_autofree char *when = when_text(note->begun);
    g_autofree char *held = size_text(info->held_bytes);
    gboolean own = g_strcmp0(note->user, g_get_user_name()) == 0;
    gboolean here = g_strcmp0(note->host, g_get_host_name()) == 0;
    const char *user = note->user ? note->user : "?";
    job_tell(resume->job, JOB_EVENT_STEP, "resume",
             json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:I}", "ref",
                       info->ref ? info->ref : note->text, "options", options, "begun", note->begun,
                       "user", note->user, "host", note->host, "bytes",
                       (json_int_t)info->held_bytes),
             _("going on     %s%s%s, begun %s by %s on %s; %s kept, nothing is fetched twice"),
             note->text, *options ? " " : "", options, when, own ? _("you") : user,
             here         ? _("this machine")
             : note->host ? note->host
                          : "?",
             held);
}

/* Of files that somebody has, no source is asked unless it is said. */
static void leave_adoption(Resume *resume, const UnfinishedInfo *info, const char *name)
{
    job_tell(resume->job, JOB_EVENT_STEP, "note", NULL,
             _("%s: it is an adoption that was interrupted. Go on with: %s, or bring it from its "
               "source: medmirror pull %s"),
             name, info->adopting, name);
    pull_tally_add(&resume->tally, 0);
}

static void go_on(Resume *resume, Mirror *mirror, const UnfinishedInfo *info)
{
    const char *name = info->ref ? info->ref : info->folder;
    if (info->adopting) {
        leave_adoption(resume, info, name);
        return;
    }
    g_autoptr(GError) error = NULL;
    g_autofree char *text = stage_read_request(mirror, info->folder);
    g_autoptr(PullNote) note = pull_note_parse(text ? text : "", &error);
    if (!note) {
        g_prefix_error(&error, "%s: ", name);
        pull_tell_error(resume->job, name, error);
        pull_tally_add(&resume->tally, error_exit_status(error));
        return;
    }
    tell_going_on(resume, info, note);
    if (note->list) {
        job_tell(resume->job, JOB_EVENT_STEP, "note",
                 json_pack("{s:s, s:s}", "ref", name, "list", note->list),
                 _("%s: where its series lie is asked of the Imaging Data Commons. To go on by the "
                   "places that your own list tells, type: medmirror pull %s"),
                 name, note->list);
    }
    PullRequest request = {.no_wait = resume->spec->no_wait,
                           .dry_run = resume->spec->dry_run,
                           .kept_bytes = info->held_bytes};
    pull_note_apply(note, &request);
    pull_and_tell(resume->job, resume->spec->catalogue, note->text, &request, &resume->tally);
}

static const UnfinishedInfo *find_info(const GPtrArray *all, const char *text,
                                       const Reference *reference)
{
    for (guint i = 0; i < all->len; i++) {
        const UnfinishedInfo *info = g_ptr_array_index(all, i);
        if ((reference && g_strcmp0(info->folder, reference->folder) == 0) ||
            g_strcmp0(info->ref, text) == 0) {
            return info;
        }
    }
    return NULL;
}

/* Nothing of it is unfinished: it was finished, or never begun. */
static void answer_finished(Resume *resume, Mirror *mirror, const char *text,
                            const Reference *reference)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) versions = mirror_versions(mirror, reference->folder, &error);
    if (!error && (!versions || versions->len == 0)) {
        g_set_error(&error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s was not begun, and is not here. Begin it with: medmirror pull %s"), text,
                    text);
    }
    if (error || !versions) {
        pull_tell_error(resume->job, text, error);
        pull_tally_add(&resume->tally, error_exit_status(error));
        return;
    }
    const LockHeader *newest = g_ptr_array_index(versions, 0);
    g_autofree char *path = mirror_version_path(mirror, newest->folder, newest->version);
    g_autofree char *line = g_strdup_printf(_("here         %s@%s: nothing of it is unfinished"),
                                            newest->ref, newest->version);
    job_answer(resume->job, JOB_EVENT_STEP, "result",
               json_pack("{s:s, s:i, s:s, s:s}", "ref", newest->ref, "exit", 0, "version",
                         newest->version, "path", path),
               line, path);
    pull_tally_add(&resume->tally, 0);
}

static void go_on_with(Resume *resume, Mirror *mirror, const GPtrArray *all, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Reference) reference = reference_parse(text, resume->spec->catalogue, &error);
    const UnfinishedInfo *info = find_info(all, text, reference);
    if (info) {
        go_on(resume, mirror, info);
    } else if (reference) {
        answer_finished(resume, mirror, text, reference);
    } else {
        pull_tell_error(resume->job, text, error);
        pull_tally_add(&resume->tally, error_exit_status(error));
    }
}

static gboolean resume_in(Resume *resume, GError **error)
{
    const char *path = job_settings(resume->job)->mirror_path;
    g_autoptr(GError) absent = NULL;
    g_autoptr(Mirror) mirror = mirror_open(path, MIRROR_OPEN_READ, &absent);
    if (!mirror && (resume->spec->refs[0] ||
                    !g_error_matches(absent, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT))) {
        g_propagate_error(error, g_steal_pointer(&absent));
        return FALSE;
    }
    g_autoptr(GPtrArray) all = mirror ? stage_list_unfinished(mirror, error) : NULL;
    if (mirror && !all) {
        return FALSE;
    }
    char **refs = resume->spec->refs;
    for (guint i = 0; refs[i] && !resume->tally.must_end; i++) {
        go_on_with(resume, mirror, all, refs[i]);
    }
    for (guint i = 0; all && !refs[0] && i < all->len && !resume->tally.must_end; i++) {
        go_on(resume, mirror, g_ptr_array_index(all, i));
    }
    if (resume->tally.refs == 0) {
        job_tell(resume->job, JOB_EVENT_STEP, "note", NULL,
                 _("Nothing is unfinished in the mirror %s."), path);
    }
    return TRUE;
}

int pull_resume(Job *job, const ResumeSpec *spec)
{
    Resume resume = {.job = job, .spec = spec};
    g_autoptr(GError) error = NULL;
    if (!resume_in(&resume, &error)) {
        pull_tell_error(job, job_settings(job)->mirror_path, error);
        pull_tally_add(&resume.tally, error_exit_status(error));
    }
    pull_tell_summary(job, &resume.tally);
    return resume.tally.status;
}

/* Which of a download's addresses is asked: from one leg of its course to the next. */
#include "error.h"
#include "i18n.h"
#include "job_bundle.h"

static const char *first_address(const Work *work, const Leg *leg)
{
    return g_ptr_array_index(work->row->file->addresses, leg->first);
}

void work_begin_leg(Work *work)
{
    const Leg *leg = course_leg(work->course);
    if (leg->is_bundle) {
        bundle_start(work, first_address(work, leg));
    } else {
        g_queue_push_tail(&work->fetch->waiting, work);
        works_waiting(work->fetch);
    }
}

void works_waiting(Fetch *fetch)
{
    while (fetch->waiting.length && !fetch_is_stopping(fetch) && work_has_place(fetch)) {
        Work *work = g_queue_pop_head(&fetch->waiting);
        work_take_place(work);
        work_transfer(work);
    }
    while (fetch->waiting.length && fetch_is_stopping(fetch)) {
        Work *work = g_queue_pop_head(&fetch->waiting);
        spool_put_back(fetch->spool, work->row->id);
        work_free(work);
    }
}

static gboolean has_bundle(const FileSpec *file)
{
    for (guint i = 0; i < file->addresses->len; i++) {
        if (address_is_bundle(g_ptr_array_index(file->addresses, i))) {
            return TRUE;
        }
    }
    return FALSE;
}

gboolean work_begin_course(Work *work)
{
    const FileSpec *file = work->row->file;
    const Fetch *fetch = work->fetch;
    if (fetch->spec->local) {
        gboolean by_images = fetch->spec->local->series && file->unpack && file->unpack->series;
        if (by_images) {
            bundle_start(work, NULL);
        }
        return by_images;
    }
    gboolean by_objects = file->role == FILE_ROLE_ARCHIVE && file->unpack && file->unpack->series &&
                          fetch->spec->reference->fetcher->list_bundle;
    if (!by_objects && !has_bundle(file)) {
        return FALSE;
    }
    work->course = course_new(file->addresses, by_objects);
    if (!course_leg(work->course)) {
        work_fail(work,
                  g_error_new(MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                              _("%s lies at its source as single objects alone, and not as an "
                                "archive. Pull it without --no-unpack: %s"),
                              file->path, fetch->spec->command));
        return TRUE;
    }
    work_begin_leg(work);
    return TRUE;
}

static void tell_next(Work *work, const char *from, const Leg *next, const char *why)
{
    const char *to = first_address(work, next);
    g_autofree char *clause = course_clause(why);
    job_tell(work->fetch->job, JOB_EVENT_DETAIL, "back-end",
             json_pack("{s:s, s:s, s:s, s:s}", "path", work->row->file->path, "from", from, "to",
                       to, "why", clause),
             _("%s: %s: %s; it is fetched from %s."), work->row->file->path, from, clause, to);
}

static void fail(Work *work)
{
    if (course_is_empty(work->course)) {
        work_is_absent(work, 404, g_ptr_array_index(work->row->file->addresses, 0));
        return;
    }
    const Reference *reference = work->fetch->spec->reference;
    const FileSpec *file = work->row->file;
    if (work->error) {
        work_fail(work, g_steal_pointer(&work->error));
        return;
    }
    g_autofree char *words = course_words(work->course);
    const char *name = file->unpack && file->unpack->series ? file->unpack->series : file->path;
    work_fail(work, g_error_new(MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                                _("%s of %s could not be had from anywhere: %s. The others go on; "
                                  "ask for it again later with: %s"),
                                name, reference->ref, words, work->fetch->spec->command));
}

void work_leg_over(Work *work, LegEnd end, const char *why)
{
    if (fetch_is_stopping(work->fetch)) {
        spool_put_back(work->fetch->spool, work->row->id);
        work_free(work);
        return;
    }
    if (work_look_again(work, end, why)) {
        return;
    }
    const char *from = first_address(work, course_leg(work->course));
    const Leg *next = course_advance(work->course, end, why);
    if (next) {
        tell_next(work, from, next, why);
        work_begin_leg(work);
    } else {
        fail(work);
    }
}

static LegEnd end_of(const Outcome *outcome)
{
    switch (outcome->kind) {
    case OUTCOME_ABSENT:
        return LEG_EMPTY;
    case OUTCOME_REFUSED:
    case OUTCOME_FOREIGN_REFUSAL:
    case OUTCOME_UNSAFE:
        return LEG_REFUSED;
    case OUTCOME_TRUNCATED_ARCHIVE:
    case OUTCOME_WRONG_BYTES:
        return LEG_WRONG;
    default:
        return LEG_FAILED;
    }
}

void work_leg_failed(Work *work, const Outcome *outcome)
{
    const Reference *reference = work->fetch->spec->reference;
    g_clear_error(&work->error);
    if (work->course->legs->len == 1 && outcome->kind != OUTCOME_ABSENT) {
        work->error = outcome_to_error(outcome, work->row->file->path, reference->ref,
                                       reference->fetcher, reference->locator, reference->manifest);
    }
    work->end = end_of(outcome);
    g_free(work->why);
    work->why = outcome->detail   ? g_strdup(outcome->detail)
                : outcome->status ? g_strdup_printf("HTTP %d", outcome->status)
                                  : g_strdup(outcome_kind_name(outcome->kind));
    work->leaves = TRUE;
    work_close_leg(work);
}

void work_close_leg(Work *work)
{
    GError *error = NULL;
    if (work->members && !members_close(work->members)) {
        return; /* again when the unpacking has ended */
    }
    work->leaves = FALSE;
    if (work->partial && !partial_file_drop(work->partial, -1, NULL, NULL, &error)) {
        fetch_stop(work->fetch, error);
    }
    work_clear(work);
    g_autofree char *why = g_steal_pointer(&work->why);
    work_leg_over(work, work->end, why);
}

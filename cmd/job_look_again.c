/* What came is not what the listing says: the source may say something else of it by now. */
#include "error.h"
#include "event_log.h"
#include "file_facts.h"
#include "i18n.h"
#include "job_bundle.h"
#include "spool_series.h"

typedef struct {
    Work *work;
    pthread_t thread;
    json_t *facts; /* NULL: nothing was told */
    GError *error;
} Look;

static gboolean on_cancelled(gpointer data)
{
    return job_is_cancelled(((Look *)data)->work->fetch->job);
}

/* FALSE where nothing is new. */
static gboolean renew(Look *look, GError **error)
{
    Work *work = look->work;
    FileSpec *file = work->row->file;
    g_autofree char *before = file_facts_content(file->facts);
    g_autofree char *now = look->facts ? file_facts_content(look->facts) : NULL;
    if (!now || g_strcmp0(before, now) == 0 ||
        !spool_note_facts(work->fetch->spool, work->row->id, look->facts, error)) {
        return FALSE;
    }
    json_decref(file->facts);
    file->facts = g_steal_pointer(&look->facts);
    work->fetch->report->renewed = TRUE;
    job_tell(work->fetch->job, JOB_EVENT_DETAIL, "again",
             json_pack("{s:s, s:s, s:s}", "path", file->path, "reason", "listing changed", "detail",
                       work->why),
             _("%s: %s; the source lists it otherwise by now, and it is asked for again."),
             file->path, work->why);
    return TRUE;
}

static void look_free(Look *look)
{
    json_decref(look->facts);
    g_clear_error(&look->error);
    g_free(look);
}

static void on_looked(gpointer data)
{
    Look *look = data;
    Work *work = look->work;
    GError *error = NULL;
    pthread_join(look->thread, NULL);
    if (look->error) {
        event_log(EVENT_LOG_DEBUG, "%s: %s", work->row->file->path, look->error->message);
    }
    gboolean is_new = renew(look, &error);
    look_free(look);
    if (error) {
        fetch_stop(work->fetch, error);
    }
    if (is_new && !fetch_is_stopping(work->fetch)) {
        work_begin_leg(work);
        return;
    }
    g_autofree char *why = g_steal_pointer(&work->why);
    work_leg_over(work, work->end, why);
}

static void *look_thread(void *data)
{
    Look *look = data;
    const Fetch *fetch = look->work->fetch;
    const Reference *reference = fetch->spec->reference;
    HostServices *services =
        documents_new(fetch->engine, job_settings(fetch->job)->endpoints, on_cancelled, look);
    look->facts = reference->fetcher->look_again(reference->fetcher, reference->locator,
                                                 look->work->row->file, services, &look->error);
    documents_free(services);
    task_queue_push(job_store(fetch->job), on_looked, look);
    return NULL;
}

gboolean work_look_again(Work *work, LegEnd end, const char *why)
{
    if (work->has_looked || end != LEG_WRONG ||
        !work->fetch->spec->reference->fetcher->look_again) {
        return FALSE;
    }
    Look *look = g_new0(Look, 1);
    look->work = work;
    char *kept = g_strdup(why);
    g_free(work->why);
    work->why = kept;
    work->end = end;
    work->has_looked = TRUE;
    if (pthread_create(&look->thread, NULL, look_thread, look) != 0) {
        look_free(look);
        return FALSE;
    }
    return TRUE;
}

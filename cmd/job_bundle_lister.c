/* The thread of one bundle: its objects, and what the publisher declares of them. */
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "job_bundle.h"

#define MOST_VOUCH_FAILURES 5 /* in a row */

static gboolean is_closing(Bundle *bundle)
{
    pthread_mutex_lock(&bundle->lock);
    gboolean closing = bundle->closing;
    pthread_mutex_unlock(&bundle->lock);
    return closing;
}

static gboolean on_cancelled(gpointer data)
{
    Bundle *bundle = data;
    return job_is_cancelled(bundle->fetch->job) || is_closing(bundle);
}

static void run_bundles(gpointer data)
{
    bundles_run(((Bundle *)data)->fetch);
}

static gboolean on_part(gpointer data, const BundlePart *listed, GError **error)
{
    Bundle *bundle = data;
    pthread_mutex_lock(&bundle->lock);
    while (bundle->waiting.length >= MOST_PARTS_WAITING && !bundle->closing) {
        pthread_cond_wait(&bundle->changed, &bundle->lock);
    }
    gboolean closing = bundle->closing;
    gboolean was_empty = bundle->waiting.length == 0;
    if (!closing) {
        g_queue_push_tail(&bundle->waiting, part_new(bundle, listed));
    }
    pthread_mutex_unlock(&bundle->lock);
    if (closing) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED,
                            _("The listing was broken off."));
    } else if (was_empty) {
        task_queue_push(job_store(bundle->fetch->job), run_bundles, bundle);
    }
    return !closing;
}

/* Store thread: the last that comes of the lister. */
static void on_listed(gpointer data)
{
    Bundle *bundle = data;
    pthread_join(bundle->thread, NULL);
    bundle->lists = FALSE;
    if (bundle->vouch_error) {
        event_log(EVENT_LOG_DEBUG, "%s: %s", bundle->work->row->file->path,
                  bundle->vouch_error->message);
    }
    bundles_run(bundle->fetch);
}

/* A service that does not answer is not waited for with each of thousands of series. */
static void ask_hash(Bundle *bundle, HostServices *services)
{
    const Reference *reference = bundle->fetch->spec->reference;
    gint *failures = &bundle->fetch->vouch_failures;
    if (g_atomic_int_get(failures) >= MOST_VOUCH_FAILURES) {
        g_set_error_literal(&bundle->vouch_error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                            _("The source did not answer for others before, and is not asked any "
                              "more."));
    } else if (reference->fetcher->vouch(reference->fetcher, reference->locator,
                                         bundle->work->row->file, services, &bundle->declared,
                                         &bundle->vouch_error)) {
        g_atomic_int_set(failures, 0);
    } else if (!is_closing(bundle)) {
        g_atomic_int_inc(failures);
    }
}

/* What is declared is asked while the objects come. */
static void *list(void *data)
{
    Bundle *bundle = data;
    const Reference *reference = bundle->fetch->spec->reference;
    const Fetcher *fetcher = reference->fetcher;
    const FileSpec *file = bundle->work->row->file;
    const BundleTaker taker = {.part = on_part, .data = bundle};
    HostServices *services =
        bundle->engine ? documents_new(bundle->engine, job_settings(bundle->fetch->job)->endpoints,
                                       on_cancelled, bundle)
                       : NULL;
    gboolean listed = bundle->fetch->spec->local
                          ? local_parts_list(bundle, &taker, &bundle->list_error)
                          : fetcher->list_bundle(fetcher, reference->locator, file, bundle->address,
                                                 services, &taker, &bundle->list_error);
    if (listed && services && fetcher->vouch && !is_closing(bundle)) {
        ask_hash(bundle, services);
    }
    documents_free(services);
    task_queue_push(job_store(bundle->fetch->job), on_listed, bundle);
    return NULL;
}

gboolean bundle_list(Bundle *bundle)
{
    bundle->lists = pthread_create(&bundle->thread, NULL, list, bundle) == 0;
    return bundle->lists;
}

void bundle_close(Bundle *bundle)
{
    GQueue waiting = G_QUEUE_INIT;
    pthread_mutex_lock(&bundle->lock);
    bundle->closing = TRUE;
    waiting = bundle->waiting;
    g_queue_init(&bundle->waiting);
    pthread_cond_broadcast(&bundle->changed);
    pthread_mutex_unlock(&bundle->lock);
    g_queue_clear_full(&waiting, (GDestroyNotify)part_free);
}

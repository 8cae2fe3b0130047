#include "job_list.h"

#include "error.h"
#include "i18n.h"
#include "where_check.h"

#include <glib/gstdio.h>

static gboolean on_head(gpointer data, const ListingHead *head, GError **error)
{
    return TRUE;
}

static gboolean on_file(gpointer data, const FileSpec *file, GError **error)
{
    return spool_add(data, file, error);
}

static gboolean on_digest(gpointer data, const char *path, const Digest *digest, GError **error)
{
    return spool_declare(data, path, digest, error);
}

/* A key that no file has is told, where nothing was taken. */
static gboolean check_keys(Spool *spool, const Reference *reference, const Selection *selection,
                           GError **error)
{
    SpoolTotals totals;
    if (!selection_looks_at_facts(selection)) {
        return TRUE;
    }
    if (!spool_totals(spool, &totals, error) || totals.queued > 0) {
        return error == NULL || *error == NULL;
    }
    g_autoptr(GPtrArray) keys = spool_fact_keys(spool, error);
    const char *missing = keys ? where_missing_key(selection, keys) : NULL;
    return keys && (!missing || where_set_missing(reference->ref, missing, keys, error));
}

static gboolean list(Job *job, const Reference *reference, const Selection *selection,
                     const char *folder,
                     gboolean (*func)(const SpoolDownload *download, gpointer data, GError **error),
                     gpointer data, GError **error)
{
    HostServices *services = job_services(job, error);
    g_autofree char *file = g_build_filename(folder, "spool.db", NULL);
    g_autoptr(Spool) spool = services ? spool_open(file, error) : NULL;
    g_autoptr(Selection) all = selection_new_all();
    if (!spool || !spool_begin_listing(spool, selection ? selection : all, error)) {
        return FALSE;
    }
    ResolveRequest request = {.locator = reference->locator,
                              .manifest = reference->manifest,
                              .version = reference->version,
                              .index = reference->index};
    ListingTaker taker = {.head = on_head, .file = on_file, .digest = on_digest, .data = spool};
    if (reference->fetcher->resolve(reference->fetcher, &request, services, &taker, error) ==
        RESOLVE_FAILED) {
        if (job_is_cancelled(job)) {
            g_clear_error(error);
            g_autofree char *command = g_strdup_printf("medmirror files %s", reference->ref);
            job_set_cancelled_error(job, command, error);
        }
        return FALSE;
    }
    return spool_end_listing(spool, error) &&
           spool_each_download(spool, SPOOL_QUEUED, func, data, error) &&
           (selection || spool_each_download(spool, SPOOL_SKIPPED, func, data, error)) &&
           (!selection || check_keys(spool, reference, selection, error));
}

gboolean job_list(Job *job, const Reference *reference, const Selection *selection,
                  gboolean (*func)(const SpoolDownload *download, gpointer data, GError **error),
                  gpointer data, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *folder = g_dir_make_tmp("medmirror-list-XXXXXX", &failure);
    if (!folder) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE,
                    _("The temporary folder cannot be used: %s Set TMPDIR to another one."),
                    failure->message);
        return FALSE;
    }
    gboolean done = list(job, reference, selection, folder, func, data, error);
    g_autofree char *file = g_build_filename(folder, "spool.db", NULL);
    g_unlink(file);
    g_rmdir(folder);
    return done;
}

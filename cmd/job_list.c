#include "job_list.h"

#include "error.h"
#include "i18n.h"
#include "where_check.h"

#include <glib/gstdio.h>

typedef struct {
    const ListReader *reader;
    Spool *spool;
    ListingHead *head; /* the last one */
} Lister;

static gboolean on_head(gpointer data, const ListingHead *head, GError **error)
{
    Lister *lister = data;
    g_clear_pointer(&lister->head, listing_head_free);
    lister->head = listing_head_copy(head);
    return TRUE;
}

static gboolean on_file(gpointer data, const FileSpec *file, GError **error)
{
    return spool_add(((Lister *)data)->spool, file, error);
}

static gboolean on_digest(gpointer data, const char *path, const Digest *digest, GError **error)
{
    return spool_declare(((Lister *)data)->spool, path, digest, error);
}

static gboolean on_member(gpointer data, const char *archive, const char *path, guint64 size,
                          GError **error)
{
    const ListReader *reader = ((Lister *)data)->reader;
    return reader->member(archive, path, size, reader->data, error);
}

static void tell_notes(Job *job, const Reference *reference, const ListingHead *head)
{
    for (guint i = 0; head && head->notes && i < head->notes->len; i++) {
        const char *note = g_ptr_array_index(head->notes, i);
        job_tell(job, JOB_EVENT_WARNING, "note",
                 json_pack("{s:s, s:s}", "ref", reference->ref, "text", note), "%s: %s",
                 reference->ref, note);
    }
}

/* The source's answer into SPOOL. */
static gboolean resolve(Job *job, const Reference *reference, const ListReader *reader,
                        Spool *spool, GError **error)
{
    Lister lister = {.reader = reader, .spool = spool};
    const ResolveRequest request = {.locator = reference->locator,
                                    .manifest = reference->manifest,
                                    .version = reference->version,
                                    .index = reference->index};
    const ListingTaker taker = {.head = on_head,
                                .file = on_file,
                                .digest = on_digest,
                                .member = reader->member ? on_member : NULL,
                                .data = &lister};
    ResolveResult result = reference->fetcher->resolve(reference->fetcher, &request,
                                                       job_services(job, NULL), &taker, error);
    if (result != RESOLVE_FAILED) {
        tell_notes(job, reference, lister.head);
    } else if (job_is_cancelled(job)) {
        g_clear_error(error);
        g_autofree char *command = g_strdup_printf("medmirror files %s", reference->ref);
        job_set_cancelled_error(job, command, error);
    }
    listing_head_free(lister.head);
    return result != RESOLVE_FAILED;
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
                     const char *folder, const ListReader *reader, GError **error)
{
    HostServices *services = job_services(job, error);
    g_autofree char *file = g_build_filename(folder, "spool.db", NULL);
    g_autoptr(Spool) spool = services ? spool_open(file, error) : NULL;
    g_autoptr(Selection) all = selection_new_all();
    return spool && spool_begin_listing(spool, selection ? selection : all, error) &&
           resolve(job, reference, reader, spool, error) && spool_end_listing(spool, error) &&
           spool_each_download(spool, SPOOL_QUEUED, reader->download, reader->data, error) &&
           (selection ||
            spool_each_download(spool, SPOOL_SKIPPED, reader->download, reader->data, error)) &&
           (!selection || check_keys(spool, reference, selection, error));
}

gboolean job_list(Job *job, const Reference *reference, const Selection *selection,
                  const ListReader *reader, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *folder = g_dir_make_tmp("medmirror-list-XXXXXX", &failure);
    if (!folder) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE,
                    _("The temporary folder cannot be used: %s Set TMPDIR to another one."),
                    failure->message);
        return FALSE;
    }
    gboolean done = list(job, reference, selection, folder, reader, error);
    g_autofree char *file = g_build_filename(folder, "spool.db", NULL);
    g_unlink(file);
    g_rmdir(folder);
    return done;
}

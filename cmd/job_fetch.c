#include "job_fetch.h"

#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "job_bundle.h"
#include "series_member.h"

#include <dirent.h>
#include <fcntl.h>

#define MOST_WORKS 512  /* handed to the engine at once */
#define BATCH 256       /* rows taken from the spool at once */
#define MOST_ARCHIVES 4 /* archives on their way at once: each holds a child and its own room */
#define MOST_BEHIND (1ULL << 30) /* bytes that arrived and are not digested or unpacked yet */
#define NOTES_A_FLUSH 5000
#define LOOK_US G_USEC_PER_SEC

void fetch_stop(Fetch *fetch, GError *error)
{
    if (fetch->fatal) {
        g_clear_error(&error);
    } else {
        fetch->fatal = error;
    }
    if (!fetch->stopping) {
        fetch->stopping = TRUE;
        if (fetch->engine) {
            engine_cancel(fetch->engine);
        }
    }
}

gboolean fetch_is_stopping(const Fetch *fetch)
{
    return fetch->stopping || job_is_cancelled(fetch->job);
}

void fetch_noted(Fetch *fetch)
{
    GError *error = NULL;
    if (++fetch->notes >= NOTES_A_FLUSH) {
        fetch->notes = 0;
        if (!stage_flush(fetch->spec->stage, &error)) {
            fetch_stop(fetch, error);
        }
    }
}

static gboolean is_archive(const SpoolDownload *row)
{
    return row->file->role == FILE_ROLE_ARCHIVE && row->file->unpack;
}

/* An archive is admitted when it and its members fit beside those on their way; the last resort is
 * to be alone. */
static gboolean archive_fits(Fetch *fetch, const SpoolDownload *row)
{
    if (fetch->running_archives == 0) {
        return TRUE;
    }
    guint64 size = row->file->size;
    if (size == SIZE_UNKNOWN && row->file->unpack->series) {
        size = series_count_of(row->file->facts).bytes;
    }
    if (!work_has_place(fetch) || size == SIZE_UNKNOWN) {
        return FALSE;
    }
    g_auto(Room) room = {0};
    return room_measure(fetch->spec->mirror, fetch->spec->limits, &room, NULL) &&
           room.bytes / 4 > size;
}

gboolean work_has_place(const Fetch *fetch)
{
    return fetch->running_archives < MOST_ARCHIVES;
}

/* What comes object by object needs a thread, and may need a place among the archives later. */
static gboolean bundle_fits(const Fetch *fetch)
{
    return fetch->bundles->len < MOST_BUNDLES && fetch->waiting.length < MOST_BUNDLES;
}

static gboolean is_bundle(const SpoolDownload *row)
{
    return row->file->unpack->series && row->file->addresses->len &&
           address_is_bundle(g_ptr_array_index(row->file->addresses, 0));
}

static gboolean fits(Fetch *fetch, const SpoolDownload *row)
{
    if (!is_archive(row)) {
        return TRUE;
    }
    return is_bundle(row) && !fetch->spec->local
               ? bundle_fits(fetch)
               : fetch->waiting.length == 0 && archive_fits(fetch, row);
}

/* An archive in volumes comes last: it is unpacked from all of them. */
static void sort_out(Fetch *fetch, GPtrArray *rows)
{
    for (guint i = 0; i < rows->len; i++) {
        SpoolDownload *row = g_ptr_array_index(rows, i);
        if (ranges_take(fetch, row)) {
            continue;
        }
        gboolean is_joined =
            row->file->unpack && row->file->unpack->volumes && row->file->unpack->volumes->len;
        g_ptr_array_add(is_joined ? fetch->joined : fetch->ready, row);
    }
    g_ptr_array_set_free_func(rows, NULL);
}

static gboolean take_more(Fetch *fetch)
{
    g_autoptr(GError) error = NULL;
    if (fetch->drained && !fetch->ready->len && fetch->joined->len &&
        g_hash_table_size(fetch->works) == 0) {
        g_ptr_array_add(fetch->ready, g_ptr_array_steal_index(fetch->joined, 0));
    }
    if (fetch->ready->len || fetch->drained) {
        return fetch->ready->len > 0;
    }
    g_autoptr(GPtrArray) rows = spool_take(fetch->spool, BATCH, &error);
    if (!rows) {
        fetch_stop(fetch, g_steal_pointer(&error));
        return FALSE;
    }
    fetch->drained = rows->len == 0;
    sort_out(fetch, rows);
    return fetch->ready->len > 0 || (fetch->drained && take_more(fetch));
}

static void admit(Fetch *fetch)
{
    while (!fetch->stopping && g_hash_table_size(fetch->works) < MOST_WORKS && take_more(fetch)) {
        guint chosen = G_MAXUINT;
        for (guint i = 0; i < fetch->ready->len && chosen == G_MAXUINT; i++) {
            const SpoolDownload *row = g_ptr_array_index(fetch->ready, i);
            if (fits(fetch, row)) {
                chosen = i;
            }
        }
        if (chosen == G_MAXUINT) {
            return;
        }
        work_start(fetch, g_ptr_array_steal_index(fetch->ready, chosen));
    }
}

static guint64 bytes_behind(Fetch *fetch)
{
    guint64 behind = digest_pool_behind(job_digest_pool(fetch->job));
    GHashTableIter iter;
    gpointer work;
    g_hash_table_iter_init(&iter, fetch->works);
    while (g_hash_table_iter_next(&iter, &work, NULL)) {
        if (((Work *)work)->members) {
            behind += members_behind(((Work *)work)->members);
        }
    }
    return behind;
}

/* Once a second: the owner, the free space, how far digests and unpackers are behind. */
static void look_around(Fetch *fetch)
{
    g_autoptr(GError) error = NULL;
    if (g_get_monotonic_time() < fetch->next_look || fetch->stopping) {
        return;
    }
    fetch->next_look = g_get_monotonic_time() + LOOK_US;
    if (fetch->engine) {
        engine_hold_admission(fetch->engine, bytes_behind(fetch) > MOST_BEHIND);
    }
    if (!owner_still(fetch->spec->owner, &error)) {
        fetch_stop(fetch, g_steal_pointer(&error));
        return;
    }
    g_auto(Room) room = {0};
    if (room_measure(fetch->spec->mirror, fetch->spec->limits, &room, NULL) &&
        (room.bytes == 0 || room.files == 0)) {
        fetch_stop(fetch,
                   g_error_new(MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE,
                               _("There is no more room for %s: %s. What was received is kept."),
                               fetch->spec->reference->ref,
                               room.bytes == 0 ? room.limited_by : room.files_limited_by));
    }
}

/* A run that stops does not wait for the unpacking of what has arrived: the next run begins it
 * anew. */
static void close_archives(Fetch *fetch)
{
    GHashTableIter iter;
    gpointer work;
    g_hash_table_iter_init(&iter, fetch->works);
    while (g_hash_table_iter_next(&iter, &work, NULL)) {
        if (((Work *)work)->arrived && ((Work *)work)->members) {
            members_close(((Work *)work)->members);
        }
        zipped_cancel(((Work *)work)->zipped);
    }
}

/* One commit for all that a turn noted, one end of what it looked up. */
static void end_turn(Fetch *fetch)
{
    GError *error = NULL;
    if (fetch->index) {
        index_rest(fetch->index);
    }
    if (!spool_keep(fetch->spool, &error)) {
        fetch_stop(fetch, error);
    }
}

static void run(Fetch *fetch)
{
    gboolean closed = FALSE;
    for (;;) {
        if (job_is_cancelled(fetch->job) && !fetch->stopping) {
            fetch->stopping = TRUE;
            if (fetch->engine) {
                engine_cancel(fetch->engine);
            }
        }
        if (fetch->stopping && !closed) {
            closed = TRUE;
            close_archives(fetch);
            gather_stop(fetch);
            bundles_stop(fetch);
            ranges_stop(fetch);
        }
        works_waiting(fetch);
        admit(fetch);
        end_turn(fetch);
        if (g_hash_table_size(fetch->works) == 0 && !fetch->by_ranges &&
            (fetch->stopping ||
             (fetch->drained && fetch->ready->len == 0 && fetch->joined->len == 0))) {
            return;
        }
        task_queue_run(job_store(fetch->job), 500);
        look_around(fetch);
    }
}

static gboolean folder_has_entries(int fd)
{
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = own >= 0 ? fdopendir(own) : NULL;
    guint entries = 0;
    while (folder && entries < 3 && readdir(folder)) {
        entries++;
    }
    if (folder) {
        closedir(folder);
    }
    return entries > 2;
}

static void look_at_leftovers(Fetch *fetch)
{
    fetch->has_leftovers = folder_has_entries(stage_tree_fd(fetch->spec->stage));
    fetch->report->left_over = fetch->has_leftovers;
}

static void tell_unvouched(const Fetch *fetch)
{
    guint64 count = fetch->report->unvouched;
    if (count) {
        job_tell(fetch->job, JOB_EVENT_WARNING, "no-hash",
                 json_pack("{s:I}", "downloads", (json_int_t)count),
                 ngettext("%" G_GUINT64_FORMAT
                          " series is complete by its count, but nobody vouches for it: its source "
                          "has no hash of it.",
                          "%" G_GUINT64_FORMAT
                          " series are complete by their counts, but nobody vouches for them: "
                          "their source has no hash of them.",
                          (gulong)count),
                 count);
    }
}

gboolean job_fetch(Job *job, const FetchSpec *spec, FetchReport *report, GError **error)
{
    Fetch fetch = {.job = job,
                   .spec = spec,
                   .spool = stage_spool(spec->stage),
                   .engine = spec->local ? NULL : job_engine(job, error),
                   .report = report};
    if (!fetch.engine && !spec->local) {
        return FALSE;
    }
    g_autoptr(TreeWriter) tree =
        tree_writer_new(stage_tree_fd(spec->stage), stage_file_mode(spec->stage));
    g_autoptr(GHashTable) works = g_hash_table_new(NULL, NULL);
    g_autoptr(GPtrArray) ready =
        g_ptr_array_new_with_free_func((GDestroyNotify)spool_download_free);
    g_autoptr(EngineSnapshot) before = fetch.engine ? engine_snapshot(fetch.engine) : NULL;
    fetch.index = spec->index;
    fetch.tree = tree;
    fetch.works = works;
    fetch.ready = ready;
    g_autoptr(GPtrArray) joined =
        g_ptr_array_new_with_free_func((GDestroyNotify)spool_download_free);
    fetch.joined = joined;
    g_autoptr(GPtrArray) bundles = g_ptr_array_new();
    fetch.bundles = bundles;
    look_at_leftovers(&fetch);
    if (fetch.index) {
        index_gather(fetch.index, TRUE);
    }
    ranges_start(&fetch);
    singles_start(&fetch);
    run(&fetch);
    if (fetch.index) {
        index_gather(fetch.index, FALSE);
    }
    g_clear_pointer(&fetch.copies, copy_pool_free);
    g_autoptr(EngineSnapshot) after = fetch.engine ? engine_snapshot(fetch.engine) : NULL;
    report->received = after ? after->received - before->received : 0;
    g_autoptr(GError) flush = NULL;
    if (!stage_flush(spec->stage, &flush) && !fetch.fatal) {
        fetch.fatal = g_steal_pointer(&flush);
    }
    if (job_is_cancelled(job)) {
        g_clear_error(&fetch.fatal);
        g_clear_error(&fetch.worst);
        job_set_cancelled_error(job, spec->command, error);
        return FALSE;
    }
    if (fetch.fatal) {
        g_clear_error(&fetch.worst);
        g_propagate_error(error, fetch.fatal);
        return FALSE;
    }
    tell_unvouched(&fetch);
    if (fetch.worst && error_exit_status(fetch.worst) == 9) {
        g_set_error(error, fetch.worst->domain, fetch.worst->code,
                    _("%s: what is named above was refused as unsafe, and nothing was installed. "
                      "To have the archive as it is, type: %s --no-unpack"),
                    spec->reference->ref, spec->anew ? spec->anew : spec->command);
        g_clear_error(&fetch.worst);
        return FALSE;
    }
    if (fetch.worst) {
        g_set_error(
            error, fetch.worst->domain, fetch.worst->code,
            ngettext("%s: %" G_GUINT64_FORMAT
                     " file could not be had, and is named above; nothing that came is lost. Go on "
                     "with: %s",
                     "%s: %" G_GUINT64_FORMAT
                     " files could not be had, and are named above; nothing that came is lost. "
                     "Go on with: %s",
                     (gulong)report->failed),
            spec->reference->ref, report->failed, spec->command);
        g_clear_error(&fetch.worst);
        return FALSE;
    }
    return TRUE;
}

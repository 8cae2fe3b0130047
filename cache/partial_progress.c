#include <errno.h>
#include <unistd.h>

#include "partial_internal.h"
#include "verdict.h"

/* Told in steps, so that no line of 16 kB costs a system call and a lock more. */
#define TELL_FRONTIER ((guint64)64 * 1024)
#define TELL_DIGEST ((guint64)256 * 1024)
/* So much, or so long, may be lost when the power goes. */
#define SYNC_BYTES ((guint64)64 * 1024 * 1024)
#define SYNC_MICROSECONDS ((gint64)30 * G_USEC_PER_SEC)

static void locked_record_piece(PartialFile *file, ExtentPiece *piece)
{
    if (piece->to > piece->from && file->journal)
        partial_journal_held(file->journal, piece); /* what it does not say is fetched again */
    piece->from = piece->to;
}

void partial_locked_record(PartialFile *file)
{
    for (guint i = 0; i < file->open_count; i++)
        locked_record_piece(file, &file->open[i]);
}

/* The piece that FROM continues, else a new one; the oldest makes room for it. */
static ExtentPiece *locked_open_piece(PartialFile *file, guint64 from)
{
    for (guint i = 0; i < file->open_count; i++) {
        if (file->open[i].to == from && file->open[i].source == file->source)
            return &file->open[i];
    }
    if (file->open_count == PARTIAL_OPEN_PIECES) {
        locked_record_piece(file, &file->open[0]);
        file->open_count--;
        for (guint i = 0; i < file->open_count; i++)
            file->open[i] = file->open[i + 1];
    }
    file->open[file->open_count] = (ExtentPiece){from, from, file->source};
    return &file->open[file->open_count++];
}

void partial_locked_tell(PartialFile *file)
{
    guint64 now = extents_contiguous(file->state->held);

    if (file->job && now > file->job_told) {
        digest_job_advance(file->job, now);
        file->job_told = now;
    }
    if (file->frontier && now > file->frontier_told) {
        frontier_advance(file->frontier, now);
        file->frontier_told = now;
    }
}

static void checkpoint_run(gpointer data)
{
    PartialCheckpoint *checkpoint = data;
    PartialFile *file = checkpoint->file;

    g_free(checkpoint);
    if (!file)
        return;
    pthread_mutex_lock(&file->mutex);
    file->checkpoint = NULL;
    pthread_mutex_unlock(&file->mutex);
    int failed = partial_make_durable(file);
    pthread_mutex_lock(&file->mutex);
    if (failed)
        file->failed_errno = failed; /* the next write tells the engine */
    pthread_mutex_unlock(&file->mutex);
}

static void locked_ask_for_checkpoint(PartialFile *file)
{
    if (file->checkpoint || !file->wants_journal)
        return;
    if (file->journal) {
        gint64 waited = g_get_monotonic_time() - file->durable_at;
        if (file->undurable < SYNC_BYTES && waited < SYNC_MICROSECONDS)
            return;
    } else if (extents_bytes(file->state->held) < PARTIAL_JOURNAL_FROM) {
        return;
    }
    file->checkpoint = g_new0(PartialCheckpoint, 1);
    file->checkpoint->file = file;
    task_queue_push(file->spec.store, checkpoint_run, file->checkpoint);
}

void partial_locked_arrived(PartialFile *file, guint64 from, guint64 to)
{
    ExtentPiece *piece = locked_open_piece(file, from);

    extents_add(file->state->held, from, to, file->source);
    piece->to = to;
    if (piece->to - piece->from >= PARTIAL_RECORD_BYTES)
        locked_record_piece(file, piece);
    file->undurable += to - from;
    guint64 now = extents_contiguous(file->state->held);
    if ((file->job && now >= file->job_told + TELL_DIGEST) ||
        (file->frontier && now >= file->frontier_told + TELL_FRONTIER))
        partial_locked_tell(file);
    locked_ask_for_checkpoint(file);
}

int partial_locked_make_journal(PartialFile *file)
{
    int failed = 0;

    if (file->journal)
        return 0;
    file->journal = partial_journal_open(file->spec.folder_fd, file->key, file->name,
                                         (file->spec.mode & 0666) | 0200, &failed);
    if (!file->journal)
        return failed;
    file->open_count = 0; /* begin says it all */
    file->durable_at = g_get_monotonic_time();
    failed = partial_journal_begin(file->journal, file->state);
    if (failed) {
        g_clear_pointer(&file->journal, partial_journal_close);
        partial_journal_remove(file->spec.folder_fd, file->key); /* it says nothing */
    }
    return failed;
}

int partial_discard_journal(PartialFile *file)
{
    pthread_mutex_lock(&file->mutex);
    g_clear_pointer(&file->journal, partial_journal_close);
    pthread_mutex_unlock(&file->mutex);
    int failed = partial_journal_remove(file->spec.folder_fd, file->key);
    if (failed)
        return failed;
    /* Else a power cut could bring it back, beside other bytes. */
    if (file->has_durable && fsync(file->spec.folder_fd) < 0)
        return errno;
    file->has_durable = FALSE;
    return 0;
}

/* After a failed sync nobody knows which bytes reached the disk. */
static int sync_failed(PartialFile *file, int errno_value)
{
    pthread_mutex_lock(&file->mutex);
    int failed = partial_journal_lost(file->journal);
    pthread_mutex_unlock(&file->mutex);
    if (failed)
        partial_discard_journal(file);
    file->suspect = TRUE;
    return errno_value;
}

static int shorten_journal(PartialFile *file, const Extents *durable)
{
    /* A disk that is full keeps the long one. */
    if (partial_journal_prepare(file->journal, file->state, durable) != 0)
        return 0;
    pthread_mutex_lock(&file->mutex);
    partial_journal_switch(file->journal, file->state->held);
    pthread_mutex_unlock(&file->mutex);
    return partial_journal_publish(file->journal);
}

int partial_make_durable(PartialFile *file)
{
    if (file->fd < 0 || !file->wants_journal)
        return 0;
    pthread_mutex_lock(&file->mutex);
    int failed = partial_locked_make_journal(file);
    if (!failed)
        partial_locked_record(file);
    g_autoptr(Extents) durable = extents_copy(file->state->held);
    file->undurable = 0;
    file->durable_at = g_get_monotonic_time();
    pthread_mutex_unlock(&file->mutex);
    if (failed)
        return failed;
    if (fdatasync(file->fd) < 0)
        return sync_failed(file, errno);

    pthread_mutex_lock(&file->mutex);
    failed = partial_journal_durable(file->journal, durable);
    gboolean is_long = partial_journal_is_long(file->journal);
    pthread_mutex_unlock(&file->mutex);
    file->has_durable = TRUE;
    if (!failed)
        failed = partial_journal_sync(file->journal);
    if (!failed && !file->folder_synced) {
        failed = fsync(file->spec.folder_fd) < 0 ? errno : 0;
        file->folder_synced = !failed;
    }
    return !failed && is_long ? shorten_journal(file, durable) : failed;
}

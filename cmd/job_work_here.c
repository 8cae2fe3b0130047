/* What of a download is here already: a file that an earlier run left in the stage, or a twin in
 * the mirror. */
#include "job_fetch_internal.h"

#include "error.h"
#include "event_log.h"
#include "share.h"
#include "tree_writer.h"
#include "verdict.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The same bytes may lie in the mirror already, under another version or dataset. */
gboolean work_share(Work *work)
{
    Fetch *fetch = work->fetch;
    const FileSpec *file = work->row->file;
    const Digest *sha256 = digest_set_get(&work->row->wanted.locked, DIGEST_SHA256);
    if (!sha256) {
        sha256 = digest_set_get(&work->row->wanted.declared, DIGEST_SHA256);
    }
    if (!fetch->index || !sha256 || work->members ||
        stage_readers(fetch->spec->stage)->is_private) {
        return FALSE;
    }
    ShareHow how = SHARE_NONE;
    g_autoptr(GError) error = NULL;
    if (!share_place(fetch->spec->mirror, fetch->index, sha256,
                     file->size_is_exact ? file->size : SIZE_UNKNOWN,
                     stage_tree_fd(fetch->spec->stage), file->path,
                     stage_file_mode(fetch->spec->stage), &how, &error)) {
        event_log(EVENT_LOG_DEBUG, "share %s: %s", file->path, error->message);
        return FALSE;
    }
    struct stat now;
    if (how == SHARE_NONE ||
        fstatat(stage_tree_fd(fetch->spec->stage), file->path, &now, AT_SYMLINK_NOFOLLOW) != 0) {
        return FALSE;
    }
    guint64 size = (guint64)now.st_size;
    digest_set_add(&work->seen, sha256);
    work->size = size;
    work->verdict.trust =
        digest_set_get(&work->row->wanted.locked, DIGEST_SHA256) ? TRUST_LOCKED : TRUST_DECLARED;
    fetch->report->shared_files++;
    fetch->report->shared_bytes += size;
    if (work_note_staged(work)) {
        fetch->report->fetched_files--;
        fetch->report->fetched_bytes -= size;
        work_free(work);
    }
    return TRUE;
}

/* A kill between the rename and the note leaves a whole file that no row tells of. */
static void on_found(const DigestSet *digests, guint64 size, int errno_value, gpointer data)
{
    Work *work = data;
    Fetch *fetch = work->fetch;
    if (fetch->stopping) {
        spool_put_back(fetch->spool, work->row->id);
        work_free(work);
        return;
    }
    gboolean agree = FALSE, differ = FALSE;
    digest_set_compare(&work->row->earlier, digests, &agree, &differ);
    const SeenBytes seen = {.digests = *digests,
                            .size = size,
                            .repeated = agree && !differ && size == work->row->earlier_size};
    work->verdict = verdict_of(&work->row->wanted, &seen);
    /* A size alone says nothing of whose bytes these are. */
    gboolean vouched =
        work->verdict.kind == VERDICT_VERIFIED &&
        (work->verdict.trust == TRUST_LOCKED || work->verdict.trust == TRUST_DECLARED);
    gboolean meant = seen.repeated && (work->verdict.kind == VERDICT_VERIFIED ||
                                       work->verdict.kind == VERDICT_FIRST_USE);
    if (errno_value || !(vouched || meant)) {
        g_autoptr(GError) error = NULL;
        if (!tree_remove_file(stage_tree_fd(fetch->spec->stage), work->row->file->path, &error)) {
            fetch_stop(fetch, g_steal_pointer(&error));
        }
        memset(&work->verdict, 0, sizeof work->verdict);
        work_transfer(work);
        return;
    }
    work->seen = *digests;
    work->size = size;
    if (work_is_required(work) && work_note_staged(work)) {
        work_free(work);
    }
}

gboolean work_find(Work *work)
{
    Fetch *fetch = work->fetch;
    gboolean absent = FALSE;
    int fd = fetch->has_leftovers && !work->members
                 ? tree_open_file(stage_tree_fd(fetch->spec->stage), work->row->file->path, &absent,
                                  NULL)
                 : -1;
    if (fd < 0) {
        return FALSE;
    }
    digest_pool_file(job_digest_pool(fetch->job), fd, wanted_bytes_algorithms(&work->row->wanted),
                     job_store(fetch->job), on_found, work);
    return TRUE;
}

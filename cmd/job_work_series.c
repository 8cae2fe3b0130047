/* The zip of a series of images: the source makes it anew for each request, so that only what is in
 * it counts. */
#include "error.h"
#include "i18n.h"
#include "job_fetch_internal.h"

gboolean work_is_series(const Work *work)
{
    const FileSpec *file = work->row->file;
    return file->role == FILE_ROLE_ARCHIVE && file->unpack && file->unpack->series;
}

static void tell_archive(Work *work)
{
    Fetch *fetch = work->fetch;
    if (!fetch->spec->keep_archives || fetch->told_series) {
        return;
    }
    fetch->told_series = TRUE;
    job_tell(fetch->job, JOB_EVENT_WARNING, "archive-not-kept",
             json_pack("{s:s}", "path", work->row->file->path),
             _("The zips of series are made anew for each request, so that no two are alike: they "
               "are not kept, their images are."));
}

GError *work_series_changed(const Work *work)
{
    const Digest *locked = digest_set_get(&work->row->wanted.locked, DIGEST_MD5_TREE);
    const Digest *seen = digest_set_get(&work->seen, DIGEST_MD5_TREE);
    g_autofree char *before = digest_to_hex(locked);
    g_autofree char *now = digest_to_hex(seen);
    return g_error_new(MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                       _("The series %s has changed at the source: the hash of its images is %s in "
                         "the lock, and %s of those that the source sends. What is here was not "
                         "touched. Take it as a new version with: medmirror pull --refresh %s"),
                       work->row->file->unpack->series, before, now,
                       work->fetch->spec->reference->ref);
}

static void tell_other_hash(Work *work)
{
    const char *path = work->row->file->path;
    g_autofree char *listed =
        digest_to_hex(digest_set_get(&work->row->wanted.declared, DIGEST_MD5_TREE));
    g_autofree char *came = digest_to_hex(digest_set_get(&work->seen, DIGEST_MD5_TREE));
    job_tell(work->fetch->job, JOB_EVENT_WARNING, "declared-differs",
             json_pack("{s:s, s:s, s:s, s:s}", "path", path, "algorithm",
                       digest_algorithm_name(DIGEST_MD5_TREE), "listed", listed, "sent", came),
             _("%s: every image is as the list in its zip says, but the source's hash of the whole "
               "series is another: images may be hidden there."),
             path);
}

/* The list in the zip agrees with each image: its publisher vouches for them. The hash of the whole
 * that a listing may declare also counts images that are hidden, and says less. */
static gboolean judge(Work *work)
{
    const SeenBytes seen = {.digests = work->seen, .size = SIZE_UNKNOWN};
    WantedBytes wanted = work->row->wanted;
    wanted.locked_size = wanted.declared_size = wanted.hinted_size = SIZE_UNKNOWN;
    work->verdict = verdict_of(&wanted, &seen);
    gboolean agree = FALSE, differ = FALSE;
    digest_set_compare(&wanted.locked, &work->seen, &agree, &differ);
    if (differ) {
        work_fail(work, work_series_changed(work));
        return FALSE;
    }
    digest_set_compare(&wanted.declared, &work->seen, &agree, &differ);
    if (differ) {
        tell_other_hash(work);
    }
    if (work->verdict.kind != VERDICT_VERIFIED || work->verdict.trust != TRUST_LOCKED) {
        work->verdict = (Verdict){.kind = VERDICT_VERIFIED, .trust = TRUST_DECLARED};
    }
    return TRUE;
}

void work_settle_series(Work *work)
{
    Fetch *fetch = work->fetch;
    GError *error = NULL;
    SeriesCount came = {0};
    Digest tree;
    work->seen = (DigestSet){0};
    work->size = SIZE_UNKNOWN;
    if (members_series(work->members, &came, &tree)) {
        digest_set_add(&work->seen, &tree);
        work->member_bytes = came.bytes;
    }
    if (!judge(work) || !work_is_required(work)) {
        return;
    }
    tell_archive(work);
    if (!work_note_staged(work)) {
        return;
    }
    /* Nothing is synced here, there are thousands: what a power cut takes is asked for again, from
     * the source. */
    if (work->partial && !partial_file_drop(work->partial, -1, NULL, NULL, &error)) {
        fetch_stop(fetch, error);
    }
    work_free(work);
}

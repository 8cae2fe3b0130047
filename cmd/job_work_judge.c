/* What came of a download is judged: by its digests, its size, and what is asked of it. */
#include "error.h"
#include "i18n.h"
#include "job_fetch_internal.h"

#include <unistd.h>

/* The wrong copy is kept aside; what arrived does not count any more. */
void work_drop_as_evidence(Work *work)
{
    Fetch *fetch = work->fetch;
    g_autoptr(GError) error = NULL;
    int evidence = stage_open_evidence(fetch->spec->stage, NULL);
    if (!partial_file_drop(work->partial, evidence, work->row->file->path, &work->seen, &error)) {
        fetch_stop(fetch, g_steal_pointer(&error));
    }
    if (evidence >= 0) {
        close(evidence);
    }
}

static char *describe_wrong(const Work *work)
{
    if (work->verdict.by_size) {
        guint64 wanted = work->wanted.locked_size != SIZE_UNKNOWN ? work->wanted.locked_size
                                                                  : work->wanted.declared_size;
        return g_strdup_printf(
            _("%" G_GUINT64_FORMAT " bytes came where %" G_GUINT64_FORMAT " are declared"),
            work->size, wanted);
    }
    const Digest *wanted = digest_set_get(&work->wanted.locked, work->verdict.algorithm);
    if (!wanted) {
        wanted = digest_set_get(&work->wanted.declared, work->verdict.algorithm);
    }
    const Digest *seen = digest_set_get(&work->seen, work->verdict.algorithm);
    g_autofree char *wanted_hex = wanted ? digest_to_hex(wanted) : g_strdup("?");
    g_autofree char *seen_hex = seen ? digest_to_hex(seen) : g_strdup("?");
    return g_strdup_printf(_("its %s is %s where %s is declared"),
                           digest_algorithm_name(work->verdict.algorithm), seen_hex, wanted_hex);
}

static void work_is_wrong(Work *work)
{
    g_autofree char *detail = describe_wrong(work);
    work_drop_as_evidence(work);
    work_go_on(work, OUTCOME_WRONG_BYTES, detail);
}

static void work_hint_disagrees(Work *work)
{
    Fetch *fetch = work->fetch;
    g_autoptr(GError) error = NULL;
    if ((!work->single &&
         !spool_note_earlier(fetch->spool, work->row->id, &work->seen, work->size, &error)) ||
        !partial_file_drop(work->partial, -1, NULL, NULL, &error)) {
        fetch_stop(fetch, g_steal_pointer(&error));
    }
    work->row->earlier = work->seen;
    work->row->earlier_size = work->size;
    work_go_on(work, OUTCOME_HINT_DISAGREES, _("what came is not what the listing hints at"));
}

static void work_is_changed(Work *work)
{
    const Digest *locked = digest_set_get(&work->row->wanted.locked, DIGEST_SHA256);
    const Digest *seen = digest_set_get(&work->seen, DIGEST_SHA256);
    g_autofree char *before = locked ? digest_to_hex(locked) : g_strdup("?");
    g_autofree char *now = seen ? digest_to_hex(seen) : g_strdup("?");
    work_fail(
        work,
        g_error_new(
            MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
            _("%s has changed at the source: the lock has sha256 %s, the source sends %s. What is "
              "here was not touched. Take it as a new version with: medmirror pull --refresh %s"),
            work->row->file->path, before, now, work->fetch->spec->reference->ref));
}

void work_differs(Work *work)
{
    if (work->verdict.kind == VERDICT_FETCH_AGAIN) {
        work_hint_disagrees(work);
    } else if (work->verdict.kind == VERDICT_CHANGED) {
        work_is_changed(work);
    } else {
        work_is_wrong(work);
    }
}

/* --require: what only first use vouches for does not count. */
gboolean work_is_required(Work *work)
{
    Requirement require = work->fetch->spec->require;
    gboolean good = requirement_is_met(require, work->verdict.trust, work->row->file->role);
    if (!good) {
        work_fail(work, g_error_new(MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                                    _("%s: nobody declares a digest for it, and --require asks for "
                                      "one. Pull it without "
                                      "--require, or leave it out with --exclude."),
                                    work->row->file->path));
    }
    return good;
}

void work_digested(const DigestSet *digests, guint64 size, int errno_value, gpointer data)
{
    Work *work = data;
    Fetch *fetch = work->fetch;
    if (errno_value) {
        GError *error = NULL;
        error_set_storage(&error, errno_value, _("%s cannot be read back"), work->row->file->path);
        fetch_stop(fetch, error);
        work_free(work);
        return;
    }
    if (fetch->stopping && work->members) {
        spool_put_back(fetch->spool, work->row->id);
        work_free(work);
        return;
    }
    work->seen = *digests;
    work->size = size;
    if (work_is_series(work)) {
        work->verdict = (Verdict){.kind = VERDICT_FIRST_USE, .trust = TRUST_FIRST_USE};
        work->arrived = TRUE;
        work_settle(work);
        return;
    }
    gboolean agree = FALSE, differ = FALSE;
    digest_set_compare(&work->row->earlier, digests, &agree, &differ);
    SeenBytes seen = {.digests = *digests,
                      .size = size,
                      .repeated = agree && !differ && size == work->row->earlier_size};
    if (work_may_be_zipped(work)) {
        GError *error = NULL;
        if (!partial_file_drop(work->partial, -1, NULL, NULL, &error)) {
            fetch_stop(fetch, error);
        }
        work_go_on(work, OUTCOME_CHANGED, _("whether it came zipped is not known any more"));
        return;
    }
    work_want(work);
    work->verdict = verdict_of(&work->wanted, &seen);
    if (work->gather && work->verdict.kind != VERDICT_VERIFIED &&
        work->verdict.kind != VERDICT_FIRST_USE) {
        gather_refuse(work);
        return;
    }
    switch (work->verdict.kind) {
    case VERDICT_FIRST_USE:
        if (work->verdict.hint_disagreed) {
            job_tell(fetch->job, JOB_EVENT_WARNING, "hint",
                     json_pack("{s:s}", "path", work->row->file->path),
                     _("%s: the listing's hint does not agree, but the same bytes came twice; they "
                       "are taken as "
                       "they are."),
                     work->row->file->path);
        }
        /* fall through */
    case VERDICT_VERIFIED:
        work_tell_sent(work);
        if (work_is_required(work)) {
            work->arrived = TRUE;
            work_settle(work);
        }
        break;
    default:
        work_differs(work);
        break;
    }
}

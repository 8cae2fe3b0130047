/* From the chosen files to the installed version. */
#include "config_readers.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "job_plan.h"
#include "job_pull_internal.h"
#include "job_ranges.h"
#include "job_sweep.h"
#include "proofs.h"
#include "size_text.h"
#include "where_check.h"

#include <string.h>

static gboolean import_standing(Pull *pull, GError **error)
{
    if (!pull->standing) {
        return spool_forget_lock(pull->spool, error);
    }
    g_autoptr(LockReader) lock =
        mirror_open_lock(pull->mirror, pull->reference->folder, pull->standing->version, error);
    return lock && spool_import_lock(pull->spool, lock, error);
}

/* By a key that no file has, or by a value. */
static gboolean set_nothing_like_it(const Pull *pull, const SpoolTotals *totals, GError **error)
{
    g_autoptr(GPtrArray) keys = spool_fact_keys(pull->spool, error);
    const char *missing = keys ? where_missing_key(pull->request->selection, keys) : NULL;
    if (!keys || missing) {
        return keys && where_set_missing(pull->reference->ref, missing, keys, error);
    }
    g_autofree char *asked = selection_describe(pull->request->selection);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("%s: of %" G_GUINT64_FORMAT " files none is taken by %s. What values there are "
                  "is told by: medmirror show --fields %s"),
                pull->reference->ref, totals->downloads, asked, pull->reference->ref);
    return FALSE;
}

static gboolean nothing_chosen(const Pull *pull, const SpoolTotals *totals, GError **error)
{
    if (totals->downloads == 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s: the source lists no files."), pull->reference->ref);
    } else if (selection_looks_at_facts(pull->request->selection)) {
        return set_nothing_like_it(pull, totals, error);
    } else {
        g_autofree char *asked = selection_describe(pull->request->selection);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s: of %" G_GUINT64_FORMAT
                      " files none is taken by %s. See what there is with: medmirror "
                      "files %s"),
                    pull->reference->ref, totals->downloads, asked, pull->reference->ref);
    }
    return FALSE;
}

/* What is added to a version that stands must name something: a misspelt pattern would be kept as
 * the version's selection for good. */
static gboolean check_adds_something(const Pull *pull, GError **error)
{
    const PullRequest *request = pull->request;
    SpoolTotals totals;
    if (!pull->standing || request->only || request->is_sync || request->names ||
        selection_is_all(request->selection)) {
        return TRUE;
    }
    return spool_choose(pull->spool, request->selection, error) &&
           spool_totals(pull->spool, &totals, error) &&
           (totals.queued || totals.staged_files || totals.installed_files ||
            nothing_chosen(pull, &totals, error));
}

gboolean pull_choose_files(Pull *pull, GError **error)
{
    if (pull->standing && !pull->request->only) {
        pull->selection = selection_union(pull->standing->selection, pull->request->selection);
    } else {
        pull->selection = selection_copy(pull->request->selection);
    }
    return import_standing(pull, error) && check_adds_something(pull, error) &&
           spool_choose(pull->spool, pull->selection, error) &&
           spool_retry_failed(pull->spool, error) &&
           spool_set(pull->spool, "version", pull->name->version, error);
}

gboolean pull_expect_members(Pull *pull, GError **error)
{
    const Manifest *manifest = pull->reference->manifest;
    for (guint i = 0; manifest && manifest->files && i < manifest->files->len; i++) {
        const ManifestFile *file = g_ptr_array_index(manifest->files, i);
        if (!file->member_of) {
            continue;
        }
        g_autoptr(SpoolDownload) row = spool_find(pull->spool, file->member_of, NULL);
        if (row && !spool_expect_member(pull->spool, row->id, file->path, &file->digests,
                                        file->size, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* VALUE may be what stands at AT. */
static void take_text(char **at, const char *value)
{
    char *copy = g_strdup(value);
    g_free(*at);
    *at = copy;
}

/* What was closed once, or came through a closed door, is never taken for everybody's. */
static const char *access_of(const Pull *pull)
{
    const Manifest *manifest = pull->reference->manifest;
    if (manifest && manifest->access != ACCESS_OPEN) {
        return access_name(manifest->access);
    }
    if (pull->standing && !access_is_open(pull->standing->access)) {
        return pull->standing->access;
    }
    gboolean is_restricted = (pull->head && pull->head->is_restricted) ||
                             (pull->stage && stage_readers(pull->stage)->is_private);
    return access_name(is_restricted ? ACCESS_ACCOUNT : ACCESS_OPEN);
}

gboolean pull_settle_readers(Pull *pull, GError **error)
{
    const Readers readers = config_readers(job_settings(pull->job)->config, pull->reference->id,
                                           pull->reference->ref, access_of(pull));
    return stage_set_readers(pull->stage, &readers, error);
}

LockHeader *pull_make_header(const Pull *pull)
{
    LockHeader *header = pull->standing ? lock_header_copy(pull->standing) : lock_header_new();
    const Manifest *manifest = pull->reference->manifest;
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *stamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
#define SET(member, value) take_text(&header->member, value)
    SET(ref, pull->reference->ref);
    SET(id, pull->reference->id);
    SET(folder, pull->reference->folder);
    SET(version, pull->name->version);
    SET(version_from, pull->name->from);
    SET(updated, stamp);
    SET(tool, "medmirror/" MEDMIRROR_VERSION);
    SET(access, access_of(pull));
    if (!header->created) {
        SET(created, stamp);
    }
    if (pull->name->state) {
        SET(source_state, pull->name->state);
    }
    const ListingHead *head = pull->head;
    if (head) {
        header->state_is_weak = head->state_is_weak;
        if (head->state_token) {
            SET(state_token, head->state_token);
        }
        /* The cheap answer that nothing has changed tells less than the listing did. */
        const gboolean tells_less = pull->standing && !pull->name->state;
#define SET_TOLD(member)                                                                           \
    SET(member, head->member && !(tells_less && header->member) ? head->member : header->member)
        SET_TOLD(title);
        SET_TOLD(licence);
        SET_TOLD(citation);
        SET_TOLD(homepage);
#undef SET_TOLD
    }
    if (manifest) {
        SET(title, manifest->title_en ? manifest->title_en : header->title);
        SET(licence, manifest->licence ? manifest->licence : header->licence);
        SET(citation, manifest->citation ? manifest->citation : header->citation);
        SET(homepage, manifest->homepage ? manifest->homepage : header->homepage);
    }
#undef SET
    g_clear_pointer(&header->selection, selection_free);
    header->selection = selection_copy(pull->selection);
    return header;
}

/* All of a new version was read and judged on its way here. */
void pull_note_proof(Pull *pull, const LockHeader *header, const char *by)
{
    const Proof proof = {.folder = header->folder,
                         .version = header->version,
                         .fingerprint = header->fingerprint,
                         .files = header->held_files,
                         .bytes = header->held_bytes,
                         .by = by};
    g_autoptr(GError) error = NULL;
    if (!pull->standing && !proofs_append(pull->mirror, &proof, &error)) {
        event_log(EVENT_LOG_WARNING, "%s", error->message);
    }
}

/* The source said something else of a file while it was fetched: its state is the newer one. */
static gboolean renew_state(Pull *pull, GError **error)
{
    if (!pull->name->state || !pull->head) {
        return TRUE;
    }
    char *state = spool_source_state(pull->spool, pull->head, error);
    if (state) {
        g_free(pull->name->state);
        pull->name->state = state;
    }
    return state != NULL;
}

static gboolean pull_install(Pull *pull, GError **error)
{
    if (pull->result->fetched.left_over && !job_sweep(pull->stage, error)) {
        return FALSE;
    }
    if (pull->result->fetched.renewed && !renew_state(pull, error)) {
        return FALSE;
    }
    g_autoptr(LockHeader) header = pull_make_header(pull);
    InstallSpec spec = {.header = header,
                        .index = pull->index,
                        .allow_incomplete = pull->request->allow_incomplete,
                        .only = pull->request->only,
                        .keep_archives = pull->request->keep_archives};
    if (!stage_install(pull->stage, pull->owner, &spec, error)) {
        return FALSE;
    }
    pull->result->installed = TRUE;
    pull_note_proof(pull, header, "pull");
    job_tell(pull->job, JOB_EVENT_DETAIL, "installed",
             json_pack("{s:s, s:s, s:s}", "ref", pull->reference->ref, "version", header->version,
                       "fingerprint", header->fingerprint),
             NULL);
    pull_finish_with(pull, header);
    if (header->absent) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    ngettext("%s: %" G_GUINT64_FORMAT
                             " file is listed by the source and not there; the rest is here. "
                             "Ask again later with: medmirror pull %s",
                             "%s: %" G_GUINT64_FORMAT
                             " files are listed by the source and not there; the rest is here. "
                             "Ask again later with: medmirror pull %s",
                             (gulong)header->absent),
                    pull->reference->ref, header->absent, pull->reference->ref);
        return FALSE;
    }
    return TRUE;
}

/* What an earlier run left for another state of the source may stand in the way of this one's. */
static gboolean sweep_other_state(Pull *pull, GError **error)
{
    const char *state = pull->name->state ? pull->name->state : pull->name->version;
    g_autofree char *before = spool_get(pull->spool, "tree_state");
    return g_strcmp0(before, state) == 0 ||
           (job_sweep(pull->stage, error) && spool_set(pull->spool, "tree_state", state, error));
}

/* What the version holds beyond --only. */
static void tell_what_goes(const Pull *pull, const SpoolTotals *totals)
{
    const LockHeader *standing = pull->standing;
    if (!pull->request->only || !standing || standing->held_files <= totals->installed_files) {
        return;
    }
    guint64 files = standing->held_files - totals->installed_files;
    guint64 bytes = standing->held_bytes - MIN(standing->held_bytes, totals->installed_bytes);
    g_autofree char *size = size_text(bytes);
    job_tell(pull->job, JOB_EVENT_STEP, "goes",
             json_pack("{s:s, s:s, s:I, s:I}", "ref", pull->reference->ref, "version",
                       pull->name->version, "files", (json_int_t)files, "bytes", (json_int_t)bytes),
             ngettext("  goes         %" G_GUINT64_FORMAT
                      " file that is here (%s), for --only leaves it out",
                      "  goes         %" G_GUINT64_FORMAT
                      " files that are here (%s), for --only leaves them out",
                      (gulong)files),
             files, size);
}

/* With plan_only, what does not fit is no error. */
static gboolean make_plan(Pull *pull, const PlanSpec *spec, const SpoolTotals *totals,
                          GError **error)
{
    PullResult *result = pull->result;
    g_autoptr(GError) failure = NULL;
    gboolean fits = job_plan(pull->job, spec, totals, &result->plan, &failure);
    result->does_not_fit = !fits && spec->mirror &&
                           (result->plan.peak.bytes > result->room.bytes ||
                            result->plan.files.bytes > result->room.files);
    if (!fits && !(result->does_not_fit && pull->request->plan_only)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    return TRUE;
}

/* The listing stays in the stage, under a name of its own, for the call that fetches it. */
static gboolean keep_plan(Pull *pull, GError **error)
{
    g_autofree char *id = g_uuid_string_random();
    if (pull->stage && !spool_set(pull->spool, PULL_PLAN_ID, id, error)) {
        return FALSE;
    }
    pull->keep_stage = TRUE;
    pull->result->planned = g_new0(PullPlanned, 1);
    pull->result->planned->id = g_steal_pointer(&id);
    pull->result->planned->head = pull->head ? listing_head_copy(pull->head) : NULL;
    return TRUE;
}

/* What the plan says, up to the installed version. */
static gboolean pull_bring(Pull *pull, const SpoolTotals *totals, GError **error)
{
    job_set(pull->job, files_all, totals->queued);
    job_set(pull->job, files_done, 0);
    const Plan *plan = &pull->result->plan;
    job_set(pull->job, bytes_done, 0);
    if (plan->fetch.at_least) {
        job_set(pull->job, bytes_all, -1);
    } else {
        job_set(pull->job, bytes_all, plan->fetch.bytes + plan->resume_bytes);
    }
    job_set(pull->job, members, 0);
    if (!sweep_other_state(pull, error) || !stage_note_progress(pull->stage, error) ||
        !pull_settle_readers(pull, error)) {
        return FALSE;
    }
    g_autoptr(GError) no_index = NULL;
    pull->index = index_open(pull->mirror, &no_index);
    if (no_index) {
        event_log(EVENT_LOG_DEBUG, "no index: %s", no_index->message);
    }
    FetchSpec fetch = {.index = pull->index,
                       .reference = pull->reference,
                       .mirror = pull->mirror,
                       .owner = pull->owner,
                       .stage = pull->stage,
                       .selection = pull->selection,
                       .require = pull->request->require,
                       .keep_archives = pull->request->keep_archives,
                       .ranges = pull->ranges,
                       .limits = &pull->limits,
                       .command = pull->command,
                       .anew = pull->anew};
    g_autoptr(GError) failure = NULL;
    gboolean fetched = job_fetch(pull->job, &fetch, &pull->result->fetched, &failure);
    int status = error_exit_status(failure);
    if (!fetched &&
        (!pull->request->allow_incomplete || status == 6 || status == 8 || status >= 130)) {
        spool_set(pull->spool, "reason", failure->message, NULL);
        stage_flush(pull->stage, NULL);
        pull->keep_stage = status == 5 || status == 6 || status >= 130;
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!pull_install(pull, failure ? NULL : error)) {
        if (failure) {
            g_propagate_error(error, g_steal_pointer(&failure));
        }
        return FALSE;
    }
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    return TRUE;
}

gboolean pull_fetch(Pull *pull, GError **error)
{
    SpoolTotals totals;
    if (!pull_expect_members(pull, error) || !spool_totals(pull->spool, &totals, error)) {
        return FALSE;
    }
    if (totals.queued == 0 && totals.staged_files == 0 && pull->standing && !pull->request->only &&
        selection_equal(pull->standing->selection, pull->selection)) {
        if (pull->stage && !stage_discard(g_steal_pointer(&pull->stage), error)) {
            return FALSE;
        }
        return pull_finish_up_to_date(pull, pull->standing);
    }
    if (totals.queued == 0 && totals.staged_files == 0 && totals.installed_files == 0) {
        return nothing_chosen(pull, &totals, error);
    }
    if (pull->standing && pull->standing->in_place) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
            _("%s@%s is in place at %s, where nothing is ever written, and not all of it is "
              "there. To have a whole copy, forget it first, which leaves the files: "
              "medmirror remove %s@%s"),
            pull->reference->ref, pull->standing->version, pull->standing->in_place,
            pull->reference->ref, pull->standing->version);
        return FALSE;
    }
    const RangeSpec ranges = {.reference = pull->reference,
                              .spool = pull->spool,
                              .selection = pull->selection,
                              .version = pull->name->version,
                              .partial_fd = pull->stage ? stage_partial_fd(pull->stage) : -1,
                              .needs_whole = pull->request->keep_archives ||
                                             pull->request->require != REQUIRE_NOTHING};
    g_autoptr(RangePlan) parts = range_plan_new(pull->job, &ranges, error);
    if (!parts) {
        return FALSE;
    }
    pull->ranges = parts;
    PlanSpec plan = {.mirror = pull->mirror,
                     .spool = pull->spool,
                     .head = pull->head,
                     .partial_fd = pull->stage ? stage_partial_fd(pull->stage) : -1,
                     .kept_bytes = pull->request->dry_run ? pull->request->kept_bytes : 0,
                     .keep_archives = pull->request->keep_archives,
                     .ranges = parts,
                     .reference = pull->reference,
                     .version = pull->name->version,
                     .limits = &pull->limits,
                     .is_quiet = pull->request->plan_only,
                     .room = &pull->result->room};
    if (!make_plan(pull, &plan, &totals, error)) {
        return FALSE;
    }
    tell_what_goes(pull, &totals);
    if (pull->request->plan_only || pull->request->dry_run) {
        return !pull->request->plan_only || keep_plan(pull, error);
    }
    return pull_bring(pull, &totals, error);
}

/* One download: from its row to the stage. */
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "job_bundle.h"
#include "relpath.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean is_unpacked(const Work *work)
{
    return work->row->file->role == FILE_ROLE_ARCHIVE && work->row->file->unpack != NULL;
}

gboolean work_keeps_archive(const Work *work)
{
    return work->row->file->role != FILE_ROLE_ARCHIVE;
}

/* What nobody declares a digest for counts only when its own end and every checksum in it are right
 * (a host that sends no length may stop anywhere). */
static gboolean is_tested(const Work *work)
{
    return work_keeps_archive(work) && work->row->file->unpack &&
           (work->row->file->unpack->series || (digest_set_is_empty(&work->row->wanted.locked) &&
                                                digest_set_is_empty(&work->row->wanted.declared)));
}

void work_free(Work *work)
{
    Fetch *fetch = work->fetch;
    if (work->members && !members_close(work->members)) {
        g_hash_table_add(fetch->works, work);
        return;
    }
    Singles *single = work->single;
    g_hash_table_remove(fetch->works, work);
    gather_free(work);
    work_clear(work);
    g_clear_pointer(&work->course, course_free);
    g_clear_pointer(&work->row, spool_download_free);
    g_free(work->came_from);
    g_free(work->why);
    g_clear_error(&work->error);
    g_free(work);
    if (single) {
        single_ended(single);
    }
}

void work_clear(Work *work)
{
    g_clear_pointer(&work->transfer, transfer_free);
    g_clear_pointer(&work->members, members_free);
    g_clear_pointer(&work->zipped, zipped_free);
    g_clear_pointer(&work->partial, partial_file_free);
    if (work->has_place) {
        work->has_place = FALSE;
        work->fetch->running_archives--;
    }
}

void work_fail(Work *work, GError *error)
{
    Fetch *fetch = work->fetch;
    const char *path = work->row->file->path;
    g_autoptr(GError) note = NULL;
    fetch->report->failed++;
    job_tell(fetch->job, JOB_EVENT_FAILURE, "file-failed",
             json_pack("{s:s, s:i, s:s}", "path", path, "exit", error_exit_status(error), "message",
                       error->message),
             "%s", error->message);
    if (work->single) {
        single_failed(work, error->message);
    } else if (!spool_note_state(fetch->spool, work->row->id, SPOOL_FAILED, error->message,
                                 &note)) {
        fetch_stop(fetch, g_steal_pointer(&note));
    }
    int now = error_exit_status(error);
    int before = error_exit_status(fetch->worst);
    if (!fetch->worst || exit_status_worst(now, before) != before) {
        g_clear_error(&fetch->worst);
        fetch->worst = error;
    } else {
        g_error_free(error);
    }
    fetch_noted(fetch);
    work_free(work);
}

void work_go_on(Work *work, OutcomeKind kind, const char *detail)
{
    Fetch *fetch = work->fetch;
    g_auto(Outcome) outcome = {.kind = kind, .retry_after_ms = -1};
    outcome.address = g_strdup(transfer_address(work->transfer));
    outcome.detail = g_strdup(detail);
    outcome.status = transfer_status(work->transfer);
    outcome.after_resume = partial_file_was_resumed(work->partial);
    work->arrived = FALSE;
    if (work->members) {
        members_reset(work->members);
    }
    job_tell(fetch->job, JOB_EVENT_DETAIL, "again",
             json_pack("{s:s, s:s, s:s, s:s*}", "path", work->row->file->path, "reason",
                       outcome_kind_name(kind), "detail", detail ? detail : "", "address",
                       outcome.address),
             _("%s: %s; it is asked for again."), work->row->file->path, detail ? detail : "");
    engine_go_on(fetch->engine, work->transfer, &outcome);
}

static gboolean note_staged(Work *work, GError **error)
{
    if (work->single) {
        return single_note(work, error);
    }
    return spool_note_staged(work->fetch->spool, work->row->id, &work->seen, work->size,
                             work->verdict.trust,
                             work->came_from  ? work->came_from
                             : work->transfer ? transfer_address(work->transfer)
                                              : NULL,
                             error);
}

gboolean work_note_staged(Work *work)
{
    Fetch *fetch = work->fetch;
    GError *error = NULL;
    if (!note_staged(work, &error) ||
        /* A whole series is not asked for again because of a kill. */
        (work_is_series(work) && !spool_keep(fetch->spool, &error))) {
        fetch_stop(fetch, error);
        work_free(work);
        return FALSE;
    }
    fetch->report->fetched_files++;
    guint64 bytes = work->size == SIZE_UNKNOWN ? work->member_bytes : work->size;
    fetch->report->fetched_bytes += bytes;
    job_count(fetch->job, files_done, 1);
    if (!work->is_counted) {
        job_count(fetch->job, bytes_done, bytes);
    }
    job_tell(fetch->job, JOB_EVENT_DETAIL, "file",
             json_pack("{s:s, s:I, s:s}", "path", work->row->file->path, "bytes", (json_int_t)bytes,
                       "trust", trust_name(work->verdict.trust)),
             NULL);
    fetch_noted(fetch);
    return TRUE;
}

static void work_place(Work *work, int folder_fd, TreeWriter *writer)
{
    Fetch *fetch = work->fetch;
    GError *error = NULL;
    const char *path = work->row->file->path;
    if ((!work->single && !spool_note_placing(fetch->spool, work->row->id, &work->seen, work->size,
                                              work->verdict.trust, &error)) ||
        !(work->gather ? gather_place(work, folder_fd, writer, &error)
                       : tree_writer_make_parents(writer, path, &error) &&
                             partial_file_place(work->partial, folder_fd, path, &error))) {
        fetch_stop(fetch, error);
        work_free(work);
        return;
    }
    if (work_note_staged(work)) {
        work_free(work);
    }
}

void work_place_file(Work *work)
{
    work_place(work, stage_tree_fd(work->fetch->spec->stage), work->fetch->tree);
}

static void archive_place(Work *work)
{
    int folder = stage_archives_fd(work->fetch->spec->stage);
    g_autoptr(TreeWriter) writer =
        tree_writer_new(folder, stage_file_mode(work->fetch->spec->stage));
    work_place(work, folder, writer);
}

static void archive_settle(Work *work)
{
    Fetch *fetch = work->fetch;
    GError *error = NULL;
    if (fetch->spec->keep_archives) {
        archive_place(work);
        return;
    }
    if (!work_note_staged(work)) {
        return;
    }
    /* The members must be noted durably before the archive that could bring them again goes. */
    if (!work->gather && (!stage_flush(fetch->spec->stage, &error) ||
                          !partial_file_drop(work->partial, -1, NULL, NULL, &error))) {
        fetch_stop(fetch, error);
    }
    work_free(work);
}

/* What an unpacking failed of, within another sentence about the archive. */
static char *clause_of(const Work *work, const GError *failure)
{
    g_autofree char *shown = relpath_display(work->row->file->path);
    const char *clause = failure->message;
    if (g_str_has_prefix(clause, shown) && g_str_has_prefix(clause + strlen(shown), ": ")) {
        clause += strlen(shown) + 2;
    }
    const gsize length = strlen(clause);
    return g_strndup(clause, length - (length > 0 && clause[length - 1] == '.'));
}

/* An archive that arrived whole and right, and cannot be unpacked all the same. */
static void archive_failed(Work *work, const GError *failure)
{
    Fetch *fetch = work->fetch;
    if (g_error_matches(failure, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE)) {
        fetch_stop(fetch, g_error_copy(failure));
        work_free(work);
    } else if (g_error_matches(failure, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED) &&
               !work->gather && work->verdict.trust != TRUST_DECLARED &&
               work->verdict.trust != TRUST_LOCKED) {
        g_autofree char *detail = clause_of(work, failure);
        work_drop_as_evidence(work);
        work_go_on(work, work_is_series(work) ? OUTCOME_WRONG_BYTES : OUTCOME_TRUNCATED_ARCHIVE,
                   detail);
    } else if (g_error_matches(failure, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED) &&
               !work->gather) {
        work_fail(work, g_error_new(MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                                    _("%s arrived as its publisher declares it, but cannot be "
                                      "unpacked: %s The archive as it "
                                      "is comes with: medmirror pull --no-unpack %s"),
                                    work->row->file->path, failure->message,
                                    fetch->spec->reference->ref));
    } else {
        work_fail(work, g_error_copy(failure));
    }
}

/* Names that no tree can hold say nothing against the bytes of an archive that stays as it is;
 * those are whole where their number is known. */
static gboolean is_kept_all_the_same(const Work *work, const GError *failure)
{
    const FileSpec *file = work->row->file;
    return work_keeps_archive(work) && file->size != SIZE_UNKNOWN && !file->size_is_rounded &&
           g_error_matches(failure, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
}

static gboolean is_refused(const Work *work)
{
    const GError *failure = work->members ? members_error(work->members) : NULL;
    return failure && !is_kept_all_the_same(work, failure) &&
           (g_error_matches(failure, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE) ||
            g_error_matches(failure, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE));
}

/* Of an archive that is refused, or whose members find no room, the rest need not come. */
static void cut_short(Work *work)
{
    if (is_refused(work) && work->transfer) {
        engine_cancel_transfer(work->fetch->engine, work->transfer);
    }
}

static gboolean came_by_login(const Work *work)
{
    HostServices *services = job_services(work->fetch->job, NULL);
    return transfer_came_by_login(work->transfer) ||
           (services && services->is_guarded &&
            services->is_guarded(services, transfer_address(work->transfer)));
}

/* What came only with a credential is its puller's alone, and all that comes with it. */
gboolean work_make_private(Work *work)
{
    Stage *stage = work->fetch->spec->stage;
    GError *error = NULL;
    if (stage_readers(stage)->is_private || stage_set_readers(stage, &READERS_OWNER, &error)) {
        return TRUE;
    }
    fetch_stop(work->fetch, error);
    return FALSE;
}

/* From its first byte on. */
static void on_by_login(Transfer *transfer, Outcome *outcome, gpointer data)
{
    if (!work_make_private(data)) {
        outcome->kind = OUTCOME_CANCELLED;
        outcome->retry_after_ms = -1;
    }
}

void work_settle(Work *work)
{
    Fetch *fetch = work->fetch;
    if (work->arrived && work->transfer && came_by_login(work) && !work_make_private(work)) {
        work_free(work);
        return;
    }
    if (!work->arrived) {
        cut_short(work);
        return;
    }
    if (!work->members && work->row->file->role == FILE_ROLE_ARCHIVE) {
        archive_place(work); /* a volume of another one */
        return;
    }
    if (!work->members && work_came_zipped(work)) {
        work_unzip(work);
        return;
    }
    if (!work->members) {
        work_place_file(work);
        return;
    }
    if (!members_began(work->members)) {
        members_begin_whole(work->members);
    }
    if (!members_are_done(work->members)) {
        return;
    }
    const GError *failure = members_error(work->members);
    if (is_kept_all_the_same(work, failure)) {
        job_tell(fetch->job, JOB_EVENT_WARNING, "unsafe",
                 json_pack("{s:s, s:s}", "path", work->row->file->path, "reason", failure->message),
                 _("%s It is kept as it is; do not unpack it with a careless program."),
                 failure->message);
        work_place(work, stage_tree_fd(fetch->spec->stage), fetch->tree);
    } else if (!failure && work_keeps_archive(work)) {
        work_place(work, stage_tree_fd(fetch->spec->stage), fetch->tree);
    } else if (!failure && work_is_series(work)) {
        work_settle_series(work);
    } else if (!failure) {
        archive_settle(work);
    } else if (g_error_matches(failure, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED) &&
               !fetch->stopping) {
        members_begin_whole(work->members);
        if (members_are_done(work->members)) {
            archive_failed(work, members_error(work->members));
        }
    } else {
        archive_failed(work, failure);
    }
}

void work_is_absent(Work *work, int status, const char *where)
{
    Fetch *fetch = work->fetch;
    GError *error = NULL;
    g_autofree char *reason = g_strdup_printf("HTTP %d", status);
    fetch->report->absent++;
    if (!spool_note_state(fetch->spool, work->row->id, SPOOL_ABSENT, reason, &error)) {
        fetch_stop(fetch, error);
    }
    job_count(fetch->job, files_done, 1);
    job_tell(fetch->job, JOB_EVENT_WARNING, "absent",
             json_pack("{s:s, s:i}", "path", work->row->file->path, "status", status),
             _("%s is listed, but not there: %s answered %d."), work->row->file->path,
             where ? where : "", status);
    fetch_noted(fetch);
    work_free(work);
}

static void on_transfer_done(Transfer *transfer, const Outcome *outcome, gpointer data)
{
    Work *work = data;
    Fetch *fetch = work->fetch;
    const Reference *reference = fetch->spec->reference;
    if (outcome->kind == OUTCOME_OK && !fetch->stopping) {
        partial_file_digest(work->partial, work_digested, work);
        return;
    }
    if (outcome->kind == OUTCOME_CANCELLED && !fetch->stopping && is_refused(work)) {
        archive_failed(work, members_error(work->members));
    } else if (outcome->kind == OUTCOME_OK || outcome->kind == OUTCOME_CANCELLED) {
        spool_put_back(fetch->spool, work->row->id);
        work_free(work);
    } else if (work->single && single_takes_outcome(work, outcome)) {
        work_free(work);
    } else if (work->course && !outcome_stops_run(outcome)) {
        work_leg_failed(work, outcome);
    } else if (outcome->kind == OUTCOME_ABSENT) {
        work_is_absent(work, outcome->status, outcome->address);
    } else {
        GError *error =
            outcome_to_error(outcome, work->row->file->path, reference->ref, reference->fetcher,
                             reference->locator, reference->manifest);
        if (outcome_stops_run(outcome)) {
            spool_put_back(fetch->spool, work->row->id);
            fetch_stop(fetch, error);
            work_free(work);
        } else {
            work_fail(work, error);
        }
    }
}

static void on_begins(PartialFile *file, Frontier *frontier, guint64 total, gpointer data)
{
    Work *work = data;
    if (work->members) {
        members_begin(work->members, frontier);
    }
}

void work_start(Fetch *fetch, SpoolDownload *row)
{
    Work *work = g_new0(Work, 1);
    work->fetch = fetch;
    work->row = row;
    g_hash_table_add(fetch->works, work);
    if (work_begin_course(work)) {
        return;
    }
    work_take_place(work);
    if (!work_find(work) && !work_share(work)) {
        work_transfer(work);
    }
}

void work_start_single(Fetch *fetch, SpoolDownload *row, Singles *single)
{
    Work *work = g_new0(Work, 1);
    work->fetch = fetch;
    work->row = row;
    work->single = single;
    g_hash_table_add(fetch->works, work);
    work_transfer(work);
}

void work_take_place(Work *work)
{
    if (is_unpacked(work) || is_tested(work)) {
        work->members = members_new(work);
    }
    if (is_unpacked(work)) {
        work->has_place = TRUE;
        work->fetch->running_archives++;
    }
}

/* The addresses that the transfer goes among: those of the leg that is asked. */
static GPtrArray *addresses_of(const Work *work)
{
    const GPtrArray *all = work->row->file->addresses;
    const Leg *leg = work->course ? course_leg(work->course) : NULL;
    GPtrArray *chosen = g_ptr_array_new();
    for (guint i = leg ? leg->first : 0; i < (leg ? leg->first + leg->count : all->len); i++) {
        g_ptr_array_add(chosen, g_ptr_array_index(all, i));
    }
    return chosen;
}

void work_transfer(Work *work)
{
    Fetch *fetch = work->fetch;
    if (fetch->spec->local) {
        work_gather(work);
        return;
    }
    const SpoolDownload *row = work->row;
    const Reference *reference = fetch->spec->reference;
    /* What is wanted of a series is wanted of its members. */
    const WantedBytes wanted = work_is_series(work) ? WANTED_BYTES_NONE : row->wanted;
    const gboolean covered =
        !digest_set_is_empty(&wanted.locked) || !digest_set_is_empty(&wanted.declared);
    g_autofree char *key =
        work->single ? single_key(work) : g_strdup_printf("%" G_GINT64_FORMAT, row->id);
    PartialSpec partial = {
        .folder_fd = stage_partial_fd(fetch->spec->stage),
        .key = key,
        .name = row->file->path,
        .size = row->file->size_is_rounded || work_is_series(work) ? SIZE_UNKNOWN : row->file->size,
        .algorithms = wanted_bytes_algorithms(&wanted) | reference->fetcher->row.sent_digests,
        .wanted = digest_set_is_empty(&wanted.locked) ? wanted.declared : wanted.locked,
        .digest_covers_all = covered,
        .mode = stage_file_mode(fetch->spec->stage),
        .pool = job_digest_pool(fetch->job),
        .store = job_store(fetch->job),
        .begins = work->members ? on_begins : NULL,
        .data = work,
    };
    work->partial = partial_file_new(&partial);
    FileSpec file = *row->file;
    g_autoptr(GPtrArray) addresses = addresses_of(work);
    file.addresses = addresses;
    file.size = work_is_series(work) ? SIZE_UNKNOWN : file.size;
    TransferSpec transfer = {
        .name = row->file->path,
        .fetcher = reference->fetcher,
        .locator = reference->locator,
        .manifest = reference->manifest,
        .file = &file,
        .digest_covers_all = covered,
        .max_bytes = SIZE_UNKNOWN,
        .sink = partial_file_sink(work->partial),
        .holds_nothing = partial_file_is_fresh(work->partial),
        .home = job_store(fetch->job),
        .most_attempts = work->single                                    ? single_attempts()
                         : work->course && course_has_more(work->course) ? ATTEMPTS_BEFORE_NEXT
                                                                         : 0,
        .by_login = on_by_login,
        .done = on_transfer_done,
        .data = work,
    };
    work->transfer = transfer_new(&transfer);
    engine_submit(fetch->engine, work->transfer);
}

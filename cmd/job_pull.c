#include "job_pull.h"

#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "job_owner.h"
#include "job_pull_internal.h"
#include "lock_facts.h"
#include "pull_note.h"
#include "relpath.h"
#include "version_choice.h"

#include <dirent.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>

void pull_planned_free(PullPlanned *planned)
{
    if (planned) {
        g_free(planned->id);
        g_clear_pointer(&planned->head, listing_head_free);
        g_free(planned);
    }
}

void pull_result_free(PullResult *result)
{
    if (result) {
        room_clear(&result->room);
        g_clear_pointer(&result->planned, pull_planned_free);
        g_free(result->path);
        g_free(result->ref);
        g_clear_pointer(&result->header, lock_header_free);
        g_free(result);
    }
}

static gboolean has_partial_files(const Stage *stage)
{
    int fd = openat(stage_partial_fd(stage), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    gboolean found = folder == NULL;
    for (struct dirent *entry; folder && !found && (entry = readdir(folder));) {
        found = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    if (folder) {
        closedir(folder);
    }
    return found;
}

/* Is there anything worth going on with? */
static gboolean is_begun(const Pull *pull)
{
    SpoolTotals totals;
    return pull->stage &&
           (pull->keep_stage || !spool_totals(stage_spool(pull->stage), &totals, NULL) ||
            totals.staged_files || has_partial_files(pull->stage));
}

/* A stage that holds nothing worth going on with is no unfinished pull. */
static void leave_stage(Pull *pull)
{
    if (!pull->stage || is_begun(pull)) {
        return;
    }
    g_autoptr(GError) error = NULL;
    if (!stage_discard(g_steal_pointer(&pull->stage), &error)) {
        event_log(EVENT_LOG_WARNING, "%s", error->message);
    }
}

static void pull_clear(Pull *pull)
{
    leave_stage(pull);
    g_clear_pointer(&pull->command, g_free);
    g_clear_pointer(&pull->anew, g_free);
    g_clear_pointer(&pull->head, listing_head_free);
    g_clear_pointer(&pull->selection, selection_free);
    g_clear_pointer(&pull->name, version_name_free);
    if (pull->scratch) {
        g_clear_pointer(&pull->spool, spool_close);
        g_autofree char *file = g_build_filename(pull->scratch, "spool.db", NULL);
        g_unlink(file);
        g_rmdir(pull->scratch);
        g_free(pull->scratch);
    }
    g_clear_pointer(&pull->stage, stage_close);
    g_clear_pointer(&pull->index, index_close);
    g_clear_pointer(&pull->owner, owner_release);
    g_clear_pointer(&pull->versions, g_ptr_array_unref);
    g_clear_pointer(&pull->mirror, mirror_close);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pull, pull_clear)

static const LockHeader *find_version(const Pull *pull, const char *version)
{
    for (guint i = 0; version && i < pull->versions->len; i++) {
        const LockHeader *header = g_ptr_array_index(pull->versions, i);
        gboolean by_fingerprint = g_str_has_prefix(version, "mm1:") && strlen(version) >= 16 &&
                                  header->fingerprint &&
                                  g_str_has_prefix(header->fingerprint, version);
        if (by_fingerprint || g_strcmp0(header->version, version) == 0) {
            return header;
        }
    }
    return NULL;
}

gboolean pull_holds(const LockHeader *header, const PullRequest *request)
{
    if (header->failed || header->absent) {
        return FALSE;
    }
    if (request->only) {
        return selection_equal(header->selection, request->selection);
    }
    g_autoptr(Selection) both = selection_union(header->selection, request->selection);
    return selection_equal(both, header->selection);
}

/* One whose folder was removed by hand is brought again; one in place is its owner's affair. */
static GPtrArray *find_versions(const Pull *pull, GError **error)
{
    GPtrArray *versions = mirror_versions(pull->mirror, pull->reference->folder, error);
    for (guint i = versions ? versions->len : 0; i > 0; i--) {
        const LockHeader *header = g_ptr_array_index(versions, i - 1);
        if (!header->in_place && !mirror_has_tree(pull->mirror, header)) {
            g_ptr_array_remove_index(versions, i - 1);
        }
    }
    return versions;
}

gboolean pull_finish_with(Pull *pull, const LockHeader *header)
{
    pull->result->header = lock_header_copy(header);
    pull->result->path =
        mirror_version_path(pull->mirror, pull->reference->folder, header->version);
    pull->result->is_weak = header->state_is_weak;
    return TRUE;
}

gboolean pull_finish_up_to_date(Pull *pull, const LockHeader *header)
{
    pull->result->up_to_date = TRUE;
    return pull_finish_with(pull, header);
}

static gboolean pull_open(Pull *pull, GError **error)
{
    const JobSettings *settings = job_settings(pull->job);
    gboolean read_only = pull->request->dry_run;
    g_autoptr(GError) absent = NULL;
    pull->mirror = mirror_open(settings->mirror_path,
                               read_only ? MIRROR_OPEN_READ : MIRROR_OPEN_WRITE, &absent);
    if (!pull->mirror) {
        if (read_only && g_error_matches(absent, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT)) {
            pull->versions = g_ptr_array_new_with_free_func((GDestroyNotify)lock_header_free);
            return TRUE;
        }
        g_propagate_error(error, g_steal_pointer(&absent));
        return FALSE;
    }
    pull->versions = find_versions(pull, error);
    return pull->versions != NULL;
}

/* What is asked for is written down, for `pull --resume`. A sync leaves alone what a person has
 * begun in another way: it would drop what that pull has brought. */
static gboolean note_request(Pull *pull, GError **error)
{
    g_autofree char *before = stage_get_request(pull->stage);
    g_autoptr(PullNote) begun = before ? pull_note_parse(before, NULL) : NULL;
    if (pull->request->is_sync && begun && is_begun(pull) &&
        !pull_note_is_of(begun, pull->request)) {
        g_autofree char *options = pull_note_options(begun);
        g_autofree char *resume =
            g_strdup_printf("medmirror pull --resume%s %s", job_settings(pull->job)->mirror_words,
                            pull->reference->ref);
        pull->result->other_begun = TRUE;
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_BUSY,
                    _("%s: a pull of it (%s) is unfinished, and is left as it is. Go on with it: "
                      "%s"),
                    pull->reference->ref, *options ? options : _("everything"), resume);
        return FALSE;
    }
    g_autofree char *note = pull_note_make(pull->request, begun);
    return stage_set_request(pull->stage, note, error) &&
           spool_set(pull->spool, "ref", pull->reference->ref, error) &&
           spool_set(pull->spool, "options", pull->request->options, error) &&
           spool_set(pull->spool, "adopting", NULL, error) &&
           spool_set(pull->spool, "reason", NULL, error);
}

static gboolean pull_take(Pull *pull, GError **error)
{
    if (pull->request->dry_run) {
        pull->scratch = g_dir_make_tmp("medmirror-plan-XXXXXX", error);
        if (!pull->scratch) {
            return FALSE;
        }
        g_autofree char *file = g_build_filename(pull->scratch, "spool.db", NULL);
        pull->spool = spool_open(file, error);
        return pull->spool != NULL;
    }
    pull->owner =
        job_take_owner(pull->job, pull->mirror, pull->reference->ref, pull->reference->folder,
                       pull->request->is_sync ? "sync" : "pull", pull->request->no_wait, error);
    if (!pull->owner) {
        return FALSE;
    }
    /* Whoever was waited for may have brought it. */
    g_ptr_array_unref(pull->versions);
    pull->versions = find_versions(pull, error);
    if (!pull->versions) {
        return FALSE;
    }
    pull->stage = stage_open(pull->mirror, pull->reference->folder, error);
    pull->spool = pull->stage ? stage_spool(pull->stage) : NULL;
    return pull->spool && note_request(pull, error);
}

/* Nobody answers, and a version is here: it is used, and that is said. */
static gboolean use_what_is_here(Pull *pull, const LockHeader *candidate, const GError *failure)
{
    if (!candidate || !pull_holds(candidate, pull->request) || pull->reference->version ||
        pull->request->refresh || pull->request->is_sync || job_is_cancelled(pull->job) ||
        (error_exit_status(failure) != 5 &&
         !g_error_matches(failure, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED))) {
        return FALSE;
    }
    const char *reason = g_error_matches(failure, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED)
                             ? _("the source did not answer within 10 s.")
                             : failure->message;
    job_tell(pull->job, JOB_EVENT_WARNING, "newer-not-asked",
             json_pack("{s:s, s:s, s:s}", "ref", pull->reference->ref, "version",
                       candidate->version, "reason", reason),
             _("%s: whether there is a newer version than %s is not known: %s"),
             pull->reference->ref, candidate->version, reason);
    pull_finish_up_to_date(pull, candidate);
    pull->result->not_asked = TRUE;
    return TRUE;
}

/* What can be said without the network: a version that was named, or anything with --offline. */
static const LockHeader *answer_offline(const Pull *pull, gboolean *final, GError **error)
{
    const JobSettings *settings = job_settings(pull->job);
    const LockHeader *named = find_version(pull, pull->reference->version);
    const LockHeader *here = pull->reference->version ? named
                             : pull->versions->len    ? g_ptr_array_index(pull->versions, 0)
                                                      : NULL;
    gboolean whole = here && pull_holds(here, pull->request);
    *final = FALSE;
    if (pull->reference->version && whole && !pull->request->refresh) {
        *final = TRUE;
    } else if (settings->offline) {
        *final = TRUE;
        if (!whole) {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                        here ? _("%s is here in part alone, and --offline forbids to fetch the "
                                 "rest. Where there is "
                                 "network: medmirror pull %s")
                             : _("%s is not here, and --offline forbids to fetch it. Where there "
                                 "is network: medmirror "
                                 "pull %s"),
                        pull->reference->ref, pull->reference->ref);
            return NULL;
        }
    }
    return here;
}

/* How a dataset of a source is named. */
static char *name_form(const char *source)
{
    if (strcmp(source, "kaggle") == 0) {
        return g_strdup("kaggle/OWNER/SLUG");
    }
    return strcmp(source, "s3") == 0 ? g_strdup("s3://BUCKET/PREFIX/")
                                     : g_strdup_printf("%s/NAME", source);
}

/* A refusal ends with the line to type next, whoever worded it. */
static void add_next_line(const Pull *pull, GError *failure)
{
    if (strstr(failure->message, "medmirror ")) {
        return;
    }
    const char *format = NULL;
    switch (error_exit_status(failure)) {
    case 4:
        format = _("%s When that is done, type: %s");
        break;
    case 5:
        format = _("%s Try again later with: %s");
        break;
    case 6:
        format = _("%s When the mirror has room and can be written, go on with: %s");
        break;
    case 8:
        format = _("%s Who works here is told by: medmirror status. Then type: %s");
        break;
    default:
        break;
    }
    if (!format && error_exit_status(failure) == 7 && !pull->request->is_sync) {
        g_autofree char *before = failure->message;
        const char *source = pull->reference->fetcher->row.name;
        g_autofree char *form = name_form(source);
        failure->message = strcmp(source, "http") == 0
                               ? g_strdup_printf(_("%s With the right address, type: medmirror "
                                                   "pull ADDRESS"),
                                                 before)
                               : g_strdup_printf(_("%s With the right name, type: medmirror pull "
                                                   "%s"),
                                                 before, form);
    }
    if (!format) {
        return;
    }
    int status = error_exit_status(failure);
    gboolean goes_on = pull->result->is_begun && (status == 5 || status == 6);
    g_autofree char *line =
        goes_on ? g_strdup(pull->command)
                : g_strdup_printf("medmirror %s%s %s", pull->request->is_sync ? "sync" : "pull",
                                  job_settings(pull->job)->mirror_words, pull->reference->ref);
    g_autofree char *before = failure->message;
    g_auto(GStrv) parts = g_strsplit(format, "%s", 3);
    failure->message = g_strconcat(parts[0], before, parts[1], line, parts[2], NULL);
}

/* A fingerprint finds what is here; no source can be asked for one. */
static gboolean check_is_no_fingerprint(const Reference *reference, GError **error)
{
    if (!reference->version || !g_str_has_prefix(reference->version, "mm1:")) {
        return TRUE;
    }
    version_set_no_fingerprint(reference, error);
    return FALSE;
}

/* What stands here was asked for with --require, and some of it nobody vouches for. */
static gboolean check_required(const Pull *pull, const LockHeader *header, GError **error)
{
    guint64 unvouched = 0;
    if (pull->request->require != REQUIRE_DECLARED) {
        return TRUE;
    }
    g_autoptr(LockReader) lock =
        mirror_open_lock(pull->mirror, pull->reference->folder, header->version, error);
    if (!lock || !requirement_count_unmet(REQUIRE_DECLARED, lock, &unvouched, error)) {
        return FALSE;
    }
    if (unvouched == 0) {
        return TRUE;
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                _("%s@%s is here, and nobody declares a digest for %" G_GUINT64_FORMAT
                  " of its %" G_GUINT64_FORMAT
                  " files, which --require declared asks for. Without it: medmirror pull %s"),
                header->ref, header->version, unvouched, header->held_files, header->ref);
    return FALSE;
}

/* For a sync, a version that stands is right as it is; what failed of it is asked for again. For a
 * pull, the same state of the source, all of it here: no list need be read to know it. */
static gboolean stands(const Pull *pull, const LockHeader *header, gboolean same_state)
{
    if (pull->request->is_sync) {
        return header && header->failed == 0;
    }
    return header && same_state && pull_holds(header, pull->request) && !is_begun(pull);
}

/* Where we give the names, only what the source has now can be had: another one that is asked for
 * by its name is not it. */
static gboolean check_is_asked(Pull *pull, GError **error)
{
    const Reference *reference = pull->reference;
    if (!reference->version || pull->request->refresh || (pull->head && pull->head->version)) {
        return TRUE;
    }
    const LockHeader *named = find_version(pull, reference->version);
    g_autofree char *wanted = relpath_encode_part(named ? named->version : reference->version);
    if (strcmp(wanted, pull->name->version) == 0) {
        return TRUE;
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                named ? _("%s@%s has changed at the source since it was pulled, and what it lacks "
                          "cannot be had any more. What is here was not touched. What the source "
                          "has now, %s, comes beside it with: medmirror pull %s")
                      : _("%s@%s cannot be had: the source names no versions, and what it has now "
                          "is %s here. Bring that with: medmirror pull %s"),
                reference->ref, named ? named->version : reference->version, pull->name->version,
                reference->ref);
    pull->result->has_changed = named != NULL;
    return FALSE;
}

static gboolean pull_run(Pull *pull, GError **error)
{
    gboolean final = FALSE;
    if (!pull_open(pull, error)) {
        return FALSE;
    }
    g_autoptr(GError) failure = NULL;
    const LockHeader *candidate = answer_offline(pull, &final, &failure);
    if (!candidate && !failure && !check_is_no_fingerprint(pull->reference, &failure)) {
        final = TRUE;
    }
    if (final && failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (final) {
        pull->result->not_asked = pull->reference->version == NULL;
        return pull_finish_up_to_date(pull, candidate);
    }
    if (!pull_take(pull, error)) {
        return FALSE;
    }
    candidate = answer_offline(pull, &final, NULL);
    if (final && candidate) {
        return pull_finish_up_to_date(pull, candidate);
    }
    gboolean unchanged = FALSE;
    if (!pull_resolve(pull, candidate, &unchanged, &failure)) {
        if (job_is_cancelled(pull->job)) {
            job_set_cancelled_error(pull->job, is_begun(pull) ? pull->command : pull->anew, error);
            return FALSE;
        }
        if (use_what_is_here(pull, candidate, failure)) {
            return TRUE;
        }
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (unchanged && stands(pull, candidate, TRUE)) {
        return pull_finish_up_to_date(pull, candidate);
    }
    VersionQuestion question = {.reference = pull->reference,
                                .head = pull->head,
                                .spool = pull->spool,
                                .versions = pull->versions,
                                .unchanged = unchanged ? candidate : NULL,
                                .refresh = pull->request->refresh};
    pull->name = version_name_choose(&question, error);
    if (!pull->name) {
        pull->result->has_changed =
            error && g_error_matches(*error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
        return FALSE;
    }
    if (!check_is_asked(pull, error)) {
        return FALSE;
    }
    pull->standing = pull->name->standing;
    if (stands(pull, pull->standing,
               unchanged || (pull->standing &&
                             g_strcmp0(pull->standing->source_state, pull->name->state) == 0))) {
        return pull_finish_up_to_date(pull, pull->standing);
    }
    return pull_choose_files(pull, error) && pull_fetch(pull, error);
}

/* What was asked for, and a version that stands as it is cannot give. */
static gboolean check_packing(Pull *pull, const LockHeader *header, GError **error)
{
    Packing packing;
    if (!lock_facts_packing(pull->mirror, header, &packing, error)) {
        return FALSE;
    }
    g_autofree char *archives = g_strdup_printf("%s.archives", pull->result->path);
    if ((pull->request->no_unpack && packing.unpacked) ||
        (pull->request->keep_archives && !g_file_test(archives, G_FILE_TEST_IS_DIR) &&
         packing.keepable)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s@%s is here unpacked, without its archives, and a version that stands is "
                      "not changed. They come into "
                      "another mirror with: medmirror pull --no-unpack --mirror DIR %s"),
                    pull->reference->ref, header->version, pull->reference->ref);
        return FALSE;
    }
    if (packing.packed && !pull->request->no_unpack) {
        job_tell(pull->job, JOB_EVENT_STEP, "packed",
                 json_pack("{s:s}", "ref", pull->reference->ref),
                 _("%s: its archives are here as they are (--no-unpack). One of them is unpacked "
                   "by: medmirror unpack "
                   "%s/ARCHIVE DIR"),
                 pull->reference->ref, pull->result->path);
    }
    return TRUE;
}

/* Is what stands now what was asked for? */
static gboolean check_answer(Pull *pull, GError **error)
{
    const LockHeader *header = pull->result->header;
    if (!header) {
        return TRUE;
    }
    if (pull->result->up_to_date && !version_check_tree(pull->mirror, header, error)) {
        return FALSE;
    }
    if (pull->request->is_sync) {
        return TRUE;
    }
    if (!pull->request->dry_run && !check_required(pull, header, error)) {
        return FALSE;
    }
    if (pull->result->up_to_date && !check_packing(pull, header, error)) {
        return FALSE;
    }
    if (pull->result->up_to_date && !pull->request->names &&
        !selection_is_all(pull->request->selection) &&
        !lock_facts_check_taken(pull->mirror, header, pull->request->selection, error)) {
        return FALSE;
    }
    return !pull->request->names ||
           lock_facts_check_names(pull->mirror, header, pull->request->names, error);
}

gboolean job_pull(Job *job, const PullRequest *request, PullResult **result, GError **error)
{
    const Config *config = job_settings(job)->config;
    g_auto(Pull) pull = {.job = job, .request = request, .reference = request->reference};
    pull.limits.max_size = config->max_size;
    pull.limits.max_files = config->max_files;
    pull.limits.reserve = config->reserve;
    const char *mirror = job_settings(job)->mirror_words;
    pull.command = request->is_sync ? g_strdup_printf("medmirror sync%s", mirror)
                                    : g_strdup_printf("medmirror pull --resume%s %s", mirror,
                                                      request->reference->ref);
    pull.anew = request->is_sync
                    ? g_strdup(pull.command)
                    : g_strdup_printf("medmirror pull%s %s%s%s", mirror, request->reference->ref,
                                      *request->options ? " " : "", request->options);
    pull.result = *result = g_new0(PullResult, 1);
    pull.result->ref = g_strdup(request->reference->ref);
    gint64 begin = g_get_monotonic_time();
    g_autoptr(GError) failure = NULL;
    gboolean done = pull_run(&pull, &failure);
    if (done && !check_answer(&pull, &failure)) {
        done = FALSE;
        if (pull.result->up_to_date) {
            g_clear_pointer(&pull.result->header, lock_header_free);
        }
    }
    pull.result->elapsed_us = g_get_monotonic_time() - begin;
    pull.result->is_begun = is_begun(&pull);
    if (failure) {
        add_next_line(&pull, failure);
        g_propagate_error(error, g_steal_pointer(&failure));
    }
    return done;
}

void job_pull_drop(Job *job, const Reference *reference)
{
    const PullRequest request = {.reference = reference, .no_wait = TRUE};
    g_auto(Pull) pull = {.job = job, .request = &request, .reference = reference};
    g_autoptr(GError) error = NULL;
    pull.mirror = mirror_open(job_settings(job)->mirror_path, MIRROR_OPEN_WRITE, &error);
    pull.owner = pull.mirror ? job_take_owner(job, pull.mirror, reference->ref, reference->folder,
                                              "sync", TRUE, &error)
                             : NULL;
    pull.stage = pull.owner ? stage_open(pull.mirror, reference->folder, &error) : NULL;
    if (!pull.stage) {
        event_log(EVENT_LOG_DEBUG, "%s", error->message);
    }
}

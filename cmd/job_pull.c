#include "job_pull.h"

#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "job_plan.h"
#include "job_sweep.h"
#include "job_version.h"
#include "proofs.h"
#include "version_choice.h"

#include <dirent.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>

#define ASK_NEWER_US                                                                               \
    (10 * G_USEC_PER_SEC) /* how long a newer version is asked for where one is here */

typedef struct {
    Job *job;
    const PullRequest *request;
    const Reference *reference;
    PullResult *result;
    Mirror *mirror;
    GPtrArray *versions; /* LockHeader* of what stands, newest first */
    Owner *owner;
    Stage *stage;
    Index *index; /* NULL where there is none */
    Spool *spool;
    char *scratch; /* of a dry run: a folder of its own in place of a stage */
    ListingHead *head;
    const LockHeader
        *standing;        /* the version that this pull is about, where it stands; of `versions` */
    Selection *selection; /* what the version is to hold afterwards */
    VersionName *name;
    RoomLimits limits;
    char *command; /* the line that goes on */
} Pull;

void pull_result_free(PullResult *result)
{
    if (result) {
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

/* A stage that holds nothing worth going on with is no unfinished pull. */
static void leave_stage(Pull *pull)
{
    SpoolTotals totals;
    if (!pull->stage || !spool_totals(stage_spool(pull->stage), &totals, NULL) ||
        totals.staged_files || has_partial_files(pull->stage)) {
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

/* Does the version hold all that this request asks for? */
static gboolean holds(const LockHeader *header, const PullRequest *request)
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

static gboolean finish_with(Pull *pull, const LockHeader *header)
{
    pull->result->header = lock_header_copy(header);
    pull->result->path =
        mirror_version_path(pull->mirror, pull->reference->folder, header->version);
    pull->result->is_weak = header->state_is_weak;
    return TRUE;
}

static gboolean finish_up_to_date(Pull *pull, const LockHeader *header)
{
    pull->result->up_to_date = TRUE;
    return finish_with(pull, header);
}

static void on_waits(const OwnerInfo *info, gpointer data)
{
    Pull *pull = data;
    job_tell(pull->job, JOB_EVENT_STEP, "waits",
             json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "ref", pull->reference->ref, "user",
                       info->user, "host", info->host, "pid", (json_int_t)info->pid, "verb",
                       info->verb, "since", info->since),
             _("%s is being worked on by %s of %s on %s (process %" G_GINT64_FORMAT
               ") since %s; waiting for it (not with --no-wait)."),
             pull->reference->ref, info->verb, info->user, info->host, info->pid, info->since);
}

static gboolean on_cancelled(gpointer data)
{
    return job_is_cancelled(((Pull *)data)->job);
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
    pull->versions = mirror_versions(pull->mirror, pull->reference->folder, error);
    return pull->versions != NULL;
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
    pull->owner = owner_take(pull->mirror, pull->reference->folder, "pull", pull->request->no_wait,
                             on_waits, on_cancelled, pull, error);
    if (!pull->owner) {
        return FALSE;
    }
    /* Whoever was waited for may have brought it. */
    g_ptr_array_unref(pull->versions);
    pull->versions = mirror_versions(pull->mirror, pull->reference->folder, error);
    if (!pull->versions) {
        return FALSE;
    }
    pull->stage = stage_open(pull->mirror, pull->reference->folder, error);
    pull->spool = pull->stage ? stage_spool(pull->stage) : NULL;
    return pull->spool && spool_set(pull->spool, "ref", pull->reference->ref, error) &&
           spool_set(pull->spool, "options", pull->request->options, error);
}

static gboolean on_head(gpointer data, const ListingHead *head, GError **error)
{
    Pull *pull = data;
    g_clear_pointer(&pull->head, listing_head_free);
    pull->head = listing_head_copy(head);
    job_set_deadline(pull->job, 0);
    return TRUE;
}

static gboolean names_volume(const UnpackRule *rule, const char *path)
{
    for (guint i = 0; rule && rule->volumes && i < rule->volumes->len; i++) {
        if (strcmp(g_ptr_array_index(rule->volumes, i), path) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Is it a further volume of an archive that the manifest joins? */
static gboolean is_volume(const Manifest *manifest, const char *path)
{
    if (!manifest) {
        return FALSE;
    }
    for (guint i = 0; manifest->files && i < manifest->files->len; i++) {
        if (names_volume(((const ManifestFile *)g_ptr_array_index(manifest->files, i))->unpack,
                         path)) {
            return TRUE;
        }
    }
    return names_volume(manifest->unpack, path);
}

static gboolean on_file(gpointer data, const FileSpec *file, GError **error)
{
    Pull *pull = data;
    FileSpec kept = *file;
    if (!pull->request->no_unpack && is_volume(pull->reference->manifest, file->path)) {
        kept.role = FILE_ROLE_ARCHIVE; /* of another file's rule; nothing of the tree */
        kept.unpack = NULL;
        return spool_add(pull->spool, &kept, error);
    }
    if (!pull->request->no_unpack || file->role != FILE_ROLE_ARCHIVE) {
        return spool_add(pull->spool, file, error);
    }
    kept.role = FILE_ROLE_DATA; /* its rule stays: it says how the archive is tested */
    return spool_add(pull->spool, &kept, error);
}

static gboolean on_digest(gpointer data, const char *path, const Digest *digest, GError **error)
{
    return spool_declare(((Pull *)data)->spool, path, digest, error);
}

/* The token whose listing this pull could go on with: of the stage that an earlier run left, else
 * of the version that stands. */
static char *known_token(Pull *pull, const LockHeader *candidate, gboolean *from_spool)
{
    g_autofree char *as_it_is = spool_get(pull->spool, "no_unpack");
    gboolean same_way = (as_it_is != NULL) == (pull->request->no_unpack != FALSE);
    char *token =
        same_way && spool_is_listed(pull->spool) ? spool_get(pull->spool, "state_token") : NULL;
    *from_spool = token != NULL;
    if (!token && candidate && !pull->request->refresh) {
        token = g_strdup(candidate->state_token);
    }
    return token;
}

static gboolean pull_resolve(Pull *pull, const LockHeader *candidate, gboolean *unchanged,
                             GError **error)
{
    HostServices *services = job_services(pull->job, error);
    if (!services) {
        return FALSE;
    }
    gboolean from_spool = FALSE;
    g_autofree char *token = known_token(pull, candidate, &from_spool);
    ResolveRequest request = {.locator = pull->reference->locator,
                              .manifest = pull->reference->manifest,
                              .version = pull->reference->version,
                              .state_token = token};
    ListingTaker taker = {.head = on_head, .file = on_file, .digest = on_digest, .data = pull};
    job_tell(pull->job, JOB_EVENT_STEP, "resolve", json_pack("{s:s}", "ref", pull->reference->ref),
             _("%s: asking what there is."), pull->reference->ref);
    if (candidate) {
        job_set_deadline(pull->job, g_get_monotonic_time() + ASK_NEWER_US);
    }
    gboolean begun = spool_begin_listing(pull->spool, pull->request->selection, error);
    ResolveResult answer =
        begun ? pull->reference->fetcher->resolve(&request, services, &taker, error)
              : RESOLVE_FAILED;
    job_set_deadline(pull->job, 0);
    if (answer == RESOLVE_FAILED) {
        return FALSE;
    }
    for (guint i = 0; pull->head && pull->head->notes && i < pull->head->notes->len; i++) {
        const char *note = g_ptr_array_index(pull->head->notes, i);
        job_tell(pull->job, JOB_EVENT_WARNING, "note",
                 json_pack("{s:s, s:s}", "ref", pull->reference->ref, "text", note), "%s: %s",
                 pull->reference->ref, note);
    }
    *unchanged = answer == RESOLVE_UNCHANGED && !from_spool;
    if (answer == RESOLVE_UNCHANGED) {
        return spool_cancel_listing(pull->spool, error);
    }
    return spool_end_listing(pull->spool, error) &&
           spool_set(pull->spool, "no_unpack", pull->request->no_unpack ? "yes" : NULL, error) &&
           (!pull->head || !pull->head->state_token ||
            spool_set(pull->spool, "state_token", pull->head->state_token, error));
}

/* Nobody answers, and a version is here: it is used, and that is said. */
static gboolean use_what_is_here(Pull *pull, const LockHeader *candidate, const GError *failure)
{
    if (!candidate || !holds(candidate, pull->request) || pull->reference->version ||
        pull->request->refresh || job_is_cancelled(pull->job) ||
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
    finish_up_to_date(pull, candidate);
    pull->result->not_asked = TRUE;
    return TRUE;
}

static gboolean import_standing(Pull *pull, GError **error)
{
    if (!pull->standing) {
        return spool_forget_lock(pull->spool, error);
    }
    g_autoptr(LockReader) lock =
        mirror_open_lock(pull->mirror, pull->reference->folder, pull->standing->version, error);
    return lock && spool_import_lock(pull->spool, lock, error);
}

static gboolean choose_files(Pull *pull, GError **error)
{
    if (pull->standing && !pull->request->only) {
        pull->selection = selection_union(pull->standing->selection, pull->request->selection);
    } else {
        pull->selection = selection_copy(pull->request->selection);
    }
    return import_standing(pull, error) && spool_choose(pull->spool, pull->selection, error) &&
           spool_retry_failed(pull->spool, error) &&
           spool_set(pull->spool, "version", pull->name->version, error);
}

static gboolean expect_members(Pull *pull, GError **error)
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

static LockHeader *make_header(const Pull *pull)
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
    SET(access, manifest ? access_name(manifest->access) : access_name(ACCESS_OPEN));
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
        SET(title, head->title ? head->title : header->title);
        SET(licence, head->licence ? head->licence : header->licence);
        SET(citation, head->citation ? head->citation : header->citation);
        SET(homepage, head->homepage ? head->homepage : header->homepage);
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
static void note_proof(Pull *pull, const LockHeader *header)
{
    const Proof proof = {.folder = header->folder,
                         .version = header->version,
                         .fingerprint = header->fingerprint,
                         .files = header->held_files,
                         .bytes = header->held_bytes,
                         .by = "pull"};
    g_autoptr(GError) error = NULL;
    if (!pull->standing && !proofs_append(pull->mirror, &proof, &error)) {
        event_log(EVENT_LOG_WARNING, "%s", error->message);
    }
}

static gboolean pull_install(Pull *pull, GError **error)
{
    if (pull->result->fetched.left_over && !job_sweep(pull->stage, error)) {
        return FALSE;
    }
    g_autoptr(LockHeader) header = make_header(pull);
    InstallSpec spec = {.header = header,
                        .index = pull->index,
                        .allow_incomplete = pull->request->allow_incomplete,
                        .only = pull->request->only,
                        .keep_archives = pull->request->keep_archives};
    if (!stage_install(pull->stage, pull->owner, &spec, error)) {
        return FALSE;
    }
    pull->result->installed = TRUE;
    note_proof(pull, header);
    job_tell(pull->job, JOB_EVENT_DETAIL, "installed",
             json_pack("{s:s, s:s, s:s}", "ref", pull->reference->ref, "version", header->version,
                       "fingerprint", header->fingerprint),
             NULL);
    finish_with(pull, header);
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

static gboolean nothing_chosen(const Pull *pull, const SpoolTotals *totals, GError **error)
{
    if (totals->downloads == 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s: the source lists no files."), pull->reference->ref);
    } else {
        g_autofree char *asked = selection_describe(pull->selection);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s: of %" G_GUINT64_FORMAT
                      " files none is taken by %s. See what there is with: medmirror "
                      "files %s"),
                    pull->reference->ref, totals->downloads, asked, pull->reference->ref);
    }
    return FALSE;
}

/* What an earlier run left for another state of the source may stand in the way of this one's. */
static gboolean sweep_other_state(Pull *pull, GError **error)
{
    const char *state = pull->name->state ? pull->name->state : pull->name->version;
    g_autofree char *before = spool_get(pull->spool, "tree_state");
    return g_strcmp0(before, state) == 0 ||
           (job_sweep(pull->stage, error) && spool_set(pull->spool, "tree_state", state, error));
}

static gboolean pull_fetch(Pull *pull, GError **error)
{
    SpoolTotals totals;
    if (!expect_members(pull, error) || !spool_totals(pull->spool, &totals, error)) {
        return FALSE;
    }
    if (totals.queued == 0 && totals.staged_files == 0 && pull->standing && !pull->request->only &&
        selection_equal(pull->standing->selection, pull->selection)) {
        if (pull->stage && !stage_discard(g_steal_pointer(&pull->stage), error)) {
            return FALSE;
        }
        return finish_up_to_date(pull, pull->standing);
    }
    if (totals.queued == 0 && totals.staged_files == 0 && totals.installed_files == 0) {
        return nothing_chosen(pull, &totals, error);
    }
    PlanSpec plan = {.mirror = pull->mirror,
                     .spool = pull->spool,
                     .head = pull->head,
                     .partial_fd = pull->stage ? stage_partial_fd(pull->stage) : -1,
                     .keep_archives = pull->request->keep_archives,
                     .reference = pull->reference,
                     .version = pull->name->version,
                     .limits = &pull->limits};
    if (!job_plan(pull->job, &plan, &totals, &pull->result->plan, error) ||
        pull->request->dry_run) {
        return pull->request->dry_run && (!error || !*error);
    }
    job_set(pull->job, files_all, totals.queued);
    job_set(pull->job, files_done, 0);
    job_set(pull->job, bytes_all, totals.queued_unknown ? -1 : (gint64)totals.queued_bytes);
    job_set(pull->job, members, 0);
    if (!sweep_other_state(pull, error) || !stage_note_progress(pull->stage, error)) {
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
                       .limits = &pull->limits,
                       .command = pull->command};
    g_autoptr(GError) failure = NULL;
    gboolean fetched = job_fetch(pull->job, &fetch, &pull->result->fetched, &failure);
    int status = error_exit_status(failure);
    if (!fetched &&
        (!pull->request->allow_incomplete || status == 6 || status == 8 || status >= 130)) {
        spool_set(pull->spool, "reason", failure->message, NULL);
        stage_flush(pull->stage, NULL);
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

/* What can be said without the network: a version that was named, or anything with --offline. */
static const LockHeader *answer_offline(const Pull *pull, gboolean *final, GError **error)
{
    const JobSettings *settings = job_settings(pull->job);
    const LockHeader *named = find_version(pull, pull->reference->version);
    const LockHeader *here = pull->reference->version ? named
                             : pull->versions->len    ? g_ptr_array_index(pull->versions, 0)
                                                      : NULL;
    gboolean whole = here && holds(here, pull->request);
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

/* A refusal ends with the line to type next, whoever worded it. */
static void add_next_line(const Pull *pull, GError *failure)
{
    if (strstr(failure->message, "medmirror ")) {
        return;
    }
    const char *format = NULL;
    switch (error_exit_status(failure)) {
    case 4:
        format = _("%s When that is done, type: medmirror pull %s");
        break;
    case 5:
        format = _("%s Try again later with: medmirror pull %s");
        break;
    case 6:
        format = _("%s When the mirror has room and can be written, go on with: medmirror pull %s");
        break;
    case 8:
        format = _("%s Who works here is told by: medmirror status. Then type: medmirror pull %s");
        break;
    default:
        break;
    }
    if (!format && error_exit_status(failure) == 7) {
        g_autofree char *before = failure->message;
        const char *source = pull->reference->fetcher->row.name;
        failure->message = strcmp(source, "http") == 0
                               ? g_strdup_printf(_("%s With the right address, type: medmirror "
                                                   "pull ADDRESS"),
                                                 before)
                               : g_strdup_printf(_("%s With the right name, type: medmirror pull "
                                                   "%s/NAME"),
                                                 before, source);
    }
    if (!format) {
        return;
    }
    g_autofree char *before = failure->message;
    g_auto(GStrv) parts = g_strsplit(format, "%s", 3);
    failure->message =
        g_strconcat(parts[0], before, parts[1], pull->reference->ref, parts[2], NULL);
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
        return finish_up_to_date(pull, candidate);
    }
    if (!pull_take(pull, error)) {
        return FALSE;
    }
    candidate = answer_offline(pull, &final, NULL);
    if (final && candidate) {
        return finish_up_to_date(pull, candidate);
    }
    gboolean unchanged = FALSE;
    if (!pull_resolve(pull, candidate, &unchanged, &failure)) {
        if (job_is_cancelled(pull->job)) {
            job_set_cancelled_error(pull->job, pull->command, error);
            return FALSE;
        }
        if (use_what_is_here(pull, candidate, failure)) {
            return TRUE;
        }
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    VersionQuestion question = {.reference = pull->reference,
                                .head = pull->head,
                                .spool = pull->spool,
                                .versions = pull->versions,
                                .unchanged = unchanged ? candidate : NULL,
                                .refresh = pull->request->refresh};
    pull->name = version_name_choose(&question, error);
    if (!pull->name) {
        return FALSE;
    }
    pull->standing = pull->name->standing;
    return choose_files(pull, error) && pull_fetch(pull, error);
}

gboolean job_pull(Job *job, const PullRequest *request, PullResult **result, GError **error)
{
    const Config *config = job_settings(job)->config;
    g_auto(Pull) pull = {.job = job, .request = request, .reference = request->reference};
    pull.limits.max_size = config->max_size;
    pull.limits.max_files = config->max_files;
    pull.limits.reserve = config->reserve;
    pull.command = g_strdup_printf("medmirror pull %s%s%s", request->reference->ref,
                                   *request->options ? " " : "", request->options);
    pull.result = *result = g_new0(PullResult, 1);
    pull.result->ref = g_strdup(request->reference->ref);
    gint64 begin = g_get_monotonic_time();
    g_autoptr(GError) failure = NULL;
    gboolean done = pull_run(&pull, &failure);
    if (done && pull.result->up_to_date && !check_required(&pull, pull.result->header, &failure)) {
        done = FALSE;
        g_clear_pointer(&pull.result->header, lock_header_free);
    }
    pull.result->elapsed_us = g_get_monotonic_time() - begin;
    if (failure) {
        add_next_line(&pull, failure);
        g_propagate_error(error, g_steal_pointer(&failure));
    }
    return done;
}

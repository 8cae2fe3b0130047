#include "job_adopt.h"

#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "job_adopt_internal.h"
#include "job_owner.h"
#include "size_text.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void adopt_result_free(AdoptResult *result)
{
    if (result) {
        g_free(result->owner);
        g_free(result->completion);
        g_free(result->taken_for);
        g_free(result->path);
        g_free(result->ref);
        g_clear_pointer(&result->header, lock_header_free);
        g_free(result);
    }
}

char *adopt_completion(const Adopt *adopt)
{
    const Reference *reference = adopt->reference;
    const Manifest *manifest = reference->manifest;
    const VersionName *name = adopt->pull.name;
    if (!reference->fetcher || (manifest && manifest->access == ACCESS_GONE)) {
        return NULL;
    }
    /* No version is ever cut out of an address or the path of a manifest. */
    gboolean takes_version = name && g_strcmp0(name->from, "source") == 0 &&
                             !strstr(reference->ref, "://") && reference->ref[0] != '/';
    return takes_version ? g_strdup_printf("medmirror pull %s@%s", reference->ref, name->version)
                         : g_strdup_printf("medmirror pull %s", reference->ref);
}

/* Of an adoption that ended without its install nothing stays but what can be gone on with. */
static void leave_stage(Adopt *adopt)
{
    g_autoptr(GError) error = NULL;
    gboolean goes_on = adopt->keep_stage || !adopt->stage_is_ours;
    if (adopt->pull.stage && !adopt->result->installed && !goes_on &&
        !stage_discard(g_steal_pointer(&adopt->pull.stage), &error)) {
        event_log(EVENT_LOG_WARNING, "%s", error->message);
    }
}

static void adopt_clear(Adopt *adopt)
{
    Pull *pull = &adopt->pull;
    leave_stage(adopt);
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
    g_clear_pointer(&adopt->pulled, pull_result_free);
    g_clear_pointer(&adopt->survey, survey_free);
    local_files_clear(&adopt->files);
    local_files_clear(&adopt->given);
    g_clear_pointer(&adopt->archive, spool_download_free);
    g_free(adopt->not_asked);
    g_free(adopt->list_folder);
    g_clear_pointer(&adopt->chosen, selection_free);
    g_clear_pointer(&adopt->hub, kagglehub_copy_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Adopt, adopt_clear)

static gboolean is_within(const char *path, const char *folder)
{
    gsize length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* What is the mirror's own is adopted already, and a mirror cannot be adopted into itself. */
static gboolean check_apart(const Adopt *adopt, const char *path, GError **error)
{
    char *mirror = realpath(job_settings(adopt->job)->mirror_path, NULL);
    gboolean apart = !mirror || (!is_within(path, mirror) && !is_within(mirror, path));
    if (!apart) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s and the mirror %s lie one within the other. Name a folder outside of the "
                      "mirror, or another mirror: %s --mirror DIR"),
                    path, mirror, adopt->request->command);
    }
    free(mirror);
    return apart;
}

static gboolean set_cannot_open(const Adopt *adopt, int errno_value, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR,
                errno_value == ENOENT || errno_value == ENOTDIR ? MEDMIRROR_ERROR_USAGE
                                                                : MEDMIRROR_ERROR_STORAGE,
                _("%s cannot be opened: %s. Name the folder (or file) that was downloaded, as in: "
                  "medmirror adopt %s ./FOLDER"),
                adopt->request->from, g_strerror(errno_value), adopt->reference->ref);
    return FALSE;
}

/* What Kaggle's own module has of the dataset: which of its folders it is, and whether all is there
 * that belongs there, the module says. *REAL becomes that folder. */
static gboolean find_in_hub(Adopt *adopt, char **real, GError **error)
{
    Reference *reference = adopt->reference;
    if (!kagglehub_copy_find(*real, reference->folder, reference->version, &adopt->hub, error)) {
        return FALSE;
    }
    const KagglehubCopy *hub = adopt->hub;
    if (!hub) {
        return TRUE;
    }
    if (!hub->is_complete && !adopt->request->allow_incomplete) {
        g_autofree char *at = hub->version ? g_strdup_printf("@%s", hub->version) : g_strdup("");
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("%s is half-downloaded: kagglehub would have made %s when all was there. "
                      "Nothing was taken. All of it is brought by: medmirror pull %s%s; what is "
                      "there is taken by: %s --allow-incomplete"),
                    hub->folder, hub->marker, reference->ref, at, adopt->request->command);
        return FALSE;
    }
    if (hub->version && !reference->version) {
        reference->version = g_strdup(hub->version);
    }
    job_tell(adopt->job, JOB_EVENT_STEP, "kagglehub",
             json_pack("{s:s, s:s, s:s?, s:b}", "ref", reference->ref, "path", hub->folder,
                       "version", hub->version, "complete", hub->is_complete),
             hub->is_complete ? _("kagglehub    unpacked it in %s, completely")
                              : _("kagglehub    unpacked it in %s, and did not finish"),
             hub->folder);
    free(*real);
    *real = strdup(hub->folder);
    return TRUE;
}

static gboolean open_from(Adopt *adopt, GError **error)
{
    static const LocalHow how[] = {
        [ADOPT_COPY] = LOCAL_COPY, [ADOPT_MOVE] = LOCAL_MOVE, [ADOPT_IN_PLACE] = LOCAL_IN_PLACE};
    char *real = realpath(adopt->request->from, NULL);
    struct stat now;
    if (!real || stat(real, &now) != 0) {
        int failed = errno;
        free(real);
        return set_cannot_open(adopt, failed, error);
    }
    adopt->is_file = !S_ISDIR(now.st_mode);
    if (!adopt->is_file && !find_in_hub(adopt, &real, error)) {
        free(real);
        return FALSE;
    }
    g_autofree char *folder = adopt->is_file ? g_path_get_dirname(real) : g_strdup(real);
    g_autofree char *name = adopt->is_file ? g_path_get_basename(real) : NULL;
    gboolean apart = check_apart(adopt, adopt->is_file ? real : folder, error);
    free(real);
    int fd = apart ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return apart && set_cannot_open(adopt, errno, error);
    }
    local_files_init(&adopt->files, g_steal_pointer(&folder), fd, how[adopt->request->how]);
    adopt->files.only = g_strdup(name);
    adopt->files.only_name = g_steal_pointer(&name);
    if (adopt->is_file && adopt->request->how == ADOPT_IN_PLACE) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("--in-place takes a folder: a version is a folder of files. Take %s as a "
                      "copy: medmirror adopt %s %s"),
                    adopt->request->from, adopt->reference->ref, adopt->request->from);
        return FALSE;
    }
    return TRUE;
}

static gboolean look(Adopt *adopt, GError **error)
{
    Survey *survey = adopt->survey = survey_new();
    if (!(adopt->is_file
              ? survey_file(survey, &adopt->files, error)
              : survey_folder(survey, adopt->job, &adopt->files, adopt->reference, error))) {
        return FALSE;
    }
    g_autofree char *size = size_text(survey->bytes);
    g_autofree char *archives = survey->archives
                                    ? g_strdup_printf(ngettext("; %" G_GUINT64_FORMAT " archive",
                                                               "; %" G_GUINT64_FORMAT " archives",
                                                               (gulong)survey->archives),
                                                      survey->archives)
                                    : g_strdup("");
    g_autofree char *owner =
        survey->owner ? g_strdup_printf(_("; owner: %s"), survey->owner) : g_strdup("");
    job_tell(adopt->job, JOB_EVENT_STEP, "looked",
             json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "ref", adopt->reference->ref, "from",
                       adopt->request->from, "files", (json_int_t)survey->files, "bytes",
                       (json_int_t)survey->bytes, "archives", (json_int_t)survey->archives,
                       "refused", (json_int_t)survey->refused),
             ngettext("looked at    %s: %" G_GUINT64_FORMAT " file, %s%s%s",
                      "looked at    %s: %" G_GUINT64_FORMAT " files, %s%s%s",
                      (gulong)survey->files),
             adopt->request->from, survey->files, size, archives, owner);
    if (survey->files || survey->refused) {
        return TRUE;
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%s holds no files. Name the folder (or file) that was downloaded, as in: "
                  "medmirror adopt %s ./FOLDER"),
                adopt->request->from, adopt->reference->ref);
    return FALSE;
}

static gboolean open_scratch(Pull *pull, GError **error)
{
    pull->scratch = g_dir_make_tmp("medmirror-plan-XXXXXX", error);
    if (!pull->scratch) {
        return FALSE;
    }
    g_autofree char *file = g_build_filename(pull->scratch, "spool.db", NULL);
    pull->spool = spool_open(file, error);
    return pull->spool != NULL;
}

static gboolean open_mirror(Adopt *adopt, GError **error)
{
    Pull *pull = &adopt->pull;
    gboolean read_only = adopt->request->dry_run;
    g_autoptr(GError) absent = NULL;
    pull->mirror = mirror_open(job_settings(adopt->job)->mirror_path,
                               read_only ? MIRROR_OPEN_READ : MIRROR_OPEN_WRITE, &absent);
    if (!pull->mirror && read_only &&
        g_error_matches(absent, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT)) {
        pull->versions = g_ptr_array_new_with_free_func((GDestroyNotify)lock_header_free);
        return TRUE;
    }
    if (!pull->mirror) {
        g_propagate_error(error, g_steal_pointer(&absent));
        return FALSE;
    }
    return TRUE;
}

/* A pull of it that is unfinished keeps what it has; an adoption adds to that. */
static gboolean open_stage(Adopt *adopt, GError **error)
{
    Pull *pull = &adopt->pull;
    const Reference *reference = adopt->reference;
    SpoolTotals totals;
    pull->stage = stage_open(pull->mirror, reference->folder, error);
    pull->spool = pull->stage ? stage_spool(pull->stage) : NULL;
    if (!pull->spool || !spool_totals(pull->spool, &totals, error)) {
        return FALSE;
    }
    g_autofree char *adopting = spool_get(pull->spool, "adopting");
    adopt->stage_is_ours = totals.downloads == 0 || adopting;
    if (!adopt->stage_is_ours && adopt->request->how == ADOPT_IN_PLACE) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
            _("A pull of %s is unfinished here, and what it has brought cannot be part of a "
              "tree in place. Finish it with: medmirror pull %s, or give it up with: "
              "medmirror prune --partial"),
            reference->ref, reference->ref);
        return FALSE;
    }
    return (!adopt->stage_is_ours ||
            spool_set(pull->spool, "adopting", adopt->request->command, error)) &&
           spool_set(pull->spool, "ref", reference->ref, error);
}

static gboolean take_mirror(Adopt *adopt, GError **error)
{
    Pull *pull = &adopt->pull;
    const Reference *reference = adopt->reference;
    if (!open_mirror(adopt, error)) {
        return FALSE;
    }
    if (!adopt->request->dry_run) {
        pull->owner = job_take_owner(adopt->job, pull->mirror, reference->ref, reference->folder,
                                     "adopt", adopt->request->no_wait, error);
        if (!pull->owner) {
            return FALSE;
        }
    }
    if (pull->mirror) {
        pull->versions = mirror_versions(pull->mirror, reference->folder, error);
    }
    return pull->versions &&
           (adopt->request->dry_run ? open_scratch(pull, error) : open_stage(adopt, error));
}

/* The same command once more. */
static gboolean is_registered(const Adopt *adopt)
{
    const LockHeader *standing = adopt->pull.standing;
    return adopt->request->how == ADOPT_IN_PLACE && standing && standing->in_place &&
           is_within(standing->in_place, adopt->files.folder);
}

/* Nothing is ever added to what is somebody else's, and nothing becomes somebody else's that is
 * ours. */
static gboolean check_standing(const Adopt *adopt, GError **error)
{
    const LockHeader *standing = adopt->pull.standing;
    gboolean in_place = adopt->request->how == ADOPT_IN_PLACE;
    if (!standing || (!standing->in_place && !in_place) || is_registered(adopt)) {
        return TRUE;
    }
    if (standing->in_place) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
            _("%s@%s is here already, in place at %s. To register it anew, forget it first, "
              "which leaves the files: medmirror remove %s@%s"),
            standing->ref, standing->version, standing->in_place, standing->ref, standing->version);
    } else {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s@%s is here already, as the mirror's own. To have it in place instead, "
                      "remove it first: medmirror remove %s@%s"),
                    standing->ref, standing->version, standing->ref, standing->version);
    }
    return FALSE;
}

static gboolean run(Adopt *adopt, GError **error)
{
    if (!open_from(adopt, error) || !look(adopt, error) || !take_mirror(adopt, error) ||
        !adopt_list(adopt, error) || !check_standing(adopt, error)) {
        return FALSE;
    }
    if (is_registered(adopt)) {
        return adopt_finish_up_to_date(adopt, adopt->pull.standing, error);
    }
    return pull_choose_files(&adopt->pull, error) && adopt_match(adopt, error) &&
           adopt_install(adopt, error);
}

/* A refusal ends with the line to type next, whoever worded it. */
static void add_next_line(const Adopt *adopt, GError *failure)
{
    const char *ref = adopt->reference->ref, *command = adopt->request->command;
    g_autofree char *before = failure->message;
    if (strstr(before, "medmirror ")) {
        failure->message = g_steal_pointer(&before);
        return;
    }
    switch (error_exit_status(failure)) {
    case 3:
        failure->message = g_strdup_printf(_("%s Nothing was installed, and what is in %s is as it "
                                             "was. Put right, it is taken by: "
                                             "%s"),
                                           before, adopt->request->from, command);
        break;
    case 6:
        failure->message =
            g_strdup_printf(_("%s When that is put right, type: %s"), before, command);
        break;
    case 8:
        failure->message = g_strdup_printf(
            _("%s Who works here is told by: medmirror status. Then type: %s"), before, command);
        break;
    case 9:
        failure->message = g_strdup_printf(
            _("%s Nothing was installed, and what is in %s is as it was. What is known of the "
              "dataset: medmirror show %s"),
            before, adopt->request->from, ref);
        break;
    default:
        failure->message = g_strdup_printf(_("%s Then type: %s"), before, command);
        break;
    }
}

gboolean job_adopt(Job *job, const AdoptRequest *request, AdoptResult **result, GError **error)
{
    const Config *config = job_settings(job)->config;
    g_auto(Adopt) adopt = {.job = job,
                           .request = request,
                           .reference = request->reference,
                           .files = {.fd = -1},
                           .given = {.fd = -1}};
    adopt.result = *result = g_new0(AdoptResult, 1);
    adopt.result->ref = g_strdup(request->reference->ref);
    adopt.pulled = g_new0(PullResult, 1);
    adopt.as_pull = (PullRequest){.reference = request->reference,
                                  .selection = request->selection,
                                  .keep_archives = config->keep_archives,
                                  .allow_incomplete = request->allow_incomplete,
                                  .no_wait = request->no_wait,
                                  .dry_run = request->dry_run,
                                  .options = ""};
    adopt.pull = (Pull){.job = job,
                        .request = &adopt.as_pull,
                        .reference = request->reference,
                        .result = adopt.pulled,
                        .limits = {.max_size = config->max_size,
                                   .max_files = config->max_files,
                                   .reserve = config->reserve}};
    gint64 begin = g_get_monotonic_time();
    g_autoptr(GError) failure = NULL;
    gboolean done = run(&adopt, &failure);
    adopt.result->completion = adopt_completion(&adopt);
    adopt.result->elapsed_us = g_get_monotonic_time() - begin;
    if (failure) {
        int status = error_exit_status(failure);
        adopt.keep_stage =
            (status == 6 || status >= 130) && adopt.files.how == LOCAL_COPY && adopt.pull.stage;
        add_next_line(&adopt, failure);
        g_propagate_error(error, g_steal_pointer(&failure));
    }
    return done;
}

/* From what is there to the installed version. */
#include "adopt_leftovers.h"
#include "copy_pool.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "job_adopt_internal.h"
#include "job_sweep.h"
#include "size_text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNCHOSEN_MOST (G_GUINT64_CONSTANT(1) << 30)

/* What the bytes cost beyond what lies there now. */
static gboolean takes_room(const Adopt *adopt)
{
    struct stat from, to;
    if (adopt->request->how == ADOPT_IN_PLACE || adopt->is_unpacked) {
        return FALSE;
    }
    if (!adopt->pull.mirror || fstat(adopt->files.fd, &from) != 0 ||
        fstat(mirror_fd(adopt->pull.mirror), &to) != 0) {
        return TRUE;
    }
    return from.st_dev != to.st_dev || adopt->request->how != ADOPT_MOVE || adopt->archives > 0;
}

static gboolean on_first(const SpoolDownload *row, gpointer data, GError **error)
{
    Adopt *adopt = data;
    struct stat now;
    int fd = local_files_open(&adopt->files, row->file->path, &now, NULL);
    if (fd < 0) {
        return TRUE;
    }
    adopt->can_clone = file_can_clone(fd, mirror_fd(adopt->pull.mirror));
    close(fd);
    return FALSE;
}

static char *describe_cost(const Adopt *adopt, gboolean costs, const Room *room)
{
    g_autofree char *size = size_text(adopt->there_bytes);
    g_autofree char *free = room->limited_by ? size_text(room->bytes) : NULL;
    g_autofree char *of =
        free ? g_strdup_printf(_("; room %s (%s)"), free, room->limited_by) : g_strdup("");
    if (adopt->request->how == ADOPT_IN_PLACE) {
        return g_strdup(_("it stays where it is and whose it is; it is read once"));
    }
    if (!costs && adopt->request->how == ADOPT_MOVE && !adopt->is_unpacked) {
        return g_strdup(_("it is moved, which takes no room; the originals go at the end"));
    }
    if (adopt->is_unpacked) {
        return g_strdup(_("its contents become the version"));
    }
    if (adopt->archives) {
        return g_strdup_printf(_("at least %s to write, for archives are unpacked%s"), size, of);
    }
    if (adopt->can_clone) {
        return g_strdup(_("cloned (reflink), which takes no room"));
    }
    return g_strdup_printf(_("%s to copy%s"), size, of);
}

static gboolean check_chosen(const Adopt *adopt, GError **error)
{
    if (job_settings(adopt->job)->mirror_is_chosen || adopt->there_bytes <= UNCHOSEN_MOST) {
        return TRUE;
    }
    g_autofree char *size = size_text(adopt->there_bytes);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("No mirror is chosen, and %s needs %s. Name a folder with room for it: %s "
                  "--mirror DIR, or for good in the configuration: [mirror] dir = DIR"),
                adopt->reference->ref, size, adopt->request->command);
    return FALSE;
}

static gboolean make_plan(Adopt *adopt, GError **error)
{
    g_auto(Room) room = {.bytes = SIZE_UNKNOWN, .files = SIZE_UNKNOWN};
    gboolean costs = takes_room(adopt);
    const char *version = adopt->pull.name->version;
    if (adopt->pull.mirror) {
        g_autoptr(GError) stopped = NULL;
        spool_each_download(adopt->pull.spool, SPOOL_QUEUED, on_first, adopt, &stopped);
        if (!room_measure(adopt->pull.mirror, &adopt->pull.limits, &room, error)) {
            return FALSE;
        }
    }
    costs = costs && (!adopt->can_clone || adopt->archives);
    g_autofree char *cost = describe_cost(adopt, costs, &room);
    g_autofree char *size = size_text(adopt->there_bytes);
    json_t *facts = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:b, s:I, s:I}", "ref", adopt->reference->ref, "version",
        version, "files", (json_int_t)adopt->there, "bytes", (json_int_t)adopt->there_bytes,
        "archives", (json_int_t)adopt->archives, "at_least", adopt->archives > 0, "to_write",
        costs ? (json_int_t)adopt->there_bytes : (json_int_t)0, "missing",
        (json_int_t)adopt->result->missing);
    job_tell(adopt->job, JOB_EVENT_STEP, "adoption", facts,
             ngettext("to adopt     %s@%s: %" G_GUINT64_FORMAT " file, %s; %s",
                      "to adopt     %s@%s: %" G_GUINT64_FORMAT " files, %s; %s",
                      (gulong)adopt->there),
             adopt->reference->ref, version, adopt->there, size, cost);
    if (costs && !check_chosen(adopt, error)) {
        return FALSE;
    }
    if (adopt->pull.mirror &&
        ((costs && adopt->there_bytes > room.bytes) ||
         (adopt->request->how != ADOPT_IN_PLACE && adopt->there > room.files))) {
        g_autofree char *free = size_text(room.bytes);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE,
                    _("%s does not fit: %" G_GUINT64_FORMAT
                      " files, %s, and there is room for %s (%s). Where it may stay where it is: "
                      "medmirror adopt --in-place %s %s. Another disk: %s --mirror DIR"),
                    adopt->reference->ref, adopt->there, size, free,
                    adopt->there_bytes > room.bytes ? room.limited_by : room.files_limited_by,
                    adopt->reference->ref, adopt->request->from, adopt->request->command);
        return FALSE;
    }
    return TRUE;
}

/* In words that fit files which are here already. */
static void reword(const Adopt *adopt, const FetchReport *report, GError **error)
{
    const char *ref = adopt->reference->ref, *from = adopt->request->from;
    int status = error_exit_status(*error);
    char *text = NULL;
    if (status == 3) {
        text = g_strdup_printf(
            ngettext("%s: %" G_GUINT64_FORMAT
                     " file in %s is not what it must be, and is named above; nothing was "
                     "installed, and the files are as they were. If they are of another version, "
                     "name it (medmirror versions %s): medmirror adopt %s@VERSION %s. To take the "
                     "others: %s --allow-incomplete",
                     "%s: %" G_GUINT64_FORMAT
                     " files in %s are not what they must be, and are named above; nothing was "
                     "installed, and the files are as they were. If they are of another version, "
                     "name it (medmirror versions %s): medmirror adopt %s@VERSION %s. To take the "
                     "others: %s --allow-incomplete",
                     (gulong)report->failed),
            ref, report->failed, from, ref, ref, from, adopt->request->command);
    } else if (status == 9) {
        text = g_strdup_printf(_("%s: what is named above was refused as unsafe; nothing was "
                                 "installed, and %s is as it was. Fetch it anew from its source: "
                                 "medmirror show %s"),
                               ref, from, ref);
    }
    if (text) {
        g_free((*error)->message);
        (*error)->message = text;
    }
}

/* --allow-incomplete took the others. */
static void reword_taken(const Adopt *adopt, const FetchReport *report, GError *error)
{
    if (error_exit_status(error) != 3) {
        return;
    }
    g_autofree char *complete = adopt_completion(adopt);
    g_autofree char *next = complete
                                ? g_strdup_printf(_(" What is missing is fetched by: %s"), complete)
                                : g_strdup("");
    char *text = g_strdup_printf(
        ngettext("%s: %" G_GUINT64_FORMAT
                 " file in %s is not what it must be, is named above, and was not taken.%s",
                 "%s: %" G_GUINT64_FORMAT
                 " files in %s are not what they must be, are named above, and were not taken.%s",
                 (gulong)report->failed),
        adopt->reference->ref, report->failed, adopt->request->from, next);
    g_free(error->message);
    error->message = text;
}

static gboolean gather(Adopt *adopt, GError **error)
{
    Pull *pull = &adopt->pull;
    FetchSpec fetch = {.reference = adopt->reference,
                       .mirror = pull->mirror,
                       .owner = pull->owner,
                       .stage = pull->stage,
                       .selection = pull->selection,
                       .keep_archives = adopt->as_pull.keep_archives,
                       .limits = &pull->limits,
                       .command = adopt->request->command,
                       .anew = adopt->request->command,
                       .local = &adopt->files};
    job_set(adopt->job, files_all, adopt->there);
    job_set(adopt->job, files_done, 0);
    job_set(adopt->job, bytes_done, 0);
    job_set(adopt->job, bytes_all, adopt->there_bytes);
    job_set(adopt->job, members, 0);
    g_autoptr(GError) failure = NULL;
    if (job_fetch(adopt->job, &fetch, &adopt->pulled->fetched, &failure)) {
        return TRUE;
    }
    reword(adopt, &adopt->pulled->fetched, &failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* What was linked has the mode of the original until everything is known to be right. */
static gboolean set_mode(const LockFile *file, gpointer data, GError **error)
{
    const Adopt *adopt = data;
    int tree_fd = stage_tree_fd(adopt->pull.stage);
    if (file->link_target || (file->archive && !adopt->archive)) {
        return TRUE;
    }
    return fchmodat(tree_fd, file->path, stage_file_mode(adopt->pull.stage), 0) == 0 ||
           error_set_storage(error, errno, _("cannot set the mode of %s"), file->path);
}

static char *fingerprint_now(Adopt *adopt)
{
    g_autoptr(LockHeader) header = pull_make_header(&adopt->pull);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    gboolean written =
        nowhere >= 0 && spool_write_lock(adopt->pull.spool, header, nowhere, nowhere, TRUE, NULL);
    if (nowhere >= 0) {
        close(nowhere);
    }
    return written ? g_strdup(header->fingerprint) : NULL;
}

/* Files that nobody gave a version may be here already, under another day's name. */
static const LockHeader *find_same(Adopt *adopt)
{
    const GPtrArray *versions = adopt->pull.versions;
    if (adopt->pull.standing || versions->len == 0 || adopt->reference->version) {
        return NULL;
    }
    g_autofree char *fingerprint = fingerprint_now(adopt);
    for (guint i = 0; fingerprint && i < versions->len; i++) {
        const LockHeader *header = g_ptr_array_index(versions, i);
        if (g_strcmp0(header->fingerprint, fingerprint) == 0) {
            return header;
        }
    }
    return NULL;
}

static void finish_with(Adopt *adopt, const LockHeader *header)
{
    adopt->result->header = lock_header_copy(header);
    adopt->result->path =
        mirror_version_path(adopt->pull.mirror, adopt->reference->folder, header->version);
}

static gboolean put_in(Adopt *adopt, GError **error)
{
    Pull *pull = &adopt->pull;
    gboolean in_place = adopt->request->how == ADOPT_IN_PLACE;
    if (adopt->pulled->fetched.left_over && !in_place && !job_sweep(pull->stage, error)) {
        return FALSE;
    }
    if (adopt->files.how == LOCAL_MOVE &&
        !spool_each_file(pull->spool, FALSE, set_mode, adopt, error)) {
        return FALSE;
    }
    g_autoptr(LockHeader) header = pull_make_header(pull);
    if (in_place) {
        header->in_place = *adopt->files.root
                               ? g_build_filename(adopt->files.folder, adopt->files.root, NULL)
                               : g_strdup(adopt->files.folder);
    }
    InstallSpec spec = {.header = header,
                        .index = in_place ? NULL : pull->index,
                        .allow_incomplete = adopt->request->allow_incomplete,
                        .keep_archives = adopt->as_pull.keep_archives};
    if (!stage_install(pull->stage, pull->owner, &spec, error)) {
        return FALSE;
    }
    adopt->result->installed = TRUE;
    pull_note_proof(pull, header, "adopt");
    finish_with(adopt, header);
    return TRUE;
}

typedef struct {
    Index *index;
    int tree_fd;
} Stamping;

static gboolean add_stamp(const LockFile *file, gpointer data, GError **error)
{
    const Stamping *stamping = data;
    const Digest *sha256 = digest_set_get(&file->digests, DIGEST_SHA256);
    FileStamp stamp;
    return file->link_target || !sha256 || !file_stamp_of(stamping->tree_fd, file->path, &stamp) ||
           index_add_file(stamping->index, file->path, sha256, &stamp, error);
}

/* That the originals went was a change to the files' inodes, and nothing else. */
static void stamp_again(Adopt *adopt)
{
    Pull *pull = &adopt->pull;
    const LockHeader *header = adopt->result->header;
    g_autoptr(GError) error = NULL;
    Stamping stamping = {.index = pull->index, .tree_fd = -1};
    if (!pull->index || !adopt->files.linked) {
        return;
    }
    stamping.tree_fd = mirror_open_tree(pull->mirror, header->folder, header->version, &error);
    if (stamping.tree_fd >= 0 &&
        index_continue_version(pull->index, header->folder, header->version, header->access,
                               &error) &&
        spool_each_file(pull->spool, FALSE, add_stamp, &stamping, &error)) {
        index_end_version(pull->index, &error);
    }
    if (stamping.tree_fd >= 0) {
        close(stamping.tree_fd);
    }
    if (error) {
        event_log(EVENT_LOG_DEBUG, "the index does not know that files were moved: %s",
                  error->message);
    }
}

/* Once its files are gone, Kaggle's module must not take the folder for a complete one. */
static void forget_marker(const Adopt *adopt)
{
    if (adopt->hub && unlink(adopt->hub->marker) != 0 && errno != ENOENT) {
        event_log(EVENT_LOG_WARNING, _("%s, which says that all is there, cannot be removed: %s."),
                  adopt->hub->marker, g_strerror(errno));
    }
}

static void settle_originals(Adopt *adopt)
{
    AdoptResult *result = adopt->result;
    if (adopt->files.how == LOCAL_MOVE) {
        forget_marker(adopt);
        local_files_remove(&adopt->files, &result->moved, &result->left);
        stamp_again(adopt);
    }
    result->cloned = adopt->files.cloned;
    result->copied = adopt->files.copied;
    if (adopt->request->how == ADOPT_IN_PLACE && adopt->survey->others) {
        result->owner = g_strdup(adopt->survey->owner);
    }
}

static gboolean is_here_already(const Adopt *adopt, const SpoolTotals *totals)
{
    const LockHeader *standing = adopt->pull.standing;
    return totals->queued == 0 && totals->staged_files == 0 && standing &&
           selection_equal(standing->selection, adopt->pull.selection);
}

gboolean adopt_finish_up_to_date(Adopt *adopt, const LockHeader *header, GError **error)
{
    adopt->result->up_to_date = TRUE;
    finish_with(adopt, header);
    if (adopt->request->how == ADOPT_MOVE && !adopt->request->dry_run && !adopt->is_unpacked) {
        g_autoptr(Index) index = index_open(adopt->pull.mirror, NULL);
        forget_marker(adopt);
        adopt->result->moved =
            adopt_remove_leftovers(adopt->job, &adopt->files, adopt->pull.mirror, index, header);
    }
    return !adopt->pull.stage || !adopt->stage_is_ours ||
           stage_discard(g_steal_pointer(&adopt->pull.stage), error);
}

gboolean adopt_install(Adopt *adopt, GError **error)
{
    Pull *pull = &adopt->pull;
    SpoolTotals totals;
    if (!spool_totals(pull->spool, &totals, error)) {
        return FALSE;
    }
    if (is_here_already(adopt, &totals)) {
        return adopt_finish_up_to_date(adopt, pull->standing, error);
    }
    if (adopt->waits) {
        return TRUE;
    }
    if (!make_plan(adopt, error) || adopt->request->dry_run) {
        return adopt->request->dry_run && (!error || !*error);
    }
    gboolean begins_anew = adopt->files.how == LOCAL_IN_PLACE || adopt->files.how == LOCAL_MOVE;
    if (!pull_expect_members(pull, error) || !pull_settle_readers(pull, error) ||
        (begins_anew && adopt->stage_is_ours && !stage_set_in_place(pull->stage, error)) ||
        !stage_note_progress(pull->stage, error)) {
        return FALSE;
    }
    g_autoptr(GError) failure = NULL;
    gboolean gathered = gather(adopt, &failure);
    int status = error_exit_status(failure);
    if (!gathered &&
        (!adopt->request->allow_incomplete || status == 6 || status == 8 || status >= 130)) {
        spool_set(pull->spool, "reason", failure->message, NULL);
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    const LockHeader *same = gathered ? find_same(adopt) : NULL;
    if (same) {
        return adopt_finish_up_to_date(adopt, same, error);
    }
    if (adopt->archive && !failure &&
        !spool_make_members(pull->spool, adopt->archive->file, error)) {
        return FALSE;
    }
    g_autoptr(GError) no_index = NULL;
    pull->index = index_open(pull->mirror, &no_index);
    if (no_index) {
        event_log(EVENT_LOG_DEBUG, "no index: %s", no_index->message);
    }
    if (!put_in(adopt, failure ? NULL : error)) {
        if (failure) {
            g_propagate_error(error, g_steal_pointer(&failure));
        }
        return FALSE;
    }
    settle_originals(adopt);
    if (failure) {
        reword_taken(adopt, &adopt->pulled->fetched, failure);
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    return TRUE;
}

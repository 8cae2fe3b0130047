/* The thread that fetches members by themselves: it asks, decodes and writes; what is noted and
 * told of them is the store thread's, which goes on with all other downloads meanwhile. */
#include "error.h"
#include "i18n.h"
#include "job_ranges_internal.h"
#include "member_file.h"
#include "size_text.h"
#include "unpack_run.h"
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define MOST_TRIES 2 /* of a batch that turns out damaged */
#define NOTED_TOGETHER 1000

typedef struct RangeFetch {
    Fetch *fetch;
    RangePlan *plan;
    Engine *engine;
    pthread_t thread;
    gint closing;     /* atomic */
    GPtrArray *taken; /* SpoolDownload* whose members come, or may: the store's */
} RangeFetch;

typedef struct {
    RangeFetch *ranges;
    RangePart *part;
    guint64 came, came_bytes; /* of the batch */
} Bring;

typedef gboolean (*StoreFunc)(Bring *bring, gpointer data, GError **error);

typedef struct {
    Bring *bring;
    StoreFunc func;
    gpointer data;
    GError **error;
    gboolean result, is_done;
    pthread_mutex_t lock;
    pthread_cond_t done;
} StoreCall;

static void run_call(gpointer data)
{
    StoreCall *call = data;
    const gboolean result = call->func(call->bring, call->data, call->error);
    pthread_mutex_lock(&call->lock);
    call->result = result;
    call->is_done = TRUE;
    pthread_cond_signal(&call->done);
    pthread_mutex_unlock(&call->lock);
}

/* Its queue runs until this thread has ended. */
static gboolean on_store(Bring *bring, StoreFunc func, gpointer data, GError **error)
{
    StoreCall call = {.bring = bring,
                      .func = func,
                      .data = data,
                      .error = error,
                      .lock = PTHREAD_MUTEX_INITIALIZER,
                      .done = PTHREAD_COND_INITIALIZER};
    task_queue_push(job_store(bring->ranges->fetch->job), run_call, &call);
    pthread_mutex_lock(&call.lock);
    while (!call.is_done) {
        pthread_cond_wait(&call.done, &call.lock);
    }
    pthread_mutex_unlock(&call.lock);
    pthread_cond_destroy(&call.done);
    pthread_mutex_destroy(&call.lock);
    return call.result;
}

static gboolean is_cancelled(gpointer data)
{
    RangeFetch *ranges = data;
    return job_is_cancelled(ranges->fetch->job) || g_atomic_int_get(&ranges->closing);
}

static gboolean bring_takes(const char *path, gpointer data)
{
    const Bring *bring = data;
    return range_part_takes(bring->ranges->plan, bring->part, path);
}

static gboolean find_file(Bring *bring, gpointer data, GError **error)
{
    return spool_find_file(bring->ranges->fetch->spool, data, NULL);
}

static gboolean bring_stands(const char *path, gpointer data)
{
    return on_store(data, find_file, (gpointer)path, NULL);
}

typedef struct {
    const LockFile *file;
    gboolean chosen;
} Member;

static gboolean note_member(Bring *bring, gpointer data, GError **error)
{
    const Member *member = data;
    const LockFile *file = member->file;
    const SpoolDownload *row = bring->part->row;
    Fetch *fetch = bring->ranges->fetch;
    LockFile noted = *file;
    WantedBytes wanted;
    const SeenBytes seen = {.digests = file->digests, .size = file->size};
    spool_wanted_member(fetch->spool, row->id, file->path, &wanted);
    const Verdict verdict = verdict_of(&wanted, &seen);
    if (!file->link_target && (verdict.kind == VERDICT_WRONG || verdict.kind == VERDICT_CHANGED)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("'%s' in %s is not the file whose digest is recorded."), file->path,
                    row->file->path);
        return FALSE;
    }
    noted.trust = verdict.kind == VERDICT_VERIFIED ? verdict.trust : TRUST_FIRST_USE;
    if (!spool_add_member(fetch->spool, row->id, &noted, member->chosen, error)) {
        return FALSE;
    }
    bring->came += member->chosen;
    bring->came_bytes += member->chosen && file->size != SIZE_UNKNOWN ? file->size : 0;
    job_count(fetch->job, members, 1);
    return TRUE;
}

static gboolean bring_member(const LockFile *file, gboolean chosen, gpointer data, GError **error)
{
    Member member = {file, chosen};
    return on_store(data, note_member, &member, error);
}

static gboolean measure_room(Bring *bring, gpointer data, GError **error)
{
    const FetchSpec *spec = bring->ranges->fetch->spec;
    return room_measure(spec->mirror, spec->limits, data, error);
}

static gboolean decode(Bring *bring, int zip_fd, guint64 wanted, GError **error)
{
    Stage *stage = bring->ranges->fetch->spec->stage;
    const FileSpec *file = bring->part->row->file;
    g_auto(Room) room = {.bytes = SIZE_UNKNOWN};
    if (!on_store(bring, measure_room, &room, error)) {
        return FALSE;
    }
    g_autoptr(TreeWriter) tree = tree_writer_new(stage_tree_fd(stage), stage_file_mode(stage));
    const UnpackSpec spec = {
        .rule = file->unpack,
        .name = file->path,
        .fd = zip_fd,
        .tree = tree,
        .tree_fd = stage_tree_fd(stage),
        .limits = {.most_bytes = MAX(room.bytes, 1)},
        .taker = {.takes = bring_takes,
                  .stands = bring_stands,
                  .member = bring_member,
                  .data = bring},
    };
    g_autoptr(UnpackRun) run = unpack_run_new(&spec, -1, is_cancelled, bring->ranges, error);
    if (!run || !unpack_run_all(run, error)) {
        return FALSE;
    }
    if (bring->came != wanted) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
            _("%s: %" G_GUINT64_FORMAT " members came where %" G_GUINT64_FORMAT " were asked for."),
            file->path, bring->came, wanted);
    }
    return bring->came == wanted;
}

static gboolean keep_batch(Bring *bring, gpointer data, GError **error)
{
    Fetch *fetch = bring->ranges->fetch;
    /* Before what could bring a large member again goes, its bytes must be durable. */
    if (!spool_keep(fetch->spool, error) || (data && !stage_flush(fetch->spec->stage, error))) {
        return FALSE;
    }
    fetch->report->fetched_files += bring->came;
    fetch->report->fetched_bytes += bring->came_bytes;
    return TRUE;
}

/* Of a member that comes alone and is large the bytes keep a name, until they are decoded. */
static char *name_of(const Bring *bring, const ZipEntry *entries, guint count)
{
    if (count != 1 || entries->compressed < RANGE_BATCH_BYTES) {
        return NULL;
    }
    g_autofree char *entry = remote_zip_entry_name(bring->part->zip, entries);
    return g_strdup_printf("%" G_GINT64_FORMAT "-member-%s", bring->part->row->id, entry);
}

static int open_batch(int folder_fd, const char *name, GError **error)
{
    if (!name) {
        return scratch_file_new(folder_fd, error);
    }
    int fd = TEMP_FAILURE_RETRY(
        openat(folder_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (fd < 0) {
        error_set_storage(error, errno, _("cannot make a file for a member"));
    }
    return fd;
}

static gboolean try_batch(Bring *bring, const ZipEntry *entries, guint count, GError **error)
{
    const int folder_fd = stage_partial_fd(bring->ranges->fetch->spec->stage);
    RemoteZip *zip = bring->part->zip;
    g_autofree char *name = name_of(bring, entries, count);
    g_autoptr(GError) failed = NULL;
    int fd = open_batch(folder_fd, name, error);
    if (fd < 0) {
        return FALSE;
    }
    bring->came = bring->came_bytes = 0;
    gboolean done = (name ? remote_zip_go_on(zip, entries, fd, &failed)
                          : remote_zip_copy(zip, entries, count, bring->part->gap, fd, &failed)) &&
                    decode(bring, fd, count, &failed) && on_store(bring, keep_batch, name, &failed);
    close(fd);
    if (name && (done || g_error_matches(failed, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED))) {
        (void)unlinkat(folder_fd, name, 0);
    }
    if (failed) {
        g_propagate_error(error, g_steal_pointer(&failed));
    }
    return done;
}

/* Wrong bytes are asked for once more. */
static gboolean bring_batch(Bring *bring, const ZipEntry *entries, guint count, GError **error)
{
    g_autoptr(GError) failed = NULL;
    for (guint try = 0; try < MOST_TRIES; try++) {
        g_clear_error(&failed);
        if (try_batch(bring, entries, count, &failed)) {
            return TRUE;
        }
        if (!g_error_matches(failed, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED)) {
            break;
        }
        remote_zip_forget(bring->part->zip);
        bring->part->unfit = try + 1 == MOST_TRIES;
    }
    g_propagate_error(error, g_steal_pointer(&failed));
    return FALSE;
}

static gboolean bring_entries(Bring *bring, GError **error)
{
    const GArray *entries = bring->part->entries;
    for (guint at = 0; at < entries->len;) {
        guint64 bytes;
        const guint count = range_part_batch(bring->part, at, &bytes);
        if (!bring_batch(bring, &g_array_index(entries, ZipEntry, at), count, error)) {
            return FALSE;
        }
        at += count;
    }
    return TRUE;
}

typedef struct {
    char *path;
    guint64 size;
} Other;

static void other_clear(gpointer data)
{
    g_free(((Other *)data)->path);
}

typedef struct {
    Bring *bring;
    GArray *others; /* Other */
} Others;

static gboolean note_others(Bring *bring, gpointer data, GError **error)
{
    GArray *others = data;
    for (guint i = 0; i < others->len; i++) {
        const Other *other = &g_array_index(others, Other, i);
        if (!spool_list_member(bring->ranges->fetch->spool, bring->part->row->id, other->path,
                               other->size, error)) {
            return FALSE;
        }
    }
    g_array_set_size(others, 0);
    return TRUE;
}

static gboolean collect_other(const ZipEntry *entry, gpointer data, GError **error)
{
    Others *all = data;
    Other other = {.size = entry->size};
    if (!range_part_place(all->bring->part, entry, &other.path, error)) {
        return FALSE;
    }
    if (!other.path || bring_takes(other.path, all->bring)) {
        g_free(other.path);
        return TRUE;
    }
    g_array_append_val(all->others, other);
    return all->others->len < NOTED_TOGETHER ||
           on_store(all->bring, note_others, all->others, error);
}

static gboolean list_others(Bring *bring, GError **error)
{
    g_autoptr(GArray) others = g_array_new(FALSE, FALSE, sizeof(Other));
    g_array_set_clear_func(others, other_clear);
    Others all = {bring, others};
    return remote_zip_each(bring->part->zip, collect_other, &all, error) &&
           on_store(bring, note_others, others, error);
}

static void tell_by_ranges(const RangePlan *plan, const RangePart *part)
{
    g_autofree char *bytes = size_text(part->bytes);
    g_autofree char *total = size_text(remote_zip_total(part->zip));
    job_tell(plan->job, JOB_EVENT_STEP, "by-ranges",
             json_pack("{s:s, s:I, s:I, s:I, s:I}", "path", part->row->file->path, "members",
                       (json_int_t)part->entries->len, "of", (json_int_t)part->members, "bytes",
                       (json_int_t)part->bytes, "total", (json_int_t)remote_zip_total(part->zip)),
             ngettext_count("%s: %u of its %" G_GUINT64_FORMAT
                            " members is fetched by itself, %s in place of %s.",
                            "%s: %u of its %" G_GUINT64_FORMAT
                            " members are fetched by themselves, %s in place of %s.",
                            part->entries->len),
             part->row->file->path, part->entries->len, part->members, bytes, total);
}

/* What comes only with a credential is its puller's alone. */
static gboolean came_by_login(const RangePlan *plan, const RangePart *part)
{
    HostServices *services = job_services(plan->job, NULL);
    return remote_zip_came_by_login(part->zip) ||
           (services && services->is_guarded &&
            services->is_guarded(services, g_ptr_array_index(part->row->file->addresses, 0)));
}

static gboolean begin_part(Bring *bring, gpointer data, GError **error)
{
    RangePlan *plan = bring->ranges->plan;
    Stage *stage = bring->ranges->fetch->spec->stage;
    tell_by_ranges(plan, bring->part);
    return !came_by_login(plan, bring->part) || stage_readers(stage)->is_private ||
           stage_set_readers(stage, &READERS_OWNER, error);
}

static gboolean note_part(Bring *bring, gpointer data, GError **error)
{
    const DigestSet none = {0};
    const SpoolDownload *row = bring->part->row;
    Fetch *fetch = bring->ranges->fetch;
    if (!spool_note_staged(fetch->spool, row->id, &none, remote_zip_total(bring->part->zip),
                           TRUST_FIRST_USE, g_ptr_array_index(row->file->addresses, 0), error) ||
        !stage_flush(fetch->spec->stage, error)) {
        return FALSE;
    }
    bring->part->is_over = TRUE;
    job_count(fetch->job, files_done, 1);
    return TRUE;
}

/* It comes whole after all, like any other download. */
static gboolean part_is_unfit(Bring *bring, gpointer data, GError **error)
{
    RangeFetch *ranges = bring->ranges;
    bring->part->is_over = TRUE;
    range_part_tell_unfit(ranges->plan, bring->part, data);
    for (guint i = 0; i < ranges->taken->len; i++) {
        const SpoolDownload *row = g_ptr_array_index(ranges->taken, i);
        if (row->id == bring->part->row->id) {
            g_ptr_array_add(ranges->fetch->ready, g_ptr_array_steal_index(ranges->taken, i));
            break;
        }
    }
    return TRUE;
}

static gboolean stop_run(Bring *bring, gpointer data, GError **error)
{
    fetch_stop(bring->ranges->fetch, data);
    return FALSE;
}

/* FALSE ends all of them. */
static gboolean bring_part(Bring *bring)
{
    g_autoptr(GError) failed = NULL;
    if (on_store(bring, begin_part, NULL, &failed) && bring_entries(bring, &failed) &&
        list_others(bring, &failed) && on_store(bring, note_part, NULL, &failed)) {
        return TRUE;
    }
    return bring->part->unfit && !range_error_ends_all(failed)
               ? on_store(bring, part_is_unfit, failed, NULL)
               : on_store(bring, stop_run, g_steal_pointer(&failed), NULL);
}

static void on_ended(gpointer data)
{
    RangeFetch *ranges = data;
    ranges->fetch->by_ranges = NULL;
    pthread_join(ranges->thread, NULL);
    g_ptr_array_unref(ranges->taken);
    g_free(ranges);
}

static void *bring_all(void *data)
{
    RangeFetch *ranges = data;
    Job *job = ranges->fetch->job;
    HostServices *services =
        documents_new(ranges->engine, job_settings(job)->endpoints, is_cancelled, ranges);
    gboolean goes_on = TRUE;
    for (guint i = 0; goes_on && i < ranges->plan->parts->len; i++) {
        const RangePart *part = g_ptr_array_index(ranges->plan->parts, i);
        if (part->singles) {
            continue;
        }
        Bring bring = {.ranges = ranges, .part = g_ptr_array_index(ranges->plan->parts, i)};
        remote_zip_read_by(bring.part->zip, services, &job_progress(job)->bytes_done);
        goes_on = bring_part(&bring);
        remote_zip_read_by(bring.part->zip, NULL, NULL);
    }
    documents_free(services);
    task_queue_push(job_store(job), on_ended, ranges);
    return NULL;
}

void ranges_start(Fetch *fetch)
{
    RangePlan *plan = fetch->spec->ranges;
    if (range_plan_is_empty(plan) || !fetch->engine) {
        return;
    }
    RangeFetch *ranges = g_new0(RangeFetch, 1);
    ranges->fetch = fetch;
    ranges->plan = plan;
    ranges->engine = fetch->engine;
    ranges->taken = g_ptr_array_new_with_free_func((GDestroyNotify)spool_download_free);
    fetch->report->left_over = TRUE;
    fetch->by_ranges = ranges;
    int failed = pthread_create(&ranges->thread, NULL, bring_all, ranges);
    if (failed) {
        fetch->by_ranges = NULL;
        g_ptr_array_unref(ranges->taken);
        g_free(ranges);
        fetch_stop(fetch,
                   g_error_new(MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                               _("There is no thread to fetch with: %s."), g_strerror(failed)));
    }
}

gboolean ranges_take(Fetch *fetch, SpoolDownload *row)
{
    RangeFigures figures;
    if (!range_plan_find(fetch->spec->ranges, row->id, &figures)) {
        return FALSE;
    }
    if (fetch->by_ranges) {
        g_ptr_array_add(fetch->by_ranges->taken, row);
    } else {
        spool_download_free(row);
    }
    return TRUE;
}

void ranges_stop(Fetch *fetch)
{
    if (fetch->by_ranges) {
        g_atomic_int_set(&fetch->by_ranges->closing, 1);
    }
}

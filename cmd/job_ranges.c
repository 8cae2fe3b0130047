#include "job_ranges.h"

#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "member_file.h"
#include "partial_file.h"
#include "remote_zip.h"
#include "size_text.h"
#include "unpack_run.h"
#include "verdict.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEAST_ARCHIVE (G_GUINT64_CONSTANT(1) << 20) /* a smaller one comes whole */
#define MOST_LOOKED_AT 64                           /* archives whose directory is read */
#define MOST_CHOSEN 50000                           /* members, held in memory */
#define MOST_REQUESTS 256                           /* beside those for long stretches */
#define LEAST_GAP                                                                                  \
    (G_GUINT64_CONSTANT(64) << 10)                /* bytes between two members that come with them \
                                                   */
#define BATCH_BYTES (G_GUINT64_CONSTANT(8) << 20) /* decoded and noted together */
#define BATCH_MEMBERS 1000
#define MOST_TRIES 2 /* of a batch that turns out damaged */

typedef struct {
    SpoolDownload *row;
    RemoteZip *zip;
    gboolean unfit;
    GArray *entries; /* ZipEntry that have to come, in the order of the file; no names in them */
    guint64 taken;   /* members that the selection takes, with those that are here */
    guint64 members; /* all in the archive */
    guint64 gap, bytes, on_disk;
    guint requests;
} Part;

struct RangePlan {
    Job *job;
    RangeSpec spec;
    GPtrArray *parts; /* Part* */
    guint looked_at;
};

static void part_free(gpointer data)
{
    Part *part = data;
    remote_zip_free(part->zip);
    g_array_unref(part->entries);
    spool_download_free(part->row);
    g_free(part);
}

void range_plan_free(RangePlan *plan)
{
    if (plan) {
        g_ptr_array_unref(plan->parts);
        g_free(plan);
    }
}

/* Where ENTRY would lie; NULL: it is no file. FALSE where the unpacker would refuse it. Owned. */
static gboolean place_of(const Part *part, const ZipEntry *entry, char **path, GError **error)
{
    const FileSpec *file = part->row->file;
    const UnpackPlace place = {.rule = file->unpack, .archive = file->path};
    const UnpackMessage message = {.kind = UNPACK_MESSAGE_ENTRY,
                                   .type = UNPACK_FILE,
                                   .size = entry->size,
                                   .name = (const char *)entry->name,
                                   .name_length = entry->name_length};
    g_auto(MemberDecision) decision = {0};
    *path = NULL;
    if (entry->is_folder) {
        return TRUE;
    }
    if (!unpack_decide(&place, &message, &decision, error)) {
        return FALSE;
    }
    if (decision.kind == MEMBER_STORE) {
        *path = g_steal_pointer(&decision.path);
    }
    return TRUE;
}

static gboolean takes(const RangePlan *plan, const Part *part, const char *path)
{
    const FileSpec *file = part->row->file;
    return selection_takes_member(plan->spec.selection, file->path, path, file->facts);
}

typedef struct {
    RangePlan *plan;
    Part *part;
} Visit;

static gboolean choose_entry(const ZipEntry *entry, gpointer data, GError **error)
{
    Visit *visit = data;
    Part *part = visit->part;
    g_autofree char *path = NULL;
    if (!place_of(part, entry, &path, error)) {
        return FALSE;
    }
    if (!path) {
        return TRUE;
    }
    part->members++;
    if (!takes(visit->plan, part, path)) {
        return TRUE;
    }
    part->taken++;
    if (spool_find_file(visit->plan->spec.spool, path, NULL)) {
        return TRUE;
    }
    if (part->entries->len >= MOST_CHOSEN) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                            "too many of its members are chosen");
        return FALSE;
    }
    ZipEntry copy = *entry;
    copy.name = copy.local_name = NULL;
    g_array_append_val(part->entries, copy);
    part->on_disk += entry->size;
    return TRUE;
}

static gint by_offset(gconstpointer a, gconstpointer b)
{
    const ZipEntry *left = a, *right = b;
    return left->header_offset < right->header_offset   ? -1
           : left->header_offset > right->header_offset ? 1
                                                        : 0;
}

/* Members that lie near each other come with what is between them. */
static void count_requests(Part *part)
{
    guint64 end = 0;
    part->bytes = 0;
    part->requests = 0;
    for (guint i = 0; i < part->entries->len; i++) {
        const ZipEntry *entry = &g_array_index(part->entries, ZipEntry, i);
        guint64 to = entry->header_offset + remote_zip_entry_length(entry);
        if (part->requests == 0 || entry->header_offset > end + part->gap) {
            part->requests++;
            part->bytes += to - entry->header_offset;
        } else if (to > end) {
            part->bytes += to - end;
        }
        end = MAX(end, to);
    }
}

/* Much less than the whole, and few requests. */
static gboolean pays(Part *part)
{
    guint64 most = remote_zip_total(part->zip) / 2;
    for (part->gap = LEAST_GAP;; part->gap *= 2) {
        count_requests(part);
        if (part->bytes + remote_zip_received(part->zip) > most) {
            return FALSE;
        }
        if (part->requests <= MOST_REQUESTS) {
            return TRUE;
        }
    }
}

static gboolean is_fit(const RangePlan *plan, const SpoolDownload *row)
{
    const UnpackRule *rule = row->file->unpack;
    return rule && rule->container == ARCHIVE_ZIP && !rule->series &&
           !(rule->volumes && rule->volumes->len) && !(rule->nested && rule->nested->len) &&
           row->file->addresses->len &&
           !address_is_bundle(g_ptr_array_index(row->file->addresses, 0)) &&
           (row->file->size == SIZE_UNKNOWN || row->file->size >= LEAST_ARCHIVE) &&
           plan->looked_at < MOST_LOOKED_AT;
}

static gboolean has_come_by_half(const RangePlan *plan, const Part *part)
{
    g_autofree char *key = g_strdup_printf("%" G_GINT64_FORMAT, part->row->id);
    return plan->spec.partial_fd >= 0 &&
           partial_file_left(plan->spec.partial_fd, key) > remote_zip_total(part->zip) / 2;
}

/* FALSE with a reason where the whole archive is the better choice. */
static gboolean look_into(RangePlan *plan, Part *part, GError **error)
{
    const Reference *reference = plan->spec.reference;
    HostServices *services = job_services(plan->job, error);
    const RemotePlace place = {.services = services,
                               .fetcher = reference->fetcher,
                               .locator = reference->locator,
                               .file = part->row->file,
                               .address = g_ptr_array_index(part->row->file->addresses, 0),
                               .unfit = &part->unfit};
    Visit visit = {plan, part};
    part->zip = services ? remote_zip_open(&place, error) : NULL;
    if (!part->zip || !remote_zip_each(part->zip, choose_entry, &visit, error)) {
        return FALSE;
    }
    g_array_sort(part->entries, by_offset);
    if (remote_zip_total(part->zip) < LEAST_ARCHIVE || has_come_by_half(plan, part) ||
        !pays(part)) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                            "most of it has to come");
        return FALSE;
    }
    return TRUE;
}

static gboolean ends_all(const GError *error)
{
    return g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED) ||
           g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_TERMINATED) ||
           g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE);
}

static gboolean collect(const SpoolDownload *download, gpointer data, GError **error)
{
    GPtrArray *paths = data;
    if (paths->len < MOST_LOOKED_AT) {
        g_ptr_array_add(paths, g_strdup(download->file->path));
    }
    return TRUE;
}

/* An archive that host cannot give in parts comes whole, and that is no small thing. */
static void tell_unfit(const RangePlan *plan, const Part *part, const GError *reason)
{
    const char *path = part->row->file->path;
    job_tell(plan->job, JOB_EVENT_STEP, "whole-archive",
             json_pack("{s:s, s:s}", "path", path, "reason", reason->message),
             _("%s: its members cannot be fetched by themselves, and it comes whole: %s"), path,
             reason->message);
}

static gboolean look_at(RangePlan *plan, const char *path, GError **error)
{
    g_autoptr(SpoolDownload) row = spool_find(plan->spec.spool, path, error);
    g_autoptr(GError) reason = NULL;
    if (!row) {
        return FALSE;
    }
    if (!is_fit(plan, row)) {
        return TRUE;
    }
    plan->looked_at++;
    Part *part = g_new0(Part, 1);
    part->row = g_steal_pointer(&row);
    part->entries = g_array_new(FALSE, FALSE, sizeof(ZipEntry));
    if (look_into(plan, part, &reason)) {
        g_ptr_array_add(plan->parts, part);
        return TRUE;
    }
    gboolean ends = ends_all(reason);
    event_log(EVENT_LOG_DEBUG, "%s comes whole: %s", path, reason->message);
    if (part->unfit) {
        tell_unfit(plan, part, reason);
    }
    part_free(part);
    if (ends) {
        g_propagate_error(error, g_steal_pointer(&reason));
    }
    return !ends;
}

/* Of one archive, which is all that there is, nothing was asked for. */
static gboolean check_takes_something(const RangePlan *plan, GError **error)
{
    SpoolTotals totals;
    if (!spool_totals(plan->spec.spool, &totals, error)) {
        return FALSE;
    }
    if (plan->parts->len != 1 || totals.queued != 1 || totals.held_files > 0 ||
        ((const Part *)g_ptr_array_index(plan->parts, 0))->taken > 0) {
        return TRUE;
    }
    const Part *part = g_ptr_array_index(plan->parts, 0);
    const char *ref = plan->spec.reference->ref;
    g_autofree char *asked = selection_describe(plan->spec.selection);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("%s: of %" G_GUINT64_FORMAT
                  " files none is taken by %s. See what there is with: medmirror files %s"),
                ref, part->members, asked, ref);
    return FALSE;
}

RangePlan *range_plan_new(Job *job, const RangeSpec *spec, GError **error)
{
    g_autoptr(RangePlan) plan = g_new0(RangePlan, 1);
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    plan->job = job;
    plan->spec = *spec;
    plan->parts = g_ptr_array_new_with_free_func(part_free);
    if (spec->needs_whole || selection_is_all(spec->selection) ||
        spec->reference->fetcher->row.never_resumes || job_settings(job)->offline) {
        return g_steal_pointer(&plan);
    }
    if (!spool_each_queued_archive(spec->spool, collect, paths, error)) {
        return NULL;
    }
    for (guint i = 0; i < paths->len; i++) {
        if (!look_at(plan, g_ptr_array_index(paths, i), error)) {
            return NULL;
        }
    }
    return check_takes_something(plan, error) ? g_steal_pointer(&plan) : NULL;
}

gboolean range_plan_is_empty(const RangePlan *plan)
{
    return !plan || plan->parts->len == 0;
}

gboolean range_plan_find(const RangePlan *plan, gint64 id, RangeFigures *figures)
{
    for (guint i = 0; plan && i < plan->parts->len; i++) {
        const Part *part = g_ptr_array_index(plan->parts, i);
        if (part->row->id == id) {
            *figures = (RangeFigures){.fetch = part->bytes,
                                      .members = part->entries->len,
                                      .on_disk = part->on_disk,
                                      .peak = MIN(part->bytes, BATCH_BYTES)};
            return TRUE;
        }
    }
    return FALSE;
}

typedef struct {
    RangePlan *plan;
    Part *part;
    const FetchSpec *fetch;
    FetchReport *report;
    guint64 came; /* of the batch */
} Bring;

static gboolean bring_takes(const char *path, gpointer data)
{
    const Bring *bring = data;
    return takes(bring->plan, bring->part, path);
}

static gboolean bring_stands(const char *path, gpointer data)
{
    const Bring *bring = data;
    return spool_find_file(bring->plan->spec.spool, path, NULL);
}

static gboolean bring_member(const LockFile *file, gboolean chosen, gpointer data, GError **error)
{
    Bring *bring = data;
    Spool *spool = bring->plan->spec.spool;
    LockFile noted = *file;
    WantedBytes wanted;
    const SeenBytes seen = {.digests = file->digests, .size = file->size};
    spool_wanted_member(spool, bring->part->row->id, file->path, &wanted);
    const Verdict verdict = verdict_of(&wanted, &seen);
    if (!file->link_target && (verdict.kind == VERDICT_WRONG || verdict.kind == VERDICT_CHANGED)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("'%s' in %s is not the file whose digest is recorded."), file->path,
                    bring->part->row->file->path);
        return FALSE;
    }
    noted.trust = verdict.kind == VERDICT_VERIFIED ? verdict.trust : TRUST_FIRST_USE;
    if (!spool_add_member(spool, bring->part->row->id, &noted, chosen, error)) {
        return FALSE;
    }
    bring->came += chosen;
    bring->report->fetched_bytes += chosen && file->size != SIZE_UNKNOWN ? file->size : 0;
    job_count(bring->plan->job, members, 1);
    return TRUE;
}

static gboolean is_cancelled(gpointer data)
{
    return job_is_cancelled(((Bring *)data)->plan->job);
}

static gboolean decode(Bring *bring, int zip_fd, guint64 wanted, GError **error)
{
    Stage *stage = bring->fetch->stage;
    g_auto(Room) room = {.bytes = SIZE_UNKNOWN};
    if (!room_measure(bring->fetch->mirror, bring->fetch->limits, &room, error)) {
        return FALSE;
    }
    g_autoptr(TreeWriter) tree = tree_writer_new(stage_tree_fd(stage), stage_file_mode(stage));
    const UnpackSpec spec = {
        .rule = bring->part->row->file->unpack,
        .name = bring->part->row->file->path,
        .fd = zip_fd,
        .tree = tree,
        .tree_fd = stage_tree_fd(stage),
        .limits = {.most_bytes = MAX(room.bytes, 1)},
        .taker = {.takes = bring_takes,
                  .stands = bring_stands,
                  .member = bring_member,
                  .data = bring},
    };
    g_autoptr(UnpackRun) run = unpack_run_new(&spec, -1, is_cancelled, bring, error);
    if (!run || !unpack_run_all(run, error)) {
        return FALSE;
    }
    if (bring->came != wanted) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
            _("%s: %" G_GUINT64_FORMAT " members came where %" G_GUINT64_FORMAT " were asked for."),
            bring->part->row->file->path, bring->came, wanted);
    }
    return bring->came == wanted;
}

static gboolean try_batch(Bring *bring, const ZipEntry *entries, guint count, GError **error)
{
    int fd = scratch_file_new(stage_partial_fd(bring->fetch->stage), error);
    if (fd < 0) {
        return FALSE;
    }
    bring->came = 0;
    gboolean done =
        remote_zip_copy(bring->part->zip, entries, count, bring->part->gap, fd, error) &&
        decode(bring, fd, count, error);
    close(fd);
    return done && spool_keep(bring->plan->spec.spool, error);
}

/* Wrong bytes are asked for once more. */
static gboolean bring_batch(Bring *bring, const ZipEntry *entries, guint count, GError **error)
{
    g_autoptr(GError) failed = NULL;
    for (guint try = 0; try < MOST_TRIES; try++) {
        g_clear_error(&failed);
        if (try_batch(bring, entries, count, &failed)) {
            bring->report->fetched_files += count;
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
        guint count = 0;
        guint64 bytes = 0;
        while (at + count < entries->len && count < BATCH_MEMBERS && bytes < BATCH_BYTES) {
            bytes += g_array_index(entries, ZipEntry, at + count).compressed;
            count++;
        }
        if (!bring_batch(bring, &g_array_index(entries, ZipEntry, at), count, error)) {
            return FALSE;
        }
        at += count;
    }
    return TRUE;
}

static gboolean note_other(const ZipEntry *entry, gpointer data, GError **error)
{
    Visit *visit = data;
    g_autofree char *path = NULL;
    return place_of(visit->part, entry, &path, error) &&
           (!path || takes(visit->plan, visit->part, path) ||
            spool_list_member(visit->plan->spec.spool, visit->part->row->id, path, entry->size,
                              error));
}

static void tell_by_ranges(const RangePlan *plan, const Part *part)
{
    g_autofree char *bytes = size_text(part->bytes);
    g_autofree char *total = size_text(remote_zip_total(part->zip));
    job_tell(plan->job, JOB_EVENT_STEP, "by-ranges",
             json_pack("{s:s, s:I, s:I, s:I, s:I}", "path", part->row->file->path, "members",
                       (json_int_t)part->entries->len, "of", (json_int_t)part->members, "bytes",
                       (json_int_t)part->bytes, "total", (json_int_t)remote_zip_total(part->zip)),
             _("%s: %u of its %" G_GUINT64_FORMAT
               " members are fetched by themselves, %s in place of %s."),
             part->row->file->path, part->entries->len, part->members, bytes, total);
}

/* What comes only with a credential is its puller's alone. */
static gboolean came_by_login(const RangePlan *plan, const Part *part)
{
    HostServices *services = job_services(plan->job, NULL);
    return remote_zip_came_by_login(part->zip) ||
           (services && services->is_guarded &&
            services->is_guarded(services, g_ptr_array_index(part->row->file->addresses, 0)));
}

static gboolean bring_part(Bring *bring, GError **error)
{
    RangePlan *plan = bring->plan;
    Part *part = bring->part;
    Visit visit = {plan, part};
    const DigestSet none = {0};
    Stage *stage = bring->fetch->stage;
    tell_by_ranges(plan, part);
    if (came_by_login(plan, part) && !stage_readers(stage)->is_private &&
        !stage_set_readers(stage, &READERS_OWNER, error)) {
        return FALSE;
    }
    return bring_entries(bring, error) && remote_zip_each(part->zip, note_other, &visit, error) &&
           spool_note_staged(plan->spec.spool, part->row->id, &none, remote_zip_total(part->zip),
                             TRUST_FIRST_USE, g_ptr_array_index(part->row->file->addresses, 0),
                             error) &&
           stage_flush(stage, error);
}

gboolean range_plan_fetch(RangePlan *plan, const FetchSpec *fetch, FetchReport *report,
                          GError **error)
{
    for (guint i = 0; plan && i < plan->parts->len; i++) {
        g_autoptr(GError) failed = NULL;
        Bring bring = {.plan = plan,
                       .part = g_ptr_array_index(plan->parts, i),
                       .fetch = fetch,
                       .report = report};
        report->left_over = TRUE;
        if (bring_part(&bring, &failed)) {
            job_count(plan->job, files_done, 1);
            continue;
        }
        if (!bring.part->unfit || ends_all(failed)) {
            g_propagate_error(error, g_steal_pointer(&failed));
            return FALSE;
        }
        tell_unfit(plan, bring.part, failed);
    }
    return TRUE;
}

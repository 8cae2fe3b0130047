#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "job_ranges_internal.h"
#include "partial_file.h"
#include "unpack_store.h"

#define LEAST_ARCHIVE (G_GUINT64_CONSTANT(1) << 20) /* a smaller one comes whole */
#define MOST_LOOKED_AT 64                           /* archives whose directory is read */
#define MOST_CHOSEN 50000                           /* members of all, held in memory */
#define MOST_ENTRIES 5000000                        /* as many as the unpacker takes */
#define MOST_REQUESTS 256                           /* beside those for long stretches */
#define LEAST_GAP                                                                                  \
    (G_GUINT64_CONSTANT(64) << 10) /* bytes between two members that come with them                \
                                    */

static void part_free(gpointer data)
{
    RangePart *part = data;
    remote_zip_free(part->zip);
    g_clear_pointer(&part->singles, g_ptr_array_unref);
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

gboolean range_part_place(const RangePart *part, const ZipEntry *entry, char **path, GError **error)
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

gboolean range_part_takes(const RangePlan *plan, const RangePart *part, const char *path)
{
    const FileSpec *file = part->row->file;
    return selection_takes_member(plan->spec.selection, file->path, path, file->facts);
}

typedef struct {
    RangePlan *plan;
    RangePart *part;
} Visit;

/* Sums of what cannot be true would wrap round; the whole archive is judged by the unpacker. */
static gboolean is_possible(const RangePart *part, const ZipEntry *entry, GError **error)
{
    const guint64 room = remote_zip_end(part->zip)->directory_offset - entry->header_offset;
    if (entry->compressed <= room && entry->size <= G_MAXINT64 / MOST_CHOSEN) {
        return TRUE;
    }
    g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                        "its directory tells sizes that cannot be");
    return FALSE;
}

static gboolean choose_entry(const ZipEntry *entry, gpointer data, GError **error)
{
    Visit *visit = data;
    RangePart *part = visit->part;
    g_autofree char *path = NULL;
    if (!range_part_place(part, entry, &path, error)) {
        return FALSE;
    }
    if (!path) {
        return TRUE;
    }
    part->members++;
    if (!range_part_takes(visit->plan, part, path)) {
        return TRUE;
    }
    part->taken++;
    if (spool_find_file(visit->plan->spec.spool, path, NULL)) {
        return TRUE;
    }
    if (!is_possible(part, entry, error)) {
        return FALSE;
    }
    if (visit->plan->chosen + part->entries->len >= MOST_CHOSEN) {
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
static void count_requests(RangePart *part)
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
static gboolean pays(RangePart *part)
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

static gboolean has_come_by_half(const RangePlan *plan, const RangePart *part)
{
    g_autofree char *key = g_strdup_printf("%" G_GINT64_FORMAT, part->row->id);
    return plan->spec.partial_fd >= 0 &&
           partial_file_left(plan->spec.partial_fd, key) > remote_zip_total(part->zip) / 2;
}

/* It is read whole before anything is known of it. */
static gboolean check_directory(const RangePart *part, GError **error)
{
    const ZipEnd *end = remote_zip_end(part->zip);
    if (end->directory_size <= remote_zip_total(part->zip) / 2 && end->entries <= MOST_ENTRIES) {
        return TRUE;
    }
    g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                        "its directory is most of it");
    return FALSE;
}

/* FALSE with a reason where the whole archive is the better choice. */
static gboolean look_into(RangePlan *plan, RangePart *part, GError **error)
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
    if (!part->zip || !check_directory(part, error) ||
        !remote_zip_each(part->zip, choose_entry, &visit, error)) {
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

gboolean range_error_ends_all(const GError *error)
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

void range_part_tell_unfit(const RangePlan *plan, const RangePart *part, const GError *reason)
{
    const char *path = part->row->file->path;
    job_tell(plan->job, JOB_EVENT_STEP, "whole-archive",
             json_pack("{s:s, s:s}", "path", path, "reason", reason->message),
             _("%s: its members cannot be fetched by themselves, and it comes whole: %s"), path,
             reason->message);
}

/* Where the archive cannot be read at all, its members may have addresses of their own. */
static gboolean come_singly(RangePlan *plan, RangePart *part, const GError *reason)
{
    g_autoptr(GError) failed = NULL;
    if (!part->unfit && !g_error_matches(reason, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT)) {
        return FALSE;
    }
    gboolean found = singles_look(plan, part, &failed);
    if (failed) {
        event_log(EVENT_LOG_DEBUG, "%s: %s", part->row->file->path, failed->message);
    }
    return found;
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
    RangePart *part = g_new0(RangePart, 1);
    part->row = g_steal_pointer(&row);
    part->entries = g_array_new(FALSE, FALSE, sizeof(ZipEntry));
    if (look_into(plan, part, &reason)) {
        plan->chosen += part->entries->len;
        g_ptr_array_add(plan->parts, part);
        return TRUE;
    }
    gboolean ends = range_error_ends_all(reason);
    if (!ends && come_singly(plan, part, reason)) {
        g_ptr_array_add(plan->parts, part);
        return TRUE;
    }
    event_log(EVENT_LOG_DEBUG, "%s comes whole: %s", path, reason->message);
    if (part->unfit) {
        range_part_tell_unfit(plan, part, reason);
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
        ((const RangePart *)g_ptr_array_index(plan->parts, 0))->taken > 0) {
        return TRUE;
    }
    const RangePart *part = g_ptr_array_index(plan->parts, 0);
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

guint range_part_batch(const RangePart *part, guint first, guint64 *bytes)
{
    guint next = first;
    *bytes = 0;
    while (next < part->entries->len && next - first < RANGE_BATCH_MEMBERS &&
           *bytes < RANGE_BATCH_BYTES) {
        const guint64 one = g_array_index(part->entries, ZipEntry, next).compressed;
        if (one >= RANGE_BATCH_BYTES && next > first) {
            break;
        }
        *bytes += one;
        next++;
    }
    return next - first;
}

static guint64 largest_batch(const RangePart *part)
{
    guint64 largest = 0;
    for (guint at = 0; at < part->entries->len;) {
        guint64 bytes;
        at += range_part_batch(part, at, &bytes);
        largest = MAX(largest, bytes);
    }
    return largest;
}

gboolean range_plan_find(const RangePlan *plan, gint64 id, RangeFigures *figures)
{
    for (guint i = 0; plan && i < plan->parts->len; i++) {
        const RangePart *part = g_ptr_array_index(plan->parts, i);
        if (part->row->id == id && !part->is_over) {
            *figures =
                (RangeFigures){.fetch = part->bytes,
                               .members = part->singles ? part->singles->len : part->entries->len,
                               .on_disk = part->on_disk,
                               .peak = largest_batch(part)};
            return TRUE;
        }
    }
    return FALSE;
}

#include "job_plan.h"

#include "job_ranges.h"

#include "disks.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "partial_file.h"
#include "series_member.h"
#include "size_text.h"
#include "zip_directory.h"

#include <string.h>
#include <unistd.h>

/* What a member, or a series, can have: sums of a million of them do not wrap round. What a source
 * says beyond is not known. */
#define MOST_COUNTED (G_GUINT64_CONSTANT(1) << 43)
#define UNCHOSEN_MOST                                                                              \
    (G_GUINT64_CONSTANT(1) << 30) /* a larger plan wants a mirror that somebody chose */
#define DISKS_NAMED 3             /* those with most room, where none is chosen */
#define ZIPS_ASKED 8              /* archives whose directory is read beforehand */
#define ZIP_DIRECTORY_MOST (G_GUINT64_CONSTANT(64) << 20)

typedef struct {
    Job *job;
    const PlanSpec *spec;
    guint asked;
    guint64 resume_bytes;
    guint64 archives, archives_known;
    guint64 members, member_bytes;
    guint64 series, series_bytes; /* of them those of series of images */
    guint64 archive_bytes;        /* of archives whose contents are not known */
    /* Of archives whose members are fetched by themselves: what is fetched, what lies beside it;
     * and what they themselves would have been. */
    guint64 ranged, range_bytes, range_peak, unasked_bytes, unasked_unknown;
} ArchiveSums;

typedef struct {
    HostServices *services;
    const char *url;
} RemoteZip;

static gboolean remote_read_at(guint64 offset, void *buffer, gsize length, gpointer data,
                               GError **error)
{
    RemoteZip *zip = data;
    DocumentRequest request = {.url = zip->url,
                               .max_bytes = ZIP_DIRECTORY_MOST,
                               .optional = TRUE,
                               .range_from = offset,
                               .range_to = offset + length};
    g_autoptr(Document) document = zip->services->get(zip->services, &request, error);
    if (!document) {
        return FALSE;
    }
    gssize got =
        document->status == 206 && document->range_start == offset && document->length == length
            ? TEMP_FAILURE_RETRY(pread(document->fd, buffer, length, 0))
            : -1;
    if (got != (gssize)length) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                            _("The host serves no ranges."));
        return FALSE;
    }
    return TRUE;
}

static gboolean on_entry(const ZipEntry *entry, gpointer data, GError **error)
{
    ArchiveSums *sums = data;
    if (entry->size > MOST_COUNTED) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                            "it tells sizes that cannot be");
        return FALSE;
    }
    if (!entry->is_folder) {
        sums->members++;
        sums->member_bytes += entry->size;
    }
    return TRUE;
}

/* Are its addresses asked only after its fetcher has prepared them? */
static gboolean is_prepared(const Fetcher *fetcher)
{
    return fetcher->prepare && !(fetcher->row.login && fetcher->row.login->where_refused);
}

/* The directory of a zip that is not here yet, where its host serves ranges: optional, so its lack
 * is no error. */
static gboolean look_into_zip(ArchiveSums *sums, const FileSpec *file)
{
    const Fetcher *fetcher = sums->spec->reference->fetcher;
    HostServices *services = job_services(sums->job, NULL);
    if (!services || fetcher->row.never_resumes || is_prepared(fetcher) || file->unpack->series ||
        sums->asked >= ZIPS_ASKED || !file->addresses->len || file->size == SIZE_UNKNOWN ||
        file->size_is_rounded || file->unpack->container != ARCHIVE_ZIP || file->unpack->nested) {
        return FALSE;
    }
    sums->asked++;
    RemoteZip zip = {.services = services, .url = g_ptr_array_index(file->addresses, 0)};
    ArchiveSums found = {0};
    ZipEnd end;
    g_autoptr(GError) error = NULL;
    if (!zip_find_end(remote_read_at, &zip, file->size, &end, &error) ||
        end.directory_size > ZIP_DIRECTORY_MOST ||
        !zip_each_entry(remote_read_at, &zip, &end, on_entry, &found, &error)) {
        event_log(EVENT_LOG_DEBUG, "%s: its directory was not read beforehand: %s", file->path,
                  error ? error->message : "too large");
        return FALSE;
    }
    sums->members += found.members;
    sums->member_bytes += found.member_bytes;
    return TRUE;
}

/* The images of a series, as its source counts them; it is no archive before it is asked for. */
static gboolean count_series(ArchiveSums *sums, const FileSpec *file)
{
    const SeriesCount count = series_count_of(file->facts);
    if (!file->unpack->series || count.images > MOST_COUNTED || count.bytes > MOST_COUNTED) {
        return FALSE;
    }
    sums->members += count.images;
    sums->member_bytes += count.bytes;
    sums->series++;
    sums->series_bytes += count.bytes;
    return TRUE;
}

/* Its members are fetched by themselves. */
static gboolean count_ranges(ArchiveSums *sums, const SpoolDownload *download)
{
    RangeFigures figures;
    if (!range_plan_find(sums->spec->ranges, download->id, &figures)) {
        return FALSE;
    }
    sums->members += figures.members;
    sums->member_bytes += figures.on_disk;
    sums->range_bytes += figures.fetch;
    sums->range_peak = MAX(sums->range_peak, figures.peak);
    sums->ranged++;
    if (download->file->size == SIZE_UNKNOWN) {
        sums->unasked_unknown++;
    } else {
        sums->unasked_bytes += download->file->size;
    }
    return TRUE;
}

static gboolean on_archive(const SpoolDownload *download, gpointer data, GError **error)
{
    ArchiveSums *sums = data;
    if (download->file->unpack) {
        sums->archives++;
        if (count_ranges(sums, download)) {
            sums->archives_known++;
        } else if (count_series(sums, download->file)) {
            sums->archives_known++;
        } else if (look_into_zip(sums, download->file)) {
            sums->archives_known++;
        } else if (download->file->size != SIZE_UNKNOWN) {
            sums->archive_bytes += download->file->size;
        }
    }
    return TRUE;
}

static void on_left(const char *key, guint64 bytes, gpointer data)
{
    ArchiveSums *sums = data;
    if (spool_is_queued(sums->spec->spool, g_ascii_strtoll(key, NULL, 10))) {
        sums->resume_bytes += bytes;
    }
}

static void figures(const PlanSpec *spec, const SpoolTotals *totals, const ArchiveSums *sums,
                    Plan *plan)
{
    guint64 fetch = totals->queued_bytes - MIN(totals->queued_bytes, sums->unasked_bytes);
    guint64 archives =
        totals->queued_archive_bytes - MIN(totals->queued_archive_bytes, sums->unasked_bytes);
    gboolean open_ended = totals->queued_unknown > sums->series + sums->unasked_unknown;
    if (open_ended && sums->series == 0 && sums->ranged == 0 && spec->head &&
        spec->head->total_bytes != SIZE_UNKNOWN && totals->skipped == 0) {
        guint64 have = totals->staged_bytes + totals->installed_bytes;
        fetch = MAX(fetch, spec->head->total_bytes > have ? spec->head->total_bytes - have : 0);
        open_ended = FALSE;
    }
    gboolean unknown_members = sums->archives > sums->archives_known;
    guint64 plain = fetch - MIN(fetch, archives);
    guint64 unpacked = sums->member_bytes + sums->archive_bytes;
    /* Zips of series are smaller than their images, by how much nobody says. */
    guint64 comes = fetch + sums->series_bytes + sums->range_bytes;
    plan->fetch = (PlanFigure){comes - MIN(comes, sums->resume_bytes), open_ended};
    plan->on_disk =
        (PlanFigure){totals->held_bytes + plain + unpacked + (spec->keep_archives ? archives : 0),
                     open_ended || unknown_members};
    guint64 largest = sums->ranged == totals->queued_archives ? 0 : totals->largest_archive;
    guint64 beside = (spec->keep_archives ? archives : largest) + sums->range_peak;
    plan->peak =
        (PlanFigure){plain + unpacked + beside - MIN(plain + unpacked + beside, sums->resume_bytes),
                     open_ended || unknown_members};
    plan->files =
        (PlanFigure){totals->queued - totals->queued_archives + sums->members, unknown_members};
    plan->have_files = totals->held_files;
    plan->have_bytes = totals->held_bytes;
    plan->resume_bytes = sums->resume_bytes;
}

static json_t *figure_json(PlanFigure figure)
{
    return json_pack("{s:I, s:b}", "value", (json_int_t)figure.bytes, "at_least", figure.at_least);
}

static void tell(Job *job, const PlanSpec *spec, const Plan *plan, const Room *room)
{
    g_autofree char *lines = plan_describe(plan, room);
    json_t *facts = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "ref", spec->reference->ref, "version",
        spec->version, "fetch", figure_json(plan->fetch), "on_disk", figure_json(plan->on_disk),
        "peak", figure_json(plan->peak), "files", figure_json(plan->files), "have_files",
        (json_int_t)plan->have_files, "have_bytes", (json_int_t)plan->have_bytes, "resume_bytes",
        (json_int_t)plan->resume_bytes);
    job_tell(job, spec->is_quiet ? JOB_EVENT_DETAIL : JOB_EVENT_STEP, "plan", facts, "%s@%s\n%s",
             spec->reference->ref, spec->version, lines);
}

static gboolean check_chosen(Job *job, const PlanSpec *spec, const Plan *plan, GError **error)
{
    const JobSettings *settings = job_settings(job);
    if (settings->mirror_is_chosen || plan->on_disk.bytes <= UNCHOSEN_MOST) {
        return TRUE;
    }
    g_autofree char *size = size_text(plan->on_disk.bytes);
    g_autoptr(GPtrArray) disks = disks_with_room(plan->on_disk.bytes, DISKS_NAMED);
    g_autoptr(GString) rooms = g_string_new(NULL);
    for (guint i = 0; i < disks->len; i++) {
        const DiskRoom *disk = g_ptr_array_index(disks, i);
        g_autofree char *free = size_text(disk->bytes);
        g_string_append_printf(rooms, _("\n  %s free    medmirror init %s/mirror"), free,
                               disk->folder);
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("No mirror is chosen, and %s needs %s. Choose one for good with: medmirror "
                  "config set mirror DIR, or for this time: medmirror pull --mirror DIR %s%s%s"),
                spec->reference->ref, size, spec->reference->ref,
                disks->len ? _(". There is room at:")
                           : _(". No disk here has so much room for you."),
                rooms->str);
    return FALSE;
}

gboolean job_plan(Job *job, const PlanSpec *spec, const SpoolTotals *totals, Plan *plan,
                  GError **error)
{
    ArchiveSums sums = {.job = job, .spec = spec};
    g_auto(Room) room = {.bytes = SIZE_UNKNOWN, .files = SIZE_UNKNOWN};
    if (!spool_each_queued_archive(spec->spool, on_archive, &sums, error)) {
        return FALSE;
    }
    if (spec->partial_fd >= 0) {
        partial_file_each_left(spec->partial_fd, on_left, &sums);
    }
    sums.resume_bytes += spec->kept_bytes;
    figures(spec, totals, &sums, plan);
    if (spec->mirror && !room_measure(spec->mirror, spec->limits, &room, error)) {
        return FALSE;
    }
    tell(job, spec, plan, spec->mirror ? &room : NULL);
    if (spec->room) {
        room_clear(spec->room);
        *spec->room = (Room){.bytes = room.bytes,
                             .files = room.files,
                             .limited_by = g_strdup(room.limited_by),
                             .files_limited_by = g_strdup(room.files_limited_by)};
    }
    if (!check_chosen(job, spec, plan, error)) {
        return FALSE;
    }
    if (spec->mirror && !plan_fits(plan, &room, error)) {
        g_prefix_error(error, "%s: ", spec->reference->ref);
        g_autofree char *more =
            g_strdup_printf(_("%s To pull a part: medmirror pull --include GLOB %s. Another disk: "
                              "medmirror pull --mirror DIR %s"),
                            (*error)->message, spec->reference->ref, spec->reference->ref);
        if (sums.archives) {
            g_autofree char *before = g_steal_pointer(&more);
            more = g_strdup_printf(_("%s. The archives alone: medmirror pull --no-unpack %s"),
                                   before, spec->reference->ref);
        }
        g_free((*error)->message);
        (*error)->message = g_steal_pointer(&more);
        return FALSE;
    }
    return TRUE;
}

/* Few members of an archive that cannot be read by ranges: each is fetched from its own address,
 * one after the other, as any file is. The source's listing says which there are. */
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "job_ranges_internal.h"

#define MOST_SINGLES 50   /* for hosts count requests, and close for who makes many */
#define SINGLE_ATTEMPTS 3 /* refused for the third time, it is the last */

struct Singles {
    Fetch *fetch;
    RangePart *part;
    guint next, came, failed;
    gboolean is_left;   /* the host asks to be left alone */
    gboolean is_absent; /* one is nowhere by itself: the archive comes whole */
    char *why;          /* of the first that failed */
};

/* Which there are. */

typedef struct {
    RangePlan *plan;
    RangePart *part;
    guint64 chosen;
} Listing;

static gboolean on_head(gpointer data, const ListingHead *head, GError **error)
{
    return TRUE;
}

static gboolean on_file(gpointer data, const FileSpec *file, GError **error)
{
    return TRUE;
}

static gboolean on_member(gpointer data, const char *archive, const char *path, guint64 size,
                          GError **error)
{
    Listing *listing = data;
    RangePart *part = listing->part;
    Spool *spool = listing->plan->spec.spool;
    if (!g_str_equal(archive, part->row->file->path)) {
        return TRUE;
    }
    part->members++;
    if (!range_part_takes(listing->plan, part, path)) {
        return spool_list_member(spool, part->row->id, path, size, error);
    }
    part->taken++;
    if (spool_find_file(spool, path, NULL)) {
        return TRUE;
    }
    if (++listing->chosen <= MOST_SINGLES) {
        g_ptr_array_add(part->singles, g_strdup(path));
        part->bytes += size == SIZE_UNKNOWN ? 0 : size;
    }
    return TRUE;
}

gboolean singles_look(RangePlan *plan, RangePart *part, GError **error)
{
    const Reference *reference = plan->spec.reference;
    const Fetcher *fetcher = reference->fetcher;
    Listing listing = {plan, part, 0};
    const ResolveRequest request = {.locator = reference->locator,
                                    .manifest = reference->manifest,
                                    .version = plan->spec.version};
    const ListingTaker taker = {
        .head = on_head, .file = on_file, .member = on_member, .data = &listing};
    HostServices *services = fetcher->member_address ? job_services(plan->job, error) : NULL;
    if (!services) {
        return FALSE;
    }
    part->singles = g_ptr_array_new_with_free_func(g_free);
    part->taken = part->members = part->bytes = 0;
    gboolean listed =
        fetcher->resolve(fetcher, &request, services, &taker, error) != RESOLVE_FAILED;
    if (listed && listing.chosen > 0 && listing.chosen <= MOST_SINGLES) {
        part->on_disk = part->bytes;
        return TRUE;
    }
    g_clear_pointer(&part->singles, g_ptr_array_unref);
    return FALSE;
}

/* How they come. */

static void singles_free(Singles *singles)
{
    g_free(singles->why);
    g_free(singles);
}

/* The archive itself is asked for, like any other download. */
static void come_whole(Singles *singles)
{
    Fetch *fetch = singles->fetch;
    GError *error = NULL;
    SpoolDownload *row = spool_find(fetch->spool, singles->part->row->file->path, &error);
    if (!row) {
        fetch_stop(fetch, error);
        return;
    }
    g_autoptr(GError) reason =
        g_error_new_literal(MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT, singles->why);
    range_part_tell_unfit(fetch->spec->ranges, singles->part, reason);
    g_ptr_array_add(fetch->ready, row);
}

static void tell_left(const Singles *singles)
{
    const Fetch *fetch = singles->fetch;
    const guint all = singles->part->singles->len;
    job_tell(fetch->job, JOB_EVENT_WARNING, "left-alone",
             json_pack("{s:s, s:i, s:i}", "path", singles->part->row->file->path, "files",
                       (int)singles->came, "of", (int)all),
             _("%s: %u of %u files came. Its source asks to be left alone, so the others are not "
               "asked for now. Go on later with: %s"),
             singles->part->row->file->path, singles->came, all, fetch->spec->command);
}

static void singles_over(Singles *singles)
{
    Fetch *fetch = singles->fetch;
    RangePart *part = singles->part;
    GError *error = NULL;
    const DigestSet none = {0};
    const gint64 id = part->row->id;
    part->is_over = TRUE;
    if (fetch->stopping) {
        spool_put_back(fetch->spool, id);
    } else if (singles->is_absent) {
        come_whole(singles);
    } else if (singles->failed > 0) {
        if (singles->is_left) {
            tell_left(singles);
        }
        if (!spool_note_state(fetch->spool, id, SPOOL_FAILED, singles->why, &error)) {
            fetch_stop(fetch, error);
        }
    } else if (!spool_note_staged(fetch->spool, id, &none, SIZE_UNKNOWN, TRUST_FIRST_USE, NULL,
                                  &error) ||
               !stage_flush(fetch->spec->stage, &error)) {
        fetch_stop(fetch, error);
    }
    singles_free(singles);
}

static SpoolDownload *make_row(const Singles *singles, const char *path)
{
    const Fetch *fetch = singles->fetch;
    const Reference *reference = fetch->spec->reference;
    const SpoolDownload *archive = singles->part->row;
    g_autofree char *address = reference->fetcher->member_address(
        reference->fetcher, reference->locator, archive->file, path);
    if (!address) {
        return NULL;
    }
    SpoolDownload *row = g_new0(SpoolDownload, 1);
    row->id = archive->id;
    row->earlier_size = SIZE_UNKNOWN;
    row->file = file_spec_new(path); /* what the listing says of its size is never compared */
    file_spec_add_address(row->file, address);
    spool_wanted_member(fetch->spool, archive->id, path, &row->wanted);
    return row;
}

static void go_on(Singles *singles)
{
    Fetch *fetch = singles->fetch;
    const GPtrArray *paths = singles->part->singles;
    if (fetch->stopping || singles->is_left || singles->is_absent || singles->next >= paths->len) {
        singles_over(singles);
        return;
    }
    const char *path = g_ptr_array_index(paths, singles->next++);
    SpoolDownload *row = make_row(singles, path);
    if (!row) {
        singles->is_absent = TRUE;
        singles->why = g_strdup(_("not all of its files have an address of their own"));
        singles_over(singles);
        return;
    }
    work_start_single(fetch, row, singles);
}

void single_ended(Singles *singles)
{
    go_on(singles);
}

guint single_attempts(void)
{
    return SINGLE_ATTEMPTS;
}

char *single_key(const Work *work)
{
    g_autofree char *digest =
        g_compute_checksum_for_string(G_CHECKSUM_SHA256, work->row->file->path, -1);
    return g_strdup_printf("%" G_GINT64_FORMAT "-file-%.16s", work->row->id, digest);
}

gboolean single_note(Work *work, GError **error)
{
    const FileSpec *archive = work->single->part->row->file;
    const LockFile member = {.path = work->row->file->path,
                             .size = work->size,
                             .digests = work->seen,
                             .trust = work->verdict.trust,
                             .archive = archive->path,
                             .state = LOCK_STATE_HAVE};
    if (!spool_add_member(work->fetch->spool, work->row->id, &member, TRUE, error) ||
        !spool_keep(work->fetch->spool, error)) {
        return FALSE;
    }
    work->single->came++;
    job_count(work->fetch->job, members, 1);
    return TRUE;
}

void single_failed(Work *work, const char *why)
{
    Singles *singles = work->single;
    singles->failed++;
    if (!singles->why) {
        singles->why = g_strdup(why);
    }
}

gboolean single_takes_outcome(Work *work, const Outcome *outcome)
{
    Singles *singles = work->single;
    singles->is_left |= outcome->kind == OUTCOME_BUSY;
    singles->is_absent |= outcome->kind == OUTCOME_ABSENT;
    if (outcome->kind != OUTCOME_ABSENT) {
        return FALSE;
    }
    g_free(singles->why);
    singles->why = g_strdup_printf(_("%s is not to be had by itself"), work->row->file->path);
    return TRUE;
}

void singles_start(Fetch *fetch)
{
    const RangePlan *plan = fetch->spec->ranges;
    for (guint i = 0; plan && i < plan->parts->len; i++) {
        RangePart *part = g_ptr_array_index(plan->parts, i);
        if (!part->singles) {
            continue;
        }
        Singles *singles = g_new0(Singles, 1);
        singles->fetch = fetch;
        singles->part = part;
        fetch->report->left_over = TRUE;
        job_tell(fetch->job, JOB_EVENT_STEP, "by-files",
                 json_pack("{s:s, s:i, s:I}", "path", part->row->file->path, "files",
                           (int)part->singles->len, "of", (json_int_t)part->members),
                 _("%s cannot be read in parts; %u of its %" G_GUINT64_FORMAT
                   " files are fetched one by one, and the rest stays to be had."),
                 part->row->file->path, part->singles->len, part->members);
        go_on(singles);
    }
}

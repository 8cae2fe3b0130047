/* A bundle from its listing to the judgement on all of it. */
#include "job_bundle.h"

#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "series_member.h"
#include "spool_series.h"

static void bundle_free(Bundle *bundle)
{
    g_ptr_array_remove(bundle->fetch->bundles, bundle);
    bundle->work->bundle = NULL;
    g_hash_table_unref(bundle->parts);
    g_clear_error(&bundle->list_error);
    g_clear_error(&bundle->vouch_error);
    pthread_mutex_destroy(&bundle->lock);
    pthread_cond_destroy(&bundle->changed);
    g_free(bundle->address);
    g_free(bundle->why);
    g_free(bundle);
}

static void bundle_begin(Bundle *bundle)
{
    SpoolMembers members;
    GError *error = NULL;
    Fetch *fetch = bundle->fetch;
    if (!spool_name_members(fetch->spool, &error) ||
        !spool_count_members(fetch->spool, bundle->work->row->id, &members, &error)) {
        bundle_stop_run(bundle, error);
        return;
    }
    bundle->had_members = members.count > 0;
    bundle->is_over = bundle->begins_anew = bundle->forgets = bundle->closing = FALSE;
    bundle->count = 0;
    bundle->declared = (DigestSet){0};
    g_clear_error(&bundle->vouch_error);
    if (!bundle_list(bundle)) {
        bundle_stop_run(bundle,
                        g_error_new_literal(MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                                            _("No thread can be started to list what is there.")));
    }
}

void bundle_start(Work *work, const char *address)
{
    Bundle *bundle = g_new0(Bundle, 1);
    bundle->fetch = work->fetch;
    bundle->work = work;
    bundle->address = g_strdup(address ? address : work->fetch->spec->local->folder);
    bundle->parts = g_hash_table_new(NULL, NULL);
    bundle->engine = work->fetch->engine ? work->fetch->engine : job_engine(work->fetch->job, NULL);
    bundle->most_attempts =
        work->course && course_has_more(work->course) ? ATTEMPTS_BEFORE_NEXT : 0;
    pthread_mutex_init(&bundle->lock, NULL);
    pthread_cond_init(&bundle->changed, NULL);
    work->bundle = bundle;
    g_ptr_array_add(work->fetch->bundles, bundle);
    bundle_begin(bundle);
}

static void cancel_parts(Bundle *bundle)
{
    GHashTableIter iter;
    gpointer part;
    g_hash_table_iter_init(&iter, bundle->parts);
    while (g_hash_table_iter_next(&iter, &part, NULL)) {
        part_cancel(part);
    }
}

void bundle_fail(Bundle *bundle, LegEnd end, const char *why, ...)
{
    if (bundle->is_over) {
        return;
    }
    va_list args;
    va_start(args, why);
    g_autofree char *whole = g_strdup_vprintf(why, args);
    g_free(bundle->why);
    bundle->why = course_clause(whole);
    va_end(args);
    bundle->is_over = TRUE;
    bundle->end = end;
    bundle_close(bundle);
    cancel_parts(bundle);
}

void bundle_doubt(Bundle *bundle, LegEnd end, const char *why)
{
    if (bundle->is_over) {
        return;
    }
    bundle->begins_anew = bundle->had_members && !bundle->was_anew;
    bundle->forgets = TRUE;
    bundle_fail(bundle, end, "%s", why);
}

void bundle_stop_run(Bundle *bundle, GError *error)
{
    fetch_stop(bundle->fetch, error);
    bundle_close(bundle);
}

void bundles_stop(Fetch *fetch)
{
    for (guint i = 0; i < fetch->bundles->len; i++) {
        bundle_close(g_ptr_array_index(fetch->bundles, i));
    }
    bundles_run(fetch);
}

static gboolean take_part(Bundle *bundle)
{
    pthread_mutex_lock(&bundle->lock);
    Part *part = g_queue_pop_head(&bundle->waiting);
    pthread_cond_broadcast(&bundle->changed);
    pthread_mutex_unlock(&bundle->lock);
    if (part) {
        part_start(part);
    }
    return part != NULL;
}

/* What was noted of the series does not count: it lies in the tree until it is swept, or another
 * way brings it again. */
static gboolean forget_members(Bundle *bundle)
{
    GError *error = NULL;
    bundle->fetch->report->left_over = TRUE;
    job_count(bundle->fetch->job, bytes_done, -(gint64)bundle->here);
    bundle->here = 0;
    if (spool_forget_members(bundle->fetch->spool, bundle->work->row->id, &error)) {
        return TRUE;
    }
    bundle_stop_run(bundle, error);
    return FALSE;
}

static void put_back(Bundle *bundle)
{
    Work *work = bundle->work;
    spool_put_back(bundle->fetch->spool, work->row->id);
    bundle_free(bundle);
    work_free(work);
}

/* The next address is asked. */
static void leave(Bundle *bundle)
{
    Work *work = bundle->work;
    if (bundle->forgets && !forget_members(bundle)) {
        put_back(bundle);
        return;
    }
    LegEnd end = bundle->end;
    g_autofree char *why = g_steal_pointer(&bundle->why);
    bundle_free(bundle);
    if (work->course) {
        work_leg_over(work, end, why);
    } else {
        work_fail(work, g_error_new(MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED, _("%s: %s"),
                                    work->row->file->path, why));
    }
}

static void fail_listing(Bundle *bundle)
{
    GError *error = g_steal_pointer(&bundle->list_error);
    if (g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE)) {
        bundle_stop_run(bundle, error);
        return;
    }
    LegEnd end = LEG_FAILED;
    if (g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT)) {
        end = LEG_EMPTY;
    } else if (g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS)) {
        end = LEG_REFUSED;
    }
    bundle_fail(bundle, end, "%s", error->message);
    g_error_free(error);
}

/* The publisher's hash of the whole decides; without one, its count does. FALSE: what came is
 * wrong. */
static gboolean judge(Bundle *bundle, const SpoolMembers *members, Trust *trust, GError **error)
{
    const SpoolDownload *row = bundle->work->row;
    const Digest *declared = digest_set_get(&bundle->declared, DIGEST_MD5_TREE);
    const Digest *seen = digest_set_get(&bundle->work->seen, DIGEST_MD5_TREE);
    const SeriesCount wanted = series_count_of(row->file->facts);
    const SeriesCount came = {.images = members->count, .bytes = members->bytes};
    if (declared && seen && digest_equal(declared, seen)) {
        *trust = TRUST_DECLARED;
        return TRUE;
    }
    if (!series_count_check(row->file->unpack, &wanted, &came, error)) {
        return FALSE;
    }
    if (declared && seen) {
        g_autofree char *seen_hex = digest_to_hex(seen);
        g_autofree char *must_hex = digest_to_hex(declared);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("the hash of all that is there is %s where %s is declared"), seen_hex,
                    must_hex);
        return FALSE;
    }
    *trust = members->unhinted ? TRUST_FIRST_USE : TRUST_HINT;
    return TRUE;
}

static gboolean note_trust(Bundle *bundle, Trust trust, GError **error)
{
    Work *work = bundle->work;
    if (trust == TRUST_DECLARED) {
        return spool_trust_members(bundle->fetch->spool, work->row->id, trust, error);
    }
    bundle->fetch->report->unvouched++;
    job_tell(bundle->fetch->job, JOB_EVENT_DETAIL, "unvouched",
             json_pack("{s:s, s:s, s:s}", "path", work->row->file->path, "trust", trust_name(trust),
                       "reason", bundle->vouch_error ? bundle->vouch_error->message : ""),
             _("%s: the source has no hash of it as a whole."), work->row->file->path);
    return TRUE;
}

/* All of it is here, and right. */
static void arrive(Bundle *bundle, const SpoolMembers *members, Trust trust)
{
    Work *work = bundle->work;
    GError *error = NULL;
    work->verdict = (Verdict){
        .kind = trust == TRUST_FIRST_USE ? VERDICT_FIRST_USE : VERDICT_VERIFIED, .trust = trust};
    gboolean agree = FALSE, differ = FALSE;
    digest_set_compare(&work->row->wanted.locked, &work->seen, &agree, &differ);
    if (agree) {
        work->verdict.trust = TRUST_LOCKED;
    }
    work->size = SIZE_UNKNOWN;
    work->member_bytes = members->bytes;
    work->is_counted = TRUE;
    work->came_from = work->course ? g_strdup(bundle->address) : NULL;
    if (!note_trust(bundle, trust, &error)) {
        fetch_stop(bundle->fetch, error);
        put_back(bundle);
        return;
    }
    bundle_free(bundle);
    if (differ) {
        work_fail(work, work_series_changed(work));
        return;
    }
    if (work_is_required(work) && work_note_staged(work)) {
        work_free(work);
    }
}

static gboolean add_up(Bundle *bundle, SpoolMembers *members, GError **error)
{
    Work *work = bundle->work;
    Digest tree;
    g_autoptr(GError) failed = NULL;
    work->seen = (DigestSet){0};
    if (!spool_count_members(bundle->fetch->spool, work->row->id, members, error)) {
        return FALSE;
    }
    if (spool_digest_members(bundle->fetch->spool, work->row->id, &tree, &failed)) {
        digest_set_add(&work->seen, &tree);
    } else if (failed) {
        g_propagate_error(error, g_steal_pointer(&failed));
        return FALSE;
    }
    return TRUE;
}

/* --require asks for a word that nobody gave of it, and a way that is left may bring one: the zip
 * of a series has its own list of digests. */
static gboolean lacks_voucher(const Bundle *bundle, Trust trust)
{
    const Work *work = bundle->work;
    const DigestSet *locked = &work->row->wanted.locked;
    gboolean agree = FALSE, differ = FALSE;
    digest_set_compare(locked, &work->seen, &agree, &differ);
    return !agree && work->course && course_has_more(work->course) &&
           !requirement_is_met(bundle->fetch->spec->require, trust, work->row->file->role);
}

/* FALSE where the bundle is no more. */
static gboolean conclude(Bundle *bundle)
{
    SpoolMembers members;
    g_autoptr(GError) error = NULL;
    Trust trust = TRUST_NONE;
    if (!add_up(bundle, &members, &error)) {
        bundle_stop_run(bundle, g_steal_pointer(&error));
        return TRUE;
    }
    if (members.count != bundle->count) {
        g_set_error(
            &error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
            _("there are %" G_GUINT64_FORMAT " objects, and %" G_GUINT64_FORMAT " images in them"),
            bundle->count, members.count);
    } else if (judge(bundle, &members, &trust, &error)) {
        if (!lacks_voucher(bundle, trust)) {
            arrive(bundle, &members, trust);
            return FALSE;
        }
        bundle->forgets = TRUE;
        bundle_fail(bundle, LEG_WRONG, "%s", _("nobody has declared a hash of it"));
        return TRUE;
    }
    /* Where each object is as its host declares it, another host of it has the same. */
    bundle_doubt(bundle, members.unhinted ? LEG_FAILED : LEG_WRONG, error->message);
    return TRUE;
}

static void begin_anew(Bundle *bundle)
{
    job_tell(bundle->fetch->job, JOB_EVENT_DETAIL, "again",
             json_pack("{s:s, s:s, s:s, s:s}", "path", bundle->work->row->file->path, "reason",
                       "changed", "detail", bundle->why, "address", bundle->address),
             _("%s: %s: %s; what stood of it is fetched anew."), bundle->work->row->file->path,
             bundle->address, bundle->why);
    bundle->was_anew = TRUE;
    if (!forget_members(bundle)) {
        put_back(bundle);
        return;
    }
    bundle_begin(bundle);
}

/* TRUE where it goes on. */
static gboolean is_under_way(Bundle *bundle)
{
    if (bundle->lists || g_hash_table_size(bundle->parts) > 0) {
        return TRUE;
    }
    pthread_mutex_lock(&bundle->lock);
    gboolean waits = bundle->waiting.length > 0;
    pthread_mutex_unlock(&bundle->lock);
    return waits;
}

static void check(Bundle *bundle)
{
    if (is_under_way(bundle)) {
        return;
    }
    if (fetch_is_stopping(bundle->fetch)) {
        put_back(bundle);
        return;
    }
    if (bundle->list_error && !bundle->is_over) {
        fail_listing(bundle);
    } else if (!bundle->is_over && !conclude(bundle)) {
        return;
    }
    if (fetch_is_stopping(bundle->fetch)) {
        put_back(bundle);
    } else if (bundle->begins_anew) {
        begin_anew(bundle);
    } else {
        leave(bundle);
    }
}

void bundles_run(Fetch *fetch)
{
    gboolean started = TRUE;
    while (started && !fetch_is_stopping(fetch)) {
        started = FALSE;
        for (guint i = 0; i < fetch->bundles->len && fetch->running_parts < MOST_PARTS; i++) {
            started = take_part(g_ptr_array_index(fetch->bundles, i)) || started;
        }
    }
    for (guint i = fetch->bundles->len; i-- > 0;) {
        check(g_ptr_array_index(fetch->bundles, i));
    }
}

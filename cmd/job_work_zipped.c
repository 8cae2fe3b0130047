/* A single file that its storage keeps zipped, and sends under its plain name: its one member is
 * the file. Only an address that ends in that name and .zip, and bytes that begin like a zip, say
 * so together. */
#include "error.h"
#include "i18n.h"
#include "job_fetch_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct Zipped {
    Work *work;
    Unpacking *unpacking;
    DigestSet digests; /* of the member; on the unpacking's thread until it is done */
    guint64 size;
    gboolean is_there;
    gboolean is_running;
};

static gboolean begins_like_zip(int fd)
{
    static const guint8 magic[4] = {'P', 'K', 3, 4};
    guint8 head[sizeof magic];
    return fd >= 0 && TEMP_FAILURE_RETRY(pread(fd, head, sizeof head, 0)) == sizeof head &&
           memcmp(head, magic, sizeof magic) == 0;
}

/* The last part of an address's path, decoded; owned. NULL where there is none. */
static char *last_part(const char *address)
{
    g_autofree char *path = address ? g_strndup(address, strcspn(address, "?#")) : NULL;
    g_autofree char *decoded = path ? g_uri_unescape_string(path, NULL) : NULL;
    const char *slash = decoded ? strrchr(decoded, '/') : NULL;
    return slash ? g_strdup(slash + 1) : NULL;
}

gboolean address_is_of_zipped(const char *address, const char *path)
{
    g_autofree char *last = last_part(address);
    const char *slash = strrchr(path, '/');
    g_autofree char *zipped = g_strconcat(slash ? slash + 1 : path, ".zip", NULL);
    return g_strcmp0(last, zipped) == 0;
}

gboolean work_came_zipped(const Work *work)
{
    return work->partial && work->transfer && !work->members &&
           work->row->file->role != FILE_ROLE_ARCHIVE &&
           address_is_of_zipped(transfer_final_address(work->transfer), work->row->file->path) &&
           begins_like_zip(partial_file_fd(work->partial));
}

gboolean work_may_be_zipped(const Work *work)
{
    return work->partial && work->transfer && !work->members &&
           work->row->file->role != FILE_ROLE_ARCHIVE &&
           work->fetch->spec->reference->fetcher->row.sends_zipped &&
           !transfer_final_address(work->transfer) &&
           begins_like_zip(partial_file_fd(work->partial));
}

void zipped_free(Zipped *zipped)
{
    if (zipped) {
        g_clear_pointer(&zipped->unpacking, unpacking_free);
        g_free(zipped);
    }
}

void zipped_cancel(Zipped *zipped)
{
    if (zipped && zipped->is_running) {
        unpacking_cancel(zipped->unpacking);
    }
}

static gboolean on_takes(const char *path, gpointer data)
{
    const Zipped *zipped = data;
    return strcmp(path, zipped->work->row->file->path) == 0;
}

/* What lies at its place is what a run left that was killed. */
static gboolean on_stands(const char *path, gpointer data)
{
    return FALSE;
}

static gboolean on_member(const LockFile *file, gboolean chosen, gpointer data, GError **error)
{
    Zipped *zipped = data;
    if (chosen && !file->link_target) {
        zipped->digests = file->digests;
        zipped->size = file->size;
        zipped->is_there = TRUE;
    }
    return TRUE;
}

static gboolean drop_zip(Work *work)
{
    GError *error = NULL;
    if (partial_file_drop(work->partial, -1, NULL, NULL, &error)) {
        return TRUE;
    }
    fetch_stop(work->fetch, error);
    work_free(work);
    return FALSE;
}

/* Did the listing speak of the zip, as a host does that was asked for the headers alone? */
static gboolean listing_meant_zip(const Work *work, Trust *trust)
{
    const SeenBytes came = {.digests = work->seen, .size = work->size};
    const Verdict verdict = verdict_of(&work->row->wanted, &came);
    *trust = verdict.trust;
    return verdict.kind == VERDICT_VERIFIED;
}

/* Else it speaks of the file as it is unpacked; its storage, of what came. */
static void settle_member(Work *work, const Zipped *zipped)
{
    gboolean agree = FALSE, differ = FALSE;
    digest_set_compare(&work->row->earlier, &zipped->digests, &agree, &differ);
    const SeenBytes seen = {.digests = zipped->digests,
                            .size = zipped->size,
                            .repeated =
                                agree && !differ && zipped->size == work->row->earlier_size};
    Trust as_it_came;
    const gboolean meant_zip = listing_meant_zip(work, &as_it_came);
    const gboolean is_vouched = work->verdict.trust == TRUST_DECLARED;
    const Verdict verdict = verdict_of(&work->row->wanted, &seen);
    work->seen = zipped->digests;
    work->size = zipped->size;
    if (!meant_zip && (verdict.kind == VERDICT_WRONG || verdict.kind == VERDICT_CHANGED ||
                       (verdict.kind == VERDICT_FETCH_AGAIN && !is_vouched))) {
        work->wanted = work->row->wanted;
        work->verdict = verdict;
        work_differs(work);
        return;
    }
    if (meant_zip && !is_vouched) {
        work->verdict.trust = as_it_came;
    } else if (!meant_zip &&
               (verdict.trust == TRUST_LOCKED || verdict.trust == TRUST_DECLARED || !is_vouched)) {
        work->verdict = verdict;
    }
    if (work_note_staged(work) && drop_zip(work)) {
        work_free(work);
    }
}

static void on_unpacked(Unpacking *unpacking, const GError *error, const GPtrArray *warnings,
                        gpointer data)
{
    Zipped *zipped = data;
    Work *work = zipped->work;
    zipped->is_running = FALSE;
    if (work->fetch->stopping) {
        spool_put_back(work->fetch->spool, work->row->id);
        work_free(work);
    } else if (g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE)) {
        fetch_stop(work->fetch, g_error_copy(error));
        work_free(work);
    } else if (error) {
        work_fail(work, g_error_new(MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                                    _("%s came zipped, as its storage keeps it, and cannot be "
                                      "unpacked: %s"),
                                    work->row->file->path, error->message));
    } else if (zipped->is_there) {
        settle_member(work, zipped);
    } else {
        work_place_file(work); /* another zip, which only bears the name */
    }
}

void work_unzip(Work *work)
{
    Fetch *fetch = work->fetch;
    Zipped *zipped = g_new0(Zipped, 1);
    GError *error = NULL;
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE);
    zipped_free(work->zipped);
    work->zipped = zipped;
    zipped->work = work;
    fetch->report->left_over = TRUE;
    const UnpackSpec spec = {
        .rule = rule,
        .name = work->row->file->path,
        .fd = partial_file_fd(work->partial),
        .tree = fetch->tree,
        .tree_fd = stage_tree_fd(fetch->spec->stage),
        .algorithms = wanted_bytes_algorithms(&work->row->wanted),
        .taker = {.takes = on_takes, .stands = on_stands, .member = on_member, .data = zipped},
        .home = job_store(fetch->job),
        .done = on_unpacked,
        .data = zipped,
    };
    zipped->unpacking = unpacking_start(&spec, &error);
    zipped->is_running = zipped->unpacking != NULL;
    if (!zipped->unpacking) {
        work_fail(work, error);
    }
}

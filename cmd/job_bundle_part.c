/* One object of a bundle: from its listing to the tree. */
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "job_bundle.h"
#include "series_member.h"
#include "spool_series.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct Part {
    Bundle *bundle;
    char *name, *address;
    guint64 size;
    DigestSet hinted;
    Validators *validators;
    PartialFile *partial;
    Transfer *transfer;
    LocalPart *local; /* of a file of the person's own; then there is neither of the two above */
    gboolean is_the_engines;
    DigestSet seen, earlier; /* EARLIER: what an earlier transfer brought */
    guint64 seen_size, earlier_size;
};

Part *part_new(Bundle *bundle, const BundlePart *listed)
{
    Part *part = g_new0(Part, 1);
    part->bundle = bundle;
    part->name = g_strdup(listed->name);
    part->address = g_strdup(listed->address);
    part->size = listed->size;
    part->hinted = listed->hinted;
    part->validators = listed->validators ? validators_copy(listed->validators) : NULL;
    return part;
}

void part_free(Part *part)
{
    local_part_free(part, part->local);
    g_clear_pointer(&part->transfer, transfer_free);
    g_clear_pointer(&part->partial, partial_file_free);
    validators_free(part->validators);
    g_free(part->name);
    g_free(part->address);
    g_free(part);
}

const char *part_name(const Part *part)
{
    return part->name;
}

Bundle *part_bundle(const Part *part)
{
    return part->bundle;
}

LocalPart *part_local(const Part *part)
{
    return part->local;
}

void part_end(Part *part)
{
    Fetch *fetch = part->bundle->fetch;
    g_hash_table_remove(part->bundle->parts, part);
    fetch->running_parts--;
    part_free(part);
    bundles_run(fetch);
}

void part_fail(Part *part, LegEnd end, const char *why)
{
    bundle_fail(part->bundle, end, "%s", why);
    part_end(part);
}

void part_stop_run(Part *part, GError *error)
{
    bundle_stop_run(part->bundle, error);
    part_end(part);
}

void part_cancel(Part *part)
{
    if (part->local) {
        local_part_cancel(part, part->local);
    } else if (part->is_the_engines) {
        engine_cancel_transfer(part->bundle->fetch->engine, part->transfer);
    }
}

/* What came is dropped, and asked for again as the engine sees fit. */
static void part_go_on(Part *part, OutcomeKind kind, const char *detail, gboolean is_evidence)
{
    Fetch *fetch = part->bundle->fetch;
    const char *path = part->bundle->work->row->file->path;
    GError *error = NULL;
    if (part->local) {
        g_autofree char *shown = local_files_shown(fetch->spec->local, part->name);
        g_autofree char *why = g_strdup_printf("%s: %s", shown, detail);
        part_fail(part, LEG_WRONG, why);
        return;
    }
    int evidence = is_evidence ? stage_open_evidence(fetch->spec->stage, NULL) : -1;
    gboolean dropped = partial_file_drop(part->partial, evidence, part->name, &part->seen, &error);
    if (evidence >= 0) {
        close(evidence);
    }
    if (!dropped) {
        part_stop_run(part, error);
        return;
    }
    g_auto(Outcome) outcome = {.kind = kind, .retry_after_ms = -1};
    outcome.address = g_strdup(part->address);
    outcome.detail = g_strdup(detail);
    outcome.status = transfer_status(part->transfer);
    outcome.after_resume = partial_file_was_resumed(part->partial);
    job_tell(fetch->job, JOB_EVENT_DETAIL, "again",
             json_pack("{s:s, s:s, s:s, s:s}", "path", path, "reason", outcome_kind_name(kind),
                       "detail", detail, "address", part->address),
             _("%s: %s: %s; it is asked for again."), path, part->address, detail);
    part->is_the_engines = TRUE;
    engine_go_on(fetch->engine, part->transfer, &outcome);
}

static gboolean read_path(Part *part, char **path, GError **error)
{
    const FileSpec *file = part->bundle->work->row->file;
    DicomHeadResult result;
    DicomHead head;
    const char *reason = NULL;
    int fd = part->local ? local_part_fd(part->local) : partial_file_fd(part->partial);
    if (!dicom_head_read(fd, &result, &head, &reason, error)) {
        return FALSE;
    }
    if (result != DICOM_HEAD_DONE) {
        return series_member_refuse(file->unpack, part->name, result, reason, error);
    }
    *path = series_member_path(file->unpack, file->path, part->name, &head, error);
    return *path != NULL;
}

/* Is another object of this path here, with other bytes? */
static gboolean is_taken(Part *part, const char *path)
{
    g_auto(LockFile) other = {0};
    gboolean agree = FALSE, differ = FALSE;
    if (!spool_find_file(part->bundle->fetch->spool, path, &other)) {
        return FALSE;
    }
    digest_set_compare(&other.digests, &part->seen, &agree, &differ);
    return differ || !agree;
}

static gboolean place(Part *part, const char *path, Trust trust, GError **error)
{
    Fetch *fetch = part->bundle->fetch;
    const SpoolDownload *row = part->bundle->work->row;
    gboolean chosen =
        selection_takes_member(fetch->spec->selection, row->file->path, path, row->file->facts);
    const LockFile member = {.path = (char *)path,
                             .size = part->seen_size,
                             .digests = part->seen,
                             .trust = trust,
                             .archive = row->file->path,
                             .state = LOCK_STATE_HAVE};
    gboolean placed = !chosen || tree_writer_make_parents(fetch->tree, path, error);
    if (placed && part->local) {
        placed = !chosen || local_part_place(part, part->local, path, error);
    } else if (placed) {
        placed = chosen ? partial_file_place(part->partial, stage_tree_fd(fetch->spec->stage), path,
                                             error)
                        : partial_file_drop(part->partial, -1, NULL, NULL, error);
    }
    return placed && spool_add_member(fetch->spool, row->id, &member, chosen, error) &&
           spool_name_member(fetch->spool, row->id, part->name, path, error);
}

/* The same file lies there twice: one is enough. */
static gboolean is_twin(const Part *part, const char *path)
{
    return part->local && spool_find_file(part->bundle->fetch->spool, path, NULL);
}

static void part_count(const Part *part, guint64 bytes)
{
    part->bundle->here += bytes;
    job_count(part->bundle->fetch->job, bytes_done, bytes);
}

/* What came is right: it gets its place and its row. */
static void part_settle(Part *part, const char *path, const Verdict *verdict)
{
    Bundle *bundle = part->bundle;
    Fetch *fetch = bundle->fetch;
    GError *error = NULL;
    if (is_taken(part, path)) {
        /* What an earlier run noted of another state of the series goes; within one listing, one
         * of the two is wrong. */
        g_autofree char *why =
            g_strdup_printf(_("it has the image %s twice, with different contents"), path);
        bundle_doubt(bundle, LEG_WRONG, why);
        part_end(part);
        return;
    }
    if (is_twin(part, path)) {
        bundle->count--;
        part_end(part);
        return;
    }
    Trust trust = verdict->kind == VERDICT_VERIFIED ? verdict->trust : TRUST_NONE;
    if (trust == TRUST_HINT && !digest_set_get(&part->hinted, DIGEST_MD5)) {
        trust = TRUST_NONE; /* a size alone */
    }
    if (!place(part, path, trust, &error)) {
        part_stop_run(part, error);
        return;
    }
    bundle->fetched++;
    part_count(part, part->seen_size);
    job_count(fetch->job, members, 1);
    fetch_noted(fetch);
    part_end(part);
}

/* What a bucket's host says of the object with its bytes counts before the listing's word; it hints
 * at the object alone, and the hash of the whole is the publisher's. */
static void take_sent(Part *part)
{
    DigestSet sent = {0};
    if (part->partial) {
        partial_file_sent(part->partial, &sent);
    }
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        const Digest *digest = digest_set_get(&sent, (DigestAlgorithm)i);
        if (digest) {
            digest_set_add(&part->hinted, digest);
        }
    }
}

static void part_judge(Part *part, const char *path)
{
    Bundle *bundle = part->bundle;
    WantedBytes wanted;
    spool_wanted_member(bundle->fetch->spool, bundle->work->row->id, path, &wanted);
    wanted.hinted = part->hinted;
    if (wanted.declared_size == SIZE_UNKNOWN) {
        wanted.declared_size = part->size;
    }
    gboolean agree = FALSE, differ = FALSE;
    digest_set_compare(&part->earlier, &part->seen, &agree, &differ);
    const SeenBytes seen = {.digests = part->seen,
                            .size = part->seen_size,
                            .repeated = agree && !differ && part->seen_size == part->earlier_size};
    const Verdict verdict = verdict_of(&wanted, &seen);
    part->seen.present &= ~(1U << DIGEST_CRC32C); /* of the transfer, and for no lock */
    switch (verdict.kind) {
    case VERDICT_VERIFIED:
    case VERDICT_FIRST_USE:
        part_settle(part, path, &verdict);
        break;
    case VERDICT_FETCH_AGAIN:
        part->earlier = part->seen;
        part->earlier_size = part->seen_size;
        part_go_on(part, OUTCOME_HINT_DISAGREES, _("what came is not what its ETag hints at"),
                   FALSE);
        break;
    case VERDICT_WRONG:
        part_go_on(part, OUTCOME_WRONG_BYTES,
                   verdict.by_size ? _("its size is not the one that is listed")
                                   : _("its digest is not the one that is recorded"),
                   TRUE);
        break;
    case VERDICT_CHANGED: {
        g_autofree char *why = g_strdup_printf(
            _("the image %s is not the one that the lock of what is here has"), path);
        part_fail(part, LEG_WRONG, why);
        break;
    }
    }
}

void part_digested(const DigestSet *digests, guint64 size, int errno_value, gpointer data)
{
    Part *part = data;
    Bundle *bundle = part->bundle;
    GError *error = NULL;
    g_autofree char *path = NULL;
    if (errno_value) {
        error_set_storage(&error, errno_value, _("%s cannot be read back"), part->name);
        part_stop_run(part, error);
        return;
    }
    if (bundle->fetch->stopping || bundle->is_over) {
        part_end(part);
        return;
    }
    part->seen = *digests;
    part->seen_size = size;
    take_sent(part);
    g_autofree char *changed = part->local ? local_part_check(part, part->local) : NULL;
    if (changed) {
        part_fail(part, LEG_WRONG, changed);
        return;
    }
    /* Bytes that are not what their ETag promises may say anything of themselves. */
    gboolean agree = FALSE, differ = FALSE;
    digest_set_compare(&part->hinted, &part->seen, &agree, &differ);
    if (read_path(part, &path, &error)) {
        part_judge(part, path);
    } else if (g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE)) {
        part_stop_run(part, error);
    } else if (!agree) {
        part_go_on(part, OUTCOME_WRONG_BYTES, error->message, TRUE);
        g_error_free(error);
    } else {
        part_fail(part, LEG_WRONG, error->message);
        g_error_free(error);
    }
}

static void on_by_login(Transfer *transfer, Outcome *outcome, gpointer data)
{
    Part *part = data;
    if (!work_make_private(part->bundle->work)) {
        outcome->kind = OUTCOME_CANCELLED;
        outcome->retry_after_ms = -1;
    }
}

static void on_done(Transfer *transfer, const Outcome *outcome, gpointer data)
{
    Part *part = data;
    Bundle *bundle = part->bundle;
    Fetch *fetch = bundle->fetch;
    const Reference *reference = fetch->spec->reference;
    part->is_the_engines = FALSE;
    if (outcome->kind == OUTCOME_OK && !fetch->stopping && !bundle->is_over) {
        partial_file_digest(part->partial, part_digested, part);
    } else if (outcome->kind == OUTCOME_OK || outcome->kind == OUTCOME_CANCELLED) {
        part_end(part);
    } else if (outcome_stops_run(outcome)) {
        part_stop_run(part,
                      outcome_to_error(outcome, part->name, reference->ref, reference->fetcher,
                                       reference->locator, reference->manifest));
    } else {
        LegEnd end = outcome->kind == OUTCOME_REFUSED ? LEG_REFUSED : LEG_FAILED;
        g_autofree char *why =
            g_strdup_printf("%s: %s", part->name,
                            outcome->detail ? outcome->detail : outcome_kind_name(outcome->kind));
        part_fail(part, end, why);
    }
}

/* The same name for the same object in a later run: what arrived of it is gone on with. */
static char *partial_key(const Part *part)
{
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, part->name, -1);
    return g_strdup_printf("%" G_GINT64_FORMAT "-%.16s", part->bundle->work->row->id, digest);
}

static FileSpec *make_file(const Part *part)
{
    const char *archive = part->bundle->work->row->file->path;
    g_autofree char *folder = g_path_get_dirname(archive);
    g_autofree char *path = g_strdup_printf("%s/%s", folder, part->name);
    FileSpec *file = file_spec_new(path);
    file->size = part->size;
    file->size_is_exact = TRUE;
    file->validators = part->validators ? validators_copy(part->validators) : NULL;
    file_spec_add_address(file, part->address);
    return file;
}

static void part_submit(Part *part)
{
    Bundle *bundle = part->bundle;
    Fetch *fetch = bundle->fetch;
    const Reference *reference = fetch->spec->reference;
    g_autofree char *key = partial_key(part);
    g_autoptr(FileSpec) file = make_file(part);
    const PartialSpec partial = {
        .folder_fd = stage_partial_fd(fetch->spec->stage),
        .key = key,
        .name = file->path,
        .size = part->size,
        .algorithms = 1U << DIGEST_SHA256 | 1U << DIGEST_MD5 | reference->fetcher->row.sent_digests,
        .wanted = part->hinted,
        .mode = stage_file_mode(fetch->spec->stage),
        .pool = job_digest_pool(fetch->job),
        .store = job_store(fetch->job),
    };
    part->partial = partial_file_new(&partial);
    const TransferSpec transfer = {
        .name = file->path,
        .fetcher = reference->fetcher,
        .locator = reference->locator,
        .manifest = reference->manifest,
        .file = file,
        .max_bytes = SIZE_UNKNOWN,
        .most_attempts = bundle->most_attempts,
        .sink = partial_file_sink(part->partial),
        .holds_nothing = partial_file_is_fresh(part->partial),
        .home = job_store(fetch->job),
        .by_login = on_by_login,
        .done = on_done,
        .data = part,
    };
    part->transfer = transfer_new(&transfer);
    part->is_the_engines = TRUE;
    engine_submit(fetch->engine, part->transfer);
}

/* It was noted by an earlier run, and lies there as it was noted. */
static gboolean part_stands(const Part *part, GError **error)
{
    Fetch *fetch = part->bundle->fetch;
    g_auto(LockFile) member = {0};
    gboolean is_installed = FALSE;
    struct stat now;
    if (!part->bundle->had_members ||
        !spool_find_member(fetch->spool, part->bundle->work->row->id, part->name, &member,
                           &is_installed, error)) {
        return FALSE;
    }
    gboolean agree = FALSE, differ = FALSE;
    digest_set_compare(&part->hinted, &member.digests, &agree, &differ);
    if (differ || (part->size != SIZE_UNKNOWN && part->size != member.size)) {
        return FALSE;
    }
    return is_installed || member.state == LOCK_STATE_SKIPPED ||
           (fstatat(stage_tree_fd(fetch->spec->stage), member.path, &now, AT_SYMLINK_NOFOLLOW) ==
                0 &&
            S_ISREG(now.st_mode) && (guint64)now.st_size == member.size);
}

void part_start(Part *part)
{
    Bundle *bundle = part->bundle;
    GError *error = NULL;
    bundle->count++;
    if (part_stands(part, &error)) {
        part_count(part, part->size == SIZE_UNKNOWN ? 0 : part->size);
        part_free(part);
    } else if (error) {
        bundle_stop_run(bundle, error);
        part_free(part);
    } else {
        g_hash_table_add(bundle->parts, part);
        bundle->fetch->running_parts++;
        if (bundle->fetch->spec->local) {
            local_part_start(part, &part->local);
        } else {
            part_submit(part);
        }
    }
}

#include "job_repair.h"

#include "checksum_list.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "index.h"
#include "job_member.h"
#include "job_owner.h"
#include "stage.h"
#include "tree_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    Job *job;
    Mirror *mirror;
    const LockHeader *header;
    const Reference *reference;
    Owner *owner;
    Stage *stage;
    Index *index;
    GHashTable *wanted; /* path -> LockFile* */
    int tree_fd;
    guint64 mended;
} Repair;

static void wanted_free(gpointer data)
{
    lock_file_clear(data);
    g_free(data);
}

static void repair_clear(Repair *repair)
{
    g_clear_pointer(&repair->wanted, g_hash_table_unref);
    g_clear_pointer(&repair->index, index_close);
    g_clear_pointer(&repair->stage, stage_close);
    g_clear_pointer(&repair->owner, owner_release);
    if (repair->tree_fd >= 0) {
        close(repair->tree_fd);
    }
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Repair, repair_clear)

/* What the lock says of the wrong files. */
static gboolean read_wanted(Repair *repair, const GPtrArray *wrong, GError **error)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < wrong->len; i++) {
        g_hash_table_add(names, g_ptr_array_index(wrong, i));
    }
    g_autoptr(LockReader) lock =
        mirror_open_lock(repair->mirror, repair->header->folder, repair->header->version, error);
    LockLine line = lock ? LOCK_LINE_FILE : LOCK_LINE_ERROR;
    while (line != LOCK_LINE_END && line != LOCK_LINE_ERROR) {
        g_auto(LockDownload) download = {0};
        g_auto(LockFile) file = {0};
        line = lock_reader_next(lock, &download, &file, error);
        if (line == LOCK_LINE_FILE && file.state == LOCK_STATE_HAVE &&
            g_hash_table_contains(names, file.path)) {
            LockFile *kept = g_memdup2(&file, sizeof file);
            memset(&file, 0, sizeof file);
            g_hash_table_insert(repair->wanted, kept->path, kept);
        }
    }
    return line == LOCK_LINE_END;
}

static gboolean open_stage(Repair *repair, GError **error)
{
    g_autofree char *folder = g_strdup_printf("%s+repair", repair->header->folder);
    repair->stage = stage_open(repair->mirror, folder, error);
    g_autoptr(LockReader) lock = repair->stage
                                     ? mirror_open_lock(repair->mirror, repair->header->folder,
                                                        repair->header->version, error)
                                     : NULL;
    const Readers readers = readers_of_tree(repair->header->access, repair->tree_fd);
    return lock && stage_set_readers(repair->stage, &readers, error) &&
           spool_set(stage_spool(repair->stage), "ref", repair->header->ref, error) &&
           spool_import_lock(stage_spool(repair->stage), lock, error);
}

static gboolean has_digest(const LockFile *wanted, const Digest *seen)
{
    const Digest *must = digest_set_get(&wanted->digests, DIGEST_SHA256);
    return must && seen && digest_equal(must, seen);
}

/* A member alone, by ranges, where its host has them; FALSE: the archive has to come. */
static gboolean fetch_member(Repair *repair, const LockFile *wanted, const SpoolDownload *archive)
{
    g_autoptr(GError) error = NULL;
    HostServices *services = job_services(repair->job, &error);
    if (!services || repair->reference->fetcher->row.never_resumes ||
        (archive->file->unpack && archive->file->unpack->series) ||
        !member_fetch(services, repair->reference, archive->file, wanted,
                      stage_tree_fd(repair->stage), stage_file_mode(repair->stage), &error)) {
        event_log(EVENT_LOG_DEBUG, "%s is not fetched by ranges: %s", wanted->path,
                  error ? error->message : "");
        return FALSE;
    }
    return TRUE;
}

/* Queues the downloads that hold what is wrong. */
static gboolean queue_downloads(Repair *repair, GError **error)
{
    Spool *spool = stage_spool(repair->stage);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, repair->wanted);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const LockFile *wanted = value;
        if (wanted->link_target) {
            continue;
        }
        g_autoptr(SpoolDownload) row =
            spool_find(spool, wanted->archive ? wanted->archive : wanted->path, error);
        if (!row) {
            return FALSE;
        }
        if (wanted->archive && fetch_member(repair, wanted, row)) {
            continue;
        }
        if (!spool_note_queued(spool, row->id, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean digest_file(int folder_fd, const char *path, Digest *digest)
{
    gboolean absent = FALSE;
    int fd = tree_open_file(folder_fd, path, &absent, NULL);
    if (fd < 0) {
        return FALSE;
    }
    g_autofree guint8 *buffer = g_malloc(1 << 18);
    g_autoptr(DigestStream) stream = digest_stream_new(1U << DIGEST_SHA256, 0);
    gssize got;
    while ((got = TEMP_FAILURE_RETRY(read(fd, buffer, 1 << 18))) > 0) {
        digest_stream_update(stream, buffer, (gsize)got);
    }
    close(fd);
    DigestSet set = {0};
    digest_stream_finish(stream, &set);
    *digest = *digest_set_get(&set, DIGEST_SHA256);
    return got == 0;
}

/* Every other path that shared the damaged inode gets the mended file too. */
static void mend_twins(Repair *repair, guint64 inode, const LockFile *wanted)
{
    const char *path = wanted->path;
    gboolean all = TRUE;
    g_autoptr(GPtrArray) twins =
        repair->index && inode ? index_paths_of_inode(repair->index, inode) : NULL;
    g_autofree char *version = mirror_version_name(repair->header->version);
    g_autofree char *own = g_strdup_printf("%s/%s/%s", repair->header->folder, version, path);
    for (guint i = 0; twins && i < twins->len; i++) {
        const char *twin = g_ptr_array_index(twins, i);
        struct stat now;
        if (strcmp(twin, own) == 0 ||
            fstatat(mirror_fd(repair->mirror), twin, &now, AT_SYMLINK_NOFOLLOW) != 0 ||
            now.st_ino != inode) {
            continue;
        }
        g_autofree char *aside = g_strdup_printf(".medmirror/stage/twin-%d", (int)getpid());
        unlinkat(mirror_fd(repair->mirror), aside, 0);
        if (linkat(repair->tree_fd, path, mirror_fd(repair->mirror), aside, 0) == 0 &&
            renameat(mirror_fd(repair->mirror), aside, mirror_fd(repair->mirror), twin) == 0) {
            job_tell(repair->job, JOB_EVENT_STEP, "mended",
                     json_pack("{s:s, s:s}", "ref", repair->header->ref, "twin", twin),
                     _("mended       %s (the same file)"), twin);
        } else {
            all = FALSE;
        }
    }
    const Digest *sha256 = digest_set_get(&wanted->digests, DIGEST_SHA256);
    if (twins && all) {
        index_note_replaced(repair->index, inode, own, sha256, NULL);
    }
}

static gboolean replace_one(Repair *repair, const LockFile *wanted, GError **error)
{
    int stage_fd = stage_tree_fd(repair->stage);
    Digest seen;
    if (wanted->link_target || !digest_file(stage_fd, wanted->path, &seen) ||
        !has_digest(wanted, &seen)) {
        return TRUE;
    }
    struct stat damaged = {0};
    gboolean stood = fstatat(repair->tree_fd, wanted->path, &damaged, AT_SYMLINK_NOFOLLOW) == 0;
    g_autoptr(TreeWriter) writer = tree_writer_new(repair->tree_fd, stage_file_mode(repair->stage));
    gboolean absent = FALSE;
    int fd = tree_open_file(stage_fd, wanted->path, &absent, error);
    gboolean synced = fd >= 0 && TEMP_FAILURE_RETRY(fsync(fd)) == 0;
    if (fd >= 0) {
        close(fd);
    }
    if (!synced || !tree_writer_make_parents(writer, wanted->path, error)) {
        return error && *error
                   ? FALSE
                   : error_set_storage(error, errno, _("%s cannot be written"), wanted->path);
    }
    if (renameat(stage_fd, wanted->path, repair->tree_fd, wanted->path) != 0) {
        return error_set_storage(error, errno, _("%s cannot be put in its place"), wanted->path);
    }
    repair->mended++;
    job_tell(repair->job, JOB_EVENT_STEP, "mended",
             json_pack("{s:s, s:s}", "ref", repair->header->ref, "path", wanted->path),
             _("mended       %s"), wanted->path);
    if (stood && damaged.st_nlink > 1) {
        mend_twins(repair, damaged.st_ino, wanted);
    }
    return TRUE;
}

static gboolean replace_all(Repair *repair, GError **error)
{
    GHashTableIter iter;
    gpointer value;
    if (!owner_still(repair->owner, error)) {
        return FALSE;
    }
    g_hash_table_iter_init(&iter, repair->wanted);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (!replace_one(repair, value, error)) {
            return FALSE;
        }
    }
    if (syncfs(repair->tree_fd) != 0) {
        return error_set_storage(error, errno, _("What was mended cannot be made durable"));
    }
    return TRUE;
}

static Selection *select_wanted(Repair *repair)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    GHashTableIter iter;
    gpointer path;
    g_hash_table_iter_init(&iter, repair->wanted);
    while (g_hash_table_iter_next(&iter, &path, NULL)) {
        g_ptr_array_add(paths, path);
    }
    g_ptr_array_add(paths, NULL);
    return selection_new(NULL, NULL, (const char *const *)paths->pdata);
}

static gboolean fetch_and_replace(Repair *repair, GError **error)
{
    const Config *config = job_settings(repair->job)->config;
    const RoomLimits limits = {
        .max_size = config->max_size, .max_files = config->max_files, .reserve = config->reserve};
    g_autoptr(Selection) selection = select_wanted(repair);
    g_autofree char *command = g_strdup_printf("medmirror verify --repair %s", repair->header->ref);
    FetchSpec spec = {.reference = repair->reference,
                      .mirror = repair->mirror,
                      .owner = repair->owner,
                      .stage = repair->stage,
                      .selection = selection,
                      .limits = &limits,
                      .command = command};
    FetchReport report = {0};
    g_autoptr(GError) failure = NULL;
    gboolean fetched = job_fetch(repair->job, &spec, &report, &failure);
    int status = error_exit_status(failure);
    if (!fetched && (status == 6 || status == 8 || status >= 130)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!replace_all(repair, error)) {
        return FALSE;
    }
    guint left = g_hash_table_size(repair->wanted) - (guint)repair->mended;
    if (left) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    ngettext("%s@%s: %u file could not be mended, and was not touched: %s",
                             "%s@%s: %u files could not be mended, and were not touched: %s", left),
                    repair->header->ref, repair->header->version, left,
                    failure ? failure->message : _("the source no longer has those bytes."));
    }
    return left == 0;
}

gboolean job_repair(Job *job, Mirror *mirror, const LockHeader *header, const Reference *reference,
                    const GPtrArray *wrong, gboolean no_wait, guint64 *mended, GError **error)
{
    g_auto(Repair) repair = {
        .job = job, .mirror = mirror, .header = header, .reference = reference, .tree_fd = -1};
    repair.wanted = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, wanted_free);
    repair.owner =
        job_take_owner(job, mirror, header->ref, header->folder, "repair", no_wait, error);
    if (!repair.owner || !read_wanted(&repair, wrong, error)) {
        return FALSE;
    }
    repair.tree_fd = mirror_open_tree(mirror, header->folder, header->version, error);
    if (repair.tree_fd < 0 || !open_stage(&repair, error)) {
        return FALSE;
    }
    repair.index = index_open(mirror, NULL);
    gboolean done = queue_downloads(&repair, error) && fetch_and_replace(&repair, error);
    *mended = repair.mended;
    if (done || repair.mended) {
        g_autoptr(GError) kept = NULL;
        if (!stage_discard(g_steal_pointer(&repair.stage), &kept)) {
            event_log(EVENT_LOG_WARNING, "%s", kept->message);
        }
    }
    return done;
}

static gboolean write_list(Mirror *mirror, const LockHeader *header, int fd, GError **error)
{
    g_autoptr(LockReader) lock = mirror_open_lock(mirror, header->folder, header->version, error);
    g_autoptr(ChecksumListWriter) writer = checksum_list_writer_new(fd);
    LockLine line = lock ? LOCK_LINE_FILE : LOCK_LINE_ERROR;
    while (line != LOCK_LINE_END && line != LOCK_LINE_ERROR) {
        g_auto(LockDownload) download = {0};
        g_auto(LockFile) file = {0};
        line = lock_reader_next(lock, &download, &file, error);
        const Digest *sha256 =
            line == LOCK_LINE_FILE ? digest_set_get(&file.digests, DIGEST_SHA256) : NULL;
        if (sha256 && file.state == LOCK_STATE_HAVE && !file.link_target &&
            !checksum_list_writer_add(writer, file.path, sha256, error)) {
            return FALSE;
        }
    }
    g_autofree char *fingerprint = NULL;
    if (line != LOCK_LINE_END || !checksum_list_writer_finish(writer, &fingerprint, error)) {
        return FALSE;
    }
    if (g_strcmp0(fingerprint, header->fingerprint) != 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The lock of %s@%s contradicts itself: its files give %s, its header says "
                      "%s. Pull it anew into "
                      "another mirror and compare."),
                    header->ref, header->version, fingerprint, header->fingerprint);
        return FALSE;
    }
    return TRUE;
}

static mode_t list_mode(Mirror *mirror, const LockHeader *header)
{
    int tree_fd = mirror_open_tree(mirror, header->folder, header->version, NULL);
    const Readers readers = readers_of_tree(header->access, tree_fd);
    if (tree_fd >= 0) {
        close(tree_fd);
    }
    return readers_file_mode(&readers);
}

gboolean job_repair_list(Job *job, Mirror *mirror, const LockHeader *header, gboolean no_wait,
                         GError **error)
{
    g_autoptr(Owner) owner =
        job_take_owner(job, mirror, header->ref, header->folder, "repair", no_wait, error);
    /* As it is now: whoever was waited for may have added to the version. */
    g_autoptr(LockReader) lock =
        owner ? mirror_open_lock(mirror, header->folder, header->version, error) : NULL;
    if (!lock) {
        return FALSE;
    }
    header = lock_reader_header(lock);
    g_autofree char *version = mirror_version_name(header->version);
    g_autofree char *name = g_strdup_printf("%s/%s.sha256", header->folder, version);
    g_autofree char *aside = g_strdup_printf(".medmirror/stage/list-%d", (int)getpid());
    mode_t mode = list_mode(mirror, header);
    unlinkat(mirror_fd(mirror), aside, 0);
    int fd = openat(mirror_fd(mirror), aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return error_set_storage(error, errno, _("%s cannot be written"), name);
    }
    gboolean done = write_list(mirror, header, fd, error);
    gboolean synced = fchmod(fd, mode) == 0 && TEMP_FAILURE_RETRY(fsync(fd)) == 0;
    close(fd);
    if (!done || !synced || renameat(mirror_fd(mirror), aside, mirror_fd(mirror), name) != 0) {
        int number = errno;
        unlinkat(mirror_fd(mirror), aside, 0);
        return done ? error_set_storage(error, number, _("%s cannot be written"), name) : FALSE;
    }
    return TRUE;
}

#include "job_verify_internal.h"

#include "error.h"
#include "i18n.h"
#include "job_readers.h"
#include "relpath.h"
#include "verify_quick.h"
#include "version_choice.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Of a version that others change meanwhile. */
#define MOST_LOOKS 50

void verify_result_free(VerifyResult *result)
{
    if (result) {
        g_free(result->label);
        g_free(result->fingerprint);
        g_ptr_array_unref(result->wrong);
        g_free(result);
    }
}

void verify_on_result(const VerifiedFile *file, gpointer data)
{
    Verify *verify = data;
    VerifyResult *result = verify->result;
    result->files++;
    job_count(verify->job, checked_files, 1);
    if (verify->slice) {
        verify_slice_end(verify->slice, file->path, file->seen ? file->size : 0);
    }
    if (S_ISREG(file->mode) && readers_are_exceeded(&verify->readers, file->mode, file->group)) {
        verify_tell_exposed(verify, file->path);
    }
    switch (file->as) {
    case VERIFIED_RIGHT:
        result->right++;
        result->bytes += file->size;
        job_count(verify->job, checked_bytes, file->size);
        return;
    case VERIFIED_UNCHANGED:
        result->unchanged++;
        return;
    case VERIFIED_NO_DIGEST:
        result->no_digest++;
        return;
    case VERIFIED_MISSING:
        result->missing++;
        break;
    case VERIFIED_UNREADABLE:
        result->unreadable++;
        break;
    default:
        result->damaged++;
        break;
    }
    verify_tell_wrong(verify, file);
}

static gboolean on_unchanged(const char *path, guint64 size, gint64 mtime_ns, gint64 ctime_ns,
                             guint64 inode, gpointer data)
{
    const Verify *verify = data;
    const FileStamp stamp = {
        .size = size, .mtime_ns = mtime_ns, .ctime_ns = ctime_ns, .inode = inode};
    FileStamp known;
    return verify->stamps && index_stamps_find(verify->stamps, path, &known) &&
           file_stamp_equal(&known, &stamp);
}

/* The files of the lock and those of the tree, both in byte order, side by side: what only the tree
 * has is foreign. */
typedef struct {
    Verify *verify;
    LockReader *lock;
    LockFile next;
    gboolean at_end;
} Foreign;

static void foreign_advance(Foreign *foreign)
{
    LockLine line;
    do {
        lock_file_clear(&foreign->next);
        LockDownload download = {0};
        line = lock_reader_next(foreign->lock, &download, &foreign->next, NULL);
        lock_download_clear(&download);
    } while (line == LOCK_LINE_DOWNLOAD ||
             (line == LOCK_LINE_FILE && foreign->next.state != LOCK_STATE_HAVE));
    foreign->at_end = line != LOCK_LINE_FILE;
}

/* What the lock does not know; a PATH that ends in '/' is a folder that cannot be read. */
static gboolean on_tree_file(const char *path, guint64 size, gboolean is_link, gpointer data,
                             GError **error)
{
    Foreign *foreign = data;
    gboolean is_file = !g_str_has_suffix(path, "/");
    while (is_file && !foreign->at_end && strcmp(foreign->next.path, path) < 0) {
        foreign_advance(foreign);
    }
    if (!is_file || foreign->at_end || strcmp(foreign->next.path, path) != 0) {
        verify_tell_foreign(foreign->verify, path);
    }
    return !job_is_cancelled(foreign->verify->job);
}

gboolean verify_count_foreign(Verify *verify, LockReader *lock, GError **error)
{
    Foreign foreign = {.verify = verify, .lock = lock};
    foreign_advance(&foreign);
    gboolean done = tree_walk(verify->tree_fd, on_tree_file, &foreign, error);
    lock_file_clear(&foreign.next);
    return done;
}

static void set_cancelled(const Verify *verify, GError **error)
{
    g_autofree char *again = g_strdup_printf("medmirror verify %s", verify->result->label);
    job_set_cancelled_error(verify->job, verify->request->again ? verify->request->again : again,
                            error);
}

gboolean verify_by_lock(Verify *verify, LockReader *lock, GError **error)
{
    g_autoptr(Verifier) verifier =
        verifier_new(verify->tree_fd, job_digest_pool(verify->job), verify->request->quick,
                     on_unchanged, verify_on_result, verify);
    LockLine line = LOCK_LINE_FILE;
    while (line != LOCK_LINE_END && line != LOCK_LINE_ERROR && !job_is_cancelled(verify->job)) {
        g_auto(LockDownload) download = {0};
        g_auto(LockFile) file = {0};
        line = lock_reader_next(lock, &download, &file, error);
        if (line != LOCK_LINE_FILE || file.state != LOCK_STATE_HAVE) {
            continue;
        }
        if (!relpath_check(file.path, error)) {
            return FALSE;
        }
        if (verify->slice) {
            if (verify_slice_is_behind(verify->slice, file.path)) {
                continue;
            }
            if (!verify_slice_begin(verify->slice, file.path, file.size)) {
                line = LOCK_LINE_END;
                break;
            }
            verify_note_slice(verify);
        }
        verifier_add(verifier, file.path, file.size, &file.digests, file.link_target);
    }
    if (job_is_cancelled(verify->job)) {
        if (verify->slice) {
            verify_append_proof(verify, TRUE);
        }
        set_cancelled(verify, error);
        return FALSE;
    }
    verifier_finish(verifier);
    return line == LOCK_LINE_END;
}

/* A file that was not as at its last proof: looked at by itself. */
typedef struct {
    Verify *verify;
    Verifier *verifier;
} Quick;

static void on_quick_unchanged(const VerifiedFile *file, gpointer data)
{
    verify_on_result(file, ((Quick *)data)->verify);
}

static void on_quick_changed(const LockFile *file, gpointer data)
{
    verifier_add(((Quick *)data)->verifier, file->path, file->size, &file->digests,
                 file->link_target);
}

static void on_quick_foreign(const TreeEntry *entry, gpointer data)
{
    verify_tell_foreign(((Quick *)data)->verify, entry->path);
}

/* As verify_by_lock() and verify_count_foreign(), in one pass. */
static gboolean verify_at_once(Verify *verify, LockReader *lock, GError **error)
{
    g_autoptr(Verifier) verifier = verifier_new(verify->tree_fd, job_digest_pool(verify->job),
                                                FALSE, NULL, verify_on_result, verify);
    Quick quick = {.verify = verify, .verifier = verifier};
    const QuickPass pass = {.job = verify->job,
                            .tree_fd = verify->tree_fd,
                            .lock = lock,
                            .stamps = verify->stamps,
                            .unchanged = on_quick_unchanged,
                            .changed = on_quick_changed,
                            .foreign = on_quick_foreign,
                            .data = &quick};
    if (!quick_pass_run(&pass, error)) {
        return FALSE;
    }
    if (job_is_cancelled(verify->job)) {
        set_cancelled(verify, error);
        return FALSE;
    }
    verifier_finish(verifier);
    return TRUE;
}

/* The list beside the tree, digested while the tree is looked at. */
typedef struct {
    TaskQueue *home;
    DigestJob *job; /* NULL: it cannot be opened, or is through */
    gboolean is_right;
    const char *fingerprint;
} ListCheck;

static void on_list_digested(const DigestSet *digests, guint64 size, int errno_value, gpointer data)
{
    ListCheck *check = data;
    check->job = NULL;
    if (errno_value == 0) {
        g_autofree char *hex = digest_to_hex(digest_set_get(digests, DIGEST_SHA256));
        g_autofree char *fingerprint = g_strdup_printf("mm1:%s", hex);
        check->is_right = g_strcmp0(fingerprint, check->fingerprint) == 0;
    }
}

static void list_check_begin(ListCheck *check, Job *job, Mirror *mirror, const LockHeader *header)
{
    g_autofree char *version = mirror_version_name(header->version);
    g_autofree char *name = g_strdup_printf("%s/%s.sha256", header->folder, version);
    int fd = openat(mirror_fd(mirror), name, O_RDONLY | O_CLOEXEC);
    *check = (ListCheck){.home = task_queue_new(), .fingerprint = header->fingerprint};
    if (fd >= 0) {
        check->job = digest_pool_file(job_digest_pool(job), fd, 1U << DIGEST_SHA256, check->home,
                                      on_list_digested, check);
    }
}

static gboolean list_check_end(ListCheck *check)
{
    while (check->job) {
        task_queue_run(check->home, -1);
    }
    return check->is_right;
}

static void list_check_clear(ListCheck *check)
{
    digest_job_cancel(check->job);
    check->job = NULL;
    g_clear_pointer(&check->home, task_queue_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ListCheck, list_check_clear)

/* Did others change the version, so that what seems wrong with it need not be? */
static gboolean look_again(Verify *verify, gboolean done)
{
    const VerifyResult *result = verify->result;
    gboolean is_right = done && !result->damaged && !result->missing && !result->unreadable &&
                        !result->list_is_wrong && !result->foreign;
    return verify->has_moved ||
           (!is_right && !job_is_cancelled(verify->job) && version_watch_has_moved(&verify->watch));
}

static VerifyResult *verify_once(Job *job, Mirror *mirror, const LockHeader *header,
                                 const VerifyRequest *request, gboolean *again_please,
                                 GError **error)
{
    g_autofree char *label = version_label(header);
    g_autoptr(VerifyResult) result = verify_result_new(label);
    g_autofree char *path = mirror_version_path(mirror, header->folder, header->version);
    g_autoptr(Index) index = request->quick ? index_open(mirror, NULL) : NULL;
    g_autoptr(IndexStamps) stamps =
        index ? index_stamps_new(index, header->folder, header->version) : NULL;
    g_autoptr(VerifySlice) slice =
        request->pace ? verify_slice_new(request->pace, request->after) : NULL;
    Verify verify = {.job = job,
                     .request = request,
                     .result = result,
                     .folder = header->folder,
                     .version = header->version,
                     .stamps = stamps,
                     .mirror = mirror,
                     .header = header,
                     .slice = slice};
    result->begun = request->begun ? request->begun : g_get_real_time() / G_USEC_PER_SEC;
    version_watch_begin(&verify.watch, mirror, header);
    g_auto(VersionWatch) watch = verify.watch;
    g_autoptr(LockReader) lock = mirror_open_lock(mirror, header->folder, header->version, error);
    gboolean has_tree = lock && version_check_tree(mirror, header, error);
    verify.tree_fd =
        has_tree ? mirror_open_tree(mirror, header->folder, header->version, error) : -1;
    verify.has_moved =
        lock && g_strcmp0(lock_reader_header(lock)->fingerprint, header->fingerprint) != 0;
    if (verify.tree_fd < 0) {
        *again_please = look_again(&verify, FALSE);
        return NULL;
    }
    /* A tree that is somebody else's has the modes that he gave it. */
    verify.readers = job_readers_of(job, header, verify.tree_fd);
    g_auto(ListCheck) list = {0};
    list_check_begin(&list, job, mirror, header);
    g_autoptr(LockReader) again = mirror_open_lock(mirror, header->folder, header->version, error);
    g_autoptr(LockReader) trust = mirror_open_lock(mirror, header->folder, header->version, error);
    gboolean at_once = request->quick && !slice;
    gboolean done =
        again && trust &&
        (at_once ? verify_at_once(&verify, lock, error) : verify_by_lock(&verify, lock, error));
    result->is_cut = slice && verify_slice_is_cut(slice);
    /* The rest is for who has read all. */
    done = done && (result->is_cut ||
                    ((at_once || verify_count_foreign(&verify, again, error)) &&
                     requirement_count_unmet(request->require, trust, &result->untrusted, error)));
    close(verify.tree_fd);
    if (done && !result->is_cut) {
        result->exposed += job_readers_count_places(job, mirror, header);
        result->fingerprint = g_strdup(header->fingerprint);
        result->list_is_wrong = !list_check_end(&list);
    }
    *again_please = look_again(&verify, done);
    if (done && !*again_please) {
        verify_append_proof(&verify, result->is_cut);
    }
    g_free(verify.noted.upto);
    if (!done || *again_please) {
        return NULL;
    }
    verify.path = path;
    /* No version is ever cut out of an address or the path of a manifest. */
    gboolean takes_version = !strstr(header->ref, "://") && header->ref[0] != '/';
    verify_set_verdict(&verify, takes_version ? label : header->ref, error);
    return g_steal_pointer(&result);
}

VerifyResult *job_verify_version(Job *job, Mirror *mirror, const LockHeader *header,
                                 const VerifyRequest *request, GError **error)
{
    g_autoptr(LockHeader) now = NULL;
    for (guint attempt = 1;; attempt++) {
        g_autoptr(GError) failure = NULL;
        gboolean again_please = FALSE;
        g_auto(VersionWatch) watch = {0};
        VerifyResult *result =
            verify_once(job, mirror, now ? now : header, request, &again_please, &failure);
        if (!again_please) {
            if (failure) {
                g_propagate_error(error, g_steal_pointer(&failure));
            }
            return result;
        }
        version_watch_begin(&watch, mirror, header);
        if (attempt == MOST_LOOKS || !version_watch_settle(&watch, job)) {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_BUSY,
                        _("%s is being changed by another run. When that is through, type: "
                          "medmirror verify %s"),
                        header->ref, header->ref);
            return NULL;
        }
        g_clear_pointer(&now, lock_header_free);
        now = version_watch_header(&watch, header, error);
        if (!now) {
            return NULL;
        }
    }
}

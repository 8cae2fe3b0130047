#include "job_verify.h"

#include "checksum_list.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "index.h"
#include "job_readers.h"
#include "proofs.h"
#include "readers.h"
#include "relpath.h"
#include "verifier.h"
#include "verify_quick.h"
#include "version_choice.h"
#include "version_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    Job *job;
    const VerifyRequest *request;
    VerifyResult *result;
    const char *folder, *version; /* NULL: no version of a mirror */
    IndexStamps *stamps;          /* NULL: not quick, or nothing is known */
    int tree_fd;
    Readers readers;
    const char *path; /* of the tree */
    Mirror *mirror;   /* and the next: of a version alone */
    const LockHeader *header;
    VersionWatch watch;
    gboolean has_moved; /* what was found wrong is wrong no more: it is looked at again */
    VerifySlice *slice; /* NULL: all files */
    /* What proofs.jsonl has of this slice already. */
    struct {
        guint64 files, bytes, damaged, missing;
        char *upto;
        gint64 next; /* monotonic us: when it is told again */
    } noted;
} Verify;

/* Of a version that others change meanwhile. */
#define MOST_LOOKS 50

/* A run that is killed loses no more than this. */
#define NOTE_EVERY_US (10 * 60 * G_USEC_PER_SEC)

void verify_result_free(VerifyResult *result)
{
    if (result) {
        g_free(result->label);
        g_free(result->fingerprint);
        g_ptr_array_unref(result->wrong);
        g_free(result);
    }
}

static VerifyResult *result_new(const char *label)
{
    VerifyResult *result = g_new0(VerifyResult, 1);
    result->label = g_strdup(label);
    result->wrong = g_ptr_array_new_with_free_func(g_free);
    return result;
}

static char *describe_damage(const VerifiedFile *file)
{
    switch (file->as) {
    case VERIFIED_MISSING:
        return g_strdup(_("is missing"));
    case VERIFIED_SIZE:
        return g_strdup_printf(
            _("has %" G_GUINT64_FORMAT " bytes where it must have %" G_GUINT64_FORMAT), file->size,
            file->wanted_size);
    case VERIFIED_NOT_A_FILE:
        return g_strdup(_("is not the file (or link) that it must be"));
    case VERIFIED_UNREADABLE:
        return g_strdup_printf(_("cannot be read: %s"), g_strerror(file->errno_value));
    default:
        break;
    }
    for (guint i = 0; file->seen && i < DIGEST_ALGORITHMS; i++) {
        const Digest *seen = digest_set_get(file->seen, (DigestAlgorithm)i);
        const Digest *wanted = digest_set_get(file->wanted, (DigestAlgorithm)i);
        if (seen && wanted && !digest_equal(seen, wanted)) {
            g_autofree char *is = digest_to_hex(seen);
            g_autofree char *must = digest_to_hex(wanted);
            return g_strdup_printf(_("has %s %s where it must have %s"),
                                   digest_algorithm_name((DigestAlgorithm)i), is, must);
        }
    }
    return g_strdup(_("has other bytes than it must have"));
}

static void tell_wrong(Verify *verify, const VerifiedFile *file)
{
    VerifyResult *result = verify->result;
    verify->has_moved = verify->has_moved || version_watch_has_moved(&verify->watch);
    if (verify->has_moved) {
        return;
    }
    if (result->wrong->len < WRONG_MOST) {
        g_ptr_array_add(result->wrong, g_strdup(file->path));
    }
    g_autofree char *what = describe_damage(file);
    g_autofree char *shown = relpath_display(file->path);
    job_tell(verify->job, JOB_EVENT_FAILURE, file->as == VERIFIED_MISSING ? "missing" : "damaged",
             json_pack("{s:s, s:s, s:s}", "ref", result->label, "path", shown, "what", what),
             _("%s: %s %s."), result->label, shown, what);
}

static void tell_exposed(Verify *verify, const char *path)
{
    g_autofree char *shown = relpath_display(path);
    verify->result->exposed++;
    job_tell(verify->job, JOB_EVENT_DETAIL, "exposed",
             json_pack("{s:s, s:s}", "ref", verify->result->label, "path", shown),
             _("%s: %s can be read by others."), verify->result->label, shown);
}

static void on_result(const VerifiedFile *file, gpointer data)
{
    Verify *verify = data;
    VerifyResult *result = verify->result;
    result->files++;
    job_count(verify->job, checked_files, 1);
    if (verify->slice) {
        verify_slice_end(verify->slice, file->path, file->seen ? file->size : 0);
    }
    if (S_ISREG(file->mode) && readers_are_exceeded(&verify->readers, file->mode, file->group)) {
        tell_exposed(verify, file->path);
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
    tell_wrong(verify, file);
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
static void tell_foreign(Verify *verify, const char *path)
{
    g_autofree char *shown = relpath_display(path);
    if (g_str_has_suffix(path, "/")) {
        job_tell(verify->job, JOB_EVENT_WARNING, "unreadable",
                 json_pack("{s:s, s:s}", "ref", verify->result->label, "path", shown),
                 _("%s: the folder %s cannot be read, so what else lies in it is not known."),
                 verify->result->label, shown);
        return;
    }
    verify->result->foreign++;
    job_tell(verify->job, JOB_EVENT_DETAIL, "foreign",
             json_pack("{s:s, s:s}", "ref", verify->result->label, "path", shown),
             _("%s: %s is not the dataset's."), verify->result->label, shown);
}

static gboolean on_tree_file(const char *path, guint64 size, gboolean is_link, gpointer data,
                             GError **error)
{
    Foreign *foreign = data;
    gboolean is_file = !g_str_has_suffix(path, "/");
    while (is_file && !foreign->at_end && strcmp(foreign->next.path, path) < 0) {
        foreign_advance(foreign);
    }
    if (!is_file || foreign->at_end || strcmp(foreign->next.path, path) != 0) {
        tell_foreign(foreign->verify, path);
    }
    return !job_is_cancelled(foreign->verify->job);
}

static gboolean count_foreign(Verify *verify, LockReader *lock, GError **error)
{
    Foreign foreign = {.verify = verify, .lock = lock};
    foreign_advance(&foreign);
    gboolean done = tree_walk(verify->tree_fd, on_tree_file, &foreign, error);
    lock_file_clear(&foreign.next);
    return done;
}

/* What was read since the last note; UNFINISHED: the version goes on. */
static void append_proof(Verify *verify, gboolean unfinished)
{
    const VerifyResult *result = verify->result;
    const char *upto = verify->slice ? verify_slice_upto(verify->slice) : NULL;
    const char *after = verify->noted.upto ? verify->noted.upto : verify->request->after;
    guint64 damaged = result->damaged + result->unreadable;
    const Proof proof = {.folder = verify->folder,
                         .version = verify->version,
                         .fingerprint = verify->header->fingerprint,
                         .files = result->right - verify->noted.files,
                         .bytes = result->bytes - verify->noted.bytes,
                         .damaged = damaged - verify->noted.damaged,
                         .missing = result->missing - verify->noted.missing,
                         .foreign = result->foreign,
                         .quick = verify->request->quick,
                         .by = "verify",
                         .begun = result->begun,
                         .after = after,
                         .upto = unfinished ? upto : NULL};
    if (unfinished && g_strcmp0(upto, after) == 0) {
        return;
    }
    g_autoptr(GError) error = NULL;
    if (!proofs_append(verify->mirror, &proof, &error)) {
        event_log(verify->slice ? EVENT_LOG_WARNING : EVENT_LOG_DEBUG, "no proof was written: %s",
                  error->message);
    }
    verify->noted.files = result->right;
    verify->noted.bytes = result->bytes;
    verify->noted.damaged = damaged;
    verify->noted.missing = result->missing;
    g_free(verify->noted.upto);
    verify->noted.upto = g_strdup(upto);
}

static void note_slice(Verify *verify)
{
    gint64 now = g_get_monotonic_time();
    if (now >= verify->noted.next) {
        if (verify->noted.next) {
            append_proof(verify, TRUE);
        }
        verify->noted.next = now + NOTE_EVERY_US;
    }
}

static void set_cancelled(const Verify *verify, GError **error)
{
    g_autofree char *again = g_strdup_printf("medmirror verify %s", verify->result->label);
    job_set_cancelled_error(verify->job, verify->request->again ? verify->request->again : again,
                            error);
}

static gboolean verify_lock(Verify *verify, LockReader *lock, GError **error)
{
    g_autoptr(Verifier) verifier =
        verifier_new(verify->tree_fd, job_digest_pool(verify->job), verify->request->quick,
                     on_unchanged, on_result, verify);
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
            note_slice(verify);
        }
        verifier_add(verifier, file.path, file.size, &file.digests, file.link_target);
    }
    if (job_is_cancelled(verify->job)) {
        if (verify->slice) {
            append_proof(verify, TRUE);
        }
        set_cancelled(verify, error);
        return FALSE;
    }
    verifier_finish(verifier);
    return line == LOCK_LINE_END;
}

void job_verify_set_in_place(const LockHeader *header, const VerifyResult *result, GError **error)
{
    guint64 wrong = result->damaged + result->missing + result->unreadable;
    g_clear_error(error);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                ngettext("%s: %" G_GUINT64_FORMAT
                         " file is not as it was when it was registered in place at %s. Nothing is "
                         "ever written there: its owner can mend it. To have a copy of one's own: "
                         "medmirror remove %s, then: medmirror pull %s",
                         "%s: %" G_GUINT64_FORMAT
                         " files are not as they were when they were registered in place at %s. "
                         "Nothing is ever written there: their owner can mend them. To have a copy "
                         "of one's own: medmirror remove %s, then: medmirror pull %s",
                         (gulong)wrong),
                result->label, wrong, header->in_place, result->label, header->ref);
}

/* A file that was not as at its last proof: looked at by itself. */
typedef struct {
    Verify *verify;
    Verifier *verifier;
} Quick;

static void on_quick_unchanged(const VerifiedFile *file, gpointer data)
{
    on_result(file, ((Quick *)data)->verify);
}

static void on_quick_changed(const LockFile *file, gpointer data)
{
    verifier_add(((Quick *)data)->verifier, file->path, file->size, &file->digests,
                 file->link_target);
}

static void on_quick_foreign(const TreeEntry *entry, gpointer data)
{
    tell_foreign(((Quick *)data)->verify, entry->path);
}

/* As verify_lock() and count_foreign(), in one pass. */
static gboolean verify_at_once(Verify *verify, LockReader *lock, GError **error)
{
    g_autoptr(Verifier) verifier =
        verifier_new(verify->tree_fd, job_digest_pool(verify->job), FALSE, NULL, on_result, verify);
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

static void set_verdict(Verify *verify, const char *ref, GError **error)
{
    const VerifyResult *result = verify->result;
    guint64 wrong = result->damaged + result->missing + result->unreadable;
    if (wrong && verify->header && verify->header->in_place) {
        job_verify_set_in_place(verify->header, result, error);
    } else if (wrong && ref) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    ngettext("%s: %" G_GUINT64_FORMAT
                             " file is not as it must be. Mend it with: medmirror verify "
                             "--repair %s",
                             "%s: %" G_GUINT64_FORMAT
                             " files are not as they must be. Mend them with: medmirror verify "
                             "--repair %s",
                             (gulong)wrong),
                    result->label, wrong, ref);
    } else if (wrong) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
            ngettext("%s: %" G_GUINT64_FORMAT " file is not as its list says. Fetch it anew.",
                     "%s: %" G_GUINT64_FORMAT " files are not as their list says. Fetch them anew.",
                     (gulong)wrong),
            result->label, wrong);
    } else if (result->list_is_wrong) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("%s: every file is right, but the list beside them (%s.sha256) is not the "
                      "lock's. It is written anew "
                      "by: medmirror verify --repair %s"),
                    result->label, verify->version, ref ? ref : result->label);
    } else if (result->exposed) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("%s: every file is right, but this is restricted data, and %" G_GUINT64_FORMAT
                      " of its files and folders can be read by others. They are made yours alone "
                      "by: chmod -R go-rwx %s (or: medmirror verify --repair %s)"),
                    result->label, result->exposed, verify->path, ref ? ref : result->label);
    } else if (result->untrusted) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("%s: %" G_GUINT64_FORMAT
                      " files are as they came first, and nobody vouches for them; --require "
                      "asks for more."),
                    result->label, result->untrusted);
    }
}

static void check_list(Verify *verify, Mirror *mirror, const LockHeader *header)
{
    g_autofree char *version = mirror_version_name(header->version);
    g_autofree char *name = g_strdup_printf("%s/%s.sha256", header->folder, version);
    int fd = openat(mirror_fd(mirror), name, O_RDONLY | O_CLOEXEC);
    guint8 buffer[65536];
    gssize got = 0;
    g_autoptr(DigestStream) stream = digest_stream_new(1U << DIGEST_SHA256, 0);
    while (fd >= 0 && (got = TEMP_FAILURE_RETRY(read(fd, buffer, sizeof buffer))) > 0) {
        digest_stream_update(stream, buffer, (gsize)got);
    }
    DigestSet seen = {0};
    digest_stream_finish(stream, &seen);
    g_autofree char *hex = digest_to_hex(digest_set_get(&seen, DIGEST_SHA256));
    g_autofree char *fingerprint = g_strdup_printf("mm1:%s", hex);
    verify->result->fingerprint = g_strdup(header->fingerprint);
    verify->result->list_is_wrong =
        fd < 0 || got < 0 || g_strcmp0(fingerprint, header->fingerprint) != 0;
    if (fd >= 0) {
        close(fd);
    }
}

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
    g_autoptr(VerifyResult) result = result_new(label);
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
    verify.tree_fd = lock ? mirror_open_tree(mirror, header->folder, header->version, error) : -1;
    verify.has_moved =
        lock && g_strcmp0(lock_reader_header(lock)->fingerprint, header->fingerprint) != 0;
    if (verify.tree_fd < 0) {
        *again_please = look_again(&verify, FALSE);
        return NULL;
    }
    /* A tree that is somebody else's has the modes that he gave it. */
    verify.readers =
        header->in_place ? READERS_EVERYBODY : readers_of_tree(header->access, verify.tree_fd);
    g_autoptr(LockReader) again = mirror_open_lock(mirror, header->folder, header->version, error);
    g_autoptr(LockReader) trust = mirror_open_lock(mirror, header->folder, header->version, error);
    gboolean at_once = request->quick && !slice;
    gboolean done =
        again && trust &&
        (at_once ? verify_at_once(&verify, lock, error) : verify_lock(&verify, lock, error));
    result->is_cut = slice && verify_slice_is_cut(slice);
    /* The rest is for who has read all. */
    done = done && (result->is_cut ||
                    ((at_once || count_foreign(&verify, again, error)) &&
                     requirement_count_unmet(request->require, trust, &result->untrusted, error)));
    close(verify.tree_fd);
    if (done && !result->is_cut) {
        result->exposed += job_readers_count_places(mirror, header);
        check_list(&verify, mirror, header);
    }
    *again_please = look_again(&verify, done);
    if (done && !*again_please) {
        append_proof(&verify, result->is_cut);
    }
    g_free(verify.noted.upto);
    if (!done || *again_please) {
        return NULL;
    }
    verify.path = path;
    /* No version is ever cut out of an address or the path of a manifest. */
    gboolean takes_version = !strstr(header->ref, "://") && header->ref[0] != '/';
    set_verdict(&verify, takes_version ? label : header->ref, error);
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

void job_verify_note_mended(Mirror *mirror, const LockHeader *header, const VerifyResult *result,
                            guint64 mended)
{
    const Proof proof = {.folder = header->folder,
                         .version = header->version,
                         .fingerprint = header->fingerprint,
                         .mended = mended,
                         .by = "repair",
                         .begun = result->begun};
    g_autoptr(GError) error = NULL;
    if (!proofs_append(mirror, &proof, &error)) {
        event_log(EVENT_LOG_WARNING, "%s", error->message);
    }
}

static gboolean verify_list(Verify *verify, Verifier *verifier, int folder_fd, const char *name,
                            GError **error)
{
    int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return error_set_storage(error, errno, _("%s cannot be read"), name);
    }
    g_autoptr(ChecksumListReader) reader = checksum_list_reader_new(fd, name);
    int got = 1;
    while (got > 0 && !job_is_cancelled(verify->job)) {
        g_auto(ChecksumLine) line = {0};
        got = checksum_list_reader_next(reader, &line, error);
        if (got > 0) {
            DigestSet wanted = {0};
            digest_set_add(&wanted, &line.digest);
            if (!relpath_check(line.path, error)) {
                got = -1;
            } else {
                verifier_add(verifier, line.path, SIZE_UNKNOWN, &wanted, NULL);
            }
        }
    }
    close(fd);
    return got == 0;
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of lists in the folder itself, sorted. */
static GPtrArray *lists_in(const char *path, GError **error)
{
    g_autoptr(GError) failure = NULL;
    GDir *dir = g_dir_open(path, 0, &failure);
    if (!dir) {
        gboolean absent = g_error_matches(failure, G_FILE_ERROR, G_FILE_ERROR_NOENT);
        g_set_error(error, MEDMIRROR_ERROR,
                    absent ? MEDMIRROR_ERROR_ABSENT : MEDMIRROR_ERROR_STORAGE,
                    _("%s cannot be read: %s"), path, failure->message);
        return NULL;
    }
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    while ((name = g_dir_read_name(dir))) {
        if (checksum_list_is_name(name)) {
            g_ptr_array_add(names, g_strdup(name));
        }
    }
    g_dir_close(dir);
    g_ptr_array_sort(names, compare_names);
    return names;
}

static gboolean verify_lists(Verify *verify, const char *path, GError **error)
{
    g_autoptr(GPtrArray) names = lists_in(path, error);
    if (!names) {
        return FALSE;
    }
    g_autofree char *beside = g_strconcat(path, ".sha256", NULL);
    gboolean has_beside = g_file_test(beside, G_FILE_TEST_IS_REGULAR);
    if (!names->len && !has_beside) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s holds no list of digests (SHA256SUMS, MD5SUMS ...), and no lock lies "
                      "beside it: there is nothing "
                      "to compare with."),
                    path);
        return FALSE;
    }
    g_autoptr(Verifier) verifier =
        verifier_new(verify->tree_fd, job_digest_pool(verify->job), FALSE, NULL, on_result, verify);
    if (has_beside && !verify_list(verify, verifier, AT_FDCWD, beside, error)) {
        return FALSE;
    }
    for (guint i = 0; !has_beside && i < names->len; i++) {
        if (!verify_list(verify, verifier, verify->tree_fd, g_ptr_array_index(names, i), error)) {
            return FALSE;
        }
    }
    verifier_finish(verifier);
    return TRUE;
}

VerifyResult *job_verify_folder(Job *job, const char *given, const VerifyRequest *request,
                                GError **error)
{
    g_autofree char *path = g_canonicalize_filename(given, NULL);
    g_autoptr(VerifyResult) result = result_new(path);
    Verify verify = {.job = job, .request = request, .result = result, .path = path};
    verify.tree_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (verify.tree_fd < 0) {
        g_set_error(error, MEDMIRROR_ERROR,
                    errno == ENOENT    ? MEDMIRROR_ERROR_ABSENT
                    : errno == ENOTDIR ? MEDMIRROR_ERROR_USAGE
                                       : MEDMIRROR_ERROR_STORAGE,
                    _("%s cannot be opened as a folder: %s. Name a folder, as in: medmirror "
                      "verify ./FOLDER"),
                    path, g_strerror(errno));
        return NULL;
    }
    g_autofree char *lock_path = g_strconcat(path, ".lock.jsonl", NULL);
    gboolean done;
    if (g_file_test(lock_path, G_FILE_TEST_IS_REGULAR)) {
        g_autoptr(LockReader) lock = lock_reader_open(AT_FDCWD, lock_path, error);
        g_autoptr(LockReader) again = lock ? lock_reader_open(AT_FDCWD, lock_path, error) : NULL;
        g_autoptr(LockReader) trust = again ? lock_reader_open(AT_FDCWD, lock_path, error) : NULL;
        verify.readers = trust ? readers_of_tree(lock_reader_header(lock)->access, verify.tree_fd)
                               : READERS_EVERYBODY;
        done = trust && verify_lock(&verify, lock, error) && count_foreign(&verify, again, error) &&
               requirement_count_unmet(request->require, trust, &result->untrusted, error);
        if (done) {
            result->fingerprint = g_strdup(lock_reader_header(again)->fingerprint);
        }
    } else {
        done = verify_lists(&verify, path, error);
    }
    close(verify.tree_fd);
    if (done && job_is_cancelled(job)) {
        g_autofree char *command = g_strdup_printf("medmirror verify %s", path);
        job_set_cancelled_error(job, command, error);
        done = FALSE;
    }
    if (!done) {
        return NULL;
    }
    set_verdict(&verify, NULL, error);
    return g_steal_pointer(&result);
}

#include "checksum_list.h"
#include "error.h"
#include "i18n.h"
#include "job_verify_internal.h"
#include "relpath.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

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
    g_autoptr(Verifier) verifier = verifier_new(verify->tree_fd, job_digest_pool(verify->job),
                                                FALSE, NULL, verify_on_result, verify);
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
    g_autoptr(VerifyResult) result = verify_result_new(path);
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
        done = trust && verify_by_lock(&verify, lock, error) &&
               verify_count_foreign(&verify, again, error) &&
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
    verify_set_verdict(&verify, NULL, error);
    return g_steal_pointer(&result);
}

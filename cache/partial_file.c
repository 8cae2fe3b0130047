#include "partial_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "event_log.h"
#include "evidence.h"
#include "i18n.h"
#include "partial_internal.h"
#include "sent_digests.h"
#include "verdict.h"

/* The owner may give himself leave to write; the mode is put back at once. */
static int open_held(const PartialFile *file)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
    int folder_fd = file->spec.folder_fd;
    int fd = TEMP_FAILURE_RETRY(openat(folder_fd, file->key, flags));

    if (fd < 0 && errno == EACCES &&
        fchmodat(folder_fd, file->key, file->spec.mode | 0200, 0) == 0) {
        fd = TEMP_FAILURE_RETRY(openat(folder_fd, file->key, flags));
        int saved = errno;
        if (fchmodat(folder_fd, file->key, file->spec.mode, 0) != 0 && fd >= 0) {
            close(fd);
            return -1;
        }
        errno = saved;
    }
    return fd;
}

static gboolean is_resumable(const PartialFile *file, const PartialState *left)
{
    const PartialSource *first = g_ptr_array_index(left->sources, 0);
    g_autofree char *name = g_utf8_make_valid(file->name, -1);

    return !file->spec.never_resume && strcmp(left->name, name) == 0 &&
           validators_allow_resume(first->validators);
}

/* Takes over what LEFT says, as far as the data is there. FALSE: nothing of it counts. */
static gboolean take_over(PartialFile *file, PartialState *left)
{
    struct stat st;

    if (!is_resumable(file, left))
        return FALSE;
    file->fd = open_held(file);
    if (file->fd < 0 || fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return FALSE;
    guint64 said = extents_bytes(left->held);
    extents_clip(left->held, (guint64)st.st_size);
    guint64 held = extents_bytes(left->held);
    if (held == 0)
        return FALSE;

    partial_state_free(file->state);
    file->state = left;
    file->wants_journal = TRUE;
    file->journal = partial_journal_open(file->spec.folder_fd, file->key, file->name,
                                         (file->spec.mode & 0666) | 0200, &file->open_errno);
    /* Bytes that it promised and that are gone must not be there again when the file has grown. */
    if (file->journal && held < said)
        file->open_errno = partial_journal_begin(file->journal, file->state);
    file->durable_at = g_get_monotonic_time();
    file->resumed = TRUE;
    file->complete = left->total != SIZE_UNKNOWN && extents_cover(left->held, left->total);
    file->source = left->sources->len - 1;
    guint64 contiguous = extents_contiguous(left->held);
    file->job =
        digest_job_new(file->spec.pool, file->fd, file->spec.algorithms, left->total, contiguous);
    file->job_told = contiguous;
    return TRUE;
}

static void open_left(PartialFile *file)
{
    PartialState *left = NULL;
    int failed = partial_journal_read(file->spec.folder_fd, file->key, &left);

    if (failed == ENOENT) /* data without a journal goes when the file is made */
        return;
    if (failed && failed != EBADMSG) {
        file->open_errno = failed;
        return;
    }
    file->has_durable = TRUE;
    if (left && take_over(file, left))
        return;
    partial_state_free(left);
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    file->open_errno = partial_discard_journal(file);
}

PartialFile *partial_file_new(const PartialSpec *spec)
{
    PartialFile *file = g_new0(PartialFile, 1);

    file->sink.class = &partial_sink_class;
    file->spec = *spec;
    file->key = g_strdup(spec->key);
    file->name = g_strdup(spec->name);
    file->spec.key = file->key;
    file->spec.name = file->name;
    file->fd = -1;
    file->state = partial_state_new(file->name);
    pthread_mutex_init(&file->mutex, NULL);
    open_left(file);
    return file;
}

void partial_file_free(PartialFile *file)
{
    if (!file)
        return;
    if (file->checkpoint)
        file->checkpoint->file = NULL;
    if (file->frontier && !file->complete)
        frontier_fail(file->frontier);
    g_clear_pointer(&file->frontier, frontier_unref);
    digest_job_cancel(file->job);
    pthread_mutex_lock(&file->mutex);
    partial_locked_record(file);
    pthread_mutex_unlock(&file->mutex);
    partial_journal_close(file->journal);
    if (file->fd >= 0)
        close(file->fd);
    pthread_mutex_destroy(&file->mutex);
    partial_state_free(file->state);
    g_free(file->key);
    g_free(file->name);
    g_free(file);
}

Sink *partial_file_sink(PartialFile *file)
{
    return &file->sink;
}

int partial_file_fd(const PartialFile *file)
{
    return file->fd;
}

guint64 partial_file_held(const PartialFile *file)
{
    /* The lock is no part of what the file is. */
    pthread_mutex_t *mutex = (pthread_mutex_t *)&file->mutex;

    pthread_mutex_lock(mutex);
    guint64 held = extents_bytes(file->state->held);
    pthread_mutex_unlock(mutex);
    return held;
}

gboolean partial_file_is_fresh(const PartialFile *file)
{
    return file->fd < 0 && !file->complete && file->open_errno == 0;
}

gboolean partial_file_was_resumed(const PartialFile *file)
{
    return file->resumed;
}

void partial_file_sent(const PartialFile *file, DigestSet *sent)
{
    const GPtrArray *sources = file->state->sources;

    memset(sent, 0, sizeof *sent);
    for (guint i = 0; i < sources->len; i++) {
        const Validators *validators = ((PartialSource *)g_ptr_array_index(sources, i))->validators;
        if (sent_digests_differ(sent, validators->sent)) {
            memset(sent, 0, sizeof *sent);
            return;
        }
        if (validators->sent && digest_set_is_empty(sent))
            *sent = *validators->sent;
    }
}

static void on_digested(const DigestSet *digests, guint64 size, int errno_value, gpointer data)
{
    PartialFile *file = data;

    file->job = NULL;
    file->done(digests, size, errno_value, file->done_data);
}

void partial_file_digest(PartialFile *file, DigestDone done, gpointer data)
{
    file->done = done;
    file->done_data = data;
    if (!file->job)
        file->job =
            digest_job_new(file->spec.pool, file->fd, file->spec.algorithms, file->state->total, 0);
    digest_job_finish(file->job, file->state->total, file->spec.store, on_digested, file);
}

/* Nothing is left of it here. */
static void let_go(PartialFile *file)
{
    partial_forget(file);
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

gboolean partial_file_place(PartialFile *file, int folder_fd, const char *path, GError **error)
{
    /* The process's umask had a say when it was made. */
    if (fchmod(file->fd, file->spec.mode) < 0)
        return error_set_storage(error, errno, _("Cannot set the mode of %s"), file->name);
    if (renameat(file->spec.folder_fd, file->key, folder_fd, path) < 0)
        return error_set_storage(error, errno, _("Cannot give %s its final name"), file->name);
    if (file->frontier) /* whoever reads behind it may read on */
        g_clear_pointer(&file->frontier, frontier_unref);
    file->has_durable = FALSE; /* a journal without its data says nothing */
    int failed = file->journal ? partial_discard_journal(file) : 0;
    let_go(file);
    if (failed)
        return error_set_storage(error, failed, _("Cannot remove the journal of %s"), file->name);
    return TRUE;
}

static void keep_evidence(const PartialFile *file, int evidence_fd, const char *evidence_name,
                          const DigestSet *digests)
{
    g_autoptr(GError) error = NULL;
    const PartialSource *source = file->state->sources->len > 0
                                      ? g_ptr_array_index(file->state->sources, file->source)
                                      : NULL;
    EvidenceNote note = {
        .path = file->name,
        .address = source ? source->address : NULL,
        .seen = digests,
        .wanted = &file->spec.wanted,
    };

    if (!evidence_keep(evidence_fd, evidence_name, file->fd, &note, &error))
        event_log(EVENT_LOG_WARNING, "%s", error->message);
}

gboolean partial_file_drop(PartialFile *file, int evidence_fd, const char *evidence_name,
                           const DigestSet *digests, GError **error)
{
    if (evidence_fd >= 0 && file->fd >= 0)
        keep_evidence(file, evidence_fd, evidence_name, digests);
    int failed = file->journal ? partial_discard_journal(file) : 0;
    if (!failed && file->fd >= 0 && unlinkat(file->spec.folder_fd, file->key, 0) < 0 &&
        errno != ENOENT)
        failed = errno;
    let_go(file);
    if (failed)
        return error_set_storage(error, failed, _("Cannot remove the partial file of %s"),
                                 file->name);
    return TRUE;
}

guint64 partial_file_left(int folder_fd, const char *key)
{
    g_autoptr(PartialState) left = NULL;
    struct stat st;

    if (partial_journal_read(folder_fd, key, &left) != 0 ||
        fstatat(folder_fd, key, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return 0;
    extents_clip(left->held, (guint64)st.st_size);
    return extents_bytes(left->held);
}

void partial_file_each_left(int folder_fd,
                            void (*func)(const char *key, guint64 bytes, gpointer data),
                            gpointer data)
{
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);

    if (!folder) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        guint64 left = *entry->d_name == '.' ? 0 : partial_file_left(folder_fd, entry->d_name);
        if (left > 0)
            func(entry->d_name, left, data);
    }
    closedir(folder);
}

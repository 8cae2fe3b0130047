/* One download whose bytes are a file of the person's own: from there to the stage. */
#include "error.h"
#include "i18n.h"
#include "job_fetch_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct Gather {
    DigestJob *reading;
    int fd; /* of an archive, for its unpacking; -1: none */
    struct stat before;
    gboolean is_stamped; /* the original itself is read: it must be as BEFORE afterwards */
    char *key;           /* its name in the folder of partial files; NULL: it has none there */
    gboolean is_taken;   /* LOCAL_MOVE: the original goes after the install */
    char *conflict;      /* two lists say different things of it; NULL: they do not */
};

void gather_free(Work *work)
{
    Gather *gather = work->gather;
    if (!gather) {
        return;
    }
    if (gather->fd >= 0) {
        close(gather->fd);
    }
    if (gather->key) {
        unlinkat(stage_partial_fd(work->fetch->spec->stage), gather->key, 0);
    }
    g_free(gather->key);
    g_free(gather->conflict);
    g_free(gather);
    work->gather = NULL;
}

int gather_fd(const Work *work)
{
    return work->gather->fd;
}

/* What a list says that the person gave, or that lay beside the files, joins what the source
 * declares. */
static void add_lists(Work *work)
{
    const LocalFiles *local = work->fetch->spec->local;
    WantedBytes *wanted = &work->row->wanted;
    WantedBytes listed;
    spool_wanted_member(work->fetch->spool, work->row->id, work->row->file->path, &listed);
    if (digest_set_is_empty(&listed.declared)) {
        return;
    }
    gboolean agree = FALSE, differ = FALSE;
    digest_set_compare(&wanted->declared, &listed.declared, &agree, &differ);
    if (differ && !local->list_is_hint) {
        work->gather->conflict =
            g_strdup_printf(_("%s: the list that is given and the source's own declare different "
                              "digests for it."),
                            work->row->file->path);
    }
    DigestSet *set = local->list_is_hint ? &wanted->hinted : &wanted->declared;
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        const Digest *digest = digest_set_get(&listed.declared, (DigestAlgorithm)i);
        if (digest && !digest_set_get(set, (DigestAlgorithm)i)) {
            digest_set_add(set, digest);
        }
    }
}

static char *describe(const Work *work, const WantedBytes *wanted)
{
    g_autofree char *shown = local_files_shown(work->fetch->spec->local, work->row->file->path);
    const Verdict *verdict = &work->verdict;
    gboolean is_locked = verdict->kind == VERDICT_CHANGED;
    if (verdict->by_size) {
        guint64 size = wanted->locked_size != SIZE_UNKNOWN     ? wanted->locked_size
                       : wanted->declared_size != SIZE_UNKNOWN ? wanted->declared_size
                                                               : wanted->hinted_size;
        return g_strdup_printf(_("%s has %" G_GUINT64_FORMAT " bytes where it must have "
                                 "%" G_GUINT64_FORMAT ": it is no whole copy, or another file."),
                               shown, work->size, size);
    }
    const DigestSet *sets[] = {&wanted->locked, &wanted->declared, &wanted->hinted};
    const Digest *must = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(sets) && !must; i++) {
        must = digest_set_get(sets[i], verdict->algorithm);
    }
    const Digest *seen = digest_set_get(&work->seen, verdict->algorithm);
    g_autofree char *must_hex = must ? digest_to_hex(must) : g_strdup("?");
    g_autofree char *seen_hex = seen ? digest_to_hex(seen) : g_strdup("?");
    return g_strdup_printf(is_locked
                               ? _("%s has %s %s, and the version that is in the mirror has %s.")
                               : _("%s has %s %s where it must have %s: it is another file, or "
                                   "damaged."),
                           shown, digest_algorithm_name(verdict->algorithm), seen_hex, must_hex);
}

void gather_refuse(Work *work)
{
    g_autofree char *what = describe(work, &work->row->wanted);
    work_fail(work, g_error_new_literal(MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED, what));
}

/* The bytes that were read are those that lie there now. */
static gboolean is_unchanged(const Work *work)
{
    struct stat now;
    const Gather *gather = work->gather;
    g_autofree char *name = local_files_name(work->fetch->spec->local, work->row->file->path);
    const LocalFiles *local = work->fetch->spec->local;
    gboolean there = gather->key ? fstatat(stage_partial_fd(work->fetch->spec->stage), gather->key,
                                           &now, AT_SYMLINK_NOFOLLOW) == 0
                                 : local_files_stat(local, name, &now) == LOCAL_THERE;
    return there && now.st_ino == gather->before.st_ino && now.st_size == gather->before.st_size &&
           now.st_mtim.tv_sec == gather->before.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == gather->before.st_mtim.tv_nsec;
}

static void judge(Work *work, const DigestSet *digests, guint64 size)
{
    if (work->gather->conflict) {
        work_fail(work, g_error_new_literal(MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                                            work->gather->conflict));
    } else if (work->gather->is_stamped && !is_unchanged(work)) {
        g_autofree char *shown = local_files_shown(work->fetch->spec->local, work->row->file->path);
        work_fail(work,
                  g_error_new(MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                              _("%s changed while it was read: somebody writes to it."), shown));
    } else {
        work_digested(digests, size, 0, work);
    }
}

static void put_back(Work *work)
{
    spool_put_back(work->fetch->spool, work->row->id);
    work_free(work);
}

static void stop_unreadable(Work *work, int errno_value)
{
    GError *error = NULL;
    g_autofree char *shown = local_files_shown(work->fetch->spec->local, work->row->file->path);
    error_set_storage(&error, errno_value, _("%s cannot be read"), shown);
    fetch_stop(work->fetch, error);
    put_back(work);
}

static void on_read(const DigestSet *digests, guint64 size, int errno_value, gpointer data)
{
    Work *work = data;
    work->gather->reading = NULL;
    if (work->fetch->stopping) {
        put_back(work);
    } else if (errno_value) {
        stop_unreadable(work, errno_value);
    } else {
        judge(work, digests, size);
    }
}

static void on_copied(const DigestSet *digests, guint64 size, int read_errno, int write_errno,
                      gpointer data)
{
    Work *work = data;
    if (work->fetch->stopping) {
        put_back(work);
    } else if (read_errno) {
        stop_unreadable(work, read_errno);
    } else if (write_errno) {
        GError *error = NULL;
        error_set_storage(&error, write_errno, _("the copy of %s cannot be written"),
                          work->row->file->path);
        fetch_stop(work->fetch, error);
        put_back(work);
    } else {
        work->fetch->spec->local->copied++;
        judge(work, digests, size);
    }
}

/* The original is read where it is; FD is taken. */
static void read_file(Work *work, int fd)
{
    work->gather->reading = digest_pool_file(job_digest_pool(work->fetch->job), fd,
                                             wanted_bytes_algorithms(&work->row->wanted),
                                             job_store(work->fetch->job), on_read, work);
}

CopyPool *fetch_copies(Fetch *fetch)
{
    if (!fetch->copies) {
        fetch->copies = copy_pool_new(0);
    }
    return fetch->copies;
}

/* FD is taken. */
static void copy_file(Work *work, int fd)
{
    Fetch *fetch = work->fetch;
    int folder = stage_partial_fd(fetch->spec->stage);
    GError *error = NULL;
    int to = openat(folder, work->gather->key, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to >= 0 && file_clone(fd, to)) {
        fetch->spec->local->cloned++;
        close(fd);
        read_file(work, to);
        return;
    }
    CopyPool *copies = to >= 0 ? fetch_copies(fetch) : NULL;
    if (copies) {
        copy_pool_file(copies, fd, to, wanted_bytes_algorithms(&work->row->wanted),
                       job_store(fetch->job), on_copied, work);
        return;
    }
    error_set_storage(&error, errno, _("the copy of %s cannot be written"), work->row->file->path);
    close(fd);
    if (to >= 0) {
        close(to);
    }
    fetch_stop(fetch, error);
    put_back(work);
}

static gboolean is_unpacked(const Work *work)
{
    return work->members && !work_keeps_archive(work);
}

/* A size that speaks against a file saves reading it. */
static gboolean is_wrong_by_size(Work *work, guint64 size)
{
    const SeenBytes seen = {.size = size};
    WantedBytes wanted = work->row->wanted;
    wanted.locked = wanted.declared = wanted.hinted = (DigestSet){0};
    work->verdict = verdict_of(&wanted, &seen);
    work->size = size;
    return work->verdict.by_size &&
           (work->verdict.kind == VERDICT_WRONG || work->verdict.kind == VERDICT_CHANGED ||
            work->verdict.kind == VERDICT_FETCH_AGAIN);
}

void work_gather(Work *work)
{
    Fetch *fetch = work->fetch;
    LocalFiles *local = fetch->spec->local;
    Gather *gather = work->gather = g_new0(Gather, 1);
    GError *error = NULL;
    gather->fd = -1;
    int fd = local_files_open(local, work->row->file->path, &gather->before, &error);
    if (fd < 0) {
        work_fail(work, error);
        return;
    }
    add_lists(work);
    if (is_wrong_by_size(work, (guint64)gather->before.st_size)) {
        close(fd);
        gather_refuse(work);
        return;
    }
    memset(&work->verdict, 0, sizeof work->verdict);
    if (work->members) {
        gather->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    }
    gather->is_taken = local->how == LOCAL_MOVE && !work->members;
    gboolean is_kept = is_unpacked(work) && fetch->spec->keep_archives && !work_is_series(work);
    if ((is_unpacked(work) && !is_kept) || local->how == LOCAL_IN_PLACE) {
        gather->is_stamped = TRUE;
        fetch->report->left_over |= work->members != NULL;
        read_file(work, fd);
        if (work->members) {
            members_begin_whole(work->members); /* beside the digest: one of both reads the disk */
        }
        return;
    }
    gather->key = g_strdup_printf("%" G_GINT64_FORMAT ".adopt", work->row->id);
    unlinkat(stage_partial_fd(fetch->spec->stage), gather->key, 0);
    g_autofree char *name = local_files_name(local, work->row->file->path);
    gather->is_stamped = local_files_give(local, name, &gather->before,
                                          stage_partial_fd(fetch->spec->stage), gather->key);
    if (gather->is_stamped) {
        read_file(work, fd);
    } else {
        copy_file(work, fd);
    }
}

gboolean gather_place(Work *work, int folder_fd, TreeWriter *writer, GError **error)
{
    Gather *gather = work->gather;
    LocalFiles *local = work->fetch->spec->local;
    const char *path = work->row->file->path;
    if (!gather->key) {
        return TRUE;
    }
    int partial_fd = stage_partial_fd(work->fetch->spec->stage);
    /* What is still the original's gets its mode when everything is right. */
    gboolean is_original = local->how == LOCAL_MOVE && gather->is_stamped;
    if (!tree_writer_make_parents(writer, path, error)) {
        return FALSE;
    }
    if (!is_original &&
        fchmodat(partial_fd, gather->key, stage_file_mode(work->fetch->spec->stage), 0) != 0) {
        return error_set_storage(error, errno, _("cannot set the mode of %s"), path);
    }
    if (renameat(partial_fd, gather->key, folder_fd, path) != 0) {
        return error_set_storage(error, errno, _("cannot give %s its final name"), path);
    }
    g_clear_pointer(&gather->key, g_free);
    return !gather->is_taken || local_files_note_taken(local, path, &gather->before, error);
}

void gather_stop(Fetch *fetch)
{
    g_autoptr(GPtrArray) reading = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key;
    if (fetch->copies) {
        copy_pool_cancel(fetch->copies);
    }
    g_hash_table_iter_init(&iter, fetch->works);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const Work *work = key;
        if (work->gather && work->gather->reading) {
            g_ptr_array_add(reading, key);
        }
    }
    for (guint i = 0; i < reading->len; i++) {
        Work *work = g_ptr_array_index(reading, i);
        digest_job_cancel(g_steal_pointer(&work->gather->reading));
        put_back(work);
    }
}

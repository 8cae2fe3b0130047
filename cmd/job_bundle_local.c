/* One image of a series that lies among files of the person's own: from there to the stage. */
#include "error.h"
#include "i18n.h"
#include "job_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALGORITHMS (1U << DIGEST_SHA256 | 1U << DIGEST_MD5)

struct LocalPart {
    char *key; /* its name in the folder of partial files; NULL: it has none there */
    int fd;    /* of that; -1: not yet */
    struct stat before;
    gboolean is_original; /* no copy: it must be as BEFORE afterwards */
    DigestJob *reading;
};

static Fetch *fetch_of(const Part *part)
{
    return part_bundle(part)->fetch;
}

static int folder_of(const Part *part)
{
    return stage_partial_fd(fetch_of(part)->spec->stage);
}

void local_part_free(Part *part, LocalPart *local)
{
    if (!local) {
        return;
    }
    if (local->fd >= 0) {
        close(local->fd);
    }
    if (local->key) {
        unlinkat(folder_of(part), local->key, 0);
    }
    g_free(local->key);
    g_free(local);
}

static void stop_unreadable(Part *part, int errno_value)
{
    GError *error = NULL;
    g_autofree char *shown = local_files_shown(fetch_of(part)->spec->local, part_name(part));
    error_set_storage(&error, errno_value, _("%s cannot be read"), shown);
    part_stop_run(part, error);
}

static void stop_unwritable(Part *part, int errno_value)
{
    GError *error = NULL;
    error_set_storage(&error, errno_value, _("the copy of %s cannot be written"), part_name(part));
    part_stop_run(part, error);
}

static void on_read(const DigestSet *digests, guint64 size, int errno_value, gpointer data)
{
    part_local(data)->reading = NULL;
    if (errno_value) {
        stop_unreadable(data, errno_value);
    } else {
        part_digested(digests, size, 0, data);
    }
}

static void on_copied(const DigestSet *digests, guint64 size, int read_errno, int write_errno,
                      gpointer data)
{
    if (fetch_of(data)->stopping) {
        part_end(data);
    } else if (read_errno) {
        stop_unreadable(data, read_errno);
    } else if (write_errno) {
        stop_unwritable(data, write_errno);
    } else {
        fetch_of(data)->spec->local->copied++;
        part_digested(digests, size, 0, data);
    }
}

/* FD is taken. */
static void read_file(Part *part, int fd)
{
    part_local(part)->reading =
        digest_pool_file(job_digest_pool(fetch_of(part)->job), fd, ALGORITHMS,
                         job_store(fetch_of(part)->job), on_read, part);
}

/* FD is taken. */
static void copy_file(Part *part, LocalPart *local, int fd)
{
    Fetch *fetch = fetch_of(part);
    int to = openat(folder_of(part), local->key, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    local->fd = to >= 0 ? fcntl(to, F_DUPFD_CLOEXEC, 0) : -1;
    if (local->fd >= 0 && file_clone(fd, to)) {
        fetch->spec->local->cloned++;
        close(fd);
        read_file(part, to);
        return;
    }
    CopyPool *copies = local->fd >= 0 ? fetch_copies(fetch) : NULL;
    if (copies) {
        copy_pool_file(copies, fd, to, ALGORITHMS, job_store(fetch->job), on_copied, part);
        return;
    }
    int failed = errno;
    close(fd);
    if (to >= 0) {
        close(to);
    }
    stop_unwritable(part, failed);
}

void local_part_start(Part *part, LocalPart **started)
{
    LocalFiles *files = fetch_of(part)->spec->local;
    LocalPart *local = *started = g_new0(LocalPart, 1);
    g_autoptr(GError) error = NULL;
    local->fd = -1;
    int fd = local_files_open(files, part_name(part), &local->before, &error);
    if (fd < 0) {
        part_fail(part, LEG_FAILED, error->message);
        return;
    }
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, part_name(part), -1);
    local->key = g_strdup_printf("%" G_GINT64_FORMAT "-%.16s.adopt",
                                 part_bundle(part)->work->row->id, digest);
    unlinkat(folder_of(part), local->key, 0);
    local->is_original =
        local_files_give(files, part_name(part), &local->before, folder_of(part), local->key);
    if (!local->is_original) {
        copy_file(part, local, fd);
        return;
    }
    local->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (local->fd >= 0) {
        read_file(part, fd);
    } else {
        close(fd);
        stop_unreadable(part, errno);
    }
}

/* The bytes that were read are those that lie there now. */
char *local_part_check(const Part *part, const LocalPart *local)
{
    struct stat now;
    if (!local->is_original ||
        (fstat(local->fd, &now) == 0 && now.st_size == local->before.st_size &&
         now.st_mtim.tv_sec == local->before.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == local->before.st_mtim.tv_nsec)) {
        return NULL;
    }
    g_autofree char *shown = local_files_shown(fetch_of(part)->spec->local, part_name(part));
    return g_strdup_printf(_("%s changed while it was read: somebody writes to it"), shown);
}

int local_part_fd(const LocalPart *local)
{
    return local->fd;
}

gboolean local_part_place(Part *part, LocalPart *local, const char *path, GError **error)
{
    Fetch *fetch = fetch_of(part);
    LocalFiles *files = fetch->spec->local;
    gboolean stays_original = files->how == LOCAL_MOVE && local->is_original;
    /* What is still the original's gets its mode when everything is right. */
    if (!stays_original && fchmod(local->fd, stage_file_mode(fetch->spec->stage)) != 0) {
        return error_set_storage(error, errno, _("cannot set the mode of %s"), path);
    }
    if (renameat(folder_of(part), local->key, stage_tree_fd(fetch->spec->stage), path) != 0) {
        return error_set_storage(error, errno, _("cannot give %s its final name"), path);
    }
    g_clear_pointer(&local->key, g_free);
    return files->how != LOCAL_MOVE ||
           local_files_note_taken(files, part_name(part), &local->before, error);
}

void local_part_cancel(Part *part, LocalPart *local)
{
    if (local->reading) {
        digest_job_cancel(g_steal_pointer(&local->reading));
        part_end(part);
    }
}

static gboolean on_file(const char *name, guint64 size, gpointer data, GError **error)
{
    const BundleTaker *taker = data;
    const BundlePart part = {.name = name, .size = size};
    return taker->part(taker->data, &part, error);
}

gboolean local_parts_list(Bundle *bundle, const BundleTaker *taker, GError **error)
{
    g_autoptr(SeriesMap) map = series_map_open(bundle->fetch->spec->local->series, error);
    return map && series_map_each(map, bundle->work->row->file->unpack->series, on_file,
                                  (gpointer)taker, error);
}

#include "unpacking.h"

#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "unpack_run.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct Unpacking {
    UnpackSpec spec; /* rule, name and descriptors are owned copies */
    UnpackRule *rule;
    char *name;
    GArray *volume_fds;
    TreeWriter *tree;
    SeriesCount series;
    int wake_fd;
    atomic_bool cancelled;
    UnpackRun *run;
    pthread_t thread;
    GError *error;
};

static gboolean unpacking_is_cancelled(gpointer data)
{
    Unpacking *unpacking = data;
    return atomic_load(&unpacking->cancelled);
}

static void unpacking_tell(gpointer data)
{
    Unpacking *unpacking = data;
    unpacking->spec.done(unpacking, unpacking->error,
                         unpack_store_warnings(unpack_run_store(unpacking->run)),
                         unpacking->spec.data);
}

static void *unpacking_work(void *data)
{
    Unpacking *unpacking = data;
    unpack_run_all(unpacking->run, &unpacking->error);
    task_queue_push(unpacking->spec.home, unpacking_tell, unpacking);
    return NULL;
}

/* A descriptor of its own: FALSE with _STORAGE where none is left. */
static gboolean copy_fd(int fd, int *copy, GError **error)
{
    *copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return *copy >= 0 || error_set_storage(error, errno, _("cannot open the archive once more"));
}

static void unpacking_clear(Unpacking *unpacking)
{
    unpack_run_free(unpacking->run);
    if (unpacking->spec.fd >= 0)
        close(unpacking->spec.fd);
    for (guint i = 0; i < unpacking->volume_fds->len; i++) {
        int fd = g_array_index(unpacking->volume_fds, int, i);
        if (fd >= 0)
            close(fd);
    }
    g_array_unref(unpacking->volume_fds);
    if (unpacking->wake_fd >= 0)
        close(unpacking->wake_fd);
    frontier_unref(unpacking->spec.frontier);
    tree_writer_free(unpacking->tree);
    unpack_rule_free(unpacking->rule);
    g_free(unpacking->name);
    g_clear_error(&unpacking->error);
    g_free(unpacking);
}

static gboolean unpacking_copy_spec(Unpacking *unpacking, const UnpackSpec *spec, GError **error)
{
    unpacking->spec = *spec;
    unpacking->spec.fd = -1;
    unpacking->rule = unpack_rule_copy(spec->rule);
    unpacking->spec.rule = unpacking->rule;
    unpacking->name = g_strdup(spec->name);
    unpacking->spec.name = unpacking->name;
    unpacking->spec.frontier = spec->frontier ? frontier_ref(spec->frontier) : NULL;
    /* A writer is one thread's, and the caller's may serve several unpackings. */
    unpacking->tree = spec->tree ? tree_writer_copy(spec->tree) : NULL;
    unpacking->spec.tree = unpacking->tree;
    if (spec->series) {
        unpacking->series = *spec->series;
        unpacking->spec.series = &unpacking->series;
    }
    if (!copy_fd(spec->fd, &unpacking->spec.fd, error))
        return FALSE;
    for (const int *fd = spec->volume_fds; fd && *fd >= 0; fd++) {
        int copy = -1;
        if (!copy_fd(*fd, &copy, error))
            return FALSE;
        g_array_append_val(unpacking->volume_fds, copy);
    }
    const int end = -1;
    g_array_append_val(unpacking->volume_fds, end);
    unpacking->spec.volume_fds = (const int *)(gpointer)unpacking->volume_fds->data;
    unpacking->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return unpacking->wake_fd >= 0 ||
           error_set_storage(error, errno, _("cannot make an event descriptor"));
}

Unpacking *unpacking_start(const UnpackSpec *spec, GError **error)
{
    Unpacking *unpacking = g_new0(Unpacking, 1);
    unpacking->wake_fd = -1;
    unpacking->volume_fds = g_array_new(FALSE, FALSE, sizeof(int));
    gboolean ready = unpacking_copy_spec(unpacking, spec, error);
    if (ready) {
        unpacking->run = unpack_run_new(&unpacking->spec, unpacking->wake_fd,
                                        unpacking_is_cancelled, unpacking, error);
        ready = unpacking->run != NULL;
    }
    if (ready) {
        int failed = pthread_create(&unpacking->thread, NULL, unpacking_work, unpacking);
        if (failed)
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                        _("A thread for unpacking could not be started: %s."), g_strerror(failed));
        ready = !failed;
    }
    if (ready)
        return unpacking;
    unpacking_clear(unpacking);
    return NULL;
}

void unpacking_cancel(Unpacking *unpacking)
{
    const guint64 one = 1;
    atomic_store(&unpacking->cancelled, TRUE);
    (void)!write(unpacking->wake_fd, &one, sizeof(one));
}

void unpacking_free(Unpacking *unpacking)
{
    if (!unpacking)
        return;
    pthread_join(unpacking->thread, NULL);
    unpacking_clear(unpacking);
}

guint64 unpacking_behind(Unpacking *unpacking)
{
    if (!unpacking->spec.frontier)
        return 0;
    const guint64 consumed = unpack_run_consumed(unpacking->run);
    const guint64 there = frontier_now(unpacking->spec.frontier);
    return there > consumed ? there - consumed : 0;
}

gboolean unpacking_series(const Unpacking *unpacking, SeriesCount *came, Digest *digest)
{
    return unpack_store_series(unpack_run_store(unpacking->run), came, digest);
}

void unpacking_progress(Unpacking *unpacking, guint64 *bytes, guint64 *entries)
{
    unpack_store_progress(unpack_run_store(unpacking->run), bytes, entries);
}

gboolean unpack_whole_file(const UnpackRule *rule, int fd, const char *name, int tree_fd,
                           const UnpackLimits *limits, guint64 *bytes, guint64 *entries,
                           gboolean (*cancelled)(gpointer data), gpointer data, GError **error)
{
    g_autofree char *base = g_path_get_basename(name);
    g_autoptr(TreeWriter) tree = tree_writer_new(tree_fd, 0644);
    const UnpackSpec spec = {.rule = rule,
                             .name = base,
                             .fd = fd,
                             .tree = tree,
                             .tree_fd = tree_fd,
                             .limits =
                                 limits ? *limits : (UnpackLimits){.most_bytes = SIZE_UNKNOWN}};
    g_autoptr(UnpackRun) run = unpack_run_new(&spec, -1, cancelled, data, error);
    gboolean done = run && unpack_run_all(run, error);
    guint64 written = 0, members = 0;
    if (run)
        unpack_store_progress(unpack_run_store(run), &written, &members);
    for (guint i = 0; done && i < unpack_store_warnings(unpack_run_store(run))->len; i++)
        event_log(EVENT_LOG_WARNING, "%s",
                  (const char *)unpack_store_warnings(unpack_run_store(run))->pdata[i]);
    if (bytes)
        *bytes = written;
    if (entries)
        *entries = members;
    return done;
}

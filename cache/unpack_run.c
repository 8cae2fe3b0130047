#include "unpack_run.h"

#include "child.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "member_file.h"
#include "relpath.h"
#include "unpack_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LOOK_EVERY_MS = 200,
    PIPE_BYTES = 1024 * 1024,
};
#define DECODER_MEMORY (G_GUINT64_CONSTANT(1) << 30)

struct UnpackRun {
    UnpackStore *store;
    int wake_fd;
    gboolean (*cancelled)(gpointer data);
    gpointer data;
    _Atomic guint64 consumed;
    gboolean named; /* the error names its archive already */
};

/* One archive and its child. */
typedef struct {
    UnpackLayer *layer;
    int archive_fd; /* borrowed */
    const int *volume_fds;
    Frontier *frontier;
    gboolean head_start;
    pid_t pid;
    int result_fd;
} Decoding;

static gboolean run_nested(UnpackStore *store, UnpackLayer *within, const UnpackRule *rule,
                           const char *archive, int fd, gpointer data, GError **error);

UnpackRun *unpack_run_new(const UnpackSpec *spec, int wake_fd, gboolean (*cancelled)(gpointer data),
                          gpointer data, GError **error)
{
    if (!unpack_rule_check(spec->rule, error))
        return NULL;
    g_autoptr(UnpackRun) run = g_new0(UnpackRun, 1);
    run->wake_fd = wake_fd;
    run->cancelled = cancelled;
    run->data = data;
    run->store = unpack_store_new(spec, run_nested, run, error);
    return run->store ? g_steal_pointer(&run) : NULL;
}

void unpack_run_free(UnpackRun *run)
{
    if (!run)
        return;
    unpack_store_free(run->store);
    g_free(run);
}

UnpackStore *unpack_run_store(UnpackRun *run)
{
    return run->store;
}

guint64 unpack_run_consumed(UnpackRun *run)
{
    return atomic_load(&run->consumed);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The child needs its runtime's options where it is built with one. */
static char **child_environment(void)
{
    g_autoptr(GStrvBuilder) environment = g_strv_builder_new();
    g_strv_builder_add_many(environment, "LC_CTYPE=C.UTF-8", "TZ=UTC0", NULL);
#ifdef MEDMIRROR_SANITIZED
    static const char *const passed[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
                                         "LSAN_OPTIONS"};
    for (gsize i = 0; i < G_N_ELEMENTS(passed); i++) {
        g_autofree char *line = g_strdup_printf("%s=%s", passed[i], g_getenv(passed[i]));
        if (g_getenv(passed[i]))
            g_strv_builder_add(environment, line);
    }
#endif
    return g_strv_builder_end(environment);
}

static GArray *child_descriptors(const Decoding *decoding, int pipe_fd, const int scratch[2],
                                 guint *volumes)
{
    GArray *pairs = g_array_new(FALSE, FALSE, sizeof(int));
    const int end = -1;
    const int fixed[] = {pipe_fd,    UNPACK_FD_RESULT,    scratch[0],           UNPACK_FD_SCRATCH,
                         scratch[1], UNPACK_FD_SCRATCH_2, decoding->archive_fd, UNPACK_FD_ARCHIVE};
    g_array_append_vals(pairs, fixed, G_N_ELEMENTS(fixed));
    if (decoding->frontier) {
        const int pair[] = {frontier_fd(decoding->frontier), UNPACK_FD_FRONTIER};
        g_array_append_vals(pairs, pair, 2);
    }
    *volumes = 1;
    for (const int *fd = decoding->volume_fds; fd && *fd >= 0; fd++) {
        const int pair[] = {*fd, UNPACK_FD_ARCHIVE + (int)(*volumes)++};
        g_array_append_vals(pairs, pair, 2);
    }
    g_array_append_val(pairs, end);
    return pairs;
}

static gboolean decoding_spawn(const UnpackRun *run, Decoding *decoding, int pipe_fd,
                               const int scratch[2], GError **error)
{
    const UnpackSpec *spec = unpack_store_spec(run->store);
    const UnpackRule *rule = unpack_layer_rule(decoding->layer);
    UnpackOrders orders = {
        .container = rule->container,
        .filter = rule->filter,
        .arrives = decoding->frontier != NULL,
        .head_start = decoding->head_start,
        .memory = spec->limits.memory ? spec->limits.memory : DECODER_MEMORY,
        .most_entries = spec->limits.most_entries,
        .parent = getpid(),
    };
    g_autoptr(GArray) descriptors = child_descriptors(decoding, pipe_fd, scratch, &orders.volumes);
    g_autofree char *program = child_own_program();
    g_auto(GStrv) argv = unpack_orders_to_argv(&orders, program);
    g_auto(GStrv) environment = child_environment();
    const ChildSpec child = {.program = program,
                             .argv = (const char *const *)argv,
                             .environment = (const char *const *)environment,
                             .descriptors = (const int *)(gpointer)descriptors->data};
    return child_start(&child, &decoding->pid, error);
}

static gboolean decoding_start(const UnpackRun *run, Decoding *decoding, GError **error)
{
    const UnpackSpec *spec = unpack_store_spec(run->store);
    int pipe_fds[2] = {-1, -1}, scratch[2] = {-1, -1};
    const int scratch_folder = spec->tree ? spec->tree_fd : -1;
    gboolean started = FALSE;
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        error_set_storage(error, errno, _("cannot make a pipe"));
    } else {
        /* Allowed to fail: the pipe is then smaller. */
        (void)fcntl(pipe_fds[0], F_SETPIPE_SZ, PIPE_BYTES);
        scratch[0] = scratch_file_new(scratch_folder, error);
        if (scratch[0] >= 0)
            scratch[1] = scratch_file_new(scratch_folder, error);
        started = scratch[1] >= 0 && decoding_spawn(run, decoding, pipe_fds[1], scratch, error);
    }
    close_fd(&scratch[0]);
    close_fd(&scratch[1]);
    close_fd(&pipe_fds[1]);
    if (started)
        decoding->result_fd = pipe_fds[0];
    else
        close_fd(&pipe_fds[0]);
    return started;
}

/* A child that went away without a word. */
static void explain_death(const Decoding *decoding, int status, GError **error)
{
    g_autofree char *shown = relpath_display(unpack_layer_archive(decoding->layer));
    if (decoding->frontier && frontier_state(decoding->frontier) == FRONTIER_FAILED)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED,
                    _("Unpacking %s was given up because its download was."), shown);
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("Unpacking %s took more processor time than is allowed."), shown);
    else if (WIFSIGNALED(status))
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("The process that unpacks %s was ended by signal %d (%s); the archive may be "
                      "made to do harm, or memory is short."),
                    shown, WTERMSIG(status), g_strsignal(WTERMSIG(status)));
    else
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("The process that unpacks %s ended without a word (status %d)."), shown,
                    WIFEXITED(status) ? WEXITSTATUS(status) : status);
}

static gboolean is_cancelled(const UnpackRun *run, const Decoding *decoding, GError **error)
{
    if (!run->cancelled || !run->cancelled(run->data))
        return FALSE;
    g_autofree char *shown = relpath_display(unpack_layer_archive(decoding->layer));
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED, _("Unpacking %s was stopped."),
                shown);
    return TRUE;
}

/* Names the archive, the innermost one, in a message about its inside. */
static void name_archive(UnpackRun *run, const Decoding *decoding, GError **error)
{
    g_autofree char *shown = relpath_display(unpack_layer_archive(decoding->layer));
    if (!run->named && error && *error)
        g_prefix_error(error, "%s: ", shown);
    run->named = TRUE;
}

/* Everything the child tells, to the end. */
static UnpackTaken decoding_pump(UnpackRun *run, Decoding *decoding, GError **error)
{
    g_autoptr(UnpackReader) reader = unpack_reader_new(decoding->result_fd);
    const gboolean outermost = unpack_layer_depth(decoding->layer) == 0;
    for (;;) {
        UnpackMessage message;
        UnpackRead got = unpack_reader_next(reader, run->wake_fd, LOOK_EVERY_MS, &message, error);
        if (got == UNPACK_READ_ERROR)
            return UNPACK_FAILED;
        if (is_cancelled(run, decoding, error))
            return UNPACK_FAILED;
        if (got == UNPACK_READ_WOKEN)
            continue;
        if (got == UNPACK_READ_END) {
            int status = 0;
            child_wait(decoding->pid, &status);
            decoding->pid = -1;
            explain_death(decoding, status, error);
            return UNPACK_FAILED;
        }
        if (message.kind == UNPACK_MESSAGE_PROGRESS && outermost)
            atomic_store(&run->consumed, message.number);
        UnpackTaken taken = unpack_layer_take(decoding->layer, &message, error);
        if (taken == UNPACK_FAILED)
            name_archive(run, decoding, error);
        if (taken != UNPACK_TAKEN)
            return taken;
    }
}

/* The child has said its last word: does the archive agree that it was read to its end? */
static gboolean decoding_check_end(const Decoding *decoding, GError **error)
{
    if (!decoding->frontier || frontier_state(decoding->frontier) == FRONTIER_COMPLETE)
        return TRUE;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                _("The process that unpacks %s says it is done before the archive is there."),
                unpack_layer_archive(decoding->layer));
    return FALSE;
}

static UnpackTaken decode_once(UnpackRun *run, Decoding *decoding, GError **error)
{
    decoding->pid = -1;
    decoding->result_fd = -1;
    if (!decoding_start(run, decoding, error))
        return UNPACK_FAILED;
    UnpackTaken taken = decoding_pump(run, decoding, error);
    close_fd(&decoding->result_fd);
    if (decoding->pid > 0)
        child_kill(decoding->pid);
    if (taken == UNPACK_DONE && !decoding_check_end(decoding, error))
        return UNPACK_FAILED;
    return taken;
}

static gboolean decode(UnpackRun *run, Decoding *decoding, UnpackLayer *within,
                       const UnpackRule *rule, const char *archive, GError **error)
{
    /* What is nested is unpacked as soon as it is there, so it must not be provisional. */
    decoding->head_start = rule->container == ARCHIVE_ZIP && !rule->nested;
    for (;;) {
        g_autoptr(UnpackLayer) layer = unpack_layer_new(run->store, within, rule, archive);
        decoding->layer = layer;
        UnpackTaken taken = decode_once(run, decoding, error);
        if (taken != UNPACK_RESTART)
            return taken == UNPACK_DONE;
        event_log(EVENT_LOG_DEBUG, "%s: its directory differs from its headers; read again",
                  archive);
        decoding->head_start = FALSE;
    }
}

static gboolean run_nested(UnpackStore *store, UnpackLayer *within, const UnpackRule *rule,
                           const char *archive, int fd, gpointer data, GError **error)
{
    UnpackRun *run = data;
    Decoding decoding = {.archive_fd = fd};
    return unpack_rule_check(rule, error) && decode(run, &decoding, within, rule, archive, error);
}

gboolean unpack_run_all(UnpackRun *run, GError **error)
{
    const UnpackSpec *spec = unpack_store_spec(run->store);
    Decoding decoding = {
        .archive_fd = spec->fd, .volume_fds = spec->volume_fds, .frontier = spec->frontier};
    return decode(run, &decoding, NULL, spec->rule, spec->name, error);
}

#include "unpack_child.h"

#include "error.h"
#include "i18n.h"
#include "unpack_container.h"
#include "unpack_sandbox.h"
#include "unpack_zip.h"
#include "unpacking.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Scratch files hold a note a member. */
enum {
    NOTE_BYTES = 256
};
#define SCRATCH_LEAST (G_GUINT64_CONSTANT(64) << 20)
#define PROBE_MEMORY (G_GUINT64_CONSTANT(64) << 20)

/* From here on there is nothing to be opened: locale and messages are loaded before. */
static gboolean child_confine(const UnpackOrders *orders, GError **error)
{
    const guint64 entries = orders->most_entries ? orders->most_entries : 5000000;
    guint64 scratch = SCRATCH_LEAST;
    if (entries < (G_MAXINT64 - SCRATCH_LEAST) / NOTE_BYTES)
        scratch += entries * NOTE_BYTES;
    else
        scratch = G_MAXINT64;
    return unpack_sandbox_enter(orders->memory, scratch, error);
}

static gboolean child_decode(const UnpackOrders *orders, UnpackSource *source, UnpackWriter *writer,
                             InflatePool *pool, GError **error)
{
    static const int scratch[2] = {UNPACK_FD_SCRATCH, UNPACK_FD_SCRATCH_2};
    if (orders->container == ARCHIVE_ZIP)
        return unpack_zip(source, writer, pool, scratch, orders->head_start, orders->most_entries,
                          error);
    return unpack_container(orders->container, orders->filter, source, writer, error);
}

static void child_tell(UnpackWriter *writer, const GError *error)
{
    int code = MEDMIRROR_ERROR_FAILED;
    if (!error) {
        unpack_write_number(writer, UNPACK_MESSAGE_DONE, 0);
    } else {
        if (error->domain == MEDMIRROR_ERROR)
            code = error->code;
        unpack_write_failure(writer, code, error->message);
    }
    unpack_writer_flush(writer);
}

static void child_run(const UnpackOrders *orders)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(UnpackWriter) writer = unpack_writer_new(UNPACK_FD_RESULT);
    g_autoptr(Frontier) frontier = orders->arrives ? frontier_open(UNPACK_FD_FRONTIER) : NULL;
    g_autoptr(UnpackSource) source =
        unpack_source_new(UNPACK_FD_ARCHIVE, orders->volumes, frontier, writer, &error);
    if (!error && orders->arrives && !frontier)
        g_set_error_literal(&error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                            _("The archive's frontier could not be mapped."));
    /* Its threads live as long as the process. */
    InflatePool *pool = orders->container == ARCHIVE_ZIP ? inflate_pool_new(0) : NULL;
    gboolean done = !error && child_confine(orders, &error) &&
                    child_decode(orders, source, writer, pool, &error);
    if (done && orders->arrives)
        (void)unpack_source_total(source);
    child_tell(writer, error);
}

int unpack_child_main(int argc, char **argv)
{
    /* libarchive reads names in the locale's charset. */
    setlocale(LC_CTYPE, "C.UTF-8");
    if (argc == 3 && strcmp(argv[2], UNPACK_CHILD_PROBE) == 0) {
        g_autoptr(GError) error = NULL;
        int out = dup2(STDOUT_FILENO, UNPACK_FD_RESULT);
        gboolean confined = unpack_sandbox_enter(PROBE_MEMORY, SCRATCH_LEAST, &error);
        if (!confined)
            fprintf(stderr, "%s\n", error->message);
        _exit(confined && unpack_sandbox_probe(out) ? 0 : 1);
    }
    UnpackOrders orders;
    if (!unpack_orders_parse(argc, argv, &orders)) {
        fputs(_("This is for the program's own use.\n"), stderr);
        _exit(2);
    }
    /* The parent's death is ours, also while we wait for more of the archive. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != (pid_t)orders.parent)
        _exit(1);
    child_run(&orders);
    _exit(0);
}

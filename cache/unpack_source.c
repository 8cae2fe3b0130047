#include "unpack_source.h"

#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* Progress is told every so many bytes. */
#define PROGRESS_BYTES (2 * 1024 * 1024)

struct UnpackSource {
    int first_fd;
    guint volumes;
    guint64 *sizes; /* of each volume; of the first only without a frontier */
    Frontier *frontier;
    UnpackWriter *writer;
    guint64 reported;
};

UnpackSource *unpack_source_new(int first_fd, guint volumes, Frontier *frontier,
                                UnpackWriter *writer, GError **error)
{
    g_autoptr(UnpackSource) source = g_new0(UnpackSource, 1);
    source->first_fd = first_fd;
    source->volumes = volumes;
    source->sizes = g_new0(guint64, volumes);
    source->frontier = frontier;
    source->writer = writer;
    for (guint i = 0; i < volumes; i++) {
        struct stat seen;
        if (fstat(first_fd + (int)i, &seen) != 0) {
            error_set_storage(error, errno, _("cannot read the archive"));
            return NULL;
        }
        source->sizes[i] = (guint64)seen.st_size;
    }
    return g_steal_pointer(&source);
}

void unpack_source_free(UnpackSource *source)
{
    if (!source)
        return;
    g_free(source->sizes);
    g_free(source);
}

/* How many bytes of the first volume are there: more than FROM, or all. */
static guint64 wait_for(UnpackSource *source, guint64 from, FrontierState *state)
{
    guint64 now = frontier_now(source->frontier);
    *state = FRONTIER_MORE;
    if (now <= from && frontier_state(source->frontier) == FRONTIER_MORE)
        unpack_writer_flush(source->writer);
    if (now <= from)
        *state = frontier_wait(source->frontier, from, &now);
    if (*state == FRONTIER_FAILED)
        _exit(0); /* the parent knows why */
    return now;
}

static void tell_progress(UnpackSource *source, guint64 to)
{
    if (to < source->reported + PROGRESS_BYTES)
        return;
    source->reported = to;
    unpack_write_number(source->writer, UNPACK_MESSAGE_PROGRESS, to);
}

gssize unpack_source_read(UnpackSource *source, guint64 offset, void *buffer, gsize length,
                          GError **error)
{
    guint64 in_volume = offset, size = source->sizes[0];
    guint volume = 0;
    if (source->frontier) {
        FrontierState state;
        size = wait_for(source, offset, &state);
    }
    while (in_volume >= size) {
        in_volume -= size;
        if (++volume >= source->volumes)
            return 0;
        size = source->sizes[volume];
    }
    gssize n = TEMP_FAILURE_RETRY(pread(source->first_fd + (int)volume, buffer,
                                        (gsize)MIN((guint64)length, size - in_volume),
                                        (goffset)in_volume));
    if (n < 0)
        error_set_storage(error, errno, _("cannot read the archive"));
    else if (n == 0)
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                            _("The archive became shorter while it was read."));
    else
        tell_progress(source, offset + (guint64)n);
    return n > 0 ? n : -1;
}

gboolean unpack_source_read_exactly(guint64 offset, void *buffer, gsize length, gpointer source,
                                    GError **error)
{
    guint8 *to = buffer;
    while (length > 0) {
        gssize n = unpack_source_read(source, offset, to, length, error);
        if (n == 0)
            g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                                _("The archive is cut short."));
        if (n <= 0)
            return FALSE;
        to += n;
        offset += (guint64)n;
        length -= (gsize)n;
    }
    return TRUE;
}

gboolean unpack_source_has(UnpackSource *source, guint64 to)
{
    return !source->frontier || frontier_now(source->frontier) >= to ||
           frontier_state(source->frontier) != FRONTIER_MORE;
}

guint64 unpack_source_total(UnpackSource *source)
{
    guint64 total = source->sizes[0];
    if (source->frontier) {
        FrontierState state = FRONTIER_MORE;
        for (total = 0; state != FRONTIER_COMPLETE;)
            total = wait_for(source, total, &state);
    }
    for (guint i = 1; i < source->volumes; i++)
        total += source->sizes[i];
    return total;
}

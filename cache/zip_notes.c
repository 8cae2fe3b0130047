#include "zip_notes.h"

#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    BATCH = 512
};

struct ZipNotes {
    int fd;
    guint64 count;   /* all, the batch included */
    guint64 written; /* in the file */
    guint64 next;    /* of reading */
    guint64 read_from, read_to;
    gboolean in_order;
    guint64 last_offset;
    ZipNote batch[BATCH];
};

void zip_note_set_names(ZipNote *note, const ZipEntry *entry)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    guint8 value[32];
    gsize length = sizeof(value);
    const guint64 name_length = entry->name_length;
    g_checksum_update(checksum, (const guchar *)&name_length, sizeof(name_length));
    g_checksum_update(checksum, entry->name, (gssize)entry->name_length);
    g_checksum_update(checksum, entry->local_name, (gssize)entry->local_name_length);
    g_checksum_get_digest(checksum, value, &length);
    memcpy(note->names, value, sizeof(note->names));
}

ZipNotes *zip_notes_new(int fd)
{
    ZipNotes *notes = g_new0(ZipNotes, 1);
    notes->fd = fd;
    notes->in_order = TRUE;
    return notes;
}

void zip_notes_free(ZipNotes *notes)
{
    g_free(notes);
}

guint64 zip_notes_count(const ZipNotes *notes)
{
    return notes->count;
}

static gboolean notes_write_out(ZipNotes *notes, GError **error)
{
    const guint8 *from = (const guint8 *)notes->batch;
    gsize left = (gsize)(notes->count - notes->written) * sizeof(ZipNote);
    goffset at = (goffset)(notes->written * sizeof(ZipNote));
    while (left > 0) {
        gssize n = TEMP_FAILURE_RETRY(pwrite(notes->fd, from, left, at));
        if (n < 0)
            return error_set_storage(error, errno, _("cannot write notes on the archive"));
        from += n;
        at += n;
        left -= (gsize)n;
    }
    notes->written = notes->count;
    return TRUE;
}

gboolean zip_notes_add(ZipNotes *notes, const ZipNote *note, GError **error)
{
    if (note->header_offset < notes->last_offset)
        notes->in_order = FALSE;
    notes->last_offset = note->header_offset;
    notes->batch[notes->count++ - notes->written] = *note;
    return notes->count - notes->written < BATCH || notes_write_out(notes, error);
}

/* In place: qsort would take as much memory again. */
static void sift_down(ZipNote *heap, guint64 at, guint64 count)
{
    for (guint64 child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && heap[child].header_offset < heap[child + 1].header_offset)
            child++;
        if (heap[at].header_offset >= heap[child].header_offset)
            return;
        const ZipNote moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
    }
}

gboolean zip_notes_sort(ZipNotes *notes, GError **error)
{
    if (!notes_write_out(notes, error))
        return FALSE;
    if (notes->in_order)
        return TRUE;
    const gsize bytes = (gsize)notes->count * sizeof(ZipNote);
    ZipNote *heap = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, notes->fd, 0);
    if (heap == MAP_FAILED)
        return error_set_storage(error, errno, _("cannot sort notes on the archive"));
    for (guint64 i = notes->count / 2; i-- > 0;)
        sift_down(heap, i, notes->count);
    for (guint64 end = notes->count; end-- > 1;) {
        const ZipNote most = heap[0];
        heap[0] = heap[end];
        heap[end] = most;
        sift_down(heap, 0, end);
    }
    munmap(heap, bytes);
    return TRUE;
}

gboolean zip_notes_next(ZipNotes *notes, ZipNote *note)
{
    if (notes->next >= notes->count)
        return FALSE;
    if (notes->next >= notes->read_to) {
        gssize n = TEMP_FAILURE_RETRY(pread(notes->fd, notes->batch, sizeof(notes->batch),
                                            (goffset)(notes->next * sizeof(ZipNote))));
        if (n < (gssize)sizeof(ZipNote))
            g_error("notes on the archive cannot be read back: %s", g_strerror(errno));
        notes->read_from = notes->next;
        notes->read_to = notes->next + (guint64)n / sizeof(ZipNote);
    }
    *note = notes->batch[notes->next++ - notes->read_from];
    return TRUE;
}

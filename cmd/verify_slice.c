#include "verify_slice.h"

#include <string.h>

/* Below this the pace says nothing. */
#define PACE_FROM_US G_USEC_PER_SEC

typedef struct {
    char *path;
    gboolean is_read;
} Begun;

struct VerifySlice {
    VerifyPace *pace;
    char *after, *upto;
    GQueue begun;        /* Begun, in the order of paths */
    GHashTable *by_path; /* path -> Begun */
    gboolean is_cut;
};

gboolean verify_pace_allows(const VerifyPace *pace, guint64 size, gint64 now)
{
    if (pace->files == 0) {
        return TRUE;
    }
    if (now >= pace->deadline) {
        return FALSE;
    }
    gint64 elapsed = now - pace->begun;
    if (elapsed < PACE_FROM_US || pace->bytes == 0) {
        return TRUE;
    }
    gdouble takes_us = (gdouble)size * (gdouble)elapsed / (gdouble)pace->bytes;
    return takes_us <= (gdouble)(pace->deadline - now);
}

static void begun_free(gpointer data)
{
    Begun *begun = data;
    g_free(begun->path);
    g_free(begun);
}

VerifySlice *verify_slice_new(VerifyPace *pace, const char *after)
{
    VerifySlice *slice = g_new0(VerifySlice, 1);
    slice->pace = pace;
    slice->after = g_strdup(after);
    slice->upto = g_strdup(after);
    g_queue_init(&slice->begun);
    slice->by_path = g_hash_table_new(g_str_hash, g_str_equal);
    return slice;
}

void verify_slice_free(VerifySlice *slice)
{
    if (slice) {
        g_hash_table_unref(slice->by_path);
        g_queue_clear_full(&slice->begun, begun_free);
        g_free(slice->after);
        g_free(slice->upto);
        g_free(slice);
    }
}

gboolean verify_slice_is_behind(const VerifySlice *slice, const char *path)
{
    return slice->after && strcmp(path, slice->after) <= 0;
}

gboolean verify_slice_begin(VerifySlice *slice, const char *path, guint64 size)
{
    if (!verify_pace_allows(slice->pace, size, g_get_monotonic_time())) {
        slice->is_cut = TRUE;
        return FALSE;
    }
    Begun *begun = g_new0(Begun, 1);
    begun->path = g_strdup(path);
    g_queue_push_tail(&slice->begun, begun);
    g_hash_table_insert(slice->by_path, begun->path, begun);
    slice->pace->files++;
    return TRUE;
}

void verify_slice_end(VerifySlice *slice, const char *path, guint64 size)
{
    Begun *begun = g_hash_table_lookup(slice->by_path, path);
    if (!begun) {
        return;
    }
    begun->is_read = TRUE;
    slice->pace->bytes += size;
    for (Begun *first = g_queue_peek_head(&slice->begun); first && first->is_read;
         first = g_queue_peek_head(&slice->begun)) {
        g_queue_pop_head(&slice->begun);
        g_hash_table_remove(slice->by_path, first->path);
        g_free(slice->upto);
        slice->upto = g_steal_pointer(&first->path);
        begun_free(first);
    }
}

const char *verify_slice_after(const VerifySlice *slice)
{
    return slice->after;
}

const char *verify_slice_upto(const VerifySlice *slice)
{
    return slice->upto;
}

gboolean verify_slice_is_cut(const VerifySlice *slice)
{
    return slice->is_cut;
}

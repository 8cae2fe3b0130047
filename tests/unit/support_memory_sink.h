/*
 * A sink in memory, and a run of one transfer, for tests.
 */
#pragma once

#include "engine.h"

#include <string.h>

typedef struct {
    Sink sink;
    guint8 *bytes;
    guint64 capacity;
    GArray *held; /* Extent, sorted and merged */
    Validators *validators;
    guint offers_before, offers, restarts, settles;
    guint64 settled_total;
    guint64 first_write;  /* offset; SIZE_UNKNOWN: none yet */
    gboolean out_of_room; /* write fails */
    gboolean wrote_twice; /* a byte that was held already was written again */
    pthread_mutex_t mutex;
} MemorySink;

static void memory_sink_note(MemorySink *sink, guint64 from, guint64 to)
{
    guint at = 0;
    while (at < sink->held->len && g_array_index(sink->held, Extent, at).to < from)
        at++;
    Extent merged = {from, to};
    while (at < sink->held->len && g_array_index(sink->held, Extent, at).from <= merged.to) {
        const Extent *other = &g_array_index(sink->held, Extent, at);
        if (MAX(other->from, from) < MIN(other->to, to))
            sink->wrote_twice = TRUE;
        merged.from = MIN(merged.from, other->from);
        merged.to = MAX(merged.to, other->to);
        g_array_remove_index(sink->held, at);
    }
    g_array_insert_val(sink->held, at, merged);
}

static void memory_sink_offer(Sink *base, const char *address, const Validators *validators,
                              gboolean restart, SinkOffer *offer, Outcome *outcome)
{
    MemorySink *sink = (MemorySink *)base;

    pthread_mutex_lock(&sink->mutex);
    if (validators == NULL)
        sink->offers_before++;
    else
        sink->offers++;
    if (restart) {
        sink->restarts++;
        g_array_set_size(sink->held, 0);
    }
    if (validators != NULL) {
        validators_free(sink->validators);
        sink->validators = validators_copy(validators);
    }
    if (sink->held->len > 0) {
        offer->held = g_array_copy(sink->held);
        offer->validators = validators_copy(sink->validators);
        const Extent *first = &g_array_index(sink->held, Extent, 0);
        offer->complete =
            sink->validators != NULL && first->from == 0 && first->to == sink->validators->total;
    }
    pthread_mutex_unlock(&sink->mutex);
}

static void memory_sink_write(Sink *base, guint64 offset, const void *bytes, gsize length,
                              Outcome *outcome)
{
    MemorySink *sink = (MemorySink *)base;

    pthread_mutex_lock(&sink->mutex);
    if (sink->out_of_room || offset + length > sink->capacity) {
        outcome_set_storage(outcome, ENOSPC, "cannot write");
    } else {
        if (sink->first_write == SIZE_UNKNOWN)
            sink->first_write = offset;
        memcpy(sink->bytes + offset, bytes, length);
        memory_sink_note(sink, offset, offset + length);
    }
    pthread_mutex_unlock(&sink->mutex);
}

static void memory_sink_settle(Sink *base, guint64 total, Outcome *outcome)
{
    MemorySink *sink = (MemorySink *)base;

    sink->settles++;
    sink->settled_total = total;
}

static const SinkClass memory_sink_class = {memory_sink_offer, memory_sink_write,
                                            memory_sink_settle};

static inline void memory_sink_init(MemorySink *sink, guint64 capacity)
{
    *sink = (MemorySink){.sink = {&memory_sink_class}, .capacity = capacity};
    sink->bytes = g_malloc0(capacity + 1);
    sink->held = g_array_new(FALSE, FALSE, sizeof(Extent));
    sink->settled_total = sink->first_write = SIZE_UNKNOWN;
    pthread_mutex_init(&sink->mutex, NULL);
}

static inline void memory_sink_clear(MemorySink *sink)
{
    g_free(sink->bytes);
    g_array_unref(sink->held);
    validators_free(sink->validators);
    pthread_mutex_destroy(&sink->mutex);
}

static inline guint64 memory_sink_held(MemorySink *sink)
{
    guint64 sum = 0;
    pthread_mutex_lock(&sink->mutex);
    for (guint i = 0; i < sink->held->len; i++)
        sum += g_array_index(sink->held, Extent, i).to - g_array_index(sink->held, Extent, i).from;
    pthread_mutex_unlock(&sink->mutex);
    return sum;
}

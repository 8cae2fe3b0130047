/*
 * The frontier: the end of the contiguous part of a file that still arrives. It lies in a shared
 * page (memfd), so that a child process can wait for it too (futex).
 */
#pragma once

#include <glib.h>

typedef struct Frontier Frontier;

Frontier *frontier_new(void);
Frontier *frontier_ref(Frontier *frontier);
void frontier_unref(Frontier *frontier);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Frontier, frontier_unref)
/* Any thread; never goes back. */
void frontier_advance(Frontier *frontier, guint64 to);
/* All TOTAL bytes are there. */
void frontier_finish(Frontier *frontier, guint64 total);
/* The file begins anew or was given up: whoever waits is told. */
void frontier_fail(Frontier *frontier);
typedef enum {
    FRONTIER_MORE,     /* *NOW is beyond FROM */
    FRONTIER_COMPLETE, /* *NOW is the total; nothing beyond FROM */
    FRONTIER_FAILED,
} FrontierState;
/* Waits until there is more than FROM bytes, or the end. */
FrontierState frontier_wait(Frontier *frontier, guint64 from, guint64 *now);
guint64 frontier_now(Frontier *frontier);
/* Without waiting: MORE while it may still move, COMPLETE or FAILED once it is ended. */
FrontierState frontier_state(Frontier *frontier);
/* The shared page, for a child: borrowed descriptor; frontier_open() there maps it, for reading
 * only (FD stays the caller's; NULL with errno where it cannot). */
int frontier_fd(const Frontier *frontier);
Frontier *frontier_open(int fd);

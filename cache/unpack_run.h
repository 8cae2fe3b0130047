/*
 * One unpacking from its start to its end, on the calling thread: a child for each archive, and
 * what the child tells given to the store.
 */
#pragma once

#include "unpack_store.h"

typedef struct UnpackRun UnpackRun;

/* SPEC must outlive the run. WAKE_FD: readable where the run must look whether it is CANCELLED
 * (asked now and then anyway); -1: none. Owned. */
UnpackRun *unpack_run_new(const UnpackSpec *spec, int wake_fd, gboolean (*cancelled)(gpointer data),
                          gpointer data, GError **error);
void unpack_run_free(UnpackRun *run);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UnpackRun, unpack_run_free)
/* Once. Errors: as UnpackSpec's done. */
gboolean unpack_run_all(UnpackRun *run, GError **error);
UnpackStore *unpack_run_store(UnpackRun *run); /* borrowed */
/* Bytes of the outermost archive that the child has read; any thread. */
guint64 unpack_run_consumed(UnpackRun *run);

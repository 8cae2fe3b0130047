/*
 * What a sync remembers from one night to the next: which datasets need a person, and when that was
 * last said. .medmirror/sync.json, written anew at the end of a run that changed it.
 */
#pragma once

#include "mirror.h"

typedef struct SyncMemory SyncMemory;

/* An absent or broken file is an empty memory. Owned. */
SyncMemory *sync_memory_open(Mirror *mirror);
void sync_memory_free(SyncMemory *memory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SyncMemory, sync_memory_free)
/* FOLDER needs a person at NOW (UTC seconds), for the reason MESSAGE. TRUE where that is to be said
 * now: for the first time, for another reason, or a week after it was said last. *SINCE (owned):
 * since when it does. */
gboolean sync_memory_needs_person(SyncMemory *memory, const char *folder, const char *message,
                                  gint64 now, char **since);
/* It needs nobody (any more). */
void sync_memory_forget(SyncMemory *memory, const char *folder);
/* Durable; nothing is written where nothing changed. _STORAGE. */
gboolean sync_memory_save(SyncMemory *memory, Mirror *mirror, GError **error);

/*
 * Which files of a lock a selection takes: what a source says of a file stands in the line of its
 * download, before the files.
 */
#pragma once

#include "lock.h"

typedef struct LockChoice LockChoice;

/* SELECTION is borrowed. */
LockChoice *lock_choice_new(const Selection *selection);
void lock_choice_free(LockChoice *choice);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LockChoice, lock_choice_free)
/* Each download of the lock, before its files; some 10 bytes for one whose facts are as asked. */
void lock_choice_add(LockChoice *choice, const LockDownload *download);
gboolean lock_choice_takes(LockChoice *choice, const LockFile *file);
/* The keys of the facts that were seen (char*); borrowed. */
const GPtrArray *lock_choice_keys(const LockChoice *choice);

/*
 * Intents: an install that has begun is finished, or undone, whoever opens the mirror next
 * (DESIGN.md, "Install").
 *
 * When the intent is written (and synced), everything lies in the stage, complete and durable:
 * stage/KEY/{lock,list,metadata,tree/,archives/} and, where the version grows, old.lock, the lock
 * that stood. Finishing moves them by renames, each of which may have been done already. A new
 * version: lock, list, archives, tree. One that grows: files one by one, archives, list, lock; then
 * what
 * `--only` drops.
 */
#pragma once

#include "mirror.h"

typedef struct {
    char *folder, *version;
    gboolean grows;   /* the version stands already */
    gboolean only;    /* what the old lock holds and the new one does not goes */
    gboolean removes; /* no install: the version goes (removal.h) */
} Intent;

void intent_clear(Intent *intent);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Intent, intent_clear)

/* Written and durable. */
gboolean intent_write(Mirror *mirror, const Intent *intent, GError **error);
/* Does every step and makes it durable; can be called again after any interruption. The index,
 * `latest` and the stage's end are not its work. _FAILED where the stage is not complete. */
gboolean intent_finish(Mirror *mirror, const Intent *intent, GError **error);
/* Brings back what was moved. */
gboolean intent_undo(Mirror *mirror, const Intent *intent, GError **error);
gboolean intent_remove(Mirror *mirror, const char *folder, GError **error);
gboolean intent_exists(Mirror *mirror, const char *folder);
/* Has a removal of this version begun? */
gboolean intent_is_removal_of(Mirror *mirror, const char *folder, const char *version);
/* The symbolic link FOLDER/latest to the newest version that stands. */
gboolean intent_point_latest(Mirror *mirror, const char *folder, GError **error);
/* What is left in the stage of an install that was finished. */
gboolean intent_empty_stage(Mirror *mirror, const char *folder, GError **error);
/* Finishes or undoes what an earlier run of this dataset left; the caller owns it. */
gboolean intent_recover(Mirror *mirror, const char *folder, GError **error);
/* Renames KEY below FD to a name that intent_remove_gone() knows (*GONE, owned; NULL where KEY is
 * not there), so that nobody finds half of it. */
gboolean intent_throw_away(int fd, const char *key, char **gone, GError **error);
/* Deletes what was thrown away; what cannot be deleted now is deleted by the next. */
void intent_remove_gone(Mirror *mirror);
/* Finishes or undoes what dead runs left; what a living one works on is left alone. */
gboolean intent_recover_all(Mirror *mirror, GError **error);

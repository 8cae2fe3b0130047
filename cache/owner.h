/*
 * Owners: who works on a dataset, between processes on one host and nodes of one file system
 * (DESIGN.md, "Owner files").
 */
#pragma once

#include "mirror.h"

typedef struct Owner Owner;

typedef struct {
    char *user, *host, *verb, *job; /* job: of a batch system, may be NULL */
    gint64 pid;
    char *since; /* UTC */
} OwnerInfo;
void owner_info_free(OwnerInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OwnerInfo, owner_info_free)

/* Takes the dataset FOLDER for VERB. A living owner is waited for (polling; WAITS is called once
 * for each owner met, then every 30 s, with its INFO) unless NO_WAIT, which is MEDMIRROR_ERROR_BUSY
 * naming it; CANCELLED (may be NULL) ends the wait with _INTERRUPTED. A dead one's place is taken.
 * Owned. A thread of its own touches the file every 30 s. */
Owner *owner_take(Mirror *mirror, const char *folder, const char *verb, gboolean no_wait,
                  void (*waits)(const OwnerInfo *info, gpointer data),
                  gboolean (*cancelled)(gpointer data), gpointer data, GError **error);
/* FALSE where somebody took it over meanwhile: stop writing, MEDMIRROR_ERROR_BUSY. Cheap; call
 * before each install and now and then. */
gboolean owner_still(Owner *owner, GError **error);
void owner_release(Owner *owner);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Owner, owner_release)

/* The living owners of the mirror: OwnerInfo* with the folder in `verb` as "VERB FOLDER"; owned. */
GPtrArray *owner_list(Mirror *mirror, GError **error);

/*
 * The state of the folders that manifests lie in: who changes a manifest in whatever way changes
 * it. Nothing is opened.
 */
#pragma once

#include "digest.h"

typedef struct {
    guint folder;                   /* place in the list of folders */
    const char *name;               /* as it lies there; ends in ".json" */
    gint64 size, modified, changed; /* bytes; ns; all -1 where it cannot be asked */
    guint64 inode;
    gboolean is_young; /* changed so lately that one more change might not show */
} ManifestFileState;

typedef struct {
    GArray *files;       /* ManifestFileState, by folder, then in the order of the folder itself */
    GPtrArray *troubles; /* char*: folders that cannot be read, as sentences */
    char state[2 * DIGEST_MAX_BYTES + 1]; /* hex: equal for equal states */
    GStringChunk *names;
} ManifestFolders;

/* One pass over FOLDERS (char*). What is not there is empty. Owned. */
ManifestFolders *manifest_folders_scan(const GPtrArray *folders);
void manifest_folders_free(ManifestFolders *scan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ManifestFolders, manifest_folders_free)

/*
 * The catalogue: manifests in folders, the person's own first
 * ($XDG_CONFIG_HOME/medmirror/manifests), then those beside the program in the build tree, then
 * those of the prefix where the program lies, then those of the prefix it was built for. An id is
 * the name of its file. Not for several threads at once.
 */
#pragma once

#include "manifest.h"
#include "nearest_words.h"

typedef struct Catalogue Catalogue;

/* FOLDERS: NULL-terminated, first wins; NULL: the places above. Nothing is read yet. Owned. */
Catalogue *catalogue_open(const char *const *folders);
void catalogue_free(Catalogue *catalogue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Catalogue, catalogue_free)

/* The manifest of ID, NULL with _ABSENT (the nearest ids are named) or _USAGE (it is wrong).
 * Borrowed from the catalogue. */
const Manifest *catalogue_find(Catalogue *catalogue, const char *id, GError **error);
/* The manifest whose source is SOURCE and for which MATCH is true; NULL where there is none. Wrong
 * manifests are logged and passed over. Borrowed. */
const Manifest *catalogue_find_by_source(Catalogue *catalogue, const char *source,
                                         gboolean (*match)(const json_t *locator, gpointer data),
                                         gpointer data);
/* All ids, sorted; char*, owned. */
GPtrArray *catalogue_ids(Catalogue *catalogue);

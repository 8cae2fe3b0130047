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
/* The manifest whose source is SOURCE and for which MATCH is true; NULL where there is none. PLACE:
 * the folder in the mirror of what is looked for, for the lookup below. Wrong manifests are logged
 * and passed over. Borrowed. */
const Manifest *catalogue_find_by_source(Catalogue *catalogue, const char *source,
                                         const char *place,
                                         gboolean (*match)(const json_t *locator, gpointer data),
                                         gpointer data);
/* The manifest that cites DOI (of any case); NULL where there is none. Borrowed. */
const Manifest *catalogue_find_by_doi(Catalogue *catalogue, const char *doi);
/* All ids, sorted; char*, owned. */
GPtrArray *catalogue_ids(Catalogue *catalogue);
/* The folders, first wins; char*, borrowed. */
const GPtrArray *catalogue_folders(const Catalogue *catalogue);

/* Who knows without reading all manifests which ones may be meant: those of SOURCE that may lie at
 * PLACE, or (SOURCE NULL) those that may cite the DOI PLACE. Ids, char*, owned; NULL: it cannot
 * tell, and all are read. */
typedef GPtrArray *(*CatalogueLookup)(gpointer data, const char *source, const char *place);
void catalogue_set_lookup(Catalogue *catalogue, CatalogueLookup lookup, gpointer data);

/* The id that the file NAME ("mitdb.json") must hold; owned; NULL where it is no manifest's name.
 */
char *catalogue_file_id(const char *name);
/* As manifest_load(), and the name must be the id: _USAGE where it is not. */
Manifest *catalogue_load_file(const char *path, GError **error);

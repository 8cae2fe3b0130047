/*
 * The catalogue as a table: what a search reads, and which manifest a source's dataset belongs to,
 * without reading ten thousand manifests. A cache of facts in $XDG_CACHE_HOME/medmirror, one file
 * for each list of folders: it is compared with the folders at each opening (names, sizes, times),
 * and made anew beside the old one and renamed where they have changed. So it is never changed
 * under its name, takes no locks, and who is killed midway leaves the old one. Where it cannot be
 * written it is made in memory.
 */
#pragma once

#include "manifest.h"

typedef struct CatalogueIndex CatalogueIndex;

typedef struct {
    const GPtrArray *folders; /* char*, first wins; they must outlive the opening */
    const char *cache_folder; /* NULL: in memory */
    const char *maker; /* whatever the places below depend on: another maker's index is no use */
    /* The folder in the mirror of what LOCATOR of SOURCE names; owned; NULL where it is not known.
     * Pure. */
    char *(*place)(const char *source, const json_t *locator, gpointer data);
    gpointer data;
    gboolean anew; /* what stands is not used: it was found to be damaged */
} CatalogueIndexSettings;

/* NULL with an error only where there is neither file nor memory for it. Owned. Any one thread. */
CatalogueIndex *catalogue_index_open(const CatalogueIndexSettings *settings, GError **error);
void catalogue_index_close(CatalogueIndex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CatalogueIndex, catalogue_index_close)

/* Ids (char*, owned) of the manifests whose dataset lies at PLACE, and of those of SOURCE whose
 * place is not known; sorted. NULL with an error. */
GPtrArray *catalogue_index_by_place(CatalogueIndex *index, const char *source, const char *place,
                                    GError **error);
/* The same of those that cite DOI (of any case). */
GPtrArray *catalogue_index_by_doi(CatalogueIndex *index, const char *doi, GError **error);
/* What is wrong with manifests, as sentences with file and place (char*, owned), at most MOST;
 * *COUNT: of all. */
GPtrArray *catalogue_index_wrong(CatalogueIndex *index, guint most, guint *count);

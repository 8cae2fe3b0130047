/*
 * Searching the catalogue's index.
 */
#pragma once

#include "catalogue_index.h"
#include "search_query.h"

typedef struct {
    char *id;
    char *title_en, *title_zh; /* title_zh may be NULL */
    ManifestKind kind;
    Access access;
    char **modality, **organ;
    char *source;           /* NULL where none can bring it */
    char *licence;          /* NULL where not known */
    guint64 size, subjects; /* SIZE_UNKNOWN where not known */
    gboolean size_is_rounded;
} CatalogueHit;
void catalogue_hit_free(CatalogueHit *hit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CatalogueHit, catalogue_hit_free)

/* Words of a filter, each NULL-terminated; NULL: any. */
typedef struct {
    const char *const *source, *const *access, *const *modality, *const *organ;
} CatalogueFilter;

/* CatalogueHit*, best first: the id that was typed, then what holds all words (id and title before
 * description), then what holds words that mean the same. With a query of no terms: all that the
 * filter leaves, by id. NULL with an error. Owned. */
GPtrArray *catalogue_search(CatalogueIndex *index, const SearchQuery *query,
                            const CatalogueFilter *filter, GError **error);
/* How many manifests hold TERM (of search_query_terms()); -1 with an error. */
gint64 catalogue_search_count(CatalogueIndex *index, const char *term, GError **error);
/* The words of the catalogue that are nearest to TERM (char*, owned), at most MOST. */
GPtrArray *catalogue_search_near(CatalogueIndex *index, const char *term, guint most);
/* All the words that stand in COLUMN ("source", "organ"), sorted; char*, owned. */
GPtrArray *catalogue_search_words(CatalogueIndex *index, const char *column);

/*
 * Joins the catalogue with its index, which is opened when first asked.
 */
#pragma once

#include "catalogue.h"
#include "catalogue_index.h"
#include "console.h"

typedef struct CatalogueFinder CatalogueFinder;

/* From now on CATALOGUE looks into the index in the place of reading all manifests. It must outlive
 * the finder's use and is borrowed. Owned. */
CatalogueFinder *catalogue_finder_new(Catalogue *catalogue);
void catalogue_finder_free(CatalogueFinder *finder);
/* Borrowed; NULL with an error. */
CatalogueIndex *catalogue_finder_index(CatalogueFinder *finder, GError **error);
/* The same, read anew: the other one was found to be damaged. */
CatalogueIndex *catalogue_finder_renew(CatalogueFinder *finder, GError **error);
/* What the index found wrong with manifests is told, file by file, where it was asked at all. */
void catalogue_finder_tell_wrong(CatalogueFinder *finder, Console *console);

/*
 * Proves manifests: their form, their locators, their names, and that what they point to is there.
 */
#pragma once

#include "catalogue.h"

typedef enum {
    MANIFEST_WRONG,
    MANIFEST_NOTE, /* may be meant so */
} ManifestFinding;

typedef struct {
    guint right, wrong, notes;
    guint absent; /* of the wrong ones: files that are not there or cannot be read */
} ManifestCounts;

/* A sentence that names file and place. */
typedef void (*ManifestTell)(ManifestFinding finding, const char *path, const char *sentence,
                             gpointer data);

/* PATHS: char*. Ids may also be those of CATALOGUE. */
void manifest_check(const GPtrArray *paths, Catalogue *catalogue, ManifestTell tell, gpointer data,
                    ManifestCounts *counts);

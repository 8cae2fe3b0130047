/*
 * Where in a folder of somebody's a dataset begins: right there, below the folders that a download
 * tool made of the address, or in the top folder of an archive that was unpacked by hand. Pure.
 */
#pragma once

#include <glib.h>

typedef struct RootFinder RootFinder;

RootFinder *root_finder_new(void);
void root_finder_free(RootFinder *finder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RootFinder, root_finder_free)
/* A path that the dataset has. Any number may be told: a bounded sample is kept, the same for the
 * same paths in the same order. */
void root_finder_expect(RootFinder *finder, const char *path);
/* A file that is there; after all that is expected. */
void root_finder_see(RootFinder *finder, const char *path);
/* The folder below which most of the sample lies ("" for the top itself), of several the
 * shallowest, then the first by bytes; owned. NULL where nothing was found. */
char *root_finder_best(const RootFinder *finder);

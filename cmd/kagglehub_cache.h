/*
 * What Kaggle's own module keeps on a disk: ROOT/datasets/OWNER/SLUG/versions/N holds the files of
 * a version as they are unpacked, beside it N.complete says that all of them are there, and
 * .complete/N/PATH.complete that one is, which was fetched by itself. Of competitions:
 * ROOT/competitions/SLUG, SLUG.complete and .complete/SLUG. ROOT is ~/.cache/kagglehub, or what
 * $KAGGLEHUB_CACHE names. A folder that was named to the module by itself (output_dir) has the
 * files and, in .complete/datasets/OWNER/SLUG/N or .complete/competitions/SLUG, bundle.complete or
 * PATH.complete. (kagglehub/cache.py)
 */
#pragma once

#include <glib.h>

typedef struct {
    char *folder;  /* absolute: where the files are */
    char *version; /* as the path has it; NULL: a competition's, which have none */
    char *marker;  /* absolute; what says that it is complete */
    char *marks;   /* absolute: the folder of what says it of single files; NULL: there is none */
    gboolean is_complete;
} KagglehubCopy;

void kagglehub_copy_free(KagglehubCopy *copy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KagglehubCopy, kagglehub_copy_free)

/* PATH, absolute and without links: ROOT, a folder of the dataset or the version in it, or a folder
 * by itself. DATASET:
 * its folder in a mirror ("kaggle/OWNER/SLUG", "kaggle/c/SLUG"); VERSION: the one that is wanted,
 * or NULL: the newest that is complete, else the newest. *COPY is NULL where DATASET is not
 * Kaggle's or PATH no place of the module's; owned. _USAGE: PATH is of another dataset or version;
 * _ABSENT: the dataset or the version is not there. */
gboolean kagglehub_copy_find(const char *path, const char *dataset, const char *version,
                             KagglehubCopy **copy, GError **error);
/* Is the file PATH of COPY known to be whole, and no marker itself? */
gboolean kagglehub_copy_has(const KagglehubCopy *copy, const char *path);

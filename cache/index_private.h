/*
 * Between the files of the index.
 */
#pragma once

#include "database.h"
#include "index.h"

/* Tiny files have the most twins and save nothing. */
#define INDEX_SHARE_FROM 4096
#define INDEX_TRANSACTION_ROWS 10000

struct Index {
    Mirror *mirror;
    char *path;
    gboolean is_shared;  /* written by a group */
    gboolean leaves_out; /* the files of the version that is being filled */
    Database *database;
    guint pending; /* rows in the open transaction */
    /* Of lookups that follow each other. */
    gboolean gathers, is_reading;
    gint64 reads_since; /* monotonic us */
    /* The version that is being filled. */
    gint64 version;
    char *lock_folder, *lock_name;
    char *dir_path; /* the folder of the last file */
    gint64 dir;
};

gboolean index_touch(Index *index, GError **error);
gboolean index_commit(Index *index, GError **error);
gint64 index_twin_key(const Digest *sha256);
/* Versions whose lock is not the one their rows were made from are read anew; gone ones forgotten.
 */
gboolean index_refresh(Index *index, GError **error);

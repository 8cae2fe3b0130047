/*
 * The tables of the catalogue's index, and how manifests are put into them. For catalogue_index.c
 * and catalogue_search.c alone.
 */
#pragma once

#include "catalogue_index.h"
#include "database.h"
#include "manifest_folders.h"

#define CATALOGUE_TABLE_VERSION 1

/* A new one, or that at PATH; with the tokenizer. */
Database *catalogue_table_open(const char *path, DatabaseKind kind, GError **error);
/* The state that it was last filled from; owned; "" where never. */
char *catalogue_table_state(Database *table);
/* Reads what has changed since the table was filled, forgets what is gone. */
gboolean catalogue_table_fill(Database *table, const ManifestFolders *scan,
                              const CatalogueIndexSettings *settings, GError **error);

Database *catalogue_index_table(CatalogueIndex *index);

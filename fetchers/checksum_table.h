/*
 * Digests by path, for lists that are short enough to be held in memory.
 */
#pragma once

#include "digest.h"

typedef struct ChecksumTable ChecksumTable;

/* Holds at most MOST digests. Owned. */
ChecksumTable *checksum_table_new(guint most);
void checksum_table_free(ChecksumTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ChecksumTable, checksum_table_free)
/* FALSE where the table is full. */
gboolean checksum_table_add(ChecksumTable *table, const char *path, const Digest *digest);
/* Adds what the table has for PATH to DECLARED. */
void checksum_table_apply(ChecksumTable *table, const char *path, DigestSet *declared);
/* Paths that were never asked for; *EXAMPLE is the first of them in byte order (borrowed, NULL
 * where none). */
guint checksum_table_unused(const ChecksumTable *table, const char **example);

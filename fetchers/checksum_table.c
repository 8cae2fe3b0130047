#include "checksum_table.h"

#include <string.h>

/* Most paths have one digest, so a chain of single ones is much smaller than a DigestSet. */
typedef struct Row Row;
struct Row {
    Digest digest;
    gboolean used;
    Row *next;
};

struct ChecksumTable {
    GHashTable *rows; /* path to Row */
    guint count, most;
};

static void row_free(gpointer data)
{
    for (Row *row = data, *next; row; row = next) {
        next = row->next;
        g_free(row);
    }
}

ChecksumTable *checksum_table_new(guint most)
{
    ChecksumTable *table = g_new0(ChecksumTable, 1);
    table->rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, row_free);
    table->most = most;
    return table;
}

void checksum_table_free(ChecksumTable *table)
{
    if (!table)
        return;
    g_hash_table_unref(table->rows);
    g_free(table);
}

gboolean checksum_table_add(ChecksumTable *table, const char *path, const Digest *digest)
{
    if (table->count == table->most)
        return FALSE;
    table->count++;
    Row *row = g_new0(Row, 1);
    row->digest = *digest;
    Row *first = g_hash_table_lookup(table->rows, path);
    if (first) {
        row->next = first->next;
        first->next = row;
    } else {
        g_hash_table_insert(table->rows, g_strdup(path), row);
    }
    return TRUE;
}

void checksum_table_apply(ChecksumTable *table, const char *path, DigestSet *declared)
{
    Row *first = g_hash_table_lookup(table->rows, path);
    if (!first)
        return;
    first->used = TRUE;
    for (const Row *row = first; row; row = row->next)
        digest_set_add(declared, &row->digest);
}

guint checksum_table_unused(const ChecksumTable *table, const char **example)
{
    guint unused = 0;
    *example = NULL;
    GHashTableIter iter;
    gpointer path, row;
    g_hash_table_iter_init(&iter, table->rows);
    while (g_hash_table_iter_next(&iter, &path, &row)) {
        if (((const Row *)row)->used)
            continue;
        unused++;
        if (!*example || strcmp(path, *example) < 0)
            *example = path;
    }
    return unused;
}

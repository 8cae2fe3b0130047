/*
 * The index on paths. It is kept while a listing comes in order, as most do. In a long first
 * listing without order each row would touch another page of it, so it is dropped, and made at the
 * end: by one sort, and repeated paths are looked for then.
 */
#include <string.h>

#include "spool_private.h"

#define DISORDER_MOST 10000

static gboolean make_index(Spool *spool, GError **error)
{
    spool->has_paths =
        database_exec(spool->database,
                      "CREATE UNIQUE INDEX IF NOT EXISTS download_path ON download(path)", error);
    return spool->has_paths;
}

gboolean spool_need_paths(Spool *spool, GError **error)
{
    if (spool->has_paths)
        return TRUE;
    /* Rows without it are of a first listing that was broken off: nothing was fetched for them. */
    return spool_commit(spool, error) &&
           spool_set_number(spool, "#last_id", spool->next_id - 1, error) &&
           database_run(spool->database, error, "DELETE FROM download", "") &&
           database_exec(spool->database, "DROP INDEX IF EXISTS repeated", error) &&
           make_index(spool, error);
}

gboolean spool_watch_order(Spool *spool, const char *path, GError **error)
{
    if (!spool->was_empty || !spool->has_paths)
        return TRUE;
    if (strcmp(path, spool->last_path->str) < 0)
        spool->disorder++;
    g_string_assign(spool->last_path, path);
    if (spool->disorder < DISORDER_MOST)
        return TRUE;
    spool->has_paths = FALSE;
    return database_exec(spool->database, "DROP INDEX download_path", error);
}

gboolean spool_same_file(const SpoolSaid *a, const SpoolSaid *b)
{
    gboolean agree = FALSE, differ = FALSE;
    digest_set_compare(&a->declared, &b->declared, &agree, &differ);
    gboolean sizes_differ = a->kind == SIZE_EXACT && b->kind == SIZE_EXACT &&
                            a->size != SIZE_UNKNOWN && b->size != SIZE_UNKNOWN &&
                            a->size != b->size;
    return !differ && !sizes_differ;
}

static gboolean check_repeated(Spool *spool, GError **error)
{
    g_autoptr(GString) path = g_string_new(NULL); /* of FIRST */
    SpoolSaid first = {0};
    g_autoptr(sqlite3_stmt) rows = database_query_new(
        spool->database, error,
        "SELECT path, size, size_kind, declared FROM download WHERE path IN"
        " (SELECT path FROM download GROUP BY path HAVING count(*) > 1) ORDER BY path, id",
        "");
    int got = rows == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, rows, error);
        if (got != 1)
            break;
        SpoolSaid said = {.size = column_size(rows, 1), .kind = sqlite3_column_int(rows, 2)};
        column_digests(rows, 3, &said.declared);
        if (strcmp(path->str, column_text(rows, 0)) != 0) {
            g_string_assign(path, column_text(rows, 0));
            first = said;
        } else if (!spool_same_file(&first, &said)) {
            return spool_refuse_collision(path->str, path->str, error);
        }
    }
    return got == 0;
}

gboolean spool_settle_paths(Spool *spool, GError **error)
{
    if (spool->has_paths)
        return TRUE;
    if (make_index(spool, NULL))
        return TRUE;
    /* The first of several rows of one path stays. */
    return database_exec(spool->database,
                         "CREATE INDEX IF NOT EXISTS repeated ON download(path, id)", error) &&
           check_repeated(spool, error) &&
           database_run(spool->database, error,
                        "DELETE FROM download WHERE EXISTS (SELECT 1 FROM download AS first"
                        " WHERE first.path = download.path AND first.id < download.id)",
                        "") &&
           database_exec(spool->database, "DROP INDEX repeated", error) && make_index(spool, error);
}

#include "series_map.h"

#include "database.h"
#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <glib/gstdio.h>

#define VERSION 1
#define ROWS_AT_ONCE 10000

struct SeriesMap {
    Database *database;
    char *folder, *path; /* FOLDER is NULL of one that another made */
    guint pending;       /* rows of the open transaction */
};

static const char schema[] = "CREATE TABLE image(series TEXT NOT NULL, sop TEXT NOT NULL,"
                             " name TEXT NOT NULL, size INTEGER NOT NULL);";

SeriesMap *series_map_new(GError **error)
{
    g_autoptr(SeriesMap) map = g_new0(SeriesMap, 1);
    map->folder = g_build_filename(g_get_tmp_dir(), "medmirror-series-XXXXXX", NULL);
    if (!g_mkdtemp(map->folder)) {
        error_set_storage(error, errno, _("cannot make a folder in “%s”"), g_get_tmp_dir());
        g_clear_pointer(&map->folder, g_free);
        return NULL;
    }
    map->path = g_build_filename(map->folder, "series.db", NULL);
    map->database = database_open(map->path, DATABASE_SCRATCH, VERSION, schema, error);
    return map->database ? g_steal_pointer(&map) : NULL;
}

SeriesMap *series_map_open(const SeriesMap *other, GError **error)
{
    g_autoptr(SeriesMap) map = g_new0(SeriesMap, 1);
    map->path = g_strdup(other->path);
    map->database = database_open(map->path, DATABASE_FIXED, VERSION, schema, error);
    return map->database ? g_steal_pointer(&map) : NULL;
}

void series_map_free(SeriesMap *map)
{
    if (!map) {
        return;
    }
    g_clear_pointer(&map->database, database_close);
    if (map->folder) {
        if (map->path) {
            g_unlink(map->path);
        }
        g_rmdir(map->folder);
    }
    g_free(map->folder);
    g_free(map->path);
    g_free(map);
}

gboolean series_map_add(SeriesMap *map, const char *series, const char *sop, const char *name,
                        guint64 size, GError **error)
{
    if (map->pending == 0 && !database_exec(map->database, "BEGIN", error)) {
        return FALSE;
    }
    if (!database_run(map->database, error,
                      "INSERT INTO image(series, sop, name, size) VALUES(?, ?, ?, ?)", "ttti",
                      series, sop, name, (gint64)size)) {
        return FALSE;
    }
    if (++map->pending < ROWS_AT_ONCE) {
        return TRUE;
    }
    map->pending = 0;
    return database_exec(map->database, "COMMIT", error);
}

gboolean series_map_finish(SeriesMap *map, GError **error)
{
    if (map->pending > 0 && !database_exec(map->database, "COMMIT", error)) {
        return FALSE;
    }
    map->pending = 0;
    return database_exec(map->database, "CREATE INDEX image_of ON image(series, sop, name, size)",
                         error);
}

gboolean series_map_count(SeriesMap *map, const char *series, guint64 *images, guint64 *bytes,
                          GError **error)
{
    sqlite3_stmt *row =
        database_query(map->database, error,
                       "SELECT count(*), coalesce(sum(size), 0) FROM"
                       " (SELECT min(size) AS size FROM image WHERE series = ? GROUP BY sop)",
                       "t", series);
    if (!row || database_step(map->database, row, error) != 1) {
        return FALSE;
    }
    *images = (guint64)sqlite3_column_int64(row, 0);
    *bytes = (guint64)sqlite3_column_int64(row, 1);
    sqlite3_reset(row);
    return TRUE;
}

gboolean series_map_totals(SeriesMap *map, guint64 *images, guint64 *series, GError **error)
{
    sqlite3_stmt *row =
        database_query(map->database, error,
                       "SELECT (SELECT count(*) FROM image),"
                       " (SELECT count(*) FROM (SELECT DISTINCT series FROM image))",
                       "");
    if (!row || database_step(map->database, row, error) != 1) {
        return FALSE;
    }
    *images = (guint64)sqlite3_column_int64(row, 0);
    *series = (guint64)sqlite3_column_int64(row, 1);
    sqlite3_reset(row);
    return TRUE;
}

gboolean series_map_each(SeriesMap *map, const char *series,
                         gboolean (*func)(const char *name, guint64 size, gpointer data,
                                          GError **error),
                         gpointer data, GError **error)
{
    g_autoptr(sqlite3_stmt) rows = database_query_new(
        map->database, error, "SELECT name, size FROM image WHERE series = ? ORDER BY sop, name",
        "t", series);
    int got = rows ? 1 : -1;
    while (got == 1) {
        got = database_step(map->database, rows, error);
        if (got == 1 && !func(column_text(rows, 0), column_size(rows, 1), data, error)) {
            return FALSE;
        }
    }
    return got == 0;
}

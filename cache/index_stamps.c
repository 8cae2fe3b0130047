#include <string.h>

#include "index_private.h"

/* Rows that are fetched at once; between two fetches the database is nobody's. */
enum {
    CHUNK_ROWS = 512
};

typedef struct {
    guint32 name; /* into the level's names */
    FileStamp stamp;
} StampRow;

/* A folder on the way to the last path that was asked for, and a run of its rows. */
typedef struct {
    GString *dir;
    gint64 id; /* 0: the index knows none */
    GByteArray *names;
    GString *from; /* the rows are those from this name on */
    StampRow rows[CHUNK_ROWS];
    guint count, at;
    gboolean at_end; /* the folder has no more behind them */
} Level;

struct IndexStamps {
    Index *index;
    gint64 version; /* 0: nothing is known */
    GPtrArray *levels;
    guint depth; /* of levels in use */
};

static void level_free(gpointer data)
{
    Level *level = data;

    g_string_free(level->dir, TRUE);
    g_string_free(level->from, TRUE);
    g_byte_array_unref(level->names);
    g_free(level);
}

IndexStamps *index_stamps_new(Index *index, const char *folder, const char *version)
{
    IndexStamps *stamps = g_new0(IndexStamps, 1);
    g_autofree char *name = mirror_version_name(version);

    stamps->index = index;
    stamps->levels = g_ptr_array_new_with_free_func(level_free);
    stamps->version = database_number(
        index->database, 0,
        "SELECT id FROM version WHERE folder = ? AND name = ? AND lock_stamp NOT NULL", "tt",
        folder, name);
    return stamps;
}

void index_stamps_free(IndexStamps *stamps)
{
    if (stamps == NULL)
        return;
    g_ptr_array_unref(stamps->levels);
    g_free(stamps);
}

static const char *row_name(const Level *level, guint row)
{
    return (const char *)level->names->data + level->rows[row].name;
}

/* The rows from NAME on. */
static void level_load(IndexStamps *stamps, Level *level, const char *name)
{
    Database *database = stamps->index->database;

    level->count = level->at = 0;
    level->at_end = TRUE;
    g_string_assign(level->from, name);
    g_byte_array_set_size(level->names, 0);
    sqlite3_stmt *rows = level->id == 0
                             ? NULL
                             : database_query(database, NULL,
                                              "SELECT name, size, mtime, ctime, inode FROM file"
                                              " WHERE dir = ? AND name >= ? AND inode NOT NULL"
                                              " ORDER BY name LIMIT " G_STRINGIFY(512),
                                              "it", level->id, name);
    G_STATIC_ASSERT(CHUNK_ROWS == 512);
    while (rows != NULL && database_step(database, rows, NULL) == 1) {
        const char *text = column_text(rows, 0);
        level->rows[level->count++] = (StampRow){
            .name = level->names->len,
            .stamp = {(guint64)sqlite3_column_int64(rows, 1), sqlite3_column_int64(rows, 2),
                      sqlite3_column_int64(rows, 3), (guint64)sqlite3_column_int64(rows, 4)}};
        g_byte_array_append(level->names, (const guint8 *)text,
                            (guint)sqlite3_column_bytes(rows, 0) + 1);
    }
    level->at_end = level->count < CHUNK_ROWS;
}

static gboolean is_within(const Level *level, const char *path, gsize length)
{
    const GString *dir = level->dir;

    return dir->len == 0 || (length >= dir->len && memcmp(path, dir->str, dir->len) == 0 &&
                             (length == dir->len || path[dir->len] == '/'));
}

/* The level of the folder that PATH's first LENGTH bytes name. In the order of whole paths nobody
 * comes back to a folder that is not one of the path's own. */
static Level *enter(IndexStamps *stamps, const char *path, gsize length)
{
    while (stamps->depth > 0) {
        Level *level = g_ptr_array_index(stamps->levels, stamps->depth - 1);
        if (is_within(level, path, length)) {
            if (level->dir->len == length)
                return level;
            break;
        }
        stamps->depth--;
    }
    if (stamps->depth == stamps->levels->len) {
        Level *level = g_new(Level, 1);
        level->dir = g_string_new(NULL);
        level->from = g_string_new(NULL);
        level->names = g_byte_array_new();
        g_ptr_array_add(stamps->levels, level);
    }
    Level *level = g_ptr_array_index(stamps->levels, stamps->depth++);
    g_string_truncate(level->dir, 0);
    g_string_append_len(level->dir, path, (gssize)length);
    level->id = database_number(stamps->index->database, 0,
                                "SELECT id FROM dir WHERE version = ? AND path = ?", "it",
                                stamps->version, level->dir->str);
    level->count = level->at = 0;
    level->at_end = FALSE;
    g_string_truncate(level->from, 0);
    return level;
}

gboolean index_stamps_find(IndexStamps *stamps, const char *path, FileStamp *stamp)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;

    if (stamps->version == 0)
        return FALSE;
    Level *level = enter(stamps, path, slash == NULL ? 0 : (gsize)(slash - path));
    /* Against the order. */
    if (level->at > 0 ? strcmp(name, row_name(level, level->at - 1)) <= 0
                      : strcmp(name, level->from->str) < 0)
        level_load(stamps, level, name);
    while (level->at < level->count && strcmp(row_name(level, level->at), name) < 0)
        level->at++;
    if (level->at == level->count && !level->at_end)
        level_load(stamps, level, name);
    if (level->at == level->count || strcmp(row_name(level, level->at), name) != 0)
        return FALSE;
    *stamp = level->rows[level->at].stamp;
    return TRUE;
}

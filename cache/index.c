#include "index.h"

#include "database.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "room.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define INDEX_VERSION 1
#define SHARED_FROM 4096 /* smaller files have the most twins and save nothing */
#define NEVER_PROVEN G_GINT64_CONSTANT(-1)

/* Folders are interned; digests are no index of `file` (random inserts cost ten times as much) but
 * a table of 8-byte keys, filled in sorted order. Its stale rows do no harm: a hit is checked
 * against `file`, then against the bytes. */
static const char schema[] = "CREATE TABLE version(id INTEGER PRIMARY KEY, folder TEXT NOT NULL, "
                             "name TEXT NOT NULL, access TEXT NOT NULL,"
                             " UNIQUE(folder, name));"
                             "CREATE TABLE dir(id INTEGER PRIMARY KEY, version INTEGER NOT NULL, "
                             "path TEXT NOT NULL, UNIQUE(version, path));"
                             "CREATE TABLE file(dir INTEGER NOT NULL, name TEXT NOT NULL, size "
                             "INTEGER NOT NULL, mtime INTEGER NOT NULL,"
                             " ctime INTEGER NOT NULL, inode INTEGER NOT NULL, sha256 BLOB NOT "
                             "NULL, PRIMARY KEY(dir, name)) WITHOUT ROWID;"
                             "CREATE TABLE twin(k INTEGER NOT NULL, dir INTEGER NOT NULL, name "
                             "TEXT NOT NULL, PRIMARY KEY(k, dir, name))"
                             " WITHOUT ROWID;";

struct Index {
    Mirror *mirror;
    Database *database;
    gint64 version; /* being filled */
    gint64 dir;     /* of the last file added */
    char *dir_path;
    gboolean is_open; /* a transaction of index_touch() */
};

static gint64 key_of(const Digest *sha256)
{
    gint64 key;
    memcpy(&key, sha256->bytes, sizeof key);
    return key;
}

static char *index_path(Mirror *mirror)
{
    if (!file_system_is_network(mirror_fd(mirror))) {
        return g_build_filename(mirror_path(mirror), ".medmirror", "index.db", NULL);
    }
    g_autofree char *id = g_compute_checksum_for_string(G_CHECKSUM_SHA256, mirror_path(mirror), -1);
    g_autofree char *folder = g_build_filename(g_get_user_cache_dir(), "medmirror", NULL);
    g_mkdir_with_parents(folder, 0700);
    g_autofree char *name = g_strdup_printf("%.16s.db", id);
    return g_build_filename(folder, name, NULL);
}

static gboolean add_version_of_lock(Index *index, const LockHeader *header, GError **error)
{
    g_autoptr(LockReader) reader =
        mirror_open_lock(index->mirror, header->folder, header->version, error);
    if (!reader || !index_begin_version(index, header->folder, header->version,
                                        header->access ? header->access : "open", error)) {
        return FALSE;
    }
    LockLine line = LOCK_LINE_FILE;
    while (line == LOCK_LINE_FILE || line == LOCK_LINE_DOWNLOAD) {
        g_auto(LockDownload) download = {0};
        g_auto(LockFile) file = {0};
        line = lock_reader_next(reader, &download, &file, error);
        const Digest *sha256 =
            line == LOCK_LINE_FILE ? digest_set_get(&file.digests, DIGEST_SHA256) : NULL;
        const FileStamp stamp = {.size = file.size, .mtime_ns = NEVER_PROVEN};
        if (sha256 && file.state == LOCK_STATE_HAVE &&
            !index_add_file(index, file.path, sha256, &stamp, error)) {
            return FALSE;
        }
    }
    return line == LOCK_LINE_END && index_end_version(index, error);
}

/* From the lock files: what they say, with no proof of what lies there now. */
static gboolean index_rebuild(Index *index, GError **error)
{
    g_autoptr(GPtrArray) headers = mirror_list(index->mirror, error);
    for (guint i = 0; headers && i < headers->len; i++) {
        const LockHeader *header = g_ptr_array_index(headers, i);
        g_autoptr(GError) failure = NULL;
        if (!add_version_of_lock(index, header, &failure)) {
            database_exec(index->database, "ROLLBACK", NULL);
            event_log(EVENT_LOG_WARNING, _("The index leaves out %s@%s: %s"), header->ref,
                      header->version, failure->message);
        }
    }
    return headers != NULL;
}

Index *index_open(Mirror *mirror, GError **error)
{
    g_autoptr(Index) index = g_new0(Index, 1);
    g_autofree char *path = index_path(mirror);
    gboolean is_new = !g_file_test(path, G_FILE_TEST_EXISTS);
    g_autoptr(GError) failure = NULL;
    index->mirror = mirror;
    index->database = database_open(path, DATABASE_SHARED, INDEX_VERSION, schema, &failure);
    if (!index->database && g_error_matches(failure, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED)) {
        event_log(EVENT_LOG_DEBUG, "the index is made anew: %s", failure->message);
        g_clear_error(&failure);
        g_unlink(path);
        is_new = TRUE;
        index->database = database_open(path, DATABASE_SHARED, INDEX_VERSION, schema, &failure);
    }
    if (!index->database) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    if (is_new && !index_rebuild(index, error)) {
        return NULL;
    }
    return g_steal_pointer(&index);
}

void index_close(Index *index)
{
    if (!index) {
        return;
    }
    index_flush(index, NULL);
    g_free(index->dir_path);
    g_clear_pointer(&index->database, database_close);
    g_free(index);
}

gboolean index_flush(Index *index, GError **error)
{
    gboolean was_open = index->is_open;
    index->is_open = FALSE;
    return !was_open || database_exec(index->database, "COMMIT", error);
}

static gint64 version_id(Index *index, const char *folder, const char *version)
{
    return database_number(index->database, -1,
                           "SELECT id FROM version WHERE folder = ? AND name = ?", "tt", folder,
                           version);
}

static gboolean forget(Index *index, gint64 id, GError **error)
{
    return database_run(index->database, error,
                        "DELETE FROM file WHERE dir IN (SELECT id FROM dir WHERE version = ?)", "i",
                        id) &&
           database_run(index->database, error,
                        "DELETE FROM twin WHERE dir IN (SELECT id FROM dir WHERE version = ?)", "i",
                        id) &&
           database_run(index->database, error, "DELETE FROM dir WHERE version = ?", "i", id) &&
           database_run(index->database, error, "DELETE FROM version WHERE id = ?", "i", id);
}

gboolean index_begin_version(Index *index, const char *folder, const char *version,
                             const char *access, GError **error)
{
    if (!index_flush(index, error) || !database_exec(index->database, "BEGIN IMMEDIATE", error)) {
        return FALSE;
    }
    gint64 old = version_id(index, folder, version);
    if ((old >= 0 && !forget(index, old, error)) ||
        !database_run(index->database, error,
                      "INSERT INTO version(folder, name, access) VALUES(?, ?, ?)", "ttt", folder,
                      version, access)) {
        database_exec(index->database, "ROLLBACK", NULL);
        return FALSE;
    }
    index->version = sqlite3_last_insert_rowid(database_handle(index->database));
    g_clear_pointer(&index->dir_path, g_free);
    return TRUE;
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? g_strndup(path, (gsize)(slash - path)) : g_strdup("");
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static gboolean enter_dir(Index *index, const char *path, GError **error)
{
    g_autofree char *dir = folder_of(path);
    if (index->dir_path && strcmp(index->dir_path, dir) == 0) {
        return TRUE;
    }
    if (!database_run(index->database, error,
                      "INSERT OR IGNORE INTO dir(version, path) VALUES(?, ?)", "it", index->version,
                      dir)) {
        return FALSE;
    }
    index->dir =
        database_number(index->database, -1, "SELECT id FROM dir WHERE version = ? AND path = ?",
                        "it", index->version, dir);
    g_free(index->dir_path);
    index->dir_path = g_steal_pointer(&dir);
    return TRUE;
}

gboolean index_add_file(Index *index, const char *path, const Digest *sha256,
                        const FileStamp *stamp, GError **error)
{
    return enter_dir(index, path, error) &&
           database_run(index->database, error,
                        "INSERT OR REPLACE INTO file VALUES(?, ?, ?, ?, ?, ?, ?)", "ituiiub",
                        index->dir, name_of(path), stamp->size, stamp->mtime_ns, stamp->ctime_ns,
                        stamp->inode, sha256->bytes, digest_length(DIGEST_SHA256));
}

/* The key is the digest's first 8 bytes, as memcpy(3) gives them. */
static void sql_key(sqlite3_context *context, int count, sqlite3_value **values)
{
    gint64 key = 0;
    if (sqlite3_value_bytes(values[0]) >= (int)sizeof key) {
        memcpy(&key, sqlite3_value_blob(values[0]), sizeof key);
    }
    sqlite3_result_int64(context, key);
}

gboolean index_end_version(Index *index, GError **error)
{
    sqlite3_create_function(database_handle(index->database), "digest_key", 1,
                            SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, sql_key, NULL, NULL);
    if (!database_run(
            index->database, error,
            "INSERT OR IGNORE INTO twin SELECT digest_key(sha256) AS k, dir, name FROM file"
            " WHERE size >= 4096 AND dir IN (SELECT id FROM dir WHERE version = ?) ORDER BY k, "
            "dir, name",
            "i", index->version) ||
        !database_exec(index->database, "COMMIT", error)) {
        database_exec(index->database, "ROLLBACK", NULL);
        return FALSE;
    }
    return TRUE;
}

gboolean index_forget_version(Index *index, const char *folder, const char *version, GError **error)
{
    gint64 id = version_id(index, folder, version);
    if (id < 0) {
        return TRUE;
    }
    if (!index_flush(index, error) || !database_exec(index->database, "BEGIN IMMEDIATE", error)) {
        return FALSE;
    }
    if (!forget(index, id, error) || !database_exec(index->database, "COMMIT", error)) {
        database_exec(index->database, "ROLLBACK", NULL);
        return FALSE;
    }
    return TRUE;
}

static gint64 dir_id(Index *index, const char *folder, const char *version, const char *path)
{
    g_autofree char *dir = folder_of(path);
    return database_number(index->database, -1,
                           "SELECT dir.id FROM dir JOIN version ON version.id = dir.version"
                           " WHERE version.folder = ? AND version.name = ? AND dir.path = ?",
                           "ttt", folder, version, dir);
}

gboolean index_is_unchanged(Index *index, const char *folder, const char *version, const char *path,
                            const FileStamp *stamp)
{
    gint64 dir = dir_id(index, folder, version, path);
    return dir >= 0 && database_number(index->database, 0,
                                       "SELECT 1 FROM file WHERE dir = ? AND name = ? AND size = ? "
                                       "AND mtime = ? AND ctime = ?"
                                       " AND inode = ?",
                                       "ituiiu", dir, name_of(path), stamp->size, stamp->mtime_ns,
                                       stamp->ctime_ns, stamp->inode) == 1;
}

gboolean index_touch(Index *index, const char *folder, const char *version, const char *path,
                     const FileStamp *stamp, GError **error)
{
    gint64 dir = dir_id(index, folder, version, path);
    if (!index->is_open && !database_exec(index->database, "BEGIN IMMEDIATE", error)) {
        return FALSE;
    }
    index->is_open = TRUE;
    return dir < 0 || database_run(index->database, error,
                                   "UPDATE file SET size = ?, mtime = ?, ctime = ?, inode = ? "
                                   "WHERE dir = ? AND name = ?",
                                   "uiiuit", stamp->size, stamp->mtime_ns, stamp->ctime_ns,
                                   stamp->inode, dir, name_of(path));
}

static gint64 in_ns(const struct timespec *time)
{
    return (gint64)time->tv_sec * G_GINT64_CONSTANT(1000000000) + time->tv_nsec;
}

static char *join_path(sqlite3_stmt *row)
{
    const char *dir = column_text(row, 2);
    return g_strdup_printf("%s/%s/%s%s%s", column_text(row, 0), column_text(row, 1), dir,
                           *dir ? "/" : "", column_text(row, 3));
}

char *index_find_twin(Index *index, const Digest *sha256, guint64 size, gboolean *proven)
{
    sqlite3_stmt *rows = database_query(
        index->database, NULL,
        "SELECT version.folder, version.name, dir.path, file.name, file.mtime, file.ctime, "
        "file.inode, file.size FROM twin"
        " JOIN file ON file.dir = twin.dir AND file.name = twin.name JOIN dir ON dir.id = file.dir"
        " JOIN version ON version.id = dir.version"
        " WHERE twin.k = ? AND file.sha256 = ? AND version.access = 'open' LIMIT 16",
        "ib", key_of(sha256), sha256->bytes, digest_length(DIGEST_SHA256));
    char *found = NULL;
    while (rows && !found && database_step(index->database, rows, NULL) > 0) {
        g_autofree char *path = join_path(rows);
        struct stat now;
        guint64 known = column_size(rows, 7);
        if ((size != SIZE_UNKNOWN && known != size) || known < SHARED_FROM ||
            fstatat(mirror_fd(index->mirror), path, &now, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(now.st_mode) || (guint64)now.st_size != known) {
            continue;
        }
        *proven = in_ns(&now.st_mtim) == sqlite3_column_int64(rows, 4) &&
                  in_ns(&now.st_ctim) == sqlite3_column_int64(rows, 5) &&
                  now.st_ino == column_size(rows, 6);
        found = g_steal_pointer(&path);
    }
    if (rows) {
        sqlite3_reset(rows);
    }
    return found;
}

GPtrArray *index_paths_of_inode(Index *index, guint64 inode)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    sqlite3_stmt *rows =
        database_query(index->database, NULL,
                       "SELECT version.folder, version.name, dir.path, file.name FROM file JOIN "
                       "dir ON dir.id = file.dir"
                       " JOIN version ON version.id = dir.version WHERE file.inode = ?",
                       "u", inode);
    while (rows && database_step(index->database, rows, NULL) > 0) {
        g_ptr_array_add(paths, join_path(rows));
    }
    return paths;
}

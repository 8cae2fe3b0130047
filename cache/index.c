#include "index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "index_private.h"
#include "room.h"
#include "tree_writer.h"

#define INDEX_VERSION 1
/* Who wants to write waits for no longer than this. */
#define READ_US (100 * 1000)

/* Folders are interned; the digests, which are random, lie in a table of their own that is filled
 * in its own order (ten times as fast as an index on file). Entries there may be stale: each hit is
 * looked up in file, then on disk. */
static const char schema[] =
    "CREATE TABLE version(id INTEGER PRIMARY KEY AUTOINCREMENT, folder TEXT NOT NULL,"
    " name TEXT NOT NULL, access TEXT, lock_stamp TEXT, UNIQUE(folder, name));"
    "CREATE TABLE dir(id INTEGER PRIMARY KEY AUTOINCREMENT, version INTEGER NOT NULL,"
    " path TEXT NOT NULL, UNIQUE(version, path));"
    "CREATE TABLE file(dir INTEGER NOT NULL, name TEXT NOT NULL, size INTEGER, mtime INTEGER,"
    " ctime INTEGER, inode INTEGER, sha256 BLOB NOT NULL, PRIMARY KEY(dir, name)) WITHOUT ROWID;"
    "CREATE TABLE twin(key INTEGER NOT NULL, dir INTEGER NOT NULL, name TEXT NOT NULL,"
    " PRIMARY KEY(key, dir, name)) WITHOUT ROWID;";

static gint64 nanoseconds(const struct timespec *time)
{
    return (gint64)time->tv_sec * G_GINT64_CONSTANT(1000000000) + time->tv_nsec;
}

gboolean file_stamp_of(int fd, const char *path, FileStamp *stamp)
{
    struct stat now;
    if (fstatat(fd, path, &now, *path == '\0' ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(now.st_mode))
        return FALSE;
    *stamp = (FileStamp){(guint64)now.st_size, nanoseconds(&now.st_mtim), nanoseconds(&now.st_ctim),
                         now.st_ino};
    return TRUE;
}

gboolean file_stamp_equal(const FileStamp *a, const FileStamp *b)
{
    return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns &&
           a->inode == b->inode;
}

static char *index_path(Mirror *mirror)
{
    /* No SQLite database is safe between the nodes of a cluster. */
    if (!file_system_is_network(mirror_private_fd(mirror)))
        return g_build_filename(mirror_path(mirror), ".medmirror", "index.db", NULL);
    g_autofree char *digest =
        g_compute_checksum_for_string(G_CHECKSUM_SHA256, mirror_path(mirror), -1);
    g_autofree char *name = g_strdup_printf("index-%.16s.db", digest);
    g_autofree char *folder = g_build_filename(g_get_user_cache_dir(), "medmirror", NULL);
    g_mkdir_with_parents(folder, 0700);
    return g_build_filename(folder, name, NULL);
}

static void remove_files(const char *path)
{
    g_autofree char *journal = g_strconcat(path, "-journal", NULL);
    unlink(path);
    unlink(journal);
}

/* It names the files of private versions too: it is its owner's alone. In a group's mirror, where
 * all of the group write it, it does without those names. */
static gboolean make_private(const Mirror *mirror, const char *path)
{
    struct stat folder, now;
    gboolean is_shared =
        fstat(mirror_private_fd(mirror), &folder) == 0 && (folder.st_mode & 0020) != 0;
    mode_t mode = is_shared ? 0660 : 0600;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd >= 0) {
        (void)fchmod(fd, mode);
        close(fd);
    } else if (stat(path, &now) == 0 && now.st_uid == geteuid() && (now.st_mode & 0777) != mode) {
        /* Not through a descriptor: its closing would give up this process's locks. */
        (void)chmod(path, mode);
    }
    return is_shared;
}

Index *index_open(Mirror *mirror, GError **error)
{
    g_autoptr(GError) problem = NULL;
    if (mirror_private_fd(mirror) < 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("The mirror %s has no index."), mirror_path(mirror));
        return NULL;
    }
    g_autofree char *path = index_path(mirror);
    for (guint attempt = 0; attempt < 2; attempt++) {
        g_autoptr(Index) index = g_new0(Index, 1);
        g_clear_error(&problem);
        index->mirror = mirror;
        index->path = g_strdup(path);
        index->is_shared = make_private(mirror, path);
        index->database = database_open(path, DATABASE_SHARED, INDEX_VERSION, schema, &problem);
        if (index->database != NULL &&
            database_exec(index->database,
                          "CREATE TEMP TABLE fresh(key INTEGER, dir INTEGER, name TEXT)",
                          &problem) &&
            index_refresh(index, &problem))
            return g_steal_pointer(&index);
        if (!g_error_matches(problem, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED))
            break;
        event_log(EVENT_LOG_WARNING, _("%s It is made again from the lock files."),
                  problem->message);
        g_clear_pointer(&index, index_close);
        remove_files(path);
    }
    g_propagate_error(error, g_steal_pointer(&problem));
    return NULL;
}

void index_close(Index *index)
{
    if (index == NULL)
        return;
    gboolean broken = index->database != NULL && database_is_broken(index->database);
    if (index->database != NULL && index->pending > 0)
        database_exec(index->database, "ROLLBACK", NULL);
    database_close(index->database);
    /* The next one to open it makes it again. */
    if (broken)
        remove_files(index->path);
    g_free(index->lock_folder);
    g_free(index->lock_name);
    g_free(index->dir_path);
    g_free(index->path);
    g_free(index);
}

void index_gather(Index *index, gboolean gathers)
{
    index_rest(index);
    index->gathers = gathers;
}

void index_rest(Index *index)
{
    if (index->is_reading)
        database_exec(index->database, "COMMIT", NULL);
    index->is_reading = FALSE;
}

/* Before a lookup. */
static void begin_reading(Index *index)
{
    gint64 now = g_get_monotonic_time();
    if (!index->gathers || index->pending > 0)
        return;
    if (index->is_reading && now - index->reads_since > READ_US)
        index_rest(index);
    if (!index->is_reading) {
        index->is_reading = database_exec(index->database, "BEGIN", NULL);
        index->reads_since = now;
    }
}

gboolean index_touch(Index *index, GError **error)
{
    index_rest(index);
    /* IMMEDIATE: a lock that is upgraded later fails at once, whatever the time-out. */
    if (index->pending == 0 && !database_exec(index->database, "BEGIN IMMEDIATE", error))
        return FALSE;
    index->pending++;
    return TRUE;
}

gboolean index_commit(Index *index, GError **error)
{
    if (index->pending == 0)
        return TRUE;
    index->pending = 0;
    if (database_exec(index->database, "COMMIT", error))
        return TRUE;
    database_exec(index->database, "ROLLBACK", NULL);
    return FALSE;
}

gboolean index_is_unchanged(Index *index, const char *folder, const char *version, const char *path,
                            const FileStamp *stamp)
{
    const char *slash = strrchr(path, '/');
    g_autofree char *dir = slash == NULL ? g_strdup("") : g_strndup(path, (gsize)(slash - path));
    g_autofree char *name = mirror_version_name(version);
    sqlite3_stmt *row =
        database_query(index->database, NULL,
                       "SELECT file.size, file.mtime, file.ctime, file.inode FROM version"
                       " JOIN dir ON dir.version = version.id AND dir.path = ?"
                       " JOIN file ON file.dir = dir.id AND file.name = ?"
                       " WHERE version.folder = ? AND version.name = ? AND lock_stamp NOT NULL"
                       " AND file.inode NOT NULL",
                       "tttt", dir, slash == NULL ? path : slash + 1, folder, name);
    if (row == NULL || database_step(index->database, row, NULL) != 1)
        return FALSE;
    FileStamp known = {(guint64)sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1),
                       sqlite3_column_int64(row, 2), (guint64)sqlite3_column_int64(row, 3)};
    sqlite3_reset(row);
    return file_stamp_equal(&known, stamp);
}

static char *row_path(sqlite3_stmt *row)
{
    const char *dir = column_text(row, 2);
    return g_strdup_printf("%s/%s/%s%s%s", column_text(row, 0), column_text(row, 1), dir,
                           *dir == '\0' ? "" : "/", column_text(row, 3));
}

static gboolean has_bytes(int fd, const Digest *sha256)
{
    g_autoptr(DigestStream) stream = digest_stream_new(1U << DIGEST_SHA256, 0);
    const gsize piece = (gsize)256 * 1024;
    g_autofree char *buffer = g_malloc(piece);
    gssize got;
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    while ((got = TEMP_FAILURE_RETRY(read(fd, buffer, piece))) > 0)
        digest_stream_update(stream, buffer, (gsize)got);
    DigestSet set = {0};
    digest_stream_finish(stream, &set);
    return got == 0 && digest_equal(digest_set_get(&set, DIGEST_SHA256), sha256);
}

static void set_stamp(Index *index, gint64 dir, const char *name, const FileStamp *stamp)
{
    if (index_touch(index, NULL) &&
        database_run(index->database, NULL,
                     "UPDATE file SET size = ?, mtime = ?, ctime = ?, inode = ?"
                     " WHERE dir = ? AND name = ?",
                     "iiiiit", (gint64)stamp->size, stamp->mtime_ns, stamp->ctime_ns,
                     (gint64)stamp->inode, dir, name))
        index_commit(index, NULL);
}

/* A candidate: does it lie there, with these bytes? */
static gboolean holds(Index *index, sqlite3_stmt *row, const char *path, const Digest *sha256,
                      guint64 size)
{
    int fd = tree_open_file(mirror_fd(index->mirror), path, NULL, NULL);
    FileStamp now, after;
    FileStamp known = {column_size(row, 8), sqlite3_column_int64(row, 5),
                       sqlite3_column_int64(row, 6), (guint64)sqlite3_column_int64(row, 7)};
    gboolean fits = fd >= 0 && file_stamp_of(fd, "", &now) && now.size >= INDEX_SHARE_FROM &&
                    (size == SIZE_UNKNOWN || now.size == size);
    gboolean proven = fits && file_stamp_equal(&known, &now);
    if (fits && !proven) {
        /* The bytes themselves, where the stamp says nothing. */
        proven = has_bytes(fd, sha256) && file_stamp_of(fd, "", &after) &&
                 file_stamp_equal(&now, &after);
        g_autofree char *name = g_strdup(column_text(row, 3));
        if (proven && index->pending == 0)
            set_stamp(index, sqlite3_column_int64(row, 4), name, &now);
    }
    if (fd >= 0)
        close(fd);
    return proven;
}

gint64 index_twin_key(const Digest *sha256)
{
    gint64 key;
    memcpy(&key, sha256->bytes, sizeof key);
    return key;
}

char *index_find_twin(Index *index, const Digest *sha256, guint64 size)
{
    if (size < INDEX_SHARE_FROM || sha256->algorithm != DIGEST_SHA256)
        return NULL;
    begin_reading(index);
    sqlite3_stmt *rows = database_query(
        index->database, NULL,
        "SELECT version.folder, version.name, dir.path, file.name, dir.id, file.mtime, file.ctime,"
        " file.inode, file.size FROM twin"
        " JOIN file ON file.dir = twin.dir AND file.name = twin.name"
        " JOIN dir ON dir.id = file.dir JOIN version ON version.id = dir.version"
        " WHERE twin.key = ? AND file.sha256 = ? AND version.lock_stamp NOT NULL"
        " AND version.access = 'open' LIMIT 8",
        "ib", index_twin_key(sha256), sha256->bytes, digest_length(DIGEST_SHA256));
    while (rows != NULL && database_step(index->database, rows, NULL) == 1) {
        g_autofree char *path = row_path(rows);
        if (holds(index, rows, path, sha256, size)) {
            sqlite3_reset(rows);
            return g_steal_pointer(&path);
        }
    }
    return NULL;
}

gboolean index_note_linked(Index *index, const char *path, const Digest *sha256, GError **error)
{
    FileStamp now;
    if (!file_stamp_of(mirror_fd(index->mirror), path, &now))
        return TRUE;
    gboolean is_filling = index->pending > 0;
    /* All names of the inode have its digest. */
    return index_touch(index, error) &&
           database_run(index->database, error,
                        "UPDATE file SET ctime = ?1 WHERE inode = ?2 AND mtime = ?3"
                        " AND sha256 = ?5 AND (dir, name) IN"
                        " (SELECT dir, name FROM twin WHERE key = ?4)",
                        "iiiib", now.ctime_ns, (gint64)now.inode, now.mtime_ns,
                        index_twin_key(sha256), sha256->bytes, digest_length(DIGEST_SHA256)) &&
           (is_filling || index_commit(index, error));
}

/* A name that the inode has (left) in the mirror; NULL. */
static char *find_name(Index *index, const IndexInode *inode)
{
    sqlite3_stmt *row =
        database_query(index->database, NULL,
                       "SELECT version.folder, version.name, dir.path, file.name FROM twin"
                       " JOIN file ON file.dir = twin.dir AND file.name = twin.name"
                       " JOIN dir ON dir.id = twin.dir JOIN version ON version.id = dir.version"
                       " WHERE twin.key = ? AND file.inode = ? AND file.sha256 = ? LIMIT 1",
                       "iib", index_twin_key(&inode->sha256), (gint64)inode->inode,
                       inode->sha256.bytes, digest_length(DIGEST_SHA256));
    if (row == NULL || database_step(index->database, row, NULL) != 1)
        return NULL;
    char *path = row_path(row);
    sqlite3_reset(row);
    return path;
}

gboolean index_note_unlinked(Index *index, const IndexInode *inodes, guint count, GError **error)
{
    for (guint i = 0; i < count; i++) {
        g_autofree char *path = index_touch(index, error) ? find_name(index, &inodes[i]) : NULL;
        if (path != NULL && !index_note_linked(index, path, &inodes[i].sha256, error))
            return FALSE;
        if (index->pending >= INDEX_TRANSACTION_ROWS && !index_commit(index, error))
            return FALSE;
    }
    return index_commit(index, error);
}

gboolean index_note_replaced(Index *index, guint64 inode, const char *path, const Digest *sha256,
                             GError **error)
{
    FileStamp now;
    if (!file_stamp_of(mirror_fd(index->mirror), path, &now))
        return TRUE;
    return index_touch(index, error) &&
           database_run(index->database, error,
                        "UPDATE file SET size = ?, mtime = ?, ctime = ?, inode = ?"
                        " WHERE inode = ? AND sha256 = ? AND (dir, name) IN"
                        " (SELECT dir, name FROM twin WHERE key = ?)",
                        "iiiiibi", (gint64)now.size, now.mtime_ns, now.ctime_ns, (gint64)now.inode,
                        (gint64)inode, sha256->bytes, digest_length(DIGEST_SHA256),
                        index_twin_key(sha256)) &&
           index_commit(index, error);
}

GPtrArray *index_paths_of_inode(Index *index, guint64 inode)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    /* A scan, some 0.3 s a million files: repairs are rare. */
    g_autoptr(sqlite3_stmt) rows =
        database_query_new(index->database, NULL,
                           "SELECT version.folder, version.name, dir.path, file.name FROM file"
                           " JOIN dir ON dir.id = file.dir JOIN version ON version.id = dir.version"
                           " WHERE file.inode = ? ORDER BY 1, 2, 3, 4",
                           "i", (gint64)inode);
    while (rows != NULL && database_step(index->database, rows, NULL) == 1)
        g_ptr_array_add(paths, row_path(rows));
    return paths;
}

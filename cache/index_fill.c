#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "index_private.h"
#include "readers.h"
#include "relpath.h"
#include "tree_writer.h"

static gboolean commit_full(Index *index, GError **error)
{
    return index->pending < INDEX_TRANSACTION_ROWS || index_commit(index, error);
}

/* What tells one lock file from another. */
static char *lock_stamp_at(int folder_fd, const char *name)
{
    g_autofree char *file = g_strconcat(name, ".lock.jsonl", NULL);
    FileStamp stamp;
    if (!file_stamp_of(folder_fd, file, &stamp))
        return NULL;
    return g_strdup_printf("%" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GUINT64_FORMAT,
                           stamp.size, stamp.mtime_ns, stamp.inode);
}

static gboolean forget_rows(Index *index, gint64 version, GError **error)
{
    return index_touch(index, error) &&
           database_run(index->database, error,
                        "DELETE FROM file WHERE dir IN (SELECT id FROM dir WHERE version = ?)", "i",
                        version) &&
           database_run(index->database, error, "DELETE FROM dir WHERE version = ?", "i",
                        version) &&
           index_commit(index, error);
}

/* Until its end a version has no lock stamp, and its rows do not count. */
static gboolean begin_name(Index *index, const char *folder, const char *name, const char *access,
                           gboolean keep, GError **error)
{
    g_free(index->lock_folder);
    g_free(index->lock_name);
    index->lock_folder = g_strdup(folder);
    index->lock_name = g_strdup(name);
    g_clear_pointer(&index->dir_path, g_free);
    index->leaves_out = index->is_shared && !access_is_open(access);
    if (!index_commit(index, error) || !index_touch(index, error) ||
        !database_run(index->database, error,
                      "INSERT INTO version(folder, name, access) VALUES(?, ?, ?)"
                      " ON CONFLICT(folder, name) DO UPDATE SET access = excluded.access,"
                      " lock_stamp = NULL",
                      "ttt", folder, name, access) ||
        !index_commit(index, error))
        return FALSE;
    index->version =
        database_number(index->database, 0, "SELECT id FROM version WHERE folder = ? AND name = ?",
                        "tt", folder, name);
    return ((keep && !index->leaves_out) || forget_rows(index, index->version, error)) &&
           database_run(index->database, error, "DELETE FROM fresh", "");
}

gboolean index_begin_version(Index *index, const char *folder, const char *version,
                             const char *access, GError **error)
{
    g_autofree char *name = mirror_version_name(version);
    return begin_name(index, folder, name, access, FALSE, error);
}

gboolean index_continue_version(Index *index, const char *folder, const char *version,
                                const char *access, GError **error)
{
    g_autofree char *name = mirror_version_name(version);
    return begin_name(index, folder, name, access, TRUE, error);
}

static gboolean enter_dir(Index *index, const char *path, gsize length, GError **error)
{
    if (index->dir_path != NULL && strlen(index->dir_path) == length &&
        memcmp(index->dir_path, path, length) == 0)
        return TRUE;
    g_free(index->dir_path);
    index->dir_path = g_strndup(path, length);
    if (!database_run(index->database, error,
                      "INSERT INTO dir(version, path) VALUES(?, ?) ON CONFLICT DO NOTHING", "it",
                      index->version, index->dir_path))
        return FALSE;
    index->dir =
        database_number(index->database, 0, "SELECT id FROM dir WHERE version = ? AND path = ?",
                        "it", index->version, index->dir_path);
    return index->dir != 0;
}

static gboolean add_file(Index *index, const char *path, const Digest *sha256, guint64 size,
                         const FileStamp *stamp, GError **error)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    static const char sql[] =
        "INSERT INTO file(dir, name, size, mtime, ctime, inode, sha256)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(dir, name) DO UPDATE SET"
        " size = excluded.size, mtime = excluded.mtime, ctime = excluded.ctime,"
        " inode = excluded.inode, sha256 = excluded.sha256";
    static const char unproven[] =
        "INSERT INTO file(dir, name, size, sha256) VALUES(?1, ?2, ?3, ?4)"
        " ON CONFLICT(dir, name) DO UPDATE SET size = excluded.size, mtime = NULL, ctime = NULL,"
        " inode = NULL, sha256 = excluded.sha256";
    if (index->leaves_out)
        return TRUE;
    if (!index_touch(index, error) ||
        !enter_dir(index, path, slash == NULL ? 0 : (gsize)(slash - path), error))
        return FALSE;
    gsize length = digest_length(DIGEST_SHA256);
    gboolean added = stamp == NULL
                         ? database_run(index->database, error, unproven, "itub", index->dir, name,
                                        size, sha256->bytes, length)
                         : database_run(index->database, error, sql, "ituiiib", index->dir, name,
                                        size, stamp->mtime_ns, stamp->ctime_ns,
                                        (gint64)stamp->inode, sha256->bytes, length);
    if (added && size >= INDEX_SHARE_FROM && size != SIZE_UNKNOWN)
        added = database_run(index->database, error,
                             "INSERT INTO fresh(key, dir, name) VALUES(?, ?, ?)", "iit",
                             index_twin_key(sha256), index->dir, name);
    return added && commit_full(index, error);
}

gboolean index_add_file(Index *index, const char *path, const Digest *sha256,
                        const FileStamp *stamp, GError **error)
{
    return add_file(index, path, sha256, stamp == NULL ? SIZE_UNKNOWN : stamp->size, stamp, error);
}

static gboolean end_with(Index *index, const char *lock_stamp, GError **error)
{
    return index_touch(index, error) &&
           database_run(index->database, error,
                        "INSERT OR IGNORE INTO twin SELECT key, dir, name FROM fresh ORDER BY key",
                        "") &&
           database_run(index->database, error, "UPDATE version SET lock_stamp = ? WHERE id = ?",
                        "ti", lock_stamp, index->version) &&
           database_run(index->database, error, "DELETE FROM fresh", "") &&
           index_commit(index, error);
}

gboolean index_end_version(Index *index, GError **error)
{
    int fd = tree_open_folder(mirror_fd(index->mirror), index->lock_folder, FALSE, 0, error);
    if (fd < 0)
        return FALSE;
    g_autofree char *stamp = lock_stamp_at(fd, index->lock_name);
    close(fd);
    if (stamp != NULL)
        return end_with(index, stamp, error);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT, _("%s/%s has no lock."),
                index->lock_folder, index->lock_name);
    return FALSE;
}

gboolean index_forget_version(Index *index, const char *folder, const char *version, GError **error)
{
    g_autofree char *name = mirror_version_name(version);
    gint64 id =
        database_number(index->database, 0, "SELECT id FROM version WHERE folder = ? AND name = ?",
                        "tt", folder, name);
    return id == 0 ||
           (forget_rows(index, id, error) && index_touch(index, error) &&
            database_run(index->database, error, "DELETE FROM version WHERE id = ?", "i", id) &&
            index_commit(index, error));
}

static gboolean read_lock(Index *index, LockReader *lock, GError **error)
{
    g_auto(LockDownload) download = {0};
    g_auto(LockFile) file = {0};
    for (;;) {
        switch (lock_reader_next(lock, &download, &file, error)) {
        case LOCK_LINE_END:
            return TRUE;
        case LOCK_LINE_DOWNLOAD:
            continue;
        case LOCK_LINE_FILE:
            break;
        default:
            return FALSE;
        }
        const Digest *sha256 = digest_set_get(&file.digests, DIGEST_SHA256);
        if (file.state == LOCK_STATE_HAVE && sha256 != NULL &&
            !add_file(index, file.path, sha256, file.size, NULL, error))
            return FALSE;
    }
}

/* One version as its lock has it; one that cannot be read must not hide the others. */
static gboolean refresh_one(int folder_fd, const char *folder, const char *name, gpointer data,
                            GError **error)
{
    Index *index = data;
    g_autofree char *stamp = lock_stamp_at(folder_fd, name);
    if (stamp == NULL ||
        database_number(index->database, 0,
                        "SELECT 1 FROM version WHERE folder = ? AND name = ? AND lock_stamp = ?",
                        "ttt", folder, name, stamp) == 1)
        return TRUE;
    g_autofree char *file = g_strconcat(name, ".lock.jsonl", NULL);
    g_autoptr(GError) problem = NULL;
    g_autoptr(LockReader) lock = lock_reader_open(folder_fd, file, &problem);
    if (lock == NULL) {
        event_log(EVENT_LOG_WARNING, "%s: %s", folder, problem->message);
        return TRUE;
    }
    if (!begin_name(index, folder, name, lock_reader_header(lock)->access, FALSE, error))
        return FALSE;
    /* Who may still write to his files shares them with nobody. */
    if (lock_reader_header(lock)->in_place != NULL || read_lock(index, lock, &problem))
        return end_with(index, stamp, error);
    if (database_is_broken(index->database) ||
        !g_error_matches(problem, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    event_log(EVENT_LOG_WARNING, "%s: %s", folder, problem->message);
    return index_commit(index, error);
}

/* Versions whose lock is gone. */
static gboolean forget_gone(Index *index, GError **error)
{
    g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(sqlite3_stmt) rows =
        database_query_new(index->database, error, "SELECT id, folder, name FROM version", "");
    int got = rows == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(index->database, rows, error);
        if (got != 1)
            break;
        g_autofree char *path =
            g_strdup_printf("%s/%s.lock.jsonl", column_text(rows, 1), column_text(rows, 2));
        struct stat now;
        gint64 id = sqlite3_column_int64(rows, 0);
        if (fstatat(mirror_fd(index->mirror), path, &now, AT_SYMLINK_NOFOLLOW) != 0 &&
            errno == ENOENT)
            g_array_append_val(gone, id);
    }
    for (guint i = 0; got == 0 && i < gone->len; i++) {
        gint64 id = g_array_index(gone, gint64, i);
        if (!forget_rows(index, id, error) || !index_touch(index, error) ||
            !database_run(index->database, error, "DELETE FROM version WHERE id = ?", "i", id) ||
            !index_commit(index, error))
            return FALSE;
    }
    return got == 0;
}

gboolean index_refresh(Index *index, GError **error)
{
    return forget_gone(index, error) &&
           mirror_each_lock(index->mirror, NULL, refresh_one, index, error);
}

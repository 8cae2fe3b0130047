#include "member_log.h"

#include "error.h"
#include "i18n.h"
#include "relpath.h"

#include <sqlite3.h>
#include <string.h>

enum {
    CACHE_KIB = 2048
};

typedef enum {
    LOG_ADD_FOLDER,
    LOG_LOOK_UP,
    LOG_ADD_FILE,
    LOG_FORGET,
    LOG_ADD_PENDING,
    LOG_TAKE_PENDING,
    LOG_STATEMENTS,
} LogStatement;

/* A folder has no size. Paths are kept where they differ from their key. */
static const char *const statements[LOG_STATEMENTS] = {
    [LOG_ADD_FOLDER] = "INSERT OR IGNORE INTO met(key) VALUES(?1)",
    [LOG_LOOK_UP] = "SELECT path, size, sha256, target FROM met WHERE key = ?1",
    [LOG_ADD_FILE] = "INSERT OR REPLACE INTO met(key, path, size, sha256, target) "
                     "VALUES(?1, ?2, ?3, ?4, ?5)",
    [LOG_FORGET] = "DELETE FROM met WHERE key = ?1",
    [LOG_ADD_PENDING] =
        "INSERT INTO pending(path, member, size, digests, target, chosen, made, "
        "problem, code, folder, part) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
        "?11)",
    [LOG_TAKE_PENDING] = "SELECT id, path, member, size, digests, target, chosen, made, problem, "
                         "code, folder, part FROM pending WHERE id >= ?1 ORDER BY id LIMIT 1",
};

struct MemberLog {
    sqlite3 *database;
    sqlite3_stmt *prepared[LOG_STATEMENTS];
    char *last_folder; /* of the last file: its folders are known */
    gint64 next_pending;
};

static gboolean log_failed(MemberLog *log, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE,
                _("The list of an archive's members cannot be kept in a temporary file: %s. Is "
                  "there room in the folder for temporary files (TMPDIR)?"),
                log->database ? sqlite3_errmsg(log->database) : sqlite3_errstr(SQLITE_NOMEM));
    return FALSE;
}

MemberLog *member_log_new(GError **error)
{
    g_autoptr(MemberLog) log = g_new0(MemberLog, 1);
    g_autofree char *set_up = g_strdup_printf(
        "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-%d;"
        "PRAGMA temp_store=FILE;"
        "CREATE TABLE met(key TEXT PRIMARY KEY, path TEXT, size INTEGER, sha256 BLOB, target TEXT)"
        " WITHOUT ROWID;"
        "CREATE TABLE pending(id INTEGER PRIMARY KEY, path TEXT, member TEXT, size INTEGER,"
        " digests BLOB, target TEXT, chosen INTEGER, made INTEGER, problem TEXT, code INTEGER,"
        " folder INTEGER, part INTEGER);"
        "BEGIN",
        CACHE_KIB);
    /* An empty name is a temporary file of SQLite's, made only when the cache is full. */
    if (sqlite3_open_v2("", &log->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
            SQLITE_OK ||
        sqlite3_exec(log->database, set_up, NULL, NULL, NULL) != SQLITE_OK) {
        log_failed(log, error);
        return NULL;
    }
    for (int i = 0; i < LOG_STATEMENTS; i++) {
        if (sqlite3_prepare_v3(log->database, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &log->prepared[i], NULL) != SQLITE_OK) {
            log_failed(log, error);
            return NULL;
        }
    }
    return g_steal_pointer(&log);
}

void member_log_free(MemberLog *log)
{
    if (!log)
        return;
    for (int i = 0; i < LOG_STATEMENTS; i++)
        sqlite3_finalize(log->prepared[i]);
    sqlite3_close(log->database);
    g_free(log->last_folder);
    g_free(log);
}

static sqlite3_stmt *log_begin(MemberLog *log, LogStatement which)
{
    sqlite3_stmt *statement = log->prepared[which];
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return statement;
}

static gboolean log_run(MemberLog *log, sqlite3_stmt *statement, GError **error)
{
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return code == SQLITE_DONE || log_failed(log, error);
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT);
}

static char *column_text(sqlite3_stmt *statement, int at)
{
    return g_strdup((const char *)sqlite3_column_text(statement, at));
}

static void clash(const char *path, const char *other, GError **error)
{
    g_autofree char *shown = relpath_display(path);
    g_autofree char *shown_other = other ? relpath_display(other) : NULL;
    if (other)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                    _("The members \"%s\" and \"%s\" are refused as unsafe: some file systems "
                      "make their names one."),
                    shown_other, shown);
    else
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                    _("The member \"%s\" is refused as unsafe: it is a file and a folder in one "
                      "archive."),
                    shown);
}

/* KEY is a folder from now on. */
static gboolean add_folder(MemberLog *log, const char *key, const char *path, GError **error)
{
    sqlite3_stmt *statement = log_begin(log, LOG_ADD_FOLDER);
    bind_text(statement, 1, key);
    if (!log_run(log, statement, error))
        return FALSE;
    if (sqlite3_changes(log->database) > 0)
        return TRUE;
    statement = log_begin(log, LOG_LOOK_UP);
    bind_text(statement, 1, key);
    gboolean is_file =
        sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_type(statement, 1) != SQLITE_NULL;
    sqlite3_reset(statement);
    if (is_file)
        clash(path, NULL, error);
    return !is_file;
}

gboolean member_log_add_folders(MemberLog *log, const char *path, gboolean itself, GError **error)
{
    g_autofree char *folder = itself ? g_strdup(path) : g_path_get_dirname(path);
    if (g_str_equal(folder, ".") || g_strcmp0(folder, log->last_folder) == 0)
        return TRUE;
    g_autofree char *key = relpath_collision_key(folder);
    for (char *slash = strchr(key, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (!add_folder(log, key, path, error))
            return FALSE;
        if (!slash)
            break;
        *slash = '/';
    }
    g_free(log->last_folder);
    log->last_folder = g_steal_pointer(&folder);
    return TRUE;
}

MemberMet member_log_look_up(MemberLog *log, const char *path, LockFile *met, GError **error)
{
    g_autofree char *key = relpath_collision_key(path);
    sqlite3_stmt *statement = log_begin(log, LOG_LOOK_UP);
    bind_text(statement, 1, key);
    int code = sqlite3_step(statement);
    MemberMet result = MEMBER_NEW;
    if (code == SQLITE_ROW && sqlite3_column_type(statement, 1) == SQLITE_NULL) {
        result = MEMBER_CLASH;
        clash(path, NULL, error);
    } else if (code == SQLITE_ROW) {
        g_autofree char *other = column_text(statement, 0);
        if (!other)
            other = g_strdup(key);
        if (!g_str_equal(other, path)) {
            result = MEMBER_CLASH;
            clash(path, other, error);
        } else {
            result = MEMBER_SAME_NAME;
            met->size = (guint64)sqlite3_column_int64(statement, 1);
            met->link_target = column_text(statement, 3);
            if (sqlite3_column_bytes(statement, 2) == (int)digest_length(DIGEST_SHA256)) {
                Digest digest = {.algorithm = DIGEST_SHA256};
                memcpy(digest.bytes, sqlite3_column_blob(statement, 2),
                       digest_length(DIGEST_SHA256));
                digest_set_add(&met->digests, &digest);
            }
        }
    } else if (code != SQLITE_DONE) {
        result = MEMBER_LOG_FAILED;
        log_failed(log, error);
    }
    sqlite3_reset(statement);
    return result;
}

gboolean member_log_add_file(MemberLog *log, const LockFile *member, GError **error)
{
    g_autofree char *key = relpath_collision_key(member->path);
    const Digest *sha256 = digest_set_get(&member->digests, DIGEST_SHA256);
    sqlite3_stmt *statement = log_begin(log, LOG_ADD_FILE);
    bind_text(statement, 1, key);
    if (!g_str_equal(key, member->path))
        bind_text(statement, 2, member->path);
    sqlite3_bind_int64(statement, 3, (gint64)member->size);
    if (sha256)
        sqlite3_bind_blob(statement, 4, sha256->bytes, (int)digest_length(DIGEST_SHA256),
                          SQLITE_TRANSIENT);
    bind_text(statement, 5, member->link_target);
    return log_run(log, statement, error);
}

gboolean member_log_forget_file(MemberLog *log, const char *path, GError **error)
{
    g_autofree char *key = relpath_collision_key(path);
    sqlite3_stmt *statement = log_begin(log, LOG_FORGET);
    bind_text(statement, 1, key);
    return log_run(log, statement, error);
}

void pending_member_clear(PendingMember *pending)
{
    lock_file_clear(&pending->file);
    g_free(pending->problem);
    *pending = (PendingMember){0};
}

/* Only what is in the set: a byte for the algorithm, then the value. */
static GByteArray *pack_digests(const DigestSet *set)
{
    GByteArray *packed = g_byte_array_new();
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        const Digest *digest = digest_set_get(set, (DigestAlgorithm)i);
        const guint8 algorithm = (guint8)i;
        if (!digest)
            continue;
        g_byte_array_append(packed, &algorithm, 1);
        g_byte_array_append(packed, digest->bytes, (guint)digest_length(digest->algorithm));
    }
    return packed;
}

static void unpack_digests(const guint8 *packed, gsize length, DigestSet *set)
{
    while (length > 0 && packed[0] < DIGEST_ALGORITHMS) {
        Digest digest = {.algorithm = (DigestAlgorithm)packed[0]};
        const gsize size = digest_length(digest.algorithm);
        if (length < 1 + size)
            return;
        memcpy(digest.bytes, packed + 1, size);
        digest_set_add(set, &digest);
        packed += 1 + size;
        length -= 1 + size;
    }
}

gboolean member_log_add_pending(MemberLog *log, const PendingMember *pending, GError **error)
{
    g_autoptr(GByteArray) digests = pack_digests(&pending->file.digests);
    sqlite3_stmt *statement = log_begin(log, LOG_ADD_PENDING);
    bind_text(statement, 1, pending->file.path);
    bind_text(statement, 2, pending->file.member);
    sqlite3_bind_int64(statement, 3, (gint64)pending->file.size);
    sqlite3_bind_blob(statement, 4, digests->data, (int)digests->len, SQLITE_TRANSIENT);
    bind_text(statement, 5, pending->file.link_target);
    sqlite3_bind_int(statement, 6, pending->chosen);
    sqlite3_bind_int(statement, 7, pending->made);
    bind_text(statement, 8, pending->problem);
    sqlite3_bind_int(statement, 9, pending->code);
    sqlite3_bind_int(statement, 10, pending->folder);
    sqlite3_bind_int(statement, 11, pending->part);
    return log_run(log, statement, error);
}

int member_log_take_pending(MemberLog *log, PendingMember *pending, GError **error)
{
    sqlite3_stmt *statement = log_begin(log, LOG_TAKE_PENDING);
    sqlite3_bind_int64(statement, 1, log->next_pending);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        log->next_pending = sqlite3_column_int64(statement, 0) + 1;
        *pending = (PendingMember){.chosen = sqlite3_column_int(statement, 6),
                                   .made = sqlite3_column_int(statement, 7),
                                   .problem = column_text(statement, 8),
                                   .code = sqlite3_column_int(statement, 9),
                                   .folder = sqlite3_column_int(statement, 10),
                                   .part = sqlite3_column_int(statement, 11)};
        pending->file.path = column_text(statement, 1);
        pending->file.member = column_text(statement, 2);
        pending->file.size = (guint64)sqlite3_column_int64(statement, 3);
        unpack_digests(sqlite3_column_blob(statement, 4), (gsize)sqlite3_column_bytes(statement, 4),
                       &pending->file.digests);
        pending->file.link_target = column_text(statement, 5);
    }
    sqlite3_reset(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        log_failed(log, error);
        return -1;
    }
    return code == SQLITE_ROW;
}

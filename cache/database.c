#include "database.h"

#include <stdarg.h>
#include <string.h>

#include "error.h"
#include "i18n.h"

#define BUSY_TIMEOUT_MS 10000

struct Database {
    sqlite3 *handle;
    char *path;
    GHashTable *statements; /* SQL (by address) -> sqlite3_stmt */
    gboolean broken;
};

static gboolean fail(Database *database, GError **error)
{
    int code = database->handle == NULL ? SQLITE_NOMEM : sqlite3_errcode(database->handle);
    const char *reason =
        database->handle == NULL ? sqlite3_errstr(code) : sqlite3_errmsg(database->handle);
    MedmirrorError kind = MEDMIRROR_ERROR_FAILED;
    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        database->broken = TRUE;
        kind = MEDMIRROR_ERROR_DAMAGED;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        kind = MEDMIRROR_ERROR_BUSY;
        break;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_NOLFS:
        kind = MEDMIRROR_ERROR_STORAGE;
        break;
    default:
        break;
    }
    g_set_error(error, MEDMIRROR_ERROR, kind, _("The database %s failed: %s."), database->path,
                reason);
    return FALSE;
}

gboolean database_exec(Database *database, const char *sql, GError **error)
{
    return sqlite3_exec(database->handle, sql, NULL, NULL, NULL) == SQLITE_OK ||
           fail(database, error);
}

static void finalize(gpointer statement)
{
    sqlite3_finalize(statement);
}

static const char *settings(DatabaseKind kind)
{
    if (kind == DATABASE_SCRATCH)
        return "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; "
               "PRAGMA synchronous = OFF; PRAGMA cache_size = -6144; PRAGMA mmap_size = 0;";
    if (kind == DATABASE_FIXED)
        return "PRAGMA cache_size = -6144; PRAGMA mmap_size = 0; PRAGMA query_only = ON;";
    if (kind == DATABASE_PRIVATE)
        return "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; "
               "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -6144; PRAGMA temp_store = FILE; "
               "PRAGMA mmap_size = 0;";
    return "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL; PRAGMA cache_size = -6144; "
           "PRAGMA temp_store = FILE; PRAGMA mmap_size = 0;";
}

static gboolean give_schema(Database *database, int version, const char *schema, GError **error)
{
    gint64 stands = database_number(database, -1, "PRAGMA user_version", "");
    if (stands == version)
        return TRUE;
    if (sqlite3_db_readonly(database->handle, "main") == 1 && stands >= 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The database %s has another format."), database->path);
        return FALSE;
    }
    gint64 tables = database_number(database, -1, "SELECT count(*) FROM sqlite_master", "");
    if (stands != 0 || tables != 0) {
        if (stands < 0 || tables < 0)
            return fail(database, error);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The database %s has another format."), database->path);
        return FALSE;
    }
    g_autofree char *sql =
        g_strdup_printf("BEGIN IMMEDIATE; %s PRAGMA user_version = %d; COMMIT;", schema, version);
    if (database_exec(database, sql, error))
        return TRUE;
    sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    return FALSE;
}

static int open_handle(const char *path, DatabaseKind kind, sqlite3 **handle)
{
    if (kind == DATABASE_FIXED) {
        g_autofree char *escaped = g_uri_escape_string(path, "/", TRUE);
        g_autofree char *uri = g_strconcat("file:", escaped, "?immutable=1", NULL);
        return sqlite3_open_v2(uri, handle,
                               SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    }
    /* "unix-none" asks the file system for no locks: many network file systems have none. */
    gboolean alone = kind != DATABASE_SHARED;
    return sqlite3_open_v2(path, handle,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                           alone ? "unix-none" : NULL);
}

Database *database_open(const char *path, DatabaseKind kind, int version, const char *schema,
                        GError **error)
{
    g_autoptr(Database) database = g_new0(Database, 1);
    database->path = g_strdup(path);
    database->statements = g_hash_table_new_full(NULL, NULL, NULL, finalize);
    if (open_handle(path, kind, &database->handle) != SQLITE_OK) {
        fail(database, error);
        return NULL;
    }
    sqlite3_extended_result_codes(database->handle, 0);
    if (kind == DATABASE_SHARED)
        sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
    if (!database_exec(database, settings(kind), error) ||
        !give_schema(database, version, schema, error))
        return NULL;
    return g_steal_pointer(&database);
}

void database_close(Database *database)
{
    if (database == NULL)
        return;
    g_hash_table_unref(database->statements);
    sqlite3_close(database->handle);
    g_free(database->path);
    g_free(database);
}

sqlite3 *database_handle(Database *database)
{
    return database->handle;
}

static int bind_digests(sqlite3_stmt *statement, int index, const DigestSet *set)
{
    guint8 bytes[DIGEST_SET_MAX_BYTES];
    gsize length = set == NULL ? 0 : digest_set_to_bytes(set, bytes);
    return length == 0 ? sqlite3_bind_null(statement, index)
                       : sqlite3_bind_blob(statement, index, bytes, (int)length, SQLITE_TRANSIENT);
}

static int bind_one(sqlite3_stmt *statement, int index, char type, va_list *values)
{
    switch (type) {
    case 'i':
        return sqlite3_bind_int64(statement, index, va_arg(*values, gint64));
    case 'u': {
        guint64 size = va_arg(*values, guint64);
        return size > G_MAXINT64 ? sqlite3_bind_null(statement, index)
                                 : sqlite3_bind_int64(statement, index, (gint64)size);
    }
    case 't':
        return sqlite3_bind_text(statement, index, va_arg(*values, const char *), -1,
                                 SQLITE_STATIC);
    case 'd':
        return bind_digests(statement, index, va_arg(*values, const DigestSet *));
    case 'b': {
        const void *bytes = va_arg(*values, const void *);
        return sqlite3_bind_blob(statement, index, bytes, (int)va_arg(*values, gsize),
                                 SQLITE_STATIC);
    }
    default:
        return SQLITE_MISUSE;
    }
}

static gboolean bind_all(sqlite3_stmt *statement, const char *types, va_list *values)
{
    for (int i = 0; types[i] != '\0'; i++) {
        if (bind_one(statement, i + 1, types[i], values) != SQLITE_OK)
            return FALSE;
    }
    return TRUE;
}

static sqlite3_stmt *kept_statement(Database *database, const char *sql)
{
    sqlite3_stmt *statement = g_hash_table_lookup(database->statements, sql);
    if (statement != NULL) {
        sqlite3_reset(statement);
        return statement;
    }
    if (sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement,
                           NULL) != SQLITE_OK)
        return NULL;
    g_hash_table_insert(database->statements, (gpointer)sql, statement);
    return statement;
}

static sqlite3_stmt *query_valist(Database *database, GError **error, const char *sql,
                                  const char *types, va_list *values)
{
    sqlite3_stmt *statement = kept_statement(database, sql);
    if (statement != NULL && bind_all(statement, types, values))
        return statement;
    fail(database, error);
    return NULL;
}

sqlite3_stmt *database_query(Database *database, GError **error, const char *sql, const char *types,
                             ...)
{
    va_list values;
    va_start(values, types);
    sqlite3_stmt *statement = query_valist(database, error, sql, types, &values);
    va_end(values);
    return statement;
}

sqlite3_stmt *database_query_new(Database *database, GError **error, const char *sql,
                                 const char *types, ...)
{
    sqlite3_stmt *statement = NULL;
    gboolean prepared =
        sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL) == SQLITE_OK;
    va_list values;
    va_start(values, types);
    if (prepared && bind_all(statement, types, &values)) {
        va_end(values);
        return statement;
    }
    va_end(values);
    fail(database, error);
    sqlite3_finalize(statement);
    return NULL;
}

int database_step(Database *database, sqlite3_stmt *statement, GError **error)
{
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        return 1;
    if (result != SQLITE_DONE)
        fail(database, error);
    sqlite3_reset(statement);
    return result == SQLITE_DONE ? 0 : -1;
}

gboolean database_run(Database *database, GError **error, const char *sql, const char *types, ...)
{
    va_list values;
    va_start(values, types);
    sqlite3_stmt *statement = query_valist(database, error, sql, types, &values);
    va_end(values);
    if (statement == NULL)
        return FALSE;
    int result = 1;
    while (result == 1)
        result = database_step(database, statement, error);
    return result == 0;
}

gint64 database_number(Database *database, gint64 otherwise, const char *sql, const char *types,
                       ...)
{
    va_list values;
    va_start(values, types);
    sqlite3_stmt *statement = query_valist(database, NULL, sql, types, &values);
    va_end(values);
    if (statement == NULL)
        return otherwise;
    gint64 number = otherwise;
    if (database_step(database, statement, NULL) == 1 &&
        sqlite3_column_type(statement, 0) != SQLITE_NULL)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return number;
}

gint64 database_changes(Database *database)
{
    return sqlite3_changes64(database->handle);
}

gboolean database_is_broken(const Database *database)
{
    return database->broken;
}

const char *column_text(sqlite3_stmt *statement, int column)
{
    return (const char *)sqlite3_column_text(statement, column);
}

guint64 column_size(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? SIZE_UNKNOWN
               : (guint64)sqlite3_column_int64(statement, column);
}

gsize digest_set_to_bytes(const DigestSet *set, guint8 bytes[DIGEST_SET_MAX_BYTES])
{
    gsize length = 0;
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        const Digest *digest = digest_set_get(set, (DigestAlgorithm)i);
        if (digest == NULL)
            continue;
        bytes[length++] = (guint8)i;
        memcpy(bytes + length, digest->bytes, digest_length((DigestAlgorithm)i));
        length += digest_length((DigestAlgorithm)i);
    }
    return length;
}

void digest_set_from_bytes(const guint8 *bytes, gsize length, DigestSet *set)
{
    memset(set, 0, sizeof *set);
    while (length > 0 && bytes[0] < DIGEST_ALGORITHMS) {
        Digest digest = {.algorithm = (DigestAlgorithm)bytes[0]};
        gsize value = digest_length(digest.algorithm);
        if (length < 1 + value)
            return;
        memcpy(digest.bytes, bytes + 1, value);
        digest_set_add(set, &digest);
        bytes += 1 + value;
        length -= 1 + value;
    }
}

void column_digests(sqlite3_stmt *statement, int column, DigestSet *set)
{
    const guint8 *bytes = sqlite3_column_blob(statement, column);
    digest_set_from_bytes(bytes, (gsize)sqlite3_column_bytes(statement, column), set);
}

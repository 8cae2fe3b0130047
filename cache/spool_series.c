#include "spool_series.h"

#include <string.h>

#include "error.h"
#include "file_facts.h"
#include "i18n.h"
#include "spool_private.h"

/* md5(digests): 16 bytes or NULL; they sort as their hexadecimal text does. */
static void sql_md5(sqlite3_context *context, int count, sqlite3_value **values)
{
    DigestSet set;
    digest_set_from_bytes(sqlite3_value_blob(values[0]), (gsize)sqlite3_value_bytes(values[0]),
                          &set);
    const Digest *md5 = digest_set_get(&set, DIGEST_MD5);
    if (md5 != NULL)
        sqlite3_result_blob(context, md5->bytes, (int)digest_length(DIGEST_MD5), SQLITE_TRANSIENT);
}

gboolean spool_name_members(Spool *spool, GError **error)
{
    return spool_commit(spool, error) &&
           database_exec(spool->database,
                         "CREATE TABLE IF NOT EXISTS object(archive INTEGER, name TEXT, path TEXT,"
                         " PRIMARY KEY(archive, name)) WITHOUT ROWID",
                         error);
}

gboolean spool_name_member(Spool *spool, gint64 id, const char *name, const char *path,
                           GError **error)
{
    return spool_touch(spool, error) &&
           database_run(spool->database, error,
                        "INSERT INTO object(archive, name, path) VALUES(?, ?, ?)"
                        " ON CONFLICT(archive, name) DO UPDATE SET path = excluded.path",
                        "itt", id, name, path) &&
           spool_commit_full(spool, error);
}

gboolean spool_find_member(Spool *spool, gint64 id, const char *name, LockFile *file,
                           gboolean *is_installed, GError **error)
{
    sqlite3_stmt *row = database_query(spool->database, error,
                                       "SELECT member.path, size, digests, trust, state FROM object"
                                       " JOIN member USING(path, archive) WHERE archive = ?"
                                       " AND object.name = ? AND state IN (1, 2, 3)"
                                       " AND digests NOT NULL",
                                       "it", id, name);
    if (row == NULL || database_step(spool->database, row, error) != 1)
        return FALSE;
    int state = sqlite3_column_int(row, 4);
    memset(file, 0, sizeof *file);
    file->path = g_strdup(column_text(row, 0));
    file->size = column_size(row, 1);
    column_digests(row, 2, &file->digests);
    file->trust = (Trust)sqlite3_column_int(row, 3);
    file->state = state == SPOOL_SKIPPED ? LOCK_STATE_SKIPPED : LOCK_STATE_HAVE;
    *is_installed = state == SPOOL_INSTALLED;
    sqlite3_reset(row);
    return TRUE;
}

gboolean spool_count_members(Spool *spool, gint64 id, SpoolMembers *members, GError **error)
{
    *members = (SpoolMembers){0};
    sqlite3_stmt *row = database_query(
        spool->database, error,
        "SELECT count(*), coalesce(sum(size), 0), coalesce(sum(trust NOT IN (1, 2, 3)), 0)"
        " FROM member WHERE archive = ? AND state IN (1, 2, 3) AND digests NOT NULL",
        "i", id);
    if (row == NULL || database_step(spool->database, row, error) != 1)
        return FALSE;
    members->count = column_size(row, 0);
    members->bytes = column_size(row, 1);
    members->unhinted = column_size(row, 2);
    sqlite3_reset(row);
    return TRUE;
}

static gboolean digest_rows(Spool *spool, sqlite3_stmt *rows, DigestStream *stream,
                            gboolean *all_known, GError **error)
{
    int got;
    while ((got = database_step(spool->database, rows, error)) == 1) {
        Digest md5 = {.algorithm = DIGEST_MD5};
        if (sqlite3_column_bytes(rows, 0) != (int)digest_length(DIGEST_MD5)) {
            *all_known = FALSE;
            return TRUE;
        }
        memcpy(md5.bytes, sqlite3_column_blob(rows, 0), digest_length(DIGEST_MD5));
        g_autofree char *hex = digest_to_hex(&md5);
        digest_stream_update(stream, hex, strlen(hex));
    }
    return got == 0;
}

gboolean spool_digest_members(Spool *spool, gint64 id, Digest *digest, GError **error)
{
    gboolean all_known = TRUE;
    g_autoptr(DigestStream) stream = digest_stream_new(1U << DIGEST_MD5, 0);
    if (sqlite3_create_function(database_handle(spool->database), "md5", 1, SQLITE_UTF8, NULL,
                                sql_md5, NULL, NULL) != SQLITE_OK) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("The list of what is fetched cannot be read: %s."),
                    sqlite3_errmsg(database_handle(spool->database)));
        return FALSE;
    }
    g_autoptr(sqlite3_stmt) rows =
        database_query_new(spool->database, error,
                           "SELECT md5(digests) AS value FROM member WHERE archive = ?"
                           " AND state IN (1, 2, 3) AND digests NOT NULL ORDER BY value",
                           "i", id);
    if (rows == NULL || !digest_rows(spool, rows, stream, &all_known, error))
        return FALSE;
    DigestSet set = {0};
    guint64 length = digest_stream_length(stream);
    digest_stream_finish(stream, &set);
    *digest = *digest_set_get(&set, DIGEST_MD5);
    digest->algorithm = DIGEST_MD5_TREE;
    return all_known && length > 0;
}

gboolean spool_trust_members(Spool *spool, gint64 id, Trust trust, GError **error)
{
    return spool_touch(spool, error) &&
           database_run(spool->database, error,
                        "UPDATE member SET trust = ?1 WHERE archive = ?2 AND have != 0"
                        " AND trust != ?3",
                        "iii", (gint64)trust, id, (gint64)TRUST_LOCKED) &&
           spool_commit_full(spool, error);
}

gboolean spool_note_facts(Spool *spool, gint64 id, const json_t *facts, GError **error)
{
    g_autofree char *text = file_facts_to_json(facts);
    g_autofree char *content = file_facts_content(facts);
    return spool_touch(spool, error) &&
           database_run(spool->database, error,
                        "UPDATE download SET facts = ?, content = ? WHERE id = ?", "tti", text,
                        content, id) &&
           spool_commit_full(spool, error);
}

#include <string.h>

#include "error.h"
#include "file_facts.h"
#include "i18n.h"
#include "relpath.h"
#include "spool_private.h"

#define ROW_COLUMNS                                                                                \
    "id, path, size, size_kind, declared, hinted, addresses, role, unpack, etag, last_modified,"   \
    " total, modified, part, state, locked, locked_size, earlier, earlier_size, reason,"           \
    " facts"

void spool_download_free(SpoolDownload *download)
{
    if (download == NULL)
        return;
    file_spec_free(download->file);
    g_free(download->reason);
    g_free(download);
}

static Validators *row_validators(sqlite3_stmt *row)
{
    const char *etag = column_text(row, 9), *modified = column_text(row, 10);
    guint64 total = column_size(row, 11);
    return etag == NULL && modified == NULL && total == SIZE_UNKNOWN
               ? NULL
               : validators_new(etag, modified, total);
}

/* The spool's own text, which is right unless the file is damaged. */
json_t *spool_facts(const char *text, gboolean *failed, GError **error)
{
    g_autofree char *reason = NULL;
    json_t *facts = file_facts_from_json(text, &reason);
    *failed = reason != NULL;
    if (reason != NULL)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The list of downloads is damaged: %s."), reason);
    return facts;
}

static FileSpec *row_file(sqlite3_stmt *row, GError **error)
{
    g_autoptr(FileSpec) file = file_spec_new(column_text(row, 1));
    int kind = sqlite3_column_int(row, 3);
    file->size = column_size(row, 2);
    file->size_is_exact = kind == SIZE_EXACT;
    file->size_is_rounded = kind == SIZE_ROUNDED;
    column_digests(row, 4, &file->declared);
    column_digests(row, 5, &file->hinted);
    const char *addresses = column_text(row, 6);
    g_auto(GStrv) parts = addresses == NULL ? NULL : g_strsplit(addresses, "\n", -1);
    for (guint i = 0; parts != NULL && parts[i] != NULL; i++)
        file_spec_add_address(file, parts[i]);
    file->role = (FileRole)sqlite3_column_int(row, 7);
    const char *unpack = column_text(row, 8);
    if (unpack != NULL) {
        file->unpack = unpack_rule_from_json(unpack, error);
        if (file->unpack == NULL)
            return NULL;
    }
    file->validators = row_validators(row);
    file->modified = g_strdup(column_text(row, 12));
    file->part = g_strdup(column_text(row, 13));
    gboolean failed = FALSE;
    file->facts = spool_facts(column_text(row, 20), &failed, error);
    if (failed)
        return NULL;
    return g_steal_pointer(&file);
}

static SpoolDownload *row_download(sqlite3_stmt *row, GError **error)
{
    g_autoptr(SpoolDownload) download = g_new0(SpoolDownload, 1);
    download->id = sqlite3_column_int64(row, 0);
    download->file = row_file(row, error);
    if (download->file == NULL)
        return NULL;
    const FileSpec *file = download->file;
    WantedBytes *wanted = &download->wanted;
    wanted->declared = file->declared;
    wanted->hinted = file->hinted;
    wanted->declared_size = file->size_is_exact ? file->size : SIZE_UNKNOWN;
    wanted->hinted_size = file->size_is_exact || file->size_is_rounded ? SIZE_UNKNOWN : file->size;
    column_digests(row, 15, &wanted->locked);
    wanted->locked_size = column_size(row, 16);
    download->state = (SpoolState)sqlite3_column_int(row, 14);
    column_digests(row, 17, &download->earlier);
    download->earlier_size = column_size(row, 18);
    download->reason = g_strdup(column_text(row, 19));
    return g_steal_pointer(&download);
}

static gboolean is_taken(Spool *spool, gint64 id)
{
    return g_hash_table_contains(spool->taken, &id);
}

static gboolean give_out(Spool *spool, sqlite3_stmt *rows, guint most, GPtrArray *work,
                         GError **error)
{
    int got = rows == NULL ? -1 : 1;
    while (got == 1 && work->len < most) {
        got = database_step(spool->database, rows, error);
        if (got != 1 || is_taken(spool, sqlite3_column_int64(rows, 0)))
            continue;
        SpoolDownload *download = row_download(rows, error);
        if (download == NULL)
            return FALSE;
        g_ptr_array_add(work, download);
        g_hash_table_add(spool->taken, g_memdup2(&download->id, sizeof download->id));
    }
    if (rows != NULL)
        sqlite3_reset(rows);
    return got >= 0;
}

/* A large one, two of the others, and so on. */
static GPtrArray *mix(GPtrArray *large, GPtrArray *others)
{
    GPtrArray *work = g_ptr_array_new_with_free_func((GDestroyNotify)spool_download_free);
    guint l = 0, o = 0;
    while (l < large->len || o < others->len) {
        gboolean from_large = o == others->len || (l < large->len && o >= 2 * l);
        g_ptr_array_add(work, from_large ? large->pdata[l++] : others->pdata[o++]);
    }
    g_ptr_array_set_free_func(large, NULL);
    g_ptr_array_set_free_func(others, NULL);
    return work;
}

GPtrArray *spool_take(Spool *spool, guint most, GError **error)
{
    g_autoptr(GPtrArray) large =
        g_ptr_array_new_with_free_func((GDestroyNotify)spool_download_free);
    g_autoptr(GPtrArray) others =
        g_ptr_array_new_with_free_func((GDestroyNotify)spool_download_free);
    if (!spool_commit(spool, error) || !spool_need_queue(spool, error))
        return NULL;
    /* What is taken leaves these indexes only with its final state: it is skipped, and it is never
     * more than what is under way. */
    sqlite3_stmt *rows = database_query(
        spool->database, error,
        "SELECT " ROW_COLUMNS " FROM download WHERE state = 0 ORDER BY size DESC, id", "");
    if (!give_out(spool, rows, most / 3, large, error))
        return NULL;
    rows = database_query(spool->database, error,
                          "SELECT " ROW_COLUMNS " FROM download WHERE state = 0 ORDER BY id", "");
    if (!give_out(spool, rows, most - large->len, others, error))
        return NULL;
    return mix(large, others);
}

void spool_put_back(Spool *spool, gint64 id)
{
    g_hash_table_remove(spool->taken, &id);
}

void spool_put_back_all(Spool *spool)
{
    g_hash_table_remove_all(spool->taken);
}

gboolean spool_lists(Spool *spool, const char *path)
{
    return database_number(spool->database, 0, "SELECT 1 FROM download WHERE path = ?", "t",
                           path) == 1;
}

SpoolDownload *spool_find(Spool *spool, const char *path, GError **error)
{
    sqlite3_stmt *row = database_query(
        spool->database, error, "SELECT " ROW_COLUMNS " FROM download WHERE path = ?", "t", path);
    int got = row == NULL ? -1 : database_step(spool->database, row, error);
    if (got == 0) {
        g_autofree char *shown = relpath_display(path);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("There is no file %s in the listing."), shown);
    }
    if (got != 1)
        return NULL;
    SpoolDownload *download = row_download(row, error);
    sqlite3_reset(row);
    return download;
}

/* A member of the same path that is there already must have the same bytes. */
static gboolean check_members(Spool *spool, gint64 id, const DigestSet *digests, GError **error)
{
    sqlite3_stmt *row =
        database_query(spool->database, error,
                       "SELECT member.path, member.digests FROM download JOIN member"
                       " ON member.path = download.path AND member.have != 0"
                       " WHERE download.id = ? AND download.role != 1",
                       "i", id);
    int got = row == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, row, error);
        DigestSet other = {0};
        if (got == 1)
            column_digests(row, 1, &other);
        gboolean agree = FALSE, differ = FALSE;
        digest_set_compare(&other, digests, &agree, &differ);
        if (got == 1 && !agree) {
            g_autofree char *path = g_strdup(column_text(row, 0));
            sqlite3_reset(row);
            return spool_refuse_collision(path, path, error);
        }
    }
    return got == 0;
}

gboolean spool_note_staged(Spool *spool, gint64 id, const DigestSet *digests, guint64 size,
                           Trust trust, const char *address, GError **error)
{
    if (!check_members(spool, id, digests, error) || !spool_touch(spool, error) ||
        !database_run(spool->database, error,
                      "UPDATE download SET state = 2, have = 1, seen = ?, seen_size = ?, trust = ?,"
                      " address = ?, reason = NULL, earlier = NULL, earlier_size = NULL, epoch = ?"
                      " WHERE id = ?",
                      "duitii", digests, size, (gint64)trust, address, spool->epoch, id) ||
        !database_run(spool->database, error,
                      "UPDATE member SET trust = ? WHERE archive = ? AND trust = 0", "ii",
                      (gint64)trust, id))
        return FALSE;
    spool_put_back(spool, id);
    return spool_commit_full(spool, error);
}

gboolean spool_note_placing(Spool *spool, gint64 id, const DigestSet *digests, guint64 size,
                            Trust trust, GError **error)
{
    if (!check_members(spool, id, digests, error))
        return FALSE;
    return trust == TRUST_LOCKED || trust == TRUST_DECLARED ||
           (spool_note_earlier(spool, id, digests, size, error) && spool_commit(spool, error));
}

gboolean spool_note_state(Spool *spool, gint64 id, SpoolState state, const char *reason,
                          GError **error)
{
    if (!spool_touch(spool, error) ||
        !database_run(spool->database, error,
                      "UPDATE download SET state = ?1, reason = ?2, have = CASE ?1 WHEN 2 THEN 1"
                      " ELSE have END, epoch = ?3 WHERE id = ?4",
                      "itii", (gint64)state, reason, spool->epoch, id) ||
        !spool_commit(spool, error))
        return FALSE;
    spool_put_back(spool, id);
    return TRUE;
}

gboolean spool_note_earlier(Spool *spool, gint64 id, const DigestSet *digests, guint64 size,
                            GError **error)
{
    return spool_touch(spool, error) &&
           database_run(spool->database, error,
                        "UPDATE download SET earlier = ?, earlier_size = ? WHERE id = ?", "dui",
                        digests, size, id) &&
           spool_commit(spool, error);
}

gboolean spool_note_queued(Spool *spool, gint64 id, GError **error)
{
    if (!spool_forget_members(spool, id, error) || !spool_touch(spool, error) ||
        !database_run(spool->database, error,
                      "UPDATE download SET state = 0, have = CASE have WHEN 2 THEN 2 ELSE 0 END,"
                      " seen = NULL, seen_size = NULL, trust = 0, address = NULL, reason = NULL"
                      " WHERE id = ?",
                      "i", id) ||
        !spool_commit(spool, error))
        return FALSE;
    spool_put_back(spool, id);
    return TRUE;
}

gboolean spool_note_damaged(Spool *spool, const char *path, GError **error)
{
    return spool_touch(spool, error) &&
           database_run(spool->database, error,
                        "UPDATE download SET state = 0 WHERE path = ?1 AND role != 1 OR id IN"
                        " (SELECT archive FROM member WHERE path = ?1 AND have != 0)",
                        "t", path) &&
           database_run(spool->database, error,
                        "UPDATE member SET state = 0, have = 0 WHERE path = ?1 AND have != 0", "t",
                        path) &&
           spool_commit(spool, error);
}

gboolean spool_is_queued(Spool *spool, gint64 id)
{
    return database_number(spool->database, 0, "SELECT state = 0 FROM download WHERE id = ?", "i",
                           id) == 1;
}

/* Takes QUERY. */
static gboolean each_row(Spool *spool, sqlite3_stmt *query,
                         gboolean (*func)(const SpoolDownload *download, gpointer data,
                                          GError **error),
                         gpointer data, GError **error)
{
    g_autoptr(sqlite3_stmt) rows = query;
    int got = rows == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, rows, error);
        if (got != 1)
            break;
        g_autoptr(SpoolDownload) download = row_download(rows, error);
        if (download == NULL || !func(download, data, error))
            return FALSE;
    }
    return got == 0;
}

gboolean spool_each_download(Spool *spool, SpoolState state,
                             gboolean (*func)(const SpoolDownload *download, gpointer data,
                                              GError **error),
                             gpointer data, GError **error)
{
    if (!spool_commit(spool, error))
        return FALSE;
    sqlite3_stmt *rows = database_query_new(
        spool->database, error,
        "SELECT " ROW_COLUMNS " FROM download WHERE state = ? ORDER BY path", "i", (gint64)state);
    return each_row(spool, rows, func, data, error);
}

gboolean spool_each_queued_archive(Spool *spool,
                                   gboolean (*func)(const SpoolDownload *download, gpointer data,
                                                    GError **error),
                                   gpointer data, GError **error)
{
    if (!spool_commit(spool, error))
        return FALSE;
    /* "+": not by the index on paths, where archives are few among many files. */
    sqlite3_stmt *rows = database_query_new(
        spool->database, error,
        "SELECT " ROW_COLUMNS " FROM download WHERE state = 0 AND role = 1 ORDER BY +path", "");
    return each_row(spool, rows, func, data, error);
}

gboolean spool_requeue(Spool *spool, const char *path, GError **error)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint64));
    sqlite3_stmt *row = database_query(spool->database, error,
                                       "SELECT id FROM download WHERE path = ?1 AND have = 1 UNION"
                                       " SELECT archive FROM member WHERE path = ?1 AND have = 1",
                                       "t", path);
    int got = row == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, row, error);
        gint64 id = got == 1 ? sqlite3_column_int64(row, 0) : 0;
        if (got == 1)
            g_array_append_val(ids, id);
    }
    for (guint i = 0; got == 0 && i < ids->len; i++) {
        if (!spool_note_queued(spool, g_array_index(ids, gint64, i), error))
            return FALSE;
    }
    return got == 0;
}

gboolean spool_each_unsure(Spool *spool,
                           gboolean (*func)(const char *path, guint64 size, const Digest *sha256,
                                            gpointer data),
                           gpointer data, GError **error)
{
    gint64 unsure = spool_get_number(spool, "#unsure", -1);
    if (unsure < 0)
        return TRUE;
    g_autoptr(sqlite3_stmt) rows = database_query_new(
        spool->database, error,
        "SELECT path, seen_size, seen FROM download WHERE have = 1 AND role != 1 AND epoch > ?1"
        " UNION ALL SELECT path, size, digests FROM member WHERE have = 1 AND epoch > ?1",
        "i", unsure);
    int got = rows == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, rows, error);
        if (got != 1)
            break;
        DigestSet seen;
        column_digests(rows, 2, &seen);
        if (!func(column_text(rows, 0), column_size(rows, 1), digest_set_get(&seen, DIGEST_SHA256),
                  data) &&
            !spool_requeue(spool, column_text(rows, 0), error))
            return FALSE;
    }
    return got == 0 && spool_set(spool, "#unsure", NULL, error);
}

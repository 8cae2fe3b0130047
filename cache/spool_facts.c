#include <string.h>

#include "error.h"
#include "file_facts.h"
#include "i18n.h"
#include "spool_private.h"

static const char import_download[] =
    "INSERT INTO download(path, key, state, have, size, declared, addresses, role, unpack, seen,"
    " seen_size, trust, lock_trust, locked, locked_size, id, facts, content)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?10, ?11, ?13, ?14, ?15)"
    " ON CONFLICT(path) DO UPDATE SET"
    " state = CASE WHEN excluded.have = 2 THEN 3 ELSE state END,"
    " have = max(have, excluded.have), lock_trust = excluded.lock_trust,"
    " trust = CASE WHEN excluded.have = 2 THEN excluded.trust ELSE trust END,"
    " seen = CASE WHEN excluded.have = 2 THEN excluded.seen ELSE seen END,"
    " seen_size = CASE WHEN excluded.have = 2 THEN excluded.seen_size ELSE seen_size END,"
    " locked = excluded.locked, locked_size = excluded.locked_size,"
    " facts = CASE WHEN excluded.have = 2 AND content IS excluded.content"
    "  THEN coalesce(excluded.facts, facts) ELSE coalesce(facts, excluded.facts) END,"
    " content = coalesce(content, excluded.content)";

static gint64 state_of_lock(LockState state)
{
    switch (state) {
    case LOCK_STATE_HAVE:
        return SPOOL_INSTALLED;
    case LOCK_STATE_SKIPPED:
        return SPOOL_SKIPPED;
    default:
        return SPOOL_QUEUED;
    }
}

static gboolean take_download(Spool *spool, const LockDownload *line, GError **error)
{
    g_autofree char *addresses = addresses_to_text(line->addresses);
    g_autofree char *unpack = line->unpack == NULL ? NULL : unpack_rule_to_json(line->unpack);
    g_autofree char *facts = file_facts_to_json(line->facts);
    g_autofree char *content = file_facts_content(line->facts);
    gboolean have = line->state == LOCK_STATE_HAVE;
    if (!database_run(spool->database, error, import_download, "tiiiudtitduiitt", line->path,
                      spool_path_key(line->path), state_of_lock(line->state),
                      (gint64)(have ? HAVE_INSTALLED : HAVE_NOTHING), line->size, &line->declared,
                      addresses, (gint64)line->role, unpack, &line->seen,
                      have ? line->size : SIZE_UNKNOWN, (gint64)line->trust, spool->next_id, facts,
                      content))
        return FALSE;
    spool_count_id(spool);
    return TRUE;
}

/* A line for the download of the same path; made where a lock names only the file. */
static gboolean take_plain_file(Spool *spool, const LockFile *line, GError **error)
{
    gboolean have = line->state == LOCK_STATE_HAVE;
    if (!have)
        return TRUE;
    static const char sql[] =
        "INSERT INTO download(path, key, state, have, size, role, seen, seen_size, trust,"
        " lock_trust, locked, locked_size, id)"
        " VALUES(?1, ?2, 3, 2, ?3, 0, ?4, ?3, ?5, ?5, ?4, ?3, ?6)"
        " ON CONFLICT(path) DO UPDATE SET state = 3, have = 2, seen = excluded.seen,"
        " seen_size = excluded.seen_size, trust = excluded.trust,"
        " lock_trust = excluded.lock_trust, locked = excluded.locked,"
        " locked_size = excluded.locked_size";
    if (!database_run(spool->database, error, sql, "tiudii", line->path, spool_path_key(line->path),
                      line->size, &line->digests, (gint64)line->trust, spool->next_id))
        return FALSE;
    spool_count_id(spool);
    return TRUE;
}

static gboolean take_member(Spool *spool, const LockFile *line, GError **error)
{
    gint64 archive = database_number(spool->database, 0, "SELECT id FROM download WHERE path = ?",
                                     "t", line->archive);
    if (archive == 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The lock names %s as a member of %s, which it does not list."), line->path,
                    line->archive);
        return FALSE;
    }
    gboolean have = line->state == LOCK_STATE_HAVE;
    static const char sql[] =
        "INSERT INTO member(path, archive, key, name, size, digests, link_target, state, have,"
        " trust, lock_trust, imported) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, 1)"
        " ON CONFLICT(path, archive) DO UPDATE SET state = CASE WHEN excluded.have = 2 THEN 3 ELSE"
        " state END, have = max(have, excluded.have), imported = 1,"
        " lock_trust = excluded.lock_trust";
    return database_run(spool->database, error, sql, "tiitudtiii", line->path, archive,
                        spool_path_key(line->path), line->member, line->size, &line->digests,
                        line->link_target, state_of_lock(line->state),
                        (gint64)(have ? HAVE_INSTALLED : HAVE_NOTHING), (gint64)line->trust);
}

gboolean spool_import_lock(Spool *spool, LockReader *lock, GError **error)
{
    g_auto(LockDownload) download = {0};
    g_auto(LockFile) file = {0};
    if (!spool_need_paths(spool, error) ||
        !spool_begin_lock(spool, lock_reader_header(lock), error))
        return FALSE;
    for (;;) {
        gboolean taken = FALSE;
        switch (lock_reader_next(lock, &download, &file, error)) {
        case LOCK_LINE_END:
            return spool_commit(spool, error);
        case LOCK_LINE_DOWNLOAD:
            taken = spool_touch(spool, error) && take_download(spool, &download, error);
            break;
        case LOCK_LINE_FILE:
            taken = spool_touch(spool, error) &&
                    (file.archive != NULL ? take_member(spool, &file, error)
                                          : take_plain_file(spool, &file, error));
            break;
        default:
            break;
        }
        if (!taken || !spool_commit_full(spool, error)) {
            spool_commit(spool, NULL);
            return FALSE;
        }
    }
}

/* A source may list sizes whose sum no number holds. */
static void add_bytes(guint64 *sum, guint64 bytes)
{
    *sum = MIN(*sum + bytes, (guint64)G_MAXINT64);
}

static void add_download(SpoolTotals *totals, SpoolState state, gboolean is_archive, guint64 size)
{
    guint64 bytes = size == SIZE_UNKNOWN ? 0 : size;
    totals->downloads++;
    if (!is_archive)
        totals->files++;
    if (size == SIZE_UNKNOWN)
        totals->listed_bytes = SIZE_UNKNOWN;
    else if (totals->listed_bytes != SIZE_UNKNOWN)
        add_bytes(&totals->listed_bytes, bytes);
    switch (state) {
    case SPOOL_QUEUED:
        totals->queued++;
        add_bytes(&totals->queued_bytes, bytes);
        totals->queued_unknown += size == SIZE_UNKNOWN;
        if (is_archive) {
            totals->queued_archives++;
            add_bytes(&totals->queued_archive_bytes, bytes);
            totals->largest_archive = MAX(totals->largest_archive, bytes);
        }
        break;
    case SPOOL_SKIPPED:
        totals->skipped++;
        break;
    case SPOOL_ABSENT:
        totals->absent++;
        break;
    case SPOOL_FAILED:
        totals->failed++;
        break;
    default:
        break;
    }
}

static void add_files(SpoolTotals *totals, SpoolState state, int trust, guint64 count,
                      guint64 bytes)
{
    switch (state) {
    case SPOOL_STAGED:
        totals->staged_files += count;
        add_bytes(&totals->staged_bytes, bytes);
        break;
    case SPOOL_INSTALLED:
        totals->installed_files += count;
        add_bytes(&totals->installed_bytes, bytes);
        break;
    default:
        return;
    }
    totals->held_files += count;
    add_bytes(&totals->held_bytes, bytes);
    if (trust >= 0 && trust <= TRUST_FIRST_USE)
        totals->trust_files[trust] += count;
}

/* In one pass: grouped by SQLite, all rows would be sorted first. */
static gboolean total_downloads(Spool *spool, SpoolTotals *totals, GError **error)
{
    sqlite3_stmt *row = database_query(
        spool->database, error,
        "SELECT role, state, size, trust, seen_size FROM download WHERE" SPOOL_OF_DATASET, "");
    int got = row == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, row, error);
        if (got != 1)
            break;
        gboolean is_archive = sqlite3_column_int(row, 0) == FILE_ROLE_ARCHIVE;
        SpoolState state = (SpoolState)sqlite3_column_int(row, 1);
        add_download(totals, state, is_archive, column_size(row, 2));
        if (!is_archive)
            add_files(totals, state, sqlite3_column_int(row, 3), 1,
                      (guint64)sqlite3_column_int64(row, 4));
    }
    return got == 0;
}

static gboolean total_members(Spool *spool, SpoolTotals *totals, GError **error)
{
    sqlite3_stmt *row =
        database_query(spool->database, error,
                       "SELECT state, trust, count(*), total(size) FROM member GROUP BY 1, 2", "");
    int got = row == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, row, error);
        if (got != 1)
            break;
        guint64 count = (guint64)sqlite3_column_int64(row, 2);
        totals->files += count;
        add_files(totals, (SpoolState)sqlite3_column_int(row, 0), sqlite3_column_int(row, 1), count,
                  (guint64)sqlite3_column_int64(row, 3));
    }
    return got == 0;
}

gboolean spool_totals(Spool *spool, SpoolTotals *totals, GError **error)
{
    memset(totals, 0, sizeof *totals);
    return spool_commit(spool, error) && total_downloads(spool, totals, error) &&
           total_members(spool, totals, error);
}

#define MOST_KEYS 100

static gint compare_keys(gconstpointer a, gconstpointer b)
{
    return g_ascii_strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

/* Listings tell the same keys of most of their files: what was seen is not copied again. */
static void note_keys(GHashTable *seen, const json_t *facts)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(gpointer)facts, key, value)
    {
        if (g_hash_table_size(seen) < MOST_KEYS && !g_hash_table_contains(seen, key))
            g_hash_table_add(seen, g_strdup(key));
    }
}

GPtrArray *spool_fact_keys(Spool *spool, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, NULL);
    g_autoptr(sqlite3_stmt) rows =
        spool_commit(spool, error)
            ? database_query_new(spool->database, error,
                                 "SELECT facts FROM download WHERE facts NOT NULL", "")
            : NULL;
    int got = rows == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, rows, error);
        gboolean failed = FALSE;
        json_t *facts = got == 1 ? spool_facts(column_text(rows, 0), &failed, error) : NULL;
        if (failed)
            got = -1;
        else if (facts != NULL)
            note_keys(seen, facts);
        json_decref(facts);
    }
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, seen);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_ptr_array_add(keys, key);
    g_ptr_array_sort(keys, compare_keys);
    if (got == 0)
        return keys;
    g_ptr_array_unref(keys);
    return NULL;
}

gboolean spool_has_facts(Spool *spool)
{
    return database_number(spool->database, 0,
                           "SELECT 1 FROM download WHERE facts NOT NULL LIMIT 1", "") == 1;
}

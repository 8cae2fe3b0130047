#include "spool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "error.h"
#include "event_log.h"
#include "file_facts.h"
#include "i18n.h"
#include "machine.h"
#include "relpath.h"
#include "spool_private.h"

#define SPOOL_VERSION 3

/* The id of a row that went is never given to another path, for a partial file may still bear it:
 * spool->next_id. */
static const char schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
    "CREATE TABLE download(id INTEGER PRIMARY KEY, path TEXT NOT NULL,"
    " key INTEGER, listing INTEGER NOT NULL DEFAULT 0, state INTEGER NOT NULL,"
    " have INTEGER NOT NULL DEFAULT 0, size INTEGER, size_kind INTEGER NOT NULL DEFAULT 1,"
    " declared BLOB, was_declared BLOB, hinted BLOB, addresses TEXT, role INTEGER NOT NULL,"
    " unpack TEXT, etag TEXT, last_modified TEXT, total INTEGER, modified TEXT, part TEXT,"
    " facts TEXT, content TEXT, if_asked INTEGER NOT NULL DEFAULT 0,"
    " changed INTEGER NOT NULL DEFAULT 0,"
    " seen BLOB, seen_size INTEGER, trust INTEGER NOT NULL DEFAULT 0,"
    " lock_trust INTEGER NOT NULL DEFAULT 0, address TEXT, locked BLOB, locked_size INTEGER,"
    " earlier BLOB, earlier_size INTEGER, reason TEXT, epoch INTEGER NOT NULL DEFAULT 0);"
    "CREATE UNIQUE INDEX download_path ON download(path);"
    "CREATE TABLE member(id INTEGER PRIMARY KEY, path TEXT NOT NULL, archive INTEGER NOT NULL,"
    " key INTEGER, name TEXT, size INTEGER, digests BLOB, link_target TEXT,"
    " state INTEGER NOT NULL, have INTEGER NOT NULL DEFAULT 0, trust INTEGER NOT NULL DEFAULT 0,"
    " lock_trust INTEGER NOT NULL DEFAULT 0, imported INTEGER NOT NULL DEFAULT 0,"
    " epoch INTEGER NOT NULL DEFAULT 0, UNIQUE(path, archive));"
    "CREATE INDEX member_of ON member(archive, state);"
    "CREATE INDEX member_key ON member(key);"
    "CREATE TABLE expected(archive INTEGER, path TEXT, digests BLOB, size INTEGER,"
    " PRIMARY KEY(archive, path)) WITHOUT ROWID;"
    "CREATE TABLE declares(path TEXT, algorithm INTEGER, digest BLOB);";

static const json_t *facts_of(Spool *spool, const char *text)
{
    if (text == NULL || g_strcmp0(text, spool->facts_text) != 0) {
        g_autofree char *reason = NULL;
        g_clear_pointer(&spool->facts, json_decref);
        g_free(spool->facts_text);
        spool->facts_text = g_strdup(text);
        spool->facts = file_facts_from_json(text, &reason);
    }
    return spool->facts;
}

/* Where the images of a series come to lie: in a folder beside its archive, named by the series;
 * with its slash, owned. NULL: it is none. */
static char *images_folder(const char *path, const char *unpack)
{
    if (unpack == NULL || strstr(unpack, "\"dicom_series\"") == NULL)
        return NULL;
    g_autoptr(UnpackRule) rule = unpack_rule_from_json(unpack, NULL);
    if (rule == NULL || rule->series == NULL || rule->into == NULL)
        return NULL;
    const char *slash = strrchr(path, '/');
    return g_strdup_printf("%.*s%s/", slash == NULL ? 0 : (int)(slash + 1 - path), path,
                           rule->into);
}

gboolean spool_takes(Spool *spool, const char *path, FileRole role, const char *text,
                     const char *unpack, gboolean only_if_asked)
{
    const Selection *selection = spool->selection;
    if (selection == NULL)
        return !only_if_asked;
    const json_t *facts =
        only_if_asked || selection_looks_at_facts(selection) ? facts_of(spool, text) : NULL;
    if (only_if_asked && !selection_asks_for(selection, path, facts))
        return FALSE;
    if (role != FILE_ROLE_ARCHIVE)
        return selection_takes(selection, path, facts);
    g_autofree char *images = selection_is_all(selection) ? NULL : images_folder(path, unpack);
    return images != NULL ? selection_may_take_images(selection, path, images, facts)
                          : selection_may_take_members(selection, path, facts);
}

/* takes(path, role, facts, only if asked for, unpack rule) */
static void sql_takes(sqlite3_context *context, int count, sqlite3_value **values)
{
    sqlite3_result_int(context, spool_takes(sqlite3_user_data(context),
                                            (const char *)sqlite3_value_text(values[0]),
                                            (FileRole)sqlite3_value_int(values[1]),
                                            (const char *)sqlite3_value_text(values[2]),
                                            (const char *)sqlite3_value_text(values[4]),
                                            sqlite3_value_int(values[3]) != 0));
}

/* takes_member(path, archive, the archive's facts, only if asked for) */
static void sql_takes_member(sqlite3_context *context, int count, sqlite3_value **values)
{
    Spool *spool = sqlite3_user_data(context);
    const char *path = (const char *)sqlite3_value_text(values[0]);
    const char *archive = (const char *)sqlite3_value_text(values[1]);
    const char *text = (const char *)sqlite3_value_text(values[2]);
    const Selection *selection = spool->selection;
    gboolean only_if_asked = sqlite3_value_int(values[3]) != 0;
    gboolean taken = !only_if_asked;
    if (selection != NULL && archive != NULL) {
        const json_t *facts =
            only_if_asked || selection_looks_at_facts(selection) ? facts_of(spool, text) : NULL;
        taken = (!only_if_asked || selection_asks_for(selection, archive, facts)) &&
                selection_takes_member(selection, archive, path, facts);
    }
    sqlite3_result_int(context, taken);
}

/* Two digest sets that speak of the same algorithm and do not agree. */
static void sql_digests_differ(sqlite3_context *context, int count, sqlite3_value **values)
{
    DigestSet sets[2];
    for (int i = 0; i < 2; i++)
        digest_set_from_bytes(sqlite3_value_blob(values[i]), (gsize)sqlite3_value_bytes(values[i]),
                              &sets[i]);
    gboolean agree = FALSE, differ = FALSE;
    digest_set_compare(&sets[0], &sets[1], &agree, &differ);
    sqlite3_result_int(context, differ);
}

static gboolean add_functions(Spool *spool)
{
    static const struct {
        const char *name;
        int arguments;
        void (*func)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        {"takes", 5, sql_takes},
        {"takes_member", 4, sql_takes_member},
        {"digests_differ", 2, sql_digests_differ},
    };
    for (guint i = 0; i < G_N_ELEMENTS(functions); i++) {
        if (sqlite3_create_function(database_handle(spool->database), functions[i].name,
                                    functions[i].arguments, SQLITE_UTF8, spool, functions[i].func,
                                    NULL, NULL) != SQLITE_OK)
            return FALSE;
    }
    return TRUE;
}

gboolean spool_commit(Spool *spool, GError **error)
{
    if (spool->pending == 0)
        return TRUE;
    spool->pending = 0;
    if (database_exec(spool->database, "COMMIT", error))
        return TRUE;
    database_exec(spool->database, "ROLLBACK", NULL);
    return FALSE;
}

gboolean spool_touch(Spool *spool, GError **error)
{
    if (spool->pending == 0 && !database_exec(spool->database, "BEGIN IMMEDIATE", error))
        return FALSE;
    spool->pending++;
    spool->is_chosen = FALSE;
    return TRUE;
}

gboolean spool_commit_full(Spool *spool, GError **error)
{
    return spool->pending < SPOOL_TRANSACTION_ROWS || spool_commit(spool, error);
}

gboolean spool_run_in_ranges(Spool *spool, const char *most, const char *sql, GError **error)
{
    gint64 last = database_number(spool->database, 0, most, "");
    for (gint64 from = 1; from <= last; from += SPOOL_TRANSACTION_ROWS) {
        gint64 to = from + SPOOL_TRANSACTION_ROWS - 1;
        if (!spool_touch(spool, error) ||
            !database_run(spool->database, error, sql, "ii", from, to) ||
            !spool_commit(spool, error))
            return FALSE;
    }
    return TRUE;
}

gboolean spool_set(Spool *spool, const char *key, const char *value, GError **error)
{
    if (value == NULL)
        return database_run(spool->database, error, "DELETE FROM meta WHERE key = ?", "t", key);
    return database_run(spool->database, error,
                        "INSERT INTO meta(key, value) VALUES(?, ?)"
                        " ON CONFLICT(key) DO UPDATE SET value = excluded.value",
                        "tt", key, value);
}

char *spool_get(Spool *spool, const char *key)
{
    sqlite3_stmt *row =
        database_query(spool->database, NULL, "SELECT value FROM meta WHERE key = ?", "t", key);
    char *value = NULL;
    if (row != NULL && database_step(spool->database, row, NULL) == 1)
        value = g_strdup(column_text(row, 0));
    if (row != NULL)
        sqlite3_reset(row);
    return value;
}

gboolean spool_set_number(Spool *spool, const char *key, gint64 number, GError **error)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, number);
    return spool_set(spool, key, text, error);
}

gint64 spool_get_number(Spool *spool, const char *key, gint64 otherwise)
{
    g_autofree char *text = spool_get(spool, key);
    return text == NULL ? otherwise : g_ascii_strtoll(text, NULL, 10);
}

/* Facts kept under a "#" are the spool's own. */
static gboolean continue_spool(Spool *spool, GError **error)
{
    spool->listing = spool_get_number(spool, "#listing", 0);
    spool->has_paths =
        database_number(spool->database, 0,
                        "SELECT 1 FROM sqlite_master WHERE name = 'download_path'", "") == 1;
    spool->next_id =
        1 + MAX(spool_get_number(spool, "#last_id", 0),
                database_number(spool->database, 0, "SELECT max(id) FROM download", ""));
    spool->epoch = spool_get_number(spool, "#epoch", 0) + 1;
    g_autofree char *boot = spool_get(spool, "#boot");
    /* The same boot: what write() took is still there, flushed or not. */
    if (boot != NULL && (strcmp(boot, machine_boot_id()) != 0 || *boot == '\0')) {
        gint64 flushed = spool_get_number(spool, "#flushed", 0);
        gint64 unsure = spool_get_number(spool, "#unsure", G_MAXINT64);
        if (!spool_set_number(spool, "#unsure", MIN(flushed, unsure), error))
            return FALSE;
    }
    return spool_set_number(spool, "#epoch", spool->epoch, error) &&
           spool_set(spool, "#boot", machine_boot_id(), error);
}

static Spool *open_once(const char *path, GError **error)
{
    g_autoptr(Spool) spool = g_new0(Spool, 1);
    spool->last_path = g_string_new(NULL);
    spool->taken = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    spool->database = database_open(path, DATABASE_PRIVATE, SPOOL_VERSION, schema, error);
    if (spool->database == NULL || !continue_spool(spool, error))
        return NULL;
    if (!add_functions(spool)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("The database %s cannot be used: %s."), path,
                    sqlite3_errmsg(database_handle(spool->database)));
        return NULL;
    }
    return g_steal_pointer(&spool);
}

static void set_aside(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-journal"};
    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *from = g_strconcat(path, suffixes[i], NULL);
        g_autofree char *to = g_strconcat(path, ".damaged", suffixes[i], NULL);
        if (rename(from, to) != 0 && errno != ENOENT)
            unlink(from);
    }
}

Spool *spool_open(const char *path, GError **error)
{
    g_autoptr(GError) problem = NULL;
    Spool *spool = open_once(path, &problem);
    if (spool == NULL && g_error_matches(problem, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED)) {
        event_log(EVENT_LOG_WARNING, _("%s It is set aside, and a new one is made."),
                  problem->message);
        g_clear_error(&problem);
        set_aside(path);
        spool = open_once(path, &problem);
    }
    if (problem != NULL)
        g_propagate_error(error, g_steal_pointer(&problem));
    return spool;
}

void spool_close(Spool *spool)
{
    if (spool == NULL)
        return;
    if (spool->database != NULL) {
        g_autoptr(GError) error = NULL;
        if (!spool_commit(spool, &error))
            event_log(EVENT_LOG_WARNING, "%s", error->message);
    }
    database_close(spool->database);
    g_clear_pointer(&spool->taken, g_hash_table_unref);
    g_clear_pointer(&spool->selection, selection_free);
    g_clear_pointer(&spool->facts, json_decref);
    g_free(spool->facts_text);
    g_string_free(spool->last_path, TRUE);
    g_free(spool);
}

gboolean spool_keep(Spool *spool, GError **error)
{
    return spool_commit(spool, error);
}

gboolean spool_flush(Spool *spool, GError **error)
{
    if (!spool_commit(spool, error))
        return FALSE;
    /* One commit with fsync carries all that went before it in the write-ahead log. */
    if (!database_exec(spool->database, "PRAGMA synchronous = FULL", error))
        return FALSE;
    gboolean flushed =
        spool_touch(spool, error) && spool_set_number(spool, "#flushed", spool->epoch, error) &&
        spool_set_number(spool, "#epoch", spool->epoch + 1, error) && spool_commit(spool, error);
    if (flushed)
        spool->epoch++;
    return database_exec(spool->database, "PRAGMA synchronous = NORMAL", flushed ? error : NULL) &&
           flushed;
}

void spool_count_id(Spool *spool)
{
    if (sqlite3_last_insert_rowid(database_handle(spool->database)) == spool->next_id)
        spool->next_id++;
}

gboolean spool_need_queue(Spool *spool, GError **error)
{
    spool->has_queue =
        spool->has_queue ||
        database_exec(spool->database,
                      "CREATE INDEX IF NOT EXISTS queued ON download(id) WHERE state = 0;"
                      "CREATE INDEX IF NOT EXISTS queued_largest ON download(size DESC, id)"
                      " WHERE state = 0;",
                      error);
    return spool->has_queue;
}

gboolean spool_need_keys(Spool *spool, GError **error)
{
    spool->has_keys =
        spool->has_keys ||
        database_exec(spool->database, "CREATE INDEX IF NOT EXISTS download_key ON download(key)",
                      error);
    return spool->has_keys;
}

gint64 spool_path_key(const char *path)
{
    g_autofree char *key = relpath_collision_key(path);
    g_autoptr(DigestStream) stream = digest_stream_new(1U << DIGEST_SHA256, 0);
    digest_stream_update(stream, key, strlen(key));
    DigestSet set = {0};
    digest_stream_finish(stream, &set);
    gint64 number;
    memcpy(&number, digest_set_get(&set, DIGEST_SHA256)->bytes, sizeof number);
    return number;
}

gboolean spool_paths_collide(const char *a, const char *b)
{
    g_autofree char *key_a = relpath_collision_key(a);
    g_autofree char *key_b = relpath_collision_key(b);
    return strcmp(key_a, key_b) == 0;
}

gboolean spool_refuse_collision(const char *a, const char *b, GError **error)
{
    g_autofree char *shown_a = relpath_display(a);
    g_autofree char *shown_b = relpath_display(b);
    if (strcmp(a, b) == 0)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                    _("%s is refused: it comes twice, with different contents."), shown_a);
    else
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
            _("%s and %s are refused: where upper and lower case or forms of a letter count "
              "as one, they would be the same file."),
            shown_a, shown_b);
    return FALSE;
}

char *addresses_to_text(const GPtrArray *addresses)
{
    if (addresses == NULL || addresses->len == 0)
        return NULL;
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < addresses->len; i++) {
        if (i > 0)
            g_string_append_c(text, '\n');
        g_string_append(text, addresses->pdata[i]);
    }
    return g_string_free(text, FALSE);
}

void addresses_from_text(const char *text, GPtrArray *addresses)
{
    if (text == NULL)
        return;
    g_auto(GStrv) parts = g_strsplit(text, "\n", -1);
    for (guint i = 0; parts[i] != NULL; i++)
        g_ptr_array_add(addresses, g_strdup(parts[i]));
}

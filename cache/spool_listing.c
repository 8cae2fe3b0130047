#include <errno.h>
#include <string.h>

#include "error.h"
#include "file_facts.h"
#include "i18n.h"
#include "relpath.h"
#include "spool_private.h"

/* What the source says of a row that stood before; compared when the listing has ended, for digests
 * may come from elsewhere until then. A row that a lock brought has no validators to compare. */
#define INSERT                                                                                     \
    "INSERT INTO download(id, path, key, listing, state, size, size_kind, declared, hinted,"       \
    " addresses, role, unpack, etag, last_modified, total, modified, part, facts, content,"        \
    " if_asked) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"     \
    " ?17, ?18, ?19, ?20)"
static const char insert[] = INSERT;
static const char upsert[] = INSERT
    " ON CONFLICT(path) DO UPDATE SET"
    " changed = CASE WHEN listing = 0"
    "  THEN have = 1 OR (excluded.size_kind = 0 AND size != excluded.size)"
    "  ELSE NOT (size IS excluded.size AND size_kind = excluded.size_kind AND etag IS excluded.etag"
    "   AND last_modified IS excluded.last_modified AND total IS excluded.total"
    "   AND modified IS excluded.modified AND role = excluded.role"
    "   AND unpack IS excluded.unpack AND content IS excluded.content) END,"
    " was_declared = declared, declared = excluded.declared,"
    " listing = excluded.listing, size = excluded.size, size_kind = excluded.size_kind,"
    " hinted = excluded.hinted, addresses = excluded.addresses, role = excluded.role,"
    " unpack = excluded.unpack, etag = excluded.etag, last_modified = excluded.last_modified,"
    " total = excluded.total, modified = excluded.modified, part = excluded.part,"
    /* What is installed keeps what was said when it came: where it lay, by which version. */
    " facts = CASE WHEN have = 2 AND content IS excluded.content"
    "  THEN coalesce(facts, excluded.facts) ELSE excluded.facts END,"
    " content = excluded.content, if_asked = excluded.if_asked"
    " WHERE listing != excluded.listing";

gboolean spool_begin_listing(Spool *spool, const Selection *selection, GError **error)
{
    g_clear_pointer(&spool->selection, selection_free);
    spool->selection = selection_copy(selection);
    spool->listing++;
    spool->was_listed = spool_is_listed(spool);
    spool->disorder = 0;
    g_string_truncate(spool->last_path, 0);
    if (!spool_need_paths(spool, error))
        return FALSE;
    spool->was_empty =
        database_number(spool->database, 0, "SELECT 1 FROM download LIMIT 1", "") == 0;
    spool->is_chosen = FALSE;
    spool->has_queue = FALSE;
    spool_put_back_all(spool);
    return spool_commit(spool, error) && spool_set(spool, "#listed", NULL, error) &&
           spool_set_number(spool, "#listing", spool->listing, error) &&
           database_run(spool->database, error, "DELETE FROM declares", "") &&
           database_exec(spool->database,
                         "DROP INDEX IF EXISTS queued; DROP INDEX IF EXISTS queued_largest;",
                         error);
}

/* The path was listed already: the same file once more, or another? */
static gboolean check_repeated(Spool *spool, const FileSpec *file, GError **error)
{
    sqlite3_stmt *row = database_query(
        spool->database, error, "SELECT size, size_kind, declared FROM download WHERE path = ?",
        "t", file->path);
    int found = row == NULL ? -1 : database_step(spool->database, row, error);
    if (found != 1)
        return found == 0;
    SpoolSaid first = {.size = column_size(row, 0), .kind = sqlite3_column_int(row, 1)};
    column_digests(row, 2, &first.declared);
    sqlite3_reset(row);
    SpoolSaid said = {.size = file->size,
                      .kind = file->size_is_exact ? SIZE_EXACT : SIZE_HINT,
                      .declared = file->declared};
    return spool_same_file(&first, &said) || spool_refuse_collision(file->path, file->path, error);
}

gboolean spool_add(Spool *spool, const FileSpec *file, GError **error)
{
    if (!relpath_check(file->path, error) || !spool_touch(spool, error) ||
        !spool_watch_order(spool, file->path, error))
        return FALSE;
    g_autofree char *addresses = addresses_to_text(file->addresses);
    g_autofree char *unpack = file->unpack == NULL ? NULL : unpack_rule_to_json(file->unpack);
    const Validators *validators = file->validators;
    gint64 kind = file->size_is_exact     ? SIZE_EXACT
                  : file->size_is_rounded ? SIZE_ROUNDED
                                          : SIZE_HINT;
    g_autofree char *facts = file_facts_to_json(file->facts);
    g_autofree char *content = file_facts_content(file->facts);
    gint64 state = spool_takes(spool, file->path, file->role, facts, unpack, file->only_if_asked)
                       ? SPOOL_QUEUED
                       : SPOOL_SKIPPED;
    if (!database_run(spool->database, error, spool->has_paths ? upsert : insert,
                      "itiiiuiddtitttutttti", spool->next_id, file->path,
                      spool_path_key(file->path), spool->listing, state, file->size, kind,
                      &file->declared, &file->hinted, addresses, (gint64)file->role, unpack,
                      validators == NULL ? NULL : validators->etag,
                      validators == NULL ? NULL : validators->last_modified,
                      validators == NULL ? SIZE_UNKNOWN : validators->total, file->modified,
                      file->part, facts, content, (gint64)file->only_if_asked))
        return FALSE;
    if (database_changes(spool->database) == 0 && !check_repeated(spool, file, error))
        return FALSE;
    spool_count_id(spool);
    return spool_commit_full(spool, error);
}

gboolean spool_declare(Spool *spool, const char *path, const Digest *digest, GError **error)
{
    return spool_touch(spool, error) &&
           database_run(spool->database, error,
                        "INSERT INTO declares(path, algorithm, digest) VALUES(?, ?, ?)", "tib",
                        path, (gint64)digest->algorithm, digest->bytes,
                        digest_length(digest->algorithm)) &&
           spool_commit_full(spool, error);
}

guint64 spool_unlisted_declared(Spool *spool, char **first)
{
    if (first != NULL)
        *first = spool_get(spool, "#unlisted_first");
    return (guint64)spool_get_number(spool, "#unlisted", 0);
}

static gboolean note_unlisted(Spool *spool, const char *path, GError **error)
{
    gint64 count = spool_get_number(spool, "#unlisted", 0);
    return (count > 0 || spool_set(spool, "#unlisted_first", path, error)) &&
           spool_set_number(spool, "#unlisted", count + 1, error);
}

static gboolean join_one(Spool *spool, sqlite3_stmt *line, GError **error)
{
    const char *path = column_text(line, 0);
    sqlite3_stmt *row = database_query(
        spool->database, error, "SELECT id, declared FROM download WHERE path = ? AND listing = ?",
        "ti", path, spool->listing);
    int found = row == NULL ? -1 : database_step(spool->database, row, error);
    if (found < 0 || !spool_touch(spool, error))
        return FALSE;
    if (found == 0)
        return note_unlisted(spool, path, error);
    gint64 id = sqlite3_column_int64(row, 0);
    DigestSet declared;
    column_digests(row, 1, &declared);
    sqlite3_reset(row);
    Digest digest = {.algorithm = (DigestAlgorithm)sqlite3_column_int(line, 1)};
    if ((gsize)sqlite3_column_bytes(line, 2) == digest_length(digest.algorithm))
        memcpy(digest.bytes, sqlite3_column_blob(line, 2), digest_length(digest.algorithm));
    digest_set_add(&declared, &digest);
    return database_run(spool->database, error, "UPDATE download SET declared = ? WHERE id = ?",
                        "di", &declared, id) &&
           spool_commit_full(spool, error);
}

static gboolean join_declared(Spool *spool, GError **error)
{
    if (!spool_set(spool, "#unlisted", NULL, error) ||
        !spool_set(spool, "#unlisted_first", NULL, error))
        return FALSE;
    g_autoptr(sqlite3_stmt) lines = database_query_new(
        spool->database, error, "SELECT path, algorithm, digest FROM declares", "");
    int got = lines == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, lines, error);
        if (got == 1 && !join_one(spool, lines, error))
            return FALSE;
    }
    return got == 0 && spool_commit(spool, error) &&
           database_run(spool->database, error, "DELETE FROM declares", "");
}

/* Rows of which the source now says something else begin anew; what the lock holds only where a
 * digest speaks against it. */
static gboolean settle_rows(Spool *spool, GError **error)
{
    static const char most[] = "SELECT max(id) FROM download";
    if (spool->was_empty)
        return TRUE;
    return spool_run_in_ranges(
               spool, most,
               "UPDATE download SET state = 0, have = CASE have WHEN 2 THEN 2 ELSE 0 END,"
               " seen = CASE have WHEN 2 THEN seen END,"
               " seen_size = CASE have WHEN 2 THEN seen_size END,"
               " reason = NULL, earlier = NULL, earlier_size = NULL"
               " WHERE id BETWEEN ?1 AND ?2 AND (state != 0 OR earlier NOT NULL)"
               " AND ((changed AND have != 2) OR digests_differ(was_declared, declared)"
               /* What was said before was weighed when the bytes came. */
               "  OR (digests_differ(declared, seen) AND declared IS NOT was_declared))",
               error) &&
           /* An archive that comes anew forgets what its old bytes held. */
           spool_run_in_ranges(spool, most,
                               "DELETE FROM member WHERE have = 1 AND archive IN (SELECT id FROM"
                               " download WHERE id BETWEEN ?1 AND ?2 AND state = 0 AND changed)",
                               error) &&
           spool_run_in_ranges(spool, most,
                               "UPDATE download SET changed = 0, was_declared = NULL"
                               " WHERE id BETWEEN ?1 AND ?2 AND (changed OR was_declared NOT NULL)",
                               error);
}

static gboolean drop_unlisted(Spool *spool, GError **error)
{
    gint64 listing = spool->listing;
    if (spool->was_empty ||
        database_number(spool->database, 0,
                        "SELECT 1 FROM download WHERE listing != ? AND have != 2 LIMIT 1", "i",
                        listing) == 0)
        return TRUE;
    return spool_set_number(spool, "#last_id", spool->next_id - 1, error) &&
           database_run(spool->database, error,
                        "DELETE FROM member WHERE archive IN"
                        " (SELECT id FROM download WHERE listing != ? AND have != 2)",
                        "i", listing) &&
           database_run(spool->database, error,
                        "DELETE FROM expected WHERE archive IN"
                        " (SELECT id FROM download WHERE listing != ? AND have != 2)",
                        "i", listing) &&
           database_run(spool->database, error,
                        "DELETE FROM download WHERE listing != ? AND have != 2", "i", listing);
}

/* Equal keys are looked at again: 64 bits may agree by chance. */
static gboolean check_key(Spool *spool, gint64 key, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    sqlite3_stmt *row = database_query(
        spool->database, error,
        "SELECT path FROM download WHERE key = ? AND role != 1 ORDER BY path LIMIT 16", "i", key);
    int got = row == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, row, error);
        if (got == 1)
            g_ptr_array_add(paths, g_strdup(column_text(row, 0)));
    }
    for (guint i = 1; got == 0 && i < paths->len; i++) {
        if (spool_paths_collide(paths->pdata[i - 1], paths->pdata[i]))
            return spool_refuse_collision(paths->pdata[i - 1], paths->pdata[i], error);
    }
    return got == 0;
}

static gboolean check_collisions(Spool *spool, GError **error)
{
    g_autoptr(sqlite3_stmt) keys =
        database_query_new(spool->database, error,
                           "SELECT key FROM download WHERE key NOT NULL AND role != 1 GROUP BY key"
                           " HAVING count(*) > 1",
                           "");
    int got = keys == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, keys, error);
        if (got == 1 && !check_key(spool, sqlite3_column_int64(keys, 0), error))
            return FALSE;
    }
    return got == 0;
}

/* No listed file may be a folder of another. */
static gboolean check_folders_of(Spool *spool, const char *path, GString *folder, GError **error)
{
    const char *slash = strrchr(path, '/');
    gsize length = slash == NULL ? 0 : (gsize)(slash - path);
    if (folder->len == length && memcmp(folder->str, path, length) == 0)
        return TRUE;
    gsize common = 0;
    while (common < length && common < folder->len && path[common] == folder->str[common])
        common++;
    g_string_truncate(folder, 0);
    g_string_append_len(folder, path, (gssize)length);
    for (gsize end = length; end > 0; end--) {
        if (end != length && path[end] != '/')
            continue;
        g_autofree char *above = g_strndup(path, end);
        if (database_number(spool->database, 0,
                            "SELECT 1 FROM download WHERE path = ? AND role != 1", "t", above)) {
            g_autofree char *shown = relpath_display(path);
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                        _("%s is refused: %s is listed as a file, and cannot be its folder."),
                        shown, above);
            return FALSE;
        }
        if (end <= common)
            break;
    }
    return TRUE;
}

static gboolean check_folders(Spool *spool, GError **error)
{
    g_autoptr(GString) folder = g_string_new(NULL);
    g_autoptr(sqlite3_stmt) rows =
        database_query_new(spool->database, error, "SELECT path FROM download ORDER BY path", "");
    int got = rows == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, rows, error);
        if (got == 1 && !check_folders_of(spool, column_text(rows, 0), folder, error))
            return FALSE;
    }
    return got == 0;
}

gboolean spool_end_listing(Spool *spool, GError **error)
{
    if (!spool_commit(spool, error) || !spool_settle_paths(spool, error) ||
        !join_declared(spool, error) || !settle_rows(spool, error) ||
        !drop_unlisted(spool, error) || !check_collisions(spool, error) ||
        !check_folders(spool, error))
        return FALSE;
    /* New rows were chosen as they came. */
    spool->is_chosen = spool->was_empty || spool_choose_rows(spool, error);
    return spool->is_chosen && spool_set(spool, "#listed", "1", error);
}

gboolean spool_cancel_listing(Spool *spool, GError **error)
{
    spool->listing--;
    return spool_commit(spool, error) && spool_need_paths(spool, error) &&
           spool_set_number(spool, "#listing", spool->listing, error) &&
           spool_set(spool, "#listed", spool->was_listed ? "1" : NULL, error);
}

gboolean spool_is_listed(Spool *spool)
{
    return spool_get_number(spool, "#listed", 0) == 1;
}

gboolean spool_choose_rows(Spool *spool, GError **error)
{
    return spool_run_in_ranges(spool, "SELECT max(id) FROM download",
                               "UPDATE download SET state = new.state FROM (SELECT id AS row, CASE"
                               "  WHEN NOT takes(path, role, facts, if_asked, unpack) THEN 1"
                               "  WHEN state IN (0, 4, 5) THEN state"
                               "  WHEN have = 2 THEN 3 WHEN have = 1 THEN 2 ELSE 0 END AS state"
                               "  FROM download WHERE id BETWEEN ?1 AND ?2) AS new"
                               " WHERE new.row = download.id AND new.state != download.state",
                               error) &&
           spool_run_in_ranges(spool, "SELECT max(id) FROM member",
                               "UPDATE member SET state = CASE WHEN NOT (SELECT"
                               "  takes_member(member.path, of.path, of.facts, of.if_asked)"
                               "  FROM download AS of WHERE of.id = member.archive) THEN 1"
                               " WHEN have = 2 THEN 3 WHEN have = 1 THEN 2 ELSE 0 END"
                               " WHERE id BETWEEN ?1 AND ?2",
                               error) &&
           /* A member that is wanted now brings its archive back. */
           spool_run_in_ranges(spool, "SELECT max(id) FROM download",
                               "UPDATE download SET state = 0 WHERE id BETWEEN ?1 AND ?2"
                               " AND state IN (2, 3) AND role = 1 AND EXISTS"
                               " (SELECT 1 FROM member WHERE archive = download.id AND state = 0)",
                               error);
}

gboolean spool_choose(Spool *spool, const Selection *selection, GError **error)
{
    if (spool->is_chosen && selection_equal(spool->selection, selection))
        return TRUE;
    g_clear_pointer(&spool->selection, selection_free);
    spool->selection = selection_copy(selection);
    spool->is_chosen = spool_commit(spool, error) && spool_choose_rows(spool, error);
    return spool->is_chosen;
}

gboolean spool_retry_failed(Spool *spool, GError **error)
{
    return spool_commit(spool, error) &&
           database_run(spool->database, error,
                        "UPDATE download SET state = 0, reason = NULL WHERE state = 5", "");
}

/* NAME=TEXT and a NUL. */
static void add_fact(GString *facts, const char *name, const char *text)
{
    if (text == NULL)
        return;
    g_string_append(facts, name);
    g_string_append_c(facts, '=');
    g_string_append(facts, text);
    g_string_append_c(facts, '\0');
}

static void add_row_facts(GString *facts, sqlite3_stmt *row)
{
    add_fact(facts, "path", column_text(row, 0));
    add_fact(facts, "size", column_text(row, 1));
    add_fact(facts, "content", column_text(row, 7));
    DigestSet declared;
    column_digests(row, 2, &declared);
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        const Digest *digest = digest_set_get(&declared, (DigestAlgorithm)i);
        g_autofree char *hex = digest == NULL ? NULL : digest_to_hex(digest);
        add_fact(facts, digest_algorithm_name((DigestAlgorithm)i), hex);
    }
    /* Where a digest speaks, a touched date says nothing more. */
    if (digest_set_is_empty(&declared)) {
        add_fact(facts, "etag", column_text(row, 3));
        add_fact(facts, "last-modified", column_text(row, 4));
        add_fact(facts, "total", column_text(row, 5));
        add_fact(facts, "modified", column_text(row, 6));
    }
}

char *spool_source_state(Spool *spool, const ListingHead *head, GError **error)
{
    g_autoptr(DigestStream) stream = digest_stream_new(1U << DIGEST_SHA256, 0);
    g_autoptr(GString) facts = g_string_new(NULL);
    add_fact(facts, "version", head == NULL ? NULL : head->version);
    add_fact(facts, "newest-change", head == NULL ? NULL : head->newest_change);
    g_autoptr(sqlite3_stmt) rows = database_query_new(
        spool->database, error,
        "SELECT path, size, declared, etag, last_modified, total, modified,"
        " content FROM download WHERE listing = ? AND NOT if_asked ORDER BY path",
        "i", spool->listing);
    int got = rows == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, rows, error);
        if (got == 1)
            add_row_facts(facts, rows);
        digest_stream_update(stream, facts->str, facts->len);
        g_string_truncate(facts, 0);
    }
    if (got < 0)
        return NULL;
    DigestSet set = {0};
    digest_stream_finish(stream, &set);
    return digest_to_hex(digest_set_get(&set, DIGEST_SHA256));
}

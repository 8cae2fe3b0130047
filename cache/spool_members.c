#include <string.h>

#include "error.h"
#include "i18n.h"
#include "relpath.h"
#include "spool_private.h"

static gboolean same_bytes(const DigestSet *digests, const char *link_target,
                           const LockFile *member)
{
    if (member->link_target != NULL || link_target != NULL)
        return g_strcmp0(member->link_target, link_target) == 0;
    gboolean agree = FALSE, differ = FALSE;
    digest_set_compare(digests, &member->digests, &agree, &differ);
    return agree && !differ;
}

/* Plain files of the same collision key. What is not here yet is judged when it arrives. */
static gboolean check_downloads(Spool *spool, gint64 key, const LockFile *member, GError **error)
{
    sqlite3_stmt *row = database_query(spool->database, error,
                                       "SELECT path, seen, declared, have, state FROM download"
                                       " WHERE key = ? AND role != 1",
                                       "i", key);
    int got = row == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, row, error);
        if (got != 1)
            break;
        g_autofree char *path = g_strdup(column_text(row, 0));
        gboolean have = sqlite3_column_int(row, 3) != HAVE_NOTHING;
        DigestSet known;
        column_digests(row, have ? 1 : 2, &known);
        gboolean agree = FALSE, differ = FALSE;
        digest_set_compare(&known, &member->digests, &agree, &differ);
        gboolean fits = strcmp(path, member->path) == 0
                            ? (have ? same_bytes(&known, NULL, member) : !differ)
                            : !spool_paths_collide(path, member->path);
        if (!fits && (have || sqlite3_column_int(row, 4) != SPOOL_SKIPPED)) {
            sqlite3_reset(row);
            return spool_refuse_collision(path, member->path, error);
        }
    }
    return got == 0;
}

/* What an earlier member says of the same path: FALSE with an error where it is another file.
 * *STANDS: the very same row stands in the version already. */
static gboolean check_members(Spool *spool, gint64 id, gint64 key, const LockFile *member,
                              gboolean *stands, GError **error)
{
    sqlite3_stmt *row =
        database_query(spool->database, error,
                       "SELECT path, archive, digests, link_target, have FROM member WHERE key = ?"
                       " AND have != 0",
                       "i", key);
    int got = row == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, row, error);
        if (got != 1)
            break;
        g_autofree char *path = g_strdup(column_text(row, 0));
        DigestSet digests;
        column_digests(row, 2, &digests);
        gboolean fits;
        if (strcmp(path, member->path) == 0) {
            fits = same_bytes(&digests, column_text(row, 3), member);
            *stands = *stands || (fits && sqlite3_column_int64(row, 1) == id &&
                                  sqlite3_column_int(row, 4) == HAVE_INSTALLED);
        } else {
            fits = !spool_paths_collide(path, member->path);
        }
        if (!fits) {
            sqlite3_reset(row);
            return spool_refuse_collision(path, member->path, error);
        }
    }
    return got == 0;
}

gboolean spool_add_member(Spool *spool, gint64 id, const LockFile *member, gboolean chosen,
                          GError **error)
{
    gint64 key = spool_path_key(member->path);
    gboolean stands = FALSE;
    if (!relpath_check(member->path, error) || !spool_need_keys(spool, error) ||
        (chosen && (!check_downloads(spool, key, member, error) ||
                    !check_members(spool, id, key, member, &stands, error))))
        return FALSE;
    gint64 state = !chosen ? SPOOL_SKIPPED : stands ? SPOOL_INSTALLED : SPOOL_STAGED;
    gint64 have = !chosen ? HAVE_NOTHING : stands ? HAVE_INSTALLED : HAVE_STAGED;
    return spool_touch(spool, error) &&
           database_run(spool->database, error,
                        "INSERT INTO member(path, archive, key, name, size, digests, link_target,"
                        " state, have, trust, epoch) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                        " ON CONFLICT(path, archive) DO UPDATE SET name = excluded.name,"
                        " size = excluded.size, digests = excluded.digests,"
                        " link_target = excluded.link_target, trust = excluded.trust,"
                        " state = excluded.state, have = max(have, excluded.have),"
                        " epoch = excluded.epoch",
                        "tiitudtiiii", member->path, id, key, member->member, member->size,
                        &member->digests, member->link_target, state, have, (gint64)member->trust,
                        spool->epoch) &&
           spool_commit_full(spool, error);
}

gboolean spool_list_member(Spool *spool, gint64 id, const char *path, guint64 size, GError **error)
{
    return relpath_check(path, error) && spool_touch(spool, error) &&
           database_run(spool->database, error,
                        "INSERT INTO member(path, archive, key, size, state, epoch)"
                        " VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(path, archive) DO NOTHING",
                        "tiiuii", path, id, spool_path_key(path), size, (gint64)SPOOL_SKIPPED,
                        spool->epoch) &&
           spool_commit_full(spool, error);
}

gboolean spool_forget_members(Spool *spool, gint64 id, GError **error)
{
    /* What the lock told of stays known: it says what the members must be. */
    return spool_touch(spool, error) &&
           database_run(spool->database, error,
                        "DELETE FROM member WHERE archive = ? AND imported = 0", "i", id) &&
           database_run(spool->database, error,
                        "UPDATE member SET state = 0, have = 0 WHERE archive = ? AND have = 1", "i",
                        id) &&
           spool_commit(spool, error);
}

gboolean spool_forget_unproven(Spool *spool, GError **error)
{
    return spool_commit(spool, error) &&
           database_run(spool->database, error,
                        "UPDATE member SET state = 0, have = 0 WHERE have = 1 AND archive IN"
                        " (SELECT id FROM download WHERE have = 0 OR state NOT IN (1, 2, 3))",
                        "");
}

gboolean spool_forget_unchosen(Spool *spool, GError **error)
{
    return spool_commit(spool, error) &&
           database_run(spool->database, error,
                        "UPDATE download SET have = 0, seen = NULL, seen_size = NULL, trust = 0"
                        " WHERE have = 1 AND state = 1 AND role != 1",
                        "") &&
           database_run(spool->database, error,
                        "UPDATE member SET have = 0 WHERE have = 1 AND state = 1", "");
}

gboolean spool_make_members(Spool *spool, const FileSpec *archive, GError **error)
{
    if (!spool_add(spool, archive, error))
        return FALSE;
    gint64 id = database_number(spool->database, 0, "SELECT id FROM download WHERE path = ?", "t",
                                archive->path);
    return database_run(spool->database, error,
                        "INSERT INTO member(path, archive, key, size, digests, state, have, trust,"
                        " epoch) SELECT path, ?1, key, seen_size, seen, 2, 1, trust, epoch"
                        " FROM download WHERE role != 1 AND have = 1 AND state = 2",
                        "i", id) &&
           spool_set_number(spool, "#last_id", spool->next_id - 1, error) &&
           database_run(spool->database, error,
                        "DELETE FROM download WHERE role != 1 AND have = 1 AND state = 2", "") &&
           database_run(spool->database, error,
                        "UPDATE download SET state = 2, have = 1, epoch = ? WHERE id = ?", "ii",
                        spool->epoch, id) &&
           spool_commit(spool, error);
}

static void fill_file(sqlite3_stmt *row, LockFile *file)
{
    memset(file, 0, sizeof *file);
    file->path = g_strdup(column_text(row, 0));
    file->size = column_size(row, 1);
    column_digests(row, 2, &file->digests);
    file->trust = (Trust)sqlite3_column_int(row, 3);
    file->archive = g_strdup(column_text(row, 4));
    file->member = g_strdup(column_text(row, 5));
    file->link_target = g_strdup(column_text(row, 6));
    file->state = LOCK_STATE_HAVE;
}

gboolean spool_find_file(Spool *spool, const char *path, LockFile *file)
{
    sqlite3_stmt *row = database_query(
        spool->database, NULL,
        "SELECT path, seen_size, seen, trust, NULL, NULL, NULL FROM download"
        " WHERE path = ?1 AND role != 1 AND state IN (2, 3)"
        " UNION ALL SELECT path, size, digests, trust,"
        " (SELECT path FROM download WHERE id = archive), name, link_target FROM member"
        " WHERE path = ?1 AND state IN (2, 3) LIMIT 1",
        "t", path);
    gboolean found = row != NULL && database_step(spool->database, row, NULL) == 1;
    if (found && file != NULL)
        fill_file(row, file);
    if (row != NULL)
        sqlite3_reset(row);
    return found;
}

gboolean spool_has_staged(Spool *spool, const char *path)
{
    return database_number(spool->database, 0,
                           "SELECT 1 FROM download WHERE path = ?1 AND role != 1 AND have = 1"
                           " UNION ALL SELECT 1 FROM member WHERE path = ?1 AND have = 1 LIMIT 1",
                           "t", path) == 1;
}

gboolean spool_is_staged(Spool *spool, const char *path)
{
    return database_number(spool->database, 0,
                           "SELECT 1 FROM download WHERE path = ?1 AND role != 1 AND state = 2"
                           " UNION ALL SELECT 1 FROM member WHERE path = ?1 AND state = 2 LIMIT 1",
                           "t", path) == 1;
}

void spool_wanted_member(Spool *spool, gint64 id, const char *path, WantedBytes *wanted)
{
    memset(wanted, 0, sizeof *wanted);
    wanted->locked_size = wanted->declared_size = wanted->hinted_size = SIZE_UNKNOWN;
    sqlite3_stmt *row =
        database_query(spool->database, NULL,
                       "SELECT digests, size FROM member WHERE path = ? AND archive = ?"
                       " AND imported != 0 AND link_target IS NULL AND digests NOT NULL",
                       "ti", path, id);
    if (row != NULL && database_step(spool->database, row, NULL) == 1) {
        column_digests(row, 0, &wanted->locked);
        wanted->locked_size = column_size(row, 1);
        sqlite3_reset(row);
    }
    row = database_query(spool->database, NULL,
                         "SELECT digests, size FROM expected WHERE archive = ? AND path = ?", "it",
                         id, path);
    if (row != NULL && database_step(spool->database, row, NULL) == 1) {
        column_digests(row, 0, &wanted->declared);
        wanted->declared_size = column_size(row, 1);
        sqlite3_reset(row);
    }
}

gboolean spool_expect_member(Spool *spool, gint64 id, const char *path, const DigestSet *digests,
                             guint64 size, GError **error)
{
    return spool_touch(spool, error) &&
           database_run(spool->database, error,
                        "INSERT INTO expected(archive, path, digests, size) VALUES(?, ?, ?, ?)"
                        " ON CONFLICT(archive, path) DO UPDATE SET digests = excluded.digests,"
                        " size = excluded.size",
                        "itdu", id, path, digests, size) &&
           spool_commit_full(spool, error);
}

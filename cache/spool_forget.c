#include "spool_private.h"

/* Archives of which a part was taken from the version that stood are unpacked once more. */
static const char *const forget_members[] = {
    "UPDATE download SET state = 0, have = 0 WHERE have = 1 AND role = 1 AND id IN"
    " (SELECT archive FROM member WHERE have = 2 OR imported != 0)",
    "DELETE FROM member WHERE archive IN"
    " (SELECT archive FROM member WHERE have = 2 OR imported != 0)",
};

static gboolean forget_unlisted(Spool *spool, GError **error)
{
    gint64 listing = spool_is_listed(spool) ? spool->listing : -1;
    /* Their ids are not given out again. */
    return spool_set_number(spool, "#last_id", spool->next_id - 1, error) &&
           database_run(spool->database, error,
                        "DELETE FROM member WHERE archive IN"
                        " (SELECT id FROM download WHERE listing != ?)",
                        "i", listing) &&
           database_run(spool->database, error,
                        "DELETE FROM expected WHERE archive IN"
                        " (SELECT id FROM download WHERE listing != ?)",
                        "i", listing) &&
           database_run(spool->database, error, "DELETE FROM download WHERE listing != ?", "i",
                        listing);
}

static gboolean forget_rows(Spool *spool, GError **error)
{
    return database_run(
        spool->database, error,
        "UPDATE download SET state = CASE have WHEN 2 THEN 0 ELSE state END,"
        " seen = CASE have WHEN 2 THEN NULL ELSE seen END,"
        " seen_size = CASE have WHEN 2 THEN NULL ELSE seen_size END,"
        " trust = CASE WHEN have = 2 THEN 0 WHEN trust = ?1 THEN lock_trust ELSE trust END,"
        " have = CASE have WHEN 2 THEN 0 ELSE have END,"
        " locked = NULL, locked_size = NULL, lock_trust = 0"
        " WHERE have = 2 OR locked NOT NULL OR lock_trust != 0",
        "i", (gint64)TRUST_LOCKED);
}

gboolean spool_forget_lock(Spool *spool, GError **error)
{
    g_autofree char *lock = spool_get(spool, SPOOL_LOCK);
    if (lock == NULL)
        return TRUE;
    spool->is_chosen = FALSE;
    if (!spool_commit(spool, error) || !spool_touch(spool, error))
        return FALSE;
    gboolean forgotten = TRUE;
    for (guint i = 0; forgotten && i < G_N_ELEMENTS(forget_members); i++)
        forgotten = database_run(spool->database, error, forget_members[i], "");
    forgotten = forgotten && forget_unlisted(spool, error) && forget_rows(spool, error) &&
                spool_set(spool, SPOOL_LOCK, NULL, error) && spool_commit(spool, error);
    if (!forgotten && spool->pending > 0) {
        spool->pending = 0;
        database_exec(spool->database, "ROLLBACK", NULL);
    }
    return forgotten;
}

gboolean spool_begin_lock(Spool *spool, const LockHeader *header, GError **error)
{
    g_autofree char *name =
        g_strjoin(" ", header->version, header->updated != NULL ? header->updated : "",
                  header->fingerprint != NULL ? header->fingerprint : "", NULL);
    g_autofree char *before = spool_get(spool, SPOOL_LOCK);
    return g_strcmp0(before, name) == 0 ||
           (spool_forget_lock(spool, error) && spool_set(spool, SPOOL_LOCK, name, error));
}

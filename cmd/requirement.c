#include "requirement.h"

gboolean requirement_is_met(Requirement require, Trust trust, FileRole role)
{
    switch (require) {
    case REQUIRE_NOTHING:
        return TRUE;
    case REQUIRE_DECLARED:
        return trust == TRUST_DECLARED || trust == TRUST_LOCKED || role == FILE_ROLE_CHECKSUMS;
    default:
        return trust == TRUST_LOCKED;
    }
}

gboolean requirement_count_unmet(Requirement require, LockReader *lock, guint64 *unmet,
                                 GError **error)
{
    *unmet = 0;
    if (require == REQUIRE_NOTHING) {
        return TRUE;
    }
    /* Downloads stand before files; lists of checksums are few. */
    g_autoptr(GHashTable) lists = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (;;) {
        g_auto(LockDownload) download = {0};
        g_auto(LockFile) file = {0};
        LockLine line = lock_reader_next(lock, &download, &file, error);
        if (line == LOCK_LINE_END || line == LOCK_LINE_ERROR) {
            return line == LOCK_LINE_END;
        }
        if (line == LOCK_LINE_DOWNLOAD && download.role == FILE_ROLE_CHECKSUMS) {
            g_hash_table_add(lists, g_strdup(download.path));
        } else if (line == LOCK_LINE_FILE && file.state == LOCK_STATE_HAVE) {
            gboolean is_list = !file.archive && g_hash_table_contains(lists, file.path);
            FileRole role = is_list ? FILE_ROLE_CHECKSUMS : FILE_ROLE_DATA;
            *unmet += !requirement_is_met(require, file.trust, role);
        }
    }
}

/*
 * Members of a download that come one by one, as objects of a bundle: known again by their name
 * there, and judged together. Of all functions the thread is the spool's.
 */
#pragma once

#include "spool.h"

/* Before the two that follow. */
gboolean spool_name_members(Spool *spool, GError **error);
/* The member at PATH is called NAME where it comes from. The spool alone remembers: the lock does
 * not say by which way it came. */
gboolean spool_name_member(Spool *spool, gint64 id, const char *name, const char *path,
                           GError **error);
/* The member of row ID that is called NAME where it comes from; FALSE where none was noted, or it
 * is to be fetched. *FILE is filled (the caller clears it); its state is LOCK_STATE_SKIPPED for one
 * that is not chosen. *IS_INSTALLED: it lies in the version's folder, not in the stage. */
gboolean spool_find_member(Spool *spool, gint64 id, const char *name, LockFile *file,
                           gboolean *is_installed, GError **error);

typedef struct {
    guint64 count, bytes; /* noted, those that are not chosen included */
    guint64 unhinted;     /* of them those that not even a hint speaks for */
} SpoolMembers;
gboolean spool_count_members(Spool *spool, gint64 id, SpoolMembers *members, GError **error);

/* DIGEST_MD5_TREE of the members of row ID that are noted. FALSE without an error where there are
 * none, or one of them has no MD5. The MD5s are sorted by SQLite, which keeps no more of them in
 * memory than its cache. */
gboolean spool_digest_members(Spool *spool, gint64 id, Digest *digest, GError **error);

/* What the source says of row ID by now. */
gboolean spool_note_facts(Spool *spool, gint64 id, const json_t *facts, GError **error);
/* What speaks for the members of row ID that are here and that no lock vouches for. */
gboolean spool_trust_members(Spool *spool, gint64 id, Trust trust, GError **error);

/*
 * The spool: everything between resolve and install, in an SQLite file in the stage; a row for each
 * download, a row for each file. It outlives a crash. One thread of one process works on it at a
 * time (the owner file sees to that). No list of files is ever held in memory.
 *
 * A plain file is a download row and a file row of the same path. An archive that is unpacked (its
 * role is FILE_ROLE_ARCHIVE) is a download row; its members are file rows that name it. Rows keep
 * their id for as long as their path stays listed: partial files are named by it.
 *
 * A note survives kill -9 as soon as it is made (that of a staged file: once it is kept). After a
 * power cut, what was noted since the last spool_flush() may be gone; what is there may speak of
 * bytes that are not: spool_each_unsure().
 */
#pragma once

#include "listing.h"
#include "lock.h"

typedef struct Spool Spool;

/* Opens or makes. A damaged or older file is set aside and a new one made. _STORAGE. Owned. */
Spool *spool_open(const char *path, GError **error);
void spool_close(Spool *spool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Spool, spool_close)

/* Small facts that outlive a crash ("version", "state_token", "options" ...). Value owned by the
 * caller; NULL where unset. */
gboolean spool_set(Spool *spool, const char *key, const char *value, GError **error);
char *spool_get(Spool *spool, const char *key);

/* Row states. Running is no state: what ran at a crash is queued again. */
typedef enum {
    SPOOL_QUEUED,    /* chosen, to be fetched */
    SPOOL_SKIPPED,   /* not chosen */
    SPOOL_STAGED,    /* fetched, verified, in the stage */
    SPOOL_INSTALLED, /* in the version folder already (from its lock) */
    SPOOL_ABSENT,
    SPOOL_FAILED, /* of this run; queued again by spool_retry_failed() */
} SpoolState;

/* A listing is begun, its files added (transactions of some 10,000 rows), and ended. Rows that
 * stood before keep their state where what the source says of them (size, declared digests,
 * validators) is the same, else they are queued again; rows that are not listed any more go at the
 * end. TAKES decides chosen or skipped; an archive is chosen where selection_may_take_members().
 * What is listed "only if asked for", and is not, is no part of the dataset: it is in no total, no
 * lock, and no source state. */
gboolean spool_begin_listing(Spool *spool, const Selection *selection, GError **error);
/* _UNSAFE: a path that is unsafe, or collides with another by case or normal form (both are named);
 * two files of one path and different content are _UNSAFE too, the same is one. */
gboolean spool_add(Spool *spool, const FileSpec *file, GError **error);
/* A digest for PATH that the publisher declares elsewhere than in the listing itself (SHA256SUMS);
 * between begin and end, in any order with spool_add(). */
gboolean spool_declare(Spool *spool, const char *path, const Digest *digest, GError **error);
gboolean spool_end_listing(Spool *spool, GError **error);
/* Lines of spool_declare() that named no listed path, at the last end of a listing; *FIRST (may be
 * NULL): one of them, owned. */
guint64 spool_unlisted_declared(Spool *spool, char **first);
/* After begin: the source said "unchanged"; the rows stay as they stood before. */
gboolean spool_cancel_listing(Spool *spool, GError **error);
/* The keys of the facts of what is listed (char*, owned, sorted; at most 100). NULL with an error.
 */
GPtrArray *spool_fact_keys(Spool *spool, GError **error);
/* Does the source say anything of any file by keys of its own? */
gboolean spool_has_facts(Spool *spool);
/* TRUE where a listing was ended and stands. */
gboolean spool_is_listed(Spool *spool);
/* The rows chosen by another selection (listing unchanged). */
gboolean spool_choose(Spool *spool, const Selection *selection, GError **error);
gboolean spool_retry_failed(Spool *spool, GError **error);
/* SHA-256, hex, of the sorted listing: paths, sizes, declared digests, validators, those of the
 * facts that tell of content (file_facts.h), and the source's own version or date of HEAD; never an
 * address or the time of asking. Owned. */
char *spool_source_state(Spool *spool, const ListingHead *head, GError **error);
/* Takes over what the lock of the standing version holds: its rows become INSTALLED (have), ABSENT
 * ones QUEUED again. A locked digest is kept as `locked` of its row. Without a listing (offline,
 * unchanged) the rows come from the lock alone. */
gboolean spool_import_lock(Spool *spool, LockReader *lock, GError **error);
/* What a lock told that was imported before, in this run or an earlier one, is forgotten: no row is
 * INSTALLED afterwards. Another lock's import begins with it. */
gboolean spool_forget_lock(Spool *spool, GError **error);

typedef struct {
    guint64 downloads, files;     /* all listed; files: known ones */
    guint64 queued, queued_bytes; /* bytes of known sizes */
    guint64 queued_unknown;       /* downloads without a known size */
    guint64 queued_archives, queued_archive_bytes, largest_archive;
    guint64 staged_files, staged_bytes;
    guint64 installed_files, installed_bytes;
    guint64 skipped, absent, failed; /* downloads */
    guint64 listed_bytes;            /* SIZE_UNKNOWN where any is unknown */
    guint64 held_files, held_bytes;  /* staged and installed file rows */
    guint64 trust_files[TRUST_FIRST_USE + 1];
} SpoolTotals;
gboolean spool_totals(Spool *spool, SpoolTotals *totals, GError **error);

/* A download row as work. */
typedef struct {
    gint64 id;
    FileSpec *file;     /* owned */
    WantedBytes wanted; /* locked, declared, hinted */
    SpoolState state;
    DigestSet earlier; /* what an earlier, unverified transfer of it brought; empty: none */
    guint64 earlier_size;
    char *reason; /* of FAILED, ABSENT */
} SpoolDownload;
void spool_download_free(SpoolDownload *download);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpoolDownload, spool_download_free)

/* Up to MOST queued downloads that were not taken since the spool was opened, large and small mixed
 * (two thirds small in listing order, one third from the largest on); SpoolDownload*, owned. Empty:
 * there are no more. Taken ones stay taken until spool_put_back() or a final state. */
GPtrArray *spool_take(Spool *spool, guint most, GError **error);
void spool_put_back(Spool *spool, gint64 id);
/* Is there a download of that path? */
gboolean spool_lists(Spool *spool, const char *path);
/* One row by path; NULL with _ABSENT. */
SpoolDownload *spool_find(Spool *spool, const char *path, GError **error);

/* Notes are gathered in one transaction; spool_keep() lets them survive kill -9, spool_flush()
 * makes them durable. */
gboolean spool_note_staged(Spool *spool, gint64 id, const DigestSet *digests, guint64 size,
                           Trust trust, const char *address, GError **error);
/* The bytes of row ID are about to get their name in the stage's tree. _UNSAFE where a member of
 * that path is here with other bytes. They are written down where no digest vouches for them: a
 * file that a kill left without its row is believed only where it is the one that was meant. */
gboolean spool_note_placing(Spool *spool, gint64 id, const DigestSet *digests, guint64 size,
                            Trust trust, GError **error);
gboolean spool_note_state(Spool *spool, gint64 id, SpoolState state, const char *reason,
                          GError **error);
gboolean spool_note_earlier(Spool *spool, gint64 id, const DigestSet *digests, guint64 size,
                            GError **error);
/* The file PATH of the version that stands is not what it must be: its download is queued again; a
 * member's archive, likewise. */
gboolean spool_note_damaged(Spool *spool, const char *path, GError **error);
/* Queued again, members forgotten (wrong bytes after all); spool_take() may give it again. */
gboolean spool_note_queued(Spool *spool, gint64 id, GError **error);

/* A member of the archive of row ID. CHOSEN: FALSE for those the selection leaves out (state
 * skipped, nothing on disk). _UNSAFE on a collision with a file of other bytes, or with another
 * name by case. A second member of the same path and bytes is one. */
gboolean spool_add_member(Spool *spool, gint64 id, const LockFile *member, gboolean chosen,
                          GError **error);
/* The directory of the archive of row ID has a member at PATH that is not chosen and not here. What
 * is known of it already stays. */
gboolean spool_list_member(Spool *spool, gint64 id, const char *path, guint64 size, GError **error);
gboolean spool_forget_members(Spool *spool, gint64 id, GError **error);
/* Every download that is staged is a member of ARCHIVE, whose own bytes never came: it becomes the
 * one download, and they its members. For a tree that somebody unpacked by hand. */
gboolean spool_make_members(Spool *spool, const FileSpec *archive, GError **error);
/* Members of archives that did not arrive whole and right are forgotten, before an install. */
gboolean spool_forget_unproven(Spool *spool, GError **error);
/* What was staged and is not chosen any more is not here: the install sweeps it away. */
gboolean spool_forget_unchosen(Spool *spool, GError **error);
/* Is PATH a file that is staged or installed under another download, or of this one settled
 * already? *FILE (may be NULL) is filled; the caller clears it. */
gboolean spool_find_file(Spool *spool, const char *path, LockFile *file);
/* What the manifest or the lock says of a member (its digest and size): wanted. Empty where
 * nothing. */
void spool_wanted_member(Spool *spool, gint64 id, const char *path, WantedBytes *wanted);
/* Digests recorded for members beforehand (the manifest's). */
gboolean spool_expect_member(Spool *spool, gint64 id, const char *path, const DigestSet *digests,
                             guint64 size, GError **error);

/* Were bytes of PATH staged, whether they are chosen now or not? */
gboolean spool_has_staged(Spool *spool, const char *path);
/* Is PATH a file (or link) that is staged? */
gboolean spool_is_staged(Spool *spool, const char *path);
/* What was staged of PATH is not there any more: its download is queued again. */
gboolean spool_requeue(Spool *spool, const char *path, GError **error);
/* Ends what spool_note_staged() gathers. */
gboolean spool_keep(Spool *spool, GError **error);
/* Makes all notes durable. The bytes that they speak of must be durable before: use stage_flush().
 */
gboolean spool_flush(Spool *spool, GError **error);
/* Staged files whose bytes may have been lost in a power cut since (noted after the last flush,
 * under another boot): FUNC says whether PATH is in the stage with SIZE and SHA256 (NULL: a link);
 * where it is not, its download is queued again. */
gboolean spool_each_unsure(Spool *spool,
                           gboolean (*func)(const char *path, guint64 size, const Digest *sha256,
                                            gpointer data),
                           gpointer data, GError **error);

/* Rows for the lock: writes downloads and files in order; fills the counts of HEADER first (a pass
 * of its own). Also the list; HEADER's fingerprint is set. Files of state FAILED count as failed;
 * QUEUED ones are FAILED with ALLOW_INCOMPLETE (else MEDMIRROR_ERROR_FAILED). */
gboolean spool_write_lock(Spool *spool, LockHeader *header, int lock_fd, int list_fd,
                          gboolean allow_incomplete, GError **error);
/* Calls FUNC for each file row that is STAGED (INSTALLED ones with ALL), in byte order; FALSE from
 * it ends with its error. */
gboolean spool_each_file(Spool *spool, gboolean all,
                         gboolean (*func)(const LockFile *file, gpointer data, GError **error),
                         gpointer data, GError **error);
/* Is the download of this row queued? */
gboolean spool_is_queued(Spool *spool, gint64 id);
/* Each archive that is queued, in byte order. */
gboolean spool_each_queued_archive(Spool *spool,
                                   gboolean (*func)(const SpoolDownload *download, gpointer data,
                                                    GError **error),
                                   gpointer data, GError **error);
/* Each download of STATE, in byte order. */
gboolean spool_each_download(Spool *spool, SpoolState state,
                             gboolean (*func)(const SpoolDownload *download, gpointer data,
                                              GError **error),
                             gpointer data, GError **error);

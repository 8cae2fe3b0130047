#include <errno.h>
#include <string.h>

#include "durable.h"
#include "error.h"
#include "i18n.h"
#include "relpath.h"
#include "spool_private.h"

/* Every file row in the byte order of whole paths; both halves come by their index on path, so that
 * nothing is sorted. Listed under one path may be several members and a plain file. */
#define FILE_ROWS                                                                                  \
    "SELECT path AS name, CASE have WHEN 0 THEN size ELSE seen_size END, seen, declared, trust,"   \
    " lock_trust, NULL, NULL, NULL, state, have, 0 FROM download WHERE role != 1 "                 \
    "AND" SPOOL_OF_DATASET " UNION ALL SELECT path, size, digests, NULL, trust, lock_trust,"       \
    " (SELECT path FROM download WHERE id = archive), name, link_target, state, have,"             \
    " CASE trust WHEN 1 THEN (SELECT CASE of.trust WHEN 1 THEN of.lock_trust ELSE of.trust END"    \
    "  FROM download AS of WHERE of.id = archive) ELSE 0 END FROM member ORDER BY 1"
G_STATIC_ASSERT(TRUST_LOCKED == 1);

typedef struct {
    LockFile file;
    SpoolState state;
    int have;
    gboolean filled;
} FileRow;

static void file_row_clear(FileRow *row)
{
    lock_file_clear(&row->file);
    memset(row, 0, sizeof *row);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FileRow, file_row_clear)

/* SHA-256, and what was declared: what else was computed depends on the way the bytes came. */
static void kept_digests(const DigestSet *seen, const DigestSet *declared, DigestSet *kept)
{
    memset(kept, 0, sizeof *kept);
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        const Digest *digest = digest_set_get(seen, (DigestAlgorithm)i);
        if (digest != NULL &&
            (i == DIGEST_SHA256 || digest_set_get(declared, (DigestAlgorithm)i) != NULL))
            digest_set_add(kept, digest);
    }
}

static Trust kept_trust(int trust, int lock_trust, int archive_trust)
{
    if (trust != TRUST_LOCKED)
        return (Trust)trust;
    /* Equal to the lock: whoever vouched then vouches still, and so does whoever vouches for the
     * archive that it came out of now. A digest in a lock is nobody's word by itself. */
    gboolean is_better =
        archive_trust != TRUST_NONE && (lock_trust == TRUST_NONE || archive_trust < lock_trust);
    int kept = is_better ? archive_trust : lock_trust;
    return (Trust)(kept != TRUST_NONE ? kept : trust);
}

static void read_file_row(sqlite3_stmt *from, FileRow *row)
{
    file_row_clear(row);
    row->filled = TRUE;
    LockFile *file = &row->file;
    file->path = g_strdup(column_text(from, 0));
    file->size = column_size(from, 1);
    file->archive = g_strdup(column_text(from, 6));
    file->member = g_strdup(column_text(from, 7));
    file->link_target = g_strdup(column_text(from, 8));
    row->state = (SpoolState)sqlite3_column_int(from, 9);
    row->have = sqlite3_column_int(from, 10);
    DigestSet seen, declared;
    column_digests(from, 2, &seen);
    column_digests(from, 3, &declared);
    if (file->archive != NULL)
        file->digests = seen;
    else if (row->have != HAVE_NOTHING)
        kept_digests(&seen, &declared, &file->digests);
    else
        file->digests = declared;
    file->trust = row->have == HAVE_NOTHING
                      ? TRUST_NONE
                      : kept_trust(sqlite3_column_int(from, 4), sqlite3_column_int(from, 5),
                                   sqlite3_column_int(from, 11));
}

static gboolean is_held(SpoolState state, int have)
{
    /* What is installed stays held, though the source may have failed to give it again. */
    return state == SPOOL_STAGED || state == SPOOL_INSTALLED ||
           (have == HAVE_INSTALLED && state != SPOOL_SKIPPED);
}

/* Of two rows of one path: the one that is held, then the plain file, then the archive of the first
 * name; so that the same bytes give the same lines. */
static gboolean is_better(const FileRow *a, const FileRow *b)
{
    gboolean held_a = is_held(a->state, a->have), held_b = is_held(b->state, b->have);
    if (held_a != held_b)
        return held_a;
    return g_strcmp0(a->file.archive, b->file.archive) < 0;
}

typedef gboolean (*RowFunc)(FileRow *row, gpointer data, GError **error);

static gboolean each_row(Spool *spool, RowFunc func, gpointer data, GError **error)
{
    if (!spool_commit(spool, error))
        return FALSE;
    g_autoptr(sqlite3_stmt) rows = database_query_new(spool->database, error, FILE_ROWS, "");
    g_auto(FileRow) best = {0};
    g_auto(FileRow) next = {0};
    int got = rows == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, rows, error);
        if (got != 1)
            break;
        read_file_row(rows, &next);
        gboolean same = best.filled && strcmp(best.file.path, next.file.path) == 0;
        if (same && !is_better(&next, &best))
            continue;
        if (!same && best.filled && !func(&best, data, error))
            return FALSE;
        FileRow other = best;
        best = next;
        next = other;
    }
    return got == 0 && (!best.filled || func(&best, data, error));
}

typedef struct {
    gboolean (*func)(const LockFile *file, gpointer data, GError **error);
    gpointer data;
    gboolean all;
} EachFile;

static gboolean pass_on(FileRow *row, gpointer data, GError **error)
{
    EachFile *each = data;
    gboolean wanted = row->state == SPOOL_STAGED || (each->all && is_held(row->state, row->have));
    return !wanted || each->func(&row->file, each->data, error);
}

gboolean spool_each_file(Spool *spool, gboolean all,
                         gboolean (*func)(const LockFile *file, gpointer data, GError **error),
                         gpointer data, GError **error)
{
    EachFile each = {func, data, all};
    return each_row(spool, pass_on, &each, error);
}

static LockState lock_state_of(SpoolState state, int have)
{
    if (is_held(state, have))
        return LOCK_STATE_HAVE;
    switch (state) {
    case SPOOL_SKIPPED:
        return LOCK_STATE_SKIPPED;
    case SPOOL_ABSENT:
        return LOCK_STATE_ABSENT;
    default:
        return LOCK_STATE_FAILED;
    }
}

typedef struct {
    LockHeader *header;
    GString *lines; /* of the list, not written yet */
    int list_fd;
    DigestStream *digest;
    LockWriter *writer;
} WriteLock;

static void count_state(LockHeader *header, LockState state)
{
    if (state == LOCK_STATE_SKIPPED)
        header->skipped++;
    else if (state == LOCK_STATE_ABSENT)
        header->absent++;
    else if (state == LOCK_STATE_FAILED)
        header->failed++;
}

static gboolean flush_list(WriteLock *lock, gsize from, GError **error)
{
    if (lock->lines->len < from)
        return TRUE;
    digest_stream_update(lock->digest, lock->lines->str, lock->lines->len);
    if (lock->list_fd >= 0 && !write_whole(lock->list_fd, lock->lines->str, lock->lines->len))
        return error_set_storage(error, errno, _("cannot write the list of files"));
    g_string_truncate(lock->lines, 0);
    return TRUE;
}

static gboolean count_file(FileRow *row, gpointer data, GError **error)
{
    WriteLock *lock = data;
    LockHeader *header = lock->header;
    const LockFile *file = &row->file;
    LockState state = lock_state_of(row->state, row->have);
    count_state(header, state);
    if (state != LOCK_STATE_HAVE)
        return TRUE;
    header->held_files++;
    if (file->link_target != NULL)
        return TRUE;
    header->held_bytes += file->size == SIZE_UNKNOWN ? 0 : file->size;
    header->trust_count[file->trust]++;
    const Digest *sha256 = digest_set_get(&file->digests, DIGEST_SHA256);
    if (sha256 == NULL) {
        g_autofree char *shown = relpath_display(file->path);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("%s cannot be locked: its SHA-256 is not known."), shown);
        return FALSE;
    }
    /* A checked path holds nothing that sha256sum would escape. */
    g_autofree char *hex = digest_to_hex(sha256);
    g_string_append_printf(lock->lines, "%s  %s\n", hex, file->path);
    return flush_list(lock, 1 << 16, error);
}

static gboolean write_file(FileRow *row, gpointer data, GError **error)
{
    WriteLock *lock = data;
    row->file.state = lock_state_of(row->state, row->have);
    return lock_writer_file(lock->writer, &row->file, error);
}

/* Where the bytes came from. */
static void put_first(GPtrArray *addresses, const char *address)
{
    for (guint i = 1; address != NULL && i < addresses->len; i++) {
        if (strcmp(addresses->pdata[i], address) != 0)
            continue;
        g_ptr_array_insert(addresses, 0, g_ptr_array_steal_index(addresses, i));
        return;
    }
}

static gboolean write_download(WriteLock *lock, sqlite3_stmt *row, GError **error)
{
    g_auto(LockDownload) download = {0};
    int have = sqlite3_column_int(row, 9);
    download.path = g_strdup(column_text(row, 0));
    guint64 seen_size = column_size(row, 2);
    download.size =
        have != HAVE_NOTHING && seen_size != SIZE_UNKNOWN ? seen_size : column_size(row, 1);
    column_digests(row, 3, &download.declared);
    if (have != HAVE_NOTHING)
        column_digests(row, 4, &download.seen);
    download.role = (FileRole)sqlite3_column_int(row, 5);
    const char *unpack = column_text(row, 6);
    if (unpack != NULL && (download.unpack = unpack_rule_from_json(unpack, error)) == NULL)
        return FALSE;
    download.state = lock_state_of((SpoolState)sqlite3_column_int(row, 8), have);
    download.trust = have == HAVE_NOTHING ? TRUST_NONE
                                          : kept_trust(sqlite3_column_int(row, 7),
                                                       sqlite3_column_int(row, 11), TRUST_NONE);
    download.addresses = g_ptr_array_new_with_free_func(g_free);
    addresses_from_text(column_text(row, 10), download.addresses);
    if (have != HAVE_NOTHING)
        put_first(download.addresses, column_text(row, 13));
    gboolean failed = FALSE;
    download.facts = spool_facts(column_text(row, 12), &failed, error);
    if (failed)
        return FALSE;
    return lock_writer_download(lock->writer, &download, error);
}

static gboolean write_downloads(Spool *spool, WriteLock *lock, GError **error)
{
    g_autoptr(sqlite3_stmt) rows = database_query_new(
        spool->database, error,
        "SELECT path, CASE WHEN size_kind = 2 AND have != 0 THEN NULL ELSE size END, seen_size, "
        "declared, seen, role, unpack, trust, state, have, addresses,"
        " lock_trust, facts, address FROM download WHERE" SPOOL_OF_DATASET " ORDER BY path",
        "");
    int got = rows == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, rows, error);
        if (got == 1 && !write_download(lock, rows, error))
            return FALSE;
    }
    return got == 0;
}

/* Nothing but ABSENT may lack in a version that is not knowingly incomplete. */
static gboolean refuse_incomplete(Spool *spool, GError **error)
{
    gint64 lacking =
        database_number(spool->database, 0,
                        "SELECT (SELECT count(*) FROM download WHERE state IN (0, 5)) +"
                        " (SELECT count(*) FROM member WHERE state = 0 AND archive IN"
                        "  (SELECT id FROM download WHERE state IN (2, 3)))",
                        "");
    if (lacking == 0)
        return TRUE;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                ngettext_count("%" G_GINT64_FORMAT " file is not here yet.",
                               "%" G_GINT64_FORMAT " files are not here yet.", lacking),
                lacking);
    return FALSE;
}

static gboolean count_downloads(Spool *spool, LockHeader *header, GError **error)
{
    sqlite3_stmt *row = database_query(
        spool->database, error,
        "SELECT count(*), sum(CASE WHEN size_kind != 2 THEN coalesce(seen_size, size) END),"
        " sum(coalesce(seen_size, size) IS NULL OR (size_kind = 2 AND seen_size IS NULL))"
        " FROM download WHERE" SPOOL_OF_DATASET,
        "");
    if (row == NULL || database_step(spool->database, row, error) != 1)
        return FALSE;
    header->listed_downloads = (guint64)sqlite3_column_int64(row, 0);
    header->listed_bytes =
        sqlite3_column_int64(row, 2) > 0 ? SIZE_UNKNOWN : (guint64)sqlite3_column_int64(row, 1);
    sqlite3_reset(row);
    /* Of an archive that is not held, no members are known: it counts itself. */
    row = database_query(
        spool->database, error,
        "SELECT state, have, count(*) FROM download WHERE role = 1 AND" SPOOL_OF_DATASET
        " GROUP BY state, have",
        "");
    int got = row == NULL ? -1 : 1;
    while (got == 1) {
        got = database_step(spool->database, row, error);
        for (gint64 i = got == 1 ? sqlite3_column_int64(row, 2) : 0; i > 0; i--)
            count_state(header, lock_state_of((SpoolState)sqlite3_column_int(row, 0),
                                              sqlite3_column_int(row, 1)));
    }
    return got == 0;
}

static gboolean write_list(Spool *spool, WriteLock *lock, GError **error)
{
    LockHeader *header = lock->header;
    header->held_files = header->held_bytes = 0;
    header->skipped = header->absent = header->failed = 0;
    memset(header->trust_count, 0, sizeof header->trust_count);
    if (!count_downloads(spool, header, error) || !each_row(spool, count_file, lock, error) ||
        !flush_list(lock, 0, error))
        return FALSE;
    DigestSet set = {0};
    digest_stream_finish(lock->digest, &set);
    g_autofree char *hex = digest_to_hex(digest_set_get(&set, DIGEST_SHA256));
    g_free(header->fingerprint);
    header->fingerprint = g_strconcat("mm1:", hex, NULL);
    return TRUE;
}

gboolean spool_write_lock(Spool *spool, LockHeader *header, int lock_fd, int list_fd,
                          gboolean allow_incomplete, GError **error)
{
    if (!spool_commit(spool, error) || (!allow_incomplete && !refuse_incomplete(spool, error)))
        return FALSE;
    g_autoptr(GString) lines = g_string_sized_new(1 << 16);
    g_autoptr(DigestStream) digest = digest_stream_new(1U << DIGEST_SHA256, 0);
    WriteLock lock = {header, lines, list_fd, digest, NULL};
    if (!write_list(spool, &lock, error))
        return FALSE;
    g_autoptr(LockWriter) writer = lock_writer_new(lock_fd);
    lock.writer = writer;
    return lock_writer_header(writer, header, error) && write_downloads(spool, &lock, error) &&
           each_row(spool, write_file, &lock, error) && lock_writer_finish(writer, error);
}

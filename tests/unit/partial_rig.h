/*
 * What the tests of partial files share: a folder, a pool, a store queue that the test's thread
 * runs, and contents that can be told at any offset.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "partial_file.h"
#include "verdict.h"

#define RIG_ADDRESS "https://one.example/data.bin"
#define RIG_OTHER "https://two.example/data.bin"
#define RIG_THIRD "https://three.example/data.bin"
#define RIG_KEY "17"
#define RIG_PIECE 16384

typedef struct {
    char *path;
    int folder_fd;
    DigestPool *pool;
    TaskQueue *store;
    guint begun; /* times begins() was called */
    Frontier *frontier;
    guint64 total;
    guint digested;
    DigestSet digests;
    guint64 size;
    int errno_value;
} Rig;

static inline guint8 rig_byte(guint64 offset, guint version)
{
    return (guint8)(((offset + version * 77777) * 0x9E3779B97F4A7C15u) >> 56);
}

static inline void rig_fill(guint8 *bytes, guint64 offset, gsize length, guint version)
{
    for (gsize i = 0; i < length; i++)
        bytes[i] = rig_byte(offset + i, version);
}

static inline void rig_init(Rig *rig)
{
    g_autoptr(GError) error = NULL;

    *rig = (Rig){.total = SIZE_UNKNOWN};
    rig->path = g_dir_make_tmp("partial-XXXXXX", &error);
    g_assert_no_error(error);
    rig->folder_fd = open(rig->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(rig->folder_fd, >=, 0);
    rig->pool = digest_pool_new(2);
    rig->store = task_queue_new();
}

static inline void rig_clear(Rig *rig)
{
    g_autoptr(GDir) dir = g_dir_open(rig->path, 0, NULL);
    const char *name;

    g_clear_pointer(&rig->frontier, frontier_unref);
    digest_pool_free(rig->pool);
    task_queue_free(rig->store);
    while (dir && (name = g_dir_read_name(dir)))
        g_assert_cmpint(unlinkat(rig->folder_fd, name, 0), ==, 0);
    close(rig->folder_fd);
    g_assert_cmpint(g_rmdir(rig->path), ==, 0);
    g_free(rig->path);
}

static inline void rig_begins(PartialFile *file, Frontier *frontier, guint64 total, gpointer data)
{
    Rig *rig = data;

    rig->begun++;
    rig->total = total;
    g_clear_pointer(&rig->frontier, frontier_unref);
    rig->frontier = frontier_ref(frontier);
}

static inline PartialSpec rig_spec(Rig *rig)
{
    return (PartialSpec){
        .folder_fd = rig->folder_fd,
        .key = RIG_KEY,
        .name = "folder/data.bin",
        .size = SIZE_UNKNOWN,
        .algorithms = 1u << DIGEST_SHA256,
        .mode = 0444,
        .pool = rig->pool,
        .store = rig->store,
        .begins = rig_begins,
        .data = rig,
    };
}

/* An answer's offer, that must succeed: bytes that need not be fetched. */
static inline guint64 rig_offer(PartialFile *file, const char *address, const char *etag,
                                guint64 total, gboolean restart)
{
    g_autoptr(Validators) validators = validators_new(etag, NULL, total);
    g_auto(SinkOffer) offer = {0};
    g_auto(Outcome) outcome = {0};
    guint64 held = 0;
    Sink *sink = partial_file_sink(file);

    sink->class->offer(sink, address, validators, restart, &offer, &outcome);
    g_assert_cmpstr(outcome.detail, ==, NULL);
    g_assert_cmpint(outcome.kind, ==, OUTCOME_OK);
    for (guint i = 0; offer.held && i < offer.held->len; i++)
        held += g_array_index(offer.held, Extent, i).to - g_array_index(offer.held, Extent, i).from;
    return held;
}

/* What may be continued from ADDRESS; *ETAG (owned) those of its validators. */
static inline guint64 rig_ask(PartialFile *file, const char *address, char **etag,
                              gboolean *complete)
{
    g_auto(SinkOffer) offer = {0};
    g_auto(Outcome) outcome = {0};
    guint64 held = 0;
    Sink *sink = partial_file_sink(file);

    sink->class->offer(sink, address, NULL, FALSE, &offer, &outcome);
    g_assert_cmpint(outcome.kind, ==, OUTCOME_OK);
    for (guint i = 0; offer.held && i < offer.held->len; i++)
        held += g_array_index(offer.held, Extent, i).to - g_array_index(offer.held, Extent, i).from;
    g_assert_true((held > 0) == (offer.validators != NULL));
    if (etag)
        *etag = offer.validators ? g_strdup(offer.validators->etag) : NULL;
    if (complete)
        *complete = offer.complete;
    return held;
}

static inline OutcomeKind rig_try_write(PartialFile *file, guint64 from, guint64 to, guint version,
                                        int *errno_value)
{
    guint8 bytes[RIG_PIECE];
    g_auto(Outcome) outcome = {0};
    Sink *sink = partial_file_sink(file);

    while (from < to && outcome.kind == OUTCOME_OK) {
        gsize length = (gsize)MIN(to - from, sizeof bytes);
        rig_fill(bytes, from, length, version);
        sink->class->write(sink, from, bytes, length, &outcome);
        from += length;
    }
    if (errno_value)
        *errno_value = outcome.error_number;
    return outcome.kind;
}

static inline void rig_write(PartialFile *file, guint64 from, guint64 to, guint version)
{
    g_assert_cmpint(rig_try_write(file, from, to, version, NULL), ==, OUTCOME_OK);
}

static inline OutcomeKind rig_settle(PartialFile *file, guint64 total)
{
    g_auto(Outcome) outcome = {0};
    Sink *sink = partial_file_sink(file);

    sink->class->settle(sink, total, &outcome);
    return outcome.kind;
}

static inline void rig_on_digest(const DigestSet *digests, guint64 size, int errno_value,
                                 gpointer data)
{
    Rig *rig = data;

    rig->digested++;
    rig->digests = *digests;
    rig->size = size;
    rig->errno_value = errno_value;
}

/* The digest of the settled file is that of LENGTH bytes of VERSION. */
static inline void rig_assert_digest(Rig *rig, PartialFile *file, guint64 length, guint version)
{
    g_autoptr(DigestStream) stream = digest_stream_new(1u << DIGEST_SHA256, length);
    guint8 bytes[RIG_PIECE];
    DigestSet want = {0};
    gboolean agree = FALSE;
    gboolean differ = FALSE;

    rig->digested = 0;
    partial_file_digest(file, rig_on_digest, rig);
    while (rig->digested == 0)
        task_queue_run(rig->store, -1);
    for (guint64 at = 0; at < length; at += sizeof bytes) {
        gsize part = (gsize)MIN(length - at, sizeof bytes);
        rig_fill(bytes, at, part, version);
        digest_stream_update(stream, bytes, part);
    }
    digest_stream_finish(stream, &want);
    digest_set_compare(&want, &rig->digests, &agree, &differ);
    g_assert_cmpint(rig->errno_value, ==, 0);
    g_assert_cmpuint(rig->size, ==, length);
    g_assert_true(agree);
    g_assert_false(differ);
}

static inline gboolean rig_exists(const Rig *rig, const char *name)
{
    return faccessat(rig->folder_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The bytes FROM to TO of the file NAME are those of VERSION. */
static inline void rig_assert_bytes(const Rig *rig, const char *name, guint64 from, guint64 to,
                                    guint version)
{
    guint8 want[RIG_PIECE];
    guint8 got[RIG_PIECE];
    int fd = openat(rig->folder_fd, name, O_RDONLY | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    while (from < to) {
        gsize length = (gsize)MIN(to - from, sizeof want);
        rig_fill(want, from, length, version);
        g_assert_cmpint(pread(fd, got, length, (off_t)from), ==, (gssize)length);
        g_assert_cmpmem(got, length, want, length);
        from += length;
    }
    close(fd);
}

static inline void rig_place(Rig *rig, PartialFile *file, guint64 length, guint version)
{
    g_autoptr(GError) error = NULL;
    struct stat st;

    g_assert_true(partial_file_place(file, rig->folder_fd, "final", &error));
    g_assert_no_error(error);
    g_assert_cmpint(fstatat(rig->folder_fd, "final", &st, AT_SYMLINK_NOFOLLOW), ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, 0444);
    g_assert_cmpint(st.st_size, ==, (goffset)length);
    rig_assert_bytes(rig, "final", 0, length, version);
    g_assert_false(rig_exists(rig, RIG_KEY));
    g_assert_false(rig_exists(rig, RIG_KEY ".journal"));
    g_assert_false(rig_exists(rig, RIG_KEY ".journal.new"));
}

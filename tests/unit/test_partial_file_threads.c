#include <pthread.h>
#include <stdatomic.h>

#include "partial_rig.h"

#define MIB ((guint64)1024 * 1024)
#define ETAG "\"v1\""

static void test_small(void)
{
    Rig rig;
    struct stat st;

    rig_init(&rig);
    PartialSpec spec = rig_spec(&rig);
    g_autoptr(PartialFile) file = partial_file_new(&spec);
    g_assert_cmpint(partial_file_fd(file), ==, -1);
    g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, NULL, NULL), ==, 0);
    g_assert_cmpuint(rig_offer(file, RIG_ADDRESS, ETAG, 5000, FALSE), ==, 0);
    g_assert_cmpuint(rig.begun, ==, 1);
    g_assert_cmpuint(rig.total, ==, 5000);
    rig_write(file, 0, 5000, 0);
    g_assert_cmpuint(partial_file_held(file), ==, 5000);
    g_assert_false(rig_exists(&rig, RIG_KEY ".journal"));
    g_assert_cmpint(fstatat(rig.folder_fd, RIG_KEY, &st, 0), ==, 0);
    g_assert_cmpuint(st.st_mode & 0222, ==, 0);
    g_assert_cmpint(rig_settle(file, 5000), ==, OUTCOME_OK);
    g_assert_false(partial_file_was_resumed(file));
    rig_assert_digest(&rig, file, 5000, 0);
    rig_place(&rig, file, 5000, 0);
    g_clear_pointer(&file, partial_file_free);

    /* What lies there without a journal does not count and is in nobody's way. */
    int fd = openat(rig.folder_fd, RIG_KEY, O_WRONLY | O_CREAT | O_CLOEXEC, 0400);
    g_assert_cmpint(pwrite(fd, "old bytes", 9, 0), ==, 9);
    close(fd);
    g_assert_cmpuint(partial_file_left(rig.folder_fd, RIG_KEY), ==, 0);
    file = partial_file_new(&spec);
    g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, NULL, NULL), ==, 0);
    rig_offer(file, RIG_ADDRESS, ETAG, 0, FALSE);
    g_assert_cmpint(rig_settle(file, 0), ==, OUTCOME_OK);
    rig_assert_digest(&rig, file, 0, 0);
    rig_place(&rig, file, 0, 0);
    g_clear_pointer(&file, partial_file_free);
    rig_clear(&rig);
}

typedef struct {
    PartialFile *file;
    guint64 total;
    guint32 seed;
    atomic_bool over;
} Writer;

/* As the engine does: eight pieces at a time, each in order, whose turn it is by chance. */
static gpointer write_in_pieces(gpointer data)
{
    Writer *writer = data;
    g_autoptr(GRand) random = g_rand_new_with_seed(writer->seed);
    guint64 at[8] = {0};
    guint64 end[8] = {0};
    guint64 next = 0;
    guint open;

    do {
        guint slot = (guint)g_rand_int_range(random, 0, 8);
        if (at[slot] == end[slot] && next < writer->total) {
            at[slot] = next;
            end[slot] = MIN(next + 2 * MIB, writer->total);
            next = end[slot];
        }
        guint64 step = (guint64)g_rand_int_range(random, 1, RIG_PIECE);
        step = MIN(step, end[slot] - at[slot]);
        rig_write(writer->file, at[slot], at[slot] + step, 0);
        at[slot] += step;
        open = 0;
        for (guint i = 0; i < 8; i++)
            open += at[i] < end[i];
    } while (open > 0 || next < writer->total);
    atomic_store(&writer->over, TRUE);
    return NULL;
}

typedef struct {
    Frontier *frontier;
    int fd;
    FrontierState state;
    guint64 read;
} Reader;

/* As the unpacker does. */
static gpointer read_behind(gpointer data)
{
    Reader *reader = data;
    guint8 got[RIG_PIECE];
    guint8 want[RIG_PIECE];
    guint64 now = 0;

    while ((reader->state = frontier_wait(reader->frontier, reader->read, &now)) == FRONTIER_MORE) {
        gsize length = (gsize)MIN(now - reader->read, sizeof got);
        g_assert_cmpint(pread(reader->fd, got, length, (off_t)reader->read), ==, (gssize)length);
        rig_fill(want, reader->read, length, 0);
        g_assert_cmpmem(got, length, want, length);
        reader->read += length;
    }
    return NULL;
}

static void test_pieces(void)
{
    const guint64 total = 70 * MIB + 12345; /* enough for a sync on the way */
    Rig rig;
    pthread_t threads[2];

    rig_init(&rig);
    PartialSpec spec = rig_spec(&rig);
    g_autoptr(PartialFile) file = partial_file_new(&spec);
    rig_offer(file, RIG_ADDRESS, ETAG, total, FALSE);
    Writer writer = {.file = file, .total = total, .seed = (guint32)g_test_rand_int()};
    Reader reader = {.frontier = rig.frontier, .fd = partial_file_fd(file)};
    g_assert_cmpint(pthread_create(&threads[0], NULL, write_in_pieces, &writer), ==, 0);
    g_assert_cmpint(pthread_create(&threads[1], NULL, read_behind, &reader), ==, 0);
    while (!atomic_load(&writer.over))
        task_queue_run(rig.store, 5);
    pthread_join(threads[0], NULL);
    g_assert_cmpuint(partial_file_held(file), ==, total);
    g_assert_cmpint(rig_settle(file, total), ==, OUTCOME_OK);
    pthread_join(threads[1], NULL);
    g_assert_cmpint(reader.state, ==, FRONTIER_COMPLETE);
    g_assert_cmpuint(reader.read, ==, total);
    g_assert_cmpuint(rig.begun, ==, 1);
    rig_assert_digest(&rig, file, total, 0);
    rig_place(&rig, file, total, 0);
    g_clear_pointer(&file, partial_file_free);
    rig_clear(&rig);
}

/* Attempts within one run, then further runs. */
static void test_resume(void)
{
    const guint64 total = 5 * MIB;
    Rig rig;
    gboolean complete = TRUE;

    rig_init(&rig);
    PartialSpec spec = rig_spec(&rig);
    g_autoptr(PartialFile) file = partial_file_new(&spec);
    rig_offer(file, RIG_ADDRESS, ETAG, total, FALSE);
    rig_write(file, 0, 2 * MIB, 0);
    rig_write(file, 3 * MIB, 4 * MIB, 0);
    g_assert_cmpint(rig_settle(file, SIZE_UNKNOWN), ==, OUTCOME_OK);
    g_assert_cmpuint(partial_file_left(rig.folder_fd, RIG_KEY), ==, 3 * MIB);
    g_assert_false(partial_file_was_resumed(file));

    g_autofree char *etag = NULL;
    g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, &etag, &complete), ==, 3 * MIB);
    g_assert_cmpstr(etag, ==, ETAG);
    g_assert_false(complete);
    g_assert_cmpuint(rig_offer(file, RIG_ADDRESS, ETAG, total, FALSE), ==, 3 * MIB);
    g_assert_true(partial_file_was_resumed(file));
    rig_write(file, 2 * MIB, 2 * MIB + 100, 0);
    g_clear_pointer(&file, partial_file_free);

    for (guint run = 0; run < 2; run++) {
        rig.begun = 0;
        file = partial_file_new(&spec);
        g_assert_cmpuint(partial_file_held(file), ==, 3 * MIB + 100);
        g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, NULL, NULL), ==, 3 * MIB + 100);
        g_assert_cmpuint(rig.begun, ==, 1);
        if (run == 0)
            g_clear_pointer(&file, partial_file_free);
    }
    /* No further offer: a 206 with the same validators goes on at once. */
    g_assert_cmpuint(frontier_now(rig.frontier), ==, 2 * MIB + 100);
    rig_write(file, 2 * MIB + 100, 3 * MIB, 0);
    rig_write(file, 4 * MIB, total, 0);
    g_assert_cmpint(rig_settle(file, total), ==, OUTCOME_OK);
    g_assert_true(partial_file_was_resumed(file));
    g_clear_pointer(&file, partial_file_free);

    /* Complete, and not placed yet. */
    file = partial_file_new(&spec);
    rig.begun = 0;
    g_assert_cmpuint(rig_ask(file, RIG_OTHER, NULL, &complete), ==, total);
    g_assert_true(complete);
    g_assert_cmpuint(rig.begun, ==, 1);
    g_assert_cmpint(rig_settle(file, total), ==, OUTCOME_OK);
    rig_assert_digest(&rig, file, total, 0);
    rig_place(&rig, file, total, 0);
    g_clear_pointer(&file, partial_file_free);
    rig_clear(&rig);
}

static void test_restart(void)
{
    const guint64 total = 4 * MIB;
    Rig rig;
    guint64 now = 0;

    rig_init(&rig);
    PartialSpec spec = rig_spec(&rig);
    g_autoptr(PartialFile) file = partial_file_new(&spec);
    rig_offer(file, RIG_ADDRESS, ETAG, total, FALSE);
    rig_write(file, 0, 3 * MIB, 0);
    g_assert_cmpint(rig_settle(file, SIZE_UNKNOWN), ==, OUTCOME_OK);
    g_autoptr(Frontier) old = frontier_ref(rig.frontier);

    g_assert_cmpuint(rig_offer(file, RIG_ADDRESS, "\"v2\"", total + 7, TRUE), ==, 0);
    g_assert_cmpint(frontier_wait(old, 3 * MIB, &now), ==, FRONTIER_FAILED);
    g_assert_cmpuint(rig.begun, ==, 2);
    g_assert_cmpuint(rig.total, ==, total + 7);
    g_assert_true(rig.frontier != old);
    g_assert_cmpuint(partial_file_held(file), ==, 0);
    g_assert_cmpuint(partial_file_left(rig.folder_fd, RIG_KEY), ==, 0);
    g_assert_false(partial_file_was_resumed(file));
    rig_write(file, 0, MIB, 1);
    g_assert_cmpint(rig_settle(file, SIZE_UNKNOWN), ==, OUTCOME_OK);
    g_clear_pointer(&file, partial_file_free);

    g_autofree char *etag = NULL;
    file = partial_file_new(&spec);
    g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, &etag, NULL), ==, MIB);
    g_assert_cmpstr(etag, ==, "\"v2\"");
    /* Another total cannot be the same file, whatever is said. */
    g_assert_cmpuint(rig_offer(file, RIG_ADDRESS, "\"v2\"", total, FALSE), ==, 0);
    rig_write(file, 0, total, 2);
    g_assert_cmpint(rig_settle(file, total), ==, OUTCOME_OK);
    rig_assert_digest(&rig, file, total, 2);
    rig_place(&rig, file, total, 2);
    g_clear_pointer(&file, partial_file_free);
    rig_clear(&rig);
}

static void test_other_address(void)
{
    const guint64 total = 4 * MIB;
    Rig rig;

    rig_init(&rig);
    PartialSpec spec = rig_spec(&rig);
    g_autoptr(PartialFile) file = partial_file_new(&spec);
    rig_offer(file, RIG_ADDRESS, ETAG, total, FALSE);
    rig_write(file, 0, 2 * MIB, 0);
    g_assert_cmpint(rig_settle(file, SIZE_UNKNOWN), ==, OUTCOME_OK);

    /* No digest: the other address has nothing to go on with, and the first one keeps what it has
     * until the other one really sends. */
    g_assert_cmpuint(rig_ask(file, RIG_OTHER, NULL, NULL), ==, 0);
    g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, NULL, NULL), ==, 2 * MIB);
    g_assert_cmpuint(rig_offer(file, RIG_OTHER, ETAG, total, FALSE), ==, 0);
    g_assert_cmpuint(rig.begun, ==, 2);
    rig_write(file, 0, 2 * MIB, 0);
    g_assert_cmpint(rig_settle(file, SIZE_UNKNOWN), ==, OUTCOME_OK);
    g_clear_pointer(&file, partial_file_free);

    file = partial_file_new(&spec);
    g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, NULL, NULL), ==, 0);
    g_assert_cmpuint(rig_ask(file, RIG_OTHER, NULL, NULL), ==, 2 * MIB);
    g_clear_pointer(&file, partial_file_free);

    /* A digest covers the whole: any address goes on, each with its own validators. */
    g_autofree char *etag = NULL;
    spec.digest_covers_all = TRUE;
    file = partial_file_new(&spec);
    g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, &etag, NULL), ==, 2 * MIB);
    g_assert_cmpstr(etag, ==, ETAG); /* the first one's: it has none of its own */
    g_free(g_steal_pointer(&etag));
    rig_write(file, 2 * MIB, 2 * MIB + 100, 0);
    g_clear_pointer(&file, partial_file_free);

    file = partial_file_new(&spec);
    g_assert_cmpuint(rig_offer(file, RIG_THIRD, "\"w1\"", total, FALSE), ==, 2 * MIB + 100);
    rig_write(file, 2 * MIB + 100, 3 * MIB, 0);
    g_clear_pointer(&file, partial_file_free);

    file = partial_file_new(&spec);
    g_assert_cmpuint(rig_ask(file, RIG_THIRD, &etag, NULL), ==, 3 * MIB);
    g_assert_cmpstr(etag, ==, "\"w1\"");
    g_free(g_steal_pointer(&etag));
    g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, &etag, NULL), ==, 3 * MIB);
    g_assert_cmpstr(etag, ==, ETAG);
    g_free(g_steal_pointer(&etag));
    g_assert_cmpuint(rig_ask(file, RIG_OTHER, &etag, NULL), ==, 3 * MIB);
    g_assert_cmpstr(etag, ==, ETAG);
    g_clear_pointer(&file, partial_file_free);

    /* Of two addresses, and the digest is gone: neither may go on. */
    spec.digest_covers_all = FALSE;
    file = partial_file_new(&spec);
    g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, NULL, NULL), ==, 0);
    g_assert_cmpuint(rig_ask(file, RIG_OTHER, NULL, NULL), ==, 0);
    g_clear_pointer(&file, partial_file_free);

    /* Covered, but the totals differ. */
    spec.digest_covers_all = TRUE;
    file = partial_file_new(&spec);
    g_assert_cmpuint(rig_offer(file, RIG_OTHER, ETAG, total - 1, FALSE), ==, 0);
    rig_write(file, 0, 2 * MIB, 0);
    g_clear_pointer(&file, partial_file_free);

    /* Another file under the same key: the rows were numbered anew. */
    spec.name = "folder/another.bin";
    file = partial_file_new(&spec);
    g_assert_cmpuint(rig_ask(file, RIG_OTHER, NULL, NULL), ==, 0);
    g_assert_false(rig_exists(&rig, RIG_KEY ".journal"));
    g_clear_pointer(&file, partial_file_free);
    rig_clear(&rig);
}

/* What nobody may continue is never offered, and is not there at the next run. */
static void test_never_resumed(void)
{
    static const struct {
        const char *etag;
        guint64 total;
        gboolean never;
    } cases[] = {
        {NULL, 4 * MIB, FALSE},
        {"W/\"weak\"", 4 * MIB, FALSE},
        {NULL, SIZE_UNKNOWN, FALSE},
        {ETAG, 4 * MIB, TRUE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Rig rig;
        rig_init(&rig);
        PartialSpec spec = rig_spec(&rig);
        spec.never_resume = cases[i].never;
        g_autoptr(PartialFile) file = partial_file_new(&spec);
        rig_offer(file, RIG_ADDRESS, cases[i].etag, cases[i].total, FALSE);
        rig_write(file, 0, 2 * MIB, 0);
        g_assert_false(rig_exists(&rig, RIG_KEY ".journal"));
        g_assert_cmpint(rig_settle(file, SIZE_UNKNOWN), ==, OUTCOME_OK);
        g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, NULL, NULL), ==, 0);
        g_assert_cmpuint(rig_offer(file, RIG_ADDRESS, cases[i].etag, cases[i].total, FALSE), ==, 0);
        rig_write(file, 0, 3 * MIB, 1);
        g_clear_pointer(&file, partial_file_free);
        g_assert_cmpuint(partial_file_left(rig.folder_fd, RIG_KEY), ==, 0);
        file = partial_file_new(&spec);
        g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, NULL, NULL), ==, 0);
        rig_offer(file, RIG_ADDRESS, cases[i].etag, cases[i].total, FALSE);
        rig_write(file, 0, 4 * MIB, 2);
        g_assert_cmpint(rig_settle(file, 4 * MIB), ==, OUTCOME_OK);
        rig_assert_digest(&rig, file, 4 * MIB, 2);
        rig_place(&rig, file, 4 * MIB, 2);
        g_clear_pointer(&file, partial_file_free);
        rig_clear(&rig);
    }
}

/* The total comes with the last byte; the journal begins when it is worth it. */
static void test_unknown_total(void)
{
    Rig rig;

    rig_init(&rig);
    PartialSpec spec = rig_spec(&rig);
    spec.algorithms = 1u << DIGEST_SHA256 | 1u << DIGEST_GIT_BLOB;
    g_autoptr(PartialFile) file = partial_file_new(&spec);
    rig_offer(file, RIG_ADDRESS, ETAG, SIZE_UNKNOWN, FALSE);
    g_assert_cmpuint(rig.total, ==, SIZE_UNKNOWN);
    rig_write(file, 0, MIB / 2, 0);
    while (task_queue_run(rig.store, 0) > 0)
        ;
    g_assert_false(rig_exists(&rig, RIG_KEY ".journal"));
    rig_write(file, MIB / 2, 2 * MIB, 0);
    while (task_queue_run(rig.store, 0) > 0)
        ;
    g_assert_true(rig_exists(&rig, RIG_KEY ".journal"));
    rig_write(file, 2 * MIB, 3 * MIB + 5, 0);
    g_clear_pointer(&file, partial_file_free);

    file = partial_file_new(&spec);
    gboolean complete = TRUE;
    g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, NULL, &complete), ==, 3 * MIB + 5);
    g_assert_false(complete);
    rig_offer(file, RIG_ADDRESS, ETAG, SIZE_UNKNOWN, FALSE);
    g_assert_cmpint(rig_settle(file, 4 * MIB), ==, OUTCOME_CUT);
    rig_offer(file, RIG_ADDRESS, ETAG, SIZE_UNKNOWN, FALSE);
    g_assert_cmpint(rig_settle(file, 3 * MIB), ==, OUTCOME_CHANGED);
    rig_offer(file, RIG_ADDRESS, ETAG, SIZE_UNKNOWN, FALSE);
    rig_write(file, 3 * MIB + 5, 4 * MIB, 0);
    g_assert_cmpint(rig_settle(file, 4 * MIB), ==, OUTCOME_OK);
    rig_assert_digest(&rig, file, 4 * MIB, 0);
    g_assert_cmpuint(digest_set_algorithms(&rig.digests), ==, spec.algorithms);
    g_clear_pointer(&file, partial_file_free);

    file = partial_file_new(&spec);
    g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, NULL, &complete), ==, 4 * MIB);
    g_assert_true(complete);
    g_clear_pointer(&file, partial_file_free);
    rig_clear(&rig);
}

static void test_too_much(void)
{
    Rig rig;
    int errno_value = 0;

    rig_init(&rig);
    PartialSpec spec = rig_spec(&rig);
    spec.most_bytes = 2 * MIB;
    g_autoptr(PartialFile) file = partial_file_new(&spec);
    g_autoptr(Validators) validators = validators_new(ETAG, NULL, 3 * MIB);
    g_auto(SinkOffer) offer = {0};
    g_auto(Outcome) outcome = {0};
    Sink *sink = partial_file_sink(file);
    sink->class->offer(sink, RIG_ADDRESS, validators, FALSE, &offer, &outcome);
    g_assert_cmpint(outcome.kind, ==, OUTCOME_STORAGE);
    g_assert_cmpint(outcome.error_number, ==, ENOSPC);
    g_assert_nonnull(strstr(outcome.detail, "folder/data.bin"));
    g_assert_false(rig_exists(&rig, RIG_KEY));

    rig_offer(file, RIG_ADDRESS, ETAG, SIZE_UNKNOWN, FALSE);
    g_assert_cmpint(rig_try_write(file, 0, 3 * MIB, 0, &errno_value), ==, OUTCOME_STORAGE);
    g_assert_cmpint(errno_value, ==, ENOSPC);
    g_clear_pointer(&file, partial_file_free);

    spec.most_bytes = SIZE_UNKNOWN;
    file = partial_file_new(&spec);
    rig_offer(file, RIG_ADDRESS, "\"v9\"", 2 * MIB, TRUE);
    g_assert_cmpint(rig_try_write(file, 2 * MIB - 1, 2 * MIB + 1, 0, NULL), ==, OUTCOME_CHANGED);
    g_clear_pointer(&file, partial_file_free);
    rig_clear(&rig);
}

static void test_drop(void)
{
    Rig rig;
    g_autoptr(GError) error = NULL;

    rig_init(&rig);
    PartialSpec spec = rig_spec(&rig);
    g_autoptr(PartialFile) file = partial_file_new(&spec);
    g_assert_true(partial_file_drop(file, -1, NULL, NULL, &error)); /* nothing there yet */
    rig_offer(file, RIG_ADDRESS, ETAG, 2 * MIB, FALSE);
    rig_write(file, 0, 2 * MIB, 1);
    g_assert_cmpint(rig_settle(file, 2 * MIB), ==, OUTCOME_OK);
    rig_assert_digest(&rig, file, 2 * MIB, 1);
    g_assert_true(partial_file_drop(file, rig.folder_fd, "wrong", &rig.digests, &error));
    g_assert_no_error(error);
    g_assert_false(rig_exists(&rig, RIG_KEY));
    g_assert_false(rig_exists(&rig, RIG_KEY ".journal"));
    rig_assert_bytes(&rig, "wrong", 0, 2 * MIB, 1);
    g_assert_true(rig_exists(&rig, "wrong.json"));
    g_assert_cmpint(partial_file_fd(file), ==, -1);
    g_assert_cmpuint(partial_file_held(file), ==, 0);

    /* The same object goes on with the next attempt. */
    g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, NULL, NULL), ==, 0);
    rig_offer(file, RIG_ADDRESS, ETAG, 2 * MIB, TRUE);
    rig_write(file, 0, 2 * MIB, 0);
    g_assert_cmpint(rig_settle(file, 2 * MIB), ==, OUTCOME_OK);
    rig_assert_digest(&rig, file, 2 * MIB, 0);
    rig_place(&rig, file, 2 * MIB, 0);
    g_clear_pointer(&file, partial_file_free);
    rig_clear(&rig);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/partial-file/small", test_small);
    g_test_add_func("/partial-file/pieces", test_pieces);
    g_test_add_func("/partial-file/resume", test_resume);
    g_test_add_func("/partial-file/restart", test_restart);
    g_test_add_func("/partial-file/other-address", test_other_address);
    g_test_add_func("/partial-file/never-resumed", test_never_resumed);
    g_test_add_func("/partial-file/unknown-total", test_unknown_total);
    g_test_add_func("/partial-file/too-much", test_too_much);
    g_test_add_func("/partial-file/drop", test_drop);
    return g_test_run();
}

/*
 * SIGKILL at any moment: what stood in the partial file counts at the next run, but for the last 8
 * MiB, and is right. The program starts itself as the one that is killed.
 */
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "partial_rig.h"

#define MIB ((guint64)1024 * 1024)
#define TOTAL (40 * MIB + 4321)
#define PIECE (2 * MIB)
#define CONNECTIONS 8
#define ETAG "\"kill\""
#define MOST_LOST (8 * MIB)

/* What both processes see: bytes for which write() has returned, in all runs. */
typedef struct {
    atomic_uint_least64_t written; /* in this run */
    atomic_uchar there[TOTAL / RIG_PIECE + 1];
} Told;

static Told *map_told(int folder_fd)
{
    int fd = openat(folder_fd, "told", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, sizeof(Told)), ==, 0);
    Told *told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    g_assert_true(told != MAP_FAILED);
    close(fd);
    return told;
}

typedef struct {
    PartialFile *file;
    GArray *gaps; /* Extent, at most PIECE each */
    Told *told;
    atomic_bool over;
} Engine;

static void write_block(Engine *engine, guint64 from, guint64 to)
{
    rig_write(engine->file, from, to, 0);
    atomic_fetch_add(&engine->told->written, to - from);
    if (from % RIG_PIECE == 0)
        atomic_store(&engine->told->there[from / RIG_PIECE], 1);
}

static gpointer run_engine(gpointer data)
{
    Engine *engine = data;
    Extent open[CONNECTIONS] = {0};
    guint next = 0;
    guint busy;

    do {
        guint slot = (guint)g_random_int_range(0, CONNECTIONS);
        if (open[slot].from == open[slot].to && next < engine->gaps->len)
            open[slot] = g_array_index(engine->gaps, Extent, next++);
        guint64 to = (open[slot].from / RIG_PIECE + 1) * RIG_PIECE;
        to = MIN(to, open[slot].to);
        if (to > open[slot].from)
            write_block(engine, open[slot].from, to);
        open[slot].from = to;
        busy = 0;
        for (guint i = 0; i < CONNECTIONS; i++)
            busy += open[i].from < open[i].to;
    } while (busy > 0 || next < engine->gaps->len);
    atomic_store(&engine->over, TRUE);
    return NULL;
}

/* What OFFER leaves to fetch, in pieces. */
static GArray *find_gaps(const SinkOffer *offer)
{
    GArray *gaps = g_array_new(FALSE, FALSE, sizeof(Extent));
    guint64 at = 0;

    for (guint i = 0; i <= offer->held->len; i++) {
        Extent held = {TOTAL, TOTAL};
        if (i < offer->held->len)
            held = g_array_index(offer->held, Extent, i);
        while (at < held.from) {
            Extent gap = {at, MIN(at + PIECE, held.from)};
            g_array_append_val(gaps, gap);
            at = gap.to;
        }
        at = held.to;
    }
    return gaps;
}

/* One run, as a pull does it; exit status 0 when the file is in its place. */
static int run_child(const char *path)
{
    Rig rig = {.path = NULL};
    pthread_t thread;
    g_auto(SinkOffer) offer = {0};
    g_auto(Outcome) outcome = {0};
    g_autoptr(Validators) validators = validators_new(ETAG, NULL, TOTAL);

    rig.folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rig.pool = digest_pool_new(2);
    rig.store = task_queue_new();
    PartialSpec spec = rig_spec(&rig);
    PartialFile *file = partial_file_new(&spec);
    Sink *sink = partial_file_sink(file);
    rig_ask(file, RIG_ADDRESS, NULL, NULL);
    sink->class->offer(sink, RIG_ADDRESS, validators, FALSE, &offer, &outcome);
    g_assert_cmpint(outcome.kind, ==, OUTCOME_OK);

    Engine engine = {.file = file, .gaps = find_gaps(&offer), .told = map_told(rig.folder_fd)};
    g_assert_cmpint(pthread_create(&thread, NULL, run_engine, &engine), ==, 0);
    while (!atomic_load(&engine.over))
        task_queue_run(rig.store, 1);
    pthread_join(thread, NULL);
    g_assert_cmpint(rig_settle(file, TOTAL), ==, OUTCOME_OK);
    rig_assert_digest(&rig, file, TOTAL, 0);
    rig_place(&rig, file, TOTAL, 0);
    munmap(engine.told, sizeof *engine.told);
    g_array_unref(engine.gaps);
    partial_file_free(file);
    g_clear_pointer(&rig.frontier, frontier_unref);
    digest_pool_free(rig.pool);
    task_queue_free(rig.store);
    close(rig.folder_fd);
    return 0;
}

static pid_t start_child(const char *path)
{
    char program[] = "/proc/self/exe";
    char option[] = "--child";
    char *const argv[] = {program, option, (char *)path, NULL};
    pid_t pid;

    g_assert_cmpint(posix_spawn(&pid, program, NULL, NULL, argv, environ), ==, 0);
    return pid;
}

/* Kills after so many bytes of this run; TRUE where it was over before. */
static gboolean run_and_kill(const char *path, Told *told, guint64 after)
{
    pid_t pid = start_child(path);
    int status = 0;
    pid_t ended = 0;

    while (ended == 0 && atomic_load(&told->written) < after) {
        ended = waitpid(pid, &status, WNOHANG);
        g_usleep(100);
    }
    if (ended == 0) {
        kill(pid, SIGKILL);
        ended = TEMP_FAILURE_RETRY(waitpid(pid, &status, 0));
    }
    g_assert_cmpint(ended, ==, pid);
    g_assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    g_assert_true(!WIFSIGNALED(status) || WTERMSIG(status) == SIGKILL);
    return !WIFSIGNALED(status);
}

static guint64 count_told(const Told *told)
{
    guint64 bytes = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(told->there); i++)
        bytes += atomic_load(&told->there[i]) ? RIG_PIECE : 0;
    return bytes;
}

/* What the next run would go on with: right bytes, and hardly fewer than were written. */
static void check_left(const char *path, Told *told)
{
    Rig rig = {.path = NULL};
    g_auto(SinkOffer) offer = {0};
    g_auto(Outcome) outcome = {0};

    rig.folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rig.pool = digest_pool_new(1);
    rig.store = task_queue_new();
    PartialSpec spec = rig_spec(&rig);
    PartialFile *file = partial_file_new(&spec);
    Sink *sink = partial_file_sink(file);
    sink->class->offer(sink, RIG_ADDRESS, NULL, FALSE, &offer, &outcome);
    g_assert_cmpint(outcome.kind, ==, OUTCOME_OK);
    g_assert_cmpuint(partial_file_held(file) + MOST_LOST, >=, count_told(told));
    for (gsize i = 0; i < G_N_ELEMENTS(told->there); i++)
        atomic_store(&told->there[i], 0);
    for (guint i = 0; offer.held && i < offer.held->len; i++) {
        Extent held = g_array_index(offer.held, Extent, i);
        rig_assert_bytes(&rig, RIG_KEY, held.from, held.to, 0);
        for (guint64 at = held.from; at < held.to; at += RIG_PIECE)
            atomic_store(&told->there[at / RIG_PIECE], 1);
    }
    partial_file_free(file);
    g_clear_pointer(&rig.frontier, frontier_unref);
    digest_pool_free(rig.pool);
    task_queue_free(rig.store);
    close(rig.folder_fd);
}

static void test_kill(void)
{
    Rig rig;
    guint killed = 0;
    gboolean over = FALSE;

    rig_init(&rig);
    g_clear_pointer(&rig.pool, digest_pool_free); /* no threads here while children start */
    Told *told = map_told(rig.folder_fd);
    while (!over) {
        atomic_store(&told->written, 0);
        /* After forty kills it may end in peace. */
        guint64 after = killed < 40 ? (guint64)g_test_rand_int_range(0, 6 * MIB) : G_MAXUINT64;
        over = run_and_kill(rig.path, told, after);
        killed += !over;
        if (!over && rig_exists(&rig, "final"))
            over = TRUE; /* killed behind its end */
        else if (!over)
            check_left(rig.path, told);
    }
    g_test_message("killed %u times", killed);
    g_assert_cmpuint(killed, >=, 3);
    rig_assert_bytes(&rig, "final", 0, TOTAL, 0);
    munmap(told, sizeof *told);
    rig_clear(&rig);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--child") == 0)
        return run_child(argv[2]);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/partial-file/kill", test_kill);
    return g_test_run();
}

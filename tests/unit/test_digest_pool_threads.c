#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "digest_pool.h"
#include "verdict.h"

#define SHA256_BIT (1u << DIGEST_SHA256)
#define MD5_BIT (1u << DIGEST_MD5)
#define GIT_BIT (1u << DIGEST_GIT_BLOB)

typedef struct {
    guint count;
    DigestSet digests;
    guint64 size;
    int errno_value;
} Answer;

static void on_done(const DigestSet *digests, guint64 size, int errno_value, gpointer data)
{
    Answer *answer = data;

    answer->count++;
    answer->digests = *digests;
    answer->size = size;
    answer->errno_value = errno_value;
}

static guint8 *make_bytes(gsize length)
{
    guint8 *bytes = g_malloc(length + 1);

    for (gsize i = 0; i < length; i++)
        bytes[i] = (guint8)((i * 2654435761u) >> 13);
    return bytes;
}

static int make_file(const guint8 *bytes, gsize length)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = NULL;
    int fd = g_file_open_tmp("digest-XXXXXX", &name, &error);

    g_assert_no_error(error);
    g_assert_cmpint(unlink(name), ==, 0);
    for (gsize done = 0; done < length;) {
        gssize put = write(fd, bytes + done, length - done);
        g_assert_cmpint(put, >, 0);
        done += (gsize)put;
    }
    return fd;
}

static DigestSet expected(guint algorithms, const guint8 *bytes, gsize length)
{
    g_autoptr(DigestStream) stream = digest_stream_new(algorithms, length);
    DigestSet set = {0};

    digest_stream_update(stream, bytes, length);
    digest_stream_finish(stream, &set);
    return set;
}

static void assert_right(const Answer *answer, guint algorithms, const guint8 *bytes, gsize length)
{
    DigestSet want = expected(algorithms, bytes, length);
    gboolean agree = FALSE;
    gboolean differ = FALSE;

    g_assert_cmpuint(answer->count, ==, 1);
    g_assert_cmpint(answer->errno_value, ==, 0);
    g_assert_cmpuint(answer->size, ==, length);
    g_assert_cmpuint(digest_set_algorithms(&answer->digests), ==, algorithms);
    digest_set_compare(&want, &answer->digests, &agree, &differ);
    g_assert_true(agree);
    g_assert_false(differ);
}

static void wait_for(TaskQueue *home, const Answer *answer)
{
    while (answer->count == 0)
        task_queue_run(home, -1);
}

static void test_whole_files(void)
{
    static const gsize lengths[] = {0, 1, 4096, 262144, 262145, 3000000, 70000000};
    g_autoptr(DigestPool) pool = digest_pool_new(3);
    g_autoptr(TaskQueue) home = task_queue_new();
    Answer answers[G_N_ELEMENTS(lengths)] = {0};
    g_autofree guint8 *bytes = make_bytes(lengths[G_N_ELEMENTS(lengths) - 1]);

    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++)
        digest_pool_file(pool, make_file(bytes, lengths[i]), SHA256_BIT | GIT_BIT, home, on_done,
                         &answers[i]);
    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
        wait_for(home, &answers[i]);
        assert_right(&answers[i], SHA256_BIT | GIT_BIT, bytes, lengths[i]);
    }
    g_assert_cmpuint(digest_pool_behind(pool), ==, 0);
}

static void test_unreadable(void)
{
    g_autoptr(DigestPool) pool = digest_pool_new(1);
    g_autoptr(TaskQueue) home = task_queue_new();
    Answer folder = {0};
    Answer none = {0};

    digest_pool_file(pool, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), SHA256_BIT, home, on_done,
                     &folder);
    digest_pool_file(pool, -1, SHA256_BIT, home, on_done, &none);
    wait_for(home, &folder);
    wait_for(home, &none);
    g_assert_cmpint(folder.errno_value, ==, EISDIR);
    g_assert_cmpint(none.errno_value, ==, EBADF);
}

/* Twenty files arrive side by side on one pool. */
static void test_arriving(void)
{
    enum {
        FILES = 20,
        LENGTH = 3000000
    };
    g_autoptr(DigestPool) pool = digest_pool_new(2);
    g_autoptr(TaskQueue) home = task_queue_new();
    g_autofree guint8 *bytes = make_bytes(LENGTH);
    DigestJob *jobs[FILES];
    int fds[FILES];
    gsize there[FILES] = {0};
    Answer answers[FILES] = {0};
    gsize left = FILES;

    for (gsize i = 0; i < FILES; i++) {
        fds[i] = make_file(bytes, 0);
        /* Every third knows its size, every third a wrong one, every third none. */
        guint64 size = i % 3 == 0 ? LENGTH : i % 3 == 1 ? LENGTH - 1 : SIZE_UNKNOWN;
        jobs[i] = digest_job_new(pool, fds[i], SHA256_BIT | MD5_BIT | GIT_BIT, size, 0);
    }
    while (left > 0) {
        gsize i = (gsize)g_test_rand_int_range(0, FILES);
        if (there[i] == LENGTH)
            continue;
        gsize more = (gsize)g_test_rand_int_range(1, 400000);
        more = MIN(more, LENGTH - there[i]);
        g_assert_cmpint(pwrite(fds[i], bytes + there[i], more, (off_t)there[i]), ==, (gssize)more);
        there[i] += more;
        digest_job_advance(jobs[i], there[i]);
        if (there[i] == LENGTH) {
            digest_job_finish(jobs[i], LENGTH, home, on_done, &answers[i]);
            left--;
        }
    }
    for (gsize i = 0; i < FILES; i++) {
        wait_for(home, &answers[i]);
        assert_right(&answers[i], SHA256_BIT | MD5_BIT | GIT_BIT, bytes, LENGTH);
        close(fds[i]);
    }
    g_assert_cmpuint(digest_pool_behind(pool), ==, 0);
}

static void test_behind(void)
{
    enum {
        LENGTH = 1000000
    };
    g_autoptr(DigestPool) pool = digest_pool_new(1);
    g_autoptr(TaskQueue) home = task_queue_new();
    g_autofree guint8 *bytes = make_bytes(LENGTH);
    int fd = make_file(bytes, LENGTH);
    Answer answer = {0};

    /* A git blob of unknown size waits: what it waits for is behind, what was held is not. */
    DigestJob *job = digest_job_new(pool, fd, GIT_BIT, SIZE_UNKNOWN, 400000);
    g_assert_cmpuint(digest_pool_behind(pool), ==, 0);
    digest_job_advance(job, 900000);
    digest_job_advance(job, 800000); /* never goes back */
    g_assert_cmpuint(digest_pool_behind(pool), ==, 500000);
    digest_job_cancel(job);
    g_assert_cmpuint(digest_pool_behind(pool), ==, 0);

    job = digest_job_new(pool, fd, GIT_BIT, SIZE_UNKNOWN, 0);
    digest_job_advance(job, LENGTH);
    g_assert_cmpuint(digest_pool_behind(pool), ==, LENGTH);
    digest_job_finish(job, LENGTH, home, on_done, &answer);
    wait_for(home, &answer);
    assert_right(&answer, GIT_BIT, bytes, LENGTH);
    g_assert_cmpuint(digest_pool_behind(pool), ==, 0);
    close(fd);
}

/* Told of bytes that are not there: an error, never a digest of something else. */
static void test_too_short(void)
{
    g_autoptr(DigestPool) pool = digest_pool_new(1);
    g_autoptr(TaskQueue) home = task_queue_new();
    g_autofree guint8 *bytes = make_bytes(5000);
    int fd = make_file(bytes, 5000);
    Answer answer = {0};
    Answer less = {0};

    DigestJob *job = digest_job_new(pool, fd, SHA256_BIT, 6000, 0);
    digest_job_advance(job, 6000);
    digest_job_finish(job, 6000, home, on_done, &answer);
    wait_for(home, &answer);
    g_assert_cmpint(answer.errno_value, ==, EIO);

    job = digest_job_new(pool, fd, SHA256_BIT, SIZE_UNKNOWN, 0);
    digest_job_advance(job, 5000);
    digest_job_finish(job, 4000, home, on_done, &less);
    wait_for(home, &less);
    g_assert_cmpint(less.errno_value, ==, EIO);
    close(fd);
}

static void test_cancel(void)
{
    enum {
        LENGTH = 40000000
    };
    g_autoptr(DigestPool) pool = digest_pool_new(2);
    g_autoptr(TaskQueue) home = task_queue_new();
    g_autofree guint8 *bytes = make_bytes(LENGTH);
    int fd = make_file(bytes, LENGTH);
    Answer answers[40] = {0};

    for (gsize i = 0; i < G_N_ELEMENTS(answers); i++) {
        DigestJob *job = digest_job_new(pool, fd, SHA256_BIT, LENGTH, i % 2 ? LENGTH : 0);
        digest_job_advance(job, LENGTH);
        if (i % 3 == 0)
            digest_job_finish(job, LENGTH, home, on_done, &answers[i]);
        if (i % 5 == 0)
            g_usleep((gulong)g_test_rand_int_range(0, 3000));
        digest_job_cancel(job);
    }
    /* Digested and on its way home: cancelled all the same. */
    Answer late = {0};
    DigestJob *job = digest_job_new(pool, fd, SHA256_BIT, 10, 10);
    digest_job_finish(job, 10, home, on_done, &late);
    g_usleep(50000);
    digest_job_cancel(job);
    while (task_queue_run(home, 0) > 0)
        ;
    for (gsize i = 0; i < G_N_ELEMENTS(answers); i++)
        g_assert_cmpuint(answers[i].count, ==, 0);
    g_assert_cmpuint(late.count, ==, 0);
    g_assert_cmpuint(digest_pool_behind(pool), ==, 0);
    close(fd);
}

/* A large whole file keeps no thread from what arrives. */
static void test_arriving_goes_first(void)
{
    enum {
        LENGTH = 1000000
    };
    g_autoptr(DigestPool) pool = digest_pool_new(1);
    g_autoptr(TaskQueue) home = task_queue_new();
    g_autofree guint8 *bytes = make_bytes(LENGTH);
    Answer large = {0};
    Answer small = {0};
    DigestJob *jobs[3];
    int fd = make_file(bytes, LENGTH);

    for (gsize i = 0; i < G_N_ELEMENTS(jobs); i++) {
        int sparse = make_file(bytes, 0);
        g_assert_cmpint(ftruncate(sparse, (off_t)1 << 40), ==, 0);
        jobs[i] = digest_pool_file(pool, sparse, SHA256_BIT, home, on_done, &large);
    }
    DigestJob *job = digest_job_new(pool, fd, SHA256_BIT, LENGTH, 0);
    digest_job_finish(job, LENGTH, home, on_done, &small);
    wait_for(home, &small);
    assert_right(&small, SHA256_BIT, bytes, LENGTH);
    g_assert_cmpuint(large.count, ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(jobs); i++)
        digest_job_cancel(jobs[i]);
    close(fd);
}

static void test_free_with_work(void)
{
    g_autofree guint8 *bytes = make_bytes(100000);
    g_autoptr(TaskQueue) home = task_queue_new();
    Answer answers[200] = {0};
    DigestPool *pool = digest_pool_new(2);

    for (gsize i = 0; i < G_N_ELEMENTS(answers); i++)
        digest_pool_file(pool, make_file(bytes, 100000), SHA256_BIT, home, on_done, &answers[i]);
    digest_pool_free(pool);
    while (task_queue_run(home, 0) > 0)
        ;
    for (gsize i = 0; i < G_N_ELEMENTS(answers); i++)
        g_assert_cmpuint(answers[i].count, <=, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/digest-pool/whole-files", test_whole_files);
    g_test_add_func("/digest-pool/unreadable", test_unreadable);
    g_test_add_func("/digest-pool/arriving", test_arriving);
    g_test_add_func("/digest-pool/behind", test_behind);
    g_test_add_func("/digest-pool/too-short", test_too_short);
    g_test_add_func("/digest-pool/cancel", test_cancel);
    g_test_add_func("/digest-pool/arriving-goes-first", test_arriving_goes_first);
    g_test_add_func("/digest-pool/free-with-work", test_free_with_work);
    return g_test_run();
}

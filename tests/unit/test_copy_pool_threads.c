/* Copies are the originals, digested in the same reading; errors of either side are told apart. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "copy_pool.h"

#define SHA256_BIT (1u << DIGEST_SHA256)
#define GIT_BIT (1u << DIGEST_GIT_BLOB)

typedef struct {
    guint *left;
    DigestSet digests;
    guint64 size;
    int read_errno, write_errno;
} Answer;

static void on_copied(const DigestSet *digests, guint64 size, int read_errno, int write_errno,
                      gpointer data)
{
    Answer *answer = data;

    answer->digests = *digests;
    answer->size = size;
    answer->read_errno = read_errno;
    answer->write_errno = write_errno;
    (*answer->left)--;
}

static int open_new(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = NULL;
    int fd = g_file_open_tmp("copy-XXXXXX", &name, &error);

    g_assert_no_error(error);
    g_assert_cmpint(unlink(name), ==, 0);
    return fd;
}

static int make_file(gsize length, guint seed)
{
    g_autofree guint8 *bytes = g_malloc(length + 1);
    int fd = open_new();

    for (gsize i = 0; i < length; i++)
        bytes[i] = (guint8)(((i + seed) * 2654435761u) >> 13);
    g_assert_cmpint(pwrite(fd, bytes, length, 0), ==, (gssize)length);
    return fd;
}

static DigestSet digests_of(int fd, gsize length, guint algorithms)
{
    g_autofree guint8 *bytes = g_malloc(length + 1);
    g_autoptr(DigestStream) stream = digest_stream_new(algorithms, length);
    DigestSet set = {0};

    g_assert_cmpint(pread(fd, bytes, length + 1, 0), ==, (gssize)length);
    digest_stream_update(stream, bytes, length);
    digest_stream_finish(stream, &set);
    return set;
}

static void wait_for(TaskQueue *home, const guint *left)
{
    while (*left > 0)
        task_queue_run(home, -1);
}

static void test_copies(void)
{
    static const gsize lengths[] = {0, 1, 4096, 256 * 1024, 256 * 1024 + 1, 1000000};
    enum {
        FILES = 60
    };
    g_autoptr(TaskQueue) home = task_queue_new();
    g_autoptr(CopyPool) pool = copy_pool_new(3);
    g_autofree Answer *answers = g_new0(Answer, FILES);
    int originals[FILES], copies[FILES];
    guint left = FILES;

    for (guint i = 0; i < FILES; i++) {
        originals[i] = make_file(lengths[i % G_N_ELEMENTS(lengths)], i);
        copies[i] = open_new();
        answers[i].left = &left;
        copy_pool_file(pool, dup(originals[i]), dup(copies[i]), SHA256_BIT | GIT_BIT, home,
                       on_copied, &answers[i]);
    }
    wait_for(home, &left);
    for (guint i = 0; i < FILES; i++) {
        gsize length = lengths[i % G_N_ELEMENTS(lengths)];
        DigestSet original = digests_of(originals[i], length, SHA256_BIT | GIT_BIT);
        DigestSet copy = digests_of(copies[i], length, SHA256_BIT | GIT_BIT);
        g_assert_cmpint(answers[i].read_errno, ==, 0);
        g_assert_cmpint(answers[i].write_errno, ==, 0);
        g_assert_cmpuint(answers[i].size, ==, length);
        for (guint a = 0; a < DIGEST_ALGORITHMS; a++) {
            const Digest *of_copy = digest_set_get(&copy, (DigestAlgorithm)a);
            if (!of_copy)
                continue;
            g_assert_true(digest_equal(of_copy, digest_set_get(&original, (DigestAlgorithm)a)));
            g_assert_true(
                digest_equal(of_copy, digest_set_get(&answers[i].digests, (DigestAlgorithm)a)));
        }
        close(originals[i]);
        close(copies[i]);
    }
}

static void test_errors(void)
{
    g_autoptr(TaskQueue) home = task_queue_new();
    g_autoptr(CopyPool) pool = copy_pool_new(1);
    guint left = 2;
    Answer unreadable = {.left = &left}, unwritable = {.left = &left};

    copy_pool_file(pool, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), open_new(), SHA256_BIT,
                   home, on_copied, &unreadable);
    copy_pool_file(pool, make_file(10, 1), open("/dev/full", O_WRONLY | O_CLOEXEC), SHA256_BIT,
                   home, on_copied, &unwritable);
    wait_for(home, &left);
    g_assert_cmpint(unreadable.read_errno, ==, EISDIR);
    g_assert_cmpint(unreadable.write_errno, ==, 0);
    g_assert_cmpint(unwritable.read_errno, ==, 0);
    g_assert_cmpint(unwritable.write_errno, ==, ENOSPC);
}

static void test_cancel(void)
{
    g_autoptr(TaskQueue) home = task_queue_new();
    g_autoptr(CopyPool) pool = copy_pool_new(2);
    int endless = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    guint left = 1;
    Answer answer = {.left = &left};

    /* It has no end: without the cancel this would never return. */
    copy_pool_file(pool, endless, open("/dev/null", O_WRONLY | O_CLOEXEC), SHA256_BIT, home,
                   on_copied, &answer);
    copy_pool_cancel(pool);
    wait_for(home, &left);
    g_assert_cmpint(answer.read_errno, ==, ECANCELED);
}

/* What is under way or waits when the pool goes is dropped, and its descriptors are closed. */
static void test_free(void)
{
    g_autoptr(TaskQueue) home = task_queue_new();
    CopyPool *pool = copy_pool_new(1);
    guint left = 100;
    Answer answer = {.left = &left};

    for (guint i = 0; i < 20; i++)
        copy_pool_file(pool, open("/dev/zero", O_RDONLY | O_CLOEXEC),
                       open("/dev/null", O_WRONLY | O_CLOEXEC), SHA256_BIT, home, on_copied,
                       &answer);
    copy_pool_free(pool);
    task_queue_run(home, 0);
    g_assert_cmpuint(left, ==, 100);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/copy-pool/copies", test_copies);
    g_test_add_func("/copy-pool/errors", test_errors);
    g_test_add_func("/copy-pool/cancel", test_cancel);
    g_test_add_func("/copy-pool/free", test_free);
    return g_test_run();
}

/* A child has the descriptors and the environment that it was given, and nothing else of ours. */
#include "child.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHELL "/bin/sh"

static int status_of(const char *script, const int *descriptors)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    const ChildSpec spec = {.program = SHELL, .argv = argv, .descriptors = descriptors};
    g_autoptr(GError) error = NULL;
    pid_t pid = 0;
    int status = 0;
    g_assert_true(child_start(&spec, &pid, &error));
    g_assert_no_error(error);
    gboolean done = child_wait(pid, &status);
    g_assert_cmpint(done, ==, WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* What the script writes to descriptor OUT. */
static char *output_of(const char *script, const char *const *environment, int out, const int *more)
{
    int ends[2];
    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    g_autoptr(GArray) descriptors = g_array_new(FALSE, FALSE, sizeof(int));
    g_array_append_val(descriptors, ends[1]);
    g_array_append_val(descriptors, out);
    for (; more && *more >= 0; more += 2)
        g_array_append_vals(descriptors, more, 2);
    const int end = -1;
    g_array_append_val(descriptors, end);
    const char *const argv[] = {"sh", "-c", script, NULL};
    const ChildSpec spec = {.program = SHELL,
                            .argv = argv,
                            .environment = environment,
                            .descriptors = (const int *)(gpointer)descriptors->data};
    pid_t pid = 0;
    g_assert_true(child_start(&spec, &pid, NULL));
    close(ends[1]);
    GString *text = g_string_new(NULL);
    char buffer[256];
    ssize_t got;
    while ((got = read(ends[0], buffer, sizeof buffer)) > 0)
        g_string_append_len(text, buffer, got);
    close(ends[0]);
    g_assert_true(child_wait(pid, NULL));
    return g_string_free(text, FALSE);
}

static void test_exit_status(void)
{
    g_assert_cmpint(status_of("exit 0", NULL), ==, 0);
    g_assert_cmpint(status_of("exit 7", NULL), ==, 7);
    g_assert_cmpint(status_of("kill -KILL $$", NULL), ==, -SIGKILL);
}

static void test_cannot_start(void)
{
    const char *const argv[] = {"x", NULL};
    const ChildSpec spec = {.program = "/nowhere/x", .argv = argv};
    g_autoptr(GError) error = NULL;
    pid_t pid = 0;
    g_assert_false(child_start(&spec, &pid, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, "/nowhere/x"));
    const int closed[] = {987, 3, -1};
    const ChildSpec with_closed = {.program = SHELL, .argv = argv, .descriptors = closed};
    g_autoptr(GError) bad = NULL;
    g_assert_false(child_start(&with_closed, &pid, &bad));
    g_assert_nonnull(strstr(bad->message, g_strerror(EBADF)));
}

static void test_environment(void)
{
    const char *const environment[] = {"GREETING=hello", NULL};
    g_setenv("MEDMIRROR_TEST_SECRET", "x", TRUE);
    const char *const script = "echo \"[$GREETING][$MEDMIRROR_TEST_SECRET][$HOME]\" >&1";
    g_autofree char *given = output_of(script, environment, 1, NULL);
    g_assert_cmpstr(given, ==, "[hello][][]\n");
    g_autofree char *bare = output_of(script, NULL, 1, NULL);
    g_assert_cmpstr(bare, ==, "[][][]\n");
}

/* Descriptors are crossed over: 3 becomes 4 and 4 becomes 3; others do not pass, marked or not. */
static void test_descriptors(void)
{
    int low[2], high[2];
    g_assert_cmpint(pipe2(low, O_CLOEXEC), ==, 0);
    g_assert_cmpint(pipe2(high, O_CLOEXEC), ==, 0);
    int stray = dup(low[0]); /* without O_CLOEXEC */
    int far = fcntl(low[0], F_DUPFD, 40);
    g_assert_true(stray >= 0 && far >= 40);
    g_assert_cmpint(write(low[1], "L\n", 2), ==, 2);
    g_assert_cmpint(write(high[1], "H\n", 2), ==, 2);
    const int crossed[] = {low[0], high[0], high[0], low[0], -1};
    g_autofree char *script =
        g_strdup_printf("read a <&%d; read b <&%d; echo \"$a$b\"; i=0; while [ $i -le 60 ]; do"
                        " [ -e /proc/self/fd/$i ] && echo $i; i=$((i+1)); done; true",
                        low[0], high[0]);
    g_autofree char *text = output_of(script, NULL, 1, crossed);
    g_autofree char *wanted =
        g_strdup_printf("HL\n0\n1\n2\n%d\n%d\n", MIN(low[0], high[0]), MAX(low[0], high[0]));
    g_assert_cmpstr(text, ==, wanted);
    close(stray);
    close(far);
    for (int i = 0; i < 2; i++) {
        close(low[i]);
        close(high[i]);
    }
}

/* Standard input is empty, and a signal mask of ours is none of the child's. */
static void test_bare(void)
{
    sigset_t all, before;
    sigfillset(&all);
    g_assert_cmpint(sigprocmask(SIG_SETMASK, &all, &before), ==, 0);
    signal(SIGPIPE, SIG_IGN);
    g_autofree char *text = output_of("cat; grep SigBlk /proc/self/status; grep SigIgn "
                                      "/proc/self/status",
                                      (const char *const[]){"PATH=/usr/bin:/bin", NULL}, 1, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(SIGPIPE, SIG_DFL);
    guint64 blocked = G_MAXUINT64, ignored = G_MAXUINT64;
    g_assert_cmpint(sscanf(text, "SigBlk: %" G_GINT64_MODIFIER "x SigIgn: %" G_GINT64_MODIFIER "x",
                           &blocked, &ignored),
                    ==, 2);
    g_assert_cmphex(blocked, ==, 0);
    g_assert_cmphex(ignored & 0x7fffffff, ==, 0); /* 32 and 33 are the C library's own */
}

static void test_kill(void)
{
    const char *const argv[] = {"sh", "-c", "while :; do :; done", NULL};
    const ChildSpec spec = {.program = SHELL, .argv = argv};
    pid_t pid = 0;
    g_assert_true(child_start(&spec, &pid, NULL));
    child_kill(pid);
    g_assert_cmpint(kill(pid, 0), ==, -1);
    g_assert_false(child_wait(pid, NULL));
    child_kill(0);
    child_kill(-1);
}

static void test_own_program(void)
{
    g_autofree char *before = g_strdup(g_getenv("MEDMIRROR_PROGRAM"));
    g_setenv("MEDMIRROR_PROGRAM", "/some/medmirror", TRUE);
    g_autofree char *named = child_own_program();
    g_assert_cmpstr(named, ==, "/some/medmirror");
    g_unsetenv("MEDMIRROR_PROGRAM");
    g_autofree char *self = child_own_program();
    g_assert_true(g_str_has_suffix(self, "/test_child"));
    g_assert_cmpint(access(self, X_OK), ==, 0);
    if (before)
        g_setenv("MEDMIRROR_PROGRAM", before, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/child/exit-status", test_exit_status);
    g_test_add_func("/child/cannot-start", test_cannot_start);
    g_test_add_func("/child/environment", test_environment);
    g_test_add_func("/child/descriptors", test_descriptors);
    g_test_add_func("/child/bare", test_bare);
    g_test_add_func("/child/kill", test_kill);
    g_test_add_func("/child/own-program", test_own_program);
    return g_test_run();
}

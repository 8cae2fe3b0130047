#include "child.h"
#include "unpack_child.h"
#include "unpack_fixture.h"

/* Runs the child with ARGUMENT and gives what it says on standard output. */
static char *child_says(const char *argument, gboolean *right)
{
    g_autofree char *program = child_own_program();
    const char *const argv[] = {program, UNPACK_CHILD_VERB, argument, NULL};
    int fds[2];
    g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
    const int descriptors[] = {fds[1], STDOUT_FILENO, -1};
    const ChildSpec spec = {.program = program, .argv = argv, .descriptors = descriptors};
    g_autoptr(GError) error = NULL;
    pid_t pid = 0;
    g_assert_true(child_start(&spec, &pid, &error));
    g_assert_no_error(error);
    close(fds[1]);
    g_autoptr(GString) said = g_string_new(NULL);
    char piece[512];
    gssize n;
    while ((n = TEMP_FAILURE_RETRY(read(fds[0], piece, sizeof(piece)))) > 0)
        g_string_append_len(said, piece, n);
    close(fds[0]);
    *right = child_wait(pid, NULL);
    return g_string_free(g_steal_pointer(&said), FALSE);
}

static void test_probe(void)
{
    static const char *const tried[] = {
        "open", "create", "mkdir",  "unlink",           "socket", "fork",           "unix socket",
        "exec", "kill",   "ptrace", "memory to be run", "dup",    "write elsewhere"};
    gboolean right = FALSE;
    g_autofree char *said = child_says(UNPACK_CHILD_PROBE, &right);
    g_test_message("%s", said);
    g_assert_true(right);
    g_assert_null(strstr(said, "ALLOWED"));
    for (gsize i = 0; i < G_N_ELEMENTS(tried); i++) {
        g_autofree char *line = g_strdup_printf("%s: refused\n", tried[i]);
        g_assert_nonnull(strstr(said, line));
    }
}

static void test_wrong_orders(void)
{
    static const char *const orders[] = {"", "x", "0", "--help"};
    for (gsize i = 0; i < G_N_ELEMENTS(orders); i++) {
        gboolean right = TRUE;
        g_autofree char *said = child_says(orders[i], &right);
        g_assert_false(right);
        g_assert_cmpstr(said, ==, "");
    }
}

static void test_orders(void)
{
    const UnpackOrders orders = {.container = ARCHIVE_RAR,
                                 .filter = FILTER_LZ4,
                                 .arrives = TRUE,
                                 .volumes = 12,
                                 .memory = G_GUINT64_CONSTANT(1) << 40,
                                 .most_entries = 5,
                                 .parent = 99};
    g_auto(GStrv) argv = unpack_orders_to_argv(&orders, "program");
    g_assert_cmpstr(argv[0], ==, "program");
    g_assert_cmpstr(argv[1], ==, UNPACK_CHILD_VERB);
    UnpackOrders parsed;
    g_assert_true(unpack_orders_parse((int)g_strv_length(argv), argv, &parsed));
    g_auto(GStrv) again = unpack_orders_to_argv(&parsed, "program");
    g_assert_cmpstrv(again, argv);
    g_free(argv[2]);
    argv[2] = g_strdup("99");
    g_assert_false(unpack_orders_parse((int)g_strv_length(argv), argv, &parsed));
}

int main(int argc, char **argv)
{
    fixture_main(&argc, &argv);
    g_test_add_func("/unpack_sandbox/probe", test_probe);
    g_test_add_func("/unpack_sandbox/wrong_orders", test_wrong_orders);
    g_test_add_func("/unpack_sandbox/orders", test_orders);
    return g_test_run();
}

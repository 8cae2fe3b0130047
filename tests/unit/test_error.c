/* Codes become exit statuses in one place, and the worst of two wins. */
#include "error.h"

#include <errno.h>

static void test_exit_status(void)
{
    static const struct {
        int code, status;
    } rows[] = {
        {MEDMIRROR_ERROR_FAILED, 1},       {MEDMIRROR_ERROR_USAGE, 2},
        {MEDMIRROR_ERROR_DAMAGED, 3},      {MEDMIRROR_ERROR_ACCESS, 4},
        {MEDMIRROR_ERROR_ORIGIN, 5},       {MEDMIRROR_ERROR_STORAGE, 6},
        {MEDMIRROR_ERROR_ABSENT, 7},       {MEDMIRROR_ERROR_BUSY, 8},
        {MEDMIRROR_ERROR_UNSAFE, 9},       {MEDMIRROR_ERROR_INTERRUPTED, 130},
        {MEDMIRROR_ERROR_TERMINATED, 143},
    };
    g_assert_cmpint(error_exit_status(NULL), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = g_error_new_literal(MEDMIRROR_ERROR, rows[i].code, "x");
        g_assert_cmpint(error_exit_status(error), ==, rows[i].status);
    }
    g_autoptr(GError) option = g_error_new_literal(G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "x");
    g_assert_cmpint(error_exit_status(option), ==, 2);
    g_autoptr(GError) other = g_error_new_literal(G_FILE_ERROR, G_FILE_ERROR_IO, "x");
    g_assert_cmpint(error_exit_status(other), ==, 1);
}

static void test_worst(void)
{
    static const int order[] = {130, 143, 6, 9, 3, 4, 5, 7, 8, 1, 2, 0};
    for (gsize i = 0; i < G_N_ELEMENTS(order); i++) {
        for (gsize j = 0; j < G_N_ELEMENTS(order); j++)
            g_assert_cmpint(exit_status_worst(order[i], order[j]), ==, order[MIN(i, j)]);
    }
    g_assert_cmpint(exit_status_worst(77, 2), ==, 77);
    g_assert_cmpint(exit_status_worst(77, 8), ==, 8);
}

static void test_storage(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(error_set_storage(&error, ENOSPC, "cannot write %s", "a/b.dcm"));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE);
    g_autofree char *wanted = g_strdup_printf("Cannot write a/b.dcm: %s.", g_strerror(ENOSPC));
    g_assert_cmpstr(error->message, ==, wanted);
    g_assert_false(error_set_storage(NULL, EIO, "cannot read"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/error/exit-status", test_exit_status);
    g_test_add_func("/error/worst", test_worst);
    g_test_add_func("/error/storage", test_storage);
    return g_test_run();
}

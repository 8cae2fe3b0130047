/* Slices of a verification: when there is time for a file, and up to where all was read. */
#include "verify_slice.h"

#include <glib.h>

#define SECOND ((gint64)G_USEC_PER_SEC)

static void test_pace(void)
{
    static const struct {
        guint64 files, bytes;
        gint64 elapsed, left; /* s */
        guint64 size;
        gboolean allowed;
    } rows[] = {
        {0, 0, 0, -5, 1000000, TRUE},                               /* the first of a run always */
        {1, 0, 0, 10, 1000000, TRUE},                               /* no pace yet */
        {9, 500, 0, 10, 1000000, TRUE},                             /* nor here */
        {9, 1000, 10, 10, 1000, TRUE},                              /* 100 a second: just in time */
        {9, 1000, 10, 10, 1001, FALSE},                             /* just not */
        {9, 1000, 10, 10, 0, TRUE},     {9, 1000, 10, 0, 0, FALSE}, /* over */
        {9, 1000, 10, -1, 0, FALSE},    {9, 1, 1, 3600, G_MAXUINT64 / 2, FALSE}, /* no overflow */
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        gint64 begun = 1000 * SECOND;
        gint64 now = begun + rows[i].elapsed * SECOND;
        const VerifyPace pace = {.begun = begun,
                                 .deadline = now + rows[i].left * SECOND,
                                 .bytes = rows[i].bytes,
                                 .files = rows[i].files};
        g_test_message("row %u", i);
        g_assert_cmpint(verify_pace_allows(&pace, rows[i].size, now), ==, rows[i].allowed);
    }
}

static VerifyPace long_pace(void)
{
    gint64 now = g_get_monotonic_time();
    return (VerifyPace){.begun = now, .deadline = now + 3600 * SECOND};
}

static void test_ends_in_any_order(void)
{
    VerifyPace pace = long_pace();
    g_autoptr(VerifySlice) slice = verify_slice_new(&pace, NULL);
    g_assert_null(verify_slice_upto(slice));
    for (const char *const *path = (const char *const[]){"a", "b", "c", "d", NULL}; *path; path++) {
        g_assert_true(verify_slice_begin(slice, *path, 10));
    }
    verify_slice_end(slice, "b", 10);
    g_assert_null(verify_slice_upto(slice));
    verify_slice_end(slice, "a", 10);
    g_assert_cmpstr(verify_slice_upto(slice), ==, "b");
    verify_slice_end(slice, "d", 10);
    g_assert_cmpstr(verify_slice_upto(slice), ==, "b");
    verify_slice_end(slice, "c", 10);
    g_assert_cmpstr(verify_slice_upto(slice), ==, "d");
    verify_slice_end(slice, "never begun", 10);
    g_assert_cmpstr(verify_slice_upto(slice), ==, "d");
    g_assert_cmpuint(pace.bytes, ==, 40);
    g_assert_cmpuint(pace.files, ==, 4);
    g_assert_false(verify_slice_is_cut(slice));
}

static void test_goes_on(void)
{
    VerifyPace pace = long_pace();
    g_autoptr(VerifySlice) slice = verify_slice_new(&pace, "a/b");
    g_assert_true(verify_slice_is_behind(slice, "a/a"));
    g_assert_true(verify_slice_is_behind(slice, "a/b"));
    g_assert_false(verify_slice_is_behind(slice, "a/b.bin"));
    g_assert_true(
        verify_slice_is_behind(slice, "a.bin")); /* byte order of whole paths: '.' < '/' */
    g_assert_cmpstr(verify_slice_upto(slice), ==, "a/b");
    g_assert_true(verify_slice_begin(slice, "b", 10));
    g_assert_cmpstr(verify_slice_upto(slice), ==, "a/b");
    verify_slice_end(slice, "b", 10);
    g_assert_cmpstr(verify_slice_upto(slice), ==, "b");
}

static void test_is_cut(void)
{
    gint64 now = g_get_monotonic_time();
    VerifyPace pace = {.begun = now - 10 * SECOND, .deadline = now - SECOND};
    g_autoptr(VerifySlice) slice = verify_slice_new(&pace, NULL);
    g_assert_true(verify_slice_begin(slice, "a", 10)); /* one at least */
    verify_slice_end(slice, "a", 10);
    g_assert_false(verify_slice_begin(slice, "b", 10));
    g_assert_true(verify_slice_is_cut(slice));
    g_assert_cmpstr(verify_slice_upto(slice), ==, "a");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/verify-slice/pace", test_pace);
    g_test_add_func("/verify-slice/any-order", test_ends_in_any_order);
    g_test_add_func("/verify-slice/goes-on", test_goes_on);
    g_test_add_func("/verify-slice/cut", test_is_cut);
    return g_test_run();
}

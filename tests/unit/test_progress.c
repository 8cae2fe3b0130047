/* What a person sees while a pull runs: widths in columns, whatever the script and the window. */
#include "progress.h"

#include "verdict.h"

#include <string.h>

static void test_columns(void)
{
    g_assert_cmpuint(text_columns(""), ==, 0);
    g_assert_cmpuint(text_columns("abc"), ==, 3);
    g_assert_cmpuint(text_columns("肺结节"), ==, 6);
    g_assert_cmpuint(text_columns("e\xcc\x81"), ==, 1);
}

static void test_fit(void)
{
    const char *const texts[] = {"short", "a/very/long/path/of/a/file/that/does/not/fit.dcm",
                                 "肺部图像数据库联盟/系列/一张很长的图像名字.dcm"};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        for (guint columns = 1; columns < 60; columns++) {
            g_autofree char *fitted = text_fit(texts[i], columns);
            g_autofree char *padded = text_pad(texts[i], columns);
            g_assert_true(g_utf8_validate(fitted, -1, NULL));
            g_assert_cmpuint(text_columns(fitted), <=, columns);
            g_assert_cmpuint(text_columns(padded), ==, columns);
        }
    }
    g_autofree char *middle = text_fit("images/patient-000001/slice-0001.dcm", 20);
    g_assert_true(g_str_has_prefix(middle, "images"));
    g_assert_true(g_str_has_suffix(middle, ".dcm"));
    g_autofree char *strange = text_fit("a\x1b[2Jb\nc", 20);
    g_assert_cmpstr(strange, ==, "a?[2Jb?c");
}

static EngineSnapshot *make_snapshot(guint files)
{
    EngineSnapshot *snapshot = g_new0(EngineSnapshot, 1);
    snapshot->running = g_array_new(FALSE, TRUE, sizeof(TransferProgress));
    for (guint i = 0; i < files; i++) {
        TransferProgress file = {.name =
                                     g_strdup_printf("肺结节/病人-%03u/一张很长的图像名字.dcm", i),
                                 .done = 1000 * i,
                                 .total = i % 2 ? SIZE_UNKNOWN : 100000,
                                 .rate = 1234567,
                                 .connections = 1};
        g_array_append_val(snapshot->running, file);
    }
    snapshot->received = 123456789;
    snapshot->rate = 987654;
    return snapshot;
}

static void snapshot_free(EngineSnapshot *snapshot)
{
    for (guint i = 0; i < snapshot->running->len; i++) {
        g_free(g_array_index(snapshot->running, TransferProgress, i).name);
    }
    g_array_unref(snapshot->running);
    g_free(snapshot);
}

static void test_lines_fit_every_window(void)
{
    EngineSnapshot *snapshot = make_snapshot(30);
    JobProgress progress = {.files_done = 7, .files_all = 100, .bytes_all = -1};
    for (guint columns = 10; columns < 220; columns++) {
        g_autoptr(GPtrArray) lines = progress_lines(snapshot, &progress, columns, 8, TRUE);
        g_assert_cmpuint(lines->len, ==, 10);
        for (guint i = 0; i < lines->len; i++) {
            const char *line = g_ptr_array_index(lines, i);
            g_assert_true(g_utf8_validate(line, -1, NULL));
            g_assert_cmpuint(text_columns(line), <=, columns);
        }
    }
    snapshot_free(snapshot);
}

/* Whatever time is left of each. */
static void test_columns_stand_below_each_other(void)
{
    const guint64 rates[] = {0, 1, 50, 1234567};
    EngineSnapshot *snapshot = make_snapshot(G_N_ELEMENTS(rates));
    JobProgress progress = {.files_all = 4, .bytes_all = -1};
    for (guint i = 0; i < G_N_ELEMENTS(rates); i++) {
        g_array_index(snapshot->running, TransferProgress, i).rate = rates[i];
        g_array_index(snapshot->running, TransferProgress, i).total = 100000;
    }
    for (guint columns = 20; columns < 220; columns++) {
        g_autoptr(GPtrArray) lines = progress_lines(snapshot, &progress, columns, 8, TRUE);
        guint places[G_N_ELEMENTS(rates)];
        for (guint i = 0; i < G_N_ELEMENTS(rates); i++) {
            const char *line = g_ptr_array_index(lines, i);
            g_autofree char *before = g_strndup(line, (gsize)(strchr(line, '%') - line));
            places[i] = text_columns(before);
            g_assert_cmpuint(places[i], ==, places[0]);
        }
    }
    snapshot_free(snapshot);
}

static void test_total(void)
{
    EngineSnapshot *snapshot = make_snapshot(2);
    JobProgress progress = {
        .files_done = 7, .files_all = 100, .bytes_done = 0, .bytes_all = 200000};
    g_autofree char *total = progress_total(snapshot, &progress);
    g_assert_nonnull(strstr(total, "7 of 100 files"));
    g_assert_nonnull(strstr(total, "123.5"));
    g_assert_cmpint(progress_percent(snapshot, &progress), ==, 0);
    g_autofree char *unknown = progress_total(snapshot, &(JobProgress){0});
    g_assert_true(g_str_has_prefix(unknown, "123.5"));
    progress.bytes_done = 100000;
    g_assert_cmpint(progress_percent(snapshot, &progress), ==, 50);
    progress.bytes_all = -1;
    g_assert_cmpint(progress_percent(snapshot, &progress), ==, 7);
    /* Half a file of a hundred. */
    g_array_index(snapshot->running, TransferProgress, 0).done = 50000;
    progress.files_all = 10;
    g_assert_cmpint(progress_percent(snapshot, &progress), ==, 75);
    snapshot_free(snapshot);
}

static void test_rate_and_narrow_total(void)
{
    EngineSnapshot *snapshot = make_snapshot(1);
    JobProgress progress = {.files_done = 7, .files_all = 100, .bytes_all = -1};
    g_autoptr(GPtrArray) wide = progress_lines(snapshot, &progress, 120, 8, TRUE);
    g_assert_nonnull(strstr(g_ptr_array_index(wide, 0), "1.2 MB/s"));
    g_assert_nonnull(strstr(g_ptr_array_index(wide, 1), "7 of 100 files"));
    g_autoptr(GPtrArray) narrow = progress_lines(snapshot, &progress, 40, 8, TRUE);
    g_assert_cmpstr(g_ptr_array_index(narrow, 1), ==, "   7%  7/100  987.7 kB/s");
    snapshot_free(snapshot);
}

static void test_durations(void)
{
    const struct {
        guint64 seconds;
        const char *text;
    } rows[] = {{0, "0 s"}, {89, "89 s"}, {90, "2 min"}, {3600, "60 min"}, {12000, "3 h 20 min"}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = duration_text(rows[i].seconds);
        g_assert_cmpstr(text, ==, rows[i].text);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/progress/columns", test_columns);
    g_test_add_func("/progress/fit", test_fit);
    g_test_add_func("/progress/lines-fit-every-window", test_lines_fit_every_window);
    g_test_add_func("/progress/columns_stand_below_each_other",
                    test_columns_stand_below_each_other);
    g_test_add_func("/progress/total", test_total);
    g_test_add_func("/progress/rate-and-narrow-total", test_rate_and_narrow_total);
    g_test_add_func("/progress/durations", test_durations);
    return g_test_run();
}

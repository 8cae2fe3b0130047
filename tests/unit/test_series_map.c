/* Files of series, found by what is in them. */
#include "series_map.h"

#include <glib/gstdio.h>

static gboolean note(const char *name, guint64 size, gpointer data, GError **error)
{
    g_string_append_printf(data, "%s:%" G_GUINT64_FORMAT " ", name, size);
    return TRUE;
}

static void test_map(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SeriesMap) map = series_map_new(&error);
    g_assert_no_error(error);
    guint64 images = 0, bytes = 0, series = 0;
    for (guint i = 0; i < 25000; i++) {
        g_autofree char *sop = g_strdup_printf("1.2.%u", i);
        g_autofree char *name = g_strdup_printf("x/%u.dcm", i);
        g_assert_true(series_map_add(map, i % 2 ? "1.1" : "1.2", sop, name, 10, &error));
    }
    g_assert_true(series_map_add(map, "1.3", "1.9", "b", 7, &error));
    g_assert_true(series_map_add(map, "1.3", "1.9", "a", 7, &error));
    g_assert_true(series_map_add(map, "1.3", "1.8", "c", 5, &error));
    g_assert_true(series_map_finish(map, &error));
    g_assert_true(series_map_count(map, "1.1", &images, &bytes, &error));
    g_assert_cmpuint(images, ==, 12500);
    g_assert_cmpuint(bytes, ==, 125000);
    g_assert_true(series_map_count(map, "1.3", &images, &bytes, &error));
    g_assert_cmpuint(images, ==, 2);
    g_assert_cmpuint(bytes, ==, 12);
    g_assert_true(series_map_count(map, "1.4", &images, &bytes, &error));
    g_assert_cmpuint(images + bytes, ==, 0);
    g_assert_true(series_map_totals(map, &images, &series, &error));
    g_assert_cmpuint(images, ==, 25003);
    g_assert_cmpuint(series, ==, 3);
    g_autoptr(SeriesMap) again = series_map_open(map, &error);
    g_assert_no_error(error);
    g_autoptr(GString) text = g_string_new(NULL);
    g_assert_true(series_map_each(again, "1.3", note, text, &error));
    g_assert_cmpstr(text->str, ==, "c:5 a:7 b:7 ");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/series-map/map", test_map);
    return g_test_run();
}

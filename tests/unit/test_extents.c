#include <string.h>

#include "extents.h"

typedef struct {
    const char *name;
    ExtentPiece adds[6]; /* ended by an empty one */
    ExtentPiece want[6];
    guint64 contiguous;
} Case;

static const Case cases[] = {
    {"nothing", {{0, 0, 0}}, {{0, 0, 0}}, 0},
    {"empty ones do not count", {{5, 5, 1}}, {{0, 0, 0}}, 0},
    {"one", {{0, 10, 0}}, {{0, 10, 0}}, 10},
    {"goes on", {{0, 10, 0}, {10, 20, 0}}, {{0, 20, 0}}, 20},
    {"another source", {{0, 10, 0}, {10, 20, 1}}, {{0, 10, 0}, {10, 20, 1}}, 20},
    {"a gap", {{0, 10, 0}, {20, 30, 0}}, {{0, 10, 0}, {20, 30, 0}}, 10},
    {"a gap closed", {{0, 10, 0}, {20, 30, 0}, {10, 20, 0}}, {{0, 30, 0}}, 30},
    {"closed by another source",
     {{0, 10, 0}, {20, 30, 0}, {10, 20, 1}},
     {{0, 10, 0}, {10, 20, 1}, {20, 30, 0}},
     30},
    {"before", {{10, 20, 0}, {0, 10, 0}}, {{0, 20, 0}}, 20},
    {"over both ends", {{10, 20, 0}, {5, 25, 1}}, {{5, 25, 1}}, 0},
    {"within", {{0, 30, 0}, {10, 20, 1}}, {{0, 10, 0}, {10, 20, 1}, {20, 30, 0}}, 30},
    {"within, the same source", {{0, 30, 0}, {10, 20, 0}}, {{0, 30, 0}}, 30},
    {"over several",
     {{0, 10, 0}, {20, 30, 1}, {40, 50, 2}, {5, 45, 3}},
     {{0, 5, 0}, {5, 45, 3}, {45, 50, 2}},
     50},
};

static void test_add(gconstpointer data)
{
    const Case *one = data;
    g_autoptr(Extents) extents = extents_new();
    gsize count = 0;
    guint64 bytes = 0;

    for (gsize i = 0; one->adds[i].to > 0; i++)
        extents_add(extents, one->adds[i].from, one->adds[i].to, one->adds[i].source);
    for (; one->want[count].to > 0; count++) {
        g_assert_cmpuint(count, <, extents_count(extents));
        ExtentPiece piece = extents_get(extents, count);
        g_assert_cmpuint(piece.from, ==, one->want[count].from);
        g_assert_cmpuint(piece.to, ==, one->want[count].to);
        g_assert_cmpuint(piece.source, ==, one->want[count].source);
        bytes += piece.to - piece.from;
    }
    g_assert_cmpuint(extents_count(extents), ==, count);
    g_assert_cmpuint(extents_bytes(extents), ==, bytes);
    g_assert_cmpuint(extents_contiguous(extents), ==, one->contiguous);
}

#define MODEL 300

/* Bytes one by one, 0: absent, else source + 1. */
static void check_model(const Extents *extents, const guint8 *model)
{
    guint8 seen[MODEL] = {0};
    guint64 bytes = 0;
    guint64 contiguous = 0;
    guint64 last = 0;

    for (gsize i = 0; i < extents_count(extents); i++) {
        ExtentPiece piece = extents_get(extents, i);
        g_assert_cmpuint(piece.from, <, piece.to);
        g_assert_cmpuint(piece.from, >=, last);
        last = piece.to;
        memset(seen + piece.from, (int)piece.source + 1, piece.to - piece.from);
    }
    g_assert_cmpmem(seen, MODEL, model, MODEL);
    for (gsize i = 0; i < MODEL; i++)
        bytes += model[i] > 0;
    while (contiguous < MODEL && model[contiguous])
        contiguous++;
    g_assert_cmpuint(extents_bytes(extents), ==, bytes);
    g_assert_cmpuint(extents_contiguous(extents), ==, contiguous);
    g_assert_true(extents_cover(extents, contiguous));
    g_assert_false(extents_cover(extents, contiguous + 1));

    g_autoptr(GArray) array = extents_to_array(extents);
    guint8 offered[MODEL] = {0};
    for (guint i = 0; i < array->len; i++) {
        Extent extent = g_array_index(array, Extent, i);
        g_assert_true(i == 0 || extent.from > g_array_index(array, Extent, i - 1).to);
        memset(offered + extent.from, 1, extent.to - extent.from);
    }
    for (gsize i = 0; i < MODEL; i++)
        g_assert_cmpuint(offered[i], ==, model[i] > 0);
}

static void test_random(void)
{
    for (guint round = 0; round < 200; round++) {
        g_autoptr(Extents) extents = extents_new();
        guint8 model[MODEL] = {0};
        for (guint step = 0; step < 60; step++) {
            guint64 from = (guint64)g_test_rand_int_range(0, MODEL);
            guint64 to = (guint64)g_test_rand_int_range((gint32)from, MODEL + 1);
            guint source = (guint)g_test_rand_int_range(0, 3);
            if (g_test_rand_int_range(0, 20) == 0) {
                extents_clip(extents, to);
                memset(model + to, 0, MODEL - to);
            } else {
                extents_add(extents, from, MIN(to, from + 40), source);
                memset(model + from, (int)source + 1, MIN(to, from + 40) - from);
            }
            check_model(extents, model);
        }
        g_autoptr(Extents) copy = extents_copy(extents);
        extents_clear(extents);
        check_model(copy, model);
        g_assert_cmpuint(extents_count(extents), ==, 0);
        extents_add_all(extents, copy);
        check_model(extents, model);
    }
}

static void test_sources(void)
{
    g_autoptr(Extents) extents = extents_new();

    g_assert_true(extents_all_of(extents, 3));
    extents_add(extents, 0, 5, 3);
    g_assert_true(extents_all_of(extents, 3));
    g_assert_false(extents_all_of(extents, 0));
    extents_add(extents, 9, 12, 0);
    g_assert_false(extents_all_of(extents, 3));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/extents/add/%s", cases[i].name);
        g_test_add_data_func(path, &cases[i], test_add);
    }
    g_test_add_func("/extents/random", test_random);
    g_test_add_func("/extents/sources", test_sources);
    return g_test_run();
}

#include "content_range.h"

typedef struct {
    const char *value;
    gboolean good;
    guint64 from, to, total;
} Row;

static const Row rows[] = {
    {"bytes 0-9/100", TRUE, 0, 10, 100},
    {"bytes 99-99/100", TRUE, 99, 100, 100},
    {"Bytes 0-0/1", TRUE, 0, 1, 1},
    {" bytes  5-6/7 ", TRUE, 5, 7, 7},
    {"bytes 0-9/*", TRUE, 0, 10, SIZE_UNKNOWN},
    {"bytes */100", TRUE, 0, 0, 100},
    {"bytes 4294967296-8589934591/8589934592", TRUE, 4294967296, 8589934592, 8589934592},
    {NULL, FALSE, 0, 0, 0},
    {"", FALSE, 0, 0, 0},
    {"bytes", FALSE, 0, 0, 0},
    {"bytes */*", FALSE, 0, 0, 0},
    {"bytes 9-0/100", FALSE, 0, 0, 0},
    {"bytes 0-100/100", FALSE, 0, 0, 0},
    {"bytes -9/100", FALSE, 0, 0, 0},
    {"bytes 0-/100", FALSE, 0, 0, 0},
    {"bytes 0-9", FALSE, 0, 0, 0},
    {"bytes 0-9/100/1", FALSE, 0, 0, 0},
    {"bytes 0-9-10/100", FALSE, 0, 0, 0},
    {"bytes 0-9/100 x", FALSE, 0, 0, 0},
    {"bytes +0-9/100", FALSE, 0, 0, 0},
    {"bytes 0x1-9/100", FALSE, 0, 0, 0},
    {"items 0-9/100", FALSE, 0, 0, 0},
    {"bytes=0-9/100", FALSE, 0, 0, 0},
    {"bytes 0-9223372036854775808/*", FALSE, 0, 0, 0},
    {"bytes 18446744073709551615-18446744073709551615/*", FALSE, 0, 0, 0},
};

static void test_rows(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        ContentRange range = {7, 7, 7};
        g_test_message("%s", rows[i].value != NULL ? rows[i].value : "(none)");
        g_assert_cmpint(content_range_parse(rows[i].value, &range), ==, rows[i].good);
        g_assert_cmpuint(range.from, ==, rows[i].good ? rows[i].from : 7);
        g_assert_cmpuint(range.to, ==, rows[i].good ? rows[i].to : 7);
        g_assert_cmpuint(range.total, ==, rows[i].good ? rows[i].total : 7);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/content-range/rows", test_rows);
    return g_test_run();
}

/* Which answers may be continued, by what, and when two tell of the same representation. */
#include "validators.h"

#define DATE "Mon, 23 Nov 2026 14:02:11 GMT"
#define LATER "Mon, 23 Nov 2026 14:02:12 GMT"

static void test_resume(void)
{
    static const struct {
        const char *etag, *date;
        guint64 total;
        const char *if_range; /* NULL: no resume */
    } rows[] = {
        {"\"x\"", NULL, SIZE_UNKNOWN, "\"x\""},
        {"\"x\"", DATE, 5, "\"x\""},
        {"W/\"x\"", NULL, 5, NULL},
        {"W/\"x\"", DATE, 5, DATE},
        {NULL, DATE, 5, DATE},
        {NULL, DATE, SIZE_UNKNOWN, NULL},
        {NULL, "", 5, NULL},
        {NULL, NULL, 5, NULL},
        {"\"\"", NULL, 5, NULL},
        {"x", NULL, 5, NULL},
        {"\"x", NULL, 5, NULL},
        {"\"", NULL, 5, NULL},
        {"\"a\"b\"", NULL, 5, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Validators) validators =
            validators_new(rows[i].etag, rows[i].date, rows[i].total);
        g_assert_cmpint(validators_allow_resume(validators), ==, rows[i].if_range != NULL);
        g_assert_cmpstr(validators_if_range(validators), ==, rows[i].if_range);
    }
    g_assert_false(validators_allow_resume(NULL));
    g_assert_null(validators_if_range(NULL));
}

static void test_same(void)
{
    static const struct {
        Validators a, b;
        gboolean same;
    } rows[] = {
        {{(char *)"\"x\"", NULL, SIZE_UNKNOWN, NULL}, {(char *)"\"x\"", NULL, 5, NULL}, TRUE},
        {{(char *)"\"x\"", (char *)DATE, 5, NULL}, {(char *)"\"x\"", (char *)DATE, 5, NULL}, TRUE},
        {{(char *)"\"x\"", NULL, 5, NULL}, {(char *)"\"y\"", NULL, 5, NULL}, FALSE},
        {{(char *)"\"x\"", NULL, 5, NULL}, {(char *)"\"x\"", NULL, 6, NULL}, FALSE},
        {{(char *)"\"x\"", (char *)DATE, 5, NULL},
         {(char *)"\"x\"", (char *)LATER, 5, NULL},
         FALSE},
        {{(char *)"W/\"x\"", NULL, 5, NULL}, {(char *)"W/\"x\"", NULL, 5, NULL}, FALSE},
        {{(char *)"W/\"x\"", (char *)DATE, 5, NULL},
         {(char *)"\"x\"", (char *)DATE, 5, NULL},
         TRUE},
        {{NULL, (char *)DATE, 5, NULL}, {NULL, (char *)DATE, 5, NULL}, TRUE},
        {{NULL, (char *)DATE, 5, NULL}, {NULL, (char *)DATE, SIZE_UNKNOWN, NULL}, FALSE},
        {{NULL, (char *)DATE, 5, NULL}, {(char *)"\"x\"", (char *)DATE, 5, NULL}, TRUE},
        {{(char *)"\"x\"", NULL, 5, NULL}, {NULL, (char *)DATE, 5, NULL}, FALSE},
        {{NULL, NULL, 5, NULL}, {NULL, NULL, 5, NULL}, FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpint(validators_same(&rows[i].a, &rows[i].b), ==, rows[i].same);
        g_assert_cmpint(validators_same(&rows[i].b, &rows[i].a), ==, rows[i].same);
        g_autoptr(Validators) copy = validators_copy(&rows[i].a);
        g_assert_cmpint(validators_same(copy, &rows[i].b), ==, rows[i].same);
    }
    g_assert_false(validators_same(NULL, &rows[0].a));
    g_assert_false(validators_same(NULL, NULL));
    g_assert_null(validators_copy(NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/validators/resume", test_resume);
    g_test_add_func("/validators/same", test_same);
    return g_test_run();
}

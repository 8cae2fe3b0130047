/* Which of a download's addresses is asked next. */
#include "course.h"

#include <glib.h>
#include <string.h>

#define S3 "https://s3.example/idc-open-data/0a1b/"
#define GCS "https://storage.example/idc-open-data/0a1b/"
#define OTHER "https://storage.example/idc-open-data/ffff/"
#define NBIA "https://nbia.example/v4/getImageWithMD5Hash?SeriesInstanceUID=1.2"
#define NBIA_1 "https://nbia.example/v1/getImageWithMD5Hash?SeriesInstanceUID=1.2"

typedef struct {
    const char *name;
    const char *addresses[6];
    struct {
        LegEnd end;
        guint next; /* index of the address that is asked then */
    } steps[8];
    gboolean is_empty; /* at its end */
} Row;

static const Row rows[] = {
    {"the next one, and none after the last",
     {S3, NBIA},
     {{LEG_EMPTY, 1}, {LEG_REFUSED, COURSE_END}},
     FALSE},
    {"neighbours that are no bundles are one",
     {S3, NBIA, NBIA_1},
     {{LEG_EMPTY, 1}, {LEG_WRONG, COURSE_END}},
     FALSE},
    {"what failed is asked once more, when the others were",
     {S3, NBIA},
     {{LEG_FAILED, 1}, {LEG_FAILED, 0}, {LEG_FAILED, 1}, {LEG_FAILED, COURSE_END}},
     FALSE},
    {"what is empty, refused or wrong is not",
     {S3, OTHER, NBIA},
     {{LEG_EMPTY, 1}, {LEG_WRONG, 2}, {LEG_FAILED, 2}, {LEG_REFUSED, COURSE_END}},
     FALSE},
    {"the same folder of another host is wrong too",
     {S3, GCS, NBIA},
     {{LEG_WRONG, 2}, {LEG_EMPTY, COURSE_END}},
     FALSE},
    {"but may be there where it is not here, or went wrong on its way",
     {S3, GCS, NBIA},
     {{LEG_EMPTY, 1}, {LEG_FAILED, 2}, {LEG_WRONG, 1}, {LEG_WRONG, COURSE_END}},
     FALSE},
    {"the other way round",
     {NBIA, S3},
     {{LEG_FAILED, 1}, {LEG_EMPTY, 0}, {LEG_FAILED, COURSE_END}},
     FALSE},
    {"nothing is there anywhere",
     {S3, GCS, NBIA},
     {{LEG_EMPTY, 1}, {LEG_EMPTY, 2}, {LEG_EMPTY, COURSE_END}},
     TRUE},
};

static GPtrArray *addresses_of(const Row *row)
{
    GPtrArray *addresses = g_ptr_array_new();
    for (guint i = 0; row->addresses[i]; i++) {
        g_ptr_array_add(addresses, (gpointer)row->addresses[i]);
    }
    return addresses;
}

static void test_table(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const Row *row = &rows[i];
        g_autoptr(GPtrArray) addresses = addresses_of(row);
        g_autoptr(Course) course = course_new(addresses, TRUE);
        g_test_message("%s", row->name);
        g_assert_cmpuint(course_leg(course)->first, ==, 0);
        const Leg *leg = course_leg(course);
        for (guint step = 0; leg; step++) {
            g_assert_true(course_leg(course) == leg);
            leg = course_advance(course, row->steps[step].end, "so");
            g_assert_cmpuint(leg ? leg->first : COURSE_END, ==, row->steps[step].next);
        }
        g_assert_null(course_leg(course));
        g_assert_cmpint(course_is_empty(course), ==, row->is_empty);
    }
}

static void test_words(void)
{
    g_autoptr(GPtrArray) addresses = addresses_of(&rows[0]);
    g_autoptr(Course) course = course_new(addresses, TRUE);
    g_assert_true(course_leg(course)->is_bundle);
    g_assert_true(course_has_more(course));
    course_advance(course, LEG_FAILED, "HTTP 503");
    g_assert_false(course_leg(course)->is_bundle);
    course_advance(course, LEG_WRONG, "3 of 4 images");
    g_assert_false(course_has_more(course));
    course_advance(course, LEG_FAILED, "no connection");
    g_autofree char *words = course_words(course);
    g_assert_cmpstr(words, ==, "s3.example: no connection; nbia.example: 3 of 4 images");
}

/* Whole sentences come from elsewhere, and stand within another one. */
static void test_clause(void)
{
    static const char *const cases[][2] = {
        {"it has 3 images", "it has 3 images"},
        {"It has 3 images.", "It has 3 images"},
        {"3 of 4 ...", "3 of 4 ..."},
        {".", "."},
        {"", ""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *clause = course_clause(cases[i][0]);
        g_assert_cmpstr(clause, ==, cases[i][1]);
    }
    g_assert_null(course_clause(NULL));
}

static void test_without_bundles(void)
{
    g_autoptr(GPtrArray) addresses = addresses_of(&rows[1]);
    g_autoptr(Course) archives = course_new(addresses, FALSE);
    g_assert_cmpuint(course_leg(archives)->first, ==, 1);
    g_assert_cmpuint(course_leg(archives)->count, ==, 2);
    g_assert_false(course_has_more(archives));

    g_autoptr(GPtrArray) bundle = g_ptr_array_new();
    g_ptr_array_add(bundle, (gpointer)S3);
    g_autoptr(Course) none = course_new(bundle, FALSE);
    g_assert_null(course_leg(none));

    g_autoptr(GPtrArray) plain = g_ptr_array_new();
    g_ptr_array_add(plain, (gpointer)NBIA);
    g_autoptr(Course) one = course_new(plain, TRUE);
    g_assert_cmpuint(one->legs->len, ==, 1);
    g_assert_false(course_has_more(one));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/course/table", test_table);
    g_test_add_func("/course/words", test_words);
    g_test_add_func("/course/clause", test_clause);
    g_test_add_func("/course/without-bundles", test_without_bundles);
    return g_test_run();
}

/* What is a safe path, how raw names become one, and which two names are one to some file system.
 */
#include "error.h"
#include "relpath.h"

#include <string.h>

static void test_check(void)
{
    g_autofree char *part_255 = g_strnfill(255, 'p');
    g_autofree char *part_256 = g_strnfill(256, 'p');
    g_autoptr(GString) deep = g_string_new("d");
    for (int i = 1; i < RELPATH_MAX_DEPTH; i++)
        g_string_append(deep, "/d");
    g_autofree char *too_deep = g_strconcat(deep->str, "/d", NULL);
    g_autoptr(GString) longest = g_string_new(NULL);
    for (int i = 0; i < 16; i++)
        g_string_append_printf(longest, "%s/", part_255);
    g_string_truncate(longest, longest->len - 1); /* 4,095 bytes */
    g_autofree char *too_long = g_strconcat(longest->str, "/p", NULL);
    const struct {
        const char *path;
        const char *reason; /* a word of it; NULL: safe */
    } rows[] = {
        {"a", NULL},
        {"a/b.dcm", NULL},
        {"影像/é", NULL},
        {"...", NULL},
        {"a/..b/c..", NULL},
        {"-rf", NULL},
        {"a b", NULL},
        {"~", NULL},
        {part_255, NULL},
        {deep->str, NULL},
        {longest->str, NULL},
        {"", "empty"},
        {"/a", "absolute"},
        {"//a", "absolute"},
        {"a//b", "empty part"},
        {"a/", "empty part"},
        {".", "part \".\""},
        {"a/./b", "part \".\""},
        {"..", "\"..\""},
        {"../a", "\"..\""},
        {"a/../b", "\"..\""},
        {"a/..", "\"..\""},
        {"C:/a", "drive"},
        {"c:", "drive"},
        {"a\\b", "backslash"},
        {"a\nb", "control"},
        {"a\x1b[31m", "control"},
        {"a\x7f", "control"},
        {"a\xc2\x85", "control"}, /* U+0085 */
        {"a\xff", "UTF-8"},
        {"a\xc0\xae\xc0\xae/b", "UTF-8"}, /* ".." over-long */
        {part_256, "255"},
        {too_deep, "32"},
        {too_long, "4,096"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        gboolean safe = relpath_check(rows[i].path, &error);
        g_assert_cmpint(safe, ==, rows[i].reason == NULL);
        if (safe)
            continue;
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
        g_assert_nonnull(strstr(error->message, rows[i].reason));
        g_assert_null(strpbrk(error->message, "\n\x1b\x7f"));
    }
}

static void test_from_bytes(void)
{
    static const struct {
        const char *bytes;
        gsize length; /* 0: as long as it is */
        const char *charset;
        const char *path;   /* NULL: refused */
        const char *reason; /* a word of it */
    } rows[] = {
        {"a/b", 0, NULL, "a/b", NULL},
        {"./a/b", 0, NULL, "a/b", NULL},
        {"././a", 0, NULL, "a", NULL},
        {"folder/", 0, NULL, "folder", NULL},
        {"\xd3\xb0\xcf\xf1.dcm", 0, "GBK", "影像.dcm", NULL},
        {"影像.dcm", 0, "GBK", "影像.dcm", NULL},
        {"\xd3\xb0\xcf\xf1.dcm", 0, NULL, NULL, "GB18030 as \"影像.dcm\""},
        {"\xff\xff", 0, "GBK", NULL, "neither UTF-8 nor GBK"},
        {"\xd3", 0, "no-such-charset", NULL, "no-such-charset"},
        {"a\0b", 3, NULL, NULL, "NUL"},
        {"./", 0, NULL, NULL, "part \".\""},
        {"/", 0, NULL, NULL, "absolute"},
        {"a//", 0, NULL, NULL, "empty part"},
        {"../x", 0, NULL, NULL, "\"..\""},
        {".//etc", 0, NULL, NULL, "absolute"},
        {"a\\b", 0, NULL, NULL, "backslash"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        gsize length = rows[i].length ? rows[i].length : strlen(rows[i].bytes);
        g_autofree char *path = relpath_from_bytes(rows[i].bytes, length, rows[i].charset, &error);
        g_assert_cmpstr(path, ==, rows[i].path);
        if (path)
            continue;
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
        g_assert_nonnull(strstr(error->message, rows[i].reason));
    }
}

static void test_collisions(void)
{
    static const struct {
        const char *a, *b;
        gboolean collide;
    } rows[] = {
        {"SAME", "same", TRUE},
        {"a/B", "A/b", TRUE},
        {"\xc3\xa9", "e\xcc\x81", TRUE}, /* é composed and decomposed */
        {"\xc3\x89", "e\xcc\x81", TRUE}, /* É */
        {"\xce\xa3", "\xcf\x82", TRUE},  /* Σ and final ς */
        {"影像", "影像", TRUE},
        {"a", "b", FALSE},
        {"a/b", "a-b", FALSE},
        {"e", "\xc3\xa9", FALSE},
        {"影", "像", FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *a = relpath_collision_key(rows[i].a);
        g_autofree char *b = relpath_collision_key(rows[i].b);
        g_assert_cmpint(strcmp(a, b) == 0, ==, rows[i].collide);
    }
}

static void test_display(void)
{
    static const struct {
        const char *path, *shown;
    } rows[] = {
        {"a/b c", "a/b c"},
        {"影像", "影像"},
        {"a\nb\tc\rd", "a\\nb\\tc\\rd"},
        {"\x1b[31m", "\\u001b[31m"},
        {"\xff"
         "a",
         "\\xffa"},
        {"a\xe2\x80\xae"
         "cod",
         "a\\u202ecod"}, /* right-to-left override */
        {"\xe5\xbd", "\\xe5\\xbd"},
        {"", ""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *shown = relpath_display(rows[i].path);
        g_assert_cmpstr(shown, ==, rows[i].shown);
    }
}

static void test_encode_part(void)
{
    static const struct {
        const char *part, *encoded;
    } rows[] = {
        {"mitdb", "mitdb"},       {"1.0.0", "1.0.0"}, {"A_b-c+d", "A_b-c+d"},
        {".hidden", "%2Ehidden"}, {"..", "%2E."},     {"a/b", "a%2Fb"},
        {"a b", "a%20b"},         {"50%", "50%25"},   {"é", "%C3%A9"},
        {"host:80", "host%3A80"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *encoded = relpath_encode_part(rows[i].part);
        g_assert_cmpstr(encoded, ==, rows[i].encoded);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/relpath/check", test_check);
    g_test_add_func("/relpath/from-bytes", test_from_bytes);
    g_test_add_func("/relpath/collisions", test_collisions);
    g_test_add_func("/relpath/display", test_display);
    g_test_add_func("/relpath/encode-part", test_encode_part);
    return g_test_run();
}

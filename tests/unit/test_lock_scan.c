/* The scanner of a lock's own lines and the JSON parser never disagree: what the scanner takes, the
 * parser takes too, and reads the same; whatever a disk makes of a line. */
#include "lock_form.h"

#include <string.h>

#define HEX_A "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define MD5_A "900150983cd24fb0d6963f7d28e17f72"

static const char *const lines[] = {
    "{\"file\":\"a/b\",\"state\":\"have\",\"size\":3,\"sha256\":\"" HEX_A "\"}",
    "{\"file\":\"影像 1\",\"state\":\"have\",\"size\":0,\"sha256\":\"" HEX_A "\",\"md5\":\"" MD5_A
    "\",\"crc32c\":\"e3069283\",\"trust\":\"first use\",\"archive\":\"x.zip\",\"member\":\"m\"}",
    "{\"file\":\"l\",\"state\":\"have\",\"trust\":\"hint\",\"link\":\"../x\"}",
    "{\"file\":\"f\",\"state\":\"failed\",\"size\":999999999999999999}",
    "{\"download\":\"a\",\"state\":\"absent\",\"role\":\"data\"}",
    "{\"download\":\"a\",\"state\":\"have\",\"role\":\"archive\",\"size\":12,\"trust\":"
    "\"declared\","
    "\"declared\":{\"sha256\":\"" HEX_A "\"},\"seen\":{\"sha256\":\"" HEX_A "\",\"md5\":\"" MD5_A
    "\"},\"addresses\":[\"http://127.0.0.1/a\",\"http://127.0.0.1/b\"]}",
};

static gboolean sets_equal(const DigestSet *a, const DigestSet *b)
{
    gboolean agree, differ;
    digest_set_compare(a, b, &agree, &differ);
    return a->present == b->present && !differ;
}

static void assert_same_file(const LockFile *a, const LockFile *b)
{
    g_assert_cmpstr(a->path, ==, b->path);
    g_assert_cmpuint(a->size, ==, b->size);
    g_assert_cmpint(a->state, ==, b->state);
    g_assert_cmpint(a->trust, ==, b->trust);
    g_assert_cmpstr(a->archive, ==, b->archive);
    g_assert_cmpstr(a->member, ==, b->member);
    g_assert_cmpstr(a->link_target, ==, b->link_target);
    g_assert_true(sets_equal(&a->digests, &b->digests));
}

static void assert_same_download(const LockDownload *a, const LockDownload *b)
{
    g_assert_cmpstr(a->path, ==, b->path);
    g_assert_cmpuint(a->size, ==, b->size);
    g_assert_cmpint(a->state, ==, b->state);
    g_assert_cmpint(a->trust, ==, b->trust);
    g_assert_cmpint(a->role, ==, b->role);
    g_assert_true(sets_equal(&a->declared, &b->declared));
    g_assert_true(sets_equal(&a->seen, &b->seen));
    const guint count = a->addresses ? a->addresses->len : 0;
    g_assert_cmpuint(count, ==, b->addresses ? b->addresses->len : 0);
    for (guint i = 0; i < count; i++)
        g_assert_cmpstr(g_ptr_array_index(a->addresses, i), ==, g_ptr_array_index(b->addresses, i));
}

/* TRUE where the scanner took the line. */
static gboolean check(const char *line, gsize length)
{
    LockFile file = {0}, parsed_file = {0};
    LockDownload download = {0}, parsed_download = {0};
    LockEnd end = {0};
    g_autofree char *reason = NULL;
    lock_file_clear(&parsed_file);
    lock_download_clear(&parsed_download);
    gboolean is_file = lock_scan_file(line, length, &file);
    gboolean is_download = lock_scan_download(line, length, &download);
    LockForm form = lock_parse_line(line, length, &parsed_download, &parsed_file, &end, &reason);
    g_assert_cmpint(form == LOCK_FORM_WRONG, ==, reason != NULL);
    g_assert_false(is_file && is_download);
    if (is_file) {
        g_assert_cmpint(form, ==, LOCK_FORM_FILE);
        assert_same_file(&file, &parsed_file);
    }
    if (is_download) {
        g_assert_cmpint(form, ==, LOCK_FORM_DOWNLOAD);
        assert_same_download(&download, &parsed_download);
    }
    lock_file_clear(&file);
    lock_file_clear(&parsed_file);
    lock_download_clear(&download);
    lock_download_clear(&parsed_download);
    return is_file || is_download;
}

static void test_own_lines(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++)
        g_assert_true(check(lines[i], strlen(lines[i])));
}

static void test_other_lines(void)
{
    static const char *const others[] = {
        "",
        "{}",
        "{\"file\":\"a\"}",
        "{\"file\":\"a\",\"state\":\"have\"} ",
        "{\"file\":\"a\",\"state\":\"have\",\"size\":1234567890123456789}",
        "{\"file\":\"a\\n\",\"state\":\"have\"}",
        "{\"file\":\"a\",\"state\":\"have\",\"newer\":1}",
        "{\"file\":\"a\",\"state\":\"have\",\"trust\":\"hint\",\"size\":1}",
        "{\"file\":\"a\",\"state\":\"have\",\"trust\":\"none\"}",
        "{\"download\":\"a\",\"state\":\"have\",\"role\":\"data\",\"addresses\":[]}",
        "{\"download\":\"a\",\"state\":\"have\",\"role\":\"data\",\"declared\":{}",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        g_assert_false(check(others[i], strlen(others[i])));
}

static void test_cut_lines(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        for (gsize length = 0; length < strlen(lines[i]); length++) {
            g_autofree char *cut = g_strndup(lines[i], length);
            g_assert_false(check(cut, length));
        }
    }
}

/* One to three bytes replaced by others that mean something, or by any. */
static void test_flipped_bytes(void)
{
    static const char meaning[] = "\"\\{}[]:,0123456789abcdefu \n\t\x7f\xc3\xa9\xff";
    g_autoptr(GRand) random = g_rand_new_with_seed(20261123);
    guint taken = 0;
    for (guint round = 0; round < 60000; round++) {
        const char *line = lines[round % G_N_ELEMENTS(lines)];
        const gsize length = strlen(line);
        g_autofree char *flipped = g_strdup(line);
        for (gint k = g_rand_int_range(random, 1, 4); k > 0; k--) {
            gsize at = (gsize)g_rand_int_range(random, 0, (gint)length);
            gsize which = (gsize)g_rand_int_range(random, 0, sizeof meaning - 1);
            flipped[at] = round % 2 ? meaning[which] : (char)g_rand_int_range(random, 1, 256);
        }
        taken += check(flipped, length);
    }
    g_assert_cmpuint(taken, >, 1000); /* a digit of a digest: another, right line */
    g_assert_cmpuint(taken, <, 59000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lock-scan/own-lines", test_own_lines);
    g_test_add_func("/lock-scan/other-lines", test_other_lines);
    g_test_add_func("/lock-scan/cut-lines", test_cut_lines);
    g_test_add_func("/lock-scan/flipped-bytes", test_flipped_bytes);
    return g_test_run();
}

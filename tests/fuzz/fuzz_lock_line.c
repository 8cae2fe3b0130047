/* A line of a lock that the scanner takes is the same to the parser. */
#include "fuzz_input.h"
#include "lock_form.h"

static void assert_same_digests(const DigestSet *a, const DigestSet *b)
{
    g_assert_cmpuint(digest_set_algorithms(a), ==, digest_set_algorithms(b));
    for (int i = 0; i < DIGEST_ALGORITHMS; i++) {
        const Digest *one = digest_set_get(a, (DigestAlgorithm)i);
        const Digest *other = digest_set_get(b, (DigestAlgorithm)i);
        g_assert_true(!one || digest_equal(one, other));
    }
}

static void assert_same_files(const LockFile *a, const LockFile *b)
{
    g_assert_cmpstr(a->path, ==, b->path);
    g_assert_cmpuint(a->size, ==, b->size);
    assert_same_digests(&a->digests, &b->digests);
    g_assert_cmpint(a->trust, ==, b->trust);
    g_assert_cmpstr(a->archive, ==, b->archive);
    g_assert_cmpstr(a->member, ==, b->member);
    g_assert_cmpstr(a->link_target, ==, b->link_target);
    g_assert_cmpint(a->state, ==, b->state);
}

static void assert_same_downloads(const LockDownload *a, const LockDownload *b)
{
    g_assert_cmpstr(a->path, ==, b->path);
    g_assert_cmpuint(a->size, ==, b->size);
    assert_same_digests(&a->declared, &b->declared);
    assert_same_digests(&a->seen, &b->seen);
    g_assert_cmpint(a->role, ==, b->role);
    g_assert_cmpint(a->trust, ==, b->trust);
    g_assert_cmpint(a->state, ==, b->state);
    g_assert_true((a->unpack == NULL) == (b->unpack == NULL));
    const guint addresses = a->addresses ? a->addresses->len : 0;
    g_assert_cmpuint(addresses, ==, b->addresses ? b->addresses->len : 0);
    for (guint i = 0; i < addresses; i++)
        g_assert_cmpstr(g_ptr_array_index(a->addresses, i), ==, g_ptr_array_index(b->addresses, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *line = g_strndup((const char *)data, size);
    const gsize length = strlen(line);
    g_auto(LockFile) file = {0}, parsed_file = {0};
    g_auto(LockDownload) download = {0}, parsed_download = {0};
    LockEnd end = {0};
    g_autofree char *reason = NULL;
    /* As the reader does: what is not said is not known. */
    lock_file_clear(&parsed_file);
    lock_download_clear(&parsed_download);
    const gboolean is_file = lock_scan_file(line, length, &file);
    const gboolean is_download = lock_scan_download(line, length, &download);
    const LockForm form =
        lock_parse_line(line, length, &parsed_download, &parsed_file, &end, &reason);
    g_assert_false(is_file && is_download);
    g_assert_true(form != LOCK_FORM_WRONG || reason);
    if (is_file) {
        g_assert_cmpint(form, ==, LOCK_FORM_FILE);
        assert_same_files(&file, &parsed_file);
    }
    if (is_download) {
        g_assert_cmpint(form, ==, LOCK_FORM_DOWNLOAD);
        assert_same_downloads(&download, &parsed_download);
    }
    return 0;
}

/* md5hashes.csv out of a zip: the same answer in pieces of any length, and an answer for people. */
#include "error.h"
#include "fuzz_input.h"
#include "series_check.h"

static gboolean read_all(SeriesCheck *check, const uint8_t *data, size_t size, size_t piece,
                         GError **error)
{
    for (size_t at = 0; at < size; at += piece) {
        if (!series_check_read(check, data + at, MIN(piece, size - at), error))
            return FALSE;
    }
    return series_check_read_end(check, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t piece = fuzz_byte(&data, &size) + 1;
    g_autoptr(SeriesCheck) check = series_check_new(NULL);
    g_autoptr(GError) error = NULL, again = NULL;
    gboolean read = read_all(check, data, size, piece, &error);
    if (!read)
        fuzz_assert_told(error);
    g_assert_true(series_check_forget_read(check, NULL));
    g_assert_cmpint(read_all(check, data, size, MAX(size, 1), &again), ==, read);
    if (!read)
        g_assert_cmpstr(error->message, ==, again->message);

    static const Digest md5 = {.algorithm = DIGEST_MD5};
    const SeriesCount unknown = {.images = SIZE_UNKNOWN, .bytes = SIZE_UNKNOWN};
    UnpackRule rule = {.series = (char *)"1.2"};
    g_autoptr(GError) wrong = NULL;
    g_assert_true(series_check_add_image(check, "a.dcm", &md5, 5, NULL));
    if (read && !series_check_compare(check, TRUE, &rule, &unknown, &wrong))
        fuzz_assert_told(wrong);
    Digest tree;
    g_assert_true(series_check_digest(check, &tree, NULL));
    return 0;
}

/* Content-Range: what is taken makes sense, and what is not leaves no trace. */
#include "content_range.h"
#include "fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *value = g_strndup((const char *)data, size);
    ContentRange range = {7, 8, 9};
    if (!content_range_parse(value, &range)) {
        g_assert_cmpuint(range.from, ==, 7);
        g_assert_cmpuint(range.to, ==, 8);
        g_assert_cmpuint(range.total, ==, 9);
        return 0;
    }
    g_assert_cmpuint(range.from, <=, range.to);
    g_assert_true(range.from < range.to || range.total != SIZE_UNKNOWN);
    g_assert_true(range.total == SIZE_UNKNOWN || range.to <= range.total);
    g_assert_cmpuint(range.to, <=, G_MAXINT64);
    return 0;
}

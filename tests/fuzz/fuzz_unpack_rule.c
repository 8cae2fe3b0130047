/* A rule that was read is written and read again as the same. */
#include "error.h"
#include "filespec.h"
#include "fuzz_input.h"
#include "unpack_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *json = g_strndup((const char *)data, size);
    g_autoptr(UnpackRule) named = unpack_rule_from_name(json);
    g_assert_true(!named || unpack_rule_check(named, &error));
    g_assert_no_error(error);
    g_autoptr(UnpackRule) rule = unpack_rule_from_json(json, &error);
    if (!rule) {
        fuzz_assert_told(error);
        return 0;
    }
    g_assert_no_error(error);
    g_autofree char *written = unpack_rule_to_json(rule);
    g_autoptr(UnpackRule) again = unpack_rule_from_json(written, &error);
    g_assert_no_error(error);
    g_autofree char *rewritten = unpack_rule_to_json(again);
    g_assert_cmpstr(written, ==, rewritten);
    g_autoptr(UnpackRule) copy = unpack_rule_copy(rule);
    g_autofree char *copied = unpack_rule_to_json(copy);
    g_assert_cmpstr(written, ==, copied);
    return 0;
}

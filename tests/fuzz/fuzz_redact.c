/* A secret never shows, whatever stands around it. */
#include "fuzz_input.h"
#include "redact.h"

#define KNOWN "Kn0wnSecretKn0wn"
#define PASSWORD "PasswordInAddress"
#define SIGNATURE "SignatureInQuery"

/* A fuzzer learns the words, and then the input says them itself. */
static gboolean says_itself(const char *text)
{
    return strstr(text, KNOWN) || strstr(text, PASSWORD) || strstr(text, SIGNATURE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static gsize is_added;
    if (g_once_init_enter(&is_added)) {
        redact_add_secret(KNOWN);
        g_once_init_leave(&is_added, 1);
    }
    g_autofree char *before = fuzz_text(&data, &size);
    g_autofree char *behind = fuzz_text(&data, &size);
    if (says_itself(before) || says_itself(behind))
        return 0;
    g_autofree char *address = g_strdup_printf(
        "https://user:" PASSWORD "@host.example/a?X-Amz-Signature=" SIGNATURE "&%s", behind);
    g_autofree char *shown = redact_address(address);
    g_assert_null(strstr(shown, PASSWORD));
    g_assert_null(strstr(shown, SIGNATURE));
    g_autofree char *text =
        g_strdup_printf("%s " KNOWN "%s %s\nAuthorization: Basic " PASSWORD "\n%s", before, behind,
                        address, behind);
    g_autofree char *redacted = redact_text(text);
    g_assert_null(strstr(redacted, KNOWN));
    g_assert_null(strstr(redacted, PASSWORD));
    g_assert_null(strstr(redacted, SIGNATURE));
    g_autofree char *alone = redact_address(before);
    g_assert_nonnull(alone);
    return 0;
}

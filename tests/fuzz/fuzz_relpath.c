/* Any bytes become a safe path, or none; and any bytes can be shown. */
#include "error.h"
#include "fuzz_input.h"
#include "relpath.h"

static void check_shown(const char *text)
{
    g_autofree char *shown = relpath_display(text);
    g_assert_true(g_utf8_validate(shown, -1, NULL));
    for (const char *p = shown; *p; p = g_utf8_next_char(p))
        g_assert_true(g_unichar_isprint(g_utf8_get_char(p)));
}

static void check_part(const char *text)
{
    g_autofree char *part = relpath_encode_part(text);
    g_assert_true(*part != '.');
    g_assert_cmpuint(strspn(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "._-+%"),
                     ==, strlen(part));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const charsets[] = {NULL,    "GBK",      "SHIFT_JIS",   "CP437", "UTF-7",
                                           "UTF-8", "UTF-16LE", "ISO-2022-JP", "nosuch"};
    const char *charset = charsets[fuzz_byte(&data, &size) % G_N_ELEMENTS(charsets)];
    g_autoptr(GError) error = NULL;
    g_autofree char *path = relpath_from_bytes((const char *)data, size, charset, &error);
    g_autofree char *text = g_strndup((const char *)data, size);
    check_shown(text);
    check_part(text);
    if (g_utf8_validate(text, -1, NULL))
        relpath_check(text, NULL);
    if (!path) {
        fuzz_assert_told(error);
        return 0;
    }
    g_assert_no_error(error);
    g_assert_true(relpath_check(path, &error));
    g_autofree char *again = relpath_from_bytes(path, strlen(path), NULL, &error);
    g_assert_cmpstr(again, ==, path);
    g_autofree char *key = relpath_collision_key(path);
    g_assert_true(g_utf8_validate(key, -1, NULL));
    g_autofree char *key_again = relpath_collision_key(key);
    g_assert_cmpstr(key, ==, key_again);
    check_shown(path);
    return 0;
}

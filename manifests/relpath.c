#include "relpath.h"

#include "error.h"
#include "i18n.h"

#include <string.h>

/* Why TEXT is no safe path, as a clause; NULL where it is one. */
static const char *reason_against_part(const char *part, gsize length)
{
    if (length == 0)
        return _("it has an empty part");
    if (length == 1 && part[0] == '.')
        return _("it has a part \".\"");
    if (length == 2 && part[0] == '.' && part[1] == '.')
        return _("it leads out of its folder by \"..\"");
    if (length > RELPATH_MAX_PART_BYTES)
        return _("one of its parts is longer than 255 bytes");
    return NULL;
}

static const char *reason_against_characters(const char *text)
{
    const guint8 *plain = (const guint8 *)text;
    while (*plain >= 0x20 && *plain < 0x7f && *plain != '\\')
        plain++;
    if (!*plain)
        return NULL;
    if (!g_utf8_validate(text, -1, NULL))
        return _("it is not valid UTF-8");
    for (const guint8 *p = (const guint8 *)text; *p; p++) {
        if (*p == '\\')
            return _("it has a backslash");
        /* Unicode's category Cc: U+0000 to U+001F, U+007F to U+009F. */
        if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
            return _("it has a control character");
    }
    return NULL;
}

static const char *reason_against(const char *text)
{
    if (!*text)
        return _("it is empty");
    if (text[0] == '/')
        return _("it is absolute");
    if (g_ascii_isalpha(text[0]) && text[1] == ':')
        return _("it begins with a drive letter");
    if (strnlen(text, RELPATH_MAX_BYTES + 1) > RELPATH_MAX_BYTES)
        return _("it is longer than 4,096 bytes");
    guint depth = 0;
    for (const char *part = text;;) {
        gsize length = strcspn(part, "/");
        const char *reason = reason_against_part(part, length);
        if (reason)
            return reason;
        if (++depth > RELPATH_MAX_DEPTH)
            return _("it is more than 32 folders deep");
        if (!part[length])
            break;
        part += length + 1;
    }
    return reason_against_characters(text);
}

static void refuse(const char *text, const char *reason, GError **error)
{
    g_autofree char *shown = relpath_display(text);
    /* TRANSLATORS: a name, and a clause such as "it is absolute". */
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                _("The name \"%s\" is refused as unsafe: %s."), shown, reason);
}

gboolean relpath_check(const char *text, GError **error)
{
    const char *reason = reason_against(text);
    if (reason)
        refuse(text, reason, error);
    return !reason;
}

/* The readings of BYTES in charsets that are usual for medical data's archives, those that would
 * make a safe path alone: "GBK reads "..."", separated by commas; NULL where none would. */
static char *describe_readings(const char *bytes, gsize length)
{
    static const char *const charsets[] = {"GB18030", "BIG5",   "SHIFT_JIS", "EUC-KR",
                                           "CP437",   "CP1252", "CP1251"};
    g_autoptr(GString) readings = g_string_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(charsets); i++) {
        gsize written = 0;
        g_autofree char *text =
            g_convert(bytes, (gssize)length, "UTF-8", charsets[i], NULL, &written, NULL);
        if (!text || strlen(text) != written || reason_against_characters(text))
            continue;
        g_autofree char *shown = relpath_display(text);
        /* TRANSLATORS: one reading of a name: the charset, and the name it would be. */
        g_string_append_printf(readings, _("%s%s as \"%s\""), readings->len ? ", " : "",
                               charsets[i], shown);
    }
    return readings->len ? g_strdup(readings->str) : NULL;
}

static void refuse_charset(const char *bytes, gsize length, const char *charset, GError **error)
{
    g_autofree char *raw = g_strndup(bytes, length);
    g_autofree char *shown = relpath_display(raw);
    if (charset) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                    _("The name \"%s\" is neither UTF-8 nor %s."), shown, charset);
        return;
    }
    g_autofree char *readings = describe_readings(bytes, length);
    if (readings)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                    _("The name \"%s\" is not UTF-8, and no charset is named for it; it can be "
                      "read by %s."),
                    shown, readings);
    else
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                    _("The name \"%s\" is not UTF-8, and no usual charset can read it."), shown);
}

char *relpath_from_bytes(const char *bytes, gsize length, const char *charset, GError **error)
{
    if (memchr(bytes, '\0', length)) {
        g_autofree char *before = g_strndup(bytes, length);
        refuse(before, _("it has a NUL in it"), error);
        return NULL;
    }
    g_autofree char *text = NULL;
    if (g_utf8_validate_len(bytes, length, NULL)) {
        text = g_strndup(bytes, length);
    } else {
        gsize written = 0;
        if (charset)
            text = g_convert(bytes, (gssize)length, "UTF-8", charset, NULL, &written, NULL);
        if (!text || strlen(text) != written) {
            refuse_charset(bytes, length, charset, error);
            return NULL;
        }
    }
    char *start = text;
    while (start[0] == '.' && start[1] == '/' && start[2])
        start += 2;
    gsize end = strlen(start);
    if (end > 1 && start[end - 1] == '/')
        start[end - 1] = '\0';
    if (!relpath_check(start, error))
        return NULL;
    return g_strdup(start);
}

char *relpath_collision_key(const char *path)
{
    if (g_str_is_ascii(path))
        return g_ascii_strdown(path, -1);
    /* Canonical caseless matching (Unicode, section 3.13, D145): decompose, fold, normalise. */
    g_autofree char *decomposed = g_utf8_normalize(path, -1, G_NORMALIZE_NFD);
    if (!decomposed)
        return g_strdup(path);
    g_autofree char *folded = g_utf8_casefold(decomposed, -1);
    return g_utf8_normalize(folded, -1, G_NORMALIZE_NFC);
}

char *relpath_display(const char *path)
{
    gsize length = strlen(path);
    GString *shown = g_string_sized_new(length + 1);
    const char *end = path + length;
    for (const char *p = path; p < end;) {
        if (g_ascii_isprint(*p)) {
            g_string_append_c(shown, *p++);
            continue;
        }
        gunichar c = g_utf8_get_char_validated(p, end - p);
        if (c == (gunichar)-1 || c == (gunichar)-2) {
            g_string_append_printf(shown, "\\x%02x", (guint)(guint8)*p);
            p++;
            continue;
        }
        const char *next = g_utf8_next_char(p);
        if (c == '\n')
            g_string_append(shown, "\\n");
        else if (c == '\r')
            g_string_append(shown, "\\r");
        else if (c == '\t')
            g_string_append(shown, "\\t");
        else if (g_unichar_isprint(c))
            g_string_append_len(shown, p, next - p);
        else
            g_string_append_printf(shown, "\\u%04x", c);
        p = next;
    }
    return g_string_free(shown, FALSE);
}

char *relpath_encode_part(const char *part)
{
    GString *encoded = g_string_new(NULL);
    for (const char *p = part; *p; p++) {
        gboolean plain = g_ascii_isalnum(*p) || strchr("_-+", *p) || (*p == '.' && p > part);
        if (plain)
            g_string_append_c(encoded, *p);
        else
            g_string_append_printf(encoded, "%%%02X", (guint)(guint8)*p);
    }
    return g_string_free(encoded, FALSE);
}

#include "json_text.h"

#include <string.h>

static gboolean needs_escape(char c)
{
    return (guint8)c < 0x20 || c == '"' || c == '\\';
}

static void append_escape(GString *out, char c)
{
    static const char shortened[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *at = c ? strchr(shortened, c) : NULL;
    if (at)
        g_string_append_printf(out, "\\%c", letters[at - shortened]);
    else
        g_string_append_printf(out, "\\u%04x", (guint)(guint8)c);
}

static void append_valid(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    while (*text) {
        const char *plain = text;
        while (*text && !needs_escape(*text))
            text++;
        g_string_append_len(out, plain, text - plain);
        if (*text)
            append_escape(out, *text++);
    }
    g_string_append_c(out, '"');
}

void json_text_append_string(GString *out, const char *text)
{
    if (g_utf8_validate(text, -1, NULL)) {
        append_valid(out, text);
        return;
    }
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    append_valid(out, valid);
}

static void append_key(GString *out, const char *key)
{
    if (out->len && out->str[out->len - 1] != '{')
        g_string_append_c(out, ',');
    g_string_append_c(out, '"');
    g_string_append(out, key);
    g_string_append(out, "\":");
}

void json_text_append_member(GString *out, const char *key, const char *value)
{
    if (!value)
        return;
    append_key(out, key);
    json_text_append_string(out, value);
}

void json_text_append_number(GString *out, const char *key, guint64 value)
{
    append_key(out, key);
    g_string_append_printf(out, "%" G_GUINT64_FORMAT, value);
}

void json_text_append_raw(GString *out, const char *key, const char *json)
{
    append_key(out, key);
    g_string_append(out, json);
}

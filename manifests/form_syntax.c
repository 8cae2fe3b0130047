#include "form_syntax.h"

#include "error.h"
#include "i18n.h"
#include "relpath.h"

#include <string.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define BYTE_ORDER_MARK_LENGTH 3

void form_pointer_append(GString *pointer, const char *key)
{
    for (; *key; key++) {
        if (*key == '~')
            g_string_append(pointer, "~0");
        else if (*key == '/')
            g_string_append(pointer, "~1");
        else
            g_string_append_c(pointer, *key);
    }
}

/* Where the string that ends before END (behind its quotation mark) begins. */
static const char *string_start(const char *json, const char *end)
{
    for (const char *at = end - 2; at >= json; at--) {
        gsize escapes = 0;
        while (*at == '"' && at - escapes > json && at[-1 - (gssize)escapes] == '\\')
            escapes++;
        if (*at == '"' && escapes % 2 == 0)
            return at;
    }
    return NULL;
}

/* Appends the pointer of the object that has KEY; FALSE where none has. */
static gboolean find_key(const json_t *tree, const char *key, GString *pointer)
{
    const gsize length = pointer->len;
    const char *name;
    json_t *value;
    if (json_object_get(tree, key))
        return TRUE;
    json_object_foreach((json_t *)tree, name, value)
    {
        g_string_append_c(pointer, '/');
        form_pointer_append(pointer, name);
        if (find_key(value, key, pointer))
            return TRUE;
        g_string_truncate(pointer, length);
    }
    gsize i;
    json_array_foreach(tree, i, value)
    {
        g_string_append_printf(pointer, "/%zu", i);
        if (find_key(value, key, pointer))
            return TRUE;
        g_string_truncate(pointer, length);
    }
    return FALSE;
}

/* The pointer of the doubled key that ends at POSITION. jansson tells no more than that; so the key
 * gets a name that nothing else has, and is looked up in the tree. NULL where what follows is no
 * JSON. */
static char *doubled_key(const char *json, gsize length, int position)
{
    static const char mark[] = "the key that stands twice 5c0f7a1e";
    if (position < 2 || (gsize)position > length || json[position - 1] != '"')
        return NULL;
    const char *start = string_start(json, json + position);
    if (!start)
        return NULL;
    json_t *key = json_loadb(start, (gsize)(json + position - start), JSON_DECODE_ANY, NULL);
    g_autoptr(GString) marked = g_string_new_len(json, start - json);
    g_string_append_printf(marked, "\"%s\"", mark);
    g_string_append_len(marked, json + position, (gssize)(length - (gsize)position));
    json_t *tree = json_loadb(marked->str, marked->len, 0, NULL);
    g_autoptr(GString) pointer = g_string_new(NULL);
    const gboolean found = key && tree && find_key(tree, mark, pointer);
    if (found) {
        g_string_append_c(pointer, '/');
        form_pointer_append(pointer, json_string_value(key));
    }
    json_decref(key);
    json_decref(tree);
    return found ? relpath_display(pointer->str) : NULL;
}

json_t *form_parse(const char *json, gsize length, const char *name, GError **error)
{
    json_error_t syntax;
    json_t *tree = json_loadb(json, length, JSON_REJECT_DUPLICATES, &syntax);
    if (tree)
        return tree;
    g_autofree char *pointer = NULL;
    if (json_error_code(&syntax) == json_error_duplicate_key)
        pointer = doubled_key(json, length, syntax.position);
    if (pointer) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s:%d:%d: %s: this key stands twice in its object; keep one of them."), name,
                    syntax.line, syntax.column, pointer);
    } else if (length >= BYTE_ORDER_MARK_LENGTH &&
               memcmp(json, BYTE_ORDER_MARK, BYTE_ORDER_MARK_LENGTH) == 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s:1:1: this begins with a byte order mark, which JSON has not; save it as "
                      "UTF-8 without one."),
                    name);
    } else {
        const gboolean is_nul = json_error_code(&syntax) == json_error_null_character;
        g_autofree char *reason =
            is_nul ? g_strdup(_("\\u0000 may not stand in a text")) : relpath_display(syntax.text);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s:%d:%d: this is not JSON: %s."), name, syntax.line, syntax.column, reason);
    }
    return NULL;
}

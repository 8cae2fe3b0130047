#include "tcia_extras.h"

#include "error.h"
#include "relpath.h"

#include <string.h>

gboolean tcia_take_extra(TciaExtras *extras, FileSpec *spec, const char *part, GError **error)
{
    spec->part = g_strdup(part);
    json_object_set_new(spec->facts, "Part", json_string(part));
    spec->only_if_asked = extras->only_if_asked;
    if (spec->modified && g_strcmp0(spec->modified, extras->newest) > 0) {
        g_free(extras->newest);
        extras->newest = g_strdup(spec->modified);
    }
    extras->listed++;
    return extras->taker->file(extras->taker->data, spec, error);
}

gboolean tcia_forgive(TciaExtras *extras, GError *why, const char *what, GError **error)
{
    if (!extras->only_if_asked || extras->services->cancelled(extras->services) ||
        !(g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN) ||
          g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT) ||
          g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS))) {
        g_propagate_error(error, why);
        return FALSE;
    }
    listing_head_add_note(extras->head, "%s: %s", what, why->message);
    g_error_free(why);
    return TRUE;
}

static char *text_of(const json_t *value, guint depth)
{
    static const char *const keys[] = {"value", "url", "rendered", "ID", "target_id"};
    if (json_is_string(value))
        return *json_string_value(value) ? g_strdup(json_string_value(value)) : NULL;
    if (json_is_integer(value))
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (json_is_array(value) && depth > 0)
        return text_of(json_array_get(value, 0), depth - 1);
    for (gsize i = 0; json_is_object(value) && depth > 0 && i < G_N_ELEMENTS(keys); i++) {
        char *text = text_of(json_object_get(value, keys[i]), depth - 1);
        if (text)
            return text;
    }
    return NULL;
}

char *tcia_loose_text(const json_t *object, const char *key)
{
    return text_of(json_object_get(object, key), 3);
}

char *tcia_extra_path(const char *folder, const char *address)
{
    gsize length = strcspn(address, "?#");
    g_autofree char *path = g_strndup(address, length);
    const char *slash = strrchr(path, '/');
    const char *last = slash ? slash + 1 : path;
    g_autofree char *decoded = g_uri_unescape_string(last, "/");
    const char *name = decoded && *decoded ? decoded : *last ? last : "file";
    g_autofree char *safe = relpath_check(name, NULL) && !strchr(name, '/')
                                ? g_strdup(name)
                                : relpath_encode_part(name);
    if (strlen(safe) > 200)
        safe[200] = '\0';
    if (!g_utf8_validate(safe, -1, NULL)) {
        g_autofree char *whole = g_utf8_make_valid(safe, -1);
        return g_strconcat(folder, "/", whole, NULL);
    }
    return g_strconcat(folder, "/", safe, NULL);
}

#include "file_facts.h"

#include "i18n.h"

#include <string.h>

gboolean file_facts_are_flat(const json_t *facts)
{
    const char *key;
    json_t *value;
    if (!json_is_object(facts))
        return FALSE;
    json_object_foreach((json_t *)(gpointer)facts, key, value)
    {
        if (!json_is_string(value))
            return FALSE;
    }
    return TRUE;
}

char *file_facts_to_json(const json_t *facts)
{
    if (!facts || json_object_size(facts) == 0)
        return NULL;
    char *dumped = json_dumps(facts, JSON_COMPACT | JSON_SORT_KEYS);
    char *text = g_strdup(dumped);
    free(dumped);
    return text;
}

json_t *file_facts_from_json(const char *json, char **reason)
{
    if (!json)
        return NULL;
    json_error_t wrong;
    json_t *facts = json_loads(json, JSON_REJECT_DUPLICATES, &wrong);
    if (facts && file_facts_are_flat(facts))
        return facts;
    *reason = g_utf8_make_valid(facts ? _("the facts are no object of strings") : wrong.text, -1);
    json_decref(facts);
    return NULL;
}

const char *file_facts_get(const json_t *facts, const char *key)
{
    return json_string_value(json_object_get(facts, key));
}

char *file_facts_content(const json_t *facts)
{
    /* TimeStamp is MaxSubmissionTimestamp by its older name. */
    static const char *const keys[] = {"ImageCount", "FileSize", "MaxSubmissionTimestamp",
                                       "TimeStamp"};
    g_autoptr(GString) text = g_string_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *value = file_facts_get(facts, keys[i]);
        if (value)
            g_string_append_printf(text, "%s%s=%s", text->len ? "\n" : "",
                                   i == 3 ? keys[2] : keys[i], value);
    }
    return text->len ? g_strdup(text->str) : NULL;
}

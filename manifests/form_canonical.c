#include "form.h"

#include <stdlib.h>

static json_t *canonical_object(const FormObject *object, const json_t *tree);

static json_t *canonical_value(const FormKey *key, const json_t *value)
{
    switch (key->type) {
    case FORM_GROUP:
    case FORM_RECORD:
        return canonical_object(key->object, value);
    case FORM_RECORDS: {
        json_t *array = json_array();
        size_t index;
        json_t *one;
        json_array_foreach((json_t *)value, index, one)
            json_array_append_new(array, canonical_object(key->object, one));
        return array;
    }
    default:
        return json_incref((json_t *)value);
    }
}

/* TREE was read as OBJECT: it has no other keys. */
static json_t *canonical_object(const FormObject *object, const json_t *tree)
{
    json_t *ordered = json_object();
    for (const FormKey *key = object->keys; key->name; key++) {
        const json_t *value = json_object_get(tree, key->name);
        if (value)
            json_object_set_new(ordered, key->name, canonical_value(key, value));
    }
    return ordered;
}

char *form_canonical(const FormObject *object, const json_t *tree)
{
    json_auto_t *ordered = canonical_object(object, tree);
    char *dumped = json_dumps(ordered, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    char *text = g_strconcat(dumped, "\n", NULL);
    free(dumped);
    return text;
}

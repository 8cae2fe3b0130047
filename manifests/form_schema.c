#include "form.h"

#include "digest.h"
#include "i18n.h"

static json_t *schema_of_keys(const FormObject *object, json_t *definitions);

static json_t *schema_of_text(const FormKey *key)
{
    if (key->words) {
        json_t *words = json_array();
        for (const char *const *word = key->words; *word; word++)
            json_array_append_new(words, json_string(*word));
        return json_pack("{s:o}", "enum", words);
    }
    const FormPattern *pattern = key->pattern ? key->pattern : &form_plain_text;
    return json_pack("{s:s, s:s}", "type", "string", "pattern", pattern->regex);
}

static json_t *schema_of_digest(const FormKey *key)
{
    g_autofree char *regex =
        g_strdup_printf("^[0-9A-Fa-f]{%zu}$", 2 * digest_length((DigestAlgorithm)key->algorithm));
    return json_pack("{s:s, s:s}", "type", "string", "pattern", regex);
}

/* A reference to the object's definition, which is made when it is first referred to. */
static json_t *schema_reference(const FormObject *object, json_t *definitions)
{
    if (!json_object_get(definitions, object->name)) {
        json_object_set_new(definitions, object->name, json_null()); /* it may refer to itself */
        json_object_set_new(definitions, object->name, schema_of_keys(object, definitions));
    }
    g_autofree char *reference = g_strdup_printf("#/$defs/%s", object->name);
    return json_pack("{s:s}", "$ref", reference);
}

static json_t *schema_of_value(const FormKey *key, json_t *definitions)
{
    switch (key->type) {
    case FORM_TEXT:
    case FORM_WORD:
    case FORM_IGNORED:
        return schema_of_text(key);
    case FORM_TEXTS:
        return json_pack("{s:s, s:o, s:b}", "type", "array", "items", schema_of_text(key),
                         "uniqueItems", 1);
    case FORM_NUMBER:
        return json_pack("{s:s, s:i, s:I}", "type", "integer", "minimum", 0, "maximum",
                         (json_int_t)key->most);
    case FORM_COUNT:
        return json_pack("{s:s, s:i}", "type", "integer", "minimum", 0);
    case FORM_FLAG:
        return json_pack("{s:s}", "type", "boolean");
    case FORM_DIGEST:
        return schema_of_digest(key);
    case FORM_OPEN:
        return json_pack("{s:s}", "type", "object");
    case FORM_GROUP:
        return schema_of_keys(key->object, definitions);
    case FORM_RECORD:
        return schema_reference(key->object, definitions);
    case FORM_RECORDS:
        return json_pack("{s:s, s:o}", "type", "array", "items",
                         schema_reference(key->object, definitions));
    }
    return NULL;
}

static json_t *schema_of_keys(const FormObject *object, json_t *definitions)
{
    json_t *properties = json_object(), *required = json_array(), *with = json_object();
    for (const FormKey *key = object->keys; key->name; key++) {
        json_t *value = schema_of_value(key, definitions);
        json_object_set_new(value, "description", json_string(key->help));
        json_object_set_new(properties, key->name, value);
        if (key->required)
            json_array_append_new(required, json_string(key->name));
        if (key->with)
            json_object_set_new(with, key->name, json_pack("[s]", key->with));
    }
    json_t *schema = json_pack("{s:s, s:s, s:o, s:b}", "description", object->help, "type",
                               "object", "properties", properties, "additionalProperties", 0);
    if (json_array_size(required) > 0)
        json_object_set(schema, "required", required);
    if (json_object_size(with) > 0)
        json_object_set(schema, "dependentRequired", with);
    json_decref(required);
    json_decref(with);
    if (object->at_least_one) {
        json_t *choices = json_array();
        for (const char *const *name = object->at_least_one; *name; name++)
            json_array_append_new(choices, json_pack("{s:[s]}", "required", *name));
        json_object_set_new(schema, "anyOf", choices);
    }
    return schema;
}

char *form_schema(const FormObject *object)
{
    json_t *definitions = json_object();
    json_t *keys = schema_of_keys(object, definitions);
    json_t *schema =
        json_pack("{s:s, s:s}", "$schema", "https://json-schema.org/draft/2020-12/schema", "title",
                  object->name);
    json_object_update(schema, keys);
    json_object_set(schema, "$defs", definitions);
    char *dumped = json_dumps(schema, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    char *text = g_strconcat(dumped, "\n", NULL);
    free(dumped);
    json_decref(definitions);
    json_decref(keys);
    json_decref(schema);
    return text;
}

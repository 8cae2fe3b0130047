#include "form.h"

#include "digest.h"
#include "error.h"
#include "form_syntax.h"
#include "i18n.h"
#include "nearest_words.h"
#include "relpath.h"
#include "verdict.h"

#include <pthread.h>
#include <string.h>

struct FormReader {
    const char *name;
    GString *pointer;
    GError **error;
};

const FormPattern form_plain_text = {
    /* Control characters and direction marks could draw anything on a terminal. The characters
     * themselves stand here: PCRE and ECMA 262 share no escape for them. */
    "^[^\x01-\x1f\x7f-\xc2\x9f\xe2\x80\xaa-\xe2\x80\xae\xe2\x81\xa6-\xe2\x81\xa9]+$",
    N_("plain text on one line")};

#define AT(type, record, key) ((type *)(void *)((char *)(record) + (key)->offset))

gboolean form_fail(FormReader *reader, const char *below, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *pointer = below ? g_strdup_printf("%s/%s", reader->pointer->str, below)
                                     : g_strdup(reader->pointer->str);
    g_autofree char *shown = relpath_display(pointer);
    g_set_error(reader->error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE, "%s: %s%s%s", reader->name,
                shown, *shown ? ": " : "", message);
    return FALSE;
}

/* The text in quotation marks, without what a terminal would obey, and not too long. */
static char *quoted(const char *text)
{
    g_autofree char *shown = relpath_display(text);
    if (g_utf8_strlen(shown, -1) <= 60)
        return g_strdup_printf("\"%s\"", shown);
    g_autofree char *head = g_utf8_substring(shown, 0, 57);
    return g_strdup_printf("\"%s...\"", head);
}

static char *joined(const GPtrArray *words)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < words->len; i++)
        g_string_append_printf(text, "%s%s", i ? ", " : "", (const char *)words->pdata[i]);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static gboolean fail_wanted(FormReader *reader, const char *wanted, const json_t *json)
{
    static const char *const types[] = {
        [JSON_OBJECT] = N_("an object"),   [JSON_ARRAY] = N_("a list"),
        [JSON_STRING] = N_("text"),        [JSON_INTEGER] = N_("a number"),
        [JSON_REAL] = N_("a real number"), [JSON_TRUE] = N_("true"),
        [JSON_FALSE] = N_("false"),        [JSON_NULL] = N_("null"),
    };
    if (json_is_null(json))
        return form_fail(reader, NULL,
                         _("%s is wanted here, but null stands there; what is not known is left "
                           "out."),
                         wanted);
    /* TRANSLATORS: "a list is wanted here, but text stands there." */
    return form_fail(reader, NULL, _("%s is wanted here, but %s stands there."), wanted,
                     _(types[json_typeof(json)]));
}

static gboolean fail_unknown(FormReader *reader, const char *key, const FormObject *object)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    for (const FormKey *k = object->keys; k->name; k++)
        g_ptr_array_add(known, (gpointer)k->name);
    g_autoptr(GPtrArray) near = nearest_words(key, known, 1);
    g_autofree char *shown = quoted(key);
    if (near->len > 0)
        return form_fail(reader, NULL, _("the key %s is not known; did you mean \"%s\"?"), shown,
                         (const char *)near->pdata[0]);
    g_autofree char *list = joined(known);
    return form_fail(reader, NULL, _("the key %s is not known; the keys here are: %s."), shown,
                     list);
}

static gboolean fail_no_word(FormReader *reader, const char *text, const char *const *words)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    for (; *words; words++)
        g_ptr_array_add(known, (gpointer)*words);
    g_autoptr(GPtrArray) near = nearest_words(text, known, 1);
    g_autofree char *shown = quoted(text);
    g_autofree char *list = joined(known);
    if (near->len > 0)
        return form_fail(reader, NULL, _("%s is none of %s; did you mean \"%s\"?"), shown, list,
                         (const char *)near->pdata[0]);
    return form_fail(reader, NULL, _("%s is none of %s."), shown, list);
}

/* Compiled once; they live as long as the program. */
static const GRegex *compiled(const char *expression)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static GHashTable *all;
    pthread_mutex_lock(&mutex);
    if (!all)
        all = g_hash_table_new(g_str_hash, g_str_equal);
    GRegex *regex = g_hash_table_lookup(all, expression);
    if (!regex) {
        regex = g_regex_new(expression, G_REGEX_DOLLAR_ENDONLY, 0, NULL);
        g_assert(regex); /* the tables are ours; the unit test reads each of them */
        g_hash_table_insert(all, (gpointer)expression, regex);
    }
    pthread_mutex_unlock(&mutex);
    return regex;
}

/* The text of JSON where it is as KEY wants it; NULL after a failure. */
static const char *read_text(FormReader *reader, const FormKey *key, const json_t *json)
{
    const char *text = json_string_value(json);
    const FormPattern *pattern = key->pattern ? key->pattern : &form_plain_text;
    g_autoptr(GError) refusal = NULL;
    if (!text)
        fail_wanted(reader, _("text"), json);
    else if (!*text)
        form_fail(reader, NULL, _("this text is empty; what is not known is left out."));
    else if (key->words && !g_strv_contains(key->words, text))
        fail_no_word(reader, text, key->words);
    else if (!key->words && !g_regex_match(compiled(pattern->regex), text, 0, NULL)) {
        g_autofree char *shown = quoted(text);
        /* TRANSLATORS: "Foo" is not an id of lower-case letters. */
        form_fail(reader, NULL, _("%s is not %s."), shown, _(pattern->wanted));
    } else if (key->check && !key->check(text, &refusal))
        form_fail(reader, NULL, "%s", refusal->message);
    else
        return text;
    return NULL;
}

static gsize push_key(FormReader *reader, const char *key)
{
    const gsize length = reader->pointer->len;
    g_string_append_c(reader->pointer, '/');
    form_pointer_append(reader->pointer, key);
    return length;
}

static gsize push_place(FormReader *reader, gsize place)
{
    const gsize length = reader->pointer->len;
    g_string_append_printf(reader->pointer, "/%zu", place);
    return length;
}

static gboolean read_texts(FormReader *reader, const FormKey *key, const json_t *json,
                           GPtrArray **texts)
{
    if (!json_is_array(json))
        return fail_wanted(reader, _("a list"), json);
    if (!*texts)
        *texts = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    gsize i;
    json_t *item;
    json_array_foreach(json, i, item)
    {
        const gsize length = push_place(reader, i);
        const char *text = read_text(reader, key, item);
        if (!text)
            return FALSE;
        if (!g_hash_table_add(seen, (gpointer)text)) {
            g_autofree char *shown = quoted(text);
            return form_fail(reader, NULL, _("%s stands twice in this list."), shown);
        }
        g_ptr_array_add(*texts, g_strdup(text));
        g_string_truncate(reader->pointer, length);
    }
    return TRUE;
}

static gboolean read_word(FormReader *reader, const FormKey *key, const json_t *json, int *place)
{
    const char *text = read_text(reader, key, json);
    if (!text)
        return FALSE;
    for (*place = 0; strcmp(key->words[*place], text) != 0; ++*place)
        ;
    return TRUE;
}

static gboolean read_number(FormReader *reader, const FormKey *key, const json_t *json,
                            gpointer record)
{
    if (!json_is_integer(json))
        return fail_wanted(reader, _("a whole number"), json);
    const json_int_t value = json_integer_value(json);
    if (value < 0)
        return form_fail(reader, NULL, _("%" JSON_INTEGER_FORMAT " is less than 0."), value);
    if (key->type == FORM_COUNT) {
        *AT(guint64, record, key) = (guint64)value;
        return TRUE;
    }
    if (value > key->most)
        return form_fail(reader, NULL, _("%" JSON_INTEGER_FORMAT " is more than %u."), value,
                         key->most);
    *AT(guint, record, key) = (guint)value;
    return TRUE;
}

static gboolean read_digest(FormReader *reader, const FormKey *key, const json_t *json,
                            DigestSet *digests)
{
    const char *text = read_text(reader, key, json);
    const DigestAlgorithm algorithm = (DigestAlgorithm)key->algorithm;
    Digest digest;
    if (!text)
        return FALSE;
    if (!digest_parse_hex(algorithm, text, &digest)) {
        g_autofree char *shown = quoted(text);
        return form_fail(reader, NULL, _("%s is not a digest of %zu hexadecimal digits."), shown,
                         2 * digest_length(algorithm));
    }
    digest_set_add(digests, &digest);
    return TRUE;
}

static gboolean read_object(FormReader *reader, const FormObject *object, const json_t *json,
                            gpointer record);

/* A struct of the object; NULL after a failure. */
static gpointer read_record(FormReader *reader, const FormObject *object, const json_t *json)
{
    gpointer record = form_new(object);
    if (read_object(reader, object, json, record))
        return record;
    object->destroy(record);
    return NULL;
}

static gboolean read_records(FormReader *reader, const FormObject *object, const json_t *json,
                             GPtrArray **records)
{
    if (!json_is_array(json))
        return fail_wanted(reader, _("a list"), json);
    if (!*records)
        *records = g_ptr_array_new_with_free_func(object->destroy);
    gsize i;
    json_t *item;
    json_array_foreach(json, i, item)
    {
        const gsize length = push_place(reader, i);
        gpointer record = read_record(reader, object, item);
        if (!record)
            return FALSE;
        g_ptr_array_add(*records, record);
        g_string_truncate(reader->pointer, length);
    }
    return TRUE;
}

static gboolean read_value(FormReader *reader, const FormKey *key, json_t *json, gpointer record)
{
    const char *text;
    switch (key->type) {
    case FORM_TEXT:
        if (!(text = read_text(reader, key, json)))
            return FALSE;
        *AT(char *, record, key) = g_strdup(text);
        return TRUE;
    case FORM_IGNORED:
        return read_text(reader, key, json) != NULL;
    case FORM_TEXTS:
        return read_texts(reader, key, json, AT(GPtrArray *, record, key));
    case FORM_WORD:
        return read_word(reader, key, json, AT(int, record, key));
    case FORM_NUMBER:
    case FORM_COUNT:
        return read_number(reader, key, json, record);
    case FORM_FLAG:
        if (!json_is_boolean(json))
            return fail_wanted(reader, _("true or false"), json);
        *AT(gboolean, record, key) = json_is_true(json);
        return TRUE;
    case FORM_DIGEST:
        return read_digest(reader, key, json, AT(DigestSet, record, key));
    case FORM_OPEN:
        if (!json_is_object(json))
            return fail_wanted(reader, _("an object"), json);
        *AT(json_t *, record, key) = json_incref(json);
        return TRUE;
    case FORM_GROUP:
        return read_object(reader, key->object, json, record);
    case FORM_RECORD:
        *AT(gpointer, record, key) = read_record(reader, key->object, json);
        return *AT(gpointer, record, key) != NULL;
    case FORM_RECORDS:
        return read_records(reader, key->object, json, AT(GPtrArray *, record, key));
    }
    return FALSE;
}

static gboolean check_keys(FormReader *reader, const FormObject *object, const json_t *json)
{
    for (const FormKey *key = object->keys; key->name; key++) {
        const gboolean there = json_object_get(json, key->name) != NULL;
        if (key->required && !there)
            return form_fail(reader, key->name, _("this key is missing; it holds %s."),
                             _(key->help));
        if (key->with && there && !json_object_get(json, key->with))
            return form_fail(reader, key->with, _("this key is missing; \"%s\" asks for it."),
                             key->name);
    }
    if (!object->at_least_one)
        return TRUE;
    g_autoptr(GPtrArray) wanted = g_ptr_array_new();
    for (const char *const *name = object->at_least_one; *name; name++) {
        if (json_object_get(json, *name))
            return TRUE;
        g_ptr_array_add(wanted, (gpointer)*name);
    }
    g_autofree char *list = joined(wanted);
    return form_fail(reader, NULL, _("at least one of these keys is wanted here: %s."), list);
}

static gboolean read_object(FormReader *reader, const FormObject *object, const json_t *json,
                            gpointer record)
{
    if (!json_is_object(json))
        return fail_wanted(reader, _("an object"), json);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)json, name, value)
    {
        const gsize length = push_key(reader, name);
        const FormKey *key = object->keys;
        while (key->name && strcmp(key->name, name) != 0)
            key++;
        if (!key->name)
            return fail_unknown(reader, name, object);
        if (!read_value(reader, key, value, record))
            return FALSE;
        g_string_truncate(reader->pointer, length);
    }
    return check_keys(reader, object, json) && (!object->check || object->check(reader, record));
}

gpointer form_read(const FormObject *object, const char *json, gsize length, const char *name,
                   GError **error)
{
    json_t *tree = form_parse(json, length, name, error);
    if (!tree)
        return NULL;
    gpointer record = form_read_tree(object, tree, name, error);
    json_decref(tree);
    return record;
}

gpointer form_read_tree(const FormObject *object, const json_t *tree, const char *name,
                        GError **error)
{
    g_autoptr(GString) pointer = g_string_new(NULL);
    FormReader reader = {name, pointer, error};
    return read_record(&reader, object, tree);
}

static void set_defaults(const FormKey *keys, gpointer record)
{
    for (const FormKey *key = keys; key->name; key++) {
        if (key->type == FORM_COUNT)
            *AT(guint64, record, key) = SIZE_UNKNOWN;
        else if (key->type == FORM_TEXTS)
            *AT(GPtrArray *, record, key) = g_ptr_array_new_with_free_func(g_free);
        else if (key->type == FORM_RECORDS)
            *AT(GPtrArray *, record, key) = g_ptr_array_new_with_free_func(key->object->destroy);
        else if (key->type == FORM_GROUP)
            set_defaults(key->object->keys, record);
    }
}

gpointer form_new(const FormObject *object)
{
    if (object->make)
        return object->make();
    gpointer record = g_malloc0(object->size);
    set_defaults(object->keys, record);
    return record;
}

static void clear_keys(const FormKey *keys, gpointer record)
{
    for (const FormKey *key = keys; key->name; key++) {
        if (key->type == FORM_TEXT)
            g_clear_pointer(AT(char *, record, key), g_free);
        else if (key->type == FORM_TEXTS || key->type == FORM_RECORDS)
            g_clear_pointer(AT(GPtrArray *, record, key), g_ptr_array_unref);
        else if (key->type == FORM_OPEN)
            g_clear_pointer(AT(json_t *, record, key), json_decref);
        else if (key->type == FORM_GROUP)
            clear_keys(key->object->keys, record);
        else if (key->type == FORM_RECORD)
            g_clear_pointer(AT(gpointer, record, key), key->object->destroy);
    }
}

void form_free(const FormObject *object, gpointer record)
{
    if (!record)
        return;
    clear_keys(object->keys, record);
    g_free(record);
}

#include "where.h"

#include "error.h"
#include "file_facts.h"
#include "i18n.h"
#include "json_text.h"
#include "line_reader.h"
#include "relpath.h"
#include "where_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

#define MOST_VALUE_BYTES 4096
#define VALUES_A_LINE 500
#define DESCRIBED_MOST 8

struct WhereTerm {
    gatomicrefcount references;
    char *key;
    WhereOperator operation;
    GStringChunk *texts; /* where the values lie */
    GHashTable *values;  /* a set of char* */
    char *glob;          /* of WHERE_LIKE */
    guint count;         /* of a long list that is being read; 0: it is none */
};

static gboolean is_ascii(const char *text)
{
    for (; *text; text++) {
        if ((guint8)*text >= 0x80)
            return FALSE;
    }
    return TRUE;
}

static guint hash_value(gconstpointer value)
{
    const char *text = value;
    if (!is_ascii(text)) {
        g_autofree char *folded = g_utf8_casefold(text, -1);
        return g_str_hash(folded);
    }
    guint hash = 5381;
    for (; *text; text++)
        hash = hash * 33 + (guint)g_ascii_tolower(*text);
    return hash;
}

static gboolean equal_values(gconstpointer a, gconstpointer b)
{
    if (is_ascii(a) || is_ascii(b))
        return g_ascii_strcasecmp(a, b) == 0;
    g_autofree char *folded_a = g_utf8_casefold(a, -1);
    g_autofree char *folded_b = g_utf8_casefold(b, -1);
    return strcmp(folded_a, folded_b) == 0;
}

WhereTerm *where_term_new(const char *key, WhereOperator operation)
{
    const char *known = where_key_canonical(key);
    WhereTerm *term = g_new0(WhereTerm, 1);
    g_atomic_ref_count_init(&term->references);
    term->key = known ? g_strdup(known) : g_utf8_make_valid(key, -1);
    term->operation = operation;
    term->texts = g_string_chunk_new(4096);
    term->values = g_hash_table_new(hash_value, equal_values);
    return term;
}

void where_term_add(WhereTerm *term, const char *value)
{
    g_autofree char *valid = g_utf8_validate(value, -1, NULL) ? NULL : g_utf8_make_valid(value, -1);
    if (valid)
        value = valid;
    if (term->operation == WHERE_LIKE) {
        g_free(term->glob);
        term->glob = g_strdup(value);
    } else if (!g_hash_table_contains(term->values, value)) {
        g_hash_table_add(term->values, g_string_chunk_insert(term->texts, value));
    }
}

WhereTerm *where_term_ref(WhereTerm *term)
{
    g_atomic_ref_count_inc(&term->references);
    return term;
}

void where_term_unref(WhereTerm *term)
{
    if (!term || !g_atomic_ref_count_dec(&term->references))
        return;
    g_free(term->key);
    g_free(term->glob);
    g_hash_table_unref(term->values);
    g_string_chunk_free(term->texts);
    g_free(term);
}

/* One value a line; blank lines say nothing. */
static gboolean read_values(WhereTerm *term, const char *path, GError **error)
{
    int fd = strcmp(path, "-") == 0
                 ? STDIN_FILENO
                 : TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (fd < 0) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
            _("--where: the list %s cannot be read: %s. Name a file with a value a line, as "
              "in: medmirror pull REF --where PatientID=@patients.txt"),
            path, g_strerror(errno));
        return FALSE;
    }
    g_autoptr(LineReader) lines = line_reader_new(fd, MOST_VALUE_BYTES);
    LineResult result;
    char *line;
    gsize length;
    int failed = 0;
    while ((result = line_reader_next(lines, &line, &length, NULL, &failed)) == LINE_READ) {
        if (strlen(line) == length && *g_strstrip(line))
            where_term_add(term, line);
    }
    guint64 number = line_reader_number(lines);
    if (fd != STDIN_FILENO)
        close(fd);
    if (result == LINE_FAILED)
        return error_set_storage(error, failed, _("--where: %s cannot be read"), path);
    if (result == LINE_END && g_hash_table_size(term->values) > 0)
        return TRUE;
    if (result == LINE_END)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("--where: %s names no value; it takes one a line."), path);
    else
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("--where: line %" G_GUINT64_FORMAT
                      " of %s is longer than any value; it takes one a line."),
                    number, path);
    return FALSE;
}

static void add_words(WhereTerm *term, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    if (!*words)
        where_term_add(term, "");
    for (char **word = words; *word; word++)
        where_term_add(term, g_strstrip(*word));
}

WhereTerm *where_term_parse(const char *text, GError **error)
{
    gsize length = strcspn(text, "=!~<>");
    const char *sign = text + length;
    g_autofree char *key = g_strstrip(g_strndup(text, length));
    gboolean is_not = g_str_has_prefix(sign, "!=");
    if (!*key || (*sign != '=' && *sign != '~' && !is_not)) {
        g_autofree char *shown = relpath_display(text);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("--where '%s' is no KEY=VALUE: it takes KEY=V,V, KEY!=V,V, KEY~GLOB or "
                      "KEY=@FILE, as in: medmirror pull REF --where Modality=CT,MR"),
                    shown);
        return NULL;
    }
    const char *value = sign + (is_not ? 2 : 1);
    /* "==" is typed by those who program. */
    if (*sign == '=' && *value == '=')
        value++;
    g_autoptr(WhereTerm) term = where_term_new(key, *sign == '~' ? WHERE_LIKE
                                                    : is_not     ? WHERE_IS_NOT
                                                                 : WHERE_IS);
    if (*sign == '~')
        where_term_add(term, value);
    else if (*value != '@')
        add_words(term, value);
    else if (!read_values(term, value + 1, error))
        return NULL;
    return g_steal_pointer(&term);
}

WhereTerm *where_term_of_value(const char *text, GError **error)
{
    const char *sign = strchr(text, '=');
    if (!sign || sign == text)
        return where_term_parse(text, error);
    g_autofree char *key = g_strndup(text, (gsize)(sign - text));
    WhereTerm *term = where_term_new(key, WHERE_IS);
    where_term_add(term, sign + 1);
    return term;
}

const char *where_term_key(const WhereTerm *term)
{
    return term->key;
}

guint where_term_values(const WhereTerm *term)
{
    return g_hash_table_size(term->values);
}

gboolean where_term_has(const WhereTerm *term, const char *value)
{
    return g_hash_table_contains(term->values, value);
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *where_term_sorted(const WhereTerm *term)
{
    GPtrArray *sorted = g_ptr_array_sized_new(g_hash_table_size(term->values));
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, term->values);
    while (g_hash_table_iter_next(&iter, &value, NULL))
        g_ptr_array_add(sorted, value);
    g_ptr_array_sort(sorted, compare_texts);
    return sorted;
}

/* "" where the file has no such fact. */
static const char *fact_of(const WhereTerm *term, const json_t *facts)
{
    const char *value = file_facts_get(facts, term->key);
    if (value || !facts)
        return value ? value : "";
    const char *key;
    json_t *other;
    json_object_foreach((json_t *)(gpointer)facts, key, other)
    {
        if (g_ascii_strcasecmp(key, term->key) == 0)
            return json_string_value(other) ? json_string_value(other) : "";
    }
    return "";
}

gboolean where_term_matches(const WhereTerm *term, const json_t *facts)
{
    const char *value = fact_of(term, facts);
    if (term->operation == WHERE_LIKE)
        return fnmatch(term->glob ? term->glob : "", value, FNM_CASEFOLD) == 0;
    return g_hash_table_contains(term->values, value) == (term->operation == WHERE_IS);
}

gboolean where_term_names_files(const WhereTerm *term)
{
    return where_key_names_files(term->key);
}

gboolean where_term_equal(const WhereTerm *a, const WhereTerm *b)
{
    if (a == b)
        return TRUE;
    if (g_ascii_strcasecmp(a->key, b->key) != 0 || a->operation != b->operation ||
        g_strcmp0(a->glob, b->glob) != 0 ||
        g_hash_table_size(a->values) != g_hash_table_size(b->values))
        return FALSE;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, a->values);
    while (g_hash_table_iter_next(&iter, &value, NULL)) {
        if (!g_hash_table_contains(b->values, value))
            return FALSE;
    }
    return TRUE;
}

int where_term_compare(const WhereTerm *a, const WhereTerm *b)
{
    int order = g_ascii_strcasecmp(a->key, b->key);
    if (order == 0)
        order = (int)a->operation - (int)b->operation;
    if (order == 0)
        order = g_strcmp0(a->glob, b->glob);
    if (order != 0 || where_term_equal(a, b))
        return order;
    g_autoptr(GPtrArray) of_a = where_term_sorted(a);
    g_autoptr(GPtrArray) of_b = where_term_sorted(b);
    for (guint i = 0; i < of_a->len && i < of_b->len && order == 0; i++)
        order = strcmp(g_ptr_array_index(of_a, i), g_ptr_array_index(of_b, i));
    return order ? order : of_a->len < of_b->len ? -1 : 1;
}

WhereTerm *where_term_merge(WhereTerm *a, WhereTerm *b)
{
    if (a->operation != WHERE_IS || b->operation != WHERE_IS ||
        g_ascii_strcasecmp(a->key, b->key) != 0)
        return NULL;
    WhereTerm *both[] = {a, b};
    WhereTerm *merged = NULL;
    for (gsize k = 0; k < G_N_ELEMENTS(both); k++) {
        GHashTableIter iter;
        gpointer value;
        if (!merged)
            merged = where_term_new(a->key, WHERE_IS);
        g_hash_table_iter_init(&iter, both[k]->values);
        while (g_hash_table_iter_next(&iter, &value, NULL))
            where_term_add(merged, value);
    }
    return merged;
}

char *where_term_describe(const WhereTerm *term)
{
    GString *out = g_string_new(term->key);
    guint count = g_hash_table_size(term->values);
    if (term->operation == WHERE_LIKE) {
        g_string_append_printf(out, "~%s", term->glob ? term->glob : "");
        return g_string_free(out, FALSE);
    }
    g_string_append(out, term->operation == WHERE_IS ? "=" : "!=");
    g_autoptr(GPtrArray) values = where_term_sorted(term);
    gboolean has_comma = FALSE;
    for (guint i = 0; i < count && i < DESCRIBED_MOST; i++)
        has_comma = has_comma || strchr(g_ptr_array_index(values, i), ',') != NULL;
    if (count > DESCRIBED_MOST || has_comma) {
        g_string_append_printf(out, ngettext_count("@FILE (%u value)", "@FILE (%u values)", count),
                               count);
        return g_string_free(out, FALSE);
    }
    for (guint i = 0; i < count; i++)
        g_string_append_printf(out, "%s%s", i ? "," : "",
                               (const char *)g_ptr_array_index(values, i));
    return g_string_free(out, FALSE);
}

static void append_values(GString *out, const char *key, const GPtrArray *values, guint from,
                          guint to, gsize prefix)
{
    json_text_append_raw(out, key, "[");
    for (guint i = from; i < to; i++) {
        if (i > from)
            g_string_append_c(out, ',');
        json_text_append_string(out, (const char *)g_ptr_array_index(values, i) + prefix);
    }
    g_string_append_c(out, ']');
}

gboolean where_term_is_long(const WhereTerm *term)
{
    return MAX(term->count, g_hash_table_size(term->values)) > WHERE_INLINE_MOST;
}

void where_term_append_json(const WhereTerm *term, guint list, GString *out)
{
    g_string_append_c(out, '{');
    json_text_append_member(out, "key", term->key);
    if (term->operation == WHERE_LIKE) {
        json_text_append_member(out, "like", term->glob ? term->glob : "");
        g_string_append_c(out, '}');
        return;
    }
    const char *key = term->operation == WHERE_IS ? "is" : "is_not";
    if (where_term_is_long(term)) {
        json_text_append_raw(out, key, "[]");
        json_text_append_number(out, "list", list);
        json_text_append_number(out, "count", g_hash_table_size(term->values));
    } else {
        g_autoptr(GPtrArray) values = where_term_sorted(term);
        append_values(out, key, values, 0, values->len, 0);
    }
    g_string_append_c(out, '}');
}

static gboolean add_strings(WhereTerm *term, const char *prefix, const json_t *array)
{
    g_autoptr(GString) whole = g_string_new(NULL);
    if (!json_is_array(array))
        return FALSE;
    for (gsize i = 0; i < json_array_size(array); i++) {
        const char *value = json_string_value(json_array_get(array, i));
        if (!value)
            return FALSE;
        g_string_assign(whole, prefix);
        g_string_append(whole, value);
        where_term_add(term, whole->str);
    }
    return TRUE;
}

WhereTerm *where_term_from_json(const json_t *value)
{
    const char *key = json_string_value(json_object_get(value, "key"));
    const char *glob = json_string_value(json_object_get(value, "like"));
    const json_t *is = json_object_get(value, "is"), *is_not = json_object_get(value, "is_not");
    if (!key || (glob != NULL) + (is != NULL) + (is_not != NULL) != 1)
        return NULL;
    g_autoptr(WhereTerm) term = where_term_new(key, glob ? WHERE_LIKE
                                                    : is ? WHERE_IS
                                                         : WHERE_IS_NOT);
    if (glob) {
        where_term_add(term, glob);
        return g_steal_pointer(&term);
    }
    json_int_t count = json_integer_value(json_object_get(value, "count"));
    if (!add_strings(term, "", is ? is : is_not) || count < 0 || count > G_MAXINT)
        return NULL;
    term->count = (guint)count;
    return g_steal_pointer(&term);
}

guint where_term_lacks(const WhereTerm *term)
{
    guint there = g_hash_table_size(term->values);
    return term->count > there ? term->count - there : 0;
}

/* What the first and the last of sorted values share, all between them share. */
static gsize common_prefix(const char *first, const char *last)
{
    gsize length = 0;
    while (first[length] && first[length] == last[length])
        length++;
    while (length > 0 && ((guint8)first[length] & 0xC0) == 0x80)
        length--;
    return length;
}

gboolean where_term_each_line(const WhereTerm *term, guint list,
                              gboolean (*func)(const char *line, gpointer data), gpointer data)
{
    g_autoptr(GPtrArray) values = where_term_sorted(term);
    g_autoptr(GString) line = g_string_new(NULL);
    for (guint from = 0; from < values->len; from += VALUES_A_LINE) {
        guint to = MIN(from + VALUES_A_LINE, values->len);
        const char *first = g_ptr_array_index(values, from);
        gsize length = common_prefix(first, g_ptr_array_index(values, to - 1));
        g_autofree char *prefix = g_strndup(first, length);
        g_string_assign(line, "{");
        json_text_append_number(line, "list", list);
        json_text_append_member(line, "prefix", prefix);
        append_values(line, "values", values, from, to, length);
        g_string_append_c(line, '}');
        if (!func(line->str, data))
            return FALSE;
    }
    return TRUE;
}

gboolean where_term_take_line(WhereTerm *term, const json_t *line)
{
    const char *prefix = json_string_value(json_object_get(line, "prefix"));
    return json_array_size(json_object_get(line, "values")) <= where_term_lacks(term) &&
           add_strings(term, prefix ? prefix : "", json_object_get(line, "values"));
}

#include "selection_wish.h"

#include "error.h"
#include "i18n.h"
#include "json_text.h"
#include "relpath.h"

#include <string.h>

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void append_texts(GString *out, const char *key, const GPtrArray *texts)
{
    json_text_append_raw(out, key, "[");
    for (guint i = 0; i < texts->len; i++) {
        if (i > 0)
            g_string_append_c(out, ',');
        json_text_append_string(out, g_ptr_array_index(texts, i));
    }
    g_string_append_c(out, ']');
}

/* The exact paths, sorted; borrowed strings. */
static GPtrArray *sorted_files(const Wish *wish)
{
    GPtrArray *files = g_ptr_array_sized_new(g_hash_table_size(wish->files));
    GHashTableIter iter;
    gpointer path;
    g_hash_table_iter_init(&iter, wish->files);
    while (g_hash_table_iter_next(&iter, &path, NULL))
        g_ptr_array_add(files, path);
    g_ptr_array_sort(files, compare_texts);
    return files;
}

/* *LIST: the number of the next long list. */
static void append_wish(GString *out, const Wish *wish, guint *list)
{
    g_string_append_c(out, '{');
    if (wish->includes->len > 0)
        append_texts(out, "include", wish->includes);
    if (wish->excludes->len > 0)
        append_texts(out, "exclude", wish->excludes);
    /* An empty list is not the same as none: it takes nothing. */
    if (!wish->takes_any && (wish->includes->len == 0 || g_hash_table_size(wish->files) > 0)) {
        g_autoptr(GPtrArray) files = sorted_files(wish);
        append_texts(out, "files", files);
    }
    if (wish->terms->len > 0)
        json_text_append_raw(out, "where", "[");
    for (guint i = 0; i < wish->terms->len; i++) {
        const WhereTerm *term = g_ptr_array_index(wish->terms, i);
        if (i > 0)
            g_string_append_c(out, ',');
        where_term_append_json(term, *list, out);
        *list += where_term_is_long(term);
    }
    g_string_append(out, wish->terms->len > 0 ? "]}" : "}");
}

char *selection_to_json(const Selection *selection)
{
    guint list = 0;
    if (selection->wishes->len == 0)
        return g_strdup("\"all\"");
    GString *out = g_string_new("[");
    for (guint i = 0; i < selection->wishes->len; i++) {
        if (i > 0)
            g_string_append_c(out, ',');
        append_wish(out, g_ptr_array_index(selection->wishes, i), &list);
    }
    g_string_append_c(out, ']');
    return g_string_free(out, FALSE);
}

/* The strings of an array, NULL-terminated, borrowed; NULL where OBJECT has no such key. FALSE
 * where it is something else. */
static gboolean texts_of(const json_t *object, const char *key, GPtrArray **texts)
{
    const json_t *array = json_object_get(object, key);
    *texts = NULL;
    if (!array)
        return TRUE;
    if (!json_is_array(array))
        return FALSE;
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    for (gsize i = 0; i < json_array_size(array); i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (!text)
            return FALSE;
        g_ptr_array_add(found, (gpointer)text);
    }
    g_ptr_array_add(found, NULL);
    *texts = g_steal_pointer(&found);
    return TRUE;
}

static Wish *wish_from_object(const json_t *object)
{
    g_autoptr(GPtrArray) includes = NULL;
    g_autoptr(GPtrArray) excludes = NULL;
    g_autoptr(GPtrArray) files = NULL;
    if (!json_is_object(object) || !texts_of(object, "include", &includes) ||
        !texts_of(object, "exclude", &excludes) || !texts_of(object, "files", &files))
        return NULL;
    Wish *wish = wish_of(includes ? (const char *const *)includes->pdata : NULL,
                         excludes ? (const char *const *)excludes->pdata : NULL,
                         files ? (const char *const *)files->pdata : NULL);
    const json_t *terms = json_object_get(object, "where");
    for (gsize i = 0; i < json_array_size(terms); i++) {
        g_autoptr(WhereTerm) term = where_term_from_json(json_array_get(terms, i));
        if (!term) {
            wish_unref(wish);
            return NULL;
        }
        g_ptr_array_add(wish->terms, g_steal_pointer(&term));
    }
    return wish;
}

static Selection *selection_from_value(const json_t *value)
{
    g_autoptr(Selection) selection = selection_new_all();
    if (json_is_null(value) || g_strcmp0(json_string_value(value), "all") == 0)
        return g_steal_pointer(&selection);
    if (!json_is_array(value) || json_array_size(value) == 0)
        return NULL;
    for (gsize i = 0; i < json_array_size(value); i++) {
        Wish *wish = wish_from_object(json_array_get(value, i));
        if (!wish)
            return NULL;
        /* Lists that are not whole cannot be compared yet: as it was written, it is settled. */
        if (wish->terms->len > 0)
            g_ptr_array_add(selection->wishes, wish);
        else
            selection_add(selection, wish);
    }
    return selection_settled(g_steal_pointer(&selection));
}

typedef struct {
    gboolean (*func)(WhereTerm *term, guint list, gpointer data);
    gpointer data;
} EachList;

/* Each long list, numbered as in the text. */
static gboolean each_list(const Selection *selection, const EachList *each)
{
    guint list = 0;
    for (guint i = 0; i < selection->wishes->len; i++) {
        const Wish *wish = g_ptr_array_index(selection->wishes, i);
        for (guint k = 0; k < wish->terms->len; k++) {
            WhereTerm *term = g_ptr_array_index(wish->terms, k);
            if (where_term_is_long(term) && !each->func(term, list++, each->data))
                return FALSE;
        }
    }
    return TRUE;
}

typedef struct {
    gboolean (*func)(const char *line, gpointer data);
    gpointer data;
} EachLine;

static gboolean write_list(WhereTerm *term, guint list, gpointer data)
{
    const EachLine *each = data;
    return where_term_each_line(term, list, each->func, each->data);
}

gboolean selection_each_line(const Selection *selection,
                             gboolean (*func)(const char *line, gpointer data), gpointer data)
{
    EachLine line = {func, data};
    return each_list(selection, &(EachList){write_list, &line});
}

static gboolean is_whole_list(WhereTerm *term, guint list, gpointer data)
{
    return where_term_lacks(term) == 0;
}

gboolean selection_lacks_lines(const Selection *selection)
{
    return !each_list(selection, &(EachList){is_whole_list, NULL});
}

typedef struct {
    const json_t *line;
    json_int_t list;
    gboolean taken;
} TakeLine;

static gboolean take_values(WhereTerm *term, guint list, gpointer data)
{
    TakeLine *take = data;
    if ((json_int_t)list == take->list)
        take->taken = where_term_take_line(term, take->line);
    return (json_int_t)list != take->list;
}

gboolean selection_take_line(Selection *selection, const char *line, gsize length)
{
    json_error_t wrong;
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &wrong);
    const json_t *number = json_object_get(object, "list");
    TakeLine take = {.line = object,
                     .list = json_is_integer(number) ? json_integer_value(number) : -1};
    each_list(selection, &(EachList){take_values, &take});
    json_decref(object);
    return take.taken;
}

Selection *selection_from_json(const char *json, GError **error)
{
    if (!json || strcmp(json, "all") == 0)
        return selection_new_all();
    json_error_t wrong;
    json_t *value = json_loads(json, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &wrong);
    if (!value) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The selection is no JSON: %s."), wrong.text);
        return NULL;
    }
    Selection *selection = selection_from_value(value);
    json_decref(value);
    if (!selection)
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                            _("The selection is neither \"all\" nor a list of objects with "
                              "include, exclude and files, each a list of strings, and where."));
    return selection;
}

static void append_option(GString *out, const char *option, const char *value)
{
    static const char *const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789_./+:@%=,-";
    g_autofree char *quoted = g_shell_quote(value);
    gboolean needs_quotes = !*value || value[strspn(value, plain)];
    g_autofree char *shown = relpath_display(needs_quotes ? quoted : value);
    g_string_append_printf(out, "%s%s %s", out->len ? " " : "", option, shown);
}

static char *wish_describe(const Wish *wish)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < wish->includes->len; i++)
        append_option(out, "--include", g_ptr_array_index(wish->includes, i));
    for (guint i = 0; i < wish->excludes->len; i++)
        append_option(out, "--exclude", g_ptr_array_index(wish->excludes, i));
    for (guint i = 0; i < wish->terms->len; i++) {
        g_autofree char *term = where_term_describe(g_ptr_array_index(wish->terms, i));
        append_option(out, "--where", term);
    }
    guint files = g_hash_table_size(wish->files);
    if (files > 0 || (!wish->takes_any && wish->includes->len == 0))
        g_string_append_printf(out,
                               ngettext_count("%s--files-from FILE (%u path)",
                                              "%s--files-from FILE (%u paths)", files),
                               out->len ? " " : "", files);
    return g_string_free(out, FALSE);
}

char *selection_describe(const Selection *selection)
{
    if (selection->wishes->len == 0)
        return g_strdup(_("everything"));
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < selection->wishes->len; i++) {
        const Wish *wish = g_ptr_array_index(selection->wishes, i);
        g_autofree char *options =
            wish_is_all(wish) ? g_strdup(_("everything")) : wish_describe(wish);
        /* TRANSLATORS: between two sets of options, each of which was asked for. */
        g_string_append_printf(out, "%s%s", i > 0 ? _(" or ") : "", options);
    }
    return g_string_free(out, FALSE);
}

#include "selection.h"

#include "error.h"
#include "i18n.h"
#include "json_text.h"
#include "relpath.h"

#include <fnmatch.h>
#include <jansson.h>
#include <string.h>

/* One alternative: a file is taken where an include or an exact path names it and no exclude does.
 * Never changed once it stands, so that selections share it. */
typedef struct {
    gatomicrefcount references;
    gboolean takes_any;  /* neither includes nor exact paths were given */
    GPtrArray *includes; /* char*, sorted, without doubles */
    GPtrArray *excludes; /* the same */
    GHashTable *files;   /* a set of char*; empty where none */
    GHashTable *folders; /* a set of char*: all folders above FILES, without the root */
} Wish;

/* The wishes' union; no two have the same excludes, and they are sorted by them. Empty: all. */
struct Selection {
    GPtrArray *wishes; /* Wish* */
};

static Wish *wish_new(void)
{
    Wish *wish = g_new0(Wish, 1);
    g_atomic_ref_count_init(&wish->references);
    wish->includes = g_ptr_array_new_with_free_func(g_free);
    wish->excludes = g_ptr_array_new_with_free_func(g_free);
    wish->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    wish->folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return wish;
}

static Wish *wish_ref(Wish *wish)
{
    g_atomic_ref_count_inc(&wish->references);
    return wish;
}

static void wish_unref(gpointer data)
{
    Wish *wish = data;
    if (!g_atomic_ref_count_dec(&wish->references))
        return;
    g_ptr_array_unref(wish->includes);
    g_ptr_array_unref(wish->excludes);
    g_hash_table_unref(wish->files);
    g_hash_table_unref(wish->folders);
    g_free(wish);
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_and_drop_doubles(GPtrArray *texts)
{
    g_ptr_array_sort(texts, compare_texts);
    for (guint i = 1; i < texts->len;) {
        if (strcmp(g_ptr_array_index(texts, i - 1), g_ptr_array_index(texts, i)) == 0)
            g_ptr_array_remove_index(texts, i);
        else
            i++;
    }
}

static gboolean texts_equal(const GPtrArray *a, const GPtrArray *b)
{
    if (a->len != b->len)
        return FALSE;
    for (guint i = 0; i < a->len; i++) {
        if (strcmp(g_ptr_array_index(a, i), g_ptr_array_index(b, i)) != 0)
            return FALSE;
    }
    return TRUE;
}

/* Arguments are bytes; what is no UTF-8 can match no path, and must not break the lock. */
static void add_texts(GPtrArray *texts, const char *const *from)
{
    for (; from && *from; from++)
        g_ptr_array_add(texts, g_utf8_make_valid(*from, -1));
    sort_and_drop_doubles(texts);
}

static void wish_add_file(Wish *wish, const char *file)
{
    char *path = g_utf8_make_valid(file, -1);
    char *last = strrchr(path, '/');
    while (last && last > path) {
        char *folder = g_strndup(path, (gsize)(last - path));
        /* Whose own folders are there already. */
        if (!g_hash_table_add(wish->folders, folder))
            break;
        last = memrchr(path, '/', (gsize)(last - path));
    }
    g_hash_table_add(wish->files, path);
}

static Wish *wish_of(const char *const *includes, const char *const *excludes,
                     const char *const *files)
{
    Wish *wish = wish_new();
    add_texts(wish->includes, includes);
    add_texts(wish->excludes, excludes);
    for (const char *const *file = files; file && *file; file++)
        wish_add_file(wish, *file);
    wish->takes_any = wish->includes->len == 0 && !files;
    return wish;
}

static gboolean wish_is_all(const Wish *wish)
{
    return wish->takes_any && wish->excludes->len == 0;
}

/* Both have the same excludes. */
static Wish *wish_merge(const Wish *a, const Wish *b)
{
    Wish *merged = wish_new();
    for (guint i = 0; i < a->excludes->len; i++)
        g_ptr_array_add(merged->excludes, g_strdup(g_ptr_array_index(a->excludes, i)));
    merged->takes_any = a->takes_any || b->takes_any;
    if (merged->takes_any)
        return merged;
    const Wish *both[] = {a, b};
    for (gsize k = 0; k < G_N_ELEMENTS(both); k++) {
        for (guint i = 0; i < both[k]->includes->len; i++)
            g_ptr_array_add(merged->includes, g_strdup(g_ptr_array_index(both[k]->includes, i)));
        GHashTableIter iter;
        gpointer path;
        g_hash_table_iter_init(&iter, both[k]->files);
        while (g_hash_table_iter_next(&iter, &path, NULL))
            wish_add_file(merged, path);
    }
    sort_and_drop_doubles(merged->includes);
    return merged;
}

static gboolean wish_equal(const Wish *a, const Wish *b)
{
    if (a == b)
        return TRUE;
    if (a->takes_any != b->takes_any || !texts_equal(a->includes, b->includes) ||
        !texts_equal(a->excludes, b->excludes) ||
        g_hash_table_size(a->files) != g_hash_table_size(b->files))
        return FALSE;
    GHashTableIter iter;
    gpointer path;
    g_hash_table_iter_init(&iter, a->files);
    while (g_hash_table_iter_next(&iter, &path, NULL)) {
        if (!g_hash_table_contains(b->files, path))
            return FALSE;
    }
    return TRUE;
}

static gboolean pattern_matches(const char *pattern, const char *path)
{
    if (fnmatch(pattern, path, 0) == 0)
        return TRUE;
    const char *slash = strrchr(path, '/');
    return slash && !strchr(pattern, '/') && fnmatch(pattern, slash + 1, 0) == 0;
}

static gboolean any_matches(const GPtrArray *patterns, const char *path)
{
    for (guint i = 0; i < patterns->len; i++) {
        if (pattern_matches(g_ptr_array_index(patterns, i), path))
            return TRUE;
    }
    return FALSE;
}

static gboolean wish_names(const Wish *wish, const char *path)
{
    return wish->takes_any || g_hash_table_contains(wish->files, path) ||
           any_matches(wish->includes, path);
}

static gboolean wish_takes(const Wish *wish, const char *path)
{
    return wish_names(wish, path) && !any_matches(wish->excludes, path);
}

/* May PATTERN match something below FOLDER (with its slash; empty: the root)? */
static gboolean pattern_may_match_below(const char *pattern, const char *folder)
{
    if (!strchr(pattern, '/'))
        return TRUE;
    gsize literal = strcspn(pattern, "*?[\\");
    if (!pattern[literal])
        return g_str_has_prefix(pattern, folder);
    gsize common = MIN(literal, strlen(folder));
    return strncmp(pattern, folder, common) == 0;
}

/* Does PATTERN match whatever lies below FOLDER? Only the plain "x/y*" is looked at. */
static gboolean pattern_matches_all_below(const char *pattern, const char *folder)
{
    gsize literal = strcspn(pattern, "*?[\\");
    return strcmp(pattern + literal, "*") == 0 && strncmp(pattern, folder, literal) == 0;
}

static gboolean wish_may_take_below(const Wish *wish, const char *archive, const char *folder)
{
    if (any_matches(wish->excludes, archive))
        return FALSE;
    for (guint i = 0; i < wish->excludes->len; i++) {
        if (pattern_matches_all_below(g_ptr_array_index(wish->excludes, i), folder))
            return FALSE;
    }
    if (wish_names(wish, archive))
        return TRUE;
    for (guint i = 0; i < wish->includes->len; i++) {
        if (pattern_may_match_below(g_ptr_array_index(wish->includes, i), folder))
            return TRUE;
    }
    if (!*folder)
        return g_hash_table_size(wish->files) > 0;
    g_autofree char *name = g_strndup(folder, strlen(folder) - 1);
    return g_hash_table_contains(wish->folders, name);
}

Selection *selection_new_all(void)
{
    Selection *selection = g_new0(Selection, 1);
    selection->wishes = g_ptr_array_new_with_free_func(wish_unref);
    return selection;
}

static int compare_excludes(const Wish *a, const Wish *b)
{
    for (guint i = 0; i < a->excludes->len && i < b->excludes->len; i++) {
        int order = strcmp(g_ptr_array_index(a->excludes, i), g_ptr_array_index(b->excludes, i));
        if (order != 0)
            return order;
    }
    return (a->excludes->len > b->excludes->len) - (a->excludes->len < b->excludes->len);
}

/* Takes over WISH. SELECTION must not be "all" because a wish was all: that is the caller's. */
static void selection_add(Selection *selection, Wish *wish)
{
    guint at = 0;
    while (at < selection->wishes->len) {
        Wish *there = g_ptr_array_index(selection->wishes, at);
        int order = compare_excludes(there, wish);
        if (order == 0) {
            Wish *merged = wish_equal(there, wish) ? wish_ref(there) : wish_merge(there, wish);
            g_ptr_array_index(selection->wishes, at) = merged;
            wish_unref(there);
            wish_unref(wish);
            return;
        }
        if (order > 0)
            break;
        at++;
    }
    g_ptr_array_insert(selection->wishes, (int)at, wish);
}

/* One wish that takes all makes all of it. */
static Selection *selection_settled(Selection *selection)
{
    for (guint i = 0; i < selection->wishes->len; i++) {
        if (wish_is_all(g_ptr_array_index(selection->wishes, i))) {
            selection_free(selection);
            return selection_new_all();
        }
    }
    return selection;
}

Selection *selection_new(const char *const *includes, const char *const *excludes,
                         const char *const *files)
{
    Selection *selection = selection_new_all();
    selection_add(selection, wish_of(includes, excludes, files));
    return selection_settled(selection);
}

static gpointer share_wish(gconstpointer wish, gpointer data)
{
    return wish_ref((Wish *)(gpointer)wish);
}

Selection *selection_copy(const Selection *selection)
{
    if (!selection)
        return NULL;
    Selection *copy = g_new0(Selection, 1);
    copy->wishes = g_ptr_array_copy(selection->wishes, share_wish, NULL);
    g_ptr_array_set_free_func(copy->wishes, wish_unref);
    return copy;
}

void selection_free(Selection *selection)
{
    if (!selection)
        return;
    g_ptr_array_unref(selection->wishes);
    g_free(selection);
}

Selection *selection_union(const Selection *a, const Selection *b)
{
    if (selection_is_all(a) || selection_is_all(b))
        return selection_new_all();
    Selection *both = selection_copy(a);
    for (guint i = 0; i < b->wishes->len; i++)
        selection_add(both, wish_ref(g_ptr_array_index(b->wishes, i)));
    return selection_settled(both);
}

gboolean selection_is_all(const Selection *selection)
{
    return selection->wishes->len == 0;
}

gboolean selection_equal(const Selection *a, const Selection *b)
{
    if (a->wishes->len != b->wishes->len)
        return FALSE;
    for (guint i = 0; i < a->wishes->len; i++) {
        if (!wish_equal(g_ptr_array_index(a->wishes, i), g_ptr_array_index(b->wishes, i)))
            return FALSE;
    }
    return TRUE;
}

gboolean selection_takes(const Selection *selection, const char *path)
{
    for (guint i = 0; i < selection->wishes->len; i++) {
        if (wish_takes(g_ptr_array_index(selection->wishes, i), path))
            return TRUE;
    }
    return selection_is_all(selection);
}

gboolean selection_takes_member(const Selection *selection, const char *archive_path,
                                const char *path)
{
    for (guint i = 0; i < selection->wishes->len; i++) {
        const Wish *wish = g_ptr_array_index(selection->wishes, i);
        gboolean named = wish_names(wish, path) || wish_names(wish, archive_path);
        if (named && !any_matches(wish->excludes, path) &&
            !any_matches(wish->excludes, archive_path))
            return TRUE;
    }
    return selection_is_all(selection);
}

gboolean selection_may_take_members(const Selection *selection, const char *archive_path)
{
    if (selection_is_all(selection))
        return TRUE;
    const char *slash = strrchr(archive_path, '/');
    g_autofree char *folder =
        slash ? g_strndup(archive_path, (gsize)(slash + 1 - archive_path)) : g_strdup("");
    for (guint i = 0; i < selection->wishes->len; i++) {
        if (wish_may_take_below(g_ptr_array_index(selection->wishes, i), archive_path, folder))
            return TRUE;
    }
    return FALSE;
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

static void append_wish(GString *out, const Wish *wish)
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
    g_string_append_c(out, '}');
}

char *selection_to_json(const Selection *selection)
{
    if (selection_is_all(selection))
        return g_strdup("\"all\"");
    GString *out = g_string_new("[");
    for (guint i = 0; i < selection->wishes->len; i++) {
        if (i > 0)
            g_string_append_c(out, ',');
        append_wish(out, g_ptr_array_index(selection->wishes, i));
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
    return wish_of(includes ? (const char *const *)includes->pdata : NULL,
                   excludes ? (const char *const *)excludes->pdata : NULL,
                   files ? (const char *const *)files->pdata : NULL);
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
        selection_add(selection, wish);
    }
    return selection_settled(g_steal_pointer(&selection));
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
                              "include, exclude and files, each a list of strings."));
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
    if (selection_is_all(selection))
        return g_strdup(_("everything"));
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < selection->wishes->len; i++) {
        g_autofree char *options = wish_describe(g_ptr_array_index(selection->wishes, i));
        /* TRANSLATORS: between two sets of options, each of which was asked for. */
        g_string_append_printf(out, "%s%s", i > 0 ? _(" or ") : "", options);
    }
    return g_string_free(out, FALSE);
}

#include "selection_wish.h"

#include "uid_glob.h"

#include "relpath.h"

#include <fnmatch.h>
#include <string.h>

static Wish *wish_new(void)
{
    Wish *wish = g_new0(Wish, 1);
    g_atomic_ref_count_init(&wish->references);
    wish->includes = g_ptr_array_new_with_free_func(g_free);
    wish->excludes = g_ptr_array_new_with_free_func(g_free);
    wish->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    wish->folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    wish->terms = g_ptr_array_new_with_free_func((GDestroyNotify)where_term_unref);
    return wish;
}

Wish *wish_ref(Wish *wish)
{
    g_atomic_ref_count_inc(&wish->references);
    return wish;
}

void wish_unref(gpointer data)
{
    Wish *wish = data;
    if (!g_atomic_ref_count_dec(&wish->references))
        return;
    g_ptr_array_unref(wish->includes);
    g_ptr_array_unref(wish->excludes);
    g_hash_table_unref(wish->files);
    g_hash_table_unref(wish->folders);
    g_ptr_array_unref(wish->terms);
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

Wish *wish_copy(const Wish *wish)
{
    Wish *copy = wish_new();
    copy->takes_any = wish->takes_any;
    for (guint i = 0; i < wish->includes->len; i++)
        g_ptr_array_add(copy->includes, g_strdup(g_ptr_array_index(wish->includes, i)));
    for (guint i = 0; i < wish->excludes->len; i++)
        g_ptr_array_add(copy->excludes, g_strdup(g_ptr_array_index(wish->excludes, i)));
    GHashTableIter iter;
    gpointer path;
    g_hash_table_iter_init(&iter, wish->files);
    while (g_hash_table_iter_next(&iter, &path, NULL))
        wish_add_file(copy, path);
    for (guint i = 0; i < wish->terms->len; i++)
        g_ptr_array_add(copy->terms, where_term_ref(g_ptr_array_index(wish->terms, i)));
    return copy;
}

Wish *wish_of(const char *const *includes, const char *const *excludes, const char *const *files)
{
    Wish *wish = wish_new();
    add_texts(wish->includes, includes);
    add_texts(wish->excludes, excludes);
    for (const char *const *file = files; file && *file; file++)
        wish_add_file(wish, *file);
    wish->takes_any = wish->includes->len == 0 && !files;
    return wish;
}

gboolean wish_is_all(const Wish *wish)
{
    return wish->takes_any && wish->excludes->len == 0 && wish->terms->len == 0;
}

static int compare_terms(gconstpointer a, gconstpointer b)
{
    return where_term_compare(*(WhereTerm *const *)a, *(WhereTerm *const *)b);
}

void wish_add_term(Wish *wish, WhereTerm *term)
{
    for (guint i = 0; i < wish->terms->len; i++) {
        if (where_term_equal(g_ptr_array_index(wish->terms, i), term))
            return;
    }
    g_ptr_array_add(wish->terms, where_term_ref(term));
    g_ptr_array_sort(wish->terms, compare_terms);
}

static gboolean terms_equal(const Wish *a, const Wish *b)
{
    if (a->terms->len != b->terms->len)
        return FALSE;
    for (guint i = 0; i < a->terms->len; i++) {
        if (!where_term_equal(g_ptr_array_index(a->terms, i), g_ptr_array_index(b->terms, i)))
            return FALSE;
    }
    return TRUE;
}

Wish *wish_merge(const Wish *a, const Wish *b)
{
    Wish *merged = wish_new();
    for (guint i = 0; i < a->terms->len; i++)
        wish_add_term(merged, g_ptr_array_index(a->terms, i));
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

static gboolean wish_equal_but_terms(const Wish *a, const Wish *b)
{
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

gboolean wish_equal(const Wish *a, const Wish *b)
{
    return a == b || (wish_equal_but_terms(a, b) && terms_equal(a, b));
}

Wish *wish_merge_values(const Wish *a, const Wish *b)
{
    guint differs = G_MAXUINT;
    if (a->terms->len != b->terms->len || a->terms->len == 0 || !wish_equal_but_terms(a, b))
        return NULL;
    for (guint i = 0; i < a->terms->len; i++) {
        if (where_term_equal(g_ptr_array_index(a->terms, i), g_ptr_array_index(b->terms, i)))
            continue;
        if (differs != G_MAXUINT)
            return NULL;
        differs = i;
    }
    g_autoptr(WhereTerm) term = differs == G_MAXUINT
                                    ? NULL
                                    : where_term_merge(g_ptr_array_index(a->terms, differs),
                                                       g_ptr_array_index(b->terms, differs));
    if (!term)
        return NULL;
    Wish *merged = wish_copy(a);
    g_ptr_array_remove_index(merged->terms, differs);
    wish_add_term(merged, term);
    return merged;
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

gboolean wish_names(const Wish *wish, const char *path)
{
    return wish->takes_any || g_hash_table_contains(wish->files, path) ||
           any_matches(wish->includes, path);
}

gboolean wish_wants(const Wish *wish, const json_t *facts)
{
    for (guint i = 0; i < wish->terms->len; i++) {
        if (!where_term_matches(g_ptr_array_index(wish->terms, i), facts))
            return FALSE;
    }
    return TRUE;
}

gboolean wish_takes(const Wish *wish, const char *path, const json_t *facts)
{
    return wish_names(wish, path) && !any_matches(wish->excludes, path) && wish_wants(wish, facts);
}

gboolean wish_names_files(const Wish *wish)
{
    for (guint i = 0; i < wish->terms->len; i++) {
        if (where_term_names_files(g_ptr_array_index(wish->terms, i)))
            return TRUE;
    }
    return FALSE;
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

gboolean wish_may_take_below(const Wish *wish, const char *archive, const char *folder,
                             const json_t *facts)
{
    if (any_matches(wish->excludes, archive) || !wish_wants(wish, facts))
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

gboolean wish_may_take_images(const Wish *wish, const char *archive, const char *folder,
                              const json_t *facts)
{
    if (!wish_may_take_below(wish, archive, folder, facts))
        return FALSE;
    g_autofree char *name = g_strndup(folder, strlen(folder) - 1);
    if (wish_names(wish, archive) || g_hash_table_contains(wish->folders, name))
        return TRUE;
    for (guint i = 0; i < wish->includes->len; i++) {
        if (uid_glob_may_match(g_ptr_array_index(wish->includes, i), folder))
            return TRUE;
    }
    return FALSE;
}

gboolean wish_excludes(const Wish *wish, const char *path)
{
    return any_matches(wish->excludes, path);
}

#include "selection_wish.h"

#include "file_facts.h"

#include <string.h>

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

static int compare_wishes(const Wish *a, const Wish *b)
{
    int order = compare_excludes(a, b);
    for (guint i = 0; order == 0 && i < a->terms->len && i < b->terms->len; i++)
        order = where_term_compare(g_ptr_array_index(a->terms, i), g_ptr_array_index(b->terms, i));
    return order ? order : (a->terms->len > b->terms->len) - (a->terms->len < b->terms->len);
}

/* Takes over WISH; FALSE, and it is as before, where no wish that is there takes it in. */
static gboolean selection_add_values(Selection *selection, Wish *wish)
{
    for (guint i = 0; i < selection->wishes->len; i++) {
        Wish *there = g_ptr_array_index(selection->wishes, i);
        Wish *merged = wish_merge_values(there, wish);
        if (!merged)
            continue;
        g_ptr_array_remove_index(selection->wishes, i);
        wish_unref(wish);
        selection_add(selection, merged);
        return TRUE;
    }
    return FALSE;
}

void selection_add(Selection *selection, Wish *wish)
{
    guint at = 0;
    if (selection_add_values(selection, wish))
        return;
    while (at < selection->wishes->len) {
        Wish *there = g_ptr_array_index(selection->wishes, at);
        int order = compare_wishes(there, wish);
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

Selection *selection_settled(Selection *selection)
{
    gboolean has_all = FALSE;
    for (guint i = 0; i < selection->wishes->len && !has_all; i++)
        has_all = wish_is_all(g_ptr_array_index(selection->wishes, i));
    for (guint i = selection->wishes->len; has_all && i > 0; i--) {
        const Wish *wish = g_ptr_array_index(selection->wishes, i - 1);
        if (!wish_is_all(wish) && !wish_names_files(wish))
            g_ptr_array_remove_index(selection->wishes, i - 1);
    }
    if (has_all && selection->wishes->len == 1)
        g_ptr_array_set_size(selection->wishes, 0);
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

Selection *selection_narrow(const Selection *selection, const GPtrArray *terms)
{
    g_autoptr(Selection) narrowed = selection_new_all();
    if (!terms || terms->len == 0)
        return selection_copy(selection);
    g_autoptr(GPtrArray) wishes = g_ptr_array_copy(selection->wishes, share_wish, NULL);
    g_ptr_array_set_free_func(wishes, wish_unref);
    if (wishes->len == 0)
        g_ptr_array_add(wishes, wish_of(NULL, NULL, NULL));
    for (guint i = 0; i < wishes->len; i++) {
        Wish *narrow = wish_copy(g_ptr_array_index(wishes, i));
        for (guint k = 0; k < terms->len; k++)
            wish_add_term(narrow, g_ptr_array_index(terms, k));
        selection_add(narrowed, narrow);
    }
    return selection_settled(g_steal_pointer(&narrowed));
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
    Selection *both = selection_copy(a);
    for (guint i = 0; i < b->wishes->len; i++)
        selection_add(both, wish_ref(g_ptr_array_index(b->wishes, i)));
    if (a->wishes->len == 0 || b->wishes->len == 0)
        selection_add(both, wish_of(NULL, NULL, NULL));
    return selection_settled(both);
}

gboolean selection_is_all(const Selection *selection)
{
    for (guint i = 0; i < selection->wishes->len; i++) {
        if (wish_is_all(g_ptr_array_index(selection->wishes, i)))
            return TRUE;
    }
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

gboolean selection_takes(const Selection *selection, const char *path, const json_t *facts)
{
    for (guint i = 0; i < selection->wishes->len; i++) {
        if (wish_takes(g_ptr_array_index(selection->wishes, i), path, facts))
            return TRUE;
    }
    return selection->wishes->len == 0;
}

static const char *fact_or_empty(const json_t *facts, const char *key)
{
    const char *value = file_facts_get(facts, key);
    return value ? value : "";
}

gboolean selection_asks_for(const Selection *selection, const char *path, const json_t *facts)
{
    /* Others' results lie in the folders of what they are about: a pattern does not ask for them.
     */
    gboolean by_others = g_ascii_strcasecmp(fact_or_empty(facts, "ThirdPartyAnalysis"), "YES") == 0;
    for (guint i = 0; i < selection->wishes->len; i++) {
        const Wish *wish = g_ptr_array_index(selection->wishes, i);
        gboolean asks = wish_names_files(wish) || g_hash_table_contains(wish->files, path) ||
                        (!by_others && !wish->takes_any);
        if (asks && wish_takes(wish, path, facts))
            return TRUE;
    }
    return FALSE;
}

gboolean selection_each_key(const Selection *selection,
                            gboolean (*func)(const char *key, gpointer data), gpointer data)
{
    for (guint i = 0; i < selection->wishes->len; i++) {
        const Wish *wish = g_ptr_array_index(selection->wishes, i);
        for (guint k = 0; k < wish->terms->len; k++) {
            if (!func(where_term_key(g_ptr_array_index(wish->terms, k)), data))
                return FALSE;
        }
    }
    return TRUE;
}

gboolean selection_wants_facts(const Selection *selection, const json_t *facts)
{
    for (guint i = 0; i < selection->wishes->len; i++) {
        if (wish_wants(g_ptr_array_index(selection->wishes, i), facts))
            return TRUE;
    }
    return selection->wishes->len == 0;
}

Selection *selection_without_terms(const Selection *selection)
{
    g_autoptr(Selection) plain = selection_new_all();
    if (selection->wishes->len == 0)
        return g_steal_pointer(&plain);
    for (guint i = 0; i < selection->wishes->len; i++) {
        Wish *wish = wish_copy(g_ptr_array_index(selection->wishes, i));
        g_ptr_array_set_size(wish->terms, 0);
        selection_add(plain, wish);
    }
    return selection_settled(g_steal_pointer(&plain));
}

static gboolean stop(const char *key, gpointer data)
{
    return FALSE;
}

gboolean selection_looks_at_facts(const Selection *selection)
{
    return !selection_each_key(selection, stop, NULL);
}

gboolean selection_takes_member(const Selection *selection, const char *archive_path,
                                const char *path, const json_t *facts)
{
    for (guint i = 0; i < selection->wishes->len; i++) {
        const Wish *wish = g_ptr_array_index(selection->wishes, i);
        gboolean named = wish_names(wish, path) || wish_names(wish, archive_path);
        if (named && !wish_excludes(wish, path) && !wish_excludes(wish, archive_path) &&
            wish_wants(wish, facts))
            return TRUE;
    }
    return selection->wishes->len == 0;
}

gboolean selection_may_take_members(const Selection *selection, const char *archive_path,
                                    const json_t *facts)
{
    if (selection->wishes->len == 0)
        return TRUE;
    const char *slash = strrchr(archive_path, '/');
    g_autofree char *folder =
        slash ? g_strndup(archive_path, (gsize)(slash + 1 - archive_path)) : g_strdup("");
    for (guint i = 0; i < selection->wishes->len; i++) {
        if (wish_may_take_below(g_ptr_array_index(selection->wishes, i), archive_path, folder,
                                facts))
            return TRUE;
    }
    return FALSE;
}

gboolean selection_may_take_images(const Selection *selection, const char *archive_path,
                                   const char *folder, const json_t *facts)
{
    for (guint i = 0; i < selection->wishes->len; i++) {
        if (wish_may_take_images(g_ptr_array_index(selection->wishes, i), archive_path, folder,
                                 facts))
            return TRUE;
    }
    return selection->wishes->len == 0;
}

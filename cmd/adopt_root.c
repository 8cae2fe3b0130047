#include "adopt_root.h"

#include <string.h>

#define SAMPLE_MOST 512
/* Folders that are counted: a sample's name may be in every folder there is. */
#define ROOTS_MOST 4096

struct RootFinder {
    GPtrArray *sample;   /* char* */
    GHashTable *by_name; /* last part -> GArray of guint, indexes of the sample; made by the first
                            root_finder_see() */
    GHashTable *roots;   /* folder -> count */
    guint64 expected;
    guint32 state; /* of the generator */
};

RootFinder *root_finder_new(void)
{
    RootFinder *finder = g_new0(RootFinder, 1);
    finder->sample = g_ptr_array_new_with_free_func(g_free);
    finder->roots = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    finder->state = 2463534242U;
    return finder;
}

void root_finder_free(RootFinder *finder)
{
    if (finder) {
        g_ptr_array_unref(finder->sample);
        g_clear_pointer(&finder->by_name, g_hash_table_unref);
        g_hash_table_unref(finder->roots);
        g_free(finder);
    }
}

/* xorshift: the sample must be the same every time. */
static guint32 next_number(RootFinder *finder)
{
    finder->state ^= finder->state << 13;
    finder->state ^= finder->state >> 17;
    finder->state ^= finder->state << 5;
    return finder->state;
}

void root_finder_expect(RootFinder *finder, const char *path)
{
    finder->expected++;
    if (finder->sample->len < SAMPLE_MOST) {
        g_ptr_array_add(finder->sample, g_strdup(path));
        return;
    }
    /* Each path stays with the same chance (reservoir sampling). */
    guint64 at = next_number(finder) % finder->expected;
    if (at < SAMPLE_MOST) {
        g_free(finder->sample->pdata[at]);
        finder->sample->pdata[at] = g_strdup(path);
    }
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void index_sample(RootFinder *finder)
{
    finder->by_name =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_array_unref);
    for (guint i = 0; i < finder->sample->len; i++) {
        const char *name = last_part(g_ptr_array_index(finder->sample, i));
        GArray *at = g_hash_table_lookup(finder->by_name, name);
        if (!at) {
            at = g_array_new(FALSE, FALSE, sizeof(guint));
            g_hash_table_insert(finder->by_name, (gpointer)name, at);
        }
        g_array_append_val(at, i);
    }
}

static void count_root(RootFinder *finder, const char *path, gsize length)
{
    g_autofree char *root = g_strndup(path, length);
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(finder->roots, root));
    if (count || g_hash_table_size(finder->roots) < ROOTS_MOST) {
        g_hash_table_replace(finder->roots, g_steal_pointer(&root), GUINT_TO_POINTER(count + 1));
    }
}

void root_finder_see(RootFinder *finder, const char *path)
{
    if (!finder->by_name) {
        index_sample(finder);
    }
    const GArray *at = g_hash_table_lookup(finder->by_name, last_part(path));
    gsize length = strlen(path);
    for (guint i = 0; at && i < at->len; i++) {
        const char *wanted = g_ptr_array_index(finder->sample, g_array_index(at, guint, i));
        gsize most = strlen(wanted);
        if (most == length && strcmp(wanted, path) == 0) {
            count_root(finder, "", 0);
        } else if (most < length && path[length - most - 1] == '/' &&
                   strcmp(path + length - most, wanted) == 0) {
            count_root(finder, path, length - most - 1);
        }
    }
}

static guint depth_of(const char *folder)
{
    guint depth = *folder ? 1 : 0;
    for (const char *at = folder; *at; at++) {
        depth += *at == '/';
    }
    return depth;
}

char *root_finder_best(const RootFinder *finder)
{
    const char *best = NULL;
    guint most = 0;
    GHashTableIter iter;
    gpointer folder, count;
    g_hash_table_iter_init(&iter, finder->roots);
    while (g_hash_table_iter_next(&iter, &folder, &count)) {
        guint now = GPOINTER_TO_UINT(count);
        guint deep = best ? depth_of(best) : 0, here = depth_of(folder);
        if (now > most ||
            (best && now == most && (here < deep || (here == deep && strcmp(folder, best) < 0)))) {
            best = folder;
            most = now;
        }
    }
    return g_strdup(best);
}

#include "lock_choice.h"

struct LockChoice {
    const Selection *selection;
    Selection *paths; /* the same, without where-terms */
    gboolean looks_at_facts, is_sorted;
    GArray *wanted; /* guint64: hashes of the paths of downloads whose facts are as asked */
    GPtrArray *keys;
};

LockChoice *lock_choice_new(const Selection *selection)
{
    LockChoice *choice = g_new0(LockChoice, 1);
    choice->selection = selection;
    choice->paths = selection_without_terms(selection);
    choice->looks_at_facts = selection_looks_at_facts(selection);
    choice->wanted = g_array_new(FALSE, FALSE, sizeof(guint64));
    choice->keys = g_ptr_array_new_with_free_func(g_free);
    return choice;
}

void lock_choice_free(LockChoice *choice)
{
    if (choice) {
        selection_free(choice->paths);
        g_array_unref(choice->wanted);
        g_ptr_array_unref(choice->keys);
        g_free(choice);
    }
}

/* FNV-1a of 64 bits: two of a million paths are alike with a chance of one to thirty million. */
static guint64 hash_path(const char *path)
{
    guint64 hash = G_GUINT64_CONSTANT(0xcbf29ce484222325);
    for (; *path; path++) {
        hash = (hash ^ (guint8)*path) * G_GUINT64_CONSTANT(0x100000001b3);
    }
    return hash;
}

static gboolean equal_texts(gconstpointer a, gconstpointer b)
{
    return g_str_equal(a, b);
}

void lock_choice_add(LockChoice *choice, const LockDownload *download)
{
    const char *key;
    json_t *value;
    if (!choice->looks_at_facts) {
        return;
    }
    json_object_foreach(download->facts, key, value)
    {
        if (!g_ptr_array_find_with_equal_func(choice->keys, key, equal_texts, NULL)) {
            g_ptr_array_add(choice->keys, g_strdup(key));
        }
    }
    if (selection_wants_facts(choice->selection, download->facts)) {
        guint64 hash = hash_path(download->path);
        g_array_append_val(choice->wanted, hash);
        choice->is_sorted = FALSE;
    }
}

static gint compare_hashes(gconstpointer a, gconstpointer b)
{
    guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;
    return (x > y) - (x < y);
}

static gboolean is_wanted(LockChoice *choice, const char *path)
{
    guint64 hash = hash_path(path);
    if (!choice->is_sorted) {
        g_array_sort(choice->wanted, compare_hashes);
        choice->is_sorted = TRUE;
    }
    return g_array_binary_search(choice->wanted, &hash, compare_hashes, NULL);
}

gboolean lock_choice_takes(LockChoice *choice, const LockFile *file)
{
    gboolean named = file->archive
                         ? selection_takes_member(choice->paths, file->archive, file->path, NULL)
                         : selection_takes(choice->paths, file->path, NULL);
    return named && (!choice->looks_at_facts ||
                     is_wanted(choice, file->archive ? file->archive : file->path));
}

const GPtrArray *lock_choice_keys(const LockChoice *choice)
{
    return choice->keys;
}

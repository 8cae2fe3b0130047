#include "job_sweep.h"

#include "tree_writer.h"
#include "verifier.h"

typedef struct {
    Spool *spool;
    GPtrArray *strays; /* a batch: the tree must not change under the walk */
} Sweep;

#define BATCH 10000

static gboolean on_file(const char *path, guint64 size, gboolean is_link, gpointer data,
                        GError **error)
{
    Sweep *sweep = data;
    if (!g_str_has_suffix(path, "/") && !spool_has_staged(sweep->spool, path)) {
        g_ptr_array_add(sweep->strays, g_strdup(path));
    }
    return sweep->strays->len < BATCH;
}

gboolean job_sweep(Stage *stage, GError **error)
{
    for (;;) {
        g_autoptr(GPtrArray) strays = g_ptr_array_new_with_free_func(g_free);
        Sweep sweep = {.spool = stage_spool(stage), .strays = strays};
        g_autoptr(GError) failure = NULL;
        if (!tree_walk(stage_tree_fd(stage), on_file, &sweep, &failure) && failure) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        for (guint i = 0; i < strays->len; i++) {
            if (!tree_remove_file(stage_tree_fd(stage), g_ptr_array_index(strays, i), error)) {
                return FALSE;
            }
            tree_remove_empty_folders(stage_tree_fd(stage), g_ptr_array_index(strays, i));
        }
        if (strays->len < BATCH) {
            return TRUE;
        }
    }
}

/*
 * A person's folders, all below one of the test's own. G_TEST_OPTION_ISOLATE_DIRS would do this for
 * each case, but leaks what it sets, which the leak sanitizer takes for ours.
 */
#pragma once

#include "scratch.h"

/* Before g_test_init() and before anything asks for a folder. Owned: for own_folders_end(). */
static inline char *own_folders_begin(void)
{
    static const char *const names[] = {
        "XDG_CONFIG_HOME", "XDG_DATA_HOME",   "XDG_CACHE_HOME", "XDG_STATE_HOME",
        "XDG_RUNTIME_DIR", "XDG_CONFIG_DIRS", "XDG_DATA_DIRS",  "HOME"};
    g_autoptr(GError) error = NULL;
    char *top = g_dir_make_tmp("medmirror-XXXXXX", &error);
    g_assert_no_error(error);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *folder = g_build_filename(top, names[i], NULL);
        g_setenv(names[i], folder, TRUE);
    }
    return top;
}

/* Removes the folders and frees TOP; STATUS, for main() to return. */
static inline int own_folders_end(char *top, int status)
{
    scratch_remove(top);
    return status;
}

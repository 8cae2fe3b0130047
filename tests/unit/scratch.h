/* A folder of the test's own below the temporary one. */
#pragma once

#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "tree_writer.h"

/* Removes PATH (absolute) and all below it; frees it. */
static inline void scratch_remove(char *path)
{
    char *slash = strrchr(path, '/');
    *slash = '\0';
    int above = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(above, >=, 0);
    g_autoptr(GError) error = NULL;
    g_assert_true(tree_remove_all(above, slash + 1, &error));
    g_assert_no_error(error);
    close(above);
    g_free(path);
}

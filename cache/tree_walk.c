#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "folder_names.h"
#include "verdict.h"
#include "verifier.h"

typedef struct {
    gboolean (*func)(const char *path, guint64 size, gboolean is_link, gpointer data,
                     GError **error);
    gpointer data;
    GError **error;
    GString *path;
} Walk;

static gboolean walk_folder(Walk *walk, int parent_fd, const char *name, gsize room, guint depth);

/* The walk's path is the entry's. */
static gboolean walk_entry(Walk *walk, int folder_fd, const char *name, gsize room, guint depth)
{
    struct stat st;

    if (g_str_has_suffix(name, "/")) {
        g_autofree char *plain = g_strndup(name, strlen(name) - 1);
        return walk_folder(walk, folder_fd, plain, room, depth);
    }
    if (fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT /* gone meanwhile */ ||
               walk->func(walk->path->str, SIZE_UNKNOWN, FALSE, walk->data, walk->error);
    return walk->func(walk->path->str, S_ISREG(st.st_mode) ? (guint64)st.st_size : 0,
                      S_ISLNK(st.st_mode), walk->data, walk->error);
}

static gboolean walk_names(Walk *walk, FolderNames *names, gsize room, guint depth)
{
    gsize length = walk->path->len;
    int folder_fd = dirfd(names->dir);

    do {
        if (!folder_names_read(names))
            return walk->func(length ? walk->path->str : "/", SIZE_UNKNOWN, FALSE, walk->data,
                              walk->error);
        gsize used = folder_names_used(names);
        gsize left = room > used ? room - used : 0;
        for (guint i = 0; i < names->offsets->len; i++) {
            g_string_append(walk->path, folder_names_at(names, i));
            gboolean go_on = walk_entry(walk, folder_fd, folder_names_at(names, i), left, depth);
            g_string_truncate(walk->path, length);
            if (!go_on)
                return FALSE;
        }
    } while (folder_names_advance(names));
    return TRUE;
}

/* The walk's path is the folder's, with '/' at its end. */
static gboolean walk_folder(Walk *walk, int parent_fd, const char *name, gsize room, guint depth)
{
    FolderNames names;
    gboolean too_deep = depth > FOLDER_DEPTH_MOST;

    if (too_deep || !folder_names_open(&names, parent_fd, name, room))
        return (!too_deep && errno == ENOENT) || /* gone meanwhile */
               walk->func(walk->path->len ? walk->path->str : "/", SIZE_UNKNOWN, FALSE, walk->data,
                          walk->error);
    gboolean go_on = walk_names(walk, &names, room, depth + 1);
    folder_names_close(&names);
    return go_on;
}

gboolean tree_walk_within(int tree_fd, gsize names_bytes,
                          gboolean (*func)(const char *path, guint64 size, gboolean is_link,
                                           gpointer data, GError **error),
                          gpointer data, GError **error)
{
    g_autoptr(GString) path = g_string_new(NULL);
    Walk walk = {.func = func, .data = data, .error = error, .path = path};

    return walk_folder(&walk, tree_fd, ".", names_bytes, 0);
}

gboolean tree_walk(int tree_fd,
                   gboolean (*func)(const char *path, guint64 size, gboolean is_link, gpointer data,
                                    GError **error),
                   gpointer data, GError **error)
{
    return tree_walk_within(tree_fd, FOLDER_NAMES_BYTES, func, data, error);
}

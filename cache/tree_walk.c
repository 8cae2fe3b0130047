#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verdict.h"
#include "verifier.h"

#define MOST_DEPTH 256
#define NAMES_BYTES ((gsize)24 * 1024 * 1024)
#define NAMES_LEAST_BYTES ((gsize)256 * 1024)

typedef struct {
    gboolean (*func)(const char *path, guint64 size, gboolean is_link, gpointer data,
                     GError **error);
    gpointer data;
    GError **error;
    GString *path;
} Walk;

/* The names of one folder, sorted. A folder's name ends with '/', so that names sort as the paths
 * below them do: "a-b/" before "a/", though "a" is before "a-b". */
typedef struct {
    DIR *dir;
    GByteArray *arena; /* the names, NUL behind each */
    GArray *offsets;   /* guint32 into the arena */
    gsize most;        /* bytes for both */
    char *floor;       /* up to here all was walked; NULL: nothing yet */
    char *ceiling;     /* from here on names are left for a further reading; NULL: none */
} Names;

static const char *name_at(const Names *names, guint index)
{
    return (const char *)names->arena->data + g_array_index(names->offsets, guint32, index);
}

static int compare_names(const void *a, const void *b, void *data)
{
    const char *arena = data;

    return strcmp(arena + *(const guint32 *)a, arena + *(const guint32 *)b);
}

static void names_sort(Names *names)
{
    if (names->offsets->len > 1)
        qsort_r(names->offsets->data, names->offsets->len, sizeof(guint32), compare_names,
                names->arena->data);
}

static void names_append(Names *names, const char *name)
{
    guint32 offset = names->arena->len;

    g_byte_array_append(names->arena, (const guint8 *)name, (guint)strlen(name) + 1);
    g_array_append_val(names->offsets, offset);
}

/* Too many for the room there is: the greatest quarter is left for a further reading. */
static void names_shrink(Names *names)
{
    g_autoptr(GByteArray) arena = names->arena;
    g_autoptr(GArray) offsets = names->offsets;

    names_sort(names);
    guint keep = MAX(offsets->len / 4 * 3, 1);
    g_free(names->ceiling);
    names->ceiling = g_strdup(name_at(names, keep));
    names->arena = g_byte_array_sized_new(arena->len);
    names->offsets = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint i = 0; i < keep; i++)
        names_append(names, (const char *)arena->data + g_array_index(offsets, guint32, i));
}

static gboolean is_folder(DIR *dir, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Reads the names above the floor, as many of the least as there is room for. FALSE: the folder
 * cannot be read. */
static gboolean names_read(Names *names)
{
    char name[sizeof(((struct dirent *)NULL)->d_name) + 1];
    const struct dirent *entry;

    g_clear_pointer(&names->ceiling, g_free);
    g_byte_array_set_size(names->arena, 0);
    g_array_set_size(names->offsets, 0);
    rewinddir(names->dir);
    while (errno = 0, (entry = readdir(names->dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        g_strlcpy(name, entry->d_name, sizeof name);
        if (is_folder(names->dir, entry))
            g_strlcat(name, "/", sizeof name);
        if ((names->floor && strcmp(name, names->floor) <= 0) ||
            (names->ceiling && strcmp(name, names->ceiling) >= 0))
            continue;
        names_append(names, name);
        if (names->offsets->len > 1 &&
            names->arena->len + names->offsets->len * sizeof(guint32) > names->most)
            names_shrink(names);
    }
    int failed = errno;
    names_sort(names);
    return failed == 0;
}

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

static gboolean walk_names(Walk *walk, Names *names, gsize room, guint depth)
{
    gsize length = walk->path->len;
    int folder_fd = dirfd(names->dir);

    do {
        if (!names_read(names))
            return walk->func(length ? walk->path->str : "/", SIZE_UNKNOWN, FALSE, walk->data,
                              walk->error);
        gsize used = names->arena->len + names->offsets->len * sizeof(guint32);
        gsize left = room > used ? room - used : 0;
        for (guint i = 0; i < names->offsets->len; i++) {
            g_string_append(walk->path, name_at(names, i));
            gboolean go_on = walk_entry(walk, folder_fd, name_at(names, i), left, depth);
            g_string_truncate(walk->path, length);
            if (!go_on)
                return FALSE;
        }
        if (names->ceiling && names->offsets->len > 0) {
            g_free(names->floor);
            names->floor = g_strdup(name_at(names, names->offsets->len - 1));
        }
    } while (names->ceiling);
    return TRUE;
}

/* The walk's path is the folder's, with '/' at its end; ROOM: bytes for its names and those of the
 * folders below it. */
static gboolean walk_folder(Walk *walk, int parent_fd, const char *name, gsize room, guint depth)
{
    int fd = depth > MOST_DEPTH
                 ? -1
                 : TEMP_FAILURE_RETRY(
                       openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        gboolean gone = fd < 0 && depth <= MOST_DEPTH && errno == ENOENT;
        if (fd >= 0)
            close(fd);
        return gone || walk->func(walk->path->len ? walk->path->str : "/", SIZE_UNKNOWN, FALSE,
                                  walk->data, walk->error);
    }
    Names names = {
        .dir = dir,
        .arena = g_byte_array_new(),
        .offsets = g_array_new(FALSE, FALSE, sizeof(guint32)),
        .most = MAX(room / 4 * 3, NAMES_LEAST_BYTES),
    };
    gboolean go_on = walk_names(walk, &names, room, depth + 1);
    g_byte_array_unref(names.arena);
    g_array_unref(names.offsets);
    g_free(names.floor);
    g_free(names.ceiling);
    closedir(dir);
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
    return tree_walk_within(tree_fd, NAMES_BYTES, func, data, error);
}

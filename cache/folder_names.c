#include "folder_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEAST_BYTES ((gsize)256 * 1024)

static int compare_names(const void *a, const void *b, void *data)
{
    const char *arena = data;

    return strcmp(arena + *(const guint32 *)a, arena + *(const guint32 *)b);
}

static void names_sort(FolderNames *names)
{
    if (names->offsets->len > 1)
        qsort_r(names->offsets->data, names->offsets->len, sizeof(guint32), compare_names,
                names->arena->data);
}

static void names_append(FolderNames *names, const char *name, gsize length)
{
    guint32 offset = names->arena->len;

    g_byte_array_append(names->arena, (const guint8 *)name, (guint)length + 1);
    g_array_append_val(names->offsets, offset);
}

/* Too many for the room there is: the greatest quarter is left for a further reading. */
static void names_shrink(FolderNames *names)
{
    g_autoptr(GByteArray) arena = names->arena;
    g_autoptr(GArray) offsets = names->offsets;

    names_sort(names);
    guint keep = MAX(offsets->len / 4 * 3, 1);
    g_free(names->ceiling);
    names->ceiling = g_strdup(folder_names_at(names, keep));
    names->arena = g_byte_array_sized_new(arena->len);
    names->offsets = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint i = 0; i < keep; i++) {
        const char *name = (const char *)arena->data + g_array_index(offsets, guint32, i);
        names_append(names, name, strlen(name));
    }
}

static gboolean is_folder(DIR *dir, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

gboolean folder_names_open(FolderNames *names, int parent_fd, const char *name, gsize room)
{
    int fd = TEMP_FAILURE_RETRY(
        openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        int saved = errno;
        if (fd >= 0)
            close(fd);
        errno = saved;
        return FALSE;
    }
    *names = (FolderNames){
        .dir = dir,
        .arena = g_byte_array_new(),
        .offsets = g_array_new(FALSE, FALSE, sizeof(guint32)),
        .most = MAX(room / 4 * 3, LEAST_BYTES),
    };
    return TRUE;
}

void folder_names_close(FolderNames *names)
{
    g_byte_array_unref(names->arena);
    g_array_unref(names->offsets);
    g_free(names->floor);
    g_free(names->ceiling);
    closedir(names->dir);
}

gsize folder_names_used(const FolderNames *names)
{
    return names->arena->len + names->offsets->len * sizeof(guint32);
}

gboolean folder_names_read(FolderNames *names)
{
    char name[sizeof(((struct dirent *)NULL)->d_name) + 1];
    const struct dirent *entry;

    g_clear_pointer(&names->ceiling, g_free);
    g_byte_array_set_size(names->arena, 0);
    g_array_set_size(names->offsets, 0);
    if (names->floor)
        rewinddir(names->dir);
    while (errno = 0, (entry = readdir(names->dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        gsize length = strlen(entry->d_name);
        memcpy(name, entry->d_name, length + 1);
        if (is_folder(names->dir, entry)) {
            name[length++] = '/';
            name[length] = '\0';
        }
        if ((names->floor && strcmp(name, names->floor) <= 0) ||
            (names->ceiling && strcmp(name, names->ceiling) >= 0))
            continue;
        names_append(names, name, length);
        if (names->offsets->len > 1 && folder_names_used(names) > names->most)
            names_shrink(names);
    }
    int failed = errno;
    names_sort(names);
    errno = failed;
    return failed == 0;
}

gboolean folder_names_advance(FolderNames *names)
{
    if (!names->ceiling)
        return FALSE;
    if (names->offsets->len > 0) {
        g_free(names->floor);
        names->floor = g_strdup(folder_names_at(names, names->offsets->len - 1));
    }
    return TRUE;
}

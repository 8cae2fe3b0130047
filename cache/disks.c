#include "disks.h"

#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

char *file_system_type(int fd)
{
    struct stat here;
    FILE *mounts = fstat(fd, &here) == 0 ? fopen("/proc/self/mountinfo", "re") : NULL;
    char *line = NULL;
    size_t size = 0;
    char *type = NULL;
    /* proc(5): ID PARENT MAJOR:MINOR ROOT MOUNT OPTIONS [...] - TYPE SOURCE OPTIONS; the last mount
     * of a device is as good as any. */
    while (mounts != NULL && getline(&line, &size, mounts) > 0) {
        guint major_number, minor_number;
        const char *dash = strstr(line, " - ");
        if (dash != NULL && sscanf(line, "%*u %*u %u:%u", &major_number, &minor_number) == 2 &&
            makedev(major_number, minor_number) == here.st_dev) {
            g_free(type);
            type = g_strndup(dash + 3, strcspn(dash + 3, " \n"));
        }
    }
    free(line);
    if (mounts != NULL)
        fclose(mounts);
    return type;
}

void disk_room_free(DiskRoom *room)
{
    if (room == NULL)
        return;
    g_free(room->folder);
    g_free(room);
}

static gboolean is_for_data(const struct mntent *mount)
{
    static const char *const memory[] = {"tmpfs",    "devtmpfs", "ramfs",
                                         "squashfs", "overlay",  "iso9660"};
    static const char *const places[] = {"/proc", "/sys", "/dev", "/run", "/boot", "/snap", "/tmp"};
    for (guint i = 0; i < G_N_ELEMENTS(memory); i++) {
        /* A container's root is an overlay, and often all that there is. */
        if (strcmp(mount->mnt_type, memory[i]) == 0 && strcmp(mount->mnt_dir, "/") != 0)
            return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        gsize length = strlen(places[i]);
        if (strncmp(mount->mnt_dir, places[i], length) == 0 &&
            (mount->mnt_dir[length] == '\0' || mount->mnt_dir[length] == '/'))
            return FALSE;
    }
    return hasmntopt(mount, "ro") == NULL;
}

/* A folder of the disk DEVICE that this user may write: one of the user's own name, the disk's top,
 * or the home folder. Owned; NULL. */
static char *find_folder(const char *top, dev_t device)
{
    char *candidates[] = {g_build_filename(top, g_get_user_name(), NULL), g_strdup(top),
                          g_strdup(g_get_home_dir())};
    char *found = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(candidates); i++) {
        struct stat folder;
        gboolean fits = found == NULL && stat(candidates[i], &folder) == 0 &&
                        S_ISDIR(folder.st_mode) && folder.st_dev == device &&
                        access(candidates[i], W_OK | X_OK) == 0 && strcmp(candidates[i], "/") != 0;
        if (fits)
            found = g_strdup(candidates[i]);
        g_free(candidates[i]);
    }
    return found;
}

static gint compare(gconstpointer first, gconstpointer second)
{
    const DiskRoom *a = *(DiskRoom *const *)first, *b = *(DiskRoom *const *)second;
    return a->bytes > b->bytes ? -1 : a->bytes < b->bytes;
}

GPtrArray *disks_with_room(guint64 least, guint most)
{
    GPtrArray *rooms = g_ptr_array_new_with_free_func((GDestroyNotify)disk_room_free);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_direct_hash, g_direct_equal);
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    struct mntent mount;
    char buffer[8192];
    while (mounts != NULL && getmntent_r(mounts, &mount, buffer, sizeof buffer) != NULL) {
        struct stat top;
        struct statvfs space;
        if (!is_for_data(&mount) || stat(mount.mnt_dir, &top) != 0 || !S_ISDIR(top.st_mode) ||
            statvfs(mount.mnt_dir, &space) != 0)
            continue;
        guint64 bytes = (guint64)space.f_bavail * space.f_frsize;
        char *folder =
            bytes < least || g_hash_table_contains(seen, GSIZE_TO_POINTER((gsize)top.st_dev))
                ? NULL
                : find_folder(mount.mnt_dir, top.st_dev);
        if (folder == NULL)
            continue;
        g_hash_table_add(seen, GSIZE_TO_POINTER((gsize)top.st_dev));
        DiskRoom *room = g_new0(DiskRoom, 1);
        room->folder = folder;
        room->bytes = bytes;
        g_ptr_array_add(rooms, room);
    }
    if (mounts != NULL)
        endmntent(mounts);
    g_ptr_array_sort(rooms, compare);
    if (rooms->len > most)
        g_ptr_array_set_size(rooms, (gint)most);
    return rooms;
}

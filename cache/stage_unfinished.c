#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable.h"
#include "error.h"
#include "i18n.h"
#include "owner_file.h"
#include "stage_private.h"
#include "tree_writer.h"
#include "verifier.h"

void unfinished_info_free(UnfinishedInfo *info)
{
    if (info == NULL)
        return;
    g_free(info->folder);
    g_free(info->ref);
    g_free(info->version);
    g_free(info->options);
    g_free(info->stopped);
    g_free(info->reason);
    g_free(info->adopting);
    g_free(info);
}

typedef struct {
    int fd;
    guint64 files, bytes;
    gint64 newest; /* change of any file, seconds */
} Space;

static gboolean add_space(const char *path, guint64 size, gboolean is_link, gpointer data,
                          GError **error)
{
    Space *space = data;
    struct stat now;
    if (size == SIZE_UNKNOWN || fstatat(space->fd, path, &now, AT_SYMLINK_NOFOLLOW) != 0)
        return TRUE;
    space->files++;
    /* A partial file has holes where nothing has arrived yet. */
    space->bytes += MIN(size, (guint64)now.st_blocks * 512);
    space->newest = MAX(space->newest, (gint64)now.st_mtim.tv_sec);
    return TRUE;
}

static void measure(Mirror *mirror, const char *path, Space *space)
{
    space->fd = mirror_private_fd(mirror) < 0
                    ? -1
                    : tree_open_folder(mirror_private_fd(mirror), path, FALSE, 0, NULL);
    if (space->fd < 0)
        return;
    tree_walk(space->fd, add_space, space, NULL);
    close(space->fd);
}

void stage_space(Mirror *mirror, guint64 *partial, guint64 *stage, guint64 *evidence)
{
    const struct {
        const char *name;
        guint64 *bytes;
    } places[] = {{"partial", partial}, {"stage", stage}, {"evidence", evidence}};
    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        Space space = {0};
        measure(mirror, places[i].name, &space);
        *places[i].bytes = space.bytes;
    }
}

static gboolean is_worked_on(Mirror *mirror, const char *key)
{
    OwnerInfo *info = NULL;
    g_autofree char *name = g_strconcat(key, ".json", NULL);
    int fd = openat(mirror_private_fd(mirror), "owners", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean lives = fd >= 0 && owner_file_judge(fd, name, FALSE, &info) == OWNER_LIVES;
    if (fd >= 0)
        close(fd);
    owner_info_free(info);
    return lives;
}

static guint64 get_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? (guint64)json_integer_value(value) : SIZE_UNKNOWN;
}

/* NULL where nothing was begun. */
static UnfinishedInfo *read_note(int stages, const char *key)
{
    g_autofree char *name = g_strdup_printf("%s/" STAGE_NOTE, key);
    g_autofree char *text = small_file_read(stages, name, 1 << 20, NULL, NULL);
    json_t *object = text == NULL ? NULL : json_loads(text, 0, NULL);
    UnfinishedInfo *info = NULL;
    if (json_is_string(json_object_get(object, "folder"))) {
        info = g_new0(UnfinishedInfo, 1);
        info->folder = g_strdup(json_string_value(json_object_get(object, "folder")));
        info->ref = g_strdup(json_string_value(json_object_get(object, "ref")));
        info->version = g_strdup(json_string_value(json_object_get(object, "version")));
        info->options = g_strdup(json_string_value(json_object_get(object, "options")));
        info->reason = g_strdup(json_string_value(json_object_get(object, "reason")));
        info->adopting = g_strdup(json_string_value(json_object_get(object, "adopting")));
        info->wanted_bytes = get_number(object, "wanted_bytes");
        info->wanted_files = get_number(object, "wanted_files");
    }
    json_decref(object);
    return info;
}

static void measure_held(Mirror *mirror, const char *key, UnfinishedInfo *info)
{
    g_autofree char *tree = g_strdup_printf("stage/%s/tree", key);
    g_autofree char *partial = g_strdup_printf("partial/%s", key);
    g_autofree char *note = g_strdup_printf("stage/%s/" STAGE_NOTE, key);
    Space in_tree = {0}, in_partial = {0};
    measure(mirror, tree, &in_tree);
    measure(mirror, partial, &in_partial);
    info->held_files = in_tree.files;
    info->held_bytes = in_tree.bytes + in_partial.bytes;
    struct stat now;
    gint64 stopped = MAX(in_tree.newest, in_partial.newest);
    if (fstatat(mirror_private_fd(mirror), note, &now, AT_SYMLINK_NOFOLLOW) == 0)
        stopped = MAX(stopped, (gint64)now.st_mtim.tv_sec);
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(stopped);
    info->stopped = time == NULL ? NULL : g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ");
}

GPtrArray *stage_list_unfinished(Mirror *mirror, GError **error)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)unfinished_info_free);
    int fd = mirror_private_fd(mirror) < 0
                 ? -1
                 : openat(mirror_private_fd(mirror), "stage", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stages = fd < 0 ? NULL : fdopendir(fd);
    if (stages == NULL) {
        int saved = errno;
        if (fd >= 0)
            close(fd);
        /* Another user's stages are nobody's business. */
        if (fd < 0 && (mirror_private_fd(mirror) < 0 || saved == ENOENT || saved == EACCES))
            return g_steal_pointer(&all);
        error_set_storage(error, saved, _("cannot read the stages of %s"), mirror_path(mirror));
        return NULL;
    }
    struct dirent *entry;
    while ((entry = readdir(stages)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        UnfinishedInfo *info =
            is_worked_on(mirror, entry->d_name) ? NULL : read_note(fd, entry->d_name);
        if (info == NULL)
            continue;
        measure_held(mirror, entry->d_name, info);
        if (info->ref != NULL || info->held_bytes > 0)
            g_ptr_array_add(all, info);
        else
            unfinished_info_free(info);
    }
    closedir(stages);
    return g_steal_pointer(&all);
}

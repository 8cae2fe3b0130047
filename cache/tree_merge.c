#include "tree_merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "relpath.h"
#include "tree_writer.h"
#include "verifier.h"

/* From so many touched folders on, one syncfs is cheaper than an fsync each. */
#define SYNC_EACH_BELOW 50

struct LockCursor {
    LockReader *reader;
    LockFile file;
    gboolean ended, ahead; /* ahead: FILE was read and not asked for yet */
};

LockCursor *lock_cursor_new(LockReader *reader)
{
    LockCursor *cursor = g_new0(LockCursor, 1);
    cursor->reader = reader;
    cursor->ended = reader == NULL;
    return cursor;
}

void lock_cursor_free(LockCursor *cursor)
{
    if (cursor == NULL)
        return;
    lock_file_clear(&cursor->file);
    g_clear_pointer(&cursor->reader, lock_reader_free);
    g_free(cursor);
}

const LockFile *lock_cursor_next(LockCursor *cursor, GError **error)
{
    g_auto(LockDownload) download = {0};
    cursor->ahead = FALSE;
    while (!cursor->ended) {
        switch (lock_reader_next(cursor->reader, &download, &cursor->file, error)) {
        case LOCK_LINE_FILE:
            if (cursor->file.state == LOCK_STATE_HAVE)
                return &cursor->file;
            break;
        case LOCK_LINE_DOWNLOAD:
            break;
        default:
            cursor->ended = TRUE;
            break;
        }
    }
    return NULL;
}

gboolean lock_cursor_holds(LockCursor *cursor, const char *path, gboolean *held, GError **error)
{
    *held = FALSE;
    for (;;) {
        if (!cursor->ahead) {
            g_autoptr(GError) problem = NULL;
            if (lock_cursor_next(cursor, &problem) == NULL) {
                if (problem == NULL)
                    return TRUE;
                g_propagate_error(error, g_steal_pointer(&problem));
                return FALSE;
            }
            cursor->ahead = TRUE;
        }
        int order = strcmp(cursor->file.path, path);
        *held = order == 0;
        if (order >= 0)
            return TRUE;
        cursor->ahead = FALSE;
    }
}

typedef struct {
    const TreeMerge *merge;
    mode_t mode; /* of new folders */
    char *folder;
    int folder_fd;       /* of the last file's folder in TO */
    GHashTable *touched; /* folders in TO, until there are too many */
    gboolean many;
} Merging;

static gboolean close_folder(Merging *merging)
{
    if (merging->folder_fd >= 0)
        close(merging->folder_fd);
    merging->folder_fd = -1;
    g_clear_pointer(&merging->folder, g_free);
    return FALSE;
}

gboolean tree_set_aside(int fd, const char *path, int base_fd, const char *extra, GError **error)
{
    const char *name = NULL, *from_name = NULL;
    g_autofree char *to = g_strdup_printf("%s/%s", extra, path);
    int from = tree_open_parent(fd, path, FALSE, 0, &from_name, error);
    if (from < 0)
        return FALSE;
    /* As private as the place that it comes from. */
    struct stat place;
    mode_t mode = fstat(fd, &place) == 0 ? place.st_mode & 0777 : 0700;
    int aside = tree_open_parent(base_fd, to, TRUE, mode, &name, error);
    gboolean moved = FALSE;
    g_autofree char *free_name = g_strdup(name);
    for (guint i = 2; aside >= 0 && !moved && i < 1000; i++) {
        struct stat there;
        if (fstatat(aside, free_name, &there, AT_SYMLINK_NOFOLLOW) == 0) {
            g_free(free_name);
            free_name = g_strdup_printf("%s.%u", name, i);
            continue;
        }
        moved = renameat(from, from_name, aside, free_name) == 0;
        if (!moved) {
            error_set_storage(error, errno, _("cannot move %s to %s"), path, extra);
            break;
        }
    }
    close(from);
    if (aside >= 0)
        close(aside);
    g_autofree char *shown = relpath_display(path);
    if (moved)
        event_log(EVENT_LOG_INFO, _("%s is not the dataset's: it was moved to %s/."), shown, extra);
    else if (error != NULL && *error == NULL)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE,
                    _("%s stands in the way and cannot be moved to %s/."), shown, extra);
    return moved;
}

/* A file or a link of somebody's where a folder must be. */
static gboolean clear_way(Merging *merging, const char *path, GError **error)
{
    const TreeMerge *merge = merging->merge;
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        g_autofree char *above = g_strndup(path, (gsize)(slash - path));
        struct stat there;
        if (fstatat(merge->to_fd, above, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
            !S_ISDIR(there.st_mode))
            return tree_set_aside(merge->to_fd, above, merge->base_fd, merge->extra, error);
    }
    return TRUE;
}

static gboolean open_target(Merging *merging, const char *path, const char **name, GError **error)
{
    const char *slash = strrchr(path, '/');
    gsize length = slash == NULL ? 0 : (gsize)(slash - path);
    *name = slash == NULL ? path : slash + 1;
    if (merging->folder_fd >= 0 && strlen(merging->folder) == length &&
        memcmp(merging->folder, path, length) == 0)
        return TRUE;
    close_folder(merging);
    const TreeMerge *merge = merging->merge;
    g_autoptr(GError) problem = NULL;
    merging->folder_fd = tree_open_parent(merge->to_fd, path, TRUE, merging->mode, name, &problem);
    if (merging->folder_fd < 0) {
        if (!g_error_matches(problem, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        if (!clear_way(merging, path, error))
            return FALSE;
        merging->folder_fd = tree_open_parent(merge->to_fd, path, TRUE, merging->mode, name, error);
        if (merging->folder_fd < 0)
            return FALSE;
    }
    merging->folder = g_strndup(path, length);
    if (!merging->many)
        g_hash_table_add(merging->touched, g_strdup(merging->folder));
    merging->many = g_hash_table_size(merging->touched) >= SYNC_EACH_BELOW;
    return TRUE;
}

static gboolean move_one(const char *path, guint64 size, gboolean is_link, gpointer data,
                         GError **error)
{
    Merging *merging = data;
    const TreeMerge *merge = merging->merge;
    const char *name = NULL;
    if (size == SIZE_UNKNOWN) {
        error_set_storage(error, errno, _("cannot read the staged folder %s"), path);
        return FALSE;
    }
    if (!open_target(merging, path, &name, error))
        return FALSE;
    struct stat there;
    if (fstatat(merging->folder_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0) {
        gboolean own = FALSE;
        if (merge->owned != NULL && !lock_cursor_holds(merge->owned, path, &own, error))
            return FALSE;
        if ((!own || S_ISDIR(there.st_mode)) &&
            !tree_set_aside(merge->to_fd, path, merge->base_fd, merge->extra, error))
            return FALSE;
    }
    if (renameat(merge->from_fd, path, merging->folder_fd, name) == 0)
        return TRUE;
    return error_set_storage(error, errno, _("cannot move %s to its place"), path);
}

/* A new folder's name is in the folder above it: all of them up to the top. */
gboolean tree_sync_folders(int fd, GHashTable *folders, GError **error)
{
    g_autoptr(GHashTable) all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter each;
    gpointer key;
    g_hash_table_iter_init(&each, folders);
    while (g_hash_table_iter_next(&each, &key, NULL)) {
        g_autofree char *above = g_strdup(key);
        for (char *slash = above; slash != NULL; slash = strrchr(above, '/')) {
            if (slash != above)
                *slash = '\0';
            g_hash_table_add(all, g_strdup(above));
        }
    }
    g_hash_table_add(all, g_strdup(""));
    g_hash_table_iter_init(&each, all);
    while (g_hash_table_iter_next(&each, &key, NULL)) {
        int folder = tree_open_folder(fd, key, FALSE, 0, error);
        gboolean synced = folder >= 0 && durable_sync_folder(folder, key, error);
        if (folder >= 0)
            close(folder);
        if (!synced)
            return FALSE;
    }
    return TRUE;
}

static gboolean sync_touched(Merging *merging, GError **error)
{
    int to = merging->merge->to_fd;
    if (merging->many)
        return syncfs(to) == 0 || error_set_storage(error, errno, _("cannot make a tree durable"));
    return tree_sync_folders(to, merging->touched, error);
}

gboolean tree_merge(const TreeMerge *merge, GError **error)
{
    struct stat top;
    if (fstat(merge->to_fd, &top) != 0)
        return error_set_storage(error, errno, _("cannot read a folder of the mirror"));
    g_autoptr(GHashTable) touched = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Merging merging = {merge, top.st_mode & 0777, NULL, -1, touched, FALSE};
    gboolean moved =
        tree_walk(merge->from_fd, move_one, &merging, error) && sync_touched(&merging, error);
    close_folder(&merging);
    return moved;
}

static gboolean remove_dropped(const TreeMerge *merge, LockCursor *dropped, LockCursor *held,
                               GError **error)
{
    g_autoptr(GError) problem = NULL;
    const LockFile *file;
    while ((file = lock_cursor_next(dropped, &problem)) != NULL) {
        gboolean stays = FALSE;
        if (!lock_cursor_holds(held, file->path, &stays, error))
            return FALSE;
        if (stays)
            continue;
        if (!tree_remove_file(merge->to_fd, file->path, error))
            return FALSE;
        tree_remove_empty_folders(merge->to_fd, file->path);
    }
    if (problem == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

typedef struct {
    const TreeMerge *merge;
    LockCursor *held;
} KeepOnly;

static gboolean keep_or_set_aside(const char *path, guint64 size, gboolean is_link, gpointer data,
                                  GError **error)
{
    const KeepOnly *keep = data;
    gboolean held = FALSE;
    /* What cannot be read cannot be moved either; it does nobody harm. */
    if (size == SIZE_UNKNOWN)
        return TRUE;
    if (!lock_cursor_holds(keep->held, path, &held, error))
        return FALSE;
    if (held)
        return TRUE;
    if (!tree_set_aside(keep->merge->to_fd, path, keep->merge->base_fd, keep->merge->extra, error))
        return FALSE;
    tree_remove_empty_folders(keep->merge->to_fd, path);
    return TRUE;
}

gboolean tree_keep_only(const TreeMerge *merge, LockCursor *(*held)(gpointer data, GError **error),
                        LockCursor *(*dropped)(gpointer data, GError **error), gpointer data,
                        GError **error)
{
    g_autoptr(LockCursor) old = dropped(data, error);
    g_autoptr(LockCursor) new = old == NULL ? NULL : held(data, error);
    if (new == NULL || !remove_dropped(merge, old, new, error))
        return FALSE;
    g_autoptr(LockCursor) again = held(data, error);
    if (again == NULL)
        return FALSE;
    KeepOnly keep = {merge, again};
    return tree_walk(merge->to_fd, keep_or_set_aside, &keep, error);
}

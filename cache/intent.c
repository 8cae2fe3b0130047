#include "intent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "owner.h"
#include "owner_file.h"
#include "readers.h"
#include "relpath.h"
#include "removal.h"
#include "tree_merge.h"
#include "tree_writer.h"

void intent_clear(Intent *intent)
{
    g_clear_pointer(&intent->folder, g_free);
    g_clear_pointer(&intent->version, g_free);
}

/* Everything an intent moves, by its descriptors and names. */
typedef struct {
    Mirror *mirror;
    const Intent *intent;
    int stage_fd;                                           /* -1: it is gone */
    int folder_fd;                                          /* of the dataset */
    char *tree, *lock, *list, *metadata, *archives, *extra; /* names; EXTRA below the mirror */
} Paths;

static void paths_clear(Paths *paths)
{
    if (paths->stage_fd >= 0)
        close(paths->stage_fd);
    if (paths->folder_fd >= 0)
        close(paths->folder_fd);
    g_free(paths->tree);
    g_free(paths->lock);
    g_free(paths->list);
    g_free(paths->archives);
    g_free(paths->metadata);
    g_free(paths->extra);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Paths, paths_clear)

static gboolean paths_open(Paths *paths, Mirror *mirror, const Intent *intent, GError **error)
{
    paths->mirror = mirror;
    paths->intent = intent;
    paths->tree = mirror_version_name(intent->version);
    paths->lock = g_strconcat(paths->tree, ".lock.jsonl", NULL);
    paths->list = g_strconcat(paths->tree, ".sha256", NULL);
    paths->archives = g_strconcat(paths->tree, ".archives", NULL);
    paths->metadata = g_strconcat(paths->tree, ".metadata.csv", NULL);
    paths->extra = g_strdup_printf("%s/%s.extra", intent->folder, paths->tree);
    g_autofree char *key = mirror_folder_key(intent->folder);
    g_autofree char *stage = g_strconcat("stage/", key, NULL);
    paths->stage_fd = tree_open_folder(mirror_private_fd(mirror), stage, FALSE, 0, NULL);
    paths->folder_fd = tree_open_folder(mirror_fd(mirror), intent->folder, TRUE, 0755, error);
    return paths->folder_fd >= 0;
}

static gboolean is_there(int fd, const char *name)
{
    struct stat now;
    return fd >= 0 && fstatat(fd, name, &now, AT_SYMLINK_NOFOLLOW) == 0;
}

static char *intent_name(const char *folder)
{
    g_autofree char *key = mirror_folder_key(folder);
    return g_strdup_printf("intents/%s.json", key);
}

gboolean intent_write(Mirror *mirror, const Intent *intent, GError **error)
{
    g_autofree char *name = intent_name(intent->folder);
    json_t *object = json_pack("{s:i, s:s, s:s, s:b, s:b, s:b}", "format", 1, "folder",
                               intent->folder, "version", intent->version, "grows", intent->grows,
                               "only", intent->only, "removes", intent->removes);
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (text == NULL) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("The intent for %s cannot be written down: its name is no text."),
                    intent->folder);
        return FALSE;
    }
    int folder = openat(mirror_private_fd(mirror), "intents", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean written = folder >= 0
                           ? durable_replace(folder, name + strlen("intents/"), text, 0644, error)
                           : error_set_storage(error, errno, _("cannot write the intent %s"), name);
    if (folder >= 0)
        close(folder);
    free(text);
    return written;
}

gboolean intent_remove(Mirror *mirror, const char *folder, GError **error)
{
    g_autofree char *name = intent_name(folder);
    if (!tree_remove_file(mirror_private_fd(mirror), name, error))
        return FALSE;
    int fd = openat(mirror_private_fd(mirror), "intents", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean synced = fd >= 0 && durable_sync_folder(fd, "intents", error);
    if (fd >= 0)
        close(fd);
    return synced;
}

gboolean intent_exists(Mirror *mirror, const char *folder)
{
    g_autofree char *name = intent_name(folder);
    return is_there(mirror_private_fd(mirror), name);
}

/* By one rename; nothing to do where it was done before. */
static gboolean move_whole(int from, const char *name, int to, const char *new_name, GError **error)
{
    if (from < 0 || renameat(from, name, to, new_name) == 0 || errno == ENOENT)
        return TRUE;
    return error_set_storage(error, errno, _("cannot move %s to its place"), new_name);
}

static gboolean move_archives(Paths *paths, GError **error)
{
    if (!is_there(paths->stage_fd, "archives"))
        return TRUE;
    if (renameat(paths->stage_fd, "archives", paths->folder_fd, paths->archives) == 0)
        return TRUE;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return error_set_storage(error, errno, _("cannot move %s to its place"), paths->archives);
    TreeMerge merge = {
        .from_fd = tree_open_folder(paths->stage_fd, "archives", FALSE, 0, error),
        .to_fd = tree_open_folder(paths->folder_fd, paths->archives, FALSE, 0, error),
        .base_fd = mirror_fd(paths->mirror),
        .extra = paths->extra,
    };
    gboolean merged = merge.from_fd >= 0 && merge.to_fd >= 0 && tree_merge(&merge, error);
    if (merge.from_fd >= 0)
        close(merge.from_fd);
    if (merge.to_fd >= 0)
        close(merge.to_fd);
    return merged;
}

static gboolean sync_both(Paths *paths, GError **error)
{
    return durable_sync_folder(paths->folder_fd, paths->intent->folder, error) &&
           (paths->stage_fd < 0 || durable_sync_folder(paths->stage_fd, "stage", error));
}

static gboolean refuse_incomplete(const Intent *intent, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                _("What was to be installed as %s of %s is not complete any more."),
                intent->version, intent->folder);
    return FALSE;
}

static gboolean finish_new(Paths *paths, GError **error)
{
    const struct {
        const char *from, *to;
    } moves[] = {{"lock", paths->lock}, {"list", paths->list}, {"tree", paths->tree}};
    for (guint i = 0; i < G_N_ELEMENTS(moves); i++) {
        if (!is_there(paths->stage_fd, moves[i].from) && !is_there(paths->folder_fd, moves[i].to))
            return refuse_incomplete(paths->intent, error);
    }
    return move_whole(paths->stage_fd, "lock", paths->folder_fd, paths->lock, error) &&
           move_whole(paths->stage_fd, "list", paths->folder_fd, paths->list, error) &&
           move_whole(paths->stage_fd, "metadata", paths->folder_fd, paths->metadata, error) &&
           move_archives(paths, error) &&
           move_whole(paths->stage_fd, "tree", paths->folder_fd, paths->tree, error) &&
           sync_both(paths, error);
}

static LockCursor *cursor_of(int fd, const char *name, GError **error)
{
    LockReader *reader = lock_reader_open(fd, name, error);
    return reader == NULL ? NULL : lock_cursor_new(reader);
}

static LockCursor *new_files(gpointer data, GError **error)
{
    Paths *paths = data;
    return cursor_of(paths->folder_fd, paths->lock, error);
}

static LockCursor *old_files(gpointer data, GError **error)
{
    Paths *paths = data;
    return cursor_of(paths->stage_fd, "old.lock", error);
}

static gboolean merge_files(Paths *paths, int tree_fd, GError **error)
{
    g_autoptr(LockCursor) owned = old_files(paths, error);
    int from = owned == NULL ? -1 : tree_open_folder(paths->stage_fd, "tree", FALSE, 0, error);
    if (from < 0)
        return FALSE;
    TreeMerge merge = {from, tree_fd, mirror_fd(paths->mirror), paths->extra, owned};
    gboolean merged = tree_merge(&merge, error);
    close(from);
    return merged;
}

/* Files first: until the lock is replaced nothing claims them. */
static gboolean finish_growth(Paths *paths, GError **error)
{
    gboolean pending = is_there(paths->stage_fd, "lock");
    if (pending && (!is_there(paths->stage_fd, "tree") || !is_there(paths->stage_fd, "old.lock")))
        return refuse_incomplete(paths->intent, error);
    int tree_fd = tree_open_folder(paths->folder_fd, paths->tree, TRUE, 0755, error);
    gboolean done = tree_fd >= 0;
    if (done && pending)
        done = merge_files(paths, tree_fd, error) && move_archives(paths, error) &&
               move_whole(paths->stage_fd, "list", paths->folder_fd, paths->list, error) &&
               move_whole(paths->stage_fd, "metadata", paths->folder_fd, paths->metadata, error) &&
               move_whole(paths->stage_fd, "lock", paths->folder_fd, paths->lock, error);
    done = done && sync_both(paths, error);
    TreeMerge merge = {-1, tree_fd, mirror_fd(paths->mirror), paths->extra, NULL};
    if (done && paths->intent->only && is_there(paths->stage_fd, "old.lock"))
        done = tree_keep_only(&merge, new_files, old_files, paths, error);
    if (tree_fd >= 0)
        close(tree_fd);
    return done;
}

gboolean intent_finish(Mirror *mirror, const Intent *intent, GError **error)
{
    g_auto(Paths) paths = {.stage_fd = -1, .folder_fd = -1};
    if (!paths_open(&paths, mirror, intent, error))
        return FALSE;
    return intent->grows ? finish_growth(&paths, error) : finish_new(&paths, error);
}

/* What only the new lock holds goes back to the stage. */
static gboolean return_files(Paths *paths, int tree_fd, GError **error)
{
    g_autoptr(LockCursor) new = cursor_of(paths->stage_fd, "lock", error);
    g_autoptr(LockCursor) old = new == NULL ? NULL : old_files(paths, error);
    if (old == NULL)
        return FALSE;
    g_autoptr(GError) problem = NULL;
    const LockFile *file;
    while ((file = lock_cursor_next(new, &problem)) != NULL) {
        gboolean own = FALSE;
        if (!lock_cursor_holds(old, file->path, &own, error))
            return FALSE;
        if (own || !is_there(tree_fd, file->path))
            continue;
        const char *name = NULL;
        g_autofree char *back = g_strconcat("tree/", file->path, NULL);
        int to = tree_open_parent(paths->stage_fd, back, TRUE, 0755, &name, error);
        if (to < 0)
            return FALSE;
        if (!is_there(to, name) && renameat(tree_fd, file->path, to, name) != 0)
            error_set_storage(&problem, errno, _("cannot take %s back"), file->path);
        close(to);
        if (problem != NULL)
            break;
    }
    if (problem == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

static gboolean undo_growth(Paths *paths, GError **error)
{
    /* Without the new lock nothing tells what was added: it stays, as files that are nobody's. */
    if (!is_there(paths->stage_fd, "lock") || !is_there(paths->stage_fd, "old.lock"))
        return TRUE;
    int tree_fd = tree_open_folder(paths->folder_fd, paths->tree, FALSE, 0, NULL);
    gboolean undone = tree_fd < 0 || return_files(paths, tree_fd, error);
    if (tree_fd >= 0)
        close(tree_fd);
    return undone;
}

static gboolean undo_new(Paths *paths, GError **error)
{
    const struct {
        const char *name, *back;
    } moves[] = {{paths->tree, "tree"},
                 {paths->archives, "archives"},
                 {paths->metadata, "metadata"},
                 {paths->list, "list"},
                 {paths->lock, "lock"}};
    for (guint i = 0; i < G_N_ELEMENTS(moves); i++) {
        if (!is_there(paths->folder_fd, moves[i].name))
            continue;
        if (paths->stage_fd >= 0 &&
            renameat(paths->folder_fd, moves[i].name, paths->stage_fd, moves[i].back) == 0)
            continue;
        /* The stage is gone, and with it what would make this whole. */
        if (!tree_remove_all(paths->folder_fd, moves[i].name, error))
            return FALSE;
    }
    return TRUE;
}

gboolean intent_undo(Mirror *mirror, const Intent *intent, GError **error)
{
    g_auto(Paths) paths = {.stage_fd = -1, .folder_fd = -1};
    return paths_open(&paths, mirror, intent, error) &&
           (intent->grows ? undo_growth(&paths, error) : undo_new(&paths, error)) &&
           sync_both(&paths, error);
}

/* The dataset's folder is private where all its versions are; where one is everybody's, it is as
 * open as the folder that it lies in. */
static gboolean settle_readers(int fd, const GPtrArray *versions, const char *folder,
                               GError **error)
{
    Readers readers = READERS_OWNER;
    struct stat own, above;
    gboolean is_open = versions->len == 0;
    for (guint i = 0; i < versions->len; i++) {
        const LockHeader *header = versions->pdata[i];
        g_autofree char *name = mirror_version_name(header->version);
        is_open = is_open || access_is_open(header->access);
        int tree_fd = tree_open_folder(fd, name, FALSE, 0, NULL);
        const Readers of_tree = readers_of_tree(header->access, tree_fd);
        if (of_tree.group != READERS_NO_GROUP)
            readers.group = of_tree.group;
        if (tree_fd >= 0)
            close(tree_fd);
    }
    if (!is_open)
        return readers_apply(&readers, fd, folder, error);
    if (versions->len == 0 || fstat(fd, &own) != 0 || fstatat(fd, "..", &above, 0) != 0)
        return TRUE;
    mode_t wanted = (own.st_mode & 07777) | (above.st_mode & 02075);
    return wanted == (own.st_mode & 07777) || fchmod(fd, wanted) == 0 || errno == EPERM ||
           error_set_storage(error, errno, _("cannot set the mode of %s"), folder);
}

gboolean intent_point_latest(Mirror *mirror, const char *folder, GError **error)
{
    g_autoptr(GPtrArray) versions = mirror_versions(mirror, folder, error);
    if (versions == NULL)
        return FALSE;
    int fd = tree_open_folder(mirror_fd(mirror), folder, FALSE, 0, error);
    if (fd < 0)
        return FALSE;
    gboolean pointed = settle_readers(fd, versions, folder, error);
    char now[RELPATH_MAX_PART_BYTES + 1] = "";
    g_autofree char *name = versions->len == 0
                                ? NULL
                                : mirror_version_name(((LockHeader *)versions->pdata[0])->version);
    gssize length = readlinkat(fd, "latest", now, sizeof now - 1);
    if (pointed && name != NULL && (length < 0 || strcmp(now, name) != 0)) {
        unlinkat(fd, ".latest.new", 0);
        pointed = symlinkat(name, fd, ".latest.new") == 0 &&
                  renameat(fd, ".latest.new", fd, "latest") == 0;
        if (!pointed)
            error_set_storage(error, errno, _("cannot make the link %s/latest"), folder);
        pointed = pointed && durable_sync_folder(fd, folder, error);
    }
    close(fd);
    return pointed;
}

gboolean intent_throw_away(int fd, const char *key, char **gone, GError **error)
{
    *gone = g_strdup_printf(".gone-%08x%08x", g_random_int(), g_random_int());
    if (renameat(fd, key, fd, *gone) == 0)
        return durable_sync_folder(fd, key, error);
    g_clear_pointer(gone, g_free);
    return errno == ENOENT || error_set_storage(error, errno, _("cannot remove the stage %s"), key);
}

gboolean intent_empty_stage(Mirror *mirror, const char *folder, GError **error)
{
    static const char *const places[] = {"stage", "partial"};
    g_autofree char *key = mirror_folder_key(folder);
    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        int fd = openat(mirror_private_fd(mirror), places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            return error_set_storage(error, errno, _("cannot open the folder %s"), places[i]);
        g_autofree char *gone = NULL;
        gboolean thrown = intent_throw_away(fd, key, &gone, error);
        /* What cannot be deleted now is deleted with the next. */
        if (thrown && gone != NULL)
            tree_remove_all(fd, gone, NULL);
        close(fd);
        if (!thrown)
            return FALSE;
    }
    return TRUE;
}

static gboolean read_intent(int fd, const char *name, Intent *intent)
{
    g_autofree char *text = small_file_read(fd, name, 65536, NULL, NULL);
    json_t *object = text == NULL ? NULL : json_loads(text, 0, NULL);
    intent->folder = g_strdup(json_string_value(json_object_get(object, "folder")));
    intent->version = g_strdup(json_string_value(json_object_get(object, "version")));
    intent->grows = json_is_true(json_object_get(object, "grows"));
    intent->only = json_is_true(json_object_get(object, "only"));
    intent->removes = json_is_true(json_object_get(object, "removes"));
    json_decref(object);
    return intent->folder != NULL && intent->version != NULL;
}

gboolean intent_is_removal_of(Mirror *mirror, const char *folder, const char *version)
{
    g_autofree char *name = intent_name(folder);
    g_auto(Intent) intent = {0};
    return intent_exists(mirror, folder) && read_intent(mirror_private_fd(mirror), name, &intent) &&
           intent.removes && strcmp(intent.version, version) == 0;
}

/* A removal is never undone: what it has begun with is nowhere to be found any more. */
static gboolean settle_removal(Mirror *mirror, const Intent *intent, GError **error)
{
    if (!removal_finish(mirror, intent, error) || !intent_remove(mirror, intent->folder, error))
        return FALSE;
    event_log(EVENT_LOG_INFO, _("The removal of %s of %s, which was interrupted, is finished."),
              intent->version, intent->folder);
    intent_remove_gone(mirror);
    return TRUE;
}

static gboolean settle(Mirror *mirror, const Intent *intent, GError **error)
{
    if (intent->removes)
        return settle_removal(mirror, intent, error);
    g_autoptr(GError) problem = NULL;
    gboolean finished = intent_finish(mirror, intent, &problem);
    if (!finished) {
        event_log(EVENT_LOG_WARNING, "%s", problem->message);
        if (!intent_undo(mirror, intent, error))
            return FALSE;
    }
    event_log(EVENT_LOG_INFO,
              finished ? _("The install of %s of %s, which was interrupted, is finished.")
                       : _("The install of %s of %s, which was interrupted, is undone."),
              intent->version, intent->folder);
    return (!finished || (intent_point_latest(mirror, intent->folder, error) &&
                          intent_empty_stage(mirror, intent->folder, error))) &&
           intent_remove(mirror, intent->folder, error);
}

/* What a run that was killed at its writing left beside the intent (durable_replace()). */
static void remove_unwritten(Mirror *mirror, const char *folder)
{
    g_autofree char *key = mirror_folder_key(folder);
    g_autofree char *name = g_strconcat(key, ".json", NULL);
    int fd = openat(mirror_private_fd(mirror), "intents", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    durable_sweep(fd, name, 0);
    close(fd);
}

gboolean intent_recover(Mirror *mirror, const char *folder, GError **error)
{
    remove_unwritten(mirror, folder);
    if (!intent_exists(mirror, folder))
        return TRUE;
    g_autofree char *name = intent_name(folder);
    g_auto(Intent) intent = {0};
    if (read_intent(mirror_private_fd(mirror), name, &intent))
        return settle(mirror, &intent, error);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                _("The intent %s/.medmirror/%s cannot be read: remove it, then pull again."),
                mirror_path(mirror), name);
    return FALSE;
}

static void recover(Mirror *mirror, const char *folder)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(Owner) owner = owner_take(mirror, folder, "recover", TRUE, NULL, NULL, NULL, NULL);
    /* Without: somebody lives who works on it. */
    if (owner != NULL && !intent_recover(mirror, folder, &problem))
        event_log(EVENT_LOG_WARNING, "%s", problem->message);
}

static void remove_gone_of(Mirror *mirror, const char *place)
{
    int fd = openat(mirror_private_fd(mirror), place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (g_str_has_prefix(entry->d_name, ".gone-"))
            tree_remove_all(fd, entry->d_name, NULL);
    }
    if (folder != NULL)
        closedir(folder);
    else if (fd >= 0)
        close(fd);
}

void intent_remove_gone(Mirror *mirror)
{
    remove_gone_of(mirror, "stage");
    remove_gone_of(mirror, "partial");
    remove_gone_of(mirror, "evidence");
    remove_gone_of(mirror, "removed");
}

gboolean intent_recover_all(Mirror *mirror, GError **error)
{
    intent_remove_gone(mirror);
    int owners = openat(mirror_private_fd(mirror), "owners", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (owners >= 0) {
        owner_file_sweep(owners);
        close(owners);
    }
    int fd = openat(mirror_private_fd(mirror), "intents", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        error_set_storage(error, errno, _("cannot read the intents of %s"), mirror_path(mirror));
        if (fd >= 0)
            close(fd);
        return FALSE;
    }
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.' || !g_str_has_suffix(entry->d_name, ".json"))
            continue;
        g_auto(Intent) intent = {0};
        if (read_intent(fd, entry->d_name, &intent))
            recover(mirror, intent.folder);
        else
            event_log(EVENT_LOG_WARNING, _("The intent %s cannot be read; it is left alone."),
                      entry->d_name);
    }
    closedir(folder);
    return TRUE;
}

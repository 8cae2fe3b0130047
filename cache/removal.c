#include "removal.h"

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
#include "index.h"
#include "tree_merge.h"
#include "tree_writer.h"
#include "verifier.h"

/* Of so many files that others share the index learns; more are read once more. */
#define MOST_SHARED 100000

void removal_facts_clear(RemovalFacts *facts)
{
    g_clear_pointer(&facts->names, g_ptr_array_unref);
}

/* A walk of the tree beside the lock. */
typedef struct {
    RemovalFacts *facts;
    SpaceCount *space;
    LockCursor *owned;
    int fd;
    gboolean (*cancelled)(gpointer data);
    gpointer data;
} Look;

static gboolean is_ended(const Look *look)
{
    return look->cancelled != NULL && look->cancelled(look->data);
}

static gboolean look_at(const char *path, guint64 size, gboolean is_link, gpointer data,
                        GError **error)
{
    Look *look = data;
    RemovalFacts *facts = look->facts;
    gboolean own = FALSE;
    if (is_ended(look))
        return FALSE;
    if (size != SIZE_UNKNOWN && !lock_cursor_holds(look->owned, path, &own, error))
        return FALSE;
    if (!own) {
        facts->foreign++;
        if (facts->names->len < REMOVAL_MOST_NAMES)
            g_ptr_array_add(facts->names, g_strdup(path));
        return TRUE;
    }
    struct stat now;
    facts->files++;
    facts->bytes += size;
    if (!is_link && fstatat(look->fd, path, &now, AT_SYMLINK_NOFOLLOW) == 0)
        space_count_add(look->space, &now);
    return TRUE;
}

static gboolean look_at_archive(const char *path, guint64 size, gboolean is_link, gpointer data,
                                GError **error)
{
    Look *look = data;
    struct stat now;
    if (size != SIZE_UNKNOWN && !is_link &&
        fstatat(look->fd, path, &now, AT_SYMLINK_NOFOLLOW) == 0) {
        look->facts->archives++;
        space_count_add(look->space, &now);
    }
    return !is_ended(look);
}

static gboolean look_at_archives(Look *look, Mirror *mirror, const LockHeader *header,
                                 GError **error)
{
    g_autofree char *name = mirror_version_name(header->version);
    g_autofree char *path = g_strdup_printf("%s/%s.archives", header->folder, name);
    look->fd = tree_open_folder(mirror_fd(mirror), path, FALSE, 0, NULL);
    if (look->fd < 0)
        return TRUE;
    gboolean walked = tree_walk(look->fd, look_at_archive, look, error);
    close(look->fd);
    return walked;
}

gboolean removal_look(Mirror *mirror, const LockHeader *header, RemovalFacts *facts,
                      SpaceCount *space, gboolean (*cancelled)(gpointer data), gpointer data,
                      GError **error)
{
    g_autofree char *path = mirror_version_path(mirror, header->folder, header->version);
    struct stat tree;
    removal_facts_clear(facts);
    *facts = (RemovalFacts){.names = g_ptr_array_new_with_free_func(g_free)};
    if (lstat(path, &tree) == 0 && S_ISLNK(tree.st_mode)) {
        facts->in_place = TRUE;
        facts->files = header->held_files;
        facts->bytes = header->held_bytes;
        return TRUE;
    }
    LockReader *lock = mirror_open_lock(mirror, header->folder, header->version, error);
    if (lock == NULL)
        return FALSE;
    g_autoptr(LockCursor) owned = lock_cursor_new(lock);
    Look look = {facts, space, owned, -1, cancelled, data};
    g_autoptr(GError) problem = NULL;
    look.fd = mirror_open_tree(mirror, header->folder, header->version, &problem);
    /* Its folder was removed by hand: the rest can go all the same. */
    if (look.fd < 0 && !g_error_matches(problem, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    gboolean walked = look.fd < 0 || tree_walk(look.fd, look_at, &look, error);
    if (look.fd >= 0)
        close(look.fd);
    return walked && look_at_archives(&look, mirror, header, error) && !is_ended(&look);
}

/* What a removal moves, by descriptors and names. */
typedef struct {
    Mirror *mirror;
    const Intent *intent;
    int folder_fd;           /* of the dataset; -1: gone already */
    int removed_fd, gone_fd; /* .medmirror/removed, and this dataset's folder in it */
    char *name, *key;
} Places;

static void places_clear(Places *places)
{
    if (places->folder_fd >= 0)
        close(places->folder_fd);
    if (places->removed_fd >= 0)
        close(places->removed_fd);
    if (places->gone_fd >= 0)
        close(places->gone_fd);
    g_free(places->name);
    g_free(places->key);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Places, places_clear)

static gboolean places_open(Places *places, Mirror *mirror, const Intent *intent, GError **error)
{
    *places = (Places){mirror,
                       intent,
                       -1,
                       -1,
                       -1,
                       mirror_version_name(intent->version),
                       mirror_folder_key(intent->folder)};
    places->folder_fd = tree_open_folder(mirror_fd(mirror), intent->folder, FALSE, 0, NULL);
    places->removed_fd = tree_open_folder(mirror_private_fd(mirror), "removed", TRUE, 0755, error);
    places->gone_fd = places->removed_fd < 0
                          ? -1
                          : tree_open_folder(places->removed_fd, places->key, TRUE, 0755, error);
    return places->gone_fd >= 0;
}

/* By one rename; nothing to do where it was done before. A link is only forgotten. */
static gboolean move_away(const Places *places, const char *suffix, const char *to, GError **error)
{
    g_autofree char *name = g_strconcat(places->name, suffix, NULL);
    struct stat now;
    if (places->folder_fd < 0 || fstatat(places->folder_fd, name, &now, AT_SYMLINK_NOFOLLOW) != 0)
        return TRUE;
    gboolean moved = S_ISLNK(now.st_mode)
                         ? unlinkat(places->folder_fd, name, 0) == 0
                         : renameat(places->folder_fd, name, places->gone_fd, to) == 0;
    return moved || errno == ENOENT ||
           error_set_storage(error, errno, _("cannot remove %s/%s"), places->intent->folder, name);
}

typedef struct {
    const Places *places;
    LockCursor *owned;
    int tree_fd;
    char *extra;
    gboolean moved;
} Rescue;

static gboolean rescue(const char *path, guint64 size, gboolean is_link, gpointer data,
                       GError **error)
{
    Rescue *rescue = data;
    gboolean own = FALSE;
    if (size != SIZE_UNKNOWN && !lock_cursor_holds(rescue->owned, path, &own, error))
        return FALSE;
    if (own)
        return TRUE;
    /* A folder that cannot be read is told with a slash behind it. */
    g_autofree char *bare = g_strdup(path);
    if (g_str_has_suffix(bare, "/"))
        bare[strlen(bare) - 1] = '\0';
    rescue->moved = TRUE;
    return tree_set_aside(rescue->tree_fd, bare, mirror_fd(rescue->places->mirror), rescue->extra,
                          error);
}

/* Out of the tree that nobody finds any more, so that none comes after the look. */
static gboolean rescue_foreign(const Places *places, GError **error)
{
    int tree_fd = tree_open_folder(places->gone_fd, "tree", FALSE, 0, NULL);
    if (tree_fd < 0)
        return TRUE;
    LockReader *lock = lock_reader_open(places->gone_fd, "lock", error);
    gboolean done = FALSE;
    if (lock != NULL) {
        g_autoptr(LockCursor) owned = lock_cursor_new(lock);
        g_autofree char *extra =
            g_strdup_printf("%s/%s.extra", places->intent->folder, places->name);
        Rescue state = {places, owned, tree_fd, extra, FALSE};
        done = tree_walk(tree_fd, rescue, &state, error);
        if (done && state.moved && syncfs(tree_fd) != 0)
            done = error_set_storage(error, errno, _("cannot make %s durable"), extra);
    }
    close(tree_fd);
    return done;
}

/* Without a version there is no newest one, and perhaps no dataset. */
static gboolean tidy_folder(const Places *places, GError **error)
{
    const char *folder = places->intent->folder;
    if (places->folder_fd < 0)
        return TRUE;
    g_autoptr(GPtrArray) versions = mirror_versions(places->mirror, folder, error);
    if (versions == NULL)
        return FALSE;
    if (versions->len > 0)
        return intent_point_latest(places->mirror, folder, error);
    struct stat link;
    if (fstatat(places->folder_fd, "latest", &link, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(link.st_mode))
        unlinkat(places->folder_fd, "latest", 0);
    g_autofree char *inside = g_strconcat(folder, "/.", NULL);
    tree_remove_empty_folders(mirror_fd(places->mirror), inside);
    return TRUE;
}

gboolean removal_finish(Mirror *mirror, const Intent *intent, GError **error)
{
    g_auto(Places) places = {0};
    if (!places_open(&places, mirror, intent, error) || !move_away(&places, "", "tree", error) ||
        !move_away(&places, ".lock.jsonl", "lock", error) ||
        !move_away(&places, ".sha256", "list", error) ||
        !move_away(&places, ".metadata.csv", "metadata", error) ||
        !move_away(&places, ".archives", "archives", error))
        return FALSE;
    if (places.folder_fd >= 0 && !durable_sync_folder(places.folder_fd, intent->folder, error))
        return FALSE;
    if (!durable_sync_folder(places.gone_fd, "removed", error) || !rescue_foreign(&places, error) ||
        !tidy_folder(&places, error))
        return FALSE;
    g_autofree char *gone = NULL;
    return intent_throw_away(places.removed_fd, places.key, &gone, error);
}

void removal_set_held(const LockHeader *header, const Hold *hold, GError **error)
{
    g_autofree char *words = hold_describe(hold);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%s@%s is %s. It is not removed. To give it free: medmirror release %s@%s"),
                hold->ref, header->version, words, hold->ref, header->version);
}

/* A hold that is set looks for an intent afterwards: of the two, one sees the other. */
static gboolean check_not_held(Mirror *mirror, const LockHeader *header, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(Hold) hold = hold_find(mirror, header->folder, header->version, &problem);
    if (hold != NULL)
        removal_set_held(header, hold, error);
    else if (problem != NULL)
        g_propagate_error(error, g_steal_pointer(&problem));
    else
        return TRUE;
    return FALSE;
}

static gboolean check_is_here(Mirror *mirror, const LockHeader *header, GError **error)
{
    g_autoptr(LockReader) lock = mirror_open_lock(mirror, header->folder, header->version, error);
    return lock != NULL;
}

/* Did the tree leave its place? Where it did not, nothing has happened yet. */
static gboolean has_begun(Mirror *mirror, const LockHeader *header)
{
    g_autofree char *path = mirror_version_path(mirror, header->folder, header->version);
    g_autofree char *lock = g_strconcat(path, ".lock.jsonl", NULL);
    struct stat now;
    return lstat(path, &now) != 0 || lstat(lock, &now) != 0;
}

/* The files of the version that keep other names, and are as they were last proven: to remove a
 * name changes the others' ctime, by which they would count as changed. */
static GArray *find_shared(Mirror *mirror, Index *index, const LockHeader *header)
{
    GArray *shared = g_array_new(FALSE, FALSE, sizeof(IndexInode));
    LockReader *reader = mirror_open_lock(mirror, header->folder, header->version, NULL);
    g_autoptr(LockCursor) lock = lock_cursor_new(reader);
    int tree_fd = mirror_open_tree(mirror, header->folder, header->version, NULL);
    const LockFile *file;
    while (index != NULL && tree_fd >= 0 && shared->len < MOST_SHARED &&
           (file = lock_cursor_next(lock, NULL)) != NULL) {
        struct stat now;
        FileStamp stamp;
        const Digest *sha256 = digest_set_get(&file->digests, DIGEST_SHA256);
        if (sha256 == NULL || fstatat(tree_fd, file->path, &now, AT_SYMLINK_NOFOLLOW) != 0 ||
            now.st_nlink < 2 || !file_stamp_of(tree_fd, file->path, &stamp) ||
            !index_is_unchanged(index, header->folder, header->version, file->path, &stamp))
            continue;
        const IndexInode inode = {stamp.inode, *sha256};
        g_array_append_val(shared, inode);
    }
    if (tree_fd >= 0)
        close(tree_fd);
    return shared;
}

/* The index is a cache: where it is behind, what others share is read once more, and no harm is
 * done. */
static void tell_index(Index *index, const LockHeader *header, const GArray *shared)
{
    g_autoptr(GError) problem = NULL;
    if (index == NULL || !index_forget_version(index, header->folder, header->version, &problem) ||
        !index_note_unlinked(index, (const IndexInode *)shared->data, shared->len, &problem))
        event_log(EVENT_LOG_DEBUG, "the index was not told: %s",
                  problem == NULL ? "there is none" : problem->message);
}

gboolean removal_run(Mirror *mirror, Owner *owner, const LockHeader *header, GError **error)
{
    /* Whoever was waited for may have removed it, or left something behind. */
    if (!intent_recover(mirror, header->folder, error) || !check_is_here(mirror, header, error) ||
        !check_not_held(mirror, header, error) || !owner_still(owner, error))
        return FALSE;
    g_autoptr(Index) index = index_open(mirror, NULL);
    g_autoptr(GArray) shared = find_shared(mirror, index, header);
    const Intent intent = {.folder = header->folder, .version = header->version, .removes = TRUE};
    if (!intent_write(mirror, &intent, error))
        return FALSE;
    gboolean done = check_not_held(mirror, header, error) && removal_finish(mirror, &intent, error);
    if (!done && has_begun(mirror, header))
        return FALSE;
    g_autoptr(GError) problem = NULL;
    if (!intent_remove(mirror, header->folder, done ? error : &problem))
        return FALSE;
    if (!done)
        return FALSE;
    intent_remove_gone(mirror);
    tell_index(index, header, shared);
    return TRUE;
}

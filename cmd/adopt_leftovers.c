#include "adopt_leftovers.h"

#include "event_log.h"
#include "tree_merge.h"
#include "tree_writer.h"
#include "verifier.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file that is installed and has further names somewhere. */
typedef struct {
    guint64 inode;
    gboolean is_proven; /* as it was at its last proof, which a name less does not change */
    gboolean is_removed;
} Linked;

typedef struct {
    Job *job;
    const LocalFiles *files;
    Mirror *mirror;
    Index *index;
    const LockHeader *header;
    int tree_fd;
    dev_t device;
    GArray *linked; /* Linked, by inode */
    guint64 removed;
} Leftovers;

static gint compare_linked(gconstpointer a, gconstpointer b)
{
    const Linked *first = a, *second = b;
    return first->inode < second->inode ? -1 : first->inode > second->inode;
}

static Linked *find_linked(const Leftovers *leftovers, guint64 inode)
{
    const Linked wanted = {.inode = inode};
    const GArray *linked = leftovers->linked;
    return linked->len ? bsearch(&wanted, linked->data, linked->len, sizeof wanted, compare_linked)
                       : NULL;
}

static void each_installed(Leftovers *leftovers,
                           void (*func)(Leftovers *leftovers, const LockFile *file,
                                        const struct stat *now))
{
    const LockHeader *header = leftovers->header;
    LockReader *reader = mirror_open_lock(leftovers->mirror, header->folder, header->version, NULL);
    g_autoptr(LockCursor) lock = reader ? lock_cursor_new(reader) : NULL;
    const LockFile *file;
    struct stat now;
    while (lock && (file = lock_cursor_next(lock, NULL)) != NULL) {
        if (!file->link_target &&
            fstatat(leftovers->tree_fd, file->path, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(now.st_mode)) {
            func(leftovers, file, &now);
        }
    }
}

static void note_linked(Leftovers *leftovers, const LockFile *file, const struct stat *now)
{
    const LockHeader *header = leftovers->header;
    FileStamp stamp;
    if (now->st_nlink < 2) {
        return;
    }
    const Linked linked = {.inode = (guint64)now->st_ino,
                           .is_proven = leftovers->index &&
                                        file_stamp_of(leftovers->tree_fd, file->path, &stamp) &&
                                        index_is_unchanged(leftovers->index, header->folder,
                                                           header->version, file->path, &stamp)};
    leftovers->device = now->st_dev;
    g_array_append_val(leftovers->linked, linked);
}

/* The name goes, the file stays: the mirror has another name for it. */
static gboolean remove_name(const char *path, guint64 size, gboolean is_link, gpointer data,
                            GError **error)
{
    Leftovers *leftovers = data;
    int fd = leftovers->files->fd;
    struct stat now;
    if (size == SIZE_UNKNOWN || is_link || fstatat(fd, path, &now, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(now.st_mode) || now.st_nlink < 2 || now.st_dev != leftovers->device) {
        return !job_is_cancelled(leftovers->job);
    }
    Linked *linked = find_linked(leftovers, (guint64)now.st_ino);
    if (linked && unlinkat(fd, path, 0) == 0) {
        linked->is_removed = TRUE;
        leftovers->removed++;
        tree_remove_empty_folders(fd, path);
    }
    return !job_is_cancelled(leftovers->job);
}

static void tell_index(Leftovers *leftovers, const LockFile *file, const struct stat *now)
{
    const LockHeader *header = leftovers->header;
    const Linked *linked = find_linked(leftovers, (guint64)now->st_ino);
    const Digest *sha256 = digest_set_get(&file->digests, DIGEST_SHA256);
    if (linked && linked->is_removed && linked->is_proven && sha256) {
        const IndexInode inode = {linked->inode, *sha256};
        g_autoptr(GError) error = NULL;
        if (!index_note_unlinked(leftovers->index, &inode, 1, &error)) {
            event_log(EVENT_LOG_DEBUG, "%s: the index was not told: %s", header->ref,
                      error->message);
        }
    }
}

guint64 adopt_remove_leftovers(Job *job, const LocalFiles *files, Mirror *mirror, Index *index,
                               const LockHeader *header)
{
    g_autoptr(GArray) linked = g_array_new(FALSE, FALSE, sizeof(Linked));
    Leftovers leftovers = {job, files, mirror, index, header, -1, 0, linked, 0};
    leftovers.tree_fd = mirror_open_tree(mirror, header->folder, header->version, NULL);
    if (leftovers.tree_fd < 0) {
        return 0;
    }
    each_installed(&leftovers, note_linked);
    g_array_sort(linked, compare_linked);
    if (linked->len && files->only_name) {
        remove_name(files->only_name, 0, FALSE, &leftovers, NULL);
    } else if (linked->len) {
        tree_walk(files->fd, remove_name, &leftovers, NULL);
    }
    if (leftovers.removed) {
        each_installed(&leftovers, tell_index);
    }
    close(leftovers.tree_fd);
    return leftovers.removed;
}

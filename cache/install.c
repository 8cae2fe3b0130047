/*
 * The step into the mirror. First everything is made ready in the stage: what is there is looked
 * at, shared, counted, locked; then made durable; then the intent says that the stage is complete.
 * From there on only renames are left, and whoever opens the mirror next can do them as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable.h"
#include "error.h"
#include "event_log.h"
#include "group_mode.h"
#include "i18n.h"
#include "intent.h"
#include "relpath.h"
#include "series_table.h"
#include "share.h"
#include "stage_private.h"
#include "tree_merge.h"
#include "tree_writer.h"
#include "verifier.h"

/* Below so many files an fsync each costs less than one syncfs, which writes everybody's. */
#define SYNC_EACH_BELOW 50

typedef struct {
    Stage *stage;
    const InstallSpec *spec;
    const LockHeader *header;
    gboolean is_open;    /* may share and be shared */
    guint64 staged;      /* files and links */
    GPtrArray *missing;  /* char *: the first of those that are not where they must be */
    GHashTable *folders; /* of staged files, while they are few */
    GPtrArray *strays;   /* char *: in the stage, and nobody's */
    int tree_fd;         /* of the version, for the index */
} Install;

static gboolean is_few(const Install *install)
{
    return install->staged < SYNC_EACH_BELOW;
}

static gboolean check_staged(const LockFile *file, gpointer data, GError **error)
{
    Install *install = data;
    int tree_fd = install->stage->tree_fd;
    struct stat now;
    gboolean is_link = file->link_target != NULL;
    gboolean there = fstatat(tree_fd, file->path, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
                     (is_link ? S_ISLNK(now.st_mode)
                              : S_ISREG(now.st_mode) && (guint64)now.st_size == file->size);
    if (!there) {
        if (install->missing->len < 1000)
            g_ptr_array_add(install->missing, g_strdup(file->path));
        return TRUE;
    }
    install->staged++;
    const Digest *sha256 = digest_set_get(&file->digests, DIGEST_SHA256);
    if (!is_link && sha256 != NULL && install->is_open && install->spec->index != NULL)
        share_replace(install->stage->mirror, install->spec->index, sha256, file->size, tree_fd,
                      file->path);
    const char *slash = strrchr(file->path, '/');
    if (is_few(install))
        g_hash_table_add(install->folders,
                         slash == NULL ? g_strdup("")
                                       : g_strndup(file->path, (gsize)(slash - file->path)));
    return TRUE;
}

static gboolean check_all_staged(Install *install, GError **error)
{
    Index *index = install->spec->index;
    if (index != NULL)
        index_gather(index, TRUE);
    gboolean done = spool_each_file(install->stage->spool, FALSE, check_staged, install, error);
    if (index != NULL)
        index_gather(index, FALSE);
    return done;
}

/* Whoever removed them: they are fetched again by the next run. */
static gboolean refuse_missing(Install *install, GError **error)
{
    for (guint i = 0; i < install->missing->len; i++) {
        if (!spool_requeue(install->stage->spool, install->missing->pdata[i], error))
            return FALSE;
    }
    g_autofree char *shown = relpath_display(install->missing->pdata[0]);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE,
                _("%s was fetched, but is not in the stage any more. Run the same command again."),
                shown);
    return FALSE;
}

static gboolean count_one(const char *path, guint64 size, gboolean is_link, gpointer data,
                          GError **error)
{
    guint64 *count = data;
    (*count)++;
    return TRUE;
}

static gboolean find_stray(const char *path, guint64 size, gboolean is_link, gpointer data,
                           GError **error)
{
    Install *install = data;
    if (!spool_is_staged(install->stage->spool, path))
        g_ptr_array_add(install->strays, g_strdup(path));
    /* A bounded number at a time: the walk is begun anew. */
    return install->strays->len < 10000;
}

/* Exactly the dataset's files, and nothing that an unpacking left behind. */
static gboolean sweep(Install *install, GError **error)
{
    int tree_fd = install->stage->tree_fd;
    guint64 count = 0;
    if (!tree_walk(tree_fd, count_one, &count, error))
        return FALSE;
    while (count > install->staged) {
        g_autoptr(GError) problem = NULL;
        install->strays = g_ptr_array_new_with_free_func(g_free);
        tree_walk(tree_fd, find_stray, install, &problem);
        guint found = install->strays->len;
        gboolean removed = problem == NULL;
        for (guint i = 0; removed && i < found; i++)
            removed = tree_remove_file(tree_fd, install->strays->pdata[i], error);
        g_clear_pointer(&install->strays, g_ptr_array_unref);
        if (problem != NULL)
            g_propagate_error(error, g_steal_pointer(&problem));
        if (!removed)
            return FALSE;
        if (found == 0)
            break;
        count -= found;
    }
    return TRUE;
}

/* The archives go with the version where they are kept, and there are any. */
static gboolean settle_archives(Install *install, GError **error)
{
    guint64 count = 0;
    if (install->spec->keep_archives &&
        !tree_walk(install->stage->archives_fd, count_one, &count, error))
        return FALSE;
    return count > 0 || tree_remove_all(install->stage->fd, "archives", error);
}

/* The table of the series that are held, where there are any. */
static gboolean write_metadata(Install *install, mode_t mode, GError **error)
{
    Stage *stage = install->stage;
    g_autofree char *version = mirror_version_name(install->header->version);
    g_autofree char *prefix = g_strconcat(version, "/", NULL);
    if (!spool_has_facts(stage->spool))
        return tree_remove_file(stage->fd, "metadata", error);
    /* What was installed before lies in the version's tree, which may not be there yet. */
    const char *in_place = install->header->in_place;
    int tree_fd =
        in_place ? TEMP_FAILURE_RETRY(open(in_place, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
                 : mirror_open_tree(stage->mirror, stage->folder, install->header->version, NULL);
    const SeriesTrees trees = {prefix, tree_fd, in_place ? -1 : stage->tree_fd};
    gboolean made = series_table_make_file(stage->fd, "lock", "metadata", &trees, mode, error);
    if (tree_fd >= 0)
        close(tree_fd);
    return made;
}

static gboolean write_lock(Install *install, GError **error)
{
    Stage *stage = install->stage;
    mode_t mode = readers_file_mode(&stage->readers);
    if (!tree_remove_file(stage->fd, "lock", error) || !tree_remove_file(stage->fd, "list", error))
        return FALSE;
    int lock = openat(stage->fd, "lock", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    int list = openat(stage->fd, "list", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    gboolean written;
    if (lock < 0 || list < 0)
        written = error_set_storage(error, errno, _("cannot write the lock of %s"), stage->folder);
    else
        written = spool_write_lock(stage->spool, install->spec->header, lock, list,
                                   install->spec->allow_incomplete, error);
    if (written && (TEMP_FAILURE_RETRY(fsync(lock)) != 0 || TEMP_FAILURE_RETRY(fsync(list)) != 0))
        written = error_set_storage(error, errno, _("cannot write the lock of %s"), stage->folder);
    if (lock >= 0)
        close(lock);
    if (list >= 0)
        close(list);
    return written && write_metadata(install, mode, error);
}

static gboolean copy_file(int from_folder, const char *from_name, int to_folder,
                          const char *to_name, GError **error)
{
    int from = openat(from_folder, from_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int to = openat(to_folder, to_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    g_autofree char *buffer = g_malloc(1 << 16);
    gssize got = from < 0 || to < 0 ? -1 : 1;
    while (got > 0) {
        got = TEMP_FAILURE_RETRY(read(from, buffer, 1 << 16));
        if (got > 0 && !write_whole(to, buffer, (gsize)got))
            got = -1;
    }
    if (got == 0 && TEMP_FAILURE_RETRY(fsync(to)) != 0)
        got = -1;
    int saved = errno;
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return got == 0 || error_set_storage(error, saved, _("cannot copy %s"), from_name);
}

static gboolean check_old_lock(const Install *install, const char *lock, GError **error)
{
    g_autoptr(LockReader) old = lock_reader_open(install->stage->fd, "old.lock", NULL);
    const LockHeader *header = old == NULL ? NULL : lock_reader_header(old);
    if (header != NULL && header->in_place == NULL && install->header->in_place == NULL)
        return TRUE;
    if (header != NULL) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
            header->in_place != NULL
                ? _("%s@%s is in place at %s, where nothing is added. Forget it, then bring "
                    "it as a copy: medmirror remove %s@%s")
                : _("%s@%s stands in the mirror%.0s. To have it in place instead, remove it "
                    "first: medmirror remove %s@%s"),
            header->ref, header->version, header->in_place != NULL ? header->in_place : "",
            header->ref, header->version);
        return FALSE;
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                _("The lock file %s/%s is damaged, so that nothing can be added to its version. "
                  "Move it away, then type: medmirror pull %s@%s"),
                install->stage->folder, lock, install->header->ref, install->header->version);
    return FALSE;
}

/* Does the version stand? Then its lock is kept beside the new one, for the time of the growth. */
static gboolean keep_old_lock(Install *install, int folder_fd, const char *lock, gboolean *grows,
                              GError **error)
{
    struct stat now;
    Stage *stage = install->stage;
    *grows = fstatat(folder_fd, lock, &now, AT_SYMLINK_NOFOLLOW) == 0;
    if (!tree_remove_file(stage->fd, "old.lock", error))
        return FALSE;
    if (!*grows)
        return TRUE;
    return (linkat(folder_fd, lock, stage->fd, "old.lock", 0) == 0 ||
            copy_file(folder_fd, lock, stage->fd, "old.lock", error)) &&
           check_old_lock(install, lock, error);
}

/* A folder of that name without a lock is nobody's of ours. */
static gboolean clear_place(Install *install, int folder_fd, const char *tree, GError **error)
{
    static const char *const suffixes[] = {"", ".archives"};
    g_autofree char *extra = g_strdup_printf("%s/%s.extra", install->stage->folder, tree);
    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        struct stat now;
        g_autofree char *name = g_strconcat(tree, suffixes[i], NULL);
        if (fstatat(folder_fd, name, &now, AT_SYMLINK_NOFOLLOW) != 0 ||
            unlinkat(folder_fd, name, AT_REMOVEDIR) == 0)
            continue;
        if (!tree_set_aside(folder_fd, name, mirror_fd(install->stage->mirror), extra, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean sync_one(const LockFile *file, gpointer data, GError **error)
{
    const Install *install = data;
    if (file->link_target != NULL)
        return TRUE;
    int fd = tree_open_file(install->stage->tree_fd, file->path, NULL, error);
    if (fd < 0)
        return FALSE;
    gboolean synced = TEMP_FAILURE_RETRY(fsync(fd)) == 0 ||
                      error_set_storage(error, errno, _("cannot make %s durable"), file->path);
    close(fd);
    return synced;
}

static gboolean make_durable(Install *install, GError **error)
{
    Stage *stage = install->stage;
    if (install->header->in_place != NULL)
        return durable_sync_folder(stage->fd, "stage", error);
    if (!is_few(install) || install->spec->keep_archives)
        return syncfs(stage->fd) == 0 ||
               error_set_storage(error, errno, _("cannot make the stage of %s durable"),
                                 stage->folder);
    return spool_each_file(stage->spool, FALSE, sync_one, install, error) &&
           tree_sync_folders(stage->tree_fd, install->folders, error) &&
           durable_sync_folder(stage->fd, "stage", error);
}

/* The names of a private dataset's files are its readers' alone from the first version on. */
static gboolean make_last_part(const Install *install, const char *folder, GError **error)
{
    const char *name = NULL;
    if (install->is_open)
        return TRUE;
    int parent =
        tree_open_parent(mirror_fd(install->stage->mirror), folder, TRUE, 0755, &name, error);
    if (parent < 0)
        return FALSE;
    gboolean made = mkdirat(parent, name, 0700) == 0;
    int problem = errno;
    close(parent);
    return made || problem == EEXIST ||
           error_set_storage(error, problem, _("cannot make the folder %s"), folder);
}

/* The dataset's folder, and the names of its parents durable. */
static int make_folder(Install *install, GError **error)
{
    Mirror *mirror = install->stage->mirror;
    const char *folder = install->stage->folder;
    int fd = relpath_check(folder, error) && make_last_part(install, folder, error)
                 ? tree_open_folder(mirror_fd(mirror), folder, TRUE, 0755, error)
                 : -1;
    if (fd < 0)
        return -1;
    g_autoptr(GHashTable) folders = g_hash_table_new(g_str_hash, g_str_equal);
    g_hash_table_add(folders, (gpointer)folder);
    if (tree_sync_folders(mirror_fd(mirror), folders, error))
        return fd;
    close(fd);
    return -1;
}

/* What stood as everybody's and is so no longer: its files are made private before more come. */
static gboolean restrain_standing(const Install *install, int folder_fd, const char *tree,
                                  GError **error)
{
    static const char *const suffixes[] = {"", ".archives"};
    const Readers *readers = &install->stage->readers;
    gboolean done = TRUE;
    for (guint i = 0; done && readers->is_private && i < G_N_ELEMENTS(suffixes); i++) {
        struct stat now;
        g_autofree char *name = g_strconcat(tree, suffixes[i], NULL);
        int fd = tree_open_folder(folder_fd, name, FALSE, 0, NULL);
        if (fd < 0)
            continue;
        if (fstat(fd, &now) != 0 || readers_are_exceeded(readers, now.st_mode, now.st_gid))
            done = readers_apply_below(readers, fd, NULL, error);
        close(fd);
    }
    return done;
}

/* The tree is a link to where it lies; what lies there is looked at by nobody who installs. */
static gboolean link_in_place(Install *install, GError **error)
{
    Stage *stage = install->stage;
    return tree_remove_all(stage->fd, "tree", error) &&
           tree_remove_all(stage->fd, "archives", error) &&
           (symlinkat(install->header->in_place, stage->fd, "tree") == 0 ||
            error_set_storage(error, errno, _("cannot make a link to %s"),
                              install->header->in_place)) &&
           write_lock(install, error);
}

/* Of a folder that a colleague made the mode cannot be set, and need not be. */
static gboolean set_mode(int fd, mode_t mode)
{
    struct stat now;
    return (fstat(fd, &now) == 0 && (now.st_mode & 0777) == (mode & 0777)) ||
           fchmod(fd, mode | (now.st_mode & S_ISGID)) == 0;
}

static gboolean prepare(Install *install, GError **error)
{
    Stage *stage = install->stage;
    install->is_open = access_is_open(install->header->access) && !stage->readers.is_private;
    if (!install->is_open && !stage->readers.is_private &&
        !stage_set_readers(stage, &READERS_OWNER, error))
        return FALSE;
    if (install->header->in_place != NULL)
        return link_in_place(install, error);
    if (!spool_forget_unproven(stage->spool, error) ||
        !spool_forget_unchosen(stage->spool, error) || !check_all_staged(install, error))
        return FALSE;
    if (install->missing->len > 0)
        return refuse_missing(install, error);
    mode_t mode = group_mode(mirror_fd(stage->mirror), readers_folder_mode(&stage->readers));
    /* The umask, and what was staged before its readers were known. */
    if (!readers_apply_below(&stage->readers, stage->tree_fd, NULL, error) ||
        !readers_apply_below(&stage->readers, stage->archives_fd, NULL, error))
        return FALSE;
    if (!set_mode(stage->tree_fd, mode) || !set_mode(stage->archives_fd, mode))
        return error_set_storage(error, errno, _("cannot prepare the tree of %s"), stage->folder);
    return sweep(install, error) && settle_archives(install, error) && write_lock(install, error);
}

static gboolean move_into_place(Install *install, Owner *owner, gboolean *grows, GError **error)
{
    Stage *stage = install->stage;
    g_autofree char *tree = mirror_version_name(install->header->version);
    g_autofree char *lock = g_strconcat(tree, ".lock.jsonl", NULL);
    int folder_fd = make_folder(install, error);
    gboolean ready = folder_fd >= 0 && keep_old_lock(install, folder_fd, lock, grows, error) &&
                     (*grows ? restrain_standing(install, folder_fd, tree, error)
                             : clear_place(install, folder_fd, tree, error)) &&
                     make_durable(install, error) && owner_still(owner, error);
    if (folder_fd >= 0)
        close(folder_fd);
    Intent intent = {stage->folder, install->header->version, *grows, install->spec->only, FALSE};
    if (!ready || !intent_write(stage->mirror, &intent, error))
        return FALSE;
    if (intent_finish(stage->mirror, &intent, error))
        return TRUE;
    g_autoptr(GError) problem = NULL;
    if (!intent_undo(stage->mirror, &intent, &problem) ||
        !intent_remove(stage->mirror, stage->folder, &problem))
        event_log(EVENT_LOG_WARNING, "%s", problem->message);
    return FALSE;
}

static gboolean add_to_index(const LockFile *file, gpointer data, GError **error)
{
    const Install *install = data;
    const Digest *sha256 = digest_set_get(&file->digests, DIGEST_SHA256);
    FileStamp stamp;
    struct stat now;
    if (file->link_target != NULL || sha256 == NULL ||
        !file_stamp_of(install->tree_fd, file->path, &stamp))
        return TRUE;
    if (!index_add_file(install->spec->index, file->path, sha256, &stamp, error))
        return FALSE;
    /* The step into its place was a change to its twins as well. */
    if (fstatat(install->tree_fd, file->path, &now, AT_SYMLINK_NOFOLLOW) != 0 || now.st_nlink < 2)
        return TRUE;
    g_autofree char *name = mirror_version_name(install->header->version);
    g_autofree char *path = g_strdup_printf("%s/%s/%s", install->stage->folder, name, file->path);
    return index_note_linked(install->spec->index, path, sha256, error);
}

/* The index is a cache: where it fails, it is behind, and no harm is done. */
static void tell_index(Install *install, gboolean grows)
{
    Index *index = install->spec->index;
    const LockHeader *header = install->header;
    g_autoptr(GError) problem = NULL;
    if (index == NULL)
        return;
    install->tree_fd =
        mirror_open_tree(install->stage->mirror, install->stage->folder, header->version, &problem);
    gboolean told =
        install->tree_fd >= 0 &&
        (grows ? index_continue_version : index_begin_version)(
            index, install->stage->folder, header->version, header->access, &problem) &&
        spool_each_file(install->stage->spool, FALSE, add_to_index, install, &problem) &&
        index_end_version(index, &problem);
    if (install->tree_fd >= 0)
        close(install->tree_fd);
    if (!told)
        event_log(EVENT_LOG_WARNING, _("The index could not be told of %s: %s"),
                  install->stage->folder, problem->message);
}

gboolean stage_install(Stage *stage, Owner *owner, const InstallSpec *spec, GError **error)
{
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Install install = {.stage = stage,
                       .spec = spec,
                       .header = spec->header,
                       .missing = missing,
                       .folders = folders,
                       .tree_fd = -1};
    gboolean grows = FALSE;
    if (!owner_still(owner, error) || !prepare(&install, error) ||
        !move_into_place(&install, owner, &grows, error))
        return FALSE;
    tell_index(&install, grows);
    stage->gone = TRUE;
    return intent_point_latest(stage->mirror, stage->folder, error) &&
           intent_empty_stage(stage->mirror, stage->folder, error) &&
           intent_remove(stage->mirror, stage->folder, error);
}

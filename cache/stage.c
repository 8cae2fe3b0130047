#include "stage.h"

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
#include "group_mode.h"
#include "i18n.h"
#include "intent.h"
#include "stage_private.h"
#include "tree_writer.h"

/* A fact of the spool. */
#define IS_PRIVATE "private"
#define IS_IN_PLACE "in_place"

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void stage_close(Stage *stage)
{
    if (stage == NULL)
        return;
    g_autoptr(GError) error = NULL;
    if (!stage->gone && stage->spool != NULL && !stage_note_progress(stage, &error))
        event_log(EVENT_LOG_DEBUG, "%s", error->message);
    g_clear_pointer(&stage->spool, spool_close);
    close_fd(&stage->fd);
    close_fd(&stage->tree_fd);
    close_fd(&stage->archives_fd);
    close_fd(&stage->partial_fd);
    g_free(stage->folder);
    g_free(stage->key);
    g_free(stage);
}

static int open_below(Mirror *mirror, const char *place, const char *key, guint mode,
                      GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/%s", place, key);
    return tree_open_folder(mirror_private_fd(mirror), path, TRUE, mode, error);
}

/* A link there is what a run left that was to install a tree in place. */
static void remove_link(int stage_fd)
{
    struct stat now;
    if (stage_fd >= 0 && fstatat(stage_fd, "tree", &now, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(now.st_mode))
        unlinkat(stage_fd, "tree", 0);
}

/* Restricted data of a group's mirror is its puller's from the first byte on. */
static gboolean refuse_anothers(const Stage *stage, GError **error)
{
    g_clear_error(error);
    g_set_error(
        error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE,
        _("%s is being brought by another user, whose alone it is so far. Who it is is told "
          "by: medmirror status; whoever that is frees it with: medmirror remove "
          "--unfinished %s"),
        stage->folder, stage->folder);
    return FALSE;
}

/* What is known to be everybody's is the group's to go on with. */
static gboolean share_with_group(Stage *stage, GError **error)
{
    int above = mirror_private_fd(stage->mirror);
    return group_share_folder(above, stage->fd, "stage", error) &&
           group_share_folder(above, stage->tree_fd, "tree", error) &&
           group_share_folder(above, stage->archives_fd, "archives", error) &&
           group_share_folder(above, stage->partial_fd, "partial", error);
}

static gboolean take_over(Stage *stage, GError **error)
{
    return !group_is_shared(stage->fd) ||
           (group_take_over(stage->fd, error) && group_take_over(stage->partial_fd, error));
}

static gboolean open_folders(Stage *stage, GError **error)
{
    /* Whose the data is, is known later; the install opens what is everybody's. */
    stage->fd = open_below(stage->mirror, "stage", stage->key, 0700, error);
    if (stage->fd < 0 && errno == EACCES && mirror_policy(stage->mirror)->group != NULL)
        return refuse_anothers(stage, error);
    remove_link(stage->fd);
    stage->tree_fd = stage->fd < 0 ? -1 : tree_open_folder(stage->fd, "tree", TRUE, 0700, error);
    stage->archives_fd =
        stage->tree_fd < 0 ? -1 : tree_open_folder(stage->fd, "archives", TRUE, 0700, error);
    stage->partial_fd =
        stage->archives_fd < 0 ? -1 : open_below(stage->mirror, "partial", stage->key, 0700, error);
    return stage->partial_fd >= 0;
}

static gboolean has_bytes(int fd, const Digest *sha256)
{
    g_autoptr(DigestStream) stream = digest_stream_new(1U << DIGEST_SHA256, 0);
    const gsize piece = (gsize)256 * 1024;
    g_autofree char *buffer = g_malloc(piece);
    gssize got;
    while ((got = TEMP_FAILURE_RETRY(read(fd, buffer, piece))) > 0)
        digest_stream_update(stream, buffer, (gsize)got);
    DigestSet set = {0};
    digest_stream_finish(stream, &set);
    return got == 0 && digest_equal(digest_set_get(&set, DIGEST_SHA256), sha256);
}

/* After a power cut: is what the spool says still in the tree? */
static gboolean stands(const char *path, guint64 size, const Digest *sha256, gpointer data)
{
    const Stage *stage = data;
    struct stat now;
    if (fstatat(stage->tree_fd, path, &now, AT_SYMLINK_NOFOLLOW) != 0)
        return FALSE;
    if (sha256 == NULL)
        return S_ISLNK(now.st_mode);
    int fd = tree_open_file(stage->tree_fd, path, NULL, NULL);
    gboolean right = fd >= 0 && (guint64)now.st_size == size && has_bytes(fd, sha256);
    if (fd >= 0)
        close(fd);
    /* It is fetched again, and must find its place free. */
    if (!right)
        tree_remove_file(stage->tree_fd, path, NULL);
    return right;
}

/* Without its spool nobody knows whose partial files they are. */
static gboolean drop_orphans(Stage *stage, GError **error)
{
    SpoolTotals totals;
    if (!spool_totals(stage->spool, &totals, error))
        return FALSE;
    if (totals.downloads > 0 || spool_is_listed(stage->spool))
        return TRUE;
    close_fd(&stage->partial_fd);
    close_fd(&stage->tree_fd);
    close_fd(&stage->archives_fd);
    int fd = tree_open_folder(mirror_private_fd(stage->mirror), "partial", FALSE, 0, error);
    gboolean dropped = fd >= 0 && tree_remove_all(fd, stage->key, error);
    close_fd(&fd);
    return dropped && tree_remove_all(stage->fd, "tree", error) &&
           tree_remove_all(stage->fd, "archives", error);
}

/* What was noted of files that lie elsewhere says nothing of this stage. */
static gboolean forget_in_place(Stage *stage, const char *path, GError **error)
{
    static const char *const names[] = {"spool.db", "spool.db-wal", "spool.db-shm",
                                        "spool.db-journal"};
    g_autofree char *in_place = stage->spool ? spool_get(stage->spool, IS_IN_PLACE) : NULL;
    if (in_place == NULL)
        return stage->spool != NULL;
    g_clear_pointer(&stage->spool, spool_close);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!tree_remove_file(stage->fd, names[i], error))
            return FALSE;
    }
    stage->spool = spool_open(path, error);
    return stage->spool != NULL;
}

gboolean stage_set_in_place(Stage *stage, GError **error)
{
    return spool_set(stage->spool, IS_IN_PLACE, "yes", error);
}

Stage *stage_open(Mirror *mirror, const char *folder, GError **error)
{
    if (!intent_recover(mirror, folder, error))
        return NULL;
    g_autoptr(Stage) stage = g_new0(Stage, 1);
    stage->mirror = mirror;
    stage->folder = g_strdup(folder);
    stage->key = mirror_folder_key(folder);
    stage->fd = stage->tree_fd = stage->archives_fd = stage->partial_fd = -1;
    stage->readers = READERS_EVERYBODY;
    if (!open_folders(stage, error) || !take_over(stage, error))
        return NULL;
    g_autofree char *path =
        g_build_filename(mirror_path(mirror), ".medmirror", "stage", stage->key, "spool.db", NULL);
    stage->spool = spool_open(path, error);
    if (!forget_in_place(stage, path, error) || !drop_orphans(stage, error))
        return NULL;
    if (stage->tree_fd < 0) {
        close_fd(&stage->fd);
        if (!open_folders(stage, error))
            return NULL;
    }
    if (!spool_each_unsure(stage->spool, stands, stage, error))
        return NULL;
    g_autofree char *is_private = spool_get(stage->spool, IS_PRIVATE);
    if (is_private != NULL && !stage_set_readers(stage, &READERS_OWNER, error))
        return NULL;
    return g_steal_pointer(&stage);
}

gboolean stage_set_readers(Stage *stage, const Readers *readers, GError **error)
{
    if (!readers->is_private)
        return stage->readers.is_private || share_with_group(stage, error);
    stage->readers = *readers;
    return spool_set(stage->spool, IS_PRIVATE, "yes", error) &&
           readers_apply(readers, stage->fd, "stage", error) &&
           readers_apply_below(readers, stage->partial_fd, NULL, error) &&
           readers_apply_below(readers, stage->tree_fd, NULL, error) &&
           readers_apply_below(readers, stage->archives_fd, NULL, error);
}

const Readers *stage_readers(const Stage *stage)
{
    return &stage->readers;
}

guint stage_file_mode(const Stage *stage)
{
    return readers_file_mode(&stage->readers);
}

Spool *stage_spool(Stage *stage)
{
    return stage->spool;
}

int stage_tree_fd(const Stage *stage)
{
    return stage->tree_fd;
}

int stage_archives_fd(const Stage *stage)
{
    return stage->archives_fd;
}

int stage_partial_fd(const Stage *stage)
{
    return stage->partial_fd;
}

gboolean stage_flush(Stage *stage, GError **error)
{
    if (syncfs(stage->fd) != 0)
        return error_set_storage(error, errno, _("cannot make the stage of %s durable"),
                                 stage->folder);
    return spool_flush(stage->spool, error);
}

int stage_open_evidence(Stage *stage, GError **error)
{
    return open_below(stage->mirror, "evidence", stage->key,
                      stage->readers.is_private ? 0700 : 0755, error);
}

static json_t *number_or_null(guint64 number)
{
    return number > G_MAXINT64 ? json_null() : json_integer((json_int_t)number);
}

gboolean stage_note_progress(Stage *stage, GError **error)
{
    static const char *const facts[] = {"ref", "version", "options", "reason", "adopting"};
    SpoolTotals totals;
    if (!spool_totals(stage->spool, &totals, error))
        return FALSE;
    json_t *object = json_object();
    json_object_set_new(object, "folder", json_string(stage->folder));
    for (guint i = 0; i < G_N_ELEMENTS(facts); i++) {
        g_autofree char *value = spool_get(stage->spool, facts[i]);
        if (value != NULL)
            json_object_set_new(object, facts[i], json_string(value));
    }
    guint64 bytes =
        totals.queued_unknown > 0 ? SIZE_UNKNOWN : totals.queued_bytes + totals.staged_bytes;
    json_object_set_new(object, "wanted_bytes", number_or_null(bytes));
    json_object_set_new(object, "wanted_files",
                        number_or_null(totals.queued + totals.failed + totals.staged_files));
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    gboolean written = text != NULL
                           ? durable_replace(stage->fd, STAGE_NOTE, text, 0644, error)
                           : error_set_storage(error, EILSEQ, _("cannot write %s"), STAGE_NOTE);
    free(text);
    return written;
}

/* Paths that were named one by one make it long. */
#define MOST_REQUEST ((gsize)64 << 20)

gboolean stage_set_request(Stage *stage, const char *text, GError **error)
{
    return durable_replace(stage->fd, STAGE_REQUEST, text, 0644, error);
}

char *stage_get_request(Stage *stage)
{
    return small_file_read(stage->fd, STAGE_REQUEST, MOST_REQUEST, NULL, NULL);
}

char *stage_read_request(Mirror *mirror, const char *folder)
{
    g_autofree char *key = mirror_folder_key(folder);
    g_autofree char *path = g_strdup_printf("stage/%s/" STAGE_REQUEST, key);
    return mirror_private_fd(mirror) < 0
               ? NULL
               : small_file_read(mirror_private_fd(mirror), path, MOST_REQUEST, NULL, NULL);
}

gboolean stage_discard(Stage *stage, GError **error)
{
    stage->gone = TRUE;
    g_clear_pointer(&stage->spool, spool_close);
    gboolean discarded = intent_empty_stage(stage->mirror, stage->folder, error);
    stage_close(stage);
    return discarded;
}

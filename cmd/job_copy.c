#include "job_copy.h"

#include "copy_pool.h"
#include "copy_target.h"
#include "error.h"
#include "i18n.h"
#include "index.h"
#include "readers.h"
#include "relpath.h"
#include "size_text.h"
#include "tree_merge.h"
#include "tree_writer.h"
#include "verifier.h"
#include "version_choice.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MOST_UNDER_WAY 128
#define NAMED_MOST 5

typedef struct {
    Job *job;
    const LockHeader *header;
    CopyResult *result;
    CopyTarget *target;
    TreeWriter *writer;
    CopyPool *pool;
    Verifier *verifier;  /* of what was cloned, and of what an earlier run left */
    Index *index;        /* NULL: nothing is known of the files */
    SeriesTable *series; /* where each series goes; NULL: there are none */
    SeriesLayout layout;
    int tree_fd; /* of the version */
    guint under_way;
    guint64 wrong;
    GString *named; /* the first of these */
    GError *failure;
} Copy;

/* A file on its way through the copying threads. */
typedef struct {
    Copy *copy;
    char *path;
    Digest sha256;
    guint64 size;
} Item;

void copy_result_clear(CopyResult *result)
{
    g_clear_pointer(&result->path, g_free);
}

static void note_wrong(Copy *copy, const char *event, const char *path, const char *what)
{
    g_autofree char *shown = relpath_display(path);
    g_autofree char *label = version_label(copy->header);
    job_tell(copy->job, JOB_EVENT_FAILURE, event,
             json_pack("{s:s, s:s, s:s}", "ref", label, "path", shown, "what", what), "%s: %s %s.",
             label, shown, what);
    if (copy->wrong++ < NAMED_MOST) {
        g_string_append_printf(copy->named, "%s%s", copy->named->len ? ", " : "", shown);
    }
    tree_remove_file(copy_target_fd(copy->target), path, NULL);
}

static void fail(Copy *copy, int errno_value, const char *format, const char *path)
{
    g_autofree char *shown = relpath_display(path);
    if (!copy->failure) {
        g_auto(GStrv) parts = g_strsplit(format, "%s", 2);
        g_autofree char *what = g_strjoinv(shown, parts);
        error_set_storage(&copy->failure, errno_value, "%s", what);
    }
}

static void on_copied(const DigestSet *digests, guint64 size, int read_errno, int write_errno,
                      gpointer data)
{
    Item *item = data;
    Copy *copy = item->copy;
    copy->under_way--;
    if (read_errno == ECANCELED) {
        /* The run ends. */
    } else if (write_errno) {
        fail(copy, write_errno, _("The copy of %s cannot be written"), item->path);
    } else if (read_errno) {
        g_autofree char *what = g_strdup_printf(_("cannot be read: %s"), g_strerror(read_errno));
        note_wrong(copy, "damaged", item->path, what);
    } else if (size != item->size ||
               !digest_equal(digest_set_get(digests, DIGEST_SHA256), &item->sha256)) {
        note_wrong(copy, "damaged", item->path, _("has other bytes than it must have"));
    } else {
        copy->result->files++;
        copy->result->bytes += size;
        job_count(copy->job, checked_files, 1);
        job_count(copy->job, checked_bytes, size);
    }
    g_free(item->path);
    g_free(item);
}

/* Of what lies in the target by other ways than the copying threads. */
static void on_verified(const VerifiedFile *file, gpointer data)
{
    Copy *copy = data;
    if (file->as != VERIFIED_RIGHT) {
        note_wrong(copy, "damaged", file->path, _("has other bytes than it must have"));
        return;
    }
    copy->result->files++;
    copy->result->bytes += file->size;
    job_count(copy->job, checked_files, 1);
    job_count(copy->job, checked_bytes, file->size);
}

/* Is the file in the mirror as it was when it was last proven? Then its clone need not be read. */
static gboolean is_proven(const Copy *copy, const char *path)
{
    FileStamp stamp;
    return copy->index && file_stamp_of(copy->tree_fd, path, &stamp) &&
           index_is_unchanged(copy->index, copy->header->folder, copy->header->version, path,
                              &stamp);
}

/* Both descriptors are taken. */
static void bring_bytes(Copy *copy, const LockFile *file, const char *place, int from, int to)
{
    const Digest *sha256 = digest_set_get(&file->digests, DIGEST_SHA256);
    if (file_clone(from, to)) {
        close(from);
        close(to);
        copy->result->cloned++;
        if (is_proven(copy, file->path)) {
            copy->result->files++;
            copy->result->bytes += file->size;
        } else {
            verifier_add(copy->verifier, place, file->size, &file->digests, NULL);
        }
        return;
    }
    Item *item = g_new0(Item, 1);
    item->copy = copy;
    item->path = g_strdup(place);
    item->sha256 = *sha256;
    item->size = file->size;
    copy->under_way++;
    copy_pool_file(copy->pool, from, to, 1U << DIGEST_SHA256, job_store(copy->job), on_copied,
                   item);
}

/* What an interrupted copy left: right by its digest, or made anew. */
static gboolean is_kept(Copy *copy, const LockFile *file, const char *place)
{
    gboolean right = copy_target_has(copy->target, place, file->size,
                                     digest_set_get(&file->digests, DIGEST_SHA256));
    if (right) {
        copy->result->kept++;
        copy->result->files++;
        copy->result->bytes += file->size;
    }
    return right;
}

/* Where FILE goes below the target: as it lies here, or as the layout has its series. Owned. */
static char *place_of(const Copy *copy, const LockFile *file)
{
    g_autofree char *folder = copy->layout != SERIES_LAYOUT_TREE && file->archive
                                  ? series_table_folder(copy->series, file->archive)
                                  : NULL;
    g_autofree char *name = folder ? g_path_get_basename(file->path) : NULL;
    return folder ? g_strconcat(folder, "/", name, NULL) : g_strdup(file->path);
}

static void copy_one(Copy *copy, const LockFile *file)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *place = place_of(copy, file);
    if (file->link_target) {
        tree_remove_file(copy_target_fd(copy->target), file->path, NULL);
        if (!tree_writer_link(copy->writer, file->path, file->link_target, &error)) {
            copy->failure = g_steal_pointer(&error);
        }
        return;
    }
    if (!digest_set_get(&file->digests, DIGEST_SHA256)) {
        note_wrong(copy, "damaged", file->path, _("has no digest in the lock"));
        return;
    }
    if (copy_target_was_begun(copy->target) && is_kept(copy, file, place)) {
        return;
    }
    int from = tree_open_file(copy->tree_fd, file->path, NULL, &error);
    if (from < 0) {
        note_wrong(copy, "missing", file->path, _("is missing, or is no file that can be read"));
        return;
    }
    int to = tree_writer_create(copy->writer, place, NULL, &error);
    if (to < 0) {
        close(from);
        copy->failure = g_steal_pointer(&error);
        return;
    }
    bring_bytes(copy, file, place, from, to);
}

static gboolean copy_files(Copy *copy, LockCursor *lock, GError **error)
{
    g_autoptr(GError) problem = NULL;
    const LockFile *file = NULL;
    while (!copy->failure && !job_is_cancelled(copy->job) &&
           (file = lock_cursor_next(lock, &problem)) != NULL) {
        copy_one(copy, file);
        while (copy->under_way >= MOST_UNDER_WAY && !job_is_cancelled(copy->job)) {
            task_queue_run(job_store(copy->job), 200);
        }
    }
    if (copy->failure || problem || job_is_cancelled(copy->job)) {
        copy_pool_cancel(copy->pool);
    }
    while (copy->under_way) {
        task_queue_run(job_store(copy->job), 200);
        if (job_is_cancelled(copy->job)) {
            copy_pool_cancel(copy->pool);
        }
    }
    verifier_finish(copy->verifier);
    if (copy->failure) {
        g_propagate_error(error, g_steal_pointer(&copy->failure));
        return FALSE;
    }
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (job_is_cancelled(copy->job)) {
        g_autofree char *label = version_label(copy->header);
        g_autofree char *again = g_strdup_printf("medmirror copy %s %s", label, copy->result->path);
        job_set_cancelled_error(copy->job, again, error);
        return FALSE;
    }
    return TRUE;
}

static gboolean check_right(const Copy *copy, GError **error)
{
    g_autofree char *label = version_label(copy->header);
    if (copy->wrong == 0) {
        return TRUE;
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                ngettext("%s: %" G_GUINT64_FORMAT
                         " file is not as it must be (%s%s), so that no copy was made. What is "
                         "right waits in %s. Mend it with: medmirror verify --repair %s, and type "
                         "the same command again.",
                         "%s: %" G_GUINT64_FORMAT
                         " files are not as they must be (%s%s), so that no copy was made. What is "
                         "right waits in %s. Mend them with: medmirror verify --repair %s, and "
                         "type the same command again.",
                         (gulong)copy->wrong),
                label, copy->wrong, copy->named->str, copy->wrong > NAMED_MOST ? ", ..." : "",
                copy_target_path(copy->target), label);
    return FALSE;
}

/* Where files cannot be cloned there must be room for all of them. */
static gboolean check_room(const Copy *copy, GError **error)
{
    struct statvfs space;
    int fd = copy_target_fd(copy->target);
    guint64 bytes = copy->header->held_bytes;
    if (copy_target_was_begun(copy->target) || file_can_clone(copy->tree_fd, fd) ||
        fstatvfs(fd, &space) != 0 || (guint64)space.f_bavail * space.f_frsize >= bytes) {
        return TRUE;
    }
    g_autofree char *wants = size_text(bytes);
    g_autofree char *has = size_text((guint64)space.f_bavail * space.f_frsize);
    g_autofree char *label = version_label(copy->header);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE,
                _("%s does not fit at %s: it has %s, and %s are free there. Another disk: "
                  "medmirror copy %s DIR"),
                label, copy->result->path, wants, has, label);
    return FALSE;
}

static void copy_clear(Copy *copy)
{
    g_clear_pointer(&copy->pool, copy_pool_free);
    g_clear_pointer(&copy->verifier, verifier_free);
    g_clear_pointer(&copy->writer, tree_writer_free);
    g_clear_pointer(&copy->target, copy_target_free);
    g_clear_pointer(&copy->index, index_close);
    g_clear_pointer(&copy->series, series_table_free);
    g_clear_error(&copy->failure);
    if (copy->named) {
        g_string_free(copy->named, TRUE);
    }
    if (copy->tree_fd >= 0) {
        close(copy->tree_fd);
    }
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Copy, copy_clear)

gboolean job_copy_check(const char *mirror_path, const char *dir, char **path, GError **error)
{
    g_autofree char *whole = g_canonicalize_filename(dir, NULL);
    g_autofree char *inside = g_strconcat(mirror_path, "/", NULL);
    if (strcmp(whole, mirror_path) == 0 || g_str_has_prefix(whole, inside)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s lies in the mirror, where only datasets lie. Name a folder outside: "
                      "medmirror copy REF DIR"),
                    whole);
        return FALSE;
    }
    if (!copy_target_check(whole, error)) {
        return FALSE;
    }
    *path = g_steal_pointer(&whole);
    return TRUE;
}

/* Restricted, or given to this user alone for another reason. */
static gboolean is_private(const LockHeader *header, int tree_fd)
{
    struct stat tree;
    return !access_is_open(header->access) ||
           (!header->in_place && tree_fd >= 0 && fstat(tree_fd, &tree) == 0 &&
            (tree.st_mode & 0007) == 0);
}

/* The series that are held, if there are any. */
static gboolean read_series(Copy *copy, Mirror *mirror, GError **error)
{
    g_autoptr(LockReader) lock =
        mirror_open_lock(mirror, copy->header->folder, copy->header->version, error);
    const SeriesTrees trees = {"", copy->tree_fd, -1};
    copy->series = lock ? series_table_new(lock, copy->layout, &trees, error) : NULL;
    if (!copy->series) {
        return FALSE;
    }
    copy->result->doubles = series_table_doubles(copy->series);
    if (series_table_length(copy->series) > 0 || copy->layout == SERIES_LAYOUT_TREE) {
        return TRUE;
    }
    g_autofree char *label = version_label(copy->header);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%s holds no series of DICOM images that --layout could lay out. Without it: "
                  "medmirror copy %s DIR"),
                label, label);
    return FALSE;
}

/* The Retriever's table, unless the dataset has a file of that name itself. */
static gboolean write_metadata(Copy *copy, GError **error)
{
    int target = copy_target_fd(copy->target);
    if (series_table_length(copy->series) == 0) {
        return TRUE;
    }
    int fd = openat(target, "metadata.csv", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                    copy->result->is_private ? 0600 : 0666);
    if (fd < 0 && errno == EEXIST) {
        return TRUE;
    }
    if (fd < 0) {
        return error_set_storage(error, errno, _("The table of series cannot be written"));
    }
    gboolean done = series_table_write(copy->series, copy->header, fd, error);
    close(fd);
    return done;
}

gboolean job_copy(Job *job, Mirror *mirror, const LockHeader *header, const char *path,
                  SeriesLayout layout, CopyResult *result, GError **error)
{
    g_auto(Copy)
        copy = {.job = job, .header = header, .result = result, .layout = layout, .tree_fd = -1};
    copy_result_clear(result);
    *result = (CopyResult){.path = g_strdup(path)};
    LockReader *reader = mirror_open_lock(mirror, header->folder, header->version, error);
    if (!reader) {
        return FALSE;
    }
    g_autoptr(LockCursor) lock = lock_cursor_new(reader);
    if (!version_check_tree(mirror, header, error)) {
        return FALSE;
    }
    copy.tree_fd = mirror_open_tree(mirror, header->folder, header->version, error);
    if (copy.tree_fd < 0 || !read_series(&copy, mirror, error)) {
        return FALSE;
    }
    /* Another layout goes on with nothing that this one left. */
    g_autofree char *mark = layout == SERIES_LAYOUT_TREE
                                ? g_strdup(header->fingerprint)
                                : g_strdup_printf("%s+%d", header->fingerprint, (int)layout);
    copy.named = g_string_new(NULL);
    result->is_private = is_private(header, copy.tree_fd);
    copy.target = copy_target_open(path, mark, result->is_private, error);
    if (!copy.target || !check_room(&copy, error)) {
        return FALSE;
    }
    copy.index = index_open(mirror, NULL);
    copy.writer = tree_writer_new(copy_target_fd(copy.target), result->is_private ? 0600 : 0666);
    copy.verifier = verifier_new(copy_target_fd(copy.target), job_digest_pool(job), FALSE, NULL,
                                 on_verified, &copy);
    copy.pool = copy_pool_new(0);
    if (!copy.pool) {
        return error_set_storage(error, errno, _("No thread could be started"));
    }
    tree_remove_file(copy_target_fd(copy.target), "metadata.csv", NULL);
    return copy_files(&copy, lock, error) && check_right(&copy, error) &&
           write_metadata(&copy, error) && copy_target_finish(copy.target, error);
}

void job_copy_tell(Job *job, const LockHeader *header, const CopyResult *result)
{
    g_autofree char *label = version_label(header);
    g_autofree char *size = size_text(result->bytes);
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(
        text,
        ngettext("copied       %s: %" G_GUINT64_FORMAT " file, %s, proven and writable",
                 "copied       %s: %" G_GUINT64_FORMAT " files, %s, proven and writable",
                 (gulong)result->files),
        label, result->files, size);
    if (result->cloned) {
        g_string_append(text, _("; they share their space with the mirror's until changed"));
    }
    if (result->doubles) {
        g_string_append_printf(text,
                               ngettext_count("\nlayout       %" G_GUINT64_FORMAT
                                              " series would have shared its folder with another: "
                                              "its whole UID stands in it",
                                              "\nlayout       %" G_GUINT64_FORMAT
                                              " series would have shared folders: their whole UIDs "
                                              "stand in them",
                                              result->doubles),
                               result->doubles);
    }
    if (result->is_private) {
        g_string_append_printf(text,
                               _("\nrestricted   readable by you alone; its agreement holds for "
                                 "this copy too: medmirror show %s"),
                               header->id ? header->id : header->ref);
    }
    if (!lock_header_is_whole(header)) {
        g_autofree char *what = selection_describe(header->selection);
        g_string_append_printf(text, _("\npart         %s"), what);
    }
    job_answer(job, JOB_EVENT_STEP, "copied",
               json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s?, s:b}", "ref", header->ref,
                         "version", header->version, "path", result->path, "files",
                         (json_int_t)result->files, "bytes", (json_int_t)result->bytes, "cloned",
                         (json_int_t)result->cloned, "kept", (json_int_t)result->kept,
                         "fingerprint", header->fingerprint, "is_private", result->is_private),
               text->str, result->path);
}

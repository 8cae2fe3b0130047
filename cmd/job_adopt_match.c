/* Which of the dataset's files are there, and where. */
#include "adopt_root.h"
#include "error.h"
#include "i18n.h"
#include "job_adopt_internal.h"
#include "relpath.h"
#include "size_text.h"
#include "tree_writer.h"
#include "unpacking.h"
#include "verifier.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define UNPACKED "adopted" /* folder in the stage */

static gboolean on_cancelled(gpointer data)
{
    return job_is_cancelled(data);
}

static char *unpacked_path(const Adopt *adopt)
{
    g_autofree char *key = mirror_folder_key(adopt->reference->folder);
    return g_strdup_printf("stage/%s/" UNPACKED, key);
}

/* The folder in the stage, empty. */
static int make_folder(const Adopt *adopt, GError **error)
{
    g_autofree char *path = unpacked_path(adopt);
    int private_fd = mirror_private_fd(adopt->pull.mirror);
    return tree_remove_all(private_fd, path, error)
               ? tree_open_folder(private_fd, path, TRUE, 0700, error)
               : -1;
}

/* A zip that is cut short is damage here: its file was named by a person. */
static gboolean unpack_into(const Adopt *adopt, const char *name, int folder, GError **error)
{
    g_autofree char *base = g_path_get_basename(name);
    g_autoptr(UnpackRule) rule = unpack_rule_from_name(base);
    g_auto(Room) room = {0};
    struct stat now;
    int fd = TEMP_FAILURE_RETRY(openat(adopt->files.fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (fd < 0 || fstat(fd, &now) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return error_set_storage(error, errno, _("%s cannot be read"), name);
    }
    g_autofree char *size = size_text((guint64)now.st_size);
    job_tell(adopt->job, JOB_EVENT_STEP, "unpacks",
             json_pack("{s:s, s:s, s:I}", "ref", adopt->reference->ref, "path", name, "bytes",
                       (json_int_t)now.st_size),
             _("unpacks      %s, %s: it is none of the source's own files, so what it holds is "
               "looked at"),
             base, size);
    const UnpackLimits limits = {
        .most_bytes = room_measure(adopt->pull.mirror, &adopt->pull.limits, &room, NULL)
                          ? MAX(room.bytes, 1)
                          : SIZE_UNKNOWN};
    gboolean done = unpack_whole_file(rule, fd, base, folder, &limits, NULL, NULL, on_cancelled,
                                      adopt->job, error);
    close(fd);
    if (!done && job_is_cancelled(adopt->job)) {
        g_clear_error(error);
        job_set_cancelled_error(adopt->job, adopt->request->command, error);
    }
    return done;
}

gboolean adopt_unpack(Adopt *adopt, const char *name, GError **error)
{
    int folder = make_folder(adopt, error);
    if (folder < 0 || !unpack_into(adopt, name, folder, error)) {
        if (folder >= 0) {
            close(folder);
        }
        return FALSE;
    }
    g_autofree char *below = unpacked_path(adopt);
    char *path = g_build_filename(mirror_path(adopt->pull.mirror), ".medmirror", below, NULL);
    adopt->given = adopt->files;
    adopt->files = (LocalFiles){.fd = -1};
    local_files_init(&adopt->files, path, folder, LOCAL_TAKE);
    adopt->is_unpacked = TRUE;
    adopt->is_file = FALSE;
    g_clear_pointer(&adopt->survey, survey_free);
    adopt->survey = survey_new();
    return survey_folder(adopt->survey, adopt->job, &adopt->files, adopt->reference, error);
}

gboolean adopt_pack(Adopt *adopt, GError **error)
{
    g_autofree char *below = unpacked_path(adopt);
    local_files_clear(&adopt->files);
    adopt->files = adopt->given;
    adopt->given = (LocalFiles){.fd = -1};
    adopt->is_unpacked = FALSE;
    adopt->is_file = TRUE;
    g_clear_pointer(&adopt->survey, survey_free);
    adopt->survey = survey_new();
    return tree_remove_all(mirror_private_fd(adopt->pull.mirror), below, error) &&
           survey_file(adopt->survey, &adopt->files, error);
}

/* What is wanted, in passing over it once. */
typedef struct {
    Adopt *adopt;
    RootFinder *finder;
    guint64 rows, archives, series;
    char *archive; /* the path of the first archive */
    char *by_name; /* the row that has the given file's name; NULL: none, or several */
    gboolean is_ambiguous;
} Wanted;

static void wanted_clear(Wanted *wanted)
{
    g_clear_pointer(&wanted->finder, root_finder_free);
    g_free(wanted->archive);
    g_free(wanted->by_name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Wanted, wanted_clear)

static gboolean on_wanted(const SpoolDownload *row, gpointer data, GError **error)
{
    Wanted *wanted = data;
    const char *path = row->file->path;
    const char *slash = strrchr(path, '/');
    const LocalFiles *files = &wanted->adopt->files;
    wanted->rows++;
    root_finder_expect(wanted->finder, path);
    if (row->file->role == FILE_ROLE_ARCHIVE) {
        wanted->archives++;
        wanted->series += row->file->unpack && row->file->unpack->series;
        if (!wanted->archive) {
            wanted->archive = g_strdup(path);
        }
    }
    if (files->only_name && strcmp(slash ? slash + 1 : path, files->only_name) == 0) {
        wanted->is_ambiguous = wanted->by_name != NULL;
        g_free(wanted->by_name);
        wanted->by_name = g_strdup(path);
    }
    return TRUE;
}

static gboolean on_seen(const char *path, guint64 size, gboolean is_link, gpointer data,
                        GError **error)
{
    const Wanted *wanted = data;
    root_finder_see(wanted->finder, path);
    return !job_is_cancelled(wanted->adopt->job);
}

/* *FOUND: some of what is wanted is there by name. */
static gboolean find_root(Adopt *adopt, Wanted *wanted, gboolean *found, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (!tree_walk(adopt->files.fd, on_seen, wanted, &failure) && failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    char *root = root_finder_best(wanted->finder);
    *found = root != NULL;
    if (root) {
        g_free(adopt->files.root);
        adopt->files.root = root;
    }
    return TRUE;
}

static gboolean refuse_as_other(const Adopt *adopt, const Wanted *wanted, GError **error)
{
    g_autoptr(GString) there = g_string_new(NULL);
    const GPtrArray *names = adopt->survey->files_named;
    for (guint i = 0; i < names->len; i++) {
        g_string_append_printf(there, "%s%s", i ? ", " : "",
                               (const char *)g_ptr_array_index(names, i));
    }
    g_autoptr(GPtrArray) queued = spool_take(adopt->pull.spool, SURVEY_NAMED, NULL);
    g_autoptr(GString) expected = g_string_new(NULL);
    for (guint i = 0; queued && i < queued->len; i++) {
        const SpoolDownload *row = g_ptr_array_index(queued, i);
        g_autofree char *shown = relpath_display(row->file->path);
        g_string_append_printf(expected, "%s%s", i ? ", " : "", shown);
        spool_put_back(adopt->pull.spool, row->id);
    }
    g_set_error(
        error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
        _("%s is not %s: none of its %" G_GUINT64_FORMAT
          " files is there by name. It must have, among others: %s. There are: %s. Nothing was "
          "taken. What it must have is told by: medmirror files %s"),
        adopt->request->from, adopt->reference->ref, wanted->rows, expected->str,
        there->len ? there->str : _("no files at all"), adopt->reference->ref);
    return FALSE;
}

static gboolean scan_wanted(Adopt *adopt, Wanted *wanted, GError **error)
{
    wanted->adopt = adopt;
    wanted->finder = root_finder_new();
    return spool_each_download(adopt->pull.spool, SPOOL_QUEUED, on_wanted, wanted, error);
}

gboolean adopt_refuse_in_place(const Adopt *adopt, const char *name, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%s is an archive that has to be unpacked, and in place nothing is written. Take "
                  "it as a copy: medmirror adopt %s %s"),
                name, adopt->reference->ref, adopt->request->from);
    return FALSE;
}

/* Only a stage can hold what an archive holds. */
static gboolean match_unpacked(Adopt *adopt, const char *name, GError **error)
{
    if (adopt->request->how == ADOPT_IN_PLACE) {
        return adopt_refuse_in_place(adopt, name, error);
    }
    if (!adopt->pull.stage) {
        adopt->waits = TRUE;
        return TRUE;
    }
    gboolean found = FALSE;
    g_auto(Wanted) wanted = {0};
    if (!adopt_unpack(adopt, name, error) || !scan_wanted(adopt, &wanted, error)) {
        return FALSE;
    }
    if (wanted.series) {
        return adopt_match_series(adopt, error);
    }
    if (!find_root(adopt, &wanted, &found, error)) {
        return FALSE;
    }
    return found || refuse_as_other(adopt, &wanted, error);
}

/* The files that the source gives in archives alone are there, unpacked by hand. */
static gboolean match_members(Adopt *adopt, const Wanted *archives, GError **error)
{
    if (archives->rows == 1) {
        adopt->archive = spool_find(adopt->pull.spool, archives->archive, error);
        if (!adopt->archive) {
            return FALSE;
        }
    }
    g_autoptr(GHashTable) members = adopt_recorded_members(adopt);
    if (g_hash_table_size(members) > 0) {
        gboolean found = FALSE;
        g_auto(Wanted) wanted = {.adopt = adopt, .finder = root_finder_new()};
        GHashTableIter iter;
        gpointer path;
        g_hash_table_iter_init(&iter, members);
        while (g_hash_table_iter_next(&iter, &path, NULL)) {
            root_finder_expect(wanted.finder, path);
        }
        if (!find_root(adopt, &wanted, &found, error)) {
            return FALSE;
        }
        wanted.rows = g_hash_table_size(members);
        if (!found) {
            return refuse_as_other(adopt, &wanted, error);
        }
    }
    g_clear_pointer(&adopt->pull.selection, selection_free);
    if (!adopt_list_tree(adopt, error) || !pull_choose_files(&adopt->pull, error)) {
        return FALSE;
    }
    adopt->result->list = ADOPT_LIST_NONE;
    adopt->result->unpacked_by_hand = adopt->survey->files;
    return adopt_compare_members(adopt, error);
}

/* ROW is the listed path, FILE the name of what is there. */
static void note_name(Adopt *adopt, const char *row, const char *file)
{
    g_autofree char *listed = g_path_get_basename(row);
    g_autofree char *given = g_path_get_basename(file);
    if (strcmp(listed, given) != 0) {
        adopt->result->taken_for = g_steal_pointer(&listed);
    }
}

static gboolean match_file(Adopt *adopt, const Wanted *wanted, GError **error)
{
    const char *row = wanted->by_name && !wanted->is_ambiguous ? wanted->by_name
                      : wanted->rows == 1                      ? wanted->archive
                                                               : NULL;
    if (row) {
        note_name(adopt, row, adopt->files.only_name);
        g_free(adopt->files.only);
        adopt->files.only = g_strdup(row);
        return TRUE;
    }
    return adopt->survey->archive ? match_unpacked(adopt, adopt->files.only_name, error)
                                  : refuse_as_other(adopt, wanted, error);
}

static gboolean match_folder(Adopt *adopt, const Wanted *wanted, GError **error)
{
    gboolean found = FALSE;
    const char *archive = adopt->survey->archive;
    /* The zips that the source makes of series, saved as they came, go by their names. */
    if (wanted->series && adopt->survey->archives == adopt->survey->files &&
        !find_root(adopt, (Wanted *)wanted, &found, error)) {
        return FALSE;
    }
    if (wanted->series) {
        return found || adopt_match_series(adopt, error);
    }
    /* What is an archive there was one in the archive. */
    if (adopt->hub && wanted->archives == wanted->rows) {
        return match_members(adopt, wanted, error);
    }
    if (!find_root(adopt, (Wanted *)wanted, &found, error)) {
        return FALSE;
    }
    if (found) {
        return TRUE;
    }
    if (archive && wanted->rows == 1 && wanted->archive && adopt->survey->archives == 1) {
        adopt->files.only = g_strdup(wanted->archive);
        adopt->files.only_name = g_strdup(archive);
        note_name(adopt, wanted->archive, archive);
        return TRUE;
    }
    if (archive && adopt->survey->archives == 1 && wanted->archives < wanted->rows) {
        g_autofree char *name = g_strdup(archive);
        return match_unpacked(adopt, name, error);
    }
    if (!archive && wanted->rows > 0 && wanted->archives == wanted->rows && adopt->survey->files) {
        return match_members(adopt, wanted, error);
    }
    return refuse_as_other(adopt, wanted, error);
}

typedef struct {
    Adopt *adopt;
    GPtrArray *named;
    gsize root_length;
} Foreign;

static gboolean on_foreign(const char *path, guint64 size, gboolean is_link, gpointer data,
                           GError **error)
{
    Foreign *foreign = data;
    const Adopt *adopt = foreign->adopt;
    const char *root = adopt->files.root;
    gboolean is_below = !foreign->root_length || (strncmp(path, root, foreign->root_length) == 0 &&
                                                  path[foreign->root_length] == '/');
    const char *name = path + (foreign->root_length ? foreign->root_length + 1 : 0);
    if (!is_below || !spool_lists(adopt->pull.spool, name)) {
        adopt->result->foreign++;
        if (foreign->named->len < SURVEY_NAMED) {
            g_ptr_array_add(foreign->named, relpath_display(path));
        }
    }
    return !job_is_cancelled(adopt->job);
}

/* What is not the dataset's is left, counted and named. */
static gboolean name_foreign(Adopt *adopt, GError **error)
{
    g_autoptr(GPtrArray) named = g_ptr_array_new_with_free_func(g_free);
    Foreign foreign = {.adopt = adopt, .named = named, .root_length = strlen(adopt->files.root)};
    g_autoptr(GError) failure = NULL;
    if (adopt->files.only || adopt->is_unpacked) {
        return TRUE;
    }
    if (!tree_walk(adopt->files.fd, on_foreign, &foreign, &failure) && failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (adopt->result->foreign) {
        g_ptr_array_add(named, NULL);
        g_autofree char *names = g_strjoinv(", ", (char **)named->pdata);
        job_tell(adopt->job, JOB_EVENT_STEP, "not-its-own",
                 json_pack("{s:s, s:I}", "ref", adopt->reference->ref, "files",
                           (json_int_t)adopt->result->foreign),
                 ngettext("not its own  %" G_GUINT64_FORMAT " file, left where it is: %s%s",
                          "not its own  %" G_GUINT64_FORMAT " files, left where they are: %s%s",
                          (gulong)adopt->result->foreign),
                 adopt->result->foreign, names,
                 adopt->result->foreign > SURVEY_NAMED ? " ..." : "");
    }
    return TRUE;
}

/* Nothing is wanted: all is here, or nothing was named. */
static gboolean check_any(const Adopt *adopt, GError **error)
{
    SpoolTotals totals;
    if (!spool_totals(adopt->pull.spool, &totals, error)) {
        return FALSE;
    }
    if (totals.staged_files || totals.installed_files) {
        return TRUE;
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                totals.downloads == 0
                    ? _("%s: the list that tells which files it must have names none. Without it, "
                        "type: medmirror adopt %s %s")
                    : _("%s: none of its files is taken by what was chosen. All of them: medmirror "
                        "adopt %s %s"),
                adopt->reference->ref, adopt->reference->ref, adopt->request->from);
    return FALSE;
}

gboolean adopt_match(Adopt *adopt, GError **error)
{
    g_auto(Wanted) wanted = {0};
    if (!scan_wanted(adopt, &wanted, error)) {
        return FALSE;
    }
    if (wanted.rows == 0) {
        return check_any(adopt, error);
    }
    if (adopt->result->list != ADOPT_LIST_NONE &&
        !(adopt->is_file ? match_file(adopt, &wanted, error)
                         : match_folder(adopt, &wanted, error))) {
        return FALSE;
    }
    if (job_is_cancelled(adopt->job)) {
        job_set_cancelled_error(adopt->job, adopt->request->command, error);
        return FALSE;
    }
    return adopt->waits || adopt->files.series ||
           (adopt_add_digests(adopt, error) && adopt_check_presence(adopt, error) &&
            name_foreign(adopt, error));
}

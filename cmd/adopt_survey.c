#include "adopt_survey.h"

#include "checksum_list.h"
#include "error.h"
#include "filespec.h"
#include "i18n.h"
#include "relpath.h"
#include "verifier.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

Survey *survey_new(void)
{
    Survey *survey = g_new0(Survey, 1);
    survey->refused_named = g_ptr_array_new_with_free_func(g_free);
    survey->files_named = g_ptr_array_new_with_free_func(g_free);
    survey->lists = g_ptr_array_new_with_free_func(g_free);
    return survey;
}

void survey_free(Survey *survey)
{
    if (survey) {
        g_ptr_array_unref(survey->refused_named);
        g_ptr_array_unref(survey->files_named);
        g_ptr_array_unref(survey->lists);
        g_free(survey->archive);
        g_free(survey->address_root);
        g_free(survey->address_version);
        g_free(survey->owner);
        g_free(survey);
    }
}

static gboolean is_host_of(const Fetcher *fetcher, const char *part, gsize length)
{
    for (guint i = 0; fetcher->row.hosts && fetcher->row.hosts[i]; i++) {
        if (strlen(fetcher->row.hosts[i]) == length &&
            g_ascii_strncasecmp(fetcher->row.hosts[i], part, length) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Does this beginning of an address name a version of the dataset? */
static gboolean is_address_of(const Reference *reference, const char *host, gsize length,
                              char **version)
{
    const Fetcher *fetcher = reference->fetcher;
    g_autofree char *address = g_strdup_printf("https://%.*s/", (int)length, host);
    json_auto_t *locator = fetcher->locator_from_address(fetcher, address, version);
    g_autofree char *folder = locator && *version ? fetcher->folder(fetcher, locator, NULL) : NULL;
    if (folder && strcmp(folder, reference->folder) == 0) {
        return TRUE;
    }
    g_clear_pointer(version, g_free);
    return FALSE;
}

char *survey_address_folder(const char *path, const Reference *reference, char **version)
{
    const Fetcher *fetcher = reference->fetcher;
    *version = NULL;
    if (!fetcher || !fetcher->locator_from_address || reference->is_folder) {
        return NULL;
    }
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += *at == '/';
        gsize length = strcspn(at, "/");
        if (!is_host_of(fetcher, at, length)) {
            continue;
        }
        for (const char *end = at + length; *end == '/'; end += 1 + strcspn(end + 1, "/")) {
            gsize so_far = (gsize)(end - at) + 1 + strcspn(end + 1, "/");
            if (is_address_of(reference, at, so_far, version)) {
                return g_strndup(path, (gsize)(at - path) + so_far);
            }
        }
    }
    return NULL;
}

typedef struct {
    Survey *survey;
    Job *job;
    const LocalFiles *files;
    const Reference *reference;
    guint depth_of_lists;
} Walking;

static guint depth_of(const char *path)
{
    guint depth = 0;
    for (const char *at = path; (at = strchr(at, '/')); at++) {
        depth++;
    }
    return depth;
}

static void note_list(Walking *walking, const char *path)
{
    Survey *survey = walking->survey;
    g_autofree char *name = g_path_get_basename(path);
    guint depth = depth_of(path);
    if (!checksum_list_is_name(name) || (survey->lists->len && depth > walking->depth_of_lists)) {
        return;
    }
    if (depth < walking->depth_of_lists) {
        g_ptr_array_set_size(survey->lists, 0);
    }
    walking->depth_of_lists = depth;
    if (survey->lists->len < SURVEY_LISTS) {
        g_ptr_array_add(survey->lists, g_strdup(path));
    }
}

static void note_owner(Survey *survey, const struct stat *now)
{
    if (now->st_uid == geteuid()) {
        return;
    }
    survey->others++;
    if (!survey->owner) {
        struct passwd entry, *found = NULL;
        g_autofree char *buffer = g_malloc(16384);
        getpwuid_r(now->st_uid, &entry, buffer, 16384, &found);
        survey->owner = found ? g_strdup(found->pw_name) : g_strdup_printf("%u", now->st_uid);
    }
}

static void count_file(Survey *survey, const LocalFiles *files, const char *path,
                       const struct stat *now)
{
    survey->files++;
    survey->bytes += (guint64)now->st_size;
    note_owner(survey, now);
    if (survey->files_named->len < SURVEY_NAMED) {
        g_ptr_array_add(survey->files_named, relpath_display(path));
    }
    g_autofree char *name = g_path_get_basename(path);
    g_autoptr(UnpackRule) rule = unpack_rule_from_name(name);
    if (rule && rule->container != ARCHIVE_NONE) {
        survey->archives++;
        if (!survey->archive) {
            survey->archive = g_strdup(path);
        }
    }
}

static void refuse(Survey *survey, const char *path, const char *why)
{
    survey->refused++;
    if (survey->refused_named->len < SURVEY_NAMED) {
        g_autofree char *shown = relpath_display(path);
        g_ptr_array_add(survey->refused_named, g_strdup_printf("%s: %s", shown, why));
    }
}

static void find_address(Walking *walking, const char *path)
{
    Survey *survey = walking->survey;
    gsize before = strlen(walking->files->folder);
    if (survey->address_version) {
        return;
    }
    g_autofree char *whole = g_build_filename(walking->files->folder, path, NULL);
    g_autofree char *version = NULL;
    g_autofree char *root = survey_address_folder(whole, walking->reference, &version);
    /* Deeper than the file itself is no folder; above FOLDER nothing of it is looked for. */
    if (root && strlen(root) < strlen(whole)) {
        gsize length = strlen(root);
        survey->address_root = length > before    ? g_strdup(root + before + 1)
                               : length == before ? g_strdup("")
                                                  : NULL;
        survey->address_version = g_steal_pointer(&version);
    }
}

static gboolean on_entry(const char *path, guint64 size, gboolean is_link, gpointer data,
                         GError **error)
{
    Walking *walking = data;
    Survey *survey = walking->survey;
    struct stat now;
    if (job_is_cancelled(walking->job)) {
        return FALSE;
    }
    if (size == SIZE_UNKNOWN && g_str_has_suffix(path, "/")) {
        g_autofree char *whole = g_build_filename(walking->files->folder, path, NULL);
        g_autofree char *shown = relpath_display(whole);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE,
                    _("The folder %s cannot be read, so that it is not known what is missing. Make "
                      "it readable (chmod u+rx), then type the same command again."),
                    shown);
        return FALSE;
    }
    if (local_files_stat(walking->files, path, &now) != LOCAL_THERE) {
        refuse(survey, path,
               !is_link ? _("is a device, a pipe or a socket")
               : walking->files->how == LOCAL_IN_PLACE
                   ? _("is a symbolic link, and in place each file must be one itself")
                   : _("is a symbolic link that leads out of the folder, to a folder, or nowhere"));
        return TRUE;
    }
    g_autoptr(GError) unsafe = NULL;
    if (!relpath_check(path, &unsafe)) {
        refuse(survey, path, _("has a name that no dataset can have"));
    }
    count_file(survey, walking->files, path, &now);
    note_list(walking, path);
    find_address(walking, path);
    return TRUE;
}

gboolean survey_folder(Survey *survey, Job *job, const LocalFiles *files,
                       const Reference *reference, GError **error)
{
    Walking walking = {.survey = survey,
                       .job = job,
                       .files = files,
                       .reference = reference,
                       .depth_of_lists = G_MAXUINT};
    g_autoptr(GError) failure = NULL;
    tree_walk(files->fd, on_entry, &walking, &failure);
    if (job_is_cancelled(job)) {
        job_set_cancelled_error(job, "medmirror adopt", error);
        return FALSE;
    }
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    return TRUE;
}

gboolean survey_file(Survey *survey, const LocalFiles *files, GError **error)
{
    struct stat now;
    if (local_files_stat(files, files->only_name, &now) == LOCAL_THERE) {
        count_file(survey, files, files->only_name, &now);
        return TRUE;
    }
    g_autofree char *whole = g_build_filename(files->folder, files->only_name, NULL);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                _("%s is no regular file. Name the file itself, as in: medmirror adopt REF FILE"),
                whole);
    return FALSE;
}

#include "holds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "durable.h"
#include "error.h"
#include "i18n.h"
#include "relpath.h"
#include "tree_writer.h"

#define SUFFIX ".json"
#define MOST_BYTES 65536

void hold_free(Hold *hold)
{
    if (hold == NULL)
        return;
    g_free(hold->folder);
    g_free(hold->ref);
    g_free(hold->version);
    g_free(hold->until);
    g_free(hold->note);
    g_free(hold->user);
    g_free(hold->since);
    g_free(hold);
}

gboolean hold_date_is_valid(const char *date)
{
    guint64 year, month, day;
    g_auto(GStrv) parts = g_strsplit(date, "-", -1);
    return g_strv_length(parts) == 3 && strlen(parts[0]) == 4 && strlen(parts[1]) == 2 &&
           strlen(parts[2]) == 2 &&
           g_ascii_string_to_unsigned(parts[0], 10, 1, 9999, &year, NULL) &&
           g_ascii_string_to_unsigned(parts[1], 10, 1, 12, &month, NULL) &&
           g_ascii_string_to_unsigned(parts[2], 10, 1, 31, &day, NULL) &&
           g_date_valid_dmy((GDateDay)day, (GDateMonth)month, (GDateYear)year);
}

static char *now_utc(const char *format)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    return g_date_time_format(now, format);
}

static char *place_of(const char *folder, const char *version)
{
    g_autofree char *key = mirror_folder_key(folder);
    g_autofree char *name = mirror_version_name(version);
    return g_strdup_printf("holds/%s/%s", key, name);
}

static char *file_of(const char *user)
{
    g_autofree char *part = relpath_encode_part(user);
    return g_strdup_printf("%.200s" SUFFIX, part);
}

static char *describe(const Hold *hold)
{
    g_autofree char *since = now_utc("%Y-%m-%dT%H:%M:%SZ");
    g_autofree char *user = g_utf8_make_valid(hold->user, -1);
    g_autofree char *note = hold->note == NULL ? NULL : g_utf8_make_valid(hold->note, -1);
    json_t *object = json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s, s:s}", "folder", hold->folder,
                               "ref", hold->ref, "version", hold->version, "until", hold->until,
                               "note", note, "user", user, "since", since);
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(object);
    return text;
}

gboolean hold_set(Mirror *mirror, const Hold *hold, GError **error)
{
    char *text = describe(hold);
    if (text == NULL) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("The hold of %s cannot be written down: its name is no text."), hold->folder);
        return FALSE;
    }
    g_autofree char *place = place_of(hold->folder, hold->version);
    g_autofree char *name = file_of(hold->user);
    gboolean written = FALSE;
    /* Who releases the last hold takes the folder away, perhaps just now. */
    for (guint attempt = 0; !written && attempt < 5; attempt++) {
        g_clear_error(error);
        int fd = tree_open_folder(mirror_private_fd(mirror), place, TRUE, 0755, error);
        if (fd < 0)
            break;
        durable_sweep(fd, name, DURABLE_SWEEP_SECONDS);
        written = durable_replace(fd, name, text, 0644, error);
        close(fd);
    }
    free(text);
    return written;
}

gboolean hold_remove(Mirror *mirror, const char *folder, const char *version, const char *user,
                     gboolean *found, GError **error)
{
    g_autofree char *place = place_of(folder, version);
    g_autofree char *name = file_of(user);
    g_autofree char *path = g_strdup_printf("%s/%s", place, name);
    *found = faccessat(mirror_private_fd(mirror), path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (!tree_remove_file(mirror_private_fd(mirror), path, error))
        return FALSE;
    tree_remove_empty_folders(mirror_private_fd(mirror), path);
    return TRUE;
}

static char *get_text(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return g_strdup(text != NULL ? text : otherwise);
}

/* What cannot be understood protects nevertheless. VERSION: its folder's name. */
static Hold *read_hold(int fd, const char *name, const char *folder, const char *version)
{
    g_autofree char *text = small_file_read(fd, name, MOST_BYTES, NULL, NULL);
    g_autofree char *user = g_strndup(name, strlen(name) - strlen(SUFFIX));
    json_t *object = text == NULL ? NULL : json_loads(text, 0, NULL);
    g_autoptr(Hold) hold = g_new0(Hold, 1);
    hold->folder = get_text(object, "folder", folder);
    hold->version = get_text(object, "version", version);
    hold->ref = get_text(object, "ref", hold->folder);
    hold->until = get_text(object, "until", NULL);
    hold->note = get_text(object, "note", NULL);
    hold->user = get_text(object, "user", user);
    hold->since = get_text(object, "since", "");
    json_decref(object);
    if (hold->until != NULL && !hold_date_is_valid(hold->until))
        g_clear_pointer(&hold->until, g_free);
    g_autofree char *today = now_utc("%Y-%m-%d");
    hold->is_over = hold->until != NULL && strcmp(hold->until, today) < 0;
    return hold->folder == NULL || hold->version == NULL ? NULL : g_steal_pointer(&hold);
}

/* The names in PATH that do not begin with a dot; NULL with an error. */
static GPtrArray *read_names(Mirror *mirror, const char *path, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int fd = mirror_private_fd(mirror) < 0
                 ? -1
                 : openat(mirror_private_fd(mirror), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && (mirror_private_fd(mirror) < 0 || errno == ENOENT || errno == ENOTDIR))
        return g_steal_pointer(&names);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (stream == NULL) {
        error_set_storage(error, errno, _("cannot read the holds of %s"), mirror_path(mirror));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    struct dirent *entry;
    while ((entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] != '.')
            g_ptr_array_add(names, g_strdup(entry->d_name));
    }
    closedir(stream);
    return g_steal_pointer(&names);
}

/* PLACE: "holds/KEY/VERSION". */
static gboolean read_version(Mirror *mirror, const char *place, const char *folder,
                             const char *version, GPtrArray *holds, GError **error)
{
    g_autoptr(GPtrArray) names = read_names(mirror, place, error);
    int fd = names == NULL || names->len == 0
                 ? -1
                 : openat(mirror_private_fd(mirror), place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (guint i = 0; fd >= 0 && i < names->len; i++) {
        Hold *hold = g_str_has_suffix(names->pdata[i], SUFFIX)
                         ? read_hold(fd, names->pdata[i], folder, version)
                         : NULL;
        if (hold != NULL)
            g_ptr_array_add(holds, hold);
    }
    if (fd >= 0)
        close(fd);
    return names != NULL;
}

static gboolean read_folder(Mirror *mirror, const char *key, const char *folder, GPtrArray *holds,
                            GError **error)
{
    g_autofree char *above = g_strdup_printf("holds/%s", key);
    g_autoptr(GPtrArray) versions = read_names(mirror, above, error);
    for (guint i = 0; versions != NULL && i < versions->len; i++) {
        g_autofree char *place = g_strdup_printf("%s/%s", above, (char *)versions->pdata[i]);
        if (!read_version(mirror, place, folder, versions->pdata[i], holds, error))
            return FALSE;
    }
    return versions != NULL;
}

static gint compare(gconstpointer first, gconstpointer second)
{
    const Hold *a = *(Hold *const *)first, *b = *(Hold *const *)second;
    int order = strcmp(a->folder, b->folder);
    if (order == 0)
        order = version_compare(a->version, b->version);
    return order != 0 ? order : strcmp(a->user, b->user);
}

GPtrArray *hold_list(Mirror *mirror, const char *folder, const char *version, GError **error)
{
    g_autoptr(GPtrArray) holds = g_ptr_array_new_with_free_func((GDestroyNotify)hold_free);
    gboolean read = TRUE;
    if (folder != NULL && version != NULL) {
        g_autofree char *place = place_of(folder, version);
        read = read_version(mirror, place, folder, version, holds, error);
    } else if (folder != NULL) {
        g_autofree char *key = mirror_folder_key(folder);
        read = read_folder(mirror, key, folder, holds, error);
    } else {
        g_autoptr(GPtrArray) keys = read_names(mirror, "holds", error);
        for (guint i = 0; keys != NULL && read && i < keys->len; i++)
            read = read_folder(mirror, keys->pdata[i], NULL, holds, error);
        read = read && keys != NULL;
    }
    if (!read)
        return NULL;
    g_ptr_array_sort(holds, compare);
    return g_steal_pointer(&holds);
}

Hold *hold_find(Mirror *mirror, const char *folder, const char *version, GError **error)
{
    g_autoptr(GPtrArray) holds = hold_list(mirror, folder, version, error);
    Hold *longest = NULL;
    for (guint i = 0; holds != NULL && i < holds->len; i++) {
        Hold *hold = holds->pdata[i];
        if (hold->is_over)
            continue;
        if (longest == NULL || (longest->until != NULL &&
                                (hold->until == NULL || strcmp(hold->until, longest->until) > 0)))
            longest = hold;
    }
    guint at = 0;
    if (longest == NULL || !g_ptr_array_find(holds, longest, &at))
        return NULL;
    return g_ptr_array_steal_index(holds, at);
}

char *hold_describe(const Hold *hold)
{
    g_autofree char *until =
        hold->until == NULL ? g_strdup_printf(_("held by %s"), hold->user)
        : hold->is_over     ? g_strdup_printf(_("was held by %s until %s"), hold->user, hold->until)
                            : g_strdup_printf(_("held by %s until %s"), hold->user, hold->until);
    char *text = hold->note == NULL || *hold->note == '\0'
                     ? g_steal_pointer(&until)
                     : g_strdup_printf("%s: %s", until, hold->note);
    /* Whoever wrote the note may not write other lines of a list. */
    for (char *at = text; *at != '\0'; at++) {
        if (g_ascii_iscntrl(*at))
            *at = ' ';
    }
    return text;
}

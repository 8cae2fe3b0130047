#include "kagglehub_cache.h"

#include "error.h"
#include "i18n.h"

#include <string.h>
#include <unistd.h>

#define DATASETS "datasets"
#define COMPETITIONS "competitions"
#define VERSIONS "versions"

void kagglehub_copy_free(KagglehubCopy *copy)
{
    if (copy) {
        g_free(copy->folder);
        g_free(copy->version);
        g_free(copy->marker);
        g_free(copy->marks);
        g_free(copy);
    }
}

/* A place in the module's cache, and whose it is. */
typedef struct {
    char *base;         /* absolute: the folder of the dataset */
    char *owner, *slug; /* OWNER is NULL for a competition */
    char *version;      /* which the path names; NULL: none */
} Place;

static void place_clear(Place *place)
{
    g_free(place->base);
    g_free(place->owner);
    g_free(place->slug);
    g_free(place->version);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

static gboolean is_folder(const char *path)
{
    return g_file_test(path, G_FILE_TEST_IS_DIR);
}

static gboolean is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text) && strlen(text) <= 9;
}

/* The last COUNT parts of PATH are removed. */
static char *above(const char *path, guint count)
{
    char *folder = g_strdup(path);
    while (count-- > 0) {
        char *up = g_path_get_dirname(folder);
        g_free(folder);
        folder = up;
    }
    return folder;
}

/* .../datasets/OWNER/SLUG, with /versions or /versions/N behind it. */
static gboolean read_dataset_path(const char *path, Place *place)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    guint count = g_strv_length(parts), below = 0;
    if (count >= 2 && strcmp(parts[count - 2], VERSIONS) == 0 && is_number(parts[count - 1])) {
        below = 2;
    } else if (count >= 1 && strcmp(parts[count - 1], VERSIONS) == 0) {
        below = 1;
    }
    if (count < below + 3 || strcmp(parts[count - below - 3], DATASETS) != 0) {
        return FALSE;
    }
    g_autofree char *base = above(path, below);
    g_autofree char *versions = g_build_filename(base, VERSIONS, NULL);
    if (!is_folder(versions)) {
        return FALSE;
    }
    place->base = g_steal_pointer(&base);
    place->owner = g_strdup(parts[count - below - 2]);
    place->slug = g_strdup(parts[count - below - 1]);
    place->version = below == 2 ? g_strdup(parts[count - 1]) : NULL;
    return TRUE;
}

static char *marker_of(const char *folder, const char *name)
{
    return g_strdup_printf("%s/%s.complete", folder, name);
}

/* .../competitions/SLUG is a folder that anybody may have, but for the marker beside it. */
static gboolean read_competition_path(const char *path, Place *place)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    guint count = g_strv_length(parts);
    if (count < 3 || strcmp(parts[count - 2], COMPETITIONS) != 0) {
        return FALSE;
    }
    g_autofree char *folder = above(path, 1);
    g_autofree char *marker = marker_of(folder, parts[count - 1]);
    if (!g_file_test(marker, G_FILE_TEST_EXISTS) && strcmp(parts[count - 3], "kagglehub") != 0) {
        return FALSE;
    }
    place->base = g_strdup(path);
    place->slug = g_strdup(parts[count - 1]);
    return TRUE;
}

/* The name in FOLDER that is NAME but for the case of its letters, as Kaggle has it; owned. */
static char *find_name(const char *folder, const char *name)
{
    g_autoptr(GDir) names = g_dir_open(folder, 0, NULL);
    char *found = NULL;
    for (const char *one = names ? g_dir_read_name(names) : NULL; one;
         one = g_dir_read_name(names)) {
        if (strcmp(one, name) == 0 || (!found && g_ascii_strcasecmp(one, name) == 0)) {
            g_free(found);
            found = g_strdup(one);
        }
    }
    return found;
}

/* From the cache's root down to the dataset. */
static gboolean read_root(const char *path, const char *owner, const char *slug, Place *place)
{
    g_autofree char *base = g_build_filename(path, owner ? DATASETS : COMPETITIONS, NULL);
    const char *names[] = {owner ? owner : slug, owner ? slug : NULL, NULL};
    for (guint i = 0; names[i]; i++) {
        g_autofree char *name = find_name(base, names[i]);
        if (!name) {
            return FALSE;
        }
        char *below = g_build_filename(base, name, NULL);
        g_free(base);
        base = below;
    }
    g_autofree char *versions = g_build_filename(base, VERSIONS, NULL);
    if (owner ? !is_folder(versions) : !is_folder(base)) {
        return FALSE;
    }
    place->base = g_steal_pointer(&base);
    place->owner = g_strdup(owner);
    place->slug = g_strdup(slug);
    return TRUE;
}

/* Is PATH the whole cache, by the name that it has? */
static gboolean is_root(const char *path)
{
    const char *chosen = g_getenv("KAGGLEHUB_CACHE");
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *known = chosen && *chosen ? g_canonicalize_filename(chosen, NULL) : NULL;
    return strcmp(name, "kagglehub") == 0 || g_strcmp0(known, path) == 0;
}

static gboolean set_other_dataset(const Place *place, const char *path, const char *dataset,
                                  GError **error)
{
    g_autofree char *theirs = place->owner
                                  ? g_strdup_printf("kaggle/%s/%s", place->owner, place->slug)
                                  : g_strdup_printf("kaggle/c/%s", place->slug);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%s is what kagglehub has of %s, and not of %s. To adopt it, type: medmirror "
                  "adopt %s %s"),
                path, theirs, dataset, theirs, path);
    return FALSE;
}

static gboolean set_absent(const char *path, const char *dataset, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("The cache of kagglehub at %s holds nothing of %s. From Kaggle itself it is "
                  "brought by: medmirror pull %s"),
                path, dataset, dataset);
    return FALSE;
}

static gboolean is_complete(const char *base, const char *version)
{
    g_autofree char *marker = marker_of(base, version);
    return g_file_test(marker, G_FILE_TEST_EXISTS);
}

static gint by_number(gconstpointer first, gconstpointer second)
{
    gint64 a = g_ascii_strtoll(*(char *const *)first, NULL, 10);
    gint64 b = g_ascii_strtoll(*(char *const *)second, NULL, 10);
    return (a > b) - (a < b);
}

/* The versions in FOLDER, oldest first; owned. */
static GPtrArray *list_versions(const char *folder)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) names = g_dir_open(folder, 0, NULL);
    for (const char *name = names ? g_dir_read_name(names) : NULL; name;
         name = g_dir_read_name(names)) {
        g_autofree char *below = g_build_filename(folder, name, NULL);
        if (is_number(name) && is_folder(below)) {
            g_ptr_array_add(found, g_strdup(name));
        }
    }
    g_ptr_array_sort(found, by_number);
    return found;
}

/* Which version; owned. NULL with an error. */
static char *choose_version(const Place *place, const char *dataset, const char *wanted,
                            GError **error)
{
    g_autofree char *folder = g_build_filename(place->base, VERSIONS, NULL);
    g_autoptr(GPtrArray) versions = list_versions(folder);
    const char *newest = NULL, *whole = NULL;
    g_autoptr(GString) all = g_string_new(NULL);
    for (guint i = 0; i < versions->len; i++) {
        const char *version = g_ptr_array_index(versions, i);
        g_string_append_printf(all, "%s%s", i ? ", " : "", version);
        if (wanted && strcmp(version, wanted) != 0) {
            continue;
        }
        newest = version;
        whole = is_complete(place->base, version) ? version : whole;
    }
    if (newest) {
        return g_strdup(whole ? whole : newest);
    }
    if (!wanted || !all->len) {
        set_absent(place->base, dataset, error);
    } else {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("kagglehub does not have version %s of %s, but %s. To adopt one of those, "
                      "type: medmirror adopt %s@VERSION %s"),
                    wanted, dataset, all->str, dataset, place->base);
    }
    return NULL;
}

static KagglehubCopy *make_copy(const Place *place, char *version)
{
    KagglehubCopy *copy = g_new0(KagglehubCopy, 1);
    g_autofree char *folder = version ? g_strdup(place->base) : g_path_get_dirname(place->base);
    g_autofree char *name = version ? g_strdup(version) : g_path_get_basename(place->base);
    copy->folder =
        version ? g_build_filename(place->base, VERSIONS, version, NULL) : g_strdup(place->base);
    copy->version = version;
    copy->marker = marker_of(folder, name);
    copy->marks = g_build_filename(folder, ".complete", name, NULL);
    copy->is_complete = is_complete(folder, name);
    if (!is_folder(copy->marks)) {
        g_clear_pointer(&copy->marks, g_free);
    }
    return copy;
}

static gboolean set_other_version(const char *path, const char *dataset, const char *found,
                                  const char *wanted, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%s is version %s of %s, and not %s. To adopt it, type: medmirror adopt %s@%s "
                  "%s"),
                path, found, dataset, wanted, dataset, found, path);
    return FALSE;
}

/* PATH was named to the module as the folder to download to: its markers lie in it. NULL where it
 * was not; owned. */
static KagglehubCopy *find_output(const char *path, const char *owner, const char *slug)
{
    g_autofree char *marks = owner
                                 ? g_build_filename(path, ".complete", DATASETS, owner, slug, NULL)
                                 : g_build_filename(path, ".complete", COMPETITIONS, slug, NULL);
    g_autoptr(GPtrArray) versions = owner ? list_versions(marks) : NULL;
    if (owner ? versions->len == 0 : !is_folder(marks)) {
        return NULL;
    }
    KagglehubCopy *copy = g_new0(KagglehubCopy, 1);
    const char *version = owner ? g_ptr_array_index(versions, versions->len - 1) : NULL;
    copy->folder = g_strdup(path);
    copy->version = g_strdup(version);
    copy->marks = version ? g_build_filename(marks, version, NULL) : g_strdup(marks);
    copy->marker = g_build_filename(copy->marks, "bundle.complete", NULL);
    copy->is_complete = g_file_test(copy->marker, G_FILE_TEST_EXISTS);
    return copy;
}

gboolean kagglehub_copy_find(const char *path, const char *dataset, const char *version,
                             KagglehubCopy **copy, GError **error)
{
    *copy = NULL;
    g_auto(GStrv) parts = g_strsplit(dataset, "/", -1);
    if (g_strv_length(parts) != 3 || strcmp(parts[0], "kaggle") != 0) {
        return TRUE;
    }
    const char *owner = strcmp(parts[1], "c") == 0 ? NULL : parts[1], *slug = parts[2];
    *copy = find_output(path, owner, slug);
    if (*copy) {
        const char *found = (*copy)->version;
        return !version || g_strcmp0(found, version) == 0 ||
               set_other_version(path, dataset, found, version, error);
    }
    g_auto(Place) place = {0};
    if (!read_dataset_path(path, &place) && !read_competition_path(path, &place) &&
        !read_root(path, owner, slug, &place)) {
        return !is_root(path) || set_absent(path, dataset, error);
    }
    gboolean is_same = (place.owner == NULL) == (owner == NULL) &&
                       g_ascii_strcasecmp(place.slug, slug) == 0 &&
                       (!owner || g_ascii_strcasecmp(place.owner, owner) == 0);
    if (!is_same) {
        return set_other_dataset(&place, path, dataset, error);
    }
    if (place.version && version && strcmp(place.version, version) != 0) {
        return set_other_version(path, dataset, place.version, version, error);
    }
    if (!owner) {
        *copy = make_copy(&place, NULL);
        return TRUE;
    }
    char *chosen = choose_version(&place, dataset, place.version ? place.version : version, error);
    if (chosen) {
        *copy = make_copy(&place, chosen);
    }
    return chosen != NULL;
}

gboolean kagglehub_copy_has(const KagglehubCopy *copy, const char *path)
{
    if (g_str_has_prefix(path, ".complete/")) {
        return FALSE;
    }
    if (copy->is_complete || !copy->marks) {
        return TRUE;
    }
    g_autofree char *marker = g_strdup_printf("%s/%s.complete", copy->marks, path);
    return access(marker, F_OK) == 0;
}

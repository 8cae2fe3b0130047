#include "catalogue.h"

#include "child.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "relpath.h"

#include <errno.h>
#include <string.h>

#define ENDING ".json"
#define MOST_SUGGESTIONS 3
#define LONGEST_ID 100

struct Catalogue {
    GPtrArray *folders;     /* char*, first wins */
    GHashTable *read;       /* id -> Manifest, once it was asked for */
    GHashTable *wrong;      /* ids whose manifest was found wrong, and logged */
    GPtrArray *ids;         /* char*, sorted; NULL until they are asked for */
    CatalogueLookup lookup; /* NULL: none */
    gpointer lookup_data;
};

static void add_default_folders(GPtrArray *folders)
{
    g_ptr_array_add(folders,
                    g_build_filename(g_get_user_config_dir(), "medmirror", "manifests", NULL));
    g_autofree char *program = child_own_program();
    if (program) {
        g_autofree char *beside = g_path_get_dirname(program);
        g_ptr_array_add(folders, g_build_filename(beside, "catalog", NULL));
        g_autofree char *prefix = g_path_get_dirname(beside);
        g_ptr_array_add(folders, g_build_filename(prefix, "share", "medmirror", "catalog", NULL));
    }
    g_ptr_array_add(folders, g_build_filename(MEDMIRROR_DATADIR, "catalog", NULL));
}

Catalogue *catalogue_open(const char *const *folders)
{
    Catalogue *catalogue = g_new0(Catalogue, 1);
    catalogue->folders = g_ptr_array_new_with_free_func(g_free);
    catalogue->read =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)manifest_free);
    catalogue->wrong = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!folders)
        add_default_folders(catalogue->folders);
    for (; folders && *folders; folders++)
        g_ptr_array_add(catalogue->folders, g_strdup(*folders));
    return catalogue;
}

void catalogue_free(Catalogue *catalogue)
{
    if (!catalogue)
        return;
    g_ptr_array_unref(catalogue->folders);
    g_hash_table_unref(catalogue->read);
    g_hash_table_unref(catalogue->wrong);
    g_clear_pointer(&catalogue->ids, g_ptr_array_unref);
    g_free(catalogue);
}

/* Only such a name is ever made into a path. */
static gboolean is_id(const char *text)
{
    gsize length = strlen(text);
    return length > 0 && length <= LONGEST_ID && text[0] != '-' && text[length - 1] != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

char *catalogue_file_id(const char *name)
{
    if (!g_str_has_suffix(name, ENDING))
        return NULL;
    g_autofree char *id = g_strndup(name, strlen(name) - strlen(ENDING));
    return is_id(id) ? g_steal_pointer(&id) : NULL;
}

static gboolean fail_name(const char *path, GError **error)
{
    g_autofree char *shown = relpath_display(path);
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE, _("There is no file '%s'."),
                    shown);
        return FALSE;
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%s is passed over: a manifest's name is its id and .json."), shown);
    return FALSE;
}

Manifest *catalogue_load_file(const char *path, GError **error)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *id = catalogue_file_id(name);
    if (!id) {
        fail_name(path, error);
        return NULL;
    }
    g_autoptr(Manifest) manifest = manifest_load(path, error);
    if (!manifest || strcmp(manifest->id, id) == 0)
        return g_steal_pointer(&manifest);
    g_autofree char *shown = relpath_display(path);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%s: /id: \"%s\" is not the name of this file; call the file %s%s."), shown,
                manifest->id, manifest->id, ENDING);
    return NULL;
}

/* Adds what FOLDER has to the set IDS. A folder that is not there has nothing. */
static void list_folder(const char *folder, GHashTable *ids)
{
    g_autoptr(GError) error = NULL;
    GDir *dir = g_dir_open(folder, 0, &error);
    if (!dir) {
        if (!g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
            event_log(EVENT_LOG_WARNING, _("Manifests are passed over: %s."), error->message);
        return;
    }
    for (const char *name; (name = g_dir_read_name(dir));) {
        if (!g_str_has_suffix(name, ENDING) || name[0] == '.')
            continue;
        g_autofree char *id = catalogue_file_id(name);
        if (id) {
            g_hash_table_add(ids, g_steal_pointer(&id));
        } else {
            g_autofree char *path = g_build_filename(folder, name, NULL);
            g_autoptr(GError) wrong = NULL;
            fail_name(path, &wrong);
            event_log(EVENT_LOG_WARNING, "%s", wrong->message);
        }
    }
    g_dir_close(dir);
}

static int compare_ids(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const GPtrArray *known_ids(Catalogue *catalogue)
{
    if (catalogue->ids)
        return catalogue->ids;
    g_autoptr(GHashTable) set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < catalogue->folders->len; i++)
        list_folder(catalogue->folders->pdata[i], set);
    catalogue->ids = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer id;
    g_hash_table_iter_init(&iter, set);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        g_ptr_array_add(catalogue->ids, g_strdup(id));
    g_ptr_array_sort(catalogue->ids, compare_ids);
    return catalogue->ids;
}

GPtrArray *catalogue_ids(Catalogue *catalogue)
{
    const GPtrArray *ids = known_ids(catalogue);
    GPtrArray *copy = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < ids->len; i++)
        g_ptr_array_add(copy, g_strdup(ids->pdata[i]));
    return copy;
}

static void fail_absent(Catalogue *catalogue, const char *id, GError **error)
{
    g_autoptr(GPtrArray) near = nearest_words(id, known_ids(catalogue), MOST_SUGGESTIONS);
    g_autofree char *shown = relpath_display(id);
    if (known_ids(catalogue)->len == 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("No catalogue was found, so that no id (\"%s\") is known: it belongs beside "
                      "the program, in catalog/, or where cmake --install puts it. Datasets can "
                      "be named by their source: medmirror pull physionet/NAME"),
                    shown);
        return;
    }
    if (near->len == 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("The catalogue has no dataset \"%s\". What is not in it is named by its "
                      "source (physionet/NAME, uci/NUMBER) or by its address, as in: medmirror "
                      "pull physionet/mitdb"),
                    shown);
        return;
    }
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < near->len; i++)
        g_string_append_printf(names, "%s%s", i ? ", " : "", (const char *)near->pdata[i]);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("The catalogue has no dataset \"%s\". Did you mean %s? Type: medmirror show %s"),
                shown, names->str, (const char *)near->pdata[0]);
}

/* The manifest of the first folder that has the id; NULL with _ABSENT where none has. */
static Manifest *load_manifest(Catalogue *catalogue, const char *id, GError **error)
{
    g_autofree char *name = g_strconcat(id, ENDING, NULL);
    for (guint i = 0; i < catalogue->folders->len; i++) {
        g_autofree char *path = g_build_filename(catalogue->folders->pdata[i], name, NULL);
        g_autoptr(GError) wrong = NULL;
        g_autoptr(Manifest) manifest = catalogue_load_file(path, &wrong);
        if (manifest)
            return g_steal_pointer(&manifest);
        if (g_error_matches(wrong, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT))
            continue;
        if (g_error_matches(wrong, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE)) {
            /* Another's home, say: no reason to go without the catalogue. */
            event_log(EVENT_LOG_WARNING, _("A manifest is passed over. %s"), wrong->message);
            continue;
        }
        g_propagate_error(error, g_steal_pointer(&wrong));
        return NULL;
    }
    fail_absent(catalogue, id, error);
    return NULL;
}

const Manifest *catalogue_find(Catalogue *catalogue, const char *id, GError **error)
{
    Manifest *manifest = g_hash_table_lookup(catalogue->read, id);
    if (manifest)
        return manifest;
    if (!is_id(id)) {
        fail_absent(catalogue, id, error);
        return NULL;
    }
    manifest = load_manifest(catalogue, id, error);
    if (manifest)
        g_hash_table_insert(catalogue->read, g_strdup(id), manifest);
    return manifest;
}

void catalogue_set_lookup(Catalogue *catalogue, CatalogueLookup lookup, gpointer data)
{
    catalogue->lookup = lookup;
    catalogue->lookup_data = data;
}

const GPtrArray *catalogue_folders(const Catalogue *catalogue)
{
    return catalogue->folders;
}

/* The manifest of ID, which is not the one that was asked for: a wrong one is logged, once. */
static const Manifest *look_at(Catalogue *catalogue, const char *id)
{
    if (g_hash_table_contains(catalogue->wrong, id))
        return NULL;
    g_autoptr(GError) wrong = NULL;
    const Manifest *manifest = catalogue_find(catalogue, id, &wrong);
    if (!manifest) {
        event_log(EVENT_LOG_WARNING, _("A manifest is passed over. %s"), wrong->message);
        g_hash_table_add(catalogue->wrong, g_strdup(id));
    }
    return manifest;
}

static GPtrArray *candidates(Catalogue *catalogue, const char *source, const char *place)
{
    GPtrArray *ids =
        catalogue->lookup ? catalogue->lookup(catalogue->lookup_data, source, place) : NULL;
    return ids ? ids : catalogue_ids(catalogue);
}

const Manifest *catalogue_find_by_source(Catalogue *catalogue, const char *source,
                                         const char *place,
                                         gboolean (*match)(const json_t *locator, gpointer data),
                                         gpointer data)
{
    g_autoptr(GPtrArray) ids = candidates(catalogue, source, place);
    for (guint i = 0; i < ids->len; i++) {
        const Manifest *manifest = look_at(catalogue, ids->pdata[i]);
        if (manifest && g_strcmp0(manifest->source, source) == 0 && match(manifest->locator, data))
            return manifest;
    }
    return NULL;
}

const Manifest *catalogue_find_by_doi(Catalogue *catalogue, const char *doi)
{
    g_autoptr(GPtrArray) ids = candidates(catalogue, NULL, doi);
    for (guint i = 0; i < ids->len; i++) {
        const Manifest *manifest = look_at(catalogue, ids->pdata[i]);
        if (manifest && manifest->citation && g_ascii_strcasecmp(manifest->citation, doi) == 0)
            return manifest;
    }
    return NULL;
}

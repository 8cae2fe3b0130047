#include "reference.h"

#include "dataset_words.h"
#include "error.h"
#include "i18n.h"
#include "redact.h"
#include "relpath.h"
#include "uid_list.h"
#include "where_check.h"

#include <string.h>

void reference_free(Reference *reference)
{
    if (!reference) {
        return;
    }
    g_free(reference->text);
    g_clear_pointer(&reference->locator, json_decref);
    g_clear_pointer(&reference->own_manifest, manifest_free);
    g_free(reference->id);
    g_free(reference->ref);
    g_free(reference->folder);
    g_free(reference->version);
    g_clear_pointer(&reference->where, g_ptr_array_unref);
    g_free(reference);
}

static gboolean locator_equal(const json_t *locator, gpointer data)
{
    const Reference *reference = data;
    g_autofree char *folder = reference->fetcher->folder(reference->fetcher, locator, NULL);
    return g_strcmp0(folder, reference->folder) == 0;
}

/* Before the locator becomes the catalogue's, which is of the whole dataset. */
static gboolean take_part(Reference *reference, GError **error)
{
    const Fetcher *fetcher = reference->fetcher;
    g_autoptr(GPtrArray) typed =
        fetcher->where && !reference->where ? fetcher->where(fetcher, reference->locator) : NULL;
    if (!typed) {
        return TRUE;
    }
    reference->where = g_ptr_array_new_with_free_func((GDestroyNotify)where_term_unref);
    for (guint i = 0; i < typed->len; i++) {
        WhereTerm *term = where_term_of_value(g_ptr_array_index(typed, i), error);
        if (!term) {
            return FALSE;
        }
        g_ptr_array_add(reference->where, term);
    }
    return TRUE;
}

/* What was typed goes before what is wrong with it, unless that begins so. */
static void name_it(const char *text, GError **error)
{
    if (error && *error && !g_str_has_prefix((*error)->message, text)) {
        g_prefix_error(error, "%s: ", text);
    }
}

/* What a locator alone tells: the folder, the words to type, and the catalogue's entry for the same
 * dataset. */
static gboolean reference_complete(Reference *reference, Catalogue *catalogue, GError **error)
{
    if (!reference->fetcher->check_locator(reference->fetcher, reference->locator, error)) {
        name_it(reference->text, error);
        return FALSE;
    }
    if (!take_part(reference, error)) {
        return FALSE;
    }
    if (!reference->manifest && catalogue && strcmp(reference->fetcher->row.name, "http") != 0) {
        reference->folder =
            reference->fetcher->folder(reference->fetcher, reference->locator, NULL);
        reference->manifest = catalogue_find_by_source(catalogue, reference->fetcher->row.name,
                                                       reference->folder, locator_equal, reference);
        g_clear_pointer(&reference->folder, g_free);
        if (reference->manifest) {
            json_decref(reference->locator);
            reference->locator = json_incref(reference->manifest->locator);
            reference->id = g_strdup(reference->manifest->id);
        }
    }
    reference->folder =
        reference->fetcher->folder(reference->fetcher, reference->locator, reference->id);
    reference->ref = reference->fetcher->ref(reference->fetcher, reference->locator);
    return TRUE;
}

static gboolean take_manifest(Reference *reference, const Manifest *manifest, Catalogue *catalogue,
                              GError **error)
{
    reference->manifest = manifest;
    reference->id = g_strdup(manifest->id);
    if (!manifest->source) {
        reference->ref = g_strdup(manifest->id);
        g_autofree char *part = relpath_encode_part(manifest->id);
        reference->folder = g_strdup_printf("other/%s", part);
        return TRUE;
    }
    reference->fetcher = fetcher_find(manifest->source);
    if (!reference->fetcher) {
        reference->ref = g_strdup(manifest->id);
        g_autofree char *part = relpath_encode_part(manifest->id);
        reference->folder = g_strdup_printf("other/%s", part);
        return TRUE;
    }
    reference->locator = json_incref(manifest->locator);
    return reference_complete(reference, catalogue, error);
}

static gboolean is_path(const char *text)
{
    return strcmp(text, ".") == 0 || strcmp(text, "..") == 0 || g_str_has_prefix(text, "./") ||
           g_str_has_prefix(text, "../") || text[0] == '/' || text[0] == '~';
}

static gboolean has_manifest_ending(const char *text)
{
    static const char *const endings[] = {".json", ".tcia", ".s5cmd", ".csv", ".tsv", ".meta4"};
    for (gsize i = 0; i < G_N_ELEMENTS(endings); i++) {
        if (g_str_has_suffix(text, endings[i])) {
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean take_file(Reference *reference, const char *path, Catalogue *catalogue,
                          GError **error)
{
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT, _("There is no file '%s'."),
                    path);
        return FALSE;
    }
    if (uid_list_is_name(path)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("'%s' is a list of series, and no one dataset. It is taken by: medmirror "
                      "pull, medmirror files and medmirror manifest check"),
                    path);
        return FALSE;
    }
    if (!g_str_has_suffix(path, ".json")) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
            _("'%s' is no manifest that can be pulled: a manifest of one's own is a .json file."),
            path);
        return FALSE;
    }
    reference->own_manifest = manifest_load(path, error);
    if (!reference->own_manifest) {
        return FALSE;
    }
    const Manifest *manifest = reference->own_manifest;
    if (manifest->source && !fetcher_find(manifest->source)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s: no fetcher brings source '%s'."), path, manifest->source);
        return FALSE;
    }
    reference->manifest = manifest;
    /* Without a source it can be adopted, and no more. */
    reference->fetcher = manifest->source ? fetcher_find(manifest->source) : NULL;
    reference->locator = manifest->source ? json_incref(manifest->locator) : NULL;
    reference->id = g_strdup(manifest->id);
    if (reference->fetcher &&
        !reference->fetcher->check_locator(reference->fetcher, reference->locator, error)) {
        g_prefix_error(error, "%s: ", path);
        return FALSE;
    }
    g_autofree char *part = relpath_encode_part(manifest->id);
    reference->folder = g_strdup_printf("local/%s", part);
    reference->ref = g_canonicalize_filename(path, NULL); /* to be typed from anywhere */
    return TRUE;
}

static gboolean take_address(Reference *reference, const char *text, Catalogue *catalogue,
                             GError **error)
{
    reference->fetcher = fetcher_find_by_address(text, &reference->locator, &reference->version);
    if (!reference->fetcher) {
        g_autofree char *shown = redact_address(text);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("'%s' is no address that can be pulled: http://, https:// and s3:// can."),
                    shown);
        return FALSE;
    }
    return reference_complete(reference, catalogue, error);
}

/* A record that the catalogue cites by this DOI. */
static gboolean take_doi(Reference *reference, const char *text, Catalogue *catalogue,
                         GError **error)
{
    const char *doi = g_str_has_prefix(text, "doi:") ? text + strlen("doi:") : text;
    const Manifest *manifest = catalogue_find_by_doi(catalogue, doi);
    if (manifest) {
        return take_manifest(reference, manifest, catalogue, error);
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("The catalogue has no dataset with the DOI %s. Open https://doi.org/%s in a "
                  "browser, and pull the address of "
                  "the page that it leads to."),
                doi, doi);
    return FALSE;
}

static void set_no_source(const char *text, const char *source, const char *rest, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; fetchers[i]; i++) {
        if (fetchers[i]->locator_from_name) {
            g_ptr_array_add(names, (gpointer)fetchers[i]->row.name);
        }
    }
    g_autoptr(GPtrArray) near = nearest_words(source, names, 1);
    g_autofree char *shown = relpath_display(text);
    if (near->len) {
        const char *name = g_ptr_array_index(near, 0);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s: there is no such source. Did you mean: medmirror pull %s/%s"), shown,
                    name, rest);
        return;
    }
    g_ptr_array_add(names, NULL);
    g_autofree char *list = g_strjoinv(", ", (char **)names->pdata);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("%s: there is no such source; those that are known: %s. A file or a folder of "
                  "this machine begins with ./ or /, an address with https://. What can be typed "
                  "is told by: medmirror pull --help"),
                shown, list);
}

static gboolean take_name(Reference *reference, char *name, Catalogue *catalogue, GError **error)
{
    char *at = strrchr(name, '@');
    if (at && at[1]) {
        *at = '\0';
        reference->latest = strcmp(at + 1, "latest") == 0;
        if (!reference->latest) {
            reference->version = g_strdup(at + 1);
        }
    }
    if (g_str_has_prefix(name, "http/") || g_str_has_prefix(name, "local/") ||
        g_str_has_prefix(name, "other/")) {
        reference->is_folder = TRUE;
        reference->folder = g_strdup(name);
        reference->ref = g_strdup(name);
        return relpath_check(name, error);
    }
    char *slash = strchr(name, '/');
    if (slash) {
        g_autofree char *source = g_strndup(name, (gsize)(slash - name));
        const Fetcher *fetcher = fetcher_find(source);
        if (fetcher && fetcher->locator_from_name) {
            g_autofree char *version = NULL;
            reference->fetcher = fetcher;
            reference->locator = fetcher->locator_from_name(fetcher, slash + 1, &version, error);
            if (!reference->locator) {
                name_it(reference->text, error);
                return FALSE;
            }
            if (!reference->version) {
                reference->version = g_steal_pointer(&version);
            }
            return reference_complete(reference, catalogue, error);
        }
        if (!fetcher) {
            set_no_source(reference->text, source, slash + 1, error);
            return FALSE;
        }
    }
    const Manifest *manifest = catalogue_find(catalogue, name, error);
    return manifest && take_manifest(reference, manifest, catalogue, error);
}

/* Of what ends as a file does, it is said that there is none. FALSE. */
static gboolean no_such_file(const char *text, GError **error)
{
    const char *slash = strchr(text, '/');
    g_autofree char *source = slash ? g_strndup(text, (gsize)(slash - text)) : NULL;
    if (has_manifest_ending(text) && !(source && fetcher_find(source))) {
        g_autofree char *shown = relpath_display(text);
        g_clear_error(error);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("There is no file \"%s\" in this folder, and no dataset of that name. A file "
                      "elsewhere is named with its folder, as in: medmirror pull ~/Downloads/%s"),
                    shown, shown);
    }
    return FALSE;
}

Reference *reference_parse(const char *text, Catalogue *catalogue, GError **error)
{
    g_autoptr(Reference) reference = g_new0(Reference, 1);
    reference->text = strstr(text, "://") ? redact_address(text) : g_strdup(text);
    reference->catalogue = catalogue;
    if (!*text || !g_utf8_validate(text, -1, NULL)) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                            _("A REF must be non-empty UTF-8 text, as in: medmirror pull mitdb"));
        return NULL;
    }
    gboolean ok;
    if (is_path(text)) {
        ok = take_file(reference, text, catalogue, error);
    } else if (strstr(text, "://")) {
        ok = take_address(reference, text, catalogue, error);
    } else if (g_str_has_prefix(text, "10.") || g_str_has_prefix(text, "doi:")) {
        ok = take_doi(reference, text, catalogue, error);
    } else if (has_manifest_ending(text) && g_file_test(text, G_FILE_TEST_IS_REGULAR)) {
        ok = take_file(reference, text, catalogue, error);
    } else {
        g_autofree char *name = g_strdup(text);
        ok = take_name(reference, name, catalogue, error) || no_such_file(text, error);
    }
    return ok ? g_steal_pointer(&reference) : NULL;
}

/* Nothing is fetched of what is many: the choice is the person's. */
static void set_many(const Reference *reference, GError **error)
{
    const Manifest *manifest = reference->manifest;
    if (manifest->below->len == 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s is %s, and no one dataset. What is known of it: medmirror show %s"),
                    reference->text, kind_meaning(manifest->kind), manifest->id);
        return;
    }
    g_autofree char *lines = below_lines(reference->catalogue, manifest, 2, 0);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%s is %s, and no one dataset; choose one of these:\n%s\nas in: medmirror pull "
                  "%s"),
                reference->text, kind_meaning(manifest->kind), lines,
                (const char *)manifest->below->pdata[0]);
}

gboolean reference_can_be_fetched(const Reference *reference, GError **error)
{
    const Manifest *manifest = reference->manifest;
    if (reference->is_folder) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s names what is in the mirror. To fetch it, type the address that it came "
                      "from; it is told by: medmirror "
                      "show %s"),
                    reference->text, reference->ref);
        return FALSE;
    }
    if (manifest && manifest->access == ACCESS_GONE) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
            _("%s is gone: nobody publishes it any more. What is known of it: medmirror show %s"),
            reference->text, reference->ref);
        return FALSE;
    }
    if (manifest && manifest->kind != KIND_DATASET && manifest->kind != KIND_CHALLENGE) {
        set_many(reference, error);
        return FALSE;
    }
    if (!reference->fetcher) {
        g_autofree char *steps = manifest && manifest->steps_en && manifest->steps_en->len
                                     ? g_strdup(g_ptr_array_index(manifest->steps_en, 0))
                                     : NULL;
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
            _("%s cannot be fetched by a program: %s%sSee how to get it with: medmirror show %s"),
            reference->text, steps ? steps : _("a person has to ask for it."), steps ? ". " : " ",
            reference->ref);
        return FALSE;
    }
    return TRUE;
}

gboolean reference_is_complete(const Reference *reference)
{
    const Fetcher *fetcher = reference->fetcher;
    return !fetcher || !fetcher->complete_locator || !fetcher->locator_is_complete ||
           fetcher->locator_is_complete(fetcher, reference->locator);
}

gboolean reference_ask(Reference *reference, Catalogue *catalogue, HostServices *services,
                       GError **error)
{
    if (reference_is_complete(reference)) {
        return TRUE;
    }
    json_t *locator = reference->fetcher->complete_locator(reference->fetcher, reference->locator,
                                                           services, error);
    if (!locator) {
        return FALSE;
    }
    json_decref(reference->locator);
    reference->locator = locator;
    g_clear_pointer(&reference->folder, g_free);
    g_clear_pointer(&reference->ref, g_free);
    return reference_complete(reference, catalogue, error);
}

Selection *reference_narrow(const Reference *reference, const Selection *selection, GError **error)
{
    if (reference->fetcher && !where_check_keys(selection, reference->fetcher, error)) {
        return NULL;
    }
    return selection_narrow(selection, reference->where);
}

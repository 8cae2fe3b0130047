#include "manifest_check.h"

#include "error.h"
#include "fetcher.h"
#include "i18n.h"
#include "nearest_words.h"
#include "relpath.h"
#include "uid_list.h"
#include "where.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    GHashTable *files;  /* id -> path, as the names of the files claim */
    GHashTable *places; /* folder in the mirror -> path of the manifest that claims it */
    GPtrArray *ids;     /* of the catalogue; for near ones */
    GHashTable *known;  /* those, as a set */
    ManifestTell tell;
    gpointer data;
    ManifestCounts *counts;
    gboolean is_wrong; /* the one that is being checked */
} Check;

static void say(Check *check, ManifestFinding finding, const char *path, const char *sentence)
{
    check->is_wrong |= finding == MANIFEST_WRONG;
    if (finding == MANIFEST_NOTE)
        check->counts->notes++;
    check->tell(finding, path, sentence, check->data);
}

static void say_at(Check *check, ManifestFinding finding, const char *path, const char *place,
                   const char *format, ...) G_GNUC_PRINTF(5, 6);
static void say_at(Check *check, ManifestFinding finding, const char *path, const char *place,
                   const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *shown = relpath_display(path);
    g_autofree char *sentence = g_strdup_printf("%s: %s: %s", shown, place, what);
    say(check, finding, path, sentence);
}

static void check_id(Check *check, const Manifest *manifest, const char *place, const char *id)
{
    if (strcmp(id, manifest->id) == 0) {
        say_at(check, MANIFEST_WRONG, manifest->file, place,
               _("\"%s\" is the manifest itself; take it out."), id);
        return;
    }
    if (g_hash_table_contains(check->known, id))
        return;
    g_autoptr(GPtrArray) near = nearest_words(id, check->ids, 1);
    if (near->len)
        say_at(check, MANIFEST_WRONG, manifest->file, place,
               _("no manifest has the id \"%s\"; did you mean \"%s\"?"), id,
               (const char *)near->pdata[0]);
    else
        say_at(check, MANIFEST_WRONG, manifest->file, place,
               _("no manifest has the id \"%s\"; take it out, or write that one too."), id);
}

static void check_ids(Check *check, const Manifest *manifest, const char *key, const GPtrArray *ids)
{
    for (guint i = 0; i < ids->len; i++) {
        g_autofree char *place = g_strdup_printf("/%s/%u", key, i);
        check_id(check, manifest, place, ids->pdata[i]);
    }
}

/* A source that nobody here brings is no error, for the facts may be there before the fetcher; but
 * it may be a misspelt one. */
static void check_source(Check *check, const Manifest *manifest, const char *place,
                         const char *source)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; fetchers[i]; i++)
        g_ptr_array_add(names, (gpointer)fetchers[i]->row.name);
    g_autoptr(GPtrArray) near = nearest_words(source, names, 1);
    if (near->len)
        say_at(check, MANIFEST_NOTE, manifest->file, place,
               _("no fetcher here brings the source \"%s\"; did you mean \"%s\"?"), source,
               (const char *)near->pdata[0]);
    else
        say_at(check, MANIFEST_NOTE, manifest->file, place,
               _("no fetcher here brings the source \"%s\"; it cannot be pulled, but adopted."),
               source);
}

/* The fetcher, where the locator is right. */
static const Fetcher *check_locator(Check *check, const Manifest *manifest, const char *above,
                                    const char *source, const json_t *locator)
{
    const Fetcher *fetcher = fetcher_find(source);
    if (!fetcher) {
        g_autofree char *place = g_strconcat(above, "/source", NULL);
        check_source(check, manifest, place, source);
        return NULL;
    }
    g_autoptr(GError) wrong = NULL;
    if (fetcher->check_locator(fetcher, locator, &wrong))
        return fetcher;
    g_autofree char *place = g_strconcat(above, "/locator", NULL);
    say_at(check, MANIFEST_WRONG, manifest->file, place, "%s", wrong->message);
    return NULL;
}

/* Two manifests of one dataset: a REF or an address would find the first alone. */
static void check_place(Check *check, const Manifest *manifest, const Fetcher *fetcher)
{
    g_autofree char *folder = fetcher->folder(fetcher, manifest->locator, manifest->id);
    const char *other = folder ? g_hash_table_lookup(check->places, folder) : NULL;
    if (other)
        say_at(check, MANIFEST_NOTE, manifest->file, "/locator",
               _("%s names the same dataset (%s); one of them is enough."), other, folder);
    else if (folder)
        g_hash_table_insert(check->places, g_steal_pointer(&folder), g_strdup(manifest->file));
}

static void check_alternatives(Check *check, const Manifest *manifest)
{
    for (guint i = 0; i < manifest->alternatives->len; i++) {
        const ManifestAlternative *other = manifest->alternatives->pdata[i];
        g_autofree char *above = g_strdup_printf("/alternatives/%u", i);
        g_autofree char *place = g_strconcat(above, "/id", NULL);
        if (other->id)
            check_id(check, manifest, place, other->id);
        if (other->source && fetcher_find(other->source))
            check_locator(check, manifest, above, other->source, other->locator);
    }
}

static void check_manifest(Check *check, const Manifest *manifest)
{
    if (manifest->source) {
        const Fetcher *fetcher =
            check_locator(check, manifest, "", manifest->source, manifest->locator);
        if (fetcher)
            check_place(check, manifest, fetcher);
    }
    check_ids(check, manifest, "below", manifest->below);
    check_ids(check, manifest, "related", manifest->related);
    check_alternatives(check, manifest);
}

typedef struct {
    Check *check;
    const char *path;
    WhereTerm *series; /* different ones */
    guint64 places, files;
} ListCheck;

static gboolean on_item(gpointer data, const SeriesItem *item, GError **error)
{
    ListCheck *list = data;
    if (item->series)
        where_term_add(list->series, item->series);
    list->places += !item->series && item->uuid;
    list->files += item->address != NULL;
    return TRUE;
}

static void on_strange(gpointer data, guint64 line, const char *text, const char *why)
{
    ListCheck *list = data;
    g_autofree char *sentence = g_strdup_printf(
        _("%s, line %" G_GUINT64_FORMAT " is passed over: %s: %s"), list->path, line, why, text);
    say(list->check, MANIFEST_NOTE, list->path, sentence);
}

/* A list of series: what it is, without asking anybody. */
static gboolean check_list(Check *check, const char *path, GError **error)
{
    g_autoptr(WhereTerm) series = where_term_new("SeriesInstanceUID", WHERE_IS);
    ListCheck list = {check, path, series, 0, 0};
    const SeriesTaker taker = {on_item, on_strange, &list};
    g_auto(UidListHead) head = {0};
    int fd = TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (fd < 0)
        return error_set_storage(error, errno, _("cannot read %s"), path);
    gboolean done = uid_list_read(fd, path, &taker, &head, error);
    close(fd);
    if (!done)
        return FALSE;
    guint named = where_term_values(series);
    g_autofree char *sentence = g_strdup_printf(
        _("%s is a list of %u series by their UIDs (%" G_GUINT64_FORMAT
          " named twice), %" G_GUINT64_FORMAT " by their folder in a bucket of the Imaging Data "
          "Commons, and %" G_GUINT64_FORMAT " files by their addresses.%s%s%s To have them: "
          "medmirror pull %s"),
        path, named, head.items - named - list.places - list.files, list.places, list.files,
        head.foreign_host ? _(" It names a server that is none of TCIA's and is never asked: ")
                          : "",
        head.foreign_host ? head.foreign_host : "", head.foreign_host ? "." : "", path);
    say(check, MANIFEST_NOTE, path, sentence);
    return TRUE;
}

static void check_file(Check *check, const char *path)
{
    check->is_wrong = FALSE;
    g_autoptr(GError) wrong = NULL;
    gboolean is_list = uid_list_is_name(path);
    g_autoptr(Manifest) manifest = is_list ? NULL : catalogue_load_file(path, &wrong);
    if (is_list && check_list(check, path, &wrong)) {
        check->counts->right++;
        return;
    }
    if (!manifest) {
        say(check, MANIFEST_WRONG, path, wrong->message);
        check->counts->absent += !g_error_matches(wrong, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    } else {
        const char *first = g_hash_table_lookup(check->files, manifest->id);
        if (first && strcmp(first, path) != 0)
            say_at(check, MANIFEST_WRONG, path, "/id",
                   _("%s has the id \"%s\" too; rename one of them."), first, manifest->id);
        check_manifest(check, manifest);
    }
    if (check->is_wrong)
        check->counts->wrong++;
    else
        check->counts->right++;
}

void manifest_check(const GPtrArray *paths, Catalogue *catalogue, ManifestTell tell, gpointer data,
                    ManifestCounts *counts)
{
    memset(counts, 0, sizeof *counts);
    g_autoptr(GPtrArray) ids = catalogue_ids(catalogue);
    g_autoptr(GHashTable) files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
    Check check = {.files = files,
                   .places = places,
                   .ids = ids,
                   .known = known,
                   .tell = tell,
                   .data = data,
                   .counts = counts};
    for (guint i = 0; i < paths->len; i++) {
        g_autofree char *name = g_path_get_basename(paths->pdata[i]);
        char *id = catalogue_file_id(name);
        if (!id)
            continue;
        g_ptr_array_add(ids, g_strdup(id));
        if (g_hash_table_contains(files, id))
            g_free(id);
        else
            g_hash_table_insert(files, id, paths->pdata[i]);
    }
    for (guint i = 0; i < ids->len; i++)
        g_hash_table_add(known, ids->pdata[i]);
    for (guint i = 0; i < paths->len; i++)
        check_file(&check, paths->pdata[i]);
}

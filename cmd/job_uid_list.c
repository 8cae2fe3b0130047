#include "job_uid_list.h"

#include "error.h"
#include "i18n.h"
#include "relpath.h"
#include "uid_list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define STRANGE_TOLD 20
#define UNKNOWN_NAMED 5
#define FILES_MOST 100000

/* What of one collection is in the list. */
typedef struct {
    char *collection;
    WhereTerm *series, *studies; /* NULL: none */
} Part;

typedef struct {
    Job *job;
    const char *path;
    Catalogue *catalogue;
    const Fetcher *fetcher; /* that knows series */
    UidListed *listed;
    GHashTable *parts;  /* collection -> Part */
    GHashTable *asked;  /* a set of char*: series, or BUCKET/UUID, whose collection is not known */
    GHashTable *is_url; /* a set of those in URLS; borrowed */
    GPtrArray *urls, *names; /* by the same places; "" where the list has none */
    guint64 items, objects;
} Reading;

static void part_free(gpointer data)
{
    Part *part = data;
    g_free(part->collection);
    g_clear_pointer(&part->series, where_term_unref);
    g_clear_pointer(&part->studies, where_term_unref);
    g_free(part);
}

void uid_listed_free(UidListed *listed)
{
    if (listed) {
        g_ptr_array_unref(listed->references);
        series_index_free(listed->index);
        g_string_free(listed->unknown_few, TRUE);
        g_free(listed);
    }
}

gboolean reference_is_uid_list(const char *text)
{
    gboolean is_path = g_str_has_prefix(text, "./") || g_str_has_prefix(text, "../") ||
                       text[0] == '/' || text[0] == '~';
    return uid_list_is_name(text) && !strstr(text, "://") &&
           (is_path || g_file_test(text, G_FILE_TEST_IS_REGULAR));
}

static Part *part_of(Reading *reading, const char *collection)
{
    Part *part = g_hash_table_lookup(reading->parts, collection);
    if (!part) {
        part = g_new0(Part, 1);
        part->collection = g_strdup(collection);
        g_hash_table_insert(reading->parts, part->collection, part);
    }
    return part;
}

static void add_value(WhereTerm **term, const char *key, const char *value, guint64 *count)
{
    if (!*term) {
        *term = where_term_new(key, WHERE_IS);
    }
    guint before = where_term_values(*term);
    where_term_add(*term, value);
    *count += where_term_values(*term) - before;
}

static void on_found(gpointer data, const char *asked, const char *series, const char *collection,
                     gboolean is_study)
{
    Reading *reading = data;
    Part *part = part_of(reading, collection);
    if (is_study) {
        add_value(&part->studies, "StudyInstanceUID", asked, &reading->listed->studies);
    } else {
        add_value(&part->series, "SeriesInstanceUID", series, &reading->listed->series);
    }
    const char *slash = strchr(asked, '/');
    if (slash && series) {
        g_autofree char *bucket = g_strndup(asked, (gsize)(slash - asked));
        series_index_add(reading->listed->index, series, bucket, slash + 1);
    }
    g_hash_table_remove(reading->asked, asked);
}

static void note_unknown(Reading *reading)
{
    GHashTableIter iter;
    gpointer asked;
    g_hash_table_iter_init(&iter, reading->asked);
    while (g_hash_table_iter_next(&iter, &asked, NULL)) {
        GString *few = reading->listed->unknown_few;
        if (reading->listed->unknown++ < UNKNOWN_NAMED) {
            g_string_append_printf(few, "%s%s", few->len ? ", " : "", (const char *)asked);
        }
    }
    g_hash_table_remove_all(reading->asked);
}

static gboolean ask(Reading *reading, GError **error)
{
    g_autoptr(GPtrArray) series = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) places = g_ptr_array_new_with_free_func(g_free);
    if (g_hash_table_size(reading->asked) == 0) {
        return TRUE;
    }
    HostServices *services = job_services(reading->job, error);
    if (!services) {
        return FALSE;
    }
    GHashTableIter iter;
    gpointer asked;
    g_hash_table_iter_init(&iter, reading->asked);
    while (g_hash_table_iter_next(&iter, &asked, NULL)) {
        g_ptr_array_add(strchr(asked, '/') ? places : series, g_strdup(asked));
    }
    g_ptr_array_add(series, NULL);
    g_ptr_array_add(places, NULL);
    const SeriesQuestion question = {.series = (const char *const *)series->pdata,
                                     .places = (const char *const *)places->pdata,
                                     .found = on_found,
                                     .data = reading};
    if (!reading->fetcher->locate(reading->fetcher, &question, services, error)) {
        return FALSE;
    }
    note_unknown(reading);
    return TRUE;
}

static gboolean on_address(Reading *reading, const SeriesItem *item, GError **error)
{
    if (reading->urls->len >= FILES_MOST) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s names more than %d files by their addresses. Cut it into several, and "
                      "pull each."),
                    reading->path, FILES_MOST);
        return FALSE;
    }
    if (g_hash_table_contains(reading->is_url, item->address)) {
        reading->listed->doubles++;
        return TRUE;
    }
    char *address = g_strdup(item->address);
    g_hash_table_add(reading->is_url, address);
    g_ptr_array_add(reading->urls, address);
    g_ptr_array_add(reading->names, g_strdup(item->name ? item->name : ""));
    return TRUE;
}

static gboolean on_item(gpointer data, const SeriesItem *item, GError **error)
{
    Reading *reading = data;
    if (item->address) {
        return on_address(reading, item, error);
    }
    reading->items++;
    reading->objects += item->object != NULL;
    if (item->series && item->bucket) {
        series_index_add(reading->listed->index, item->series, item->bucket, item->uuid);
    }
    if (item->series && item->collection) {
        Part *part = part_of(reading, item->collection);
        add_value(&part->series, "SeriesInstanceUID", item->series, &reading->listed->series);
        return TRUE;
    }
    g_hash_table_add(reading->asked, item->series
                                         ? g_strdup(item->series)
                                         : g_strconcat(item->bucket, "/", item->uuid, NULL));
    return g_hash_table_size(reading->asked) < SERIES_QUESTION_MOST || ask(reading, error);
}

static void on_strange(gpointer data, guint64 line, const char *text, const char *why)
{
    Reading *reading = data;
    if (reading->listed->strange++ >= STRANGE_TOLD) {
        return;
    }
    job_tell(reading->job, JOB_EVENT_WARNING, "list-line",
             json_pack("{s:s, s:I, s:s, s:s}", "path", reading->path, "line", (json_int_t)line,
                       "found", text, "reason", why),
             _("%s, line %" G_GUINT64_FORMAT " is passed over: %s: %s"), reading->path, line, why,
             text);
}

static const Fetcher *find_fetcher(void)
{
    for (guint i = 0; fetchers[i]; i++) {
        if (fetchers[i]->locate) {
            return fetchers[i];
        }
    }
    return NULL;
}

static gboolean add_reference(Reading *reading, const char *collection, WhereTerm *term,
                              GError **error)
{
    if (!term) {
        return TRUE;
    }
    g_autofree char *name = g_uri_escape_string(collection, "!$&'()*+,;=:", TRUE);
    g_autofree char *text = g_strdup_printf("%s/%s", reading->fetcher->row.name, name);
    Reference *reference = reference_parse(text, reading->catalogue, error);
    if (!reference) {
        g_prefix_error(error, "%s: ", reading->path);
        return FALSE;
    }
    if (!reference->where) {
        reference->where = g_ptr_array_new_with_free_func((GDestroyNotify)where_term_unref);
    }
    g_ptr_array_add(reference->where, where_term_ref(term));
    reference->index = series_index_length(reading->listed->index) ? reading->listed->index : NULL;
    g_ptr_array_add(reading->listed->references, reference);
    return TRUE;
}

/* The files that are named by their addresses are one dataset, by the list's own name. */
static void add_files(Reading *reading)
{
    json_t *urls = json_array();
    json_t *names = json_array();
    g_autofree char *base = g_path_get_basename(reading->path);
    *strrchr(base, '.') = '\0';
    g_autofree char *part = relpath_encode_part(*base ? base : "files");
    for (guint i = 0; i < reading->urls->len; i++) {
        json_array_append_new(urls, json_string(g_ptr_array_index(reading->urls, i)));
        json_array_append_new(names, json_string(g_ptr_array_index(reading->names, i)));
    }
    Reference *reference = g_new0(Reference, 1);
    reference->text = g_strdup(reading->path);
    reference->catalogue = reading->catalogue;
    reference->fetcher = fetcher_find("http");
    reference->locator = json_pack("{s:o, s:o}", "urls", urls, "names", names);
    reference->ref = g_canonicalize_filename(reading->path, NULL);
    reference->folder = g_strdup_printf("local/%s", part);
    reading->listed->files = reading->urls->len;
    g_ptr_array_add(reading->listed->references, reference);
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static gboolean make_references(Reading *reading, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer name;
    g_hash_table_iter_init(&iter, reading->parts);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        g_ptr_array_add(names, name);
    }
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        const Part *part = g_hash_table_lookup(reading->parts, g_ptr_array_index(names, i));
        if (!add_reference(reading, part->collection, part->series, error) ||
            !add_reference(reading, part->collection, part->studies, error)) {
            return FALSE;
        }
    }
    if (reading->urls->len) {
        add_files(reading);
    }
    return TRUE;
}

static char *list_text(const Reading *reading)
{
    const UidListed *listed = reading->listed;
    guint datasets = listed->references->len;
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, _("%s: %" G_GUINT64_FORMAT " series"), reading->path,
                           listed->series);
    if (listed->files) {
        g_string_append_printf(text,
                               ngettext_count(", %" G_GUINT64_FORMAT " file by its address",
                                              ", %" G_GUINT64_FORMAT " files by their addresses",
                                              listed->files),
                               listed->files);
    }
    g_string_append_printf(text, ngettext_count(", in %u dataset", ", in %u datasets", datasets),
                           datasets);
    if (listed->doubles) {
        g_string_append_printf(text,
                               ngettext_count("; %" G_GUINT64_FORMAT " line names one again",
                                              "; %" G_GUINT64_FORMAT " lines name one again",
                                              listed->doubles),
                               listed->doubles);
    }
    if (listed->strange) {
        g_string_append_printf(text,
                               ngettext_count("; %" G_GUINT64_FORMAT " line is no UID",
                                              "; %" G_GUINT64_FORMAT " lines are no UIDs",
                                              listed->strange),
                               listed->strange);
    }
    g_string_append_c(text, '.');
    return g_string_free(text, FALSE);
}

static void tell_list(const Reading *reading, const UidListHead *head)
{
    const UidListed *listed = reading->listed;
    g_autofree char *words = list_text(reading);
    json_t *facts =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:i}", "path", reading->path, "series",
                  (json_int_t)listed->series, "studies", (json_int_t)listed->studies, "files",
                  (json_int_t)listed->files, "doubles", (json_int_t)listed->doubles, "strange",
                  (json_int_t)listed->strange, "unknown", (json_int_t)listed->unknown, "datasets",
                  (int)listed->references->len);
    job_tell(reading->job, JOB_EVENT_STEP, "list", facts, "%s", words);
    if (head->foreign_host) {
        job_tell(reading->job, JOB_EVENT_WARNING, "note", json_pack("{s:s}", "ref", reading->path),
                 _("%s names the server %s, which is none of TCIA's: it is not asked, and its "
                   "series are looked for at TCIA."),
                 reading->path, head->foreign_host);
    }
    if (listed->studies) {
        job_tell(reading->job, JOB_EVENT_WARNING, "note", json_pack("{s:s}", "ref", reading->path),
                 _("%s: %" G_GUINT64_FORMAT " UIDs in it are those of studies; all series of "
                   "these are taken."),
                 reading->path, listed->studies);
    }
    if (reading->objects) {
        job_tell(reading->job, JOB_EVENT_WARNING, "note", json_pack("{s:s}", "ref", reading->path),
                 _("%s: %" G_GUINT64_FORMAT " lines name single images; their whole series are "
                   "taken, for only a whole one can be verified."),
                 reading->path, reading->objects);
    }
}

static gboolean read_all(Reading *reading, GError **error)
{
    const SeriesTaker taker = {on_item, on_strange, reading};
    g_auto(UidListHead) head = {0};
    int fd = TEMP_FAILURE_RETRY(open(reading->path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (fd < 0 && errno == ENOENT) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT, _("There is no file '%s'."),
                    reading->path);
        return FALSE;
    }
    if (fd < 0) {
        return error_set_storage(error, errno, _("cannot read %s"), reading->path);
    }
    gboolean done = uid_list_read(fd, reading->path, &taker, &head, error) && ask(reading, error) &&
                    make_references(reading, error);
    close(fd);
    UidListed *listed = reading->listed;
    guint64 distinct = listed->series + listed->studies + listed->unknown;
    listed->doubles += reading->items > distinct ? reading->items - distinct : 0;
    if (done) {
        tell_list(reading, &head);
    }
    return done;
}

static void free_reference(gpointer reference)
{
    reference_free(reference);
}

UidListed *job_uid_list(Job *job, const char *path, Catalogue *catalogue, GError **error)
{
    g_autoptr(UidListed) listed = g_new0(UidListed, 1);
    listed->references = g_ptr_array_new_with_free_func(free_reference);
    listed->index = series_index_new();
    listed->unknown_few = g_string_new(NULL);
    g_autoptr(GHashTable) parts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, part_free);
    g_autoptr(GHashTable) asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) urls = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) is_url = g_hash_table_new(g_str_hash, g_str_equal);
    Reading reading = {.job = job,
                       .path = path,
                       .catalogue = catalogue,
                       .fetcher = find_fetcher(),
                       .listed = listed,
                       .parts = parts,
                       .asked = asked,
                       .is_url = is_url,
                       .urls = urls,
                       .names = names};
    return read_all(&reading, error) ? g_steal_pointer(&listed) : NULL;
}

gboolean uid_listed_check(const UidListed *listed, const char *path, GError **error)
{
    if (listed->unknown == 0) {
        return TRUE;
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                ngettext_count("%s: %" G_GUINT64_FORMAT
                               " series of it is known neither to TCIA nor to the Imaging Data "
                               "Commons: %s%s It may be withdrawn, or under controlled access.",
                               "%s: %" G_GUINT64_FORMAT
                               " series of it are known neither to TCIA nor to the Imaging Data "
                               "Commons: %s%s They may be withdrawn, or under controlled access.",
                               listed->unknown),
                path, listed->unknown, listed->unknown_few->str,
                listed->unknown > UNKNOWN_NAMED ? ", ..." : ".");
    return FALSE;
}

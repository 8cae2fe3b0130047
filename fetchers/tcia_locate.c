#include "tcia_locate.h"

#include "dicom_head.h"
#include "error.h"
#include "i18n.h"
#include "idc_buckets.h"
#include "json_stream.h"
#include "nbia_api.h"
#include "source_facts.h"
#include "tcia_bundle.h"
#include "tcia_names.h"
#include "tcia_places.h"
#include "tcia_series.h"

#include <string.h>
#include <unistd.h>

#define METADATA_MOST_BYTES (64 * 1024 * 1024)
#define SQL_MOST_BYTES (16 * 1024 * 1024)
#define HEAD_BYTES (64 * 1024)
#define MOST_STUDIES 100
#define FIRST_BYTE_MS (2 * 60 * 1000)

typedef struct {
    const Fetcher *fetcher;
    const SeriesQuestion *question;
    HostServices *services;
    TciaPlaces places;
    GHashTable *open; /* char* -> char*: SeriesInstanceUIDs to be found, and what they were asked by
                       */
    GHashTable *folders; /* a set of "BUCKET/UUID" to be found; borrowed */
    GPtrArray *names;    /* of NBIA's collections; NULL: not asked yet, or not to be had */
    GError *why;         /* the first service that could not be asked */
} Locating;

static void note_why(Locating *locating, GError *why)
{
    if (!why)
        return;
    if (locating->why)
        g_error_free(why);
    else
        locating->why = why;
}

static void found(Locating *locating, const char *series, const char *collection)
{
    g_autofree char *asked = NULL;
    g_autofree char *key = NULL;
    if (g_hash_table_steal_extended(locating->open, series, (gpointer *)&key, (gpointer *)&asked))
        locating->question->found(locating->question->data, asked, series, collection, FALSE);
}

/* What is still open, joined by commas. */
static char *open_list(Locating *locating)
{
    GString *list = g_string_new("list=");
    GHashTableIter iter;
    gpointer series;
    g_hash_table_iter_init(&iter, locating->open);
    while (g_hash_table_iter_next(&iter, &series, NULL))
        g_string_append_printf(list, "%s%s", list->len > strlen("list=") ? "," : "",
                               (const char *)series);
    g_string_append(list, "&format=json");
    return g_string_free(list, FALSE);
}

static gboolean take_metadata(const json_t *element, gpointer data, GError **error)
{
    json_auto_t *facts = tcia_series_facts(element);
    const char *series = locator_text(facts, "SeriesInstanceUID");
    const char *collection = locator_text(facts, "Collection");
    if (series && collection)
        found(data, series, collection);
    return TRUE;
}

static void ask_nbia(Locating *locating, const char *base)
{
    GError *why = NULL;
    if (!base || g_hash_table_size(locating->open) == 0)
        return;
    g_autofree char *url = nbia_url(base, "v4", "getSeriesMetadata", NULL, NULL);
    g_autofree char *body = open_list(locating);
    const DocumentRequest request = {.url = url,
                                     .max_bytes = METADATA_MOST_BYTES,
                                     .first_byte_ms = TCIA_LISTS_FIRST_BYTE_MS,
                                     .post_body = body};
    g_autoptr(Document) document = locating->services->get(locating->services, &request, &why);
    JsonStreamShape shape;
    if (document)
        json_stream_array(document->fd, take_metadata, locating, &shape, &why);
    note_why(locating, why);
}

/* The name by which NBIA has a collection of IDC's; else as IDC has it. */
static const char *collection_of(Locating *locating, const char *idc_name)
{
    if (!locating->names && locating->places.main)
        locating->names = nbia_collections(locating->services, locating->places.main, NULL);
    if (!locating->names)
        locating->names = g_ptr_array_new_with_free_func(g_free);
    const char *name = tcia_match_name(locating->names, idc_name);
    return name ? name : idc_name;
}

/* Rows of /sql come as objects, or as lists by the order of "columns". */
static const char *row_text(const json_t *answer, const json_t *row, const char *name)
{
    const json_t *columns = json_object_get(answer, "columns");
    if (json_is_object(row))
        return json_string_value(json_object_get(row, name));
    for (gsize i = 0; i < json_array_size(columns); i++) {
        const json_t *column = json_array_get(columns, i);
        const char *text =
            json_is_object(column) ? locator_text(column, "name") : json_string_value(column);
        if (g_strcmp0(text, name) == 0)
            return json_string_value(json_array_get(row, i));
    }
    return NULL;
}

static json_t *ask_sql(Locating *locating, const char *sql, GError **error)
{
    g_autofree char *url = g_strconcat(locating->places.idc, "/sql", NULL);
    json_auto_t *question = json_pack("{s:s, s:i}", "sql", sql, "max_rows", 10000);
    char *dumped = json_dumps(question, JSON_COMPACT);
    const DocumentRequest request = {.url = url,
                                     .max_bytes = SQL_MOST_BYTES,
                                     .first_byte_ms = FIRST_BYTE_MS,
                                     .post_body = dumped,
                                     .post_type = "application/json"};
    g_autoptr(Document) document = locating->services->get(locating->services, &request, error);
    free(dumped);
    gsize length;
    g_autofree char *text =
        document ? document_read(document, SQL_MOST_BYTES, &length, error) : NULL;
    json_t *answer = text ? json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (text && !json_is_array(json_object_get(answer, "rows"))) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("The answer of the Imaging Data Commons to %s cannot be used: %s."), "/sql",
                    _("it has no rows"));
        g_clear_pointer(&answer, json_decref);
    }
    return answer;
}

/* "'a','b'" of the keys of TABLE behind their last slash; UIDs and UUIDs hold no quotes. */
static char *quoted_keys(GHashTable *table)
{
    GString *list = g_string_new(NULL);
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, table);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const char *slash = strrchr(key, '/');
        g_string_append_printf(list, "%s'%s'", list->len ? "," : "",
                               slash ? slash + 1 : (const char *)key);
    }
    return g_string_free(list, FALSE);
}

/* The folder that was asked for and ends in UUID; stolen from the open ones. */
static const char *take_folder(Locating *locating, const char *uuid)
{
    GHashTableIter iter;
    gpointer folder;
    g_hash_table_iter_init(&iter, locating->folders);
    while (uuid && g_hash_table_iter_next(&iter, &folder, NULL)) {
        const char *slash = strrchr(folder, '/');
        if (slash && g_ascii_strcasecmp(slash + 1, uuid) == 0) {
            g_hash_table_iter_steal(&iter);
            return folder;
        }
    }
    return NULL;
}

static void take_rows(Locating *locating, const json_t *answer, gboolean by_folder)
{
    const json_t *rows = json_object_get(answer, "rows");
    for (gsize i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *series = row_text(answer, row, "SeriesInstanceUID");
        const char *collection = row_text(answer, row, "collection_id");
        if (!series || !tcia_is_uid(series) || !collection)
            continue;
        const char *asked =
            by_folder ? take_folder(locating, row_text(answer, row, "crdc_series_uuid")) : NULL;
        if (asked)
            locating->question->found(locating->question->data, asked, series,
                                      collection_of(locating, collection), FALSE);
        else if (!by_folder)
            found(locating, series, collection_of(locating, collection));
    }
}

static void ask_idc(Locating *locating, const char *column, GHashTable *wanted)
{
    static const char *const tables[] = {"index", "prior_versions_index"};
    gboolean by_folder = wanted == locating->folders;
    GError *why = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(tables) && locating->places.idc && !why; i++) {
        if (g_hash_table_size(wanted) == 0)
            return;
        g_autofree char *list = quoted_keys(wanted);
        g_autofree char *sql = g_strdup_printf(
            "SELECT crdc_series_uuid, SeriesInstanceUID, collection_id FROM %s WHERE %s IN (%s)",
            tables[i], column, list);
        json_auto_t *answer = ask_sql(locating, sql, &why);
        if (answer)
            take_rows(locating, answer, by_folder);
    }
    note_why(locating, why);
}

static gboolean take_first(gpointer data, const BundlePart *part, GError **error)
{
    char **address = data;
    if (!*address)
        *address = g_strdup(part->address);
    /* One is enough. */
    g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED, "");
    return FALSE;
}

/* The SeriesInstanceUID of the first object of a folder; owned, NULL where it cannot be had. */
static char *series_of_folder(Locating *locating, const char *folder)
{
    const char *bases[] = {locating->places.s3, locating->places.gcs};
    g_autofree char *object = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(bases) && !object; i++) {
        const char *slash = strrchr(folder, '/');
        g_autofree char *bucket = g_strndup(folder, (gsize)(slash - folder));
        const char *there = i == 0 ? idc_bucket_at_s3(bucket) : idc_bucket_at_gcs(bucket);
        if (!bases[i] || !there)
            continue;
        g_autofree char *address = g_strdup_printf("%s/%s%s/", bases[i], there, slash);
        g_autoptr(FileSpec) file = file_spec_new("x");
        BundleTaker taker = {take_first, &object};
        locating->fetcher->list_bundle(locating->fetcher, NULL, file, address, locating->services,
                                       &taker, NULL);
    }
    if (!object)
        return NULL;
    const DocumentRequest request = {
        .url = object, .range_to = HEAD_BYTES, .max_bytes = HEAD_BYTES};
    g_autoptr(Document) document = locating->services->get(locating->services, &request, NULL);
    gsize length = 0;
    g_autofree char *bytes = document ? document_read(document, HEAD_BYTES, &length, NULL) : NULL;
    DicomHead head;
    return bytes && dicom_head_parse((const guint8 *)bytes, length, FALSE, &head, NULL) ==
                        DICOM_HEAD_DONE
               ? g_strdup(head.series_instance)
               : NULL;
}

/* What IDC's tables did not tell: by an object of it, and then as any other series. */
static void ask_folders(Locating *locating)
{
    GHashTableIter iter;
    gpointer folder;
    g_hash_table_iter_init(&iter, locating->folders);
    while (g_hash_table_iter_next(&iter, &folder, NULL) &&
           !locating->services->cancelled(locating->services)) {
        char *series = series_of_folder(locating, folder);
        if (!series)
            continue;
        g_hash_table_insert(locating->open, series, g_strdup(folder));
        g_hash_table_iter_steal(&iter);
    }
}

static gboolean take_study(const json_t *element, gpointer data, GError **error)
{
    char **collection = data;
    json_auto_t *facts = tcia_series_facts(element);
    if (!*collection)
        *collection = g_strdup(locator_text(facts, "Collection"));
    return TRUE;
}

/* Lists made by other programs name studies where series belong. */
static void ask_studies(Locating *locating)
{
    GHashTableIter iter;
    gpointer uid, asked;
    guint failed = 0;
    g_hash_table_iter_init(&iter, locating->open);
    while (g_hash_table_iter_next(&iter, &uid, &asked) && failed < MOST_STUDIES &&
           locating->places.main && !locating->services->cancelled(locating->services)) {
        g_autofree char *collection = NULL;
        g_autoptr(Document) document = nbia_get_list(locating->services, locating->places.main,
                                                     "getSeries", "StudyInstanceUID", uid, NULL);
        JsonStreamShape shape;
        if (document)
            json_stream_array(document->fd, take_study, &collection, &shape, NULL);
        if (collection)
            locating->question->found(locating->question->data, asked, NULL, collection, TRUE);
        failed += collection == NULL;
    }
}

static void locate_all(Locating *locating)
{
    const SeriesQuestion *question = locating->question;
    for (const char *const *series = question->series; series && *series; series++) {
        if (tcia_is_uid(*series))
            g_hash_table_insert(locating->open, g_strdup(*series), g_strdup(*series));
    }
    for (const char *const *place = question->places; place && *place; place++) {
        const char *slash = strrchr(*place, '/');
        if (slash && idc_is_uuid(slash + 1))
            g_hash_table_add(locating->folders, (gpointer)*place);
    }
    ask_idc(locating, "crdc_series_uuid", locating->folders);
    ask_folders(locating);
    ask_nbia(locating, locating->places.main);
    ask_nbia(locating, locating->places.nlst);
    ask_idc(locating, "SeriesInstanceUID", locating->open);
    ask_studies(locating);
}

gboolean tcia_locate(const Fetcher *fetcher, const SeriesQuestion *question, HostServices *services,
                     GError **error)
{
    g_autoptr(GHashTable) open = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GHashTable) folders = g_hash_table_new(g_str_hash, g_str_equal);
    Locating locating = {.fetcher = fetcher,
                         .question = question,
                         .services = services,
                         .open = open,
                         .folders = folders};
    tcia_places_read(&locating.places, services);
    locate_all(&locating);
    g_clear_pointer(&locating.names, g_ptr_array_unref);
    gboolean all_open = g_hash_table_size(open) + g_hash_table_size(folders) > 0;
    /* What a service that was away might have known is not "unknown". */
    if (services->cancelled(services) || (locating.why && all_open)) {
        if (locating.why)
            g_propagate_error(error, locating.why);
        else
            g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED,
                                _("The question was broken off."));
        return FALSE;
    }
    g_clear_error(&locating.why);
    return TRUE;
}

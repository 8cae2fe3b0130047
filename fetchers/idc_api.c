#include "idc_api.h"

#include "error.h"
#include "i18n.h"
#include "idc_buckets.h"
#include "redact.h"
#include "source_facts.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_SERIES 5000
#define PAGE_MOST_BYTES (32 * 1024 * 1024)
#define FIRST_BYTE_MS (2 * 60 * 1000) /* its first call may wait for a machine to start */
#define MOST_ATTEMPTS 4               /* without it everything comes from NBIA */
#define MOST_READINGS 3

char *idc_collection_id(const char *collection)
{
    char *id = g_ascii_strdown(collection, -1);
    return g_strdelimit(id, "-. ", '_');
}

static gboolean set_unusable(GError **error, const char *path, const char *why)
{
    g_autofree char *valid = g_utf8_make_valid(why, -1); /* jansson quotes a part, cut anywhere */
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                _("The answer of the Imaging Data Commons to %s cannot be used: %s."), path, valid);
    return FALSE;
}

/* An answer's JSON object; BODY NULL: GET. Owned. */
static json_t *ask(HostServices *services, const char *base, const char *path, const char *body,
                   GError **error)
{
    g_autofree char *url = g_strconcat(base, path, NULL);
    const DocumentRequest request = {.url = url,
                                     .max_bytes = PAGE_MOST_BYTES,
                                     .first_byte_ms = FIRST_BYTE_MS,
                                     .most_attempts = MOST_ATTEMPTS,
                                     .post_body = body,
                                     .post_type = body ? "application/json" : NULL};
    g_autoptr(Document) document = services->get(services, &request, error);
    if (!document)
        return NULL;
    gsize length;
    g_autofree char *text = document_read(document, PAGE_MOST_BYTES, &length, error);
    if (!text)
        return NULL;
    json_error_t why;
    json_t *answer = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(answer))
        return answer;
    set_unusable(error, path, answer ? _("it is no JSON object") : why.text);
    json_decref(answer);
    return NULL;
}

char *idc_ask_version(HostServices *services, const char *base, GError **error)
{
    json_auto_t *answer = ask(services, base, "/version", NULL, error);
    if (!answer)
        return NULL;
    const char *version = locator_text(answer, "idc_version");
    if (version && *version && strlen(version) < 32)
        return g_strdup(version);
    set_unusable(error, "/version", _("it names no idc_version"));
    return NULL;
}

static json_t *terms_of(const char *collection_id, const char *const *licences)
{
    json_t *terms = json_pack("{s:[s]}", "collection_id", collection_id);
    if (licences && licences[0]) {
        json_t *names = json_array();
        for (; *licences; licences++)
            json_array_append_new(names, json_string(*licences));
        json_object_set_new(terms, "license_short_name", names);
    }
    return terms;
}

static char *body_text(json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    char *copy = g_strdup(text);
    free(text);
    json_decref(body);
    return copy;
}

/* A number that is not negative; FALSE where the member is no such thing. */
static gboolean get_number(const json_t *object, const char *key, guint64 *number)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return FALSE;
    *number = (guint64)json_integer_value(value);
    return TRUE;
}

/* How many series there are by the other call, whose filter stands bare. */
static gboolean ask_count(const IdcQuery *query, guint64 *count, GError **error)
{
    json_t *terms = terms_of(query->collection_id, query->licences);
    g_autofree char *body = body_text(json_pack("{s:o}", "terms", terms));
    json_auto_t *answer = ask(query->services, query->base, "/cohort/counts", body, error);
    if (!answer)
        return FALSE;
    const json_t *counts = json_object_get(answer, "counts");
    if (get_number(json_is_object(counts) ? counts : answer, "series", count))
        return TRUE;
    return set_unusable(error, "/cohort/counts", _("it does not tell the number of series"));
}

/* Of a whole list, and of a page of it. */
typedef struct {
    IdcQuery *query;
    guint64 total;     /* by the count */
    guint64 page_size; /* as the service has it; 0: not known yet */
    guint64 taken;
} Reading;

static gboolean take_row(const Reading *reading, const json_t *row, GError **error)
{
    static const char path[] = "/cohort/manifest";
    IdcSeries series = {.collection_id = locator_text(row, "collection_id"),
                        .patient = locator_text(row, "PatientID"),
                        .study = locator_text(row, "StudyInstanceUID"),
                        .series = locator_text(row, "SeriesInstanceUID"),
                        .modality = locator_text(row, "Modality"),
                        .description = locator_text(row, "SeriesDescription"),
                        .bucket = locator_text(row, "aws_bucket"),
                        .uuid = locator_text(row, "crdc_series_uuid"),
                        .images = SIZE_UNKNOWN};
    if (!series.patient || !series.study || !series.series || !series.bucket ||
        !idc_is_uuid(series.uuid))
        return set_unusable(error, path, _("a series lacks its identifiers or its bucket"));
    if (g_strcmp0(series.collection_id, reading->query->collection_id) != 0)
        return set_unusable(error, path, _("it lists series of other collections"));
    get_number(row, "instanceCount", &series.images);
    return reading->query->series(reading->query->data, &series, error);
}

/* TRUE: this page is one of those that were asked for. */
static gboolean check_page(Reading *reading, const json_t *answer, guint64 page, GError **error)
{
    static const char path[] = "/cohort/manifest";
    const json_t *rows = json_object_get(answer, "series");
    guint64 total, size = PAGE_SERIES, number = page, returned = json_array_size(rows);
    if (!json_is_array(rows) || !get_number(answer, "total_series", &total))
        return set_unusable(error, path, _("it has no series or no total_series"));
    get_number(answer, "page_size", &size);
    get_number(answer, "page", &number);
    get_number(answer, "returned", &returned);
    if (total != reading->total)
        return set_unusable(error, path,
                            _("it speaks of another number of series than was asked for"));
    if (number != page || size == 0 || size > PAGE_SERIES || returned != json_array_size(rows) ||
        (reading->page_size != 0 && size != reading->page_size))
        return set_unusable(error, path, _("its pages do not follow one another"));
    reading->page_size = size;
    guint64 left = total - reading->taken;
    if (json_array_size(rows) != MIN(left, size))
        return set_unusable(error, path, _("a page of it is too short or too long"));
    return TRUE;
}

static gboolean read_page(Reading *reading, guint64 page, GError **error)
{
    const IdcQuery *query = reading->query;
    json_t *filters = json_pack("{s:o}", "terms", terms_of(query->collection_id, query->licences));
    g_autofree char *body = body_text(json_pack("{s:o, s:I, s:i}", "filters", filters, "page",
                                                (json_int_t)page, "page_size", PAGE_SERIES));
    json_auto_t *answer = ask(query->services, query->base, "/cohort/manifest", body, error);
    if (!answer || !check_page(reading, answer, page, error))
        return FALSE;
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(answer, "series"), index, row)
    {
        if (!take_row(reading, row, error))
            return FALSE;
        reading->taken++;
    }
    return TRUE;
}

static gboolean read_all(Reading *reading, GError **error)
{
    if (!ask_count(reading->query, &reading->total, error))
        return FALSE;
    for (guint64 page = 0; reading->taken < reading->total; page++)
        if (!read_page(reading, page, error))
            return FALSE;
    return TRUE;
}

/* *CHANGED: IDC went on to another version meanwhile. */
static gboolean read_once(IdcQuery *query, gboolean *changed, GError **error)
{
    g_autofree char *before = idc_ask_version(query->services, query->base, error);
    if (!before)
        return FALSE;
    Reading reading = {.query = query};
    GError *why = NULL;
    gboolean is_read = read_all(&reading, &why);
    g_autofree char *after = idc_ask_version(query->services, query->base, is_read ? error : NULL);
    if (after && strcmp(before, after) != 0) {
        g_clear_error(&why);
        *changed = TRUE;
        return set_unusable(error, "/version",
                            _("its data version changed while its series were listed"));
    }
    if (!is_read) {
        g_propagate_error(error, why);
        return FALSE;
    }
    query->length = reading.taken;
    query->version = g_steal_pointer(&before);
    return after != NULL;
}

gboolean idc_each_series(IdcQuery *query, GError **error)
{
    for (guint reading = 1;; reading++) {
        gboolean changed = FALSE;
        GError *why = NULL;
        g_clear_pointer(&query->version, g_free);
        if (read_once(query, &changed, &why))
            return TRUE;
        if (!changed || !query->restart || reading == MOST_READINGS) {
            g_propagate_error(error, why);
            return FALSE;
        }
        g_error_free(why);
        query->restart(query->data);
    }
}

GPtrArray *idc_licences(HostServices *services, const char *base, const char *collection_id,
                        GArray **counts, GError **error)
{
    g_autofree char *body = body_text(json_pack("{s:o}", "terms", terms_of(collection_id, NULL)));
    json_auto_t *answer = ask(services, base, "/licenses", body, error);
    if (!answer)
        return NULL;
    const json_t *list = json_object_get(answer, "licenses");
    if (!json_is_array(list)) {
        set_unusable(error, "/licenses", _("it has no licenses"));
        return NULL;
    }
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) series = g_array_new(FALSE, FALSE, sizeof(guint64));
    size_t index;
    json_t *one;
    json_array_foreach(list, index, one)
    {
        const char *name = locator_text(one, "license_short_name");
        guint64 count = 0;
        if (!name)
            continue;
        get_number(one, "series", &count);
        g_ptr_array_add(names, g_strdup(name));
        g_array_append_val(series, count);
    }
    if (counts)
        *counts = g_steal_pointer(&series);
    return names;
}

#include "tcia_names.h"

#include "error.h"
#include "i18n.h"
#include "relpath.h"
#include "source_facts.h"
#include "sources.h"
#include "tcia_series.h"
#include "web_address.h"

#include <string.h>

#define NAME_MOST_BYTES 80

char *tcia_plain_name(const char *name)
{
    GString *plain = g_string_new(NULL);
    for (const char *at = name; *at; at++)
        if (g_ascii_isalnum(*at) || (guchar)*at >= 0x80)
            g_string_append_c(plain, g_ascii_tolower(*at));
    return g_string_free(plain, FALSE);
}

const char *tcia_match_name(const GPtrArray *names, const char *wanted)
{
    const char *found = NULL;
    for (guint i = 0; i < names->len; i++)
        if (strcmp(names->pdata[i], wanted) == 0)
            return names->pdata[i];
    for (guint i = 0; i < names->len; i++)
        if (g_ascii_strcasecmp(names->pdata[i], wanted) == 0)
            return names->pdata[i];
    g_autofree char *plain = tcia_plain_name(wanted);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *other = tcia_plain_name(names->pdata[i]);
        if (strcmp(plain, other) != 0)
            continue;
        if (found)
            return NULL;
        found = names->pdata[i];
    }
    return found;
}

char *tcia_page_slug(const char *collection)
{
    GString *slug = g_string_new(NULL);
    for (const char *at = collection; *at; at++) {
        if (g_ascii_isalnum(*at))
            g_string_append_c(slug, g_ascii_tolower(*at));
        else if (slug->len && slug->str[slug->len - 1] != '-')
            g_string_append_c(slug, '-');
    }
    if (slug->len && slug->str[slug->len - 1] == '-')
        g_string_truncate(slug, slug->len - 1);
    return g_string_free(slug, FALSE);
}

static gboolean is_name(const char *text)
{
    return *text && strlen(text) <= NAME_MOST_BYTES && !strchr(text, '/') && text[0] != '.' &&
           text[0] != '@' && g_utf8_validate(text, -1, NULL) && relpath_check(text, NULL);
}

/* PatientIDs of DICOM may hold nearly anything; they are no part of the folder. */
static gboolean is_patient(const char *text)
{
    if (!*text || strlen(text) > NAME_MOST_BYTES || !g_utf8_validate(text, -1, NULL) ||
        strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return FALSE;
    for (const char *at = text; *at; at++)
        if (g_ascii_iscntrl(*at) || *at == '\\')
            return FALSE;
    return TRUE;
}

gboolean tcia_check_locator(const Fetcher *fetcher, const json_t *locator, GError **error)
{
    if (!locator_check_keys(&tcia_fetcher.row, "ssssss", locator, error))
        return FALSE;
    const char *collection = locator_text(locator, "collection");
    const char *patient = locator_text(locator, "patient");
    const char *series = locator_text(locator, "series");
    const char *result = locator_text(locator, "analysis_result");
    if (!collection && !series && !result) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The locator of a dataset of TCIA needs \"collection\", the name of the "
                      "collection as its page has it, as in LIDC-IDRI."));
        return FALSE;
    }
    const char *wrong = collection && !is_name(collection) ? collection
                        : result && !is_name(result)       ? result
                        : patient && !is_patient(patient)  ? patient
                        : series && !tcia_is_uid(series)   ? series
                                                           : NULL;
    if (!wrong)
        return TRUE;
    g_autofree char *shown = relpath_display(wrong);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("The locator of a dataset of TCIA names a collection, a patient of it or a "
                  "series by its UID; \"%s\" is none of these."),
                shown);
    return FALSE;
}

static json_t *locator_of(const char *collection, const char *patient, const char *series)
{
    if ((collection && !is_name(collection)) || (patient && !is_patient(patient)) ||
        (series && !tcia_is_uid(series)))
        return NULL;
    json_t *locator = json_object();
    if (collection)
        json_object_set_new(locator, "collection", json_string(collection));
    if (patient)
        json_object_set_new(locator, "patient", json_string(patient));
    if (series)
        json_object_set_new(locator, "series", json_string(series));
    return locator;
}

json_t *tcia_locator_from_name(const Fetcher *fetcher, const char *name, char **version,
                               GError **error)
{
    *version = NULL;
    gsize length = strlen(name);
    g_autofree char *text = g_strndup(name, length - (g_str_has_suffix(name, "/") ? 1 : 0));
    g_auto(GStrv) parts = g_strsplit(text, "/", 3);
    guint count = g_strv_length(parts);
    g_autofree char *first = count > 0 ? g_uri_unescape_string(parts[0], "/") : NULL;
    g_autofree char *second = count > 1 ? g_uri_unescape_string(parts[1], NULL) : NULL;
    json_t *locator = NULL;
    if (first && count == 1)
        locator = locator_of(first, NULL, NULL);
    else if (first && second && count == 2)
        locator = strcmp(first, "series") == 0 ? locator_of(NULL, NULL, second)
                                               : locator_of(first, second, NULL);
    if (!locator) {
        g_autofree char *shown = relpath_display(name);
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
            _("tcia/%s names nothing of TCIA: write the name of a collection, as in: medmirror "
              "pull tcia/LIDC-IDRI or \"tcia/RIDER Lung CT\"; with a patient behind it, as in "
              "tcia/LIDC-IDRI/LIDC-IDRI-0001; or the UID of a series, as in "
              "tcia/series/1.3.6.1..."),
            shown);
    }
    return locator;
}

/* The value of KEY in a query, decoded; owned, NULL where it has none. */
static char *query_value(const char *query, const char *key)
{
    g_auto(GStrv) pairs = g_strsplit(query ? query : "", "&", 64);
    gsize length = strlen(key);
    for (char **pair = pairs; *pair; pair++) {
        if (g_ascii_strncasecmp(*pair, key, length) != 0 || (*pair)[length] != '=')
            continue;
        g_autofree char *value = g_strdelimit(g_strdup(*pair + length + 1), "+", ' ');
        char *decoded = g_uri_unescape_string(value, NULL);
        if (decoded && *decoded)
            return decoded;
        g_free(decoded);
    }
    return NULL;
}

static json_t *locator_of_query(const char *query)
{
    g_autofree char *collection = query_value(query, "Collection");
    g_autofree char *series = query_value(query, "SeriesInstanceUID");
    g_autofree char *patient = query_value(query, "PatientID");
    g_autofree char *searched = query_value(query, "CollectionCriteria");
    if (series)
        return locator_of(collection, NULL, series);
    if (collection)
        return locator_of(collection, patient, NULL);
    return searched && !strchr(searched, ',') ? locator_of(searched, NULL, NULL) : NULL;
}

static json_t *locator_of_page(const GPtrArray *parts)
{
    if (parts->len < 2)
        return NULL;
    if (strcmp(parts->pdata[0], "collection") == 0)
        return locator_of(parts->pdata[1], NULL, NULL);
    if (strcmp(parts->pdata[0], "analysis-result") == 0 && is_name(parts->pdata[1]))
        return json_pack("{s:s}", "analysis_result", parts->pdata[1]);
    return NULL;
}

/* /display/Public/CT+COLONOGRAPHY */
static json_t *locator_of_wiki(const GPtrArray *parts)
{
    if (parts->len < 3 || strcmp(parts->pdata[0], "display") != 0 ||
        g_ascii_strcasecmp(parts->pdata[1], "public") != 0)
        return NULL;
    g_autofree char *name = g_strdelimit(g_strdup(parts->pdata[2]), "+", ' ');
    return locator_of(name, NULL, NULL);
}

json_t *tcia_locator_from_address(const Fetcher *fetcher, const char *text, char **version)
{
    static const char *const www[] = {"www." TCIA_DOMAIN, TCIA_DOMAIN, NULL};
    static const char *const nbia[] = {"nbia." TCIA_DOMAIN, "nlst." TCIA_DOMAIN,
                                       "services." TCIA_DOMAIN, "public." TCIA_DOMAIN, NULL};
    *version = NULL;
    g_autoptr(WebAddress) address = web_address_parse(text, NULL);
    g_autoptr(GPtrArray) parts = address ? web_path_decode(address->path, NULL) : NULL;
    if (!parts)
        return NULL;
    if (g_strv_contains(www, address->host))
        return locator_of_page(parts);
    if (strcmp(address->host, "wiki." TCIA_DOMAIN) == 0)
        return locator_of_wiki(parts);
    if (strcmp(address->host, "portal.imaging.datacommons.cancer.gov") == 0 && parts->len == 2 &&
        strcmp(parts->pdata[0], "collections") == 0)
        return locator_of(parts->pdata[1], NULL, NULL);
    gboolean is_service = parts->len > 0 && (strcmp(parts->pdata[0], "nbia-api") == 0 ||
                                             strcmp(parts->pdata[0], "nbia-search") == 0);
    return is_service && g_strv_contains(nbia, address->host) ? locator_of_query(address->query)
                                                              : NULL;
}

char *tcia_folder(const Fetcher *fetcher, const json_t *locator, const char *id)
{
    const char *collection = locator_text(locator, "collection");
    const char *result = locator_text(locator, "analysis_result");
    if (!collection && !result)
        return g_strconcat("tcia/series+", locator_text(locator, "series"), NULL);
    g_autofree char *part = relpath_encode_part(collection ? collection : result);
    return g_strconcat("tcia/", part, NULL);
}

char *tcia_ref(const Fetcher *fetcher, const json_t *locator)
{
    const char *collection = locator_text(locator, "collection");
    const char *result = locator_text(locator, "analysis_result");
    if (!collection && !result)
        return g_strconcat("tcia/series/", locator_text(locator, "series"), NULL);
    g_autofree char *encoded =
        g_uri_escape_string(collection ? collection : result, "!$&'()*+,;=:", TRUE);
    return g_strconcat("tcia/", encoded, NULL);
}

GPtrArray *tcia_where(const Fetcher *fetcher, const json_t *locator)
{
    const char *patient = locator_text(locator, "patient");
    const char *series = locator_text(locator, "series");
    if (!patient && !series)
        return NULL;
    GPtrArray *terms = g_ptr_array_new_with_free_func(g_free);
    if (patient)
        g_ptr_array_add(terms, g_strconcat("PatientID=", patient, NULL));
    if (series)
        g_ptr_array_add(terms, g_strconcat("SeriesInstanceUID=", series, NULL));
    return terms;
}

/* Collections have capital letters in their names; what has none came from the address of a page,
 * or was typed in haste, and NBIA tells how it is spelled. */
gboolean tcia_locator_is_complete(const Fetcher *fetcher, const json_t *locator)
{
    const char *collection = locator_text(locator, "collection");
    if (!collection)
        return locator_text(locator, "analysis_result") != NULL;
    for (const char *at = collection; *at; at++)
        if (g_ascii_isupper(*at))
            return TRUE;
    return FALSE;
}

#include "tcia_series.h"

#include "relpath.h"

#include <string.h>

#define PART_MOST_BYTES 160

const char *const tcia_where_keys[] = {"SeriesInstanceUID",
                                       "StudyInstanceUID",
                                       "PatientID",
                                       "Collection",
                                       "Modality",
                                       "BodyPartExamined",
                                       "Manufacturer",
                                       "ManufacturerModelName",
                                       "SeriesDescription",
                                       "StudyDesc",
                                       "ProtocolName",
                                       "SeriesNumber",
                                       "SeriesDate",
                                       "StudyDate",
                                       "SoftwareVersions",
                                       "AnnotationsFlag",
                                       "ImageCount",
                                       "FileSize",
                                       "Site",
                                       "PatientSex",
                                       "PatientAge",
                                       "AdmittingDiagnosisDescription",
                                       "LicenseName",
                                       "LicenseURI",
                                       "DataDescriptionURI",
                                       "ThirdPartyAnalysis",
                                       "DateReleased",
                                       "MaxSubmissionTimestamp",
                                       "ReleasedStatus",
                                       "Authorized",
                                       "crdc_series_uuid",
                                       "idc_version",
                                       "Part",
                                       NULL};

/* Other spellings, reduced to letters and digits in lower case, of the keys above. */
static const char *const aliases[][2] = {
    {"seriesuid", "SeriesInstanceUID"},
    {"seriesid", "SeriesInstanceUID"},
    {"studyuid", "StudyInstanceUID"},
    {"subjectid", "PatientID"},
    {"bodypart", "BodyPartExamined"},
    {"studydescription", "StudyDesc"},
    {"numberofimages", "ImageCount"},
    {"filesizebytes", "FileSize"},
    {"admittingdiagnosesdescription", "AdmittingDiagnosisDescription"},
    {"licenseurl", "LicenseURI"},
    {"collectionuri", "DataDescriptionURI"},
    {"3rdpartyanalysis", "ThirdPartyAnalysis"},
    {"thirdpartyananlysis", "ThirdPartyAnalysis"},
    {"timestamp", "MaxSubmissionTimestamp"},
};

static const char *const date_keys[] = {"SeriesDate", "StudyDate", "DateReleased",
                                        "MaxSubmissionTimestamp", NULL};

/* Letters and digits alone, in lower case. Owned. */
static char *reduce(const char *text)
{
    GString *reduced = g_string_new(NULL);
    for (const char *at = text ? text : ""; *at; at++)
        if (g_ascii_isalnum(*at))
            g_string_append_c(reduced, g_ascii_tolower(*at));
    return g_string_free(reduced, FALSE);
}

/* The key of v4 that KEY means, NULL where it is none. Static. */
static const char *canonical_key(const char *key)
{
    static GHashTable *table;
    static gsize is_made;
    if (g_once_init_enter(&is_made)) {
        table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        for (const char *const *known = tcia_where_keys; *known; known++)
            g_hash_table_insert(table, reduce(*known), (gpointer)*known);
        for (gsize i = 0; i < G_N_ELEMENTS(aliases); i++)
            g_hash_table_insert(table, g_strdup(aliases[i][0]), (gpointer)aliases[i][1]);
        g_once_init_leave(&is_made, 1);
    }
    g_autofree char *reduced = reduce(key);
    return g_hash_table_lookup(table, reduced);
}

/* A scalar as text; NULL where it is none or empty. Owned. */
static char *scalar_text(const json_t *value)
{
    if (json_is_string(value)) {
        g_autofree char *text = g_strstrip(g_strdup(json_string_value(value)));
        return *text && strcmp(text, "null") != 0 ? g_steal_pointer(&text) : NULL;
    }
    if (json_is_integer(value))
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (json_is_boolean(value))
        return g_strdup(json_is_true(value) ? "true" : "false");
    if (!json_is_real(value))
        return NULL;
    double number = json_real_value(value);
    if (number >= 0 && number < 9e15 && number == (double)(gint64)number)
        return g_strdup_printf("%" G_GINT64_FORMAT, (gint64)number);
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    return g_strdup(g_ascii_dtostr(text, sizeof text, number));
}

/* Counts and sizes may come as "2.0" or "3000923.000000". */
static void trim_fraction(char *text)
{
    char *dot = strchr(text, '.');
    if (dot && dot > text && strspn(text, "0123456789") == (gsize)(dot - text) &&
        dot[1 + strspn(dot + 1, "0")] == '\0')
        *dot = '\0';
}

static char *fact_text(const char *key, const json_t *value)
{
    g_autofree char *text = scalar_text(value);
    if (!text)
        return NULL;
    if (g_strv_contains(date_keys, key)) {
        g_autofree char *date = tcia_date(text);
        return date ? g_strdup_printf("%.2s-%.2s-%.4s", date + 5, date + 8, date)
                    : g_steal_pointer(&text);
    }
    if (strcmp(key, "ImageCount") == 0 || strcmp(key, "FileSize") == 0 ||
        strcmp(key, "SeriesNumber") == 0)
        trim_fraction(text);
    return g_steal_pointer(&text);
}

json_t *tcia_series_facts(const json_t *element)
{
    json_t *facts = json_object();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)element, key, value)
    {
        const char *known = canonical_key(key);
        g_autofree char *text = known ? fact_text(known, value) : NULL;
        /* The plain spelling counts before an alias, whatever their order. */
        if (text && (!json_object_get(facts, known) || strcmp(key, known) == 0))
            json_object_set_new(facts, known, json_string(text));
    }
    return facts;
}

static gboolean all_digits(const char *text, gsize count)
{
    for (gsize i = 0; i < count; i++)
        if (!g_ascii_isdigit(text[i]))
            return FALSE;
    return TRUE;
}

static char *date_of(const char *year, const char *month, const char *day)
{
    int m = (month[0] - '0') * 10 + month[1] - '0';
    int d = (day[0] - '0') * 10 + day[1] - '0';
    if (m < 1 || m > 12 || d < 1 || d > 31)
        return NULL;
    return g_strdup_printf("%.4s-%.2s-%.2s", year, month, day);
}

char *tcia_date(const char *text)
{
    gsize length = text ? strlen(text) : 0;
    if (length >= 12 && length <= 14 && all_digits(text, length)) {
        gint64 seconds = g_ascii_strtoll(text, NULL, 10) / 1000;
        g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(seconds);
        return date ? g_date_time_format(date, "%Y-%m-%d") : NULL;
    }
    if (length < 10 || (length > 10 && text[10] != ' ' && text[10] != 'T'))
        return NULL;
    char mark = text[2];
    if ((mark == '-' || mark == '/') && text[5] == mark && all_digits(text, 2) &&
        all_digits(text + 3, 2) && all_digits(text + 6, 4))
        return date_of(text + 6, text, text + 3);
    if (text[4] == '-' && text[7] == '-' && all_digits(text, 4) && all_digits(text + 5, 2) &&
        all_digits(text + 8, 2))
        return date_of(text, text + 5, text + 8);
    return NULL;
}

static const char *fact(const json_t *facts, const char *key)
{
    return json_string_value(json_object_get(facts, key));
}

char *tcia_series_changed(const json_t *facts)
{
    char *released = tcia_date(fact(facts, "DateReleased"));
    char *submitted = tcia_date(fact(facts, "MaxSubmissionTimestamp"));
    if (g_strcmp0(released, submitted) < 0) {
        g_free(released);
        return submitted;
    }
    g_free(submitted);
    return released;
}

static gboolean has_word(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strstr(text, *words))
            return TRUE;
    return FALSE;
}

TciaLicence tcia_licence_class(const char *name, const char *uri)
{
    static const char *const closed[] = {"restricted", "controlled", "dbgap", NULL};
    static const char *const commons[] = {"creativecommons", "ccby", "cc0", NULL};
    static const char *const not_for_sale[] = {"noncommercial", "bync", NULL};
    g_autofree char *said = reduce(name);
    g_autofree char *where = reduce(uri);
    if (!*said && !*where)
        return TCIA_UNLICENSED;
    if (has_word(said, closed))
        return TCIA_CONTROLLED;
    if (!has_word(said, commons) && !has_word(where, commons))
        return TCIA_CONTROLLED;
    return has_word(said, not_for_sale) || has_word(where, not_for_sale) ? TCIA_NON_COMMERCIAL
                                                                         : TCIA_OPEN;
}

gboolean tcia_is_uid(const char *text)
{
    gsize length = text ? strspn(text, "0123456789.") : 0;
    return length > 0 && length <= 64 && !text[length] && text[0] != '.' &&
           text[length - 1] != '.' && !strstr(text, "..") && strchr(text, '.');
}

gboolean tcia_is_yes(const char *text)
{
    return text && (g_ascii_strcasecmp(text, "yes") == 0 || g_ascii_strcasecmp(text, "y") == 0 ||
                    g_ascii_strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

/* One part of the path, safe and bounded. Owned. */
static char *path_part(const char *text)
{
    g_autofree char *part = relpath_encode_part(text && *text ? text : "unknown");
    if (strlen(part) <= PART_MOST_BYTES)
        return g_steal_pointer(&part);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    return g_strdup_printf("%.*s+%.8s", PART_MOST_BYTES / 2, part, sum);
}

char *tcia_series_path(const json_t *facts)
{
    const char *study = fact(facts, "StudyInstanceUID");
    g_autofree char *patient = path_part(fact(facts, "PatientID"));
    g_autofree char *safe_study = path_part(study);
    return g_strdup_printf("%s/%s/%s.zip", patient, safe_study, fact(facts, "SeriesInstanceUID"));
}

FileSpec *tcia_series_spec(json_t *facts)
{
    g_autofree char *path = tcia_series_path(facts);
    FileSpec *spec = file_spec_new(path);
    const char *series = fact(facts, "SeriesInstanceUID");
    spec->role = FILE_ROLE_ARCHIVE;
    spec->unpack = unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE);
    spec->unpack->into = g_strdup(series);
    spec->unpack->series = g_strdup(series);
    spec->facts = json_incref(facts);
    spec->modified = tcia_series_changed(facts);
    spec->only_if_asked = tcia_is_yes(fact(facts, "ThirdPartyAnalysis"));
    if (spec->only_if_asked)
        spec->part = g_strdup("third-party");
    return spec;
}

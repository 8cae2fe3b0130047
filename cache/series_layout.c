#include "series_layout.h"

#include "file_facts.h"
#include "relpath.h"

#include <string.h>

#define DESCRIPTION_MOST 53
#define UID_END 5
#define ENCODED_MOST 160 /* bytes of one part */

gboolean series_layout_parse(const char *name, SeriesLayout *layout)
{
    gboolean classic = strcmp(name, "classic") == 0;
    *layout = classic ? SERIES_LAYOUT_CLASSIC : SERIES_LAYOUT_DESCRIPTIVE;
    return classic || strcmp(name, "descriptive") == 0;
}

/* NULL where the source says nothing: absent, empty, or the word null. */
static const char *said(const json_t *facts, const char *key)
{
    const char *value = file_facts_get(facts, key);
    return value && *value && g_ascii_strcasecmp(value, "null") != 0 ? value : NULL;
}

/* One part of a path: '/' as '-'; what is no safe name is encoded. Owned. */
static char *safe_part(const char *text)
{
    g_autofree char *part = g_strstrip(g_strdelimit(g_strdup(text), "/", '-'));
    gsize length = strlen(part);
    gboolean is_plain =
        length > 0 && part[0] != '.' && part[length - 1] != '.' && relpath_check(part, NULL);
    if (is_plain)
        return g_steal_pointer(&part);
    g_autofree char *encoded = relpath_encode_part(*part ? part : "unknown");
    if (strlen(encoded) <= ENCODED_MOST)
        return g_steal_pointer(&encoded);
    /* Encoded, a byte takes three: what no folder can be called ends in a sum of the whole. */
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    return g_strdup_printf("%.*s+%.8s", ENCODED_MOST / 2, encoded, sum);
}

static void add(GString *name, const char *text)
{
    if (text && *text)
        g_string_append_printf(name, "%s%s", name->len ? "-" : "", text);
}

static void add_description(GString *name, const char *text)
{
    glong length = text ? g_utf8_strlen(text, -1) : 0;
    g_autofree char *cut =
        length > DESCRIPTION_MOST ? g_utf8_substring(text, 0, DESCRIPTION_MOST) : g_strdup(text);
    add(name, cut);
}

static void add_uid(GString *name, const char *uid, gboolean whole)
{
    gsize length = uid ? strlen(uid) : 0;
    add(name, uid && !whole && length > UID_END ? uid + length - UID_END : uid);
}

/* As the Retriever has it: 1.000000. */
static void add_number(GString *name, const char *number)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    char *end = NULL;
    gdouble value = number ? g_ascii_strtod(number, &end) : 0;
    gboolean is_number = number && end > number && *end == '\0' && value > -1e15 && value < 1e15;
    add(name, is_number ? g_ascii_formatd(text, sizeof text, "%f", value) : number);
}

char *series_layout_folder(SeriesLayout layout, const json_t *facts, gboolean whole)
{
    const char *study = said(facts, "StudyInstanceUID");
    const char *series = said(facts, "SeriesInstanceUID");
    const char *patient = said(facts, "PatientID"), *collection = said(facts, "Collection");
    g_autoptr(GString) of_study = g_string_new(NULL);
    g_autoptr(GString) of_series = g_string_new(NULL);
    if (layout == SERIES_LAYOUT_TREE)
        return NULL;
    if (layout == SERIES_LAYOUT_CLASSIC) {
        add(of_study, study ? study : "unknown");
        add(of_series, series);
    } else {
        add(of_study, said(facts, "StudyDate"));
        add(of_study, said(facts, "StudyID"));
        add_description(of_study, said(facts, "StudyDesc"));
        add_uid(of_study, study, FALSE);
        add_number(of_series, said(facts, "SeriesNumber"));
        add_description(of_series, said(facts, "SeriesDescription"));
        add_uid(of_series, series, whole);
    }
    g_autofree char *a = safe_part(collection ? collection : "unknown");
    g_autofree char *b = safe_part(patient ? patient : "unknown");
    g_autofree char *c = safe_part(of_study->str);
    g_autofree char *d = safe_part(of_series->str);
    return g_strjoin("/", a, b, c, d, NULL);
}

char *series_size_text(guint64 bytes)
{
    static const char *const units[] = {"KB", "MB", "GB", "TB"};
    gdouble size = (gdouble)bytes / 1000;
    gsize unit = 0;
    if (bytes < 1000)
        return g_strdup_printf("%" G_GUINT64_FORMAT " B", bytes);
    for (; size >= 999.995 && unit + 1 < G_N_ELEMENTS(units); unit++)
        size /= 1000;
    return g_strdup_printf("%.2f %s", size, units[unit]);
}

const char *sop_class_name(const char *uid)
{
    static const char storage[] = "1.2.840.10008.5.1.4.1.1.";
    static const struct {
        const char *end, *name;
    } names[] = {
        {"1", "Computed Radiography Image Storage"},
        {"1.1", "Digital X-Ray Image Storage - For Presentation"},
        {"1.2", "Digital Mammography X-Ray Image Storage - For Presentation"},
        {"1.1.1", "Digital X-Ray Image Storage - For Processing"},
        {"1.2.1", "Digital Mammography X-Ray Image Storage - For Processing"},
        {"2", "CT Image Storage"},
        {"2.1", "Enhanced CT Image Storage"},
        {"4", "MR Image Storage"},
        {"4.1", "Enhanced MR Image Storage"},
        {"6.1", "Ultrasound Image Storage"},
        {"7", "Secondary Capture Image Storage"},
        {"3.1", "Ultrasound Multi-frame Image Storage"},
        {"11.1", "Grayscale Softcopy Presentation State Storage"},
        {"12.1", "X-Ray Angiographic Image Storage"},
        {"12.2", "X-Ray Radiofluoroscopic Image Storage"},
        {"13.1.3", "Breast Tomosynthesis Image Storage"},
        {"20", "Nuclear Medicine Image Storage"},
        {"66", "Raw Data Storage"},
        {"30", "Parametric Map Storage"},
        {"66.1", "Spatial Registration Storage"},
        {"66.4", "Segmentation Storage"},
        {"67", "Real World Value Mapping Storage"},
        {"77.1.6", "VL Whole Slide Microscopy Image Storage"},
        {"88.11", "Basic Text SR Storage"},
        {"88.22", "Enhanced SR Storage"},
        {"88.33", "Comprehensive SR Storage"},
        {"88.59", "Key Object Selection Document Storage"},
        {"88.67", "X-Ray Radiation Dose SR Storage"},
        {"104.1", "Encapsulated PDF Storage"},
        {"128", "Positron Emission Tomography Image Storage"},
        {"481.1", "RT Image Storage"},
        {"481.2", "RT Dose Storage"},
        {"481.3", "RT Structure Set Storage"},
        {"481.5", "RT Plan Storage"},
    };
    for (gsize i = 0; uid && g_str_has_prefix(uid, storage) && i < G_N_ELEMENTS(names); i++) {
        if (strcmp(uid + strlen(storage), names[i].end) == 0)
            return names[i].name;
    }
    return "";
}

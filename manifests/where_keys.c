#include "where_keys.h"

#include <string.h>

/* The first of each row is the spelling of TCIA's API v4 (getSeries, getSeriesMetadata); the others
 * are those of its v1, of the Retriever's metadata.csv, of IDC's index, and what people type.
 * Letters and digits alone, for nothing else is compared. */
static const char *const keys[][8] = {
    {"SeriesInstanceUID", "SeriesUID", "Series", "SeriesID"},
    {"StudyInstanceUID", "StudyUID", "Study"},
    {"PatientID", "SubjectID", "Patient", "Subject"},
    {"Collection", "collection_id"},
    {"Modality"},
    {"BodyPartExamined", "BodyPart", "Organ"},
    {"Manufacturer", "Vendor"},
    {"ManufacturerModelName", "Model"},
    {"SeriesDescription", "Description", "SeriesDesc"},
    {"StudyDesc", "StudyDescription"},
    {"SeriesNumber"},
    {"SeriesDate"},
    {"StudyDate"},
    {"StudyID"},
    {"ProtocolName", "Protocol"},
    {"SoftwareVersions"},
    {"ImageCount", "NumberOfImages", "Images", "instanceCount"},
    {"FileSize", "FileSizeBytes"},
    {"LicenseName", "Licence", "License", "LicenceName", "license_short_name"},
    {"LicenseURI", "LicenseURL"},
    {"DataDescriptionURI", "CollectionURI", "DOI", "source_DOI"},
    {"MaxSubmissionTimestamp", "TimeStamp"},
    {"DateReleased"},
    {"ReleasedStatus"},
    {"ThirdPartyAnalysis", "3rdPartyAnalysis", "ThirdParty"},
    {"SOPClassUID"},
    {"SOPClassName"},
    {"Site"},
    {"PatientSex", "Sex"},
    {"PatientAge", "Age"},
    {"PatientName"},
    {"AnnotationsFlag"},
    {"AdmittingDiagnosisDescription"},
    {"crdc_series_uuid"},
    {"Part"},
};

static gboolean spelt_alike(const char *a, const char *b)
{
    for (;;) {
        while (*a && !g_ascii_isalnum(*a) && (guint8)*a < 0x80)
            a++;
        while (*b && !g_ascii_isalnum(*b) && (guint8)*b < 0x80)
            b++;
        if (g_ascii_tolower(*a) != g_ascii_tolower(*b))
            return FALSE;
        if (!*a)
            return TRUE;
        a++;
        b++;
    }
}

const char *where_key_canonical(const char *key)
{
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        for (gsize k = 0; k < G_N_ELEMENTS(keys[i]) && keys[i][k]; k++) {
            if (spelt_alike(key, keys[i][k]))
                return keys[i][0];
        }
    }
    return NULL;
}

gboolean where_key_names_files(const char *key)
{
    static const char *const naming[] = {"SeriesInstanceUID",
                                         "crdc_series_uuid",
                                         "ThirdPartyAnalysis",
                                         "DataDescriptionURI",
                                         "Part",
                                         NULL};
    return g_strv_contains(naming, key);
}

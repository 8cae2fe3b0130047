/* TCIA's fetcher: what it makes of names, rows, licences, answers. What it does with whole
 * collections is tested by the journeys. */
#include "error.h"
#include "fetcher.h"
#include "file_facts.h"
#include "idc_api.h"
#include "idc_buckets.h"
#include "json_stream.h"
#include "nbia_api.h"
#include "support_fake_host.h"
#include "tcia_bundle.h"
#include "tcia_names.h"
#include "tcia_places.h"
#include "tcia_series.h"
#include "tcia_tally.h"

static const Fetcher *tcia(void)
{
    return fetcher_find("tcia");
}

static void test_licences(void)
{
    static const struct {
        const char *name, *uri;
        TciaLicence licence;
    } cases[] = {
        {"Creative Commons Attribution 3.0 Unported License",
         "http://creativecommons.org/licenses/by/3.0/", TCIA_OPEN},
        {"Creative Commons Attribution 4.0 International License", NULL, TCIA_OPEN},
        {"CC BY 4.0", NULL, TCIA_OPEN},
        {NULL, "https://creativecommons.org/licenses/by/4.0/", TCIA_OPEN},
        {"Creative Commons Attribution-NonCommercial 4.0 International License", NULL,
         TCIA_NON_COMMERCIAL},
        {"Creative Commons Attribution-Non Commercial 3.0", NULL, TCIA_NON_COMMERCIAL},
        {"CC BY-NC 3.0", NULL, TCIA_NON_COMMERCIAL},
        {"Creative Commons", "https://creativecommons.org/licenses/by-nc/4.0/",
         TCIA_NON_COMMERCIAL},
        {"TCIA Restricted License Agreement", NULL, TCIA_CONTROLLED},
        {"TCIA Restricted", "https://creativecommons.org/licenses/by/4.0/", TCIA_CONTROLLED},
        {"NIH Controlled Data Access Policy", NULL, TCIA_CONTROLLED},
        {"Terms of the National Library of Medicine", NULL, TCIA_CONTROLLED},
        {NULL, "https://example.org/terms", TCIA_CONTROLLED},
        {NULL, NULL, TCIA_UNLICENSED},
        {"", "", TCIA_UNLICENSED},
        {" - ", NULL, TCIA_UNLICENSED},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(tcia_licence_class(cases[i].name, cases[i].uri), ==, cases[i].licence);
}

static void test_dates(void)
{
    static const char *const cases[][2] = {
        {"2000-01-31 00:00:00.0", "2000-01-31"},
        {"01-31-2000", "2000-01-31"},
        {"01/31/2000", "2000-01-31"},
        {"01-31-2000 12:00:00", "2000-01-31"},
        {"2005-03-02", "2005-03-02"},
        {"2021-05-04T12:00:00+00:00", "2021-05-04"},
        {"949276800000", "2000-01-31"},
        {"", NULL},
        {NULL, NULL},
        {"31-01-2000", NULL},
        {"2000-13-01", NULL},
        {"2000-01-32", NULL},
        {"20000131", NULL},
        {"01-31-00", NULL},
        {"2000-01-311", NULL},
        {"yesterday!", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *date = tcia_date(cases[i][0]);
        g_assert_cmpstr(date, ==, cases[i][1]);
    }
}

static char *facts_of(const char *json)
{
    json_auto_t *element = json_loads(json, 0, NULL);
    g_assert_nonnull(element);
    json_auto_t *facts = tcia_series_facts(element);
    return file_facts_to_json(facts);
}

/* Every spelling of a key and every type of a scalar gives the same facts. */
static void test_facts(void)
{
    static const char *const cases[][2] = {
        {"{\"SeriesInstanceUID\":\"1.2\",\"ImageCount\":2,\"FileSize\":16357620,"
         "\"AnnotationsFlag\":true}",
         "{\"AnnotationsFlag\":\"true\",\"FileSize\":\"16357620\",\"ImageCount\":\"2\","
         "\"SeriesInstanceUID\":\"1.2\"}"},
        {"{\"Series UID\":\"1.2\",\"Number of Images\":\"2\",\"File Size (Bytes)\":\"16357620\"}",
         "{\"FileSize\":\"16357620\",\"ImageCount\":\"2\",\"SeriesInstanceUID\":\"1.2\"}"},
        {"{\"ImageCount\":2.0,\"SeriesNumber\":\"3000923.000000\",\"FileSize\":\"1.5\"}",
         "{\"FileSize\":\"1.5\",\"ImageCount\":\"2\",\"SeriesNumber\":\"3000923\"}"},
        {"{\"CollectionURI\":\"https:\\/\\/doi.org\\/10.7937\\/x\","
         "\"TimeStamp\":\"2011-06-09 00:00:00.0\"}",
         "{\"DataDescriptionURI\":\"https://doi.org/10.7937/x\","
         "\"MaxSubmissionTimestamp\":\"06-09-2011\"}"},
        {"{\"Data Description URI\":\"d\",\"License URL\":\"l\",\"Study Description\":\"s\"}",
         "{\"DataDescriptionURI\":\"d\",\"LicenseURI\":\"l\",\"StudyDesc\":\"s\"}"},
        {"{\"Study Date\":\"01-01-2000\",\"SeriesDate\":\"2000-01-01 00:00:00.0\"}",
         "{\"SeriesDate\":\"01-01-2000\",\"StudyDate\":\"01-01-2000\"}"},
        {"{\"StudyDescription\":\"other\",\"StudyDesc\":\"own\"}", "{\"StudyDesc\":\"own\"}"},
        {"{\"StudyDesc\":\"own\",\"StudyDescription\":\"other\"}", "{\"StudyDesc\":\"own\"}"},
        {"{\"3rd Party Analysis\":\"YES\"}", "{\"ThirdPartyAnalysis\":\"YES\"}"},
        {"{\"Authorized\":1}", "{\"Authorized\":\"1\"}"},
        {"{\"Modality\":null,\"Site\":\"\",\"Manufacturer\":\"null\",\"Unheard\":\"x\","
         "\"BodyPartExamined\":[\"x\"],\"PatientID\":{}}",
         NULL},
        {"{}", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *facts = facts_of(cases[i][0]);
        g_assert_cmpstr(facts, ==, cases[i][1]);
    }
    json_auto_t *text = json_string("no object");
    json_auto_t *none = tcia_series_facts(text);
    g_assert_cmpuint(json_object_size(none), ==, 0);
}

static void test_uids(void)
{
    static const char *const right[] = {"1.2", "1.3.6.1.4.1.14519.5.2.1", "2.25.0"};
    static const char *const wrong[] = {"",      "1",     "1.",   ".1",  "1..2",
                                        "1.2/3", "1.2.x", "1.2 ", "../", "1.2\n"};
    for (gsize i = 0; i < G_N_ELEMENTS(right); i++)
        g_assert_true(tcia_is_uid(right[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_false(tcia_is_uid(wrong[i]));
    g_assert_false(tcia_is_uid(NULL));
    g_autofree char *longest = g_strnfill(64, '1'), *longer = g_strnfill(65, '1');
    longest[1] = longer[1] = '.';
    g_assert_true(tcia_is_uid(longest));
    g_assert_false(tcia_is_uid(longer));
}

static void test_paths(void)
{
    static const char *const cases[][2] = {
        {"{\"PatientID\":\"LIDC-IDRI-0001\",\"StudyInstanceUID\":\"1.3\"}",
         "LIDC-IDRI-0001/1.3/1.2.zip"},
        {"{\"PatientID\":\"Odd / ID..\",\"StudyInstanceUID\":\"1.3\"}",
         "Odd%20%2F%20ID../1.3/1.2.zip"},
        {"{\"PatientID\":\"..\",\"StudyInstanceUID\":\"../x\"}", "%2E./%2E.%2Fx/1.2.zip"},
        {"{}", "unknown/unknown/1.2.zip"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        json_auto_t *facts = json_loads(cases[i][0], 0, NULL);
        json_object_set_new(facts, "SeriesInstanceUID", json_string("1.2"));
        g_autofree char *path = tcia_series_path(facts);
        g_assert_cmpstr(path, ==, cases[i][1]);
    }
    g_autofree char *patient = g_strnfill(3000, '/');
    json_auto_t *facts = json_pack("{s:s, s:s}", "PatientID", patient, "SeriesInstanceUID", "1.2");
    g_autofree char *path = tcia_series_path(facts);
    g_assert_cmpuint(strlen(path), <, 200);
}

static void test_spec(void)
{
    json_auto_t *facts = json_pack("{s:s, s:s, s:s, s:s, s:s}", "SeriesInstanceUID", "1.2",
                                   "StudyInstanceUID", "1.3", "PatientID", "P", "DateReleased",
                                   "09-15-2011", "MaxSubmissionTimestamp", "06-09-2012");
    g_autoptr(FileSpec) spec = tcia_series_spec(facts);
    g_assert_cmpstr(spec->unpack->into, ==, "1.2");
    g_assert_cmpstr(spec->unpack->series, ==, "1.2");
    g_assert_cmpint(spec->role, ==, FILE_ROLE_ARCHIVE);
    g_assert_cmpuint(spec->size, ==, SIZE_UNKNOWN);
    g_assert_cmpstr(spec->modified, ==, "2012-06-09");
    g_assert_false(spec->only_if_asked);
    json_object_set_new(facts, "ThirdPartyAnalysis", json_string("YES"));
    g_autoptr(FileSpec) other = tcia_series_spec(facts);
    g_assert_true(other->only_if_asked);
}

static void test_names(void)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    static const char *const all[] = {"LIDC-IDRI", "RIDER Lung CT", "A-B", "A B", "4D-Lung"};
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        g_ptr_array_add(names, (gpointer)all[i]);
    static const char *const cases[][2] = {
        {"LIDC-IDRI", "LIDC-IDRI"},
        {"lidc-idri", "LIDC-IDRI"},
        {"lidc_idri", "LIDC-IDRI"},
        {"rider-lung-ct", "RIDER Lung CT"},
        {"rider lung ct", "RIDER Lung CT"},
        {"a-b", "A-B"},
        {"a_b", NULL},
        {"4d-lung", "4D-Lung"},
        {"LIDC", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpstr(tcia_match_name(names, cases[i][0]), ==, cases[i][1]);
    g_autofree char *slug = tcia_page_slug("NSCLC Radiogenomics");
    g_assert_cmpstr(slug, ==, "nsclc-radiogenomics");
    static const char *const ids[][2] = {
        {"LIDC-IDRI", "lidc_idri"}, {"RIDER Lung CT", "rider_lung_ct"}, {"Breast.NC", "breast_nc"}};
    for (gsize i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autofree char *id = idc_collection_id(ids[i][0]);
        g_assert_cmpstr(id, ==, ids[i][1]);
    }
}

static void test_locators(void)
{
    static const char *const cases[][2] = {
        {"LIDC-IDRI", "{\"collection\":\"LIDC-IDRI\"}"},
        {"LIDC-IDRI/", "{\"collection\":\"LIDC-IDRI\"}"},
        {"RIDER%20Lung%20CT", "{\"collection\":\"RIDER Lung CT\"}"},
        {"RIDER Lung CT", "{\"collection\":\"RIDER Lung CT\"}"},
        {"LIDC-IDRI/LIDC-IDRI-0001",
         "{\"collection\":\"LIDC-IDRI\",\"patient\":\"LIDC-IDRI-0001\"}"},
        {"series/1.2.3", "{\"series\":\"1.2.3\"}"},
        {"series/1.2.x", NULL},
        {"a/b/c", NULL},
        {"a%2Fb", NULL},
        {"a/..", NULL},
        {"%00", NULL},
        {"", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *version = NULL;
        json_auto_t *locator = tcia_locator_from_name(tcia(), cases[i][0], &version, NULL);
        char *text = locator ? json_dumps(locator, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        g_assert_cmpstr(text, ==, cases[i][1]);
        g_assert_null(version);
        free(text);
        g_assert_true(!locator || tcia_check_locator(tcia(), locator, NULL));
    }
}

static void test_addresses(void)
{
    static const char *const cases[][2] = {
        {"https://www.cancerimagingarchive.net/collection/lidc-idri/",
         "{\"collection\":\"lidc-idri\"}"},
        {"https://cancerimagingarchive.net/analysis-result/x-y/", "{\"analysis_result\":\"x-y\"}"},
        {"https://wiki.cancerimagingarchive.net/display/Public/CT+COLONOGRAPHY#dc14",
         "{\"collection\":\"CT COLONOGRAPHY\"}"},
        {"https://nbia.cancerimagingarchive.net/nbia-search/?MinNumberOfStudiesCriteria=1&"
         "CollectionCriteria=LIDC-IDRI",
         "{\"collection\":\"LIDC-IDRI\"}"},
        {"https://nbia.cancerimagingarchive.net/nbia-search/?CollectionCriteria=A,B", NULL},
        {"https://nlst.cancerimagingarchive.net/nbia-api/services/v4/getSeries?Collection=NLST&"
         "PatientID=100012",
         "{\"collection\":\"NLST\",\"patient\":\"100012\"}"},
        {"https://services.cancerimagingarchive.net/nbia-api/services/v1/getImage?"
         "SeriesInstanceUID=1.2.3",
         "{\"series\":\"1.2.3\"}"},
        {"https://portal.imaging.datacommons.cancer.gov/collections/lidc_idri/",
         "{\"collection\":\"lidc_idri\"}"},
        {"https://www.cancerimagingarchive.net/", NULL},
        {"https://www.cancerimagingarchive.net/wp-content/uploads/x.tcia", NULL},
        {"https://example.org/collection/lidc-idri/", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        char *version = NULL;
        json_auto_t *locator = tcia_locator_from_address(tcia(), cases[i][0], &version);
        char *text = locator ? json_dumps(locator, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        g_assert_cmpstr(text, ==, cases[i][1]);
        free(text);
    }
}

/* The locators of the catalogue's records. */
static void test_catalogue(void)
{
    static const char *const right[] = {
        "{\"collection\":\"CT COLONOGRAPHY\",\"idc_collection\":\"ct_colonography\"}",
        "{\"collection\":\"NSCLC Radiogenomics\",\"doi\":\"10.7937/K9/TCIA.2017.7hs46erv\"}",
        "{\"analysis_result\":\"BraTS-TCGA-GBM\"}",
    };
    static const char *const wrong[] = {
        "{}",
        "{\"doi\":\"10.7937/x\"}",
        "{\"patient\":\"x\"}",
        "{\"collection\":\"a/b\"}",
        "{\"collection\":\"\"}",
        "{\"collection\":\"X\",\"series\":\"LIDC\"}",
        "{\"collection\":\"X\",\"nbia\":{}}",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(right); i++) {
        json_auto_t *locator = json_loads(right[i], 0, NULL);
        g_autoptr(GError) error = NULL;
        tcia_check_locator(tcia(), locator, &error);
        g_assert_no_error(error);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        json_auto_t *locator = json_loads(wrong[i], 0, NULL);
        g_autoptr(GError) error = NULL;
        g_assert_false(tcia_check_locator(tcia(), locator, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    }
}

static void test_where(void)
{
    json_auto_t *series = json_pack("{s:s, s:s}", "collection", "X", "series", "1.2");
    json_auto_t *patient = json_pack("{s:s, s:s}", "collection", "X", "patient", "P 1");
    json_auto_t *all = json_pack("{s:s}", "collection", "X");
    g_autoptr(GPtrArray) one = tcia_where(tcia(), series);
    g_autoptr(GPtrArray) other = tcia_where(tcia(), patient);
    g_assert_cmpstr(one->pdata[0], ==, "SeriesInstanceUID=1.2");
    g_assert_cmpstr(other->pdata[0], ==, "PatientID=P 1");
    g_assert_null(tcia_where(tcia(), all));
}

static void test_buckets(void)
{
    static const char *const cases[][3] = {
        {"idc-open-data", "idc-open-data", "idc-open-data"},
        {"idc-open-data-two", "idc-open-data-two", "idc-open-idc1"},
        {"idc-open-data-cr", "idc-open-data-cr", "idc-open-cr"},
        {"idc-open-idc1", "idc-open-data-two", "idc-open-idc1"},
        {"idc-open-cr", "idc-open-data-cr", "idc-open-cr"},
        {"public-datasets-idc", "idc-open-data", "public-datasets-idc"},
        {"something-new", "something-new", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpstr(idc_bucket_at_s3(cases[i][0]), ==, cases[i][1]);
        g_assert_cmpstr(idc_bucket_at_gcs(cases[i][0]), ==, cases[i][2]);
    }
    g_assert_true(idc_is_uuid("01234567-89ab-cdef-0123-456789ABCDEF"));
    g_assert_false(idc_is_uuid("01234567-89ab-cdef-0123-456789ABCDE"));
    g_assert_false(idc_is_uuid("01234567089ab-cdef-0123-456789abcdef"));
    g_assert_false(idc_is_uuid("../.././-89ab-cdef-0123-456789abcdef"));
    g_assert_false(idc_is_uuid(NULL));
}

#define UUID "01234567-89ab-cdef-0123-456789abcdef"
#define BUNDLE "https://s3/idc-open-data/" UUID "/"
#define ZIP4 "https://nbia/nbia-api/services/v4/getImageWithMD5Hash?SeriesInstanceUID=1.2"
#define ZIP1 "https://nbia/nbia-api/services/v1/getImageWithMD5Hash?SeriesInstanceUID=1.2"

static char *addresses_of(const char *server, const char *uuid, const char *prefer)
{
    const TciaPlaces places = {.s3 = "https://s3"};
    g_autoptr(FileSpec) spec = file_spec_new("x.zip");
    tcia_add_addresses(spec, &places, server, "1.2", uuid ? "idc-open-data" : NULL, uuid, prefer);
    g_ptr_array_add(spec->addresses, NULL);
    return g_strjoinv(" ", (char **)spec->addresses->pdata);
}

static void test_order(void)
{
    static const struct {
        const char *server, *uuid, *prefer, *addresses;
    } cases[] = {
        {"https://nbia", UUID, NULL, BUNDLE " " ZIP4 " " ZIP1},
        {"https://nbia", UUID, "idc", BUNDLE " " ZIP4 " " ZIP1},
        {"https://nbia", UUID, "nbia", ZIP4 " " ZIP1 " " BUNDLE},
        {"https://nbia", NULL, NULL, ZIP4 " " ZIP1},
        {NULL, UUID, NULL, BUNDLE},
        {NULL, NULL, "nbia", ""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = addresses_of(cases[i].server, cases[i].uuid, cases[i].prefer);
        g_assert_cmpstr(text, ==, cases[i].addresses);
    }
}

static AnswerKind classify(int status, const char *address, const char *type, const char *body,
                           gsize length)
{
    const AnswerHead head = {.status = status,
                             .address = address,
                             .final_address = address,
                             .content_type = type,
                             .body = (const guint8 *)body,
                             .body_length = length};
    return tcia()->classify(tcia(), &head);
}

static void test_answers(void)
{
    static const struct {
        int status;
        const char *address, *type, *body;
        AnswerKind kind;
    } cases[] = {
        {200, ZIP4, "application/octet-stream", "PK\x03\x04more", ANSWER_DATA},
        {200, ZIP4, "application/octet-stream", "PK\x05\x06", ANSWER_DATA},
        {200, ZIP4, "application/octet-stream", "", ANSWER_NOTHING_THERE},
        {200, ZIP4, "application/json", "{\"error\":1}", ANSWER_NOTHING_THERE},
        {200, ZIP4, "text/plain", "Server was not able to process your request\nnull",
         ANSWER_NOTHING_THERE},
        {200, ZIP4, "text/html", "<html><title>x</title>", ANSWER_UNEXPECTED_HTML},
        {200, ZIP4, "application/octet-stream", "<html><title>x</title>", ANSWER_UNEXPECTED_HTML},
        {400, ZIP1, "application/json", "The series is not in public domain", ANSWER_NOT_PUBLIC},
        {400, ZIP4, "application/json", "The user has not been granted the access to it",
         ANSWER_NOT_PUBLIC},
        {200, ZIP4, "text/plain", "The series is not in public domain", ANSWER_NOT_PUBLIC},
        {400, ZIP4, "application/json", "A parameter is missing", ANSWER_BY_STATUS},
        {500, ZIP4, "text/plain", "Server was not able to process your request\nnull",
         ANSWER_BY_STATUS},
        {403, BUNDLE "x.dcm", "application/xml", "<Error><Code>AccessDenied</Code></Error>",
         ANSWER_ABSENT},
        {200, BUNDLE "x.dcm", "application/dicom", "\x01\x02", ANSWER_DATA},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(classify(cases[i].status, cases[i].address, cases[i].type, cases[i].body,
                                 strlen(cases[i].body)),
                        ==, cases[i].kind);
}

typedef struct {
    guint count;
    gboolean stops;
} Elements;

static gboolean count_element(const json_t *element, gpointer data, GError **error)
{
    Elements *elements = data;
    elements->count++;
    if (elements->stops)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED, "enough");
    return !elements->stops;
}

static int file_of(const char *text)
{
    int fd = memfd_create("json", MFD_CLOEXEC);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static void test_stream(void)
{
    static const struct {
        const char *text;
        JsonStreamShape shape;
        guint count;
        gboolean is_wrong;
    } cases[] = {
        {"", JSON_STREAM_EMPTY, 0, FALSE},
        {" \r\n\t", JSON_STREAM_EMPTY, 0, FALSE},
        {"[]", JSON_STREAM_ARRAY, 0, FALSE},
        {" [ {} , {\"a\":1} ] ", JSON_STREAM_ARRAY, 2, FALSE},
        {"[{},[1]]garbage", JSON_STREAM_ARRAY, 2, FALSE},
        {"null", JSON_STREAM_NULL, 0, FALSE},
        {"{\"a\":1}", JSON_STREAM_OTHER, 0, FALSE},
        {"<html>", JSON_STREAM_OTHER, 0, FALSE},
        {"[{}", JSON_STREAM_ARRAY, 1, TRUE},
        {"[{},", JSON_STREAM_ARRAY, 1, TRUE},
        {"[", JSON_STREAM_ARRAY, 0, TRUE},
        {"[{} {}]", JSON_STREAM_ARRAY, 1, TRUE},
        {"[{\"a\":]", JSON_STREAM_ARRAY, 0, TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Elements elements = {0};
        JsonStreamShape shape;
        g_autoptr(GError) error = NULL;
        int fd = file_of(cases[i].text);
        gboolean done = json_stream_array(fd, count_element, &elements, &shape, &error);
        close(fd);
        g_assert_cmpint(shape, ==, cases[i].shape);
        g_assert_cmpuint(elements.count, ==, cases[i].count);
        g_assert_cmpint(done, ==, !cases[i].is_wrong);
        if (cases[i].is_wrong)
            g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
    }
    JsonStreamShape shape;
    Elements elements = {.stops = TRUE};
    g_assert_true(json_stream_array(-1, count_element, &elements, &shape, NULL));
    g_assert_cmpint(shape, ==, JSON_STREAM_EMPTY);
    int fd = file_of("[{},{},{}]");
    g_assert_false(json_stream_array(fd, count_element, &elements, &shape, NULL));
    close(fd);
    g_assert_cmpuint(elements.count, ==, 1);
}

static void test_long_element(void)
{
    g_autofree char *filler = g_strnfill(JSON_ELEMENT_MOST, 'x');
    g_autofree char *text = g_strconcat("[{\"a\":\"", filler, "\"}]", NULL);
    Elements elements = {0};
    JsonStreamShape shape;
    g_autoptr(GError) error = NULL;
    int fd = file_of(text);
    g_assert_false(json_stream_array(fd, count_element, &elements, &shape, &error));
    close(fd);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
}

/* The same series in another order are the same state, and a count that differs is another. */
static void test_tally(void)
{
    g_autofree char *tokens[3] = {0};
    for (guint turn = 0; turn < 3; turn++) {
        g_auto(TciaTally) tally;
        tcia_tally_init(&tally);
        for (guint i = 0; i < 3; i++) {
            guint number = turn == 1 ? 2 - i : i;
            g_autofree char *uid = g_strdup_printf("1.2.%u", number);
            json_auto_t *facts =
                json_pack("{s:s, s:s, s:s, s:s}", "SeriesInstanceUID", uid, "ImageCount",
                          turn == 2 && i == 0 ? "4" : "5", "LicenseName", "CC BY 4.0",
                          "DateReleased", number == 1 ? "02-03-2024" : "02-03-2023");
            g_assert_true(tcia_tally_add(&tally, facts, FALSE));
        }
        json_auto_t *nameless = json_pack("{s:s}", "Modality", "CT");
        g_assert_false(tcia_tally_add(&tally, nameless, FALSE));
        g_assert_cmpstr(tally.newest, ==, "2024-02-03");
        g_assert_cmpuint(tally.series, ==, 3);
        tokens[turn] = tcia_tally_token(&tally);
    }
    g_assert_cmpstr(tokens[0], ==, tokens[1]);
    g_assert_cmpstr(tokens[0], !=, tokens[2]);
    g_free(tokens[1]);
    g_free(tokens[2]);
    tokens[1] = tokens[2] = NULL;
}

#define HASH "0123456789abcdef0123456789abcdef"
#define HASH_URL "https://nbia/nbia-api/services/v4/getMD5Hierarchy"

static void test_hash(void)
{
    static const struct {
        const char *answer;
        gboolean has_hash, is_wrong;
    } cases[] = {
        {HASH, TRUE, FALSE},
        {"0123456789ABCDEF0123456789ABCDEF\n", TRUE, FALSE},
        {"\"" HASH "\"", TRUE, FALSE},
        {"", FALSE, FALSE},
        {"d41d8cd98f00b204e9800998ecf8427e", FALSE, FALSE},
        {"<html>", FALSE, TRUE},
        {"0123", FALSE, TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        g_hash_table_insert(host->bases, (gpointer) "tcia", (gpointer) "https://nbia");
        fake_serve(host, HASH_URL, 200, "text/plain", cases[i].answer);
        json_auto_t *facts =
            json_pack("{s:s, s:s}", "SeriesInstanceUID", "1.2", "StudyInstanceUID", "1.3");
        json_auto_t *locator = json_pack("{s:s}", "collection", "LIDC-IDRI");
        g_autoptr(FileSpec) spec = tcia_series_spec(facts);
        DigestSet declared = {0};
        g_autoptr(GError) error = NULL;
        gboolean asked = tcia_vouch(tcia(), locator, spec, &host->services, &declared, &error);
        g_assert_cmpint(asked, ==, !cases[i].is_wrong);
        g_assert_cmpint(digest_set_get(&declared, DIGEST_MD5_TREE) != NULL, ==, cases[i].has_hash);
    }
}

int main(int count, char **arguments)
{
    g_test_init(&count, &arguments, NULL);
    g_test_add_func("/tcia/licences", test_licences);
    g_test_add_func("/tcia/dates", test_dates);
    g_test_add_func("/tcia/facts", test_facts);
    g_test_add_func("/tcia/uids", test_uids);
    g_test_add_func("/tcia/paths", test_paths);
    g_test_add_func("/tcia/spec", test_spec);
    g_test_add_func("/tcia/names", test_names);
    g_test_add_func("/tcia/locators", test_locators);
    g_test_add_func("/tcia/addresses", test_addresses);
    g_test_add_func("/tcia/catalogue", test_catalogue);
    g_test_add_func("/tcia/where", test_where);
    g_test_add_func("/tcia/buckets", test_buckets);
    g_test_add_func("/tcia/order", test_order);
    g_test_add_func("/tcia/answers", test_answers);
    g_test_add_func("/tcia/stream", test_stream);
    g_test_add_func("/tcia/long-element", test_long_element);
    g_test_add_func("/tcia/tally", test_tally);
    g_test_add_func("/tcia/hash", test_hash);
    return g_test_run();
}

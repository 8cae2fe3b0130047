/* Lists of series in every form that people have them in: what is read of each, and what is said.
 */
#include "csv_reader.h"
#include "error.h"
#include "uid_list.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define UUID_A "28621ba9-1aca-4aab-a2a1-f6d2c3e2ab19"
#define UUID_B "f0b76401-c6d1-4b61-a5fd-3fa596e6cc41"

/* What was given, a word an item: "1.2.3", "1.2.3@Collection", "bucket/uuid", "address>name";
 * strange lines as "!NUMBER". */
typedef struct {
    GString *said;
} Said;

static gboolean on_item(gpointer data, const SeriesItem *item, GError **error)
{
    Said *said = data;
    g_string_append_printf(said->said, "%s%s", said->said->len ? " " : "",
                           item->series ? item->series : "");
    if (item->collection)
        g_string_append_printf(said->said, "@%s", item->collection);
    if (item->bucket)
        g_string_append_printf(said->said, "%s%s/%.8s", item->series ? ":" : "", item->bucket,
                               item->uuid);
    if (item->object)
        g_string_append_printf(said->said, "/%s", item->object);
    if (item->address)
        g_string_append(said->said, item->address);
    if (item->name)
        g_string_append_printf(said->said, ">%s", item->name);
    return TRUE;
}

static void on_strange(gpointer data, guint64 line, const char *text, const char *why)
{
    Said *said = data;
    g_string_append_printf(said->said, "%s!%" G_GUINT64_FORMAT, said->said->len ? " " : "", line);
    g_assert_true(g_utf8_validate(text, -1, NULL));
}

static char *read_text(const char *name, const char *text, gsize length, UidListHead *head,
                       GError **error)
{
    int fd = memfd_create("list", MFD_CLOEXEC);
    g_assert_cmpint(write(fd, text, length), ==, (ssize_t)length);
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    Said said = {g_string_new(NULL)};
    const SeriesTaker taker = {on_item, on_strange, &said};
    gboolean done = uid_list_read(fd, name, &taker, head, error);
    close(fd);
    if (done)
        return g_string_free(said.said, FALSE);
    g_string_free(said.said, TRUE);
    return NULL;
}

#define HEADER                                                                                     \
    "downloadServerUrl=https://nbia.cancerimagingarchive.net/nbia-download/servlet/"               \
    "DownloadServlet\nincludeAnnotation=true\nnoOfrRetry=4\n"                                      \
    "databasketId=manifest-1.tcia\nmanifestVersion=3.0\nListOfSeriesToDownload=\n"
#define CRLF_HEADER "manifestVersion=3.0\r\nListOfSeriesToDownload=\r\n"

static void test_forms(void)
{
    static const struct {
        const char *name, *text, *said;
    } rows[] = {
        {"a.tcia", HEADER "1.2.3\n1.2.4\n", "1.2.3 1.2.4"},
        {"a.TCIA", HEADER "1.2.3\n1.2.4", "1.2.3 1.2.4"}, /* no final newline */
        {"a.tcia", HEADER "1.2.3\n\n \n", "1.2.3"},
        {"a.tcia", HEADER "1.2.3,\n1.2.4 , \n", "1.2.3 1.2.4"},
        {"a.tcia", HEADER "# a word\n1.2.3\n", "1.2.3"},
        {"a.tcia", "\xef\xbb\xbf" HEADER "1.2.3\n", "1.2.3"},
        {"a.tcia",
         "\xef\xbb\xbf"
         "1.2.3\n1.2.4\n",
         "1.2.3 1.2.4"},
        {"a.tcia", "1.2.3\n1.2.4\n", "1.2.3 1.2.4"}, /* lines without any header */
        {"a.tcia", HEADER "Series ID\n2.25.159938781348401988370074200042204937718\n",
         "2.25.159938781348401988370074200042204937718"},
        {"a.tcia", CRLF_HEADER "1.2.3\r\n1.2.4\r\n", "1.2.3 1.2.4"},
        {"a.tcia", HEADER "1.2.3\n1.2.3\n", "1.2.3 1.2.3"}, /* whoever takes them counts */
        {"a.tcia", "listofseriestodownload=\n1.2.3\n", "1.2.3"},
        {"a.tcia", HEADER "1.2.3\nhello world\n1.2.x\n1.2.4\n", "1.2.3 !8 !9 1.2.4"},
        {"a.tcia", HEADER "1.2.3; rm -rf /\n$(reboot)\n1.2.4\n", "!7 !8 1.2.4"},
        {"a.tcia", "manifestVersion=3.1\n1.2.3\n", "1.2.3"}, /* the marker is forgotten */
        {"a.tcia",
         HEADER "1234567890.1234567890.1234567890.1234567890.1234567890.123456789."
                "12345\n1.2.3\n",
         "!7 1.2.3"}, /* longer than a UID */
        {"a.s5cmd", "# s5cmd\ncp s3://idc-open-data/" UUID_A "/* .\n", "idc-open-data/28621ba9"},
        {"a.s5cmd", "cp s3://idc-open-data/" UUID_A "/*  .\ncp gs://idc-open-idc1/" UUID_B "/* .",
         "idc-open-data/28621ba9 idc-open-idc1/f0b76401"},
        {"a.s5cmd", "study_manifest_cp_command\ncp 's3://idc-open-data/" UUID_A "/*' ./x y\n",
         "!1 idc-open-data/28621ba9"},
        {"a.s5cmd", "s5cmd --no-sign-request cp --sp \"s3://idc-open-data/" UUID_A "/i.dcm\" .\r\n",
         "idc-open-data/28621ba9/i.dcm"},
        {"a.s5cmd", "s3://idc-open-data/" UUID_A "/*\n", "idc-open-data/28621ba9"},
        {"a.s5cmd",
         "rm -rf /\ncp s3://other/x/* .\ncp s3://b/" UUID_A "/../x .\n"
         "cp s3://idc-open-data/" UUID_A "/* .",
         "!1 !2 !3 idc-open-data/28621ba9"},
        {"a.csv", "SeriesInstanceUID\n1.2.3\n1.2.4\n", "1.2.3 1.2.4"},
        {"a.csv", "PatientID,Series UID\nA,1.2.3\n\"B, C\",1.2.4\r\n", "1.2.3 1.2.4"},
        {"a.csv", "\xef\xbb\xbf\"Series UID\",Collection\r\n1.2.3,\"RIDER Lung CT\"\r\n",
         "1.2.3@RIDER Lung CT"},
        {"a.tsv", "seriesinstanceuid\tCollection\n1.2.3\tA,B\n", "1.2.3@A,B"},
        {"a.csv", "Modality;SeriesInstanceUID\nCT;1.2.3\n", "1.2.3"},
        {"a.csv", "SeriesInstanceUID,x\n1.2.3,\"a\nb\"\nno,\n1.2.4,\"c\"\"d\"\n", "1.2.3 !4 1.2.4"},
        {"a.csv",
         "collection_id,SeriesInstanceUID,aws_bucket,crdc_series_uuid\n"
         "rider_pilot,1.2.3,idc-open-data," UUID_A "\n",
         "1.2.3:idc-open-data/28621ba9"},
        {"a.csv", "SeriesInstanceUID,series_aws_url\n1.2.3,s3://idc-open-data-two/" UUID_B "/*\n",
         "1.2.3:idc-open-data-two/f0b76401"},
        {"a.csv",
         "imageUrl,name\nhttp://pathdb.example.org/a.svs,b.svs\n,\nhttps://x/c.svs,\n"
         "javascript:1,\n",
         "https://pathdb.example.org/a.svs>b.svs https://x/c.svs !5"},
        {"a.csv", "wsiimage_url\nhttp://pathdb.example.org/a.svs\n",
         "https://pathdb.example.org/a.svs"},
        {"a.csv", "drs_uri,SeriesInstanceUID\ndrs://x,1.2.3\n", "1.2.3"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(UidListHead) head = {0};
        g_autofree char *said =
            read_text(rows[i].name, rows[i].text, strlen(rows[i].text), &head, &error);
        g_test_message("%s: %s", rows[i].name, rows[i].text);
        g_assert_no_error(error);
        g_assert_cmpstr(said, ==, rows[i].said);
    }
}

static void test_refused(void)
{
    static const struct {
        const char *name, *text, *word;
        int code;
    } rows[] = {
        {"a.tcia", "", "names no series", MEDMIRROR_ERROR_USAGE},
        {"a.tcia", HEADER, "names no series", MEDMIRROR_ERROR_USAGE},
        {"a.tcia", "tempLoc=/x\ndatabasketId=1-x\n", "version 1.0", MEDMIRROR_ERROR_USAGE},
        {"a.tcia", "manifestVersion=2.0\ndatabasketId=1\n", "version 2.0", MEDMIRROR_ERROR_USAGE},
        {"a.tcia", "manifestVersion=4.0\nListOfSeriesToDownload=\n1.2.3\n", "version 4.0",
         MEDMIRROR_ERROR_USAGE},
        {"a.tcia", "manifestVersion=x\n1.2.3\n", "version x", MEDMIRROR_ERROR_USAGE},
        {"a.tcia", "<html>\n<body>not found</body>\n", "names no series", MEDMIRROR_ERROR_USAGE},
        {"a.s5cmd", "rm -rf /\n", "names no series", MEDMIRROR_ERROR_USAGE},
        {"a.csv", "a,b\n1.2.3,4\n", "without any column", MEDMIRROR_ERROR_USAGE},
        {"a.csv", "", "names no series", MEDMIRROR_ERROR_USAGE},
        {"a.csv", "drs_uri\ndrs://x\n", "nih-controlled-data", MEDMIRROR_ERROR_ACCESS},
        {"a.csv", "File ID,Md5sum\nx,y\n", "nih-controlled-data", MEDMIRROR_ERROR_ACCESS},
        {"a.tsv", "file_id\tname\nx\ty\n", "nih-controlled-data", MEDMIRROR_ERROR_ACCESS},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(UidListHead) head = {0};
        g_test_message("%s: %s", rows[i].name, rows[i].text);
        g_assert_null(read_text(rows[i].name, rows[i].text, strlen(rows[i].text), &head, &error));
        g_assert_error(error, MEDMIRROR_ERROR, rows[i].code);
        g_assert_nonnull(strstr(error->message, rows[i].word));
    }
}

static void test_hosts(void)
{
    static const struct {
        const char *url, *foreign;
        gboolean is_nlst;
    } rows[] = {
        {"https://public.cancerimagingarchive.net/nbia-download/servlet/DownloadServlet", NULL,
         FALSE},
        {"https://nlst.cancerimagingarchive.net/nbia-download/", NULL, TRUE},
        {"https://services.CancerImagingArchive.net:443/x", NULL, FALSE},
        {"https://evil.example/nbia-download/", "evil.example", FALSE},
        {"https://cancerimagingarchive.net.evil.example/", "cancerimagingarchive.net.evil.example",
         FALSE},
        {"https://nbia.cancerimagingarchive.net@evil.example/", "?", FALSE},
        {"", NULL, FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(UidListHead) head = {0};
        g_autofree char *text =
            g_strdup_printf("downloadServerUrl=%s\nListOfSeriesToDownload=\n1.2\n", rows[i].url);
        g_autofree char *said = read_text("a.tcia", text, strlen(text), &head, NULL);
        g_assert_cmpstr(said, ==, "1.2");
        g_assert_cmpstr(head.foreign_host, ==, rows[i].foreign);
        g_assert_cmpint(head.is_nlst, ==, rows[i].is_nlst);
    }
}

/* A quote that nobody closes must not take in the whole file. */
static void test_bounded(void)
{
    g_autoptr(GString) text = g_string_new("SeriesInstanceUID\n\"1.2.3\n");
    while (text->len < 2 * CSV_MOST_BYTES)
        g_string_append(text, "1.2.4,x\n");
    g_autoptr(GError) error = NULL;
    g_auto(UidListHead) head = {0};
    g_assert_null(read_text("a.csv", text->str, text->len, &head, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_assert_nonnull(strstr(error->message, "line 2"));
    g_clear_error(&error);
    g_string_assign(text, "1.2.3\n");
    while (text->len < 200000)
        g_string_append(text, "1.2.4.5.6.7.8.9.");
    g_assert_null(read_text("a.tcia", text->str, text->len, &head, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
}

/* Real files from TCIA, IDC and their clients, where they are at hand. */
static void test_samples(void)
{
    static const struct {
        const char *name;
        guint64 items, strange;
    } rows[] = {
        {"v3-public-host-no-final-newline.tcia", 7, 0},
        {"v3-nbia-host-no-annotation.tcia", 10, 0},
        {"v3-nsclc-interobserver1-2020.tcia", 64, 0},
        {"v3-cmb-aml-2025.tcia", 14, 0},
        {"v3-title-line-2.25-uids.tcia", 225, 0},
        {"idc-portal-aws.s5cmd", 10, 0},
        {"idc-study-aws.s5cmd", 3, 1},
        {"idc-study-gcs.s5cmd", 3, 0},
        {"idc-prior-version.s5cmd", 5, 0},
        {"pathdb-manifest.csv", 26, 0},
        {"getseries-v3api-rows.csv", 10, 0},
        {"nbia-retriever-metadata-classic-first40.csv", 40, 0},
        {"nbia-retriever-metadata-descriptive-windows-first30.csv", 30, 0},
    };
    const char *named = g_getenv("MEDMIRROR_TCIA_SAMPLES");
    g_autofree char *folder =
        named ? g_strdup(named)
              : g_build_filename(SOURCE_DIR, "..", "shared", "data", "tcia", NULL);
    if (!g_file_test(folder, G_FILE_TEST_IS_DIR)) {
        g_test_skip("the samples of TCIA are not here: MEDMIRROR_TCIA_SAMPLES names their folder");
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = g_build_filename(folder, rows[i].name, NULL);
        g_autofree char *text = NULL;
        gsize length = 0;
        g_autoptr(GError) error = NULL;
        g_auto(UidListHead) head = {0};
        g_test_message("%s", rows[i].name);
        g_assert_true(g_file_get_contents(path, &text, &length, &error));
        g_autofree char *said = read_text(rows[i].name, text, length, &head, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(head.items, ==, rows[i].items);
        g_assert_cmpuint(head.strange, ==, rows[i].strange);
        g_assert_null(head.foreign_host);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/uid-list/forms", test_forms);
    g_test_add_func("/uid-list/refused", test_refused);
    g_test_add_func("/uid-list/hosts", test_hosts);
    g_test_add_func("/uid-list/bounded", test_bounded);
    g_test_add_func("/uid-list/samples", test_samples);
    return g_test_run();
}

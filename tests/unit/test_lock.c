/* The lock: written, read back, read by the million, and what is said of a damaged one. */
#include "error.h"
#include "lock.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX_A "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define HEX_B "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define MD5_A "900150983cd24fb0d6963f7d28e17f72"

#define HEADER "{\"lock\":1,\"min_reader\":1,\"folder\":\"uci/45\",\"version\":\"2026-11-23\"}\n"
#define FILE_A "{\"file\":\"a\",\"state\":\"have\",\"size\":3,\"sha256\":\"" HEX_A "\"}\n"
#define FILE_B "{\"file\":\"b\",\"state\":\"have\",\"size\":0,\"sha256\":\"" HEX_B "\"}\n"
#define DOWNLOAD_A "{\"download\":\"a\",\"state\":\"have\",\"role\":\"data\",\"size\":3}\n"

typedef struct {
    char *folder;
    char *path;
    int fd; /* of the folder */
} Place;

static void set_up(Place *place, gconstpointer data)
{
    place->folder = g_dir_make_tmp("lock-XXXXXX", NULL);
    place->path = g_build_filename(place->folder, "x.lock.jsonl", NULL);
    place->fd = open(place->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(place->fd, >=, 0);
}

static void tear_down(Place *place, gconstpointer data)
{
    g_unlink(place->path);
    g_assert_cmpint(g_rmdir(place->folder), ==, 0);
    close(place->fd);
    g_free(place->folder);
    g_free(place->path);
}

static Digest digest_of_hex(DigestAlgorithm algorithm, const char *hex)
{
    Digest digest;
    g_assert_true(digest_parse_hex(algorithm, hex, &digest));
    return digest;
}

static void add_hex(DigestSet *set, DigestAlgorithm algorithm, const char *hex)
{
    const Digest digest = digest_of_hex(algorithm, hex);
    digest_set_add(set, &digest);
}

static LockHeader *some_header(void)
{
    static const char *const includes[] = {"a*", "\"q\"", NULL};
    LockHeader *header = lock_header_new();
    header->ref = g_strdup("uci/45");
    header->id = g_strdup("heart-disease");
    header->folder = g_strdup("uci/45");
    header->version = g_strdup("2026-11-23");
    header->version_from = g_strdup("first pull");
    header->source_state = g_strdup(HEX_B);
    header->state_token = g_strdup("{\"n\":1}");
    header->state_is_weak = TRUE;
    selection_free(header->selection);
    header->selection = selection_new(includes, NULL, NULL);
    header->listed_downloads = 4;
    header->listed_bytes = 12345678901234;
    header->held_files = 3;
    header->held_bytes = 6;
    header->skipped = 1;
    header->trust_count[TRUST_DECLARED] = 2;
    header->trust_count[TRUST_FIRST_USE] = 1;
    header->fingerprint = g_strdup("mm1:" HEX_A);
    header->access = g_strdup("open");
    header->title = g_strdup("Heart\tDisease \"心脏\" \\ \x01");
    header->citation = g_strdup("10.24432/C52P4X");
    header->created = g_strdup("2026-11-23T14:02:11Z");
    header->tool = g_strdup("medmirror/0.1.0");
    header->in_place = g_strdup("/data/shared/uci 45");
    return header;
}

static const char wanted_text[] =
    "{\"lock\":1,\"min_reader\":1,\"ref\":\"uci/45\",\"id\":\"heart-disease\",\"folder\":\"uci/"
    "45\","
    "\"version\":\"2026-11-23\",\"version_from\":\"first pull\",\"fingerprint\":\"mm1:" HEX_A "\","
    "\"source_state\":\"" HEX_B "\",\"state_token\":\"{\\\"n\\\":1}\",\"state_is_weak\":true,"
    "\"selection\":[{\"include\":[\"\\\"q\\\"\",\"a*\"]}],"
    "\"listed\":{\"downloads\":4,\"bytes\":12345678901234},\"held\":{\"files\":3,\"bytes\":6},"
    "\"skipped\":1,\"absent\":0,\"failed\":0,"
    "\"trust\":{\"locked\":0,\"declared\":2,\"hint\":0,\"first use\":1},\"access\":\"open\","
    "\"title\":\"Heart\\tDisease \\\"心脏\\\" \\\\ \\u0001\",\"citation\":\"10.24432/C52P4X\","
    "\"created\":\"2026-11-23T14:02:11Z\",\"tool\":\"medmirror/0.1.0\","
    "\"in_place\":\"/data/shared/uci 45\"}\n"
    "{\"download\":\"x.zip\",\"state\":\"have\",\"role\":\"archive\",\"size\":99,"
    "\"trust\":\"declared\",\"declared\":{\"md5\":\"" MD5_A "\"},"
    "\"seen\":{\"sha256\":\"" HEX_A "\",\"md5\":\"" MD5_A "\"},"
    "\"addresses\":[\"http://127.0.0.1/x.zip\",\"http://127.0.0.1/y?a=\\\"b\\\"\"],"
    "\"unpack\":{\"format\":\"zip\",\"strip\":1},"
    "\"facts\":{\"Modality\":\"CT\",\"StudyDesc\":\"\\\"Köpfe\\\"\"}}\n"
    "{\"download\":\"y\",\"state\":\"skipped\",\"role\":\"data\"}\n"
    "{\"file\":\"a \\\"b\\\"\",\"state\":\"have\",\"size\":3,\"sha256\":\"" HEX_A "\","
    "\"md5\":\"" MD5_A "\",\"trust\":\"declared\",\"archive\":\"x.zip\",\"member\":\"A\\\\B\"}\n"
    "{\"file\":\"a-b/x\",\"state\":\"have\",\"size\":0,\"sha256\":\"" HEX_B "\","
    "\"trust\":\"first use\",\"archive\":\"x.zip\"}\n"
    "{\"file\":\"a/z\",\"state\":\"have\",\"link\":\"../a-b/x\"}\n"
    "{\"file\":\"y\",\"state\":\"skipped\"}\n"
    "{\"end\":{\"downloads\":2,\"files\":4}}\n";

static void write_downloads(LockWriter *writer)
{
    g_autoptr(GError) error = NULL;
    g_auto(LockDownload) zip = {.path = g_strdup("x.zip"), .size = 99, .role = FILE_ROLE_ARCHIVE};
    zip.trust = TRUST_DECLARED;
    zip.unpack = unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE);
    zip.unpack->strip = 1;
    zip.facts = json_pack("{s:s, s:s}", "StudyDesc", "\"Köpfe\"", "Modality", "CT");
    zip.addresses = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(zip.addresses, g_strdup("http://127.0.0.1/x.zip"));
    g_ptr_array_add(zip.addresses, g_strdup("http://127.0.0.1/y?a=\"b\""));
    add_hex(&zip.declared, DIGEST_MD5, MD5_A);
    add_hex(&zip.seen, DIGEST_MD5, MD5_A);
    add_hex(&zip.seen, DIGEST_SHA256, HEX_A);
    g_assert_true(lock_writer_download(writer, &zip, &error));
    g_auto(LockDownload) skipped = {.path = g_strdup("y"), .size = SIZE_UNKNOWN};
    skipped.state = LOCK_STATE_SKIPPED;
    g_assert_true(lock_writer_download(writer, &skipped, &error));
    g_assert_no_error(error);
}

static void write_files(LockWriter *writer)
{
    g_autoptr(GError) error = NULL;
    LockFile first = {.path = (char *)"a \"b\"", .size = 3, .trust = TRUST_DECLARED};
    first.archive = (char *)"x.zip";
    first.member = (char *)"A\\B";
    add_hex(&first.digests, DIGEST_SHA256, HEX_A);
    add_hex(&first.digests, DIGEST_MD5, MD5_A);
    LockFile second = {.path = (char *)"a-b/x", .trust = TRUST_FIRST_USE};
    second.archive = (char *)"x.zip";
    add_hex(&second.digests, DIGEST_SHA256, HEX_B);
    LockFile link = {
        .path = (char *)"a/z", .size = SIZE_UNKNOWN, .link_target = (char *)"../a-b/x"};
    LockFile left = {.path = (char *)"y", .size = SIZE_UNKNOWN, .state = LOCK_STATE_SKIPPED};
    g_assert_true(lock_writer_file(writer, &first, &error));
    g_assert_true(lock_writer_file(writer, &second, &error));
    g_assert_true(lock_writer_file(writer, &link, &error));
    g_assert_true(lock_writer_file(writer, &left, &error));
    g_assert_no_error(error);
}

static void write_some_lock(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LockHeader) header = some_header();
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    g_assert_cmpint(fd, >=, 0);
    g_autoptr(LockWriter) writer = lock_writer_new(fd);
    g_assert_true(lock_writer_header(writer, header, &error));
    write_downloads(writer);
    write_files(writer);
    g_assert_true(lock_writer_finish(writer, &error));
    g_assert_no_error(error);
    close(fd);
}

static void test_written(Place *place, gconstpointer data)
{
    g_autofree char *text = NULL;
    write_some_lock(place->path);
    g_assert_true(g_file_get_contents(place->path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, wanted_text);
}

/* What is read and written again is the same text: nothing is lost on the way. */
static void test_round_trip(Place *place, gconstpointer data)
{
    g_autofree char *again = g_build_filename(place->folder, "again", NULL);
    g_autoptr(GError) error = NULL;
    g_auto(LockDownload) download = {0};
    g_auto(LockFile) file = {0};
    write_some_lock(place->path);
    g_autoptr(LockReader) reader = lock_reader_open(place->fd, "x.lock.jsonl", &error);
    g_assert_no_error(error);
    int fd = open(again, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    g_autoptr(LockWriter) writer = lock_writer_new(fd);
    g_autoptr(LockHeader) header = lock_header_copy(lock_reader_header(reader));
    g_assert_false(lock_header_is_whole(header));
    g_assert_true(lock_writer_header(writer, header, NULL));
    guint downloads = 0, files = 0;
    for (;;) {
        LockLine line = lock_reader_next(reader, &download, &file, &error);
        g_assert_no_error(error);
        if (line == LOCK_LINE_END)
            break;
        if (line == LOCK_LINE_DOWNLOAD) {
            g_assert_true(lock_writer_download(writer, &download, NULL));
            downloads++;
        } else {
            g_assert_true(lock_writer_file(writer, &file, NULL));
            files++;
        }
    }
    g_assert_cmpuint(downloads, ==, 2);
    g_assert_cmpuint(files, ==, 4);
    g_assert_true(lock_writer_finish(writer, NULL));
    close(fd);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(again, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, wanted_text);
    g_unlink(again);
}

static void test_header_facts(Place *place, gconstpointer data)
{
    g_autoptr(LockHeader) header = lock_header_new();
    g_assert_cmpuint(header->listed_bytes, ==, SIZE_UNKNOWN);
    g_assert_true(selection_is_all(header->selection));
    g_assert_true(lock_header_is_whole(header));
    header->absent = 1;
    g_assert_false(lock_header_is_whole(header));
    g_assert_null(lock_header_copy(NULL));
    for (guint i = LOCK_STATE_HAVE; i <= LOCK_STATE_FAILED; i++) {
        LockState state;
        g_assert_true(lock_state_parse(lock_state_name((LockState)i), &state));
        g_assert_cmpint(state, ==, i);
    }
}

/* Reads to the end; the kinds of lines as letters: d, f, '.' the end, '!' an error (*ERROR). */
static char *read_all(const Place *place, const char *text, gsize length, GError **error)
{
    g_autoptr(GString) kinds = g_string_new(NULL);
    g_auto(LockDownload) download = {0};
    g_auto(LockFile) file = {0};
    g_assert_true(g_file_set_contents(place->path, text, (gssize)length, NULL));
    g_autoptr(LockReader) reader = lock_reader_open(AT_FDCWD, place->path, error);
    if (!reader)
        return g_strdup("!");
    for (;;) {
        switch (lock_reader_next(reader, &download, &file, error)) {
        case LOCK_LINE_DOWNLOAD:
            g_string_append_c(kinds, 'd');
            g_assert_null(file.path);
            continue;
        case LOCK_LINE_FILE:
            g_string_append_c(kinds, 'f');
            g_assert_null(download.path);
            continue;
        case LOCK_LINE_END:
            g_string_append_c(kinds, '.');
            g_assert_cmpint(lock_reader_next(reader, &download, &file, NULL), ==, LOCK_LINE_END);
            return g_strdup(kinds->str);
        case LOCK_LINE_ERROR:
            g_string_append_c(kinds, '!');
            return g_strdup(kinds->str);
        }
    }
}

static void test_tolerance(Place *place, gconstpointer data)
{
    static const char *const texts[] = {
        HEADER DOWNLOAD_A FILE_A FILE_B "{\"end\":{\"downloads\":1,\"files\":2}}\n",
        /* no LF at the end; blanks; another order of keys; unknown keys; escapes */
        HEADER "{\"size\":3,\"download\":\"\\u0061\",\"newer\":[1]}\n"
               "{ \"sha256\": \"" HEX_A "\", \"file\": \"a\", \"newer\": {} }\n" FILE_B
               "{\"end\":{\"downloads\":1,\"files\":2,\"newer\":1}}",
        /* a kind of line that this reader does not know */
        HEADER DOWNLOAD_A "{\"newer\":{\"file\":1}}\n" FILE_A FILE_B
                          "{\"end\":{\"downloads\":1,\"files\":2}}\n",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *kinds = read_all(place, texts[i], strlen(texts[i]), &error);
        g_assert_no_error(error);
        g_assert_cmpstr(kinds, ==, "dff.");
    }
}

static void test_damage(Place *place, gconstpointer data)
{
    static const struct {
        const char *text, *kinds;
        guint line;
        const char *word;
    } rows[] = {
        {"", "!", 1, "empty"},
        {"\n", "!", 1, "JSON"},
        {"[]\n", "!", 1, "object"},
        {"{}\n", "!", 1, "header"},
        {FILE_A, "!", 1, "header"},
        {"{\"lock\":1}\n", "!", 1, "folder"},
        {"{\"lock\":1,\"folder\":1,\"version\":\"1\"}\n", "!", 1, "\"folder\""},
        {"{\"lock\":1,\"folder\":\"a\",\"version\":\"1\",\"skipped\":-1}\n", "!", 1, "skipped"},
        {"{\"lock\":1,\"folder\":\"a\",\"version\":\"1\",\"selection\":5}\n", "!", 1, "selection"},
        {HEADER, "!", 2, "too early"},
        {HEADER FILE_A, "f!", 3, "too early"},
        {HEADER FILE_A "{\"end\":{\"downloads\":0,\"files\":2}}\n", "f!", 3, "missing"},
        {HEADER FILE_B FILE_A, "f!", 3, "order"},
        {HEADER FILE_A FILE_A, "f!", 3, "order"},
        {HEADER FILE_A DOWNLOAD_A, "f!", 3, "behind the files"},
        {HEADER HEADER, "!", 2, "header"},
        {HEADER "{\"file\":\"a\",\"state\":\"have\",\"size\":3", "!", 2, "JSON"},
        {HEADER "{\"file\":\"a\",\"state\":\"have\",\"size\":3}\n", "!", 2, "SHA-256"},
        {HEADER "{\"file\":\"../a\",\"sha256\":\"" HEX_A "\"}\n", "!", 2, "unsafe"},
        {HEADER "{\"file\":\"../a\",\"state\":\"skipped\"}\n", "!", 2, "unsafe"},
        {HEADER "{\"download\":\"/a\",\"state\":\"have\",\"role\":\"data\"}\n", "!", 2, "unsafe"},
        {HEADER "{\"file\":null}\n", "!", 2, "path"},
        {HEADER "{\"file\":5}\n", "!", 2, "\"file\""},
        {HEADER "{\"file\":\"a\",\"file\":\"b\"}\n", "!", 2, "JSON"},
        {HEADER "{\"file\":\"a\xff\",\"state\":\"skipped\"}\n", "!", 2, "JSON"},
        {HEADER "{\"file\":\"a\",\"state\":\"lost\"}\n", "!", 2, "\"state\""},
        {HEADER "{\"file\":\"a\",\"state\":\"have\",\"size\":01}\n", "!", 2, "JSON"},
        {HEADER "{\"file\":\"a\",\"state\":\"have\",\"size\":1.5}\n", "!", 2, "\"size\""},
        {HEADER "{\"file\":\"a\",\"sha256\":\"" MD5_A "\"}\n", "!", 2, "\"sha256\""},
        {HEADER "{\"file\":\"a\",\"trust\":\"faith\"}\n", "!", 2, "\"trust\""},
        {HEADER "{\"download\":\"a\",\"role\":\"toy\"}\n", "!", 2, "\"role\""},
        {HEADER "{\"download\":\"a\",\"addresses\":[1]}\n", "!", 2, "\"addresses\""},
        {HEADER "{\"download\":\"a\",\"unpack\":{\"format\":\"zib\"}}\n", "!", 2, "zip"},
        {HEADER "{\"download\":\"a\",\"state\":\"have\",\"role\":\"data\",\"addresses\":[\"x\"}\n",
         "!", 2, "JSON"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *kinds = read_all(place, rows[i].text, strlen(rows[i].text), &error);
        g_assert_cmpstr(kinds, ==, rows[i].kinds);
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
        g_autofree char *where =
            g_strdup_printf("%s is damaged at line %u: ", place->path, rows[i].line);
        if (!strstr(error->message, where) || !strstr(error->message, rows[i].word))
            g_error("row %" G_GSIZE_FORMAT ": %s", i, error->message);
    }
    static const char nul[] = HEADER "{\"file\":\"a\0\",\"state\":\"skipped\"}\n";
    g_autoptr(GError) error = NULL;
    g_autofree char *kinds = read_all(place, nul, sizeof nul - 1, &error);
    g_assert_cmpstr(kinds, ==, "!");
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
}

static void test_open_errors(Place *place, gconstpointer data)
{
    g_autoptr(GError) absent = NULL;
    g_assert_null(lock_reader_open(place->fd, "none.lock.jsonl", &absent));
    g_assert_error(absent, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
    g_autoptr(GError) folder = NULL;
    g_assert_null(lock_reader_open(AT_FDCWD, place->folder, &folder));
    g_assert_error(folder, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
    g_assert_cmpint(mkfifo(place->path, 0600), ==, 0);
    g_autoptr(GError) fifo = NULL;
    g_assert_null(lock_reader_open(AT_FDCWD, place->path, &fifo));
    g_assert_error(fifo, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
    g_unlink(place->path);
    g_autoptr(GError) newer = NULL;
    g_autofree char *kinds = read_all(place, "{\"lock\":9,\"min_reader\":9}\n",
                                      strlen("{\"lock\":9,\"min_reader\":9}\n"), &newer);
    g_assert_cmpstr(kinds, ==, "!");
    g_assert_error(newer, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
}

static void test_misuse(Place *place, gconstpointer data)
{
    int fd = open(place->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    g_autoptr(LockWriter) writer = lock_writer_new(fd);
    g_autoptr(LockHeader) header = some_header();
    LockFile file = {.path = (char *)"b", .state = LOCK_STATE_SKIPPED};
    LockFile earlier = {.path = (char *)"a", .state = LOCK_STATE_SKIPPED};
    LockFile unsafe = {.path = (char *)"c/../d", .state = LOCK_STATE_SKIPPED};
    LockFile unproven = {.path = (char *)"d", .state = LOCK_STATE_HAVE};
    LockDownload download = {.path = (char *)"a"};
    g_autoptr(GError) error = NULL;
    g_assert_false(lock_writer_file(writer, &file, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED);
    g_assert_false(lock_writer_download(writer, &download, NULL));
    g_assert_true(lock_writer_header(writer, header, NULL));
    g_assert_false(lock_writer_header(writer, header, NULL));
    g_assert_true(lock_writer_file(writer, &file, NULL));
    g_assert_false(lock_writer_file(writer, &file, NULL));
    g_assert_false(lock_writer_file(writer, &earlier, NULL));
    g_assert_false(lock_writer_file(writer, &unsafe, NULL));
    g_assert_false(lock_writer_file(writer, &unproven, NULL));
    g_assert_false(lock_writer_download(writer, &download, NULL));
    close(fd);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    g_autoptr(LockWriter) none = lock_writer_new(full);
    g_autoptr(GError) storage = NULL;
    g_assert_true(lock_writer_header(none, header, NULL));
    g_assert_false(lock_writer_finish(none, &storage));
    g_assert_error(storage, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE);
    close(full);
}

#ifdef MEDMIRROR_SANITIZED
#define MANY 100000
#else
#define MANY 1000000
#endif

static void write_many(const char *path)
{
    g_autoptr(LockHeader) header = some_header();
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    g_autoptr(LockWriter) writer = lock_writer_new(fd);
    g_assert_true(lock_writer_header(writer, header, NULL));
    for (guint i = 0; i < MANY; i++) {
        g_autofree char *name =
            g_strdup_printf("Collection/Patient-%07u/1.3.6.1.4.1.14519.5.2.1/%07u.dcm", i / 100, i);
        LockFile file = {.path = name, .size = i, .trust = TRUST_DECLARED};
        add_hex(&file.digests, DIGEST_SHA256, HEX_A);
        file.archive = (char *)(i % 1000 ? "x.zip" : "needs \\ escapes.zip");
        g_assert_true(lock_writer_file(writer, &file, NULL));
    }
    g_assert_true(lock_writer_finish(writer, NULL));
    close(fd);
}

static glong peak_kib(void)
{
    struct rusage usage;
    g_assert_cmpint(getrusage(RUSAGE_SELF, &usage), ==, 0);
    return usage.ru_maxrss;
}

static void test_many_lines(Place *place, gconstpointer data)
{
    glong before = peak_kib();
    g_auto(LockDownload) download = {0};
    g_auto(LockFile) file = {0};
    g_autoptr(GError) error = NULL;
    write_many(place->path);
    g_autoptr(LockReader) reader = lock_reader_open(AT_FDCWD, place->path, &error);
    g_assert_no_error(error);
    guint64 count = 0;
    while (lock_reader_next(reader, &download, &file, &error) == LOCK_LINE_FILE) {
        g_assert_cmpuint(file.size, ==, count);
        count++;
    }
    g_assert_no_error(error);
    g_assert_cmpuint(count, ==, MANY);
#ifndef MEDMIRROR_SANITIZED
    g_assert_cmpint(peak_kib() - before, <, 4096);
#else
    g_assert_cmpint(peak_kib(), >=, before);
#endif
}

#define ADD(name, func) g_test_add("/lock/" name, Place, NULL, set_up, func, tear_down)

/* A selection of 5,000 series: a short header, and the list behind it. */
static void test_long_selection(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LockHeader) header = some_header();
    g_autoptr(GPtrArray) terms = g_ptr_array_new_with_free_func((GDestroyNotify)where_term_unref);
    WhereTerm *term = where_term_new("SeriesInstanceUID", WHERE_IS);
    g_ptr_array_add(terms, term);
    for (guint i = 0; i < 5000; i++) {
        g_autofree char *uid = g_strdup_printf("1.2.840.%u", i);
        where_term_add(term, uid);
    }
    Selection *narrow = selection_narrow(header->selection, terms);
    selection_free(header->selection);
    header->selection = narrow;
    int fd = open(place->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    g_autoptr(LockWriter) writer = lock_writer_new(fd);
    g_assert_true(lock_writer_header(writer, header, &error));
    write_downloads(writer);
    write_files(writer);
    g_assert_true(lock_writer_finish(writer, &error));
    close(fd);
    g_autofree char *text = NULL;
    gsize length = 0;
    g_assert_true(g_file_get_contents(place->path, &text, &length, NULL));
    g_assert_true(g_str_has_prefix(text, "{\"lock\":2,\"min_reader\":2,"));
    g_assert_cmpuint(strcspn(text, "\n"), <, 1500);
    g_autoptr(LockReader) reader = lock_reader_open(place->fd, "x.lock.jsonl", &error);
    g_assert_no_error(error);
    g_assert_true(selection_equal(lock_reader_header(reader)->selection, header->selection));
    g_auto(LockDownload) download = {0};
    g_auto(LockFile) file = {0};
    guint lines = 0;
    while (lock_reader_next(reader, &download, &file, &error) != LOCK_LINE_END) {
        g_assert_no_error(error);
        lines++;
    }
    g_assert_cmpuint(lines, ==, 6);
    /* A line of the list is missing. */
    char *second = strchr(text, '\n') + 1, *third = strchr(second, '\n') + 1;
    memmove(second, third, strlen(third) + 1);
    g_assert_true(g_file_set_contents(place->path, text, -1, NULL));
    g_assert_null(lock_reader_open(place->fd, "x.lock.jsonl", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("written", test_written);
    ADD("round-trip", test_round_trip);
    ADD("header-facts", test_header_facts);
    ADD("tolerance", test_tolerance);
    ADD("damage", test_damage);
    ADD("open-errors", test_open_errors);
    ADD("misuse", test_misuse);
    ADD("many-lines", test_many_lines);
    ADD("long-selection", test_long_selection);
    return g_test_run();
}

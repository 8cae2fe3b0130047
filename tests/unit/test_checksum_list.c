/* Lists of digests: every form that publishers use, and the very lines that sha256sum writes. */
#include "checksum_list.h"
#include "error.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MD5 "900150983cd24fb0d6963f7d28e17f72"
#define SHA1 "a9993e364706816aba3e25717850c26c9cd0d89d"
#define SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static int file_of(const char *bytes, gsize length)
{
    int fd = memfd_create("list", MFD_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, bytes, length), ==, (gssize)length);
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    return fd;
}

static void test_forms(void)
{
    static const struct {
        const char *line, *path;
        DigestAlgorithm algorithm;
    } rows[] = {
        {SHA256 "  a/b.dat\n", "a/b.dat", DIGEST_SHA256},
        {SHA256 " *a/b.dat\n", "a/b.dat", DIGEST_SHA256},
        {SHA256 " a/b.dat\n", "a/b.dat", DIGEST_SHA256},
        {SHA256 "\ta\n", "a", DIGEST_SHA256},
        {SHA256 "  a\r\n", "a", DIGEST_SHA256},
        {SHA256 "  a", "a", DIGEST_SHA256},
        {"\xEF\xBB\xBF" SHA256 "  a\n", "a", DIGEST_SHA256},
        {"# comment\n\n \n" SHA256 "  ./a b\n", "a b", DIGEST_SHA256},
        {"  " MD5 "  a\n", "a", DIGEST_MD5},
        {SHA1 "  a\n", "a", DIGEST_SHA1},
        {SHA256 "   lead\n", " lead", DIGEST_SHA256},
        {SHA256 "  *star\n", "*star", DIGEST_SHA256},
        {SHA256 "  a(b) = c\n", "a(b) = c", DIGEST_SHA256},
        {"\\" SHA256 "  a\\\\b\\nc\\rd\n", "a\\b\nc\rd", DIGEST_SHA256},
        {SHA256 "  a\\nb\n", "a\\nb", DIGEST_SHA256}, /* not escaped: no backslash in front */
        {"SHA256 (a b) = " SHA256 "\n", "a b", DIGEST_SHA256},
        {"MD5 (a(1).dcm) = " MD5 "\n", "a(1).dcm", DIGEST_MD5},
        {"SHA2-256(x=y)= " SHA256 "\n", "x=y", DIGEST_SHA256},
        {"\\SHA256 (a\\\\b) = " SHA256 "\n", "a\\b", DIGEST_SHA256},
        {"CRC32C (a) = e3069283\n", "a", DIGEST_CRC32C},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        int fd = file_of(rows[i].line, strlen(rows[i].line));
        g_autoptr(ChecksumListReader) reader = checksum_list_reader_new(fd, "SHA256SUMS");
        g_auto(ChecksumLine) line = {0};
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(checksum_list_reader_next(reader, &line, &error), ==, 1);
        g_assert_no_error(error);
        g_assert_cmpstr(line.path, ==, rows[i].path);
        g_assert_cmpint(line.digest.algorithm, ==, rows[i].algorithm);
        g_assert_cmpint(checksum_list_reader_next(reader, &line, &error), ==, 0);
        g_assert_null(line.path);
        close(fd);
    }
}

static void test_damage(void)
{
    static const char text[] = SHA256 "  first\n"
                                      "nonsense\n" SHA256 "x  a\n" SHA256 "\n" SHA256 "  \n"
                                      "\\" SHA256 "  a\\tb\n" SHA256 "  ./\n"
                                      "SHA256 () = " SHA256 "\n"
                                      "SHA256 (a) = " MD5 "\n" SHA256 "  a\0b\n" SHA256 "  last\n";
    int fd = file_of(text, sizeof text - 1);
    g_autoptr(ChecksumListReader) reader = checksum_list_reader_new(fd, "dir/MD5SUMS");
    g_auto(ChecksumLine) line = {0};
    g_assert_cmpint(checksum_list_reader_next(reader, &line, NULL), ==, 1);
    for (guint number = 2; number <= 10; number++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *head = g_strdup_printf("Line %u of dir/MD5SUMS cannot be used: ", number);
        g_assert_cmpint(checksum_list_reader_next(reader, &line, &error), ==, -1);
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
        g_assert_true(g_str_has_prefix(error->message, head));
    }
    g_assert_cmpint(checksum_list_reader_next(reader, &line, NULL), ==, 1);
    g_assert_cmpstr(line.path, ==, "last");
    g_assert_cmpint(checksum_list_reader_next(reader, &line, NULL), ==, 0);
    close(fd);
}

/* A list without a line feed for ever is refused in bounded memory, and what follows is read. */
static void test_endless_line(void)
{
    g_autofree char *long_line = g_strnfill(10000000, 'a');
    g_autofree char *text = g_strconcat(long_line, "\n" SHA256 "  a\n", long_line, NULL);
    int fd = file_of(text, strlen(text));
    g_autoptr(ChecksumListReader) reader = checksum_list_reader_new(fd, "x");
    g_auto(ChecksumLine) line = {0};
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(checksum_list_reader_next(reader, &line, &error), ==, -1);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
    g_assert_cmpint(checksum_list_reader_next(reader, &line, NULL), ==, 1);
    g_assert_cmpstr(line.path, ==, "a");
    g_assert_cmpint(checksum_list_reader_next(reader, &line, NULL), ==, -1);
    g_assert_cmpint(checksum_list_reader_next(reader, &line, NULL), ==, 0);
    close(fd);
}

static void test_bare_digest(void)
{
    int fd = file_of(MD5 "\n", strlen(MD5) + 1);
    g_autoptr(ChecksumListReader) reader = checksum_list_reader_new(fd, "dir/x.zip.md5");
    g_auto(ChecksumLine) line = {0};
    g_assert_cmpint(checksum_list_reader_next(reader, &line, NULL), ==, 1);
    g_assert_cmpstr(line.path, ==, "x.zip");
    close(fd);
}

static void test_unreadable(void)
{
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(ChecksumListReader) reader = checksum_list_reader_new(fd, "list");
    g_auto(ChecksumLine) line = {0};
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(checksum_list_reader_next(reader, &line, &error), ==, -1);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE);
    close(fd);
}

static void test_names(void)
{
    static const char *const lists[] = {"SHA256SUMS", "SHA256SUMS.txt",     "sha256sums.txt",
                                        "MD5SUMS",    "md5sum.txt",         "CHECKSUMS.md5",
                                        "x.sha256",   "x.tar.gz.MD5",       "x.sha512sum",
                                        "checksums",  "manifest-sha256.txt"};
    static const char *const others[] = {"",         "x.csv",          "md5",   "sums", ".md5",
                                         "x.crc32c", "README.md5.txt", "sha256"};
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        g_assert_true(checksum_list_is_name(lists[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        g_assert_false(checksum_list_is_name(others[i]));
}

/* In byte order. */
static const char *const odd_names[] = {
    "\n",        " lead",     "#hash",       "(a) = b",  "*star",    "-c",
    "\\n",       "a b",       "back\\slash", "both\\\n", "cr\rname", "cr\r",
    "new\nline", "tab\tname", "trail ",      "\xc3\xa9", "影像",     "\xff raw",
};

static char *run_in(const char *folder, const char *const *argv)
{
    g_autofree char *output = NULL;
    g_autofree char *complaint = NULL;
    g_autoptr(GError) error = NULL;
    int status = 0;
    g_assert_true(g_spawn_sync(folder, (char **)(gpointer)argv, NULL, G_SPAWN_SEARCH_PATH, NULL,
                               NULL, &output, &complaint, &status, &error));
    if (status != 0)
        g_error("%s ended with %d: %s", argv[0], status, complaint);
    return g_steal_pointer(&output);
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static Digest digest_of(const char *text)
{
    g_autoptr(DigestStream) stream = digest_stream_new(1u << DIGEST_SHA256, 0);
    DigestSet set;
    digest_stream_update(stream, text, strlen(text));
    digest_stream_finish(stream, &set);
    return *digest_set_get(&set, DIGEST_SHA256);
}

/* Each file holds its own name. */
static GPtrArray *make_odd_files(const char *folder)
{
    GPtrArray *names = g_ptr_array_new();
    for (gsize i = 0; i < G_N_ELEMENTS(odd_names); i++) {
        g_autofree char *path = g_build_filename(folder, odd_names[i], NULL);
        g_assert_true(g_file_set_contents(path, odd_names[i], -1, NULL));
        g_ptr_array_add(names, (gpointer)odd_names[i]);
    }
    g_ptr_array_sort(names, compare_texts);
    return names;
}

static char *write_list(const char *path, const GPtrArray *names)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *fingerprint = NULL;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    g_assert_cmpint(fd, >=, 0);
    g_autoptr(ChecksumListWriter) writer = checksum_list_writer_new(fd);
    for (guint i = 0; i < names->len; i++) {
        const Digest digest = digest_of(g_ptr_array_index(names, i));
        g_assert_true(
            checksum_list_writer_add(writer, g_ptr_array_index(names, i), &digest, &error));
    }
    g_assert_true(checksum_list_writer_finish(writer, &fingerprint, &error));
    g_assert_no_error(error);
    close(fd);
    return g_steal_pointer(&fingerprint);
}

static void check_reads_all(const char *text, const GPtrArray *names, gsize digest_bytes)
{
    int fd = file_of(text, strlen(text));
    g_autoptr(ChecksumListReader) reader = checksum_list_reader_new(fd, "list");
    g_auto(ChecksumLine) line = {0};
    for (guint i = 0; i < names->len; i++) {
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(checksum_list_reader_next(reader, &line, &error), ==, 1);
        g_assert_no_error(error);
        g_assert_cmpstr(line.path, ==, g_ptr_array_index(names, i));
        g_assert_cmpuint(digest_length(line.digest.algorithm), ==, digest_bytes);
    }
    g_assert_cmpint(checksum_list_reader_next(reader, &line, NULL), ==, 0);
    close(fd);
}

/* Coreutils and we: the same bytes written, each other's lists read. */
static void test_against_coreutils(void)
{
    g_autofree char *base = g_dir_make_tmp("checksum-list-XXXXXX", NULL);
    g_autofree char *folder = g_build_filename(base, "tree", NULL);
    g_autofree char *list = g_build_filename(base, "list.sha256", NULL);
    g_assert_cmpint(g_mkdir(folder, 0755), ==, 0);
    g_autoptr(GPtrArray) names = make_odd_files(folder);
    g_autofree char *fingerprint = write_list(list, names);

    const char *const check[] = {"sha256sum", "--check", "--strict", "--quiet", list, NULL};
    g_autofree char *complaints = run_in(folder, check);
    g_assert_cmpstr(complaints, ==, "");

    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, (gpointer) "sha256sum");
    g_ptr_array_add(argv, (gpointer) "--");
    g_ptr_array_extend(argv, names, NULL, NULL);
    g_ptr_array_add(argv, NULL);
    g_autofree char *theirs = run_in(folder, (const char *const *)argv->pdata);
    g_autofree char *ours = NULL;
    g_assert_true(g_file_get_contents(list, &ours, NULL, NULL));
    g_assert_cmpstr(ours, ==, theirs);
    check_reads_all(theirs, names, 32);

    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, ours, -1);
    g_autofree char *wanted = g_strconcat("mm1:", sum, NULL);
    g_assert_cmpstr(fingerprint, ==, wanted);

    g_ptr_array_index(argv, 0) = (gpointer) "md5sum";
    g_autofree char *md5 = run_in(folder, (const char *const *)argv->pdata);
    check_reads_all(md5, names, 16);
    g_ptr_array_index(argv, 0) = (gpointer) "sha512sum";
    g_ptr_array_index(argv, 1) = (gpointer) "--tag";
    g_ptr_array_insert(argv, 2, (gpointer) "--");
    g_autofree char *tagged = run_in(folder, (const char *const *)argv->pdata);
    check_reads_all(tagged, names, 64);

    const char *const clean[] = {"rm", "-r", "--", base, NULL};
    g_free(run_in(NULL, clean));
}

static void test_order(void)
{
    int fd = file_of("", 0);
    const Digest digest = digest_of("x");
    g_autoptr(GError) error = NULL;
    g_autoptr(ChecksumListWriter) writer = checksum_list_writer_new(fd);
    g_assert_true(checksum_list_writer_add(writer, "a-b/x", &digest, NULL));
    g_assert_true(checksum_list_writer_add(writer, "a/z", &digest, NULL));
    g_assert_false(checksum_list_writer_add(writer, "a/z", &digest, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED);
    g_assert_false(checksum_list_writer_add(writer, "a/y", &digest, NULL));
    close(fd);
}

static void test_full_disk(void)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    const Digest digest = digest_of("x");
    g_autofree char *fingerprint = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(ChecksumListWriter) writer = checksum_list_writer_new(fd);
    g_assert_true(checksum_list_writer_add(writer, "a", &digest, NULL));
    g_assert_false(checksum_list_writer_finish(writer, &fingerprint, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE);
    g_assert_null(fingerprint);
    close(fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/checksum-list/forms", test_forms);
    g_test_add_func("/checksum-list/damage", test_damage);
    g_test_add_func("/checksum-list/endless-line", test_endless_line);
    g_test_add_func("/checksum-list/bare-digest", test_bare_digest);
    g_test_add_func("/checksum-list/unreadable", test_unreadable);
    g_test_add_func("/checksum-list/names", test_names);
    g_test_add_func("/checksum-list/against-coreutils", test_against_coreutils);
    g_test_add_func("/checksum-list/order", test_order);
    g_test_add_func("/checksum-list/full-disk", test_full_disk);
    return g_test_run();
}

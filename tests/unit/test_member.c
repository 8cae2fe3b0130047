/* One member of a zip on a host: only its bytes are asked for, and only the right ones are kept. */
#include "job_member.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "remote_zip.h"
#include "scratch.h"
#include "unpacking.h"

#define GOOD_ADDRESS "https://good.example/x.zip"
#define GONE_ADDRESS "https://gone.example/x.zip"
#define BIG_BYTES (20 * 1024 * 1024 + 7)

typedef enum {
    RANGES_SERVED,
    RANGES_IGNORED, /* 200 and everything */
    RANGES_SHIFTED, /* a 206 of other bytes */
    RANGES_CUT,     /* a 206 of fewer bytes */
} RangeManner;

/* A host with one zip. */
typedef struct {
    char *base;
    int tree_fd;
    GByteArray *zip;
    guint64 hole; /* bytes in front of ZIP that nobody may ask for */
    RangeManner manner;
    gboolean cancelled;
    guint requests;
    guint64 bytes_sent, most_sent;
    HostServices services;
} Host;

static int document_fd(const guint8 *bytes, gsize length)
{
    int fd = open(g_get_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, bytes, length), ==, (gssize)length);
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    return fd;
}

static Document *host_get(HostServices *services, const DocumentRequest *request, GError **error)
{
    Host *host = services->host;
    host->requests++;
    if (g_str_equal(request->url, GONE_ADDRESS)) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT, "It is gone.");
        return NULL;
    }
    g_assert_cmpstr(request->url, ==, GOOD_ADDRESS);
    g_assert_cmpuint(request->range_to, >, request->range_from);
    const guint64 total = host->hole + host->zip->len;
    guint64 from = request->range_is_suffix ? total - MIN(host->zip->len, request->range_to)
                                            : MIN(request->range_from, total);
    guint64 to = request->range_is_suffix ? total : MIN(request->range_to, total);
    Document *document = g_new0(Document, 1);
    document->status = 206;
    if (host->manner == RANGES_IGNORED) {
        document->status = 200;
        from = 0;
        to = total;
    } else if (host->manner == RANGES_SHIFTED && !request->range_is_suffix) {
        from++;
        to = MIN(to + 1, total);
    } else if (host->manner == RANGES_CUT && !request->range_is_suffix) {
        to--;
    }
    g_assert_cmpuint(from, >=, host->hole);
    document->validators = validators_new(NULL, NULL, SIZE_UNKNOWN);
    document->range_start = from;
    document->length = to - from;
    document->fd = document_fd(host->zip->data + (from - host->hole), (gsize)(to - from));
    host->bytes_sent += document->length;
    host->most_sent = MAX(host->most_sent, document->length);
    return document;
}

static gboolean host_cancelled(HostServices *services)
{
    return ((Host *)services->host)->cancelled;
}

static void set_up(Host *host, gconstpointer data)
{
    host->base = g_dir_make_tmp("member-XXXXXX", NULL);
    host->tree_fd = open(host->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(host->tree_fd, >=, 0);
    host->zip = g_byte_array_new();
    host->services = (HostServices){.host = host, .get = host_get, .cancelled = host_cancelled};
}

static void tear_down(Host *host, gconstpointer data)
{
    close(host->tree_fd);
    g_byte_array_unref(host->zip);
    scratch_remove(host->base);
}

static la_ssize_t append_zip(struct archive *archive, void *data, const void *bytes, size_t length)
{
    g_byte_array_append(data, bytes, (guint)length);
    return (la_ssize_t)length;
}

static struct archive *zip_begin(GByteArray *zip, const char *options)
{
    struct archive *archive = archive_write_new();
    g_assert_cmpint(archive_write_set_format_zip(archive), ==, ARCHIVE_OK);
    g_assert_cmpint(archive_write_set_options(archive, options), ==, ARCHIVE_OK);
    archive_write_set_bytes_in_last_block(archive, 1);
    g_assert_cmpint(archive_write_open(archive, zip, NULL, append_zip, NULL), ==, ARCHIVE_OK);
    return archive;
}

static void zip_add(struct archive *archive, const char *name, const void *bytes, gsize length)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)length);
    g_assert_cmpint(archive_write_header(archive, entry), ==, ARCHIVE_OK);
    g_assert_cmpint(archive_write_data(archive, bytes, length), ==, (la_ssize_t)length);
    archive_entry_free(entry);
}

static void zip_finish(struct archive *archive)
{
    g_assert_cmpint(archive_write_close(archive), ==, ARCHIVE_OK);
    archive_write_free(archive);
}

/* Bytes that do not shrink, another file's for another SEED. */
static guint8 *noise(gsize length, guint32 seed)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    guint8 *bytes = g_malloc(length);
    for (gsize i = 0; i < length; i++)
        bytes[i] = (guint8)g_rand_int(rand);
    return bytes;
}

static void lock_of(LockFile *wanted, const char *path, const void *bytes, gsize length)
{
    *wanted = (LockFile){.path = g_strdup(path), .size = length, .state = LOCK_STATE_HAVE};
    g_autoptr(DigestStream) stream = digest_stream_new(1U << DIGEST_SHA256, length);
    digest_stream_update(stream, bytes, length);
    digest_stream_finish(stream, &wanted->digests);
}

static FileSpec *archive_at(const char *path)
{
    FileSpec *archive = file_spec_new(path);
    archive->role = FILE_ROLE_ARCHIVE;
    archive->unpack = unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE);
    file_spec_add_address(archive, GOOD_ADDRESS);
    return archive;
}

static void assert_file(const Host *host, const char *path, const void *bytes, gsize length)
{
    g_autofree char *full = g_build_filename(host->base, path, NULL);
    g_autofree char *text = NULL;
    gsize seen = 0;
    struct stat now;
    g_assert_true(g_file_get_contents(full, &text, &seen, NULL));
    g_assert_cmpmem(text, seen, bytes, length);
    g_assert_cmpint(lstat(full, &now), ==, 0);
    g_assert_cmpuint(now.st_mode & 07777, ==, 0444);
}

/* Nothing lies in the tree but ONLY (NULL: nothing at all). */
static void assert_nothing_but(const Host *host, const char *only)
{
    g_autoptr(GDir) folder = g_dir_open(host->base, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(folder)))
        g_assert_cmpstr(name, ==, only);
}

typedef struct {
    const char *name;
    const char *options; /* of the zip's writer */
    gsize prefix;        /* bytes in front of the zip */
    const char *archive, *member, *into;
    guint strip;
    const char *path; /* of the member in the tree */
    gsize length;
    gsize others; /* members on each side */
} MemberCase;

static const MemberCase cases[] = {
    {.name = "deflated", .options = "compression=deflate", .path = "b.csv", .length = 30000},
    {.name = "stored", .options = "compression=store", .path = "b.csv", .length = 30000},
    {.name = "empty", .options = "compression=store", .path = "b.csv", .length = 0},
    {.name = "folders",
     .options = "compression=deflate",
     .archive = "sub/x.zip",
     .member = "deep/er/b.csv",
     .path = "sub/deep/er/b.csv",
     .length = 300},
    {.name = "into and strip",
     .options = "compression=deflate",
     .archive = "sub/x.zip",
     .member = "release-1/tables/b.csv",
     .into = "all/of it",
     .strip = 1,
     .path = "sub/all/of it/tables/b.csv",
     .length = 300},
    {.name = "zip64", .options = "compression=deflate,zip64=force", .path = "b.csv", .length = 300},
    {.name = "bytes in front",
     .options = "compression=deflate",
     .prefix = 4097,
     .path = "b.csv",
     .length = 300},
    {.name = "a directory larger than the tail",
     .options = "compression=store",
     .path = "b.csv",
     .length = 300,
     .others = 8000},
    {.name = "larger than a request",
     .options = "compression=store",
     .path = "b.csv",
     .length = BIG_BYTES},
};

static void make_zip(Host *host, const MemberCase *c, const guint8 *bytes)
{
    g_autofree guint8 *front = noise(c->prefix, 3);
    g_autofree guint8 *other = noise(500, 4);
    g_byte_array_append(host->zip, front, (guint)c->prefix);
    struct archive *zip = zip_begin(host->zip, c->options);
    const char *member = c->member ? c->member : c->path;
    for (gsize i = 0; i < 2 * c->others + 2; i++) {
        g_autofree char *name = g_strdup_printf("other/folder/with/a/name/%" G_GSIZE_FORMAT, i);
        if (i == c->others + 1)
            zip_add(zip, member, bytes, c->length);
        zip_add(zip, name, other, 500);
    }
    zip_finish(zip);
}

static void test_fetches(Host *host, gconstpointer data)
{
    const MemberCase *c = data;
    g_autofree guint8 *bytes = noise(c->length, 1);
    make_zip(host, c, bytes);
    g_autoptr(FileSpec) archive = archive_at(c->archive ? c->archive : "x.zip");
    archive->unpack->into = g_strdup(c->into);
    archive->unpack->strip = c->strip;
    g_auto(LockFile) wanted = {0};
    lock_of(&wanted, c->path, bytes, c->length);
    g_autoptr(GError) error = NULL;
    member_fetch(&host->services, NULL, archive, &wanted, host->tree_fd, 0444, &error);
    g_assert_no_error(error);
    assert_file(host, c->path, bytes, c->length);
    g_auto(GStrv) parts = g_strsplit(c->path, "/", 2);
    assert_nothing_but(host, parts[0]);
    /* The tail, pieces of the directory, the header, the row, the member. */
    const gsize bound = 65557 + c->length + c->others * 200 + 4096;
    g_assert_cmpuint(host->bytes_sent, <=, bound);
    g_assert_cmpuint(host->most_sent, <=, 16 * 1024 * 1024);
    g_assert_cmpuint(host->requests, <=, 8);
}

/* What the zip holds has another digest than the lock: nothing is stored. */
static void test_wrong_bytes(Host *host, gconstpointer data)
{
    g_autofree guint8 *bytes = noise(300, 1);
    g_autofree guint8 *others = noise(30000, 9);
    make_zip(host, &cases[0], others);
    g_autoptr(FileSpec) archive = archive_at("x.zip");
    g_auto(LockFile) wanted = {0};
    lock_of(&wanted, "b.csv", bytes, 300);
    g_autoptr(GError) error = NULL;
    g_assert_false(
        member_fetch(&host->services, NULL, archive, &wanted, host->tree_fd, 0444, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
    g_assert_cmpstr(error->message, ==,
                    "x.zip: The member for b.csv is another now than the lock says.");
    assert_nothing_but(host, NULL);
}

typedef struct {
    const char *name;
    RangeManner manner;
} MannerCase;
static const MannerCase manners[] = {
    {"ignored", RANGES_IGNORED}, {"of other bytes", RANGES_SHIFTED}, {"cut", RANGES_CUT}};

static void test_no_ranges(Host *host, gconstpointer data)
{
    const MannerCase *c = data;
    g_autofree guint8 *bytes = noise(100000, 1);
    const MemberCase plain = {.options = "compression=store", .path = "b.csv", .length = 100000};
    make_zip(host, &plain, bytes);
    host->manner = c->manner;
    g_autoptr(FileSpec) archive = archive_at("x.zip");
    g_auto(LockFile) wanted = {0};
    lock_of(&wanted, "b.csv", bytes, 100000);
    g_autoptr(GError) error = NULL;
    /* More than came with the end. */
    g_assert_false(
        member_fetch(&host->services, NULL, archive, &wanted, host->tree_fd, 0444, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
    g_assert_cmpstr(error->message, ==,
                    GOOD_ADDRESS " does not serve the ranges that were asked for.");
    assert_nothing_but(host, NULL);
}

static gboolean is_b(const ZipEntry *entry, gpointer data)
{
    return entry->name_length == 5 && memcmp(entry->name, "b.csv", 5) == 0;
}

/* The host's zip becomes one of b.csv alone. */
static void extract_b(Host *host)
{
    const int fd = document_fd(NULL, 0);
    g_autoptr(GError) error = NULL;
    const RemotePlace place = {.services = &host->services, .address = GOOD_ADDRESS};
    g_autoptr(RemoteZip) zip = remote_zip_open(&place, &error);
    g_assert_no_error(error);
    g_assert_cmpint(remote_zip_extract(zip, is_b, NULL, fd, &error), ==, REMOTE_ZIP_EXTRACTED);
    g_assert_no_error(error);
    const off_t length = lseek(fd, 0, SEEK_END);
    g_byte_array_set_size(host->zip, (guint)length);
    g_assert_cmpint(pread(fd, host->zip->data, (gsize)length, 0), ==, length);
    close(fd);
}

/* What libarchive never writes: a header that tells all, and no descriptor. */
static void test_no_descriptor(Host *host, gconstpointer data)
{
    g_autofree guint8 *bytes = noise(30000, 1);
    make_zip(host, &cases[0], bytes);
    g_assert_cmpuint(host->zip->data[6] & 8, ==, 8);
    extract_b(host);
    g_assert_cmpuint(host->zip->data[6] & 8, ==, 0);
    g_autoptr(FileSpec) archive = archive_at("x.zip");
    g_auto(LockFile) wanted = {0};
    lock_of(&wanted, "b.csv", bytes, 30000);
    g_autoptr(GError) error = NULL;
    g_assert_true(
        member_fetch(&host->services, NULL, archive, &wanted, host->tree_fd, 0444, &error));
    g_assert_no_error(error);
    assert_file(host, "b.csv", bytes, 30000);
}

static void append_number(GByteArray *bytes, guint64 value, guint length)
{
    const guint64 little = GUINT64_TO_LE(value);
    g_byte_array_append(bytes, (const guint8 *)&little, length);
}

/* The zip of one entry, as it would be behind HOLE bytes of others. */
static void move_behind_hole(GByteArray *zip, guint64 hole)
{
    guint32 row_at;
    memcpy(&row_at, zip->data + zip->len - 6, 4);
    const guint row_length = zip->len - 22 - row_at;
    g_byte_array_set_size(zip, row_at + row_length);
    guint8 *row = zip->data + row_at;
    memset(row + 42, 0xff, 4);
    row[30] += 12;
    append_number(zip, 0x00080001, 4);
    append_number(zip, hole, 8);
    const guint64 end64 = hole + zip->len, directory = hole + row_at;
    append_number(zip, 0x06064b50, 4);
    append_number(zip, 44, 8);
    append_number(zip, 45 | 45 << 16, 4);
    append_number(zip, 0, 8);
    append_number(zip, 1, 8);
    append_number(zip, 1, 8);
    append_number(zip, row_length + 12, 8);
    append_number(zip, directory, 8);
    append_number(zip, 0x07064b50, 4);
    append_number(zip, 0, 4);
    append_number(zip, end64, 8);
    append_number(zip, 1, 4);
    append_number(zip, 0x06054b50, 4);
    append_number(zip, 0, 4);
    append_number(zip, 1 | 1 << 16, 4);
    append_number(zip, row_length + 12, 4);
    append_number(zip, G_MAXUINT32, 4);
    append_number(zip, 0, 2);
}

static void test_far_behind(Host *host, gconstpointer data)
{
    g_autofree guint8 *bytes = noise(300000, 1);
    const MemberCase plain = {.options = "compression=deflate", .path = "b.csv", .length = 300000};
    make_zip(host, &plain, bytes);
    extract_b(host);
    host->hole = G_GUINT64_CONSTANT(1) << 40;
    move_behind_hole(host->zip, host->hole);
    g_autoptr(FileSpec) archive = archive_at("x.zip");
    g_auto(LockFile) wanted = {0};
    lock_of(&wanted, "b.csv", bytes, 300000);
    g_autoptr(GError) error = NULL;
    g_assert_true(
        member_fetch(&host->services, NULL, archive, &wanted, host->tree_fd, 0444, &error));
    g_assert_no_error(error);
    assert_file(host, "b.csv", bytes, 300000);
}

static void test_next_address(Host *host, gconstpointer data)
{
    g_autofree guint8 *bytes = noise(30000, 1);
    make_zip(host, &cases[0], bytes);
    g_autoptr(FileSpec) archive = archive_at("x.zip");
    g_ptr_array_insert(archive->addresses, 0, g_strdup(GONE_ADDRESS));
    g_auto(LockFile) wanted = {0};
    lock_of(&wanted, "b.csv", bytes, 30000);
    g_autoptr(GError) error = NULL;
    g_assert_true(
        member_fetch(&host->services, NULL, archive, &wanted, host->tree_fd, 0444, &error));
    g_assert_no_error(error);
    assert_file(host, "b.csv", bytes, 30000);
}

/* Of an archive within the archive: the inner one is fetched, and one file of it kept. */
static void test_archive_within(Host *host, gconstpointer data)
{
    g_autofree guint8 *bytes = noise(3000, 1), *other = noise(100000, 2);
    g_autoptr(GByteArray) inner = g_byte_array_new();
    struct archive *zip = zip_begin(inner, "compression=deflate");
    zip_add(zip, "a.csv", other, 200);
    zip_add(zip, "b.csv", bytes, 3000);
    zip_finish(zip);
    zip = zip_begin(host->zip, "compression=store");
    zip_add(zip, "first.csv", other, 100000);
    zip_add(zip, "set/inner.zip", inner->data, inner->len);
    zip_add(zip, "last.csv", other, 100000);
    zip_finish(zip);
    g_autoptr(FileSpec) archive = archive_at("x.zip");
    archive->unpack->nested = g_ptr_array_new_with_free_func((GDestroyNotify)unpack_rule_free);
    UnpackRule *nested = unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE);
    nested->member = g_strdup("*.zip");
    g_ptr_array_add(archive->unpack->nested, nested);
    g_auto(LockFile) wanted = {0};
    lock_of(&wanted, "set/b.csv", bytes, 3000);
    wanted.member = g_strdup("set/inner.zip/b.csv");
    g_autoptr(GError) error = NULL;
    g_assert_true(
        member_fetch(&host->services, NULL, archive, &wanted, host->tree_fd, 0444, &error));
    g_assert_no_error(error);
    assert_file(host, "set/b.csv", bytes, 3000);
    g_autofree char *twin = g_build_filename(host->base, "set/a.csv", NULL);
    g_assert_false(g_file_test(twin, G_FILE_TEST_EXISTS));
    assert_nothing_but(host, "set");
    g_assert_cmpuint(host->bytes_sent, <, 65557 + 8000);
}

static void assert_refused(Host *host, FileSpec *archive, const LockFile *wanted, int code,
                           const char *message)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(
        member_fetch(&host->services, NULL, archive, wanted, host->tree_fd, 0444, &error));
    g_assert_error(error, MEDMIRROR_ERROR, code);
    g_assert_cmpstr(error->message, ==, message);
    assert_nothing_but(host, NULL);
}

static void test_refuses(Host *host, gconstpointer data)
{
    g_autofree guint8 *bytes = noise(30000, 1);
    make_zip(host, &cases[0], bytes);
    g_autoptr(FileSpec) archive = archive_at("x.zip"), tar = archive_at("x.tar");
    tar->unpack->container = ARCHIVE_TAR;
    g_auto(LockFile) wanted = {0}, link = {0}, other = {0};
    lock_of(&wanted, "b.csv", bytes, 30000);
    lock_of(&other, "c.csv", bytes, 30000);
    link = (LockFile){.path = g_strdup("l"), .link_target = g_strdup("b.csv")};
    assert_refused(host, tar, &wanted, MEDMIRROR_ERROR_FAILED,
                   "b.csv cannot be fetched by itself: its archive is no plain zip.");
    assert_refused(host, archive, &link, MEDMIRROR_ERROR_FAILED,
                   "l cannot be fetched by itself: it is a symbolic link.");
    g_assert_cmpuint(host->requests, ==, 0);
    assert_refused(host, archive, &other, MEDMIRROR_ERROR_ABSENT,
                   "c.csv is not in x.zip any more, as its directory says.");
    host->cancelled = TRUE;
    assert_refused(host, archive, &wanted, MEDMIRROR_ERROR_INTERRUPTED,
                   "Unpacking x.zip was stopped.");
    host->cancelled = FALSE;
    g_byte_array_set_size(host->zip, 20);
    assert_refused(host, archive, &wanted, MEDMIRROR_ERROR_DAMAGED,
                   "The zip is damaged: its end is missing.");
}

int main(int argc, char **argv)
{
    if (argc > 1 && g_str_equal(argv[1], UNPACK_CHILD_VERB))
        return unpack_child_main(argc, argv);
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/member/fetches/%s", cases[i].name);
        g_test_add(path, Host, &cases[i], set_up, test_fetches, tear_down);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(manners); i++) {
        g_autofree char *path = g_strdup_printf("/member/ranges/%s", manners[i].name);
        g_test_add(path, Host, &manners[i], set_up, test_no_ranges, tear_down);
    }
    g_test_add("/member/wrong bytes", Host, NULL, set_up, test_wrong_bytes, tear_down);
    g_test_add("/member/no descriptor", Host, NULL, set_up, test_no_descriptor, tear_down);
    g_test_add("/member/behind a terabyte", Host, NULL, set_up, test_far_behind, tear_down);
    g_test_add("/member/next address", Host, NULL, set_up, test_next_address, tear_down);
    g_test_add("/member/archive within", Host, NULL, set_up, test_archive_within, tear_down);
    g_test_add("/member/refuses", Host, NULL, set_up, test_refuses, tear_down);
    return g_test_run();
}

/* The plain fetcher: addresses, one file, trees of listings, lists of digests. */
#include "relpath.h"
#include "sources.h"
#include "support_fake_host.h"

#define BASE "http://data.example/tree/"
#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define MD5_C "cccccccccccccccccccccccccccccccc"

static ResolveResult resolve(FakeHost *host, FakeTaker *taker, const char *url,
                             const char *state_token, const Manifest *manifest, GError **error)
{
    json_auto_t *locator = json_pack("{s:s}", "url", url);
    g_assert_true(http_fetcher.check_locator(&http_fetcher, locator, NULL));
    ResolveRequest request = {.locator = locator, .state_token = state_token, .manifest = manifest};
    return http_fetcher.resolve(&http_fetcher, &request, &host->services, &taker->taker, error);
}

typedef struct {
    const char *address, *url, *folder; /* url NULL: refused */
} AddressCase;

static void check_addresses(void)
{
    static const AddressCase addresses[] = {
        {"https://example.org/data.zip", "https://example.org/data.zip",
         "http/example.org/data.zip"},
        {"https://Example.ORG:443/a/b/", "https://example.org/a/b/", "http/example.org/a/b"},
        {"http://127.0.0.1:8080/x/", "http://127.0.0.1:8080/x/", "http/127.0.0.1_8080/x"},
        {"http://example.org", "http://example.org/", "http/example.org"},
        {"http://example.org/a/../b/./c.tar.gz#part", "http://example.org/b/c.tar.gz",
         "http/example.org/b/c.tar.gz"},
        {"http://example.org/a%20b/(c).dat", "http://example.org/a%20b/(c).dat",
         "http/example.org/a%20b/%28c%29.dat"},
        {"http://example.org/.hidden", "http://example.org/.hidden", "http/example.org/%2Ehidden"},
        {"http://example.org/get?id=5&x=1", "http://example.org/get?id=5&x=1",
         "http/example.org/get-33face2a"},
        {"http://[::1]:80/x", "http://[::1]/x", "http/%5B%3A%3A1%5D/x"},
        {"http://example.org/a/%2e%2e/b", NULL, NULL},
        {"http://example.org/a%2Fb", NULL, NULL},
        {"http://example.org/a%00b", NULL, NULL},
        {"http://example.org/a%0Ab", NULL, NULL},
        {"http://user:secret@example.org/x", NULL, NULL},
        {"ftp://example.org/x", NULL, NULL},
        {"http://", NULL, NULL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(addresses); i++) {
        g_test_message("%s", addresses[i].address);
        json_t *locator = NULL;
        char *version = NULL;
        const Fetcher *fetcher = fetcher_find_by_address(addresses[i].address, &locator, &version);
        g_assert_null(version);
        if (!fetcher) {
            g_assert_null(addresses[i].url);
            continue;
        }
        g_assert_true(fetcher == &http_fetcher);
        g_autoptr(GError) error = NULL;
        gboolean good = http_fetcher.check_locator(&http_fetcher, locator, &error);
        if (addresses[i].url) {
            g_autofree char *ref = http_fetcher.ref(&http_fetcher, locator);
            g_autofree char *folder = http_fetcher.folder(&http_fetcher, locator, NULL);
            g_autofree char *named = http_fetcher.folder(&http_fetcher, locator, "my set");
            g_assert_no_error(error);
            g_assert_cmpstr(ref, ==, addresses[i].url);
            g_assert_cmpstr(folder, ==, addresses[i].folder);
            g_assert_cmpstr(named, ==, "http/my%20set");
        } else if (good) {
            /* Dot segments may have been taken out instead. */
            g_autofree char *folder = http_fetcher.folder(&http_fetcher, locator, NULL);
            g_assert_null(strstr(folder, ".."));
        } else {
            g_assert_null(strstr(error->message, "secret"));
        }
        json_decref(locator);
    }
}

static void check_locators(void)
{
    static const char *const wrong[] = {"{}",
                                        "[]",
                                        "{\"url\":5}",
                                        "{\"url\":\"\"}",
                                        "{\"address\":\"http://x/\"}",
                                        "{\"urls\":[]}",
                                        "{\"urls\":[5]}",
                                        "{\"url\":\"file:///etc/passwd\"}",
                                        "{\"urls\":[\"http://x/a/\",\"http://x/b\"]}"};
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        json_auto_t *locator = json_loads(wrong[i], 0, NULL);
        g_autoptr(GError) error = NULL;
        g_test_message("%s", wrong[i]);
        g_assert_false(http_fetcher.check_locator(&http_fetcher, locator, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    }
}

/* Names that are longer as %XX than a folder's may be are cut, and told apart by a digest. */
static void check_long_names(void)
{
    static const char *const ends[] = {"", "?q=1"};
    for (guint i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_autofree char *name = g_strnfill(100, '(');
        g_autofree char *first = g_strconcat("http://example.org/", name, "a", ends[i], NULL);
        g_autofree char *second = g_strconcat("http://example.org/", name, "b", ends[i], NULL);
        json_auto_t *a = json_pack("{s:s}", "url", first);
        json_auto_t *b = json_pack("{s:s}", "url", second);
        g_autoptr(GError) error = NULL;
        g_assert_true(http_fetcher.check_locator(&http_fetcher, a, &error));
        g_autofree char *folder = http_fetcher.folder(&http_fetcher, a, NULL);
        g_autofree char *other = http_fetcher.folder(&http_fetcher, b, NULL);
        g_assert_true(relpath_check(folder, &error));
        g_assert_no_error(error);
        g_assert_true(g_str_has_prefix(folder, "http/example.org/%28%28%28"));
        g_assert_cmpstr(folder, !=, other);
    }
}

static void check_one_file(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    FakeAnswer *answer =
        fake_serve(host, "http://data.example/d/set.tar.gz", 200, "application/gzip", "0123456789");
    answer->etag = "\"abc\"";
    answer->modified = "Tue, 02 Jan 2024 03:04:05 GMT";
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(host, &taker, answer->url, NULL, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_no_error(error);
    g_assert_cmpstr(taker.files->str, ==, "set.tar.gz 10 2024-01-02T03:04:05 archive\n");
    g_assert_cmpstr(taker.addresses->str, ==, "set.tar.gz http://data.example/d/set.tar.gz\n");
    g_assert_true(taker.head->is_one_archive);
    g_assert_cmpstr(taker.head->newest_change, ==, "2024-01-02");
    g_assert_null(taker.head->version);
    g_assert_false(taker.head->state_is_weak);
    g_autofree char *asked = fake_asked(host);
    g_assert_cmpstr(asked, ==, "HEAD http://data.example/d/set.tar.gz ?\n");

    g_autofree char *token = g_strdup(taker.head->state_token);
    guint files = taker.count;
    g_assert_cmpint(resolve(host, &taker, answer->url, token, NULL, &error), ==, RESOLVE_UNCHANGED);
    g_assert_cmpuint(taker.count, ==, files);
    answer->etag = "\"def\"";
    g_assert_cmpint(resolve(host, &taker, answer->url, token, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_cmpuint(taker.count, ==, files + 1);

    /* Something is here and nobody answers: that is for the caller to say. */
    answer->down = TRUE;
    g_assert_cmpint(resolve(host, &taker, answer->url, token, NULL, &error), ==, RESOLVE_FAILED);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
    g_clear_error(&error);
    /* Nothing is here: the transfer will find out. */
    g_assert_cmpint(resolve(host, &taker, answer->url, NULL, NULL, &error), ==, RESOLVE_LISTED);
    g_autofree char *notes = fake_notes(&taker);
    g_assert_nonnull(strstr(notes, "does not answer"));
    g_assert_true(taker.head->state_is_weak);
    g_assert_null(taker.head->state_token);
}

typedef struct {
    const char *name;
    const char *role;
    gboolean one_archive;
} NameCase;

static void check_names(void)
{
    static const NameCase names[] = {
        {"a.zip", "archive", TRUE},
        {"a.7z", "archive", TRUE},
        {"a.rar", "archive", TRUE},
        {"a.tgz", "archive", TRUE},
        {"a.tar.zst", "archive", TRUE},
        {"a.tar", "archive", TRUE},
        {"a.csv.gz", "data", FALSE},
        {"a.nii.gz", "data", FALSE},
        {"a.xz", "data", FALSE},
        {"a.bz2", "data", FALSE},
        {"a.csv", "data", FALSE},
        {"download", "data", FALSE},
        {"SHA256SUMS", "checksums", FALSE},
        {"LICENSE.txt", "licence", FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        g_autofree char *url = g_strconcat("http://data.example/", names[i].name, NULL);
        fake_serve(host, url, 200, NULL, "x");
        g_auto(FakeTaker) taker;
        fake_taker_init(&taker);
        g_assert_cmpint(resolve(host, &taker, url, NULL, NULL, NULL), ==, RESOLVE_LISTED);
        g_autofree char *line = g_strdup_printf("%s 1 %s\n", names[i].name, names[i].role);
        g_assert_cmpstr(taker.files->str, ==, line);
        g_assert_cmpint(taker.head->is_one_archive, ==, names[i].one_archive);
        g_assert_true(taker.head->state_is_weak);
    }
}

typedef struct {
    int head, get;
    gboolean ignores_range, long_body;
    const char *final;
    ResolveResult result;
    int code;         /* of the error */
    const char *says; /* in the error or in the notes; NULL: nothing said */
    const char *size;
    guint requests;
} LookCase;

static void check_looks(void)
{
    static const LookCase looks[] = {
        {200, 200, FALSE, FALSE, NULL, RESOLVE_LISTED, 0, NULL, "5", 1},
        {405, 200, FALSE, FALSE, NULL, RESOLVE_LISTED, 0, NULL, "5", 2},
        {501, 200, FALSE, FALSE, NULL, RESOLVE_LISTED, 0, NULL, "5", 2},
        {403, 200, FALSE, FALSE, NULL, RESOLVE_LISTED, 0, NULL, "5", 2},
        {405, 200, TRUE, FALSE, NULL, RESOLVE_LISTED, 0, NULL, "5", 2},
        {405, 200, TRUE, TRUE, NULL, RESOLVE_LISTED, 0, "HTTP status 405", "-", 2},
        {404, 404, FALSE, FALSE, NULL, RESOLVE_FAILED, MEDMIRROR_ERROR_ABSENT, "nothing at", NULL,
         1},
        {410, 410, FALSE, FALSE, NULL, RESOLVE_FAILED, MEDMIRROR_ERROR_ABSENT, "410", NULL, 1},
        {401, 401, FALSE, FALSE, NULL, RESOLVE_FAILED, MEDMIRROR_ERROR_ACCESS, "a password", NULL,
         1},
        {403, 403, FALSE, FALSE, NULL, RESOLVE_FAILED, MEDMIRROR_ERROR_ORIGIN, "proxy", NULL, 2},
        {503, 503, FALSE, FALSE, NULL, RESOLVE_LISTED, 0, "HTTP status 503", "-", 1},
        {200, 200, FALSE, FALSE, "http://data.example/d/", RESOLVE_FAILED, MEDMIRROR_ERROR_ABSENT,
         "medmirror pull http://data.example/d/", NULL, 1},
    };
    for (guint i = 0; i < G_N_ELEMENTS(looks); i++) {
        const LookCase *test = &looks[i];
        g_test_message("%u", i);
        g_autoptr(FakeHost) host = fake_host_new();
        g_autofree char *body = test->long_body ? g_strnfill(100000, 'x') : g_strdup("12345");
        FakeAnswer *answer = fake_serve(host, "http://data.example/d", test->get, NULL, body);
        answer->head_status = test->head;
        answer->ignores_range = test->ignores_range;
        answer->final_url = test->final;
        g_auto(FakeTaker) taker;
        fake_taker_init(&taker);
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(resolve(host, &taker, answer->url, NULL, NULL, &error), ==, test->result);
        g_autofree char *notes = fake_notes(&taker);
        if (test->code)
            g_assert_error(error, MEDMIRROR_ERROR, test->code);
        else
            g_assert_no_error(error);
        if (test->says)
            g_assert_nonnull(strstr(error ? error->message : notes, test->says));
        else
            g_assert_cmpstr(notes, ==, "");
        if (test->size) {
            g_autofree char *line = g_strdup_printf("d %s data\n", test->size);
            g_assert_cmpstr(taker.files->str, ==, line);
        }
        g_assert_cmpuint(host->asked->len, ==, test->requests);
    }
}

static void check_recorded(void)
{
    static const char json[] =
        "{\"id\":\"set\",\"kind\":\"dataset\",\"title\":{\"en\":\"Set\",\"zh\":\"Set\"},"
        "\"source\":\"http\",\"locator\":{\"url\":\"http://data.example/"
        "get?id=5\"},\"access\":\"open\","
        "\"files\":[{\"path\":\"set.zip\",\"sha256\":\"" SHA_A "\",\"unpack\":{\"format\":\"zip\"},"
        "\"addresses\":[\"http://data.example/get?id=5\",\"http://mirror.example/set.zip\"]},"
        "{\"path\":\"labels.csv\",\"size\":7,\"sha256\":\"" SHA_B "\","
        "\"addresses\":[\"http://mirror.example/labels.csv\"]},"
        "{\"path\":\"in.csv\",\"member_of\":\"set.zip\",\"sha256\":\"" SHA_B "\","
        "\"addresses\":[\"http://mirror.example/in.csv\"]}]}";
    g_autoptr(GError) error = NULL;
    g_autoptr(Manifest) manifest = manifest_parse(json, strlen(json), "set.json", &error);
    g_assert_no_error(error);
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(host, "http://data.example/get?id=5", 200, NULL, "PK");
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_assert_cmpint(resolve(host, &taker, "http://data.example/get?id=5", NULL, manifest, &error),
                    ==, RESOLVE_LISTED);
    g_assert_cmpstr(taker.files->str, ==,
                    "set.zip 2 archive +sha256:aaaaaaaa\nlabels.csv 7 data +sha256:bbbbbbbb\n");
    g_assert_cmpstr(taker.addresses->str, ==,
                    "set.zip http://data.example/get?id=5\nset.zip http://mirror.example/set.zip\n"
                    "labels.csv http://mirror.example/labels.csv\n");
    g_assert_false(taker.head->is_one_archive);
    g_assert_cmpstr(taker.head->title, ==, "Set");
}

static void check_several(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    json_auto_t *locator =
        json_pack("{s:[s,s]}", "urls", "http://x.example/a.zip", "http://x.example/b.csv");
    g_assert_true(http_fetcher.check_locator(&http_fetcher, locator, NULL));
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    ResolveRequest request = {.locator = locator};
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(
        http_fetcher.resolve(&http_fetcher, &request, &host->services, &taker.taker, &error), ==,
        RESOLVE_LISTED);
    g_assert_cmpstr(taker.files->str, ==, "a.zip - data\nb.csv - data\n");
    g_assert_cmpuint(host->asked->len, ==, 0);
    g_assert_true(taker.head->state_is_weak);
}

#define INDEX(rows)                                                                                \
    "<html><head><title>Index of /tree/</title></head><body><pre>" rows "</pre></body>"

static void check_tree(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(
        host, BASE, 200, "text/html",
        INDEX("<a href=\"../\">../</a>\n<a href=\"?C=N;O=D\">Name</a>\n"
              "<a href=\"sub/\">sub/</a>   02-Jan-2024 03:04   -\n"
              "<a href=\"a%20b.dat\">a b.dat</a>   03-Feb-2024 03:04   12\n"
              "<a href=\"/tree/abs.dat?download\">abs</a>  01-Jan-2024 00:00  5\n"
              "<a href=\"http://data.example/tree/full.dat#x\">full</a> 01-Jan-2024 00:00  6\n"
              "<a href=\"//data.example/%74ree/coded.dat\">c</a> 01-Jan-2024 00:00  7\n"
              "<a href=\"http://elsewhere.example/tree/x.dat\">x</a> 01-Jan-2024 00:00  8\n"
              "<a href=\"http://data.example:81/tree/x.dat\">x</a> 01-Jan-2024 00:00  8\n"
              "<a href=\"../../etc/passwd\">up</a> 01-Jan-2024 00:00  9\n"
              "<a href=\"/other/y.dat\">y</a> 01-Jan-2024 00:00  9\n"
              "<a href=\"mailto:a@b.example\">m</a>\n"
              "<a href=\"c+d.csv.gz\">c</a>   02-Jan-2024 03:04   1.5K\n"
              "<a href=\"set.zip\">c</a>   02-Jan-2024 03:04   15\n"));
    fake_serve(host, BASE "sub/", 200, "text/html",
               INDEX("<a href=\"../\">../</a>\n<a href=\"./\">./</a>\n<a href=\"deep/\">deep/</a>\n"
                     "<a href=\"/tree/\">start</a>\n<a href=\"/tree/sub/deep/\">again</a>\n"));
    fake_serve(host, BASE "sub/deep/", 200, "text/html",
               INDEX("<a href=\"%E5%BF%83.dat\">x</a>  02-Jan-2024 03:04   3\n"));
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(host, &taker, BASE, NULL, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_no_error(error);
    g_assert_cmpstr(taker.files->str, ==,
                    "a b.dat 12 2024-02-03T03:04 data\nabs.dat 5 2024-01-01T00:00 data\n"
                    "full.dat 6 2024-01-01T00:00 data\ncoded.dat 7 2024-01-01T00:00 data\n"
                    "c+d.csv.gz 1536~ 2024-01-02T03:04 data\nset.zip 15 2024-01-02T03:04 data\n"
                    "sub/deep/\xe5\xbf\x83.dat 3 2024-01-02T03:04 data\n");
    g_assert_cmpstr(taker.addresses->str, ==,
                    "a b.dat " BASE "a%20b.dat\nabs.dat " BASE "abs.dat\nfull.dat " BASE
                    "full.dat\ncoded.dat " BASE "coded.dat\nc+d.csv.gz " BASE
                    "c%2Bd.csv.gz\nset.zip " BASE "set.zip\nsub/deep/\xe5\xbf\x83.dat " BASE
                    "sub/deep/%E5%BF%83.dat\n");
    g_assert_cmpstr(taker.head->newest_change, ==, "2024-02-03");
    g_assert_false(taker.head->is_one_archive);
    g_assert_false(taker.head->state_is_weak);
    g_assert_cmpuint(taker.heads, ==, 2);
    g_autofree char *asked = fake_asked(host);
    g_assert_cmpstr(asked, ==, "GET " BASE "\nGET " BASE "sub/\nGET " BASE "sub/deep/\n");
}

static void check_digests(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(host, BASE, 200, "text/html",
               INDEX("<a href=\"a.dat\">a</a>  02-Jan-2024 03:04   1\n<a href=\"sub/\">sub/</a>\n"
                     "<a href=\"b.dat\">b</a>  02-Jan-2024 03:04   1\n"
                     "<a href=\"b.dat.md5\">m</a>  02-Jan-2024 03:04   33\n"
                     "<a href=\"c.dat\">c</a>  02-Jan-2024 03:04   1\n"
                     "<a href=\"c.dat.sha256\">m</a>  02-Jan-2024 03:04   65\n"
                     "<a href=\"SHA256SUMS\">s</a>  02-Jan-2024 03:04   99\n"
                     "<a href=\"MD5SUMS\">s</a>  02-Jan-2024 03:04   99\n"));
    fake_serve(host, BASE "sub/", 200, "text/html",
               INDEX("<a href=\"d.dat\">d</a>  02-Jan-2024 03:04   1\n"
                     "<a href=\"sha256sums.txt\">s</a>  02-Jan-2024 03:04   1\n"));
    fake_serve(host, BASE "SHA256SUMS", 200, "text/plain",
               SHA_A "  a.dat\n" SHA_A " *./sub/d.dat\n" SHA_B "  gone.dat\n" SHA_B
                     "  ../outside.dat\n" SHA_B "  /etc/passwd\n");
    fake_serve(host, BASE "MD5SUMS", 200, "text/plain", MD5_C "  a.dat\nnot a line of a list\n");
    fake_serve(host, BASE "b.dat.md5", 200, "text/plain", MD5_C "\n");
    fake_serve(host, BASE "c.dat.sha256", 200, "text/plain", SHA_B "  /home/somebody/c.dat\n");
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(host, &taker, BASE, NULL, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_no_error(error);
    g_assert_cmpstr(taker.files->str, ==,
                    "a.dat 1 2024-01-02T03:04 data +md5:cccccccc +sha256:aaaaaaaa\n"
                    "b.dat 1 2024-01-02T03:04 data +md5:cccccccc\n"
                    "b.dat.md5 33 2024-01-02T03:04 checksums\n"
                    "c.dat 1 2024-01-02T03:04 data +sha256:bbbbbbbb\n"
                    "c.dat.sha256 65 2024-01-02T03:04 checksums\n"
                    "SHA256SUMS 99 2024-01-02T03:04 checksums\n"
                    "MD5SUMS 99 2024-01-02T03:04 checksums\n"
                    "sub/d.dat 1 2024-01-02T03:04 data +sha256:aaaaaaaa\n"
                    "sub/sha256sums.txt 1 2024-01-02T03:04 checksums\n");
    g_autofree char *notes = fake_notes(&taker);
    g_assert_nonnull(strstr(notes, "The list of digests MD5SUMS could not be used to its end"));
    g_assert_nonnull(strstr(notes, "The list of digests sub/sha256sums.txt could not be used"));
    g_assert_nonnull(strstr(notes, "name 1 files that no listing shows (gone.dat"));
    g_assert_nonnull(strstr(notes, "2 lines of the lists of digests name no safe path"));
    g_assert_cmpstr(taker.digests->str, ==, "");

    /* A list that cannot be had now would make another state of the source. */
    fake_serve(host, BASE "SHA256SUMS", 503, "text/plain", "");
    g_assert_cmpint(resolve(host, &taker, BASE, NULL, NULL, &error), ==, RESOLVE_FAILED);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
}

/* How many lines of TEXT hold WORDS. Bounded searches: the sanitizer measures a text at each
 * strstr(). */
static guint count_lines(const GString *text, const char *words)
{
    guint count = 0;
    const char *end = text->str + text->len;
    for (const char *at = text->str, *stop; at < end; at = stop + 1) {
        stop = memchr(at, '\n', (gsize)(end - at));
        if (!stop)
            stop = end;
        count += g_strstr_len(at, stop - at, words) != NULL;
    }
    return count;
}

/* More digests than memory is given for are told one by one. */
static void check_many_digests(void)
{
    const guint many = 60000;
    g_autoptr(FakeHost) host = fake_host_new();
    g_autoptr(GString) list = g_string_new(NULL);
    g_autoptr(GString) page =
        g_string_new("<title>Index of /</title><pre><a href=\"MD5SUMS\">m</a>\n");
    for (guint i = 0; i < many; i++) {
        g_string_append_printf(list, MD5_C "  f%06u\n", i);
        g_string_append_printf(page, "<a href=\"f%06u\">f</a> 02-Jan-2024 03:04   1\n", i);
    }
    fake_serve_bytes(host, BASE, 200, "text/html", page->str, page->len);
    fake_serve_bytes(host, BASE "MD5SUMS", 200, "text/plain", list->str, list->len);
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(host, &taker, BASE, NULL, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_no_error(error);
    g_assert_cmpuint(taker.count, ==, many + 1);
    guint in_files = count_lines(taker.files, "+md5:cccccccc");
    guint apart = count_lines(taker.digests, "");
    g_assert_cmpuint(in_files + apart, ==, many);
    g_assert_cmpuint(apart, ==, 10000);
    g_assert_true(g_str_has_suffix(taker.digests->str, "f059999 " MD5_C "\n"));

    /* A taker that takes none is told how many were lost. */
    taker.taker.digest = NULL;
    g_assert_cmpint(resolve(host, &taker, BASE, NULL, NULL, &error), ==, RESOLVE_LISTED);
    g_autofree char *notes = fake_notes(&taker);
    g_assert_nonnull(strstr(notes, "10000 digests of long lists were not used"));
}

typedef struct {
    const char *type, *page;
    int code;
    const char *says;
} PageCase;

static void check_refused_listings(void)
{
    static const PageCase pages[] = {
        {"text/html", "<html><head><title>Our data</title></head><body><p>x</p></body></html>",
         MEDMIRROR_ERROR_ABSENT, "is not listable: it shows a page (\"Our data\")"},
        {"text/html", "<p><a href=\"a.zip\">x</a></p>", MEDMIRROR_ERROR_ABSENT, "is not listable"},
        {"text/html", INDEX("<a href=\"%2e%2e%2fetc/passwd\">x</a>"), MEDMIRROR_ERROR_UNSAFE,
         "The listing " BASE},
        {"text/html", INDEX("<a href=\"a%2Fb\">x</a>"), MEDMIRROR_ERROR_UNSAFE, "slash"},
        {"text/html", INDEX("<a href=\"a%00b\">x</a>"), MEDMIRROR_ERROR_UNSAFE, "NUL"},
        {"text/html", INDEX("<a href=\"a%0Ab\">x</a>"), MEDMIRROR_ERROR_UNSAFE, "The listing"},
        {"text/html", INDEX("<a href=\"a%5Cb\">x</a>"), MEDMIRROR_ERROR_UNSAFE, "The listing"},
        {"text/html", INDEX("<a href=\"a/%2e%2e/%2e%2e/b\">x</a>"), MEDMIRROR_ERROR_UNSAFE,
         "The listing"},
        {"text/html", INDEX("<a href=\"%B2%C9.dat\">x</a>"), MEDMIRROR_ERROR_UNSAFE, "The listing"},
        {"application/json", "[{\"name\":\"../x\"}]", MEDMIRROR_ERROR_UNSAFE, "The listing"},
        {"application/json", "[{\"name\":\"..\",\"is_dir\":true}]", MEDMIRROR_ERROR_UNSAFE,
         "The listing"},
        {"application/json", "[{\"name\":\"a/b\"}]", MEDMIRROR_ERROR_UNSAFE, "no safe file name"},
        {"application/json", "[{\"name\":\"/etc/passwd\"}]", MEDMIRROR_ERROR_UNSAFE, "The listing"},
        {"application/json", "[{\"name\":\"a\"", MEDMIRROR_ERROR_ORIGIN, "no JSON"},
        {"application/json", "{\"error\":1}", MEDMIRROR_ERROR_ABSENT, "is not listable"},
        {"application/json", "<title>Index of /</title>", MEDMIRROR_ERROR_ABSENT,
         "is not listable"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(pages); i++) {
        g_test_message("%s", pages[i].page);
        g_autoptr(FakeHost) host = fake_host_new();
        fake_serve(host, BASE, 200, pages[i].type, pages[i].page);
        g_auto(FakeTaker) taker;
        fake_taker_init(&taker);
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(resolve(host, &taker, BASE, NULL, NULL, &error), ==, RESOLVE_FAILED);
        g_assert_error(error, MEDMIRROR_ERROR, pages[i].code);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, pages[i].says));
        g_assert_cmpuint(taker.count, ==, 0);
    }
}

static void check_refused_start(void)
{
    static const int answers[][2] = {{404, MEDMIRROR_ERROR_ABSENT},
                                     {401, MEDMIRROR_ERROR_ACCESS},
                                     {403, MEDMIRROR_ERROR_ORIGIN},
                                     {500, MEDMIRROR_ERROR_ORIGIN}};
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        fake_serve(host, BASE, answers[i][0], "text/html", "<html>");
        g_auto(FakeTaker) taker;
        fake_taker_init(&taker);
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(resolve(host, &taker, BASE, NULL, NULL, &error), ==, RESOLVE_FAILED);
        g_assert_error(error, MEDMIRROR_ERROR, answers[i][1]);
    }
}

/* A folder that is not listable is told and left out; one that leads away is, too. */
static void check_odd_folders(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(host, BASE, 200, "text/html",
               INDEX("<a href=\"a.dat\">a</a>\n<a href=\"page/\">p</a>\n<a href=\"closed/\">c</a>\n"
                     "<a href=\"away/\">a</a>\n<a href=\"gone/\">g</a>\n"));
    fake_serve(host, BASE "page/", 200, "text/html", "<title>Hello</title><p>x</p>");
    fake_serve(host, BASE "closed/", 403, "text/html", "");
    fake_serve(host, BASE "away/", 200, "text/html", INDEX("<a href=\"x.dat\">x</a>"))->final_url =
        "http://data.example/elsewhere/";
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(host, &taker, BASE, NULL, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_no_error(error);
    g_assert_cmpstr(taker.files->str, ==, "a.dat - data\n");
    g_autofree char *notes = fake_notes(&taker);
    static const char *const told[] = {
        "The folder page is left out", "The folder closed is left out",
        "The folder away is left out", "The folder gone is left out"};
    for (guint i = 0; i < G_N_ELEMENTS(told); i++)
        g_assert_nonnull(strstr(notes, told[i]));
    g_assert_true(taker.head->state_is_weak); /* neither size nor date of the one file */

    fake_serve(host, BASE "page/", 503, "text/html", "");
    g_assert_cmpint(resolve(host, &taker, BASE, NULL, NULL, &error), ==, RESOLVE_FAILED);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
}

/* The start may be moved by its server; what it lists is then looked for there. */
static void check_moved_start(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(
        host, BASE, 200, "text/html",
        INDEX("<a href=\"sub/\">s</a>\n<a href=\"/moved/a.dat\">a</a> 02-Jan-2024 03:04 1\n"))
        ->final_url = "https://data.example/moved/";
    fake_serve(host, "https://data.example/moved/sub/", 200, "text/html",
               INDEX("<a href=\"b.dat\">b</a> 02-Jan-2024 03:04 2\n"));
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_assert_cmpint(resolve(host, &taker, BASE, NULL, NULL, NULL), ==, RESOLVE_LISTED);
    g_assert_cmpstr(taker.addresses->str, ==,
                    "a.dat https://data.example/moved/a.dat\n"
                    "sub/b.dat https://data.example/moved/sub/b.dat\n");
}

/* A link that leads round and round ends at the depth that paths may have. */
static void check_loop(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    g_autoptr(GString) url = g_string_new(BASE);
    for (guint i = 0; i < 40; i++) {
        fake_serve(host, url->str, 200, "text/html", INDEX("<a href=\"loop/\">l</a>\n"));
        g_string_append(url, "loop/");
    }
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(host, &taker, BASE, NULL, NULL, &error), ==, RESOLVE_FAILED);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
    g_assert_cmpuint(host->asked->len, <=, 34);
}

/* A page that is no listing names lists of digests to nobody. */
static void check_forgotten(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(host, BASE, 200, "text/html",
               INDEX("<a href=\"page/\">p</a>\n<a href=\"sub/\">s</a>\n"));
    fake_serve(host, BASE "page/", 200, "text/html", "<p><a href=\"SHA256SUMS\">x</a></p>");
    fake_serve(host, BASE "page/SHA256SUMS", 503, "text/plain", "");
    fake_serve(host, BASE "sub/", 200, "text/html",
               INDEX("<a href=\"a.dat\">a</a> 02-Jan-2024 03:04 1\n"));
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(host, &taker, BASE, NULL, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_no_error(error);
    g_assert_cmpstr(taker.files->str, ==, "sub/a.dat 1 2024-01-02T03:04 data\n");
}

static void check_cancel(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(host, BASE, 200, "text/html", INDEX("<a href=\"a\">a</a>"));
    host->cancelled = TRUE;
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(host, &taker, BASE, NULL, NULL, &error), ==, RESOLVE_FAILED);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED);
    g_assert_cmpuint(host->asked->len, ==, 0);
}

static void check_bare_lists(void)
{
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(
        host, BASE, 200, "text/html",
        "<!DOCTYPE html><html><body><ul><li><a href=\"RECORDS\">RECORDS</a></li>"
        "<li><a href=\"a.dat\">a.dat</a></li><li><a href=\"sub\">sub</a></li></ul></body></html>");
    fake_serve(host, BASE "sub/", 200, "text/html",
               "<html><body><ul><li><a href=\"b.dat\">b.dat</a></li></ul></body></html>");
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(host, &taker, BASE, NULL, NULL, &error), ==, RESOLVE_LISTED);
    g_assert_no_error(error);
    g_assert_cmpstr(taker.files->str, ==, "RECORDS - data\na.dat - data\nsub/b.dat - data\n");
}

static void check_registry(void)
{
    static const char *const names[] = {"http", "uci", "physionet"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        const Fetcher *fetcher = fetcher_find(names[i]);
        g_assert_nonnull(fetcher);
        g_assert_cmpstr(fetcher->row.name, ==, names[i]);
        g_assert_true(fetcher->check_locator && fetcher->folder && fetcher->ref &&
                      fetcher->versions && fetcher->resolve && fetcher->classify &&
                      fetcher->describe_access && fetcher->locator_from_name);
        g_assert_true(fetcher->row.locator_keys && fetcher->row.endpoints && fetcher->row.hosts);
    }
    g_assert_null(fetcher_find("https"));
    g_assert_null(fetcher_find(NULL));
    prepared_free(NULL);
    Prepared *prepared = g_new0(Prepared, 1);
    prepared->address = g_strdup("x");
    prepared->headers = g_ptr_array_new_with_free_func(g_free);
    prepared_free(prepared);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/http/the table of fetchers", check_registry);
    g_test_add_func("/http/addresses", check_addresses);
    g_test_add_func("/http/locators", check_locators);
    g_test_add_func("/http/long names", check_long_names);
    g_test_add_func("/http/one file", check_one_file);
    g_test_add_func("/http/names", check_names);
    g_test_add_func("/http/looks at a file", check_looks);
    g_test_add_func("/http/recorded facts", check_recorded);
    g_test_add_func("/http/several files", check_several);
    g_test_add_func("/http/a tree", check_tree);
    g_test_add_func("/http/lists of digests", check_digests);
    g_test_add_func("/http/many digests", check_many_digests);
    g_test_add_func("/http/listings that are refused", check_refused_listings);
    g_test_add_func("/http/a start that is refused", check_refused_start);
    g_test_add_func("/http/odd folders", check_odd_folders);
    g_test_add_func("/http/a start that moved", check_moved_start);
    g_test_add_func("/http/a loop", check_loop);
    g_test_add_func("/http/lists of pages", check_forgotten);
    g_test_add_func("/http/cancelled", check_cancel);
    g_test_add_func("/http/bare lists", check_bare_lists);
    return g_test_run();
}

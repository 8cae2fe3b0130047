/* Listings of buckets that have no end, and hosts that put more than a region into an error. */
#include "s3_listing.h"
#include "support_fake_host.h"

typedef struct {
    const char *name;
    const char *const tokens[4]; /* of the pages, again and again; NULL: a new one each */
    gboolean has_objects;
} EndlessCase;

static const EndlessCase endless[] = {
    {"the same token", {"a", NULL}, TRUE},
    {"two in turn", {"a", "b", NULL}, TRUE},
    {"three in turn", {"a", "b", "c", NULL}, TRUE},
    {"empty pages", {NULL}, FALSE},
};

static const EndlessCase *current;
static guint pages;

static Document *serve_page(HostServices *services, const DocumentRequest *request, GError **error)
{
    guint round = 0;
    while (round < 4 && current->tokens[round])
        round++;
    g_autofree char *token =
        round ? g_strdup(current->tokens[pages % round]) : g_strdup_printf("t%u", pages);
    g_autofree char *page = g_strdup_printf(
        "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>true</IsTruncated>"
        "<NextContinuationToken>%s</NextContinuationToken>%s</ListBucketResult>",
        token, current->has_objects ? "<Contents><Key>k</Key><Size>1</Size></Contents>" : "");
    const FakeAnswer answer = {.body = page, .length = strlen(page)};
    pages++;
    return fake_document(&answer, request, 200, answer.length);
}

static gboolean take(const S3Object *object, gpointer data, GError **error)
{
    return TRUE;
}

static void test_endless(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(endless); i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        g_autoptr(GError) error = NULL;
        current = &endless[i];
        pages = 0;
        host->services.get = serve_page;
        const S3Listing listing = {
            .services = &host->services, .base = "https://s3", .bucket = "one", .prefix = ""};
        g_test_message("%s", current->name);
        g_assert_false(s3_list(&listing, take, NULL, NULL, NULL, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
        g_assert_nonnull(strstr(error->message, "has no end"));
        g_assert_cmpuint(pages, <=, 100);
    }
}

static const struct {
    const char *said, *taken;
} regions[] = {
    {"eu-west-1", "eu-west-1"}, {"$(touch x)", NULL}, {"evil.example/", NULL},
    {"x@evil", NULL},           {"", NULL},
};

static const char *said_region;

static Document *serve_error(HostServices *services, const DocumentRequest *request, GError **error)
{
    g_autofree char *page =
        g_strdup_printf("<?xml version=\"1.0\"?><Error><Code>PermanentRedirect</Code>"
                        "<Message>elsewhere</Message><Region>%s</Region></Error>",
                        said_region);
    const FakeAnswer answer = {.body = page, .length = strlen(page)};
    return fake_document(&answer, request, 301, answer.length);
}

static void test_region(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(regions); i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        g_autoptr(GError) error = NULL;
        g_autofree char *region = NULL;
        said_region = regions[i].said;
        host->services.get = serve_error;
        const S3Listing listing = {
            .services = &host->services, .base = "https://s3", .bucket = "one", .prefix = ""};
        g_assert_false(s3_list(&listing, take, NULL, NULL, &region, &error));
        g_assert_cmpstr(region, ==, regions[i].taken);
    }
}

int main(int count, char **arguments)
{
    g_test_init(&count, &arguments, NULL);
    g_test_add_func("/s3-listing/endless", test_endless);
    g_test_add_func("/s3-listing/region", test_region);
    return g_test_run();
}

/* Listings of buckets: what is taken of a page, and what is no page; and who signs for where. */
#include "error.h"
#include "request_signer.h"
#include "s3_listing.h"
#include "verdict.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OPEN "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define CLOSE "</ListBucketResult>"

static int document_of(const char *text)
{
    int fd = memfd_create("page", MFD_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    return fd;
}

static gboolean note_object(const S3Object *object, gpointer data, GError **error)
{
    g_autofree char *size = object->size == SIZE_UNKNOWN
                                ? g_strdup("?")
                                : g_strdup_printf("%" G_GUINT64_FORMAT, object->size);
    g_string_append_printf(data, "%s|%s|%s|%s\n", object->key, size,
                           object->etag ? object->etag : "-",
                           object->modified ? object->modified : "-");
    return TRUE;
}

static void test_pages(void)
{
    static const struct {
        const char *name, *text, *objects, *token;
        gboolean is_truncated;
    } rows[] = {
        {"empty", OPEN "<KeyCount>0</KeyCount><IsTruncated>false</IsTruncated>" CLOSE, "", NULL,
         FALSE},
        {"as Amazon writes it",
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" OPEN
         "<Name>b</Name><IsTruncated>true</IsTruncated>"
         "<NextContinuationToken>1+/x=</NextContinuationToken><Contents><Key>p/a b+c.dat</Key>"
         "<LastModified>2024-01-02T03:04:05.000Z</LastModified><ETag>&quot;ab&quot;</ETag>"
         "<Owner><ID>x</ID><DisplayName>Key</DisplayName></Owner><Size>12</Size></Contents>"
         "<CommonPrefixes><Prefix>p/s/</Prefix></CommonPrefixes>" CLOSE,
         "p/a b+c.dat|12|\"ab\"|2024-01-02T03:04:05.000Z\n", "1+/x=", TRUE},
        {"no namespace, the rest behind the objects",
         "<ListBucketResult><Contents><Key>\xe8\x82\xba &amp; &#x41;</Key></Contents>"
         "<Contents><Key>b</Key><Size>5000000000</Size></Contents><IsTruncated>True</IsTruncated>"
         "<NextContinuationToken>t</NextContinuationToken>" CLOSE,
         "\xe8\x82\xba & A|?|-|-\nb|5000000000|-|-\n", "t", TRUE},
        {"a size that is none",
         OPEN "<Contents><Key>a</Key><Size>-1</Size></Contents>"
              "<Contents><Key>b</Key><Size>99999999999999999999</Size></Contents>" CLOSE,
         "a|?|-|-\nb|?|-|-\n", NULL, FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        int fd = document_of(rows[i].text);
        g_auto(S3Page) page = {0};
        g_autoptr(GString) objects = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        g_test_message("%s", rows[i].name);
        g_assert_true(s3_page_read(fd, &page, note_object, objects, &error));
        g_assert_no_error(error);
        g_assert_true(page.is_listing);
        g_assert_cmpstr(objects->str, ==, rows[i].objects);
        g_assert_cmpstr(page.token, ==, rows[i].token);
        g_assert_cmpint(page.is_truncated, ==, rows[i].is_truncated);
        close(fd);
    }
}

static void test_no_pages(void)
{
    g_autofree char *long_key = g_strnfill(20000, 'k');
    g_autofree char *too_long = g_strconcat(OPEN "<Contents><Key>", long_key, NULL);
    const char *const texts[] = {
        "",
        "{}",
        OPEN "<Contents><Key>a</Key>",
        OPEN "<Contents><Size>1</Size></Contents>" CLOSE,
        "<!DOCTYPE a [<!ENTITY x \"y\">]>" OPEN CLOSE,
        OPEN "&unknown;" CLOSE,
        OPEN "<Contents><Key>\x01</Key></Contents>" CLOSE,
        "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>",
        too_long,
    };
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        int fd = document_of(texts[i]);
        g_auto(S3Page) page = {0};
        g_autoptr(GString) objects = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        g_test_message("%.80s", texts[i]);
        g_assert_false(s3_page_read(fd, &page, note_object, objects, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
        g_assert_cmpstr(objects->str, ==, "");
        close(fd);
    }
}

static void test_error(void)
{
    int fd = document_of("<Error><Code>AuthorizationHeaderMalformed</Code><Message>expecting "
                         "'eu-west-1'</Message><Region>eu-west-1</Region></Error>");
    g_auto(S3Page) page = {0};
    g_assert_true(s3_page_read(fd, &page, NULL, NULL, NULL));
    g_assert_false(page.is_listing);
    g_assert_cmpstr(page.error_code, ==, "AuthorizationHeaderMalformed");
    g_assert_cmpstr(page.error_region, ==, "eu-west-1");
    close(fd);
}

static void test_redirect(void)
{
    int fd =
        document_of("<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message>"
                    "<Endpoint>b.s3.eu-north-1.amazonaws.com</Endpoint><Bucket>b</Bucket></Error>");
    g_auto(S3Page) page = {0};
    g_assert_true(s3_page_read(fd, &page, NULL, NULL, NULL));
    g_assert_cmpstr(page.error_region, ==, "eu-north-1");
    close(fd);
}

static void test_addresses(void)
{
    g_autofree char *address =
        s3_object_address("https://s3.amazonaws.com", "b", "p q/(1)+\xe8\x82\xba~._-/x%41");
    g_assert_cmpstr(address, ==, "https://s3.amazonaws.com/b/p%20q/%281%29%2B%E8%82%BA~._-/x%2541");
}

static void test_regions(void)
{
    static const struct {
        const char *address, *region;
    } rows[] = {
        {"https://s3.eu-west-1.amazonaws.com/b/k", "eu-west-1"},
        {"https://b.s3.eu-west-1.amazonaws.com/k", "eu-west-1"},
        {"https://b.s3-eu-central-1.amazonaws.com/k", "eu-central-1"},
        {"https://s3.amazonaws.com/b/k", NULL},
        {"https://s3.cn-north-1.amazonaws.com.cn/b/k", "cn-north-1"},
        {"http://127.0.0.1:9000/b/k", NULL},
        {"nonsense", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *region = request_signer_region(rows[i].address);
        g_assert_cmpstr(region, ==, rows[i].region);
    }
}

static void test_signer(void)
{
    g_autoptr(Credential) pair = credential_new(CREDENTIAL_KEY_PAIR, "AK", "secret", "test");
    g_autoptr(RequestSigner) usual = request_signer_new(pair, NULL);
    g_assert_cmpstr(usual->scope, ==, "aws:amz:us-east-1:s3");
    g_assert_cmpuint(usual->headers->len, ==, 1);
    pair->session = g_strdup("token");
    pair->region = g_strdup("eu-west-1");
    g_autoptr(RequestSigner) lent = request_signer_new(pair, NULL);
    g_autoptr(RequestSigner) copy = request_signer_copy(lent);
    g_assert_cmpstr(copy->scope, ==, "aws:amz:eu-west-1:s3");
    g_assert_cmpstr(copy->headers->pdata[1], ==, "x-amz-security-token: token");
    g_assert_null(request_signer_new(pair, "eu west"));
    g_assert_null(request_signer_new(pair, "x:y"));
    g_free(pair->session);
    pair->session = g_strdup("token\r\nHost: elsewhere");
    g_assert_null(request_signer_new(pair, NULL));
    g_assert_null(credential_header(pair)); /* the secret is never sent */
    g_autoptr(GPtrArray) headers = credential_headers(pair);
    g_assert_cmpuint(headers->len, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/s3/pages", test_pages);
    g_test_add_func("/s3/no-pages", test_no_pages);
    g_test_add_func("/s3/error", test_error);
    g_test_add_func("/s3/redirect", test_redirect);
    g_test_add_func("/s3/addresses", test_addresses);
    g_test_add_func("/s3/regions", test_regions);
    g_test_add_func("/s3/signer", test_signer);
    return g_test_run();
}

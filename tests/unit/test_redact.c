/* Nothing that is secret is shown, and what helps a person is. */
#include "event_log.h"
#include "redact.h"

#include <string.h>

static void test_addresses(void)
{
    static const struct {
        const char *address, *shown;
    } rows[] = {
        {"http://h/a/b.zip", "http://h/a/b.zip"},
        {"https://user:pass@h:8080/a", "https://h:8080/a"},
        {"https://user@h/a", "https://h/a"},
        {"https://user:p@ss@h/a", "https://h/a"},
        {"https://user:p/ss@h/a", "https://h/a"},
        {"https://h:8080/x@y", "https://h:8080/x@y"},
        {"https://h/x:y@1.0", "https://h/x:y@1.0"},
        {"https://[::1]:80/x@y", "https://[::1]:80/x@y"},
        {"https://[::1]/x@y", "https://[::1]/x@y"},
        {"http://h/a?download=1", "http://h/a?download=1"},
        {"http://h/a?name=b&version=2&token=geheim", "http://h/a?name=b&version=2&token=***"},
        {"http://h/a?geheim", "http://h/a?***"},
        {"http://h/a?", "http://h/a?"},
        {"https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4&name=n&X-Amz-Signature=abc",
         "https://b.s3.amazonaws.com/k?***"},
        {"https://storage.googleapis.com/k?GoogleAccessId=a&Expires=1&Signature=geheim",
         "https://storage.googleapis.com/k?***"},
        {"https://c.blob.core.windows.net/k?sv=1&sig=geheim",
         "https://c.blob.core.windows.net/k?***"},
        {"https://h/a#part", "https://h/a#part"},
        {"https://h/a?id=1#access_token=geheim", "https://h/a?id=1#***"},
        {"https://h/a#x?token=geheim", "https://h/a#***"},
        {"a/b?token=x", "a/b?token=x"}, /* no address */
        {"", ""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *shown = redact_address(rows[i].address);
        g_assert_cmpstr(shown, ==, rows[i].shown);
    }
    g_assert_null(redact_address(NULL));
}

static void test_text(void)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"http://h/a?sig=x: gone; see “http://h/b?sig=y”, (http://h/c?sig=z), http://h/d?k=v.",
         "http://h/a?***: gone; see “http://h/b?***”, (http://h/c?***), http://h/d?k=***."},
        {"fetched http://u:p@h/a?k=v and \"https://h/b?sig=x\".",
         "fetched http://h/a?k=*** and \"https://h/b?***\"."},
        {"Authorization: Basic dTpw\r\nAccept: */*", "Authorization: ***\r\nAccept: */*"},
        {"> authorization: Bearer abc", "> authorization: ***"},
        {"proxy-authorization: Basic x", "proxy-authorization: ***"},
        {"Set-Cookie: session=1; Path=/\nX: y", "Set-Cookie: ***\nX: y"},
        {"cookie=session", "cookie=***"},
        {"the bearer abcdefgh0123 was sent", "the bearer *** was sent"},
        {"GET /k?x-goog-algorithm=a&X-Goog-Signature=0123456789 HTTP/1.1",
         "GET /k?x-goog-algorithm=a&X-Goog-Signature=*** HTTP/1.1"},
        {"/k?Expires=1&Signature=0123456789&b=c, and no design=0123456789",
         "/k?Expires=1&Signature=*** and no design=0123456789"},
        {"no cookies here, 50% done, 影像", "no cookies here, 50% done, 影像"},
        {"bytes \xff\xfe http://u:p@h/", "bytes \xff\xfe http://h/"},
        {"", ""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *shown = redact_text(rows[i].text);
        g_assert_cmpstr(shown, ==, rows[i].shown);
    }
    g_assert_null(redact_text(NULL));
}

static void test_proxies(void)
{
    static const char *const rows[][2] = {
        {"http://ana:geheim@proxy:3128", "http://proxy:3128"},
        {"ana:geheim@proxy:3128", "proxy:3128"},
        {"ana:ge@heim@proxy", "proxy"},
        {"proxy:3128", "proxy:3128"},
        {"", ""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *shown = redact_proxy(rows[i][0]);
        g_assert_cmpstr(shown, ==, rows[i][1]);
    }
    g_assert_null(redact_proxy(NULL));
}

static void test_known_secrets(void)
{
    redact_add_secret("hunter2");          /* too short to be looked for */
    redact_add_secret("correct horse/1");  /* also as an address has it */
    redact_add_secret("correct horse/1+"); /* the longer one first */
    redact_add_secret("correct horse/1");
    redact_add_secret("say \"friend\"");
    redact_add_secret(NULL);
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"hunter2", "hunter2"},
        {"a correct horse/1 b correct horse/1+", "a *** b ***"},
        {"q=correct%20horse%2F1", "q=***"},
        {"{\"p\":\"say \\\"friend\\\"\"}", "{\"p\":\"***\"}"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *shown = redact_text(rows[i].text);
        g_assert_cmpstr(shown, ==, rows[i].shown);
        g_autofree char *name = redact_address(rows[i].text);
        g_assert_cmpstr(name, ==, rows[i].shown);
    }
    g_autofree char *in_path = redact_address("http://h/correct%20horse%2F1/x");
    g_assert_cmpstr(in_path, ==, "http://h/***/x");
}

static void take_line(EventLogLevel level, const char *line, gpointer data)
{
    g_string_append_printf(data, "%u:%s|", level, line);
}

static void test_event_log(void)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    event_log(EVENT_LOG_INFO, "nobody %s", "listens");
    event_log_set_writer(take_line, lines);
    event_log(EVENT_LOG_INFO, "retry %d of http://u:p@h/a", 2);
    event_log(EVENT_LOG_WARNING, "title \x1b[31mred\nnext");
    event_log_set_writer(NULL, NULL);
    event_log(EVENT_LOG_DEBUG, "again nobody");
    g_assert_cmpstr(lines->str, ==, "1:retry 2 of http://h/a|2:title \\u001b[31mred\\nnext|");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/redact/addresses", test_addresses);
    g_test_add_func("/redact/text", test_text);
    g_test_add_func("/redact/proxies", test_proxies);
    g_test_add_func("/redact/known-secrets", test_known_secrets);
    g_test_add_func("/event-log/lines", test_event_log);
    return g_test_run();
}

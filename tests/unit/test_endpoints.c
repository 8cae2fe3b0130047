/*
 * Where sources are asked, which trust setting counts, and the words for outcomes.
 */
#include "endpoints.h"
#include "engine.h"
#include "error.h"
#include "trust_settings.h"

#include <string.h>

static void test_endpoints(void)
{
    g_autoptr(Endpoints) endpoints = endpoints_new();
    g_autoptr(GError) error = NULL;

    g_assert_cmpstr(endpoints_base(endpoints, "uci-cdn", "uci", "https://cdn"), ==, "https://cdn");
    g_assert_true(endpoints_set(endpoints, "uci=http://127.0.0.1:8080/lab//", &error));
    g_assert_no_error(error);
    g_assert_cmpstr(endpoints_base(endpoints, "uci", "uci", "https://x"), ==,
                    "http://127.0.0.1:8080/lab");
    g_assert_null(endpoints_base(endpoints, "uci-cdn", "uci", "https://cdn"));
    g_assert_cmpstr(endpoints_base(endpoints, "physionet", "physionet", "https://p"), ==,
                    "https://p");
    g_assert_true(endpoints_set(endpoints, "uci-cdn=http://127.0.0.1:8081", &error));
    g_assert_cmpstr(endpoints_base(endpoints, "uci-cdn", "uci", NULL), ==, "http://127.0.0.1:8081");
    /* The first setting counts. */
    g_assert_true(endpoints_set(endpoints, "uci=http://127.0.0.1:9", &error));
    g_assert_cmpstr(endpoints_base(endpoints, "uci", "uci", NULL), ==, "http://127.0.0.1:8080/lab");
}

/* Its own hosts, and those that it is sent to: for a jar of cookies. */
static void test_own_hosts(void)
{
    static const struct {
        const char *address;
        gboolean before, after;
    } rows[] = {
        {"https://physionet.org/files/x", TRUE, TRUE},
        {"https://PhysioNet.org/", TRUE, TRUE},
        {"https://physionet.org.example/", FALSE, FALSE},
        {"http://127.0.0.1:8080/lab/files/x", FALSE, TRUE},
        {"http://127.0.0.1:8080/else", FALSE, TRUE},
        {"http://127.0.0.1:8081/lab", FALSE, FALSE},
        {"no address", FALSE, FALSE},
    };
    g_autoptr(Endpoints) endpoints = endpoints_new();
    const FetcherRow *row = &fetcher_find("physionet")->row;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(endpoints_is_own_host(endpoints, row, rows[i].address), ==, rows[i].before);
    g_assert_true(endpoints_set(endpoints, "physionet=http://127.0.0.1:8080/lab", NULL));
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(endpoints_is_own_host(endpoints, row, rows[i].address), ==, rows[i].after);
}

static void test_wrong_endpoints(void)
{
    static const char *const rows[][2] = {
        {"physionett=http://h", "--endpoint physionet=URL"},
        {"qqqqqqqqqqqq=http://h", "medmirror doctor"},
        {"uci", "--endpoint NAME=URL"},
        {"=http://h", "--endpoint NAME=URL"},
        {"uci=", "--endpoint uci=https://HOST/PATH"},
        {"uci=ftp://h/", "--endpoint uci=https://HOST/PATH"},
        {"uci=http://h/?q=1", "--endpoint uci=https://HOST/PATH"},
        {"uci=h:80", "--endpoint uci=https://HOST/PATH"},
    };
    g_autoptr(Endpoints) endpoints = endpoints_new();

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(endpoints_set(endpoints, rows[i][0], &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
        if (strstr(error->message, rows[i][1]) == NULL)
            g_error("“%s” does not say “%s”", error->message, rows[i][1]);
    }
    g_assert_false(endpoints_is_set(endpoints, "uci"));
}

static void test_environment(void)
{
    g_autoptr(Endpoints) endpoints = endpoints_new();
    g_autoptr(GError) error = NULL;

    g_setenv("MEDMIRROR_ENDPOINT_UCI_CDN", "http://127.0.0.1:7", TRUE);
    g_assert_true(endpoints_set_from_environment(endpoints, &error));
    g_assert_cmpstr(endpoints_base(endpoints, "uci-cdn", "uci", NULL), ==, "http://127.0.0.1:7");
    g_setenv("MEDMIRROR_ENDPOINT_UCI", "nonsense", TRUE);
    g_assert_false(endpoints_set_from_environment(endpoints, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_assert_nonnull(strstr(error->message, "MEDMIRROR_ENDPOINT_UCI:"));
    g_unsetenv("MEDMIRROR_ENDPOINT_UCI");
    g_unsetenv("MEDMIRROR_ENDPOINT_UCI_CDN");
}

static void test_trust(void)
{
    static const char *const names[] = {"CURL_CA_BUNDLE",     "SSL_CERT_FILE", "SSL_CERT_DIR",
                                        "REQUESTS_CA_BUNDLE", "https_proxy",   "no_proxy"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        g_unsetenv(names[i]);
    g_autoptr(TrustSettings) none = trust_settings_new(NULL, NULL, NULL, NULL, NULL, NULL);
    g_assert_null(none->ca_file.value);
    g_assert_cmpstr(none->ca_file.origin, ==, "default");
    g_setenv("SSL_CERT_FILE", "/b", TRUE);
    g_setenv("SSL_CERT_DIR", "/c", TRUE);
    g_setenv("https_proxy", "http://p:1", TRUE);
    g_autoptr(TrustSettings) environment = trust_settings_new(NULL, NULL, NULL, NULL, NULL, NULL);
    g_assert_cmpstr(environment->ca_file.value, ==, "/b");
    g_assert_cmpstr(environment->ca_file.origin, ==, "SSL_CERT_FILE");
    g_assert_cmpstr(environment->ca_dir.origin, ==, "SSL_CERT_DIR");
    g_assert_null(environment->proxy.value);
    g_assert_cmpstr(environment->proxy.origin, ==, "https_proxy");
    g_setenv("CURL_CA_BUNDLE", "/a", TRUE);
    g_autoptr(TrustSettings) options =
        trust_settings_new("/option", "http://o:1", "/config", NULL, "http://c:1", "local");
    g_assert_cmpstr(options->ca_file.value, ==, "/option");
    g_assert_cmpstr(options->ca_file.origin, ==, "--cacert");
    g_assert_cmpstr(options->proxy.value, ==, "http://o:1");
    g_assert_cmpstr(options->no_proxy.origin, ==, "configuration");
    g_autoptr(TrustSettings) config =
        trust_settings_new(NULL, NULL, "/config", "/dir", "http://c:1", NULL);
    g_assert_cmpstr(config->ca_file.value, ==, "/config");
    g_assert_cmpstr(config->ca_dir.value, ==, "/dir");
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        g_unsetenv(names[i]);
}

/* Each names the file and the address, and ends with something to type. */
static void test_words(void)
{
    static const struct {
        OutcomeKind kind;
        MedmirrorError code;
    } rows[] = {
        {OUTCOME_CANCELLED, MEDMIRROR_ERROR_INTERRUPTED},
        {OUTCOME_NO_CONNECTION, MEDMIRROR_ERROR_ORIGIN},
        {OUTCOME_CERTIFICATE, MEDMIRROR_ERROR_ORIGIN},
        {OUTCOME_PROXY, MEDMIRROR_ERROR_ORIGIN},
        {OUTCOME_CUT, MEDMIRROR_ERROR_ORIGIN},
        {OUTCOME_BUSY, MEDMIRROR_ERROR_ORIGIN},
        {OUTCOME_REFUSED, MEDMIRROR_ERROR_ACCESS},
        {OUTCOME_TOKEN_REFUSED, MEDMIRROR_ERROR_ACCESS},
        {OUTCOME_FOREIGN_REFUSAL, MEDMIRROR_ERROR_ORIGIN},
        {OUTCOME_EXPIRED, MEDMIRROR_ERROR_ORIGIN},
        {OUTCOME_ABSENT, MEDMIRROR_ERROR_ABSENT},
        {OUTCOME_NOT_READY, MEDMIRROR_ERROR_ORIGIN},
        {OUTCOME_NOT_DATA, MEDMIRROR_ERROR_ORIGIN},
        {OUTCOME_CHANGED, MEDMIRROR_ERROR_ORIGIN},
        {OUTCOME_TRUNCATED_ARCHIVE, MEDMIRROR_ERROR_ORIGIN},
        {OUTCOME_WRONG_BYTES, MEDMIRROR_ERROR_ORIGIN},
        {OUTCOME_OTHER_STATUS, MEDMIRROR_ERROR_ORIGIN},
        {OUTCOME_REDIRECT_REFUSED, MEDMIRROR_ERROR_ORIGIN},
        {OUTCOME_STORAGE, MEDMIRROR_ERROR_STORAGE},
        {OUTCOME_UNSAFE, MEDMIRROR_ERROR_UNSAFE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        const Outcome outcome = {.kind = rows[i].kind,
                                 .retry_after_ms = -1,
                                 .address = (char *)"https://h/x",
                                 .detail = (char *)"the reason"};
        const Fetcher *fetcher = fetcher_find("physionet");
        g_autofree char *version = NULL;
        json_t *locator = fetcher->locator_from_name(fetcher, "mitdb", &version, NULL);
        g_autoptr(GError) error =
            outcome_to_error(&outcome, "a/b.csv", "physionet/mitdb", fetcher, locator, NULL);
        json_decref(locator);
        g_assert_error(error, MEDMIRROR_ERROR, (gint)rows[i].code);
        g_assert_nonnull(strstr(error->message, "a/b.csv"));
        g_assert_nonnull(strstr(error->message, "https://h/x"));
        g_assert_nonnull(strstr(error->message, "the reason"));
        g_assert_null(strstr(error->message, "%s"));
    }
    const Outcome cut = {.kind = OUTCOME_CUT, .retry_after_ms = -1};
    g_autoptr(GError) error = outcome_to_error(&cut, "a/b.csv", "uci/17", NULL, NULL, NULL);
    g_assert_true(g_str_has_suffix(error->message, "Type: medmirror pull uci/17"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/endpoints/set", test_endpoints);
    g_test_add_func("/endpoints/own hosts", test_own_hosts);
    g_test_add_func("/endpoints/wrong", test_wrong_endpoints);
    g_test_add_func("/endpoints/environment", test_environment);
    g_test_add_func("/endpoints/trust", test_trust);
    g_test_add_func("/endpoints/words", test_words);
    return g_test_run();
}

#include "trust_settings.h"

#include <string.h>

typedef struct {
    const char *value;
    const char *origin;
} Candidate;

static TrustSetting first_of(const Candidate *candidates, gsize count)
{
    for (gsize i = 0; i < count; i++)
        if (candidates[i].value != NULL && *candidates[i].value != '\0')
            return (TrustSetting){g_strdup(candidates[i].value), candidates[i].origin};
    return (TrustSetting){NULL, "default"};
}

/* REQUESTS_CA_BUNDLE may name a file or a folder (requests, "SSL Cert Verification"). */
static const char *environment_path(const char *name, GFileTest test)
{
    const char *value = g_getenv(name);
    return value != NULL && g_file_test(value, test) ? value : NULL;
}

TrustSettings *trust_settings_new(const char *option_ca_file, const char *option_proxy,
                                  const char *config_ca_file, const char *config_ca_dir,
                                  const char *config_proxy, const char *config_no_proxy)
{
    TrustSettings *settings = g_new0(TrustSettings, 1);
    const Candidate ca_files[] = {
        {option_ca_file, "--cacert"},
        {config_ca_file, "configuration"},
        {g_getenv("CURL_CA_BUNDLE"), "CURL_CA_BUNDLE"},
        {g_getenv("SSL_CERT_FILE"), "SSL_CERT_FILE"},
        {environment_path("REQUESTS_CA_BUNDLE", G_FILE_TEST_IS_REGULAR), "REQUESTS_CA_BUNDLE"},
    };
    const Candidate ca_dirs[] = {
        {config_ca_dir, "configuration"},
        {g_getenv("SSL_CERT_DIR"), "SSL_CERT_DIR"},
        {environment_path("REQUESTS_CA_BUNDLE", G_FILE_TEST_IS_DIR), "REQUESTS_CA_BUNDLE"},
    };
    /* HTTP_PROXY in capitals is not read by libcurl, for CGI's sake. */
    const Candidate proxies[] = {
        {option_proxy, "--proxy"},
        {config_proxy, "configuration"},
    };
    const Candidate no_proxies[] = {{config_no_proxy, "configuration"}};

    settings->ca_file = first_of(ca_files, G_N_ELEMENTS(ca_files));
    settings->ca_dir = first_of(ca_dirs, G_N_ELEMENTS(ca_dirs));
    settings->proxy = first_of(proxies, G_N_ELEMENTS(proxies));
    settings->no_proxy = first_of(no_proxies, G_N_ELEMENTS(no_proxies));
    if (settings->proxy.value == NULL) {
        static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "http_proxy",
                                            "all_proxy",   "ALL_PROXY",   NULL};
        for (gsize i = 0; names[i] != NULL; i++)
            if (g_getenv(names[i]) != NULL && *g_getenv(names[i]) != '\0') {
                settings->proxy.origin = names[i];
                break;
            }
    }
    if (settings->no_proxy.value == NULL) {
        if (g_getenv("no_proxy") != NULL)
            settings->no_proxy.origin = "no_proxy";
        else if (g_getenv("NO_PROXY") != NULL)
            settings->no_proxy.origin = "NO_PROXY";
    }
    return settings;
}

void trust_settings_free(TrustSettings *settings)
{
    if (settings == NULL)
        return;
    g_free(settings->ca_file.value);
    g_free(settings->ca_dir.value);
    g_free(settings->proxy.value);
    g_free(settings->no_proxy.value);
    g_free(settings);
}

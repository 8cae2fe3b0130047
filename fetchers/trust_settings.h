/*
 * Proxies and certificates: which setting counts, in one place (ENGINE.md, "Proxies and trust").
 */
#pragma once

#include <glib.h>

typedef struct {
    char *value;        /* owned; NULL: the library's default */
    const char *origin; /* static: "--cacert", "configuration", "CURL_CA_BUNDLE", "default" ... */
} TrustSetting;

typedef struct {
    TrustSetting ca_file, ca_dir, proxy, no_proxy;
} TrustSettings;

/* What counts, given the options and the configuration (each may be NULL) and then the environment:
 * CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE; the *_proxy variables are
 * libcurl's own business and only reported. Owned. */
TrustSettings *trust_settings_new(const char *option_ca_file, const char *option_proxy,
                                  const char *config_ca_file, const char *config_ca_dir,
                                  const char *config_proxy, const char *config_no_proxy);
void trust_settings_free(TrustSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TrustSettings, trust_settings_free)

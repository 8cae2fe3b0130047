#include "engine_state.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int attempt_index = -1;

static void make_index(void)
{
    attempt_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static char *one_part(const X509_NAME *name, int nid)
{
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    unsigned char *text = NULL;

    if (at < 0)
        return NULL;
    int length =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (length < 0)
        return NULL;
    char *copy = g_strndup((const char *)text, (gsize)length);
    OPENSSL_free(text);
    return copy;
}

/* "Common name (organisation)": what a person recognises. */
static char *readable_name(const X509_NAME *name)
{
    g_autofree char *common = one_part(name, NID_commonName);
    g_autofree char *organisation = one_part(name, NID_organizationName);

    if (common != NULL && organisation != NULL)
        return g_strdup_printf("%s (%s)", common, organisation);
    if (common != NULL)
        return g_steal_pointer(&common);
    return g_steal_pointer(&organisation);
}

static int on_verify(int good, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const SSL_CTX *context = ssl != NULL ? SSL_get_SSL_CTX(ssl) : NULL;
    Attempt *attempt = context != NULL ? SSL_CTX_get_ex_data(context, attempt_index) : NULL;
    const X509 *certificate = X509_STORE_CTX_get_current_cert(store);

    if (attempt == NULL || certificate == NULL)
        return good;
    if (!good && attempt->certificate_problem == NULL)
        attempt->certificate_problem =
            g_strdup(X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
    /* Of a failure the issuer that is not known, else that of the host's own certificate. */
    if (!good || X509_STORE_CTX_get_error_depth(store) == 0) {
        g_free(attempt->certificate_issuer);
        attempt->certificate_issuer = readable_name(X509_get_issuer_name(certificate));
    }
    return good;
}

CURLcode certificate_watch(CURL *easy, void *ssl_ctx, void *attempt)
{
    pthread_once(&once, make_index);
    if (attempt_index < 0 || SSL_CTX_set_ex_data(ssl_ctx, attempt_index, attempt) != 1)
        return CURLE_OUT_OF_MEMORY;
    SSL_CTX_set_verify(ssl_ctx, SSL_CTX_get_verify_mode(ssl_ctx), on_verify);
    return CURLE_OK;
}

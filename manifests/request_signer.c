#include "request_signer.h"

#include <string.h>

/* SHA-256 of no bytes: what a request without a body signs. */
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define USUAL_REGION "us-east-1"

gboolean request_signer_is_region(const char *name)
{
    gsize length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return length > 0 && length <= 64 && name[length] == '\0';
}

/* It becomes a line of a request's header, and never two. */
static gboolean is_one_line(const char *text)
{
    while (*text && !g_ascii_iscntrl(*text))
        text++;
    return *text == '\0';
}

RequestSigner *request_signer_new(const Credential *credential, const char *region)
{
    const char *where = region ? region : credential->region ? credential->region : USUAL_REGION;
    if (!request_signer_is_region(where) || !credential->user || !is_one_line(credential->user) ||
        (credential->session && !is_one_line(credential->session)))
        return NULL;
    RequestSigner *signer = g_new0(RequestSigner, 1);
    signer->scope = g_strdup_printf("aws:amz:%s:s3", where);
    signer->user = g_strdup(credential->user);
    signer->secret = g_strdup(credential->secret);
    signer->headers = g_ptr_array_new_with_free_func((GDestroyNotify)credential_header_free);
    g_ptr_array_add(signer->headers, g_strdup("x-amz-content-sha256: " EMPTY_HASH));
    if (credential->session)
        g_ptr_array_add(signer->headers,
                        g_strconcat("x-amz-security-token: ", credential->session, NULL));
    return signer;
}

char *request_signer_region(const char *address)
{
    g_autoptr(GUri) uri = g_uri_parse(address, G_URI_FLAGS_ENCODED, NULL);
    const char *host = uri ? g_uri_get_host(uri) : NULL;
    g_auto(GStrv) parts = host ? g_strsplit(host, ".", -1) : NULL;
    guint count = parts ? g_strv_length(parts) : 0;
    for (guint i = 0; i + 2 < count; i++) {
        gboolean is_old = g_str_has_prefix(parts[i], "s3-");
        const char *region = is_old ? parts[i] + strlen("s3-") : parts[i + 1];
        const char *domain = is_old ? parts[i + 1] : parts[i + 2];
        if ((is_old || strcmp(parts[i], "s3") == 0) && strcmp(domain, "amazonaws") == 0)
            return request_signer_is_region(region) ? g_strdup(region) : NULL;
    }
    return NULL;
}

static gpointer copy_line(gconstpointer line, gpointer data)
{
    return g_strdup(line);
}

RequestSigner *request_signer_copy(const RequestSigner *signer)
{
    if (!signer)
        return NULL;
    RequestSigner *copy = g_new0(RequestSigner, 1);
    copy->scope = g_strdup(signer->scope);
    copy->user = g_strdup(signer->user);
    copy->secret = g_strdup(signer->secret);
    copy->headers = g_ptr_array_copy(signer->headers, copy_line, NULL);
    g_ptr_array_set_free_func(copy->headers, (GDestroyNotify)credential_header_free);
    return copy;
}

void request_signer_free(RequestSigner *signer)
{
    if (!signer)
        return;
    g_free(signer->scope);
    g_free(signer->user);
    credential_header_free(signer->secret); /* wipes */
    g_clear_pointer(&signer->headers, g_ptr_array_unref);
    g_free(signer);
}

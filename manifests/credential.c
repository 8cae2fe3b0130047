#include "credential.h"

#include <string.h>

static void wipe(char *text)
{
    if (text) {
        explicit_bzero(text, strlen(text));
        g_free(text);
    }
}

Credential *credential_new(CredentialKind kind, const char *user, const char *secret,
                           const char *origin)
{
    Credential *credential = g_new0(Credential, 1);
    credential->kind = kind;
    credential->user = g_strdup(user);
    credential->secret = g_strdup(secret);
    credential->origin = g_strdup(origin);
    return credential;
}

Credential *credential_copy(const Credential *credential)
{
    Credential *copy =
        credential_new(credential->kind, credential->user, credential->secret, credential->origin);
    copy->agent = g_strdup(credential->agent);
    copy->session = g_strdup(credential->session);
    copy->renewal = g_strdup(credential->renewal);
    copy->region = g_strdup(credential->region);
    return copy;
}

void credential_free(Credential *credential)
{
    if (credential) {
        wipe(credential->secret);
        wipe(credential->session);
        wipe(credential->renewal);
        g_free(credential->region);
        g_free(credential->user);
        g_free(credential->origin);
        g_free(credential->agent);
        g_free(credential);
    }
}

char *credential_header(const Credential *credential)
{
    if (credential->kind == CREDENTIAL_KEY_PAIR) {
        return NULL;
    }
    if (credential->kind == CREDENTIAL_TOKEN) {
        return g_strconcat("Authorization: Bearer ", credential->secret, NULL);
    }
    char *pair = g_strconcat(credential->user, ":", credential->secret, NULL);
    char *encoded = g_base64_encode((const guchar *)pair, strlen(pair));
    char *header = g_strconcat("Authorization: Basic ", encoded, NULL);
    wipe(encoded);
    wipe(pair);
    return header;
}

void credential_header_free(char *header)
{
    wipe(header);
}

GPtrArray *credential_headers(const Credential *credential)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func((GDestroyNotify)credential_header_free);
    char *header = credential_header(credential);
    if (header)
        g_ptr_array_add(lines, header);
    if (credential->agent)
        g_ptr_array_add(lines, g_strconcat("User-Agent: ", credential->agent, NULL));
    return lines;
}

#include "sent_digests.h"

#include <string.h>

static const struct {
    const char *name;
    DigestAlgorithm algorithm;
} google_names[] = {{"crc32c=", DIGEST_CRC32C}, {"md5=", DIGEST_MD5}};

static void add_one(DigestSet *set, const char *part)
{
    for (gsize i = 0; i < G_N_ELEMENTS(google_names); i++) {
        gsize length = strlen(google_names[i].name);
        Digest digest;
        if (g_ascii_strncasecmp(part, google_names[i].name, length) == 0 &&
            digest_set_get(set, google_names[i].algorithm) == NULL &&
            digest_parse_base64(google_names[i].algorithm, part + length, &digest))
            digest_set_add(set, &digest);
    }
}

void sent_digests_add_google(DigestSet *set, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, ",", 16);

    for (char **part = parts; *part != NULL; part++)
        add_one(set, g_strstrip(*part));
}

gboolean sent_digests_differ(const DigestSet *a, const DigestSet *b)
{
    gboolean agree = FALSE, differ = FALSE;

    if (a != NULL && b != NULL)
        digest_set_compare(a, b, &agree, &differ);
    return differ;
}

#include "digest.h"

#include "crc32c.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *plain; /* letters and digits alone, as digest_algorithm_parse() compares them */
    gsize length;
    const char *evp; /* OpenSSL's name */
} algorithms[DIGEST_ALGORITHMS] = {
    [DIGEST_MD5] = {"md5", "md5", 16, "MD5"},
    [DIGEST_SHA1] = {"sha1", "sha1", 20, "SHA1"},
    [DIGEST_SHA256] = {"sha256", "sha256", 32, "SHA256"},
    [DIGEST_SHA512] = {"sha512", "sha512", 64, "SHA512"},
    [DIGEST_CRC32C] = {"crc32c", "crc32c", 4, NULL},
    [DIGEST_GIT_BLOB] = {"git-blob", "gitblob", 20, "SHA1"},
    [DIGEST_MD5_TREE] = {"md5-tree", "md5tree", 16, NULL},
};

const char *digest_algorithm_name(DigestAlgorithm algorithm)
{
    return algorithms[algorithm].name;
}

gboolean digest_algorithm_parse(const char *text, DigestAlgorithm *algorithm)
{
    char plain[16];
    gsize length = 0;
    for (; *text; text++) {
        if (strchr("-_/ ", *text))
            continue;
        if (!g_ascii_isalnum(*text) || length + 1 == sizeof plain)
            return FALSE;
        plain[length++] = g_ascii_tolower(*text);
    }
    plain[length] = '\0';
    if (g_str_has_prefix(plain, "sha2") && length > 6) /* OpenSSL's "SHA2-256" */
        memmove(plain + 3, plain + 4, length - 3);
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        if (strcmp(plain, algorithms[i].plain) == 0) {
            *algorithm = (DigestAlgorithm)i;
            return TRUE;
        }
    }
    return FALSE;
}

gsize digest_length(DigestAlgorithm algorithm)
{
    return algorithms[algorithm].length;
}

/* Of a hexadecimal digit, one more than its value; 0 of anything else. Locks have 64 a line. */
static const guint8 hex_value[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

gboolean digest_parse_hex(DigestAlgorithm algorithm, const char *hex, Digest *digest)
{
    const gsize length = digest_length(algorithm);
    Digest parsed = {.algorithm = algorithm};
    if (!hex || strnlen(hex, 2 * length + 1) != 2 * length)
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        guint high = hex_value[(guint8)hex[2 * i]], low = hex_value[(guint8)hex[2 * i + 1]];
        if (high == 0 || low == 0)
            return FALSE;
        parsed.bytes[i] = (guint8)((high - 1) << 4 | (low - 1));
    }
    *digest = parsed;
    return TRUE;
}

gboolean digest_parse_hex_any(const char *hex, Digest *digest)
{
    static const DigestAlgorithm by_length[] = {DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256,
                                                DIGEST_SHA512};
    for (gsize i = 0; i < G_N_ELEMENTS(by_length); i++) {
        if (digest_parse_hex(by_length[i], hex, digest))
            return TRUE;
    }
    return FALSE;
}

gboolean digest_parse_base64(DigestAlgorithm algorithm, const char *text, Digest *digest)
{
    const gsize length = digest_length(algorithm);
    const gsize bare = (length * 8 + 5) / 6;
    const gsize padded = (length + 2) / 3 * 4;
    if (!text)
        return FALSE;
    gsize given = strnlen(text, padded + 1);
    gsize digits = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    if (digits != bare || (given != bare && given != padded) ||
        strspn(text + digits, "=") != given - digits)
        return FALSE;
    char whole[DIGEST_MAX_BYTES * 2] = {0};
    memset(whole, '=', padded);
    memcpy(whole, text, bare);
    gsize decoded = 0;
    g_base64_decode_inplace(whole, &decoded);
    if (decoded != length)
        return FALSE;
    *digest = (Digest){.algorithm = algorithm};
    memcpy(digest->bytes, whole, length);
    return TRUE;
}

gboolean digest_parse_etag(const char *etag, Digest *digest)
{
    if (!etag)
        return FALSE;
    gsize length = strnlen(etag, 64);
    if (length >= 2 && etag[0] == '"' && etag[length - 1] == '"') {
        etag++;
        length -= 2;
    }
    if (length >= 4 && g_ascii_strncasecmp(etag, "md5:", 4) == 0) {
        etag += 4;
        length -= 4;
    }
    char hex[33];
    if (length != 32)
        return FALSE;
    memcpy(hex, etag, 32);
    hex[32] = '\0';
    return digest_parse_hex(DIGEST_MD5, hex, digest);
}

char *digest_to_hex(const Digest *digest)
{
    static const char digits[] = "0123456789abcdef";
    const gsize length = digest_length(digest->algorithm);
    char *hex = g_malloc(2 * length + 1);
    for (gsize i = 0; i < length; i++) {
        hex[2 * i] = digits[digest->bytes[i] >> 4];
        hex[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    hex[2 * length] = '\0';
    return hex;
}

gboolean digest_equal(const Digest *a, const Digest *b)
{
    return a->algorithm == b->algorithm &&
           memcmp(a->bytes, b->bytes, digest_length(a->algorithm)) == 0;
}

void digest_set_add(DigestSet *set, const Digest *digest)
{
    set->of[digest->algorithm] = *digest;
    set->present |= 1u << digest->algorithm;
}

const Digest *digest_set_get(const DigestSet *set, DigestAlgorithm algorithm)
{
    return set->present & (1u << algorithm) ? &set->of[algorithm] : NULL;
}

gboolean digest_set_is_empty(const DigestSet *set)
{
    return set->present == 0;
}

guint digest_set_algorithms(const DigestSet *set)
{
    return set->present;
}

void digest_set_compare(const DigestSet *a, const DigestSet *b, gboolean *agree, gboolean *differ)
{
    *agree = FALSE;
    *differ = FALSE;
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        if (!(a->present & b->present & (1u << i)))
            continue;
        if (digest_equal(&a->of[i], &b->of[i]))
            *agree = TRUE;
        else
            *differ = TRUE;
    }
}

struct DigestStream {
    EVP_MD_CTX *contexts[DIGEST_ALGORITHMS]; /* NULL where not asked for */
    gboolean with_crc32c;
    guint32 crc32c;
    guint64 length;
};

/* Looked up once: each look-up costs as much as the digest of a short text. */
static pthread_once_t fetched_once = PTHREAD_ONCE_INIT;
static EVP_MD *fetched[DIGEST_ALGORITHMS];

static void fetch_all(void)
{
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        if (algorithms[i].evp)
            fetched[i] = EVP_MD_fetch(NULL, algorithms[i].evp, NULL);
    }
}

DigestStream *digest_stream_new(guint wanted, guint64 size)
{
    pthread_once(&fetched_once, fetch_all);
    DigestStream *stream = g_new0(DigestStream, 1);
    stream->with_crc32c = (wanted & (1u << DIGEST_CRC32C)) != 0;
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        /* A provider may refuse MD5 (FIPS): that digest then says nothing, which nobody takes for
         * agreement. */
        if (!(wanted & (1u << i)) || !fetched[i])
            continue;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        if (context && EVP_DigestInit_ex2(context, fetched[i], NULL))
            stream->contexts[i] = context;
        else
            EVP_MD_CTX_free(context);
    }
    EVP_MD_CTX *git = stream->contexts[DIGEST_GIT_BLOB];
    if (git) {
        char head[32];
        int length = snprintf(head, sizeof head, "blob %" G_GUINT64_FORMAT, size);
        EVP_DigestUpdate(git, head, (size_t)length + 1);
    }
    return stream;
}

void digest_stream_update(DigestStream *stream, const void *bytes, gsize length)
{
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        if (stream->contexts[i])
            EVP_DigestUpdate(stream->contexts[i], bytes, length);
    }
    if (stream->with_crc32c)
        stream->crc32c = crc32c_update(stream->crc32c, bytes, length);
    stream->length += length;
}

guint64 digest_stream_length(const DigestStream *stream)
{
    return stream->length;
}

void digest_stream_finish(DigestStream *stream, DigestSet *set)
{
    *set = (DigestSet){0};
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        Digest digest = {.algorithm = (DigestAlgorithm)i};
        if (stream->contexts[i] && EVP_DigestFinal_ex(stream->contexts[i], digest.bytes, NULL))
            digest_set_add(set, &digest);
    }
    if (stream->with_crc32c) {
        Digest digest = {.algorithm = DIGEST_CRC32C};
        const guint32 big_endian = GUINT32_TO_BE(stream->crc32c);
        memcpy(digest.bytes, &big_endian, sizeof big_endian);
        digest_set_add(set, &digest);
    }
}

void digest_stream_free(DigestStream *stream)
{
    if (!stream)
        return;
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++)
        EVP_MD_CTX_free(stream->contexts[i]);
    g_free(stream);
}

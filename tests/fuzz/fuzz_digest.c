/* Digests in every form that services use: what is taken is written as it was. */
#include "digest.h"
#include "fuzz_input.h"

static void check(const Digest *digest)
{
    Digest again;
    g_autofree char *hex = digest_to_hex(digest);
    g_assert_cmpuint(strlen(hex), ==, 2 * digest_length(digest->algorithm));
    g_assert_true(digest_parse_hex(digest->algorithm, hex, &again));
    g_assert_true(digest_equal(digest, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const DigestAlgorithm algorithm =
        (DigestAlgorithm)(fuzz_byte(&data, &size) % DIGEST_ALGORITHMS);
    g_autofree char *text = g_strndup((const char *)data, size);
    Digest digest;
    if (digest_parse_hex(algorithm, text, &digest)) {
        check(&digest);
        g_autofree char *hex = digest_to_hex(&digest);
        g_assert_cmpint(g_ascii_strcasecmp(hex, text), ==, 0);
    }
    if (digest_parse_hex_any(text, &digest))
        check(&digest);
    if (digest_parse_base64(algorithm, text, &digest))
        check(&digest);
    if (digest_parse_etag(text, &digest)) {
        g_assert_cmpint(digest.algorithm, ==, DIGEST_MD5);
        check(&digest);
    }
    DigestAlgorithm named;
    if (digest_algorithm_parse(text, &named))
        g_assert_nonnull(digest_algorithm_name(named));
    return 0;
}

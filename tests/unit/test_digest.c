/* Digests of published vectors, in one pass and in pieces; every form in which services write them.
 */
#include "crc32c.h"
#include "digest.h"

#include <string.h>

#define BIT(algorithm) (1u << (algorithm))
#define ALL_BITS DIGEST_STREAMED

typedef struct {
    DigestAlgorithm algorithm;
    const char *text;
    const char *hex;
} Vector;

static const Vector vectors[] = {
    {DIGEST_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
    {DIGEST_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72"},
    {DIGEST_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {DIGEST_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {DIGEST_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {DIGEST_SHA512, "abc",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    {DIGEST_CRC32C, "", "00000000"},
    {DIGEST_CRC32C, "123456789", "e3069283"},
    {DIGEST_GIT_BLOB, "", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"},
    {DIGEST_GIT_BLOB, "hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"},
};

static void check_vector(const Vector *vector, gsize piece)
{
    const gsize length = strlen(vector->text);
    g_autoptr(DigestStream) stream = digest_stream_new(ALL_BITS, length);
    for (gsize at = 0; at < length; at += piece)
        digest_stream_update(stream, vector->text + at, MIN(piece, length - at));
    g_assert_cmpuint(digest_stream_length(stream), ==, length);
    DigestSet set;
    digest_stream_finish(stream, &set);
    g_assert_cmpuint(digest_set_algorithms(&set), ==, ALL_BITS);
    g_autofree char *hex = digest_to_hex(digest_set_get(&set, vector->algorithm));
    g_assert_cmpstr(hex, ==, vector->hex);
}

static void test_vectors(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(vectors); i++) {
        check_vector(&vectors[i], 1);
        check_vector(&vectors[i], 4);
        check_vector(&vectors[i], 4096);
    }
}

static void test_only_what_was_asked(void)
{
    g_autoptr(DigestStream) stream = digest_stream_new(BIT(DIGEST_MD5) | BIT(DIGEST_CRC32C), 0);
    DigestSet set;
    digest_stream_update(stream, "abc", 3);
    digest_stream_finish(stream, &set);
    g_assert_cmpuint(set.present, ==, BIT(DIGEST_MD5) | BIT(DIGEST_CRC32C));
    g_assert_null(digest_set_get(&set, DIGEST_SHA256));
}

/* RFC 3720, B.4; and the instruction agrees with the table at every length and alignment. */
static void test_crc32c(void)
{
    guint8 bytes[300];
    for (gsize i = 0; i < sizeof bytes; i++)
        bytes[i] = (guint8)i;
    const guint8 zeros[32] = {0};
    guint8 ones[32];
    memset(ones, 0xff, sizeof ones);
    g_assert_cmphex(crc32c_update_portable(0, zeros, 32), ==, 0x8A9136AA);
    g_assert_cmphex(crc32c_update_portable(0, ones, 32), ==, 0x62A8AB43);
    g_assert_cmphex(crc32c_update_portable(0, bytes, 32), ==, 0x46DD794E);
    for (gsize from = 0; from < 9; from++) {
        for (gsize length = 0; from + length <= sizeof bytes; length++) {
            guint32 crc = crc32c_update(7, bytes + from, length);
            g_assert_cmphex(crc, ==, crc32c_update_portable(7, bytes + from, length));
            gsize half = length / 2;
            guint32 parts = crc32c_update(crc32c_update_portable(7, bytes + from, half),
                                          bytes + from + half, length - half);
            g_assert_cmphex(crc, ==, parts);
        }
    }
}

static void test_algorithm_names(void)
{
    static const struct {
        const char *text;
        int algorithm; /* -1: none */
    } rows[] = {
        {"md5", DIGEST_MD5},
        {"MD5", DIGEST_MD5},
        {"sha1", DIGEST_SHA1},
        {"SHA-1", DIGEST_SHA1},
        {"sha256", DIGEST_SHA256},
        {"SHA-256", DIGEST_SHA256},
        {"SHA2-256", DIGEST_SHA256},
        {"sha_512", DIGEST_SHA512},
        {"SHA2-512", DIGEST_SHA512},
        {"crc32c", DIGEST_CRC32C},
        {"git-blob", DIGEST_GIT_BLOB},
        {"Git Blob", DIGEST_GIT_BLOB},
        {"", -1},
        {"sha", -1},
        {"sha3-256", -1},
        {"md5x", -1},
        {"crc32", -1},
        {"sha256:", -1},
        {"sha25666666666666666", -1},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        DigestAlgorithm algorithm = DIGEST_GIT_BLOB;
        gboolean known = digest_algorithm_parse(rows[i].text, &algorithm);
        g_assert_cmpint(known ? (int)algorithm : -1, ==, rows[i].algorithm);
    }
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        DigestAlgorithm algorithm;
        g_assert_true(
            digest_algorithm_parse(digest_algorithm_name((DigestAlgorithm)i), &algorithm));
        g_assert_cmpint(algorithm, ==, i);
    }
}

static void test_hex(void)
{
    Digest digest = {.algorithm = DIGEST_CRC32C, .bytes = {9}};
    static const char *const wrong[] = {
        "", "e306928", "e30692833", "e306928g", " e3069283", "e3069283 ", "0xe30692", "e30692\n3",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_assert_false(digest_parse_hex(DIGEST_CRC32C, wrong[i], &digest));
        g_assert_cmpint(digest.bytes[0], ==, 9);
    }
    g_assert_false(digest_parse_hex(DIGEST_MD5, NULL, &digest));
    g_assert_true(digest_parse_hex(DIGEST_CRC32C, "E3069283", &digest));
    g_autofree char *hex = digest_to_hex(&digest);
    g_assert_cmpstr(hex, ==, "e3069283");
    for (gsize i = 0; i < G_N_ELEMENTS(vectors); i++) {
        gboolean by_length =
            vectors[i].algorithm != DIGEST_CRC32C && vectors[i].algorithm != DIGEST_GIT_BLOB;
        g_assert_cmpint(digest_parse_hex_any(vectors[i].hex, &digest), ==,
                        by_length || vectors[i].algorithm == DIGEST_GIT_BLOB);
        if (by_length)
            g_assert_cmpint(digest.algorithm, ==, vectors[i].algorithm);
    }
}

static void test_base64(void)
{
    Digest digest = {0};
    /* MD5 of "abc", CRC32C of "123456789", SHA-256 of nothing. */
    static const struct {
        DigestAlgorithm algorithm;
        const char *text;
        const char *hex; /* NULL: refused */
    } rows[] = {
        {DIGEST_MD5, "kAFQmDzST7DWlj99KOF/cg==", "900150983cd24fb0d6963f7d28e17f72"},
        {DIGEST_MD5, "kAFQmDzST7DWlj99KOF/cg", "900150983cd24fb0d6963f7d28e17f72"},
        {DIGEST_CRC32C, "4waSgw==", "e3069283"},
        {DIGEST_SHA256, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {DIGEST_MD5, "kAFQmDzST7DWlj99KOF/cg=", NULL},
        {DIGEST_MD5, "kAFQmDzST7DWlj99KOF/cg===", NULL},
        {DIGEST_MD5, "kAFQmDzST7DWlj99KOF/c==", NULL},
        {DIGEST_MD5, "kAFQmDzST7DW j99KOF/cg==", NULL},
        {DIGEST_MD5, "4waSgw==", NULL},
        {DIGEST_MD5, "", NULL},
        {DIGEST_CRC32C, "kAFQmDzST7DWlj99KOF/cg==", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        gboolean right = digest_parse_base64(rows[i].algorithm, rows[i].text, &digest);
        g_assert_cmpint(right, ==, rows[i].hex != NULL);
        if (!right)
            continue;
        g_autofree char *hex = digest_to_hex(&digest);
        g_assert_cmpstr(hex, ==, rows[i].hex);
    }
    g_assert_false(digest_parse_base64(DIGEST_MD5, NULL, &digest));
}

static void test_etag(void)
{
    static const struct {
        const char *etag;
        gboolean is_md5;
    } rows[] = {
        {"\"9e107d9d372bb6826bd81d3542a419d6\"", TRUE},
        {"\"9E107D9D372BB6826BD81D3542A419D6\"", TRUE},
        {"9e107d9d372bb6826bd81d3542a419d6", TRUE},
        {"md5:9e107d9d372bb6826bd81d3542a419d6", TRUE},
        {"W/\"9e107d9d372bb6826bd81d3542a419d6\"", FALSE},
        {"\"9e107d9d372bb6826bd81d3542a419d6-12\"", FALSE},
        {"\"9e107d9d372bb6826bd81d3542a419d\"", FALSE},
        {"\"9e107d9d372bb6826bd81d3542a419dg\"", FALSE},
        {"\"5f3c-61e0d\"", FALSE},
        {"\"", FALSE},
        {"", FALSE},
        {NULL, FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        Digest digest = {0};
        g_assert_cmpint(digest_parse_etag(rows[i].etag, &digest), ==, rows[i].is_md5);
        if (rows[i].is_md5)
            g_assert_cmphex(digest.bytes[0], ==, 0x9e);
    }
}

static Digest hex_digest(DigestAlgorithm algorithm, const char *hex)
{
    Digest digest;
    g_assert_true(digest_parse_hex(algorithm, hex, &digest));
    return digest;
}

static void test_sets(void)
{
    const Digest one = hex_digest(DIGEST_CRC32C, "00000001");
    const Digest two = hex_digest(DIGEST_CRC32C, "00000002");
    const Digest md5 = hex_digest(DIGEST_MD5, "900150983cd24fb0d6963f7d28e17f72");
    gboolean agree, differ;
    DigestSet a = {0}, b = {0};
    g_assert_true(digest_set_is_empty(&a));
    digest_set_add(&a, &one);
    digest_set_compare(&a, &b, &agree, &differ);
    g_assert_false(agree || differ);
    digest_set_add(&b, &md5);
    digest_set_compare(&a, &b, &agree, &differ);
    g_assert_false(agree || differ);
    digest_set_add(&b, &two);
    digest_set_compare(&a, &b, &agree, &differ);
    g_assert_true(!agree && differ);
    digest_set_add(&a, &md5);
    digest_set_compare(&a, &b, &agree, &differ);
    g_assert_true(agree && differ);
    digest_set_add(&a, &two); /* replaces */
    digest_set_compare(&a, &b, &agree, &differ);
    g_assert_true(agree && !differ);
    g_assert_false(digest_set_is_empty(&a));
    g_assert_true(digest_equal(digest_set_get(&a, DIGEST_CRC32C), &two));
    g_assert_false(digest_equal(&one, &two));
    g_assert_false(digest_equal(&one, &md5));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/digest/vectors", test_vectors);
    g_test_add_func("/digest/only-what-was-asked", test_only_what_was_asked);
    g_test_add_func("/digest/crc32c", test_crc32c);
    g_test_add_func("/digest/algorithm-names", test_algorithm_names);
    g_test_add_func("/digest/hex", test_hex);
    g_test_add_func("/digest/base64", test_base64);
    g_test_add_func("/digest/etag", test_etag);
    g_test_add_func("/digest/sets", test_sets);
    return g_test_run();
}

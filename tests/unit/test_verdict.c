/* The verdict as a decision table: every combination of what each voice can say meets exactly one
 * row, and the function says what the row says. */
#include "verdict.h"

#include <string.h>

#define SEEN_SIZE 100

/* The ways in which one voice can come to say what it says. */
typedef struct {
    char says; /* S: silent, Z: the size agrees, A: a digest agrees, D: differs */
    const char *sha256, *md5, *sha1; /* "right", "wrong" or NULL; sha1 was not computed */
    guint64 size;
    gboolean by_size;
    DigestAlgorithm algorithm; /* of D: the one to be named */
} Way;

static const Way ways[] = {
    {'S', NULL, NULL, NULL, SIZE_UNKNOWN, FALSE, 0},
    {'S', NULL, NULL, "wrong", SIZE_UNKNOWN, FALSE, 0},
    {'Z', NULL, NULL, NULL, SEEN_SIZE, FALSE, 0},
    {'Z', NULL, NULL, "right", SEEN_SIZE, FALSE, 0},
    {'A', "right", NULL, NULL, SIZE_UNKNOWN, FALSE, 0},
    {'A', NULL, "right", NULL, SEEN_SIZE, FALSE, 0},
    {'A', "right", "right", "wrong", SEEN_SIZE + 1, FALSE, 0},
    {'D', "wrong", NULL, NULL, SEEN_SIZE, FALSE, DIGEST_SHA256},
    {'D', NULL, "wrong", NULL, SIZE_UNKNOWN, FALSE, DIGEST_MD5},
    {'D', "wrong", "right", NULL, SEEN_SIZE, FALSE, DIGEST_SHA256},
    {'D', "right", "wrong", NULL, SEEN_SIZE, FALSE, DIGEST_MD5},
    {'D', "wrong", "wrong", NULL, SIZE_UNKNOWN, FALSE, DIGEST_SHA256},
    {'D', NULL, "wrong", NULL, SEEN_SIZE + 1, TRUE, DIGEST_MD5},
    {'D', NULL, NULL, NULL, SEEN_SIZE - 1, TRUE, DIGEST_SHA256},
    {'D', NULL, NULL, "right", 0, TRUE, DIGEST_SHA256},
};

typedef struct {
    const char *locked, *declared, *hinted, *repeated; /* letters that the row takes */
    VerdictKind kind;
    Trust trust;
    gboolean hint_disagreed;
    char blames; /* whose difference is named: l, d, h; 0: nobody's */
} Row;

static const Row rows[] = {
    {"A", "SZAD", "SZAD", "01", VERDICT_VERIFIED, TRUST_LOCKED, FALSE, 0},
    {"D", "A", "SZAD", "01", VERDICT_CHANGED, 0, FALSE, 'l'},
    {"D", "D", "SZAD", "01", VERDICT_WRONG, 0, FALSE, 'l'},
    {"D", "SZ", "D", "01", VERDICT_WRONG, 0, FALSE, 'l'},
    {"D", "SZ", "SZA", "0", VERDICT_WRONG, 0, FALSE, 'l'},
    {"D", "SZ", "SZA", "1", VERDICT_CHANGED, 0, FALSE, 'l'},
    {"SZ", "A", "SZAD", "01", VERDICT_VERIFIED, TRUST_DECLARED, FALSE, 0},
    {"SZ", "D", "SZAD", "01", VERDICT_WRONG, 0, FALSE, 'd'},
    {"SZ", "SZ", "D", "0", VERDICT_FETCH_AGAIN, 0, FALSE, 'h'},
    {"SZ", "SZ", "D", "1", VERDICT_FIRST_USE, TRUST_FIRST_USE, TRUE, 0},
    {"SZ", "SZ", "ZA", "01", VERDICT_VERIFIED, TRUST_HINT, FALSE, 0},
    {"Z", "SZ", "S", "01", VERDICT_VERIFIED, TRUST_HINT, FALSE, 0},
    {"S", "Z", "S", "01", VERDICT_VERIFIED, TRUST_HINT, FALSE, 0},
    {"S", "S", "S", "01", VERDICT_FIRST_USE, TRUST_FIRST_USE, FALSE, 0},
};

static void add(DigestSet *set, DigestAlgorithm algorithm, const char *what)
{
    if (!what)
        return;
    Digest digest = {.algorithm = algorithm};
    memset(digest.bytes, strcmp(what, "right") == 0 ? 1 : 2, digest_length(algorithm));
    digest_set_add(set, &digest);
}

static void speak(const Way *way, DigestSet *set, guint64 *size)
{
    add(set, DIGEST_SHA256, way->sha256);
    add(set, DIGEST_MD5, way->md5);
    add(set, DIGEST_SHA1, way->sha1);
    *size = way->size;
}

static const Row *row_of(const Way *locked, const Way *declared, const Way *hinted, char repeated)
{
    const Row *found = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (!strchr(rows[i].locked, locked->says) || !strchr(rows[i].declared, declared->says) ||
            !strchr(rows[i].hinted, hinted->says) || !strchr(rows[i].repeated, repeated))
            continue;
        g_assert_null(found);
        found = &rows[i];
    }
    g_assert_nonnull(found);
    return found;
}

static void check(const Way *locked, const Way *declared, const Way *hinted, gboolean repeated)
{
    WantedBytes wanted = WANTED_BYTES_NONE;
    SeenBytes seen = {.size = SEEN_SIZE, .repeated = repeated};
    add(&seen.digests, DIGEST_SHA256, "right");
    add(&seen.digests, DIGEST_MD5, "right");
    speak(locked, &wanted.locked, &wanted.locked_size);
    speak(declared, &wanted.declared, &wanted.declared_size);
    speak(hinted, &wanted.hinted, &wanted.hinted_size);
    const Row *row = row_of(locked, declared, hinted, repeated ? '1' : '0');
    const Verdict verdict = verdict_of(&wanted, &seen);
    g_assert_cmpint(verdict.kind, ==, row->kind);
    g_assert_cmpint(verdict.hint_disagreed, ==, row->hint_disagreed);
    if (verdict.kind == VERDICT_VERIFIED || verdict.kind == VERDICT_FIRST_USE)
        g_assert_cmpint(verdict.trust, ==, row->trust);
    const Way *blamed = row->blames == 'l'   ? locked
                        : row->blames == 'd' ? declared
                        : row->blames == 'h' ? hinted
                                             : NULL;
    if (!blamed)
        return;
    g_assert_cmpint(verdict.by_size, ==, blamed->by_size);
    if (blamed->sha256 || blamed->md5)
        g_assert_cmpint(verdict.algorithm, ==, blamed->algorithm);
}

static void test_every_combination(void)
{
    guint count = 0;
    for (gsize l = 0; l < G_N_ELEMENTS(ways); l++) {
        for (gsize d = 0; d < G_N_ELEMENTS(ways); d++) {
            for (gsize h = 0; h < G_N_ELEMENTS(ways); h++) {
                check(&ways[l], &ways[d], &ways[h], FALSE);
                check(&ways[l], &ways[d], &ways[h], TRUE);
                count += 2;
            }
        }
    }
    g_assert_cmpuint(count, ==, 15 * 15 * 15 * 2);
}

static void test_nothing_wanted(void)
{
    const WantedBytes wanted = WANTED_BYTES_NONE;
    const SeenBytes seen = {.size = 0};
    const Verdict verdict = verdict_of(&wanted, &seen);
    g_assert_cmpint(verdict.kind, ==, VERDICT_FIRST_USE);
    g_assert_cmpuint(wanted_bytes_algorithms(&wanted), ==, 1u << DIGEST_SHA256);
}

static void test_algorithms(void)
{
    WantedBytes wanted = WANTED_BYTES_NONE;
    add(&wanted.locked, DIGEST_SHA1, "right");
    add(&wanted.declared, DIGEST_CRC32C, "right");
    add(&wanted.hinted, DIGEST_MD5, "right");
    g_assert_cmpuint(wanted_bytes_algorithms(&wanted), ==,
                     1u << DIGEST_SHA256 | 1u << DIGEST_SHA1 | 1u << DIGEST_CRC32C |
                         1u << DIGEST_MD5);
}

static void test_trust_names(void)
{
    for (guint i = TRUST_NONE; i <= TRUST_FIRST_USE; i++) {
        Trust trust;
        g_assert_true(trust_parse(trust_name((Trust)i), &trust));
        g_assert_cmpint(trust, ==, i);
    }
    Trust trust = TRUST_HINT;
    g_assert_cmpstr(trust_name(TRUST_FIRST_USE), ==, "first use");
    g_assert_false(trust_parse("firm belief", &trust));
    g_assert_false(trust_parse(NULL, &trust));
    g_assert_cmpint(trust, ==, TRUST_HINT);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/verdict/every-combination", test_every_combination);
    g_test_add_func("/verdict/nothing-wanted", test_nothing_wanted);
    g_test_add_func("/verdict/algorithms", test_algorithms);
    g_test_add_func("/verdict/trust-names", test_trust_names);
    return g_test_run();
}

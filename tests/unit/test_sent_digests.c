/* What x-goog-hash says, in all its spellings; and validators that carry it. */
#include "sent_digests.h"
#include "validators.h"

/* Of "123456789": its CRC32C is the one that every table of such names. */
#define MD5 "JfnnlDI7RTiF9RgfG2JNCw=="
#define MD5_HEX "25f9e794323b453885f5181f1b624d0b"
#define CRC "4waSgw=="
#define CRC_HEX "e3069283"

static void test_spellings(void)
{
    static const struct {
        const char *lines[3];
        const char *md5, *crc32c;
    } rows[] = {
        {{"crc32c=" CRC ",md5=" MD5}, MD5_HEX, CRC_HEX},
        {{"crc32c=" CRC ", md5=" MD5}, MD5_HEX, CRC_HEX},
        {{" md5=" MD5 " ,\tcrc32c=" CRC " "}, MD5_HEX, CRC_HEX},
        {{"crc32c=" CRC, "md5=" MD5}, MD5_HEX, CRC_HEX},
        {{"md5=" MD5, "crc32c=" CRC}, MD5_HEX, CRC_HEX},
        {{"crc32c=" CRC}, NULL, CRC_HEX},
        {{"CRC32C=" CRC ",MD5=" MD5}, MD5_HEX, CRC_HEX},
        {{"crc32c=AAAAAA==,crc32c=" CRC}, NULL, "00000000"},
        {{"sha512=abcd,md5=" MD5}, MD5_HEX, NULL},
        {{"md5=" MD5_HEX}, NULL, NULL},
        {{"crc32c=,md5="}, NULL, NULL},
        {{"crc32c=4wa,md5=x"}, NULL, NULL},
        {{""}, NULL, NULL},
        {{",,,="}, NULL, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        DigestSet set = {0};
        for (gsize line = 0; line < 3 && rows[i].lines[line]; line++)
            sent_digests_add_google(&set, rows[i].lines[line]);
        const Digest *md5 = digest_set_get(&set, DIGEST_MD5);
        const Digest *crc = digest_set_get(&set, DIGEST_CRC32C);
        g_autofree char *md5_hex = md5 ? digest_to_hex(md5) : NULL;
        g_autofree char *crc_hex = crc ? digest_to_hex(crc) : NULL;
        g_assert_cmpstr(md5_hex, ==, rows[i].md5);
        g_assert_cmpstr(crc_hex, ==, rows[i].crc32c);
    }
}

/* Big-endian, as the stream computes it. */
static void test_computed(void)
{
    g_autoptr(DigestStream) stream = digest_stream_new(1U << DIGEST_CRC32C | 1U << DIGEST_MD5, 0);
    DigestSet seen = {0}, sent = {0};
    gboolean agree = FALSE, differ = FALSE;

    digest_stream_update(stream, "123456789", 9);
    digest_stream_finish(stream, &seen);
    sent_digests_add_google(&sent, "crc32c=" CRC ",md5=" MD5);
    digest_set_compare(&seen, &sent, &agree, &differ);
    g_assert_true(agree && !differ);
}

static void test_validators(void)
{
    DigestSet one = {0}, other = {0}, none = {0};
    g_autoptr(Validators) a = validators_new("\"x\"", NULL, 5);
    g_autoptr(Validators) b = validators_new("\"x\"", NULL, 5);

    sent_digests_add_google(&one, "crc32c=" CRC);
    sent_digests_add_google(&other, "crc32c=AAAAAA==,md5=" MD5);
    validators_set_sent(a, &one);
    g_assert_true(validators_same(a, b)); /* a part may leave it out */
    validators_set_sent(b, &other);
    g_assert_false(validators_same(a, b));
    g_autoptr(Validators) copy = validators_copy(a);
    g_assert_true(validators_same(copy, a));
    g_assert_false(validators_same(copy, b));
    validators_set_sent(b, &none);
    g_assert_null(b->sent);
    g_assert_false(sent_digests_differ(NULL, &one));
    g_assert_false(sent_digests_differ(&one, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sent-digests/spellings", test_spellings);
    g_test_add_func("/sent-digests/computed", test_computed);
    g_test_add_func("/sent-digests/validators", test_validators);
    return g_test_run();
}

#include "unpack_fixture.h"
#include "zip_directory.h"

static gboolean read_bytes(guint64 offset, void *buffer, gsize length, gpointer data,
                           GError **error)
{
    const GByteArray *bytes = data;
    g_assert_cmpuint(offset, <=, bytes->len);
    g_assert_cmpuint(length, <=, bytes->len - offset);
    memcpy(buffer, bytes->data + offset, length);
    return TRUE;
}

static gboolean describe(const ZipEntry *entry, gpointer data, GError **error)
{
    GString *text = data;
    g_string_append_printf(
        text, "%.*s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " @%" G_GUINT64_FORMAT "%s%s\n",
        (int)entry->name_length, entry->name, entry->compressed, entry->size, entry->header_offset,
        entry->is_folder ? " folder" : "", entry->name_is_utf8 ? " utf8" : "");
    return TRUE;
}

/* The rows as text, or the error. */
static char *read_directory(const GByteArray *bytes, ZipEnd *end, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gpointer data = (gpointer)bytes;
    if (!zip_find_end(read_bytes, data, bytes->len, end, error) ||
        !zip_each_entry(read_bytes, data, end, describe, text, error))
        return NULL;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static GByteArray *two_entries(void)
{
    Zip *zip = zip_new();
    zip_add(zip, "a", "first", 0);
    zip_add(zip, "d/", "", ZIP_UTF8_FLAG);
    return zip_finish(zip);
}

static void test_plain(void)
{
    g_autoptr(GByteArray) bytes = two_entries();
    g_autoptr(GError) error = NULL;
    ZipEnd end;
    g_autofree char *text = read_directory(bytes, &end, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, "a 5 5 @0\nd/ 0 0 @36 folder utf8\n");
    g_assert_cmpuint(end.prefix, ==, 0);
    g_assert_cmpuint(end.behind, ==, 0);
    g_assert_cmpuint(end.directory_offset, ==, 68);
    g_assert_cmpuint(end.directory_end, ==, bytes->len - 22);
}

static void test_around(void)
{
    g_autoptr(GByteArray) bytes = two_entries(), shifted = g_byte_array_new();
    put_text(shifted, "0123456789");
    g_byte_array_append(shifted, bytes->data, bytes->len);
    put_text(shifted, "behind");
    g_autoptr(GError) error = NULL;
    ZipEnd end;
    g_autofree char *text = read_directory(shifted, &end, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, "a 5 5 @10\nd/ 0 0 @46 folder utf8\n");
    g_assert_cmpuint(end.prefix, ==, 10);
    g_assert_cmpuint(end.behind, ==, 6);
}

/* An end record's signature in its own comment is no end record. */
static void test_comment(void)
{
    g_autoptr(GByteArray) bytes = two_entries();
    static const char comment[] = "PK\5\6 and what looks like more of it";
    bytes->data[bytes->len - 2] = sizeof(comment);
    g_byte_array_append(bytes, (const guint8 *)comment, sizeof(comment));
    g_autoptr(GError) error = NULL;
    ZipEnd end;
    g_autofree char *text = read_directory(bytes, &end, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(end.entries, ==, 2);
    g_assert_cmpuint(end.behind, ==, 0);
}

/* A directory of one row with zip64 fields, and 64-bit end records. */
static GByteArray *zip64(guint64 compressed, guint64 size, guint64 entries)
{
    GByteArray *bytes = g_byte_array_new();
    put_text(bytes, "data");
    put(bytes, 0x02014b50, 4);
    put(bytes, 3 << 8 | 45, 2);
    put(bytes, 45, 2);
    put(bytes, 0, 2);
    put(bytes, 8, 2);
    put(bytes, 0, 8);
    put(bytes, 0xffffffff, 4);
    put(bytes, 0xffffffff, 4);
    put(bytes, 1, 2);
    put(bytes, 28, 2);
    put(bytes, 0, 6);
    put(bytes, 0, 4);
    put(bytes, 0xffffffff, 4);
    put_text(bytes, "a");
    put(bytes, 1, 2); /* zip64 */
    put(bytes, 24, 2);
    put(bytes, size, 8);
    put(bytes, compressed, 8);
    put(bytes, 0, 8);
    const guint directory = bytes->len - 4;
    const guint end64 = bytes->len;
    put(bytes, 0x06064b50, 4);
    put(bytes, 44, 8);
    put(bytes, 45, 4);
    put(bytes, 0, 8);
    put(bytes, entries, 8);
    put(bytes, entries, 8);
    put(bytes, directory, 8);
    put(bytes, 4, 8);
    put(bytes, 0x07064b50, 4);
    put(bytes, 0, 4);
    put(bytes, end64, 8);
    put(bytes, 1, 4);
    put(bytes, 0x06054b50, 4);
    put(bytes, 0, 4);
    put(bytes, 0xffff, 2);
    put(bytes, 0xffff, 2);
    put(bytes, 0xffffffff, 4);
    put(bytes, 0xffffffff, 4);
    put(bytes, 0, 2);
    return bytes;
}

static void test_zip64(void)
{
    g_autoptr(GByteArray) bytes = zip64(5000000000, 6000000000, 1);
    g_autoptr(GError) error = NULL;
    ZipEnd end;
    g_autofree char *text = read_directory(bytes, &end, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, "a 5000000000 6000000000 @0\n");
    g_autoptr(GByteArray) lying = zip64(1, 1, G_GUINT64_CONSTANT(1) << 60);
    g_assert_null(read_directory(lying, &end, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
}

static void test_damaged(void)
{
    g_autoptr(GByteArray) bytes = two_entries();
    const guint end = bytes->len - 22;
    const struct {
        guint at;
        guint8 value;
    } changes[] = {
        {end, 'x'},     {end + 4, 1},  {end + 6, 1},     {end + 8, 3},    {end + 10, 3},
        {end + 10, 1},  {end + 12, 1}, {end + 13, 200},  {end + 18, 200}, {68, 'x'},
        {68 + 28, 200}, {68 + 34, 1},  {68 + 42 + 3, 1}, {68 + 30, 1},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autoptr(GByteArray) wrong = g_byte_array_new();
        g_byte_array_append(wrong, bytes->data, bytes->len);
        wrong->data[changes[i].at] = changes[i].value;
        g_autoptr(GError) error = NULL;
        ZipEnd seen;
        g_autofree char *text = read_directory(wrong, &seen, &error);
        g_test_message("byte %u: %s", changes[i].at, error ? error->message : text);
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
    }
    for (guint length = 0; length < bytes->len; length++) {
        g_autoptr(GByteArray) cut = g_byte_array_new();
        g_byte_array_append(cut, bytes->data, length);
        g_autoptr(GError) error = NULL;
        ZipEnd seen;
        g_assert_null(read_directory(cut, &seen, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
    }
}

/* Changed bytes at random: an answer or an error, and never a read outside (read_bytes looks). */
static void test_random(void)
{
    g_autoptr(GByteArray) plain = two_entries(), large = zip64(1, 2, 1);
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    guint answers = 0;
    for (guint round = 0; round < 20000; round++) {
        const GByteArray *from = round % 2 ? plain : large;
        g_autoptr(GByteArray) changed = g_byte_array_new();
        g_byte_array_append(changed, from->data, from->len);
        for (guint i = 0; i < 1 + round % 4; i++)
            changed->data[g_rand_int_range(rand, 0, (gint32)changed->len)] =
                (guint8)g_rand_int(rand);
        g_autoptr(GError) error = NULL;
        ZipEnd end;
        g_autofree char *text = read_directory(changed, &end, &error);
        g_assert_true((text != NULL) != (error != NULL));
        answers += text != NULL;
    }
    g_assert_cmpuint(answers, >, 100);
    g_assert_cmpuint(answers, <, 19900);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/zip_directory/plain", test_plain);
    g_test_add_func("/zip_directory/around", test_around);
    g_test_add_func("/zip_directory/comment", test_comment);
    g_test_add_func("/zip_directory/zip64", test_zip64);
    g_test_add_func("/zip_directory/damaged", test_damaged);
    g_test_add_func("/zip_directory/random", test_random);
    return g_test_run();
}

#include "unpack_fixture.h"

/* Stored rars by hand. */
static void put_block4(GByteArray *to, guint type, guint flags, const GByteArray *rest)
{
    g_autoptr(GByteArray) header = g_byte_array_new();
    put(header, type, 1);
    put(header, flags, 2);
    put(header, 7 + rest->len, 2);
    g_byte_array_append(header, rest->data, rest->len);
    put(to, crc32(0, header->data, header->len) & 0xffff, 2);
    g_byte_array_append(to, header->data, header->len);
}

enum {
    RAR_VOLUME = 0x0001,
    RAR_FIRST = 0x0100,
    RAR_ENCRYPTED = 0x0080,
    SPLIT_BEFORE = 0x01,
    SPLIT_AFTER = 0x02,
    FILE_ENCRYPTED = 0x04,
};

static void rar4_begin(GByteArray *to, guint flags)
{
    static const guint8 signature[] = {'R', 'a', 'r', '!', 0x1a, 7, 0};
    g_autoptr(GByteArray) rest = g_byte_array_new();
    g_byte_array_append(to, signature, sizeof(signature));
    put(rest, 0, 6);
    put_block4(to, 0x73, flags, rest);
}

static void rar4_file(GByteArray *to, const char *name, const void *data, gsize length, gsize whole,
                      guint32 crc, guint flags, guint32 mode)
{
    g_autoptr(GByteArray) rest = g_byte_array_new();
    put(rest, length, 4);
    put(rest, whole, 4);
    put(rest, 3, 1);
    put(rest, crc, 4);
    put(rest, 0x21000000, 4);
    put(rest, 20, 1);
    put(rest, 0x30, 1);
    put(rest, strlen(name), 2);
    put(rest, mode, 4);
    put_text(rest, name);
    put_block4(to, 0x74, 0x8000 | flags, rest);
    g_byte_array_append(to, data, (guint)length);
}

static void rar4_end(GByteArray *to, guint flags)
{
    g_autoptr(GByteArray) rest = g_byte_array_new();
    put_block4(to, 0x7b, 0x4000 | flags, rest);
}

static void rar4_text(GByteArray *to, const char *name, const char *text, guint32 mode)
{
    const gsize length = strlen(text);
    rar4_file(to, name, text, length, length, (guint32)crc32(0, (const Bytef *)text, (uInt)length),
              0, mode);
}

static GByteArray *rar4_two(void)
{
    GByteArray *bytes = g_byte_array_new();
    rar4_begin(bytes, 0);
    rar4_text(bytes, "d\\a.txt", "the first", 0100644);
    rar4_text(bytes, "b.txt", "the second", 0100644);
    rar4_end(bytes, 0);
    return bytes;
}

static void put_number5(GByteArray *to, guint64 number)
{
    while (number >= 0x80) {
        put(to, (number & 0x7f) | 0x80, 1);
        number >>= 7;
    }
    put(to, number, 1);
}

static void put_block5(GByteArray *to, const GByteArray *fields)
{
    g_autoptr(GByteArray) header = g_byte_array_new();
    put_number5(header, fields->len);
    g_byte_array_append(header, fields->data, fields->len);
    put(to, crc32(0, header->data, header->len), 4);
    g_byte_array_append(to, header->data, header->len);
}

static void rar5_file(GByteArray *to, const char *name, const char *text)
{
    g_autoptr(GByteArray) fields = g_byte_array_new();
    const gsize length = strlen(text);
    put_number5(fields, 2);
    put_number5(fields, 2);
    put_number5(fields, length);
    put_number5(fields, 4);
    put_number5(fields, length);
    put_number5(fields, 0100644);
    put(fields, crc32(0, (const Bytef *)text, (uInt)length), 4);
    put_number5(fields, 0);
    put_number5(fields, 1);
    put_number5(fields, strlen(name));
    put_text(fields, name);
    put_block5(to, fields);
    put_text(to, text);
}

static GByteArray *rar5_two(void)
{
    static const guint8 signature[] = {'R', 'a', 'r', '!', 0x1a, 7, 1, 0};
    GByteArray *bytes = g_byte_array_new();
    g_autoptr(GByteArray) main_block = g_byte_array_new(), end = g_byte_array_new();
    g_byte_array_append(bytes, signature, sizeof(signature));
    put(main_block, 1, 1);
    put(main_block, 0, 2);
    put_block5(bytes, main_block);
    rar5_file(bytes, "d/a.txt", "the first");
    rar5_file(bytes, "b.txt", "the second");
    put(end, 5, 1);
    put(end, 0, 2);
    put_block5(bytes, end);
    return bytes;
}

static const gsize paces[] = {0, 10, 100000};

static void test_stored(void)
{
    GByteArray *(*const makers[])(void) = {rar4_two, rar5_two};
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_RAR, FILTER_NONE);
    for (gsize i = 0; i < G_N_ELEMENTS(makers); i++) {
        g_autoptr(GByteArray) bytes = makers[i]();
        for (gsize j = 0; j < G_N_ELEMENTS(paces); j++) {
            g_auto(Try) try = {.rule = rule, .bytes = bytes, .slow = paces[j]};
            try_run(&try);
            try_assert_ok(&try);
            try_assert_text(&try, "d/a.txt", "the first");
            try_assert_text(&try, "b.txt", "the second");
            g_assert_cmpuint(try.members->len, ==, 2);
            g_assert_cmpuint(try.warnings->len, ==, 0);
        }
        put_text(bytes, "behind");
        g_auto(Try) behind = {.rule = rule, .bytes = bytes};
        try_run(&behind);
        try_assert_ok(&behind);
        g_assert_cmpuint(behind.warnings->len, ==, 1);
    }
}

/* Also between two blocks, where libarchive sees nothing. */
static void test_cut(void)
{
    GByteArray *(*const makers[])(void) = {rar4_two, rar5_two};
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_RAR, FILTER_NONE);
    for (gsize i = 0; i < G_N_ELEMENTS(makers); i++) {
        g_autoptr(GByteArray) bytes = makers[i]();
        for (guint length = 0; length < bytes->len; length++) {
            g_autoptr(GByteArray) cut = g_byte_array_new();
            g_byte_array_append(cut, bytes->data, length);
            g_auto(Try) try = {.rule = rule, .bytes = cut};
            try_run(&try);
            g_test_message("rar %zu cut to %u of %u: %s", 4 + i, length, bytes->len,
                           try.error ? try.error->message : "taken");
            /* Old archives have no end block: what is missing cannot be told. */
            if (i == 0 && !try.error && try.warnings->len == 1)
                continue;
            g_assert_nonnull(try.error);
            g_assert_cmpint(try.error->code, !=, MEDMIRROR_ERROR_UNSAFE);
        }
    }
}

/* libarchive hands out stored bytes without comparing their CRC. */
static void test_flipped(void)
{
    GByteArray *(*const makers[])(void) = {rar4_two, rar5_two};
    static const char *const texts[] = {"the first", "the second"};
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_RAR, FILTER_NONE);
    for (gsize i = 0; i < G_N_ELEMENTS(makers) * G_N_ELEMENTS(texts); i++) {
        const char *text = texts[i % G_N_ELEMENTS(texts)];
        g_autoptr(GByteArray) bytes = makers[i / G_N_ELEMENTS(texts)]();
        guint8 *data = memmem(bytes->data, bytes->len, text, strlen(text));
        g_assert_nonnull(data);
        data[strlen(text) - 1] ^= 1;
        g_auto(Try) try = {.rule = rule, .bytes = bytes};
        try_run(&try);
        g_assert_error(try.error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
    }
}

static void test_refused(void)
{
    static const struct {
        const char *name, *text;
        guint32 mode;
        int code;
    } cases[] = {
        {"..\\out", "x", 0100644, MEDMIRROR_ERROR_UNSAFE},
        {"/out", "x", 0100644, MEDMIRROR_ERROR_UNSAFE},
        {"link", "../../out", 0120777, MEDMIRROR_ERROR_UNSAFE},
    };
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_RAR, FILTER_NONE);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        rar4_begin(bytes, 0);
        rar4_text(bytes, cases[i].name, cases[i].text, cases[i].mode);
        rar4_end(bytes, 0);
        g_auto(Try) try = {.rule = rule, .bytes = bytes};
        try_run(&try);
        g_test_message("%s", try.error ? try.error->message : "taken");
        try_assert_refused(&try, cases[i].code, NULL);
    }
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        rar4_begin(bytes, i == 0 ? RAR_ENCRYPTED : 0);
        rar4_file(bytes, "a", "x", 1, 1, 0, i == 1 ? FILE_ENCRYPTED : 0, 0100644);
        rar4_end(bytes, 0);
        g_auto(Try) try = {.rule = rule, .bytes = bytes};
        try_run(&try);
        try_assert_refused(&try, MEDMIRROR_ERROR_FAILED, "password");
    }
}

static void test_volumes(void)
{
    static const char text[] = "what is too long for one volume";
    const gsize length = strlen(text), first = 10;
    const guint32 crc = (guint32)crc32(0, (const Bytef *)text, (uInt)length);
    g_autoptr(GByteArray) one = g_byte_array_new(), two = g_byte_array_new();
    rar4_begin(one, RAR_VOLUME | RAR_FIRST);
    rar4_text(one, "a", "first", 0100644);
    rar4_file(one, "b", text, first, length, (guint32)crc32(0, (const Bytef *)text, first),
              SPLIT_AFTER, 0100644);
    rar4_end(one, 1);
    rar4_begin(two, RAR_VOLUME);
    rar4_file(two, "b", text + first, length - first, length, crc, SPLIT_BEFORE, 0100644);
    rar4_end(two, 0);
    g_autofree char *path = NULL;
    int volume = g_file_open_tmp("volume-XXXXXX", &path, NULL);
    g_assert_cmpint(write(volume, two->data, two->len), ==, (gssize)two->len);
    g_unlink(path);
    const int volumes[] = {volume, -1};
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_RAR, FILTER_NONE);
    for (gsize i = 0; i < G_N_ELEMENTS(paces); i++) {
        g_auto(Try) try = {.rule = rule, .bytes = one, .volume_fds = volumes, .slow = paces[i]};
        try_run(&try);
        try_assert_ok(&try);
        try_assert_text(&try, "a", "first");
        try_assert_text(&try, "b", text);
        g_assert_cmpuint(try.warnings->len, ==, 0);
    }
    g_auto(Try) alone = {.rule = rule, .bytes = one};
    try_run(&alone);
    try_assert_refused(&alone, MEDMIRROR_ERROR_DAMAGED, NULL);
    close(volume);
}

/* Volumes of other formats are the file in pieces. */
static void test_joined(void)
{
    Zip *zip = zip_new();
    zip_add(zip, "a", "first", ZIP_DEFLATE);
    zip_add(zip, "b", "second", 0);
    g_autoptr(GByteArray) bytes = zip_finish(zip);
    g_autofree char *path = NULL;
    int volume = g_file_open_tmp("volume-XXXXXX", &path, NULL);
    const guint first = 50;
    g_assert_cmpint(write(volume, bytes->data + first, bytes->len - first), ==,
                    (gssize)(bytes->len - first));
    g_unlink(path);
    g_byte_array_set_size(bytes, first);
    const int volumes[] = {volume, -1};
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE);
    for (gsize i = 0; i < G_N_ELEMENTS(paces); i++) {
        g_auto(Try) try = {.rule = rule, .bytes = bytes, .volume_fds = volumes, .slow = paces[i]};
        try_run(&try);
        try_assert_ok(&try);
        try_assert_text(&try, "a", "first");
        try_assert_text(&try, "b", "second");
    }
    close(volume);
}

int main(int argc, char **argv)
{
    fixture_main(&argc, &argv);
    g_test_add_func("/unpack_rar/stored", test_stored);
    g_test_add_func("/unpack_rar/cut", test_cut);
    g_test_add_func("/unpack_rar/flipped", test_flipped);
    g_test_add_func("/unpack_rar/refused", test_refused);
    g_test_add_func("/unpack_rar/volumes", test_volumes);
    g_test_add_func("/unpack_rar/joined", test_joined);
    return g_test_run();
}

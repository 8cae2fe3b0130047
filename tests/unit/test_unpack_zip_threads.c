#include "unpack_fixture.h"

/* Each archive is read with a head start and without, since both must come to the same. */
static const gsize paces[] = {0, 100, 1000000};

static UnpackRule *zip_rule(void)
{
    return unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE);
}

static void expect_ok(Zip *zip, const char *const *names_and_texts, guint warnings)
{
    g_autoptr(GByteArray) bytes = zip_finish(zip);
    g_autoptr(UnpackRule) rule = zip_rule();
    for (gsize i = 0; i < G_N_ELEMENTS(paces); i++) {
        g_auto(Try) try = {.rule = rule, .bytes = bytes, .slow = paces[i]};
        try_run(&try);
        try_assert_ok(&try);
        guint members = 0;
        for (const char *const *p = names_and_texts; *p; p += 2, members++)
            try_assert_text(&try, p[0], p[1]);
        g_assert_cmpuint(try.members->len, ==, members);
        for (guint j = 0; j < try.warnings->len; j++)
            g_test_message("%s", (char *)g_ptr_array_index(try.warnings, j));
        g_assert_cmpuint(try.warnings->len, ==, warnings);
    }
}

static void expect_refused(Zip *zip, int code, const char *needle)
{
    g_autoptr(GByteArray) bytes = zip_finish(zip);
    g_autoptr(UnpackRule) rule = zip_rule();
    for (gsize i = 0; i < G_N_ELEMENTS(paces); i++) {
        g_auto(Try) try = {.rule = rule, .bytes = bytes, .slow = paces[i]};
        try_run(&try);
        g_test_message("%s", try.error ? try.error->message : "taken");
        try_assert_refused(&try, code, needle);
    }
}

static void test_forms(void)
{
    static const guint forms[] = {
        0,
        ZIP_DEFLATE,
        ZIP_DEFLATE | ZIP_DESCRIPTOR,
        ZIP_DEFLATE | ZIP_DESCRIPTOR | ZIP_NO_SIGNATURE,
        ZIP_DEFLATE | ZIP_DESCRIPTOR64,
        ZIP_DEFLATE | ZIP_DESCRIPTOR64 | ZIP_NO_SIGNATURE,
        ZIP_DESCRIPTOR,
        ZIP_DESCRIPTOR64,
    };
    static const char *const expected[] = {"a", "first", "d/b", "the second", "c", "", NULL};
    for (gsize i = 0; i < G_N_ELEMENTS(forms); i++) {
        Zip *zip = zip_new();
        zip_add(zip, "a", "first", forms[i]);
        zip_add(zip, "d/", "", 0);
        zip_add(zip, "d/b", "the second", forms[i]);
        zip_add(zip, "c", "", forms[i]);
        g_test_message("form %u", forms[i]);
        expect_ok(zip, expected, 0);
    }
}

/* Stored, its length told behind it only, and what looks like its end within it. */
static void test_smuggled(void)
{
    Zip *inner = zip_new();
    zip_add(inner, "smuggled", "evil", 0);
    g_autoptr(GByteArray) data = g_byte_array_new();
    put_text(data, "pretext");
    put(data, 0x08074b50, 4);
    put(data, crc32(0, (const Bytef *)"pretext", 7), 4);
    put(data, 7, 4);
    put(data, 7, 4);
    g_byte_array_append(data, inner->bytes->data, inner->bytes->len);
    g_autoptr(GByteArray) rest = zip_finish(inner);

    Zip *zip = zip_new();
    ZipPart part = zip_part("a", "", ZIP_DESCRIPTOR);
    part.data = data->data;
    part.length = data->len;
    zip_add_part(zip, &part);
    zip_add(zip, "b", "second", 0);
    g_autoptr(GByteArray) bytes = zip_finish(zip);
    g_autoptr(UnpackRule) rule = zip_rule();
    for (gsize i = 0; i < G_N_ELEMENTS(paces); i++) {
        g_auto(Try) try = {.rule = rule, .bytes = bytes, .slow = paces[i]};
        try_run(&try);
        try_assert_ok(&try);
        try_assert_file(&try, "a", data->data, data->len);
        try_assert_text(&try, "b", "second");
        try_assert_absent(&try, "smuggled");
        g_assert_cmpuint(try.members->len, ==, 2);
    }
}

static void test_dead_entries(void)
{
    static const char *const expected[] = {"a", "first", "c", "third", NULL};
    Zip *zip = zip_new();
    zip_add(zip, "a", "first", ZIP_DEFLATE);
    zip_add(zip, "b", "dead", ZIP_DEFLATE | ZIP_DESCRIPTOR | ZIP_NO_ROW);
    zip_add(zip, "../c", "dead and unsafe", ZIP_NO_ROW);
    zip_add(zip, "c", "third", 0);
    zip_add(zip, "d", "dead at the end", ZIP_NO_ROW);
    expect_ok(zip, expected, 1);

    /* A member that was put in again: the new one counts, whatever the old one was. */
    static const char *const updated[] = {"a", "new", "b", "b", NULL};
    zip = zip_new();
    zip_add(zip, "a", "old", ZIP_NO_ROW);
    zip_add(zip, "a", "new", ZIP_DEFLATE);
    zip_add(zip, "b", "b", 0);
    expect_ok(zip, updated, 1);
}

static void test_what_lies_around(void)
{
    static const char *const expected[] = {"a", "first", NULL};
    Zip *zip = zip_new();
    put_text(zip->bytes, "#!/bin/sh\n"); /* offsets count it */
    zip_add(zip, "a", "first", ZIP_DEFLATE);
    expect_ok(zip, expected, 1);

    Zip *plain = zip_new();
    zip_add(plain, "a", "first", ZIP_DEFLATE);
    g_autoptr(GByteArray) archive = zip_finish(plain), joined = g_byte_array_new();
    put_text(joined, "#!/bin/sh\n"); /* offsets do not */
    g_byte_array_append(joined, archive->data, archive->len);
    g_autoptr(UnpackRule) rule = zip_rule();
    g_auto(Try) before = {.rule = rule, .bytes = joined};
    try_run(&before);
    try_assert_ok(&before);
    g_assert_cmpuint(before.warnings->len, ==, 1);

    /* Two archives in one file: nobody can say which is meant. */
    g_byte_array_set_size(joined, 0);
    g_byte_array_append(joined, archive->data, archive->len);
    g_byte_array_append(joined, archive->data, archive->len);
    g_auto(Try) two = {.rule = rule, .bytes = joined};
    try_run(&two);
    try_assert_refused(&two, MEDMIRROR_ERROR_DAMAGED, "directory");

    zip = zip_new();
    zip_add(zip, "a", "first", 0);
    put_text(zip->bytes, "between");
    zip_add(zip, "b", "second", 0);
    expect_refused(zip, MEDMIRROR_ERROR_DAMAGED, "nowhere");
}

static void test_types(void)
{
    Zip *zip = zip_new();
    zip_add(zip, "file", "text", ZIP_DEFLATE);
    ZipPart link = zip_part("d/link", "../file", ZIP_DEFLATE);
    link.mode = 0120777;
    zip_add_part(zip, &link);
    ZipPart folder = zip_part("empty", "", 0);
    folder.mode = 040755;
    zip_add_part(zip, &folder);
    ZipPart setuid = zip_part("setuid", "s", 0);
    setuid.mode = 0106755;
    zip_add_part(zip, &setuid);
    g_autoptr(GByteArray) bytes = zip_finish(zip);
    g_autoptr(UnpackRule) rule = zip_rule();
    for (gsize i = 0; i < G_N_ELEMENTS(paces); i++) {
        g_auto(Try) try = {.rule = rule, .bytes = bytes, .slow = paces[i]};
        try_run(&try);
        try_assert_ok(&try);
        try_assert_text(&try, "setuid", "s");
        try_assert_absent(&try, "empty");
        g_autofree char *path = g_build_filename(try.folder, "tree", "d", "link", NULL);
        g_autofree char *target = g_file_read_link(path, NULL);
        g_assert_cmpstr(target, ==, "../file");
        g_assert_cmpuint(try.members->len, ==, 3);
    }

    static const struct {
        guint32 mode;
        const char *text;
    } refused[] = {{0120777, "../../etc"}, {0120777, "/etc"}, {0020644, ""},
                   {0060644, ""},          {0010644, ""},     {0140644, ""}};
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        zip = zip_new();
        ZipPart part = zip_part("culprit", refused[i].text, ZIP_DEFLATE);
        part.mode = refused[i].mode;
        zip_add(zip, "before", "b", 0);
        zip_add_part(zip, &part);
        expect_refused(zip, MEDMIRROR_ERROR_UNSAFE, "culprit");
    }
}

static void test_names(void)
{
    static const char *const unsafe[] = {"../a", "/a", "a/../../b", "C:/a", "", "a\nb", "\xb2\xa1"};
    for (gsize i = 0; i < G_N_ELEMENTS(unsafe); i++) {
        Zip *zip = zip_new();
        zip_add(zip, "before", "b", 0);
        zip_add(zip, unsafe[i], "x", ZIP_DEFLATE | ZIP_DESCRIPTOR);
        expect_refused(zip, MEDMIRROR_ERROR_UNSAFE, NULL);
    }
    static const char *const clashes[][2] = {
        {"a", "A"}, {"a", "a/b"}, {"a/b", "a"}, {"caf\xc3\xa9", "cafe\xcc\x81"}, {"a", "a"}};
    for (gsize i = 0; i < G_N_ELEMENTS(clashes); i++) {
        Zip *zip = zip_new();
        zip_add(zip, clashes[i][0], "one", 0);
        zip_add(zip, clashes[i][1], "other", ZIP_DEFLATE);
        expect_refused(zip, MEDMIRROR_ERROR_UNSAFE, "a");
    }
    static const char *const taken[] = {
        "a", "one", "windows/path", "w", "__MACOSX/._a", "m", ".DS_Store", "d", NULL};
    Zip *zip = zip_new();
    zip_add(zip, "a", "one", 0);
    zip_add(zip, "a", "one", ZIP_DEFLATE); /* the same bytes are one */
    zip_add(zip, "windows\\path", "w", 0);
    zip_add(zip, "__MACOSX/._a", "m", 0);
    zip_add(zip, ".DS_Store", "d", 0);
    expect_ok(zip, taken, 0);

    zip = zip_new();
    zip_add(zip, "\xb2\xa1", "x", 0);
    g_autoptr(GByteArray) bytes = zip_finish(zip);
    g_autoptr(UnpackRule) rule = zip_rule();
    rule->charset = g_strdup("GBK");
    g_auto(Try) try = {.rule = rule, .bytes = bytes};
    try_run(&try);
    try_assert_ok(&try);
    try_assert_text(&try, "病", "x");
}

static void test_lies(void)
{
    Zip *zip = zip_new();
    zip_add(zip, "a", "first", 0);
    ZipPart overlapping = zip_part("b", "second", 0);
    overlapping.offset = 0;
    zip_add_part(zip, &overlapping);
    expect_refused(zip, MEDMIRROR_ERROR_UNSAFE, "one over the other");

    zip = zip_new();
    ZipPart renamed = zip_part("a", "first", ZIP_DEFLATE);
    renamed.row_name = "b";
    zip_add_part(zip, &renamed);
    expect_refused(zip, MEDMIRROR_ERROR_DAMAGED, "differ");

    zip = zip_new();
    ZipPart elsewhere = zip_part("a", "first", 0);
    elsewhere.offset = 3;
    zip_add_part(zip, &elsewhere);
    expect_refused(zip, MEDMIRROR_ERROR_DAMAGED, NULL);

    zip = zip_new();
    zip_add(zip, "a", "first", ZIP_DEFLATE | ZIP_WRONG_CRC);
    expect_refused(zip, MEDMIRROR_ERROR_DAMAGED, "checksum");

    zip = zip_new();
    zip_add(zip, "a", "first", ZIP_DEFLATE);
    zip_add(zip, "b", "not readable", ZIP_ENCRYPT_FLAG);
    expect_refused(zip, MEDMIRROR_ERROR_FAILED, "password");

    zip = zip_new();
    ZipPart unknown = zip_part("a", "first", 0);
    unknown.method = 9;
    zip_add_part(zip, &unknown);
    expect_refused(zip, MEDMIRROR_ERROR_FAILED, NULL);
}

/* A zip cut at any byte is never OK, be there another whole zip within it. */
static void test_cut_anywhere(void)
{
    Zip *inner = zip_new();
    zip_add(inner, "inner", "within", 0);
    g_autoptr(GByteArray) within = zip_finish(inner);
    Zip *zip = zip_new();
    zip_add(zip, "a", "first", ZIP_DEFLATE | ZIP_DESCRIPTOR);
    ZipPart stored = zip_part("inner.zip", "", 0);
    stored.data = within->data;
    stored.length = within->len;
    zip_add_part(zip, &stored);
    g_autoptr(GByteArray) bytes = zip_finish(zip);
    g_autoptr(UnpackRule) rule = zip_rule();
    for (gsize length = 0; length < bytes->len; length++) {
        g_autoptr(GByteArray) cut = g_byte_array_new();
        g_byte_array_append(cut, bytes->data, (guint)length);
        g_auto(Try) try = {.rule = rule, .bytes = cut, .slow = length % 2 ? 1000 : 0};
        try_run(&try);
        g_test_message("%zu of %u: %s", length, bytes->len,
                       try.error ? try.error->message : "taken");
        try_assert_refused(&try, MEDMIRROR_ERROR_DAMAGED, NULL);
        g_assert_cmpuint(try.members->len, ==, 0);
        try_assert_absent(&try, "inner");
    }
}

static void test_rare_methods(void)
{
    static const struct {
        ArchiveFilter filter;
        guint method;
    } methods[] = {{FILTER_BZIP2, 12}, {FILTER_XZ, 95}};
    g_autoptr(GByteArray) large = noise(1, 400000);
    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++) {
        Packing packing = packing_new(ARCHIVE_NONE, methods[i].filter);
        packing_add(&packing, "x", 0, NULL, large->data, large->len);
        g_autoptr(GByteArray) body = packing_finish(&packing);
        Zip *zip = zip_new();
        zip_add(zip, "a", "first", 0);
        ZipPart part = zip_part("large", "", 0);
        part.data = large->data;
        part.length = large->len;
        part.method = methods[i].method;
        part.body = body;
        zip_add_part(zip, &part);
        g_autoptr(GByteArray) bytes = zip_finish(zip);
        g_autoptr(UnpackRule) rule = zip_rule();
        for (gsize j = 0; j < G_N_ELEMENTS(paces); j++) {
            g_auto(Try) try = {.rule = rule, .bytes = bytes, .slow = paces[j]};
            try_run(&try);
            try_assert_ok(&try);
            try_assert_file(&try, "large", large->data, large->len);
        }
    }
}

/* Rows in another order than the headers, more than one batch of notes. */
static void test_many(void)
{
    enum {
        MANY = 3000
    };
    Zip *zip = zip_new();
    g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint i = 0; i < MANY; i++) {
        g_autofree char *name = g_strdup_printf("%u/%u", i % 7, i);
        const guint start = zip->directory->len;
        zip_add(zip, name, name, i % 2 ? ZIP_DEFLATE | ZIP_DESCRIPTOR : 0);
        g_array_append_val(places, start);
    }
    const guint end = zip->directory->len;
    g_array_append_val(places, end);
    g_autoptr(GByteArray) backwards = g_byte_array_new();
    for (guint i = MANY; i-- > 0;) {
        const guint from = g_array_index(places, guint, i);
        g_byte_array_append(backwards, zip->directory->data + from,
                            g_array_index(places, guint, i + 1) - from);
    }
    memcpy(zip->directory->data, backwards->data, backwards->len);
    g_autoptr(GByteArray) bytes = zip_finish(zip);
    g_autoptr(UnpackRule) rule = zip_rule();
    static const gsize slow[] = {0, 50000};
    for (gsize i = 0; i < G_N_ELEMENTS(slow); i++) {
        g_auto(Try) try = {.rule = rule, .bytes = bytes, .slow = slow[i]};
        try_run(&try);
        try_assert_ok(&try);
        g_assert_cmpuint(try.members->len, ==, MANY);
        try_assert_text(&try, "0/0", "0/0");
        try_assert_text(&try, "3/2999", "3/2999");
    }
}

/* Raw deflate of one stored block (RFC 1951, 3.2.4): DATA lie in it as they are. */
static GByteArray *stored_block(const GByteArray *data)
{
    GByteArray *body = g_byte_array_new();
    put(body, 1, 1);
    put(body, data->len, 2);
    put(body, ~data->len & 0xffff, 2);
    g_byte_array_append(body, data->data, data->len);
    return body;
}

/* Where a member ends is found by its descriptor: what looks like one within it, in all its
 * numbers, must cost time and no more. */
static void test_false_descriptors(void)
{
    enum {
        FALSE_AT = 1000
    };
    g_autoptr(GByteArray) data = noise(3, 30000);
    g_autoptr(GByteArray) false_one = g_byte_array_new();
    put(false_one, 0x08074b50, 4);
    put(false_one, 12345, 4);
    put(false_one, 5 + FALSE_AT, 4); /* behind the block's header */
    put(false_one, 20000, 4);
    put_text(false_one, "PK");
    memcpy(data->data + FALSE_AT, false_one->data, false_one->len);
    g_autoptr(GByteArray) body = stored_block(data);
    Zip *zip = zip_new();
    for (guint i = 0; i < 60; i++) {
        g_autofree char *name = g_strdup_printf("%02u", i);
        ZipPart part = zip_part(name, name, ZIP_DEFLATE | ZIP_DESCRIPTOR);
        if (i % 5 == 3) {
            part.data = data->data;
            part.length = data->len;
            part.body = body;
        }
        zip_add_part(zip, &part);
    }
    g_autoptr(GByteArray) bytes = zip_finish(zip);
    g_autoptr(UnpackRule) rule = zip_rule();
    for (gsize i = 0; i < G_N_ELEMENTS(paces); i++) {
        g_auto(Try) try = {.rule = rule, .bytes = bytes, .slow = paces[i] ? 7000 : 0};
        try_run(&try);
        try_assert_ok(&try);
        g_assert_cmpuint(try.members->len, ==, 60);
        try_assert_text(&try, "00", "00");
        try_assert_text(&try, "59", "59");
        try_assert_file(&try, "03", data->data, data->len);
        try_assert_file(&try, "58", data->data, data->len);
    }
}

/* Small and large ones of every form side by side, larger than what is decoded at once too. */
static void test_side_by_side(void)
{
    static const guint forms[] = {0, ZIP_DEFLATE, ZIP_DEFLATE | ZIP_DESCRIPTOR,
                                  ZIP_DEFLATE | ZIP_DESCRIPTOR64};
    static const gsize sizes[] = {0, 10, 70000, 900000, 3000000};
    const gsize most = 17 * 1024 * 1024;
    g_autoptr(GByteArray) random = noise(4, 3000000);
    g_autofree guint8 *zeros = g_malloc0(most);
    g_autoptr(GHashTable) lengths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Zip *zip = zip_new();
    for (guint i = 0; i < 30; i++) {
        char *name = g_strdup_printf("d%u/%02u", i % 3, i);
        ZipPart part = zip_part(name, "", forms[i % G_N_ELEMENTS(forms)]);
        const gboolean is_huge = i % 10 == 6;
        part.length = is_huge ? most : sizes[i * 7 % G_N_ELEMENTS(sizes)];
        part.data = is_huge ? zeros : random->data;
        zip_add_part(zip, &part);
        g_hash_table_insert(lengths, name, GSIZE_TO_POINTER(part.length));
    }
    g_autoptr(GByteArray) bytes = zip_finish(zip);
    g_autoptr(UnpackRule) rule = zip_rule();
    static const gsize slow[] = {0, 1000000};
    for (gsize i = 0; i < G_N_ELEMENTS(slow); i++) {
        g_auto(Try) try = {.rule = rule, .bytes = bytes, .slow = slow[i]};
        try_run(&try);
        try_assert_ok(&try);
        g_assert_cmpuint(try.members->len, ==, 30);
        GHashTableIter iter;
        gpointer name, length;
        g_hash_table_iter_init(&iter, lengths);
        while (g_hash_table_iter_next(&iter, &name, &length)) {
            gsize wanted = GPOINTER_TO_SIZE(length);
            try_assert_file(&try, name, wanted == most ? zeros : random->data, wanted);
        }
    }
}

/* Members that are archives themselves, as UCI has them. */
static void test_nested(void)
{
    g_autoptr(GByteArray) large = noise(2, 100000);
    Packing compress = packing_new(ARCHIVE_NONE, FILTER_COMPRESS);
    packing_add(&compress, "x", 0, NULL, large->data, large->len);
    g_autoptr(GByteArray) compressed = packing_finish(&compress);
    Packing gzip = packing_new(ARCHIVE_NONE, FILTER_GZIP);
    packing_add(&gzip, "x", 0, NULL, large->data, large->len);
    g_autoptr(GByteArray) gzipped = packing_finish(&gzip);
    Packing tar = packing_new(ARCHIVE_TAR, FILTER_NONE);
    packing_add(&tar, "trial/1.gz", 0, NULL, gzipped->data, gzipped->len);
    g_autoptr(GByteArray) tarred = packing_finish(&tar);
    Zip *student = zip_new();
    zip_add(student, "student.csv", "s", ZIP_DEFLATE);
    g_autoptr(GByteArray) zipped = zip_finish(student);

    Zip *zip = zip_new();
    const struct {
        const char *name;
        const GByteArray *bytes;
    } parts[] = {{"shuttle.trn.Z", compressed}, {"eeg/all.tar", tarred}, {"student.zip", zipped}};
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        ZipPart part = zip_part(parts[i].name, "", ZIP_DEFLATE);
        part.data = parts[i].bytes->data;
        part.length = parts[i].bytes->len;
        zip_add_part(zip, &part);
    }
    zip_add(zip, "Index", "i", 0);
    g_autoptr(GByteArray) bytes = zip_finish(zip);

    g_autoptr(GError) error = NULL;
    g_autoptr(UnpackRule) rule = zip_rule();
    const struct {
        const char *member;
        ArchiveContainer container;
        ArchiveFilter filter;
    } rules[] = {{"*.Z", ARCHIVE_NONE, FILTER_COMPRESS},
                 {"eeg/all.tar", ARCHIVE_TAR, FILTER_NONE},
                 {"student.zip", ARCHIVE_ZIP, FILTER_NONE}};
    rule->nested = g_ptr_array_new_with_free_func((GDestroyNotify)unpack_rule_free);
    for (gsize i = 0; i < G_N_ELEMENTS(rules); i++) {
        UnpackRule *nested = unpack_rule_new(rules[i].container, rules[i].filter);
        nested->member = g_strdup(rules[i].member);
        g_ptr_array_add(rule->nested, nested);
    }
    UnpackRule *trials = unpack_rule_new(ARCHIVE_NONE, FILTER_GZIP);
    trials->member = g_strdup("*.gz");
    UnpackRule *eeg = g_ptr_array_index(rule->nested, 1);
    eeg->nested = g_ptr_array_new_with_free_func((GDestroyNotify)unpack_rule_free);
    g_ptr_array_add(eeg->nested, trials);

    for (gsize i = 0; i < G_N_ELEMENTS(paces); i++) {
        g_auto(Try) try = {.rule = rule, .bytes = bytes, .slow = paces[i], .name = "uci/x.zip"};
        try_run(&try);
        for (guint j = 0; j < try.members->len; j++)
            g_test_message("%s", (char *)g_ptr_array_index(try.members, j));
        try_assert_ok(&try);
        try_assert_file(&try, "uci/shuttle.trn", large->data, large->len);
        try_assert_file(&try, "uci/eeg/trial/1", large->data, large->len);
        try_assert_text(&try, "uci/student.csv", "s");
        try_assert_text(&try, "uci/Index", "i");
        try_assert_absent(&try, "uci/student.zip");
        g_assert_cmpuint(try.members->len, ==, 4);
        g_assert_nonnull(strstr(g_ptr_array_index(try.members, 1), "(eeg/all.tar/trial/1.gz/1)"));
    }
    /* Damage within is named by where it lies. */
    for (guint at = 0; at + 4 < bytes->len; at++) {
        if (memcmp(bytes->data + at, "student.zip", 11) == 0) {
            bytes->data[at + 60] ^= 0xff;
            break;
        }
    }
    g_auto(Try) damaged = {.rule = rule, .bytes = bytes};
    try_run(&damaged);
    g_test_message("%s", damaged.error ? damaged.error->message : "taken");
    g_assert_nonnull(damaged.error);
}

int main(int argc, char **argv)
{
    fixture_main(&argc, &argv);
    g_test_add_func("/unpack_zip/forms", test_forms);
    g_test_add_func("/unpack_zip/smuggled", test_smuggled);
    g_test_add_func("/unpack_zip/dead_entries", test_dead_entries);
    g_test_add_func("/unpack_zip/what_lies_around", test_what_lies_around);
    g_test_add_func("/unpack_zip/types", test_types);
    g_test_add_func("/unpack_zip/names", test_names);
    g_test_add_func("/unpack_zip/lies", test_lies);
    g_test_add_func("/unpack_zip/cut_anywhere", test_cut_anywhere);
    g_test_add_func("/unpack_zip/rare_methods", test_rare_methods);
    g_test_add_func("/unpack_zip/many", test_many);
    g_test_add_func("/unpack_zip/false_descriptors", test_false_descriptors);
    g_test_add_func("/unpack_zip/side_by_side", test_side_by_side);
    g_test_add_func("/unpack_zip/nested", test_nested);
    return g_test_run();
}

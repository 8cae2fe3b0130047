#include "unpack_fixture.h"

static const char small[] = "small", empty[] = "";

/* Through a frontier in small pieces, and whole. */
static const gsize paces[] = {0, 1000, 1000000};

typedef struct {
    const char *label;
    ArchiveContainer container;
    ArchiveFilter filter;
} Format;

static const Format formats[] = {
    {"tar", ARCHIVE_TAR, FILTER_NONE},       {"tar.gz", ARCHIVE_TAR, FILTER_GZIP},
    {"tar.Z", ARCHIVE_TAR, FILTER_COMPRESS}, {"tar.bz2", ARCHIVE_TAR, FILTER_BZIP2},
    {"tar.xz", ARCHIVE_TAR, FILTER_XZ},      {"tar.zst", ARCHIVE_TAR, FILTER_ZSTD},
    {"tar.lz4", ARCHIVE_TAR, FILTER_LZ4},    {"zip", ARCHIVE_ZIP, FILTER_NONE},
    {"7z", ARCHIVE_7Z, FILTER_NONE},
};

static GByteArray *three_members(const Format *format, const GByteArray *large)
{
    Packing packing = packing_new(format->container, format->filter);
    packing_add_text(&packing, "folder/small", small);
    packing_add(&packing, "folder/large", 0, NULL, large->data, large->len);
    packing_add_text(&packing, "empty", empty);
    return packing_finish(&packing);
}

static void test_formats(void)
{
    g_autoptr(GByteArray) large = noise(1, 300000);
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_autoptr(GByteArray) bytes = three_members(&formats[i], large);
        g_autoptr(UnpackRule) rule = unpack_rule_new(formats[i].container, formats[i].filter);
        for (gsize j = 0; j < G_N_ELEMENTS(paces); j++) {
            g_test_message("%s, %zu at a time", formats[i].label, paces[j]);
            g_auto(Try) try = {.rule = rule, .bytes = bytes, .slow = paces[j], .name = "d/x"};
            try_run(&try);
            try_assert_ok(&try);
            try_assert_text(&try, "d/folder/small", small);
            try_assert_file(&try, "d/folder/large", large->data, large->len);
            try_assert_text(&try, "d/empty", empty);
            g_assert_cmpuint(try.members->len, ==, 3);
            g_assert_cmpuint(try.written, ==, large->len + strlen(small));
            g_assert_cmpuint(try.warnings->len, ==, formats[i].filter == FILTER_COMPRESS ? 1 : 0);
        }
    }
}

static void test_bare(void)
{
    g_autoptr(GByteArray) large = noise(2, 700000);
    for (ArchiveFilter filter = FILTER_GZIP; filter <= FILTER_LZ4; filter++) {
        Packing packing = packing_new(ARCHIVE_NONE, filter);
        packing_add(&packing, "within", 0, NULL, large->data, large->len);
        g_autoptr(GByteArray) bytes = packing_finish(&packing);
        g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_NONE, filter);
        g_auto(Try) try = {.rule = rule, .bytes = bytes, .slow = 5000, .name = "d/x.csv.gz"};
        try_run(&try);
        try_assert_ok(&try);
        try_assert_file(&try, "d/x.csv", large->data, large->len);
    }
}

/* A cut at any place is noticed, and what can never be noticed is said. */
static void test_cut(void)
{
    g_autoptr(GByteArray) large = noise(3, 3000);
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_autoptr(GByteArray) bytes = three_members(&formats[i], large);
        g_autoptr(UnpackRule) rule = unpack_rule_new(formats[i].container, formats[i].filter);
        const gsize step = formats[i].container == ARCHIVE_ZIP ? 17 : 97;
        for (gsize length = 0; length < bytes->len; length += step) {
            g_autoptr(GByteArray) cut = g_byte_array_new();
            g_byte_array_append(cut, bytes->data, (guint)length);
            g_auto(Try) try = {.rule = rule, .bytes = cut};
            try_run(&try);
            if (!try.error && formats[i].container != ARCHIVE_ZIP && try.warnings->len > 0)
                continue;
            g_test_message("%s cut to %zu of %u", formats[i].label, length, bytes->len);
            try_assert_refused(&try, MEDMIRROR_ERROR_DAMAGED, NULL);
        }
    }
}

/* One byte changed: never other bytes and an OK. */
static void test_changed_byte(void)
{
    static const Format checked[] = {
        {"tar.gz", ARCHIVE_TAR, FILTER_GZIP}, {"tar.bz2", ARCHIVE_TAR, FILTER_BZIP2},
        {"tar.xz", ARCHIVE_TAR, FILTER_XZ},   {"zip", ARCHIVE_ZIP, FILTER_NONE},
        {"7z", ARCHIVE_7Z, FILTER_NONE},
    };
    g_autoptr(GByteArray) large = noise(4, 3000);
    for (gsize i = 0; i < G_N_ELEMENTS(checked); i++) {
        g_autoptr(GByteArray) bytes = three_members(&checked[i], large);
        g_autoptr(UnpackRule) rule = unpack_rule_new(checked[i].container, checked[i].filter);
        for (gsize at = 400; at < 3000; at += 401) {
            bytes->data[at] ^= 0x10;
            g_auto(Try) try = {.rule = rule, .bytes = bytes};
            try_run(&try);
            g_test_message("%s, byte %zu", checked[i].label, at);
            try_assert_refused(&try, MEDMIRROR_ERROR_DAMAGED, NULL);
            bytes->data[at] ^= 0x10;
        }
    }
}

static GByteArray *tar_of(const char *name, guint type, const char *link)
{
    Packing packing = packing_new(ARCHIVE_TAR, FILTER_NONE);
    packing_add_text(&packing, "a", small);
    packing_add(&packing, name, type, link, NULL, 0);
    return packing_finish(&packing);
}

static void test_refused_members(void)
{
    static const struct {
        const char *name;
        guint type;
        const char *link;
    } cases[] = {
        {"../out", AE_IFREG, NULL},
        {"/tmp/out", AE_IFREG, NULL},
        {"x/../../out", AE_IFREG, NULL},
        {"C:/out", AE_IFREG, NULL},
        {"link", AE_IFLNK, "/etc/passwd"},
        {"link", AE_IFLNK, "../../out"},
        {"null", AE_IFCHR, NULL},
        {"disk", AE_IFBLK, NULL},
        {"pipe", AE_IFIFO, NULL},
        {"same", AE_IFREG, "/etc/passwd"},
        {"same", AE_IFREG, "../out"},
        {"same", AE_IFREG, "nowhere"},
        {"A", AE_IFREG, NULL},
        {"a/b", AE_IFREG, NULL},
        {"a", AE_IFDIR, NULL},
        {"a", AE_IFREG, NULL},
    };
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_TAR, FILTER_NONE);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) bytes = tar_of(cases[i].name, cases[i].type, cases[i].link);
        g_auto(Try) try = {.rule = rule, .bytes = bytes};
        try_run(&try);
        const char *slash = strrchr(cases[i].name, '/');
        g_test_message("%s: %s", cases[i].name, try.error ? try.error->message : "taken");
        try_assert_refused(&try, MEDMIRROR_ERROR_UNSAFE, slash ? slash + 1 : cases[i].name);
        g_autofree char *outside = g_build_filename(try.folder, "out", NULL);
        g_assert_false(g_file_test(outside, G_FILE_TEST_EXISTS));
        g_assert_false(g_file_test("/tmp/out", G_FILE_TEST_EXISTS));
    }
}

static void test_links(void)
{
    Packing packing = packing_new(ARCHIVE_TAR, FILTER_NONE);
    packing_add_text(&packing, "d/file", small);
    packing_add(&packing, "d/link", AE_IFLNK, "../d/file", NULL, 0);
    packing_add(&packing, "same", AE_IFREG, "d/file", NULL, 0);
    packing_add_text(&packing, "./d/file", small);
    g_autoptr(GByteArray) bytes = packing_finish(&packing);
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_TAR, FILTER_NONE);
    g_auto(Try) try = {.rule = rule, .bytes = bytes};
    for (int run = 0; run < 2; run++) { /* the second time all stands there */
        try_run(&try);
        try_assert_ok(&try);
        g_assert_cmpuint(try.members->len, ==, 3);
        g_assert_cmpstr(g_ptr_array_index(try.members, 1), ==, "d/link 0 - -> ../d/file");
        try_assert_text(&try, "d/file", small);
        try_assert_text(&try, "same", small);
    }
    try.left_out = "d/file";
    try_run(&try);
    try_assert_ok(&try); /* it stands there from before */
    try_clear(&try);
    try = (Try){.rule = rule, .bytes = bytes, .left_out = "d/file"};
    try_run(&try);
    try_assert_refused(&try, MEDMIRROR_ERROR_FAILED, "d/file");
}

static void test_standing_files(void)
{
    g_autoptr(GByteArray) large = noise(5, 500000);
    const Format format = {"tar.gz", ARCHIVE_TAR, FILTER_GZIP};
    g_autoptr(GByteArray) bytes = three_members(&format, large);
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_TAR, FILTER_GZIP);
    g_auto(Try) try = {.rule = rule, .bytes = bytes, .stands = TRUE};
    try_run(&try);
    try_assert_ok(&try);
    try_run(&try); /* the same bytes are one */
    try_assert_ok(&try);
    g_assert_cmpuint(try.members->len, ==, 3);

    g_autofree char *path = g_build_filename(try.folder, "tree", "folder", "large", NULL);
    static const gsize lengths[] = {0, 1000, 300000, 500000, 500001, 600000};
    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autoptr(GByteArray) other = g_byte_array_new();
        g_byte_array_append(other, large->data, large->len);
        g_byte_array_set_size(other, (guint)lengths[i]);
        if (lengths[i] >= 500000)
            other->data[lengths[i] - 1] ^= 0xff;
        g_assert_true(g_file_set_contents(path, (char *)other->data, other->len, NULL));
        try.stands = TRUE;
        try_run(&try);
        try_assert_refused(&try, MEDMIRROR_ERROR_UNSAFE, "folder/large");
        try.stands = FALSE; /* a leftover */
        try_run(&try);
        try_assert_ok(&try);
        try_assert_file(&try, "folder/large", large->data, large->len);
    }
}

static void test_selection(void)
{
    g_autoptr(GByteArray) large = noise(6, 5000);
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_autoptr(GByteArray) bytes = three_members(&formats[i], large);
        g_autoptr(UnpackRule) rule = unpack_rule_new(formats[i].container, formats[i].filter);
        g_auto(Try) try = {.rule = rule, .bytes = bytes, .left_out = "folder/small", .slow = 500};
        try_run(&try);
        try_assert_ok(&try);
        try_assert_absent(&try, "folder/small");
        try_assert_file(&try, "folder/large", large->data, large->len);
        g_assert_cmpuint(try.members->len, ==, 3);
        gboolean found = FALSE;
        for (guint j = 0; j < try.members->len; j++)
            found |= g_strcmp0(g_ptr_array_index(try.members, j),
                               "folder/small 5 81db8ebb skipped") == 0;
        g_test_message("%s", (char *)g_ptr_array_index(try.members, 0));
        g_assert_true(found);
        try.test_only = TRUE;
        try_run(&try);
        try_assert_ok(&try);
        g_assert_cmpuint(try.members->len, ==, 3);
    }
}

static void test_limits(void)
{
    g_autofree char *zeros = g_malloc0(8 << 20);
    Packing packing = packing_new(ARCHIVE_TAR, FILTER_BZIP2);
    packing_add(&packing, "bomb", 0, NULL, zeros, 8 << 20);
    g_autoptr(GByteArray) bomb = packing_finish(&packing);
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_TAR, FILTER_BZIP2);
    for (gsize i = 0; i < G_N_ELEMENTS(paces); i++) {
        g_auto(Try) ratio = {
            .rule = rule, .bytes = bomb, .slow = paces[i], .limits = {.ratio_from = 1 << 20}};
        try_run(&ratio);
        try_assert_refused(&ratio, MEDMIRROR_ERROR_UNSAFE, "bomb");
        try_assert_absent(&ratio, "bomb");
    }
    g_auto(Try) bytes = {.rule = rule, .bytes = bomb, .limits = {.most_bytes = 100000}};
    try_run(&bytes);
    try_assert_refused(&bytes, MEDMIRROR_ERROR_UNSAFE, "bomb");

    /* What is announced and has not arrived yet is no explosion. */
    g_autoptr(GByteArray) honest = noise(13, 4 << 20);
    const Format plain = {"tar", ARCHIVE_TAR, FILTER_NONE};
    g_autoptr(GByteArray) tar = three_members(&plain, honest);
    g_autoptr(UnpackRule) tar_rule = unpack_rule_new(ARCHIVE_TAR, FILTER_NONE);
    g_auto(Try)
        slow = {.rule = tar_rule, .bytes = tar, .slow = 2000, .limits = {.ratio_from = 1 << 20}};
    try_run(&slow);
    try_assert_ok(&slow);

    g_autoptr(GByteArray) large = noise(7, 1000);
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_autoptr(GByteArray) three = three_members(&formats[i], large);
        g_autoptr(UnpackRule) other = unpack_rule_new(formats[i].container, formats[i].filter);
        g_auto(Try) entries = {.rule = other, .bytes = three, .limits = {.most_entries = 2}};
        try_run(&entries);
        try_assert_refused(&entries, MEDMIRROR_ERROR_UNSAFE, "members");
        g_auto(Try) depth = {.rule = other, .bytes = three, .limits = {.most_depth = 1}};
        try_run(&depth);
        try_assert_refused(&depth, MEDMIRROR_ERROR_UNSAFE, "folder");
    }
}

static void test_memory(void)
{
#ifndef MEDMIRROR_SANITIZED
    g_autoptr(GByteArray) large = noise(8, 200000);
    Packing packing = {archive_write_new(), g_byte_array_new()};
    archive_write_add_filter_xz(packing.archive);
    archive_write_set_filter_option(packing.archive, "xz", "compression-level", "9");
    archive_write_set_format_pax_restricted(packing.archive);
    archive_write_open(packing.archive, packing.bytes, NULL, packing_write, NULL);
    packing_add(&packing, "large", 0, NULL, large->data, large->len);
    g_autoptr(GByteArray) bytes = packing_finish(&packing);
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_TAR, FILTER_XZ);
    g_auto(Try) try = {.rule = rule, .bytes = bytes, .limits = {.memory = 32 << 20}};
    try_run(&try);
    try_assert_refused(&try, MEDMIRROR_ERROR_FAILED, "memory");
    try.limits.memory = 0;
    try_run(&try);
    try_assert_ok(&try);
#endif
}

static void test_ended_early(void)
{
    g_autoptr(GByteArray) large = noise(9, 300000);
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_autoptr(GByteArray) bytes = three_members(&formats[i], large);
        g_autoptr(UnpackRule) rule = unpack_rule_new(formats[i].container, formats[i].filter);
        g_auto(Try) failed = {.rule = rule, .bytes = bytes, .slow = 1000, .fail_after = 150000};
        try_run(&failed);
        try_assert_refused(&failed, MEDMIRROR_ERROR_INTERRUPTED, NULL);
        g_auto(Try) cancelled = {.rule = rule, .bytes = bytes, .slow = 1000, .cancel = TRUE};
        try_run(&cancelled);
        try_assert_refused(&cancelled, MEDMIRROR_ERROR_INTERRUPTED, NULL);
    }
}

/* Bytes behind an archive, or a tar without its end: taken, and said. */
static void test_warnings(void)
{
    static const Format padded[] = {
        {"tar", ARCHIVE_TAR, FILTER_NONE},      {"tar.gz", ARCHIVE_TAR, FILTER_GZIP},
        {"tar.bz2", ARCHIVE_TAR, FILTER_BZIP2}, {"tar.lz4", ARCHIVE_TAR, FILTER_LZ4},
        {"zip", ARCHIVE_ZIP, FILTER_NONE},
    };
    g_autoptr(GByteArray) large = noise(10, 5000);
    for (gsize i = 0; i < G_N_ELEMENTS(padded); i++) {
        g_autoptr(GByteArray) bytes = three_members(&padded[i], large);
        put_text(bytes, "behind the end");
        g_autoptr(UnpackRule) rule = unpack_rule_new(padded[i].container, padded[i].filter);
        g_auto(Try) try = {.rule = rule, .bytes = bytes};
        try_run(&try);
        g_test_message("%s: %s", padded[i].label, try.error ? try.error->message : "taken");
        try_assert_ok(&try);
        g_assert_cmpuint(try.warnings->len, ==, 1);
        g_test_message("%s", (char *)g_ptr_array_index(try.warnings, 0));
        g_assert_nonnull(strstr(g_ptr_array_index(try.warnings, 0), "behind the end of x"));
    }
    const Format tar = {"tar", ARCHIVE_TAR, FILTER_NONE};
    g_autoptr(GByteArray) bytes = three_members(&tar, large);
    g_byte_array_set_size(bytes, 512 + 512 + 512 + 5120 + 512); /* to the last member's end */
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_TAR, FILTER_NONE);
    g_auto(Try) try = {.rule = rule, .bytes = bytes};
    try_run(&try);
    try_assert_ok(&try);
    g_assert_cmpuint(try.warnings->len, ==, 1);
    g_assert_nonnull(strstr(g_ptr_array_index(try.warnings, 0), "no mark at its end"));
}

/* The rule names the format; what the bytes look like does not count. */
static void test_wrong_format(void)
{
    g_autoptr(GByteArray) large = noise(11, 5000);
    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++) {
        g_autoptr(GByteArray) bytes = three_members(&formats[i], large);
        for (gsize j = 0; j < G_N_ELEMENTS(formats); j++) {
            if (i == j)
                continue;
            g_autoptr(UnpackRule) rule = unpack_rule_new(formats[j].container, formats[j].filter);
            g_auto(Try) try = {.rule = rule, .bytes = bytes};
            try_run(&try);
            g_test_message("%s as %s", formats[i].label, formats[j].label);
            try_assert_refused(&try, MEDMIRROR_ERROR_DAMAGED, NULL);
        }
    }
    /* Compressed twice and named once: the inner one stays. */
    g_autoptr(GByteArray) once = g_byte_array_new();
    Packing inner = packing_new(ARCHIVE_NONE, FILTER_GZIP);
    packing_add(&inner, "x", 0, NULL, large->data, large->len);
    g_autoptr(GByteArray) inner_bytes = packing_finish(&inner);
    Packing outer = packing_new(ARCHIVE_NONE, FILTER_GZIP);
    packing_add(&outer, "x", 0, NULL, inner_bytes->data, inner_bytes->len);
    g_autoptr(GByteArray) outer_bytes = packing_finish(&outer);
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_NONE, FILTER_GZIP);
    g_auto(Try) try = {.rule = rule, .bytes = outer_bytes, .name = "x.gz.gz"};
    try_run(&try);
    try_assert_ok(&try);
    try_assert_file(&try, "x.gz", inner_bytes->data, inner_bytes->len);
}

static void put_tar_header(GByteArray *to, const char *name, char type, gsize size)
{
    guint8 header[512] = {0};
    g_snprintf((char *)header, 100, "%s", name);
    memcpy(header + 100, "0000644", 7);
    g_snprintf((char *)header + 124, 12, "%011o", (guint)size);
    memcpy(header + 136, "00000000000", 11);
    memset(header + 148, ' ', 8);
    header[156] = (guint8)type;
    memcpy(header + 257, "ustar", 6);
    memcpy(header + 263, "00", 2);
    guint sum = 0;
    for (gsize i = 0; i < sizeof(header); i++)
        sum += header[i];
    g_snprintf((char *)header + 148, 7, "%06o", sum);
    g_byte_array_append(to, header, sizeof(header));
}

static void put_tar_text(GByteArray *to, const char *text)
{
    put_text(to, text);
    while (to->len % 512)
        put(to, 0, 1);
}

/* A Mac's decomposed name stays as it is, behind a large member too. */
static void test_names_as_written(void)
{
    static const char name[] = "cafe\xcc\x81";
    static const char record[] = "15 path=cafe\xcc\x81\n";
    g_autoptr(GByteArray) bytes = g_byte_array_new(), large = noise(14, 3 << 20);
    put_tar_header(bytes, "large", '0', large->len);
    g_byte_array_append(bytes, large->data, large->len);
    put_tar_header(bytes, "pax", 'x', strlen(record));
    put_tar_text(bytes, record);
    put_tar_header(bytes, "cafe", '0', 5);
    put_tar_text(bytes, small);
    put_tar_header(bytes, "caf\xe9", '0', 5);
    put_tar_text(bytes, small);
    g_byte_array_set_size(bytes, bytes->len + 1024);
    memset(bytes->data + bytes->len - 1024, 0, 1024);
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_TAR, FILTER_NONE);
    rule->charset = g_strdup("CP1252");
    g_auto(Try) clash = {.rule = rule, .bytes = bytes};
    try_run(&clash);
    try_assert_refused(&clash, MEDMIRROR_ERROR_UNSAFE, "make their names one");
    try_assert_text(&clash, name, small);
    rule->charset[5] = '1'; /* the same byte is another letter there */
    for (gsize i = 0; i < G_N_ELEMENTS(paces); i++) {
        g_auto(Try) try = {.rule = rule, .bytes = bytes, .slow = paces[i]};
        try_run(&try);
        try_assert_ok(&try);
        try_assert_text(&try, name, small);
        try_assert_text(&try, "caf\xd0\xb9", small);
    }
}

static void test_whole_file(void)
{
    g_autoptr(GByteArray) large = noise(12, 5000);
    const Format format = {"tar.zst", ARCHIVE_TAR, FILTER_ZSTD};
    g_autoptr(GByteArray) bytes = three_members(&format, large);
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_TAR, FILTER_ZSTD);
    g_auto(Try) try = {0};
    try_prepare(&try);
    g_autofree char *archive = g_build_filename(try.folder, "archive", NULL);
    g_autofree char *tree = g_build_filename(try.folder, "tree", NULL);
    g_assert_true(g_file_set_contents(archive, (char *)bytes->data, bytes->len, NULL));
    int fd = open(archive, O_RDONLY | O_CLOEXEC), tree_fd = open(tree, O_RDONLY | O_CLOEXEC);
    g_autoptr(GError) error = NULL;
    guint64 written = 0, entries = 0;
    g_assert_true(unpack_whole_file(rule, fd, archive, tree_fd, NULL, &written, &entries, NULL,
                                    NULL, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(written, ==, large->len + strlen(small));
    g_assert_cmpuint(entries, ==, 3);
    g_autofree char *path = g_build_filename(tree, "folder", "large", NULL), *found = NULL;
    gsize length = 0;
    g_assert_true(g_file_get_contents(path, &found, &length, NULL));
    g_assert_cmpmem(found, length, large->data, large->len);
    close(fd);
    close(tree_fd);
}

int main(int argc, char **argv)
{
    fixture_main(&argc, &argv);
    g_test_add_func("/unpacking/formats", test_formats);
    g_test_add_func("/unpacking/bare", test_bare);
    g_test_add_func("/unpacking/cut", test_cut);
    g_test_add_func("/unpacking/changed_byte", test_changed_byte);
    g_test_add_func("/unpacking/refused_members", test_refused_members);
    g_test_add_func("/unpacking/links", test_links);
    g_test_add_func("/unpacking/standing_files", test_standing_files);
    g_test_add_func("/unpacking/selection", test_selection);
    g_test_add_func("/unpacking/limits", test_limits);
    g_test_add_func("/unpacking/memory", test_memory);
    g_test_add_func("/unpacking/ended_early", test_ended_early);
    g_test_add_func("/unpacking/warnings", test_warnings);
    g_test_add_func("/unpacking/wrong_format", test_wrong_format);
    g_test_add_func("/unpacking/names_as_written", test_names_as_written);
    g_test_add_func("/unpacking/whole_file", test_whole_file);
    return g_test_run();
}

/* The zip of a series: what its images are called, and every way in which it is not whole. */
#include "unpack_fixture.h"
#include "unpack_policy.h"

/* Each zip is read with a head start and without, since both must come to the same. */
static const gsize paces[] = {0, 100, 1000000};

#define SERIES "1.3.6.1.4.2"
#define JAVA (ZIP_DEFLATE | ZIP_DESCRIPTOR)
#define HEADING "Filename,MD5Hash\n"

static void put_element(GByteArray *to, guint group, guint element, const char *vr,
                        const char *text)
{
    const gsize length = strlen(text), even = length + length % 2;
    put(to, group, 2);
    put(to, element, 2);
    put_text(to, vr);
    put(to, even, 2);
    put_text(to, text);
    put(to, 0, (guint)(even - length));
}

/* An image of SERIES with REST bytes of pixels. */
static GByteArray *image_new(const char *sop, const char *series, gsize rest)
{
    GByteArray *image = g_byte_array_new();
    g_byte_array_set_size(image, 128);
    memset(image->data, 0, 128);
    put_text(image, "DICM");
    put_element(image, 0x0002, 0x0003, "UI", sop);
    put_element(image, 0x0002, 0x0010, "UI", "1.2.840.10008.1.2.1");
    put_element(image, 0x0008, 0x0016, "UI", "1.2.840.10008.5.1.4.1.1.2");
    put_element(image, 0x0008, 0x0018, "UI", sop);
    put_element(image, 0x0008, 0x0060, "CS", "CT");
    put_element(image, 0x0010, 0x0020, "LO", "LIDC-IDRI-0001");
    put_element(image, 0x0020, 0x000D, "UI", "1.3.6.1.4.1");
    put_element(image, 0x0020, 0x000E, "UI", series);
    g_autoptr(GByteArray) pixels = noise((guint32)strlen(sop), rest);
    g_byte_array_append(image, pixels->data, pixels->len);
    return image;
}

static char *md5_of(const GByteArray *bytes)
{
    return g_compute_checksum_for_data(G_CHECKSUM_MD5, bytes->data, bytes->len);
}

/* A series on its way into a zip. */
typedef struct {
    Zip *zip;
    GString *list;
    guint how;
    SeriesCount count;
    GPtrArray *md5s;
} Making;

static Making making_new(void)
{
    return (Making){.zip = zip_new(),
                    .list = g_string_new(HEADING),
                    .how = JAVA,
                    .md5s = g_ptr_array_new_with_free_func(g_free)};
}

static void add_bytes(Making *making, const char *name, const GByteArray *bytes)
{
    ZipPart part = zip_part(name, "", making->how);
    part.data = bytes->data;
    part.length = bytes->len;
    zip_add_part(making->zip, &part);
}

/* The image SOP under NAME, and a line of the list for it. */
static void add_image(Making *making, const char *name, const char *sop, gsize rest)
{
    g_autoptr(GByteArray) image = image_new(sop, SERIES, rest);
    g_autofree char *md5 = md5_of(image);
    add_bytes(making, name, image);
    g_string_append_printf(making->list, "%s,%s\n", name, md5);
    g_ptr_array_add(making->md5s, g_steal_pointer(&md5));
    making->count.images++;
    making->count.bytes += image->len;
}

static void add_list(Making *making)
{
    zip_add(making->zip, "md5hashes.csv", making->list->str, making->how);
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* As source-side code joins them. */
static char *tree_digest(Making *making)
{
    g_autoptr(GString) joined = g_string_new(NULL);
    g_ptr_array_sort(making->md5s, compare_texts);
    for (guint i = 0; i < making->md5s->len; i++)
        g_string_append(joined, g_ptr_array_index(making->md5s, i));
    return g_compute_checksum_for_data(G_CHECKSUM_MD5, (const guchar *)joined->str, joined->len);
}

static UnpackRule *series_rule(void)
{
    UnpackRule *rule = unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE);
    rule->into = g_strdup(SERIES);
    rule->series = g_strdup(SERIES);
    return rule;
}

/* COUNT NULL: what was made. MEMBERS: lines as try_member() makes them begin, ended by NULL. */
static void expect_ok(Making *making, const SeriesCount *count, const char *const *members)
{
    g_autoptr(GByteArray) bytes = zip_finish(making->zip);
    g_autoptr(UnpackRule) rule = series_rule();
    g_autofree char *wanted = tree_digest(making);
    for (gsize i = 0; i < G_N_ELEMENTS(paces); i++) {
        g_auto(Try) try = {.rule = rule,
                           .bytes = bytes,
                           .name = "P/1.3.6.1.4.1/" SERIES ".zip",
                           .slow = paces[i],
                           .series = count ? count : &making->count};
        try_run(&try);
        try_assert_ok(&try);
        g_assert_cmpuint(try.members->len, ==, g_strv_length((char **)(gpointer)members));
        for (guint j = 0; members[j]; j++)
            g_assert_true(g_str_has_prefix(g_ptr_array_index(try.members, j), members[j]));
        g_assert_true(try.has_series);
        g_assert_cmpuint(try.came.images, ==, making->count.images);
        g_assert_cmpuint(try.came.bytes, ==, making->count.bytes);
        g_assert_cmpint(try.digest.algorithm, ==, DIGEST_MD5_TREE);
        g_autofree char *hex = digest_to_hex(&try.digest);
        g_assert_cmpstr(hex, ==, wanted);
    }
    g_string_free(making->list, TRUE);
    g_ptr_array_unref(making->md5s);
}

static void expect_refused(Making *making, const SeriesCount *count, int code, const char *needle)
{
    g_autoptr(GByteArray) bytes = zip_finish(making->zip);
    g_autoptr(UnpackRule) rule = series_rule();
    for (gsize i = 0; i < G_N_ELEMENTS(paces); i++) {
        g_auto(Try) try = {.rule = rule,
                           .bytes = bytes,
                           .name = SERIES ".zip",
                           .slow = paces[i],
                           .series = count ? count : &making->count};
        try_run(&try);
        g_test_message("%s", try.error ? try.error->message : "taken");
        try_assert_refused(&try, code, needle);
        g_assert_false(try.has_series);
    }
    g_string_free(making->list, TRUE);
    g_ptr_array_unref(making->md5s);
}

#define AT "P/1.3.6.1.4.1/" SERIES "/"
static const SeriesCount unknown = {.images = SIZE_UNKNOWN, .bytes = SIZE_UNKNOWN};

static void test_whole(void)
{
    static const guint forms[] = {JAVA, ZIP_DEFLATE | ZIP_DESCRIPTOR64,
                                  ZIP_DEFLATE | ZIP_DESCRIPTOR | ZIP_NO_SIGNATURE,
                                  ZIP_DEFLATE | ZIP_DESCRIPTOR64 | ZIP_NO_SIGNATURE, 0};
    /* One whose head comes at once, one that takes many pieces, one of some bytes more than a head.
     */
    static const char *const members[] = {AT "1.9.3.dcm ", AT "1.9.1.dcm ", AT "1.9.2.dcm ", NULL};
    for (gsize i = 0; i < G_N_ELEMENTS(forms); i++) {
        Making making = making_new();
        making.how = forms[i];
        add_image(&making, "00000001.dcm", "1.9.3", 300);
        add_image(&making, "00000002.dcm", "1.9.1", 700000);
        add_image(&making, "00000003.dcm", "1.9.2", 0);
        add_list(&making);
        expect_ok(&making, i % 2 ? &unknown : NULL, members);
    }
}

/* A number in the zip is another one each time: it is no part of the member. */
static void test_no_numbers(void)
{
    Making making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    add_list(&making);
    g_autoptr(GByteArray) bytes = zip_finish(making.zip);
    g_autoptr(UnpackRule) rule = series_rule();
    g_auto(Try) try = {.rule = rule, .bytes = bytes, .name = "a.zip"};
    try_run(&try);
    try_assert_ok(&try);
    g_assert_null(strstr(g_ptr_array_index(try.members, 0), "00000001"));
    g_autoptr(GByteArray) image = image_new("1.9.3", SERIES, 300);
    try_assert_file(&try, SERIES "/1.9.3.dcm", image->data, image->len);
    try_assert_absent(&try, SERIES "/00000001.dcm");
    try_assert_absent(&try, SERIES "/md5hashes.csv");
    g_string_free(making.list, TRUE);
    g_ptr_array_unref(making.md5s);
}

/* What getImage and getDCMImage send along. */
static void test_others(void)
{
    static const char *const members[] = {AT "1.9.3.dcm ", AT "069.xml ", NULL};
    Making making = making_new();
    zip_add(making.zip, "LICENSE", "Creative Commons", JAVA);
    add_image(&making, "1-001.dcm", "1.9.3", 300);
    add_list(&making);
    zip_add(making.zip, "069.xml", "<annotation/>", JAVA);
    expect_ok(&making, NULL, members);
}

static void test_forms_of_the_list(void)
{
    static const char *const members[] = {AT "1.9.3.dcm ", AT "1.9.4.dcm ", NULL};
    g_autoptr(GByteArray) first = image_new("1.9.3", SERIES, 5);
    g_autoptr(GByteArray) second = image_new("1.9.4", SERIES, 5);
    g_autofree char *one = md5_of(first), *two = md5_of(second);
    g_autofree char *upper = g_ascii_strup(two, -1);
    char *lists[] = {
        g_strdup_printf("\xEF\xBB\xBF" HEADING "b.dcm,%s\na.dcm,%s", two, one),
        g_strdup_printf("Filename,MD5Hash\r\na.dcm,%s\r\nb.dcm,%s\r\n\r\n", one, upper),
        g_strdup_printf("filename, md5hash\na.dcm, %s \nb.dcm,%s\n", one, two),
        g_strdup_printf("a.dcm,%s\nb.dcm,%s\n", one, two),
    };
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        Making making = making_new();
        add_image(&making, "a.dcm", "1.9.3", 5);
        add_image(&making, "b.dcm", "1.9.4", 5);
        zip_add(making.zip, "md5hashes.csv", lists[i], JAVA);
        expect_ok(&making, NULL, members);
        g_free(lists[i]);
    }
}

static void test_wrong_lists(void)
{
    static const struct {
        const char *text, *needle;
    } cases[] = {
        {"Filename,MD5Hash\na.dcm,\n", "Line 2"},
        {"Filename,MD5Hash\na.dcm\n", "Line 2"},
        {"Filename,MD5Hash\n,00000000000000000000000000000000\n", "Line 2"},
        {"<html><body>504</body></html>", "Line 1"},
        {"Filename,MD5Hash\na.dcm,00000000000000000000000000000000\n"
         "a.dcm,00000000000000000000000000000000\n",
         "\"a.dcm\" twice"},
        {"Filename,MD5Hash\na.dcm,00000000000000000000000000000000\n", "1 came damaged"},
        {"Filename,MD5Hash\n", "0 of 1 images of the series " SERIES ": \"a.dcm\" came and"},
        {"", "0 of 1 images"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Making making = making_new();
        add_image(&making, "a.dcm", "1.9.3", 5);
        zip_add(making.zip, "md5hashes.csv", cases[i].text, JAVA);
        expect_refused(&making, NULL, MEDMIRROR_ERROR_DAMAGED, cases[i].needle);
    }
    Making making = making_new();
    g_autofree char *line = g_strnfill(100000, 'x');
    add_image(&making, "a.dcm", "1.9.3", 5);
    g_string_append(making.list, line);
    add_list(&making);
    expect_refused(&making, NULL, MEDMIRROR_ERROR_DAMAGED, "Line 3");
}

/* Valid, ended in good order, status 200, and not all. */
static void test_short(void)
{
    const SeriesCount three = {.images = 3, .bytes = SIZE_UNKNOWN};
    Making making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    add_image(&making, "00000002.dcm", "1.9.1", 300);
    expect_refused(&making, &three, MEDMIRROR_ERROR_DAMAGED,
                   "delivers 2 of 3 images of the series " SERIES);
    making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    expect_refused(&making, &unknown, MEDMIRROR_ERROR_DAMAGED, "not their list md5hashes.csv");
    /* All images and no list. */
    making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    expect_refused(&making, NULL, MEDMIRROR_ERROR_DAMAGED, "not their list md5hashes.csv");
    /* Zip and list are of one mind, and the listing of another. */
    making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    add_list(&making);
    expect_refused(&making, &three, MEDMIRROR_ERROR_DAMAGED, "delivers 1 of 3 images");
    making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    add_list(&making);
    SeriesCount more = making.count;
    more.bytes++;
    expect_refused(&making, &more, MEDMIRROR_ERROR_DAMAGED, "the source lists");
    /* Listed, and not there. */
    making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    g_string_append(making.list, "00000002.dcm,00000000000000000000000000000000\n");
    add_list(&making);
    expect_refused(&making, &unknown, MEDMIRROR_ERROR_DAMAGED,
                   "delivers 1 of 2 images of the series " SERIES ": \"00000002.dcm\"");
}

static void test_empty(void)
{
    const SeriesCount two = {.images = 2, .bytes = SIZE_UNKNOWN};
    Making making = making_new();
    expect_refused(&making, &two, MEDMIRROR_ERROR_DAMAGED, "delivers 0 of 2 images");
    making = making_new();
    expect_refused(&making, &unknown, MEDMIRROR_ERROR_DAMAGED, "delivers no image");
    making = making_new();
    add_list(&making);
    expect_refused(&making, &two, MEDMIRROR_ERROR_DAMAGED, "delivers 0 of 2 images");
    making = making_new();
    add_list(&making);
    expect_refused(&making, &unknown, MEDMIRROR_ERROR_DAMAGED, "delivers no image");
}

/* Cut anywhere: its end was not read. */
static void test_cut(void)
{
    Making making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 3000);
    add_image(&making, "00000002.dcm", "1.9.4", 3000);
    const guint behind_images = making.zip->bytes->len;
    add_list(&making);
    const guint behind_list = making.zip->bytes->len;
    g_autoptr(GByteArray) bytes = zip_finish(making.zip);
    g_autoptr(UnpackRule) rule = series_rule();
    const guint cuts[] = {
        10, 2000, behind_images, behind_images + 40, behind_list, behind_list + 30, bytes->len - 1};
    for (gsize i = 0; i < G_N_ELEMENTS(cuts); i++) {
        g_autoptr(GByteArray) part = g_byte_array_new();
        g_byte_array_append(part, bytes->data, cuts[i]);
        for (gsize j = 0; j < G_N_ELEMENTS(paces); j++) {
            g_auto(Try) try = {.rule = rule, .bytes = part, .slow = paces[j]};
            try_run(&try);
            try_assert_refused(&try, MEDMIRROR_ERROR_DAMAGED, NULL);
        }
    }
    g_string_free(making.list, TRUE);
    g_ptr_array_unref(making.md5s);
}

static void test_wrong_bytes(void)
{
    Making making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    g_autoptr(GByteArray) image = image_new("1.9.4", SERIES, 300);
    g_autofree char *md5 = md5_of(image);
    image->data[image->len - 1] ^= 1;
    add_bytes(&making, "00000002.dcm", image);
    g_string_append_printf(making.list, "00000002.dcm,%s\n", md5);
    add_list(&making);
    expect_refused(&making, &unknown, MEDMIRROR_ERROR_DAMAGED,
                   "Of the 2 images of the series " SERIES
                   ", 1 came damaged: the MD5 of \"00000002.dcm\"");
}

static void test_other_series(void)
{
    Making making = making_new();
    g_autoptr(GByteArray) image = image_new("1.9.4", "1.3.6.1.4.3", 300);
    add_bytes(&making, "00000001.dcm", image);
    add_list(&making);
    expect_refused(&making, &unknown, MEDMIRROR_ERROR_DAMAGED,
                   "\"00000001.dcm\" is an image of the series 1.3.6.1.4.3");
}

static void test_no_dicom(void)
{
    Making making = making_new();
    zip_add(making.zip, "00000001.dcm", "<html>Server was not able to process</html>", JAVA);
    add_list(&making);
    expect_refused(&making, &unknown, MEDMIRROR_ERROR_DAMAGED, "is no DICOM file");
    making = making_new();
    g_autoptr(GByteArray) image = image_new("1.9.4", SERIES, 0);
    g_byte_array_set_size(image, 200);
    add_bytes(&making, "00000001.dcm", image);
    add_list(&making);
    expect_refused(&making, &unknown, MEDMIRROR_ERROR_DAMAGED, "cut short");
    making = making_new();
    zip_add(making.zip, "00000001.dcm", "", JAVA);
    add_list(&making);
    expect_refused(&making, &unknown, MEDMIRROR_ERROR_DAMAGED, "is no DICOM file");
}

/* The same image twice is one file, and two images as the source counts. */
static void test_twins(void)
{
    static const char *const members[] = {AT "1.9.3.dcm ", NULL};
    Making making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    add_image(&making, "00000002.dcm", "1.9.3", 300);
    add_list(&making);
    expect_ok(&making, NULL, members);
    making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    add_image(&making, "00000002.dcm", "1.9.3", 301);
    add_list(&making);
    expect_refused(&making, NULL, MEDMIRROR_ERROR_UNSAFE, "two of that name");
    making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    add_image(&making, "00000001.dcm", "1.9.4", 300);
    add_list(&making);
    expect_refused(&making, NULL, MEDMIRROR_ERROR_DAMAGED, "called \"00000001.dcm\"");
}

static void test_behind_the_list(void)
{
    Making making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    g_autofree char *one = g_strdup(making.list->str);
    add_list(&making);
    add_image(&making, "00000002.dcm", "1.9.4", 300);
    expect_refused(&making, &unknown, MEDMIRROR_ERROR_DAMAGED, "must come last");
    making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    add_list(&making);
    add_list(&making);
    expect_refused(&making, &unknown, MEDMIRROR_ERROR_DAMAGED, "two lists");
}

/* What the directory disowns was never there: neither images nor a list. */
static void test_dead_entries(void)
{
    static const char *const members[] = {AT "1.9.3.dcm ", AT "1.9.4.dcm ", NULL};
    Making making = making_new();
    zip_add(making.zip, "md5hashes.csv", "Filename,MD5Hash\nnonsense\n", JAVA | ZIP_NO_ROW);
    zip_add(making.zip, "00000000.dcm", "no DICOM", JAVA | ZIP_NO_ROW);
    g_autoptr(GByteArray) dead = image_new("1.9.3", SERIES, 999);
    making.how = JAVA | ZIP_NO_ROW;
    add_bytes(&making, "00000001.dcm", dead);
    making.how = JAVA;
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    add_image(&making, "00000002.dcm", "1.9.4", 300);
    add_list(&making);
    expect_ok(&making, NULL, members);
}

/* Not chosen: neither stored nor forgotten. */
static void test_selection(void)
{
    Making making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    add_image(&making, "00000002.dcm", "1.9.4", 300);
    add_list(&making);
    g_autoptr(GByteArray) bytes = zip_finish(making.zip);
    g_autoptr(UnpackRule) rule = series_rule();
    for (gsize i = 0; i < G_N_ELEMENTS(paces); i++) {
        g_auto(Try) try = {.rule = rule,
                           .bytes = bytes,
                           .name = "a.zip",
                           .slow = paces[i],
                           .series = &making.count,
                           .left_out = SERIES "/1.9.4.dcm"};
        try_run(&try);
        try_assert_ok(&try);
        try_assert_absent(&try, SERIES "/1.9.4.dcm");
        g_assert_cmpuint(try.members->len, ==, 2);
        g_assert_true(g_str_has_suffix(g_ptr_array_index(try.members, 1), " skipped"));
        g_assert_cmpuint(try.came.images, ==, 2);
    }
    g_string_free(making.list, TRUE);
    g_ptr_array_unref(making.md5s);
}

/* A second request numbers them otherwise: what stands of the first is taken. */
static void test_again(void)
{
    g_autoptr(UnpackRule) rule = series_rule();
    Making making = making_new();
    add_image(&making, "00000001.dcm", "1.9.3", 300);
    g_autoptr(GByteArray) part = zip_finish(making.zip);
    g_auto(Try) try = {.rule = rule, .bytes = part, .name = "a.zip", .slow = 100};
    try_run(&try);
    try_assert_refused(&try, MEDMIRROR_ERROR_DAMAGED, "delivers 1 images");
    g_string_free(making.list, TRUE);
    g_ptr_array_unref(making.md5s);

    making = making_new();
    add_image(&making, "00000001.dcm", "1.9.4", 300);
    add_image(&making, "00000002.dcm", "1.9.3", 300);
    add_list(&making);
    g_autoptr(GByteArray) whole = zip_finish(making.zip);
    try.bytes = whole;
    try_run(&try);
    try_assert_ok(&try);
    g_autoptr(GByteArray) image = image_new("1.9.3", SERIES, 300);
    try_assert_file(&try, SERIES "/1.9.3.dcm", image->data, image->len);
    g_string_free(making.list, TRUE);
    g_ptr_array_unref(making.md5s);
}

/* 3,000 images: nothing of them is held in memory but what the lists' caches hold. */
static void test_many(void)
{
    Making making = making_new();
    for (guint i = 0; i < 3000; i++) {
        g_autofree char *name = g_strdup_printf("%08u.dcm", i);
        g_autofree char *sop = g_strdup_printf("1.9.%u", 5000 - i);
        add_image(&making, name, sop, 10);
    }
    add_list(&making);
    g_autoptr(GByteArray) bytes = zip_finish(making.zip);
    g_autoptr(UnpackRule) rule = series_rule();
    g_auto(Try) try = {
        .rule = rule, .bytes = bytes, .name = "a.zip", .slow = 65536, .series = &making.count};
    try_run(&try);
    try_assert_ok(&try);
    g_assert_cmpuint(try.members->len, ==, 3000);
    g_autofree char *wanted = tree_digest(&making), *hex = digest_to_hex(&try.digest);
    g_assert_cmpstr(hex, ==, wanted);
    g_string_free(making.list, TRUE);
    g_ptr_array_unref(making.md5s);
}

static void test_rules(void)
{
    g_autoptr(UnpackRule) rule = series_rule();
    g_autoptr(GError) error = NULL;
    rule->strip = 1;
    g_assert_false(unpack_rule_check(rule, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_clear_error(&error);
    rule->strip = 0;
    g_assert_true(unpack_rule_check(rule, &error));
    rule->container = ARCHIVE_TAR;
    g_assert_false(unpack_rule_check(rule, &error));
    g_clear_error(&error);
    g_autoptr(UnpackRule) outer = unpack_rule_new(ARCHIVE_TAR, FILTER_NONE);
    outer->nested = g_ptr_array_new_with_free_func((GDestroyNotify)unpack_rule_free);
    g_ptr_array_add(outer->nested, series_rule());
    g_assert_false(unpack_rule_check(outer, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
}

static void test_counts(void)
{
    static const struct {
        const char *facts;
        guint64 images, bytes;
    } cases[] = {
        {"{\"ImageCount\":\"133\",\"FileSize\":\"70000000000\"}", 133, 70000000000},
        {"{\"ImageCount\":133}", 133, SIZE_UNKNOWN},
        {"{\"ImageCount\":\"\",\"FileSize\":\"-1\"}", SIZE_UNKNOWN, SIZE_UNKNOWN},
        {"{\"ImageCount\":\"12 images\",\"FileSize\":null}", SIZE_UNKNOWN, SIZE_UNKNOWN},
        {"{}", SIZE_UNKNOWN, SIZE_UNKNOWN},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        json_t *facts = json_loads(cases[i].facts, 0, NULL);
        SeriesCount count = series_count_of(facts);
        g_assert_cmpuint(count.images, ==, cases[i].images);
        g_assert_cmpuint(count.bytes, ==, cases[i].bytes);
        json_decref(facts);
    }
    g_assert_cmpuint(series_count_of(NULL).images, ==, SIZE_UNKNOWN);
}

int main(int argc, char **argv)
{
    fixture_main(&argc, &argv);
    g_test_add_func("/unpack-series/whole", test_whole);
    g_test_add_func("/unpack-series/no-numbers", test_no_numbers);
    g_test_add_func("/unpack-series/others", test_others);
    g_test_add_func("/unpack-series/forms-of-the-list", test_forms_of_the_list);
    g_test_add_func("/unpack-series/wrong-lists", test_wrong_lists);
    g_test_add_func("/unpack-series/short", test_short);
    g_test_add_func("/unpack-series/empty", test_empty);
    g_test_add_func("/unpack-series/cut", test_cut);
    g_test_add_func("/unpack-series/wrong-bytes", test_wrong_bytes);
    g_test_add_func("/unpack-series/other-series", test_other_series);
    g_test_add_func("/unpack-series/no-dicom", test_no_dicom);
    g_test_add_func("/unpack-series/twins", test_twins);
    g_test_add_func("/unpack-series/behind-the-list", test_behind_the_list);
    g_test_add_func("/unpack-series/dead-entries", test_dead_entries);
    g_test_add_func("/unpack-series/selection", test_selection);
    g_test_add_func("/unpack-series/again", test_again);
    g_test_add_func("/unpack-series/many", test_many);
    g_test_add_func("/unpack-series/rules", test_rules);
    g_test_add_func("/unpack-series/counts", test_counts);
    return g_test_run();
}

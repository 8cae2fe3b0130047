/* The heads of DICOM files, in every encoding and with everything that can be wrong. */
#include "dicom_head.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define EXPLICIT "1.2.840.10008.1.2.1"
#define IMPLICIT "1.2.840.10008.1.2"
#define BIG_ENDIAN_SYNTAX "1.2.840.10008.1.2.2"
#define DEFLATED "1.2.840.10008.1.2.1.99"

typedef struct {
    GByteArray *bytes;
    gboolean is_big, is_implicit;
} Maker;

static void put16(Maker *maker, guint16 number)
{
    const guint8 little[] = {(guint8)number, (guint8)(number >> 8)};
    const guint8 big[] = {little[1], little[0]};
    g_byte_array_append(maker->bytes, maker->is_big ? big : little, 2);
}

static void put32(Maker *maker, guint32 number)
{
    put16(maker, (guint16)(maker->is_big ? number >> 16 : number));
    put16(maker, (guint16)(maker->is_big ? number : number >> 16));
}

static void put_head(Maker *maker, guint16 group, guint16 element, const char *vr, guint32 length)
{
    put16(maker, group);
    put16(maker, element);
    if (maker->is_implicit || group == 0xFFFE) {
        put32(maker, length);
        return;
    }
    g_byte_array_append(maker->bytes, (const guint8 *)vr, 2);
    if (strstr("SQ UN OB OW UT", vr)) {
        put16(maker, 0);
        put32(maker, length);
    } else {
        put16(maker, (guint16)length);
    }
}

static void put_text(Maker *maker, guint16 group, guint16 element, const char *vr, const char *text)
{
    const gsize length = strlen(text), even = length + length % 2;
    put_head(maker, group, element, vr, (guint32)even);
    g_byte_array_append(maker->bytes, (const guint8 *)text, (guint)length);
    if (even > length)
        g_byte_array_append(maker->bytes, (const guint8 *)(g_str_equal(vr, "UI") ? "" : " "), 1);
}

/* 128 bytes, DICM, and a group 0002. */
static Maker begin(const char *syntax, const char *media_sop)
{
    static const guint8 preamble[128];
    Maker maker = {.bytes = g_byte_array_new()};
    g_byte_array_append(maker.bytes, preamble, sizeof(preamble));
    g_byte_array_append(maker.bytes, (const guint8 *)"DICM", 4);
    put_text(&maker, 0x0002, 0x0002, "UI", "1.2.840.10008.5.1.4.1.1.2");
    put_text(&maker, 0x0002, 0x0003, "UI", media_sop);
    put_text(&maker, 0x0002, 0x0010, "UI", syntax);
    maker.is_big = g_str_equal(syntax, BIG_ENDIAN_SYNTAX);
    maker.is_implicit = g_str_equal(syntax, IMPLICIT);
    return maker;
}

/* A sequence of undefined length with an item of undefined length, in which there is another. */
static void put_sequence(Maker *maker, const char *vr)
{
    const gboolean outside = maker->is_implicit;
    put_head(maker, 0x0008, 0x1140, vr, 0xFFFFFFFF);
    maker->is_implicit = outside || g_str_equal(vr, "UN");
    put_head(maker, 0xFFFE, 0xE000, "", 0xFFFFFFFF);
    put_text(maker, 0x0008, 0x0018, "UI", "9.9.9");
    put_text(maker, 0x0020, 0x000E, "UI", "8.8.8");
    put_head(maker, 0x0008, 0x1199, "SQ", 0xFFFFFFFF);
    put_head(maker, 0xFFFE, 0xE000, "", 4);
    g_byte_array_append(maker->bytes, (const guint8 *)"junk", 4);
    put_head(maker, 0xFFFE, 0xE0DD, "", 0);
    put_head(maker, 0xFFFE, 0xE00D, "", 0);
    put_head(maker, 0xFFFE, 0xE0DD, "", 0);
    maker->is_implicit = outside;
}

static void put_data_set(Maker *maker, const char *sop, const char *series)
{
    put_text(maker, 0x0008, 0x0005, "CS", "ISO_IR 100");
    put_text(maker, 0x0008, 0x0016, "UI", "1.2.840.10008.5.1.4.1.1.2");
    if (sop)
        put_text(maker, 0x0008, 0x0018, "UI", sop);
    put_text(maker, 0x0008, 0x0060, "CS", "CT");
    put_sequence(maker, "SQ");
    if (!maker->is_big)
        put_sequence(maker, "UN");
    put_text(maker, 0x0009, 0x0010, "LO", "PRIVATE");
    put_text(maker, 0x0010, 0x0020, "LO", "LIDC-IDRI-0001");
    put_text(maker, 0x0020, 0x000D, "UI", "1.3.6.1.1");
    if (series)
        put_text(maker, 0x0020, 0x000E, "UI", series);
    put_text(maker, 0x0020, 0x0010, "SH", "CT 7");
    put_text(maker, 0x0020, 0x0011, "IS", "3");
}

static void assert_image(const DicomHead *head)
{
    g_assert_cmpstr(head->sop_instance, ==, "1.3.6.1.9.7");
    g_assert_cmpstr(head->series_instance, ==, "1.3.6.1.2");
    g_assert_cmpstr(head->study_instance, ==, "1.3.6.1.1");
    g_assert_cmpstr(head->sop_class, ==, "1.2.840.10008.5.1.4.1.1.2");
    g_assert_cmpstr(head->modality, ==, "CT");
    g_assert_cmpstr(head->patient_id, ==, "LIDC-IDRI-0001");
    g_assert_cmpstr(head->study_id, ==, "CT 7");
}

/* Whole, and byte by byte: it asks for more until it is done, and is never wrong about less. */
static void assert_parses(const GByteArray *bytes)
{
    DicomHead head = {0};
    const char *reason = NULL;
    g_assert_cmpint(dicom_head_parse(bytes->data, bytes->len, TRUE, &head, &reason), ==,
                    DICOM_HEAD_DONE);
    g_assert_null(reason);
    assert_image(&head);
    gboolean is_done = FALSE;
    for (guint length = 0; length <= bytes->len; length++) {
        g_autofree guint8 *part = g_memdup2(bytes->data, length);
        DicomHeadResult result = dicom_head_parse(part, length, FALSE, &head, NULL);
        if (is_done || length == bytes->len)
            g_assert_cmpint(result, ==, DICOM_HEAD_DONE);
        else if (result != DICOM_HEAD_DONE)
            g_assert_cmpint(result, ==, DICOM_HEAD_NEED_MORE);
        is_done = result == DICOM_HEAD_DONE;
        if (is_done)
            assert_image(&head);
    }
}

static void test_encodings(void)
{
    static const char *const syntaxes[] = {EXPLICIT, IMPLICIT, BIG_ENDIAN_SYNTAX,
                                           "1.2.840.10008.1.2.4.70"};
    for (gsize i = 0; i < G_N_ELEMENTS(syntaxes); i++) {
        Maker maker = begin(syntaxes[i], "1.3.6.1.9.7");
        put_data_set(&maker, "1.3.6.1.9.7", "1.3.6.1.2");
        assert_parses(maker.bytes);
        g_byte_array_unref(maker.bytes);
    }
}

/* The transfer syntax says one thing, the elements another. */
static void test_wrong_syntax(void)
{
    Maker maker = begin(EXPLICIT, "1.3.6.1.9.7");
    maker.is_implicit = TRUE;
    put_data_set(&maker, "1.3.6.1.9.7", "1.3.6.1.2");
    assert_parses(maker.bytes);
    g_byte_array_unref(maker.bytes);
    maker = begin(IMPLICIT, "1.3.6.1.9.7");
    maker.is_implicit = FALSE;
    put_data_set(&maker, "1.3.6.1.9.7", "1.3.6.1.2");
    assert_parses(maker.bytes);
    g_byte_array_unref(maker.bytes);
}

static void test_no_preamble(void)
{
    for (int i = 0; i < 3; i++) {
        Maker maker = {.bytes = g_byte_array_new(), .is_big = i == 1, .is_implicit = i == 2};
        put_data_set(&maker, "1.3.6.1.9.7", "1.3.6.1.2");
        assert_parses(maker.bytes);
        g_byte_array_unref(maker.bytes);
    }
}

/* The data set of MAKER behind its first FROM bytes, deflated. */
static void deflate_rest(Maker *maker, guint from)
{
    z_stream stream = {.next_in = maker->bytes->data + from, .avail_in = maker->bytes->len - from};
    g_assert_cmpint(deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), ==,
                    Z_OK);
    const guint room = (guint)deflateBound(&stream, stream.avail_in);
    g_autofree guint8 *out = g_malloc(room);
    stream.next_out = out;
    stream.avail_out = room;
    g_assert_cmpint(deflate(&stream, Z_FINISH), ==, Z_STREAM_END);
    const guint length = room - stream.avail_out;
    deflateEnd(&stream);
    g_byte_array_set_size(maker->bytes, from);
    g_byte_array_append(maker->bytes, out, length);
}

static void test_deflated(void)
{
    Maker maker = begin(DEFLATED, "1.3.6.1.9.7");
    const guint from = maker.bytes->len;
    put_data_set(&maker, "1.3.6.1.9.7", "1.3.6.1.2");
    deflate_rest(&maker, from);
    assert_parses(maker.bytes);
    g_byte_array_set_size(maker.bytes, from + 10);
    DicomHead head;
    const char *reason = NULL;
    g_assert_cmpint(dicom_head_parse(maker.bytes->data, maker.bytes->len, FALSE, &head, NULL), ==,
                    DICOM_HEAD_NEED_MORE);
    g_assert_cmpint(dicom_head_parse(maker.bytes->data, maker.bytes->len, TRUE, &head, &reason), ==,
                    DICOM_HEAD_DAMAGED);
    g_assert_nonnull(reason);
    memset(maker.bytes->data + from, 0xFF, 10);
    g_assert_cmpint(dicom_head_parse(maker.bytes->data, maker.bytes->len, TRUE, &head, &reason), ==,
                    DICOM_HEAD_DAMAGED);
    g_byte_array_unref(maker.bytes);
}

/* A gigabyte of zeros is a megabyte on the line: no more is inflated than a head may take. */
static void test_deflated_bomb(void)
{
    Maker maker = begin(DEFLATED, "1.3.6.1.9.7");
    const guint from = maker.bytes->len;
    put_text(&maker, 0x0008, 0x0005, "CS", "ISO_IR 100");
    put_head(&maker, 0x0008, 0x0015, "OB", 64 * 1024 * 1024);
    g_byte_array_set_size(maker.bytes, maker.bytes->len + 64 * 1024 * 1024);
    memset(maker.bytes->data + maker.bytes->len - 64 * 1024 * 1024, 0, 64 * 1024 * 1024);
    deflate_rest(&maker, from);
    DicomHead head;
    const char *reason = NULL;
    g_assert_cmpint(dicom_head_parse(maker.bytes->data, maker.bytes->len, TRUE, &head, &reason), ==,
                    DICOM_HEAD_DAMAGED);
    g_byte_array_unref(maker.bytes);
}

static void test_names_differ(void)
{
    Maker maker = begin(EXPLICIT, "1.3.6.1.9.8");
    put_data_set(&maker, "1.3.6.1.9.7", "1.3.6.1.2");
    DicomHead head;
    g_assert_cmpint(dicom_head_parse(maker.bytes->data, maker.bytes->len, TRUE, &head, NULL), ==,
                    DICOM_HEAD_DONE);
    g_assert_true(head.names_differ);
    g_assert_true(head.has_preamble);
    g_assert_cmpstr(head.sop_instance, ==, "1.3.6.1.9.7");
    g_assert_cmpstr(head.media_sop_instance, ==, "1.3.6.1.9.8");
    g_byte_array_unref(maker.bytes);
}

static void test_damaged(void)
{
    static const struct {
        const char *sop, *series;
    } cases[] = {
        {NULL, "1.3.6.1.2"},       {"1.3.6.1.9.7", NULL}, {"../../etc", "1.3.6.1.2"},
        {"1.3.6.1.9.7", "1..2"},   {"", "1.3.6.1.2"},     {".1", "1.3.6.1.2"},
        {"1.3.6.1.9.7", "1.2 .3"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Maker maker = begin(EXPLICIT, "1.3.6.1.9.7");
        put_data_set(&maker, cases[i].sop, cases[i].series);
        DicomHead head;
        const char *reason = NULL;
        g_assert_cmpint(dicom_head_parse(maker.bytes->data, maker.bytes->len, TRUE, &head, &reason),
                        ==, DICOM_HEAD_DAMAGED);
        g_assert_nonnull(reason);
        g_byte_array_unref(maker.bytes);
    }
}

/* What stands behind the UIDs names no image: without it, cut or wrong, the head is as good. */
static void test_study_id(void)
{
    static const struct {
        guint16 element;
        guint32 length;
        const char *value, *is;
    } cases[] = {
        {0, 0, "", ""},       {0x0010, 0, "", ""},      {0x0010, 4, "MR 1", "MR 1"},
        {0x0010, 4, "M", ""}, {0x0010, 60000, "M", ""}, {0x0011, 2, "9 ", ""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Maker maker = begin(EXPLICIT, "1.3.6.1.9.7");
        put_text(&maker, 0x0008, 0x0018, "UI", "1.3.6.1.9.7");
        put_text(&maker, 0x0020, 0x000E, "UI", "1.3.6.1.2");
        if (cases[i].element)
            put_head(&maker, 0x0020, cases[i].element, "SH", cases[i].length);
        g_byte_array_append(maker.bytes, (const guint8 *)cases[i].value,
                            (guint)strlen(cases[i].value));
        DicomHead head;
        g_assert_cmpint(dicom_head_parse(maker.bytes->data, maker.bytes->len, TRUE, &head, NULL),
                        ==, DICOM_HEAD_DONE);
        g_assert_cmpstr(head.study_id, ==, cases[i].is);
        g_assert_cmpstr(head.series_instance, ==, "1.3.6.1.2");
        g_byte_array_unref(maker.bytes);
    }
    Maker maker = begin(IMPLICIT, "1.3.6.1.9.7");
    put_text(&maker, 0x0008, 0x0018, "UI", "1.3.6.1.9.7");
    put_text(&maker, 0x0020, 0x000E, "UI", "1.3.6.1.2");
    put_head(&maker, 0x0020, 0x0010, "SH", 0xFFFFFFFF);
    put32(&maker, 0x12345678);
    put32(&maker, 8);
    DicomHead head;
    g_assert_cmpint(dicom_head_parse(maker.bytes->data, maker.bytes->len, TRUE, &head, NULL), ==,
                    DICOM_HEAD_DONE);
    g_assert_cmpstr(head.study_id, ==, "");
    g_byte_array_unref(maker.bytes);
}

/* A private value that never ends: not more is asked for than the bound. */
static void test_too_far(void)
{
    Maker maker = begin(EXPLICIT, "1.3.6.1.9.7");
    put_text(&maker, 0x0008, 0x0018, "UI", "1.3.6.1.9.7");
    put_head(&maker, 0x0009, 0x1001, "OB", 1000 * 1000 * 1000);
    g_byte_array_set_size(maker.bytes, DICOM_HEAD_MOST_BYTES);
    DicomHead head;
    const char *reason = NULL;
    g_assert_cmpint(
        dicom_head_parse(maker.bytes->data, DICOM_HEAD_MOST_BYTES - 1, FALSE, &head, &reason), ==,
        DICOM_HEAD_NEED_MORE);
    g_assert_cmpint(
        dicom_head_parse(maker.bytes->data, DICOM_HEAD_MOST_BYTES, FALSE, &head, &reason), ==,
        DICOM_HEAD_DAMAGED);
    g_byte_array_unref(maker.bytes);
}

static void test_nesting(void)
{
    Maker maker = begin(EXPLICIT, "1.3.6.1.9.7");
    put_text(&maker, 0x0008, 0x0018, "UI", "1.3.6.1.9.7");
    for (int i = 0; i < 100000; i++) {
        put_head(&maker, 0x0008, 0x1140, "SQ", 0xFFFFFFFF);
        put_head(&maker, 0xFFFE, 0xE000, "", 0xFFFFFFFF);
    }
    DicomHead head;
    const char *reason = NULL;
    g_assert_cmpint(dicom_head_parse(maker.bytes->data, maker.bytes->len, FALSE, &head, &reason),
                    ==, DICOM_HEAD_DAMAGED);
    g_byte_array_unref(maker.bytes);
}

static void test_not_dicom(void)
{
    static const char *const texts[] = {"", "PK\3\4", "<!DOCTYPE html><html>",
                                        "Filename,MD5Hash\n00000001.dcm,"};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        DicomHead head;
        const char *reason = NULL;
        g_assert_cmpint(
            dicom_head_parse((const guint8 *)texts[i], strlen(texts[i]), TRUE, &head, &reason), ==,
            DICOM_HEAD_NOT_DICOM);
        g_assert_nonnull(reason);
    }
}

/* The identifiers may lie behind much else. */
static void test_read(void)
{
    Maker maker = begin(EXPLICIT, "1.3.6.1.9.7");
    put_text(&maker, 0x0008, 0x0016, "UI", "1.2.840.10008.5.1.4.1.1.2");
    put_text(&maker, 0x0008, 0x0018, "UI", "1.3.6.1.9.7");
    put_text(&maker, 0x0008, 0x0060, "CS", "CT");
    put_head(&maker, 0x0009, 0x1001, "OB", 300 * 1000);
    g_byte_array_set_size(maker.bytes, maker.bytes->len + 300 * 1000);
    put_text(&maker, 0x0010, 0x0020, "LO", "LIDC-IDRI-0001");
    put_text(&maker, 0x0020, 0x000D, "UI", "1.3.6.1.1");
    put_text(&maker, 0x0020, 0x000E, "UI", "1.3.6.1.2");
    put_text(&maker, 0x0020, 0x0010, "SH", "CT 7");
    g_autofree char *name = NULL;
    int fd = g_file_open_tmp("dicom-XXXXXX", &name, NULL);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, maker.bytes->data, maker.bytes->len), ==, maker.bytes->len);
    DicomHead head;
    DicomHeadResult result;
    const char *reason = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_true(dicom_head_read(fd, &result, &head, &reason, &error));
    g_assert_cmpint(result, ==, DICOM_HEAD_DONE);
    assert_image(&head);
    g_assert_cmpint(ftruncate(fd, 1000), ==, 0);
    g_assert_true(dicom_head_read(fd, &result, &head, &reason, &error));
    g_assert_cmpint(result, ==, DICOM_HEAD_DAMAGED);
    close(fd);
    unlink(name);
    g_assert_false(dicom_head_read(-1, &result, &head, &reason, &error));
    g_assert_nonnull(error);
    g_byte_array_unref(maker.bytes);
}

static void test_uid(void)
{
    static const struct {
        const char *uid;
        gboolean is_valid;
    } cases[] = {
        {"1.2.840.10008.1.2", TRUE},
        {"1", TRUE},
        {"1.02", TRUE},
        {"1234567890123456789012345678901234567890123456789012345678901234", TRUE},
        {"12345678901234567890123456789012345678901234567890123456789012345", FALSE},
        {"", FALSE},
        {".", FALSE},
        {"..", FALSE},
        {"1.", FALSE},
        {"1..2", FALSE},
        {"1/2", FALSE},
        {"1.2\n", FALSE},
        {"a", FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(dicom_uid_is_valid(cases[i].uid), ==, cases[i].is_valid);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dicom-head/encodings", test_encodings);
    g_test_add_func("/dicom-head/wrong-syntax", test_wrong_syntax);
    g_test_add_func("/dicom-head/no-preamble", test_no_preamble);
    g_test_add_func("/dicom-head/deflated", test_deflated);
    g_test_add_func("/dicom-head/deflated-bomb", test_deflated_bomb);
    g_test_add_func("/dicom-head/names-differ", test_names_differ);
    g_test_add_func("/dicom-head/damaged", test_damaged);
    g_test_add_func("/dicom-head/study-id", test_study_id);
    g_test_add_func("/dicom-head/too-far", test_too_far);
    g_test_add_func("/dicom-head/nesting", test_nesting);
    g_test_add_func("/dicom-head/not-dicom", test_not_dicom);
    g_test_add_func("/dicom-head/read", test_read);
    g_test_add_func("/dicom-head/uid", test_uid);
    return g_test_run();
}

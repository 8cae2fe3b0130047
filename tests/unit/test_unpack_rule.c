/* Unpack rules by name, as JSON and back, and what is refused in words. */
#include "error.h"
#include "filespec.h"

#include <string.h>

static void test_from_name(void)
{
    static const struct {
        const char *name;
        const char *json; /* NULL: no archive */
    } rows[] = {
        {"x.tar", "{\"format\":\"tar\"}"},
        {"x.tar.gz", "{\"format\":\"tar\",\"filter\":\"gzip\"}"},
        {"a/X.TGZ", "{\"format\":\"tar\",\"filter\":\"gzip\"}"},
        {"x.tar.Z", "{\"format\":\"tar\",\"filter\":\"compress\"}"},
        {"x.tar.bz2", "{\"format\":\"tar\",\"filter\":\"bzip2\"}"},
        {"x.tar.xz", "{\"format\":\"tar\",\"filter\":\"xz\"}"},
        {"x.tar.zst", "{\"format\":\"tar\",\"filter\":\"zstd\"}"},
        {"x.tar.lz4", "{\"format\":\"tar\",\"filter\":\"lz4\"}"},
        {"x.zip", "{\"format\":\"zip\"}"},
        {"x.7z", "{\"format\":\"7z\"}"},
        {"x.rar", "{\"format\":\"rar\"}"},
        {"x.csv.gz", "{\"format\":\"none\",\"filter\":\"gzip\"}"},
        {"x.Z", "{\"format\":\"none\",\"filter\":\"compress\"}"},
        {"x.zst", "{\"format\":\"none\",\"filter\":\"zstd\"}"},
        {"x.csv", NULL},
        {"zip", NULL},
        {".zip", NULL},
        {"a/.gz", NULL},
        {"x.zip.txt", NULL},
        {"", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(UnpackRule) rule = unpack_rule_from_name(rows[i].name);
        g_autofree char *json = rule ? unpack_rule_to_json(rule) : NULL;
        g_assert_cmpstr(json, ==, rows[i].json);
    }
}

static void test_round_trip(void)
{
    static const char *const texts[] = {
        "{\"format\":\"zip\"}",
        "{\"format\":\"tar\",\"filter\":\"xz\",\"into\":\"a/b\",\"strip\":2,\"charset\":\"GBK\","
        "\"join\":[\"x.002\",\"x.003\"]}",
        "{\"format\":\"zip\",\"nested\":[{\"member\":\"*.rar\",\"format\":\"rar\"},"
        "{\"member\":\"a \\\"b\\\"\",\"format\":\"none\",\"filter\":\"compress\",\"into\":\"c\"},"
        "{\"member\":\"*.zip\",\"format\":\"zip\",\"nested\":[{\"member\":\"*.tar\","
        "\"format\":\"tar\"}]}]}",
        "{\"format\":\"none\",\"join\":[\"x.002\"]}",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(UnpackRule) rule = unpack_rule_from_json(texts[i], &error);
        g_assert_no_error(error);
        g_autoptr(UnpackRule) copy = unpack_rule_copy(rule);
        g_autofree char *again = unpack_rule_to_json(copy);
        g_assert_cmpstr(again, ==, texts[i]);
    }
    g_assert_null(unpack_rule_copy(NULL));
}

static void test_refused(void)
{
    static const struct {
        const char *json, *word;
    } rows[] = {
        {"{\"fromat\":\"zip\"}", "format"},
        {"{\"format\":\"zib\"}", "zip"},
        {"{\"format\":\"tar\",\"filter\":\"gz\"}", "/filter"},
        {"{\"format\":\"zip\",\"strip\":-1}", "/strip"},
        {"{\"format\":\"zip\",\"strip\":\"1\"}", "/strip"},
        {"{\"format\":\"zip\",\"into\":\"../x\"}", "/into"},
        {"{\"format\":\"zip\",\"format\":\"tar\"}", "format"},
        {"{\"format\":\"zip\",\"member\":\"x\"}", "member"},
        {"{\"format\":\"zip\",\"nested\":[{\"format\":\"rar\"}]}", "member"},
        {"{\"format\":\"zip\",\"nested\":[{\"member\":\"x\",\"format\":\"rax\"}]}", "/nested/0"},
        {"{\"format\":\"none\"}", "nothing to undo"},
        {"{}", "format"},
        {"[]", "object"},
        {"{\"format\":", "1:"},
        {"", "1:"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(UnpackRule) rule = unpack_rule_from_json(rows[i].json, &error);
        g_assert_null(rule);
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
        if (!strstr(error->message, rows[i].word))
            g_error("%s: no \"%s\" in: %s", rows[i].json, rows[i].word, error->message);
    }
}

static void test_file_spec(void)
{
    g_autoptr(FileSpec) spec = file_spec_new("a/b.zip");
    g_assert_cmpuint(spec->size, ==, SIZE_UNKNOWN);
    file_spec_add_address(spec, "http://127.0.0.1/b.zip");
    g_assert_cmpuint(spec->addresses->len, ==, 1);
    for (guint i = FILE_ROLE_DATA; i <= FILE_ROLE_LICENCE; i++) {
        FileRole role;
        g_assert_true(file_role_parse(file_role_name((FileRole)i), &role));
        g_assert_cmpint(role, ==, i);
    }
    FileRole role;
    g_assert_false(file_role_parse("toy", &role));
    g_assert_false(file_role_parse(NULL, &role));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/unpack-rule/from-name", test_from_name);
    g_test_add_func("/unpack-rule/round-trip", test_round_trip);
    g_test_add_func("/unpack-rule/refused", test_refused);
    g_test_add_func("/file-spec/plain", test_file_spec);
    return g_test_run();
}

#include "error.h"
#include "unpack_policy.h"

#include <string.h>

typedef struct {
    UnpackType type;
    const char *name, *target;
    MemberDecisionKind kind;
    const char *path; /* NULL: refused */
    const char *decided_target;
} Case;

static void check(const UnpackPlace *place, const Case *c)
{
    const UnpackMessage entry = {.type = c->type,
                                 .name = c->name,
                                 .name_length = strlen(c->name),
                                 .target = c->target,
                                 .target_length = c->target ? strlen(c->target) : 0};
    g_auto(MemberDecision) decision = {0};
    g_autoptr(GError) error = NULL;
    gboolean decided = unpack_decide(place, &entry, &decision, &error);
    g_test_message("%s -> %s", c->name, c->target ? c->target : "");
    if (!c->path) {
        g_assert_false(decided);
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
        return;
    }
    g_assert_no_error(error);
    g_assert_true(decided);
    g_assert_cmpint(decision.kind, ==, c->kind);
    g_assert_cmpstr(decision.path ? decision.path : "", ==, c->path);
    g_assert_cmpstr(decision.target, ==, c->decided_target);
}

static void test_table(void)
{
    static const Case cases[] = {
        {UNPACK_FILE, "a", NULL, MEMBER_STORE, "d/a", NULL},
        {UNPACK_FILE, "./a/b", NULL, MEMBER_STORE, "d/a/b", NULL},
        {UNPACK_FILE, "__MACOSX/._a", NULL, MEMBER_STORE, "d/__MACOSX/._a", NULL},
        {UNPACK_FILE, ".DS_Store", NULL, MEMBER_STORE, "d/.DS_Store", NULL},
        {UNPACK_FOLDER, "a/", NULL, MEMBER_FOLDER, "d/a", NULL},
        {UNPACK_FOLDER, "./", NULL, MEMBER_SKIP, "", NULL},
        {UNPACK_FOLDER, ".", NULL, MEMBER_SKIP, "", NULL},
        {UNPACK_FOLDER, "..", NULL, 0, NULL, NULL},
        {UNPACK_FOLDER, "a/..", NULL, 0, NULL, NULL},
        {UNPACK_FILE, "", NULL, 0, NULL, NULL},
        {UNPACK_FILE, ".", NULL, 0, NULL, NULL},
        {UNPACK_FILE, "../a", NULL, 0, NULL, NULL},
        {UNPACK_FILE, "a/../../b", NULL, 0, NULL, NULL},
        {UNPACK_FILE, "/etc/passwd", NULL, 0, NULL, NULL},
        {UNPACK_FILE, "C:/a", NULL, 0, NULL, NULL},
        {UNPACK_FILE, "C:\\a", NULL, 0, NULL, NULL},
        {UNPACK_FILE, "a\\b", NULL, 0, NULL, NULL},
        {UNPACK_FILE, "a\nb", NULL, 0, NULL, NULL},
        {UNPACK_FILE, "\xff\xfe", NULL, 0, NULL, NULL},
        {UNPACK_DEVICE, "a", NULL, 0, NULL, NULL},
        {UNPACK_FIFO, "a", NULL, 0, NULL, NULL},
        {UNPACK_SOCKET, "a", NULL, 0, NULL, NULL},
        {UNPACK_OTHER, "a", NULL, 0, NULL, NULL},
        {UNPACK_SYMLINK, "l", "a", MEMBER_LINK, "d/l", "a"},
        {UNPACK_SYMLINK, "l", "./a", MEMBER_LINK, "d/l", "a"},
        {UNPACK_SYMLINK, "l", "../a", MEMBER_LINK, "d/l", "../a"},
        {UNPACK_SYMLINK, "x/y/l", "../../../z/w", MEMBER_LINK, "d/x/y/l", "../../../z/w"},
        {UNPACK_SYMLINK, "x/l", "..", MEMBER_LINK, "d/x/l", ".."},
        {UNPACK_SYMLINK, "l", ".", MEMBER_LINK, "d/l", "."},
        {UNPACK_SYMLINK, "l", "../../a", 0, NULL, NULL},
        {UNPACK_SYMLINK, "l", "/a", 0, NULL, NULL},
        {UNPACK_SYMLINK, "l", "", 0, NULL, NULL},
        {UNPACK_SYMLINK, "l", "a/../b", 0, NULL, NULL},
        {UNPACK_SYMLINK, "l", "../a/../../b", 0, NULL, NULL},
        {UNPACK_SYMLINK, "../l", "a", 0, NULL, NULL},
        {UNPACK_HARDLINK, "h", "./a", MEMBER_SAME, "d/h", "d/a"},
        {UNPACK_HARDLINK, "h", "../a", 0, NULL, NULL},
        {UNPACK_HARDLINK, "h", "/etc/passwd", 0, NULL, NULL},
    };
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_TAR, FILTER_NONE);
    const UnpackPlace place = {.rule = rule, .archive = "d/x.tar"};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        check(&place, &cases[i]);
}

static void test_place(void)
{
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE);
    rule->strip = 1;
    rule->into = g_strdup("in/side");
    rule->charset = g_strdup("GB18030");
    const UnpackPlace place = {.rule = rule, .archive = "x.zip", .most_depth = 4};
    const Case cases[] = {
        {UNPACK_FILE, "top/a", NULL, MEMBER_STORE, "in/side/a", NULL},
        {UNPACK_FOLDER, "top/", NULL, MEMBER_SKIP, "", NULL},
        {UNPACK_FILE, "top/b/c", NULL, MEMBER_STORE, "in/side/b/c", NULL},
        {UNPACK_FILE, "top/b/c/d", NULL, 0, NULL, NULL},
        {UNPACK_FILE, "top/\xb2\xa1", NULL, MEMBER_STORE, "in/side/病", NULL},
        {UNPACK_FILE, "top\\a", NULL, MEMBER_STORE, "in/side/a", NULL},
        {UNPACK_FILE, "..\\..\\..\\a", NULL, 0, NULL, NULL},
        {UNPACK_HARDLINK, "top/h", "top/a", MEMBER_SAME, "in/side/h", "in/side/a"},
        {UNPACK_SYMLINK, "top/l", "../../a", MEMBER_LINK, "in/side/l", "../../a"},
        {UNPACK_SYMLINK, "top/l", "../../../a", 0, NULL, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        check(&place, &cases[i]);

    const UnpackMessage entry = {.type = UNPACK_FILE, .name = "a", .name_length = 1};
    g_auto(MemberDecision) decision = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(unpack_decide(&place, &entry, &decision, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_assert_nonnull(strstr(error->message, "\"a\""));
}

static void test_bare(void)
{
    static const struct {
        const char *archive, *path;
    } cases[] = {
        {"a/x.csv.gz", "a/x.csv"},
        {"shuttle.trn.Z", "shuttle.trn"},
        {"x.bz2", "x"},
        {"x.tar.XZ", "x.tar"},
        {"noending", "noending"},
        {".gz", ".gz"},
        {"b/x.zst", "b/x"},
        {"x.lz4", "x"},
    };
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_NONE, FILTER_GZIP);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const UnpackPlace place = {.rule = rule, .archive = cases[i].archive};
        const UnpackMessage entry = {.type = UNPACK_FILE, .bare = TRUE};
        g_auto(MemberDecision) decision = {0};
        g_autoptr(GError) error = NULL;
        g_assert_true(unpack_decide(&place, &entry, &decision, &error));
        g_assert_cmpstr(decision.path, ==, cases[i].path);
    }
}

static void test_nested(void)
{
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE);
    g_assert_null(unpack_nested_rule(rule, "a.Z"));
    UnpackRule *compress = unpack_rule_new(ARCHIVE_NONE, FILTER_COMPRESS);
    compress->member = g_strdup("*.Z");
    UnpackRule *exact = unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE);
    exact->member = g_strdup("deep/a.zip");
    rule->nested = g_ptr_array_new_with_free_func((GDestroyNotify)unpack_rule_free);
    g_ptr_array_add(rule->nested, compress);
    g_ptr_array_add(rule->nested, exact);
    g_assert_true(unpack_nested_rule(rule, "a.Z") == compress);
    g_assert_true(unpack_nested_rule(rule, "x/a.Z") == compress);
    g_assert_true(unpack_nested_rule(rule, "deep/a.zip") == exact);
    g_assert_null(unpack_nested_rule(rule, "a.zip"));
}

static void test_rules(void)
{
    static const struct {
        ArchiveContainer container;
        ArchiveFilter filter;
        gboolean good;
    } cases[] = {
        {ARCHIVE_NONE, FILTER_NONE, FALSE}, {ARCHIVE_ZIP, FILTER_GZIP, FALSE},
        {ARCHIVE_7Z, FILTER_XZ, FALSE},     {ARCHIVE_NONE, FILTER_GZIP, TRUE},
        {ARCHIVE_TAR, FILTER_NONE, TRUE},   {ARCHIVE_TAR, FILTER_ZSTD, TRUE},
        {ARCHIVE_ZIP, FILTER_NONE, TRUE},   {ARCHIVE_RAR, FILTER_NONE, TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(UnpackRule) rule = unpack_rule_new(cases[i].container, cases[i].filter);
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(unpack_rule_check(rule, &error), ==, cases[i].good);
        if (!cases[i].good)
            g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/unpack_policy/table", test_table);
    g_test_add_func("/unpack_policy/place", test_place);
    g_test_add_func("/unpack_policy/bare", test_bare);
    g_test_add_func("/unpack_policy/nested", test_nested);
    g_test_add_func("/unpack_policy/rules", test_rules);
    return g_test_run();
}

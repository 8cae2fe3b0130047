/* Whatever an archive's member is called, it lies in the archive's folder or is refused. */
#include "error.h"
#include "fuzz_input.h"
#include "relpath.h"
#include "unpack_policy.h"

/* Walks the link's target from where the link lies: it never leaves the tree. */
static void check_link(const MemberDecision *decision)
{
    int depth = 0;
    for (const char *p = decision->path; (p = strchr(p, '/')); p++)
        depth++;
    g_auto(GStrv) parts = g_strsplit(decision->target, "/", -1);
    g_assert_true(*decision->target != '/');
    for (char **part = parts; *part; part++) {
        depth += g_str_equal(*part, "..") ? -1 : !g_str_equal(*part, ".");
        g_assert_cmpint(depth, >=, 0);
    }
}

static void check_decision(const MemberDecision *decision, const char *folder)
{
    if (decision->kind == MEMBER_SKIP) {
        g_assert_null(decision->path);
        return;
    }
    g_assert_true(relpath_check(decision->path, NULL));
    g_assert_true(g_str_has_prefix(decision->path, folder));
    if (decision->kind == MEMBER_LINK)
        check_link(decision);
    else if (decision->kind == MEMBER_SAME)
        g_assert_true(g_str_has_prefix(decision->target, folder));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const charsets[] = {NULL, "GBK", "CP437", "UTF-16BE"};
    const uint8_t how = fuzz_byte(&data, &size), where = fuzz_byte(&data, &size);
    g_autofree char *pattern = fuzz_text(&data, &size);
    const uint8_t *middle = size ? memchr(data, '\0', size) : NULL;
    const gsize name_length = middle ? (gsize)(middle - data) : size;
    g_autoptr(UnpackRule) rule =
        unpack_rule_new((ArchiveContainer)(how % (ARCHIVE_RAR + 1)), FILTER_NONE);
    rule->strip = where % 4;
    rule->into = where & 4 ? g_strdup("in/to") : NULL;
    rule->charset = g_strdup(charsets[(where >> 3) % G_N_ELEMENTS(charsets)]);
    rule->nested = g_ptr_array_new_with_free_func((GDestroyNotify)unpack_rule_free);
    UnpackRule *nested = unpack_rule_new(ARCHIVE_TAR, FILTER_NONE);
    nested->member = g_strdup(pattern);
    g_ptr_array_add(rule->nested, nested);
    const UnpackPlace place = {.rule = rule,
                               .archive = where & 0x20 ? "sub/folder/x.tar" : "x.tar",
                               .most_depth = where & 0x40 ? 6 : 0};
    const UnpackMessage entry = {.kind = UNPACK_MESSAGE_ENTRY,
                                 .type = (UnpackType)(how / 8 % UNPACK_TYPES),
                                 .bare = (how & 0x80) != 0,
                                 .name = (const char *)data,
                                 .name_length = name_length,
                                 .target = middle ? (const char *)middle + 1 : "",
                                 .target_length = middle ? size - name_length - 1 : 0};
    g_auto(MemberDecision) decision = {0};
    g_autoptr(GError) error = NULL;
    if (!unpack_decide(&place, &entry, &decision, &error)) {
        fuzz_assert_told(error);
        return 0;
    }
    g_assert_no_error(error);
    g_autofree char *folder =
        g_strdup_printf("%s%s", where & 0x20 ? "sub/folder/" : "", rule->into ? "in/to/" : "");
    check_decision(&decision, folder);
    if (decision.member)
        unpack_nested_rule(rule, decision.member);
    return 0;
}

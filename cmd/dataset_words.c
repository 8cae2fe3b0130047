#include "dataset_words.h"

#include "access_words.h"
#include "i18n.h"
#include "language.h"
#include "progress.h"
#include "size_text.h"

#include <string.h>

#define MOST_ID 40

const char *kind_meaning(ManifestKind kind)
{
    switch (kind) {
    case KIND_CHALLENGE:
        return language_pick(_("a challenge"), "竞赛");
    case KIND_COLLECTION:
        return language_pick(_("a collection of datasets"), "数据集合集");
    case KIND_LINK_LIST:
        return language_pick(_("a list of links to datasets"), "数据集链接列表");
    case KIND_SERIES:
        return language_pick(_("a series of editions"), "分多期发布的系列");
    case KIND_DATASET:
        break;
    }
    return language_pick(_("a dataset"), "数据集");
}

const char *sharing_meaning(const char *sharing)
{
    if (g_strcmp0(sharing, "free") == 0)
        return language_pick(_("may be passed on"), "可以转发");
    if (g_strcmp0(sharing, "attribution") == 0)
        return language_pick(_("may be passed on with attribution"), "注明出处后可以转发");
    if (g_strcmp0(sharing, "none") == 0)
        return language_pick(_("may not be passed on"), "不得转发");
    return NULL;
}

const char *same_meaning(SameAs same)
{
    switch (same) {
    case SAME_BYTES:
        return language_pick(_("same bytes: yes"), "字节相同");
    case SAME_MEMBERS:
        return language_pick(_("same bytes: the files inside, not the archives"),
                             "内部文件相同，压缩包不同");
    case SAME_PART:
        return language_pick(_("same bytes: no, a part of it"), "并非同一数据：仅为其中一部分");
    case SAME_DERIVED:
        return language_pick(_("same bytes: no, made of it"), "并非同一数据：由其加工而成");
    case SAME_UNKNOWN:
        break;
    }
    return language_pick(_("same bytes: not known"), "是否相同：未知");
}

char *dataset_extent(const Manifest *manifest)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
    if (manifest->subjects != SIZE_UNKNOWN)
        g_ptr_array_add(parts, g_strdup_printf(language_pick(_("%" G_GUINT64_FORMAT " subjects"),
                                                             "%" G_GUINT64_FORMAT " 人"),
                                               manifest->subjects));
    if (manifest->size != SIZE_UNKNOWN)
        g_ptr_array_add(parts, size_text(manifest->size));
    g_ptr_array_add(parts, NULL);
    return parts->len > 1 ? g_strjoinv(language_is_chinese() ? "，" : ", ", (char **)parts->pdata)
                          : NULL;
}

static void append_below(GString *text, const Manifest *manifest, const char *id, guint id_columns,
                         guint indent, guint columns)
{
    g_autofree char *padded = text_pad(id, id_columns);
    g_autoptr(GString) line = g_string_new(NULL);
    g_string_append_printf(line, "%*s%s", (int)indent, "", padded);
    if (manifest) {
        g_autofree char *extent = dataset_extent(manifest);
        g_autofree char *word = text_pad(access_word(manifest->access), 8);
        g_string_append_printf(line, "  %s %s", access_badge(manifest->access), word);
        if (manifest->year)
            g_string_append_printf(line, "  %u", manifest->year);
        if (extent)
            g_string_append_printf(line, "  %s", extent);
        g_string_append_printf(line, "  %s", language_pick(manifest->title_en, manifest->title_zh));
    } else {
        g_string_append(line, language_pick(_("  (not in this catalogue)"), "  （不在此目录中）"));
    }
    g_autofree char *fitted = columns ? text_fit(line->str, columns) : g_strdup(line->str);
    g_string_append_printf(text, "%s%s", text->len ? "\n" : "", fitted);
}

char *below_lines(Catalogue *catalogue, const Manifest *manifest, guint indent, guint columns)
{
    GString *text = g_string_new(NULL);
    guint id_columns = 0;
    for (guint i = 0; i < manifest->below->len; i++)
        id_columns = MAX(id_columns, MIN(text_columns(manifest->below->pdata[i]), MOST_ID));
    for (guint i = 0; i < manifest->below->len; i++) {
        const char *id = manifest->below->pdata[i];
        const Manifest *one = catalogue ? catalogue_find(catalogue, id, NULL) : NULL;
        append_below(text, one, id, MAX(id_columns, text_columns(id)), indent, columns);
    }
    return g_string_free(text, FALSE);
}

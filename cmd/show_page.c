#include "show_page.h"

#include "access_words.h"
#include "dataset_words.h"
#include "i18n.h"
#include "language.h"
#include "lock_facts.h"
#include "progress.h"
#include "readers.h"
#include "search_query.h"
#include "search_tokenizer.h"
#include "size_text.h"
#include "terminal.h"
#include "version_choice.h"

#include <string.h>

#define LABEL 24       /* columns of a section's name */
#define NARROW 60      /* below, a section's name stands on a line of its own */
#define STEP_COLUMN 54 /* where a step's page stands, if there is room */
#define T(en, zh) language_pick(_(en), zh)

typedef struct {
    GString *text;
    guint columns;
} Page;

static void add_line(Page *page, const char *line)
{
    g_string_append_printf(page->text, "%s%s", page->text->len ? "\n" : "", line);
}

/* An empty line, but not at the beginning. */
static void add_gap(Page *page)
{
    if (page->text->len)
        g_string_append_c(page->text, '\n');
}

/* TEXT behind FIRST; further lines are as far in. FIRST must be of INDENT columns. */
static void add_wrapped(Page *page, const char *first, guint indent, const char *text)
{
    guint room = page->columns > indent + 10 ? page->columns - indent : 0;
    g_autoptr(GPtrArray) lines = text_wrap(text, room);
    for (guint i = 0; i < lines->len; i++) {
        g_autofree char *blanks = g_strnfill(indent, ' ');
        g_autofree char *line =
            g_strconcat(i ? blanks : first, (const char *)lines->pdata[i], NULL);
        add_line(page, line);
    }
}

/* Is there a word, an address say, that is wider than ROOM? */
static gboolean is_too_wide(const char *text, guint room)
{
    g_autoptr(GPtrArray) lines = text_wrap(text, room);
    for (guint i = 0; i < lines->len; i++)
        if (text_columns(lines->pdata[i]) > room)
            return TRUE;
    return FALSE;
}

/* NAME and what there is to say of it; on the lines below, where NAME is "" or there is no room. */
static void add_section(Page *page, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    gboolean below =
        page->columns && (page->columns < NARROW || is_too_wide(text, page->columns - LABEL));
    if (below && *name)
        add_line(page, name);
    g_autofree char *first = below ? g_strdup("  ") : text_pad(name, LABEL);
    add_wrapped(page, first, below ? 2 : LABEL, text);
}

/* Two texts on a line where they fit, the second in the right half. */
static void add_two(Page *page, const char *left, const char *right)
{
    guint width = text_columns(left), both = width + 2 + text_columns(right);
    guint start = page->columns * 11 / 20;
    guint gap = page->columns && width + 2 <= start && start + text_columns(right) <= page->columns
                    ? start - width
                    : 2;
    if (page->columns && both > page->columns) {
        add_wrapped(page, "", 0, left);
        add_wrapped(page, "", 0, right);
        return;
    }
    g_autofree char *line = g_strdup_printf("%s%*s%s", left, (int)gap, "", right);
    add_line(page, *right ? line : left);
}

static gboolean is_many(const Manifest *manifest)
{
    return manifest && manifest->kind != KIND_DATASET && manifest->kind != KIND_CHALLENGE;
}

static char *join(const GPtrArray *words)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < words->len; i++)
        g_string_append_printf(text, "%s%s", i ? T(", ", "、") : "", (const char *)words->pdata[i]);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* In Chinese, organs by their Chinese names where the search knows them. */
static char *join_organs(const GPtrArray *organs)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < organs->len; i++) {
        const char *const *same =
            language_is_chinese() ? search_same_words(organs->pdata[i]) : NULL;
        while (same && *same && !search_is_cjk(g_utf8_get_char(*same)))
            same++;
        g_ptr_array_add(names, same && *same ? (gpointer)*same : organs->pdata[i]);
    }
    return join(names);
}

static void add_region(Page *page, const Manifest *manifest)
{
    if (manifest->regions_refused->len == 0)
        return;
    g_autofree char *refused = join(manifest->regions_refused);
    g_autofree char *since =
        manifest->regions_since
            ? g_strdup_printf(T(" since %s", "（自 %s 起）"), manifest->regions_since)
            : g_strdup("");
    g_autofree char *place =
        manifest->regions_page ? g_strdup_printf(" (%s)", manifest->regions_page) : g_strdup("");
    g_autofree char *text = g_strdup_printf(
        T("Region: refused from %s%s%s", "地区限制：不向 %s 开放%s%s"), refused, since, place);
    add_wrapped(page, "", 0, text);
}

static void add_item(GPtrArray *items, const char *name, const char *value)
{
    if (value && *value)
        g_ptr_array_add(items, g_strdup_printf("%s %s", name, value));
}

/* Modality, organ, size ... on one line where they fit. */
static void add_items(Page *page, const Manifest *manifest)
{
    g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *modality = join(manifest->modality);
    g_autofree char *organ = join_organs(manifest->organ);
    g_autofree char *size = manifest->size == SIZE_UNKNOWN ? g_strdup(T("not known", "未知"))
                                                           : size_text(manifest->size);
    g_autofree char *subjects = manifest->subjects == SIZE_UNKNOWN
                                    ? NULL
                                    : g_strdup_printf("%" G_GUINT64_FORMAT, manifest->subjects);
    g_autofree char *year = manifest->year ? g_strdup_printf("%u", manifest->year) : NULL;
    add_item(items, T("modality", "模态"), modality);
    add_item(items, T("organ", "部位"), organ);
    add_item(items, T("size", "大小"), size);
    add_item(items, T("subjects", "人数"), subjects);
    add_item(items, T("year", "年份"), year);
    g_autoptr(GString) line = g_string_new(NULL);
    for (guint i = 0; i < items->len; i++) {
        guint width = 2 + text_columns(line->str) + 6 + text_columns(items->pdata[i]);
        if (line->len && page->columns && width > page->columns) {
            add_wrapped(page, "  ", 2, line->str);
            g_string_truncate(line, 0);
        }
        g_string_append_printf(line, "%s%s", line->len ? "      " : "",
                               (const char *)items->pdata[i]);
    }
    add_wrapped(page, "  ", 2, line->str);
}

static void add_head(Page *page, const Manifest *manifest)
{
    g_autofree char *badge =
        g_strdup_printf("%s %s", access_badge(manifest->access), access_meaning(manifest->access));
    gboolean chinese = language_is_chinese();
    const char *first = language_pick(manifest->title_en, manifest->title_zh);
    const char *second = chinese ? manifest->title_en : manifest->title_zh;
    add_two(page, manifest->id, badge);
    add_two(page, first, second && strcmp(first, second) != 0 ? second : "");
    add_region(page, manifest);
    const char *description = language_pick(manifest->description_en, manifest->description_zh);
    if (description)
        add_wrapped(page, "  ", 2, description);
    add_items(page, manifest);
    if (manifest->kind != KIND_DATASET)
        add_wrapped(page, "  ", 2, kind_meaning(manifest->kind));
}

/* The page that ends STEP, "... https://..." or "... (https://...)", cut off from it; owned; NULL
 * where none does. */
static char *cut_page(char *step)
{
    char *address = g_strrstr(step, "http");
    if (!address || address == step || strchr(address, ' ') ||
        (!g_str_has_prefix(address, "http://") && !g_str_has_prefix(address, "https://")))
        return NULL;
    char *page = g_strdup(address);
    gboolean in_brackets = address[-1] == '(' && g_str_has_suffix(page, ")");
    if (in_brackets)
        page[strlen(page) - 1] = '\0';
    address[in_brackets ? -1 : 0] = '\0';
    g_strchomp(step);
    return page;
}

/* On a terminal the page stands beside the words, or below them where there is no room. */
static void add_step(Page *page, guint number, const char *step)
{
    g_autofree char *first = g_strdup_printf("%3u  ", number);
    g_autofree char *words = g_strdup(step);
    g_autofree char *address = page->columns ? cut_page(words) : NULL;
    gboolean beside = address && 5 + text_columns(words) + 2 <= STEP_COLUMN &&
                      STEP_COLUMN + text_columns(address) <= page->columns;
    g_autofree char *padded = beside ? text_pad(words, STEP_COLUMN - 5) : NULL;
    g_autofree char *line = beside ? g_strconcat(first, padded, address, NULL) : NULL;
    if (beside) {
        add_line(page, line);
        return;
    }
    add_wrapped(page, first, 5, words);
    if (address)
        add_wrapped(page, "     ", 5, address);
}

/* What of this dataset can be typed: a manifest of one's own is found by its path alone. */
static const char *typed_name(const Reference *reference)
{
    return reference->id && reference->ref[0] != '/' ? reference->id : reference->ref;
}

static void add_last_step(Page *page, guint number, const ShowFacts *facts)
{
    const Manifest *manifest = facts->reference->manifest;
    g_autofree char *step =
        manifest->access == ACCESS_GONE || manifest->kind == KIND_SERIES ||
                manifest->kind == KIND_COLLECTION || manifest->kind == KIND_LINK_LIST
            ? NULL
        : facts->reference->fetcher
            ? g_strdup_printf(T("then: medmirror pull %s", "然后执行：medmirror pull %s"),
                              typed_name(facts->reference))
            : g_strdup_printf(
                  T("then: medmirror adopt %s FOLDER", "下载后执行：medmirror adopt %s 文件夹"),
                  typed_name(facts->reference));
    if (step)
        add_step(page, number, step);
}

/* A source's own words: sentences, and steps that are numbered or marked already. */
static void add_source_words(Page *page, char *const *lines)
{
    for (; *lines; lines++) {
        guint inner = (guint)strspn(*lines, " ");
        g_autofree char *first = g_strnfill(2 + inner, ' ');
        add_wrapped(page, first, 2 + inner, *lines + inner);
    }
}

static void add_how(Page *page, const ShowFacts *facts)
{
    const Manifest *manifest = facts->reference->manifest;
    const GPtrArray *steps = language_is_chinese() && manifest->steps_zh->len ? manifest->steps_zh
                             : manifest->steps_en->len                        ? manifest->steps_en
                                                                              : manifest->steps_zh;
    gboolean words = facts->access && *facts->access && steps->len == 0;
    if (manifest->access == ACCESS_OPEN && steps->len == 0 && !words)
        return;
    if (steps->len == 0 && !words && !manifest->access_page && manifest->needs->len == 0)
        return;
    add_gap(page);
    add_line(page, T("How to get it", "获取步骤"));
    guint number = 1;
    gboolean named = FALSE, ended = words; /* who says what to type, has said it */
    for (guint i = 0; i < steps->len; i++) {
        add_step(page, number++, steps->pdata[i]);
        named |= manifest->access_page && strstr(steps->pdata[i], manifest->access_page) != NULL;
        ended |= strstr(steps->pdata[i], "medmirror ") != NULL;
    }
    if (words)
        add_source_words(page, facts->access);
    if (steps->len == 0 && !words && manifest->needs->len) {
        g_autofree char *needs = join(manifest->needs);
        g_autofree char *text = g_strdup_printf(T("what it needs: %s", "所需条件：%s"), needs);
        add_step(page, number++, text);
    }
    if (manifest->access_page && !named && !words) {
        g_autofree char *text =
            g_strdup_printf(T("its page: %s", "申请页面：%s"), manifest->access_page);
        add_step(page, number++, text);
    }
    if (!ended)
        add_last_step(page, number, facts);
}

static void add_agreement(Page *page, const ShowFacts *facts)
{
    const Manifest *manifest = facts->reference->manifest;
    const char *sharing = sharing_meaning(manifest->sharing);
    add_gap(page);
    if (is_many(manifest) && !manifest->terms && !manifest->licence)
        return;
    if (manifest->terms || manifest->terms_page) {
        g_autofree char *terms =
            g_strjoin("   ", manifest->terms ? manifest->terms : manifest->terms_page,
                      manifest->terms ? manifest->terms_page : NULL, NULL);
        add_section(page, T("What you agree to", "您须同意的条款"), terms);
    }
    g_autofree char *licence =
        g_strdup_printf("%s%s%s", manifest->licence ? manifest->licence : T("not known", "未知"),
                        sharing ? " · " : "", sharing ? sharing : "");
    add_section(page, T("Licence", "许可"), licence);
    if (manifest->access != ACCESS_OPEN && manifest->access != ACCESS_GONE &&
        manifest->access != ACCESS_UNKNOWN && !is_many(manifest))
        add_section(page, T("medmirror therefore", "因此 medmirror"),
                    T("keeps it readable by you alone, and never links it to other users' files",
                      "使其仅您本人可读，不与其他用户的文件建立链接"));
}

static void add_version(Page *page, const char *name, const Mirror *mirror,
                        const LockHeader *header)
{
    g_autofree char *size = size_text(header->held_bytes);
    g_autofree char *what = lock_header_is_whole(header) ? NULL : lock_facts_part(header);
    g_autofree char *part =
        what ? g_strdup_printf(T(", part: %s", "，部分：%s"), what) : g_strdup("");
    g_autofree char *text = g_strdup_printf(
        T("%s: %" G_GUINT64_FORMAT " files, %s, since %.10s%s%s",
          "%s：%" G_GUINT64_FORMAT " 个文件，%s，始于 %.10s%s%s"),
        header->version, header->held_files, size, header->created ? header->created : "?", part,
        header->in_place ? T(", in place", "，留在原处") : "");
    g_autofree char *path = header->in_place
                                ? g_strdup(header->in_place)
                                : mirror_version_path(mirror, header->folder, header->version);
    add_section(page, name, text);
    add_section(page, "", path);
    add_section(page, "", header->fingerprint);
}

static char *not_here(const ShowFacts *facts)
{
    const Reference *reference = facts->reference;
    const char *id = typed_name(reference);
    const char *version = reference->version;
    const Manifest *manifest = reference->manifest;
    gboolean open = !manifest || manifest->access == ACCESS_OPEN;
    g_autofree char *terms =
        open || !facts->has_terms ? g_strdup("")
        : facts->accepted ? g_strdup_printf(T("; terms accepted on %.10s", "；已于 %.10s 确认条款"),
                                            facts->accepted)
                          : g_strdup_printf(T("; no terms accepted yet (medmirror accept %s)",
                                              "；尚未确认条款（medmirror accept %s）"),
                                            id);
    gboolean pulls = reference->fetcher && !(manifest && manifest->access == ACCESS_GONE);
    g_autofree char *next = pulls ? g_strdup_printf(T("; bring it with: medmirror pull %s%s%s",
                                                      "；下载请执行：medmirror pull %s%s%s"),
                                                    id, version ? "@" : "", version ? version : "")
                                  : g_strdup("");
    g_autofree char *what = version ? g_strdup_printf(T("%s: not here", "%s：尚未纳入"), version)
                                    : g_strdup(T("not here", "尚未纳入"));
    return g_strconcat(what, terms, next, NULL);
}

static void add_here(Page *page, const ShowFacts *facts)
{
    const char *name = T("Here", "本机状态");
    if (is_many(facts->reference->manifest))
        return;
    guint count = facts->versions ? facts->versions->len : 0, meant = 0;
    for (guint i = 0; i < count; i++) {
        const LockHeader *header = facts->versions->pdata[i];
        if (version_is_meant(facts->reference, header))
            add_version(page, meant++ ? "" : name, facts->mirror, header);
    }
    if (meant)
        return;
    g_autofree char *text = not_here(facts);
    add_section(page, name, text);
    for (guint i = 0; i < count; i++)
        add_version(page, "", facts->mirror, facts->versions->pdata[i]);
}

static void add_below(Page *page, const ShowFacts *facts)
{
    const Manifest *manifest = facts->reference->manifest;
    if (manifest->below->len == 0)
        return;
    add_gap(page);
    g_autofree char *head = g_strdup_printf(T("Below it; bring one with: medmirror pull %s",
                                              "其下包括（下载请执行：medmirror pull %s）"),
                                            (const char *)manifest->below->pdata[0]);
    g_autofree char *lines = below_lines(facts->catalogue, manifest, 2, page->columns);
    add_wrapped(page, "", 0, head);
    add_line(page, lines);
}

/* Ids of other data, with how much it is. OPEN: those that anybody may have, or the others. */
static char *related_text(const ShowFacts *facts, gboolean open)
{
    const Manifest *manifest = facts->reference->manifest;
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < manifest->related->len; i++) {
        const char *id = manifest->related->pdata[i];
        const Manifest *other =
            facts->catalogue ? catalogue_find(facts->catalogue, id, NULL) : NULL;
        if ((other && other->access == ACCESS_OPEN) != open)
            continue;
        g_autofree char *extent = other ? dataset_extent(other) : NULL;
        g_string_append_printf(text, "%s%s", text->len ? T(", ", "、") : "", id);
        if (extent)
            g_string_append_printf(text, T(" (%s)", "（%s）"), extent);
    }
    if (text->len)
        g_string_append(text, T("; not the same data", "；并非同一数据"));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void add_alternatives(Page *page, const Manifest *manifest)
{
    for (guint i = 0; i < manifest->alternatives->len; i++) {
        const ManifestAlternative *other = manifest->alternatives->pdata[i];
        const char *name = other->id ? other->id : other->url ? other->url : other->source;
        g_autofree char *text =
            g_strdup_printf("%s   %s%s%s", name, same_meaning(other->same),
                            other->why ? T("; ", "；") : "", other->why ? other->why : "");
        add_section(page, i ? "" : T("Also at", "其他来源"), text);
    }
}

static void add_references(Page *page, const ShowFacts *facts)
{
    const Manifest *manifest = facts->reference->manifest;
    g_autofree char *open = related_text(facts, TRUE);
    g_autofree char *closed = related_text(facts, FALSE);
    add_section(page, T("Open data like it", "类似的开放数据"), open);
    add_section(page, T("Data like it", "类似的数据"), closed);
    add_alternatives(page, manifest);
    if (manifest->citation) {
        g_autofree char *cite = g_strdup_printf(
            T("%s   (medmirror show %s --cite)", "%s   （medmirror show %s --cite）"),
            manifest->citation, typed_name(facts->reference));
        add_section(page, T("Cite", "引用"), cite);
    }
    add_section(page, T("Paper", "论文"), manifest->paper);
    add_section(page, T("Source", "来源"),
                facts->reference->fetcher ? facts->reference->ref : NULL);
    add_section(page, T("Home page", "主页"), manifest->homepage);
    for (guint i = 0; i < manifest->pages->len; i++) {
        const ManifestPage *old = manifest->pages->pdata[i];
        if (old->state == PAGE_MOVED || old->state == PAGE_GONE)
            add_section(page, T("Once at", "旧址"), old->url);
    }
    add_section(page, T("Facts", "备注"), language_pick(manifest->notes_en, manifest->notes_zh));
    add_section(page, T("Catalogue entry", "目录条目"), manifest->file);
}

char *show_page(const ShowFacts *facts, guint columns)
{
    Page page = {.text = g_string_new(NULL), .columns = columns};
    const Manifest *manifest = facts->reference->manifest;
    if (manifest) {
        add_head(&page, manifest);
        add_how(&page, facts);
        add_below(&page, facts);
        add_agreement(&page, facts);
        add_here(&page, facts);
        add_references(&page, facts);
    } else {
        const LockHeader *newest = facts->versions->pdata[0];
        add_line(&page, facts->reference->ref);
        add_section(&page, T("Title", "名称"), newest->title);
        add_section(&page, T("Licence", "许可"), newest->licence);
        if (!access_is_open(newest->access))
            add_section(&page, T("Access", "获取方式"),
                        T("not open: readable by you alone, or by a group that you name; never "
                          "linked to other users' files",
                          "非公开：仅您本人或您指定的用户组可读，不与其他用户的文件建立链接"));
        add_here(&page, facts);
        add_section(&page, T("Cite", "引用"), newest->citation);
        add_section(&page, T("Home page", "主页"), newest->homepage);
    }
    return g_string_free(page.text, FALSE);
}

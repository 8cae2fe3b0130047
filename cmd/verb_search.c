#include "access_words.h"
#include "catalogue_search.h"
#include "error.h"
#include "i18n.h"
#include "language.h"
#include "manifest_form.h"
#include "size_text.h"
#include "terminal.h"
#include "verbs.h"

#include <string.h>

#define MOST_NEAR 3
#define TITLE_COLUMN 1

/* As typed, and as words of the catalogue. */
typedef struct {
    char **source, **access, **modality, **organ;
    GPtrArray *words[4]; /* char*, NULL-terminated; NULL: not given */
} Filters;

static void filters_clear(Filters *filters)
{
    g_strfreev(filters->source);
    g_strfreev(filters->access);
    g_strfreev(filters->modality);
    g_strfreev(filters->organ);
    for (guint i = 0; i < G_N_ELEMENTS(filters->words); i++)
        g_clear_pointer(&filters->words[i], g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Filters, filters_clear)

/* Each value may be several, with commas between; lower case. NULL where none is given. */
static GPtrArray *split(char **values)
{
    if (!values)
        return NULL;
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    for (; *values; values++) {
        g_autofree char *valid = g_utf8_make_valid(*values, -1);
        g_auto(GStrv) parts = g_strsplit(valid, ",", -1);
        for (guint i = 0; parts[i]; i++)
            if (*g_strstrip(parts[i]))
                g_ptr_array_add(words, g_utf8_strdown(parts[i], -1));
    }
    if (words->len == 0)
        g_clear_pointer(&words, g_ptr_array_unref);
    return words;
}

static gboolean take_access(GPtrArray *words, GError **error)
{
    for (guint i = 0; words && i < words->len; i++) {
        Access access = ACCESS_UNKNOWN;
        const char *near = NULL;
        if (!access_parse(words->pdata[i], &access, &near)) {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                        _("\"%s\" is no kind of access. Type: medmirror search --access %s (or one "
                          "of open, account, approval, by hand, gone, unknown)"),
                        (const char *)words->pdata[i], near ? near : "open");
            return FALSE;
        }
        g_free(words->pdata[i]);
        words->pdata[i] = g_strdup(access_name(access));
    }
    return TRUE;
}

/* A word of KNOWN that means the same as *WORD takes its place; FALSE where there is none. */
static gboolean make_known(gpointer *word, const char *const *known)
{
    if (g_strv_contains(known, *word))
        return TRUE;
    for (const char *const *same = search_same_words(*word); same && *same; same++) {
        if (g_strv_contains(known, *same)) {
            g_free(*word);
            *word = g_strdup(*same);
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean take_modality(GPtrArray *words, GError **error)
{
    for (guint i = 0; words && i < words->len; i++) {
        if (make_known(&words->pdata[i], manifest_modalities))
            continue;
        g_autoptr(GPtrArray) known = g_ptr_array_new();
        for (const char *const *word = manifest_modalities; *word; word++)
            g_ptr_array_add(known, (gpointer)*word);
        g_autoptr(GPtrArray) near = nearest_words(words->pdata[i], known, 1);
        g_autofree char *list = g_strjoinv(", ", (char **)manifest_modalities);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("\"%s\" is no modality of the catalogue (%s). Type: medmirror search "
                      "--modality %s"),
                    (const char *)words->pdata[i], list,
                    near->len ? (const char *)near->pdata[0] : "ct");
        return FALSE;
    }
    return TRUE;
}

/* Organs and sources are whatever the catalogue has. */
static gboolean take_word_of(GPtrArray *words, CatalogueIndex *index, const char *column,
                             GError **error)
{
    if (!words)
        return TRUE;
    g_autoptr(GPtrArray) known = catalogue_search_words(index, column);
    g_ptr_array_add(known, NULL);
    for (guint i = 0; i < words->len; i++) {
        if (make_known(&words->pdata[i], (const char *const *)known->pdata))
            continue;
        g_autofree char *list = g_strjoinv(", ", (char **)known->pdata);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("No dataset of the catalogue has the %s \"%s\". There are: %s. Type: "
                      "medmirror search --%s %s"),
                    column, (const char *)words->pdata[i], *list ? list : "-", column,
                    known->pdata[0] ? (const char *)known->pdata[0] : "NAME");
        return FALSE;
    }
    return TRUE;
}

static gboolean take_filters(Filters *filters, CatalogueIndex *index, CatalogueFilter *filter,
                             GError **error)
{
    char **const given[] = {filters->source, filters->access, filters->modality, filters->organ};
    for (guint i = 0; i < G_N_ELEMENTS(given); i++)
        filters->words[i] = split(given[i]);
    if (!take_word_of(filters->words[0], index, "source", error) ||
        !take_access(filters->words[1], error) || !take_modality(filters->words[2], error) ||
        !take_word_of(filters->words[3], index, "organ", error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(given); i++)
        if (filters->words[i])
            g_ptr_array_add(filters->words[i], NULL);
#define WORDS(i) (filters->words[i] ? (const char *const *)filters->words[i]->pdata : NULL)
    filter->source = WORDS(0);
    filter->access = WORDS(1);
    filter->modality = WORDS(2);
    filter->organ = WORDS(3);
#undef WORDS
    return TRUE;
}

static char *size_of(const CatalogueHit *hit)
{
    return hit->size == SIZE_UNKNOWN ? g_strdup("-") : size_text(hit->size);
}

static char *subjects_of(const CatalogueHit *hit)
{
    return hit->subjects == SIZE_UNKNOWN ? g_strdup("-")
                                         : g_strdup_printf("%" G_GUINT64_FORMAT, hit->subjects);
}

static char **cells_of(const CatalogueHit *hit)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new();
    g_ptr_array_add(cells, g_strdup(hit->id));
    g_ptr_array_add(cells, g_strdup(language_pick(hit->title_en, hit->title_zh)));
    g_ptr_array_add(cells, *hit->modality ? g_strjoinv(", ", hit->modality) : g_strdup("-"));
    g_ptr_array_add(cells, subjects_of(hit));
    g_ptr_array_add(cells,
                    g_strdup_printf("%s %s", access_badge(hit->access), access_word(hit->access)));
    g_ptr_array_add(cells, g_strdup(hit->licence ? hit->licence : "-"));
    g_ptr_array_add(cells, size_of(hit));
    g_ptr_array_add(cells, NULL);
    return (char **)g_ptr_array_steal(cells, NULL);
}

static json_t *json_texts(char *const *texts)
{
    json_t *array = json_array();
    for (; *texts; texts++)
        json_array_append_new(array, json_string(*texts));
    return array;
}

static void tell_json(Console *console, const CatalogueHit *hit)
{
    json_t *facts = json_pack("{s:s, s:{s:s, s:s?}, s:s, s:s, s:s?, s:s?, s:o, s:o}", "id", hit->id,
                              "title", "en", hit->title_en, "zh", hit->title_zh, "kind",
                              manifest_kind_name(hit->kind), "access", access_name(hit->access),
                              "source", hit->source, "licence", hit->licence, "modality",
                              json_texts(hit->modality), "organ", json_texts(hit->organ));
    json_object_set_new(facts, "bytes",
                        hit->size == SIZE_UNKNOWN ? json_null()
                                                  : json_integer((json_int_t)hit->size));
    json_object_set_new(facts, "bytes_are_rounded", json_boolean(hit->size_is_rounded));
    json_object_set_new(facts, "subjects",
                        hit->subjects == SIZE_UNKNOWN ? json_null()
                                                      : json_integer((json_int_t)hit->subjects));
    console_json(console, "hit", facts);
}

static void print_hits(Console *console, const GPtrArray *hits)
{
    const char *const headings[] = {
        language_pick(_("ID"), "编号"),         language_pick(_("TITLE"), "名称"),
        language_pick(_("MODALITY"), "模态"),   language_pick(_("SUBJECTS"), "人数"),
        language_pick(_("ACCESS"), "获取方式"), language_pick(_("LICENCE"), "许可"),
        language_pick(_("SIZE"), "大小"),       NULL};
    g_autoptr(Table) table = table_new(headings, TITLE_COLUMN);
    for (guint i = 0; i < hits->len; i++) {
        if (console_is_json(console))
            tell_json(console, hits->pdata[i]);
        else
            table_add(table, cells_of(hits->pdata[i]));
    }
    if (!console_is_json(console))
        table_print(table, console, terminal_columns(), 0);
}

static gboolean has_filter(const CatalogueFilter *filter)
{
    return filter->source || filter->access || filter->modality || filter->organ;
}

/* Words that stand nowhere, each with those that are near it. *NEXT: what was typed with the
 * nearest in their places; NULL where there is none. */
static char *describe_absent_words(CatalogueIndex *index, const SearchQuery *query, char **next)
{
    const GPtrArray *terms = search_query_terms(query);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) line = g_string_new("medmirror search");
    gboolean any_near = FALSE, all_near = TRUE;
    for (guint i = 0; i < terms->len; i++) {
        const char *term = terms->pdata[i];
        gboolean is_there = catalogue_search_count(index, term, NULL) != 0;
        g_autoptr(GPtrArray) near = catalogue_search_near(index, term, is_there ? 0 : MOST_NEAR);
        g_string_append_printf(line, " %s", near->len ? (const char *)near->pdata[0] : term);
        any_near |= near->len > 0;
        all_near &= is_there || near->len > 0;
        g_ptr_array_add(near, NULL);
        g_autofree char *list = g_strjoinv(", ", (char **)near->pdata);
        if (!is_there && *list)
            g_string_append_printf(text, _(" \"%s\" stands nowhere; near it: %s."), term, list);
        else if (!is_there)
            g_string_append_printf(text, _(" \"%s\" stands nowhere."), term);
    }
    *next = any_near && all_near ? g_string_free(g_steal_pointer(&line), FALSE) : NULL;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *near_id(Invocation *invocation, const SearchQuery *query)
{
    g_autoptr(GPtrArray) ids = catalogue_ids(invocation->catalogue);
    g_autoptr(GPtrArray) near = nearest_words(search_query_id(query), ids, 1);
    return near->len ? g_strdup_printf("medmirror show %s", (const char *)near->pdata[0]) : NULL;
}

static void fail_nothing(Invocation *invocation, CatalogueIndex *index, const SearchQuery *query,
                         const CatalogueFilter *filter, GError **error)
{
    const CatalogueFilter none = {0};
    g_autoptr(GPtrArray) unfiltered =
        has_filter(filter) ? catalogue_search(index, query, &none, NULL) : NULL;
    if (unfiltered && unfiltered->len) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    ngettext("Nothing was found that fits; without --source, --access, --modality "
                             "and --organ it is %u dataset. See what there is with: medmirror "
                             "search",
                             "Nothing was found that fits; without --source, --access, --modality "
                             "and --organ there are %u datasets. See what there is with: medmirror "
                             "search",
                             unfiltered->len),
                    unfiltered->len);
        return;
    }
    g_autofree char *next = NULL;
    g_autofree char *words = describe_absent_words(index, query, &next);
    g_autofree char *id = near_id(invocation, query);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("The catalogue has nothing that holds all of this.%s%s Type: %s"), words,
                *words ? "" : _(" Fewer words find more."),
                id     ? id
                : next ? next
                       : "medmirror search");
}

static int search(Invocation *invocation, Filters *filters, GError **error)
{
    CatalogueIndex *index = catalogue_finder_index(invocation->finder, error);
    CatalogueFilter filter = {0};
    if (!index || !take_filters(filters, index, &filter, error))
        return 1;
    g_autoptr(SearchQuery) query =
        search_query_new((const char *const *)invocation->arguments, error);
    if (!query)
        return 1;
    if (invocation->arguments[0] && search_query_terms(query)->len == 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("There is no letter and no digit in what was typed, so that nothing can be "
                      "found. Type words, as in: medmirror search chest x-ray"));
        return 1;
    }
    g_autoptr(GError) damaged = NULL;
    g_autoptr(GPtrArray) hits = catalogue_search(index, query, &filter, &damaged);
    if (!hits) {
        /* It is a cache, and the manifests are the truth. */
        index = catalogue_finder_renew(invocation->finder, error);
        hits = index ? catalogue_search(index, query, &filter, error) : NULL;
    }
    if (!hits)
        return 1;
    catalogue_finder_tell_wrong(invocation->finder, invocation->console);
    if (hits->len == 0) {
        fail_nothing(invocation, index, query, &filter, error);
        return 1;
    }
    print_hits(invocation->console, hits);
    console_json(invocation->console, "summary",
                 json_pack("{s:i, s:i}", "exit", 0, "hits", (int)hits->len));
    return 0;
}

static int run(Invocation *invocation)
{
    g_auto(Filters) filters = {0};
    const GOptionEntry entries[] = {
        {"source", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &filters.source,
         N_("Only of these sources (physionet, uci ...)"), "NAME,..."},
        {"access", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &filters.access,
         N_("Only of this access: open, account, approval, by hand, gone, unknown"), "WORD,..."},
        {"modality", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &filters.modality,
         N_("Only of these kinds of data: ct, mri, ecg ..."), "WORD,..."},
        {"organ", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &filters.organ,
         N_("Only about these parts of the body: lung, heart ..."), "WORD,..."},
        {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status))
        return status;
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error) || search(invocation, &filters, &error))
        return invocation_fail(invocation, error);
    return 0;
}

const Verb verb_search = {
    .name = "search",
    .summary = N_("Find datasets in the catalogue, by words in English or Chinese"),
    .arguments = "[WORD...]",
    .help = N_("Looks into ids, titles, descriptions, modality and organ; what holds all words "
               "comes first, then what holds words of the same meaning. Without words, all that "
               "the options leave. One line a dataset, best first, beginning with its id. Opens no "
               "connection.\n\n"
               "Examples:\n"
               "  medmirror search chest x-ray\n"
               "  medmirror search 心电图 --access open"),
    .run = run,
};

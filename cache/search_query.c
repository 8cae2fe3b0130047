#include "search_query.h"

#include "error.h"
#include "i18n.h"
#include "search_tokenizer.h"
#include "search_words.h"

#include <pthread.h>
#include <string.h>

#define LONGEST_GROUP 6 /* terms of a group's longest member */
#define LEAST_SPREAD 3  /* characters; two may stand apart anywhere */
#define SPREAD "6"      /* words between the first and the last */

struct SearchQuery {
    GPtrArray *terms;
    char *id;
};

/* In a word, not between words. */
static gboolean is_inner_mark(gunichar c)
{
    return c == '-' || c == '.' || c == '\'';
}

static gboolean is_word_mark(gunichar c)
{
    return g_unichar_isalnum(c) || g_unichar_ismark(c);
}

static void end_term(GPtrArray *terms, GString *term)
{
    while (term->len > 0 && is_inner_mark((gunichar)term->str[term->len - 1]))
        g_string_truncate(term, term->len - 1);
    if (term->len > 0)
        g_ptr_array_add(terms, g_strdup(term->str));
    g_string_truncate(term, 0);
}

/* Adds the terms of TEXT (normalised, lower case). */
static void add_terms(GPtrArray *terms, const char *text)
{
    g_autoptr(GString) term = g_string_new(NULL);
    gboolean in_cjk = FALSE;
    for (const char *at = text; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        gboolean cjk = search_is_cjk(c);
        gboolean inside = is_word_mark(c) || (!in_cjk && term->len > 0 && is_inner_mark(c));
        if (!inside || (term->len > 0 && cjk != in_cjk))
            end_term(terms, term);
        if (inside && !(term->len == 0 && is_inner_mark(c)))
            g_string_append_unichar(term, c);
        in_cjk = cjk;
    }
    end_term(terms, term);
}

SearchQuery *search_query_new(const char *const *words, GError **error)
{
    gsize length = 0;
    for (const char *const *word = words; *word; word++)
        length += strlen(*word) + 1;
    g_autoptr(SearchQuery) query = g_new0(SearchQuery, 1);
    query->terms = g_ptr_array_new_with_free_func(g_free);
    if (length <= SEARCH_LONGEST) {
        g_autofree char *joined = g_strjoinv(" ", (char **)words);
        g_autofree char *plain = search_normalise(joined);
        g_autofree char *lower = g_utf8_strdown(plain, -1);
        add_terms(query->terms, lower);
        query->id = g_strdelimit(g_strstrip(g_strdup(lower)), " \t\n_/", '-');
    }
    if (length > SEARCH_LONGEST || query->terms->len > SEARCH_MOST_TERMS) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("A search takes %d words and %d bytes at most; name what matters, as in: "
                      "medmirror search chest x-ray"),
                    SEARCH_MOST_TERMS, SEARCH_LONGEST);
        return NULL;
    }
    return g_steal_pointer(&query);
}

void search_query_free(SearchQuery *query)
{
    if (!query)
        return;
    g_ptr_array_unref(query->terms);
    g_free(query->id);
    g_free(query);
}

const GPtrArray *search_query_terms(const SearchQuery *query)
{
    return query->terms;
}

const char *search_query_id(const SearchQuery *query)
{
    return query->id;
}

static gboolean is_cjk_term(const char *term)
{
    return search_is_cjk(g_utf8_get_char(term));
}

/* Terms hold letters, digits and inner marks alone, so that no quotation mark has to be escaped. */
static void append_latin(GString *out, const char *term)
{
    gboolean has_beginnings = g_utf8_strlen(term, 3) >= 2;
    g_string_append_printf(out, "\"%s\"", term);
    if (has_beginnings)
        g_string_append_printf(out, " OR \"%s\" *", term);
    if (!strpbrk(term, "-.'"))
        return;
    g_autoptr(GString) whole = g_string_new(NULL);
    for (const char *at = term; *at; at++)
        if (!is_inner_mark((gunichar)*at))
            g_string_append_c(whole, *at);
    g_string_append_printf(out, " OR \"%s\" OR \"%s\" *", whole->str, whole->str);
}

static void append_term(GString *out, const char *term)
{
    g_string_append_c(out, '(');
    if (is_cjk_term(term))
        g_string_append_printf(out, "\"%s\"", term);
    else
        append_latin(out, term);
    g_string_append_c(out, ')');
}

char *search_query_term(const char *term)
{
    GString *out = g_string_new(NULL);
    append_term(out, term);
    return g_string_free(out, FALSE);
}

/* Words that stand together as they were typed count twice. */
static void append_phrase(GString *out, const GPtrArray *terms)
{
    if (terms->len < 2 || terms->len > LONGEST_GROUP)
        return;
    g_string_append(out, " OR \"");
    for (guint i = 0; i < terms->len; i++)
        g_string_append_printf(out, "%s%s", i ? " " : "", (const char *)terms->pdata[i]);
    g_string_append_c(out, '"');
}

char *search_query_direct(const SearchQuery *query)
{
    if (query->terms->len == 0)
        return NULL;
    GString *out = g_string_new("(");
    for (guint i = 0; i < query->terms->len; i++) {
        g_string_append(out, i ? " AND " : "");
        append_term(out, query->terms->pdata[i]);
    }
    g_string_append_c(out, ')');
    append_phrase(out, query->terms);
    return g_string_free(out, FALSE);
}

/* The terms of a group's member with blanks between them, which is the key to its group. */
static char *member_key(const char *member)
{
    g_autoptr(GPtrArray) terms = g_ptr_array_new_with_free_func(g_free);
    add_terms(terms, member);
    g_ptr_array_add(terms, NULL);
    return g_strjoinv(" ", (char **)terms->pdata);
}

static GHashTable *groups; /* char* -> const char *const * */
static GHashTable *stop_words;

static void make_groups(void)
{
    groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (const char *const *const *group = search_words; **group; group++)
        for (const char *const *member = *group; *member; member++)
            g_hash_table_insert(groups, member_key(*member), (gpointer)*group);
    stop_words = g_hash_table_new(g_str_hash, g_str_equal);
    for (const char *const *word = search_stop_words; *word; word++)
        g_hash_table_add(stop_words, (gpointer)*word);
}

static const char *const *group_of(const char *key)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_groups);
    return g_hash_table_lookup(groups, key);
}

static gboolean is_stop_word(const char *term)
{
    group_of(term);
    return g_hash_table_contains(stop_words, term);
}

/* TERMS with the runs of CJK cut where words of the groups, or words that say little, stand in
 * them: the longest first. */
static void cut_cjk(GPtrArray *pieces, const char *run)
{
    g_autoptr(GString) rest = g_string_new(NULL);
    for (const char *at = run; *at;) {
        const char *end = at + strlen(at);
        g_autofree char *word = NULL;
        for (; end > at; end = g_utf8_prev_char(end)) {
            word = g_strndup(at, (gsize)(end - at));
            if (group_of(word) || is_stop_word(word))
                break;
            g_clear_pointer(&word, g_free);
        }
        if (!word) {
            g_string_append_unichar(rest, g_utf8_get_char(at));
            at = g_utf8_next_char(at);
            continue;
        }
        if (rest->len > 0)
            g_ptr_array_add(pieces, g_strdup(rest->str));
        g_string_truncate(rest, 0);
        g_ptr_array_add(pieces, g_steal_pointer(&word));
        at = end;
    }
    if (rest->len > 0)
        g_ptr_array_add(pieces, g_strdup(rest->str));
}

static GPtrArray *pieces_of(const SearchQuery *query)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < query->terms->len; i++) {
        const char *term = query->terms->pdata[i];
        if (is_cjk_term(term))
            cut_cjk(all, term);
        else
            g_ptr_array_add(all, g_strdup(term));
    }
    g_autoptr(GPtrArray) pieces = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < all->len; i++)
        if (!is_stop_word(all->pdata[i]))
            g_ptr_array_add(pieces, g_strdup(all->pdata[i]));
    return pieces->len > 0 ? g_steal_pointer(&pieces) : g_steal_pointer(&all);
}

/* TRUE where the characters may stand apart. */
static gboolean append_spread(GString *out, const char *term)
{
    append_term(out, term);
    if (!is_cjk_term(term) || g_utf8_strlen(term, -1) < LEAST_SPREAD)
        return FALSE;
    g_string_append(out, " OR NEAR(");
    for (const char *at = term; *at; at = g_utf8_next_char(at))
        g_string_append_printf(out, "\"%.*s\" ", (int)(g_utf8_next_char(at) - at), at);
    g_string_append(out, ", " SPREAD ")");
    return TRUE;
}

/* The group of the longest sequence of pieces from FROM on; *TAKEN pieces are in it. */
static const char *const *find_group(const GPtrArray *pieces, guint from, guint *taken)
{
    for (guint count = MIN(pieces->len - from, LONGEST_GROUP); count > 0; count--) {
        g_autoptr(GString) key = g_string_new(NULL);
        for (guint i = 0; i < count; i++)
            g_string_append_printf(key, "%s%s", i ? " " : "",
                                   (const char *)pieces->pdata[from + i]);
        const char *const *group = group_of(key->str);
        if (group) {
            *taken = count;
            return group;
        }
    }
    *taken = 1;
    return NULL;
}

/* The pieces themselves, all of them. */
static void append_together(GString *out, const GPtrArray *pieces, guint from, guint count)
{
    for (guint i = 0; i < count; i++) {
        g_string_append(out, i ? " AND " : "(");
        append_term(out, pieces->pdata[from + i]);
    }
    g_string_append_c(out, ')');
}

/* Words of several letters may stand apart ("nodules of the lung"); "x ray" may not. */
static void append_member(GString *out, const char *member)
{
    g_auto(GStrv) words = g_strsplit(member, " ", -1);
    gboolean apart = TRUE;
    for (guint i = 0; words[i]; i++)
        apart &= strlen(words[i]) > 1;
    if (!apart || !words[1]) {
        g_string_append_printf(out, " OR \"%s\"", member);
        return;
    }
    for (guint i = 0; words[i]; i++)
        g_string_append_printf(out, "%s\"%s\"", i ? " AND " : " OR (", words[i]);
    g_string_append_c(out, ')');
}

char *search_query_wide(const SearchQuery *query)
{
    if (query->terms->len == 0)
        return NULL;
    g_autoptr(GPtrArray) pieces = pieces_of(query);
    gboolean is_wider = pieces->len != query->terms->len;
    for (guint i = 0; !is_wider && i < pieces->len; i++)
        is_wider = strcmp(pieces->pdata[i], query->terms->pdata[i]) != 0;
    GString *out = g_string_new(NULL);
    for (guint i = 0, taken; i < pieces->len; i += taken) {
        const char *const *group = find_group(pieces, i, &taken);
        g_string_append(out, i ? " AND (" : "(");
        if (taken > 1)
            append_together(out, pieces, i, taken);
        else
            is_wider |= append_spread(out, pieces->pdata[i]);
        is_wider |= group != NULL;
        for (; group && *group; group++)
            append_member(out, *group);
        g_string_append_c(out, ')');
    }
    return g_string_free(out, !is_wider);
}

const char *const *search_same_words(const char *word)
{
    g_autofree char *plain = search_normalise(word);
    g_autofree char *lower = g_utf8_strdown(plain, -1);
    g_autofree char *key = member_key(lower);
    return group_of(key);
}

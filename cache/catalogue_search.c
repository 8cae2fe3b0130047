#include "catalogue_search.h"

#include "catalogue_table.h"
#include "nearest_words.h"
#include "search_tokenizer.h"

#include <string.h>

/* id, title, facts, description, other: what bm25() takes; the better match is the smaller number.
 */
#define WEIGHTS "12.0, 8.0, 6.0, 2.0, 0.5"
#define COLUMNS                                                                                    \
    "file.id, title_en, title_zh, kind, access, modality, organ, source, licence, size, "          \
    "subjects, size_is_rounded"
#define LEAST_VOCABULARY 3 /* letters; shorter words are near everything */

void catalogue_hit_free(CatalogueHit *hit)
{
    if (!hit)
        return;
    g_free(hit->id);
    g_free(hit->title_en);
    g_free(hit->title_zh);
    g_strfreev(hit->modality);
    g_strfreev(hit->organ);
    g_free(hit->source);
    g_free(hit->licence);
    g_free(hit);
}

static void free_hit(gpointer hit)
{
    catalogue_hit_free(hit);
}

static char **words_of(const char *text)
{
    return text && *text ? g_strsplit(text, " ", -1) : g_new0(char *, 1);
}

static CatalogueHit *read_hit(sqlite3_stmt *row)
{
    CatalogueHit *hit = g_new0(CatalogueHit, 1);
    hit->id = g_strdup(column_text(row, 0));
    hit->title_en = g_strdup(column_text(row, 1));
    hit->title_zh = g_strdup(column_text(row, 2));
    hit->kind = (ManifestKind)sqlite3_column_int(row, 3);
    hit->access = (Access)sqlite3_column_int(row, 4);
    hit->modality = words_of(column_text(row, 5));
    hit->organ = words_of(column_text(row, 6));
    hit->source = g_strdup(column_text(row, 7));
    hit->licence = g_strdup(column_text(row, 8));
    hit->size = column_size(row, 9);
    hit->subjects = column_size(row, 10);
    hit->size_is_rounded = sqlite3_column_int(row, 11) != 0;
    return hit;
}

/* Is WORD one of those that stand in TEXT with blanks between? */
static gboolean has_word(const char *text, const char *word)
{
    gsize length = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at += length)
        if ((at == text || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return TRUE;
    return FALSE;
}

static gboolean has_any(const char *const *wanted, const char *text)
{
    if (!wanted)
        return TRUE;
    for (; text && *wanted; wanted++)
        if (has_word(text, *wanted))
            return TRUE;
    return FALSE;
}

static gboolean is_wanted(sqlite3_stmt *row, const CatalogueFilter *filter)
{
    return (!filter->access ||
            has_any(filter->access, access_name((Access)sqlite3_column_int(row, 4)))) &&
           has_any(filter->modality, column_text(row, 5)) &&
           has_any(filter->organ, column_text(row, 6)) &&
           has_any(filter->source, column_text(row, 7));
}

typedef struct {
    CatalogueIndex *index;
    const CatalogueFilter *filter;
    GHashTable *seen; /* ids of hits */
    GPtrArray *hits;
} Search;

/* Adds the rows that are not there yet; takes no ownership of ROW. */
static gboolean take_rows(Search *search, sqlite3_stmt *row, GError **error)
{
    Database *table = catalogue_index_table(search->index);
    int result = -1;
    while (row && (result = database_step(table, row, error)) == 1) {
        if (!is_wanted(row, search->filter) ||
            g_hash_table_contains(search->seen, column_text(row, 0)))
            continue;
        CatalogueHit *hit = read_hit(row);
        g_hash_table_add(search->seen, hit->id);
        g_ptr_array_add(search->hits, hit);
    }
    return result == 0;
}

static gboolean take_matches(Search *search, const char *expression, GError **error)
{
    sqlite3_stmt *row = database_query(
        catalogue_index_table(search->index), error,
        "SELECT " COLUMNS " FROM words JOIN file ON "
        "file.key = words.rowid WHERE words MATCH ?1 AND file.shown ORDER BY bm25(words, " WEIGHTS
        "), file.id",
        "t", expression);
    return take_rows(search, row, error);
}

static gboolean take_all(Search *search, GError **error)
{
    return take_rows(search,
                     database_query(catalogue_index_table(search->index), error,
                                    "SELECT " COLUMNS " FROM file WHERE shown ORDER BY id", ""),
                     error);
}

static gboolean take_id(Search *search, const char *id, GError **error)
{
    return take_rows(search,
                     database_query(catalogue_index_table(search->index), error,
                                    "SELECT " COLUMNS " FROM file WHERE shown AND id = ?1", "t",
                                    id),
                     error);
}

GPtrArray *catalogue_search(CatalogueIndex *index, const SearchQuery *query,
                            const CatalogueFilter *filter, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) hits = g_ptr_array_new_with_free_func(free_hit);
    Search search = {.index = index, .filter = filter, .seen = seen, .hits = hits};
    g_autofree char *direct = search_query_direct(query);
    g_autofree char *wide = search_query_wide(query);
    g_autofree char *wide_alone = wide ? g_strdup_printf("(%s) NOT (%s)", wide, direct) : NULL;
    gboolean done = direct ? take_id(&search, search_query_id(query), error) &&
                                 take_matches(&search, direct, error) &&
                                 (!wide || take_matches(&search, wide_alone, error))
                           : take_all(&search, error);
    return done ? g_steal_pointer(&hits) : NULL;
}

gint64 catalogue_search_count(CatalogueIndex *index, const char *term, GError **error)
{
    g_autofree char *expression = search_query_term(term);
    Database *table = catalogue_index_table(index);
    sqlite3_stmt *row = database_query(table, error,
                                       "SELECT count(*) FROM words JOIN file ON file.key = "
                                       "words.rowid WHERE words MATCH ?1 AND file.shown",
                                       "t", expression);
    if (!row || database_step(table, row, error) != 1)
        return -1;
    gint64 count = sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    return count;
}

static GPtrArray *read_texts(CatalogueIndex *index, sqlite3_stmt *row)
{
    GPtrArray *texts = g_ptr_array_new_with_free_func(g_free);
    while (row && database_step(catalogue_index_table(index), row, NULL) == 1)
        g_ptr_array_add(texts, g_strdup(column_text(row, 0)));
    return texts;
}

GPtrArray *catalogue_search_near(CatalogueIndex *index, const char *term, guint most)
{
    GPtrArray *near = g_ptr_array_new_with_free_func(g_free);
    glong length = g_utf8_strlen(term, -1);
    if (length < LEAST_VOCABULARY || search_is_cjk(g_utf8_get_char(term)))
        return near;
    /* Only what begins alike and is about as long: the words of ten thousand manifests are many. */
    gunichar first = g_utf8_get_char(term);
    char from[8] = {0}, to[8] = {0};
    g_unichar_to_utf8(first, from);
    g_unichar_to_utf8(first + 1, to);
    g_autoptr(GPtrArray) words = read_texts(
        index, database_query(catalogue_index_table(index), NULL,
                              "SELECT term FROM vocabulary WHERE term >= ?3 AND term < ?4 AND "
                              "length(term) BETWEEN ?1 AND ?2",
                              "iitt", (gint64)length - 2, (gint64)length + 2, from, to));
    g_autoptr(GPtrArray) nearest = nearest_words(term, words, most);
    for (guint i = 0; i < nearest->len; i++)
        g_ptr_array_add(near, g_strdup(nearest->pdata[i]));
    return near;
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *catalogue_search_words(CatalogueIndex *index, const char *column)
{
    Database *table = catalogue_index_table(index);
    g_autoptr(GPtrArray) texts = read_texts(
        index, strcmp(column, "organ") == 0
                   ? database_query(table, NULL, "SELECT DISTINCT organ FROM file WHERE shown", "")
                   : database_query(table, NULL,
                                    "SELECT DISTINCT source FROM file WHERE shown AND "
                                    "source IS NOT NULL",
                                    ""));
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < texts->len; i++) {
        g_auto(GStrv) parts = words_of(texts->pdata[i]);
        for (guint k = 0; parts[k]; k++) {
            if (g_hash_table_contains(seen, parts[k]))
                continue;
            g_ptr_array_add(words, g_strdup(parts[k]));
            g_hash_table_add(seen, words->pdata[words->len - 1]);
        }
    }
    g_ptr_array_sort(words, compare_texts);
    return words;
}

/*
 * What a person typed, as expressions for FTS5 (https://www.sqlite.org/fts5.html, section 3). Pure.
 *
 * Nothing that is typed is an operator: AND, quotes and stars are words, or nothing.
 */
#pragma once

#include <glib.h>

typedef struct SearchQuery SearchQuery;

#define SEARCH_MOST_TERMS 64
#define SEARCH_LONGEST 8192 /* bytes */

/* WORDS: NULL-terminated; each may hold several. MEDMIRROR_ERROR_USAGE where they are too many or
 * too long. Owned. */
SearchQuery *search_query_new(const char *const *words, GError **error);
void search_query_free(SearchQuery *query);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SearchQuery, search_query_free)

/* What is looked for, one by one: folded Latin words, runs of CJK characters. char*, borrowed;
 * empty where nothing that was typed can be looked for. */
const GPtrArray *search_query_terms(const SearchQuery *query);
/* The whole of it as an id would be written ("chest x-ray" is chest-x-ray). Borrowed. */
const char *search_query_id(const SearchQuery *query);
/* Everything that holds all terms: by word, beginning and stem; Chinese as a phrase. Owned; NULL
 * where there are no terms. */
char *search_query_direct(const SearchQuery *query);
/* The same where other words that mean the same may stand in, words that say little may be missing,
 * and the characters of a Chinese phrase may stand a little apart. Owned; NULL where that finds no
 * more. */
char *search_query_wide(const SearchQuery *query);
/* One term alone, as search_query_direct() has it. Owned. */
char *search_query_term(const char *term);
/* The words that mean the same as WORD (any case), NULL-terminated, static; NULL where none are
 * known. */
const char *const *search_same_words(const char *word);

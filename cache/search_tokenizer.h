/*
 * How the catalogue's texts become words, for SQLite's FTS5: unicode61 without diacritics, but each
 * CJK character is a word of its own, so that any Chinese word is found as a phrase; a Latin word
 * counts as it stands and as its stem (porter), and words joined by a hyphen also as one ("x-ray"
 * is "xray").
 *
 * https://www.sqlite.org/fts5.html, "Custom Tokenizers". Stems are told from words by the byte in
 * front of them.
 */
#pragma once

#include <glib.h>
#include <sqlite3.h>

#define SEARCH_TOKENIZER "medmirror"
#define SEARCH_STEM_MARK '\x01'

/* Makes the tokenizer known to this connection; FALSE where its SQLite has no FTS5. */
gboolean search_tokenizer_register(sqlite3 *handle);
/* Is it written without blanks, a word a character: Han in any extension, kana, bopomofo, hangul?
 */
gboolean search_is_cjk(gunichar c);
/* TEXT as it is indexed and asked for: composed, with full-width and other compatible forms made
 * plain, what is no UTF-8 replaced. Owned. */
char *search_normalise(const char *text);

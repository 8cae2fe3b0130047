#include "search_tokenizer.h"

#include <string.h>

#define LONGEST_WORD 128 /* bytes; what is longer is no word and only takes room */

typedef struct {
    Fts5Tokenizer *instance;
    fts5_tokenizer does;
} Inner;

typedef struct {
    Inner unicode, porter;
} Tokenizer;

typedef struct {
    int length;
    int start, end; /* in the text */
    char bytes[LONGEST_WORD];
} Word;

typedef int (*TokenTaker)(void *context, int flags, const char *token, int length, int start,
                          int end);

/* One call of the tokenizer: words are held back until the next one shows whether a hyphen joins
 * them. */
typedef struct {
    const Tokenizer *tokenizer;
    const char *text;
    int offset; /* of the run that unicode61 is reading */
    gboolean with_stems, with_joined;
    TokenTaker take;
    void *context;
    Word held;
} Pass;

gboolean search_is_cjk(gunichar c)
{
    if (c < 0x1100)
        return FALSE;
    switch (g_unichar_get_script(c)) {
    case G_UNICODE_SCRIPT_HAN:
    case G_UNICODE_SCRIPT_HIRAGANA:
    case G_UNICODE_SCRIPT_KATAKANA:
    case G_UNICODE_SCRIPT_BOPOMOFO:
    case G_UNICODE_SCRIPT_HANGUL:
        return g_unichar_isalnum(c);
    default:
        /* Extensions that are younger than GLib's tables: planes 2 and 3 hold nothing else. */
        return c >= 0x20000 && c <= 0x3fffd;
    }
}

char *search_normalise(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_autofree char *composed = g_utf8_normalize(valid, -1, G_NORMALIZE_NFKC);
    GString *plain = g_string_new(NULL);
    for (const char *at = composed; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        gboolean apostrophe = c == 0x2019 || c == 0x02bc;
        gboolean hyphen = c == 0x2010 || c == 0x2011;
        g_string_append_unichar(plain, apostrophe ? '\'' : hyphen ? '-' : c);
    }
    return g_string_free(plain, FALSE);
}

static int take_stem(void *context, int flags, const char *token, int length, int start, int end)
{
    Word *stem = context;
    if (length < LONGEST_WORD) {
        stem->bytes[0] = SEARCH_STEM_MARK;
        memcpy(stem->bytes + 1, token, (gsize)length);
        stem->length = length + 1;
    }
    return SQLITE_DONE;
}

/* The stem of a word that was just given, at the same place. */
static int give_stem(Pass *pass, const char *word, int length, int start, int end)
{
    Word stem = {.length = 0};
    const Inner *porter = &pass->tokenizer->porter;
    int result = porter->does.xTokenize(porter->instance, &stem, FTS5_TOKENIZE_QUERY, word, length,
                                        take_stem);
    if ((result != SQLITE_OK && result != SQLITE_DONE) || stem.length == 0)
        return result == SQLITE_DONE ? SQLITE_OK : result;
    return pass->take(pass->context, FTS5_TOKEN_COLOCATED, stem.bytes, stem.length, start, end);
}

/* The held word, and with NEXT behind a hyphen or an apostrophe both as one. */
static int give_held(Pass *pass, const Word *next)
{
    const Word *word = &pass->held;
    if (word->length == 0)
        return SQLITE_OK;
    int result = pass->take(pass->context, 0, word->bytes, word->length, word->start, word->end);
    if (result == SQLITE_OK && pass->with_stems)
        result = give_stem(pass, word->bytes, word->length, word->start, word->end);
    gboolean joined = next && pass->with_joined && next->start == word->end + 1 &&
                      (pass->text[word->end] == '-' || pass->text[word->end] == '\'') &&
                      word->length + next->length < LONGEST_WORD;
    if (result == SQLITE_OK && joined) {
        char both[LONGEST_WORD];
        memcpy(both, word->bytes, (gsize)word->length);
        memcpy(both + word->length, next->bytes, (gsize)next->length);
        int length = word->length + next->length;
        result =
            pass->take(pass->context, FTS5_TOKEN_COLOCATED, both, length, word->start, next->end);
        if (result == SQLITE_OK)
            result = give_stem(pass, both, length, word->start, next->end);
    }
    pass->held.length = 0;
    return result;
}

static int take_word(void *context, int flags, const char *token, int length, int start, int end)
{
    Pass *pass = context;
    if (length >= LONGEST_WORD)
        return give_held(pass, NULL);
    Word word = {.length = length, .start = pass->offset + start, .end = pass->offset + end};
    memcpy(word.bytes, token, (gsize)length);
    int result = give_held(pass, &word);
    pass->held = word;
    return result;
}

static int read_run(Pass *pass, int from, int to)
{
    if (from == to)
        return SQLITE_OK;
    const Inner *unicode = &pass->tokenizer->unicode;
    pass->offset = from;
    int result = unicode->does.xTokenize(unicode->instance, pass, FTS5_TOKENIZE_DOCUMENT,
                                         pass->text + from, to - from, take_word);
    return result == SQLITE_OK ? give_held(pass, NULL) : result;
}

/* Symbols that are younger than SQLite's tables would count as letters there. */
static gboolean is_foreign_mark(gunichar c, gboolean valid)
{
    return !valid || (c >= 0x80 && !g_unichar_isalnum(c) && !g_unichar_ismark(c));
}

static int tokenize(Fts5Tokenizer *instance, void *context, int flags, const char *text, int length,
                    TokenTaker take)
{
    Pass pass = {.tokenizer = (const Tokenizer *)(void *)instance,
                 .text = text,
                 .with_stems = !(flags & FTS5_TOKENIZE_PREFIX),
                 .with_joined = (flags & FTS5_TOKENIZE_DOCUMENT) != 0,
                 .take = take,
                 .context = context};
    int result = SQLITE_OK, run = 0, at = 0;
    while (at < length && result == SQLITE_OK) {
        gunichar c = g_utf8_get_char_validated(text + at, length - at);
        gboolean valid = c != (gunichar)-1 && c != (gunichar)-2;
        int next = at + (valid ? g_unichar_to_utf8(c, NULL) : 1);
        gboolean cjk = valid && search_is_cjk(c);
        if (cjk || is_foreign_mark(c, valid)) {
            result = read_run(&pass, run, at);
            if (cjk && result == SQLITE_OK)
                result = take(context, 0, text + at, next - at, at, next);
            run = next;
        }
        at = next;
    }
    return result == SQLITE_OK ? read_run(&pass, run, length) : result;
}

static int make_inner(fts5_api *api, Inner *inner, const char *name, const char **arguments,
                      int count)
{
    void *user = NULL;
    int result = api->xFindTokenizer(api, name, &user, &inner->does);
    return result == SQLITE_OK ? inner->does.xCreate(user, arguments, count, &inner->instance)
                               : result;
}

static void delete_tokenizer(Fts5Tokenizer *instance)
{
    Tokenizer *tokenizer = (Tokenizer *)(void *)instance;
    Inner *const inner[] = {&tokenizer->unicode, &tokenizer->porter};
    for (gsize i = 0; i < G_N_ELEMENTS(inner); i++)
        if (inner[i]->instance)
            inner[i]->does.xDelete(inner[i]->instance);
    g_free(tokenizer);
}

static int create_tokenizer(void *user, const char **arguments, int count, Fts5Tokenizer **instance)
{
    static const char *settings[] = {"unicode61", "remove_diacritics", "2"};
    fts5_api *api = user;
    Tokenizer *tokenizer = g_new0(Tokenizer, 1);
    int result = make_inner(api, &tokenizer->unicode, "unicode61", settings + 1, 2);
    if (result == SQLITE_OK)
        result = make_inner(api, &tokenizer->porter, "porter", settings, 3);
    if (result != SQLITE_OK) {
        delete_tokenizer((Fts5Tokenizer *)(void *)tokenizer);
        return result;
    }
    *instance = (Fts5Tokenizer *)(void *)tokenizer;
    return SQLITE_OK;
}

/* As https://www.sqlite.org/fts5.html, section 7, hands out the interface. */
static fts5_api *fts5_api_of(sqlite3 *handle)
{
    fts5_api *api = NULL;
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(handle, "SELECT fts5(?1)", -1, &statement, NULL) == SQLITE_OK) {
        sqlite3_bind_pointer(statement, 1, (void *)&api, "fts5_api_ptr", NULL);
        sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return api;
}

gboolean search_tokenizer_register(sqlite3 *handle)
{
    fts5_api *api = fts5_api_of(handle);
    fts5_tokenizer does = {
        .xCreate = create_tokenizer, .xDelete = delete_tokenizer, .xTokenize = tokenize};
    return api && api->iVersion >= 2 &&
           api->xCreateTokenizer(api, SEARCH_TOKENIZER, api, &does, NULL) == SQLITE_OK;
}

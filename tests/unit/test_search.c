/* Words out of texts, and questions put to them. */
#include "database.h"
#include "error.h"
#include "search_query.h"
#include "search_tokenizer.h"

#include <locale.h>
#include <string.h>

typedef struct {
    const char *text, *words; /* words with one blank between; stems and joined words behind '/' */
} TokenCase;

static const TokenCase tokens[] = {
    {"", ""},
    {"Chest X-ray", "chest/~chest x/~x/xray/~xrai ray/~rai"},
    {"Mammograms", "mammograms/~mammogram"},
    {"Ångström Épilepsie", "angstrom/~angstrom epilepsie/~epilepsi"},
    {"肺结节CT图像", "肺 结 节 ct/~ct 图 像"},
    {"脑，电", "脑 电"},
    {"㐀𠀀鿿", "㐀 𠀀 鿿"},    /* extension A, extension B, the end of the block */
    {"ＣＴ　肺", "ct/~ct 肺"},         /* full width */
    {"カルテ 의료", "カ ル テ 의 료"}, /* kana, hangul */
    {"ECG🫀心电", "ecg/~ecg 心 电"},
    {"Alzheimer’s", "alzheimer/~alzheim/alzheimers/~alzheim s/~s"},
    {"10.13026/C2F305", "10/~10 13026/~13026 c2f305/~c2f305"},
    {"mimic-iv-ecg", "mimic/~mimic/mimiciv/~mimiciv iv/~iv/ivecg/~ivecg ecg/~ecg"},
};

static sqlite3 *open_memory(void)
{
    sqlite3 *handle = NULL;
    g_assert_cmpint(sqlite3_open(":memory:", &handle), ==, SQLITE_OK);
    g_assert_true(search_tokenizer_register(handle));
    return handle;
}

static int take_token(void *context, int flags, const char *token, int length, int start, int end)
{
    GString *words = context;
    gboolean stem = token[0] == SEARCH_STEM_MARK;
    if (words->len)
        g_string_append_c(words, flags & FTS5_TOKEN_COLOCATED ? '/' : ' ');
    g_string_append_printf(words, "%s%.*s", stem ? "~" : "", length - stem, token + stem);
    return SQLITE_OK;
}

static void test_tokens(void)
{
    sqlite3 *handle = open_memory();
    fts5_api *api = NULL;
    sqlite3_stmt *statement = NULL;
    g_assert_cmpint(sqlite3_prepare_v2(handle, "SELECT fts5(?1)", -1, &statement, NULL), ==, 0);
    sqlite3_bind_pointer(statement, 1, (void *)&api, "fts5_api_ptr", NULL);
    sqlite3_step(statement);
    sqlite3_finalize(statement);
    void *user = NULL;
    fts5_tokenizer does;
    Fts5Tokenizer *tokenizer = NULL;
    g_assert_cmpint(api->xFindTokenizer(api, SEARCH_TOKENIZER, &user, &does), ==, SQLITE_OK);
    g_assert_cmpint(does.xCreate(user, NULL, 0, &tokenizer), ==, SQLITE_OK);
    for (gsize i = 0; i < G_N_ELEMENTS(tokens); i++) {
        g_autofree char *plain = search_normalise(tokens[i].text);
        g_autoptr(GString) words = g_string_new(NULL);
        does.xTokenize(tokenizer, words, FTS5_TOKENIZE_DOCUMENT, plain, (int)strlen(plain),
                       take_token);
        g_assert_cmpstr(words->str, ==, tokens[i].words);
    }
    does.xDelete(tokenizer);
    sqlite3_close(handle);
}

/* Bytes that are no text, and words without end, are no trouble. */
static void test_odd_texts(void)
{
    sqlite3 *handle = open_memory();
    g_assert_cmpint(sqlite3_exec(handle,
                                 "CREATE VIRTUAL TABLE words USING fts5(text, tokenize = "
                                 "'" SEARCH_TOKENIZER "')",
                                 NULL, NULL, NULL),
                    ==, SQLITE_OK);
    g_autofree char *endless = g_strnfill(100000, 'a');
    g_autofree char *hyphens = g_strnfill(100000, '-');
    const char *const texts[] = {"\xff\xfe\x80", "\xe8\x82", "a\xf0\x9f", endless, hyphens};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        sqlite3_stmt *row = NULL;
        sqlite3_prepare_v2(handle, "INSERT INTO words VALUES (?1)", -1, &row, NULL);
        sqlite3_bind_text(row, 1, texts[i], -1, SQLITE_STATIC);
        g_assert_cmpint(sqlite3_step(row), ==, SQLITE_DONE);
        sqlite3_finalize(row);
        g_autofree char *normal = search_normalise(texts[i]);
        g_assert_true(g_utf8_validate(normal, -1, NULL));
    }
    sqlite3_close(handle);
}

typedef struct {
    const char *typed, *terms, *id;
} TermCase;

static const TermCase terms[] = {
    {"chest x-ray", "chest|x-ray", "chest-x-ray"},
    {"肺结节CT", "肺结节|ct", "肺结节ct"},
    {"胸部X线", "胸部|x|线", "胸部x线"},
    {"AND OR NOT NEAR(a b)", "and|or|not|near|a|b", "and-or-not-near(a-b)"},
    {"\"quoted\" * (a) {b}:c^", "quoted|a|b|c", "\"quoted\"-*-(a)-{b}:c^"},
    {"-x- 'y' ...", "x|y", "-x--'y'-..."},
    {"🫀*", "", "🫀*"},
    {"ＥＣＧ", "ecg", "ecg"},
    {"physionet/mitdb", "physionet|mitdb", "physionet-mitdb"},
    {"alzheimer's", "alzheimer's", "alzheimer's"},
    {"", "", ""},
};

static void test_terms(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(terms); i++) {
        const char *const words[] = {terms[i].typed, NULL};
        g_autoptr(GError) error = NULL;
        g_autoptr(SearchQuery) query = search_query_new(words, &error);
        g_assert_no_error(error);
        g_autoptr(GString) joined = g_string_new(NULL);
        const GPtrArray *found = search_query_terms(query);
        for (guint k = 0; k < found->len; k++)
            g_string_append_printf(joined, "%s%s", k ? "|" : "", (const char *)found->pdata[k]);
        g_assert_cmpstr(joined->str, ==, terms[i].terms);
        g_assert_cmpstr(search_query_id(query), ==, terms[i].id);
        g_autofree char *direct = search_query_direct(query);
        g_assert_cmpint(direct != NULL, ==, *terms[i].terms != '\0');
    }
}

static void test_too_much(void)
{
    g_autofree char *megabyte = g_strnfill(1 << 20, 'x');
    const char *const long_word[] = {megabyte, NULL};
    g_autoptr(GError) error = NULL;
    g_assert_null(search_query_new(long_word, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_clear_error(&error);
    const char *many[SEARCH_MOST_TERMS + 2] = {0};
    for (guint i = 0; i <= SEARCH_MOST_TERMS; i++)
        many[i] = "w";
    g_assert_null(search_query_new(many, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
}

/* Texts, and which of them (their first letters) a question finds: directly, and with words of the
 * same meaning. */
static const char *const texts[] = {
    "A Chest radiographs of 100 patients 胸部平片",
    "B ChestX-ray14: frontal chest X-ray images",
    "C Mammograms with masses 乳腺钼靶",
    "D CHB-MIT Scalp EEG: seizures in children with epilepsy 头皮脑电癫痫数据库",
    "E Lung nodules in CT 肺部结节",
    "F 肺结节检测 benchmark",
    "G Twelve-lead electrocardiograms 心电图",
    "H MIT-BIH arrhythmia, ECG",
    "I 肺 cancer",
    "J segmentation of tumours",
};

typedef struct {
    const char *typed, *direct, *wide;
} FindCase;

static const FindCase finds[] = {
    {"mammography", "", "C"},
    {"mammogram", "C", "C"},
    {"mammo", "C", "C"},
    {"x-ray", "B", "AB"},
    {"xray", "B", "AB"},
    {"x ray", "B", "AB"},
    {"chest x-ray", "B", "AB"},
    {"radiograph", "A", "AB"},
    {"胸片", "", "AB"},
    {"epilepsy", "D", "D"},
    {"癫痫", "D", "D"},
    {"癫痫数据集", "", "D"},
    {"seizure", "D", "D"},
    {"肺结节", "F", "EF"},
    {"lung nodule", "E", "EF"},
    {"肺", "EFI", "EFI"},
    {"节肺", "", "EF"},
    {"心电", "G", "GH"},
    {"ecg", "H", "GH"},
    {"electrocardiography", "", "GH"},
    {"electrocardiogram", "G", "GH"},
    {"arrhythmias", "H", "H"},
    {"segment", "J", "J"},
    {"segmenting", "J", "J"},
    {"tumor", "", "IJ"},
    {"肺 cancer", "I", "I"},
    {"肺cancer", "I", "I"},
    {"MIT-BIH", "H", "H"},
    {"mitbih", "H", "H"},
    {"mit", "DH", "DH"},
    {"AND", "", ""},
    {"eeg NOT seizures", "", ""},
    {"children*", "D", "D"},
    {"\"chest", "AB", "AB"},
};

static char *find(sqlite3 *handle, const char *expression)
{
    GString *found = g_string_new(NULL);
    sqlite3_stmt *row = NULL;
    g_assert_cmpint(sqlite3_prepare_v2(handle,
                                       "SELECT substr(text, 1, 1) FROM words WHERE words MATCH ?1 "
                                       "ORDER BY rowid",
                                       -1, &row, NULL),
                    ==, SQLITE_OK);
    sqlite3_bind_text(row, 1, expression, -1, SQLITE_STATIC);
    int result;
    while ((result = sqlite3_step(row)) == SQLITE_ROW)
        g_string_append(found, (const char *)sqlite3_column_text(row, 0));
    g_assert_cmpint(result, ==, SQLITE_DONE);
    sqlite3_finalize(row);
    return g_string_free(found, FALSE);
}

static void test_finds(void)
{
    sqlite3 *handle = open_memory();
    sqlite3_exec(handle,
                 "CREATE VIRTUAL TABLE words USING fts5(text, tokenize = '" SEARCH_TOKENIZER "')",
                 NULL, NULL, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        sqlite3_stmt *row = NULL;
        sqlite3_prepare_v2(handle, "INSERT INTO words VALUES (?1)", -1, &row, NULL);
        sqlite3_bind_text(row, 1, texts[i], -1, SQLITE_STATIC);
        g_assert_cmpint(sqlite3_step(row), ==, SQLITE_DONE);
        sqlite3_finalize(row);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(finds); i++) {
        const char *const words[] = {finds[i].typed, NULL};
        g_autoptr(SearchQuery) query = search_query_new(words, NULL);
        g_autofree char *direct = search_query_direct(query);
        g_autofree char *wide = search_query_wide(query);
        g_autofree char *found = find(handle, direct);
        g_autofree char *more = find(handle, wide ? wide : direct);
        g_test_message("%s", finds[i].typed);
        g_assert_cmpstr(found, ==, finds[i].direct);
        g_assert_cmpstr(more, ==, finds[i].wide);
    }
    sqlite3_close(handle);
}

static void test_same_words(void)
{
    g_assert_true(g_strv_contains(search_same_words("EKG"), "ecg"));
    g_assert_true(g_strv_contains(search_same_words("x-ray"), "xray"));
    g_assert_true(g_strv_contains(search_same_words("脑"), "brain"));
    g_assert_null(search_same_words("nonesuch"));
    g_assert_null(search_same_words(""));
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/search/tokens", test_tokens);
    g_test_add_func("/search/odd texts", test_odd_texts);
    g_test_add_func("/search/terms", test_terms);
    g_test_add_func("/search/too much", test_too_much);
    g_test_add_func("/search/finds", test_finds);
    g_test_add_func("/search/same words", test_same_words);
    return g_test_run();
}

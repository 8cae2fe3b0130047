/* Kaggle: what its refusals say, what a person is told of them, and what is data. */
#include "error.h"
#include "kaggle_fetch.h"
#include "kaggle_said.h"
#include "kaggle_words.h"
#include "sources.h"

#include <string.h>

#define BASE "https://www.kaggle.com"
#define API BASE "/api/v1"
#define SIGNED                                                                                     \
    "https://storage.googleapis.com:443/kaggle-data-sets/1/2/bundle/"                              \
    "archive.zip?X-Goog-Signature=x"

/* Refusals. */

typedef struct {
    int status;
    const char *type, *body;
    KaggleSaidKind kind;
    int code;
    const char *message;
} SaidCase;

#define JSON_TYPE "application/json"
#define RULES                                                                                      \
    "You must accept this competition\\u0027s rules before you\\u0027ll be able to download "      \
    "files."

static const SaidCase said_cases[] = {
    {200, JSON_TYPE, "{\"datasetFiles\":[]}", KAGGLE_SAID_NOTHING, 200, NULL},
    {200, JSON_TYPE, "[]", KAGGLE_SAID_NOTHING, 200, NULL},
    {200, JSON_TYPE, "{\"code\":200}", KAGGLE_SAID_NOTHING, 200, NULL},
    {401, JSON_TYPE, "{\"code\":401,\"message\":\"Unauthenticated\"}", KAGGLE_SAID_LOGIN, 401,
     "Unauthenticated"},
    {401, "text/plain", "Unauthorized", KAGGLE_SAID_LOGIN, 401, "Unauthorized"},
    {401, NULL, "", KAGGLE_SAID_LOGIN, 401, NULL},
    {403, JSON_TYPE, "{\"code\":403,\"message\":\"" RULES "\"}", KAGGLE_SAID_RULES, 403,
     "You must accept this competition's rules before you'll be able to download files."},
    {403, JSON_TYPE, "{\"code\":403,\"message\":\"Forbidden\"}", KAGGLE_SAID_FORBIDDEN, 403,
     "Forbidden"},
    {403, JSON_TYPE, "{\"code\":403}", KAGGLE_SAID_FORBIDDEN, 403, NULL},
    {403, "text/plain", "Forbidden", KAGGLE_SAID_FORBIDDEN, 403, "Forbidden"},
    {403, JSON_TYPE, "{\"errors\":[\"no\"]}", KAGGLE_SAID_FORBIDDEN, 403, "{\"errors\":[\"no\"]}"},
    {403, NULL, "", KAGGLE_SAID_BLOCKED, 403, NULL},
    {403, JSON_TYPE,
     "{\"code\":403,\"message\":\"Required permission \\u0027competitions.get\\u0027 was not "
     "satisfied\"}",
     KAGGLE_SAID_PERMISSION, 403, "Required permission 'competitions.get' was not satisfied"},
    {404, JSON_TYPE, "{\"code\":404,\"message\":\"Not found\"}", KAGGLE_SAID_ABSENT, 404,
     "Not found"},
    {404, NULL, "", KAGGLE_SAID_ABSENT_MUTELY, 404, NULL},
    {404, "text/html", "<html><title>We can't find that page</title>", KAGGLE_SAID_ABSENT, 404,
     "We can't find that page"},
    {410, JSON_TYPE, "{\"code\":410,\"message\":\"Gone\"}", KAGGLE_SAID_ABSENT, 410, "Gone"},
    {400, JSON_TYPE, "{\"code\":400,\"message\":\"Invalid page token\"}", KAGGLE_SAID_WRONG, 400,
     "Invalid page token"},
    {429, JSON_TYPE, "{\"code\":429,\"message\":\"TooManyRequests\"}", KAGGLE_SAID_THROTTLED, 429,
     "TooManyRequests"},
    {429, JSON_TYPE,
     "{\"error\":{\"code\":429,\"message\":\"Too many "
     "requests\",\"status\":\"RESOURCE_EXHAUSTED\"}}",
     KAGGLE_SAID_THROTTLED, 429, "Too many requests"},
    {200, JSON_TYPE, "{\"code\":403,\"message\":\"Forbidden\"}", KAGGLE_SAID_FORBIDDEN, 403,
     "Forbidden"},
    {200, JSON_TYPE, "{\"error\":{\"code\":429,\"message\":\"Too many requests\"}}",
     KAGGLE_SAID_THROTTLED, 429, "Too many requests"},
    {200, JSON_TYPE, "{\"code\":500,\"message\":\"Oops\\u001b[2J\"}", KAGGLE_SAID_TROUBLE, 500,
     NULL},
    {503, "text/html", "<html><title>We'll be back soon</title>", KAGGLE_SAID_TROUBLE, 503,
     "We'll be back soon"},
    {200, "text/html", "<!DOCTYPE html><title>Kaggle</title>", KAGGLE_SAID_PAGE, 200, "Kaggle"},
    {200, "text/html", "<html><title>Login</title><input type=\"password\">", KAGGLE_SAID_LOGIN,
     200, "Login"},
    {403, "text/html", "<html><title>FortiGuard: Web Page Blocked</title>", KAGGLE_SAID_FILTER, 403,
     "FortiGuard: Web Page Blocked"},
};

static void test_said(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(said_cases); i++) {
        const SaidCase *of = &said_cases[i];
        g_auto(KaggleSaid) said = {0};
        json_auto_t *json = json_loads(of->body, JSON_DECODE_ANY, NULL);
        g_test_message("%d %s", of->status, of->body);
        kaggle_said_take(&said, of->status, of->type, of->body, strlen(of->body), json);
        g_assert_cmpint(said.kind, ==, of->kind);
        g_assert_cmpint(said.code, ==, of->code);
        if (of->message || of->kind == KAGGLE_SAID_NOTHING || !*of->body)
            g_assert_cmpstr(said.message, ==, of->message);
        g_assert_true(!said.message || !strchr(said.message, '\x1b'));
    }
}

/* Each refusal has its own words, the page to open and the line to type. */
static void test_words(void)
{
    static const struct {
        KaggleSaidKind kind;
        gboolean contest, login;
        MedmirrorError error;
        const char *words[4];
    } cases[] = {
        {KAGGLE_SAID_LOGIN,
         TRUE,
         FALSE,
         MEDMIRROR_ERROR_ACCESS,
         {"medmirror login kaggle", BASE "/settings", BASE "/competitions/x/rules"}},
        {KAGGLE_SAID_LOGIN,
         FALSE,
         FALSE,
         MEDMIRROR_ERROR_ACCESS,
         {"medmirror login kaggle", BASE "/datasets/a/x"}},
        {KAGGLE_SAID_LOGIN,
         TRUE,
         TRUE,
         MEDMIRROR_ERROR_ACCESS,
         {"“ana”", "THE_PLACE", "not asked again", "medmirror login kaggle"}},
        {KAGGLE_SAID_RULES,
         TRUE,
         TRUE,
         MEDMIRROR_ERROR_ACCESS,
         {BASE "/competitions/x/rules", "Late Submission", "medmirror pull REF"}},
        {KAGGLE_SAID_FORBIDDEN,
         TRUE,
         TRUE,
         MEDMIRROR_ERROR_ACCESS,
         {BASE "/competitions/x/rules", "telephone", BASE "/settings", "medmirror pull REF"}},
        {KAGGLE_SAID_FORBIDDEN,
         FALSE,
         FALSE,
         MEDMIRROR_ERROR_ACCESS,
         {BASE "/datasets/a/x", "consent", "medmirror login kaggle"}},
        {KAGGLE_SAID_BLOCKED,
         FALSE,
         FALSE,
         MEDMIRROR_ERROR_ACCESS,
         {"network", BASE "/datasets/a/x", "medmirror pull REF"}},
        {KAGGLE_SAID_PERMISSION,
         TRUE,
         TRUE,
         MEDMIRROR_ERROR_ABSENT,
         {"name is wrong", "medmirror"}},
        {KAGGLE_SAID_ABSENT, FALSE, FALSE, MEDMIRROR_ERROR_ABSENT, {BASE "/datasets/a/x"}},
        {KAGGLE_SAID_ABSENT_MUTELY, FALSE, FALSE, MEDMIRROR_ERROR_ABSENT, {"network"}},
        {KAGGLE_SAID_WRONG, FALSE, FALSE, MEDMIRROR_ERROR_ORIGIN, {"medmirror versions REF"}},
        {KAGGLE_SAID_THROTTLED,
         FALSE,
         FALSE,
         MEDMIRROR_ERROR_ORIGIN,
         {"fewer requests", "left alone until", "half an hour", "medmirror pull REF"}},
        {KAGGLE_SAID_TROUBLE, FALSE, FALSE, MEDMIRROR_ERROR_ORIGIN, {"medmirror pull REF"}},
        {KAGGLE_SAID_PAGE, FALSE, FALSE, MEDMIRROR_ERROR_ORIGIN, {"web page", "browser"}},
        {KAGGLE_SAID_FILTER, FALSE, FALSE, MEDMIRROR_ERROR_ORIGIN, {"proxy", "browser"}},
    };
    g_autoptr(Credential) login =
        credential_new(CREDENTIAL_PASSWORD, "ana", "never-shown", "THE_PLACE");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        KaggleName name = {.owner = cases[i].contest ? NULL : (char *)"a", .slug = (char *)"x"};
        const KaggleCase of = {.name = &name, .ref = "REF", .login = cases[i].login ? login : NULL};
        const KaggleSaid said = {
            .kind = cases[i].kind, .code = 400, .message = (char *)"Said", .wait_ms = 3600000};
        g_autoptr(GError) error = NULL;
        kaggle_set_error(&of, &said, &error);
        g_assert_error(error, MEDMIRROR_ERROR, (gint)cases[i].error);
        g_test_message("%s", error->message);
        g_assert_null(strstr(error->message, "never-shown"));
        for (gsize k = 0; k < G_N_ELEMENTS(cases[i].words) && cases[i].words[k]; k++)
            g_assert_nonnull(strstr(error->message, cases[i].words[k]));
    }
}

static void test_classify(void)
{
    static const char archive[] = API "/datasets/download/a/b?datasetVersionNumber=4";
    static const char single[] = API "/datasets/download/a/b/x.json?datasetVersionNumber=4";
    static const char contest[] = API "/competitions/data/download-all/x";
    static const char xml[] = "<?xml version='1.0'?><Error><Code>ExpiredToken</Code><Message>The "
                              "provided token has expired.</Message></Error>";
    static const struct {
        const char *asked, *final;
        int status;
        const char *type, *body;
        AnswerKind kind;
    } cases[] = {
        {archive, SIGNED, 200, "application/zip", "PK\x03\x04", ANSWER_DATA},
        {archive, SIGNED, 206, "application/zip", "PK\x03\x04", ANSWER_DATA},
        {archive, SIGNED, 200, "application/octet-stream", "nonsense", ANSWER_NOTHING_THERE},
        {contest, SIGNED, 200, "application/x-tar", "ustar", ANSWER_DATA},
        {archive, SIGNED, 400, "application/xml", xml, ANSWER_EXPIRED},
        {archive, SIGNED, 403, "application/xml", xml, ANSWER_EXPIRED},
        {archive, SIGNED, 403, "application/xml",
         "<Error><Code>SignatureDoesNotMatch</Code></Error>", ANSWER_EXPIRED},
        {archive, SIGNED, 404, "application/xml", "<Error><Code>NoSuchKey</Code></Error>",
         ANSWER_BY_STATUS},
        {archive, SIGNED, 503, "text/plain", "no", ANSWER_BY_STATUS},
        {archive, archive, 200, JSON_TYPE, "{\"code\":403,\"message\":\"Forbidden\"}",
         ANSWER_TERMS},
        {archive, archive, 200, JSON_TYPE, "{\"code\":404}", ANSWER_ABSENT},
        {archive, archive, 200, JSON_TYPE, "{\"code\":400}", ANSWER_NOTHING_THERE},
        {archive, archive, 200, JSON_TYPE, "{\"error\":{\"code\":429}}", ANSWER_TRANSIENT},
        {archive, archive, 200, JSON_TYPE, "{\"code\":500}", ANSWER_TRANSIENT},
        {single, single, 200, JSON_TYPE, "{\"code\":404}", ANSWER_ABSENT},
        /* A file that is called so and says so. */
        {API "/datasets/download/a/b/x.json",
         "https://storage.googleapis.com/kaggle-data-sets/1/2/x.json", 200, JSON_TYPE,
         "{\"code\":404}", ANSWER_DATA},
        {archive, archive, 200, "text/html", "<html><form><input type=\"password\">",
         ANSWER_LOGIN_PAGE},
        {archive, archive, 200, "text/html", "<!DOCTYPE html><title>Hi</title>",
         ANSWER_UNEXPECTED_HTML},
        {archive, archive, 403, "text/html", "<html>FortiGuard: Web Page Blocked",
         ANSWER_NOT_THE_SOURCES_OWN},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *const headers[] = {"Content-Range: bytes 0-3/4", NULL};
        const AnswerHead head = {.status = cases[i].status,
                                 .address = cases[i].asked,
                                 .final_address = cases[i].final,
                                 .content_type = cases[i].type,
                                 .headers = headers,
                                 .body = (const guint8 *)cases[i].body,
                                 .body_length = strlen(cases[i].body)};
        g_test_message("%" G_GSIZE_FORMAT " %d %s", i, cases[i].status, cases[i].body);
        g_assert_cmpint(kaggle_classify(&kaggle_fetcher, &head), ==, cases[i].kind);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/kaggle-words/said", test_said);
    g_test_add_func("/kaggle-words/words", test_words);
    g_test_add_func("/kaggle-words/classify", test_classify);
    return g_test_run();
}

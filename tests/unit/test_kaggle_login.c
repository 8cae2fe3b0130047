/* Kaggle's logins: every form, in every place of Kaggle's own tools, in their order. */
#include "error.h"
#include "kaggle_login.h"

#include <string.h>

#define KEY "0123456789abcdef0123456789ABCDEF"
#define TOKEN "KGAT_0123456789abcdef0123456789abcdef"
#define OTHER "KGAT_fedcba9876543210fedcba9876543210"
#define LEGACY "{\"username\":\"ana\",\"key\":\"" KEY "\"}"
#define BROWSER(end)                                                                               \
    "{\"refresh_token\":\"r\",\"access_token\":\"" TOKEN "\",\"access_token_expiration\":\"" end   \
    "\",\"username\":\"ana\",\"scopes\":[]}"

/* A home in memory. */
typedef struct {
    const char *const (*variables)[2];
    const char *const (*files)[2];
    GString *used;
} Home;

static const char *variable(const LoginPlaces *places, const char *name)
{
    const Home *home = places->host;
    gboolean is_known = FALSE;
    for (gsize i = 0; kaggle_login.own_variables[i]; i++)
        is_known |= strcmp(kaggle_login.own_variables[i], name) == 0;
    g_assert_true(is_known); /* or its value would still stand in the environment */
    for (gsize i = 0; home->variables[i][0]; i++)
        if (strcmp(home->variables[i][0], name) == 0)
            return home->variables[i][1];
    return NULL;
}

static char *read_file(const LoginPlaces *places, const char *path, GError **error)
{
    const Home *home = places->host;
    for (gsize i = 0; home->files[i][0]; i++)
        if (strcmp(home->files[i][0], path) == 0) {
            if (home->files[i][1])
                return g_strdup(home->files[i][1]);
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE, "%s cannot be read.",
                        path);
            return NULL;
        }
    return NULL;
}

static void used(const LoginPlaces *places, const char *path)
{
    const Home *home = places->host;
    g_string_append(home->used, path);
}

typedef struct {
    const char *const variables[4][2];
    const char *const files[5][2];
    const char *header; /* NULL: nothing is found */
    const char *used;   /* the file it came from */
    const char *error;  /* a part of its words */
} FormCase;

#define BEARER "Authorization: Bearer " TOKEN
#define BASIC "Authorization: Basic YW5hOjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5QUJDREVG"

static const FormCase forms[] = {
    {{{NULL}}, {{NULL}}, NULL, "", NULL},
    {{{"KAGGLE_API_TOKEN", TOKEN}}, {{NULL}}, BEARER, "", NULL},
    {{{"KAGGLE_API_TOKEN", " " TOKEN "\n"}}, {{NULL}}, BEARER, "", NULL},
    {{{"KAGGLE_API_TOKEN", "/t"}}, {{"/t", TOKEN "\n"}}, BEARER, "/t", NULL},
    {{{"KAGGLE_API_TOKEN", "/t"}}, {{"/t", NULL}}, NULL, "", "/t cannot be read"},
    /* A folder that cannot be searched says of no name whether it is there. */
    {{{"KAGGLE_API_TOKEN", TOKEN}}, {{TOKEN, NULL}}, BEARER, "", NULL},
    {{{"KAGGLE_API_TOKEN", "what"}}, {{"what", NULL}}, NULL, "", "API_TOKEN names a file that"},
    {{{"KAGGLE_API_V1_TOKEN", "/n"}, {"KAGGLE_API_TOKEN", OTHER}},
     {{"/n", TOKEN}},
     BEARER,
     "/n",
     NULL},
    {{{"KAGGLE_API_V1_TOKEN", "/n"}, {"KAGGLE_API_TOKEN", TOKEN}}, {{NULL}}, BEARER, "", NULL},
    {{{NULL}},
     {{"/home/.kaggle/access_token", TOKEN "\n"}},
     BEARER,
     "/home/.kaggle/access_token",
     NULL},
    {{{NULL}},
     {{"/home/.kaggle/access_token.txt", TOKEN}},
     BEARER,
     "/home/.kaggle/access_token.txt",
     NULL},
    {{{NULL}},
     {{"/home/.kaggle/access_token", TOKEN}, {"/home/.kaggle/access_token.txt", OTHER}},
     BEARER,
     "/home/.kaggle/access_token",
     NULL},
    /* A token counts before user and key, wherever they are. */
    {{{"KAGGLE_USERNAME", "eve"}, {"KAGGLE_KEY", KEY}, {"KAGGLE_API_TOKEN", TOKEN}},
     {{NULL}},
     BEARER,
     "",
     NULL},
    {{{"KAGGLE_USERNAME", "eve"}, {"KAGGLE_KEY", KEY}},
     {{"/home/.kaggle/access_token", TOKEN}},
     BEARER,
     "/home/.kaggle/access_token",
     NULL},
    {{{"KAGGLE_USERNAME", "ana"}, {"KAGGLE_KEY", KEY}}, {{NULL}}, BASIC, "", NULL},
    {{{"KAGGLE_USERNAME", "ana"}, {"KAGGLE_KEY", TOKEN}}, {{NULL}}, BEARER, "", NULL},
    {{{"KAGGLE_KEY", TOKEN}}, {{NULL}}, BEARER, "", NULL},
    {{{"KAGGLE_KEY", KEY}}, {{NULL}}, NULL, "", "KAGGLE_KEY is set, and KAGGLE_USERNAME is not"},
    {{{"KAGGLE_USERNAME", "ana"}}, {{NULL}}, NULL, "", "KAGGLE_USERNAME is set, and KAGGLE_KEY"},
    /* Variables over the file's keys. */
    {{{"KAGGLE_USERNAME", "ana"}},
     {{"/home/.kaggle/kaggle.json", "{\"username\":\"eve\",\"key\":\"" KEY "\"}"}},
     BASIC,
     "/home/.kaggle/kaggle.json",
     NULL},
    {{{"KAGGLE_KEY", KEY}},
     {{"/home/.kaggle/kaggle.json", "{\"username\":\"ana\",\"key\":\"x\"}"}},
     BASIC,
     "/home/.kaggle/kaggle.json",
     NULL},
    {{{NULL}}, {{"/home/.kaggle/kaggle.json", LEGACY}}, BASIC, "/home/.kaggle/kaggle.json", NULL},
    {{{NULL}},
     {{"/home/.kaggle/kaggle.json",
       "{\"username\":\"ana\",\"key\":\"" TOKEN "\",\"proxy\":\"x\"}"}},
     BEARER,
     "/home/.kaggle/kaggle.json",
     NULL},
    {{{NULL}}, {{"/config/kaggle/kaggle.json", LEGACY}}, BASIC, "/config/kaggle/kaggle.json", NULL},
    {{{NULL}},
     {{"/config/kaggle/kaggle.json", "no JSON"}, {"/home/.kaggle/kaggle.json", LEGACY}},
     BASIC,
     "/home/.kaggle/kaggle.json",
     NULL},
    {{{"KAGGLE_CONFIG_DIR", "/else"}},
     {{"/else/kaggle.json", LEGACY}, {"/home/.kaggle/kaggle.json", "no JSON"}},
     BASIC,
     "/else/kaggle.json",
     NULL},
    {{{"KAGGLE_CONFIG_DIR", "/else"}}, {{"/home/.kaggle/kaggle.json", LEGACY}}, NULL, "", NULL},
    {{{"KAGGLE_CONFIG_DIR", "/else"}},
     {{"/home/.kaggle/access_token", TOKEN}},
     BEARER,
     "/home/.kaggle/access_token",
     NULL},
    {{{NULL}}, {{"/home/.kaggle/kaggle.json", "no JSON"}}, NULL, "", "/home/.kaggle/kaggle.json"},
    {{{NULL}}, {{"/home/.kaggle/kaggle.json", NULL}}, NULL, "", "cannot be read"},
    {{{NULL}}, {{"/home/.kaggle/kaggle.json", "{}"}}, NULL, "", NULL},
    {{{NULL}},
     {{"/home/.kaggle/kaggle.json", "{}"},
      {"/home/.kaggle/credentials.json", BROWSER("2199-01-01T00:00:00Z")}},
     BEARER,
     "/home/.kaggle/credentials.json",
     NULL},
    {{{NULL}},
     {{"/home/.kaggle/credentials.json", BROWSER("2199-01-01T00:00:00.1234567+02:00")}},
     BEARER,
     "/home/.kaggle/credentials.json",
     NULL},
    {{{NULL}},
     {{"/home/.kaggle/credentials.json", BROWSER("2019-01-01T00:00:00Z")}},
     NULL,
     "/home/.kaggle/credentials.json",
     NULL},
    {{{NULL}},
     {{"/home/.kaggle/credentials.json", BROWSER("soon")}},
     NULL,
     "/home/.kaggle/credentials.json",
     NULL},
    {{{NULL}}, {{"/home/.kaggle/credentials.json", "[]"}}, NULL, "", NULL},
    /* What no header can hold. */
    {{{"KAGGLE_API_TOKEN", "a\x01"
                           "b"}},
     {{NULL}},
     NULL,
     "",
     NULL},
};

static void test_forms(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(forms); i++) {
        const FormCase *of = &forms[i];
        Home home = {.variables = of->variables, .files = of->files, .used = g_string_new(NULL)};
        const LoginPlaces places = {.host = &home,
                                    .home = "/home",
                                    .config_home = "/config",
                                    .variable = variable,
                                    .read = read_file,
                                    .used = used};
        g_autoptr(GError) error = NULL;
        g_test_message("form %" G_GSIZE_FORMAT, i);
        g_autoptr(Credential) found = kaggle_login_find(&places, &error);
        /* What has expired is not sent: it says what a new one is asked for by. */
        char *header = found && !found->renewal ? credential_header(found) : NULL;
        if (found && found->renewal)
            g_assert_cmpstr(found->renewal, ==, "r");
        g_assert_cmpstr(header, ==, of->header);
        g_assert_cmpstr(home.used->str, ==, of->used);
        credential_header_free(header);
        if (of->error) {
            g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
            g_assert_nonnull(strstr(error->message, of->error));
        } else {
            g_assert_no_error(error);
        }
        g_string_free(home.used, TRUE);
    }
}

static void test_typed(void)
{
    static const struct {
        const char *user, *secret, *header;
    } cases[] = {
        {NULL, TOKEN, BEARER}, {NULL, " " TOKEN "\n", BEARER},
        {"ana", KEY, BASIC},   {"ana", TOKEN, BEARER},
        {NULL, LEGACY, BASIC}, {NULL, "{\"key\":\"" TOKEN "\"}", BEARER},
        {NULL, KEY, NULL},     {NULL, "{\"key\":\"" KEY "\"}", NULL},
        {NULL, "{}", NULL},    {NULL, "{\"username\":", NULL},
        {NULL, "", NULL},      {"a:b", KEY, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Credential) made =
            kaggle_login_make(cases[i].user, cases[i].secret, "there", &error);
        char *header = made ? credential_header(made) : NULL;
        g_assert_cmpstr(header, ==, cases[i].header);
        credential_header_free(header);
        if (made)
            continue;
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
        g_assert_nonnull(strstr(error->message, "medmirror login kaggle"));
        g_assert_null(strstr(error->message, KEY));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/kaggle-login/forms", test_forms);
    g_test_add_func("/kaggle-login/typed", test_typed);
    return g_test_run();
}

#include "netrc.h"

#include <string.h>

typedef struct {
    const char *at;
    GString *token;
} Reader;

/* Where a line begins, blanks aside: only there '#' begins a comment, for passwords may begin so.
 */
static void skip_comments(Reader *reader, gboolean at_line_start)
{
    for (;;) {
        while (g_ascii_isspace(*reader->at))
            at_line_start = *reader->at++ == '\n' || at_line_start;
        if (!at_line_start || *reader->at != '#')
            return;
        reader->at += strcspn(reader->at, "\n");
    }
}

static void read_quoted(Reader *reader)
{
    for (reader->at++; *reader->at && *reader->at != '"'; reader->at++) {
        char letter = *reader->at;
        if (letter == '\\' && reader->at[1]) {
            letter = *++reader->at;
            letter = letter == 'n' ? '\n' : letter == 'r' ? '\r' : letter == 't' ? '\t' : letter;
        }
        g_string_append_c(reader->token, letter);
    }
    if (*reader->at)
        reader->at++;
}

/* FALSE at the end. */
static gboolean next(Reader *reader, gboolean is_first)
{
    skip_comments(reader, is_first);
    g_string_truncate(reader->token, 0);
    if (!*reader->at)
        return FALSE;
    if (*reader->at == '"') {
        read_quoted(reader);
        return TRUE;
    }
    gsize length = strcspn(reader->at, " \t\r\n\v\f");
    g_string_append_len(reader->token, reader->at, (gssize)length);
    reader->at += length;
    return TRUE;
}

/* A macro ends with an empty line. */
static void skip_macro(Reader *reader)
{
    const char *end = strstr(reader->at, "\n\n");
    reader->at = end ? end + 2 : reader->at + strlen(reader->at);
}

static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    g_free(text);
}

Credential *netrc_find(const char *text, const char *host, const char *origin)
{
    Reader reader = {text, g_string_new(NULL)};
    g_autofree char *login = NULL;
    char *password = NULL;
    gboolean is_here = FALSE;
    gboolean is_first = TRUE;

    while (!(is_here && login && password) && next(&reader, is_first)) {
        g_autofree char *word = g_strdup(reader.token->str);
        is_first = FALSE;
        if (strcmp(word, "machine") == 0 || strcmp(word, "default") == 0) {
            is_here = *word == 'm' && next(&reader, FALSE) &&
                      g_ascii_strcasecmp(reader.token->str, host) == 0;
            g_clear_pointer(&login, g_free);
            g_clear_pointer(&password, wipe);
        } else if (strcmp(word, "macdef") == 0) {
            skip_macro(&reader);
        } else if (strcmp(word, "login") == 0 && next(&reader, FALSE)) {
            g_free(login);
            login = g_strdup(reader.token->str);
        } else if (strcmp(word, "password") == 0 && next(&reader, FALSE)) {
            wipe(password);
            password = g_strdup(reader.token->str);
        } else if (strcmp(word, "account") == 0) {
            next(&reader, FALSE);
        }
    }
    Credential *found = is_here && login && password
                            ? credential_new(CREDENTIAL_PASSWORD, login, password, origin)
                            : NULL;
    wipe(password);
    explicit_bzero(reader.token->str, reader.token->allocated_len);
    g_string_free(reader.token, TRUE);
    return found;
}

#include "kaggle_said.h"

#include "classify_answer.h"
#include "relpath.h"

#include <string.h>

#define MOST_MESSAGE 300

void kaggle_said_clear(KaggleSaid *said)
{
    g_clear_pointer(&said->message, g_free);
    *said = (KaggleSaid){0};
}

int kaggle_error_code(const json_t *json, const char **message)
{
    const json_t *below = json_object_get(json, "error");
    const json_t *from = json_is_object(below) ? below : json;
    json_int_t code = json_integer_value(json_object_get(from, "code"));
    *message = json_string_value(json_object_get(from, "message"));
    return code >= 400 && code <= 599 ? (int)code : 0;
}

/* One line of it, without what a terminal would obey. Owned; NULL where nothing is left. */
static char *showable(const char *text)
{
    g_autofree char *copy = text ? g_strndup(text, MOST_MESSAGE) : NULL;
    if (!copy)
        return NULL;
    g_strdelimit(copy, "\r\n\t", ' ');
    g_strstrip(copy);
    return *copy ? relpath_display(copy) : NULL;
}

static KaggleSaidKind kind_of_403(const KaggleSaid *said)
{
    if (!said->message)
        return said->is_json ? KAGGLE_SAID_FORBIDDEN : KAGGLE_SAID_BLOCKED;
    g_autofree char *lower = g_ascii_strdown(said->message, -1);
    if (strstr(lower, "rules") && strstr(lower, "accept"))
        return KAGGLE_SAID_RULES;
    return strstr(lower, "required permission") || strstr(lower, "permission '")
               ? KAGGLE_SAID_PERMISSION
               : KAGGLE_SAID_FORBIDDEN;
}

static KaggleSaidKind kind_of(const KaggleSaid *said)
{
    switch (said->code) {
    case 401:
        return KAGGLE_SAID_LOGIN;
    case 403:
        return kind_of_403(said);
    case 404:
    case 410:
        return said->is_json || said->message ? KAGGLE_SAID_ABSENT : KAGGLE_SAID_ABSENT_MUTELY;
    case 408:
    case 425:
    case 429:
        return KAGGLE_SAID_THROTTLED;
    default:
        return said->code >= 500   ? KAGGLE_SAID_TROUBLE
               : said->code >= 400 ? KAGGLE_SAID_WRONG
                                   : KAGGLE_SAID_NOTHING;
    }
}

/* Words between <title> and </title>. Owned; NULL where there are none. */
static char *title_of(const char *text)
{
    g_autofree char *lower = g_ascii_strdown(text, -1);
    const char *begin = strstr(lower, "<title");
    begin = begin ? strchr(begin, '>') : NULL;
    const char *end = begin ? strstr(begin, "</title") : NULL;
    g_autofree char *title =
        end ? g_strndup(text + (begin + 1 - lower), (gsize)(end - begin - 1)) : NULL;
    return showable(title);
}

static void take_page(KaggleSaid *said, const AnswerHead *head, const char *text, const char *lower)
{
    said->message = title_of(text);
    if (answer_is_filter(head, lower))
        said->kind = KAGGLE_SAID_FILTER;
    else if (said->code < 400)
        said->kind = answer_is_login(head, lower) ? KAGGLE_SAID_LOGIN : KAGGLE_SAID_PAGE;
    else
        said->kind = kind_of(said);
}

void kaggle_said_take(KaggleSaid *said, int status, const char *type, const char *text,
                      gsize length, const json_t *json)
{
    const char *message = NULL;
    int code = kaggle_error_code(json, &message);
    kaggle_said_clear(said);
    said->code = status >= 400 || code == 0 ? status : code;
    said->is_json = json_is_object(json);
    if (!json) {
        const AnswerHead head = {.status = status,
                                 .content_type = type,
                                 .body = (const guint8 *)text,
                                 .body_length = length};
        g_autofree char *lower = answer_text(&head);
        if (answer_is_html(&head, lower)) {
            take_page(said, &head, text, lower);
            return;
        }
        if (answer_is_filter(&head, lower)) {
            said->kind = KAGGLE_SAID_FILTER;
            return;
        }
    }
    if (!message && code == 0) /* not in the API's form, but its words all the same */
        message = text;
    if (said->code >= 400)
        said->message = showable(message);
    said->kind = kind_of(said);
}

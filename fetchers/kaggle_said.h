/*
 * What an answer of Kaggle's says where it is not what was asked for. Pure.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef enum {
    KAGGLE_SAID_NOTHING,    /* it is no error */
    KAGGLE_SAID_LOGIN,      /* 401: no login, or one that it does not know; a login page */
    KAGGLE_SAID_RULES,      /* a competition's rules are not accepted */
    KAGGLE_SAID_PERMISSION, /* "Required permission ...": mostly a wrong slug */
    KAGGLE_SAID_FORBIDDEN,  /* no more than that */
    KAGGLE_SAID_BLOCKED,    /* 403 without a word: perhaps whoever asks from this network */
    KAGGLE_SAID_ABSENT,
    KAGGLE_SAID_ABSENT_MUTELY, /* 404 without a word, likewise */
    KAGGLE_SAID_WRONG,         /* 400 and the like: the question itself */
    KAGGLE_SAID_THROTTLED,
    KAGGLE_SAID_TROUBLE, /* its own */
    KAGGLE_SAID_PAGE,    /* a web page where data was expected */
    KAGGLE_SAID_FILTER,  /* a proxy's or a filter's word */
} KaggleSaidKind;

typedef struct {
    KaggleSaidKind kind;
    int code;         /* of HTTP, or what a 200 says in its body */
    char *message;    /* its own words, or the page's title, fit to be shown; NULL: none */
    gboolean is_json; /* it is the API that answered */
    gint64 wait_ms;   /* how long it asks to be left alone; 0: it does not say */
} KaggleSaid;
void kaggle_said_clear(KaggleSaid *said);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KaggleSaid, kaggle_said_clear)

/* JSON (may be NULL) in either of the API's forms of an error, {"code","message"} and
 * {"error":{"code","message"}}: the code, 0 where it is none; *MESSAGE (borrowed) may be NULL. */
int kaggle_error_code(const json_t *json, const char **message);
/* Of an answer with STATUS; TYPE and TEXT (with a NUL behind) as it came. JSON: the body, where it
 * is some; may be NULL. */
void kaggle_said_take(KaggleSaid *said, int status, const char *type, const char *text,
                      gsize length, const json_t *json);

#include "uid_glob.h"

#include <string.h>

#define UID_MOST 64

/* What the next character of a name may be. */
typedef enum {
    NEXT_LITERAL,
    NEXT_OF_UID, /* a digit or a dot */
} NextKind;

/* A pattern, one element for each character or star that it asks for. */
typedef struct {
    GArray *elements; /* int: a byte, ANY_ONE or ANY_NUMBER */
    gboolean *now, *then;
} Automaton;

enum {
    ANY_ONE = -1,
    ANY_NUMBER = -2
};

static void automaton_clear(Automaton *automaton)
{
    g_array_unref(automaton->elements);
    g_free(automaton->now);
    g_free(automaton->then);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Automaton, automaton_clear)

/* FALSE where the pattern is none that is understood here. */
static gboolean automaton_read(Automaton *automaton, const char *pattern)
{
    automaton->elements = g_array_new(FALSE, FALSE, sizeof(int));
    for (const char *at = pattern; *at; at++) {
        int element = (guchar)*at;
        if (*at == '*') {
            element = ANY_NUMBER;
        } else if (*at == '?') {
            element = ANY_ONE;
        } else if (*at == '[') {
            return FALSE;
        } else if (*at == '\\' && *++at) {
            element = (guchar)*at;
        } else if (!*at || element >= 0x80) {
            return FALSE;
        }
        g_array_append_val(automaton->elements, element);
    }
    automaton->now = g_new0(gboolean, automaton->elements->len + 1);
    automaton->then = g_new0(gboolean, automaton->elements->len + 1);
    return TRUE;
}

static int element_at(const Automaton *automaton, guint at)
{
    return g_array_index(automaton->elements, int, at);
}

/* A star may stand for nothing. */
static void pass_stars(const Automaton *automaton, gboolean *states)
{
    for (guint i = 0; i < automaton->elements->len; i++) {
        if (states[i] && element_at(automaton, i) == ANY_NUMBER)
            states[i + 1] = TRUE;
    }
}

static void start(Automaton *automaton)
{
    memset(automaton->now, 0, (automaton->elements->len + 1) * sizeof *automaton->now);
    automaton->now[0] = TRUE;
    pass_stars(automaton, automaton->now);
}

static gboolean fits(int element, NextKind kind, char literal)
{
    if (element < 0)
        return TRUE;
    return kind == NEXT_LITERAL ? element == (guchar)literal
                                : element == '.' || g_ascii_isdigit(element);
}

static void step(Automaton *automaton, NextKind kind, char literal)
{
    guint count = automaton->elements->len;
    memset(automaton->then, 0, (count + 1) * sizeof *automaton->then);
    for (guint i = 0; i < count; i++) {
        int element = element_at(automaton, i);
        if (automaton->now[i] && fits(element, kind, literal))
            automaton->then[element == ANY_NUMBER ? i : i + 1] = TRUE;
    }
    pass_stars(automaton, automaton->then);
    gboolean *before = automaton->now;
    automaton->now = automaton->then;
    automaton->then = before;
}

static void step_text(Automaton *automaton, const char *text)
{
    for (; *text; text++)
        step(automaton, NEXT_LITERAL, *text);
}

/* Any UID: the states after one character of it, after two ..., all at once. */
static void step_uid(Automaton *automaton)
{
    guint count = automaton->elements->len + 1;
    g_autofree gboolean *all = g_new0(gboolean, count);
    gboolean is_more = TRUE;
    for (guint length = 0; is_more && length < UID_MOST; length++) {
        step(automaton, NEXT_OF_UID, 0);
        is_more = FALSE;
        for (guint i = 0; i < count; i++) {
            is_more = is_more || automaton->now[i];
            all[i] = all[i] || automaton->now[i];
        }
    }
    memcpy(automaton->now, all, count * sizeof *all);
}

gboolean uid_glob_may_match(const char *pattern, const char *folder)
{
    g_auto(Automaton) automaton = {0};
    if (!automaton_read(&automaton, pattern) || !g_str_is_ascii(folder))
        return TRUE;
    for (gboolean whole = FALSE; whole <= TRUE; whole++) {
        if (!whole && strchr(pattern, '/'))
            continue;
        start(&automaton);
        step_text(&automaton, whole ? folder : "");
        step_uid(&automaton);
        step_text(&automaton, ".dcm");
        if (automaton.now[automaton.elements->len])
            return TRUE;
    }
    return FALSE;
}

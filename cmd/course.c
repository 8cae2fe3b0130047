#include "course.h"

#include "i18n.h"

#include <string.h>

#define MOST_ASKED 2

static void leg_clear(gpointer data)
{
    Leg *leg = data;
    g_free(leg->host);
    g_free(leg->why);
}

static char *host_of(const char *address)
{
    g_autoptr(GUri) uri = g_uri_parse(address, G_URI_FLAGS_ENCODED, NULL);
    if (!uri || !g_uri_get_host(uri)) {
        return g_strdup("?");
    }
    return g_uri_get_port(uri) > 0
               ? g_strdup_printf("%s:%d", g_uri_get_host(uri), g_uri_get_port(uri))
               : g_strdup(g_uri_get_host(uri));
}

/* "UUID/" of ".../BUCKET/UUID/". */
static const char *folder_name(const char *address)
{
    const char *name = address + strlen(address) - 1;
    while (name > address && name[-1] != '/') {
        name--;
    }
    return name;
}

static guint content_of(const GArray *legs, const GPtrArray *addresses, const char *address)
{
    const Leg *first = (const Leg *)legs->data; /* NULL where there are none */
    for (guint i = 0; first && i < legs->len; i++) {
        const Leg *leg = first + i;
        if (leg->is_bundle && strcmp(folder_name(g_ptr_array_index(addresses, leg->first)),
                                     folder_name(address)) == 0) {
            return leg->content;
        }
    }
    return legs->len;
}

static void add_address(GArray *legs, const GPtrArray *addresses, guint at)
{
    const char *address = g_ptr_array_index(addresses, at);
    gboolean is_bundle = address_is_bundle(address);
    Leg *last = legs->len ? &g_array_index(legs, Leg, legs->len - 1) : NULL;
    if (last && !is_bundle && !last->is_bundle && last->first + last->count == at) {
        last->count++;
        return;
    }
    Leg leg = {.first = at, .count = 1, .is_bundle = is_bundle, .host = host_of(address)};
    leg.content = is_bundle ? content_of(legs, addresses, address) : legs->len;
    g_array_append_val(legs, leg);
}

Course *course_new(const GPtrArray *addresses, gboolean bundles)
{
    Course *course = g_new0(Course, 1);
    course->legs = g_array_new(FALSE, FALSE, sizeof(Leg));
    g_array_set_clear_func(course->legs, leg_clear);
    for (guint i = 0; i < addresses->len; i++) {
        if (bundles || !address_is_bundle(g_ptr_array_index(addresses, i))) {
            add_address(course->legs, addresses, i);
        }
    }
    course->now = course_next(course->legs);
    return course;
}

void course_free(Course *course)
{
    if (course) {
        g_array_unref(course->legs);
        g_free(course);
    }
}

static gboolean is_wrong_elsewhere(const GArray *legs, const Leg *leg)
{
    for (guint i = 0; i < legs->len; i++) {
        const Leg *other = &g_array_index(legs, Leg, i);
        if (other->content == leg->content && other->last == LEG_WRONG) {
            return TRUE;
        }
    }
    return FALSE;
}

guint course_next(const GArray *legs)
{
    guint chosen = COURSE_END;
    for (guint i = 0; i < legs->len; i++) {
        const Leg *leg = &g_array_index(legs, Leg, i);
        if (leg->asked >= MOST_ASKED || (leg->last != LEG_UNASKED && leg->last != LEG_FAILED) ||
            is_wrong_elsewhere(legs, leg)) {
            continue;
        }
        if (chosen == COURSE_END || leg->asked < g_array_index(legs, Leg, chosen).asked) {
            chosen = i;
        }
    }
    return chosen;
}

const Leg *course_leg(const Course *course)
{
    return course->now == COURSE_END ? NULL : &g_array_index(course->legs, Leg, course->now);
}

char *course_clause(const char *why)
{
    gsize length = why ? strlen(why) : 0;
    gboolean ends = length > 1 && why[length - 1] == '.' && why[length - 2] != '.';
    return why ? g_strndup(why, length - ends) : NULL;
}

const Leg *course_advance(Course *course, LegEnd end, const char *why)
{
    Leg *leg = &g_array_index(course->legs, Leg, course->now);
    leg->asked++;
    leg->last = end;
    g_free(leg->why);
    leg->why = course_clause(why);
    course->asked++;
    course->now = course_next(course->legs);
    return course_leg(course);
}

gboolean course_has_more(const Course *course)
{
    for (guint i = 0; i < course->legs->len; i++) {
        const Leg *leg = &g_array_index(course->legs, Leg, i);
        if (i != course->now && leg->asked < MOST_ASKED &&
            (leg->last == LEG_UNASKED || leg->last == LEG_FAILED)) {
            return TRUE;
        }
    }
    return FALSE;
}

gboolean course_is_empty(const Course *course)
{
    gboolean empty = course->legs->len > 0;
    for (guint i = 0; i < course->legs->len; i++) {
        const Leg *leg = &g_array_index(course->legs, Leg, i);
        empty = empty && (leg->last == LEG_UNASKED || leg->last == LEG_EMPTY);
    }
    return empty;
}

char *course_words(const Course *course)
{
    GString *words = g_string_new(NULL);
    for (guint i = 0; i < course->legs->len; i++) {
        const Leg *leg = &g_array_index(course->legs, Leg, i);
        if (leg->why) {
            g_string_append_printf(words, "%s%s: %s", words->len ? "; " : "", leg->host, leg->why);
        }
    }
    return g_string_free(words, FALSE);
}

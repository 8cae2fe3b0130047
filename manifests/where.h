/*
 * One term of --where: what a fact of a file (FileSpec.facts) must be. Pure.
 *
 *   KEY=V,V     one of these; an empty V: the file has no such fact, or an empty one
 *   KEY!=V,V    none of these
 *   KEY~GLOB    fnmatch(3) without flags but that of case
 *   KEY=@FILE   KEY!=@FILE    the values are the lines of FILE, which may hold commas
 *
 * Values are compared without regard to case (UIDs have none), whole; keys too, and by the
 * spellings of where_keys.h. Terms never change once they stand, so that selections share them. A
 * list of values takes constant time for a file, however long it is.
 */
#pragma once

#include <jansson.h>

#include <glib.h>

typedef struct WhereTerm WhereTerm;

typedef enum {
    WHERE_IS,
    WHERE_IS_NOT,
    WHERE_LIKE,
} WhereOperator;

/* As typed. MEDMIRROR_ERROR_USAGE with the form that is right, or where FILE cannot be opened;
 * _STORAGE where it cannot be read to its end.
 */
WhereTerm *where_term_parse(const char *text, GError **error);
/* "KEY=VALUE" where VALUE is one value as it stands, commas and a leading @ with it. */
WhereTerm *where_term_of_value(const char *text, GError **error);
/* A term whose values are added before it is used. */
WhereTerm *where_term_new(const char *key, WhereOperator operation);
void where_term_add(WhereTerm *term, const char *value);
WhereTerm *where_term_ref(WhereTerm *term);
void where_term_unref(WhereTerm *term);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WhereTerm, where_term_unref)

const char *where_term_key(const WhereTerm *term); /* the listing's spelling where it is known */
guint where_term_values(const WhereTerm *term);
gboolean where_term_has(const WhereTerm *term, const char *value);
/* The values in the order of their bytes; borrowed strings. */
GPtrArray *where_term_sorted(const WhereTerm *term);
gboolean where_term_matches(const WhereTerm *term, const json_t *facts);
/* Does it ask for files that are left out unless asked for? */
gboolean where_term_names_files(const WhereTerm *term);
gboolean where_term_equal(const WhereTerm *a, const WhereTerm *b);
/* A total order of what is not equal, for a form that does not depend on the order of typing. */
int where_term_compare(const WhereTerm *a, const WhereTerm *b);
/* Takes what A or B take, where that is one term (both IS, of one key); else NULL. Owned. */
WhereTerm *where_term_merge(WhereTerm *a, WhereTerm *b);
/* As typed: "Modality=CT,MR"; long lists by their number. Owned. */
char *where_term_describe(const WhereTerm *term);

/* Lists of more values than this are written in lines of their own. */
#define WHERE_INLINE_MOST 1000

/* {"key":"Modality","is":["CT"]}, "is_not", "like"; of a long list: {"key":..,"is":[],"list":LIST,
 * "count":N}. */
void where_term_append_json(const WhereTerm *term, guint list, GString *out);
/* NULL where VALUE is no such object. The values of a long list are to come. */
WhereTerm *where_term_from_json(const json_t *value);
gboolean where_term_is_long(const WhereTerm *term);
/* How many values are still to come. */
guint where_term_lacks(const WhereTerm *term);
/* A long list's lines, each a JSON object: {"list":LIST,"prefix":"1.3.6.","values":["1","2"]}; the
 * prefix stands before each value. FALSE from FUNC ends it. */
gboolean where_term_each_line(const WhereTerm *term, guint list,
                              gboolean (*func)(const char *line, gpointer data), gpointer data);
/* Takes such an object's values. FALSE where they are none, or more than were to come. */
gboolean where_term_take_line(WhereTerm *term, const json_t *line);

/*
 * Strict JSON documents, read into structs by a table. The same table gives the messages about what
 * is wrong, frees what was read, and becomes the JSON Schema.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

typedef struct FormObject FormObject;
typedef struct FormReader FormReader;

typedef enum {
    FORM_TEXT,    /* char*; one of `words` where they are given */
    FORM_TEXTS,   /* GPtrArray* of char*, none of them twice */
    FORM_WORD,    /* int: the place in `words` */
    FORM_NUMBER,  /* guint, at most `most` */
    FORM_COUNT,   /* guint64; SIZE_UNKNOWN where the key is absent */
    FORM_FLAG,    /* gboolean */
    FORM_DIGEST,  /* DigestSet: hexadecimal text of `algorithm` is added to it */
    FORM_OPEN,    /* json_t*: an object that somebody else checks */
    FORM_GROUP,   /* an object whose keys lie in the enclosing struct */
    FORM_RECORD,  /* pointer to a struct of its own */
    FORM_RECORDS, /* GPtrArray* of such */
    FORM_IGNORED, /* text that only other programs read */
} FormType;

/* A regular expression that means the same in PCRE and in ECMA 262, and what it asks for, as it
 * fits behind "is not". */
typedef struct {
    const char *regex;
    const char *wanted;
} FormPattern;

typedef struct {
    const char *name;
    FormType type;
    gsize offset;
    const char *help;
    gboolean required;
    const char *with;         /* a key that must be there too; NULL: none */
    const char *const *words; /* NULL-terminated */
    const FormPattern *pattern;
    gboolean (*check)(const char *text, GError **error); /* what no expression can say */
    const FormObject *object;                            /* of GROUP, RECORD, RECORDS */
    guint most;                                          /* of NUMBER */
    int algorithm;                                       /* of DIGEST: a DigestAlgorithm */
} FormKey;

struct FormObject {
    const char *name; /* of the document, or in the schema's $defs; NULL for a GROUP */
    const char *help;
    const FormKey *keys; /* ended by a NULL name */
    gsize size;
    gpointer (*make)(void);          /* NULL: zeroes, counts unknown, arrays empty */
    void (*destroy)(gpointer);       /* form_free() with this object, or what MAKE asks for */
    const char *const *at_least_one; /* keys, NULL-terminated; NULL: no such rule */
    /* Rules between keys; fails through form_fail(). NULL: none. */
    gboolean (*check)(FormReader *reader, gpointer record);
};

/* Reads JSON (LENGTH bytes) into a new struct of OBJECT; free with its destroy. NAME stands at the
 * head of messages. Errors: MEDMIRROR_ERROR_USAGE with NAME:LINE:COLUMN of a syntax error, with
 * NAME and the JSON pointer (RFC 6901) of anything else. Any thread. */
gpointer form_read(const FormObject *object, const char *json, gsize length, const char *name,
                   GError **error);
/* The same of a tree that form_parse() made (form_syntax.h); it stays the caller's. */
gpointer form_read_tree(const FormObject *object, const json_t *tree, const char *name,
                        GError **error);
/* A struct of OBJECT that nothing was read into. */
gpointer form_new(const FormObject *object);
/* Frees what the table names, and the struct; RECORD may be NULL. */
void form_free(const FormObject *object, gpointer record);

/* Sets the reader's error for what lies at BELOW ("path", "files/3"; NULL: the object itself), and
 * returns FALSE. */
gboolean form_fail(FormReader *reader, const char *below, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* TREE, which was read as OBJECT without an error, as it is written: keys in the order of the
 * table, an indent of two, what is no ASCII as it is, a line feed at the end. Owned. */
char *form_canonical(const FormObject *object, const json_t *tree);

/* The JSON Schema (2020-12) of OBJECT; owned text with a line feed at its end. */
char *form_schema(const FormObject *object);
/* The expression that every text without a pattern of its own must match: no control characters,
 * none that turn the direction of writing. */
extern const FormPattern form_plain_text;

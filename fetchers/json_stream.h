/*
 * A JSON array that may be too long for a tree, read an element at a time.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

#define JSON_ELEMENT_MOST 65536

typedef enum {
    JSON_STREAM_EMPTY, /* no byte, or blanks alone */
    JSON_STREAM_ARRAY,
    JSON_STREAM_NULL,  /* begins like the word null */
    JSON_STREAM_OTHER, /* begins like something else; nothing of it was taken */
} JsonStreamShape;

/* FALSE with an error ends the reading. ELEMENT is borrowed. */
typedef gboolean (*JsonElementFunc)(const json_t *element, gpointer data, GError **error);

/* Reads FD from its offset; -1: there is nothing. What stands behind the array is not looked at. An
 * element of more than JSON_ELEMENT_MOST bytes is _ORIGIN, so is an array that breaks off;
 * _STORAGE; or FUNC's error. */
gboolean json_stream_array(int fd, JsonElementFunc func, gpointer data, JsonStreamShape *shape,
                           GError **error);

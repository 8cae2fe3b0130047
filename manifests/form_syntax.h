/*
 * The syntax of a strict JSON document: jansson's, with no key twice.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

/* The tree (json_decref()), or NULL with MEDMIRROR_ERROR_USAGE: NAME:LINE:COLUMN, and the JSON
 * pointer of a key that stands twice. */
json_t *form_parse(const char *json, gsize length, const char *name, GError **error);
/* KEY as one part of a JSON pointer (RFC 6901, section 3), without the slash. */
void form_pointer_append(GString *pointer, const char *key);

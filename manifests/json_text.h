/*
 * JSON written as text, for lines that are too many or too long for a tree.
 */
#pragma once

#include <glib.h>

/* Appends TEXT as a JSON string (RFC 8259, section 7), quotes included; what is no UTF-8 in it is
 * replaced by U+FFFD. */
void json_text_append_string(GString *out, const char *text);
/* Appends `"KEY":"VALUE"` behind a comma where OUT does not end in '{'; nothing where VALUE is
 * NULL. KEY needs no escapes. */
void json_text_append_member(GString *out, const char *key, const char *value);
/* The same for a number. */
void json_text_append_number(GString *out, const char *key, guint64 value);
/* The same for a value that is JSON already. */
void json_text_append_raw(GString *out, const char *key, const char *json);

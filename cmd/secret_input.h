/*
 * What a person types and nobody may see.
 */
#pragma once

#include <glib.h>

/* A line of standard input, without its end. On a terminal it is asked for by PROMPT (NULL: not
 * asked), on standard error, and not shown while it is typed. Main thread. NULL without an error
 * where it is empty; _USAGE where it is over-long or no UTF-8; _INTERRUPTED. Owned:
 * secret_input_free(). */
char *secret_input_read(const char *prompt, GError **error);
/* Wipes it. */
void secret_input_free(char *secret);
/* The same, shown, from a terminal alone: NULL without an error where there is none, or the line is
 * empty. Owned. */
char *line_input_read(const char *prompt, GError **error);

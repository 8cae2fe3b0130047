/*
 * Spans of time as people type them: "30d", "12h", "90m", "45s", "2w".
 */
#pragma once

#include <glib.h>

/* Seconds; a number without a unit is none. FALSE where it is no span. */
gboolean duration_parse(const char *text, guint64 *seconds);

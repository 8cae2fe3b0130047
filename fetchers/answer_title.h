/*
 * What an answer that is no data calls itself, to be quoted in a message.
 */
#pragma once

#include <glib.h>

/* The title, else the first line, of an answer; NULL where there is none. Owned. */
char *answer_title(const guint8 *bytes, gsize length);

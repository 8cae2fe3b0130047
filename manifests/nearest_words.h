/*
 * What was meant? The known words nearest to a mistyped one.
 */
#pragma once

#include <glib.h>

/* The nearest known words to WORD out of CANDIDATES (char*), best first, at most MOST; by edit
 * distance (an exchange of neighbours counts as one), then those that hold WORD in them; none where
 * nothing is near. Owned array of borrowed strings. */
GPtrArray *nearest_words(const char *word, const GPtrArray *candidates, guint most);

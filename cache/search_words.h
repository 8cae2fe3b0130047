/*
 * Words that mean the same to those who look for data, in English and Chinese.
 */
#pragma once

#include <glib.h>

/* Groups, each ended by a NULL, after the last an empty one. What is written here is folded: lower
 * case, words with one blank between them. */
extern const char *const *const search_words[];
/* Words that say little; they need not be found where better ones are. NULL-terminated. */
extern const char *const search_stop_words[];

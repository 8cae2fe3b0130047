/*
 * Access as people read it, in the language that was chosen.
 */
#pragma once

#include "manifest.h"

/* A mark of one column; ASCII where the locale has no more. */
const char *access_badge(Access access);
/* "open", "approval" ...: a word for tables. */
const char *access_word(Access access);
/* "approval: a person decides, nothing to pull": what it means. */
const char *access_meaning(Access access);
/* "application" of what people type ("approval"); FALSE with the nearest word in *NEAR (borrowed;
 * NULL: none) where it is none. */
gboolean access_parse(const char *text, Access *access, const char **near);

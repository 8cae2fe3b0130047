/*
 * What an answer's head tells, for the fetchers' own classify functions. All pure. TEXT is what
 * answer_text() made.
 */
#pragma once

#include "fetcher.h"

#define ANSWER_LOOK_BYTES 65536

/* The value of the header NAME, NULL where there is none. Borrowed. */
const char *answer_header(const AnswerHead *head, const char *name);
/* The body that was seen as lower-case text, NUL bytes as blanks. Owned. */
char *answer_text(const AnswerHead *head);
/* By its Content-Type. */
gboolean answer_type_is_html(const AnswerHead *head);
/* By its first bytes, or its type where the bytes do not speak against it. */
gboolean answer_is_html(const AnswerHead *head, const char *text);
/* Not a range from further on. */
gboolean answer_starts_at_zero(const AnswerHead *head);
/* A page or a header of a known filter, proxy or captive portal. */
gboolean answer_is_filter(const AnswerHead *head, const char *text);
gboolean answer_is_login(const AnswerHead *head, const char *text);
/* A signed address whose time is over. */
gboolean answer_is_expired(const AnswerHead *head, const char *text);
/* The answer came from another host than was asked. */
gboolean answer_left_host(const AnswerHead *head);
/* Host and port of an address, lower case; NULL where it is none. Owned. */
char *answer_host(const char *address);

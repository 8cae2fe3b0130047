/*
 * The table of the `unpack` object.
 */
#pragma once

#include "form.h"

extern const FormObject unpack_form;
/* The words of an ArchiveContainer and of an ArchiveFilter; NULL-terminated. */
extern const char *const unpack_format_words[];
extern const char *const unpack_filter_words[];

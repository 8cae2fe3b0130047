/*
 * The language of what is said of datasets: --lang, else MEDMIRROR_LANG, else LC_MESSAGES.
 */
#pragma once

#include <glib.h>

/* WANTED ("en", "zh", or a locale such as zh_CN.UTF-8) counts, else MEDMIRROR_LANG, else the
 * locale's. FALSE where WANTED or MEDMIRROR_LANG is a language that is not spoken here; then the
 * locale's stays. Before threads are started. */
gboolean language_choose(const char *wanted);
gboolean language_is_chinese(void);
/* The text of the language that was chosen; the other one where that is NULL. */
const char *language_pick(const char *en, const char *zh)
    __attribute__((format_arg(1), format_arg(2)));

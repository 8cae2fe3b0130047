/*
 * Sizes as people read them: GB is 10^9.
 */
#pragma once

#include <glib.h>

/* "1.2 GB", with a plain blank (g_format_size() has a no-break one, which scripts stumble over).
 * Owned. */
char *size_text(guint64 bytes);

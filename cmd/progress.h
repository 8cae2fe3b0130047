/*
 * The lines that show what goes on. Pure: from a snapshot and a width to text.
 */
#pragma once

#include "job.h"

/* Columns that TEXT (UTF-8) takes on a terminal; wide characters (Chinese) take two. */
guint text_columns(const char *text);
/* TEXT cut in its middle with an ellipsis so that it takes at most COLUMNS; owned. */
char *text_fit(const char *text, guint columns);
/* TEXT cut and padded with blanks to exactly COLUMNS; owned. */
char *text_pad(const char *text, guint columns);
/* "5 s", "12 min", "3 h 20 min"; owned. */
char *duration_text(guint64 seconds);

/* One line a running file (at most MOST, the rest is counted in a line) and a total; none is wider
 * than COLUMNS. UNICODE: bars of box characters, else ASCII. Owned char*. */
GPtrArray *progress_lines(const EngineSnapshot *snapshot, const JobProgress *progress,
                          guint columns, guint most, gboolean unicode);
/* The total alone, for logs; owned. */
char *progress_total(const EngineSnapshot *snapshot, const JobProgress *progress);
/* 0 to 100; -1 where not known. */
int progress_percent(const EngineSnapshot *snapshot, const JobProgress *progress);

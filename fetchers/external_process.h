/*
 * The process of an external fetcher: lines to it and from it, its standard error into the log, and
 * its end. One thread at a time.
 */
#pragma once

#include <glib.h>

typedef struct ExternalProcess ExternalProcess;

#define EXTERNAL_MOST_LINE (1024 * 1024)

/* Starts PROGRAM (an absolute path, looked at already) without arguments, in the folder "/", with
 * PATH and LANG alone, and with no descriptor of ours. LABEL stands before its lines in the log.
 * SILENCE_MS: after so long without a line it is given up. MEDMIRROR_ERROR_ORIGIN. Owned. */
ExternalProcess *external_process_start(const char *program, const char *label, guint64 silence_ms,
                                        GError **error);
/* One whole line. It is written while what the program says meanwhile is held, up to the longest
 * line. MEDMIRROR_ERROR_ORIGIN: it is dead, or does not read; MEDMIRROR_ERROR_INTERRUPTED where
 * CANCELLED (may be NULL) says so. The process can only be freed after an error. */
gboolean external_process_write(ExternalProcess *process, const char *line, gsize length,
                                gboolean (*cancelled)(gpointer data), gpointer data,
                                GError **error);
/* The next line, without its LF and with a NUL behind; borrowed until the next call of either.
 * Errors as above: it is silent, or dead, or its line is too long. */
char *external_process_read(ExternalProcess *process, gsize *length,
                            gboolean (*cancelled)(gpointer data), gpointer data, GError **error);
/* The last line of its standard error, redacted; NULL where there was none. Borrowed. */
const char *external_process_last_words(const ExternalProcess *process);
/* TRUE where it said something that nobody has read. */
gboolean external_process_has_more(const ExternalProcess *process);
/* Ends it by the end of its standard input where GENTLY, and kills it and its own children after a
 * moment. NULL is nothing. */
void external_process_free(ExternalProcess *process, gboolean gently);

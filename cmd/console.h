/*
 * What a person reads: events and progress on standard error, answers on standard output; with
 * --json, JSON Lines on standard output.
 */
#pragma once

#include "job.h"

typedef struct Console Console;

Console *console_new(gboolean json, gboolean quiet, gboolean verbose, const char *color);
void console_free(Console *console);
gboolean console_is_json(const Console *console);
gboolean console_is_verbose(const Console *console);
/* Was an event "summary" printed? */
gboolean console_is_summed_up(const Console *console);
/* Takes the event. */
void console_tell(Console *console, JobEvent *event);
/* A sentence on standard error, whatever --quiet says. */
void console_error(Console *console, const char *text);
/* Standard output: a line of the answer (not with --json). */
void console_answer(Console *console, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Standard output with --json: an object with "event" set to NAME; takes FACTS. */
void console_json(Console *console, const char *name, json_t *facts);
/* A sentence on standard error, not with --quiet, and not with --json. */
void console_note(Console *console, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Draws what goes on; SNAPSHOT may be NULL. On a terminal in place; elsewhere at most a line a
 * minute. */
void console_progress(Console *console, const EngineSnapshot *snapshot,
                      const JobProgress *progress);
/* Takes the drawn lines away. */
void console_clear(Console *console);
/* How long to wait until the next drawing, ms. */
gint64 console_interval(const Console *console);

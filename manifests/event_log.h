/*
 * Log events, for --verbose and for the log: one line each, redacted, from any thread.
 */
#pragma once

#include <glib.h>

typedef enum {
    EVENT_LOG_DEBUG, /* --verbose */
    EVENT_LOG_INFO,  /* an event that matters to the person: a retry, a changed file */
    EVENT_LOG_WARNING,
} EventLogLevel;

typedef void (*EventLogWriter)(EventLogLevel level, const char *line, gpointer data);

/* Who writes the lines; NULL: nobody. Set before threads are started. The writer may be called from
 * any thread, one call at a time. */
void event_log_set_writer(EventLogWriter writer, gpointer data);
void event_log(EventLogLevel level, const char *format, ...) G_GNUC_PRINTF(2, 3);

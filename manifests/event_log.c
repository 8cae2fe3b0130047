#include "event_log.h"

#include "redact.h"
#include "relpath.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static EventLogWriter current_writer;
static gpointer current_data;

void event_log_set_writer(EventLogWriter writer, gpointer data)
{
    pthread_mutex_lock(&mutex);
    current_writer = writer;
    current_data = data;
    pthread_mutex_unlock(&mutex);
}

void event_log(EventLogLevel level, const char *format, ...)
{
    pthread_mutex_lock(&mutex);
    gboolean is_wanted = current_writer != NULL;
    pthread_mutex_unlock(&mutex);
    if (!is_wanted)
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *redacted = redact_text(text);
    /* What an origin sent must not move the terminal's cursor, nor make two lines of one. */
    g_autofree char *line = relpath_display(redacted);
    pthread_mutex_lock(&mutex);
    if (current_writer)
        current_writer(level, line, current_data);
    pthread_mutex_unlock(&mutex);
}

#include "external_process.h"

#include "child.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "redact.h"
#include "relpath.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_CAPACITY 65536
#define MOST_LOG_LINE 2048
#define MOST_LOG_LINES 2000
#define SLICE_MS 100 /* how often cancellation is looked at */
#define GENTLE_MS 2000
#define DYING_MS 500

struct ExternalProcess {
    char *label;
    guint64 silence_ms;
    pid_t pid;
    int input, output, error; /* of the program; -1: closed */
    char *buffer;             /* one byte more than the capacity, for the NUL */
    gsize capacity, start, end;
    gsize searched; /* bytes behind start that hold no LF */
    GString *said;  /* an unfinished line of its standard error */
    guint logged;
    char *last_words;
};

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static gboolean fail(GError **error, const char *what, int errno_value)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN, "%s: %s.", what,
                g_strerror(errno_value));
    return FALSE;
}

static gboolean set_nonblocking(int fd)
{
    return fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

/* Its standard input is a socket, so that writing to a dead one is an error and no signal. */
static gboolean start(ExternalProcess *process, const char *program, GError **error)
{
    int input[2] = {-1, -1}, output[2] = {-1, -1}, errors[2] = {-1, -1};
    gboolean made = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input) == 0 &&
                    pipe2(output, O_CLOEXEC) == 0 && pipe2(errors, O_CLOEXEC) == 0 &&
                    set_nonblocking(input[0]) && set_nonblocking(output[0]) &&
                    set_nonblocking(errors[0]);
    process->input = input[0];
    process->output = output[0];
    process->error = errors[0];
    if (!made) {
        fail(error, _("No pipe to a fetcher's program could be made"), errno);
    } else {
        const char *const argv[] = {program, NULL};
        static const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                                  "LANG=C.UTF-8", NULL};
        const int descriptors[] = {input[1],  STDIN_FILENO,  output[1], STDOUT_FILENO,
                                   errors[1], STDERR_FILENO, -1};
        const ChildSpec spec = {.program = program,
                                .argv = argv,
                                .environment = environment,
                                .descriptors = descriptors,
                                .folder = "/"};
        made = child_start(&spec, &process->pid, error);
        if (!made && error && *error)
            (*error)->code = MEDMIRROR_ERROR_ORIGIN;
    }
    close_end(&input[1]);
    close_end(&output[1]);
    close_end(&errors[1]);
    return made;
}

ExternalProcess *external_process_start(const char *program, const char *label, guint64 silence_ms,
                                        GError **error)
{
    ExternalProcess *process = g_new0(ExternalProcess, 1);
    process->label = g_strdup(label);
    process->silence_ms = silence_ms;
    process->input = process->output = process->error = -1;
    process->capacity = FIRST_CAPACITY;
    process->buffer = g_malloc(process->capacity + 1);
    process->said = g_string_new(NULL);
    if (start(process, program, error))
        return process;
    external_process_free(process, FALSE);
    return NULL;
}

/* The log is redacted by event_log(). */
static void log_said(ExternalProcess *process)
{
    g_autofree char *redacted = redact_text(process->said->str);
    g_free(process->last_words);
    process->last_words = relpath_display(redacted);
    if (process->logged < MOST_LOG_LINES)
        event_log(EVENT_LOG_DEBUG, "%s: %s", process->label, process->said->str);
    else if (process->logged == MOST_LOG_LINES)
        event_log(EVENT_LOG_DEBUG, _("%s: it says more than %d lines; the rest is not told."),
                  process->label, MOST_LOG_LINES);
    process->logged += process->logged <= MOST_LOG_LINES;
}

static void take_said(ExternalProcess *process, const char *bytes, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        if (bytes[i] == '\n') {
            if (process->said->len > 0)
                log_said(process);
            g_string_truncate(process->said, 0);
        } else if (process->said->len < MOST_LOG_LINE && bytes[i] != '\0') {
            g_string_append_c(process->said, bytes[i]);
        }
    }
}

/* What stands in the pipe, no more than so many bytes of it: a flood must not keep us here. */
static void read_said(ExternalProcess *process)
{
    char bytes[4096];
    for (guint i = 0; i < 64 && process->error >= 0; i++) {
        ssize_t got = TEMP_FAILURE_RETRY(read(process->error, bytes, sizeof bytes));
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0)
            close_end(&process->error);
        else
            take_said(process, bytes, (gsize)got);
    }
}

/* Still to be waited for, so that its number, and its group's, are nobody else's yet. */
static gboolean has_ended(const ExternalProcess *process)
{
    siginfo_t info = {.si_pid = 0};
    return process->pid > 0 &&
           TEMP_FAILURE_RETRY(
               waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT)) == 0 &&
           info.si_pid == process->pid;
}

/* Waits until it is over or the time is up; its status, or -1. What it started ends with it. */
static int wait_for_end(ExternalProcess *process, int ms)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)ms * 1000;
    int status = 0;
    for (;;) {
        read_said(process);
        gboolean is_over = has_ended(process);
        if (is_over)
            kill(-process->pid, SIGKILL); /* it leads a group of its own */
        pid_t ended = TEMP_FAILURE_RETRY(waitpid(process->pid, &status, is_over ? 0 : WNOHANG));
        if (ended == process->pid) {
            process->pid = 0;
            read_said(process);
            if (process->said->len > 0)
                log_said(process);
            return status;
        }
        if (ended < 0 || g_get_monotonic_time() >= deadline)
            return -1;
        struct pollfd events = {.fd = process->error, .events = POLLIN};
        if (poll(&events, 1, process->error >= 0 ? 5 : 0) == 0 || process->error < 0)
            g_usleep(1000);
    }
}

static void set_dead(ExternalProcess *process, GError **error)
{
    int status = wait_for_end(process, DYING_MS);
    if (status >= 0 && WIFEXITED(status))
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("it ended by itself, with status %d"), WEXITSTATUS(status));
    else if (status >= 0 && WIFSIGNALED(status))
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN, _("it died of signal %d (%s)"),
                    WTERMSIG(status), g_strsignal(WTERMSIG(status)));
    else
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("it closed its standard output"));
}

/* Reads what is there into the buffer, as far as there is room. FALSE: the end. */
static gboolean fill(ExternalProcess *process)
{
    if (process->start > 0) {
        memmove(process->buffer, process->buffer + process->start, process->end - process->start);
        process->end -= process->start;
        process->start = 0;
    }
    if (process->end == process->capacity && process->capacity <= EXTERNAL_MOST_LINE) {
        process->capacity = MIN(process->capacity * 2, EXTERNAL_MOST_LINE + 1);
        process->buffer = g_realloc(process->buffer, process->capacity + 1);
    }
    if (process->end == process->capacity)
        return TRUE;
    ssize_t got = TEMP_FAILURE_RETRY(
        read(process->output, process->buffer + process->end, process->capacity - process->end));
    if (got > 0)
        process->end += (gsize)got;
    return got > 0 || (got < 0 && errno == EAGAIN);
}

static gboolean is_full(const ExternalProcess *process)
{
    return process->end - process->start > EXTERNAL_MOST_LINE;
}

typedef struct {
    gboolean (*cancelled)(gpointer data);
    gpointer data;
    gint64 deadline;
} Patience;

/* Waits until something happened at one of the ends. FALSE with an error: cancelled, silent. */
static gboolean wait_for(ExternalProcess *process, const Patience *patience, gboolean writes,
                         short *input, short *output, GError **error)
{
    struct pollfd events[] = {
        {.fd = writes ? process->input : -1, .events = POLLOUT},
        {.fd = is_full(process) ? -1 : process->output, .events = POLLIN},
        {.fd = process->error, .events = POLLIN},
    };
    if (patience->cancelled && patience->cancelled(patience->data)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED, _("Interrupted."));
        return FALSE;
    }
    gint64 left = (patience->deadline - g_get_monotonic_time()) / 1000;
    if (left <= 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    writes ? _("it did not read for %g s what it had asked for")
                           : _("it was silent for %g s"),
                    (double)process->silence_ms / 1000);
        return FALSE;
    }
    if (poll(events, G_N_ELEMENTS(events), (int)MIN(left, SLICE_MS)) < 0 && errno != EINTR)
        return fail(error, _("Its pipes could not be watched"), errno);
    *input = events[0].revents;
    *output = events[1].revents;
    if (events[2].revents)
        read_said(process);
    return TRUE;
}

static Patience patience_new(const ExternalProcess *process, gboolean (*cancelled)(gpointer data),
                             gpointer data)
{
    return (Patience){cancelled, data, g_get_monotonic_time() + (gint64)process->silence_ms * 1000};
}

gboolean external_process_write(ExternalProcess *process, const char *line, gsize length,
                                gboolean (*cancelled)(gpointer data), gpointer data, GError **error)
{
    Patience patience = patience_new(process, cancelled, data);
    while (length > 0) {
        ssize_t sent =
            TEMP_FAILURE_RETRY(send(process->input, line, length, MSG_NOSIGNAL | MSG_DONTWAIT));
        if (sent > 0) {
            line += sent;
            length -= (gsize)sent;
            patience = patience_new(process, cancelled, data);
            continue;
        }
        if (sent < 0 && errno != EAGAIN) {
            set_dead(process, error);
            return FALSE;
        }
        short input = 0, output = 0;
        if (!wait_for(process, &patience, TRUE, &input, &output, error))
            return FALSE;
        if (output && !fill(process)) {
            set_dead(process, error);
            return FALSE;
        }
        if (is_full(process)) {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                        _("it writes on without reading what it had asked for"));
            return FALSE;
        }
    }
    return TRUE;
}

/* The first whole line of the buffer; NULL where there is none yet. */
static char *take_line(ExternalProcess *process, gsize *length)
{
    char *from = process->buffer + process->start;
    char *end =
        memchr(from + process->searched, '\n', process->end - process->start - process->searched);
    if (!end) {
        process->searched = process->end - process->start;
        return NULL;
    }
    *end = '\0';
    *length = (gsize)(end - from);
    process->start += *length + 1;
    process->searched = 0;
    return from;
}

char *external_process_read(ExternalProcess *process, gsize *length,
                            gboolean (*cancelled)(gpointer data), gpointer data, GError **error)
{
    Patience patience = patience_new(process, cancelled, data);
    for (;;) {
        char *line = take_line(process, length);
        if (line)
            return line;
        if (is_full(process)) {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                        _("it wrote a line of more than %d bytes"), EXTERNAL_MOST_LINE);
            return NULL;
        }
        short input = 0, output = 0;
        if (!wait_for(process, &patience, FALSE, &input, &output, error))
            return NULL;
        /* Something that it started may hold its end of the pipe open when it is no more. */
        gboolean is_over = !output && has_ended(process);
        gsize before = process->end - process->start;
        if ((output || is_over) &&
            (!fill(process) || (is_over && process->end - process->start == before))) {
            set_dead(process, error);
            return NULL;
        }
    }
}

const char *external_process_last_words(const ExternalProcess *process)
{
    return process->last_words;
}

gboolean external_process_has_more(const ExternalProcess *process)
{
    return process->end > process->start;
}

void external_process_free(ExternalProcess *process, gboolean gently)
{
    if (!process)
        return;
    close_end(&process->input);
    close_end(&process->output);
    if (process->pid > 0)
        wait_for_end(process, gently ? GENTLE_MS : 0);
    if (process->pid > 0) {
        kill(-process->pid, SIGKILL);
        child_kill(process->pid);
    }
    close_end(&process->error);
    g_string_free(process->said, TRUE);
    g_free(process->last_words);
    g_free(process->buffer);
    g_free(process->label);
    g_free(process);
}

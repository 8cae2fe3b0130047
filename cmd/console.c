#include "console.h"

#include "i18n.h"
#include "progress.h"
#include "redact.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DRAW_MS 200
#define LINE_US                                                                                    \
    (60 * G_USEC_PER_SEC) /* no more than one line a minute where there is no terminal */
#define PERCENT_STEP 5

#define DRAWN_MOST 32

struct Console {
    gboolean json, quiet, verbose;
    gboolean summed_up; /* an event "summary" was printed */
    gboolean terminal;  /* standard error is one */
    gboolean unicode;
    gboolean color;
    guint drawn;              /* lines that stand above the cursor */
    guint widths[DRAWN_MOST]; /* of each, in columns: a window made narrower wraps them */
    gint64 last_line;
    int last_percent;
};

Console *console_new(gboolean json, gboolean quiet, gboolean verbose, const char *color)
{
    Console *console = g_new0(Console, 1);
    const char *term = g_getenv("TERM");
    console->json = json;
    console->quiet = quiet;
    console->verbose = verbose;
    console->terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    console->unicode = g_get_charset(NULL);
    gboolean wanted = console->terminal && !g_getenv("NO_COLOR");
    console->color = g_strcmp0(color, "always") == 0 || (wanted && g_strcmp0(color, "never") != 0);
    console->last_line = g_get_monotonic_time();
    return console;
}

void console_free(Console *console)
{
    g_free(console);
}

gboolean console_is_json(const Console *console)
{
    return console->json;
}

gboolean console_is_verbose(const Console *console)
{
    return console->verbose;
}

gboolean console_is_summed_up(const Console *console)
{
    return console->summed_up;
}

/* Every line passes the redactor; control characters of a stranger's text never reach the terminal.
 */
static void put(const Console *console, const char *text, gboolean failure)
{
    g_autofree char *clean = redact_text(text);
    for (char *at = clean; *at; at++) {
        /* C1, too, which is "\xc2" and one more byte: some terminals take U+009B as "ESC [". */
        gboolean is_c1 = (guchar)*at == 0xc2 && (guchar)at[1] >= 0x80 && (guchar)at[1] < 0xa0;
        if (((guchar)*at < 0x20 && *at != '\n' && *at != '\t') || *at == 0x7f || is_c1) {
            *at = '?';
            at[is_c1] = '?';
        }
    }
    gboolean red = failure && console->color;
    fflush(stdout); /* what was answered before stands before it, where both go to one file */
    fprintf(stderr, "%s%s%s\n", red ? "\033[31m" : "", clean, red ? "\033[0m" : "");
    fflush(stderr);
}

static guint window_columns(guint *rows)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        *rows = size.ws_row ? size.ws_row : 24;
        return size.ws_col;
    }
    *rows = 24;
    return 80;
}

/* Rows that the drawn lines take now: a terminal wraps what is wider than its window has become. */
static guint rows_drawn(const Console *console, guint columns)
{
    guint rows = 0;
    for (guint i = 0; i < console->drawn; i++) {
        rows += MAX(1, (console->widths[i] + columns - 1) / columns);
    }
    return rows;
}

void console_clear(Console *console)
{
    if (console->drawn) {
        guint rows = 0;
        fprintf(stderr, "\r\033[%uA\033[J", rows_drawn(console, window_columns(&rows)));
        fflush(stderr);
        console->drawn = 0;
    }
}

void console_error(Console *console, const char *text)
{
    console_clear(console);
    g_autofree char *line = g_strdup_printf("%s: %s", g_get_prgname(), text);
    put(console, line, TRUE);
}

void console_note(Console *console, const char *format, ...)
{
    if (console->quiet || console->json) {
        return;
    }
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    console_clear(console);
    put(console, text, FALSE);
}

void console_answer(Console *console, const char *format, ...)
{
    if (console->json) {
        return;
    }
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    console_clear(console);
    fputs(text, stdout);
    fputc('\n', stdout);
}

static void redact_strings(json_t *value)
{
    const char *key;
    json_t *item;
    size_t index;
    if (json_is_string(value)) {
        g_autofree char *clean = redact_text(json_string_value(value));
        g_autofree char *valid = g_utf8_make_valid(clean, -1);
        json_string_set(value, valid);
    }
    json_object_foreach(value, key, item)
    {
        redact_strings(item);
    }
    json_array_foreach(value, index, item)
    {
        redact_strings(item);
    }
}

void console_json(Console *console, const char *name, json_t *facts)
{
    if (console->json) {
        console->summed_up |= strcmp(name, "summary") == 0;
        json_t *line = json_pack("{s:s}", "event", name);
        json_object_update_missing(line, facts);
        g_autofree char *text = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);
        g_autofree char *clean = text ? redact_text(text) : NULL;
        if (clean && strcmp(clean, text) != 0) {
            /* Each text by itself: what is hidden may reach to the end of a line, and this line is
             * an object to its end. */
            redact_strings(line);
            g_free(clean);
            clean = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);
        }
        if (clean) {
            fputs(clean, stdout);
            fputc('\n', stdout);
            fflush(stdout);
        }
        json_decref(line);
    }
    json_decref(facts);
}

void console_tell(Console *console, JobEvent *event)
{
    if (console->json) {
        if (event->sentence && !json_object_get(event->facts, "text")) {
            json_object_set_new(event->facts, "text", json_string(event->sentence));
        }
        console_json(console, event->name, json_incref(event->facts));
        job_event_free(event);
        return;
    }
    if (event->sentence) {
        gboolean shown = event->level == JOB_EVENT_FAILURE ||
                         (!console->quiet && event->level != JOB_EVENT_DETAIL) || console->verbose;
        if (shown) {
            console_clear(console);
            put(console, event->sentence, event->level == JOB_EVENT_FAILURE);
        }
    }
    if (event->answer) {
        console_answer(console, "%s", event->answer);
    }
    job_event_free(event);
}

/* All in one write, so that nothing flickers: up, then each line over the old one. */
static void draw(Console *console, const EngineSnapshot *snapshot, const JobProgress *progress)
{
    guint rows = 0;
    guint columns = window_columns(&rows);
    g_autoptr(GPtrArray) lines = progress_lines(snapshot, progress, columns - 1,
                                                rows > 6 ? MIN(rows - 4, 16) : 1, console->unicode);
    g_autoptr(GString) text = g_string_new(NULL);
    if (console->drawn) {
        g_string_append_printf(text, "\r\033[%uA", rows_drawn(console, columns));
    }
    console->drawn = MIN(lines->len, DRAWN_MOST);
    for (guint i = 0; i < console->drawn; i++) {
        const char *line = g_ptr_array_index(lines, i);
        g_string_append_printf(text, "%s\033[K\n", line);
        console->widths[i] = text_columns(line);
    }
    g_string_append(text, "\033[J");
    fwrite(text->str, 1, text->len, stderr);
    fflush(stderr);
}

void console_progress(Console *console, const EngineSnapshot *snapshot, const JobProgress *progress)
{
    gboolean something =
        (snapshot && snapshot->running->len) || progress->files_all || progress->checked_files;
    if (console->quiet || !something) {
        return;
    }
    if (console->terminal && !console->json) {
        draw(console, snapshot, progress);
        return;
    }
    int percent = progress_percent(snapshot, progress);
    gint64 now = g_get_monotonic_time();
    if (now - console->last_line < LINE_US ||
        (percent >= 0 && percent / PERCENT_STEP <= console->last_percent)) {
        return;
    }
    console->last_line = now;
    console->last_percent = percent >= 0 ? percent / PERCENT_STEP : 0;
    g_autofree char *total = progress_total(snapshot, progress);
    if (console->json) {
        console_json(console, "progress",
                     json_pack("{s:I, s:I, s:I, s:I}", "files_done",
                               (json_int_t)progress->files_done, "files_all",
                               (json_int_t)progress->files_all, "received",
                               (json_int_t)(snapshot ? snapshot->received : 0), "rate",
                               (json_int_t)(snapshot ? snapshot->rate : 0)));
    } else if (percent >= 0) {
        g_autofree char *line = g_strdup_printf("%d%%: %s", percent, total);
        put(console, line, FALSE);
    } else {
        put(console, total, FALSE);
    }
}

gint64 console_interval(const Console *console)
{
    return console->terminal && !console->json ? DRAW_MS : 1000;
}

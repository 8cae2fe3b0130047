#include "progress.h"

#include "i18n.h"
#include "size_text.h"
#include "verdict.h"

#include <string.h>

#define LEFT_COLUMNS                                                                               \
    8 /* of most times that are left: the columns before stand below each other                    \
       */

guint text_columns(const char *text)
{
    guint columns = 0;
    for (const char *at = text; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        columns += g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
    }
    return columns;
}

/* The longest prefix of TEXT that takes at most COLUMNS. */
static gsize prefix_bytes(const char *text, guint columns)
{
    guint taken = 0;
    const char *at = text;
    while (*at) {
        gunichar c = g_utf8_get_char(at);
        guint width = g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
        if (taken + width > columns) {
            break;
        }
        taken += width;
        at = g_utf8_next_char(at);
    }
    return (gsize)(at - text);
}

/* The longest suffix of TEXT that takes at most COLUMNS. */
static const char *suffix(const char *text, guint columns)
{
    const char *at = text;
    guint left = text_columns(text);
    while (*at && left > columns) {
        gunichar c = g_utf8_get_char(at);
        left -= g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
        at = g_utf8_next_char(at);
    }
    return at;
}

char *text_fit(const char *text, guint columns)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    for (char *at = valid; *at; at++) {
        if ((guchar)*at < 0x20 || *at == 0x7f) {
            *at = '?';
        }
    }
    if (text_columns(valid) <= columns) {
        return g_steal_pointer(&valid);
    }
    if (columns < 5) {
        return g_strndup(valid, prefix_bytes(valid, columns));
    }
    guint head = (columns - 1) / 3;
    g_autofree char *front = g_strndup(valid, prefix_bytes(valid, head));
    return g_strdup_printf("%s…%s", front, suffix(valid, columns - 1 - head));
}

char *text_pad(const char *text, guint columns)
{
    g_autofree char *fitted = text_fit(text, columns);
    guint width = text_columns(fitted);
    return g_strdup_printf("%s%*s", fitted, width < columns ? (int)(columns - width) : 0, "");
}

char *duration_text(guint64 seconds)
{
    if (seconds < 90) {
        return g_strdup_printf(_("%" G_GUINT64_FORMAT " s"), seconds);
    }
    if (seconds < 90 * 60) {
        return g_strdup_printf(_("%" G_GUINT64_FORMAT " min"), (seconds + 30) / 60);
    }
    return g_strdup_printf(_("%" G_GUINT64_FORMAT " h %" G_GUINT64_FORMAT " min"), seconds / 3600,
                           seconds % 3600 / 60);
}

static char *bar(int percent, guint columns, gboolean unicode)
{
    GString *text = g_string_new(NULL);
    guint full = percent < 0 ? 0 : (guint)percent * columns / 100;
    for (guint i = 0; i < columns; i++) {
        g_string_append(text, unicode ? (i < full ? "━" : "─") : (i < full ? "#" : "-"));
    }
    return g_string_free(text, FALSE);
}

static int percent_of(guint64 part, guint64 whole)
{
    if (whole == SIZE_UNKNOWN) {
        return -1;
    }
    return whole ? (int)MIN((gdouble)part * 100 / (gdouble)whole, 100) : 100;
}

/* NAME BAR PERCENT BYTES RATE LEFT, with what does not fit left out from the middle. */
static char *make_line(const char *name, int percent, guint64 bytes, guint64 rate, const char *left,
                       guint left_columns, guint columns, gboolean unicode)
{
    g_autofree char *size = size_text(bytes);
    g_autofree char *a_second = size_text(rate);
    g_autofree char *speed = g_strdup_printf("%s/s", a_second);
    g_autofree char *share = percent < 0 ? g_strdup("    ") : g_strdup_printf("%3d%%", percent);
    g_autofree char *padded_size = text_pad(size, 9);
    g_autofree char *padded_speed = text_pad(speed, 11);
    g_autofree char *padded_left = text_pad(left, left_columns);
    g_autofree char *tail =
        g_strdup_printf(" %s  %s  %s  %s", share, padded_size, padded_speed, padded_left);
    guint tail_columns = text_columns(tail);
    if (columns < tail_columns + 12) {
        g_autofree char *short_tail = g_strdup_printf(" %s", share);
        guint name_columns =
            columns > text_columns(short_tail) ? columns - text_columns(short_tail) : 1;
        g_autofree char *cut = text_pad(name, name_columns);
        g_autofree char *all = g_strconcat(cut, short_tail, NULL);
        return text_fit(all, columns);
    }
    guint room = columns - tail_columns - 1;
    guint bar_columns = room > 40 ? room / 2 : 0;
    g_autofree char *cut = text_pad(name, room - bar_columns - (bar_columns ? 1 : 0));
    g_autofree char *drawn = bar(percent, bar_columns, unicode);
    return g_strdup_printf(" %s%s%s%s", cut, bar_columns ? " " : "", drawn, tail);
}

static char *time_left(guint64 done, guint64 total, guint64 rate)
{
    if (total == SIZE_UNKNOWN || total < done || rate == 0) {
        return g_strdup("");
    }
    return duration_text((total - done + rate - 1) / rate);
}

static char *left_text(const TransferProgress *file)
{
    if (file->waits_until) {
        gint64 ms = file->waits_until - g_get_monotonic_time() / 1000;
        return g_strdup_printf(_("again in %" G_GINT64_FORMAT " s"), MAX(ms, 0) / 1000);
    }
    return time_left(file->done, file->total, file->rate);
}

/* LEFTS: of each file what is told last. All lines have room for the longest, so that their columns
 * stand below each other. */
static void add_files(GPtrArray *lines, const GArray *running, const GPtrArray *lefts,
                      guint columns, gboolean unicode)
{
    guint left_columns = LEFT_COLUMNS;
    for (guint i = 0; i < lefts->len; i++) {
        left_columns = MAX(left_columns, text_columns(g_ptr_array_index(lefts, i)));
    }
    for (guint i = 0; i < lefts->len; i++) {
        const TransferProgress *file = &g_array_index(running, TransferProgress, i);
        g_ptr_array_add(lines, make_line(file->name, percent_of(file->done, file->total),
                                         file->done, file->rate, g_ptr_array_index(lefts, i),
                                         left_columns, columns, unicode));
    }
}

int progress_percent(const EngineSnapshot *snapshot, const JobProgress *progress)
{
    guint64 running = 0;
    gdouble shares = 0; /* of the running files, each 1 when it is whole */
    for (guint i = 0; snapshot && i < snapshot->running->len; i++) {
        const TransferProgress *file = &g_array_index(snapshot->running, TransferProgress, i);
        running += file->done;
        if (file->total != SIZE_UNKNOWN && file->total) {
            shares += MIN((gdouble)file->done / (gdouble)file->total, 1);
        }
    }
    if (progress->bytes_all > 0) {
        return percent_of((guint64)progress->bytes_done + running, (guint64)progress->bytes_all);
    }
    if (progress->files_all <= 0) {
        return -1;
    }
    gdouble files = (gdouble)progress->files_done + shares;
    return (int)MIN(files * 100 / (gdouble)progress->files_all, 100);
}

char *progress_total(const EngineSnapshot *snapshot, const JobProgress *progress)
{
    g_autofree char *size = size_text(snapshot ? snapshot->received : 0);
    g_autofree char *rate = size_text(snapshot ? snapshot->rate : 0);
    GString *text = g_string_new(NULL);
    if (progress->checked_files) {
        g_autofree char *checked = size_text((guint64)progress->checked_bytes);
        g_string_append_printf(text, _("checked %" G_GINT64_FORMAT " files, %s"),
                               progress->checked_files, checked);
    } else if (progress->files_all <= 0) {
        g_string_append_printf(text, _("%s received, %s/s"), size, rate);
    } else {
        g_string_append_printf(
            text, _("%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " files, %s received, %s/s"),
            progress->files_done, progress->files_all, size, rate);
    }
    if (progress->members) {
        g_string_append_printf(text, _(", %" G_GINT64_FORMAT " unpacked"), progress->members);
    }
    if (snapshot && snapshot->line_down) {
        g_string_append(text, _("; no host answers, trying again"));
    }
    return g_string_free(text, FALSE);
}

static char *total_line(const EngineSnapshot *snapshot, const JobProgress *progress, guint columns)
{
    int percent = progress_percent(snapshot, progress);
    g_autofree char *share = percent >= 0 ? g_strdup_printf("%3d%%  ", percent) : g_strdup("");
    g_autofree char *total = progress_total(snapshot, progress);
    g_autofree char *whole = g_strdup_printf(_(" total  %s%s"), share, total);
    if (text_columns(whole) <= columns || progress->checked_files) {
        return text_fit(whole, columns);
    }
    g_autofree char *rate = size_text(snapshot ? snapshot->rate : 0);
    g_autofree char *narrow =
        g_strdup_printf(" %s%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT "  %s/s", share,
                        progress->files_done, progress->files_all, rate);
    return text_fit(narrow, columns);
}

GPtrArray *progress_lines(const EngineSnapshot *snapshot, const JobProgress *progress,
                          guint columns, guint most, gboolean unicode)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    guint running = snapshot ? snapshot->running->len : 0;
    g_autoptr(GPtrArray) lefts = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < running && i < most; i++) {
        g_ptr_array_add(lefts, left_text(&g_array_index(snapshot->running, TransferProgress, i)));
    }
    if (snapshot && lefts->len) {
        add_files(lines, snapshot->running, lefts, columns, unicode);
    }
    if (running > most) {
        g_autofree char *more = g_strdup_printf(_(" … %u more"), running - most);
        g_ptr_array_add(lines, text_fit(more, columns));
    }
    g_ptr_array_add(lines, total_line(snapshot, progress, columns));
    return lines;
}

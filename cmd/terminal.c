#include "terminal.h"

#include "progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GAP 2
#define LEAST_COLUMNS 20 /* that a column which gives way keeps */
#define NARROWEST 20     /* of a terminal that says something sensible */

struct Table {
    const char *const *headings;
    guint flexible, width; /* columns of the table */
    GPtrArray *rows;       /* char** */
};

guint terminal_columns(void)
{
    struct winsize size;
    const char *term = g_getenv("TERM");
    if (!isatty(STDOUT_FILENO) || !term || strcmp(term, "dumb") == 0)
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= NARROWEST)
        return size.ws_col;
    return 80;
}

gboolean terminal_is_unicode(void)
{
    return g_get_charset(NULL);
}

static void free_row(gpointer row)
{
    g_strfreev(row);
}

Table *table_new(const char *const *headings, guint flexible)
{
    Table *table = g_new0(Table, 1);
    table->headings = headings;
    table->flexible = flexible;
    table->width = g_strv_length((char **)headings);
    table->rows = g_ptr_array_new_with_free_func(free_row);
    return table;
}

void table_free(Table *table)
{
    if (!table)
        return;
    g_ptr_array_unref(table->rows);
    g_free(table);
}

void table_add(Table *table, char **cells)
{
    g_ptr_array_add(table->rows, cells);
}

static void print_plain(const Table *table, Console *console)
{
    for (guint i = 0; i < table->rows->len; i++) {
        g_autofree char *line = g_strjoinv("\t", table->rows->pdata[i]);
        console_answer(console, "%s", line);
    }
}

static void print_row(const Table *table, Console *console, char *const *cells, const guint *widths,
                      guint shown, guint indent)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_string_append_printf(line, "%*s", (int)indent, "");
    for (guint i = 0; i < shown; i++) {
        g_autofree char *fitted = text_fit(cells[i], widths[i]);
        g_autofree char *padded = text_pad(fitted, widths[i] + GAP);
        g_string_append(line, i + 1 < shown ? padded : fitted);
    }
    console_answer(console, "%s", line->str);
}

/* Widths that fit: the flexible column gives way, then columns are left out from the right. Returns
 * how many are shown. */
static guint fit_widths(const Table *table, guint *widths, guint columns)
{
    guint shown = table->width;
    for (; shown > 0; shown--) {
        guint total = GAP * (shown - 1);
        for (guint i = 0; i < shown; i++)
            total += widths[i];
        if (total <= columns)
            return shown;
        guint over = total - columns;
        guint *gives = &widths[table->flexible];
        if (table->flexible < shown && *gives >= over + LEAST_COLUMNS) {
            *gives -= over;
            return shown;
        }
    }
    widths[0] = MIN(widths[0], columns);
    return 1;
}

void table_print(const Table *table, Console *console, guint columns, guint indent)
{
    if (columns == 0) {
        print_plain(table, console);
        return;
    }
    g_autofree guint *widths = g_new0(guint, table->width);
    for (guint i = 0; i < table->width; i++)
        widths[i] = text_columns(table->headings[i]);
    for (guint r = 0; r < table->rows->len; r++) {
        char *const *cells = table->rows->pdata[r];
        for (guint i = 0; i < table->width; i++)
            widths[i] = MAX(widths[i], text_columns(cells[i]));
    }
    guint shown = fit_widths(table, widths, columns - MIN(indent, columns - 1));
    print_row(table, console, (char *const *)table->headings, widths, shown, indent);
    for (guint r = 0; r < table->rows->len; r++)
        print_row(table, console, table->rows->pdata[r], widths, shown, indent);
}

/* Marks that may not begin a line; a line becomes a little shorter for them. */
static gboolean closes(gunichar c)
{
    return c != 0 && g_utf8_strchr("，。、；：！？）】》”’…,.;:!?)]", -1, c) != NULL;
}

/* May a line end between the two characters? */
static gboolean breaks_between(gunichar before, gunichar after)
{
    if (g_unichar_isspace(after) || closes(after))
        return FALSE;
    return g_unichar_isspace(before) || g_unichar_iswide(before) || g_unichar_iswide(after);
}

static guint width_of(gunichar c)
{
    return g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
}

/* The end of the first line of TEXT. */
static const char *line_end(const char *text, guint columns)
{
    guint width = 0;
    const char *last = NULL;
    gunichar before = 0;
    for (const char *at = text; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        if (before && breaks_between(before, c))
            last = at;
        width += width_of(c);
        if (width > columns && last && !g_unichar_isspace(c))
            return last;
        before = c;
    }
    return text + strlen(text);
}

GPtrArray *text_wrap(const char *text, guint columns)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    const char *at = valid;
    while (*at) {
        const char *end = columns ? line_end(at, columns) : at + strlen(at);
        char *line = g_strndup(at, (gsize)(end - at));
        g_ptr_array_add(lines, g_strchomp(line));
        at = end;
        while (*at == ' ')
            at++;
    }
    if (lines->len == 0)
        g_ptr_array_add(lines, g_strdup(""));
    return lines;
}

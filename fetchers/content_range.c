#include "content_range.h"

#include <string.h>

static gboolean parse_number(const char *text, guint64 *number)
{
    return g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, number, NULL);
}

gboolean content_range_parse(const char *value, ContentRange *range)
{
    ContentRange found = {0, 0, SIZE_UNKNOWN};

    if (value == NULL)
        return FALSE;
    g_autofree char *text = g_strstrip(g_strdup(value));
    if (g_ascii_strncasecmp(text, "bytes", 5) != 0 || (text[5] != ' ' && text[5] != '\t'))
        return FALSE;
    g_auto(GStrv) halves = g_strsplit(text + 6, "/", 3);
    if (g_strv_length(halves) != 2)
        return FALSE;
    const char *span = g_strstrip(halves[0]);
    const char *total = g_strstrip(halves[1]);
    gboolean has_total = strcmp(total, "*") != 0;
    if (has_total && !parse_number(total, &found.total))
        return FALSE;
    if (strcmp(span, "*") != 0) {
        g_auto(GStrv) ends = g_strsplit(span, "-", 3);
        guint64 last = 0;
        if (g_strv_length(ends) != 2 || !parse_number(ends[0], &found.from) ||
            !parse_number(ends[1], &last) || last < found.from ||
            (has_total && last >= found.total))
            return FALSE;
        found.to = last + 1;
    } else if (!has_total) {
        return FALSE;
    }
    *range = found;
    return TRUE;
}

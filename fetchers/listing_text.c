#include "html_listing.h"
#include "verdict.h"

#include <stdlib.h>
#include <string.h>

/* "02-Jan-2024 03:04" (nginx, Apache 2.2), "2024-01-02 03:04" (Apache 2.4), "2024-Jan-02 03:04:05"
 * (lighttpd); then "1950000", "12M", "1.2K", "-", or nothing. A size without a date must stand
 * alone, or any description that begins with a number would be one. */
static const char pattern[] =
    "^\\s*/?\\s*"
    "(?:"
    "(?:(?<d1>\\d{1,2})-(?<m1>[A-Za-z]{3})-(?<y1>\\d{4})"
    "|(?<y2>\\d{4})-(?<m2>\\d{2})-(?<d2>\\d{2})"
    "|(?<y3>\\d{4})-(?<m3>[A-Za-z]{3})-(?<d3>\\d{1,2}))"
    "[ T](?<time>\\d{2}:\\d{2}(?::\\d{2})?)"
    "(?:\\s+(?:(?<size>\\d+(?:\\.\\d+)?)\\s?(?<unit>[KMGTPEkmgtpe])?i?[Bb]?(?=\\s|$)|-))?"
    "|(?<lone>\\d+(?:\\.\\d+)?)\\s?(?<loneunit>[KMGTPEkmgtpe])?i?[Bb]?\\s*$"
    ")";

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                     "jul", "aug", "sep", "oct", "nov", "dec"};

static GRegex *the_pattern(void)
{
    static gsize made;
    static GRegex *regex;
    if (g_once_init_enter(&made)) {
        regex = g_regex_new(pattern, G_REGEX_OPTIMIZE | G_REGEX_RAW, 0, NULL);
        g_once_init_leave(&made, 1);
    }
    return regex;
}

static int month_number(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(months); i++)
        if (g_ascii_strcasecmp(name, months[i]) == 0)
            return (int)i + 1;
    return atoi(name);
}

/* The group NAME of the match, NULL where it took no part. Owned. */
static char *fetch(const GMatchInfo *match, const char *name)
{
    int from, to;
    if (!g_match_info_fetch_named_pos(match, name, &from, &to) || from < 0 || to <= from)
        return NULL;
    return g_strndup(g_match_info_get_string(match) + from, (gsize)(to - from));
}

static void take_date(const GMatchInfo *match, ListedEntry *entry)
{
    static const char *const names[][3] = {
        {"y1", "m1", "d1"}, {"y2", "m2", "d2"}, {"y3", "m3", "d3"}};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *year = fetch(match, names[i][0]);
        if (!year)
            continue;
        g_autofree char *month = fetch(match, names[i][1]);
        g_autofree char *day = fetch(match, names[i][2]);
        g_autofree char *time = fetch(match, "time");
        int number = month_number(month);
        if (g_date_valid_dmy((GDateDay)atoi(day), (GDateMonth)number, (GDateYear)atoi(year)))
            entry->modified =
                g_strdup_printf("%04d-%02d-%02dT%s", atoi(year), number, atoi(day), time);
        return;
    }
}

static void take_size(const char *number, const char *unit, ListedEntry *entry)
{
    guint64 bytes;
    if (!unit && g_ascii_string_to_unsigned(number, 10, 0, G_MAXINT64, &bytes, NULL)) {
        entry->size = bytes;
        return;
    }
    double value = g_ascii_strtod(number, NULL);
    if (unit) {
        static const char units[] = "KMGTPE";
        const char *place = strchr(units, g_ascii_toupper(*unit));
        value *= (double)(G_GUINT64_CONSTANT(1) << (10 * (place - units + 1)));
    }
    if (value < 1e18) {
        entry->size = (guint64)value;
        entry->size_is_rounded = TRUE;
    }
}

void listing_text_parse(const char *text, ListedEntry *entry)
{
    g_autofree char *plain = g_strdup(text);
    for (char *nbsp = plain; (nbsp = strstr(nbsp, "\xc2\xa0"));)
        nbsp[0] = nbsp[1] = ' ';
    g_autoptr(GMatchInfo) match = NULL;
    if (!g_regex_match(the_pattern(), plain, 0, &match))
        return;
    if (!entry->modified)
        take_date(match, entry);
    if (entry->size != SIZE_UNKNOWN || entry->kind == LISTED_FOLDER)
        return;
    g_autofree char *size = fetch(match, "size");
    if (size) {
        g_autofree char *unit = fetch(match, "unit");
        take_size(size, unit, entry);
        return;
    }
    g_autofree char *lone = fetch(match, "lone");
    if (lone) {
        g_autofree char *unit = fetch(match, "loneunit");
        take_size(lone, unit, entry);
    }
}

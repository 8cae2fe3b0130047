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
    "(?|(\\d{1,2})-([A-Za-z]{3})-(\\d{4})|(\\d{4})-(\\d{2}|[A-Za-z]{3})-(\\d{1,2}))"
    "[ T](\\d{2}:\\d{2}(?::\\d{2})?)"
    "(?:\\s+(?:(\\d+(?:\\.\\d+)?)\\s?([KMGTPEkmgtpe])?i?[Bb]?(?=\\s|$)|-))?"
    "|(\\d+(?:\\.\\d+)?)\\s?([KMGTPEkmgtpe])?i?[Bb]?\\s*$"
    ")";

/* Its groups; a date begins with the year or with the day. */
enum {
    GROUP_FIRST = 1,
    GROUP_MONTH,
    GROUP_LAST,
    GROUP_TIME,
    GROUP_SIZE,
    GROUP_UNIT,
    GROUP_LONE
};

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

/* What a group took, in the text that was matched; *LENGTH 0 where it took no part. */
static const char *group(const GMatchInfo *match, int number, int *length)
{
    int from = 0, to = 0;
    gboolean took = g_match_info_fetch_pos(match, number, &from, &to) && from >= 0 && to > from;
    *length = took ? to - from : 0;
    return g_match_info_get_string(match) + MAX(from, 0);
}

static int month_number(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(months); i++)
        if (g_ascii_strncasecmp(name, months[i], 3) == 0)
            return (int)i + 1;
    return atoi(name);
}

static void take_date(const GMatchInfo *match, ListedEntry *entry)
{
    int length;
    const char *first = group(match, GROUP_FIRST, &length);
    if (length == 0)
        return;
    gboolean year_first = length == 4;
    const char *last = group(match, GROUP_LAST, &length);
    int year = atoi(year_first ? first : last), day = atoi(year_first ? last : first);
    int month = month_number(group(match, GROUP_MONTH, &length));
    const char *time = group(match, GROUP_TIME, &length);
    if (g_date_valid_dmy((GDateDay)day, (GDateMonth)month, (GDateYear)year))
        entry->modified = g_strdup_printf("%04d-%02d-%02dT%.*s", year, month, day, length, time);
}

/* FALSE where group NUMBER, which the group of its unit follows, has none. */
static gboolean take_size(const GMatchInfo *match, int number, ListedEntry *entry)
{
    int length, unit_length;
    const char *text = group(match, number, &length);
    const char *unit = group(match, number + 1, &unit_length);
    if (length == 0)
        return FALSE;
    g_autofree char *digits = g_strndup(text, (gsize)length);
    guint64 bytes;
    if (unit_length == 0 && g_ascii_string_to_unsigned(digits, 10, 0, G_MAXINT64, &bytes, NULL)) {
        entry->size = bytes;
        return TRUE;
    }
    double value = g_ascii_strtod(digits, NULL);
    if (unit_length > 0) {
        static const char units[] = "KMGTPE";
        const char *place = strchr(units, g_ascii_toupper(*unit));
        value *= (double)(G_GUINT64_CONSTANT(1) << (10 * (place - units + 1)));
    }
    if (value < 1e18) {
        entry->size = (guint64)value;
        entry->size_is_rounded = TRUE;
    }
    return TRUE;
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
    if (entry->size == SIZE_UNKNOWN && entry->kind != LISTED_FOLDER &&
        !take_size(match, GROUP_SIZE, entry))
        take_size(match, GROUP_LONE, entry);
}

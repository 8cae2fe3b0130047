#include "duration.h"

#include <string.h>

gboolean duration_parse(const char *text, guint64 *seconds)
{
    static const struct {
        const char *unit;
        guint64 seconds;
    } units[] = {{"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}};
    gsize digits = strspn(text, "0123456789");
    g_autofree char *number = g_strndup(text, digits);
    guint64 value = 0;
    if (!g_ascii_string_to_unsigned(number, 10, 0, G_MAXINT32, &value, NULL)) {
        return FALSE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
        if (strcmp(text + digits, units[i].unit) == 0) {
            *seconds = value * units[i].seconds;
            return TRUE;
        }
    }
    return FALSE;
}

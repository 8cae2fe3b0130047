#include "size_text.h"

char *size_text(guint64 bytes)
{
    g_autofree char *text = g_format_size(bytes);
    g_auto(GStrv) parts = g_strsplit(text, "\u00a0", -1);
    return g_strjoinv(" ", parts);
}

/* Lines for s5cmd: of each, the address it copies from; the rest is for a program that is not run.
 */
#include "uid_list_private.h"

#include "i18n.h"
#include "line_reader.h"

#include <string.h>

#define MOST_LINE_BYTES 65536

/* The first word of LINE that is an address of a bucket, its quotes taken off; owned. */
static char *find_url(const char *line)
{
    g_auto(GStrv) words = g_strsplit_set(line, " \t", -1);
    for (char **word = words; *word; word++) {
        char *text = *word;
        gsize length = strlen(text);
        if (length > 1 && (*text == '"' || *text == '\'')) {
            if (text[length - 1] == *text)
                text[length - 1] = '\0';
            text++;
        }
        if (g_str_has_prefix(text, "s3://") || g_str_has_prefix(text, "gs://"))
            return g_strdup(text);
    }
    return NULL;
}

static gboolean take_line(UidListing *listing, guint64 number, char *line)
{
    if (number == 1 && g_str_has_prefix(line, "\xef\xbb\xbf"))
        line += 3;
    line = g_strstrip(line);
    if (!*line || *line == '#')
        return TRUE;
    g_autofree char *url = find_url(line);
    g_autofree char *bucket = NULL;
    g_autofree char *uuid = NULL;
    g_autofree char *object = NULL;
    if (!url || !uid_list_take_url(url, &bucket, &uuid, &object)) {
        uid_list_tell_strange(listing, number, line,
                              url ? _("its address is no series of the Imaging Data Commons")
                                  : _("it names no address of a bucket"));
        return TRUE;
    }
    return uid_list_give(
        listing, &(SeriesItem){.line = number, .bucket = bucket, .uuid = uuid, .object = object});
}

gboolean uid_list_read_s5cmd(UidListing *listing)
{
    g_autoptr(LineReader) lines = line_reader_new(listing->fd, MOST_LINE_BYTES);
    char *line;
    gsize length;
    int failed = 0;
    LineResult result;
    while ((result = line_reader_next(lines, &line, &length, NULL, &failed)) == LINE_READ) {
        if (!take_line(listing, line_reader_number(lines), line))
            return FALSE;
    }
    return uid_list_ended(listing, (int)result, line_reader_number(lines) + 1, failed);
}

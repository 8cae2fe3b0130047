#include "uid_list_private.h"

#include "dicom_head.h"
#include "error.h"
#include "i18n.h"
#include "line_reader.h"
#include "relpath.h"

#include <string.h>

void uid_list_head_clear(UidListHead *head)
{
    g_clear_pointer(&head->foreign_host, g_free);
}

static gboolean ends_in(const char *path, const char *ending)
{
    gsize length = strlen(path), tail = strlen(ending);
    return length > tail && g_ascii_strcasecmp(path + length - tail, ending) == 0;
}

gboolean uid_list_is_name(const char *path)
{
    return ends_in(path, ".tcia") || ends_in(path, ".s5cmd") || ends_in(path, ".csv") ||
           ends_in(path, ".tsv");
}

gboolean uid_list_is_uid(const char *text)
{
    return dicom_uid_is_valid(text) && strchr(text, '.');
}

static gboolean is_uuid(const char *text)
{
    for (gsize i = 0; i < 36; i++) {
        gboolean dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !g_ascii_isxdigit(text[i]))
            return FALSE;
    }
    return text[36] == '\0' || text[36] == '/';
}

static gboolean is_bucket(const char *name)
{
    gsize length = strlen(name);
    return length >= 3 && length <= 63 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-._") == length;
}

gboolean uid_list_take_url(const char *url, char **bucket, char **uuid, char **object)
{
    const char *name =
        g_str_has_prefix(url, "s3://") || g_str_has_prefix(url, "gs://") ? url + 5 : NULL;
    const char *slash = name ? strchr(name, '/') : NULL;
    *bucket = *uuid = *object = NULL;
    if (!slash || !is_uuid(slash + 1))
        return FALSE;
    const char *rest = slash + 1 + 36;
    rest += *rest == '/';
    gboolean all = !*rest || strcmp(rest, "*") == 0;
    g_autofree char *found = g_strndup(name, (gsize)(slash - name));
    if (!is_bucket(found) || (!all && (strpbrk(rest, "/*?[\\") || !relpath_check(rest, NULL))))
        return FALSE;
    *bucket = g_steal_pointer(&found);
    *uuid = g_ascii_strdown(slash + 1, 36);
    *object = all ? NULL : g_strdup(rest);
    return TRUE;
}

gboolean uid_list_give(UidListing *listing, const SeriesItem *item)
{
    listing->head->items++;
    return listing->taker->item(listing->taker->data, item, listing->error);
}

void uid_list_tell_strange(UidListing *listing, guint64 line, const char *text, const char *why)
{
    listing->head->strange++;
    if (!listing->taker->strange)
        return;
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_autofree char *start = g_utf8_strlen(valid, -1) > 60 ? g_utf8_substring(valid, 0, 60) : NULL;
    g_autofree char *shown = relpath_display(start ? start : valid);
    listing->taker->strange(listing->taker->data, line, shown, why);
}

gboolean uid_list_refuse(UidListing *listing, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(listing->error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE, text);
    return FALSE;
}

gboolean uid_list_ended(UidListing *listing, int result, guint64 line, int failed)
{
    if (result == LINE_FAILED)
        return error_set_storage(listing->error, failed, _("cannot read %s"), listing->shown);
    if (result == LINE_TOO_LONG)
        return uid_list_refuse(
            listing, _("%s: line %" G_GUINT64_FORMAT " is longer than any line of such a list."),
            listing->shown, line);
    return TRUE;
}

gboolean uid_list_read(int fd, const char *path, const SeriesTaker *taker, UidListHead *head,
                       GError **error)
{
    g_autofree char *shown = relpath_display(path);
    UidListing listing = {fd, path, shown, taker, head, error};
    memset(head, 0, sizeof *head);
    gboolean done = ends_in(path, ".tcia")    ? uid_list_read_tcia(&listing)
                    : ends_in(path, ".s5cmd") ? uid_list_read_s5cmd(&listing)
                                              : uid_list_read_table(&listing);
    if (!done || head->items > 0)
        return done;
    return uid_list_refuse(&listing,
                           _("%s names no series. A list of series is what a collection's page "
                             "gives for the Data Retriever (.tcia), or a table with a column "
                             "SeriesInstanceUID."),
                           shown);
}

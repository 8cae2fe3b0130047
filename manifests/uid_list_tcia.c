/* TCIA's manifest: Java properties, then a UID a line. */
#include "uid_list_private.h"

#include "i18n.h"
#include "line_reader.h"
#include "where_keys.h"

#include <stdlib.h>
#include <string.h>

#define MOST_LINE_BYTES 65536

typedef struct {
    UidListing *listing;
    gboolean has_key, has_marker, has_basket;
    char version[16];
} Manifest3;

/* "https://HOST[:PORT]/..." -> HOST, lower case; NULL where it is none. */
static char *host_of(const char *address)
{
    const char *host = strstr(address, "://");
    if (!host)
        return NULL;
    host += 3;
    gsize length = strcspn(host, "/:?#");
    const char *at = memchr(host, '@', length);
    return at ? NULL : g_ascii_strdown(host, (gssize)length);
}

static void take_server(UidListHead *head, const char *address)
{
    g_autofree char *host = host_of(address);
    static const char domain[] = "cancerimagingarchive.net";
    gboolean is_own =
        host && (strcmp(host, domain) == 0 || g_str_has_suffix(host, ".cancerimagingarchive.net"));
    head->is_nlst = is_own && g_str_has_prefix(host, "nlst.");
    g_clear_pointer(&head->foreign_host, g_free);
    if (!is_own && *address)
        head->foreign_host = host ? g_steal_pointer(&host) : g_strdup("?");
}

static gboolean take_key(Manifest3 *file, guint64 number, char *line, char *sign)
{
    UidListing *listing = file->listing;
    *sign = '\0';
    const char *key = g_strstrip(line), *value = g_strstrip(sign + 1);
    file->has_key = TRUE;
    if (g_ascii_strcasecmp(key, "ListOfSeriesToDownload") == 0) {
        file->has_marker = TRUE;
    } else if (g_ascii_strcasecmp(key, "manifestVersion") == 0) {
        g_strlcpy(file->version, *value ? value : "?", sizeof file->version);
    } else if (g_ascii_strcasecmp(key, "downloadServerUrl") == 0) {
        take_server(listing->head, value);
    } else if (g_ascii_strcasecmp(key, "tempLoc") == 0) {
        file->has_basket = TRUE;
    } else if (g_ascii_strcasecmp(key, "dataType") == 0 &&
               g_ascii_strcasecmp(value, "other") == 0) {
        uid_list_tell_strange(listing, number, value, _("what is no DICOM is not in these lists"));
    }
    return TRUE;
}

/* Before the first series: is it a manifest whose list is in it? */
static gboolean check_version(Manifest3 *file)
{
    UidListing *listing = file->listing;
    guint64 major = g_ascii_strtoull(file->version, NULL, 10);
    if ((!*file->version && !file->has_basket) || major == 3)
        return TRUE;
    if (!*file->version || major == 1 || major == 2)
        return uid_list_refuse(
            listing,
            _("%s is a manifest of version %s, which has no list in it: it names a basket on a "
              "server of TCIA's that is gone. Get a newer one from the collection's page, or pull "
              "by the collection's name: medmirror pull tcia/COLLECTION"),
            listing->shown, *file->version ? file->version : "1.0");
    g_autofree char *version = g_utf8_make_valid(file->version, -1);
    return uid_list_refuse(
        listing,
        _("%s is a manifest of version %s; versions 3 are known. Pull by the collection's name: "
          "medmirror pull tcia/COLLECTION"),
        listing->shown, version);
}

static gboolean take_series(Manifest3 *file, guint64 number, char *line)
{
    UidListing *listing = file->listing;
    gsize length = strlen(line);
    while (length > 0 && (line[length - 1] == ',' || line[length - 1] == ';' ||
                          g_ascii_isspace(line[length - 1])))
        line[--length] = '\0';
    if (!length)
        return TRUE;
    if (uid_list_is_uid(line))
        return uid_list_give(listing, &(SeriesItem){.line = number, .series = line});
    /* The title of a column, as TCIA's own server writes it. */
    if (g_strcmp0(where_key_canonical(line), "SeriesInstanceUID") != 0)
        uid_list_tell_strange(listing, number, line, _("it is no UID"));
    return TRUE;
}

static gboolean take_line(Manifest3 *file, guint64 number, char *line)
{
    if (number == 1 && g_str_has_prefix(line, "\xef\xbb\xbf"))
        line += 3;
    line = g_strstrip(line);
    char *sign = strchr(line, '=');
    if (!*line || *line == '#' || *line == '!')
        return TRUE;
    if (sign)
        return take_key(file, number, line, sign);
    /* Lines without any header are a list as well; with a header, it begins at the marker. */
    if (file->has_key && !file->has_marker && !uid_list_is_uid(line)) {
        uid_list_tell_strange(file->listing, number, line, _("it is no line of a header"));
        return TRUE;
    }
    return check_version(file) && take_series(file, number, line);
}

gboolean uid_list_read_tcia(UidListing *listing)
{
    Manifest3 file = {.listing = listing};
    g_autoptr(LineReader) lines = line_reader_new(listing->fd, MOST_LINE_BYTES);
    char *line;
    gsize length;
    int failed = 0;
    LineResult result;
    while ((result = line_reader_next(lines, &line, &length, NULL, &failed)) == LINE_READ) {
        if (!take_line(&file, line_reader_number(lines), line))
            return FALSE;
    }
    return uid_list_ended(listing, (int)result, line_reader_number(lines) + 1, failed) &&
           check_version(&file);
}

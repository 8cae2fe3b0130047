#include "html_listing.h"

#include "error.h"
#include "i18n.h"
#include "json_stream.h"
#include "verdict.h"
#include "web_address.h"

#include <jansson.h>
#include <string.h>

static void read_date(const json_t *element, ListedEntry *entry)
{
    const char *iso = json_string_value(json_object_get(element, "mod_time")); /* Caddy */
    if (iso) {
        g_autoptr(GDateTime) date = g_date_time_new_from_iso8601(iso, NULL);
        g_autoptr(GDateTime) utc = date ? g_date_time_to_utc(date) : NULL;
        entry->modified = utc ? g_date_time_format(utc, "%Y-%m-%dT%H:%M:%S") : NULL;
    } else {
        entry->modified =
            web_date_normalise(json_string_value(json_object_get(element, "mtime"))); /* nginx */
    }
}

static gboolean take_element(const json_t *element, gpointer data, GError **error)
{
    const ListedEntryTaker *taker = data;
    const char *name = json_string_value(json_object_get(element, "name"));
    if (!name) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("The server's listing has an entry without a name."));
        return FALSE;
    }
    const char *type = json_string_value(json_object_get(element, "type"));
    if (g_strcmp0(type, "other") == 0)
        return TRUE; /* a device or a socket (nginx) */
    ListedEntry entry = {
        .href = g_strdup(name), .is_plain_name = TRUE, .kind = LISTED_FILE, .size = SIZE_UNKNOWN};
    if (json_is_true(json_object_get(element, "is_dir")) || g_strcmp0(type, "directory") == 0)
        entry.kind = LISTED_FOLDER;
    const json_t *size = json_object_get(element, "size");
    if (entry.kind == LISTED_FILE && json_is_integer(size) && json_integer_value(size) >= 0)
        entry.size = (guint64)json_integer_value(size);
    if (!taker->names_only)
        read_date(element, &entry);
    gboolean taken = taker->func(&entry, taker->data, error);
    listed_entry_clear(&entry);
    return taken;
}

gboolean listing_read_json(int fd, const ListedEntryTaker *taker, ListingShape *shape,
                           GError **error)
{
    JsonStreamShape seen;
    if (!json_stream_array(fd, take_element, (gpointer)taker, &seen, error)) {
        *shape = LISTING_JSON;
        return FALSE;
    }
    /* null is Caddy's word for an empty folder. */
    *shape = seen == JSON_STREAM_ARRAY || seen == JSON_STREAM_NULL ? LISTING_JSON : LISTING_NONE;
    return TRUE;
}

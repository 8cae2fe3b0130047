#include "html_listing.h"

#include "error.h"
#include "i18n.h"
#include "verdict.h"
#include "web_address.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#define ELEMENT_MOST 65536

/* jansson is fed a byte at a time, so that it never reads past the element that it was asked for.
 */
typedef struct {
    int fd;
    guint8 bytes[16384];
    gsize at, length;
    gsize budget;
    int error_number;
} ByteReader;

/* The next byte, -1 at the end or on an error. */
static int byte_peek(ByteReader *reader)
{
    if (reader->at == reader->length) {
        ssize_t got = TEMP_FAILURE_RETRY(read(reader->fd, reader->bytes, sizeof reader->bytes));
        if (got < 0)
            reader->error_number = errno;
        if (got <= 0)
            return -1;
        reader->at = 0;
        reader->length = (gsize)got;
    }
    return reader->bytes[reader->at];
}

static int byte_skip_blank(ByteReader *reader)
{
    int byte;
    while ((byte = byte_peek(reader)) >= 0 && g_ascii_isspace(byte))
        reader->at++;
    return byte;
}

static size_t give_byte(void *buffer, size_t room, void *data)
{
    ByteReader *reader = data;
    int byte = byte_peek(reader);
    if (byte < 0)
        return 0;
    if (reader->budget == 0)
        return (size_t)-1;
    reader->budget--;
    reader->at++;
    *(guint8 *)buffer = (guint8)byte;
    return 1;
}

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

static gboolean take_element(const json_t *element, const ListedEntryTaker *taker, GError **error)
{
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

static gboolean wrong_json(const ByteReader *reader, const char *why, GError **error)
{
    if (reader->error_number)
        return error_set_storage(error, reader->error_number, _("A listing cannot be read back"));
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                _("The server's listing is no JSON that can be read: %s."), why);
    return FALSE;
}

static gboolean read_elements(ByteReader *reader, const ListedEntryTaker *taker, GError **error)
{
    if (byte_skip_blank(reader) == ']')
        return TRUE;
    for (;;) {
        json_error_t why;
        reader->budget = ELEMENT_MOST;
        json_t *element = json_load_callback(give_byte, reader,
                                             JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &why);
        if (!element)
            return wrong_json(reader, why.text, error);
        gboolean taken = take_element(element, taker, error);
        json_decref(element);
        if (!taken)
            return FALSE;
        int byte = byte_skip_blank(reader);
        if (byte == ']')
            return TRUE;
        if (byte != ',')
            return wrong_json(reader, _("it ends early"), error);
        reader->at++;
    }
}

gboolean listing_read_json(int fd, const ListedEntryTaker *taker, ListingShape *shape,
                           GError **error)
{
    ByteReader reader = {.fd = fd};
    int byte = byte_skip_blank(&reader);
    if (byte == 'n') { /* Caddy's word for an empty folder: null */
        *shape = LISTING_JSON;
        return TRUE;
    }
    *shape = byte == '[' ? LISTING_JSON : LISTING_NONE;
    if (byte != '[')
        return reader.error_number ? wrong_json(&reader, "", error) : TRUE;
    reader.at++;
    return read_elements(&reader, taker, error);
}

#include "json_stream.h"

#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <unistd.h>

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

static gboolean wrong_json(const ByteReader *reader, const char *why, GError **error)
{
    if (reader->error_number)
        return error_set_storage(error, reader->error_number, _("A listing cannot be read back"));
    g_autofree char *valid = g_utf8_make_valid(why, -1); /* jansson quotes a part, cut anywhere */
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                _("The server's listing is no JSON that can be read: %s."), valid);
    return FALSE;
}

static gboolean read_elements(ByteReader *reader, JsonElementFunc func, gpointer data,
                              GError **error)
{
    if (byte_skip_blank(reader) == ']')
        return TRUE;
    for (;;) {
        json_error_t why;
        reader->budget = JSON_ELEMENT_MOST;
        json_t *element = json_load_callback(give_byte, reader,
                                             JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &why);
        if (!element)
            return wrong_json(reader, why.text, error);
        gboolean taken = func(element, data, error);
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

gboolean json_stream_array(int fd, JsonElementFunc func, gpointer data, JsonStreamShape *shape,
                           GError **error)
{
    ByteReader reader = {.fd = fd};
    int byte = fd < 0 ? -1 : byte_skip_blank(&reader);
    *shape = byte < 0      ? JSON_STREAM_EMPTY
             : byte == '[' ? JSON_STREAM_ARRAY
             : byte == 'n' ? JSON_STREAM_NULL
                           : JSON_STREAM_OTHER;
    if (reader.error_number)
        return wrong_json(&reader, "", error);
    if (byte != '[')
        return TRUE;
    reader.at++;
    return read_elements(&reader, func, data, error);
}

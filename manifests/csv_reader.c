#include "csv_reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES 65536

struct CsvReader {
    int fd;
    char delimiter; /* '\0': not known yet */
    char buffer[BUFFER_BYTES];
    gsize at, end;
    gboolean begun; /* the byte order mark is passed */
    int failed;
    guint64 line, record_line; /* of the next byte, and where the record began */
    GString *text;             /* the record's fields, each with its NUL */
    GArray *starts;            /* gsize: where they begin in TEXT */
    GPtrArray *fields;
};

CsvReader *csv_reader_new(int fd, char delimiter)
{
    CsvReader *reader = g_new0(CsvReader, 1);
    reader->fd = fd;
    reader->delimiter = delimiter;
    reader->line = 1;
    reader->text = g_string_new(NULL);
    reader->starts = g_array_new(FALSE, FALSE, sizeof(gsize));
    reader->fields = g_ptr_array_new();
    return reader;
}

void csv_reader_free(CsvReader *reader)
{
    if (!reader)
        return;
    g_string_free(reader->text, TRUE);
    g_array_unref(reader->starts);
    g_ptr_array_unref(reader->fields);
    g_free(reader);
}

guint64 csv_reader_line(const CsvReader *reader)
{
    return reader->record_line;
}

/* As many bytes as there are, up to a whole buffer: what is looked at first must not depend on how
 * they come. */
static void fill(CsvReader *reader)
{
    reader->at = reader->end = 0;
    while (reader->end < sizeof reader->buffer) {
        ssize_t got = TEMP_FAILURE_RETRY(
            read(reader->fd, reader->buffer + reader->end, sizeof reader->buffer - reader->end));
        if (got < 0)
            reader->failed = errno;
        if (got <= 0)
            return;
        reader->end += (gsize)got;
    }
}

/* The next byte without taking it; -1 at the end. */
static int peek(CsvReader *reader)
{
    if (reader->at == reader->end)
        fill(reader);
    return reader->at < reader->end ? (guint8)reader->buffer[reader->at] : -1;
}

static char most_frequent(const char *text, gsize length)
{
    static const char candidates[] = "\t,;";
    gsize most = 0;
    char found = ',';
    const char *end = memchr(text, '\n', length);
    length = end ? (gsize)(end - text) : length;
    for (const char *candidate = candidates; *candidate; candidate++) {
        gsize count = 0;
        for (gsize i = 0; i < length; i++)
            count += text[i] == *candidate;
        if (count > most) {
            most = count;
            found = *candidate;
        }
    }
    return found;
}

static void begin(CsvReader *reader)
{
    reader->begun = TRUE;
    peek(reader);
    if (reader->end - reader->at >= 3 &&
        memcmp(reader->buffer + reader->at, "\xef\xbb\xbf", 3) == 0)
        reader->at += 3;
    if (!reader->delimiter)
        reader->delimiter = most_frequent(reader->buffer + reader->at, reader->end - reader->at);
}

static gboolean add_byte(CsvReader *reader, int byte)
{
    if (reader->text->len >= CSV_MOST_BYTES)
        return FALSE;
    g_string_append_c(reader->text, (char)byte);
    return TRUE;
}

/* Behind the opening quote, to the closing one. */
static gboolean take_quoted(CsvReader *reader)
{
    for (int byte; (byte = peek(reader)) >= 0;) {
        reader->at++;
        reader->line += byte == '\n';
        if (byte == '"') {
            if (peek(reader) != '"')
                return TRUE;
            reader->at++;
        }
        if (!add_byte(reader, byte))
            return FALSE;
    }
    return TRUE;
}

/* One field; *MORE: another follows in this record. FALSE: too long. */
static gboolean take_field(CsvReader *reader, gboolean *more)
{
    g_array_append_val(reader->starts, reader->text->len);
    *more = FALSE;
    if (reader->starts->len > CSV_MOST_FIELDS)
        return FALSE;
    if (peek(reader) == '"') {
        reader->at++;
        if (!take_quoted(reader))
            return FALSE;
    }
    for (int byte; (byte = peek(reader)) >= 0;) {
        reader->at++;
        if (byte == reader->delimiter) {
            *more = TRUE;
            break;
        }
        if (byte == '\n') {
            reader->line++;
            break;
        }
        if (byte == '\r' && (peek(reader) == '\n' || peek(reader) < 0))
            continue;
        if (!add_byte(reader, byte))
            return FALSE;
    }
    return add_byte(reader, '\0');
}

static gboolean is_empty(const CsvReader *reader)
{
    return reader->starts->len == 1 && reader->text->len == 1;
}

CsvResult csv_reader_next(CsvReader *reader, const GPtrArray **fields, int *errno_value)
{
    if (!reader->begun)
        begin(reader);
    do {
        g_string_truncate(reader->text, 0);
        g_array_set_size(reader->starts, 0);
        reader->record_line = reader->line;
        gboolean more = peek(reader) >= 0;
        while (more) {
            if (!take_field(reader, &more))
                return CSV_TOO_LONG;
        }
    } while (is_empty(reader));
    if (reader->failed) {
        *errno_value = reader->failed;
        return CSV_FAILED;
    }
    if (reader->starts->len == 0)
        return CSV_END;
    g_ptr_array_set_size(reader->fields, 0);
    for (guint i = 0; i < reader->starts->len; i++)
        g_ptr_array_add(reader->fields,
                        reader->text->str + g_array_index(reader->starts, gsize, i));
    *fields = reader->fields;
    return CSV_READ;
}

#include "line_reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define FIRST_CAPACITY 65536

struct LineReader {
    int fd;
    gsize most;
    char *buffer; /* one byte more than the capacity, for the NUL */
    gsize capacity;
    gsize start; /* of what is not returned yet */
    gsize end;
    gboolean at_end;
    guint64 number;
};

LineReader *line_reader_new(int fd, gsize most_bytes)
{
    LineReader *reader = g_new0(LineReader, 1);
    reader->fd = fd;
    reader->most = most_bytes;
    reader->capacity = FIRST_CAPACITY;
    reader->buffer = g_malloc(reader->capacity + 1);
    return reader;
}

void line_reader_free(LineReader *reader)
{
    if (!reader)
        return;
    g_free(reader->buffer);
    g_free(reader);
}

guint64 line_reader_number(const LineReader *reader)
{
    return reader->number;
}

/* Reads more behind what is there; an errno, or 0. */
static int fill(LineReader *reader)
{
    if (reader->start > 0) {
        memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
    }
    if (reader->end == reader->capacity) {
        reader->capacity *= 2;
        reader->buffer = g_realloc(reader->buffer, reader->capacity + 1);
    }
    ssize_t got = TEMP_FAILURE_RETRY(
        read(reader->fd, reader->buffer + reader->end, reader->capacity - reader->end));
    if (got < 0)
        return errno;
    reader->at_end = got == 0;
    reader->end += (gsize)got;
    return 0;
}

/* Drops the rest of a line that is too long. */
static LineResult pass_over(LineReader *reader, int *errno_value)
{
    for (;;) {
        char *from = reader->buffer + reader->start;
        char *lf = memchr(from, '\n', reader->end - reader->start);
        if (lf) {
            reader->start = (gsize)(lf + 1 - reader->buffer);
            return LINE_TOO_LONG;
        }
        reader->start = reader->end = 0;
        if (reader->at_end)
            return LINE_TOO_LONG;
        *errno_value = fill(reader);
        if (*errno_value)
            return LINE_FAILED;
    }
}

LineResult line_reader_next(LineReader *reader, char **line, gsize *length, gboolean *whole,
                            int *errno_value)
{
    gsize searched = 0;
    char *lf;
    reader->number++;
    for (;;) {
        char *from = reader->buffer + reader->start;
        gsize there = reader->end - reader->start;
        lf = memchr(from + searched, '\n', there - searched);
        if (lf || (reader->at_end && there > 0))
            break;
        if (reader->at_end)
            return LINE_END;
        if (there > reader->most)
            return pass_over(reader, errno_value);
        searched = there;
        *errno_value = fill(reader);
        if (*errno_value)
            return LINE_FAILED;
    }
    *line = reader->buffer + reader->start;
    *length = lf ? (gsize)(lf - *line) : reader->end - reader->start;
    (*line)[*length] = '\0';
    reader->start += *length + (lf ? 1 : 0);
    if (whole)
        *whole = lf != NULL;
    return *length > reader->most ? LINE_TOO_LONG : LINE_READ;
}

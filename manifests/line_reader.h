/*
 * Lines of a file, one at a time, in memory that is bounded whatever the file holds.
 */
#pragma once

#include <glib.h>

typedef struct LineReader LineReader;

typedef enum {
    LINE_READ,
    LINE_END,
    LINE_TOO_LONG, /* passed over; the next call reads the line behind it */
    LINE_FAILED,   /* *ERRNO_VALUE says why */
} LineResult;

/* FD is read from where it stands and stays the caller's. A line of more than MOST_BYTES is too
 * long. */
LineReader *line_reader_new(int fd, gsize most_bytes);
/* *LINE, without its LF and with a NUL behind, is borrowed until the next call and may be written
 * to. A last line without LF is a line; *WHOLE (may be NULL) is FALSE then. */
LineResult line_reader_next(LineReader *reader, char **line, gsize *length, gboolean *whole,
                            int *errno_value);
/* Number of the line last returned, from 1. */
guint64 line_reader_number(const LineReader *reader);
void line_reader_free(LineReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LineReader, line_reader_free)

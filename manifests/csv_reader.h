/*
 * Records of a table as text (RFC 4180), one at a time, in bounded memory: commas or another
 * delimiter, fields in quotes with "" for a quote and line ends inside, CRLF or LF, a byte order
 * mark at the beginning. A quote that stands inside a field without quotes is a character like any
 * other: programs that never quote write them.
 */
#pragma once

#include <glib.h>

typedef struct CsvReader CsvReader;

typedef enum {
    CSV_READ,
    CSV_END,
    CSV_TOO_LONG, /* a record of more than CSV_MOST_BYTES, or more than CSV_MOST_FIELDS: the end */
    CSV_FAILED,   /* *ERRNO_VALUE says why */
} CsvResult;

#define CSV_MOST_BYTES (256 * 1024)
#define CSV_MOST_FIELDS 1000

/* FD is read from where it stands and stays the caller's. DELIMITER '\0': the first of tab, comma
 * and semicolon that is the most frequent one of the first line. */
CsvReader *csv_reader_new(int fd, char delimiter);
/* *FIELDS (char*, NUL-terminated; a NUL inside ends a field) is borrowed until the next call. Empty
 * lines are passed over. */
CsvResult csv_reader_next(CsvReader *reader, const GPtrArray **fields, int *errno_value);
/* The number of the line, from 1, at which the record began that was last returned. */
guint64 csv_reader_line(const CsvReader *reader);
void csv_reader_free(CsvReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CsvReader, csv_reader_free)

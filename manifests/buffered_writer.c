#include "buffered_writer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CAPACITY 65536

struct BufferedWriter {
    int fd;
    int failed; /* the first errno; 0 where none */
    gsize used;
    char bytes[CAPACITY];
};

BufferedWriter *buffered_writer_new(int fd)
{
    BufferedWriter *writer = g_new(BufferedWriter, 1);
    writer->fd = fd;
    writer->failed = 0;
    writer->used = 0;
    return writer;
}

void buffered_writer_free(BufferedWriter *writer)
{
    g_free(writer);
}

static int write_all(BufferedWriter *writer, const char *bytes, gsize length)
{
    while (length > 0 && !writer->failed) {
        ssize_t written = TEMP_FAILURE_RETRY(write(writer->fd, bytes, length));
        if (written < 0) {
            writer->failed = errno;
            break;
        }
        bytes += written;
        length -= (gsize)written;
    }
    return writer->failed;
}

int buffered_writer_flush(BufferedWriter *writer)
{
    gsize length = writer->used;
    writer->used = 0;
    return write_all(writer, writer->bytes, length);
}

int buffered_writer_add(BufferedWriter *writer, const void *bytes, gsize length)
{
    if (writer->used + length > CAPACITY)
        buffered_writer_flush(writer);
    if (length > CAPACITY)
        return write_all(writer, bytes, length);
    memcpy(writer->bytes + writer->used, bytes, length);
    writer->used += length;
    return writer->failed;
}

#include "unpack_protocol.h"

#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    guint32 kind;
    guint32 length;
} FrameHeader;

typedef struct {
    guint64 size;
    guint32 type;
    guint32 provisional;
    guint32 bare;
    guint32 name_length;
    guint32 target_length;
    guint32 unused;
} EntryFrame;

typedef struct {
    guint64 number;
    guint32 code;
    guint32 unused;
} NumberFrame;

#define LONGEST_PAYLOAD UNPACK_DATA_MAX
#define DIRECT_BYTES ((gsize)64 * 1024)
#define BUFFER_BYTES (2 * (LONGEST_PAYLOAD + sizeof(FrameHeader)))

struct UnpackWriter {
    int fd;
    gsize used;
    guint8 *buffer;
};

UnpackWriter *unpack_writer_new(int fd)
{
    UnpackWriter *writer = g_new0(UnpackWriter, 1);
    writer->fd = fd;
    writer->buffer = g_malloc(BUFFER_BYTES);
    return writer;
}

void unpack_writer_free(UnpackWriter *writer)
{
    if (!writer)
        return;
    g_free(writer->buffer);
    g_free(writer);
}

static void write_all(const UnpackWriter *writer, const guint8 *bytes, gsize length)
{
    while (length > 0) {
        gssize n = TEMP_FAILURE_RETRY(write(writer->fd, bytes, length));
        if (n < 0)
            _exit(1); /* nobody is there to be told */
        bytes += n;
        length -= (gsize)n;
    }
}

void unpack_writer_flush(UnpackWriter *writer)
{
    write_all(writer, writer->buffer, writer->used);
    writer->used = 0;
}

/* Room for a frame of LENGTH bytes of payload; returns where the payload goes. */
static guint8 *frame_begin(UnpackWriter *writer, UnpackMessageKind kind, gsize length)
{
    if (BUFFER_BYTES - writer->used < sizeof(FrameHeader) + length)
        unpack_writer_flush(writer);
    const FrameHeader header = {kind, (guint32)length};
    memcpy(writer->buffer + writer->used, &header, sizeof(header));
    writer->used += sizeof(header) + length;
    return writer->buffer + writer->used - length;
}

void unpack_write_entry(UnpackWriter *writer, const UnpackMessage *entry)
{
    const gsize name = MIN(entry->name_length, UNPACK_NAME_MAX);
    const gsize target = MIN(entry->target_length, UNPACK_NAME_MAX);
    const EntryFrame frame = {.size = entry->size,
                              .type = entry->type,
                              .provisional = entry->provisional != FALSE,
                              .bare = entry->bare != FALSE,
                              .name_length = (guint32)name,
                              .target_length = (guint32)target};
    guint8 *to = frame_begin(writer, UNPACK_MESSAGE_ENTRY, sizeof(frame) + name + target);
    memcpy(to, &frame, sizeof(frame));
    if (name)
        memcpy(to + sizeof(frame), entry->name, name);
    if (target)
        memcpy(to + sizeof(frame) + name, entry->target, target);
}

/* A copy less: the header goes out with what is gathered, the bytes behind it as they lie. */
static void write_direct(UnpackWriter *writer, const guint8 *bytes, gsize length)
{
    frame_begin(writer, UNPACK_MESSAGE_DATA, length);
    writer->used -= length;
    unpack_writer_flush(writer);
    write_all(writer, bytes, length);
}

void unpack_write_data(UnpackWriter *writer, const void *bytes, gsize length)
{
    const guint8 *from = bytes;
    while (length > 0) {
        gsize n = MIN(length, UNPACK_DATA_MAX);
        if (n >= DIRECT_BYTES)
            write_direct(writer, from, n);
        else
            memcpy(frame_begin(writer, UNPACK_MESSAGE_DATA, n), from, n);
        from += n;
        length -= n;
    }
}

guint8 *unpack_writer_room(UnpackWriter *writer)
{
    if (BUFFER_BYTES - writer->used < sizeof(FrameHeader) + UNPACK_DATA_MAX)
        unpack_writer_flush(writer);
    return writer->buffer + writer->used + sizeof(FrameHeader);
}

void unpack_writer_fill(UnpackWriter *writer, gsize length)
{
    if (length > 0)
        (void)frame_begin(writer, UNPACK_MESSAGE_DATA, length);
}

static void write_number_frame(UnpackWriter *writer, UnpackMessageKind kind, guint64 number,
                               guint32 code)
{
    const NumberFrame frame = {.number = number, .code = code};
    memcpy(frame_begin(writer, kind, sizeof(frame)), &frame, sizeof(frame));
}

void unpack_write_number(UnpackWriter *writer, UnpackMessageKind kind, guint64 number)
{
    write_number_frame(writer, kind, number, 0);
}

void unpack_write_warning(UnpackWriter *writer, UnpackWarning warning, guint64 number)
{
    write_number_frame(writer, UNPACK_MESSAGE_WARNING, number, warning);
}

void unpack_write_failure(UnpackWriter *writer, int code, const char *text)
{
    const gsize length = MIN(strlen(text), UNPACK_TEXT_MAX);
    const NumberFrame frame = {.code = (guint32)code};
    guint8 *to = frame_begin(writer, UNPACK_MESSAGE_FAILURE, sizeof(frame) + length);
    memcpy(to, &frame, sizeof(frame));
    memcpy(to + sizeof(frame), text, length);
}

struct UnpackReader {
    int fd;
    gsize start, end;
    guint8 *buffer;
    char *text; /* of the last FAILURE */
};

UnpackReader *unpack_reader_new(int fd)
{
    UnpackReader *reader = g_new0(UnpackReader, 1);
    reader->fd = fd;
    reader->buffer = g_malloc(BUFFER_BYTES);
    return reader;
}

void unpack_reader_free(UnpackReader *reader)
{
    if (!reader)
        return;
    g_free(reader->text);
    g_free(reader->buffer);
    g_free(reader);
}

static UnpackRead impossible(GError **error)
{
    g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                        _("The unpacking process said something that cannot be understood."));
    return UNPACK_READ_ERROR;
}

static gboolean parse_entry(const guint8 *payload, gsize length, UnpackMessage *message)
{
    EntryFrame frame;
    if (length < sizeof(frame))
        return FALSE;
    memcpy(&frame, payload, sizeof(frame));
    if (frame.type >= UNPACK_TYPES || frame.provisional > 1 || frame.bare > 1 ||
        frame.name_length > UNPACK_NAME_MAX || frame.target_length > UNPACK_NAME_MAX ||
        length != sizeof(frame) + frame.name_length + frame.target_length)
        return FALSE;
    message->type = (UnpackType)frame.type;
    message->provisional = frame.provisional == 1;
    message->bare = frame.bare == 1;
    message->size = frame.size;
    message->name = (const char *)payload + sizeof(frame);
    message->name_length = frame.name_length;
    message->target = message->name + frame.name_length;
    message->target_length = frame.target_length;
    return TRUE;
}

static gboolean parse_failure(UnpackReader *reader, const guint8 *text, gsize length,
                              UnpackMessage *message)
{
    if (length > UNPACK_TEXT_MAX ||
        (message->code != MEDMIRROR_ERROR_DAMAGED && message->code != MEDMIRROR_ERROR_UNSAFE &&
         message->code != MEDMIRROR_ERROR_FAILED))
        return FALSE;
    g_free(reader->text);
    reader->text = g_utf8_make_valid((const char *)text, (gssize)length);
    for (char *p = reader->text; *p; p++) {
        if (g_ascii_iscntrl(*p))
            *p = '?';
    }
    message->text = reader->text;
    return TRUE;
}

static gboolean parse_frame(UnpackReader *reader, guint32 kind, const guint8 *payload, gsize length,
                            UnpackMessage *message)
{
    *message = (UnpackMessage){.kind = (UnpackMessageKind)kind};
    NumberFrame frame;
    switch (kind) {
    case UNPACK_MESSAGE_ENTRY:
        return parse_entry(payload, length, message);
    case UNPACK_MESSAGE_DATA:
        message->bytes = payload;
        message->length = length;
        return length > 0;
    case UNPACK_MESSAGE_END:
    case UNPACK_MESSAGE_CONFIRM:
    case UNPACK_MESSAGE_DROP:
    case UNPACK_MESSAGE_PROGRESS:
    case UNPACK_MESSAGE_WARNING:
    case UNPACK_MESSAGE_DONE:
    case UNPACK_MESSAGE_FAILURE:
        break;
    default:
        return FALSE;
    }
    if (length < sizeof(frame))
        return FALSE;
    memcpy(&frame, payload, sizeof(frame));
    message->number = frame.number;
    message->code = (int)frame.code;
    if (kind == UNPACK_MESSAGE_FAILURE)
        return parse_failure(reader, payload + sizeof(frame), length - sizeof(frame), message);
    message->warning = (UnpackWarning)frame.code;
    return length == sizeof(frame) && frame.code < UNPACK_WARNINGS;
}

/* A whole frame in the buffer: its length; 0 where more is needed; -1 where it cannot be. */
static gssize frame_length(const UnpackReader *reader, FrameHeader *header)
{
    const gsize there = reader->end - reader->start;
    if (there < sizeof(*header))
        return 0;
    memcpy(header, reader->buffer + reader->start, sizeof(*header));
    if (header->length > LONGEST_PAYLOAD)
        return -1;
    const gsize whole = sizeof(*header) + header->length;
    return there < whole ? 0 : (gssize)whole;
}

static UnpackRead read_more(UnpackReader *reader, int wake_fd, int timeout_ms, GError **error)
{
    struct pollfd polled[] = {{.fd = reader->fd, .events = POLLIN},
                              {.fd = wake_fd, .events = POLLIN}};
    int ready = TEMP_FAILURE_RETRY(poll(polled, 2, timeout_ms));
    if (ready < 0)
        return impossible(error);
    if (ready == 0 || (polled[1].revents & POLLIN))
        return UNPACK_READ_WOKEN;
    if (reader->start > 0) {
        memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
    }
    gssize n = TEMP_FAILURE_RETRY(
        read(reader->fd, reader->buffer + reader->end, BUFFER_BYTES - reader->end));
    if (n < 0)
        return impossible(error);
    if (n == 0)
        return UNPACK_READ_END; /* also within a frame: the child died */
    reader->end += (gsize)n;
    return UNPACK_READ_MESSAGE;
}

UnpackRead unpack_reader_next(UnpackReader *reader, int wake_fd, int timeout_ms,
                              UnpackMessage *message, GError **error)
{
    FrameHeader header = {0};
    gssize length;
    while ((length = frame_length(reader, &header)) == 0) {
        UnpackRead read = read_more(reader, wake_fd, timeout_ms, error);
        if (read != UNPACK_READ_MESSAGE)
            return read;
    }
    if (length < 0)
        return impossible(error);
    const guint8 *payload = reader->buffer + reader->start + sizeof(header);
    reader->start += (gsize)length;
    if (!parse_frame(reader, header.kind, payload, header.length, message))
        return impossible(error);
    return UNPACK_READ_MESSAGE;
}

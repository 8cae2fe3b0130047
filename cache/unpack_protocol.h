/*
 * What the decoding child tells its parent through a pipe: frames of a kind, a length and a
 * payload.
 *
 *   (ENTRY DATA... END)...  each member; a provisional one is settled later by CONFIRM or DROP, by
 *                           the number it had among the provisional ones (0, 1, ...), in order
 *   WARNING PROGRESS        between any two
 *   DONE | FAILURE          the last frame
 *
 * The child writes, and stops where the pipe is gone. The parent reads distrustfully: lengths,
 * kinds and texts are checked here, the order of frames by whoever stores them.
 */
#pragma once

#include <glib.h>

typedef enum {
    UNPACK_FILE,
    UNPACK_FOLDER,
    UNPACK_SYMLINK,
    UNPACK_HARDLINK,
    UNPACK_DEVICE,
    UNPACK_FIFO,
    UNPACK_SOCKET,
    UNPACK_OTHER,
} UnpackType;
#define UNPACK_TYPES (UNPACK_OTHER + 1)

typedef enum {
    UNPACK_MESSAGE_ENTRY = 1,
    UNPACK_MESSAGE_DATA,
    UNPACK_MESSAGE_END,
    UNPACK_MESSAGE_CONFIRM,
    UNPACK_MESSAGE_DROP,
    UNPACK_MESSAGE_PROGRESS,
    UNPACK_MESSAGE_WARNING,
    UNPACK_MESSAGE_FAILURE,
    UNPACK_MESSAGE_DONE,
} UnpackMessageKind;

typedef enum {
    UNPACK_WARNING_BEHIND,     /* NUMBER bytes behind the archive's end */
    UNPACK_WARNING_BEFORE,     /* NUMBER bytes in front of it */
    UNPACK_WARNING_NO_END,     /* a tar without its end */
    UNPACK_WARNING_NO_CHECK,   /* a format that cannot tell damage (.Z) */
    UNPACK_WARNING_DEAD_ENTRY, /* NUMBER members that the directory does not know */
} UnpackWarning;
#define UNPACK_WARNINGS (UNPACK_WARNING_DEAD_ENTRY + 1)

#define UNPACK_NAME_MAX 65535
#define UNPACK_TEXT_MAX 4096
#define UNPACK_DATA_MAX (256 * 1024)

typedef struct {
    UnpackMessageKind kind;
    /* ENTRY */
    UnpackType type;
    gboolean provisional;
    gboolean bare;             /* a compressed file alone: the parent knows its name */
    guint64 size;              /* as the archive says; G_MAXUINT64 where it does not */
    const char *name, *target; /* raw bytes, not ended by NUL */
    gsize name_length, target_length;
    /* DATA */
    const guint8 *bytes;
    gsize length;
    /* CONFIRM, DROP: which; PROGRESS: bytes of the archive read; END: bytes of the member; WARNING:
     * how many */
    guint64 number;
    UnpackWarning warning;
    int code;         /* FAILURE: of MEDMIRROR_ERROR: _DAMAGED, _UNSAFE, _STORAGE, _FAILED */
    const char *text; /* FAILURE: a sentence, valid UTF-8, ended by NUL */
} UnpackMessage;

/* The child's end. A write that fails ends the process. */
typedef struct UnpackWriter UnpackWriter;
UnpackWriter *unpack_writer_new(int fd); /* FD is borrowed */
void unpack_writer_free(UnpackWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UnpackWriter, unpack_writer_free)
/* What is gathered goes out now: before waiting for more of the archive. */
void unpack_writer_flush(UnpackWriter *writer);
void unpack_write_entry(UnpackWriter *writer, const UnpackMessage *entry);
void unpack_write_data(UnpackWriter *writer, const void *bytes, gsize length);
/* Room for up to UNPACK_DATA_MAX bytes of data to be decoded into; then told how many came. */
guint8 *unpack_writer_room(UnpackWriter *writer);
void unpack_writer_fill(UnpackWriter *writer, gsize length);
/* END, CONFIRM, DROP, PROGRESS, DONE */
void unpack_write_number(UnpackWriter *writer, UnpackMessageKind kind, guint64 number);
void unpack_write_warning(UnpackWriter *writer, UnpackWarning warning, guint64 number);
void unpack_write_failure(UnpackWriter *writer, int code, const char *text);

/* The parent's end. */
typedef enum {
    UNPACK_READ_MESSAGE,
    UNPACK_READ_END,   /* the pipe is closed, perhaps within a message */
    UNPACK_READ_WOKEN, /* WAKE_FD became readable, or the time is up */
    UNPACK_READ_ERROR,
} UnpackRead;
typedef struct UnpackReader UnpackReader;
UnpackReader *unpack_reader_new(int fd); /* FD is borrowed */
void unpack_reader_free(UnpackReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UnpackReader, unpack_reader_free)
/* The next message; what it points to is valid until the next call. WAKE_FD -1: none. Errors:
 * MEDMIRROR_ERROR_FAILED for a message that cannot be. */
UnpackRead unpack_reader_next(UnpackReader *reader, int wake_fd, int timeout_ms,
                              UnpackMessage *message, GError **error);

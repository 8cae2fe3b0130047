/*
 * A line of an external fetcher's program, read strictly (docs/external-fetchers.md).
 */
#pragma once

#include "fetcher.h"

typedef enum {
    MESSAGE_HEAD,
    MESSAGE_FILE,
    MESSAGE_DIGEST,
    MESSAGE_VERSION,
    MESSAGE_PREPARED,
    MESSAGE_ADDRESS,
    MESSAGE_GET,
    MESSAGE_MORE,
    MESSAGE_CREDENTIAL,
    MESSAGE_LOG,
    MESSAGE_DONE,
    MESSAGE_ERROR,
} MessageKind;

typedef enum {
    MESSAGE_ACCESS,
    MESSAGE_ORIGIN,
    MESSAGE_ABSENT,
    MESSAGE_USAGE,
} MessageCode;

typedef enum {
    MESSAGE_SIZE_EXACT,
    MESSAGE_SIZE_HINT,
    MESSAGE_SIZE_ROUNDED,
} MessageSize;

/* What the line says; what its kind does not have is NULL, 0, SIZE_UNKNOWN or -1. */
typedef struct {
    MessageKind kind;
    guint id;
    /* head */
    char *version, *newest_change, *state, *title, *licence, *citation, *homepage, *access_note;
    gboolean state_is_weak, is_one_archive, is_restricted;
    guint64 total_bytes;
    GPtrArray *notes; /* char* */
    /* file, digest */
    char *path, *etag, *last_modified, *modified, *part;
    json_t *facts;
    guint64 size;
    int size_is; /* MessageSize */
    int role;    /* FileRole */
    DigestSet declared, hinted;
    GPtrArray *addresses; /* char* */
    UnpackRule *unpack;
    /* get, prepared, address */
    char *address, *if_none_match, *if_modified_since;
    GPtrArray *headers; /* char* */
    gboolean optional, head_only, any_status, html;
    guint64 most_bytes;
    /* done */
    gboolean unchanged;
    /* log, error, done */
    char *text;
    int code; /* MessageCode */
} Message;

/* The word of a kind, as the lines have it. */
const char *message_kind_word(MessageKind kind);
/* NULL with MEDMIRROR_ERROR_USAGE; NAME stands at the head of messages. Owned. */
Message *message_parse(const char *line, gsize length, const char *name, GError **error);
void message_free(Message *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Message, message_free)

/* Of MESSAGE_HEAD. Owned. */
ListingHead *message_listing_head(const Message *message);
/* Of MESSAGE_FILE, without its addresses; takes the unpack rule out of it. NULL with
 * MEDMIRROR_ERROR_USAGE: an archive whose name does not tell its format. Owned. */
FileSpec *message_file_spec(Message *message, GError **error);

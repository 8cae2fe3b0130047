/*
 * The form of a lock's lines: what its writer, its scanner and its parser share.
 */
#pragma once

#include "lock.h"

#include <stddef.h>

/* A text of the header: its key, and where it stands in a LockHeader. */
typedef struct {
    const char *key;
    gsize offset;
} LockText;

/* In the order of writing: those in front of the counts, then those behind. */
#define LOCK_TEXTS_BEFORE 8
#define LOCK_TEXTS 17
extern const LockText lock_texts[LOCK_TEXTS];

/* The order in which digests are written. */
extern const DigestAlgorithm lock_digest_order[DIGEST_ALGORITHMS];

/* A line in the canonical form, scanned without a tree: FALSE where it is in any other form, right
 * or wrong; FILE and DOWNLOAD, which must be cleared, then are as before. LINE ends in a NUL. */
gboolean lock_scan_file(const char *line, gsize length, LockFile *file);
gboolean lock_scan_download(const char *line, gsize length, LockDownload *download);

typedef enum {
    LOCK_FORM_HEADER,
    LOCK_FORM_DOWNLOAD,
    LOCK_FORM_FILE,
    LOCK_FORM_END,
    LOCK_FORM_UNKNOWN, /* an object of a kind that this reader does not know */
    LOCK_FORM_WRONG,
} LockForm;

/* What the lock's last line says of the lines before it. */
typedef struct {
    guint64 downloads, files;
} LockEnd;

/* Any line, by jansson. *REASON (static or owned text; owned by the caller) is set where it is
 * wrong. */
LockForm lock_parse_line(const char *line, gsize length, LockDownload *download, LockFile *file,
                         LockEnd *end, char **reason);
/* The header; NULL with *REASON where it is wrong. *NEEDS_NEWER: it is for newer readers. */
LockHeader *lock_parse_header(const char *line, gsize length, gboolean *needs_newer, char **reason);

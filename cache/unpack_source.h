/*
 * The archive's bytes as the decoding child reads them: one file, perhaps still arriving, or
 * several volumes end to end.
 */
#pragma once

#include "frontier.h"
#include "unpack_protocol.h"

typedef struct UnpackSource UnpackSource;

/* The first volume's bytes are there as FRONTIER says (NULL: all are). WRITER is flushed before
 * waiting, and told of progress. Descriptors are FIRST_FD, FIRST_FD + 1, ... Both are borrowed.
 * MEDMIRROR_ERROR_STORAGE. Owned. */
UnpackSource *unpack_source_new(int first_fd, guint volumes, Frontier *frontier,
                                UnpackWriter *writer, GError **error);
void unpack_source_free(UnpackSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UnpackSource, unpack_source_free)
/* Up to LENGTH bytes at OFFSET, at least one: waits for it; 0: the end lies before; -1: an error.
 * Ends the process where the frontier failed. */
gssize unpack_source_read(UnpackSource *source, guint64 offset, void *buffer, gsize length,
                          GError **error);
/* Exactly LENGTH bytes; MEDMIRROR_ERROR_DAMAGED where the end lies before. A ZipReadAt. */
gboolean unpack_source_read_exactly(guint64 offset, void *buffer, gsize length, gpointer source,
                                    GError **error);
/* Are all bytes up to TO there, or all that will ever be? Never waits. */
gboolean unpack_source_has(UnpackSource *source, guint64 to);
/* Waits for the end; the number of bytes. */
guint64 unpack_source_total(UnpackSource *source);

/*
 * Many small writes made into few large ones.
 */
#pragma once

#include <glib.h>

typedef struct BufferedWriter BufferedWriter;

/* FD stays the caller's. */
BufferedWriter *buffered_writer_new(int fd);
/* 0 or an errno; after an error nothing more is written and the errno stays. */
int buffered_writer_add(BufferedWriter *writer, const void *bytes, gsize length);
int buffered_writer_flush(BufferedWriter *writer);
/* Does not flush. */
void buffered_writer_free(BufferedWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BufferedWriter, buffered_writer_free)

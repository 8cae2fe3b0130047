/*
 * Small private files, written so that a power cut leaves the old one or the new one.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Written beside (".NAME.PID-RANDOM.new"), synced, renamed over NAME, the folder synced. _STORAGE.
 */
gboolean durable_replace(int folder_fd, const char *name, const char *text, mode_t mode,
                         GError **error);
/* Removes what durable_replace() of NAME left beside it when its process was killed, where that is
 * older than SECONDS (0: nobody else writes it now). */
void durable_sweep(int folder_fd, const char *name, gint64 seconds);
/* A writing takes less. */
#define DURABLE_SWEEP_SECONDS 600
/* fsync of a folder; file systems that know no such thing are content. NAME: for the message. */
gboolean durable_sync_folder(int folder_fd, const char *name, GError **error);
/* The whole of a file of at most MOST bytes, with a NUL behind it; owned. NULL with an error;
 * *ABSENT (may be NULL) where it is not there, _DAMAGED where it is larger. */
char *small_file_read(int folder_fd, const char *name, gsize most, gboolean *absent,
                      GError **error);
/* All of the text; FALSE with errno. */
gboolean write_whole(int fd, const char *text, gsize length);

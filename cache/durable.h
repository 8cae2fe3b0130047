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
/* fsync of a folder; file systems that know no such thing are content. NAME: for the message. */
gboolean durable_sync_folder(int folder_fd, const char *name, GError **error);
/* The whole of a file of at most MOST bytes, with a NUL behind it; owned. NULL with an error;
 * *ABSENT (may be NULL) where it is not there, _DAMAGED where it is larger. */
char *small_file_read(int folder_fd, const char *name, gsize most, gboolean *absent,
                      GError **error);
/* All of the text; FALSE with errno. */
gboolean write_whole(int fd, const char *text, gsize length);

/*
 * Writes below one folder and nowhere else: openat2 with RESOLVE_BENEATH and no links, O_EXCL,
 * parents made as needed.
 */
#pragma once

#include <glib.h>

typedef struct TreeWriter TreeWriter;
/* FD is borrowed. MODE of files; folders get the same with x. Owned. */
TreeWriter *tree_writer_new(int fd, guint mode);
void tree_writer_free(TreeWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TreeWriter, tree_writer_free)
/* Makes the folders above PATH (checked RelPath). _STORAGE, _UNSAFE where a file or a link stands
 * in the way. */
gboolean tree_writer_make_parents(TreeWriter *writer, const char *path, GError **error);
/* A new file, open for writing, O_EXCL. -1 with an error; *EXISTS where one stands there. */
int tree_writer_create(TreeWriter *writer, const char *path, gboolean *exists, GError **error);
/* A symbolic link whose target was proven to end inside. */
gboolean tree_writer_link(TreeWriter *writer, const char *path, const char *target, GError **error);
/* Opens for reading (no links followed); -1 with an error, *ABSENT where it is not there. Any
 * folder descriptor will do. */
int tree_open_file(int fd, const char *path, gboolean *absent, GError **error);
gboolean tree_remove_file(int fd, const char *path, GError **error);
/* Removes a folder and all below it, without following links. For stages alone. */
gboolean tree_remove_all(int fd, const char *name, GError **error);

/*
 * Writes below one folder and nowhere else: openat2 with RESOLVE_BENEATH and no links, O_EXCL,
 * parents made as needed.
 *
 * Paths are checked RelPaths. Every function that fails leaves the reason in errno as well.
 */
#pragma once

#include <glib.h>

typedef struct TreeWriter TreeWriter;
/* FD is borrowed. MODE of files (less the umask); folders get the same with x, and w for the owner.
 * One thread at a time. Owned. */
TreeWriter *tree_writer_new(int fd, guint mode);
/* One for the same folder and mode, for another thread. WRITER may be at work meanwhile. Owned. */
TreeWriter *tree_writer_copy(const TreeWriter *writer);
void tree_writer_free(TreeWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TreeWriter, tree_writer_free)
/* Makes the folders above PATH. _STORAGE, _UNSAFE where a file or a link stands in the way. */
gboolean tree_writer_make_parents(TreeWriter *writer, const char *path, GError **error);
/* A new file, open for reading and writing, O_EXCL; the folders above it are made. -1 with an
 * error; *EXISTS (may be NULL) where something stands there, be it a file, a folder or a link. */
int tree_writer_create(TreeWriter *writer, const char *path, gboolean *exists, GError **error);
/* A symbolic link whose target was proven to end inside. */
gboolean tree_writer_link(TreeWriter *writer, const char *path, const char *target, GError **error);

/* A regular file, opened for reading (no links followed); -1 with an error, *ABSENT (may be NULL)
 * where it is not there. What is no regular file is _UNSAFE. Any folder descriptor will do. */
int tree_open_file(int fd, const char *path, gboolean *absent, GError **error);
/* The folder PATH ("" or ".": FD's own) below FD, opened for reading; MAKE: made with its parents
 * where it is not there, in MODE. -1 with an error: _ABSENT, _UNSAFE (something else stands in the
 * way), _STORAGE. */
int tree_open_folder(int fd, const char *path, gboolean make, guint mode, GError **error);
/* The folder in which PATH lies; *NAME (inside PATH) is its last part. Otherwise as
 * tree_open_folder(). */
int tree_open_parent(int fd, const char *path, gboolean make, guint mode, const char **name,
                     GError **error);
/* No error where it is not there. */
gboolean tree_remove_file(int fd, const char *path, GError **error);
/* Removes the folders above PATH, as far as they are empty. */
void tree_remove_empty_folders(int fd, const char *path);
/* Removes a folder and all below it, without following links; a file too; no error where it is not
 * there. For stages alone. */
gboolean tree_remove_all(int fd, const char *name, GError **error);

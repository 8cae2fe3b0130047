/*
 * One member of an archive on its way into the tree. Where a file stands at its path already, the
 * bytes are compared as they come: the same bytes are one file; a leftover of other bytes is
 * replaced from where it begins to differ; another file of the dataset is refused.
 */
#pragma once

#include "tree_writer.h"

typedef struct MemberFile MemberFile;
typedef gboolean (*MemberStands)(const char *path, gpointer data); /* as UnpackTaker's */

/* TREE, TREE_FD are borrowed. STANDS NULL: whatever stands is refused. Owned. Errors here and
 * below: _STORAGE, _UNSAFE. */
MemberFile *member_file_new(TreeWriter *tree, int tree_fd, const char *path, MemberStands stands,
                            gpointer data, GError **error);
gboolean member_file_write(MemberFile *file, const void *bytes, gsize length, GError **error);
/* All is written; *MADE: FALSE where the same bytes stood there. It can only be freed afterwards.
 */
gboolean member_file_finish(MemberFile *file, gboolean *made, GError **error);
/* Unfinished: what it made is removed. */
void member_file_free(MemberFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MemberFile, member_file_free)

/* A symbolic link in the same manner. */
gboolean member_link_make(TreeWriter *tree, int tree_fd, const char *path, const char *target,
                          MemberStands stands, gpointer data, gboolean *made, GError **error);

/* A file without a name, for reading and writing: on the file system of TREE_FD, else in the folder
 * for temporary files. -1 with _STORAGE. */
int scratch_file_new(int tree_fd, GError **error);

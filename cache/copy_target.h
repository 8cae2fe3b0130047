/*
 * The place of a copy: a folder that is built beside its name (PATH.partial) and appears by one
 * rename. A file in it says that it is ours and of which bytes, so that an interrupted copy is gone
 * on with and nobody's folder of that name is touched.
 */
#pragma once

#include "digest.h"

typedef struct CopyTarget CopyTarget;

/* PATH is absolute; absent, or an empty folder, and PATH.partial is absent or of a copy. _USAGE,
 * _STORAGE. Changes nothing. */
gboolean copy_target_check(const char *path, GError **error);
/* Makes PATH.partial and the folders above it, or opens what a copy of the same FINGERPRINT left;
 * what one of other bytes left is removed. IS_PRIVATE: 0700. _BUSY where another run copies there.
 * Owned. */
CopyTarget *copy_target_open(const char *path, const char *fingerprint, gboolean is_private,
                             GError **error);
/* What was not finished stays. */
void copy_target_free(CopyTarget *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CopyTarget, copy_target_free)
int copy_target_fd(const CopyTarget *target);           /* of the folder; borrowed */
const char *copy_target_path(const CopyTarget *target); /* PATH.partial; borrowed */
gboolean copy_target_was_begun(const CopyTarget *target);
/* Is FILE there with this size and these bytes? It is read. What is wrong is removed. */
gboolean copy_target_has(CopyTarget *target, const char *file, guint64 size, const Digest *sha256);
/* Durable, and in its place. _STORAGE. */
gboolean copy_target_finish(CopyTarget *target, GError **error);

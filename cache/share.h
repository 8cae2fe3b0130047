/*
 * Identical files are shared within one class of access: reflink, else hard link, else copy. EPERM,
 * EMLINK, EXDEV and what a file system does not know lead on to the next.
 */
#pragma once

#include "index.h"

typedef enum {
    SHARE_NONE,
    SHARE_REFLINK,
    SHARE_LINK,
    SHARE_COPY,
} ShareHow;

/* Makes PATH (parents made) below TREE_FD, in MODE, of a file in the mirror that has these bytes,
 * so that nothing need be fetched. *HOW is SHARE_NONE, without an error, where there is no such
 * file or something stands at PATH. Only for data of open access. _STORAGE. */
gboolean share_place(Mirror *mirror, Index *index, const Digest *sha256, guint64 size, int tree_fd,
                     const char *path, guint mode, ShareHow *how, GError **error);
/* The file PATH, which has these bytes, is replaced by one that shares the space of a twin in the
 * mirror; left as it is (SHARE_NONE) where that cannot be. */
ShareHow share_replace(Mirror *mirror, Index *index, const Digest *sha256, guint64 size,
                       int tree_fd, const char *path);

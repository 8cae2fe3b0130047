/*
 * Sharing of identical files: what the mirror has already is not fetched again. Reflink, else hard
 * link, else copy (DESIGN.md, "On disk").
 */
#pragma once

#include "index.h"
#include "tree_writer.h"

/* Puts a file of SHA256 (and SIZE, where it is known) that the mirror has to PATH below the folder
 * of WRITER and TREE_FD; it was proven, or is hashed first. TRUE where it was done, *SIZE its
 * length. FALSE without an error where the mirror has none; _STORAGE. */
gboolean share_twin(Index *index, Mirror *mirror, const Digest *sha256, TreeWriter *writer,
                    int tree_fd, const char *path, guint64 *size, GError **error);

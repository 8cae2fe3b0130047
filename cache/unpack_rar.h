/*
 * The chain of a rar's blocks, walked once more after libarchive has read the members: it takes a
 * file that is cut between two blocks for a whole one.
 */
#pragma once

#include "unpack_source.h"

/* Tells WRITER of bytes behind the end, and of an end that is missing where old archives have none.
 * MEDMIRROR_ERROR_DAMAGED where the chain is broken. */
gboolean unpack_rar_check_end(UnpackSource *source, UnpackWriter *writer, GError **error);
/* Are names and headers themselves encrypted? libarchive's messages mislead then. */
gboolean unpack_rar_is_encrypted(UnpackSource *source);

/*
 * The inner layer: tar, 7z and rar by libarchive, with that one format enabled, and a compressed
 * file alone. Zip has its own reader (unpack_zip.h).
 */
#pragma once

#include "unpack_filter.h"

/* Tells WRITER of every member, to the archive's end. Errors: _DAMAGED, _STORAGE, _FAILED. */
gboolean unpack_container(ArchiveContainer container, ArchiveFilter filter, UnpackSource *source,
                          UnpackWriter *writer, GError **error);

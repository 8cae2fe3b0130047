/*
 * The bytes of one file into another: shared (reflink) where the file system can, else copied by
 * the kernel; holes stay holes.
 */
#pragma once

#include <glib.h>

/* From FROM_FD's beginning to its end, into the empty file TO_FD; their positions are not used.
 * FALSE with errno. */
gboolean file_copy(int from_fd, int to_fd);

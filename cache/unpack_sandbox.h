/*
 * What the decoding child may still do once it is in its sandbox: read what it holds, write into
 * its pipe and its scratch files, ask for memory, wait, end.
 */
#pragma once

#include <glib.h>

/* MEMORY: bytes that the decoder may take beyond what the process has now. SCRATCH_BYTES: the most
 * that a scratch file may hold. There is no way back. MEDMIRROR_ERROR_FAILED where the kernel
 * refuses to confine us. */
gboolean unpack_sandbox_enter(guint64 memory, guint64 scratch_bytes, GError **error);

/* Tries what must be refused, and writes a line on each to FD. TRUE where all was refused. */
gboolean unpack_sandbox_probe(int fd);

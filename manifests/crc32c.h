/*
 * CRC32C (Castagnoli), reflected, as RFC 3720, B.4 and x-goog-hash have it; OpenSSL has none.
 */
#pragma once

#include <glib.h>

/* The CRC of LENGTH further bytes behind those of CRC (0 at the beginning). */
guint32 crc32c_update(guint32 crc, const void *bytes, gsize length);
/* The same without the processor's instruction. */
guint32 crc32c_update_portable(guint32 crc, const void *bytes, gsize length);

/*
 * A zip that lies on a host, read by ranges: its end, its central directory, and one entry, which
 * becomes a small zip of its own (APPNOTE.TXT 4.3; RFC 9110, section 14).
 */
#pragma once

#include "host_services.h"
#include "zip_directory.h"

typedef struct RemoteZip RemoteZip;
/* SERVICES is borrowed. Asks for the zip's last bytes. NULL with MEDMIRROR_ERROR_ORIGIN where the
 * host serves no ranges, _DAMAGED where the file is no zip, or the services' error. Owned. */
RemoteZip *remote_zip_open(HostServices *services, const char *address, GError **error);
void remote_zip_free(RemoteZip *zip);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RemoteZip, remote_zip_free)

typedef enum {
    REMOTE_ZIP_EXTRACTED,
    REMOTE_ZIP_NOT_THERE, /* no entry was chosen; no error */
    REMOTE_ZIP_FAILED,    /* with an error: as remote_zip_open(), or _STORAGE */
} RemoteZipResult;
/* Writes a zip of the first entry that CHOOSE says yes to, its bytes as they lie on the host, to
 * FD, an empty file. Memory is bounded, and so is what a request asks for. */
RemoteZipResult remote_zip_extract(RemoteZip *zip,
                                   gboolean (*choose)(const ZipEntry *entry, gpointer data),
                                   gpointer data, int fd, GError **error);

/*
 * A zip that lies on a host, read by ranges: its end, its central directory, and one entry, which
 * becomes a small zip of its own (APPNOTE.TXT 4.3; RFC 9110, section 14).
 */
#pragma once

#include "fetcher.h"
#include "zip_directory.h"

typedef struct RemoteZip RemoteZip;
/* Where it lies, and how it is asked for. All is borrowed, and must outlive the zip. */
typedef struct {
    HostServices *services; /* of the calling thread */
    const Fetcher
        *fetcher; /* whose prepare gives signed addresses, once for all ranges; NULL: none */
    const json_t *locator; /* for it */
    const FileSpec *file;  /* likewise */
    const char *address;
    gboolean
        *unfit; /* set where an error means that it cannot be read by ranges at all; may be NULL
                 */
} RemotePlace;
/* Asks for the zip's last bytes. NULL with MEDMIRROR_ERROR_ORIGIN where the host serves no ranges,
 * _DAMAGED where the file is no zip, or the services' error. Owned. */
RemoteZip *remote_zip_open(const RemotePlace *place, GError **error);
void remote_zip_free(RemoteZip *zip);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RemoteZip, remote_zip_free)

guint64 remote_zip_total(const RemoteZip *zip);    /* bytes of the file */
guint64 remote_zip_received(const RemoteZip *zip); /* over the network so far */
gboolean remote_zip_came_by_login(const RemoteZip *zip);
const ZipEnd *remote_zip_end(const RemoteZip *zip); /* borrowed */
/* As zip_each_entry(); a few MiB of the directory are held at a time. */
gboolean remote_zip_each(RemoteZip *zip,
                         gboolean (*func)(const ZipEntry *entry, gpointer data, GError **error),
                         gpointer data, GError **error);
/* How many bytes of the file hold ENTRY, as far as its row tells. */
guint64 remote_zip_entry_length(const ZipEntry *entry);
/* Writes a zip of COUNT entries (their names are not looked at) to FD, an empty file: their bytes
 * as they lie on the host, those before the last below 4 GiB together. Entries with no more than
 * GAP bytes between them come with those, by one request. */
gboolean remote_zip_copy(RemoteZip *zip, const ZipEntry *entries, guint count, guint64 gap, int fd,
                         GError **error);

/* The same of one entry. What FD holds of it, from a copy that was broken off, is gone on with:
 * bytes that are of another state of the file would be found by the entry's checksum. */
gboolean remote_zip_go_on(RemoteZip *zip, const ZipEntry *entry, int fd, GError **error);
/* What tells this entry of this state of the zip from others: 16 hex digits. Owned. */
char *remote_zip_entry_name(const RemoteZip *zip, const ZipEntry *entry);
/* From now on it is read by SERVICES, on their thread; what is received is added to *CAME (NULL:
 * not), atomically. */
void remote_zip_read_by(RemoteZip *zip, HostServices *services, gint64 *came);

/* What was fetched of its entries turned out wrong: it is asked for again. */
void remote_zip_forget(RemoteZip *zip);

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

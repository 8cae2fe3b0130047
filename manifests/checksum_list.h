/*
 * Lists of digests: SHA256SUMS, MD5SUMS and the like, as read from publishers and as written beside
 * a version.
 *
 * Read: "HEX [ *]PATH" (GNU, one or two spaces, PhysioNet's single one), GNU's escaped form ("\HEX
 * NAME" with \\ and \n and \r), BSD's "SHA256 (PATH) = HEX" (and OpenSSL's, without blanks); a bare
 * HEX in a list named "x.sha256", which is that of x; LF or CRLF; a UTF-8 byte order mark; blank
 * lines; "#" comments. A list is read a line at a time.
 */
#pragma once

#include "digest.h"

typedef struct ChecksumListReader ChecksumListReader;
typedef struct {
    char *path;    /* as in the list, escapes undone, "./" taken off; not yet proven safe:
                      relpath_check() */
    Digest digest; /* algorithm by the length, or as the line says */
} ChecksumLine;
void checksum_line_clear(ChecksumLine *line);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ChecksumLine, checksum_line_clear)

/* FD is read from where it stands and stays the caller's. NAME is for messages, and for a bare
 * digest. */
ChecksumListReader *checksum_list_reader_new(int fd, const char *name);
/* 1: a line; 0: the end; -1: an error (MEDMIRROR_ERROR_DAMAGED with name and line number, after
 * which the next call goes on behind that line; or STORAGE). LINE is cleared first. */
int checksum_list_reader_next(ChecksumListReader *reader, ChecksumLine *line, GError **error);
void checksum_list_reader_free(ChecksumListReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ChecksumListReader, checksum_list_reader_free)

/* TRUE where a file of this name is by custom such a list (SHA256SUMS, sha256sums.txt, MD5SUMS,
 * CHECKSUMS.md5, x.sha256, ...). */
gboolean checksum_list_is_name(const char *base_name);

/* Writes the list of a version: sha256sum's own format with its escapes, LF; lines must come in
 * byte order of paths. The SHA-256 of all that was written is the fingerprint. */
typedef struct ChecksumListWriter ChecksumListWriter;
ChecksumListWriter *checksum_list_writer_new(int fd);
gboolean checksum_list_writer_add(ChecksumListWriter *writer, const char *path,
                                  const Digest *sha256, GError **error);
/* Flushes; *FINGERPRINT ("mm1:HEX") is the caller's. */
gboolean checksum_list_writer_finish(ChecksumListWriter *writer, char **fingerprint,
                                     GError **error);
void checksum_list_writer_free(ChecksumListWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ChecksumListWriter, checksum_list_writer_free)

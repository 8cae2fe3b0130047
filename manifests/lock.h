/*
 * The lock: what stands on disk. JSON Lines: a header, a line for each download, a line for each
 * file in the byte order of whole paths (LC_ALL=C sort). Read and written as a stream; unknown keys
 * are ignored by readers.
 *
 * Two pulls of the same bytes write the same file lines. Addresses never carry a secret.
 *
 *   {"lock":1,"min_reader":1,"ref":"physionet/mitdb","id":..,"folder":"physionet/mitdb",
 *    "version":"1.0.0","version_from":"source","fingerprint":"mm1:HEX","source_state":"HEX",
 *    "state_token":..,"state_is_weak":true,"selection":"all","listed":{"downloads":N,"bytes":N},
 *    "held":{"files":N,"bytes":N},"skipped":N,"absent":N,"failed":N,"trust":{"locked":N,
 *    "declared":N,"hint":N,"first use":N},"access":"open","title":..,"licence":..,"citation":..,
 *    "homepage":..,"created":"2026-11-23T14:02:11Z","updated":..,"tool":"medmirror/0.1.0",
 *    "in_place":"/data/shared/mitdb"}
 *   {"download":"100.dat","state":"have","role":"data","size":N,"trust":"declared",
 *    "declared":{"sha256":"HEX"},"seen":{"sha256":"HEX","md5":"HEX"},"addresses":["https://.."],
 *    "unpack":{..},"facts":{"Modality":"CT"}}
 *   {"file":"100.dat","state":"have","size":N,"sha256":"HEX","trust":"declared","archive":"x.zip",
 *    "member":"..","link":"target"}
 *   {"end":{"downloads":N,"files":N}}
 *
 * A selection with where-terms makes it a lock of format 2, which readers of format 1 refuse. A
 * term with more than 1,000 values has only their number in the header; they follow it in lines of
 * their own, some 500 a line, with what they all begin with written once:
 *   {"list":0,"prefix":"1.3.6.1.4.1.","values":["14519.5.2.1.1","14519.5.2.1.2"]}
 *
 * The address that the bytes came from stands first. What is not known is left out. The last line
 * counts those before it, so that a file that lost its end is noticed. Lines in this form and order
 * of keys are scanned; any other JSON is parsed.
 */
#pragma once

#include "filespec.h"
#include "selection.h"

#define LOCK_FORMAT 2 /* that is read; written where it is needed */
#define LOCK_MIN_READER 1

typedef struct {
    guint format;
    guint min_reader; /* oldest reader that may read it */
    char *ref;        /* SOURCE/NAME, or the address: what to pull to have it again */
    char *id;         /* catalogue id; NULL where none */
    char *folder;     /* the dataset's folder below the mirror: "physionet/mitdb" */
    char *version;
    char *version_from; /* "source", "listing", "first pull" */
    char *source_state; /* SHA-256, hex, of the sorted listing */
    char *state_token;  /* the fetcher's (listing.h); NULL where none */
    gboolean state_is_weak;
    Selection *selection;
    guint64 listed_downloads,
        listed_bytes; /* what the source lists; bytes SIZE_UNKNOWN where not known */
    guint64 held_files, held_bytes;
    guint64 skipped, absent, failed;             /* lines in these states */
    guint64 trust_count[TRUST_FIRST_USE + 1];    /* files held, by trust */
    char *fingerprint;                           /* "mm1:HEX" */
    char *access;                                /* "open", ... */
    char *title, *licence, *citation, *homepage; /* NULL where unknown */
    char *created;                               /* UTC, "2026-11-23T14:02:11Z": the first pull */
    char *updated;                               /* UTC: the newest change */
    char *tool;                                  /* "medmirror/0.1.0" */
    char *in_place; /* absolute path of the tree of somebody's that this version only points to: we
                       never write or delete there; NULL: the tree is the mirror's own */
} LockHeader;

LockHeader *lock_header_new(void);
LockHeader *lock_header_copy(const LockHeader *header);
void lock_header_free(LockHeader *header);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LockHeader, lock_header_free)
/* TRUE where all that the source lists is held. */
gboolean lock_header_is_whole(const LockHeader *header);

typedef enum {
    LOCK_STATE_HAVE,
    LOCK_STATE_SKIPPED, /* not chosen */
    LOCK_STATE_ABSENT,  /* 404 or 410 from every address */
    LOCK_STATE_FAILED,
} LockState;
const char *lock_state_name(LockState state); /* "have", "skipped", "absent", "failed"; static */
gboolean lock_state_parse(const char *name, LockState *state);

typedef struct {
    char *path;   /* as listed: the download's name, unique in the lock */
    guint64 size; /* bytes; SIZE_UNKNOWN where not known */
    DigestSet declared;
    DigestSet
        seen; /* SHA-256 (and what else was computed) of what came; empty where nothing came */
    FileRole role;
    UnpackRule *unpack; /* of an archive */
    Trust trust;
    LockState state;
    GPtrArray *addresses; /* char* */
    json_t *facts;        /* as FileSpec.facts; NULL where none */
} LockDownload;

typedef struct {
    char *path;
    guint64 size;
    DigestSet digests; /* SHA-256 where held; others where declared for this file */
    Trust trust;
    char *archive; /* path of the download it was unpacked from; NULL: the download of the same path
                    */
    char *member;  /* the member's own name where it differs from what the path tells; NULL else */
    char *link_target; /* of a symbolic link: its target; the file has no digest then */
    LockState state;
} LockFile;

void lock_download_clear(LockDownload *download);
void lock_file_clear(LockFile *file);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LockDownload, lock_download_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LockFile, lock_file_clear)

typedef struct LockWriter LockWriter;
/* FD stays the caller's; buffered. Downloads must come before files, files in byte order of paths
 * (MEDMIRROR_ERROR_FAILED otherwise). A file that is held and no link needs its SHA-256. */
LockWriter *lock_writer_new(int fd);
gboolean lock_writer_header(LockWriter *writer, const LockHeader *header, GError **error);
gboolean lock_writer_download(LockWriter *writer, const LockDownload *download, GError **error);
gboolean lock_writer_file(LockWriter *writer, const LockFile *file, GError **error);
/* The last line, and flushes; the writer can only be freed afterwards. */
gboolean lock_writer_finish(LockWriter *writer, GError **error);
void lock_writer_free(LockWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LockWriter, lock_writer_free)

typedef struct LockReader LockReader;
typedef enum {
    LOCK_LINE_END,
    LOCK_LINE_DOWNLOAD,
    LOCK_LINE_FILE,
    LOCK_LINE_ERROR,
} LockLine;
/* Opens PATH below DIRFD (AT_FDCWD for the working folder) and reads the header. NULL with
 * MEDMIRROR_ERROR_ABSENT where there is no such file, _DAMAGED (path and line), _USAGE where it
 * needs a newer reader. */
LockReader *lock_reader_open(int dirfd, const char *path, GError **error);
/* Borrowed from the reader. */
const LockHeader *lock_reader_header(const LockReader *reader);
/* The next line. Both structs are cleared first and belong to the caller; paths are safe
 * (relpath.h). LOCK_LINE_ERROR: _DAMAGED with path and line number, or _STORAGE. */
LockLine lock_reader_next(LockReader *reader, LockDownload *download, LockFile *file,
                          GError **error);
void lock_reader_free(LockReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LockReader, lock_reader_free)

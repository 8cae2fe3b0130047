/*
 * One file to have, as a source lists it; and how an archive is to be unpacked.
 */
#pragma once

#include <jansson.h>

#include "digest.h"
#include "validators.h"

typedef enum {
    FILE_ROLE_DATA,
    FILE_ROLE_ARCHIVE,   /* is unpacked; its members are the dataset's files */
    FILE_ROLE_CHECKSUMS, /* a list of digests that is itself a file of the tree */
    FILE_ROLE_LICENCE,
} FileRole;
const char *file_role_name(FileRole role); /* "data", "archive", "checksums", "licence" */
gboolean file_role_parse(const char *name, FileRole *role);

typedef enum {
    ARCHIVE_NONE, /* a bare compressed file: only the filter is undone */
    ARCHIVE_TAR,
    ARCHIVE_ZIP,
    ARCHIVE_7Z,
    ARCHIVE_RAR, /* rar 4 and 5 */
} ArchiveContainer;

typedef enum {
    FILTER_NONE,
    FILTER_GZIP,
    FILTER_COMPRESS, /* .Z */
    FILTER_BZIP2,
    FILTER_XZ,
    FILTER_ZSTD,
    FILTER_LZ4,
} ArchiveFilter;

/* How one archive is unpacked. The nested rules are for members that are archives themselves (UCI).
 */
typedef struct UnpackRule UnpackRule;
struct UnpackRule {
    ArchiveContainer container;
    ArchiveFilter filter;
    char *into;         /* folder below where the archive lies; NULL: there itself */
    guint strip;        /* leading parts of member names that are dropped */
    char *charset;      /* iconv name for member names that are not UTF-8; NULL: none */
    GPtrArray *volumes; /* char*: paths (in the listing) of further volumes, in order, for `join`;
                           NULL: one file */
    GPtrArray *nested;  /* UnpackRule*: members to unpack in turn; NULL: none */
    char *member; /* of a nested rule: fnmatch(3) pattern of the member's path; NULL otherwise */
    char *series; /* SeriesInstanceUID: the members are the DICOM images of this series, each named
                     by its SOPInstanceUID; a zip of them ends in md5hashes.csv. NULL: not so */
};
UnpackRule *unpack_rule_new(ArchiveContainer container, ArchiveFilter filter);
/* By the name's ending (".tar.gz", ".tgz", ".zip", ".7z", ".rar", ".tar.zst", ".csv.gz", ...); NULL
 * where it is none. */
UnpackRule *unpack_rule_from_name(const char *name);
UnpackRule *unpack_rule_copy(const UnpackRule *rule); /* NULL gives NULL */
void unpack_rule_free(UnpackRule *rule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UnpackRule, unpack_rule_free)
/* The rule as one line of JSON and back, in the form of the manifest's `unpack` object
 * (unpack_form.h):
 *   {"format":"tar","filter":"gzip","into":"x","strip":1,"charset":"GBK","join":["x.002"],
 *    "nested":[{"member":"*.rar","format":"rar"}]}
 * format: none, tar, zip, 7z, rar; filter: none, gzip, compress, bzip2, xz, zstd, lz4; what is none
 * may be left out. Text: g_free(). Parse errors: MEDMIRROR_ERROR_USAGE with line and column or the
 * JSON pointer; an unknown key or word names the nearest. */
char *unpack_rule_to_json(const UnpackRule *rule);
UnpackRule *unpack_rule_from_json(const char *json, GError **error);

typedef struct {
    char *path;               /* RelPath in the tree; of an archive: where it would lie */
    guint64 size;             /* bytes as listed, SIZE_UNKNOWN where not */
    gboolean size_is_exact;   /* FALSE: the size is a hint (an HTML listing's) */
    gboolean size_is_rounded; /* the listing rounds ("12M"): for the plan alone, never compared */
    DigestSet declared;       /* what the publisher declares */
    DigestSet hinted;         /* what looks like a digest but nobody promises (an ETag) */
    GPtrArray *addresses;     /* char*: absolute addresses without secrets, best first */
    FileRole role;
    UnpackRule *unpack;     /* of FILE_ROLE_ARCHIVE */
    Validators *validators; /* as a listing tells them; may be NULL */
    char *modified; /* change date as the listing has it, normalised "YYYY-MM-DD[THH:MM[:SS]]"; may
                       be NULL */
    char *part;     /* named part of the dataset; NULL where none */
    json_t *facts;  /* what the source says of it by its own keys ("Modality": "CT"): a flat object
                       of strings, for --where and the lock; NULL where nothing */
    gboolean only_if_asked; /* not the dataset proper (others' results, supporting files): taken
                               only by a selection that names it by a where-term on its facts, its
                               part, an include or its path; no part of the source state */
} FileSpec;

FileSpec *file_spec_new(const char *path);
void file_spec_add_address(FileSpec *spec, const char *address);
void file_spec_free(FileSpec *spec);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FileSpec, file_spec_free)

/*
 * One dataset as the catalogue knows it: a JSON document, read strictly. The checker's own table
 * makes the JSON Schema.
 */
#pragma once

#include "filespec.h"

#include <jansson.h>

typedef enum {
    ACCESS_OPEN,
    ACCESS_ACCOUNT,     /* a free account, a token, or a click on terms */
    ACCESS_APPLICATION, /* a person decides */
    ACCESS_MANUAL,      /* only by browser, mail or disk */
    ACCESS_GONE,
    ACCESS_UNKNOWN,
} Access;
const char *access_name(Access access);

typedef enum {
    KIND_DATASET,
    KIND_CHALLENGE,
    KIND_COLLECTION,
    KIND_LINK_LIST,
    KIND_SERIES, /* a set that appears in editions */
} ManifestKind;
const char *manifest_kind_name(ManifestKind kind);

typedef enum {
    SAME_UNKNOWN,
    SAME_BYTES,
    SAME_MEMBERS,
    SAME_PART,
    SAME_DERIVED,
} SameAs;
const char *same_as_name(SameAs same);

typedef enum {
    PAGE_UNKNOWN,
    PAGE_ALIVE,
    PAGE_MOVED,
    PAGE_GONE,
} PageState;
const char *page_state_name(PageState state);

/* Another place with the same or nearly the same data: a dataset of the catalogue, of a source, or
 * an address alone. */
typedef struct {
    char *id;        /* in the catalogue; NULL where it is not */
    char *source;    /* NULL where no fetcher can bring it */
    json_t *locator; /* NULL where none */
    char *url;
    SameAs same;
    char *why;
} ManifestAlternative;

/* A page that the list of datasets named once, and what became of it. */
typedef struct {
    char *url;
    PageState state;
} ManifestPage;

/* A file that the facts name: a recorded digest, a size, an unpack rule, or an address of its own.
 */
typedef struct {
    char *path;           /* where it lies in the dataset's tree */
    guint64 size;         /* SIZE_UNKNOWN where unknown */
    DigestSet digests;    /* recorded digests: they count as declared */
    GPtrArray *addresses; /* char*; may be NULL */
    char *member_of;      /* the download (path) it is unpacked from, also through nested archives;
                             NULL: a file of its own. With addresses as well: the same bytes lie
                             there alone, too. That such a member is not in its archive is no error
                           */
    UnpackRule *unpack;   /* NULL: none */
    char *part;           /* NULL: none */
} ManifestFile;

typedef struct {
    char *name;                /* "train", "labels" ... */
    char *title_en, *title_zh; /* may be NULL */
    guint64 size;
} ManifestPart;

/* Its arrays are never NULL; they are empty where the document has none of it. */
typedef struct {
    char *id;
    char *file; /* where it was read from; for messages */
    ManifestKind kind;
    char *title_en, *title_zh;
    char *description_en, *description_zh; /* may be NULL */
    char *source;                          /* name of the fetcher; NULL where none can bring it */
    json_t *locator; /* object; what the fetcher needs to find it; NULL where source is NULL */
    Access access;
    GPtrArray *needs;               /* char*: account, terms, training, approval */
    GPtrArray *steps_en, *steps_zh; /* char*: what a person must do, in order */
    char *access_page;
    char *sharing; /* free, attribution, none, unknown */
    char *licence; /* as the publisher words it, SPDX where there is one; NULL where unknown */
    char *terms, *terms_page;
    GPtrArray *regions_refused; /* char*, ISO 3166 codes */
    char *regions_since;        /* "YYYY-MM"; may be NULL */
    char *regions_page;         /* may be NULL */
    char *citation;             /* of the data: DOI or text */
    char *paper;                /* DOI of the paper that describes it; may be NULL */
    char *homepage;
    GPtrArray *modality, *organ; /* char* */
    guint64 size;                /* bytes; SIZE_UNKNOWN */
    gboolean size_is_rounded;    /* for people and for the plan; never compared */
    guint year;                  /* of the edition; 0 where not known */
    guint64 subjects;            /* SIZE_UNKNOWN where not known */
    GPtrArray *refs;             /* char*: places in the catalogue */
    GPtrArray *parts;            /* ManifestPart* */
    GPtrArray *files;            /* ManifestFile* */
    GPtrArray *alternatives;     /* ManifestAlternative* */
    GPtrArray *below; /* char*: ids: editions of a series, datasets of a collection or link list */
    GPtrArray *related; /* char*: ids of other data that serve the same end */
    GPtrArray *pages;   /* ManifestPage* */
    UnpackRule *unpack; /* for the dataset that is one archive; NULL: by name */
    char *notes_en, *notes_zh;
    GHashTable *files_by_path; /* for manifest_find_file(); of a parsed manifest, never NULL */
} Manifest;

/* Reads and checks; NULL with MEDMIRROR_ERROR_USAGE: file and line:column of a syntax error, or
 * file and JSON pointer of an unknown key (the nearest known one is named), a wrong type, a doubled
 * key, a missing key; _ABSENT where there is no such file; more than 1 MiB is refused. Owned. */
Manifest *manifest_load(const char *path, GError **error);
Manifest *manifest_parse(const char *json, gsize length, const char *name, GError **error);
void manifest_free(Manifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Manifest, manifest_free)
/* The recorded facts of one file (PATH as listed, MEMBER_OF NULL for a download); NULL where there
 * are none. Borrowed. */
const ManifestFile *manifest_find_file(const Manifest *manifest, const char *path,
                                       const char *member_of);

/* The JSON Schema (2020-12) of the form, made from the checker's own table. Owned text. */
char *manifest_schema(void);

/* A manifest as it is written: form_canonical(). The errors are manifest_parse()'s. Owned. */
char *manifest_canonical(const char *json, gsize length, const char *name, GError **error);
/* The text of the file at PATH, as manifest_load() reads it; owned. */
char *manifest_read_text(const char *path, gsize *length, GError **error);

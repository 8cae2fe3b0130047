/*
 * What lies in a folder of somebody's, looked at before anything is done with it.
 */
#pragma once

#include "job.h"
#include "local_files.h"
#include "reference.h"

#define SURVEY_NAMED 5 /* of many alike, so many are named */
#define SURVEY_LISTS 8

typedef struct {
    guint64 files, bytes; /* regular files, and links to them that end inside */
    guint64 archives;     /* of them, by their names */
    guint64 refused;      /* what is no file that can be taken: char* sentences of the first */
    GPtrArray *refused_named;
    GPtrArray *files_named; /* char*: some that are there, shown */
    char *archive;          /* the first archive, below FD; NULL: none */
    GPtrArray *lists;       /* char*: lists of digests, by name, of the shallowest folder that has
                               any */
    char *address_root;     /* the folder that a download tool named after the dataset's address;
                               NULL: none */
    char *address_version;  /* which that address tells */
    guint64 others;         /* files of other owners */
    char *owner;            /* name of the first of those; NULL: none */
} Survey;

Survey *survey_new(void);
void survey_free(Survey *survey);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Survey, survey_free)

/* REFERENCE: whose address is looked for. _STORAGE where a folder cannot be read, _INTERRUPTED. */
gboolean survey_folder(Survey *survey, Job *job, const LocalFiles *files,
                       const Reference *reference, GError **error);
/* One file alone, LocalFiles.only_name. */
gboolean survey_file(Survey *survey, const LocalFiles *files, GError **error);

/* PATH, absolute, that a download tool made of an address of REFERENCE's source: the folder that is
 * the version's, a beginning of PATH (owned), with *VERSION (owned); NULL where it is none. Pure.
 */
char *survey_address_folder(const char *path, const Reference *reference, char **version);

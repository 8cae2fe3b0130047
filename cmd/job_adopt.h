/*
 * Files that were brought by hand become a version of the mirror: a pull whose bytes are there
 * already. What is there is looked at, compared with whatever tells what it must be, and installed
 * as a pull would have done; the originals are left as they are, unless asked.
 */
#pragma once

#include "job_fetch.h"

typedef enum {
    ADOPT_COPY,
    ADOPT_MOVE,     /* the originals go once everything is installed */
    ADOPT_IN_PLACE, /* the tree stays where it is and whose it is */
} AdoptHow;

typedef struct {
    Reference *reference;
    const char *from;      /* a folder or a file */
    const char *checksums; /* --checksums; NULL: none */
    const Selection *selection;
    AdoptHow how;
    gboolean allow_incomplete;
    gboolean no_wait;
    gboolean dry_run;
    const char *command; /* as typed: the line that goes on */
} AdoptRequest;

/* Who told what the files must be. */
typedef enum {
    ADOPT_LIST_NONE,   /* nobody: what is there is what it is */
    ADOPT_LIST_SOURCE, /* the source's own listing */
    ADOPT_LIST_LOCK,   /* the lock of the version that is here in part */
    ADOPT_LIST_GIVEN,  /* --checksums */
    ADOPT_LIST_BESIDE, /* a list that lay among the files */
} AdoptList;

typedef struct {
    gboolean up_to_date; /* the version is here already; nothing was taken */
    gboolean installed;
    AdoptList list;
    guint64 foreign;          /* files that are not the dataset's, and were left */
    guint64 missing;          /* files of the dataset that were not there */
    guint64 cloned, copied;   /* files */
    guint64 moved, left;      /* originals removed; left because they changed */
    guint64 unpacked_by_hand; /* files that the source gives in archives alone */
    gboolean only_archives;   /* all came out of archives, of which the names alone are compared */
    char *taken_for;          /* the one archive that is listed, where the file has another name */
    char *owner;              /* of files in place that are somebody else's; NULL: none */
    char *completion;         /* the line that fetches what is missing; NULL: no program can */
    char *path, *ref;         /* as of a pull */
    LockHeader *header;       /* of what stands now; NULL where nothing does */
    gint64 elapsed_us;
} AdoptResult;
void adopt_result_free(AdoptResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AdoptResult, adopt_result_free)

/* *RESULT is always set (owned). _DAMAGED: a file is not what it must be, or is missing; _USAGE: it
 * is another dataset; _UNSAFE: a name or a link is refused; nothing is installed then. */
gboolean job_adopt(Job *job, const AdoptRequest *request, AdoptResult **result, GError **error);

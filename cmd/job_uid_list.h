/*
 * A person's list of series as a REF: one reference for each collection that it touches, and one
 * for the files that it names by their addresses.
 */
#pragma once

#include "job.h"
#include "reference.h"

typedef struct {
    GPtrArray *references; /* Reference*, by name; their index is borrowed from below */
    SeriesIndex *index;    /* where the list says that series lie */
    guint64 series;        /* different ones, of all references */
    guint64 studies;       /* UIDs that are studies' */
    guint64 files;         /* addresses */
    guint64 doubles, strange;
    guint64 unknown;      /* series that nobody knows */
    GString *unknown_few; /* some of them, joined */
} UidListed;
void uid_listed_free(UidListed *listed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UidListed, uid_listed_free)

/* Is TEXT a file of that kind, as references go? */
gboolean reference_is_uid_list(const char *text);
/* Reads the list at PATH and asks where its series belong, where it does not say so itself; tells
 * what is strange in it ("list-line", "list" events). NULL with an error. */
UidListed *job_uid_list(Job *job, const char *path, Catalogue *catalogue, GError **error);
/* What nobody knows, as an error (_ABSENT); TRUE where there is nothing of the kind. */
gboolean uid_listed_check(const UidListed *listed, const char *path, GError **error);

/*
 * How a version gets its name, before its first byte (DESIGN.md, "On disk").
 */
#pragma once

#include "lock.h"
#include "reference.h"
#include "spool.h"

typedef struct {
    const Reference *reference;
    const ListingHead *head;
    Spool *spool;                /* the listing, ended */
    const GPtrArray *versions;   /* LockHeader* of what stands */
    const LockHeader *unchanged; /* the source said that this one is still its state; NULL */
    gboolean refresh;
} VersionQuestion;

typedef struct {
    char *version;
    char *from;                 /* "source", "listing", "first pull" */
    char *state;                /* the source state, hex; NULL where it was not asked (unchanged) */
    const LockHeader *standing; /* of VersionQuestion.versions; NULL: a new version */
} VersionName;

/* MEDMIRROR_ERROR_ABSENT where the source has changed what a version of its own name holds, and
 * REFRESH was not asked for. Owned. */
VersionName *version_name_choose(const VersionQuestion *question, GError **error);
/* The same where nobody listed anything: the version WANTED, which may stand (NULL: the day). Its
 * state is not known. Owned. */
VersionName *version_name_unlisted(const VersionQuestion *question, const char *wanted);
void version_name_free(VersionName *name);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VersionName, version_name_free)

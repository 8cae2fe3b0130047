/*
 * A first manifest of a dataset, out of its address and of what its source says.
 */
#pragma once

#include "job.h"
#include "reference.h"

typedef struct {
    const char *text; /* an address or a REF */
    const char *id;   /* NULL: made of the address */
    /* Out, owned: */
    char *json;      /* the manifest as it is written; NULL after an error */
    char *ref;       /* what is drafted */
    GPtrArray *lack; /* char*: sentences: what could not be learnt */
    GError *error;
} ManifestDraft;
void manifest_draft_clear(ManifestDraft *draft);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ManifestDraft, manifest_draft_clear)

/* On a job's thread; asks the source unless --offline. Returns the exit status. */
int manifest_draft_make(Job *job, gpointer draft);

/*
 * What a pull was asked for, written into its stage, so that `pull --resume` goes on with it.
 */
#pragma once

#include "job_pull.h"

typedef struct {
    char *text; /* the REF to parse, with its @VERSION */
    Selection *selection;
    gboolean only, no_unpack, keep_archives, refresh, allow_incomplete;
    Requirement require;
    GPtrArray *names;  /* char*, NULL-terminated: the paths of --files-from; NULL: none */
    char *prefer;      /* --prefer; NULL: none */
    char *list;        /* the file that told where its series lie; NULL: none */
    char *to;          /* --to; NULL: none */
    char *begun;       /* UTC, "2026-11-23T14:02:11Z" */
    char *user, *host; /* who began it, and where */
} PullNote;
void pull_note_free(PullNote *note);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PullNote, pull_note_free)

/* JSON text of REQUEST, as it will be read by pull_note_parse(); BEFORE (may be NULL): a note of
 * the same stage: its beginning is kept where it asked for the same. Owned. */
char *pull_note_make(const PullRequest *request, const PullNote *before);
/* MEDMIRROR_ERROR_DAMAGED. Unknown keys are passed over. Owned. */
PullNote *pull_note_parse(const char *json, GError **error);
/* What SELECTION and the other options of a pull are, as typed; empty where there are none. Owned.
 */
char *pull_note_options(const PullNote *note);
char *pull_request_options(const PullRequest *request);
/* Does REQUEST ask for what NOTE has begun, in the same way? */
gboolean pull_note_is_of(const PullNote *note, const PullRequest *request);
/* REQUEST's options as NOTE has them; everything is borrowed from NOTE. */
void pull_note_apply(const PullNote *note, PullRequest *request);

/*
 * The stage of one dataset: its spool, its partial files and the tree that is built, until it is
 * installed. .medmirror/stage/FOLDER-ENCODED/{spool.db,tree/,archives/}
 * .medmirror/partial/FOLDER-ENCODED/
 */
#pragma once

#include "index.h"
#include "mirror.h"
#include "owner.h"
#include "readers.h"
#include "spool.h"

typedef struct Stage Stage;

/* Opens what an earlier run left, or makes it. The caller owns the dataset (owner.h). Owned. */
Stage *stage_open(Mirror *mirror, const char *folder, GError **error);
void stage_close(Stage *stage);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stage, stage_close)
Spool *stage_spool(Stage *stage);
/* What is noted as staged from now on lies where it is (a version in place): after an interruption
 * the stage begins anew. */
gboolean stage_set_in_place(Stage *stage, GError **error);
int stage_tree_fd(const Stage *stage);
int stage_archives_fd(const Stage *stage);
int stage_partial_fd(const Stage *stage);
/* Who may read what is staged, what lies there already included; before anything is fetched. What
 * was private once stays so until it is installed or discarded, in later runs too. _STORAGE, and
 * as readers_apply(). */
gboolean stage_set_readers(Stage *stage, const Readers *readers, GError **error);
const Readers *stage_readers(const Stage *stage);
/* Of the files that are staged: readers_file_mode(). */
guint stage_file_mode(const Stage *stage);
/* Makes what was staged durable (one syncfs), then the notes on it. */
gboolean stage_flush(Stage *stage, GError **error);
/* Writes down for `status` what is wanted, from the spool's totals and its facts "ref", "version",
 * "options" and "reason"; after the listing, and at the end of a run that did not install. */
gboolean stage_note_progress(Stage *stage, GError **error);
/* What was asked for, in whoever's words asked; durable. NULL where nothing was written (owned). */
gboolean stage_set_request(Stage *stage, const char *text, GError **error);
char *stage_get_request(Stage *stage);
/* The same of a dataset's stage, without its owner; NULL where there is none. */
char *stage_read_request(Mirror *mirror, const char *folder);
/* The folder for wrong copies (evidence.h); made where it is not there. -1 with an error. */
int stage_open_evidence(Stage *stage, GError **error);
/* Nothing of it is wanted any more: renamed away at once, deleted afterwards. The stage is closed.
 */
gboolean stage_discard(Stage *stage, GError **error);

typedef struct {
    LockHeader *header; /* borrowed; version, selection, state ... set; counts and fingerprint are
                           filled in */
    gboolean allow_incomplete;
    gboolean only; /* --only: what the version holds beyond the spool's rows goes */
    gboolean keep_archives;
    Index *index; /* borrowed; NULL: nothing is shared, and the index learns of it later */
} InstallSpec;
/* Intent, lock, list, archives and tree renamed in that order; folders synced; index; `latest`;
 * intent removed; the stage is emptied. A version that stands grows: files are added one by one
 * under the same intent. Files of the tree that are not the dataset's are moved to VERSION.extra/
 * where they stand in the way, and all with ONLY. Files that the mirror has already are shared. The
 * spool can still be read afterwards, until the stage is closed. _FAILED where files are not here
 * yet, _BUSY where the owner was lost, _STORAGE with what stood there
 * untouched. */
gboolean stage_install(Stage *stage, Owner *owner, const InstallSpec *spec, GError **error);

/* What is unfinished in the mirror, for `status`. */
typedef struct {
    char *folder, *ref, *version, *options; /* may be NULL */
    guint64 held_bytes, wanted_bytes;       /* wanted: SIZE_UNKNOWN where not known */
    guint64 held_files, wanted_files;
    char *stopped;  /* UTC; when it was touched last */
    char *reason;   /* why it stopped; NULL: killed */
    char *adopting; /* the line that goes on with an adoption; NULL: a pull, which may have taken
                       over what an adoption left */
} UnfinishedInfo;
void unfinished_info_free(UnfinishedInfo *info);
/* UnfinishedInfo*, owned; takes no lock. */
GPtrArray *stage_list_unfinished(Mirror *mirror, GError **error);
/* Bytes below .medmirror: partial, stage, evidence. */
void stage_space(Mirror *mirror, guint64 *partial, guint64 *stage, guint64 *evidence);

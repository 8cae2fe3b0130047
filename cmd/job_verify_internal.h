/*
 * One verification, between its files: job_verify.c (a version of a mirror), job_verify_folder.c
 * (any folder), job_verify_tell.c (what is told of it) and job_verify_proof.c (what is written
 * down).
 */
#pragma once

#include "index.h"
#include "job_verify.h"
#include "readers.h"
#include "verifier.h"
#include "version_watch.h"

typedef struct {
    Job *job;
    const VerifyRequest *request;
    VerifyResult *result;
    const char *folder, *version; /* NULL: no version of a mirror */
    IndexStamps *stamps;          /* NULL: not quick, or nothing is known */
    int tree_fd;
    Readers readers;
    const char *path; /* of the tree */
    Mirror *mirror;   /* and the next: of a version alone */
    const LockHeader *header;
    VersionWatch watch;
    gboolean has_moved; /* what was found wrong is wrong no more: it is looked at again */
    VerifySlice *slice; /* NULL: all files */
    /* What proofs.jsonl has of this slice already. */
    struct {
        guint64 files, bytes, damaged, missing;
        char *upto;
        gint64 next; /* monotonic us: when it is told again */
    } noted;
} Verify;

VerifyResult *verify_result_new(const char *label);
/* Of the verifier: counts FILE, and tells it where it is wrong. */
void verify_on_result(const VerifiedFile *file, gpointer data);
/* Every file of LOCK, which was just opened, or a slice of them. */
gboolean verify_by_lock(Verify *verify, LockReader *lock, GError **error);
/* What the tree has and LOCK has not. */
gboolean verify_count_foreign(Verify *verify, LockReader *lock, GError **error);

void verify_tell_wrong(Verify *verify, const VerifiedFile *file);
void verify_tell_exposed(Verify *verify, const char *path);
void verify_tell_foreign(Verify *verify, const char *path);
/* The error of what is not as it must be; REF: what to type to mend it, NULL: nothing mends it. */
void verify_set_verdict(Verify *verify, const char *ref, GError **error);

/* What was read since the last note; UNFINISHED: the version goes on. */
void verify_append_proof(Verify *verify, gboolean unfinished);
/* A note of the slice so far, where the last one is some time ago. */
void verify_note_slice(Verify *verify);

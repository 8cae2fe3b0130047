/*
 * Proving what lies on disk: a version of the mirror against its lock, or any folder against a list
 * of digests.
 */
#pragma once

#include "job.h"
#include "job_fetch.h"
#include "mirror.h"
#include "verify_slice.h"

typedef struct {
    gboolean quick;
    Requirement require;
    /* A slice of a version: as many files as there is time for. NULL: all, without limit. */
    VerifyPace *pace;
    const char *after; /* where the slice before it ended; NULL: from the first file */
    gint64 begun;      /* UTC seconds: when the first slice began; 0: now */
    const char *again; /* the line that goes on after an interruption; NULL: verify VERSION */
} VerifyRequest;

typedef struct {
    char *label;              /* "physionet/mitdb@1.0.0", or the folder */
    char *fingerprint;        /* of the list beside the version; NULL where there is none */
    guint64 files, bytes;     /* looked at */
    guint64 right, unchanged; /* unchanged: by size and time, contents not read */
    guint64 damaged, missing, unreadable, no_digest;
    guint64 foreign;   /* files that are not the dataset's */
    guint64 untrusted; /* below what --require asks for */
    guint64 exposed;   /* files and places of restricted data that others may read */
    gboolean
        list_is_wrong; /* the list beside the version is not the one of the lock's fingerprint */
    GPtrArray *wrong;  /* char*: paths damaged or missing, at most WRONG_MOST */
    gboolean is_cut;   /* there was no time for all */
    gint64 begun;      /* UTC seconds: the proof, with its earlier slices */
} VerifyResult;
#define WRONG_MOST 100000
void verify_result_free(VerifyResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VerifyResult, verify_result_free)

/* Each wrong file is told as an event. NULL with an error where it could not be done at all;
 * otherwise the result (owned), and *ERROR _DAMAGED where something is wrong. */
VerifyResult *job_verify_version(Job *job, Mirror *mirror, const LockHeader *header,
                                 const VerifyRequest *request, GError **error);
/* MENDED of the files that a slice found wrong were mended, each proven against the lock. */
void job_verify_note_mended(Mirror *mirror, const LockHeader *header, const VerifyResult *result,
                            guint64 mended);
/* A folder that is no version of a mirror: by the lock or list beside it, or by SHA256SUMS, MD5SUMS
 * and the like in it (_ABSENT where there is none). */
VerifyResult *job_verify_folder(Job *job, const char *path, const VerifyRequest *request,
                                GError **error);
/* The words for a version in place that has changed: _DAMAGED, in place of what *ERROR was. */
void job_verify_set_in_place(const LockHeader *header, const VerifyResult *result, GError **error);

/*
 * proofs.jsonl: what was read and found right, when, how much; append-only.
 */
#pragma once

#include "mirror.h"

typedef struct {
    const char *folder, *version, *fingerprint;
    guint64 files, bytes, damaged, missing, foreign;
    gboolean quick;
    const char *by; /* "pull", "verify", "repair" */
} Proof;
gboolean proofs_append(Mirror *mirror, const Proof *proof, GError **error);
/* UTC time of the newest full proof of a version; owned; NULL where none. */
char *proofs_newest(Mirror *mirror, const char *folder, const char *version);

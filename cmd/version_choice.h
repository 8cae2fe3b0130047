/*
 * Which version of a dataset in the mirror a command means (CLI.md, "References").
 */
#pragma once

#include "mirror.h"
#include "reference.h"

/* The named one (by name or "mm1:HEX"), else the only one; else MEDMIRROR_ERROR_USAGE with the
 * list, _ABSENT where none is here. LATEST: "@latest" was typed: the newest. Owned. */
LockHeader *version_choose(Mirror *mirror, const Reference *reference, GError **error);
/* Is HEADER, a version of REFERENCE's dataset, of the version that was named (any, where none)? */
gboolean version_is_meant(const Reference *reference, const LockHeader *header);
/* _ABSENT: the dataset or the version that REFERENCE names is not in the mirror MIRROR. */
void version_set_absent(const Reference *reference, const char *mirror, GError **error);
/* The same, or what version_set_damaged() says where it is here and cannot be read. */
void version_set_missing(Mirror *mirror, const Reference *reference, GError **error);
/* _ABSENT: REFERENCE names a fingerprint that nothing here has. */
void version_set_no_fingerprint(const Reference *reference, GError **error);

/* _DAMAGED (or what else it is): the lock of a version that is here cannot be read; what to do. */
void version_set_damaged(const DamagedLock *damaged, Catalogue *catalogue, GError **error);

/* Where ERROR (NULL: none) names nothing to type: that, by what went wrong with the version LABEL
 * (NULL: with several) at COMMAND. */
void version_add_next(GError *error, const char *label, const char *command);

/* _DAMAGED: the folder of HEADER's version is not there any more. */
gboolean version_check_tree(const Mirror *mirror, const LockHeader *header, GError **error);

/* The name that can be typed for this version: "physionet/mitdb@1.0.0"; of an address or a manifest
 * file, where nothing is cut off behind '@', its folder: "http/HOST/x.zip@2026-11-23". Owned. */
char *version_label(const LockHeader *header);

/*
 * Which version of a dataset in the mirror a command means (CLI.md, "References").
 */
#pragma once

#include "mirror.h"
#include "reference.h"

/* The named one (by name or "mm1:HEX"), else the only one; else MEDMIRROR_ERROR_USAGE with the
 * list, _ABSENT where none is here. LATEST: "@latest" was typed: the newest. Owned. */
LockHeader *version_choose(Mirror *mirror, const Reference *reference, GError **error);
/* _ABSENT: REFERENCE names a fingerprint that nothing here has. */
void version_set_no_fingerprint(const Reference *reference, GError **error);

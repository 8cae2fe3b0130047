/*
 * What --require asks of the trust in each file.
 */
#pragma once

#include "filespec.h"
#include "lock.h"

typedef enum {
    REQUIRE_NOTHING,
    REQUIRE_DECLARED, /* first use is a failure */
    REQUIRE_LOCKED,   /* anything but the lock's digest is a failure */
} Requirement;

/* A list of checksums vouches for others and nobody for it: REQUIRE_DECLARED asks nothing of it. */
gboolean requirement_is_met(Requirement require, Trust trust, FileRole role);
/* How many of the files held do not meet REQUIRE, of LOCK, which was just opened. FALSE with the
 * reader's error. */
gboolean requirement_count_unmet(Requirement require, LockReader *lock, guint64 *unmet,
                                 GError **error);

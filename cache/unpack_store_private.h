/*
 * What the two files that store an archive's members share.
 */
#pragma once

#include "unpack_store.h"

#include <stdatomic.h>

struct UnpackStore {
    const UnpackSpec *spec;
    UnpackLimits limits;
    UnpackNested nested;
    gpointer nested_data;
    MemberLog *log;
    GPtrArray *warnings;
    _Atomic guint64 output, entries;
    gboolean has_series; /* one was unpacked, whole and right */
    SeriesCount series_came;
    Digest series_digest;
    guint64 whole_size; /* of the archive and its volumes, where there is no frontier */
};

/* Would OUTPUT bytes, with MEMBER among them, be too much? DECLARED: they are announced, not there,
 * so that an archive which still arrives says nothing of the ratio. _UNSAFE. */
gboolean unpack_store_check_output(const UnpackStore *store, const char *member, guint64 output,
                                   gboolean declared, GError **error);
void unpack_store_warn(UnpackStore *store, const char *archive, UnpackWarning warning,
                       guint64 number);

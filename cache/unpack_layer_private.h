/*
 * What the two files share that store the members of one archive: unpack_layer.c takes their bytes,
 * unpack_layer_end.c what is known at a member's end.
 */
#pragma once

#include "member_file.h"
#include "unpack_series.h"
#include "unpack_store_private.h"

/* What becomes of the bytes of the entry that is open. */
typedef enum {
    TO_FILE,    /* written and hashed */
    TO_NOTHING, /* hashed: not chosen, a test, or a second member of one name */
    TO_SCRATCH, /* an archive that is unpacked in turn */
    TO_HEAD,    /* an image of a series, as long as it is not known which */
    TO_SERIES,  /* what comes with a series, and is no file of the tree */
} EntryFate;

struct UnpackLayer {
    UnpackStore *store;
    const UnpackRule *rule;
    char *archive;
    char *prefix; /* of member names: the archives around; NULL of the outermost */
    guint depth;
    guint64 pending_added, pending_settled, dropped;
    UnpackSeries *series; /* NULL: the archive is of no series */
    /* The entry that is open. */
    SeriesPart part;
    gboolean is_open, provisional, chosen, twin;
    MemberDecision decision;
    EntryFate fate;
    guint64 size, received;
    MemberFile *file;
    DigestStream *digests;
    int scratch_fd;
    const UnpackRule *nested_rule;
    LockFile met;    /* of TWIN: the first of that name */
    GError *problem; /* of a provisional one */
};

/* unpack_layer.c */
/* The child told things in an order that cannot be. Always FALSE. */
gboolean layer_nonsense(GError **error);
/* Bytes of the entry that is open; counted. */
gboolean layer_add_bytes(UnpackLayer *layer, const guint8 *bytes, gsize length, GError **error);
/* Where the bytes go that are counted. IS_WHOLE: no more will come. */
gboolean layer_store_bytes(UnpackLayer *layer, const guint8 *bytes, gsize length, gboolean is_whole,
                           GError **error);
/* What the directory may yet disown is no reason to stop. Takes FAILED; TRUE: it is kept for then.
 */
gboolean layer_put_off(UnpackLayer *layer, GError *failed, GError **error);
/* The member has not the size that it is announced with. Always FALSE. */
gboolean layer_wrong_size(const UnpackLayer *layer, GError **error);

/* unpack_layer_end.c */
gboolean layer_take_end(UnpackLayer *layer, guint64 told, GError **error);
/* The archive's directory has spoken on the provisional member that comes next. */
UnpackTaken layer_take_settling(UnpackLayer *layer, guint64 number, gboolean confirmed,
                                GError **error);
UnpackTaken layer_take_done(UnpackLayer *layer, GError **error);
gboolean layer_remove_pending(UnpackLayer *layer, const PendingMember *pending, GError **error);

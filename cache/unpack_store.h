/*
 * The parent's half of unpacking: takes the child's messages as a stranger's word, and makes the
 * files.
 *
 * One UnpackStore is one unpacking, through all archives within archives; an UnpackLayer is one
 * archive of it.
 */
#pragma once

#include "member_log.h"
#include "unpack_policy.h"
#include "unpacking.h"

typedef struct UnpackStore UnpackStore;
typedef struct UnpackLayer UnpackLayer;

/* SPEC must outlive the store. Unpacks the archive in FD, which is a member that lay at ARCHIVE. */
typedef gboolean (*UnpackNested)(UnpackStore *store, UnpackLayer *within, const UnpackRule *rule,
                                 const char *archive, int fd, gpointer data, GError **error);
/* _STORAGE. Owned. */
UnpackStore *unpack_store_new(const UnpackSpec *spec, UnpackNested nested, gpointer data,
                              GError **error);
void unpack_store_free(UnpackStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UnpackStore, unpack_store_free)
const UnpackSpec *unpack_store_spec(const UnpackStore *store);
/* The outermost archive's bytes that are there: what output is compared with. Any thread. */
void unpack_store_progress(UnpackStore *store, guint64 *bytes, guint64 *entries);
/* As unpacking_series(). */
gboolean unpack_store_series(const UnpackStore *store, SeriesCount *came, Digest *digest);
/* char*; sentences. Borrowed. */
const GPtrArray *unpack_store_warnings(const UnpackStore *store);

/* RULE is borrowed; ARCHIVE: the archive's path in the tree; WITHIN: NULL of the outermost. */
UnpackLayer *unpack_layer_new(UnpackStore *store, UnpackLayer *within, const UnpackRule *rule,
                              const char *archive);
/* What waits for confirmation is removed. */
void unpack_layer_free(UnpackLayer *layer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UnpackLayer, unpack_layer_free)
const char *unpack_layer_archive(const UnpackLayer *layer);
const UnpackRule *unpack_layer_rule(const UnpackLayer *layer);
guint unpack_layer_depth(const UnpackLayer *layer);

typedef enum {
    UNPACK_TAKEN,
    UNPACK_FAILED,  /* with an error */
    UNPACK_DONE,    /* the child says that all is well, and so it is */
    UNPACK_RESTART, /* what was read ahead of the directory misled: begin anew without */
} UnpackTaken;
/* One message of the child. */
UnpackTaken unpack_layer_take(UnpackLayer *layer, const UnpackMessage *message, GError **error);

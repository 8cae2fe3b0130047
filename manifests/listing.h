/*
 * What one resolve says before the first byte: the version first, then the files one by one. A
 * million files pass through; nobody holds them all.
 */
#pragma once

#include "filespec.h"

typedef struct {
    char *version;       /* the source's own name of the version; NULL where it has none */
    char *newest_change; /* UTC date "YYYY-MM-DD" of the newest change the listing names; NULL where
                            unknown */
    char *state_token; /* opaque to all but this fetcher: hand it in again, and one cheap answer may
                          say "unchanged" */
    gboolean state_is_weak; /* the source tells little of change: answers say "as far as the source
                               tells" */
    char *title;            /* as the source has it; NULL where unknown; so are the next four */
    char *licence;
    char *citation; /* DOI or text */
    char *homepage;
    char *access_note;   /* what a person must know of access */
    guint64 total_bytes; /* the source's own total, for sizes that the files lack; SIZE_UNKNOWN */
    gboolean is_one_archive; /* the dataset is this one archive, which is unpacked */
    gboolean is_restricted;  /* the source says that it is not open, or gave the listing only with a
                                credential: what is fetched is the puller's alone */
    GPtrArray *notes; /* char*: sentences to tell ("the description could not be read: ..."); may be
                         NULL */
} ListingHead;

ListingHead *listing_head_new(void);
ListingHead *listing_head_copy(const ListingHead *head);
void listing_head_free(ListingHead *head);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ListingHead, listing_head_free)
void listing_head_add_note(ListingHead *head, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Who takes a listing: called on the resolver's thread, head exactly once and first (or again
 * before the end, when a fact became known: the last one counts). FALSE with an error ends the
 * resolve. Arguments are borrowed. */
typedef struct {
    gboolean (*head)(gpointer data, const ListingHead *head, GError **error);
    gboolean (*file)(gpointer data, const FileSpec *file, GError **error);
    gpointer data;
    /* May be NULL. What the publisher declares of the file at PATH of this listing, told apart from
     * the file, before or after it: lists of digests that are too long to be held in memory come
     * this way and are joined by path when the listing has ended. A path that no file has says
     * nothing; digests of several algorithms for one path add up. */
    gboolean (*digest)(gpointer data, const char *path, const Digest *digest, GError **error);
    /* May be NULL. The source says that the archive at ARCHIVE, told before, has a member that will
     * lie at PATH, of SIZE bytes (SIZE_UNKNOWN): for plans and `files`, never compared. */
    gboolean (*member)(gpointer data, const char *archive, const char *path, guint64 size,
                       GError **error);
} ListingTaker;

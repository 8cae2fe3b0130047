/*
 * The API's list of files, page by page. A short or an empty page is no end: only an empty token
 * is. Pages are one request each, so a list that goes on for long is left, and the archive's own
 * directory tells the rest.
 */
#pragma once

#include "kaggle_api.h"

typedef struct {
    KaggleDoor *door;
    const char *version; /* NULL: the current one; a competition's */
    json_t *page;        /* the one at hand; NULL: the list has ended */
    char *token;         /* that it came with */
    guint pages, empty;  /* pages seen; empty ones in a row */
    guint64 files;       /* told so far */
    guint64 unsafe;      /* whose names are no safe paths */
    char *newest;        /* "YYYY-MM-DD" of the newest file so far; NULL: not told */
    char *left;          /* why the list was left before its end; NULL: it was not */
} KaggleListing;
void kaggle_listing_clear(KaggleListing *listing);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KaggleListing, kaggle_listing_clear)

/* The first page. The errors are kaggle_ask()'s. */
gboolean kaggle_listing_begin(KaggleListing *listing, KaggleDoor *door, const char *version,
                              GError **error);
/* All pages: each file to TAKER as a member of ARCHIVE (a path told before). That the source fails
 * midway leaves the list; an error is TAKER's, or says that access is refused. */
gboolean kaggle_listing_tell(KaggleListing *listing, const char *archive, const ListingTaker *taker,
                             GError **error);
/* The same from the listing by directory, a folder after the other: for where the flat one is not
 * to be had. FALSE with an error as of kaggle_listing_tell(), or that of the first page. */
gboolean kaggle_listing_tell_tree(KaggleListing *listing, KaggleDoor *door, const char *version,
                                  const char *archive, const ListingTaker *taker, GError **error);
/* How many files there are, by one request; SIZE_UNKNOWN where it is not told. */
guint64 kaggle_listing_count(KaggleDoor *door, const char *version);
/* As many pages as are asked for. */
#define KAGGLE_MOST_PAGES 100

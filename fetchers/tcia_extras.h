/*
 * What TCIA has of a collection beside its series: slides at PathDB, spreadsheets and the like on
 * its web site, and what no program can fetch. Where the collection has series, these files are
 * taken only when asked for; where it has none, they are the dataset.
 */
#pragma once

#include "fetcher.h"
#include "tcia_places.h"

typedef struct {
    HostServices *services;
    const ListingTaker *taker;
    const TciaPlaces *places;
    ListingHead *head; /* gets notes; title and citation where the web site has them */
    const char *ref, *collection;
    gboolean only_if_asked;
    gboolean is_known;        /* out: one of them knows the collection */
    guint64 listed;           /* out */
    guint controlled, aspera; /* out: downloads that no program can fetch */
    char *newest;             /* out, owned: "YYYY-MM-DD" of what was listed */
    char *licence;            /* out, owned: of the first controlled download */
} TciaExtras;

/* Both: that a host does not answer is a note where the files are only taken when asked for, else
 * an error. */
gboolean tcia_list_slides(TciaExtras *extras, GError **error);
gboolean tcia_list_supporting(TciaExtras *extras, GError **error);

/* For the two: SPEC, which has facts, is told as one of PART. */
gboolean tcia_take_extra(TciaExtras *extras, FileSpec *spec, const char *part, GError **error);
/* Takes WHY. A note with WHAT, a sentence without its full stop, and why; or the error itself,
 * where the files are the dataset, or it was the disk or the person that ended it. */
gboolean tcia_forgive(TciaExtras *extras, GError *why, const char *what, GError **error);
/* The text of KEY: a scalar, the first of a list, or what an object calls value, url or rendered.
 * Owned; NULL where there is none. */
char *tcia_loose_text(const json_t *object, const char *key);
/* "FOLDER/NAME" for the file at ADDRESS, safe; owned. */
char *tcia_extra_path(const char *folder, const char *address);

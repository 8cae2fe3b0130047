/*
 * What is counted while the series of a collection pass by, and what a head tells of it.
 */
#pragma once

#include "listing.h"
#include "tcia_series.h"

typedef struct {
    guint64 series, listed, third_party, non_commercial, in_idc;
    guint64 controlled, unlicensed, unauthorised; /* not listed */
    guint64 nameless;                             /* entries that name no series; not listed */
    guint64 bytes;                                /* of what is taken without being asked for */
    guint64 sizeless;                             /* series whose size is not told */
    char *newest;                                 /* "YYYY-MM-DD" */
    char *closed_licence;                         /* of the first series under a closed one */
    GHashTable *licences, *sources;               /* names and DOIs to guint64 counts; bounded */
    guint8 sum[32]; /* of the series' own sums, in any order: the state */
} TciaTally;
void tcia_tally_init(TciaTally *tally);
void tcia_tally_clear(TciaTally *tally);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TciaTally, tcia_tally_clear)

/* Counts a series; TRUE where it is open and to be listed. IS_CLEARED: the catalogue knows the
 * collection's licence to be open, which counts for a series without one. */
gboolean tcia_tally_add(TciaTally *tally, const json_t *facts, gboolean is_cleared);

/* The state that was seen, as a token. Owned. */
char *tcia_tally_token(const TciaTally *tally);
/* Licence, citation, date and total of HEAD; and its notes on what is listed and what is not. REF:
 * what to type. */
void tcia_tally_tell(const TciaTally *tally, const char *ref, ListingHead *head);
/* Series that are not open. */
guint64 tcia_tally_closed(const TciaTally *tally);

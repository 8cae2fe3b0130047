/*
 * The series of one collection, from NBIA's getSeries or, where NBIA is away, from the Imaging Data
 * Commons, handed to a taker one by one.
 */
#pragma once

#include "fetcher.h"
#include "tcia_places.h"

/* What the names of versions begin with that the Imaging Data Commons alone listed. */
#define TCIA_IDC_VERSION "idc-"

typedef struct {
    HostServices *services;
    const ResolveRequest *request;
    const ListingTaker *taker;
    const TciaPlaces *places;
    ListingHead *head;
    const char *ref;           /* what to type */
    const char *collection;    /* as NBIA spells it */
    const char *collection_id; /* as IDC does */
    const char *server;        /* base address of the NBIA that has it */
    char *closed_licence;      /* out, owned: of the first series that is not open */
} TciaListing;

/* Out of what getSeries answered: the head, each series that is open, the head again with what
 * became known. *LISTED: how many series were handed over; *CLOSED: how many were not, for they are
 * not open. */
ResolveResult tcia_list_series(TciaListing *listing, Document *series, guint64 *listed,
                               guint64 *closed, GError **error);
/* The same from IDC's rows alone: WHY NBIA could not be asked. */
ResolveResult tcia_list_by_idc(TciaListing *listing, const GError *why, guint64 *listed,
                               GError **error);

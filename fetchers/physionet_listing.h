/*
 * The files of one version of a project: by its SHA256SUMS.txt, else by the listings of its
 * folders.
 */
#pragma once

#include "fetcher.h"

typedef struct {
    HostServices *services;
    const ListingTaker *taker;
    ListingHead *head; /* version, title and notes are set; the rest is filled in */
    const Manifest *manifest;
    const char *slug, *version;
    const char *base;        /* of the site's endpoint */
    const char *bucket;      /* of the bucket's; NULL: not asked */
    const char *state_token; /* of what is here; NULL: nothing */
} PhysioNetListing;

/* As Fetcher.resolve. */
ResolveResult physionet_list(PhysioNetListing *listing, GError **error);

/*
 * A tree of directory listings, walked a folder at a time: never above its start, never to another
 * host. Memory is bounded by the number of folders; the names of one listing pass through.
 */
#pragma once

#include "fetcher.h"

typedef struct {
    HostServices *services;    /* borrowed */
    const ListingTaker *taker; /* takes the files (and digests); its head is the caller's work */
    ListingHead *head;         /* newest_change, state_is_weak and notes are set */
    const Manifest *manifest;  /* facts to join; may be NULL */
    const char *start;         /* ends with a slash */
    const char *const *bases;  /* more addresses below which the same tree lies, each ending with
                                  a slash; NULL-terminated; NULL: none */
    guint64 files;             /* set: how many were taken */
} Crawl;

/* _ABSENT with a clear word where the start shows a page and no listing; _UNSAFE for a name that is
 * no safe path; what HostServices.get says. */
gboolean listing_crawl(Crawl *crawl, GError **error);

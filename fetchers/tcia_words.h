/*
 * What TCIA's fetcher says to people: why something is closed, where it lies now, what is not
 * there.
 */
#pragma once

#include "fetcher.h"

#define TCIA_POLICY_PAGE "https://www.cancerimagingarchive.net/nih-controlled-data-access-policy/"

char *tcia_describe_access(const Fetcher *fetcher, const json_t *locator, const Manifest *manifest,
                           int status);

/* MEDMIRROR_ERROR_ACCESS: nothing of the collection is open. LICENCE: its words, may be NULL. */
void tcia_set_controlled(GError **error, const char *ref, const char *collection,
                         const char *licence);
/* MEDMIRROR_ERROR_ACCESS: all of the collection is given out by Aspera; HEAD's notes say how. */
void tcia_set_aspera(GError **error, const char *ref, const char *collection,
                     const ListingHead *head);
/* MEDMIRROR_ERROR_ABSENT: TCIA has no collection of that name; NAMES: those it has, may be NULL. */
void tcia_set_no_collection(GError **error, const char *wanted, const GPtrArray *names);
/* MEDMIRROR_ERROR_ABSENT: an analysis result is no collection. */
void tcia_set_analysis_result(GError **error, const char *result);

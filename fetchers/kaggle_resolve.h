/*
 * What Kaggle has of a dataset or a competition: its version, its one archive, the archive's
 * members.
 */
#pragma once

#include "kaggle_api.h"

/* As in Fetcher. */
GPtrArray *kaggle_versions(const Fetcher *fetcher, const json_t *locator, HostServices *services,
                           GError **error);
ResolveResult kaggle_resolve(const Fetcher *fetcher, const ResolveRequest *request,
                             HostServices *services, const ListingTaker *taker, GError **error);

/* The same of the one and the other. */
ResolveResult kaggle_resolve_dataset(KaggleDoor *door, const ResolveRequest *request,
                                     const ListingTaker *taker, GError **error);
ResolveResult kaggle_resolve_competition(KaggleDoor *door, const ResolveRequest *request,
                                         const ListingTaker *taker, GError **error);
/* The archive as a download: PATH, at CALL's address, unpacked as the catalogue says, else by RULE
 * (taken). Owned. */
FileSpec *kaggle_archive(const KaggleDoor *door, const Manifest *manifest, const KaggleCall *call,
                         const char *path, UnpackRule *rule);

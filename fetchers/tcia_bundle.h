/*
 * A series where the Imaging Data Commons has it: a folder of objects in a bucket, one for each
 * image; and the hash by which TCIA itself knows a series.
 */
#pragma once

#include "fetcher.h"

gboolean tcia_list_bundle(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                          const char *address, HostServices *services, const BundleTaker *taker,
                          GError **error);
gboolean tcia_vouch(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                    HostServices *services, DigestSet *declared, GError **error);
/* As Fetcher.look_again: what getSeries says of the series now. */
json_t *tcia_look_again(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                        HostServices *services, GError **error);

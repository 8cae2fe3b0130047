/*
 * What is to be had of a collection of TCIA, put together out of NBIA, the Imaging Data Commons and
 * what else the archive has of it.
 */
#pragma once

#include "fetcher.h"

ResolveResult tcia_resolve(const Fetcher *fetcher, const ResolveRequest *request,
                           HostServices *services, const ListingTaker *taker, GError **error);
json_t *tcia_complete_locator(const Fetcher *fetcher, const json_t *locator, HostServices *services,
                              GError **error);

/*
 * Where each source is asked: its own base address, or where the person sends it (--endpoint
 * NAME=URL, MEDMIRROR_ENDPOINT_NAME, the configuration). When a source's first name is sent
 * elsewhere, its other hosts are not asked at all unless they have an endpoint of their own.
 */
#pragma once

#include "fetcher.h"

typedef struct Endpoints Endpoints;

Endpoints *endpoints_new(void);
void endpoints_free(Endpoints *endpoints);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Endpoints, endpoints_free)
/* "NAME=URL"; MEDMIRROR_ERROR_USAGE where NAME is none of a source's endpoints (the nearest is
 * named) or URL is no http(s) address. The first setting of a name wins. */
gboolean endpoints_set(Endpoints *endpoints, const char *setting, GError **error);
/* MEDMIRROR_ENDPOINT_*: upper case, '_' for '-'. */
gboolean endpoints_set_from_environment(Endpoints *endpoints, GError **error);
/* As HostServices.endpoint. Borrowed. */
const char *endpoints_base(const Endpoints *endpoints, const char *name, const char *source,
                           const char *default_base);
/* Is the host of ADDRESS one of ROW's own, or one that an endpoint sends it to? */
gboolean endpoints_is_own_host(const Endpoints *endpoints, const FetcherRow *row,
                               const char *address);
/* TRUE where this name was sent elsewhere. */
gboolean endpoints_is_set(const Endpoints *endpoints, const char *name);

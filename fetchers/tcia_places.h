/*
 * Where TCIA and the Imaging Data Commons are asked: the base addresses of this run, and the
 * addresses below them that a series has.
 */
#pragma once

#include "fetcher.h"

enum {
    TCIA_ENDPOINT_MAIN,
    TCIA_ENDPOINT_NLST,
    TCIA_ENDPOINT_WWW,
    TCIA_ENDPOINT_PATHDB,
    TCIA_ENDPOINT_IDC,
    TCIA_ENDPOINT_IDC_S3,
    TCIA_ENDPOINT_IDC_GCS
};
#define TCIA_MAIN_HOST "nbia.cancerimagingarchive.net"
#define TCIA_NLST_HOST "nlst.cancerimagingarchive.net"
#define TCIA_WWW_HOST "cancerimagingarchive.net"
#define TCIA_PATHDB_HOST "pathdb.cancerimagingarchive.net"
#define TCIA_LISTS_FIRST_BYTE_MS (10 * 60 * 1000)

/* Base addresses, borrowed from the host; NULL: not to be asked. */
typedef struct {
    const char *main, *nlst, *www, *pathdb, *idc, *s3, *gcs;
} TciaPlaces;
void tcia_places_read(TciaPlaces *places, HostServices *services);

/* Is it the one collection that lies on a server of its own? */
gboolean tcia_is_nlst(const char *collection);

/* Adds to SPEC where SERIES lies: the bundles of both clouds where BUCKET and UUID (NULL: not in
 * IDC) tell, NBIA's zips of API v4 and v1 at SERVER (NULL: nowhere); PREFER "nbia" puts the zips
 * first. */
void tcia_add_addresses(FileSpec *spec, const TciaPlaces *places, const char *server,
                        const char *series, const char *bucket, const char *uuid,
                        const char *prefer);

/* "BASE/nbia-api/services/v4/NAME?KEY=VALUE", VALUE percent-encoded; KEY NULL: without a query.
 * Owned. */
char *nbia_url(const char *base, const char *version, const char *name, const char *key,
               const char *value);

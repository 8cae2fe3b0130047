#include "tcia_places.h"

#include "idc_buckets.h"
#include "source_facts.h"
#include "sources.h"

void tcia_places_read(TciaPlaces *places, HostServices *services)
{
    const FetcherRow *row = &tcia_fetcher.row;
    *places = (TciaPlaces){.main = source_base(services, row, TCIA_ENDPOINT_MAIN),
                           .nlst = source_base(services, row, TCIA_ENDPOINT_NLST),
                           .www = source_base(services, row, TCIA_ENDPOINT_WWW),
                           .pathdb = source_base(services, row, TCIA_ENDPOINT_PATHDB),
                           .idc = source_base(services, row, TCIA_ENDPOINT_IDC),
                           .s3 = source_base(services, row, TCIA_ENDPOINT_IDC_S3),
                           .gcs = source_base(services, row, TCIA_ENDPOINT_IDC_GCS)};
}

gboolean tcia_is_nlst(const char *collection)
{
    return g_ascii_strcasecmp(collection, "NLST") == 0;
}

char *nbia_url(const char *base, const char *version, const char *name, const char *key,
               const char *value)
{
    g_autofree char *encoded = key ? g_uri_escape_string(value, NULL, FALSE) : NULL;
    return g_strconcat(base, "/nbia-api/services/", version, "/", name, key ? "?" : "",
                       key ? key : "", key ? "=" : "", key ? encoded : "", NULL);
}

static void add_zips(FileSpec *spec, const char *server, const char *series)
{
    static const char *const versions[] = {"v4", "v1"};
    for (gsize i = 0; server && i < G_N_ELEMENTS(versions); i++)
        g_ptr_array_add(spec->addresses, nbia_url(server, versions[i], "getImageWithMD5Hash",
                                                  "SeriesInstanceUID", series));
}

void tcia_add_addresses(FileSpec *spec, const TciaPlaces *places, const char *server,
                        const char *series, const char *bucket, const char *uuid,
                        const char *prefer)
{
    gboolean zips_first = g_strcmp0(prefer, "nbia") == 0;
    if (zips_first)
        add_zips(spec, server, series);
    if (bucket && uuid)
        idc_add_bundles(spec->addresses, places->s3, places->gcs, bucket, uuid);
    if (!zips_first)
        add_zips(spec, server, series);
}

/*
 * The REST API v3 of the Imaging Data Commons (beta): which series of a collection it has, and in
 * which bucket and folder they lie. Source: its OpenAPI document at /v3/openapi.json.
 *
 * A body that it does not understand means "no filter" there and is answered with everything, so
 * that an answer counts only where its rows, its total and a second count say what was asked for.
 */
#pragma once

#include "host_services.h"

/* As collection_id has it: lower case, '-', '.' and blanks as '_'. Owned. */
char *idc_collection_id(const char *collection);

/* Its data version, "v24"; NULL with an error. Owned. */
char *idc_ask_version(HostServices *services, const char *base, GError **error);

typedef struct {
    const char *collection_id, *patient, *study, *series; /* never NULL */
    const char *modality, *description;                   /* may be NULL */
    const char *bucket, *uuid;                            /* never NULL; UUID is one */
    guint64 images;                                       /* SIZE_UNKNOWN */
} IdcSeries;

typedef struct {
    HostServices *services;
    const char *base;
    const char *collection_id;
    const char *const *licences; /* license_short_name values to keep to; NULL: any */
    /* SERIES is borrowed. FALSE with an error ends it. */
    gboolean (*series)(gpointer data, const IdcSeries *series, GError **error);
    /* The data version changed while it was read: all that was handed over is void. NULL: then it
     * is an error. */
    void (*restart)(gpointer data);
    gpointer data;
    char *version;  /* out, owned: "v24" */
    guint64 length; /* out: series, 0 where IDC does not have the collection */
} IdcQuery;

/* Every series of a collection. _ORIGIN where the service is away, has changed, or answers another
 * question than was asked. */
gboolean idc_each_series(IdcQuery *query, GError **error);

/* The short names of a collection's licences (char*, owned) with how many series each has in
 * *COUNTS (guint64, owned; may be a NULL pointer). NULL with an error. */
GPtrArray *idc_licences(HostServices *services, const char *base, const char *collection_id,
                        GArray **counts, GError **error);

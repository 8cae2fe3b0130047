#include "tcia_bundle.h"

#include "error.h"
#include "i18n.h"
#include "idc_buckets.h"
#include "nbia_api.h"
#include "redact.h"
#include "relpath.h"
#include "s3_listing.h"
#include "source_facts.h"
#include "tcia_places.h"
#include "tcia_series.h"

#include <string.h>

#define ROW_MOST_BYTES (256 * 1024) /* of one series */
#define MOST_ATTEMPTS 4             /* of a page: another host may have it */

typedef struct {
    const BundleTaker *taker;
    const char *address, *folder; /* "UUID/" */
    char *last;                   /* name */
} Bundle;

static gboolean take_object(const S3Object *object, gpointer data, GError **error)
{
    Bundle *bundle = data;
    gsize length = strlen(bundle->folder);
    const char *name = object->key + length;
    if (strncmp(object->key, bundle->folder, length) != 0 || !*name || strchr(name, '/') ||
        !relpath_check(name, NULL)) {
        g_autofree char *shown = relpath_display(object->key);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                    _("The bucket lists \"%s\" below %s, which is no name of an image there."),
                    shown, bundle->address);
        return FALSE;
    }
    /* In order, and so none of them twice: two at once would write to one partial file. */
    if (bundle->last && strcmp(name, bundle->last) <= 0) {
        g_autofree char *shown = relpath_display(name);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("The bucket lists \"%s\" below %s twice, or not in its order."), shown,
                    bundle->address);
        return FALSE;
    }
    g_free(bundle->last);
    bundle->last = g_strdup(name);
    g_autofree char *encoded = g_uri_escape_string(name, NULL, FALSE);
    g_autofree char *address = g_strconcat(bundle->address, encoded, NULL);
    g_autoptr(Validators) validators = validators_new(object->etag, NULL, object->size);
    BundlePart part = {
        .name = name, .address = address, .size = object->size, .validators = validators};
    Digest digest;
    if (object->etag && digest_parse_etag(object->etag, &digest))
        digest_set_add(&part.hinted, &digest);
    return bundle->taker->part(bundle->taker->data, &part, error);
}

/* "BASE/BUCKET/UUID/" taken apart: FALSE where it is none. All owned. */
static gboolean take_apart(const char *address, char **base, char **bucket, char **folder)
{
    g_autofree char *text = g_strdup(address);
    gsize length = strlen(text);
    if (length == 0 || text[length - 1] != '/')
        return FALSE;
    text[length - 1] = '\0';
    char *slash = strrchr(text, '/');
    if (!slash || !idc_is_uuid(slash + 1))
        return FALSE;
    *slash = '\0';
    char *before = strrchr(text, '/');
    if (!before || before == text || before[-1] == '/' || !before[1])
        return FALSE;
    *folder = g_strconcat(slash + 1, "/", NULL);
    *bucket = g_strdup(before + 1);
    *before = '\0';
    *base = g_strdup(text);
    return TRUE;
}

gboolean tcia_list_bundle(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                          const char *address, HostServices *services, const BundleTaker *taker,
                          GError **error)
{
    g_autofree char *base = NULL, *bucket = NULL, *folder = NULL;
    if (!take_apart(address, &base, &bucket, &folder)) {
        g_autofree char *shown = redact_address(address);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("%s is no folder of a series in a bucket."), shown);
        return FALSE;
    }
    const S3Listing listing = {.services = services,
                               .base = base,
                               .bucket = bucket,
                               .prefix = folder,
                               .most_attempts = MOST_ATTEMPTS};
    Bundle bundle = {.taker = taker, .address = address, .folder = folder};
    guint64 count = 0;
    gboolean listed = s3_list(&listing, take_object, &bundle, &count, NULL, error);
    g_free(bundle.last);
    if (!listed)
        return FALSE;
    if (count > 0)
        return TRUE;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("The bucket has nothing below %s: the Imaging Data Commons took the series away, "
                  "or its list is not of this version."),
                address);
    return FALSE;
}

/* The base address of the NBIA that FILE's own addresses name, else the one where its collection
 * lies; owned, NULL where none is to be asked. */
static char *server_of(const json_t *locator, const FileSpec *file, HostServices *services)
{
    for (guint i = 0; i < file->addresses->len; i++) {
        const char *address = file->addresses->pdata[i];
        const char *service = strstr(address, "/nbia-api/services/");
        if (service)
            return g_strndup(address, (gsize)(service - address));
    }
    TciaPlaces places;
    tcia_places_read(&places, services);
    const char *collection = locator_text(locator, "collection");
    return g_strdup(collection && tcia_is_nlst(collection) && places.nlst ? places.nlst
                                                                          : places.main);
}

gboolean tcia_vouch(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                    HostServices *services, DigestSet *declared, GError **error)
{
    const char *series = file->unpack ? file->unpack->series : NULL;
    g_autofree char *server = series ? server_of(locator, file, services) : NULL;
    Digest hash;
    gboolean has_hash = FALSE;
    if (!server)
        return TRUE;
    if (!nbia_ask_hash(services, server, series, &hash, &has_hash, error))
        return FALSE;
    if (has_hash)
        digest_set_add(declared, &hash);
    return TRUE;
}

/* What the Imaging Data Commons was asked for. */
static void keep_own_facts(json_t *facts, const json_t *before)
{
    static const char *const own[] = {"crdc_series_uuid", "idc_version"};
    for (guint i = 0; i < G_N_ELEMENTS(own); i++) {
        json_t *value = json_object_get(before, own[i]);
        if (value)
            json_object_set(facts, own[i], value);
    }
}

json_t *tcia_look_again(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                        HostServices *services, GError **error)
{
    const char *series = file->unpack ? file->unpack->series : NULL;
    g_autofree char *server = series ? server_of(locator, file, services) : NULL;
    g_autoptr(Document) document =
        server ? nbia_get_list(services, server, "getSeries", "SeriesInstanceUID", series, error)
               : NULL;
    g_autofree char *text = document ? document_read(document, ROW_MOST_BYTES, NULL, error) : NULL;
    json_t *list = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *row = json_array_get(list, 0);
    json_t *facts = json_is_object(row) ? tcia_series_facts(row) : NULL;
    if (facts)
        keep_own_facts(facts, file->facts);
    json_decref(list);
    return facts;
}

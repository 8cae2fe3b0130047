#include "tcia_listing.h"

#include "error.h"
#include "i18n.h"
#include "idc_api.h"
#include "json_stream.h"
#include "source_facts.h"
#include "sources.h"
#include "tcia_extras.h"
#include "tcia_tally.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* One reading of the list. */
typedef struct {
    TciaListing *listing;
    TciaTally tally;
    SeriesIndex *index; /* where IDC has the series; NULL: it is not used */
    const char *idc_version;
    gboolean is_cleared;
    gboolean counts_only;
} Reading;

static gboolean licence_is_recorded(const TciaListing *listing)
{
    const Manifest *manifest = listing->request->manifest;
    TciaLicence licence = manifest ? tcia_licence_class(manifest->licence, NULL) : TCIA_UNLICENSED;
    return licence == TCIA_OPEN || licence == TCIA_NON_COMMERCIAL;
}

/* Where IDC has the series, as far as it is known. */
static void add_places(Reading *reading, FileSpec *spec, const char *series)
{
    const TciaListing *listing = reading->listing;
    const char *bucket = NULL;
    g_autofree char *uuid = NULL;
    if (reading->index && series_index_find(reading->index, series, &bucket, &uuid)) {
        reading->tally.in_idc++;
        json_object_set_new(spec->facts, "crdc_series_uuid", json_string(uuid));
        if (reading->idc_version)
            json_object_set_new(spec->facts, "idc_version", json_string(reading->idc_version));
    }
    tcia_add_addresses(spec, listing->places, listing->server, series, bucket, uuid,
                       listing->request->prefer);
}

static gboolean take_series(const json_t *element, gpointer data, GError **error)
{
    Reading *reading = data;
    const ListingTaker *taker = reading->listing->taker;
    json_auto_t *facts = tcia_series_facts(element);
    if (!tcia_tally_add(&reading->tally, facts, reading->is_cleared) || reading->counts_only)
        return TRUE;
    if (!json_object_get(facts, "Collection"))
        json_object_set_new(facts, "Collection", json_string(reading->listing->collection));
    g_autoptr(FileSpec) spec = tcia_series_spec(facts);
    add_places(reading, spec, locator_text(facts, "SeriesInstanceUID"));
    return taker->file(taker->data, spec, error);
}

/* Is the state that is here still the source's? A reading of its own, of what came already. */
static gboolean is_unchanged(TciaListing *listing, Document *series, gboolean *unchanged,
                             GError **error)
{
    const ResolveRequest *request = listing->request;
    *unchanged = FALSE;
    if (!request->state_token || request->prefer || request->index || series->fd < 0)
        return TRUE;
    Reading reading = {
        .listing = listing, .counts_only = TRUE, .is_cleared = licence_is_recorded(listing)};
    JsonStreamShape shape;
    tcia_tally_init(&reading.tally);
    gboolean is_read = json_stream_array(series->fd, take_series, &reading, &shape, error);
    if (is_read && tcia_tally_closed(&reading.tally) < reading.tally.series) {
        g_autofree char *token = tcia_tally_token(&reading.tally);
        *unchanged = strcmp(token, request->state_token) == 0;
        if (*unchanged) {
            tcia_tally_tell(&reading.tally, listing->ref, listing->head);
            listing->head->state_token = g_steal_pointer(&token);
        }
    }
    tcia_tally_clear(&reading.tally);
    if (is_read && lseek(series->fd, 0, SEEK_SET) != 0)
        return error_set_storage(error, errno, _("A listing cannot be read back"));
    return is_read;
}

static gboolean add_to_index(gpointer data, const IdcSeries *series, GError **error)
{
    Reading *reading = data;
    if (!series_index_add(reading->index, series->series, series->bucket, series->uuid))
        g_debug("The Imaging Data Commons names a bucket that is none: %s", series->bucket);
    return TRUE;
}

static void start_again(gpointer data)
{
    Reading *reading = data;
    series_index_free(reading->index);
    reading->index = series_index_new();
}

/* Where the Imaging Data Commons has the series; that it cannot be asked is said, and no more. */
static gboolean ask_idc(TciaListing *listing, Reading *reading, char **version, GError **error)
{
    if (!listing->places->idc)
        return TRUE;
    reading->index = series_index_new();
    IdcQuery query = {.services = listing->services,
                      .base = listing->places->idc,
                      .collection_id = listing->collection_id,
                      .series = add_to_index,
                      .restart = start_again,
                      .data = reading};
    GError *why = NULL;
    if (idc_each_series(&query, &why)) {
        *version = query.version;
        reading->idc_version = *version;
        return TRUE;
    }
    g_free(query.version);
    g_clear_pointer(&reading->index, series_index_free);
    if (listing->services->cancelled(listing->services) ||
        g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE)) {
        g_propagate_error(error, why);
        return FALSE;
    }
    listing_head_add_note(listing->head,
                          _("The Imaging Data Commons cannot say what it has of this collection, "
                            "so everything comes from NBIA: %s"),
                          why->message);
    g_error_free(why);
    return TRUE;
}

static void tell_back_ends(const TciaListing *listing, const Reading *reading)
{
    ListingHead *head = listing->head;
    const TciaTally *tally = &reading->tally;
    gboolean nbia_first = g_strcmp0(listing->request->prefer, "nbia") == 0;
    if (!reading->index || tally->listed == 0)
        return;
    if (listing->request->index)
        listing_head_add_note(head,
                              _("Of %" G_GUINT64_FORMAT
                                " series your own list says for %" G_GUINT64_FORMAT
                                " where they lie at the Imaging Data Commons; the "
                                "others come from NBIA."),
                              tally->listed, tally->in_idc);
    else if (nbia_first)
        listing_head_add_note(head,
                              _("NBIA is asked first. Of %" G_GUINT64_FORMAT
                                " series the Imaging Data Commons (%s) has %" G_GUINT64_FORMAT
                                ", too."),
                              tally->listed, reading->idc_version, tally->in_idc);
    else if (tally->in_idc == tally->listed && tally->listed == 1)
        listing_head_add_note(head, _("The series comes from the Imaging Data Commons (%s)."),
                              reading->idc_version);
    else if (tally->in_idc == 0)
        listing_head_add_note(
            head,
            ngettext_count("The Imaging Data Commons (%s) does not have the %" G_GUINT64_FORMAT
                           " series; it comes from NBIA.",
                           "The Imaging Data Commons (%s) has none of the %" G_GUINT64_FORMAT
                           " series; they come from NBIA.",
                           tally->listed),
            reading->idc_version, tally->listed);
    else if (tally->in_idc == tally->listed)
        listing_head_add_note(
            head, _("All %" G_GUINT64_FORMAT " series come from the Imaging Data Commons (%s)."),
            tally->listed, reading->idc_version);
    else
        listing_head_add_note(
            head,
            ngettext_count("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                           " series comes from the Imaging Data Commons (%s), the rest from "
                           "NBIA.",
                           "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                           " series come from the Imaging Data Commons (%s), the rest from "
                           "NBIA.",
                           tally->in_idc),
            tally->in_idc, tally->listed, reading->idc_version);
}

/* What there is beside the series, which is taken only when asked for. */
static gboolean list_extras(TciaListing *listing, GError **error)
{
    TciaExtras extras = {.services = listing->services,
                         .taker = listing->taker,
                         .places = listing->places,
                         .head = listing->head,
                         .ref = listing->ref,
                         .collection = listing->collection,
                         .only_if_asked = TRUE};
    gboolean is_listed = tcia_list_slides(&extras, error) && tcia_list_supporting(&extras, error);
    g_free(extras.newest);
    g_free(extras.licence);
    return is_listed;
}

static ResolveResult list_reading(TciaListing *listing, Reading *reading, Document *series,
                                  GError **error)
{
    const ListingTaker *taker = listing->taker;
    JsonStreamShape shape;
    if (!taker->head(taker->data, listing->head, error) ||
        !json_stream_array(series->fd, take_series, reading, &shape, error))
        return RESOLVE_FAILED;
    if (reading->tally.listed > 0 && !list_extras(listing, error))
        return RESOLVE_FAILED;
    tell_back_ends(listing, reading);
    tcia_tally_tell(&reading->tally, listing->ref, listing->head);
    g_free(listing->head->state_token);
    listing->head->state_token = tcia_tally_token(&reading->tally);
    return taker->head(taker->data, listing->head, error) ? RESOLVE_LISTED : RESOLVE_FAILED;
}

ResolveResult tcia_list_series(TciaListing *listing, Document *series, guint64 *listed,
                               guint64 *closed, GError **error)
{
    gboolean unchanged;
    *listed = *closed = 0;
    if (!is_unchanged(listing, series, &unchanged, error))
        return RESOLVE_FAILED;
    if (unchanged)
        return listing->taker->head(listing->taker->data, listing->head, error) ? RESOLVE_UNCHANGED
                                                                                : RESOLVE_FAILED;
    Reading reading = {.listing = listing, .is_cleared = licence_is_recorded(listing)};
    g_autofree char *version = NULL;
    SeriesIndex *given = listing->request->index;
    if (given)
        reading.index = given;
    else if (!ask_idc(listing, &reading, &version, error))
        return RESOLVE_FAILED;
    tcia_tally_init(&reading.tally);
    ResolveResult result = list_reading(listing, &reading, series, error);
    *listed = reading.tally.listed;
    *closed = tcia_tally_closed(&reading.tally);
    g_free(listing->closed_licence);
    listing->closed_licence = g_steal_pointer(&reading.tally.closed_licence);
    tcia_tally_clear(&reading.tally);
    if (!given)
        g_clear_pointer(&reading.index, series_index_free);
    return result;
}

static json_t *facts_of_row(const TciaListing *listing, const char *version,
                            const IdcSeries *series)
{
    json_t *facts =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "Collection", listing->collection, "PatientID",
                  series->patient, "StudyInstanceUID", series->study, "SeriesInstanceUID",
                  series->series, "crdc_series_uuid", series->uuid, "idc_version", version);
    if (series->modality)
        json_object_set_new(facts, "Modality", json_string(series->modality));
    if (series->description)
        json_object_set_new(facts, "SeriesDescription", json_string(series->description));
    if (series->images != SIZE_UNKNOWN) {
        g_autofree char *images = g_strdup_printf("%" G_GUINT64_FORMAT, series->images);
        json_object_set_new(facts, "ImageCount", json_string(images));
    }
    return facts;
}

static gboolean take_row(gpointer data, const IdcSeries *series, GError **error)
{
    Reading *reading = data;
    TciaListing *listing = reading->listing;
    if (!tcia_is_uid(series->series)) {
        reading->tally.nameless++;
        return TRUE;
    }
    json_auto_t *facts = facts_of_row(listing, reading->idc_version, series);
    g_autoptr(FileSpec) spec = tcia_series_spec(facts);
    reading->tally.listed++;
    tcia_add_addresses(spec, listing->places, listing->server, series->series, series->bucket,
                       series->uuid, listing->request->prefer);
    return listing->taker->file(listing->taker->data, spec, error);
}

/* The licences there that are open, and a note on those that are not. NULL with an error. */
static GPtrArray *open_licences(TciaListing *listing, GError **error)
{
    GArray *counts = NULL;
    g_autoptr(GPtrArray) names = idc_licences(listing->services, listing->places->idc,
                                              listing->collection_id, &counts, error);
    if (!names)
        return NULL;
    g_autoptr(GArray) owned = counts;
    GPtrArray *open = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        if (tcia_licence_class(name, NULL) <= TCIA_NON_COMMERCIAL)
            g_ptr_array_add(open, g_strdup(name));
        else
            listing_head_add_note(
                listing->head,
                ngettext_count("%" G_GUINT64_FORMAT " series is under \"%s\", which is not "
                               "known to be open, and is left out.",
                               "%" G_GUINT64_FORMAT " series are under \"%s\", which is not "
                               "known to be open, and are left out.",
                               g_array_index(owned, guint64, i)),
                g_array_index(owned, guint64, i), name);
    }
    return open;
}

/* Every row under one of LICENCES (NULL-terminated), which must be of VERSION to the end. */
static gboolean take_rows(TciaListing *listing, const char *const *licences, const char *version,
                          guint64 *listed, GError **error)
{
    Reading reading = {.listing = listing, .idc_version = version};
    IdcQuery query = {.services = listing->services,
                      .base = listing->places->idc,
                      .collection_id = listing->collection_id,
                      .licences = licences,
                      .series = take_row,
                      .data = &reading};
    tcia_tally_init(&reading.tally);
    gboolean is_read = idc_each_series(&query, error);
    *listed = reading.tally.listed;
    tcia_tally_clear(&reading.tally);
    g_autofree char *now = query.version;
    if (!is_read || strcmp(now, version) == 0)
        return is_read;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                _("The Imaging Data Commons went from %s to %s while it was asked. Type: medmirror "
                  "pull %s"),
                version, now, listing->ref);
    return FALSE;
}

ResolveResult tcia_list_by_idc(TciaListing *listing, const GError *why, guint64 *listed,
                               GError **error)
{
    ListingHead *head = listing->head;
    *listed = 0;
    g_autoptr(GPtrArray) licences = open_licences(listing, error);
    if (!licences)
        return RESOLVE_FAILED;
    if (licences->len == 0)
        return RESOLVE_LISTED;
    g_autofree char *version = idc_ask_version(listing->services, listing->places->idc, error);
    if (!version)
        return RESOLVE_FAILED;
    g_ptr_array_add(licences, NULL);
    const char *const *names = (const char *const *)licences->pdata;
    if (!head->licence)
        head->licence = g_strjoinv("; ", (char **)licences->pdata);
    head->version = g_strconcat(TCIA_IDC_VERSION, version, NULL);
    listing_head_add_note(head,
                          _("NBIA does not answer, so the series are those that the Imaging Data "
                            "Commons (%s) has; others' results among them cannot be told apart: "
                            "%s"),
                          version, why->message);
    if (!listing->taker->head(listing->taker->data, head, error) ||
        !take_rows(listing, names, version, listed, error))
        return RESOLVE_FAILED;
    return RESOLVE_LISTED;
}

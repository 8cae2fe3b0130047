#include "tcia_resolve.h"

#include "error.h"
#include "i18n.h"
#include "idc_api.h"
#include "nbia_api.h"
#include "relpath.h"
#include "source_facts.h"
#include "sources.h"
#include "tcia_extras.h"
#include "tcia_listing.h"
#include "tcia_names.h"
#include "tcia_series.h"
#include "tcia_words.h"

#include <string.h>

/* What NBIA's servers say of a collection. */
typedef struct {
    const char *server; /* that has it; NULL: none has */
    char *name;         /* as it is spelled there */
    GPtrArray *names;   /* all that are there; NULL: nobody told */
    GError *why;        /* a server could not be asked; NULL: all could */
    gboolean is_result; /* an analysis result: no server has it as a collection */
} Search;

static void search_clear(Search *search)
{
    g_free(search->name);
    g_clear_pointer(&search->names, g_ptr_array_unref);
    g_clear_error(&search->why);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Search, search_clear)

/* The two servers in the order in which COLLECTION is to be looked for. */
static void order_servers(const TciaPlaces *places, const char *collection, const char *servers[2])
{
    gboolean is_nlst = tcia_is_nlst(collection) && places->nlst;
    servers[0] = is_nlst ? places->nlst : places->main;
    servers[1] = is_nlst ? places->main : places->nlst;
}

static void search_collection(Search *search, const TciaPlaces *places, const char *wanted,
                              HostServices *services)
{
    const char *servers[2];
    order_servers(places, wanted, servers);
    for (gsize i = 0; i < G_N_ELEMENTS(servers) && !search->server; i++) {
        g_autoptr(GError) why = NULL;
        g_autoptr(GPtrArray) names =
            servers[i] ? nbia_collections(services, servers[i], &why) : NULL;
        const char *found = names ? tcia_match_name(names, wanted) : NULL;
        if (why && i == 0) /* the second has but one collection, or every other */
            search->why = g_steal_pointer(&why);
        if (found) {
            search->server = servers[i];
            search->name = g_strdup(found);
        }
        if (names && names->len && !search->names)
            search->names = g_steal_pointer(&names);
    }
}

static json_t *complete_series(const json_t *locator, const TciaPlaces *places,
                               HostServices *services, GError **error)
{
    const char *series = locator_text(locator, "series");
    const char *servers[] = {places->main, places->nlst};
    GError *why = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(servers); i++) {
        g_autofree char *collection =
            servers[i] ? nbia_collection_of(services, servers[i], series, why ? NULL : &why) : NULL;
        if (!collection)
            continue;
        g_clear_error(&why);
        return json_pack("{s:s, s:s}", "collection", collection, "series", series);
    }
    if (why)
        g_propagate_error(error, why);
    else
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("TCIA knows no series %s: it may be withdrawn, under controlled access, or "
                      "of another archive. Type: medmirror search"),
                    series);
    return NULL;
}

json_t *tcia_complete_locator(const Fetcher *fetcher, const json_t *locator, HostServices *services,
                              GError **error)
{
    TciaPlaces places;
    tcia_places_read(&places, services);
    if (tcia_locator_is_complete(fetcher, locator))
        return json_deep_copy(locator);
    const char *wanted = locator_text(locator, "collection");
    if (!wanted)
        return complete_series(locator, &places, services, error);
    g_auto(Search) search = {0};
    search_collection(&search, &places, wanted, services);
    if (!search.name && search.why) {
        g_propagate_error(error, g_steal_pointer(&search.why));
        return NULL;
    }
    json_t *complete = json_deep_copy(locator);
    if (search.name)
        json_object_set_new(complete, "collection", json_string(search.name));
    return complete;
}

static ListingHead *make_head(const Manifest *manifest, const char *collection)
{
    ListingHead *head = listing_head_new();
    g_autofree char *slug = tcia_page_slug(collection);
    head->title = g_strdup(manifest ? manifest->title_en : collection);
    head->homepage =
        manifest && manifest->homepage
            ? g_strdup(manifest->homepage)
            : g_strdup_printf("https://www.cancerimagingarchive.net/collection/%s/", slug);
    if (manifest) {
        head->licence = g_strdup(manifest->licence);
        head->citation = g_strdup(manifest->citation);
    }
    return head;
}

/* Neither series nor files: the words for it. */
static void explain_nothing(const TciaListing *listing, const Search *search,
                            const TciaExtras *extras, guint64 closed, GError **error)
{
    if (closed || extras->controlled)
        tcia_set_controlled(error, listing->ref, listing->collection,
                            listing->closed_licence ? listing->closed_licence : extras->licence);
    else if (extras->aspera)
        tcia_set_aspera(error, listing->ref, listing->collection, listing->head);
    else if (search->is_result)
        tcia_set_analysis_result(error, listing->collection);
    else if (search->server || extras->is_known)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("TCIA names the collection %s, but lists no series or files of it that could "
                      "be fetched. See %s"),
                    listing->collection, listing->head->homepage);
    else
        tcia_set_no_collection(error, listing->collection, search->names);
}

/* Takes WHY: slides and files could not be asked for, so that nobody knows whether there are any.
 */
static void explain_unasked(const TciaListing *listing, const Search *search, guint64 closed,
                            GError *why, GError **error)
{
    gboolean is_origin = g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
    if (closed && is_origin) {
        g_error_free(why);
        tcia_set_controlled(error, listing->ref, listing->collection, listing->closed_licence);
        return;
    }
    g_autoptr(GError) absent = NULL;
    if (is_origin && !search->server)
        tcia_set_no_collection(&absent, listing->collection, search->names);
    g_propagate_error(error, why);
    if (absent)
        g_prefix_error(
            error,
            _("%s That is the word of NBIA alone, for PathDB or the web site does not answer: "),
            absent->message);
}

/* Where there are slides, they are the dataset. */
static gboolean list_extras(TciaExtras *extras, GError **error)
{
    if (!tcia_list_slides(extras, error))
        return FALSE;
    extras->only_if_asked = extras->listed > 0;
    return tcia_list_supporting(extras, error);
}

/* NBIA has nothing of it that is open: slides and files of the web site, if any, are the dataset.
 */
static ResolveResult resolve_by_extras(TciaListing *listing, const Search *search, guint64 closed,
                                       GError **error)
{
    const ListingTaker *taker = listing->taker;
    ListingHead *head = listing->head;
    TciaExtras extras = {.services = listing->services,
                         .taker = taker,
                         .places = listing->places,
                         .head = head,
                         .ref = listing->ref,
                         .collection = listing->collection};
    GError *why = NULL;
    gboolean is_listed = taker->head(taker->data, head, error) && list_extras(&extras, &why);
    if (!is_listed && why)
        explain_unasked(listing, search, closed, why, error);
    if (is_listed && extras.listed == 0) {
        explain_nothing(listing, search, &extras, closed, error);
        is_listed = FALSE;
    }
    g_free(head->newest_change);
    head->newest_change = extras.newest;
    g_free(extras.licence);
    return is_listed && taker->head(taker->data, head, error) ? RESOLVE_LISTED : RESOLVE_FAILED;
}

/* NBIA is away: what the Imaging Data Commons has, where no version is here that NBIA listed: a day
 * without NBIA makes no new one. */
static ResolveResult resolve_by_idc(TciaListing *listing, GError *why, GError **error)
{
    guint64 listed;
    GError *second = NULL;
    const char *standing = listing->request->standing;
    gboolean may_ask = listing->places->idc && !listing->request->state_token &&
                       (!standing || g_str_has_prefix(standing, TCIA_IDC_VERSION)) &&
                       !listing->services->cancelled(listing->services) &&
                       g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
    if (may_ask) {
        ResolveResult result = tcia_list_by_idc(listing, why, &listed, &second);
        if (result == RESOLVE_LISTED && listed > 0)
            return result;
        if (second && !g_error_matches(second, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN)) {
            g_propagate_error(error, second);
            return RESOLVE_FAILED;
        }
    }
    g_propagate_error(error, g_error_copy(why));
    if (may_ask && error && *error) {
        g_autofree char *more =
            second ? g_strdup(second->message)
                   : g_strdup(_("The Imaging Data Commons has nothing open of it either."));
        g_autofree char *both = g_strconcat((*error)->message, " ", more, NULL);
        g_free((*error)->message);
        (*error)->message = g_steal_pointer(&both);
    }
    g_clear_error(&second);
    return RESOLVE_FAILED;
}

static ResolveResult resolve_by_nbia(TciaListing *listing, const Search *search, GError **error)
{
    GError *why = NULL;
    g_autoptr(Document) series = nbia_get_list(listing->services, listing->server, "getSeries",
                                               "Collection", listing->collection, &why);
    if (!series) {
        ResolveResult result = resolve_by_idc(listing, why, error);
        g_clear_error(&why);
        return result;
    }
    guint64 listed, closed;
    ResolveResult result = tcia_list_series(listing, series, &listed, &closed, error);
    if (result != RESOLVE_LISTED || listed > 0)
        return result;
    return resolve_by_extras(listing, search, closed, error);
}

ResolveResult tcia_resolve(const Fetcher *fetcher, const ResolveRequest *request,
                           HostServices *services, const ListingTaker *taker, GError **error)
{
    const char *named = locator_text(request->locator, "collection");
    const char *result = locator_text(request->locator, "analysis_result");
    const char *wanted = named ? named : result ? result : "?";
    TciaPlaces places;
    tcia_places_read(&places, services);
    g_auto(Search) search = {.is_result = !named};
    if (named)
        search_collection(&search, &places, wanted, services);
    const char *collection = search.name ? search.name : wanted;
    const char *idc_name = locator_text(request->locator, "idc_collection");
    g_autofree char *collection_id = idc_name ? g_strdup(idc_name) : idc_collection_id(collection);
    g_autofree char *ref =
        request->manifest ? g_strdup(request->manifest->id) : tcia_ref(fetcher, request->locator);
    g_autoptr(ListingHead) head = make_head(request->manifest, collection);
    const char *servers[2];
    order_servers(&places, wanted, servers);
    TciaListing listing = {.services = services,
                           .request = request,
                           .taker = taker,
                           .places = &places,
                           .head = head,
                           .ref = ref,
                           .collection = collection,
                           .collection_id = collection_id,
                           .server = search.server ? search.server : servers[0]};
    ResolveResult answer = search.server ? resolve_by_nbia(&listing, &search, error)
                           : search.why  ? resolve_by_idc(&listing, search.why, error)
                                         : resolve_by_extras(&listing, &search, 0, error);
    g_free(listing.closed_licence);
    return answer;
}

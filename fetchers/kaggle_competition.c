/* Competitions: no versions, one archive; only for those who accepted the rules. */
#include "error.h"
#include "i18n.h"
#include "kaggle_fetch.h"
#include "kaggle_listing.h"
#include "kaggle_resolve.h"
#include "redact.h"
#include "source_facts.h"
#include "sources.h"
#include "web_address.h"

#include <string.h>

/* What storage says of the archive, before it is fetched. */
typedef struct {
    char *name;             /* "archive.zip": what the address ends in; NULL where not known */
    Validators *validators; /* NULL: it was not asked */
    GError *why;            /* why not */
} Stored;

static void stored_clear(Stored *stored)
{
    g_free(stored->name);
    validators_free(stored->validators);
    g_clear_error(&stored->why);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stored, stored_clear)

/* The last part of a signed address's path, whose slashes may be written %2F. Owned. */
static char *name_of_location(const char *location)
{
    g_autofree char *path = g_strndup(location, strcspn(location, "?#"));
    g_autofree char *plain = g_uri_unescape_string(path, NULL);
    return g_path_get_basename(plain ? plain : path);
}

/* One byte tells its identity and its size: the signature is for GET alone. */
static void ask_storage(HostServices *services, const char *location, Stored *stored)
{
    const DocumentRequest request = {
        .url = location, .range_to = 1, .max_bytes = 4096, .optional = TRUE};
    g_autoptr(Document) document = services->get(services, &request, &stored->why);
    stored->name = name_of_location(location);
    if (document && document->status == 206)
        stored->validators = validators_copy(document->validators);
    else if (document)
        g_set_error(&stored->why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("Kaggle's storage serves no ranges (status %d)."), document->status);
}

/* FALSE with an error where the archive is refused; that it is not told now is STORED's matter. */
static gboolean ask_archive(KaggleDoor *door, const KaggleCall *call, Stored *stored,
                            GError **error)
{
    g_auto(KaggleAnswer) answer = {0};
    GError *why = NULL;
    if (kaggle_fetch_ask(door, call, &answer, &why)) {
        if (answer.location)
            ask_storage(door->services, answer.location, stored);
        return TRUE;
    }
    if (!g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN)) {
        g_propagate_error(error, why);
        return FALSE;
    }
    stored->why = why;
    return TRUE;
}

/* Mostly a zip, of old contests other kinds too. */
static UnpackRule *rule_of(const Stored *stored)
{
    UnpackRule *rule = stored->name ? unpack_rule_from_name(stored->name) : NULL;
    return rule && rule->container != ARCHIVE_NONE
               ? rule
               : (unpack_rule_free(rule), unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE));
}

/* "SLUG.zip": the slug with what the stored name ends in. Owned. */
static char *path_of(const KaggleDoor *door, const Stored *stored)
{
    const char *dot = stored->name ? strchr(stored->name, '.') : NULL;
    g_autoptr(UnpackRule) rule = stored->name ? unpack_rule_from_name(stored->name) : NULL;
    return g_strconcat(door->name.slug,
                       dot && rule && rule->container != ARCHIVE_NONE ? dot : ".zip", NULL);
}

static FileSpec *archive_of(const KaggleDoor *door, const Manifest *manifest,
                            const KaggleCall *call, const Stored *stored)
{
    g_autofree char *path = path_of(door, stored);
    FileSpec *spec = kaggle_archive(door, manifest, call, path, rule_of(stored));
    const Validators *validators = stored->validators;
    if (!validators)
        return spec;
    spec->validators = validators_copy(validators);
    if (validators->total != SIZE_UNKNOWN) {
        spec->size = validators->total;
        spec->size_is_rounded = FALSE;
        spec->size_is_exact = TRUE;
    }
    Digest digest;
    if (validators->etag && digest_parse_etag(validators->etag, &digest))
        digest_set_add(&spec->hinted, &digest);
    spec->modified =
        validators->last_modified ? web_date_normalise(validators->last_modified) : NULL;
    return spec;
}

static char *state_token(const FileSpec *archive)
{
    json_auto_t *token = json_object();
    const Validators *validators = archive->validators;
    if (validators && validators->etag)
        json_object_set_new(token, "etag", json_string(validators->etag));
    if (archive->modified)
        json_object_set_new(token, "modified", json_string(archive->modified));
    if (archive->size_is_exact)
        json_object_set_new(token, "bytes", json_integer((json_int_t)archive->size));
    return json_object_size(token) ? state_token_text(token) : NULL;
}

static ListingHead *make_head(const KaggleDoor *door, const Manifest *manifest,
                              const FileSpec *archive, const Stored *stored)
{
    ListingHead *head = listing_head_new();
    head->newest_change = archive->modified ? g_strndup(archive->modified, 10) : NULL;
    head->state_token = state_token(archive);
    head->state_is_weak = head->state_token == NULL;
    head->title = g_strdup(manifest ? manifest->title_en : NULL);
    head->licence = g_strdup(manifest ? manifest->licence : NULL);
    head->citation = g_strdup(manifest ? manifest->citation : NULL);
    head->homepage = kaggle_name_page(&door->name);
    head->is_one_archive = TRUE;
    head->is_restricted = door->used_login;
    if (stored->why)
        listing_head_add_note(
            head, _("What Kaggle's storage has of %s could not be asked beforehand: %s"), door->ref,
            stored->why->message);
    return head;
}

/* All files, for who wants to know them, or for the date of the newest where nothing else tells it.
 */
static gboolean tell_files(KaggleListing *listing, const char *archive, const ListingTaker *taker,
                           ListingHead *head, GError **error)
{
    if ((taker->member || !head->newest_change) &&
        !kaggle_listing_tell(listing, archive, taker, error))
        return FALSE;
    if (!head->newest_change)
        head->newest_change = g_strdup(listing->newest);
    if (listing->left)
        listing_head_add_note(head,
                              _("Kaggle's list of files was left after %" G_GUINT64_FORMAT
                                " (%s); the archive's own directory tells them all."),
                              listing->files, listing->left);
    if (listing->unsafe)
        listing_head_add_note(
            head, _("Kaggle lists %" G_GUINT64_FORMAT " files whose names are no safe paths."),
            listing->unsafe);
    return TRUE;
}

ResolveResult kaggle_resolve_competition(KaggleDoor *door, const ResolveRequest *request,
                                         const ListingTaker *taker, GError **error)
{
    g_auto(KaggleListing) listing = {0};
    g_auto(KaggleCall) call = kaggle_call_download(&door->name, NULL, NULL);
    g_auto(Stored) stored = {0};
    guint more = 0;
    if (request->version) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("A competition of Kaggle has no versions. Type: medmirror pull %s"),
                    door->ref);
        return RESOLVE_FAILED;
    }
    if (!kaggle_listing_begin(&listing, door, NULL, error) ||
        !ask_archive(door, &call, &stored, error))
        return RESOLVE_FAILED;
    if (stored.why && request->state_token) { /* nothing tells whether what is here is still so */
        g_propagate_error(error, g_steal_pointer(&stored.why));
        return RESOLVE_FAILED;
    }
    g_autoptr(FileSpec) archive = archive_of(door, request->manifest, &call, &stored);
    g_autoptr(ListingHead) head = make_head(door, request->manifest, archive, &stored);
    if (!taker->head(taker->data, head, error))
        return RESOLVE_FAILED;
    if (head->state_token && g_strcmp0(request->state_token, head->state_token) == 0)
        return RESOLVE_UNCHANGED;
    if (!taker->file(taker->data, archive, error) ||
        !tell_files(&listing, archive->path, taker, head, error) ||
        !source_list_recorded(door->services, &kaggle_fetcher.row, request->manifest, archive->path,
                              taker, &more, error))
        return RESOLVE_FAILED;
    head->is_one_archive = more == 0;
    return taker->head(taker->data, head, error) ? RESOLVE_LISTED : RESOLVE_FAILED;
}

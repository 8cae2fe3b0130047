/* Datasets: numbered versions, one archive each. */
#include "error.h"
#include "i18n.h"
#include "kaggle_facts.h"
#include "kaggle_listing.h"
#include "kaggle_resolve.h"
#include "relpath.h"
#include "source_facts.h"
#include "sources.h"

#include <string.h>

#define MOST_CROISSANT (4 * 1024 * 1024)

/* One request, as nobody; *LACK says (owned) why it brought nothing. */
static void ask_croissant(const KaggleDoor *door, KaggleFacts *facts, char **lack)
{
    g_autofree char *url = g_strdup_printf("%s/datasets/%s/%s/croissant/download", door->base,
                                           door->name.owner, door->name.slug);
    const DocumentRequest request = {.url = url,
                                     .max_bytes = MOST_CROISSANT,
                                     .optional = TRUE,
                                     .any_status = TRUE,
                                     .source = kaggle_fetcher.row.name};
    g_autoptr(GError) why = NULL;
    g_autoptr(Document) document = door->services->get(door->services, &request, &why);
    gsize length = 0;
    g_autofree char *text = document && document->status == 200
                                ? document_read(document, MOST_CROISSANT, &length, &why)
                                : NULL;
    json_auto_t *json = text ? json_loadb(text, length, 0, NULL) : NULL;
    if (json && kaggle_facts_add_croissant(facts, json))
        return;
    int status = document ? document->status : 0;
    *lack = why             ? g_strdup(why->message)
            : status != 200 ? g_strdup_printf(_("HTTP status %d"), status)
                            : g_strdup(_("it is no Croissant document"));
}

static gboolean ask_view(KaggleDoor *door, KaggleFacts *facts, GError **error)
{
    g_auto(KaggleCall) call = kaggle_call_view(&door->name);
    g_auto(KaggleAnswer) answer = {0};
    if (!kaggle_ask(door, &call, FALSE, &answer, error))
        return FALSE;
    if (kaggle_facts_add_view(facts, answer.json))
        return TRUE;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                _("Kaggle's answer for %s describes no dataset. Later, type: medmirror pull %s"),
                door->ref, door->ref);
    return FALSE;
}

/* All that are told, newest first, the current one among them. char*, owned. */
static GPtrArray *list_versions(const KaggleFacts *facts)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    if (facts->version && !kaggle_facts_version(facts, facts->version))
        g_ptr_array_add(list, g_strdup(facts->version));
    for (guint i = 0; facts->versions && i < facts->versions->len; i++) {
        const KaggleVersion *one = &g_array_index(facts->versions, KaggleVersion, i);
        if (!one->is_deleted)
            g_ptr_array_add(list, g_strdup_printf("%u", one->number));
    }
    return list;
}

GPtrArray *kaggle_versions(const Fetcher *fetcher, const json_t *locator, HostServices *services,
                           GError **error)
{
    g_auto(KaggleDoor) door = {0};
    g_auto(KaggleFacts) facts = {.archive_bytes = SIZE_UNKNOWN};
    kaggle_door_open(&door, services, locator, NULL);
    if (!door.name.owner)
        return g_ptr_array_new_with_free_func(g_free);
    return ask_view(&door, &facts, error) ? list_versions(&facts) : NULL;
}

static gboolean set_no_version(const KaggleDoor *door, const KaggleFacts *facts,
                               const char *version, GError **error)
{
    g_autoptr(GPtrArray) versions = list_versions(facts);
    g_autofree char *newest = g_strdup(versions->len ? versions->pdata[0] : "1");
    g_ptr_array_add(versions, NULL);
    g_autofree char *list = g_strjoinv(", ", (char **)versions->pdata);
    g_autofree char *shown = relpath_display(version);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("Kaggle has no version %s of %s; it has: %s. Type: medmirror pull %s@%s"), shown,
                door->ref, list, door->ref, newest);
    return FALSE;
}

/* Whether the list of versions is whole is not known: what it does not name may be there. */
static gboolean may_exist(const KaggleFacts *facts, const char *version)
{
    const KaggleVersion *known = kaggle_facts_version(facts, version);
    if (!kaggle_version_is_valid(version) || (known && known->is_deleted))
        return FALSE;
    return known || !facts->version ||
           g_ascii_strtoull(version, NULL, 10) <= g_ascii_strtoull(facts->version, NULL, 10);
}

/* The version to bring; *FACTS then speak of the current one, MD5 and all. Owned. */
static char *choose_version(KaggleDoor *door, const char *wanted, KaggleFacts *facts, char **lack,
                            GError **error)
{
    ask_croissant(door, facts, lack);
    if (facts->version && (!wanted || strcmp(wanted, facts->version) == 0))
        return g_strdup(facts->version);
    if (!ask_view(door, facts, error))
        return NULL;
    if (wanted) {
        if (!may_exist(facts, wanted) && !set_no_version(door, facts, wanted, error))
            return NULL;
        return g_strdup(wanted);
    }
    if (!facts->version)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("Kaggle does not tell the current version of %s. If you know one, type: "
                      "medmirror pull %s@1"),
                    door->ref, door->ref);
    return g_strdup(facts->version);
}

/* A version's number says what it is; the archive's MD5, where both states know one, may disagree.
 */
static gboolean same_state(const char *held, const char *now)
{
    json_auto_t *a = held ? json_loads(held, 0, NULL) : NULL;
    json_auto_t *b = held ? json_loads(now, 0, NULL) : NULL;
    const char *old = locator_text(a, "md5"), *new = locator_text(b, "md5");
    return a && b && json_equal(json_object_get(a, "version"), json_object_get(b, "version")) &&
           (!old || !new || strcmp(old, new) == 0);
}

static char *state_token(const char *version, const Digest *md5)
{
    json_auto_t *token = json_pack("{s:s}", "version", version);
    g_autofree char *hex = md5 ? digest_to_hex(md5) : NULL;
    if (hex)
        json_object_set_new(token, "md5", json_string(hex));
    return state_token_text(token);
}

static ListingHead *make_head(const KaggleDoor *door, const Manifest *manifest,
                              const KaggleFacts *facts, const char *version, const char *lack)
{
    ListingHead *head = listing_head_new();
    const KaggleVersion *known = kaggle_facts_version(facts, version);
    gboolean is_current = g_strcmp0(version, facts->version) == 0;
    const char *title = manifest ? manifest->title_en : NULL;
    const char *licence = manifest ? manifest->licence : NULL;
    const char *citation = manifest ? manifest->citation : NULL;
    head->version = g_strdup(version);
    head->newest_change = g_strdup(is_current && facts->changed ? facts->changed
                                   : known                      ? known->created
                                                                : NULL);
    head->title = g_strdup(facts->title ? facts->title : title);
    head->licence = g_strdup(facts->licence ? facts->licence : licence);
    head->citation = g_strdup(citation ? citation : facts->citation);
    head->homepage = kaggle_name_page(&door->name);
    head->is_one_archive = TRUE;
    head->is_restricted = door->used_login || facts->is_private;
    if (lack && is_current)
        listing_head_add_note(head,
                              _("The Croissant document of %s, which declares the archive's MD5, "
                                "could not be had: %s. What Kaggle's storage says of the bytes is "
                                "checked all the same."),
                              door->ref, lack);
    if (facts->is_closed)
        listing_head_add_note(head,
                              _("Kaggle says that %s has 0 bytes, as it does where a login or a "
                                "click of consent is wanted: %s"),
                              door->ref, head->homepage);
    return head;
}

FileSpec *kaggle_archive(const KaggleDoor *door, const Manifest *manifest, const KaggleCall *call,
                         const char *path, UnpackRule *rule)
{
    FileSpec *spec = file_spec_new(path);
    g_autofree char *address = kaggle_call_address(call, door->base);
    g_autoptr(UnpackRule) by_name = rule;
    file_spec_add_address(spec, address);
    file_spec_add_facts(spec, manifest);
    if (!spec->unpack)
        file_spec_set_unpack(spec, manifest && manifest->unpack ? unpack_rule_copy(manifest->unpack)
                                                                : g_steal_pointer(&by_name));
    return spec;
}

/* What is wrong with the list of members is said: the archive itself decides. */
static void note_members(ListingHead *head, const KaggleListing *listing, guint64 count,
                         const char *lack)
{
    if (lack)
        listing_head_add_note(head, _("The archive's members could not be listed beforehand: %s"),
                              lack);
    else if (listing->left)
        listing_head_add_note(head,
                              _("Kaggle's list of files was left after %" G_GUINT64_FORMAT
                                " (%s); the archive's own directory tells them all."),
                              listing->files, listing->left);
    else if (count != SIZE_UNKNOWN && count != listing->files + listing->unsafe)
        listing_head_add_note(head,
                              _("Kaggle's list names %" G_GUINT64_FORMAT
                                " files and its summary counts %" G_GUINT64_FORMAT
                                "; the archive's own directory decides."),
                              listing->files + listing->unsafe, count);
    if (listing->unsafe)
        listing_head_add_note(
            head, _("Kaggle lists %" G_GUINT64_FORMAT " files whose names are no safe paths."),
            listing->unsafe);
}

/* A list of so many pages would be as many requests. */
static gboolean is_too_long(guint64 count)
{
    return count != SIZE_UNKNOWN && count > (guint64)KAGGLE_MOST_PAGES * KAGGLE_PAGE_SIZE;
}

/* The flat list, else the one by directory; *LACK (owned) says that neither is to be had. FALSE
 * with an error of TAKER's, or where access is refused. */
static gboolean list_members(KaggleDoor *door, const char *version, const char *archive,
                             const ListingTaker *taker, KaggleListing *listing, char **lack,
                             GError **error)
{
    g_autoptr(GError) flat = NULL;
    GError *tree = NULL;
    if (kaggle_listing_begin(listing, door, version, &flat))
        return kaggle_listing_tell(listing, archive, taker, error);
    kaggle_listing_clear(listing);
    if (g_error_matches(flat, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT) &&
        kaggle_listing_tell_tree(listing, door, version, archive, taker, &tree))
        return TRUE;
    gboolean is_lack = g_error_matches(flat, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN) ||
                       g_error_matches(tree, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
    if (is_lack)
        *lack = g_strdup(flat->message);
    else
        g_propagate_error(error, g_error_copy(tree ? tree : flat));
    g_clear_error(&tree);
    return is_lack;
}

static gboolean tell_members(KaggleDoor *door, const char *version, const char *archive,
                             const ListingTaker *taker, ListingHead *head, GError **error)
{
    g_auto(KaggleListing) listing = {0};
    guint64 count = kaggle_listing_count(door, version);
    g_autofree char *lack = NULL;
    if (is_too_long(count))
        listing.left = g_strdup_printf(
            _("there are %" G_GUINT64_FORMAT ", and a request is needed for each %d"), count,
            KAGGLE_PAGE_SIZE);
    else if (!list_members(door, version, archive, taker, &listing, &lack, error))
        return FALSE;
    head->is_restricted |= door->used_login;
    note_members(head, &listing, count, lack);
    return TRUE;
}

static ResolveResult list_dataset(KaggleDoor *door, const ResolveRequest *request,
                                  const KaggleFacts *facts, ListingHead *head,
                                  const ListingTaker *taker, GError **error)
{
    g_auto(KaggleCall) call = kaggle_call_download(&door->name, head->version, NULL);
    g_autofree char *path = g_strconcat(door->name.slug, ".zip", NULL);
    g_autoptr(FileSpec) archive = kaggle_archive(door, request->manifest, &call, path,
                                                 unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE));
    gboolean is_current = g_strcmp0(head->version, facts->version) == 0;
    guint more = 0;
    if (is_current && facts->has_md5)
        digest_set_add(&archive->declared, &facts->md5);
    if (is_current && archive->size == SIZE_UNKNOWN && facts->archive_bytes != SIZE_UNKNOWN) {
        archive->size = facts->archive_bytes;
        archive->size_is_rounded = TRUE;
    }
    if (!taker->file(taker->data, archive, error) ||
        (taker->member && !tell_members(door, head->version, path, taker, head, error)) ||
        !source_list_recorded(door->services, &kaggle_fetcher.row, request->manifest, path, taker,
                              &more, error))
        return RESOLVE_FAILED;
    head->is_one_archive = more == 0;
    return taker->head(taker->data, head, error) ? RESOLVE_LISTED : RESOLVE_FAILED;
}

ResolveResult kaggle_resolve_dataset(KaggleDoor *door, const ResolveRequest *request,
                                     const ListingTaker *taker, GError **error)
{
    g_auto(KaggleFacts) facts = {.archive_bytes = SIZE_UNKNOWN};
    g_autofree char *lack = NULL;
    g_autofree char *version = choose_version(door, request->version, &facts, &lack, error);
    if (!version)
        return RESOLVE_FAILED;
    gboolean has_md5 = facts.has_md5 && g_strcmp0(version, facts.version) == 0;
    g_autoptr(ListingHead) head = make_head(door, request->manifest, &facts, version, lack);
    head->state_token = state_token(version, has_md5 ? &facts.md5 : NULL);
    if (!taker->head(taker->data, head, error))
        return RESOLVE_FAILED;
    if (same_state(request->state_token, head->state_token))
        return RESOLVE_UNCHANGED;
    return list_dataset(door, request, &facts, head, taker, error);
}

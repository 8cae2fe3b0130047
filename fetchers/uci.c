/* The UCI Machine Learning Repository: one zip a dataset, described by an API. */
#include "classify_answer.h"
#include "error.h"
#include "i18n.h"
#include "relpath.h"
#include "source_facts.h"
#include "sources.h"
#include "uci_api.h"
#include "uci_names.h"
#include "web_address.h"

#include <string.h>

#define MAIN_HOST "archive.ics.uci.edu"
#define CDN_HOST "cdn.uci-ics-mlr-prod.aws.uci.edu"

static const char *const locator_keys[] = {"id", "slug", NULL};
static const char *const endpoints[] = {"uci", "https://" MAIN_HOST, "uci-cdn", "https://" CDN_HOST,
                                        NULL};
enum {
    ENDPOINT_MAIN,
    ENDPOINT_CDN
};
static const char *const hosts[] = {MAIN_HOST, CDN_HOST, NULL};

static int locator_id(const json_t *locator)
{
    return (int)json_integer_value(json_object_get(locator, "id"));
}

/* The slug that is known without asking; NULL where there is none. Borrowed. */
static const char *recorded_slug(const json_t *locator)
{
    const char *slug = locator_text(locator, "slug");
    if (slug)
        return slug;
    const UciName *name = uci_name_by_id(locator_id(locator));
    return name ? name->slug : NULL;
}

static gboolean uci_check_locator(const Fetcher *fetcher, const json_t *locator, GError **error)
{
    if (!locator_check_keys(&uci_fetcher.row, "is", locator, error))
        return FALSE;
    json_int_t id = json_integer_value(json_object_get(locator, "id"));
    const char *slug = locator_text(locator, "slug");
    if ((id == 0 && !slug) || id > 10000000) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The locator of a UCI dataset needs \"id\", the number in the address of its "
                      "page."));
        return FALSE;
    }
    g_autofree char *part = slug ? relpath_encode_part(slug) : NULL;
    if (slug && (strchr(slug, '/') || !relpath_check(slug, NULL) || !relpath_check(part, NULL))) {
        g_autofree char *shown = relpath_display(slug);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The \"slug\" of a UCI dataset's locator is the last part of its page's "
                      "address, which \"%s\" cannot be."),
                    shown);
        return FALSE;
    }
    return TRUE;
}

static int parse_number(const char *text)
{
    guint64 number;
    return g_ascii_string_to_unsigned(text, 10, 1, 10000000, &number, NULL) ? (int)number : 0;
}

static json_t *locator_of(int id, const char *slug)
{
    if (id > 0 && slug && !strchr(slug, '/') && relpath_check(slug, NULL))
        return json_pack("{s:i, s:s}", "id", id, "slug", slug);
    return json_pack("{s:i}", "id", id);
}

static json_t *locator_of_name(const char *name)
{
    const UciName *known = uci_name_find(name);
    if (known)
        return json_pack("{s:i}", "id", known->id);
    g_autofree char *slug = g_ascii_strdown(name, -1);
    return json_pack("{s:s}", "slug", g_strdelimit(slug, " ", '+'));
}

static json_t *uci_locator_from_name(const Fetcher *fetcher, const char *name, char **version,
                                     GError **error)
{
    *version = NULL;
    g_autofree char *decoded = g_uri_unescape_string(name, "/");
    if (decoded && *decoded) {
        const char *slash = strchr(decoded, '/');
        g_autofree char *first =
            slash ? g_strndup(decoded, (gsize)(slash - decoded)) : g_strdup(decoded);
        int id = parse_number(first);
        json_t *locator = NULL;
        if (id > 0)
            locator = locator_of(id, slash && slash[1] ? slash + 1 : NULL);
        else if (!slash && relpath_check(decoded, NULL))
            locator = locator_of_name(decoded);
        if (locator)
            return locator;
    }
    g_autofree char *shown = relpath_display(name);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("uci/%s names no dataset: write the number in the address of its page, as in "
                  "uci/45, or the words behind it, as in uci/heart+disease."),
                shown);
    return NULL;
}

/* "heart+disease.zip" without its end. Owned. */
static char *slug_of_zip(const char *name)
{
    return g_str_has_suffix(name, ".zip") ? g_strndup(name, strlen(name) - 4) : NULL;
}

static json_t *locator_from_legacy(const GPtrArray *parts, const char *path)
{
    if (parts->len >= 3 && strcmp(parts->pdata[1], "datasets") == 0)
        return locator_of_name(parts->pdata[2]);
    if (parts->len < 3 || strcmp(parts->pdata[1], "machine-learning-databases") != 0)
        return NULL;
    const char *below = strstr(path, "/machine-learning-databases/");
    g_autofree char *decoded =
        below ? g_uri_unescape_string(below + strlen("/machine-learning-databases/"), NULL) : NULL;
    int id = decoded ? uci_id_of_legacy_path(decoded) : 0;
    return id > 0 ? locator_of(id, NULL) : NULL;
}

static json_t *locator_from_path(const WebAddress *address, const GPtrArray *parts)
{
    const char *first = parts->pdata[0];
    if (strcmp(first, "ml") == 0)
        return locator_from_legacy(parts, address->path);
    if (strcmp(first, "dataset") == 0 && parts->len >= 2) {
        int id = parse_number(parts->pdata[1]);
        return id > 0 ? locator_of(id, parts->len > 2 ? parts->pdata[2] : NULL) : NULL;
    }
    if (strcmp(first, "static") == 0 && parts->len >= 3 && strcmp(parts->pdata[1], "public") == 0) {
        int id = parse_number(parts->pdata[2]);
        g_autofree char *slug = parts->len > 3 ? slug_of_zip(parts->pdata[3]) : NULL;
        return id > 0 ? locator_of(id, slug) : NULL;
    }
    if (strcmp(first, "api") == 0 && address->query && g_str_has_prefix(address->query, "id=")) {
        g_autofree char *number = g_strndup(address->query + 3, strcspn(address->query + 3, "&"));
        int id = parse_number(number);
        return id > 0 ? locator_of(id, NULL) : NULL;
    }
    return NULL;
}

static json_t *uci_locator_from_address(const Fetcher *fetcher, const char *text, char **version)
{
    *version = NULL;
    g_autoptr(WebAddress) address = web_address_parse(text, NULL);
    if (!address || !g_strv_contains(hosts, address->host))
        return NULL;
    g_autoptr(GPtrArray) parts = web_path_decode(address->path, NULL);
    if (!parts || parts->len == 0)
        return NULL;
    if (strcmp(address->host, MAIN_HOST) == 0)
        return locator_from_path(address, parts);
    int id = parse_number(parts->pdata[0]);
    g_autofree char *slug = parts->len > 1 ? slug_of_zip(parts->pdata[1]) : NULL;
    return id > 0 ? locator_of(id, slug) : NULL;
}

static char *uci_folder(const Fetcher *fetcher, const json_t *locator, const char *id)
{
    if (locator_id(locator) > 0)
        return g_strdup_printf("uci/%d", locator_id(locator));
    const char *slug = locator_text(locator, "slug");
    const UciName *known = slug ? uci_name_find(slug) : NULL;
    if (known)
        return g_strdup_printf("uci/%d", known->id);
    g_autofree char *part = relpath_encode_part(slug ? slug : "");
    return g_strconcat("uci/", part, NULL);
}

static char *uci_ref(const Fetcher *fetcher, const json_t *locator)
{
    if (locator_id(locator) > 0)
        return g_strdup_printf("uci/%d", locator_id(locator));
    return g_strconcat("uci/", locator_text(locator, "slug"), NULL);
}

static gboolean uci_locator_is_complete(const Fetcher *fetcher, const json_t *locator)
{
    return locator_id(locator) > 0;
}

static json_t *uci_complete_locator(const Fetcher *fetcher, const json_t *locator,
                                    HostServices *services, GError **error)
{
    if (locator_id(locator) > 0)
        return json_deep_copy(locator);
    const char *slug = locator_text(locator, "slug");
    const UciName *known = uci_name_find(slug);
    int id = known
                 ? known->id
                 : uci_ask_number(services, source_base(services, &uci_fetcher.row, ENDPOINT_MAIN),
                                  slug, error);
    return id > 0 ? json_pack("{s:i}", "id", id) : NULL;
}

static GPtrArray *uci_versions(const Fetcher *fetcher, const json_t *locator,
                               HostServices *services, GError **error)
{
    return g_ptr_array_new_with_free_func(g_free);
}

/* The zip's addresses: the main host's, which takes a literal '+', and its other spelling where one
 * is met; then the store's, which wants %2B. */
static GPtrArray *zip_addresses(HostServices *services, int id, const char *slug)
{
    GPtrArray *addresses = g_ptr_array_new_with_free_func(g_free);
    const UciName *known = uci_name_by_id(id);
    const char *spellings[] = {slug, known ? known->second : NULL};
    if (known && g_strcmp0(slug, known->second) == 0)
        spellings[1] = known->slug;
    const char *base = source_base(services, &uci_fetcher.row, ENDPOINT_MAIN);
    for (guint i = 0; base && i < G_N_ELEMENTS(spellings); i++) {
        if (!spellings[i])
            continue;
        g_autofree char *encoded = g_uri_escape_string(spellings[i], "+!$'()*,;=:@", FALSE);
        g_ptr_array_add(addresses,
                        g_strdup_printf("%s/static/public/%d/%s.zip", base, id, encoded));
    }
    base = source_base(services, &uci_fetcher.row, ENDPOINT_CDN);
    for (guint i = 0; base && i < G_N_ELEMENTS(spellings); i++) {
        if (!spellings[i])
            continue;
        g_autofree char *encoded = web_path_encode(spellings[i]);
        g_ptr_array_add(addresses, g_strdup_printf("%s/%d/%s.zip", base, id, encoded));
    }
    return addresses;
}

static FileSpec *zip_spec(const ResolveRequest *request, HostServices *services, int id,
                          const char *slug)
{
    g_autofree char *path = g_strconcat(slug, ".zip", NULL);
    FileSpec *spec = file_spec_new(path);
    g_autoptr(GPtrArray) addresses = zip_addresses(services, id, slug);
    for (guint i = 0; i < addresses->len; i++)
        file_spec_add_address(spec, addresses->pdata[i]);
    const Manifest *manifest = request->manifest;
    const ManifestFile *recorded = manifest ? manifest_find_file(manifest, path, NULL) : NULL;
    const char *old = recorded_slug(request->locator);
    if (manifest && !recorded && old) {
        /* The set got another name since the catalogue was written; its zip is the same one. */
        g_autofree char *old_path = g_strconcat(old, ".zip", NULL);
        recorded = manifest_find_file(manifest, old_path, NULL);
    }
    if (recorded)
        file_spec_add_recorded(spec, recorded);
    if (!spec->unpack)
        file_spec_set_unpack(spec, manifest && manifest->unpack
                                       ? unpack_rule_copy(manifest->unpack)
                                       : unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE));
    return spec;
}

/* What little there is to tell states apart: the date of the description, the slug, and the digest
 * that is recorded for the zip. */
static char *state_token(const UciFacts *facts, const char *slug, const FileSpec *zip)
{
    json_auto_t *token = json_pack("{s:s}", "slug", slug);
    if (facts->updated)
        json_object_set_new(token, "updated", json_string(facts->updated));
    const Digest *digest = digest_set_get(&zip->declared, DIGEST_SHA256);
    if (digest) {
        g_autofree char *hex = digest_to_hex(digest);
        json_object_set_new(token, "sha256", json_string(hex));
    }
    return state_token_text(token);
}

/* A state that was pulled while the API was down lacks the date; with the same recorded digest it
 * is the same state all the same. */
static gboolean same_state(const char *held, const char *now)
{
    if (!held)
        return FALSE;
    json_auto_t *a = json_loads(held, 0, NULL);
    json_auto_t *b = json_loads(now, 0, NULL);
    if (!a || !b)
        return FALSE;
    if (!json_object_get(a, "updated") && json_object_get(a, "sha256"))
        json_object_del(b, "updated");
    return json_equal(a, b) != 0;
}

static ListingHead *make_head(const UciFacts *facts, const Manifest *manifest)
{
    ListingHead *head = listing_head_new();
    head->newest_change = g_strdup(facts->updated);
    head->state_is_weak = TRUE;
    head->title = g_strdup(facts->title ? facts->title : manifest ? manifest->title_en : NULL);
    head->licence = g_strdup(manifest ? manifest->licence : NULL);
    head->citation = g_strdup(facts->doi ? facts->doi : manifest ? manifest->citation : NULL);
    head->homepage = g_strdup(facts->page ? facts->page : manifest ? manifest->homepage : NULL);
    head->is_one_archive = TRUE;
    return head;
}

/* The description; where it cannot be had and SLUG is known without it, a note. */
static gboolean describe(const ResolveRequest *request, HostServices *services, int id,
                         const char *slug, UciFacts *facts, char **lack, GError **error)
{
    const char *base = source_base(services, &uci_fetcher.row, ENDPOINT_MAIN);
    GError *why = NULL;
    if (!uci_ask_by_id(services, base, id, slug != NULL, facts, &why)) {
        if (!slug || request->state_token ||
            !g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN)) {
            g_propagate_error(error, why);
            return FALSE;
        }
        *lack = g_strdup_printf(_("UCI's description of dataset %d could not be read, so the "
                                  "recorded name of its zip is used: %s"),
                                id, why->message);
        g_error_free(why);
        return TRUE;
    }
    if (facts->external) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("UCI has no files of dataset %d (%s), it only links to %s. Open that page to "
                      "see what is there."),
                    id, facts->title ? facts->title : "?", facts->external);
        return FALSE;
    }
    if (!facts->slug && !slug) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("UCI's description of dataset %d does not tell the address of its page, and "
                      "with it the name of its zip."),
                    id);
        return FALSE;
    }
    return TRUE;
}

static ResolveResult list_set(const ResolveRequest *request, HostServices *services,
                              const ListingTaker *taker, GError **error)
{
    int id = locator_id(request->locator);
    const char *slug = recorded_slug(request->locator);
    g_auto(UciFacts) facts = {0};
    g_autofree char *lack = NULL;
    if (!describe(request, services, id, slug, &facts, &lack, error))
        return RESOLVE_FAILED;
    if (facts.slug)
        slug = facts.slug;
    g_autoptr(ListingHead) head = make_head(&facts, request->manifest);
    if (lack)
        listing_head_add_note(head, "%s", lack);
    g_autoptr(FileSpec) zip = zip_spec(request, services, id, slug);
    head->state_token = state_token(&facts, slug, zip);
    if (!taker->head(taker->data, head, error))
        return RESOLVE_FAILED;
    if (same_state(request->state_token, head->state_token))
        return RESOLVE_UNCHANGED;
    guint more = 0;
    if (!taker->file(taker->data, zip, error) ||
        !source_list_recorded(services, &uci_fetcher.row, request->manifest, zip->path, taker,
                              &more, error))
        return RESOLVE_FAILED;
    head->is_one_archive = more == 0;
    return more == 0 || taker->head(taker->data, head, error) ? RESOLVE_LISTED : RESOLVE_FAILED;
}

static ResolveResult uci_resolve(const Fetcher *fetcher, const ResolveRequest *request,
                                 HostServices *services, const ListingTaker *taker, GError **error)
{
    json_auto_t *locator = uci_complete_locator(&uci_fetcher, request->locator, services, error);
    if (!locator)
        return RESOLVE_FAILED;
    ResolveRequest complete = *request;
    complete.locator = locator;
    return list_set(&complete, services, taker, error);
}

static gboolean has_address(const FileSpec *file, const char *address)
{
    for (guint i = 0; i < file->addresses->len; i++)
        if (strcmp(file->addresses->pdata[i], address) == 0)
            return TRUE;
    return FALSE;
}

static GPtrArray *uci_refresh(const Fetcher *fetcher, const json_t *locator,
                              const Manifest *manifest, const FileSpec *file,
                              HostServices *services, GError **error)
{
    GPtrArray *fresh = g_ptr_array_new_with_free_func(g_free);
    int id = locator_id(locator);
    const char *base = source_base(services, &uci_fetcher.row, ENDPOINT_MAIN);
    if (id == 0 || !base || file->role != FILE_ROLE_ARCHIVE)
        return fresh;
    g_auto(UciFacts) facts = {0};
    g_autoptr(GError) why = NULL;
    if (!uci_ask_by_id(services, base, id, TRUE, &facts, &why)) {
        services->log(services, why->message);
        return fresh;
    }
    g_autoptr(GPtrArray) now = facts.slug ? zip_addresses(services, id, facts.slug) : NULL;
    for (guint i = 0; now && i < now->len; i++)
        if (!has_address(file, now->pdata[i]))
            g_ptr_array_add(fresh, g_strdup(now->pdata[i]));
    return fresh;
}

static gboolean asks_for_zip(const AnswerHead *head)
{
    gsize length = head->address ? strcspn(head->address, "?#") : 0;
    return length >= 4 && g_ascii_strncasecmp(head->address + length - 4, ".zip", 4) == 0;
}

static AnswerKind uci_classify(const Fetcher *fetcher, const AnswerHead *head)
{
    AnswerKind kind = fetcher_classify_common(head);
    if (kind == ANSWER_DATA && asks_for_zip(head) && answer_starts_at_zero(head)) {
        gboolean is_zip = head->body_length >= 2 && memcmp(head->body, "PK", 2) == 0;
        return is_zip ? ANSWER_DATA : ANSWER_NOTHING_THERE;
    }
    if (kind == ANSWER_BY_STATUS && head->status == 403) {
        /* The store may not be listed, and says of what it lacks that it may not be read. */
        g_autofree char *text = answer_text(head);
        if (strstr(text, "<code>accessdenied</code>"))
            return ANSWER_ABSENT;
    }
    return kind;
}

static char *uci_describe_access(const Fetcher *fetcher, const json_t *locator,
                                 const Manifest *manifest, int status)
{
    if (status != 401 && status != 403)
        return NULL;
    return g_strdup_printf(_("UCI gives its datasets without an account, so a refusal is a "
                             "proxy's, or this set is not open any more. Look at its page: "
                             "https://archive.ics.uci.edu/dataset/%d"),
                           locator_id(locator));
}

const Fetcher uci_fetcher = {
    .row =
        {
            .name = "uci",
            .title = N_("UCI Machine Learning Repository"),
            .locator_keys = locator_keys,
            .endpoints = endpoints,
            .hosts = hosts,
            .never_resumes = TRUE,
            .connections = 4,
            .version_help = "uci/45",
        },
    .check_locator = uci_check_locator,
    .locator_from_name = uci_locator_from_name,
    .locator_from_address = uci_locator_from_address,
    .folder = uci_folder,
    .ref = uci_ref,
    .complete_locator = uci_complete_locator,
    .locator_is_complete = uci_locator_is_complete,
    .versions = uci_versions,
    .resolve = uci_resolve,
    .refresh = uci_refresh,
    .classify = uci_classify,
    .describe_access = uci_describe_access,
};

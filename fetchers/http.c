/* Plain addresses: a file, or the tree below a slash as the server lists it. */
#include "answer_title.h"
#include "classify_answer.h"
#include "error.h"
#include "i18n.h"
#include "listing_crawl.h"
#include "redact.h"
#include "relpath.h"
#include "source_facts.h"
#include "sources.h"
#include "web_address.h"

#include <string.h>

#define QUERY_DIGITS 8
#define MOST_PART_BYTES                                                                            \
    200 /* a port, a query's digits and a suffix of the mirror's come behind                       \
         */

static const char *const locator_keys[] = {"url", "urls", "names", NULL};
static const char *const endpoints[] = {NULL};
static const char *const hosts[] = {NULL};

/* The addresses of a locator; owned array of borrowed strings. */
static GPtrArray *locator_urls(const json_t *locator)
{
    GPtrArray *urls = g_ptr_array_new();
    const char *url = locator_text(locator, "url");
    if (url)
        g_ptr_array_add(urls, (gpointer)url);
    size_t index;
    json_t *more;
    json_array_foreach(json_object_get(locator, "urls"), index, more)
    {
        if (json_is_string(more))
            g_ptr_array_add(urls, (gpointer)json_string_value(more));
    }
    return urls;
}

static gboolean is_listing(const WebAddress *address)
{
    return !address->query && g_str_has_suffix(address->path, "/");
}

/* The name under which the file of an address lies: the last part of its path. */
static char *file_name(const WebAddress *address, GError **error)
{
    const char *last = strrchr(address->path, '/') + 1;
    return *last ? web_path_to_relpath(last, error) : g_strdup("index.html");
}

/* A part of the folder's name. What grows too long by its percent signs is told apart by a digest.
 */
static void append_part(GString *folder, const char *part)
{
    g_autofree char *encoded = relpath_encode_part(part);
    gsize length = strlen(encoded);
    g_string_append_c(folder, '/');
    if (length <= MOST_PART_BYTES) {
        g_string_append(folder, encoded);
        return;
    }
    for (length = MOST_PART_BYTES - QUERY_DIGITS - 1; memchr(encoded + length - 2, '%', 2);)
        length--;
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, part, -1);
    g_string_append_printf(folder, "%.*s-%.*s", (int)length, encoded, QUERY_DIGITS, digest);
}

static char *http_folder(const Fetcher *fetcher, const json_t *locator, const char *id)
{
    if (id) {
        g_autofree char *part = relpath_encode_part(id);
        return g_strconcat("http/", part, NULL);
    }
    g_autoptr(GPtrArray) urls = locator_urls(locator);
    g_autoptr(WebAddress) address = urls->len > 0 ? web_address_parse(urls->pdata[0], NULL) : NULL;
    g_autoptr(GPtrArray) parts = address ? web_path_decode(address->path, NULL) : NULL;
    if (!parts)
        return NULL;
    GString *folder = g_string_new("http");
    append_part(folder, address->host);
    if (address->port)
        g_string_append_printf(folder, "_%s", address->port);
    for (guint i = 0; i < parts->len; i++)
        append_part(folder, parts->pdata[i]);
    if (address->query) {
        g_autofree char *digest =
            g_compute_checksum_for_string(G_CHECKSUM_SHA256, address->query, -1);
        g_string_append_printf(folder, "%s%.*s", parts->len > 0 ? "-" : "/", QUERY_DIGITS, digest);
    }
    return g_string_free(folder, FALSE);
}

static gboolean http_check_locator(const Fetcher *fetcher, const json_t *locator, GError **error)
{
    if (!locator_check_keys(&http_fetcher.row, "saa", locator, error))
        return FALSE;
    g_autoptr(GPtrArray) urls = locator_urls(locator);
    if (urls->len == 0 || json_array_size(json_object_get(locator, "urls")) +
                                  (locator_text(locator, "url") ? 1 : 0) !=
                              urls->len) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The locator of a plain address needs \"url\" with an address, or \"urls\" "
                      "with several."));
        return FALSE;
    }
    for (guint i = 0; i < urls->len; i++) {
        g_autoptr(WebAddress) address = web_address_parse(urls->pdata[i], error);
        if (!address)
            return FALSE;
        g_autoptr(GPtrArray) parts = web_path_decode(address->path, error);
        g_autofree char *name = parts && !is_listing(address) ? file_name(address, error) : NULL;
        if (!parts || (!name && !is_listing(address)))
            return FALSE;
        if (is_listing(address) && urls->len > 1) {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                        _("A listing must be the only address of its locator."));
            return FALSE;
        }
    }
    g_autofree char *folder = http_folder(fetcher, locator, NULL);
    return relpath_check(folder, error);
}

static json_t *http_locator_from_address(const Fetcher *fetcher, const char *text, char **version)
{
    *version = NULL;
    g_autoptr(WebAddress) address = web_address_parse(text, NULL);
    if (!address)
        return NULL;
    g_autofree char *plain = web_address_text(address);
    return json_pack("{s:s}", "url", plain);
}

static json_t *http_locator_from_name(const Fetcher *fetcher, const char *name, char **version,
                                      GError **error)
{
    *version = NULL;
    if (strstr(name, "://")) {
        json_t *locator = http_locator_from_address(fetcher, name, version);
        if (locator)
            return locator;
    }
    g_autofree char *shown = relpath_display(name);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("A plain address is written as it is, with https:// or http:// in front: "
                  "medmirror pull https://%s"),
                shown);
    return NULL;
}

static char *http_ref(const Fetcher *fetcher, const json_t *locator)
{
    g_autoptr(GPtrArray) urls = locator_urls(locator);
    return g_strdup(urls->len > 0 ? urls->pdata[0] : NULL);
}

static GPtrArray *http_versions(const Fetcher *fetcher, const json_t *locator,
                                HostServices *services, GError **error)
{
    return g_ptr_array_new_with_free_func(g_free);
}

static char *http_describe_access(const Fetcher *fetcher, const json_t *locator,
                                  const Manifest *manifest, int status)
{
    if (status == 401)
        return g_strdup(
            _("The server wants a user name and a password, and addresses that need them "
              "cannot be pulled yet: fetch it with a browser."));
    if (status == 403)
        return g_strdup(_("The server, or a proxy on the way to it, refuses the address. Open it "
                          "in a browser to see which of them it is."));
    return NULL;
}

/* A plain address has no rights of ours behind it: a 403 is the server's or a proxy's, and nothing
 * that a login could change. */
static AnswerKind http_classify(const Fetcher *fetcher, const AnswerHead *head)
{
    AnswerKind kind = fetcher_classify_common(head);
    if (kind == ANSWER_BY_STATUS && head->status == 403)
        return ANSWER_NOT_THE_SOURCES_OWN;
    return kind;
}

/* What one request without a body, or of one byte, tells of a file. */
static Document *look_at_file(const char *url, HostServices *services, GError **error)
{
    DocumentRequest head = {.url = url, .head_only = TRUE, .optional = TRUE, .any_status = TRUE};
    g_autoptr(Document) document = services->get(services, &head, error);
    if (!document)
        return NULL;
    static const int not_answered[] = {400, 403, 405, 500, 501};
    for (guint i = 0; i < G_N_ELEMENTS(not_answered); i++) {
        if (document->status != not_answered[i])
            continue;
        DocumentRequest byte = {
            .url = url, .range_to = 1, .max_bytes = 65536, .optional = TRUE, .any_status = TRUE};
        Document *second = services->get(services, &byte, NULL);
        if (second)
            return second;
    }
    return g_steal_pointer(&document);
}

/* Whose page it is shows in its title: a proxy's, a filter's, or the server's own. */
static char *quote_title(Document *document)
{
    gsize length = 0;
    g_autofree char *body =
        document->fd >= 0 ? document_read(document, 65536, &length, NULL) : NULL;
    g_autofree char *title = body ? answer_title((const guint8 *)body, length) : NULL;
    return title ? g_strdup_printf(_(" Its page says: \"%s\"."), title) : g_strdup("");
}

static gboolean check_status(const char *url, Document *document, GError **error)
{
    g_autofree char *shown = redact_address(url);
    g_autofree char *access = http_describe_access(&http_fetcher, NULL, NULL, document->status);
    if (document->status == 404 || document->status == 410) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("There is nothing at %s (HTTP status %d)."), shown, document->status);
        return FALSE;
    }
    if (document->status == 401 || document->status == 403 || document->status == 451) {
        g_autofree char *title = quote_title(document);
        g_set_error(error, MEDMIRROR_ERROR,
                    document->status == 401 ? MEDMIRROR_ERROR_ACCESS : MEDMIRROR_ERROR_ORIGIN,
                    _("%s is refused (HTTP status %d).%s %s"), shown, document->status, title,
                    access ? access : "");
        return FALSE;
    }
    if (document->status / 100 == 2 && g_str_has_suffix(document->final_url, "/") &&
        !g_str_has_suffix(url, "/") && !strchr(url, '?')) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s is a folder and no file. To bring what its server lists there, type: "
                      "medmirror pull %s/"),
                    shown, shown);
        return FALSE;
    }
    return TRUE;
}

static char *validators_token(const Validators *validators)
{
    json_auto_t *token = json_object();
    if (validators->etag)
        json_object_set_new(token, "etag", json_string(validators->etag));
    if (validators->last_modified)
        json_object_set_new(token, "modified", json_string(validators->last_modified));
    if (validators->total != SIZE_UNKNOWN)
        json_object_set_new(token, "size", json_integer((json_int_t)validators->total));
    return state_token_text(token);
}

/* The recorded file whose address this is, NULL where there is none. */
static const ManifestFile *recorded_by_address(const Manifest *manifest, const char *url)
{
    for (guint i = 0; manifest && manifest->files && i < manifest->files->len; i++) {
        const ManifestFile *file = manifest->files->pdata[i];
        for (guint j = 0; !file->member_of && file->addresses && j < file->addresses->len; j++)
            if (strcmp(file->addresses->pdata[j], url) == 0)
                return file;
    }
    return NULL;
}

/* An archive is what the manifest calls one, or what its name says, but never a bare compressed
 * file. */
static void set_archive(FileSpec *spec, const Manifest *manifest)
{
    if (spec->unpack)
        return;
    if (manifest && manifest->unpack) {
        file_spec_set_unpack(spec, unpack_rule_copy(manifest->unpack));
        return;
    }
    g_autoptr(UnpackRule) rule = unpack_rule_from_name(spec->path);
    if (rule && rule->container != ARCHIVE_NONE)
        file_spec_set_unpack(spec, g_steal_pointer(&rule));
}

static FileSpec *file_of_address(const char *url, const Manifest *manifest, GError **error)
{
    g_autoptr(WebAddress) address = web_address_parse(url, error);
    const ManifestFile *recorded = recorded_by_address(manifest, url);
    g_autofree char *name = NULL;
    if (address)
        name = recorded ? g_strdup(recorded->path) : file_name(address, error);
    if (!name)
        return NULL;
    FileSpec *spec = file_spec_new(name);
    spec->role = file_role_from_name(name);
    file_spec_add_address(spec, url);
    if (recorded) {
        file_spec_add_recorded(spec, recorded);
        for (guint i = 0; i < recorded->addresses->len; i++)
            if (strcmp(recorded->addresses->pdata[i], url) != 0)
                file_spec_add_address(spec, recorded->addresses->pdata[i]);
    } else {
        file_spec_add_facts(spec, manifest);
    }
    return spec;
}

static void set_head_from_manifest(ListingHead *head, const Manifest *manifest)
{
    if (!manifest)
        return;
    head->title = g_strdup(manifest->title_en);
    head->licence = g_strdup(manifest->licence);
    head->citation = g_strdup(manifest->citation);
    head->homepage = g_strdup(manifest->homepage);
}

static void set_state(ListingHead *head, FileSpec *spec, const Validators *validators)
{
    head->state_token = validators_token(validators);
    head->state_is_weak = !validators->etag && !validators->last_modified;
    g_autofree char *date = web_date_normalise(validators->last_modified);
    head->newest_change = date ? g_strndup(date, 10) : NULL;
    spec->modified = g_strdup(date);
    spec->validators = validators_copy(validators);
    if (validators->total != SIZE_UNKNOWN)
        spec->size = validators->total;
}

/* One look at the file. Without an answer the transfer itself will find out, unless something is
 * here that could be used meanwhile: then the failure is the answer. */
static gboolean look(const ResolveRequest *request, HostServices *services, const char *url,
                     ListingHead *head, FileSpec *spec, GError **error)
{
    GError *why = NULL;
    g_autoptr(Document) document = look_at_file(url, services, &why);
    if (!document &&
        (request->state_token || !g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN))) {
        g_propagate_error(error, why);
        return FALSE;
    }
    if (document && !check_status(url, document, error))
        return FALSE;
    if (document && document->status / 100 == 2) {
        set_state(head, spec, document->validators);
        return TRUE;
    }
    head->state_is_weak = TRUE;
    g_autofree char *shown = redact_address(url);
    if (!document)
        listing_head_add_note(head, _("Size and date of %s could not be asked for: %s"), shown,
                              why->message);
    else
        listing_head_add_note(head,
                              _("Size and date of %s could not be asked for (HTTP status %d)."),
                              shown, document->status);
    g_clear_error(&why);
    return TRUE;
}

static ResolveResult resolve_one(const ResolveRequest *request, HostServices *services,
                                 const char *url, const ListingTaker *taker, GError **error)
{
    g_autoptr(ListingHead) head = listing_head_new();
    set_head_from_manifest(head, request->manifest);
    g_autoptr(FileSpec) spec = file_of_address(url, request->manifest, error);
    if (!spec || !look(request, services, url, head, spec, error))
        return RESOLVE_FAILED;
    set_archive(spec, request->manifest);
    head->is_one_archive = spec->role == FILE_ROLE_ARCHIVE;
    if (!taker->head(taker->data, head, error))
        return RESOLVE_FAILED;
    if (request->state_token && g_strcmp0(request->state_token, head->state_token) == 0)
        return RESOLVE_UNCHANGED;
    guint more = 0;
    if (!taker->file(taker->data, spec, error) ||
        !source_list_recorded(services, &http_fetcher.row, request->manifest, spec->path, taker,
                              &more, error))
        return RESOLVE_FAILED;
    if (more == 0)
        return RESOLVE_LISTED;
    head->is_one_archive = FALSE;
    return taker->head(taker->data, head, error) ? RESOLVE_LISTED : RESOLVE_FAILED;
}

/* PATH, or where USED (a set of paths without regard to case) has it, the same with a number that
 * is free. It is added. Owned. */
static char *free_path(GHashTable *used, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');
    gsize stem = dot && dot > path ? (gsize)(dot - path) : strlen(path);
    g_autofree char *made = g_strdup(path);
    for (guint number = 2;; number++) {
        char *key = g_utf8_casefold(made, -1);
        if (g_hash_table_add(used, key))
            return g_steal_pointer(&made);
        g_free(made);
        made = g_strdup_printf("%.*s-%u%s", (int)stem, path, number, path + stem);
    }
}

/* NAME as one safe part, with the ending of the file at its address (PATH) where it has none.
 * Owned.
 */
static char *path_of_name(const char *name, const char *path)
{
    const char *ending = strrchr(path, '.');
    gboolean has =
        !ending || (strlen(name) > strlen(ending) &&
                    g_ascii_strcasecmp(name + strlen(name) - strlen(ending), ending) == 0);
    g_autofree char *whole = g_strconcat(name, has ? "" : ending, NULL);
    g_strdelimit(whole, "/\\", '_');
    return strlen(whole) <= MOST_PART_BYTES && relpath_check(whole, NULL)
               ? g_steal_pointer(&whole)
               : relpath_encode_part(whole);
}

/* The path of each is its own: as the person's list names it ("names", by the place in "urls"), or
 * as its address ends. */
static void give_path(const ResolveRequest *request, GHashTable *used, guint at, FileSpec *spec)
{
    const char *name =
        json_string_value(json_array_get(json_object_get(request->locator, "names"), (size_t)at));
    g_autofree char *named = name && *name ? path_of_name(name, spec->path) : g_strdup(spec->path);
    g_free(spec->path);
    spec->path = free_path(used, named);
}

/* Several files: no request a file, so nothing but the manifest tells of a change. */
static ResolveResult resolve_several(const ResolveRequest *request, HostServices *services,
                                     const GPtrArray *urls, const ListingTaker *taker,
                                     GError **error)
{
    g_autoptr(ListingHead) head = listing_head_new();
    set_head_from_manifest(head, request->manifest);
    head->state_is_weak = TRUE;
    if (!taker->head(taker->data, head, error))
        return RESOLVE_FAILED;
    g_autoptr(GHashTable) listed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < urls->len; i++) {
        g_autoptr(FileSpec) spec = file_of_address(urls->pdata[i], request->manifest, error);
        if (spec && !request->manifest)
            give_path(request, used, i, spec);
        if (!spec || !taker->file(taker->data, spec, error))
            return RESOLVE_FAILED;
        g_hash_table_add(listed, g_strdup(spec->path));
    }
    for (guint i = 0; request->manifest && i < request->manifest->files->len; i++) {
        const ManifestFile *recorded = request->manifest->files->pdata[i];
        if (recorded->member_of || !recorded->addresses || recorded->addresses->len == 0 ||
            g_hash_table_contains(listed, recorded->path))
            continue;
        g_autoptr(FileSpec) spec =
            file_of_address(recorded->addresses->pdata[0], request->manifest, error);
        if (!spec || !taker->file(taker->data, spec, error))
            return RESOLVE_FAILED;
    }
    return RESOLVE_LISTED;
}

/* A refused listing: which status it was decides whose refusal it is. */
static void explain_refusal(const char *url, HostServices *services, GError **error)
{
    if (!g_error_matches(*error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS))
        return;
    DocumentRequest again = {.url = url, .head_only = TRUE, .optional = TRUE, .any_status = TRUE};
    g_autoptr(Document) document = services->get(services, &again, NULL);
    GError *why = NULL;
    if (document && !check_status(url, document, &why)) {
        g_clear_error(error);
        g_propagate_error(error, why);
    }
}

static ResolveResult resolve_tree(const ResolveRequest *request, HostServices *services,
                                  const char *url, const ListingTaker *taker, GError **error)
{
    g_autoptr(ListingHead) head = listing_head_new();
    set_head_from_manifest(head, request->manifest);
    if (!taker->head(taker->data, head, error))
        return RESOLVE_FAILED;
    Crawl crawl = {.services = services,
                   .taker = taker,
                   .head = head,
                   .manifest = request->manifest,
                   .start = url};
    GError *why = NULL;
    if (!listing_crawl(&crawl, &why)) {
        explain_refusal(url, services, &why);
        g_propagate_error(error, why);
        return RESOLVE_FAILED;
    }
    if (crawl.files == 0)
        listing_head_add_note(head, _("The listing names no file."));
    return taker->head(taker->data, head, error) ? RESOLVE_LISTED : RESOLVE_FAILED;
}

static ResolveResult http_resolve(const Fetcher *fetcher, const ResolveRequest *request,
                                  HostServices *services, const ListingTaker *taker, GError **error)
{
    g_autoptr(GPtrArray) urls = locator_urls(request->locator);
    if (urls->len != 1)
        return resolve_several(request, services, urls, taker, error);
    g_autoptr(WebAddress) address = web_address_parse(urls->pdata[0], error);
    if (!address)
        return RESOLVE_FAILED;
    g_autofree char *url = web_address_text(address);
    return is_listing(address) ? resolve_tree(request, services, url, taker, error)
                               : resolve_one(request, services, url, taker, error);
}

const Fetcher http_fetcher = {
    .row =
        {
            .name = "http",
            .title = N_("plain addresses"),
            .locator_keys = locator_keys,
            .endpoints = endpoints,
            .hosts = hosts,
            .version_help = "https://example.org/data.zip",
        },
    .check_locator = http_check_locator,
    .locator_from_name = http_locator_from_name,
    .locator_from_address = http_locator_from_address,
    .folder = http_folder,
    .ref = http_ref,
    .versions = http_versions,
    .resolve = http_resolve,
    .classify = http_classify,
    .describe_access = http_describe_access,
};

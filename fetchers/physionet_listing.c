#include "physionet_listing.h"

#include "checksum_list.h"
#include "error.h"
#include "i18n.h"
#include "listing_crawl.h"
#include "physionet_login.h"
#include "physionet_project.h"
#include "relpath.h"
#include "source_facts.h"
#include "web_address.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LIST_NAME "SHA256SUMS.txt"
#define LIST_MOST_BYTES (G_GUINT64_CONSTANT(1) << 30)

static void add_addresses(const PhysioNetListing *listing, FileSpec *spec)
{
    g_autofree char *path = web_path_encode(spec->path);
    g_ptr_array_add(spec->addresses, g_strdup_printf("%s/files/%s/%s/%s", listing->base,
                                                     listing->slug, listing->version, path));
    if (listing->bucket)
        g_ptr_array_add(spec->addresses, g_strdup_printf("%s/%s/%s/%s", listing->bucket,
                                                         listing->slug, listing->version, path));
}

static char *make_token(const char *version, const Validators *validators)
{
    if (!validators->etag && !validators->last_modified)
        return NULL;
    json_auto_t *token = json_pack("{s:s}", "version", version);
    if (validators->etag)
        json_object_set_new(token, "etag", json_string(validators->etag));
    if (validators->last_modified)
        json_object_set_new(token, "modified", json_string(validators->last_modified));
    return state_token_text(token);
}

/* The list, or 304 where TOKEN (NULL: none) shows that it is what it was. From the bucket where the
 * site does not answer at all. */
static Document *get_list(const PhysioNetListing *listing, const json_t *token, GError **error)
{
    PhysioNetDoor door = {.services = listing->services,
                          .base = listing->base,
                          .slug = listing->slug,
                          .version = listing->version,
                          .manifest = listing->manifest};
    g_autofree char *url = g_strdup_printf("%s/files/%s/%s/" LIST_NAME, listing->base,
                                           listing->slug, listing->version);
    DocumentRequest request = {
        .url = url,
        .max_bytes = LIST_MOST_BYTES,
        .if_none_match = locator_text(token, "etag"),
        .if_modified_since = locator_text(token, "modified"),
    };
    GError *why = NULL;
    Document *document = physionet_open(&door, &request, &why);
    if (door.used_login)
        listing->head->is_restricted = TRUE;
    if (document)
        return document;
    if (!listing->bucket || !g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN)) {
        g_propagate_error(error, why);
        return NULL;
    }
    g_autofree char *second =
        g_strdup_printf("%s/%s/%s/" LIST_NAME, listing->bucket, listing->slug, listing->version);
    DocumentRequest again = {.url = second, .max_bytes = LIST_MOST_BYTES};
    document = listing->services->get(listing->services, &again, NULL);
    if (!document) {
        g_propagate_error(error, why);
        return NULL;
    }
    listing_head_add_note(listing->head, _("The list of files came from the bucket: %s"),
                          why->message);
    g_error_free(why);
    return document;
}

/* What the API knows and the list does not; one document that the resolve can do without. */
static void add_facts(const PhysioNetListing *listing)
{
    ListingHead *head = listing->head;
    g_auto(ProjectFacts) facts = {.total = SIZE_UNKNOWN};
    g_autoptr(GError) why = NULL;
    if (project_ask(listing->services, listing->base, listing->slug, listing->version, &facts,
                    &why)) {
        head->total_bytes = facts.total;
        head->newest_change = g_strdup(facts.published);
        if (facts.title) {
            g_free(head->title);
            head->title = g_strdup(facts.title);
        }
        if (!head->licence)
            head->licence = g_strdup(facts.licence);
        if (!head->citation)
            head->citation = g_strdup(facts.doi);
        if (physionet_policy(facts.access, NULL) > POLICY_OPEN) {
            head->is_restricted = TRUE;
            head->access_note =
                g_strdup_printf(_("PhysioNet calls its access \"%s\"."), facts.access);
        }
    } else {
        listing_head_add_note(head, _("PhysioNet's description could not be read: %s"),
                              why ? why->message : "?");
    }
    if (head->total_bytes == SIZE_UNKNOWN && listing->manifest &&
        listing->manifest->size != SIZE_UNKNOWN) {
        head->total_bytes = listing->manifest->size;
        listing_head_add_note(head, _("The size is the catalogue's, rounded."));
    }
}

static FileSpec *make_spec(const PhysioNetListing *listing, const char *path)
{
    FileSpec *spec = file_spec_new(path);
    spec->role = file_role_from_name(path);
    add_addresses(listing, spec);
    return spec;
}

/* The list is a file of the tree. Nobody declares its digest, but what was just read is a hint. */
static gboolean take_list_itself(const PhysioNetListing *listing, const Document *document,
                                 GError **error)
{
    g_autoptr(FileSpec) spec = make_spec(listing, LIST_NAME);
    spec->role = FILE_ROLE_CHECKSUMS;
    spec->size = document->length;
    spec->validators = validators_copy(document->validators);
    g_autofree char *when = web_date_normalise(document->validators->last_modified);
    spec->modified = g_steal_pointer(&when);
    g_autoptr(DigestStream) stream = digest_stream_new(1u << DIGEST_SHA256, document->length);
    char bytes[65536];
    ssize_t got;
    while ((got = TEMP_FAILURE_RETRY(read(document->fd, bytes, sizeof bytes))) > 0)
        digest_stream_update(stream, bytes, (gsize)got);
    if (got < 0 || lseek(document->fd, 0, SEEK_SET) != 0)
        return error_set_storage(error, errno, _("The list of files cannot be read back"));
    digest_stream_finish(stream, &spec->hinted);
    return listing->taker->file(listing->taker->data, spec, error);
}

static gboolean take_lines(const PhysioNetListing *listing, const Document *document,
                           GError **error)
{
    g_autoptr(ChecksumListReader) reader = checksum_list_reader_new(document->fd, LIST_NAME);
    for (;;) {
        g_auto(ChecksumLine) line = {0};
        int got = checksum_list_reader_next(reader, &line, error);
        if (got <= 0)
            return got == 0;
        if (strcmp(line.path, LIST_NAME) == 0)
            continue;
        if (!relpath_check(line.path, error)) {
            g_prefix_error(error, _("The " LIST_NAME " of physionet/%s %s: "), listing->slug,
                           listing->version);
            return FALSE;
        }
        g_autoptr(FileSpec) spec = make_spec(listing, line.path);
        digest_set_add(&spec->declared, &line.digest);
        file_spec_add_facts(spec, listing->manifest);
        if (!listing->taker->file(listing->taker->data, spec, error))
            return FALSE;
    }
}

static ResolveResult list_by_sums(PhysioNetListing *listing, const Document *document,
                                  GError **error)
{
    listing->head->state_token = make_token(listing->version, document->validators);
    add_facts(listing);
    if (!listing->taker->head(listing->taker->data, listing->head, error) ||
        !take_list_itself(listing, document, error))
        return RESOLVE_FAILED;
    GError *why = NULL;
    if (take_lines(listing, document, &why))
        return RESOLVE_LISTED;
    if (g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED))
        /* Nothing here is damaged: what the source sends is no list. */
        why->code = MEDMIRROR_ERROR_ORIGIN;
    g_propagate_error(error, why);
    return RESOLVE_FAILED;
}

/* Projects without a list: the index tells names, exact sizes and dates, and nobody vouches. */
static ResolveResult list_by_index(PhysioNetListing *listing, GError **error)
{
    add_facts(listing);
    ListingHead *head = listing->head;
    listing_head_add_note(head, _("The project has no SHA256SUMS.txt, so nobody vouches for its "
                                  "files; they were listed folder by folder."));
    if (!listing->taker->head(listing->taker->data, head, error))
        return RESOLVE_FAILED;
    g_autofree char *start =
        g_strdup_printf("%s/files/%s/%s/", listing->base, listing->slug, listing->version);
    g_autofree char *bucket = listing->bucket ? g_strdup_printf("%s/%s/%s/", listing->bucket,
                                                                listing->slug, listing->version)
                                              : NULL;
    const char *bases[] = {bucket, NULL};
    Crawl crawl = {
        .services = listing->services,
        .taker = listing->taker,
        .head = head,
        .manifest = listing->manifest,
        .start = start,
        .bases = bases,
    };
    if (!listing_crawl(&crawl, error))
        return RESOLVE_FAILED;
    return listing->taker->head(listing->taker->data, head, error) ? RESOLVE_LISTED
                                                                   : RESOLVE_FAILED;
}

/* The token of what is here, where it is of the version that is to be listed. */
static json_t *usable_token(const PhysioNetListing *listing)
{
    json_t *token = listing->state_token ? json_loads(listing->state_token, 0, NULL) : NULL;
    if (token && g_strcmp0(locator_text(token, "version"), listing->version) == 0)
        return token;
    json_decref(token);
    return NULL;
}

ResolveResult physionet_list(PhysioNetListing *listing, GError **error)
{
    json_auto_t *token = usable_token(listing);
    GError *why = NULL;
    g_autoptr(Document) document = get_list(listing, token, &why);
    if (!document) {
        if (g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT)) {
            g_error_free(why);
            return list_by_index(listing, error);
        }
        g_propagate_error(error, why);
        return RESOLVE_FAILED;
    }
    g_autofree char *now = document->status == 304
                               ? g_strdup(listing->state_token)
                               : make_token(listing->version, document->validators);
    if (token && g_strcmp0(now, listing->state_token) == 0) {
        listing->head->state_token = g_steal_pointer(&now);
        return listing->taker->head(listing->taker->data, listing->head, error) ? RESOLVE_UNCHANGED
                                                                                : RESOLVE_FAILED;
    }
    return list_by_sums(listing, document, error);
}

#include "listing_crawl.h"

#include "crawl_checksums.h"
#include "error.h"
#include "html_listing.h"
#include "i18n.h"
#include "redact.h"
#include "relpath.h"
#include "source_facts.h"
#include "web_address.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LISTING_MOST_BYTES (G_GUINT64_CONSTANT(1) << 30)
#define FOLDERS_MOST 200000
#define FILES_MOST 20000000
#define PROBES_MOST 1000
#define EXPECTED_MOST 8

typedef struct {
    Crawl *crawl;
    WebAddress *start; /* as the server calls it, after redirects */
    char *start_text;
    GQueue queue;     /* char*: paths of folders below the start, "" the start */
    GHashTable *seen; /* the same paths */
    CrawlChecksums *checksums;
    guint64 vague; /* files without size, date and digest */
    guint probes;
    /* Of the folder at work. */
    const char *folder;
    WebAddress *address;
    ListingShape shape;
} Walk;

static char *join_path(const char *folder, const char *name)
{
    return *folder ? g_strconcat(folder, "/", name, NULL) : g_strdup(name);
}

/* The part of the percent-encoded PATH below the folder at work; NULL where it lies elsewhere. */
static const char *path_below(const Walk *walk, const char *path)
{
    const char *folder = walk->address->path;
    if (g_str_has_prefix(path, folder))
        return path + strlen(folder);
    /* The same folder may be encoded in another way: compare its parts decoded. */
    g_autoptr(GPtrArray) ours = web_path_decode(folder, NULL);
    if (!ours)
        return NULL;
    const char *at = path;
    for (guint i = 0; i < ours->len; i++) {
        while (*at == '/')
            at++;
        gsize length = strcspn(at, "/");
        g_autofree char *part = g_strndup(at, length);
        g_autofree char *decoded = g_uri_unescape_string(part, "/");
        if (g_strcmp0(decoded, ours->pdata[i]) != 0 || at[length] != '/')
            return NULL;
        at += length + 1;
    }
    return at;
}

/* The path below the folder at work that HREF means, percent-encoded, slash at the end kept; NULL
 * where it means the folder itself, one above it, another host or no file at all. Owned. */
static char *href_below(const Walk *walk, const char *href)
{
    g_autofree char *text = g_strdup(href);
    g_strstrip(text);
    text[strcspn(text, "?#")] = '\0';
    const char *below = text;
    const char *scheme = g_uri_peek_scheme(text);
    if (scheme || g_str_has_prefix(text, "//")) {
        g_autofree char *whole = scheme ? g_strdup(text) : g_strconcat("http:", text, NULL);
        g_autoptr(WebAddress) address = web_address_parse(whole, NULL);
        if (!address || !web_address_same_origin(address, walk->address))
            return NULL;
        return g_strdup(path_below(walk, address->path));
    }
    if (*text == '/')
        below = path_below(walk, text);
    while (below && g_str_has_prefix(below, "./"))
        below += 2;
    if (!below || !*below || strcmp(below, ".") == 0 || strcmp(below, "..") == 0 ||
        g_str_has_prefix(below, "../"))
        return NULL;
    return g_strdup(below);
}

/* The path below the start that an entry names; NULL without an error where it is not below the
 * folder at work. Owned. */
static char *entry_path(const Walk *walk, const ListedEntry *entry, GError **error)
{
    g_autofree char *name = NULL;
    if (entry->is_plain_name) {
        name = relpath_from_bytes(entry->href, strlen(entry->href), NULL, error);
        if (name && strchr(name, '/')) {
            g_autofree char *shown = relpath_display(entry->href);
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                        _("The listing names \"%s\", which is no safe file name."), shown);
            return NULL;
        }
    } else {
        g_autofree char *below = href_below(walk, entry->href);
        if (!below || strspn(below, "/") == strlen(below))
            return NULL;
        name = web_path_to_relpath(below, error);
    }
    if (!name)
        return NULL;
    char *path = join_path(walk->folder, name);
    if (relpath_check(path, error))
        return path;
    g_free(path);
    return NULL;
}

static gboolean prefix_listing_error(const Walk *walk, GError **error)
{
    g_autofree char *text = web_address_text(walk->address);
    g_autofree char *shown = redact_address(text);
    g_prefix_error(error, _("The listing %s: "), shown);
    return FALSE;
}

static gboolean queue_folder(Walk *walk, const char *path, GError **error)
{
    if (g_hash_table_contains(walk->seen, path))
        return TRUE;
    if (g_hash_table_size(walk->seen) >= FOLDERS_MOST) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("It has more than %d folders, which is more than a listing may have: name a "
                      "folder further down."),
                    FOLDERS_MOST);
        return FALSE;
    }
    char *copy = g_strdup(path);
    g_hash_table_add(walk->seen, copy);
    g_queue_push_tail(&walk->queue, copy);
    return TRUE;
}

static void add_addresses(const Walk *walk, FileSpec *spec)
{
    g_autofree char *encoded = web_path_encode(spec->path);
    g_ptr_array_add(spec->addresses, g_strconcat(walk->start_text, encoded, NULL));
    for (const char *const *base = walk->crawl->bases; base && *base; base++)
        g_ptr_array_add(spec->addresses, g_strconcat(*base, encoded, NULL));
}

static void note_newest(ListingHead *head, const char *modified)
{
    if (!modified || (head->newest_change && strncmp(modified, head->newest_change, 10) <= 0))
        return;
    g_free(head->newest_change);
    head->newest_change = g_strndup(modified, 10);
}

static gboolean take_file(Walk *walk, const ListedEntry *entry, const char *path, GError **error)
{
    if (walk->crawl->files >= FILES_MOST) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("It has more than %d files, which is more than a listing may have: name a "
                      "folder further down."),
                    FILES_MOST);
        return FALSE;
    }
    g_autoptr(FileSpec) spec = file_spec_new(path);
    spec->size = entry->size;
    spec->size_is_rounded = entry->size_is_rounded;
    spec->modified = g_strdup(entry->modified);
    spec->role = file_role_from_name(path);
    crawl_checksums_apply(walk->checksums, spec);
    file_spec_add_facts(spec, walk->crawl->manifest);
    add_addresses(walk, spec);
    note_newest(walk->crawl->head, spec->modified);
    if (spec->size == SIZE_UNKNOWN && !spec->modified && digest_set_is_empty(&spec->declared))
        walk->vague++;
    walk->crawl->files++;
    return walk->crawl->taker->file(walk->crawl->taker->data, spec, error);
}

/* Listings of bare links do not tell folders; a folder answers below a slash. */
static gboolean is_folder(Walk *walk, const char *path)
{
    g_autofree char *base = g_path_get_basename(path);
    if (strchr(base, '.') || walk->probes >= PROBES_MOST)
        return FALSE;
    walk->probes++;
    g_autofree char *encoded = web_path_encode(path);
    g_autofree char *url = g_strconcat(walk->start_text, encoded, "/", NULL);
    DocumentRequest request = {.url = url, .optional = TRUE, .head_only = TRUE, .any_status = TRUE};
    g_autoptr(Document) document =
        walk->crawl->services->get(walk->crawl->services, &request, NULL);
    return document && document->status == 200;
}

static gboolean take_entry(const ListedEntry *entry, gpointer data, GError **error)
{
    Walk *walk = data;
    GError *why = NULL;
    g_autofree char *path = entry_path(walk, entry, &why);
    if (!path) {
        if (!why)
            return TRUE;
        g_propagate_error(error, why);
        return prefix_listing_error(walk, error);
    }
    gboolean folder =
        entry->kind == LISTED_FOLDER || (walk->shape == LISTING_BARE && is_folder(walk, path));
    if (folder)
        return queue_folder(walk, path, error) || prefix_listing_error(walk, error);
    return take_file(walk, entry, path, error);
}

/* The look ahead: lists of digests must be known before the files are told. */
static gboolean look_at_entry(const ListedEntry *entry, gpointer data, GError **error)
{
    Walk *walk = data;
    if (entry->kind == LISTED_FOLDER || !crawl_checksums_may_be_list(entry->href))
        return TRUE;
    g_autofree char *path = entry_path(walk, entry, NULL);
    if (path)
        crawl_checksums_found(walk->checksums, path);
    return TRUE;
}

static void set_not_listable(const char *address, const char *title, GError **error)
{
    g_autofree char *shown = redact_address(address);
    g_autofree char *name = title ? relpath_display(title) : g_strdup("");
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                title ? _("%s is not listable: it shows a page (\"%s\") and no listing of its "
                          "files, so nobody can know what lies there. Name the address of a file, "
                          "or a folder that the server lists.")
                      : _("%s is not listable: it shows a page%s and no listing of its files, so "
                          "nobody can know what lies there. Name the address of a file, or a "
                          "folder that the server lists."),
                shown, name);
}

/* JSON has exact sizes, where a server offers it; some give it another meaning, so HTML alone is
 * asked for then. */
static DocumentRequest listing_request(const char *url, gboolean html_alone)
{
    static const char *const any[] = {"Accept: application/json, text/html;q=0.9, */*;q=0.5", NULL};
    static const char *const html[] = {"Accept: text/html, */*;q=0.5", NULL};
    return (DocumentRequest){
        .url = url, .headers = html_alone ? html : any, .max_bytes = LISTING_MOST_BYTES};
}

static Document *get_listing(Walk *walk, const char *url, gboolean html_alone, GError **error)
{
    DocumentRequest request = listing_request(url, html_alone);
    return walk->crawl->services->get(walk->crawl->services, &request, error);
}

/* Of a folder below the start. */
static char *folder_url(const Walk *walk, const char *folder)
{
    g_autofree char *encoded = web_path_encode(folder);
    return g_strconcat(walk->start_text, encoded, "/", NULL);
}

/* The folders that come next are on their way while this one is read. */
static void expect_next(const Walk *walk)
{
    const GList *link = walk->queue.head;
    for (guint i = 0; link && i < EXPECTED_MOST; i++, link = link->next) {
        g_autofree char *url = folder_url(walk, link->data);
        DocumentRequest request = listing_request(url, FALSE);
        host_services_expect(walk->crawl->services, &request);
    }
}

/* Where the folder turned out to lie: the start may be redirected; nothing below may lead away. */
static gboolean settle_address(Walk *walk, const Document *document, GError **error)
{
    g_clear_pointer(&walk->address, web_address_free);
    walk->address = web_address_parse(document->final_url, error);
    if (!walk->address)
        return FALSE;
    if (!g_str_has_suffix(walk->address->path, "/")) {
        set_not_listable(document->final_url, NULL, error);
        return FALSE;
    }
    if (!*walk->folder) {
        g_clear_pointer(&walk->start, web_address_free);
        g_clear_pointer(&walk->start_text, g_free);
        walk->start = web_address_parse(document->final_url, error);
        g_clear_pointer(&walk->start->query, g_free);
        walk->start_text = web_address_text(walk->start);
        return TRUE;
    }
    g_autofree char *encoded = web_path_encode(walk->folder);
    g_autofree char *wanted = g_strconcat(walk->start->path, encoded, "/", NULL);
    g_autoptr(GPtrArray) expected = web_path_decode(wanted, NULL);
    g_autoptr(GPtrArray) got = web_path_decode(walk->address->path, NULL);
    gboolean same = web_address_same_origin(walk->start, walk->address) && expected && got &&
                    expected->len == got->len;
    for (guint i = 0; same && i < got->len; i++)
        same = strcmp(got->pdata[i], expected->pdata[i]) == 0;
    if (!same) {
        g_autofree char *shown = redact_address(document->final_url);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("It leads to %s, away from where it was listed."), shown);
    }
    return same;
}

static gboolean is_json(const Document *document)
{
    return document->content_type &&
           g_ascii_strncasecmp(document->content_type, "application/json", 16) == 0;
}

/* Asks for the listing at URL and looks whether it is one; NULL with an error. */
static Document *open_listing(Walk *walk, const char *url, GError **error)
{
    const ListedEntryTaker look = {.func = look_at_entry, .data = walk, .names_only = TRUE};
    for (int attempt = 0;; attempt++) {
        g_autoptr(Document) document = get_listing(walk, url, attempt > 0, error);
        g_autofree char *title = NULL;
        if (!document || !settle_address(walk, document, error) ||
            !listing_read(document->fd, document->content_type, &look, &walk->shape, &title, error))
            return NULL;
        if (walk->shape != LISTING_NONE)
            return g_steal_pointer(&document);
        crawl_checksums_forget(walk->checksums);
        if (attempt > 0 || !is_json(document)) {
            set_not_listable(document->final_url, title, error);
            return NULL;
        }
    }
}

static gboolean visit_folder(Walk *walk, GError **error)
{
    g_autofree char *url =
        *walk->folder ? folder_url(walk, walk->folder) : g_strdup(walk->crawl->start);
    g_autoptr(Document) document = open_listing(walk, url, error);
    if (!document || !crawl_checksums_read(walk->checksums, walk->start_text, error))
        return FALSE;
    if (lseek(document->fd, 0, SEEK_SET) != 0)
        return error_set_storage(error, errno, _("A listing cannot be read back"));
    ListingShape shape;
    const ListedEntryTaker take = {.func = take_entry, .data = walk};
    return listing_read(document->fd, document->content_type, &take, &shape, NULL, error);
}

/* A folder below the start that cannot be listed is told and left out; anything else ends it. */
static gboolean forgive(Walk *walk, GError **error, GError *why)
{
    if (!*walk->folder || !(g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT) ||
                            g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS))) {
        g_propagate_error(error, why);
        return FALSE;
    }
    g_autofree char *shown = relpath_display(walk->folder);
    listing_head_add_note(walk->crawl->head,
                          _("The folder %s is left out, with all that may lie in it: %s"), shown,
                          why->message);
    g_error_free(why);
    return TRUE;
}

static gboolean walk_all(Walk *walk, GError **error)
{
    while (!g_queue_is_empty(&walk->queue)) {
        if (walk->crawl->services->cancelled(walk->crawl->services)) {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED,
                        _("Reading the listing was interrupted."));
            return FALSE;
        }
        walk->folder = g_queue_pop_head(&walk->queue);
        expect_next(walk);
        GError *why = NULL;
        if (!visit_folder(walk, &why) && !forgive(walk, error, why))
            return FALSE;
    }
    return TRUE;
}

gboolean listing_crawl(Crawl *crawl, GError **error)
{
    Walk walk = {
        .crawl = crawl,
        .queue = G_QUEUE_INIT,
        .seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .checksums = crawl_checksums_new(crawl->services, crawl->taker, crawl->head),
    };
    crawl->files = 0;
    gboolean done = queue_folder(&walk, "", error) && walk_all(&walk, error);
    if (done)
        crawl_checksums_finish(walk.checksums);
    if (done && walk.vague > 0)
        crawl->head->state_is_weak = TRUE;
    g_queue_clear(&walk.queue);
    g_hash_table_unref(walk.seen);
    crawl_checksums_free(walk.checksums);
    web_address_free(walk.start);
    g_free(walk.start_text);
    web_address_free(walk.address);
    return done;
}

/* The web site's collection manager (WordPress): the page of a collection, and its downloads that
 * are no series. */
#include "error.h"
#include "i18n.h"
#include "json_stream.h"
#include "source_facts.h"
#include "tcia_extras.h"
#include "tcia_names.h"
#include "tcia_series.h"
#include "tcia_words.h"
#include "web_address.h"

#include <string.h>

#define LIST_MOST_BYTES (32 * 1024 * 1024)
#define ROWS_A_PAGE 100
#define PAGES_MOST 500
#define DOWNLOADS_MOST 500
#define PAGE_FIELDS                                                                                \
    "id,slug,collection_title,collection_short_title,collection_doi,collection_downloads,"         \
    "result_title,result_short_title,result_doi,result_downloads"

typedef struct {
    TciaExtras *extras;
    const char *wanted; /* plain name */
    guint rows;         /* of this page */
    GPtrArray *ids;     /* char*: of the collection's downloads; NULL: its page was not found */
    char *title, *doi;
    GHashTable *paths; /* of what was listed */
} Site;

/* Is there a rel="next" among the links? */
static gboolean has_next(const char *link)
{
    return g_regex_match_simple("[;,]\\s*rel\\s*=\\s*(\"([^\"]*\\s)?next(\\s[^\"]*)?\"|next\\b)",
                                link, G_REGEX_CASELESS, 0);
}

/* *MORE: another page follows. */
static gboolean read_page(Site *site, const char *url, guint page, JsonElementFunc func,
                          gboolean *more, GError **error)
{
    TciaExtras *extras = site->extras;
    int status = 0;
    GError *why = NULL;
    const DocumentRequest request = {.url = url,
                                     .max_bytes = LIST_MOST_BYTES,
                                     .optional = extras->only_if_asked,
                                     .status = &status};
    g_autoptr(Document) document = extras->services->get(extras->services, &request, &why);
    JsonStreamShape shape;
    site->rows = 0;
    *more = FALSE;
    if (!document && page > 1 && (status == 400 || status == 404)) {
        /* WordPress's word for a page behind the last one. */
        g_error_free(why);
        return TRUE;
    }
    if (!document) {
        g_propagate_error(error, why);
        return FALSE;
    }
    if (!json_stream_array(document->fd, func, site, &shape, error))
        return FALSE;
    /* A server may give fewer rows a page than were asked for. */
    *more = site->rows > 0 && (!document->link || has_next(document->link));
    if (shape == JSON_STREAM_ARRAY || shape == JSON_STREAM_EMPTY)
        return TRUE;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN, _("The answer of %s is no list."),
                url);
    return FALSE;
}

/* All pages of KIND with QUERY: while a Link header says that another follows, and without one to
 * the first page that is empty or is none. */
static gboolean read_rows(Site *site, const char *kind, const char *query, JsonElementFunc func,
                          GError **error)
{
    gboolean more = TRUE;
    for (guint page = 1; more && page <= PAGES_MOST; page++) {
        g_autofree char *number = page > 1 ? g_strdup_printf("&page=%u", page) : g_strdup("");
        g_autofree char *url =
            g_strdup_printf("%s/api/v1/%s/?per_page=%d&%s%s", site->extras->places->www, kind,
                            ROWS_A_PAGE, query, number);
        if (!read_page(site, url, page, func, &more, error))
            return FALSE;
    }
    return TRUE;
}

/* Of a collection or of an analysis result, whose keys begin with another word. */
static char *kind_text(const json_t *element, const char *key)
{
    static const char *const kinds[] = {"collection_", "result_", "analysis_result_"};
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *whole = g_strconcat(kinds[i], key, NULL);
        char *text = tcia_loose_text(element, whole);
        if (text)
            return text;
    }
    return NULL;
}

static gboolean take_page(const json_t *element, gpointer data, GError **error)
{
    Site *site = data;
    site->rows++;
    g_autofree char *name = kind_text(element, "short_title");
    g_autofree char *plain = name ? tcia_plain_name(name) : NULL;
    if (site->ids || !plain || strcmp(plain, site->wanted) != 0)
        return TRUE;
    site->title = kind_text(element, "title");
    site->doi = kind_text(element, "doi");
    site->ids = g_ptr_array_new_with_free_func(g_free);
    size_t index;
    json_t *one;
    const json_t *downloads = json_object_get(element, "collection_downloads");
    if (!downloads)
        downloads = json_object_get(element, "result_downloads");
    json_array_foreach(downloads, index, one)
    {
        json_auto_t *holder = json_pack("{s:O}", "id", one);
        g_autofree char *id = tcia_loose_text(holder, "id");
        if (id && strspn(id, "0123456789") == strlen(id) && site->ids->len < DOWNLOADS_MOST)
            g_ptr_array_add(site->ids, g_steal_pointer(&id));
    }
    return TRUE;
}

/* The address that a number among the media stands for. Owned; NULL where it cannot be had. */
static char *media_address(const Site *site, const char *number)
{
    g_autofree char *url =
        g_strdup_printf("%s/api/wp/v2/media/%s", site->extras->places->www, number);
    json_auto_t *media = source_get_json(site->extras->services, url, TRUE, NULL, NULL);
    return g_strdup(locator_text(media, "source_url"));
}

static char *download_address(const Site *site, const json_t *download)
{
    g_autofree char *address = tcia_loose_text(download, "download_url");
    if (address)
        return g_steal_pointer(&address);
    const json_t *file = json_object_get(download, "download_file");
    g_autofree char *said = tcia_loose_text(download, "download_file");
    if (said && strstr(said, "://"))
        return g_steal_pointer(&said);
    if (!file || !said || strspn(said, "0123456789") != strlen(said))
        return NULL;
    return media_address(site, said);
}

/* The address to ask for what lies at ADDRESS; NULL where it is none of the archive's own. Owned.
 */
static char *own_address(const Site *site, const char *text)
{
    static const char *const www[] = {TCIA_WWW_HOST, "www." TCIA_WWW_HOST, NULL};
    static const char *const others[] = {"wiki." TCIA_DOMAIN, TCIA_PATHDB_HOST, NULL};
    const char *base = site->extras->places->www;
    gsize length = strlen(base);
    g_autoptr(WebAddress) address = web_address_parse(text, NULL);
    if (!address)
        return NULL;
    if (strncmp(text, base, length) == 0 && text[length] == '/')
        return g_strdup(text);
    gboolean is_sent_elsewhere = strcmp(base, "https://" TCIA_WWW_HOST) != 0;
    if (g_strv_contains(www, address->host)) {
        if (is_sent_elsewhere)
            return g_strconcat(base, address->path, address->query ? "?" : "", address->query,
                               NULL);
        g_free(address->scheme);
        address->scheme = g_strdup("https");
        return web_address_text(address);
    }
    return !is_sent_elsewhere && g_strv_contains(others, address->host) ? g_strdup(text) : NULL;
}

static gboolean has_word(const char *text, const char *word)
{
    g_autofree char *lower = text ? g_ascii_strdown(text, -1) : NULL;
    return lower && strstr(lower, word);
}

/* A rounded number with its unit, decimal. */
static guint64 rounded_size(const json_t *download)
{
    static const char units[] = "bkmgtp";
    g_autofree char *number = tcia_loose_text(download, "download_size");
    g_autofree char *unit = tcia_loose_text(download, "download_size_unit");
    const json_t *raw = json_object_get(download, "download_size");
    double size = json_is_number(raw) ? json_number_value(raw)
                  : number            ? g_ascii_strtod(number, NULL)
                                      : 0;
    const char *at = unit ? strchr(units, g_ascii_tolower(unit[0])) : NULL;
    if (size <= 0 || !at || !*at)
        return SIZE_UNKNOWN;
    for (gsize i = 0; i < (gsize)(at - units); i++)
        size *= 1000;
    return size < 1e18 ? (guint64)size : SIZE_UNKNOWN;
}

/* What IBM's Aspera alone brings: the link, the two commands, and how to take the result over. */
static void tell_aspera(Site *site, const char *title, const char *link)
{
    TciaExtras *extras = site->extras;
    extras->aspera++;
    gboolean is_plain =
        link[strspn(link, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                          "-._~:/?#[]@!$&()*+,;=%")] == '\0';
    if (is_plain)
        listing_head_add_note(extras->head,
                              _("\"%s\" is given out by IBM Aspera alone, which this program does "
                                "not speak. Open its "
                                "link in a browser, or type with Aspera's own client:\n"
                                "  ascli faspex5 packages browse --url='%s'\n"
                                "  ascli faspex5 packages receive --url='%s' --to-folder=DIR\n"
                                "and then: medmirror adopt %s DIR --checksums DIR/NAME.sums"),
                              title, link, link, extras->ref);
    else
        listing_head_add_note(extras->head,
                              _("\"%s\" is given out by IBM Aspera alone, which this program does "
                                "not speak; its link is on %s. Afterwards: medmirror adopt %s DIR "
                                "--checksums DIR/NAME.sums"),
                              title, extras->head->homepage, extras->ref);
}

static void tell_controlled(Site *site, const char *title, const char *licence)
{
    TciaExtras *extras = site->extras;
    extras->controlled++;
    if (!extras->licence)
        extras->licence = g_strdup(licence);
    if (licence)
        listing_head_add_note(extras->head,
                              _("The download \"%s\" is under \"%s\", and is left out. What it "
                                "needs is told at " TCIA_POLICY_PAGE),
                              title, licence);
    else
        listing_head_add_note(extras->head,
                              _("The download \"%s\" names no licence, and is left out: what is "
                                "not called open counts as controlled. See %s"),
                              title, extras->head->homepage);
}

static gboolean take_file(Site *site, const json_t *download, const char *address, GError **error)
{
    g_autofree char *path = tcia_extra_path("supporting", address);
    g_autofree char *id = tcia_loose_text(download, "id");
    if (g_hash_table_contains(site->paths, path)) {
        g_autofree char *folder = g_strconcat("supporting/", id ? id : "other", NULL);
        g_free(path);
        path = tcia_extra_path(folder, address);
    }
    g_hash_table_add(site->paths, g_strdup(path));
    g_autoptr(FileSpec) spec = file_spec_new(path);
    g_autofree char *updated = tcia_loose_text(download, "date_updated");
    g_autofree char *licence = tcia_loose_text(download, "data_license");
    file_spec_add_address(spec, address);
    spec->size = rounded_size(download);
    spec->size_is_rounded = spec->size != SIZE_UNKNOWN;
    spec->modified = tcia_date(updated);
    spec->facts = json_pack("{s:s}", "Collection", site->extras->collection);
    if (licence)
        json_object_set_new(spec->facts, "LicenseName", json_string(licence));
    return tcia_take_extra(site->extras, spec, "supporting", error);
}

/* A manifest stands for series, which are listed by themselves. */
static gboolean is_manifest(const json_t *download, const char *address)
{
    g_autofree char *needs = tcia_loose_text(download, "download_requirements");
    g_autofree char *lower = g_ascii_strdown(address, (gssize)strcspn(address, "?#"));
    return g_str_has_suffix(lower, ".tcia") || has_word(needs, "retriever");
}

static gboolean take_download(const json_t *element, gpointer data, GError **error)
{
    Site *site = data;
    site->rows++;
    g_autofree char *said = tcia_loose_text(element, "download_title");
    g_autofree char *licence = tcia_loose_text(element, "data_license");
    g_autofree char *needs = tcia_loose_text(element, "download_requirements");
    g_autofree char *title = said ? g_steal_pointer(&said) : g_strdup("?");
    if (tcia_licence_class(licence, NULL) > TCIA_NON_COMMERCIAL) {
        tell_controlled(site, title, licence);
        return TRUE;
    }
    g_autofree char *address = download_address(site, element);
    if (address && (has_word(needs, "aspera") || has_word(address, "://faspex."))) {
        tell_aspera(site, title, address);
        return TRUE;
    }
    if (address && is_manifest(element, address))
        return TRUE;
    g_autofree char *own = address ? own_address(site, address) : NULL;
    if (own)
        return take_file(site, element, own, error);
    if (address)
        listing_head_add_note(site->extras->head, _("The download \"%s\" lies elsewhere: %s"),
                              title, address);
    else
        listing_head_add_note(site->extras->head,
                              _("The download \"%s\" has no address that could be read; see %s"),
                              title, site->extras->head->homepage);
    return TRUE;
}

static gboolean read_downloads(Site *site, GError **error)
{
    if (site->ids->len == 0)
        return TRUE;
    g_ptr_array_add(site->ids, NULL);
    g_autofree char *list = g_strjoinv(",", (char **)site->ids->pdata);
    g_autofree char *query = g_strconcat("include=", list, NULL);
    return read_rows(site, "downloads", query, take_download, error);
}

static void take_words(const Site *site)
{
    ListingHead *head = site->extras->head;
    site->extras->is_known = TRUE;
    if (site->title && g_strcmp0(head->title, site->extras->collection) == 0) {
        g_free(head->title);
        head->title = g_strdup(site->title);
    }
    if (site->doi && !head->citation)
        head->citation = g_strdup(site->doi);
}

gboolean tcia_list_supporting(TciaExtras *extras, GError **error)
{
    if (!extras->places->www)
        return TRUE;
    g_autofree char *plain = tcia_plain_name(extras->collection);
    g_autofree char *encoded = g_uri_escape_string(extras->collection, NULL, FALSE);
    g_autofree char *query = g_strconcat("_fields=" PAGE_FIELDS "&search=", encoded, NULL);
    Site site = {.extras = extras, .wanted = plain};
    site.paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint64 before = extras->listed;
    GError *why = NULL;
    gboolean is_read = read_rows(&site, "collections", query, take_page, &why);
    if (is_read && !site.ids && !extras->only_if_asked)
        is_read = read_rows(&site, "analysis-results", query, take_page, &why);
    if (is_read && site.ids) {
        take_words(&site);
        is_read = read_downloads(&site, &why);
    }
    g_clear_pointer(&site.ids, g_ptr_array_unref);
    g_hash_table_unref(site.paths);
    g_free(site.title);
    g_free(site.doi);
    if (!is_read)
        return tcia_forgive(extras, why,
                            _("What TCIA's web site has beside the images could not be listed"),
                            error);
    if (extras->only_if_asked && extras->listed > before)
        listing_head_add_note(extras->head,
                              _("Supporting files (%" G_GUINT64_FORMAT
                                ") are taken only when asked "
                                "for: medmirror pull %s --where Part=supporting"),
                              extras->listed - before, extras->ref);
    return TRUE;
}

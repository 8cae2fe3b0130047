#include "html_listing.h"

#include "error.h"
#include "i18n.h"
#include "verdict.h"

#include <errno.h>
#include <libxml/HTMLparser.h>
#include <libxml/parserInternals.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MOST 256
#define CHUNK_BYTES 16384
#define PIECE_MOST (1024 * 1024) /* a tag, a comment, a script */

typedef struct {
    const ListedEntryTaker *taker;
    GError *error;
    htmlParserCtxtPtr context;
    ListedEntry pending;
    gboolean has_pending;
    GString *text; /* behind the pending link */
    GString *title, *heading;
    gboolean in_link, in_title, in_heading, in_code;
    gboolean is_marked;  /* something that only listings of a known server have */
    gboolean is_dressed; /* something that a bare list of links has not */
    gboolean has_list;
    gboolean is_cut; /* not read to its end */
} HtmlReader;

void listed_entry_clear(ListedEntry *entry)
{
    g_free(entry->href);
    g_free(entry->modified);
    memset(entry, 0, sizeof *entry);
}

static void flush_pending(HtmlReader *reader)
{
    if (!reader->has_pending)
        return;
    const ListedEntryTaker *taker = reader->taker;
    if (!taker->names_only)
        listing_text_parse(reader->text->str, &reader->pending);
    if (!reader->error && !taker->func(&reader->pending, taker->data, &reader->error))
        xmlStopParser(reader->context);
    listed_entry_clear(&reader->pending);
    reader->has_pending = FALSE;
    g_string_truncate(reader->text, 0);
}

static const char *attribute(const xmlChar **attributes, const char *name)
{
    for (const xmlChar **at = attributes; at && *at; at += 2)
        if (g_ascii_strcasecmp((const char *)at[0], name) == 0)
            return (const char *)at[1];
    return NULL;
}

static void start_link(HtmlReader *reader, const char *href)
{
    reader->in_link = TRUE;
    /* An icon and a name may be links to the same file, one behind the other. */
    if (reader->has_pending && g_strcmp0(reader->pending.href, href) == 0)
        return;
    flush_pending(reader);
    if (!href)
        return;
    gsize length = strcspn(href, "?#");
    reader->pending = (ListedEntry){
        .href = g_strdup(href),
        .kind = length > 0 && href[length - 1] == '/' ? LISTED_FOLDER : LISTED_FILE,
        .size = SIZE_UNKNOWN,
    };
    reader->has_pending = TRUE;
}

/* Caddy has the exact figures in attributes. */
static void take_attributes(HtmlReader *reader, const char *name, const xmlChar **attributes)
{
    if (!reader->has_pending)
        return;
    const char *size = attribute(attributes, "data-size");
    if (!size)
        size = attribute(attributes, "data-order");
    guint64 bytes;
    if (strcmp(name, "td") == 0 && size &&
        g_ascii_string_to_unsigned(size, 10, 0, G_MAXINT64, &bytes, NULL))
        reader->pending.size = bytes;
    const char *when = attribute(attributes, "datetime");
    if (strcmp(name, "time") != 0 || !when)
        return;
    g_autoptr(GDateTime) date = g_date_time_new_from_iso8601(when, NULL);
    g_autoptr(GDateTime) utc = date ? g_date_time_to_utc(date) : NULL;
    if (utc && !reader->pending.modified)
        reader->pending.modified = g_date_time_format(utc, "%Y-%m-%dT%H:%M:%S");
}

static gboolean is_one_of(const char *name, const char *const *names)
{
    return g_strv_contains(names, name);
}

static const char *const bare_elements[] = {"html", "head", "meta", "body", "ul", "li", "a", NULL};
static const char *const row_ends[] = {"tr", "li", "ul", "pre", "table", "tbody", "address", NULL};
static const char *const headings[] = {"h1", "h2", "h3", NULL};
static const char *const code_elements[] = {"script", "style", NULL};

static void note_marks(HtmlReader *reader, const char *name, const xmlChar **attributes)
{
    if (!is_one_of(name, bare_elements))
        reader->is_dressed = TRUE;
    if (strcmp(name, "ul") == 0)
        reader->has_list = TRUE;
    const char *summary = attribute(attributes, "summary");
    if (summary && g_ascii_strcasecmp(summary, "Directory Listing") == 0)
        reader->is_marked = TRUE;
    const char *described = attribute(attributes, "aria-describedby");
    if (strcmp(name, "table") == 0 && g_strcmp0(described, "summary") == 0)
        reader->is_marked = TRUE; /* Caddy 2 */
    const char *class = attribute(attributes, "class");
    if (strcmp(name, "tr") == 0 && g_strcmp0(class, "file") == 0)
        reader->is_marked = TRUE; /* Caddy, older */
    if (class && (strcmp(class, "listing") == 0 || strcmp(class, "listing grid") == 0))
        reader->is_marked = TRUE;
}

static void on_start(void *data, const xmlChar *element, const xmlChar **attributes)
{
    HtmlReader *reader = data;
    const char *name = (const char *)element;
    note_marks(reader, name, attributes);
    if (strcmp(name, "a") == 0) {
        start_link(reader, attribute(attributes, "href"));
        return;
    }
    if (strcmp(name, "title") == 0)
        reader->in_title = TRUE;
    else if (is_one_of(name, headings))
        reader->in_heading = reader->heading->len == 0;
    else if (is_one_of(name, code_elements))
        reader->in_code = TRUE;
    else if (strcmp(name, "hr") == 0 || strcmp(name, "br") == 0 || is_one_of(name, row_ends))
        flush_pending(reader);
    if (reader->has_pending && !reader->in_link && reader->text->len < TEXT_MOST)
        g_string_append_c(reader->text, ' ');
    take_attributes(reader, name, attributes);
}

static void on_end(void *data, const xmlChar *element)
{
    HtmlReader *reader = data;
    const char *name = (const char *)element;
    if (strcmp(name, "a") == 0)
        reader->in_link = FALSE;
    else if (strcmp(name, "title") == 0)
        reader->in_title = FALSE;
    else if (is_one_of(name, headings))
        reader->in_heading = FALSE;
    else if (is_one_of(name, code_elements))
        reader->in_code = FALSE;
    else if (is_one_of(name, row_ends))
        flush_pending(reader);
}

static void append_most(GString *text, const xmlChar *bytes, int length)
{
    gsize room = text->len < TEXT_MOST ? TEXT_MOST - text->len : 0;
    g_string_append_len(text, (const char *)bytes, (gssize)MIN(room, (gsize)length));
}

static void on_text(void *data, const xmlChar *bytes, int length)
{
    HtmlReader *reader = data;
    if (reader->in_code)
        return;
    if (reader->in_title)
        append_most(reader->title, bytes, length);
    else if (reader->in_heading)
        append_most(reader->heading, bytes, length);
    else if (reader->has_pending && !reader->in_link)
        append_most(reader->text, bytes, length);
    if (reader->in_link || reader->is_dressed)
        return;
    for (int i = 0; i < length; i++)
        if (!g_ascii_isspace(bytes[i]))
            reader->is_dressed = TRUE;
}

/* The title or heading that listings bear: "Index of /", "Directory listing for /". */
static gboolean is_listing_title(const char *title)
{
    g_autofree char *copy = g_ascii_strdown(title, -1);
    g_strstrip(copy);
    if (g_str_has_prefix(copy, "directory listing") || g_str_has_prefix(copy, "directory: /"))
        return TRUE;
    if (!g_str_has_prefix(copy, "index of"))
        return FALSE;
    const char *rest = g_strchug(copy + strlen("index of"));
    return *rest == '/' || g_str_has_prefix(rest, "./") || g_str_has_prefix(rest, "http");
}

/* The charset that the server names, else UTF-8: without one libxml2 takes bytes for Latin-1. */
static void set_encoding(htmlParserCtxtPtr context, const char *content_type)
{
    g_autofree char *lower = content_type ? g_ascii_strdown(content_type, -1) : NULL;
    const char *charset = lower ? strstr(lower, "charset=") : NULL;
    g_autofree char *name = charset ? g_strdup(charset + strlen("charset=")) : g_strdup("utf-8");
    g_strdelimit(name, "\"' ;", ' ');
    g_strstrip(name);
    xmlCharEncodingHandlerPtr handler = xmlFindCharEncodingHandler(name);
    if (handler)
        xmlSwitchToEncoding(context, handler);
}

/* Where a chunk ends within an attribute's value, libxml2 2.9 forgets which quote it looks for,
 * finds no end of the tag any more and gathers all that follows: it begins its search anew with
 * each chunk. FALSE where one piece is too large to be of a listing. */
static gboolean search_anew(htmlParserCtxtPtr context)
{
    context->checkIndex = 0;
    const htmlParserInputPtr input = context->input;
    return !input || input->end - input->cur <= PIECE_MOST;
}

static gboolean feed(HtmlReader *reader, int fd, GError **error)
{
    char chunk[CHUNK_BYTES];
    while (!reader->error) {
        ssize_t got = TEMP_FAILURE_RETRY(read(fd, chunk, sizeof chunk));
        if (got < 0)
            return error_set_storage(error, errno, _("A listing cannot be read back"));
        htmlParseChunk(reader->context, chunk, (int)got, got == 0);
        if (got == 0)
            return TRUE;
        if (!search_anew(reader->context)) {
            reader->is_cut = TRUE;
            return TRUE;
        }
    }
    return TRUE;
}

static ListingShape shape_of(const HtmlReader *reader)
{
    if (reader->is_cut)
        return LISTING_NONE;
    if (reader->is_marked || is_listing_title(reader->title->str) ||
        is_listing_title(reader->heading->str))
        return LISTING_HTML;
    return reader->has_list && !reader->is_dressed ? LISTING_BARE : LISTING_NONE;
}

gboolean listing_read_html(int fd, const char *content_type, const ListedEntryTaker *taker,
                           ListingShape *shape, char **title, GError **error)
{
    htmlSAXHandler handler = {
        .startElement = on_start,
        .endElement = on_end,
        .characters = on_text,
        .ignorableWhitespace = on_text,
    };
    HtmlReader reader = {
        .taker = taker,
        .text = g_string_new(NULL),
        .title = g_string_new(NULL),
        .heading = g_string_new(NULL),
    };
    static gsize initialised;
    if (g_once_init_enter(&initialised)) {
        xmlInitParser();
        g_once_init_leave(&initialised, 1);
    }
    reader.context =
        htmlCreatePushParserCtxt(&handler, &reader, NULL, 0, NULL, XML_CHAR_ENCODING_NONE);
    gboolean read = FALSE;
    if (reader.context) {
        htmlCtxtUseOptions(reader.context, HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                                               HTML_PARSE_NONET | HTML_PARSE_RECOVER);
        set_encoding(reader.context, content_type);
        read = feed(&reader, fd, error);
        if (read && !reader.error)
            flush_pending(&reader);
        htmlFreeParserCtxt(reader.context);
    } else {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("The reader of HTML listings could not be made."));
    }
    if (reader.error) {
        g_clear_error(error);
        g_propagate_error(error, reader.error);
        read = FALSE;
    }
    listed_entry_clear(&reader.pending);
    *shape = shape_of(&reader);
    if (title) {
        g_strstrip(reader.title->str);
        /* It may be cut within a character. */
        *title = *reader.title->str ? g_utf8_make_valid(reader.title->str, -1) : NULL;
    }
    g_string_free(reader.text, TRUE);
    g_string_free(reader.title, TRUE);
    g_string_free(reader.heading, TRUE);
    return read;
}

gboolean listing_read(int fd, const char *content_type, const ListedEntryTaker *taker,
                      ListingShape *shape, char **title, GError **error)
{
    g_autofree char *type = content_type ? g_ascii_strdown(content_type, -1) : NULL;
    if (title)
        *title = NULL;
    if (type && g_str_has_prefix(type, "application/json"))
        return listing_read_json(fd, taker, shape, error);
    return listing_read_html(fd, content_type, taker, shape, title, error);
}

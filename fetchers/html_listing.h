/*
 * Directory listings of web servers, read as a stream: HTML of nginx, Apache (plain, FancyIndexing,
 * HTMLTable), lighttpd, Caddy, Python's http.server and the PhysioNet development server (a bare
 * list of links); JSON of Caddy and nginx.
 */
#pragma once

#include <glib.h>

typedef enum {
    LISTED_FILE,
    LISTED_FOLDER,
    LISTED_UNKNOWN, /* this kind of listing does not tell folders */
} ListedKind;

typedef struct {
    char *href; /* as the document has it: an address relative to the document; of JSON a plain
                   name */
    gboolean is_plain_name; /* not percent-encoded */
    ListedKind kind;
    guint64 size; /* SIZE_UNKNOWN where not given */
    gboolean size_is_rounded;
    char *modified; /* "YYYY-MM-DDTHH:MM[:SS]"; NULL where not given */
} ListedEntry;
void listed_entry_clear(ListedEntry *entry);

typedef enum {
    LISTING_NONE, /* some other page */
    LISTING_HTML,
    LISTING_BARE, /* nothing but a list of links */
    LISTING_JSON,
} ListingShape;

/* FALSE with an error ends the reading. ENTRY is borrowed. */
typedef gboolean (*ListedEntryFunc)(const ListedEntry *entry, gpointer data, GError **error);

typedef struct {
    ListedEntryFunc func;
    gpointer data;
    gboolean names_only; /* sizes and dates are not wanted */
} ListedEntryTaker;

/* Reads FD from its offset to its end. Whether the document is a listing at all is known at the
 * end: *SHAPE; so read it once to know and to look ahead, and once more to take its entries.
 * *TITLE (may be a NULL pointer) is the page's, owned, NULL where none. _STORAGE, _ORIGIN, or the
 * taker's error. */
gboolean listing_read(int fd, const char *content_type, const ListedEntryTaker *taker,
                      ListingShape *shape, char **title, GError **error);

/* The two readers behind it. */
gboolean listing_read_html(int fd, const char *content_type, const ListedEntryTaker *taker,
                           ListingShape *shape, char **title, GError **error);
gboolean listing_read_json(int fd, const ListedEntryTaker *taker, ListingShape *shape,
                           GError **error);

/* What stands behind a link of a listing: date and size, where they are there. */
void listing_text_parse(const char *text, ListedEntry *entry);

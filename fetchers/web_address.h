/*
 * Addresses of http and https, taken apart and put together (RFC 3986; libcurl's own parser, which
 * takes dot segments out).
 */
#pragma once

#include <glib.h>

typedef struct {
    char *scheme; /* "http" or "https" */
    char *host;   /* lower case; an IPv6 literal in its brackets */
    char *port;   /* NULL: the scheme's own */
    char *path;   /* percent-encoded, begins with a slash */
    char *query;  /* percent-encoded, without the question mark; NULL where none */
} WebAddress;

/* NULL with MEDMIRROR_ERROR_USAGE: no address of http or https, or one that holds a user name or a
 * password. A fragment is dropped. Owned. */
WebAddress *web_address_parse(const char *text, GError **error);
void web_address_free(WebAddress *address);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WebAddress, web_address_free)
/* Owned. */
char *web_address_text(const WebAddress *address);
/* Same host and same port; http and https count as one where both use their own port. */
gboolean web_address_same_origin(const WebAddress *a, const WebAddress *b);

/* The parts of a percent-encoded path, each decoded once (char*, raw bytes without NUL, owned;
 * empty parts are left out). NULL with _UNSAFE where a part hides a slash or a NUL. */
GPtrArray *web_path_decode(const char *path, GError **error);
/* The safe relative path that a percent-encoded relative one means. _UNSAFE. Owned. */
char *web_path_to_relpath(const char *path, GError **error);
/* A path's bytes percent-encoded for an address; slashes stay. '+' becomes %2B, for S3 takes a bare
 * one for a blank. Owned. */
char *web_path_encode(const char *path);
/* A date of HTTP (RFC 9110, 5.6.7) as "YYYY-MM-DDTHH:MM:SS" in UTC; NULL where it is none. Owned.
 */
char *web_date_normalise(const char *text);

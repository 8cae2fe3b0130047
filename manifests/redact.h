/*
 * Secrets have one redactor: whatever is shown or logged passes through it.
 */
#pragma once

#include <glib.h>

/* The address without user and password, and with the values of its query dropped unless they are
 * known to be harmless (download, id, name, version, page ...; a signed query is dropped whole).
 * Not an address: as it is. Owned. */
char *redact_address(const char *address);
/* A proxy without user and password; its address may lack the scheme ("ana:pw@host:3128"). Owned.
 */
char *redact_proxy(const char *proxy);
/* Any text, with every address in it redacted, and the values of Authorization, Cookie, Set-Cookie
 * and Proxy-Authorization headers and of known secrets taken out. Owned. */
char *redact_text(const char *text);
/* From now on TEXT never appears in redacted output (8 characters or more). Thread-safe. */
void redact_add_secret(const char *text);

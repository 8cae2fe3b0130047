/*
 * How a collection, a patient or a series of TCIA is named: REFs, locators, addresses of pages. All
 * pure.
 */
#pragma once

#include "fetcher.h"

#define TCIA_DOMAIN "cancerimagingarchive.net"

/* Letters and digits alone, in lower case: equal for the spellings of one collection (LIDC-IDRI,
 * lidc-idri, lidc_idri). Owned. */
char *tcia_plain_name(const char *name);
/* Out of NAMES (char*) the one that WANTED means: the same, else the same but for case, else by its
 * plain name where that is one collection's alone. Borrowed; NULL where there is none. */
const char *tcia_match_name(const GPtrArray *names, const char *wanted);
/* The last part of the address of a collection's page. Owned. */
char *tcia_page_slug(const char *collection);

/* Functions of the fetcher. */
gboolean tcia_check_locator(const Fetcher *fetcher, const json_t *locator, GError **error);
json_t *tcia_locator_from_name(const Fetcher *fetcher, const char *name, char **version,
                               GError **error);
json_t *tcia_locator_from_address(const Fetcher *fetcher, const char *address, char **version);
char *tcia_folder(const Fetcher *fetcher, const json_t *locator, const char *id);
char *tcia_ref(const Fetcher *fetcher, const json_t *locator);
GPtrArray *tcia_where(const Fetcher *fetcher, const json_t *locator);
gboolean tcia_locator_is_complete(const Fetcher *fetcher, const json_t *locator);

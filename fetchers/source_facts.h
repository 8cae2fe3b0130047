/*
 * What several fetchers need: the catalogue's facts joined to what a source lists, and addresses
 * below the endpoints of a source.
 */
#pragma once

#include "fetcher.h"

/* Adds what MANIFEST (may be NULL) records of the file at SPEC's path: digests count as declared
 * where the source declares none of that algorithm; a size where there is none; the unpack rule,
 * which makes it an archive; the part. */
void file_spec_add_facts(FileSpec *spec, const Manifest *manifest);
/* The same from one recorded file. */
void file_spec_add_recorded(FileSpec *spec, const ManifestFile *recorded);
/* SPEC becomes an archive; takes RULE. */
void file_spec_set_unpack(FileSpec *spec, UnpackRule *rule);
/* Checksum lists and licences by their names, data else. */
FileRole file_role_from_name(const char *path);

/* The base address of one of ROW's endpoints (its index among the pairs), NULL where it is not to
 * be asked. Borrowed from the host. */
const char *source_base(HostServices *services, const FetcherRow *row, guint endpoint);
/* ADDRESS, where it lies below the default base of one of ROW's endpoints, moved below the base
 * that counts; another host's is left as it is. NULL where that endpoint, or any foreign host
 * (because the source was sent elsewhere), is not to be asked. Owned. */
char *source_address(HostServices *services, const FetcherRow *row, const char *address);

/* The files of MANIFEST (may be NULL) that have addresses of their own and are no members of an
 * archive, but the one at EXCEPT (may be NULL), handed to TAKER. */
gboolean source_list_recorded(HostServices *services, const FetcherRow *row,
                              const Manifest *manifest, const char *except,
                              const ListingTaker *taker, guint *count, GError **error);

/* A string of a locator, NULL where it has none. Borrowed. */
const char *locator_text(const json_t *locator, const char *key);
/* MEDMIRROR_ERROR_USAGE where LOCATOR has a key that is none of ROW's, or a value of another type
 * than string ("s"), whole number ("i") or truth value ("b"), as TYPES has it, a letter a key. */
gboolean locator_check_keys(const FetcherRow *row, const char *types, const json_t *locator,
                            GError **error);

/* A state token's text, the same for equal objects. Owned. */
char *state_token_text(const json_t *token);

/* A small JSON document; *STATUS (may be a NULL pointer) is the HTTP status. OPTIONAL: asked once,
 * and other statuses than 200 are answers. NULL with an error; _ORIGIN where it is no JSON. Owned.
 */
json_t *source_get_json(HostServices *services, const char *url, gboolean optional, int *status,
                        GError **error);

/*
 * NBIA's REST API: the lists that a resolve needs, by v4 and, where that fails, by v1. "Nothing
 * found" is an answer without a body there, and no error.
 */
#pragma once

#include "digest.h"
#include "host_services.h"

/* The list that NAME?KEY=VALUE gives (KEY NULL: without a query): a document whose body begins with
 * '[' or is empty. An error is v4's own; _ORIGIN where both send something else. Owned. */
Document *nbia_get_list(HostServices *services, const char *base, const char *name, const char *key,
                        const char *value, GError **error);

/* The names of the collections (char*, owned); none where the answer is empty. NULL with an error.
 */
GPtrArray *nbia_collections(HostServices *services, const char *base, GError **error);

/* The collection that SERIES belongs to; NULL without an error where BASE does not know it. Owned.
 */
char *nbia_collection_of(HostServices *services, const char *base, const char *series,
                         GError **error);

/* The hash of SERIES over its images (getMD5Hierarchy, a POST). TRUE with *HAS_HASH; FALSE: it has
 * none, or knows no images. FALSE with an error where it cannot be asked. */
gboolean nbia_ask_hash(HostServices *services, const char *base, const char *series, Digest *hash,
                       gboolean *has_hash, GError **error);

/*
 * Where a source's own tools keep a login: variables and files, read where they lie.
 */
#pragma once

#include "fetcher.h"

#include <sys/stat.h>

/* A variable's value; what it was is taken out of the environment, which other processes of this
 * user can read. NULL: it is unset or empty. Wiped by credential_header_free(). */
char *login_places_take(const char *name);
/* Those of NAMES (NULL-terminated; may be NULL) that are set. Owned. */
GHashTable *login_places_take_all(const char *const *names);
/* A file of at most MOST bytes; what is longer is cut. MEDMIRROR_ERROR_STORAGE. Wiped as above. */
char *login_places_read(const char *path, gsize most, struct stat *status, GError **error);

/* What LOGIN->find finds, USED called for each file that it came from. */
Credential *login_places_find(const SourceLogin *login, GHashTable *variables,
                              void (*used)(gpointer data, const char *path,
                                           const struct stat *status),
                              gpointer data, GError **error);

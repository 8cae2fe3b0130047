/*
 * May this file be run as a fetcher? It runs with the person's rights, so that nobody else may be
 * able to change it.
 */
#pragma once

#include <glib.h>

/* What the configuration alone tells: NAME fits a source, PATH is absolute and ends in
 * medmirror-fetch-NAME. MEDMIRROR_ERROR_USAGE. Pure. */
gboolean external_program_check_name(const char *name, const char *path, GError **error);
/* The file at PATH with links resolved (owned), where it is a regular file that may be executed,
 * and it and all folders above belong to this user or to root and can be written by nobody else (a
 * folder whose sticky bit is set excepted). NULL with MEDMIRROR_ERROR_USAGE and the line to type.
 */
char *external_program_check(const char *path, GError **error);

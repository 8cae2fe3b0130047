/*
 * What PhysioNet says of a project: its versions, its newest one, sizes and licence. The API of
 * 2025 and that of 2024 answer under different paths; either may be missing.
 */
#pragma once

#include "fetcher.h"

typedef struct {
    char *title, *licence, *doi, *access; /* NULL where not told */
    char *published;                      /* "YYYY-MM-DD"; NULL where not told */
    guint64 total;                        /* bytes of all files; SIZE_UNKNOWN where not told */
} ProjectFacts;
void project_facts_clear(ProjectFacts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProjectFacts, project_facts_clear)

/* Digits and dots, as the site's own addresses take it. */
gboolean project_version_is_valid(const char *version);
/* Part by part, by number: 1.10.0 is newer than 1.9.2. As strcmp. */
int project_version_compare(const char *a, const char *b);

/* The newest version: where /content/SLUG/ leads, else the API's. BASE: of the endpoint. Owned;
 * NULL with _ABSENT (no such project) or _ORIGIN. */
char *project_newest(HostServices *services, const char *base, const char *slug, GError **error);
/* All versions, newest first (char*, owned); NULL as above. */
GPtrArray *project_versions(HostServices *services, const char *base, const char *slug,
                            GError **error);
/* Asked once; FALSE with an error where nothing was learnt. */
gboolean project_ask(HostServices *services, const char *base, const char *slug,
                     const char *version, ProjectFacts *facts, GError **error);

/*
 * The description API of the UCI Machine Learning Repository: /api/dataset and /api/datasets/list.
 * The status in the JSON is the real one, whatever HTTP says.
 */
#pragma once

#include "fetcher.h"

typedef struct {
    int id;
    char *slug;  /* last part of repository_url; NULL where it is not told */
    char *title; /* NULL where it is not told; so are the next four */
    char *doi;
    char *page;
    char *updated;  /* "YYYY-MM-DD" */
    char *external; /* the set lies there alone */
} UciFacts;
void uci_facts_clear(UciFacts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(UciFacts, uci_facts_clear)

/* BASE: of the endpoint. OPTIONAL: asked once. _ABSENT where UCI says that there is no such set;
 * _ORIGIN where it says nothing that can be used. */
gboolean uci_ask_by_id(HostServices *services, const char *base, int id, gboolean optional,
                       UciFacts *facts, GError **error);
/* The number of the set of that slug or title; 0 with _ABSENT or _ORIGIN. */
int uci_ask_number(HostServices *services, const char *base, const char *name, GError **error);

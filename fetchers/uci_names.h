/*
 * What is known of UCI's names without asking: the slugs of the sets that the catalogue and its
 * neighbours have, the names of the pages before 2023, the folders of the legacy tree.
 */
#pragma once

#include <glib.h>

typedef struct {
    int id;
    const char *slug;   /* NULL where nobody has recorded it */
    const char *second; /* another spelling that is met; NULL else */
    const char *title;  /* of the page before 2023, where the slug does not tell it; NULL else */
    const char *folder; /* of the legacy tree, where it is not the five-digit id; NULL else */
} UciName;

/* Case, blanks and punctuation do not count; no name is the same as none. */
gboolean uci_same_name(const char *a, const char *b);
/* NULL where it is not in the table. */
const UciName *uci_name_by_id(int id);
/* By slug, second spelling or old page name; case, blanks and punctuation do not count. */
const UciName *uci_name_find(const char *name);
/* The set whose folder of the legacy tree holds PATH ("heart-disease/processed.va.data",
 * "00225/x.csv"); 0 where it is not known or is shared by several. */
int uci_id_of_legacy_path(const char *path);

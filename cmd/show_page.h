/*
 * What is known of a dataset, laid out to be read. Pure: from facts and a width to text.
 */
#pragma once

#include "mirror.h"
#include "reference.h"

typedef struct {
    const Reference *reference;
    Catalogue *catalogue;      /* for what is below, or like it */
    const GPtrArray *versions; /* LockHeader* of what is here; NULL or empty: nothing */
    const Mirror *mirror;      /* NULL where there is none */
    char **access;             /* lines of the source's own words on how to get in; NULL: none */
    const char *accepted;      /* when the terms were accepted; NULL: not, or there are none */
    gboolean has_terms;
} ShowFacts;

/* COLUMNS: of the terminal; 0: nothing is wrapped. Lines with a line feed between them. Owned. */
char *show_page(const ShowFacts *facts, guint columns);

/*
 * What the catalogue says of a dataset, as people read it, in the language that was chosen.
 */
#pragma once

#include "catalogue.h"

/* "a series of editions" ... */
const char *kind_meaning(ManifestKind kind);
/* "may be passed on with attribution" ...; NULL where there is nothing to say. */
const char *sharing_meaning(const char *sharing);
/* "same bytes: yes" ... */
const char *same_meaning(SameAs same);
/* "416 subjects, 16.2 GB"; owned; NULL where neither is known. */
char *dataset_extent(const Manifest *manifest);
/* The ids below a series, collection or link list: a line each with access, year, extent and title,
 * in columns, with INDENT blanks before it. Owned; "" where there are none. */
char *below_lines(Catalogue *catalogue, const Manifest *manifest, guint indent, guint columns);

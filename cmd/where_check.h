/*
 * Where-terms whose key no file can have: told before anything is asked, where that is known.
 */
#pragma once

#include "reference.h"
#include "selection.h"

/* MEDMIRROR_ERROR_USAGE with the keys that there are, where FETCHER's files have none of a key that
 * SELECTION looks at. */
gboolean where_check_keys(const Selection *selection, const Fetcher *fetcher, GError **error);
/* Of a listing whose files have KEYS (char*): which key of SELECTION's is none of them? Borrowed;
 * NULL: each is one. */
const char *where_missing_key(const Selection *selection, const GPtrArray *keys);
/* "No file of REF has KEY ...": MEDMIRROR_ERROR_ABSENT; returns FALSE. */
gboolean where_set_missing(const char *ref, const char *key, const GPtrArray *keys, GError **error);
/* MEDMIRROR_ERROR_ABSENT: SELECTION takes nothing of REF. FALSE. */
gboolean where_set_none(const char *ref, const Selection *selection, GError **error);

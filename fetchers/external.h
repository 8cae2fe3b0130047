/*
 * Fetchers outside the tree: programs named medmirror-fetch-NAME, one process a run, started only
 * when their source is asked, which speak JSON Lines (docs/external-fetchers.md). What list, path
 * and show need (folder, ref, check_locator) is a rule of ours that starts nothing.
 */
#pragma once

#include "fetcher.h"

#define EXTERNAL_SILENCE_MS 60000

/* Adds the source NAME, brought by the program at PATH, to the table of fetchers; once more with
 * the same PATH is nothing. SILENCE_MS: after so long without a line the program is given up; 0:
 * EXTERNAL_SILENCE_MS. Nothing is started, and the file is looked at when it is. Only while there
 * is no other thread. MEDMIRROR_ERROR_USAGE. */
gboolean external_register(const char *name, const char *path, guint64 silence_ms, GError **error);
/* The path of FETCHER's program as it was configured; NULL where it is compiled in. Borrowed. */
const char *external_path(const Fetcher *fetcher);
/* The source's name for people as its program told it; NULL before open(). Borrowed. */
const char *external_title(const Fetcher *fetcher);
/* Ends all programs that run; a later request starts them anew. Not while another thread uses one.
 */
void external_stop_all(void);

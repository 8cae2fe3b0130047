/*
 * The summary of a sync: what can be mailed.
 */
#pragma once

#include "job_sync.h"

/* "sync 2026-11-24 01:00–04:12   20 datasets: 14 unchanged, 3 updated, ..." and a line for each
 * dataset that is not unchanged. ALL: those that need a person and were named within the week are
 * named again. In the clock of this machine. Owned. */
char *sync_summary(const SyncReport *report, gboolean all);
/* Facts of the event "synced"; owned. */
json_t *sync_entry_json(const SyncEntry *entry);
/* Facts of the event "summary"; owned. */
json_t *sync_report_json(const SyncReport *report);

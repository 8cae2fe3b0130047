/*
 * Which collection the series of a person's list belong to.
 */
#pragma once

#include "fetcher.h"

/* Fetcher.locate: NBIA's getSeriesMetadata first (a POST of up to 1,000 UIDs), the Imaging Data
 * Commons for what it does not know; folders of its buckets by its tables, those of older releases
 * with them, and where it cannot be asked by the head of one object. */
gboolean tcia_locate(const Fetcher *fetcher, const SeriesQuestion *question, HostServices *services,
                     GError **error);

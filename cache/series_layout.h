/*
 * The folder of a series in each layout. Pure.
 */
#pragma once

#include "series_table.h"

/* FACTS has a SeriesInstanceUID; WHOLE: with all of the UIDs in the descriptive layout. Every part
 * is a safe name. Owned; NULL for SERIES_LAYOUT_TREE. */
char *series_layout_folder(SeriesLayout layout, const json_t *facts, gboolean whole);
/* "70.51 MB", decimal, as the Retriever writes it; owned. */
char *series_size_text(guint64 bytes);
/* The name of a SOP class ("CT Image Storage"); "" where it is not known. Static. */
const char *sop_class_name(const char *uid);

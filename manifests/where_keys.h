/*
 * The keys by which series of DICOM images are told apart: TCIA's and IDC's listings, the Data
 * Retriever's spreadsheets and people spell them in several ways.
 */
#pragma once

#include <glib.h>

/* The listing's own spelling ("Modality", "PatientID", "SeriesInstanceUID") of a key in any case
 * and spelling ("modality", "body part", "Subject ID", "series"); static. NULL where it is none of
 * those. Blanks, '_', '-' and brackets say nothing. */
const char *where_key_canonical(const char *key);
/* Does a term on this key ask for the file itself, or for the kind of files that are left out
 * unless asked for (FileSpec.only_if_asked)? KEY in the listing's spelling. */
gboolean where_key_names_files(const char *key);

/*
 * The series of DICOM images that a version holds, as a table: where each lies, in the tree or in
 * the folders that the NBIA Data Retriever would make, and the metadata.csv that the Retriever
 * writes. In a temporary database, sorted there: in bounded memory at any number of series.
 */
#pragma once

#include "lock.h"

typedef struct SeriesTable SeriesTable;

typedef enum {
    SERIES_LAYOUT_TREE,        /* as they lie in the mirror */
    SERIES_LAYOUT_CLASSIC,     /* Collection/PatientID/StudyInstanceUID/SeriesInstanceUID */
    SERIES_LAYOUT_DESCRIPTIVE, /* Collection/PatientID/DATE-ID-DESCRIPTION-UUUUU/NUMBER-DESCRIPTION-
                                  UUUUU: the last five characters of each UID; what is not known
                                  vanishes, '/' becomes '-', descriptions end after 53 characters */
} SeriesLayout;
/* "classic", "descriptive"; FALSE where it is none. */
gboolean series_layout_parse(const char *name, SeriesLayout *layout);

/* Where the images lie, for what no listing tells of a series: an image of each is opened. */
typedef struct {
    const char *prefix; /* "" or "1.0/": stands before each folder of SERIES_LAYOUT_TREE */
    int tree_fd;        /* of the version; -1: there is none yet */
    int staged_fd;      /* of what is about to join it, looked at first; -1: nothing */
} SeriesTrees;

/* Reads LOCK, which stands behind its header, to its end. Counts and bytes are those of the images
 * that are held; the SOP class, and for SERIES_LAYOUT_DESCRIPTIVE the StudyID, are those of an
 * image's head where the listing has none. _STORAGE, _DAMAGED. Owned. */
SeriesTable *series_table_new(LockReader *lock, SeriesLayout layout, const SeriesTrees *trees,
                              GError **error);
void series_table_free(SeriesTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SeriesTable, series_table_free)
guint64 series_table_length(const SeriesTable *table);
/* Series whose folders would have been the same, and have their whole UID in them now. */
guint64 series_table_doubles(const SeriesTable *table);
/* The folder of the series that the download ARCHIVE holds; owned, NULL where it is none. */
char *series_table_folder(SeriesTable *table, const char *archive);
/* metadata.csv: the Retriever's 17 columns, a row for each series in the order of UIDs, CRLF; a
 * field stands in quotes only where it holds a comma, a quote or a line end (RFC 4180), as readers
 * of the Retriever's own unquoted files expect. "Download Timestamp" is HEADER's newest change. */
gboolean series_table_write(SeriesTable *table, const LockHeader *header, int fd, GError **error);

/* The same for the lock named LOCK below FOLDER_FD, into the file NAME there with MODE, which is
 * not made where there are no series; an older one is replaced. */
gboolean series_table_make_file(int folder_fd, const char *lock, const char *name,
                                const SeriesTrees *trees, mode_t mode, GError **error);

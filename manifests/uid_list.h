/*
 * A list of series that a person has: TCIA's manifest for its Data Retriever (.tcia), the Imaging
 * Data Commons' for s5cmd (.s5cmd), or a table (.csv, .tsv) with one of the columns by which both
 * archives and their clients name series. Read as a stream, in bounded memory; nothing in it is
 * ever run, and no address of it is asked but those of item.address.
 *
 * Sources: TCIA's server and clients for the form and its spoiled variants (the marker
 * ListOfSeriesToDownload, manifestVersion 3); s5cmd's own documentation for its lines; the
 * spreadsheet manifests of TCIA's Data Retriever of 2026 for the columns.
 */
#pragma once

#include <glib.h>

typedef struct {
    guint64 line;
    const char *series;        /* SeriesInstanceUID; NULL where the list does not tell it */
    const char *collection;    /* TCIA's name of its collection; NULL where not told */
    const char *bucket, *uuid; /* where IDC has it (crdc_series_uuid); NULL where not told */
    const char *object;        /* one object of it alone ("....dcm"); NULL: all */
    const char *address;       /* a file to be fetched as it is; https; then the others are NULL */
    const char *name;          /* of that file; NULL: by its address */
} SeriesItem;

typedef struct {
    gboolean (*item)(gpointer data, const SeriesItem *item, GError **error);
    /* May be NULL. LINE is none of a series; TEXT is shown safe, WHY a clause. */
    void (*strange)(gpointer data, guint64 line, const char *text, const char *why);
    gpointer data;
} SeriesTaker;

typedef struct {
    guint64 items, strange;
    gboolean is_nlst; /* its server is that of NLST */
    char *
        foreign_host; /* it names a server that is none of TCIA's; NULL: it does not. Never asked */
} UidListHead;
void uid_list_head_clear(UidListHead *head);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(UidListHead, uid_list_head_clear)

/* By the ending of its name, in any case. */
gboolean uid_list_is_name(const char *path);
/* Reads FD, a file called PATH. _USAGE: it is no such list, or of a form that cannot be pulled (and
 * what can be done); _STORAGE; or the taker's error. HEAD is filled in any case. */
gboolean uid_list_read(int fd, const char *path, const SeriesTaker *taker, UidListHead *head,
                       GError **error);

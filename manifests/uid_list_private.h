/*
 * Between the files of the lists of series, one for each form.
 */
#pragma once

#include "uid_list.h"

typedef struct {
    int fd;
    const char *path, *shown;
    const SeriesTaker *taker;
    UidListHead *head;
    GError **error;
} UidListing;

gboolean uid_list_read_tcia(UidListing *listing);
gboolean uid_list_read_s5cmd(UidListing *listing);
gboolean uid_list_read_table(UidListing *listing);

gboolean uid_list_give(UidListing *listing, const SeriesItem *item);
void uid_list_tell_strange(UidListing *listing, guint64 line, const char *text, const char *why);
/* Digits with dots between them, at most 64 bytes. */
gboolean uid_list_is_uid(const char *text);
/* "s3://BUCKET/UUID[/...]" or gs://; *BUCKET, *UUID, *OBJECT are owned (*OBJECT NULL: all). FALSE:
 * no series' address. */
gboolean uid_list_take_url(const char *url, char **bucket, char **uuid, char **object);
/* _USAGE; FORMAT is a whole sentence. Returns FALSE. */
gboolean uid_list_refuse(UidListing *listing, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Of a LineResult that is no line. TRUE at the end. */
gboolean uid_list_ended(UidListing *listing, int result, guint64 line, int failed);

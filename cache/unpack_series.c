#include "unpack_series.h"

#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "relpath.h"

#include <string.h>

#define LIST_NAME "md5hashes.csv"
#define LICENCE_NAME "LICENSE"

struct UnpackSeries {
    const UnpackRule *rule;
    const char *archive;
    SeriesCount wanted;
    SeriesCheck *check; /* NULL until the first entry */
    GByteArray *head;   /* of the image that was begun, as long as it is not known */
    gsize look_at;      /* bytes of it with which it is looked at again */
    gboolean was_read, has_list;
};

UnpackSeries *unpack_series_new(const UnpackRule *rule, const char *archive,
                                const SeriesCount *count)
{
    UnpackSeries *series = g_new0(UnpackSeries, 1);
    series->rule = rule;
    series->archive = archive;
    series->wanted = count ? *count : (SeriesCount){.images = SIZE_UNKNOWN, .bytes = SIZE_UNKNOWN};
    series->head = g_byte_array_new();
    return series;
}

void unpack_series_free(UnpackSeries *series)
{
    if (!series)
        return;
    series_check_free(series->check);
    g_byte_array_unref(series->head);
    g_free(series);
}

static gboolean need_check(UnpackSeries *series, GError **error)
{
    if (!series->check)
        series->check = series_check_new(error);
    return series->check != NULL;
}

static SeriesPart part_of(const char *name)
{
    const gsize length = strlen(name);
    if (strcmp(name, LIST_NAME) == 0)
        return SERIES_PART_LIST;
    if (strcmp(name, LICENCE_NAME) == 0)
        return SERIES_PART_LICENCE;
    return length > 4 && g_ascii_strcasecmp(name + length - 4, ".dcm") == 0 ? SERIES_PART_IMAGE
                                                                            : SERIES_PART_OTHER;
}

gboolean unpack_series_begin(UnpackSeries *series, const char *name, SeriesPart *part,
                             GError **error)
{
    *part = part_of(name);
    series->look_at = 0;
    /* One that held a large head gives its memory back. */
    g_byte_array_unref(series->head);
    series->head = g_byte_array_new();
    if (!need_check(series, error))
        return FALSE;
    if (*part == SERIES_PART_LICENCE)
        event_log(EVENT_LOG_DEBUG, "%s: LICENSE is no file of the tree", series->archive);
    if (*part == SERIES_PART_LIST && series->was_read) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                            _("The zip has two lists that are called md5hashes.csv."));
        return FALSE;
    }
    series->was_read = series->was_read || *part == SERIES_PART_LIST;
    return TRUE;
}

gboolean unpack_series_read_list(UnpackSeries *series, const void *bytes, gsize length,
                                 GError **error)
{
    return series_check_read(series->check, bytes, length, error);
}

gboolean unpack_series_end_list(UnpackSeries *series, GError **error)
{
    return series_check_read_end(series->check, error);
}

SeriesHead unpack_series_head(UnpackSeries *series, const char *name, const guint8 *bytes,
                              gsize length, gboolean is_whole, char **path, const guint8 **head,
                              gsize *head_length, GError **error)
{
    *head = bytes;
    *head_length = length;
    if (series->head->len > 0) {
        g_byte_array_append(series->head, bytes, (guint)length);
        *head = series->head->data;
        *head_length = series->head->len;
    }
    if (!is_whole && *head_length < series->look_at)
        return SERIES_HEAD_WAITS;
    DicomHead found;
    const char *reason = NULL;
    DicomHeadResult result = dicom_head_parse(*head, *head_length, is_whole, &found, &reason);
    if (result == DICOM_HEAD_NEED_MORE) {
        if (series->head->len == 0)
            g_byte_array_append(series->head, bytes, (guint)length);
        series->look_at = MIN(2 * *head_length, DICOM_HEAD_MOST_BYTES);
        return SERIES_HEAD_WAITS;
    }
    if (result != DICOM_HEAD_DONE) {
        series_member_refuse(series->rule, name, result, reason, error);
        return SERIES_HEAD_FAILED;
    }
    if (found.names_differ)
        event_log(EVENT_LOG_WARNING,
                  "%s: \"%s\" is called %s in its file's head and %s in its data set, which counts",
                  series->archive, name, found.media_sop_instance, found.sop_instance);
    *path = series_member_path(series->rule, series->archive, name, &found, error);
    return *path ? SERIES_HEAD_KNOWN : SERIES_HEAD_FAILED;
}

gboolean unpack_series_take_image(UnpackSeries *series, const char *name, const DigestSet *digests,
                                  guint64 size, GError **error)
{
    if (series->has_list) {
        g_autofree char *shown = relpath_display(name);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The image \"%s\" of the series %s lies behind md5hashes.csv, which must "
                      "come last."),
                    shown, series->rule->series);
        return FALSE;
    }
    return series_check_add_image(series->check, name, digest_set_get(digests, DIGEST_MD5), size,
                                  error);
}

void unpack_series_take_list(UnpackSeries *series)
{
    series->has_list = TRUE;
}

gboolean unpack_series_drop_list(UnpackSeries *series, GError **error)
{
    series->was_read = FALSE;
    return series_check_forget_read(series->check, error);
}

gboolean unpack_series_finish(UnpackSeries *series, SeriesCount *came, Digest *digest,
                              GError **error)
{
    if (!need_check(series, error) || !series_check_compare(series->check, series->has_list,
                                                            series->rule, &series->wanted, error))
        return FALSE;
    *came = series_check_came(series->check);
    return series_check_digest(series->check, digest, error);
}

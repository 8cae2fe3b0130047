/* Tables: the first row names the columns, and the names alone tell what the rows are. */
#include "uid_list_private.h"

#include "csv_reader.h"
#include "error.h"
#include "i18n.h"
#include "where_keys.h"

#include <string.h>

#define POLICY "https://www.cancerimagingarchive.net/nih-controlled-data-access-policy/"

enum {
    COLUMN_SERIES,
    COLUMN_COLLECTION,
    COLUMN_UUID,
    COLUMN_BUCKET,
    COLUMN_URL,
    COLUMN_ADDRESS,
    COLUMN_NAME,
    COLUMN_CONTROLLED,
    COLUMNS
};

/* -1: there is none. */
typedef struct {
    int at[COLUMNS];
} Columns;

static int column_of(const char *name)
{
    static const struct {
        const char *name;
        int column;
    } exact[] = {
        {"imageUrl", COLUMN_ADDRESS},
        {"wsiimage_url", COLUMN_ADDRESS},
        {"name", COLUMN_NAME},
        {"drs_uri", COLUMN_CONTROLLED},
        {"File ID", COLUMN_CONTROLLED},
        {"file_id", COLUMN_CONTROLLED},
        {"crdc_series_uuid", COLUMN_UUID},
        {"aws_bucket", COLUMN_BUCKET},
        {"series_aws_url", COLUMN_URL},
        {"Collection", COLUMN_COLLECTION},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(exact); i++) {
        if (g_ascii_strcasecmp(name, exact[i].name) == 0)
            return exact[i].column;
    }
    return g_strcmp0(where_key_canonical(name), "SeriesInstanceUID") == 0 ? COLUMN_SERIES : COLUMNS;
}

static void read_columns(Columns *columns, const GPtrArray *names)
{
    for (int i = 0; i < COLUMNS; i++)
        columns->at[i] = -1;
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *name = g_strstrip(g_strdup(g_ptr_array_index(names, i)));
        int column = column_of(name);
        if (column < COLUMNS && columns->at[column] < 0)
            columns->at[column] = (int)i;
    }
}

static gboolean has(const Columns *columns, int column)
{
    return columns->at[column] >= 0;
}

/* Stripped in place; NULL where there is no such field, or an empty one. */
static const char *field(const Columns *columns, int column, const GPtrArray *fields)
{
    int at = columns->at[column];
    if (at < 0 || (guint)at >= fields->len)
        return NULL;
    char *text = g_strstrip((char *)g_ptr_array_index(fields, (guint)at));
    return *text ? text : NULL;
}

static gboolean check_columns(UidListing *listing, const Columns *columns)
{
    if (has(columns, COLUMN_SERIES) || has(columns, COLUMN_ADDRESS) || has(columns, COLUMN_URL) ||
        (has(columns, COLUMN_UUID) && has(columns, COLUMN_BUCKET)))
        return TRUE;
    if (has(columns, COLUMN_CONTROLLED)) {
        g_set_error(listing->error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    _("%s lists files under controlled access (drs_uri, File ID): they lie with "
                      "the NIH, which gives them to those whose application was approved, and no "
                      "program fetches them without. How to apply is told at %s. What is open of "
                      "the collection: medmirror pull tcia/COLLECTION"),
                    listing->shown, POLICY);
        return FALSE;
    }
    return uid_list_refuse(
        listing,
        _("%s is a table without any column that names series or files: SeriesInstanceUID (or "
          "\"Series UID\"), imageUrl or wsiimage_url. Its first line must hold the names."),
        listing->shown);
}

static gboolean take_address(UidListing *listing, guint64 line, const char *address,
                             const char *name)
{
    g_autofree char *secure = NULL;
    if (!address)
        return TRUE;
    /* Lists of 2021 say http; all hosts of TCIA speak https. */
    if (g_ascii_strncasecmp(address, "http://", 7) == 0 &&
        !g_str_has_prefix(address + 7, "127.0.0.1") &&
        !g_str_has_prefix(address + 7, "localhost")) {
        secure = g_strconcat("https://", address + 7, NULL);
        address = secure;
    }
    if (g_ascii_strncasecmp(address, "https://", 8) != 0 &&
        g_ascii_strncasecmp(address, "http://", 7) != 0) {
        uid_list_tell_strange(listing, line, address, _("it is no address"));
        return TRUE;
    }
    return uid_list_give(listing, &(SeriesItem){.line = line, .address = address, .name = name});
}

static gboolean take_row(UidListing *listing, const Columns *columns, guint64 line,
                         const GPtrArray *fields)
{
    const char *series = field(columns, COLUMN_SERIES, fields);
    const char *url = field(columns, COLUMN_URL, fields);
    g_autofree char *bucket = NULL;
    g_autofree char *uuid = NULL;
    g_autofree char *object = NULL;
    if (!has(columns, COLUMN_SERIES) && has(columns, COLUMN_ADDRESS))
        return take_address(listing, line, field(columns, COLUMN_ADDRESS, fields),
                            field(columns, COLUMN_NAME, fields));
    if (!url && field(columns, COLUMN_BUCKET, fields) && field(columns, COLUMN_UUID, fields)) {
        g_autofree char *made =
            g_strdup_printf("s3://%s/%s/", field(columns, COLUMN_BUCKET, fields),
                            field(columns, COLUMN_UUID, fields));
        uid_list_take_url(made, &bucket, &uuid, &object);
    } else if (url) {
        uid_list_take_url(url, &bucket, &uuid, &object);
    }
    if (series && !uid_list_is_uid(series)) {
        uid_list_tell_strange(listing, line, series, _("it is no UID"));
        return TRUE;
    }
    if (!series && !uuid) {
        /* Rows of other things are no fault where there is another column for them. */
        if (fields->len > 1 || *(const char *)g_ptr_array_index(fields, 0))
            uid_list_tell_strange(listing, line, g_ptr_array_index(fields, 0),
                                  _("it names no series"));
        return TRUE;
    }
    const SeriesItem item = {.line = line,
                             .series = series,
                             .collection = field(columns, COLUMN_COLLECTION, fields),
                             .bucket = bucket,
                             .uuid = uuid};
    return uid_list_give(listing, &item);
}

gboolean uid_list_read_table(UidListing *listing)
{
    g_autoptr(CsvReader) rows = csv_reader_new(listing->fd, '\0');
    const GPtrArray *fields = NULL;
    Columns columns;
    gboolean has_columns = FALSE;
    int failed = 0;
    CsvResult result;
    while ((result = csv_reader_next(rows, &fields, &failed)) == CSV_READ) {
        if (!has_columns) {
            read_columns(&columns, fields);
            has_columns = TRUE;
            if (!check_columns(listing, &columns))
                return FALSE;
        } else if (!take_row(listing, &columns, csv_reader_line(rows), fields)) {
            return FALSE;
        }
    }
    if (result == CSV_FAILED)
        return error_set_storage(listing->error, failed, _("cannot read %s"), listing->shown);
    if (result == CSV_TOO_LONG)
        return uid_list_refuse(listing,
                               _("%s: the row at line %" G_GUINT64_FORMAT
                                 " is longer than any row of such a table; "
                                 "is a quote missing there?"),
                               listing->shown, csv_reader_line(rows));
    return TRUE;
}

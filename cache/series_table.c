#include "series_layout.h"

#include "buffered_writer.h"
#include "database.h"
#include "dicom_head.h"
#include "error.h"
#include "file_facts.h"
#include "i18n.h"
#include "tree_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char schema[] =
    "CREATE TABLE row(archive TEXT PRIMARY KEY, series TEXT, facts TEXT, folder TEXT,"
    " images INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;";

struct SeriesTable {
    Database *database;
    SeriesLayout layout;
    const SeriesTrees *trees; /* borrowed, while the lock is read */
    guint64 length, doubles;
};

/* Images of one series that follow each other in the lock. */
typedef struct {
    char *archive;
    char *path; /* of the first */
    guint64 images, bytes;
} Run;

void series_table_free(SeriesTable *table)
{
    if (!table)
        return;
    database_close(table->database);
    g_free(table);
}

guint64 series_table_length(const SeriesTable *table)
{
    return table->length;
}

guint64 series_table_doubles(const SeriesTable *table)
{
    return table->doubles;
}

/* Where the members of the archive lie in the tree; an archive that was not unpacked lies itself.
 */
static char *tree_folder(const SeriesTable *table, const LockDownload *download)
{
    if (download->role != FILE_ROLE_ARCHIVE || !download->unpack)
        return g_strconcat(table->trees->prefix, download->path, NULL);
    g_autofree char *above = g_path_get_dirname(download->path);
    const char *into = download->unpack->into;
    return g_strconcat(table->trees->prefix, strcmp(above, ".") == 0 ? "" : above,
                       strcmp(above, ".") == 0 || !into ? "" : "/", into ? into : "", NULL);
}

static gboolean add_download(SeriesTable *table, const LockDownload *download, GError **error)
{
    const char *series = file_facts_get(download->facts, "SeriesInstanceUID");
    if (!series || !*series || download->state != LOCK_STATE_HAVE)
        return TRUE;
    gboolean is_laid_out = table->layout != SERIES_LAYOUT_TREE &&
                           download->role == FILE_ROLE_ARCHIVE && download->unpack;
    g_autofree char *folder = is_laid_out
                                  ? series_layout_folder(table->layout, download->facts, FALSE)
                                  : tree_folder(table, download);
    g_autofree char *facts = file_facts_to_json(download->facts);
    table->length++;
    return database_run(table->database, error,
                        "INSERT INTO row(archive, series, facts, folder) VALUES(?, ?, ?, ?)",
                        "tttt", download->path, series, facts, folder);
}

/* FALSE: there is no such image, or it is none. */
static gboolean read_head(const SeriesTrees *trees, const char *path, DicomHead *head)
{
    const int fds[] = {trees->staged_fd, trees->tree_fd};
    DicomHeadResult result = DICOM_HEAD_NOT_DICOM;
    for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
        int fd = fds[i] >= 0 ? tree_open_file(fds[i], path, NULL, NULL) : -1;
        if (fd < 0)
            continue;
        gboolean is_read = dicom_head_read(fd, &result, head, NULL, NULL);
        close(fd);
        if (is_read && result == DICOM_HEAD_DONE)
            return TRUE;
    }
    return FALSE;
}

static gboolean has_fact(const json_t *facts, const char *key)
{
    const char *value = file_facts_get(facts, key);
    return value && *value;
}

static void take_fact(json_t *facts, const char *key, const char *value)
{
    if (*value && !has_fact(facts, key) && g_utf8_validate(value, -1, NULL))
        json_object_set_new(facts, key, json_string(value));
}

/* What an image says and the listing does not. TRUE: something came. */
static gboolean ask_image(const SeriesTable *table, const char *path, json_t *facts)
{
    gboolean is_descriptive = table->layout == SERIES_LAYOUT_DESCRIPTIVE;
    DicomHead head;
    if ((has_fact(facts, "SOPClassUID") && (!is_descriptive || has_fact(facts, "StudyID"))) ||
        !read_head(table->trees, path, &head))
        return FALSE;
    take_fact(facts, "SOPClassUID", head.sop_class);
    if (is_descriptive)
        take_fact(facts, "StudyID", head.study_id);
    return TRUE;
}

/* The facts of a row that has had no image yet; NULL: there is none. Owned. */
static json_t *facts_of(SeriesTable *table, const char *archive, char **folder, GError **error)
{
    sqlite3_stmt *row = database_query(
        table->database, error, "SELECT facts, folder FROM row WHERE archive = ? AND images = 0",
        "t", archive);
    g_autofree char *reason = NULL;
    json_t *facts = NULL;
    if (row && database_step(table->database, row, error) == 1) {
        facts = file_facts_from_json(column_text(row, 0), &reason);
        *folder = g_strdup(column_text(row, 1));
    }
    if (row)
        sqlite3_reset(row);
    return facts;
}

static gboolean ask_first_image(SeriesTable *table, const Run *run, GError **error)
{
    GError *problem = NULL;
    g_autofree char *folder = NULL;
    json_auto_t *facts = facts_of(table, run->archive, &folder, &problem);
    if (problem) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    if (!facts || !ask_image(table, run->path, facts))
        return TRUE;
    g_autofree char *text = file_facts_to_json(facts);
    g_autofree char *laid_out = series_layout_folder(table->layout, facts, FALSE);
    return database_run(table->database, error,
                        "UPDATE row SET facts = ?, folder = ? WHERE archive = ?", "ttt", text,
                        laid_out ? laid_out : folder, run->archive);
}

static gboolean end_run(SeriesTable *table, Run *run, GError **error)
{
    gboolean done = !run->archive ||
                    (ask_first_image(table, run, error) &&
                     database_run(table->database, error,
                                  "UPDATE row SET images = images + ?, bytes = bytes + ?"
                                  " WHERE archive = ?",
                                  "iit", (gint64)run->images, (gint64)run->bytes, run->archive));
    g_clear_pointer(&run->archive, g_free);
    g_clear_pointer(&run->path, g_free);
    run->images = run->bytes = 0;
    return done;
}

static gboolean add_file(SeriesTable *table, Run *run, const LockFile *file, GError **error)
{
    if (!file->archive || file->state != LOCK_STATE_HAVE || !g_str_has_suffix(file->path, ".dcm"))
        return TRUE;
    if (g_strcmp0(run->archive, file->archive) != 0) {
        if (!end_run(table, run, error))
            return FALSE;
        run->archive = g_strdup(file->archive);
        run->path = g_strdup(file->path);
    }
    run->images++;
    run->bytes += file->size;
    return TRUE;
}

static gboolean read_lock(SeriesTable *table, LockReader *lock, GError **error)
{
    g_auto(LockDownload) download = {0};
    g_auto(LockFile) file = {0};
    Run run = {0};
    LockLine line = LOCK_LINE_ERROR;
    gboolean done = TRUE;
    while (done && (line = lock_reader_next(lock, &download, &file, error)) != LOCK_LINE_END &&
           line != LOCK_LINE_ERROR) {
        if (line == LOCK_LINE_DOWNLOAD)
            done = add_download(table, &download, error);
        else if (table->length == 0)
            /* Files follow the downloads: no series will come. */
            return TRUE;
        else
            done = add_file(table, &run, &file, error);
    }
    done = done && line != LOCK_LINE_ERROR;
    return end_run(table, &run, done ? error : NULL) && done;
}

/* Five characters do not tell series apart: those that would share a folder get their whole UID. */
static gboolean settle_doubles(SeriesTable *table, GError **error)
{
    g_autoptr(GPtrArray) archives = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) folders = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(sqlite3_stmt) rows =
        database_query_new(table->database, error,
                           "SELECT archive, facts FROM row WHERE lower(folder) IN"
                           " (SELECT lower(folder) FROM row GROUP BY 1 HAVING count(*) > 1)",
                           "");
    int got = rows ? 1 : -1;
    while (got == 1 && (got = database_step(table->database, rows, error)) == 1) {
        g_autofree char *reason = NULL;
        json_t *facts = file_facts_from_json(column_text(rows, 1), &reason);
        g_ptr_array_add(archives, g_strdup(column_text(rows, 0)));
        g_ptr_array_add(folders, series_layout_folder(table->layout, facts, TRUE));
        json_decref(facts);
    }
    table->doubles = archives->len;
    for (guint i = 0; got == 0 && i < archives->len; i++) {
        if (!database_run(table->database, error, "UPDATE row SET folder = ? WHERE archive = ?",
                          "tt", g_ptr_array_index(folders, i), g_ptr_array_index(archives, i)))
            return FALSE;
    }
    return got == 0;
}

SeriesTable *series_table_new(LockReader *lock, SeriesLayout layout, const SeriesTrees *trees,
                              GError **error)
{
    g_autoptr(SeriesTable) table = g_new0(SeriesTable, 1);
    table->layout = layout;
    table->trees = trees;
    /* "": a file of SQLite's own, which has no name and is gone with it. */
    table->database = database_open("", DATABASE_SCRATCH, 1, schema, error);
    if (!table->database || !database_exec(table->database, "BEGIN", error) ||
        !read_lock(table, lock, error) ||
        (layout == SERIES_LAYOUT_DESCRIPTIVE && !settle_doubles(table, error)) ||
        !database_exec(table->database, "CREATE INDEX by_series ON row(series); COMMIT", error))
        return NULL;
    return g_steal_pointer(&table);
}

char *series_table_folder(SeriesTable *table, const char *archive)
{
    sqlite3_stmt *row = database_query(table->database, NULL,
                                       "SELECT folder FROM row WHERE archive = ?", "t", archive);
    char *folder = row && database_step(table->database, row, NULL) == 1
                       ? g_strdup(column_text(row, 0))
                       : NULL;
    if (row)
        sqlite3_reset(row);
    return folder;
}

static void add_field(GString *line, const char *text)
{
    if (line->len)
        g_string_append_c(line, ',');
    if (!text || !strpbrk(text, ",\"\r\n")) {
        g_string_append(line, text ? text : "");
        return;
    }
    g_string_append_c(line, '"');
    for (; *text; text++)
        g_string_append_printf(line, *text == '"' ? "\"\"" : "%c", *text);
    g_string_append_c(line, '"');
}

/* The Retriever's words for what it does not know are "NA" in descriptions, nothing elsewhere. */
static const char *description(const json_t *facts, const char *key)
{
    const char *text = file_facts_get(facts, key);
    return text && *text ? text : "NA";
}

typedef struct {
    const char *folder;
    guint64 images, bytes; /* 0 images: none lies by itself here */
} Row;

static void make_row(GString *line, const json_t *facts, const Row *row, const LockHeader *header)
{
    const char *listed = file_facts_get(facts, "FileSize");
    g_autofree char *images = row->images ? g_strdup_printf("%" G_GUINT64_FORMAT, row->images)
                                          : g_strdup(file_facts_get(facts, "ImageCount"));
    g_autofree char *size = row->images ? series_size_text(row->bytes)
                            : listed && *listed
                                ? series_size_text(g_ascii_strtoull(listed, NULL, 10))
                                : NULL;
    g_autofree char *location = g_strconcat("./", row->folder, NULL);
    g_autofree char *time = g_strdup(header->updated ? header->updated : "");
    const char *others = file_facts_get(facts, "ThirdPartyAnalysis");
    const char *sop_class = file_facts_get(facts, "SOPClassUID");
    /* Without its "Z": the Retriever writes no zone. */
    if (g_str_has_suffix(time, "Z"))
        time[strlen(time) - 1] = '\0';
    const char *const fields[] = {file_facts_get(facts, "SeriesInstanceUID"),
                                  file_facts_get(facts, "Collection"),
                                  others ? others : "NO",
                                  file_facts_get(facts, "DataDescriptionURI"),
                                  file_facts_get(facts, "PatientID"),
                                  file_facts_get(facts, "StudyInstanceUID"),
                                  description(facts, "StudyDesc"),
                                  file_facts_get(facts, "StudyDate"),
                                  description(facts, "SeriesDescription"),
                                  file_facts_get(facts, "Manufacturer"),
                                  file_facts_get(facts, "Modality"),
                                  sop_class_name(sop_class),
                                  sop_class,
                                  images,
                                  size,
                                  location,
                                  time};
    g_string_truncate(line, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
        add_field(line, fields[i]);
    g_string_append(line, "\r\n");
}

static const char titles[] =
    "Series UID,Collection,3rd Party Analysis,Data Description URI,Subject ID,Study UID,"
    "Study Description,Study Date,Series Description,Manufacturer,Modality,SOP Class Name,"
    "SOP Class UID,Number of Images,File Size,File Location,Download Timestamp\r\n";

gboolean series_table_write(SeriesTable *table, const LockHeader *header, int fd, GError **error)
{
    g_autoptr(BufferedWriter) out = buffered_writer_new(fd);
    g_autoptr(GString) line = g_string_new(NULL);
    g_autoptr(sqlite3_stmt) rows = database_query_new(
        table->database, error,
        "SELECT facts, folder, images, bytes FROM row ORDER BY series, archive", "");
    int failed = buffered_writer_add(out, titles, strlen(titles));
    int got = rows ? 1 : -1;
    while (got == 1 && !failed && (got = database_step(table->database, rows, error)) == 1) {
        g_autofree char *reason = NULL;
        json_t *facts = file_facts_from_json(column_text(rows, 0), &reason);
        const Row row = {column_text(rows, 1), (guint64)sqlite3_column_int64(rows, 2),
                         (guint64)sqlite3_column_int64(rows, 3)};
        make_row(line, facts, &row, header);
        json_decref(facts);
        failed = buffered_writer_add(out, line->str, line->len);
    }
    if (!failed && got == 0)
        failed = buffered_writer_flush(out);
    if (failed)
        return error_set_storage(error, failed, _("The table of series cannot be written"));
    return got == 0;
}

static gboolean write_file(SeriesTable *table, const LockHeader *header, int folder_fd,
                           const char *name, mode_t mode, GError **error)
{
    int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_storage(error, errno, _("The table of series cannot be written"));
    gboolean done = series_table_write(table, header, fd, error);
    if (done && (fchmod(fd, mode) != 0 || TEMP_FAILURE_RETRY(fsync(fd)) != 0))
        done = error_set_storage(error, errno, _("The table of series cannot be written"));
    close(fd);
    return done;
}

gboolean series_table_make_file(int folder_fd, const char *lock, const char *name,
                                const SeriesTrees *trees, mode_t mode, GError **error)
{
    g_autoptr(LockReader) reader = lock_reader_open(folder_fd, lock, error);
    g_autoptr(SeriesTable) table =
        reader ? series_table_new(reader, SERIES_LAYOUT_TREE, trees, error) : NULL;
    return table && tree_remove_file(folder_fd, name, error) &&
           (table->length == 0 ||
            write_file(table, lock_reader_header(reader), folder_fd, name, mode, error));
}

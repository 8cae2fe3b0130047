#include "catalogue_index.h"

#include "catalogue_table.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "catalogue-"
#define ENDING ".db"
#define NEW_ENDING ".new" /* being made; whoever made it may be dead */
#define DAY 86400
#define COPY_BYTES ((gsize)1 << 18)

struct CatalogueIndex {
    Database *table;
    GPtrArray *troubles; /* char*: folders that cannot be read */
};

/* One file for each list of folders and maker. */
static char *file_name(const CatalogueIndexSettings *settings)
{
    DigestStream *stream = digest_stream_new(1U << DIGEST_SHA256, 0);
    digest_stream_update(stream, settings->maker, strlen(settings->maker) + 1);
    for (guint i = 0; i < settings->folders->len; i++) {
        const char *folder = settings->folders->pdata[i];
        digest_stream_update(stream, folder, strlen(folder) + 1);
    }
    DigestSet set = {0};
    digest_stream_finish(stream, &set);
    digest_stream_free(stream);
    g_autofree char *hex = digest_to_hex(digest_set_get(&set, DIGEST_SHA256));
    return g_strdup_printf(PREFIX "%d-%.16s" ENDING, CATALOGUE_TABLE_VERSION, hex);
}

/* A file that was cut off still opens. */
static gboolean is_whole(Database *table, const char *path)
{
    struct stat status;
    gint64 pages = database_number(table, 0, "PRAGMA page_count", "");
    return stat(path, &status) == 0 &&
           status.st_size == pages * database_number(table, 0, "PRAGMA page_size", "");
}

/* The table at PATH where it agrees with the folders. */
static Database *open_current(const char *path, const ManifestFolders *scan)
{
    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return NULL;
    g_autoptr(Database) table = catalogue_table_open(path, DATABASE_FIXED, NULL);
    g_autofree char *state = table && is_whole(table, path) ? catalogue_table_state(table) : NULL;
    return g_strcmp0(state, scan->state) == 0 ? g_steal_pointer(&table) : NULL;
}

static gboolean copy_bytes(int from, int to)
{
    g_autofree char *bytes = g_malloc(COPY_BYTES);
    gssize got;
    while ((got = TEMP_FAILURE_RETRY(read(from, bytes, COPY_BYTES))) > 0)
        for (gssize done = 0, wrote; done < got; done += wrote)
            if ((wrote = TEMP_FAILURE_RETRY(write(to, bytes + done, (gsize)(got - done)))) < 0)
                return FALSE;
    return got == 0;
}

/* A file of one's own beside PATH, with what stands at PATH in it where WITH_OLD; NULL where none
 * can be made. */
static char *make_new(const char *path, gboolean with_old)
{
    g_autofree char *made = g_strconcat(path, ".XXXXXX" NEW_ENDING, NULL);
    int fd = g_mkstemp_full(made, O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return NULL;
    int old = with_old ? TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC)) : -1;
    gboolean done = old < 0 || copy_bytes(old, fd);
    if (old >= 0)
        close(old);
    close(fd);
    if (done)
        return g_steal_pointer(&made);
    g_unlink(made);
    return NULL;
}

/* Without it a power cut could leave an empty or half-written file under the name. */
static gboolean sync_file(const char *path)
{
    int fd = TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC));
    if (fd < 0)
        return FALSE;
    gboolean synced = fsync(fd) == 0;
    close(fd);
    return synced;
}

/* Indexes that nobody has used for long, and what dead runs left. */
static void sweep(const char *cache_folder, const char *keep)
{
    GDir *dir = g_dir_open(cache_folder, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(cache_folder, name, NULL);
        struct stat status;
        if (!g_str_has_prefix(name, PREFIX) || strcmp(name, keep) == 0 || stat(path, &status) != 0)
            continue;
        gint64 age = g_get_real_time() / G_USEC_PER_SEC - MAX(status.st_mtime, status.st_atime);
        if (age > (g_str_has_suffix(name, NEW_ENDING) ? DAY : 60 * DAY))
            g_unlink(path);
    }
    g_clear_pointer(&dir, g_dir_close);
}

static gboolean fill_new(const char *made, const ManifestFolders *scan,
                         const CatalogueIndexSettings *settings)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Database) table = catalogue_table_open(made, DATABASE_SCRATCH, &error);
    if (table && catalogue_table_fill(table, scan, settings, &error))
        return TRUE;
    event_log(EVENT_LOG_DEBUG, "%s", error->message);
    return FALSE;
}

/* What stands is copied and brought up to date, for most of it is still true; or all is read anew.
 */
static Database *make_current(const char *path, gboolean with_old, const ManifestFolders *scan,
                              const CatalogueIndexSettings *settings)
{
    g_autofree char *made = make_new(path, with_old);
    if (!made)
        return NULL;
    /* Opened before it has the name: another run may have renamed its own over it by then. */
    g_autoptr(Database) table = NULL;
    if (fill_new(made, scan, settings) && sync_file(made))
        table = catalogue_table_open(made, DATABASE_FIXED, NULL);
    if (table && is_whole(table, made) && g_rename(made, path) == 0)
        return g_steal_pointer(&table);
    g_unlink(made);
    return NULL;
}

static Database *open_in_folder(const ManifestFolders *scan, const CatalogueIndexSettings *settings)
{
    g_autofree char *name = file_name(settings);
    g_autofree char *path = g_build_filename(settings->cache_folder, name, NULL);
    Database *table = settings->anew ? NULL : open_current(path, scan);
    if (table || g_mkdir_with_parents(settings->cache_folder, 0700) != 0)
        return table;
    if (!settings->anew && g_file_test(path, G_FILE_TEST_IS_REGULAR))
        table = make_current(path, TRUE, scan, settings);
    if (!table)
        table = make_current(path, FALSE, scan, settings);
    if (table)
        sweep(settings->cache_folder, name);
    return table;
}

static Database *open_in_memory(const ManifestFolders *scan, const CatalogueIndexSettings *settings,
                                GError **error)
{
    g_autoptr(Database) table = catalogue_table_open(":memory:", DATABASE_SCRATCH, error);
    return table && catalogue_table_fill(table, scan, settings, error) ? g_steal_pointer(&table)
                                                                       : NULL;
}

CatalogueIndex *catalogue_index_open(const CatalogueIndexSettings *settings, GError **error)
{
    g_autoptr(ManifestFolders) scan = manifest_folders_scan(settings->folders);
    Database *table = settings->cache_folder ? open_in_folder(scan, settings) : NULL;
    if (!table)
        table = open_in_memory(scan, settings, error);
    if (!table)
        return NULL;
    CatalogueIndex *index = g_new0(CatalogueIndex, 1);
    index->table = table;
    index->troubles = g_ptr_array_ref(scan->troubles);
    return index;
}

void catalogue_index_close(CatalogueIndex *index)
{
    if (!index)
        return;
    database_close(index->table);
    g_ptr_array_unref(index->troubles);
    g_free(index);
}

Database *catalogue_index_table(CatalogueIndex *index)
{
    return index->table;
}

static GPtrArray *read_ids(CatalogueIndex *index, sqlite3_stmt *row, GError **error)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    int result = -1;
    while (row && (result = database_step(index->table, row, error)) == 1)
        g_ptr_array_add(ids, g_strdup(column_text(row, 0)));
    return result == 0 ? g_steal_pointer(&ids) : NULL;
}

GPtrArray *catalogue_index_by_place(CatalogueIndex *index, const char *source, const char *place,
                                    GError **error)
{
    return read_ids(index,
                    database_query(index->table, error,
                                   "SELECT id FROM file WHERE shown AND source = ?1 AND place = ?2 "
                                   "UNION SELECT id FROM file WHERE shown AND source = ?1 AND "
                                   "place IS NULL ORDER BY id",
                                   "tt", source, place),
                    error);
}

GPtrArray *catalogue_index_by_doi(CatalogueIndex *index, const char *doi, GError **error)
{
    g_autofree char *lower = g_ascii_strdown(doi, -1);
    return read_ids(index,
                    database_query(index->table, error,
                                   "SELECT id FROM file WHERE shown AND doi = ?1 ORDER BY id", "t",
                                   lower),
                    error);
}

GPtrArray *catalogue_index_wrong(CatalogueIndex *index, guint most, guint *count)
{
    GPtrArray *wrong = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < index->troubles->len && wrong->len < most; i++)
        g_ptr_array_add(wrong, g_strdup(index->troubles->pdata[i]));
    *count =
        index->troubles->len +
        (guint)database_number(index->table, 0, "SELECT count(*) FROM file WHERE state <> 0", "");
    sqlite3_stmt *row =
        database_query(index->table, NULL,
                       "SELECT message FROM file WHERE state <> 0 ORDER BY folder, name LIMIT ?1",
                       "i", (gint64)(most - wrong->len));
    while (row && database_step(index->table, row, NULL) == 1)
        g_ptr_array_add(wrong, g_strdup(column_text(row, 0)));
    return wrong;
}

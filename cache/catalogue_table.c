#include "catalogue_table.h"

#include "catalogue.h"
#include "error.h"
#include "i18n.h"
#include "relpath.h"
#include "search_tokenizer.h"

#include <string.h>

/* `file` has every manifest file; `shown` is 1 for the one that counts among those of an id. */
static const char schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
    "CREATE TABLE file(key INTEGER PRIMARY KEY, folder INTEGER, name TEXT, stamp BLOB, id TEXT,"
    " state INTEGER, shown INTEGER, message TEXT, kind INTEGER, access INTEGER, source TEXT,"
    " place TEXT, doi TEXT, title_en TEXT, title_zh TEXT, modality TEXT, organ TEXT, licence TEXT,"
    " size INTEGER, size_is_rounded INTEGER, subjects INTEGER);"
    "CREATE INDEX file_id ON file(id, folder);"
    "CREATE INDEX file_place ON file(source, place);"
    "CREATE INDEX file_doi ON file(doi) WHERE doi IS NOT NULL;"
    "CREATE INDEX file_wrong ON file(state) WHERE state <> 0;"
    "CREATE VIRTUAL TABLE words USING fts5(id, title, facts, description, other,"
    " tokenize = '" SEARCH_TOKENIZER "');"
    "CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, row);";

typedef enum {
    STATE_GOOD,
    STATE_WRONG,  /* named, and what it hides stays hidden */
    STATE_PASSED, /* cannot be read, or is no manifest by its name: the next folder's counts */
} FileState;

#define STAMP_BYTES (4 * sizeof(gint64))

static void stamp_of(const ManifestFileState *file, gint64 stamp[4])
{
    stamp[0] = file->size;
    stamp[1] = file->modified;
    stamp[2] = file->is_young ? -1 : file->changed;
    stamp[3] = (gint64)file->inode;
}

Database *catalogue_table_open(const char *path, DatabaseKind kind, GError **error)
{
    g_autoptr(Database) table = database_open(path, kind, CATALOGUE_TABLE_VERSION, "", error);
    if (!table)
        return NULL;
    if (!search_tokenizer_register(database_handle(table))) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                            _("The SQLite library of this machine was built without FTS5, which "
                              "the search of the catalogue needs."));
        return NULL;
    }
    gboolean is_new =
        database_number(table, -1, "SELECT count(*) FROM sqlite_master WHERE name = 'file'", "") ==
        0;
    if (is_new && !database_exec(table, schema, error))
        return NULL;
    return g_steal_pointer(&table);
}

char *catalogue_table_state(Database *table)
{
    sqlite3_stmt *row =
        database_query(table, NULL, "SELECT value FROM meta WHERE key = 'state'", "");
    const char *value = row && database_step(table, row, NULL) == 1 ? column_text(row, 0) : NULL;
    char *state = g_strdup(value ? value : "");
    if (row)
        sqlite3_reset(row);
    return state;
}

typedef struct {
    gint64 key;
    gint64 stamp[4];
    gboolean is_there;
} Known;

static char *known_key(guint folder, const char *name)
{
    return g_strdup_printf("%u/%s", folder, name);
}

static GHashTable *read_known(Database *table, GError **error)
{
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    sqlite3_stmt *row =
        database_query(table, error, "SELECT key, folder, name, stamp FROM file", "");
    int result = -1;
    while (row && (result = database_step(table, row, error)) == 1) {
        Known *one = g_new0(Known, 1);
        one->key = sqlite3_column_int64(row, 0);
        const void *stamp = sqlite3_column_blob(row, 3);
        if (stamp && sqlite3_column_bytes(row, 3) == (int)STAMP_BYTES)
            memcpy(one->stamp, stamp, STAMP_BYTES);
        g_hash_table_insert(
            known, known_key((guint)sqlite3_column_int64(row, 1), column_text(row, 2)), one);
    }
    return result == 0 ? g_steal_pointer(&known) : NULL;
}

static gboolean forget(Database *table, gint64 key, GError **error)
{
    return database_run(table, error, "DELETE FROM words WHERE rowid = ?1", "i", key) &&
           database_run(table, error, "DELETE FROM file WHERE key = ?1", "i", key);
}

static char *join(const GPtrArray *words)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < words->len; i++)
        g_string_append_printf(text, "%s%s", i ? " " : "", (const char *)words->pdata[i]);
    return g_string_free(text, FALSE);
}

/* Strings and whole numbers of a locator: what people know a dataset by at its source. */
static void append_locator(GString *text, const json_t *locator)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)locator, key, value)
    {
        if (json_is_string(value))
            g_string_append_printf(text, " %s", json_string_value(value));
        else if (json_is_integer(value))
            g_string_append_printf(text, " %" JSON_INTEGER_FORMAT, json_integer_value(value));
    }
}

static void append(GString *text, const char *more)
{
    if (more)
        g_string_append_printf(text, " %s", more);
}

static char *other_words(const Manifest *manifest)
{
    GString *text = g_string_new(NULL);
    append(text, manifest->source);
    append_locator(text, manifest->locator);
    append(text, manifest->licence);
    append(text, manifest->citation);
    append(text, manifest->paper);
    for (guint i = 0; i < manifest->parts->len; i++) {
        const ManifestPart *part = manifest->parts->pdata[i];
        append(text, part->title_en);
        append(text, part->title_zh);
    }
    return g_string_free(text, FALSE);
}

static gboolean add_words(Database *table, gint64 key, const Manifest *manifest, GError **error)
{
    g_autofree char *title =
        g_strconcat(manifest->title_en, " ", manifest->title_zh ? manifest->title_zh : "", NULL);
    g_autofree char *description =
        g_strconcat(manifest->description_en ? manifest->description_en : "", " ",
                    manifest->description_zh ? manifest->description_zh : "", NULL);
    g_autofree char *modality = join(manifest->modality);
    g_autofree char *organ = join(manifest->organ);
    g_autofree char *facts = g_strconcat(modality, " ", organ, NULL);
    g_autofree char *other = other_words(manifest);
    g_autofree char *plain_title = search_normalise(title);
    g_autofree char *plain_description = search_normalise(description);
    g_autofree char *plain_other = search_normalise(other);
    return database_run(table, error,
                        "INSERT INTO words(rowid, id, title, facts, description, other) "
                        "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                        "itttt"
                        "t",
                        key, manifest->id, plain_title, facts, plain_description, plain_other);
}

static gboolean add_good(Database *table, const ManifestFileState *file, const gint64 *stamp,
                         const Manifest *manifest, const CatalogueIndexSettings *settings,
                         GError **error)
{
    g_autofree char *modality = join(manifest->modality);
    g_autofree char *organ = join(manifest->organ);
    g_autofree char *place =
        manifest->source && settings->place
            ? settings->place(manifest->source, manifest->locator, settings->data)
            : NULL;
    g_autofree char *doi = manifest->citation ? g_ascii_strdown(manifest->citation, -1) : NULL;
    return database_run(
               table, error,
               "INSERT INTO file(folder, name, stamp, id, state, shown, kind, access, source, "
               "place, doi, title_en, title_zh, modality, organ, licence, size, size_is_rounded, "
               "subjects) VALUES (?1, ?2, ?3, ?4, 0, 0, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
               "?14, ?15, ?16, ?17)",
               "itbtiitttttttt"
               "uiu",
               (gint64)file->folder, file->name, stamp, (gsize)STAMP_BYTES, manifest->id,
               (gint64)manifest->kind, (gint64)manifest->access, manifest->source, place, doi,
               manifest->title_en, manifest->title_zh, modality, organ, manifest->licence,
               manifest->size, (gint64)manifest->size_is_rounded, manifest->subjects) &&
           add_words(table, sqlite3_last_insert_rowid(database_handle(table)), manifest, error);
}

/* What stands in the place of a manifest that is wrong, with the id that its name claims. */
static gboolean add_wrong(Database *table, const ManifestFileState *file, const gint64 *stamp,
                          const char *id, const GError *wrong, GError **error)
{
    gboolean passed = !g_error_matches(wrong, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE) || !id;
    return database_run(table, error,
                        "INSERT INTO file(folder, name, stamp, id, state, shown, message) "
                        "VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)",
                        "itbti"
                        "t",
                        (gint64)file->folder, file->name, stamp, (gsize)STAMP_BYTES,
                        id ? id : file->name, (gint64)(passed ? STATE_PASSED : STATE_WRONG),
                        wrong->message);
}

static gboolean add_file(Database *table, const ManifestFileState *file,
                         const CatalogueIndexSettings *settings, GError **error)
{
    gint64 stamp[4];
    stamp_of(file, stamp);
    g_autofree char *path =
        g_build_filename(settings->folders->pdata[file->folder], file->name, NULL);
    g_autoptr(GError) wrong = NULL;
    g_autoptr(Manifest) manifest = catalogue_load_file(path, &wrong);
    if (manifest)
        return add_good(table, file, stamp, manifest, settings, error);
    g_autofree char *id = catalogue_file_id(file->name);
    return add_wrong(table, file, stamp, id, wrong, error);
}

/* Of several files with one id the first folder's counts, but one that cannot be read hides none.
 */
static gboolean choose_shown(Database *table, GError **error)
{
    return database_run(table, error,
                        "UPDATE file SET shown = (state = 0 AND NOT EXISTS (SELECT 1 FROM file AS "
                        "before WHERE before.id = file.id AND before.folder < file.folder AND "
                        "before.state <> 2))",
                        "");
}

static gboolean forget_gone(Database *table, GHashTable *known, GError **error)
{
    GHashTableIter iter;
    gpointer one;
    g_hash_table_iter_init(&iter, known);
    while (g_hash_table_iter_next(&iter, NULL, &one))
        if (!((Known *)one)->is_there && !forget(table, ((Known *)one)->key, error))
            return FALSE;
    return TRUE;
}

static gboolean fill(Database *table, const ManifestFolders *scan,
                     const CatalogueIndexSettings *settings, GError **error)
{
    g_autoptr(GHashTable) known = read_known(table, error);
    if (!known)
        return FALSE;
    gboolean any_young = FALSE;
    for (guint i = 0; i < scan->files->len; i++) {
        const ManifestFileState *file = &g_array_index(scan->files, ManifestFileState, i);
        gint64 stamp[4];
        stamp_of(file, stamp);
        any_young |= file->is_young;
        g_autofree char *key = known_key(file->folder, file->name);
        Known *before = g_hash_table_lookup(known, key);
        if (before && !file->is_young && memcmp(before->stamp, stamp, STAMP_BYTES) == 0) {
            before->is_there = TRUE;
            continue;
        }
        if (!add_file(table, file, settings, error))
            return FALSE;
    }
    return forget_gone(table, known, error) && choose_shown(table, error) &&
           database_run(table, error, "INSERT OR REPLACE INTO meta VALUES ('state', ?1)", "t",
                        any_young ? "" : scan->state);
}

gboolean catalogue_table_fill(Database *table, const ManifestFolders *scan,
                              const CatalogueIndexSettings *settings, GError **error)
{
    return database_exec(table, "BEGIN", error) && fill(table, scan, settings, error) &&
           database_exec(table, "COMMIT", error);
}

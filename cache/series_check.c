#include "series_check.h"

#include "error.h"
#include "i18n.h"
#include "relpath.h"

#include <sqlite3.h>
#include <string.h>

enum {
    CACHE_KIB = 1024,
    LONGEST_LINE = 4096,
};

typedef enum {
    ADD_IMAGE,
    ADD_LISTED,
    FORGET_LISTED,
    MISSING,   /* listed, and did not come */
    UNLISTED,  /* came, and is not listed */
    DIFFERENT, /* their MD5s differ */
    SORTED,
    STATEMENTS,
} Statement;

static const char *const statements[STATEMENTS] = {
    [ADD_IMAGE] = "INSERT OR IGNORE INTO image(name, md5) VALUES(?1, ?2)",
    [ADD_LISTED] = "INSERT OR IGNORE INTO listed(name, md5) VALUES(?1, ?2)",
    [FORGET_LISTED] = "DELETE FROM listed",
    [MISSING] = "SELECT count(*), min(listed.name) FROM listed LEFT JOIN image USING(name)"
                " WHERE image.md5 IS NULL",
    [UNLISTED] = "SELECT count(*), min(image.name) FROM image LEFT JOIN listed USING(name)"
                 " WHERE listed.md5 IS NULL",
    [DIFFERENT] = "SELECT count(*), min(image.name) FROM image JOIN listed USING(name)"
                  " WHERE image.md5 != listed.md5",
    [SORTED] = "SELECT md5 FROM image ORDER BY md5",
};

struct SeriesCheck {
    sqlite3 *database;
    sqlite3_stmt *prepared[STATEMENTS];
    GString *line;
    guint64 lines;
    SeriesCount came;
    guint64 listed;
};

static gboolean check_failed(SeriesCheck *check, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE,
                _("The list of a series' images cannot be kept in a temporary file: %s. Is there "
                  "room in the folder for temporary files (TMPDIR)?"),
                check->database ? sqlite3_errmsg(check->database) : sqlite3_errstr(SQLITE_NOMEM));
    return FALSE;
}

SeriesCheck *series_check_new(GError **error)
{
    g_autoptr(SeriesCheck) check = g_new0(SeriesCheck, 1);
    g_autofree char *set_up = g_strdup_printf(
        "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-%d;"
        "PRAGMA temp_store=FILE;"
        "CREATE TABLE image(name TEXT PRIMARY KEY, md5 BLOB NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE listed(name TEXT PRIMARY KEY, md5 BLOB NOT NULL) WITHOUT ROWID;"
        "BEGIN",
        CACHE_KIB);
    check->line = g_string_new(NULL);
    /* An empty name is a temporary file of SQLite's, made only when the cache is full. */
    if (sqlite3_open_v2("", &check->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
            SQLITE_OK ||
        sqlite3_exec(check->database, set_up, NULL, NULL, NULL) != SQLITE_OK) {
        check_failed(check, error);
        return NULL;
    }
    for (int i = 0; i < STATEMENTS; i++) {
        if (sqlite3_prepare_v3(check->database, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &check->prepared[i], NULL) != SQLITE_OK) {
            check_failed(check, error);
            return NULL;
        }
    }
    return g_steal_pointer(&check);
}

void series_check_free(SeriesCheck *check)
{
    if (!check)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(check->prepared[i]);
    sqlite3_close(check->database);
    g_string_free(check->line, TRUE);
    g_free(check);
}

/* *IS_NEW: nothing of that name was there. */
static gboolean add_name(SeriesCheck *check, Statement which, const char *name, const Digest *md5,
                         gboolean *is_new, GError **error)
{
    sqlite3_stmt *statement = check->prepared[which];
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_TRANSIENT);
    sqlite3_bind_blob(statement, 2, md5->bytes, (int)digest_length(DIGEST_MD5), SQLITE_TRANSIENT);
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    *is_new = sqlite3_changes(check->database) > 0;
    return code == SQLITE_DONE || check_failed(check, error);
}

gboolean series_check_add_image(SeriesCheck *check, const char *name, const Digest *md5,
                                guint64 size, GError **error)
{
    gboolean is_new = FALSE;
    if (!add_name(check, ADD_IMAGE, name, md5, &is_new, error))
        return FALSE;
    if (!is_new) {
        g_autofree char *shown = relpath_display(name);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The zip has two images that are called \"%s\"."), shown);
        return FALSE;
    }
    check->came.images++;
    check->came.bytes += size;
    return TRUE;
}

static gboolean wrong_line(const SeriesCheck *check, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                _("Line %" G_GUINT64_FORMAT " of md5hashes.csv in the zip is no name with an MD5."),
                check->lines);
    return FALSE;
}

static gboolean is_heading(const char *name, const char *value)
{
    return g_ascii_strcasecmp(name, "Filename") == 0 && g_ascii_strcasecmp(value, "MD5Hash") == 0;
}

static gboolean take_line(SeriesCheck *check, GError **error)
{
    char *line = check->line->str;
    check->lines++;
    if (check->lines == 1 && g_str_has_prefix(line, "\xEF\xBB\xBF"))
        line += 3;
    g_strstrip(line);
    if (*line == '\0')
        return TRUE;
    char *comma = strrchr(line, ',');
    if (!comma || !g_utf8_validate(line, -1, NULL))
        return wrong_line(check, error);
    *comma = '\0';
    const char *name = g_strchomp(line), *value = g_strchug(comma + 1);
    if (check->lines == 1 && is_heading(name, value))
        return TRUE;
    Digest md5;
    gboolean is_new = FALSE;
    if (*name == '\0' || !digest_parse_hex(DIGEST_MD5, value, &md5))
        return wrong_line(check, error);
    if (!add_name(check, ADD_LISTED, name, &md5, &is_new, error))
        return FALSE;
    if (!is_new) {
        g_autofree char *shown = relpath_display(name);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("md5hashes.csv in the zip names \"%s\" twice."), shown);
        return FALSE;
    }
    check->listed++;
    return TRUE;
}

gboolean series_check_read(SeriesCheck *check, const void *bytes, gsize length, GError **error)
{
    const char *at = bytes, *end = at + length;
    while (at < end) {
        const char *newline = memchr(at, '\n', (gsize)(end - at));
        const char *stop = newline ? newline : end;
        /* A NUL would end the line for whoever reads it as text. */
        if (check->line->len + (gsize)(stop - at) > LONGEST_LINE ||
            memchr(at, '\0', (gsize)(stop - at))) {
            check->lines++;
            return wrong_line(check, error);
        }
        g_string_append_len(check->line, at, stop - at);
        at = stop;
        if (!newline)
            break;
        if (!take_line(check, error))
            return FALSE;
        g_string_truncate(check->line, 0);
        at++;
    }
    return TRUE;
}

gboolean series_check_read_end(SeriesCheck *check, GError **error)
{
    gboolean taken = check->line->len == 0 || take_line(check, error);
    g_string_truncate(check->line, 0);
    return taken;
}

gboolean series_check_forget_read(SeriesCheck *check, GError **error)
{
    sqlite3_stmt *statement = check->prepared[FORGET_LISTED];
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    g_string_truncate(check->line, 0);
    check->lines = check->listed = 0;
    return code == SQLITE_DONE || check_failed(check, error);
}

SeriesCount series_check_came(const SeriesCheck *check)
{
    return check->came;
}

/* How many rows WHICH finds, and the first of them, fit to be shown. */
static gboolean count_rows(SeriesCheck *check, Statement which, guint64 *count, char **first,
                           GError **error)
{
    sqlite3_stmt *statement = check->prepared[which];
    gboolean got = sqlite3_step(statement) == SQLITE_ROW;
    if (got) {
        *count = (guint64)sqlite3_column_int64(statement, 0);
        const char *name = (const char *)sqlite3_column_text(statement, 1);
        *first = name ? relpath_display(name) : NULL;
    }
    sqlite3_reset(statement);
    return got || check_failed(check, error);
}

/* A zip that ends in good order, but before its list: the source failed on the way. */
static gboolean refuse_short(const SeriesCheck *check, const UnpackRule *rule, guint64 wanted,
                             GError **error)
{
    if (wanted != SIZE_UNKNOWN)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The source delivers %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                      " images of the series %s, and not their list md5hashes.csv."),
                    check->came.images, wanted, rule->series);
    else
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The source delivers %" G_GUINT64_FORMAT
                      " images of the series %s, and not their list md5hashes.csv: more may be "
                      "missing."),
                    check->came.images, rule->series);
    return FALSE;
}

static gboolean refuse_empty(const UnpackRule *rule, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                _("The source delivers no image of the series %s: its zip is empty."),
                rule->series);
    return FALSE;
}

/* Fewer than are listed, by whichever list. */
static gboolean compare_names(SeriesCheck *check, const UnpackRule *rule, GError **error)
{
    guint64 missing = 0, unlisted = 0;
    g_autofree char *first_missing = NULL, *first_unlisted = NULL;
    if (!count_rows(check, MISSING, &missing, &first_missing, error) ||
        !count_rows(check, UNLISTED, &unlisted, &first_unlisted, error))
        return FALSE;
    if (missing > 0)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The source delivers %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                      " images of the series %s: \"%s\" is in md5hashes.csv and did not come."),
                    check->listed - missing, check->listed, rule->series, first_missing);
    else if (unlisted > 0)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The source vouches for %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                      " images of the series %s: \"%s\" came and is not in md5hashes.csv."),
                    check->came.images - unlisted, check->came.images, rule->series,
                    first_unlisted);
    return missing == 0 && unlisted == 0;
}

static gboolean compare_digests(SeriesCheck *check, const UnpackRule *rule, GError **error)
{
    guint64 different = 0;
    g_autofree char *first = NULL;
    if (!count_rows(check, DIFFERENT, &different, &first, error))
        return FALSE;
    if (different == 0)
        return TRUE;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                _("Of the %" G_GUINT64_FORMAT " images of the series %s, %" G_GUINT64_FORMAT
                  " came damaged: the MD5 of \"%s\" is not the one in md5hashes.csv."),
                check->came.images, rule->series, different, first);
    return FALSE;
}

gboolean series_check_compare(SeriesCheck *check, gboolean has_list, const UnpackRule *rule,
                              const SeriesCount *wanted, GError **error)
{
    if (check->came.images == 0 && !has_list && wanted->images == SIZE_UNKNOWN)
        return refuse_empty(rule, error);
    if (!has_list)
        return refuse_short(check, rule, wanted->images, error);
    const SeriesCount images = {.images = wanted->images, .bytes = SIZE_UNKNOWN};
    if (!series_count_check(rule, &images, &check->came, error) ||
        !compare_names(check, rule, error))
        return FALSE;
    if (check->came.images == 0)
        return refuse_empty(rule, error);
    return compare_digests(check, rule, error) &&
           series_count_check(rule, wanted, &check->came, error);
}

gboolean series_check_digest(SeriesCheck *check, Digest *digest, GError **error)
{
    sqlite3_stmt *sorted = check->prepared[SORTED];
    g_autoptr(DigestStream) stream = digest_stream_new(1u << DIGEST_MD5, 0);
    int code;
    while ((code = sqlite3_step(sorted)) == SQLITE_ROW) {
        Digest md5 = {.algorithm = DIGEST_MD5};
        memcpy(md5.bytes, sqlite3_column_blob(sorted, 0), digest_length(DIGEST_MD5));
        g_autofree char *hex = digest_to_hex(&md5);
        digest_stream_update(stream, hex, strlen(hex));
    }
    sqlite3_reset(sorted);
    DigestSet set = {0};
    digest_stream_finish(stream, &set);
    *digest = *digest_set_get(&set, DIGEST_MD5);
    digest->algorithm = DIGEST_MD5_TREE;
    return code == SQLITE_DONE || check_failed(check, error);
}

/* What a source says of a file: kept through the spool and the lock, and what of it is content. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "file_facts.h"
#include "scratch.h"
#include "spool.h"

static void test_text(void)
{
    json_t *facts =
        json_pack("{s:s, s:s, s:s}", "StudyDesc", "a\nb", "Modality", "CT", "Empty", "");
    g_autofree char *text = file_facts_to_json(facts);
    g_assert_cmpstr(text, ==, "{\"Empty\":\"\",\"Modality\":\"CT\",\"StudyDesc\":\"a\\nb\"}");
    g_autofree char *reason = NULL;
    json_t *again = file_facts_from_json(text, &reason);
    g_assert_null(reason);
    g_assert_true(json_equal(facts, again));
    g_assert_cmpstr(file_facts_get(again, "Modality"), ==, "CT");
    g_assert_null(file_facts_get(again, "modality"));
    g_assert_null(file_facts_get(NULL, "Modality"));
    json_decref(again);
    json_decref(facts);
    json_t *none = json_object();
    g_assert_null(file_facts_to_json(none));
    g_assert_null(file_facts_to_json(NULL));
    json_decref(none);
    static const char *const wrong[] = {"[]", "{\"a\":1}", "{\"a\":{}}", "{", "", "\"a\""};
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *why = NULL;
        g_assert_null(file_facts_from_json(wrong[i], &why));
        g_assert_nonnull(why);
    }
}

static void test_content(void)
{
    static const struct {
        const char *a, *b;
        gboolean same;
    } rows[] = {
        {"{\"ImageCount\":\"2\",\"FileSize\":\"9\"}", "{\"FileSize\":\"9\",\"ImageCount\":\"2\"}",
         TRUE},
        {"{\"ImageCount\":\"2\"}", "{\"ImageCount\":\"3\"}", FALSE},
        {"{\"FileSize\":\"2\"}", "{\"FileSize\":\"3\"}", FALSE},
        {"{\"TimeStamp\":\"x\"}", "{\"MaxSubmissionTimestamp\":\"x\"}", TRUE},
        {"{\"ImageCount\":\"2\",\"LicenseName\":\"CC BY 3.0\"}",
         "{\"ImageCount\":\"2\",\"LicenseName\":\"CC BY 4.0\"}", TRUE},
        {"{\"ImageCount\":\"2\",\"crdc_series_uuid\":\"a\"}", "{\"ImageCount\":\"2\"}", TRUE},
        {"{\"Modality\":\"CT\"}", "{}", TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        json_t *a = json_loads(rows[i].a, 0, NULL), *b = json_loads(rows[i].b, 0, NULL);
        g_autofree char *content_a = file_facts_content(a);
        g_autofree char *content_b = file_facts_content(b);
        g_test_message("%s and %s", rows[i].a, rows[i].b);
        g_assert_cmpint(g_strcmp0(content_a, content_b) == 0, ==, rows[i].same);
        json_decref(a);
        json_decref(b);
    }
}

static void list_series(Spool *spool, const char *count, const char *uuid)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Selection) all = selection_new_all();
    g_autoptr(FileSpec) series = file_spec_new("P/S/1.2.zip");
    series->role = FILE_ROLE_ARCHIVE;
    series->unpack = unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE);
    series->unpack->series = g_strdup("1.2");
    series->facts = json_pack("{s:s, s:s, s:s}", "ImageCount", count, "Modality", "CT",
                              "crdc_series_uuid", uuid);
    g_assert_true(spool_begin_listing(spool, all, &error) && spool_add(spool, series, &error) &&
                  spool_end_listing(spool, &error));
    g_assert_no_error(error);
}

static void assert_fact(Spool *spool, const char *key, const char *value)
{
    g_autoptr(SpoolDownload) row = spool_find(spool, "P/S/1.2.zip", NULL);
    g_assert_cmpstr(file_facts_get(row->file->facts, key), ==, value);
}

static char *state_of(Spool *spool)
{
    g_autoptr(ListingHead) head = listing_head_new();
    return spool_source_state(spool, head, NULL);
}

static void write_lock(Spool *spool, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SpoolDownload) row = spool_find(spool, "P/S/1.2.zip", NULL);
    DigestSet seen = {0};
    g_assert_true(
        spool_note_staged(spool, row->id, &seen, 7, TRUST_FIRST_USE, "http://x/", &error));
    g_autoptr(LockHeader) header = lock_header_new();
    header->ref = g_strdup("tcia/C");
    header->folder = g_strdup("tcia/C");
    header->version = g_strdup("1");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    g_assert_true(spool_write_lock(spool, header, fd, -1, FALSE, &error));
    g_assert_no_error(error);
    close(fd);
}

/* From the listing to the lock, and from the lock into the next spool: what is installed keeps the
 * facts with which it came for as long as its content is the same. */
static void test_kept(void)
{
    char *folder = g_dir_make_tmp("facts-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "spool.db", NULL);
    g_autofree char *lock_path = g_build_filename(folder, "lock", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Spool) spool = spool_open(path, &error);
    list_series(spool, "2", "old");
    assert_fact(spool, "Modality", "CT");
    g_autofree char *first = state_of(spool);
    write_lock(spool, lock_path);

    g_clear_pointer(&spool, spool_close);
    g_unlink(path);
    spool = spool_open(path, &error);
    g_autoptr(LockReader) lock = lock_reader_open(AT_FDCWD, lock_path, &error);
    g_assert_no_error(error);
    g_assert_true(spool_import_lock(spool, lock, &error));
    assert_fact(spool, "crdc_series_uuid", "old");
    list_series(spool, "2", "new");
    assert_fact(spool, "crdc_series_uuid", "old");
    g_autofree char *moved = state_of(spool);
    g_assert_cmpstr(moved, ==, first);
    list_series(spool, "3", "new");
    assert_fact(spool, "crdc_series_uuid", "new");
    g_autofree char *grown = state_of(spool);
    g_assert_cmpstr(grown, !=, first);
    scratch_remove(folder);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/file_facts/text", test_text);
    g_test_add_func("/file_facts/content", test_content);
    g_test_add_func("/file_facts/kept", test_kept);
    return g_test_run();
}

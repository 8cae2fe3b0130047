/* The spool: what a listing makes of its rows, what notes make of them, and the lock that comes
 * out. */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "scratch.h"
#include "spool.h"

typedef struct {
    char *folder, *path;
    Spool *spool;
} Place;

static void open_again(Place *place)
{
    g_autoptr(GError) error = NULL;
    g_clear_pointer(&place->spool, spool_close);
    place->spool = spool_open(place->path, &error);
    g_assert_no_error(error);
}

static void set_up(Place *place, gconstpointer data)
{
    place->folder = g_dir_make_tmp("spool-XXXXXX", NULL);
    place->path = g_build_filename(place->folder, "spool.db", NULL);
    open_again(place);
}

static void tear_down(Place *place, gconstpointer data)
{
    g_clear_pointer(&place->spool, spool_close);
    scratch_remove(place->folder);
    g_free(place->path);
}

static void digest_of(const char *text, DigestSet *set)
{
    g_autoptr(DigestStream) stream = digest_stream_new(1U << DIGEST_SHA256, 0);
    digest_stream_update(stream, text, strlen(text));
    memset(set, 0, sizeof *set);
    digest_stream_finish(stream, set);
}

static FileSpec *make_file(const char *path, guint64 size, const char *content)
{
    FileSpec *file = file_spec_new(path);
    file->size = size;
    file->size_is_exact = TRUE;
    if (content != NULL)
        digest_of(content, &file->declared);
    g_autofree char *address = g_strdup_printf("https://example.org/%s", path);
    file_spec_add_address(file, address);
    return file;
}

static void add(Place *place, const char *path, guint64 size, const char *content)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(FileSpec) file = make_file(path, size, content);
    g_assert_true(spool_add(place->spool, file, &error));
    g_assert_no_error(error);
}

static void add_archive(Place *place, const char *path, guint64 size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(FileSpec) file = make_file(path, size, NULL);
    file->role = FILE_ROLE_ARCHIVE;
    file->unpack = unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE);
    g_assert_true(spool_add(place->spool, file, &error));
    g_assert_no_error(error);
}

static void begin(Place *place, const Selection *selection)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Selection) all = selection_new_all();
    g_assert_true(spool_begin_listing(place->spool, selection == NULL ? all : selection, &error));
    g_assert_no_error(error);
}

static void end(Place *place)
{
    g_autoptr(GError) error = NULL;
    gboolean ended = spool_end_listing(place->spool, &error);
    g_assert_no_error(error);
    g_assert_true(ended);
}

static SpoolDownload *find(Place *place, const char *path)
{
    g_autoptr(GError) error = NULL;
    SpoolDownload *download = spool_find(place->spool, path, &error);
    g_assert_no_error(error);
    return download;
}

static void assert_state(Place *place, const char *path, SpoolState state)
{
    g_autoptr(SpoolDownload) download = find(place, path);
    g_assert_cmpint(download->state, ==, state);
}

static void stage(Place *place, const char *path, const char *content)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SpoolDownload) download = find(place, path);
    DigestSet seen;
    digest_of(content, &seen);
    g_assert_true(spool_note_staged(place->spool, download->id, &seen, strlen(content),
                                    TRUST_FIRST_USE, "https://example.org/", &error));
    g_assert_true(spool_keep(place->spool, &error));
    g_assert_no_error(error);
}

static gboolean add_member(Place *place, const char *archive, const char *path, const char *content,
                           gboolean chosen, GError **error)
{
    g_autoptr(SpoolDownload) download = find(place, archive);
    LockFile member = {.path = (char *)path, .size = strlen(content), .trust = TRUST_FIRST_USE};
    digest_of(content, &member.digests);
    return spool_add_member(place->spool, download->id, &member, chosen, error);
}

static char *state_of(Place *place, const char *version)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ListingHead) head = listing_head_new();
    head->version = g_strdup(version);
    char *state = spool_source_state(place->spool, head, &error);
    g_assert_no_error(error);
    return state;
}

static char *write_lock(Place *place, const char *name, char **list, GError **error)
{
    g_autofree char *lock_path = g_build_filename(place->folder, name, NULL);
    g_autofree char *list_path = g_build_filename(place->folder, "list", NULL);
    int lock_fd = open(lock_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int list_fd = open(list_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    g_autoptr(LockHeader) header = lock_header_new();
    header->ref = g_strdup("http/example.org");
    header->folder = g_strdup("http/example.org");
    header->version = g_strdup("1");
    header->version_from = g_strdup("source");
    header->source_state = g_strdup("00");
    header->access = g_strdup("open");
    header->created = g_strdup("2026-11-23T00:00:00Z");
    header->updated = g_strdup("2026-11-23T00:00:00Z");
    header->tool = g_strdup("medmirror/0");
    g_clear_pointer(&header->selection, selection_free);
    header->selection = selection_new_all();
    gboolean written = spool_write_lock(place->spool, header, lock_fd, list_fd, FALSE, error);
    close(lock_fd);
    close(list_fd);
    char *fingerprint = written ? g_strdup(header->fingerprint) : NULL;
    if (list != NULL)
        g_file_get_contents(list_path, list, NULL, NULL);
    return fingerprint;
}

static void test_meta(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(spool_get(place->spool, "version"));
    g_assert_true(spool_set(place->spool, "version", "1.0.0", &error));
    open_again(place);
    g_autofree char *version = spool_get(place->spool, "version");
    g_assert_cmpstr(version, ==, "1.0.0");
    g_assert_true(spool_set(place->spool, "version", NULL, &error));
    g_assert_null(spool_get(place->spool, "version"));
    g_assert_false(spool_is_listed(place->spool));
}

static void test_listing(Place *place, gconstpointer data)
{
    static const char *const includes[] = {"a*", NULL};
    g_autoptr(Selection) only_a = selection_new(includes, NULL, NULL);
    begin(place, only_a);
    add(place, "a1", 1, "1");
    add(place, "b1", 2, NULL);
    add(place, "a2", 3, NULL);
    g_assert_false(spool_is_listed(place->spool));
    end(place);
    g_assert_true(spool_is_listed(place->spool));
    assert_state(place, "a1", SPOOL_QUEUED);
    assert_state(place, "b1", SPOOL_SKIPPED);
    stage(place, "a1", "1");
    stage(place, "a2", "333");
    g_autoptr(SpoolDownload) before = find(place, "a2");

    /* Listed again: the same stays, what changed is queued, what is gone goes. */
    open_again(place);
    g_autoptr(Selection) all = selection_new_all();
    begin(place, all);
    add(place, "a2", 4, NULL);
    add(place, "a1", 1, "1");
    add(place, "c1", 5, NULL);
    end(place);
    assert_state(place, "a1", SPOOL_STAGED);
    assert_state(place, "a2", SPOOL_QUEUED);
    assert_state(place, "c1", SPOOL_QUEUED);
    g_autoptr(SpoolDownload) after = find(place, "a2");
    g_assert_cmpint(after->id, ==, before->id);
    g_autoptr(GError) error = NULL;
    g_assert_null(spool_find(place->spool, "b1", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
}

static void test_refused(Place *place, gconstpointer data)
{
    static const struct {
        const char *first, *second;
        guint64 second_size;
        gboolean refused;
    } rows[] = {
        {"a/b", "a/B", 1, TRUE},
        {"x", "x", 2, TRUE},
        {"x", "x", 1, FALSE},
        {"d", "d/e", 1, TRUE},
        {"d/e/f", "d", 1, TRUE},
        {"d-e", "d/e", 1, FALSE},
        {"caf\xc3\xa9", "cafe\xcc\x81", 1, TRUE},
        {"ok", "../out", 1, TRUE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        begin(place, NULL);
        add(place, rows[i].first, 1, NULL);
        g_autoptr(FileSpec) file = make_file(rows[i].second, rows[i].second_size, NULL);
        gboolean taken =
            spool_add(place->spool, file, &error) && spool_end_listing(place->spool, &error);
        g_assert_cmpint(taken, ==, !rows[i].refused);
        if (rows[i].refused)
            g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
        open_again(place);
    }
}

static void test_declared(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    for (guint round = 0; round < 2; round++) {
        begin(place, NULL);
        DigestSet digests;
        digest_of("one", &digests);
        const Digest *sha256 = digest_set_get(&digests, DIGEST_SHA256);
        g_assert_true(spool_declare(place->spool, "one", sha256, &error));
        add(place, "one", 3, NULL);
        add(place, "two", 3, NULL);
        g_assert_true(spool_declare(place->spool, "three", sha256, &error));
        end(place);
        g_autofree char *first = NULL;
        g_assert_cmpuint(spool_unlisted_declared(place->spool, &first), ==, 1);
        g_assert_cmpstr(first, ==, "three");
        g_autoptr(SpoolDownload) one = find(place, "one");
        g_assert_true(digest_equal(digest_set_get(&one->wanted.declared, DIGEST_SHA256), sha256));
        /* Listing it again with the same digest does not queue it again. */
        if (round == 0)
            stage(place, "one", "one");
        assert_state(place, "one", SPOOL_STAGED);
    }
    begin(place, NULL);
    add(place, "one", 3, "other");
    end(place);
    assert_state(place, "one", SPOOL_QUEUED);
}

static void test_source_state(Place *place, gconstpointer data)
{
    begin(place, NULL);
    add(place, "b", 2, NULL);
    add(place, "a", 1, "1");
    end(place);
    g_autofree char *first = state_of(place, "1.0");
    g_assert_cmpuint(strlen(first), ==, 64);
    /* Another order, another address, fetched or not: the same state. */
    stage(place, "a", "1");
    begin(place, NULL);
    g_autoptr(FileSpec) a = make_file("a", 1, "1");
    file_spec_add_address(a, "https://elsewhere.example/a");
    g_assert_true(spool_add(place->spool, a, NULL));
    add(place, "b", 2, NULL);
    end(place);
    g_autofree char *second = state_of(place, "1.0");
    g_assert_cmpstr(second, ==, first);
    g_autofree char *other_version = state_of(place, "1.1");
    g_assert_cmpstr(other_version, !=, first);
    begin(place, NULL);
    add(place, "a", 1, "1");
    add(place, "b", 3, NULL);
    end(place);
    g_autofree char *other_size = state_of(place, "1.0");
    g_assert_cmpstr(other_size, !=, first);
}

static void test_take(Place *place, gconstpointer data)
{
    begin(place, NULL);
    for (guint i = 0; i < 30; i++) {
        g_autofree char *path = g_strdup_printf("f%02u", i);
        add(place, path, i * 10, NULL);
    }
    end(place);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) work = spool_take(place->spool, 9, &error);
    g_assert_no_error(error);
    static const char *const expected[] = {"f29", "f00", "f01", "f28", "f02",
                                           "f03", "f27", "f04", "f05"};
    g_assert_cmpuint(work->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < work->len; i++)
        g_assert_cmpstr(((SpoolDownload *)work->pdata[i])->file->path, ==, expected[i]);

    SpoolDownload *first = work->pdata[0], *second = work->pdata[1];
    spool_put_back(place->spool, first->id);
    DigestSet seen;
    digest_of("", &seen);
    g_assert_true(
        spool_note_staged(place->spool, second->id, &seen, 0, TRUST_DECLARED, NULL, &error));
    g_autoptr(GPtrArray) rest = spool_take(place->spool, 100, &error);
    g_assert_cmpuint(rest->len, ==, 22);
    g_assert_cmpstr(((SpoolDownload *)rest->pdata[0])->file->path, ==, "f29");
    g_autoptr(GPtrArray) none = spool_take(place->spool, 100, &error);
    g_assert_cmpuint(none->len, ==, 0);
    /* Taken is no state: another run gets them all but the one that is here. */
    open_again(place);
    g_autoptr(GPtrArray) all = spool_take(place->spool, 100, &error);
    g_assert_cmpuint(all->len, ==, 29);
    SpoolDownload *failed = all->pdata[3];
    g_assert_true(spool_note_state(place->spool, failed->id, SPOOL_FAILED, "no luck", &error));
    SpoolTotals totals;
    g_assert_true(spool_totals(place->spool, &totals, &error));
    g_assert_cmpuint(totals.downloads, ==, 30);
    g_assert_cmpuint(totals.queued, ==, 28);
    g_assert_cmpuint(totals.failed, ==, 1);
    g_assert_cmpuint(totals.staged_files, ==, 1);
    g_assert_cmpuint(totals.listed_bytes, ==, 29 * 30 / 2 * 10);
    g_assert_cmpuint(totals.trust_files[TRUST_DECLARED], ==, 1);
    g_assert_true(spool_retry_failed(place->spool, &error));
    assert_state(place, failed->file->path, SPOOL_QUEUED);
}

/* The id of a row that went is given to no other: a partial file may still bear it. */
static void test_ids(Place *place, gconstpointer data)
{
    begin(place, NULL);
    add(place, "a", 1, NULL);
    add(place, "b", 1, NULL);
    end(place);
    g_autoptr(SpoolDownload) a = find(place, "a");
    g_autoptr(SpoolDownload) b = find(place, "b");
    g_assert_cmpint(a->id, <, b->id);
    g_assert_true(spool_is_queued(place->spool, b->id));
    begin(place, NULL);
    add(place, "a", 1, NULL);
    end(place);
    g_assert_false(spool_is_queued(place->spool, b->id));
    open_again(place);
    begin(place, NULL);
    add(place, "a", 1, NULL);
    add(place, "c", 1, NULL);
    end(place);
    g_autoptr(SpoolDownload) same = find(place, "a");
    g_autoptr(SpoolDownload) c = find(place, "c");
    g_assert_cmpint(same->id, ==, a->id);
    g_assert_cmpint(c->id, >, b->id);
    stage(place, "a", "a");
    g_assert_false(spool_is_queued(place->spool, a->id));
}

/* Paths in no order at all: COUNT of them, a prime number. */
static void add_shuffled(Place *place, guint count)
{
    for (guint64 i = 0; i < count; i++) {
        g_autofree char *path = g_strdup_printf("f%05u", (guint)(i * 22291 % count));
        add(place, path, i, NULL);
    }
}

static gboolean in_order(const SpoolDownload *download, gpointer data, GError **error)
{
    g_autofree char *expected = g_strdup_printf("f%05u", (*(guint *)data)++);
    g_assert_cmpstr(download->file->path, ==, expected);
    return TRUE;
}

static void test_disorder(Place *place, gconstpointer data)
{
    static const guint count = 30011;
    g_autoptr(GError) error = NULL;
    begin(place, NULL);
    add_shuffled(place, count);
    add(place, "f00001", 0, NULL);
    g_assert_no_error(error);
    guint seen = 0;
    SpoolTotals totals;
    /* The same path, exact sizes that differ: which is right? */
    g_assert_false(spool_end_listing(place->spool, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
    g_clear_error(&error);

    /* What was broken off is forgotten; what comes twice and is the same is one. */
    open_again(place);
    begin(place, NULL);
    add_shuffled(place, count);
    add(place, "f00000", 0, NULL);
    end(place);
    g_assert_true(spool_totals(place->spool, &totals, &error));
    g_assert_cmpuint(totals.downloads, ==, count);
    g_assert_true(spool_each_download(place->spool, SPOOL_QUEUED, in_order, &seen, &error));
    g_assert_cmpuint(seen, ==, count);

    /* A second listing of them meets the rows of the first. */
    stage(place, "f00002", "two");
    g_autoptr(SpoolDownload) before = find(place, "f00002");
    begin(place, NULL);
    add_shuffled(place, count);
    end(place);
    assert_state(place, "f00002", SPOOL_STAGED);
    g_autoptr(SpoolDownload) after = find(place, "f00002");
    g_assert_cmpint(after->id, ==, before->id);
}

static gboolean note_path(const SpoolDownload *download, gpointer data, GError **error)
{
    g_string_append_printf(data, "%s\n", download->file->path);
    return TRUE;
}

static void test_queued_archives(Place *place, gconstpointer data)
{
    begin(place, NULL);
    add_archive(place, "y.zip", 100);
    add_archive(place, "z.zip", 100);
    add(place, "plain", 5, NULL);
    add_archive(place, "x.zip", 100);
    end(place);
    stage(place, "y.zip", "zip bytes");
    g_autoptr(GString) paths = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_assert_true(spool_each_queued_archive(place->spool, note_path, paths, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(paths->str, ==, "x.zip\nz.zip\n");
}

static void test_members(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    begin(place, NULL);
    add_archive(place, "x.zip", 100);
    add_archive(place, "y.zip", 100);
    add(place, "plain", 5, NULL);
    end(place);
    stage(place, "plain", "plain");
    g_assert_true(add_member(place, "x.zip", "m/1", "one", TRUE, &error));
    g_assert_true(add_member(place, "x.zip", "m/1", "one", TRUE, &error));
    g_assert_true(add_member(place, "y.zip", "m/1", "one", TRUE, &error));
    g_assert_true(add_member(place, "x.zip", "plain", "plain", TRUE, &error));
    g_assert_true(add_member(place, "x.zip", "m/3", "three", FALSE, &error));
    g_assert_no_error(error);
    static const char *const refused[] = {"m/1", "M/1", "plain", "PLAIN"};
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_assert_false(add_member(place, "y.zip", refused[i], "other", TRUE, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
        g_clear_error(&error);
    }
    g_auto(LockFile) file = {0};
    g_assert_true(spool_find_file(place->spool, "m/1", &file));
    g_assert_cmpstr(file.archive, ==, "x.zip");
    g_assert_false(spool_find_file(place->spool, "m/3", NULL));
    g_assert_false(spool_find_file(place->spool, "x.zip", NULL));

    stage(place, "x.zip", "zip bytes");
    stage(place, "y.zip", "zip bytes");
    g_autofree char *list = NULL;
    g_autofree char *fingerprint = write_lock(place, "lock", &list, &error);
    g_assert_no_error(error);
    g_auto(GStrv) lines = g_strsplit(list, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 3);
    g_assert_true(g_str_has_suffix(lines[0], "  m/1"));
    g_assert_true(g_str_has_suffix(lines[1], "  plain"));

    /* A wider selection asks the archive for what it skipped. */
    g_autoptr(Selection) all = selection_new_all();
    g_assert_true(spool_choose(place->spool, all, &error));
    assert_state(place, "x.zip", SPOOL_QUEUED);
    assert_state(place, "y.zip", SPOOL_STAGED);
    g_autoptr(SpoolDownload) x = find(place, "x.zip");
    g_assert_true(spool_note_queued(place->spool, x->id, &error));
    g_assert_true(spool_find_file(place->spool, "m/1", NULL));
}

static void test_expected(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    begin(place, NULL);
    add_archive(place, "x.zip", 100);
    end(place);
    g_autoptr(SpoolDownload) x = find(place, "x.zip");
    WantedBytes wanted;
    spool_wanted_member(place->spool, x->id, "m", &wanted);
    g_assert_true(digest_set_is_empty(&wanted.declared));
    g_assert_cmpuint(wanted.declared_size, ==, SIZE_UNKNOWN);
    DigestSet digests;
    digest_of("m", &digests);
    g_assert_true(spool_expect_member(place->spool, x->id, "m", &digests, 1, &error));
    spool_wanted_member(place->spool, x->id, "m", &wanted);
    g_assert_cmpuint(wanted.declared_size, ==, 1);
    g_assert_true(digest_equal(digest_set_get(&wanted.declared, DIGEST_SHA256),
                               digest_set_get(&digests, DIGEST_SHA256)));
}

/* What a lock holds comes back as it was, and the lock of it is the same lock. */
static void test_lock(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    begin(place, NULL);
    add(place, "b", 1, "b");
    add(place, "a/z", 1, NULL);
    add(place, "a-b", 1, NULL);
    add(place, "gone", 1, NULL);
    add_archive(place, "x.zip", 100);
    end(place);
    g_assert_null(write_lock(place, "lock", NULL, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED);
    g_clear_error(&error);
    stage(place, "b", "b");
    stage(place, "a/z", "z");
    stage(place, "a-b", "c");
    g_assert_true(add_member(place, "x.zip", "x/in", "inner", TRUE, &error));
    g_assert_true(add_member(place, "x.zip", "x/out", "outer", FALSE, &error));
    stage(place, "x.zip", "zip bytes");
    g_autoptr(SpoolDownload) gone = find(place, "gone");
    g_assert_true(spool_note_state(place->spool, gone->id, SPOOL_ABSENT, "404", &error));
    g_autofree char *list = NULL;
    g_autofree char *fingerprint = write_lock(place, "lock", &list, &error);
    g_assert_no_error(error);
    DigestSet digest;
    digest_of(list, &digest);
    g_autofree char *hex = digest_to_hex(digest_set_get(&digest, DIGEST_SHA256));
    g_autofree char *expected = g_strconcat("mm1:", hex, NULL);
    g_assert_cmpstr(fingerprint, ==, expected);
    g_assert_true(strstr(list, "  a-b\n") < strstr(list, "  a/z\n"));
    g_assert_true(strstr(list, "  a/z\n") < strstr(list, "  b\n"));

    g_clear_pointer(&place->spool, spool_close);
    g_assert_cmpint(g_unlink(place->path), ==, 0);
    open_again(place);
    int folder = open(place->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(LockReader) lock = lock_reader_open(folder, "lock", &error);
    g_assert_no_error(error);
    const LockHeader *header = lock_reader_header(lock);
    g_assert_cmpuint(header->listed_downloads, ==, 5);
    g_assert_cmpuint(header->held_files, ==, 4);
    g_assert_cmpuint(header->skipped, ==, 1);
    g_assert_cmpuint(header->absent, ==, 1);
    g_assert_cmpuint(header->trust_count[TRUST_FIRST_USE], ==, 4);
    g_assert_true(spool_import_lock(place->spool, lock, &error));
    g_assert_no_error(error);
    assert_state(place, "b", SPOOL_INSTALLED);
    assert_state(place, "x.zip", SPOOL_INSTALLED);
    assert_state(place, "gone", SPOOL_QUEUED);
    g_autoptr(SpoolDownload) b = find(place, "b");
    g_assert_false(digest_set_is_empty(&b->wanted.locked));
    g_autoptr(SpoolDownload) x = find(place, "x.zip");
    WantedBytes wanted;
    spool_wanted_member(place->spool, x->id, "x/in", &wanted);
    g_assert_false(digest_set_is_empty(&wanted.locked));

    g_autoptr(SpoolDownload) gone_again = find(place, "gone");
    g_assert_true(spool_note_state(place->spool, gone_again->id, SPOOL_ABSENT, "404", &error));
    g_autofree char *again = write_lock(place, "lock2", NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(again, ==, fingerprint);
    g_autofree char *one = NULL, *two = NULL, *path1 = NULL, *path2 = NULL;
    path1 = g_build_filename(place->folder, "lock", NULL);
    path2 = g_build_filename(place->folder, "lock2", NULL);
    g_assert_true(g_file_get_contents(path1, &one, NULL, NULL));
    g_assert_true(g_file_get_contents(path2, &two, NULL, NULL));
    g_assert_cmpstr(one, ==, two);
    close(folder);

    /* Relisted by a source that says the same: nothing is fetched but what is not here. */
    begin(place, NULL);
    add(place, "b", 1, "b");
    add(place, "a/z", 1, NULL);
    add(place, "a-b", 1, NULL);
    add_archive(place, "x.zip", 100);
    end(place);
    assert_state(place, "b", SPOOL_INSTALLED);
    assert_state(place, "a/z", SPOOL_INSTALLED);
    assert_state(place, "x.zip", SPOOL_QUEUED);
    g_assert_true(spool_note_damaged(place->spool, "b", &error));
    assert_state(place, "b", SPOOL_QUEUED);
}

/* What an earlier pull, of another version perhaps, had staged: nothing of it is said of a row that
 * begins anew, nor of one that is not chosen any more. */
static void test_left_behind(Place *place, gconstpointer data)
{
    const char *const skips_a[] = {"a", NULL};
    g_autoptr(Selection) but_a = selection_new(NULL, skips_a, NULL);
    g_autoptr(GError) error = NULL;
    begin(place, NULL);
    add(place, "a", 5, NULL);
    add(place, "b", 3, NULL);
    add_archive(place, "x.zip", 100);
    end(place);
    stage(place, "a", "first");
    stage(place, "b", "all");
    g_assert_true(add_member(place, "x.zip", "x/a", "member", TRUE, &error));
    stage(place, "x.zip", "zip bytes");
    /* Listed with another size: another file. */
    begin(place, NULL);
    add(place, "a", 6, NULL);
    add(place, "b", 3, NULL);
    add_archive(place, "x.zip", 100);
    end(place);
    assert_state(place, "a", SPOOL_QUEUED);
    g_assert_true(spool_choose(place->spool, but_a, &error));
    g_assert_true(spool_has_staged(place->spool, "b"));
    g_assert_true(spool_has_staged(place->spool, "x/a"));
    g_assert_true(spool_forget_unchosen(place->spool, &error));
    g_assert_no_error(error);
    g_assert_true(spool_has_staged(place->spool, "b"));
    g_assert_false(spool_has_staged(place->spool, "a"));
    g_assert_false(spool_has_staged(place->spool, "x/a"));
    g_free(write_lock(place, "lock", NULL, &error));
    g_assert_no_error(error);
    g_autofree char *path = g_build_filename(place->folder, "lock", NULL);
    g_autoptr(LockReader) lock = lock_reader_open(AT_FDCWD, path, &error);
    LockLine line = LOCK_LINE_FILE;
    guint skipped = 0;
    while (line != LOCK_LINE_END) {
        g_auto(LockDownload) download = {0};
        g_auto(LockFile) file = {0};
        line = lock_reader_next(lock, &download, &file, &error);
        g_assert_no_error(error);
        if (line == LOCK_LINE_DOWNLOAD && download.state == LOCK_STATE_SKIPPED) {
            g_assert_true(digest_set_is_empty(&download.seen));
            skipped++;
        }
    }
    g_assert_cmpuint(skipped, ==, 1);
    /* Chosen again, its archive brings it. */
    g_autoptr(Selection) all = selection_new_all();
    g_assert_true(spool_choose(place->spool, all, &error));
    assert_state(place, "x.zip", SPOOL_QUEUED);
    assert_state(place, "b", SPOOL_STAGED);
}

static gboolean count_file(const LockFile *file, gpointer data, GError **error)
{
    GString *paths = data;
    g_string_append_printf(paths, "%s ", file->path);
    return TRUE;
}

static gboolean only_b(const char *path, guint64 size, const Digest *sha256, gpointer data)
{
    return strcmp(path, "b") == 0;
}

/* kill -9 loses no note; after a power cut what was not flushed is looked at again. */
static void test_crash(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    begin(place, NULL);
    add(place, "a", 1, NULL);
    add(place, "b", 1, NULL);
    add(place, "c", 1, NULL);
    add(place, "d", 1, NULL);
    end(place);
    stage(place, "a", "a");
    g_assert_true(spool_flush(place->spool, &error));
    g_clear_pointer(&place->spool, spool_close);
    pid_t child = fork();
    if (child == 0) {
        place->spool = spool_open(place->path, NULL);
        stage(place, "b", "b");
        stage(place, "c", "c");
        _exit(0);
    }
    int status = -1;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
    open_again(place);
    assert_state(place, "a", SPOOL_STAGED);
    assert_state(place, "b", SPOOL_STAGED);
    assert_state(place, "c", SPOOL_STAGED);
    assert_state(place, "d", SPOOL_QUEUED);
    g_assert_true(spool_each_unsure(place->spool, only_b, NULL, &error));
    assert_state(place, "c", SPOOL_STAGED);

    g_assert_true(spool_set(place->spool, "#boot", "another boot", &error));
    open_again(place);
    open_again(place);
    g_assert_true(spool_each_unsure(place->spool, only_b, NULL, &error));
    g_assert_no_error(error);
    assert_state(place, "a", SPOOL_STAGED);
    assert_state(place, "b", SPOOL_STAGED);
    assert_state(place, "c", SPOOL_QUEUED);
    g_autoptr(GString) staged = g_string_new(NULL);
    g_assert_true(spool_each_file(place->spool, FALSE, count_file, staged, &error));
    g_assert_cmpstr(staged->str, ==, "a b ");
}

static void test_damaged(Place *place, gconstpointer data)
{
    g_clear_pointer(&place->spool, spool_close);
    g_autofree char *wal = g_strconcat(place->path, "-wal", NULL);
    g_unlink(wal);
    g_assert_true(
        g_file_set_contents(place->path, "this is no database at all, but long enough", -1, NULL));
    open_again(place);
    g_assert_false(spool_is_listed(place->spool));
    g_autofree char *aside = g_strconcat(place->path, ".damaged", NULL);
    g_assert_true(g_file_test(aside, G_FILE_TEST_EXISTS));
}

static gsize resident_kib(void)
{
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents("/proc/self/status", &text, NULL, NULL));
    const char *line = strstr(text, "VmRSS:");
    return line == NULL ? 0 : (gsize)g_ascii_strtoull(line + 6, NULL, 10);
}

/* 200,000 rows: memory stays bounded, and the time grows with the rows. */
static void test_many(Place *place, gconstpointer data)
{
    const guint rows = 200000;
    gsize before = resident_kib();
    begin(place, NULL);
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < rows; i++) {
        /* Out of order, as a source may list. */
        guint n = (guint)((guint64)i * 7919 % rows);
        g_autofree char *path =
            g_strdup_printf("collection/patient-%05u/study-1.2.840.113654/series-%u/image-%06u.dcm",
                            n / 200, n / 50, n);
        add(place, path, n, NULL);
    }
    end(place);
    g_autofree char *state = state_of(place, NULL);
    guint taken = 0;
    DigestSet seen;
    digest_of("x", &seen);
    for (guint round = 0; round < 20; round++) {
        g_autoptr(GPtrArray) work = spool_take(place->spool, 300, &error);
        g_assert_cmpuint(work->len, ==, 300);
        for (guint i = 0; i < work->len; i++, taken++) {
            SpoolDownload *download = work->pdata[i];
            g_assert_true(spool_note_staged(place->spool, download->id, &seen, 1, TRUST_FIRST_USE,
                                            NULL, &error));
        }
    }
    SpoolTotals totals;
    g_assert_true(spool_totals(place->spool, &totals, &error));
    g_assert_cmpuint(totals.queued, ==, rows - taken);
    g_assert_cmpuint(totals.staged_files, ==, taken);
    g_autoptr(GString) staged = g_string_new(NULL);
    g_assert_true(spool_each_file(place->spool, FALSE, count_file, staged, &error));
    gsize grown = resident_kib() - MIN(before, resident_kib());
    g_test_message("%u rows: %zu KiB", rows, grown);
#ifndef MEDMIRROR_SANITIZED
    g_assert_cmpuint(grown, <, 20 * 1024);
#endif
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) g_test_add("/spool/" name, Place, NULL, set_up, func, tear_down)
    ADD("meta", test_meta);
    ADD("listing", test_listing);
    ADD("refused", test_refused);
    ADD("declared", test_declared);
    ADD("source_state", test_source_state);
    ADD("take", test_take);
    ADD("ids", test_ids);
    ADD("disorder", test_disorder);
    ADD("queued_archives", test_queued_archives);
    ADD("members", test_members);
    ADD("expected", test_expected);
    ADD("lock", test_lock);
    ADD("left_behind", test_left_behind);
    ADD("crash", test_crash);
    ADD("damaged", test_damaged);
    ADD("many", test_many);
    return g_test_run();
}

/* The pure parts of a sync and of a pull that goes on: the memory of persons, two locks side by
 * side, the summary, the note of what was asked for. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "catalogue.h"
#include "mirror_rig.h"
#include "pull_note.h"
#include "sync_memory.h"
#include "sync_summary.h"

#define DAY ((gint64)24 * 3600)

typedef struct {
    char *path;
    Mirror *mirror;
} Place;

static void set_up(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    place->path = g_dir_make_tmp("sync-XXXXXX", &error);
    g_assert_no_error(error);
    place->mirror = mirror_open(place->path, MIRROR_OPEN_WRITE, &error);
    g_assert_no_error(error);
}

static void tear_down(Place *place, gconstpointer data)
{
    mirror_close(place->mirror);
    scratch_remove(place->path);
}

static gboolean needs(SyncMemory *memory, const char *message, gint64 now, const char *since)
{
    g_autofree char *told = NULL;
    gboolean is_new = sync_memory_needs_person(memory, "p/a", message, now, &told);
    g_assert_cmpstr(told, ==, since);
    return is_new;
}

static SyncMemory *reopen(Place *place, SyncMemory *memory)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(sync_memory_save(memory, place->mirror, &error));
    g_assert_no_error(error);
    sync_memory_free(memory);
    return sync_memory_open(place->mirror);
}

static void test_named_once_then_weekly(Place *place, gconstpointer data)
{
    const char *first = "1970-01-02T00:00:00Z";
    g_autoptr(SyncMemory) memory = sync_memory_open(place->mirror);
    g_assert_true(needs(memory, "login", DAY, first));
    memory = reopen(place, memory);
    for (guint day = 2; day < 8; day++) {
        g_assert_false(needs(memory, "login", day * DAY + 30, first));
    }
    /* A timer that fires a little earlier than a week ago. */
    g_assert_true(needs(memory, "login", 8 * DAY - 60, first));
    memory = reopen(place, memory);
    g_assert_false(needs(memory, "login", 9 * DAY, first));
    g_assert_true(needs(memory, "terms", 9 * DAY, first));
    sync_memory_forget(memory, "p/a");
    memory = reopen(place, memory);
    g_assert_true(needs(memory, "terms", 10 * DAY, "1970-01-11T00:00:00Z"));
    /* A clock that went back. */
    g_assert_true(needs(memory, "terms", 2 * DAY, "1970-01-11T00:00:00Z"));
}

static void test_broken_memory_is_empty(Place *place, gconstpointer data)
{
    static const char *const texts[] = {"", "{", "[]", "{\"person\":[]}",
                                        "{\"person\":{\"p/a\":7}}"};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *file = g_build_filename(place->path, ".medmirror", "sync.json", NULL);
        g_assert_true(g_file_set_contents(file, texts[i], -1, NULL));
        g_autoptr(SyncMemory) memory = sync_memory_open(place->mirror);
        g_assert_true(needs(memory, "login", DAY, "1970-01-02T00:00:00Z"));
    }
}

static LockReader *read_lock(Place *place, const char *name)
{
    g_autoptr(GError) error = NULL;
    LockReader *reader = lock_reader_open(mirror_fd(place->mirror), name, &error);
    g_assert_no_error(error);
    return reader;
}

/* FILES: path, one letter of its SHA-256 ("-": skipped; "l": a link), ..., NULL. */
static void write_lock(Place *place, const char *name, const char *const *files)
{
    g_autoptr(GError) error = NULL;
    int fd = openat(mirror_fd(place->mirror), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    g_autoptr(LockWriter) writer = lock_writer_new(fd);
    g_autoptr(LockHeader) header = rig_header("p/a", name, "open");
    g_assert_true(lock_writer_header(writer, header, &error));
    for (guint i = 0; files[i]; i += 2) {
        LockFile file = {.path = (char *)files[i], .size = 1};
        char letter = files[i + 1][0];
        if (letter == 'l') {
            file.link_target = (char *)"target";
        } else {
            rig_digest(files[i + 1], &file.digests);
        }
        file.state = letter == '-' ? LOCK_STATE_SKIPPED : LOCK_STATE_HAVE;
        g_assert_true(lock_writer_file(writer, &file, &error));
        g_assert_no_error(error);
    }
    g_assert_true(lock_writer_finish(writer, &error));
    close(fd);
}

static void test_two_locks(Place *place, gconstpointer data)
{
    static const struct {
        const char *before[10], *after[10];
        LockComparison wanted; /* same, added, changed, gone */
    } rows[] = {
        {{NULL}, {NULL}, {0, 0, 0, 0}},
        {{"a", "1", NULL}, {"a", "1", NULL}, {1, 0, 0, 0}},
        {{NULL}, {"a", "1", "b", "2", NULL}, {0, 2, 0, 0}},
        {{"a", "1", "b", "2", NULL}, {NULL}, {0, 0, 0, 2}},
        {{"a", "1", "b", "2", "d", "4", NULL}, {"a", "x", "c", "3", "d", "4", NULL}, {1, 1, 1, 1}},
        {{"a", "-", "b", "2", NULL}, {"a", "1", "b", "-", NULL}, {0, 1, 0, 1}},
        {{"a", "l", "b", "l", NULL}, {"a", "l", "b", "2", NULL}, {1, 0, 1, 0}},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        LockComparison result;
        write_lock(place, "before", rows[i].before);
        write_lock(place, "after", rows[i].after);
        g_autoptr(LockReader) before = read_lock(place, "before");
        g_autoptr(LockReader) after = read_lock(place, "after");
        g_test_message("row %u", i);
        g_assert_true(lock_compare(before, after, &result, &error));
        g_assert_cmpuint(result.same, ==, rows[i].wanted.same);
        g_assert_cmpuint(result.added, ==, rows[i].wanted.added);
        g_assert_cmpuint(result.changed, ==, rows[i].wanted.changed);
        g_assert_cmpuint(result.gone, ==, rows[i].wanted.gone);
    }
}

static void test_summary(void)
{
    SyncEntry entries[] = {
        {.ref = (char *)"p/a", .state = SYNC_UNCHANGED, .before = (char *)"1"},
        {.ref = (char *)"p/b",
         .state = SYNC_UPDATED,
         .before = (char *)"1",
         .version = (char *)"2",
         .files = {.same = 5, .added = 12, .changed = 2, .gone = 1},
         .received = 1200000,
         .hold = (char *)"held by ana"},
        {.ref = (char *)"p/c", .state = SYNC_PERSON, .message = (char *)"first\n  second"},
        {.ref = (char *)"p/d",
         .state = SYNC_PERSON,
         .message = (char *)"sign",
         .since = (char *)"2026-11-24T01:00:00Z",
         .is_new = TRUE},
    };
    g_autoptr(GPtrArray) array = g_ptr_array_new();
    SyncReport report = {.entries = array,
                         .status = 4,
                         .count = {[SYNC_UNCHANGED] = 1, [SYNC_UPDATED] = 1, [SYNC_PERSON] = 2}};
    for (guint i = 0; i < G_N_ELEMENTS(entries); i++) {
        g_ptr_array_add(array, &entries[i]);
    }
    g_autofree char *text = sync_summary(&report, FALSE);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 4);
    g_assert_nonnull(
        strstr(lines[0], "4 datasets: 1 unchanged, 1 updated, 2 need a person   exit 4"));
    g_assert_cmpstr(lines[1], ==,
                    "  updated    p/b: 1 → 2: 12 new, 2 changed, 1 gone, 5 the same; 1.2 MB "
                    "received; 1 stays, held by ana");
    g_assert_cmpstr(lines[2], ==,
                    "  person     p/d: sign (since 2026-11-24; named again in a week)");
    g_assert_nonnull(strstr(lines[3], "1 was named within the last week"));
    g_autofree char *all = sync_summary(&report, TRUE);
    g_assert_nonnull(strstr(all, "  person     p/c: first second"));
    g_assert_null(strstr(all, "within the last week"));
}

static PullNote *noted(const PullRequest *request, const PullNote *before)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *json = pull_note_make(request, before);
    PullNote *note = pull_note_parse(json, &error);
    g_assert_no_error(error);
    return note;
}

static void test_note(void)
{
    static const char *const includes[] = {"a*", "b 'c'", NULL};
    static const char *const files[] = {"x/1", "x/2", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(Reference) reference = reference_parse("physionet/mitdb@1.0.0", NULL, &error);
    g_assert_no_error(error);
    g_autoptr(Selection) selection = selection_new(includes, NULL, files);
    const PullRequest request = {.reference = reference,
                                 .selection = selection,
                                 .only = TRUE,
                                 .keep_archives = TRUE,
                                 .require = REQUIRE_DECLARED,
                                 .names = files};
    g_autoptr(PullNote) note = noted(&request, NULL);
    g_assert_cmpstr(note->text, ==, "physionet/mitdb@1.0.0");
    g_assert_true(pull_note_is_of(note, &request));
    g_assert_cmpuint(note->names->len, ==, 3);
    g_autofree char *options = pull_note_options(note);
    g_autofree char *same = pull_request_options(&request);
    g_assert_cmpstr(options, ==, same);
    g_assert_nonnull(strstr(options, "--only --keep-archives --require declared"));
    PullRequest read = {.reference = reference};
    pull_note_apply(note, &read);
    g_assert_true(pull_note_is_of(note, &read));
    g_assert_true(read.only && read.keep_archives && !read.no_unpack && !read.refresh);
    g_assert_cmpstr(read.names[1], ==, "x/2");
    /* The same again keeps its beginning, another does not. */
    g_free(note->begun);
    note->begun = g_strdup("2020-01-01T00:00:00Z");
    g_autoptr(PullNote) again = noted(&request, note);
    g_assert_cmpstr(again->begun, ==, "2020-01-01T00:00:00Z");
    PullRequest other = request;
    other.refresh = TRUE;
    g_assert_false(pull_note_is_of(note, &other));
    g_autoptr(PullNote) anew = noted(&other, note);
    g_assert_cmpstr(anew->begun, !=, "2020-01-01T00:00:00Z");
}

static void test_broken_notes(void)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"ref\":\"a\"}",
        "{\"ref\":\"a\",\"selection\":7}",
        "{\"ref\":7,\"selection\":\"all\"}",
        "{\"ref\":\"a\",\"selection\":\"all\",\"require\":\"much\"}",
        "{\"ref\":\"a\",\"selection\":\"all\",\"require\":null}",
    };
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("%s", texts[i]);
        g_assert_null(pull_note_parse(texts[i], &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
    }
    g_autoptr(PullNote) note = pull_note_parse(
        "{\"ref\":\"a\",\"selection\":\"all\",\"unknown\":[],\"names_are_asked\":true}", NULL);
    g_assert_nonnull(note);
    g_assert_cmpuint(note->names->len, ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/sync/memory", Place, NULL, set_up, test_named_once_then_weekly, tear_down);
    g_test_add("/sync/broken-memory", Place, NULL, set_up, test_broken_memory_is_empty, tear_down);
    g_test_add("/sync/two-locks", Place, NULL, set_up, test_two_locks, tear_down);
    g_test_add_func("/sync/summary", test_summary);
    g_test_add_func("/pull-note/read-back", test_note);
    g_test_add_func("/pull-note/broken", test_broken_notes);
    return g_test_run();
}

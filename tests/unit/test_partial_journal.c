#include "partial_journal.h"
#include "partial_rig.h"

#define MIB ((guint64)1024 * 1024)
#define TOTAL (8 * MIB)
#define ETAG "\"v1\""
#define JOURNAL RIG_KEY ".journal"

static char *read_journal(const Rig *rig)
{
    g_autofree char *path = g_build_filename(rig->path, JOURNAL, NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

static void write_journal(const Rig *rig, const char *text)
{
    int fd = openat(rig->folder_fd, JOURNAL, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
    close(fd);
}

/* As after a restart of the machine. */
static void change_boot(const Rig *rig)
{
    g_autofree char *id = NULL;
    g_autofree char *text = read_journal(rig);

    g_assert_true(g_file_get_contents("/proc/sys/kernel/random/boot_id", &id, NULL, NULL));
    g_strstrip(id);
    char *at = strstr(text, id);
    g_assert_nonnull(at);
    for (; at; at = strstr(at + 1, id))
        at[0] = at[0] == '0' ? '1' : '0';
    write_journal(rig, text);
}

static guint64 held_at_next_run(Rig *rig)
{
    PartialSpec spec = rig_spec(rig);
    g_autoptr(PartialFile) file = partial_file_new(&spec);

    return rig_ask(file, RIG_ADDRESS, NULL, NULL);
}

static PartialFile *begin(Rig *rig)
{
    PartialSpec spec = rig_spec(rig);
    PartialFile *file = partial_file_new(&spec);

    rig_offer(file, RIG_ADDRESS, ETAG, TOTAL, FALSE);
    return file;
}

static void test_other_boot(void)
{
    Rig rig;

    rig_init(&rig);
    PartialFile *file = begin(&rig);
    rig_write(file, 0, 2 * MIB, 0);
    g_assert_cmpint(rig_settle(file, SIZE_UNKNOWN), ==, OUTCOME_OK); /* synced */
    rig_write(file, 2 * MIB, 5 * MIB, 0);
    partial_file_free(file); /* not synced */
    g_assert_cmpuint(held_at_next_run(&rig), ==, 5 * MIB);
    change_boot(&rig);
    g_assert_cmpuint(partial_file_left(rig.folder_fd, RIG_KEY), ==, 2 * MIB);
    g_assert_cmpuint(held_at_next_run(&rig), ==, 2 * MIB);
    /* The run of the new boot does not bring back what the old one had. */
    g_assert_cmpuint(held_at_next_run(&rig), ==, 2 * MIB);
    file = begin(&rig);
    rig_write(file, 6 * MIB, 7 * MIB, 0);
    partial_file_free(file);
    g_assert_cmpuint(held_at_next_run(&rig), ==, 3 * MIB);
    change_boot(&rig);
    g_assert_cmpuint(held_at_next_run(&rig), ==, 2 * MIB);
    rig_clear(&rig);
}

static void note_left(const char *key, guint64 bytes, gpointer data)
{
    g_string_append_printf(data, "%s %" G_GUINT64_FORMAT "\n", key, bytes);
}

/* What is left is found without being asked for by name. */
static void test_each_left(void)
{
    Rig rig;

    rig_init(&rig);
    g_autoptr(GString) left = g_string_new(NULL);
    partial_file_each_left(rig.folder_fd, note_left, left);
    g_assert_cmpstr(left->str, ==, "");
    PartialFile *file = begin(&rig);
    rig_write(file, 0, 2 * MIB, 0);
    partial_file_free(file);
    partial_file_each_left(rig.folder_fd, note_left, left);
    g_autofree char *expected = g_strdup_printf("%s %d\n", RIG_KEY, (int)(2 * MIB));
    g_assert_cmpstr(left->str, ==, expected);
    rig_clear(&rig);
}

/* A restart voids what was durable, before the data changes. */
static void test_restart_is_durable(void)
{
    Rig rig;

    rig_init(&rig);
    PartialFile *file = begin(&rig);
    rig_write(file, 0, 3 * MIB, 0);
    g_assert_cmpint(rig_settle(file, SIZE_UNKNOWN), ==, OUTCOME_OK);
    rig_offer(file, RIG_ADDRESS, "\"v2\"", TOTAL, TRUE);
    rig_write(file, 0, MIB, 1);
    partial_file_free(file);
    change_boot(&rig);
    g_assert_cmpuint(partial_file_left(rig.folder_fd, RIG_KEY), ==, 0);
    g_assert_cmpuint(held_at_next_run(&rig), ==, 0);
    rig_clear(&rig);
}

static void test_torn_lines(void)
{
    Rig rig;

    rig_init(&rig);
    PartialFile *file = begin(&rig);
    rig_write(file, 0, 3 * MIB, 0);
    partial_file_free(file);
    g_autofree char *text = read_journal(&rig);
    gsize length = strlen(text);
    guint64 before = 0;

    /* Cut anywhere: never more than before, never anything wrong. */
    for (gsize cut = 0; cut <= length; cut++) {
        g_autofree char *part = g_strndup(text, cut);
        write_journal(&rig, part);
        guint64 left = partial_file_left(rig.folder_fd, RIG_KEY);
        g_assert_cmpuint(left, >=, before);
        g_assert_cmpuint(left % (256 * 1024), ==, 0);
        before = left;
    }
    g_assert_cmpuint(before, ==, 3 * MIB);

    /* A torn line does not spoil those that come behind it. */
    g_autofree char *torn = g_strconcat(text, "{\"held\":[31457", NULL);
    write_journal(&rig, torn);
    file = begin(&rig);
    rig_write(file, 3 * MIB, 4 * MIB, 0);
    partial_file_free(file);
    g_assert_cmpuint(held_at_next_run(&rig), ==, 4 * MIB);
    rig_clear(&rig);
}

static void test_strange_journals(void)
{
    static const char *const journals[] = {
        "",
        "\n\n\n",
        "no JSON at all\n",
        "[1,2,3]\n",
        "{\"partial-journal\":2,\"name\":\"folder/data.bin\"}\n{\"begin\":{\"total\":8388608}}\n",
        "{\"partial-journal\":1,\"name\":\"another/file\"}\n{\"begin\":{\"total\":8388608}}\n"
        "{\"source\":{\"address\":\"" RIG_ADDRESS "\",\"etag\":\"\\\"v1\\\"\",\"total\":8388608}}\n"
        "{\"durable\":[[0,1048576,0]]}\n",
        /* No source, a source that is not there, more than the total, backwards, of no number. */
        "{\"partial-journal\":1,\"name\":\"folder/data.bin\"}\n{\"begin\":{\"total\":8388608}}\n"
        "{\"durable\":[[0,1048576,0]]}\n",
        "{\"partial-journal\":1,\"name\":\"folder/data.bin\"}\n{\"begin\":{\"total\":8388608}}\n"
        "{\"source\":{\"address\":\"" RIG_ADDRESS "\",\"etag\":\"\\\"v1\\\"\",\"total\":8388608}}\n"
        "{\"durable\":[[0,1048576,1]]}\n{\"durable\":[[0,9388608,0]]}\n{\"durable\":[[9,3,0]]}\n"
        "{\"durable\":[[-1,3,0]]}\n{\"durable\":[[\"0\",3,0]]}\n{\"durable\":[[0,3]]}\n"
        "{\"durable\":7}\n{\"held\":{}}\n{\"begin\":7,\"begin\":8}\n",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(journals); i++) {
        Rig rig;
        rig_init(&rig);
        int fd = openat(rig.folder_fd, RIG_KEY, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
        g_assert_cmpint(ftruncate(fd, TOTAL), ==, 0);
        close(fd);
        write_journal(&rig, journals[i]);
        g_assert_cmpuint(held_at_next_run(&rig), ==, 0);
        PartialFile *file = begin(&rig);
        rig_write(file, 0, TOTAL, 0);
        g_assert_cmpint(rig_settle(file, TOTAL), ==, OUTCOME_OK);
        /* A run that was killed while it made its journal short. */
        close(openat(rig.folder_fd, JOURNAL ".new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        rig_place(&rig, file, TOTAL, 0);
        partial_file_free(file);
        rig_clear(&rig);
    }
}

/* Data that was cut behind the journal's back: what is gone does not come back as a hole when the
 * file grows again. */
static void test_shorter_data(void)
{
    Rig rig;

    rig_init(&rig);
    PartialFile *file = begin(&rig);
    rig_write(file, 0, 4 * MIB, 0);
    g_assert_cmpint(rig_settle(file, SIZE_UNKNOWN), ==, OUTCOME_OK);
    partial_file_free(file);
    g_assert_cmpint(fchmodat(rig.folder_fd, RIG_KEY, 0644, 0), ==, 0);
    int fd = openat(rig.folder_fd, RIG_KEY, O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(ftruncate(fd, MIB + 5), ==, 0);
    close(fd);
    g_assert_cmpuint(partial_file_left(rig.folder_fd, RIG_KEY), ==, MIB + 5);
    file = begin(&rig);
    g_assert_cmpuint(partial_file_held(file), ==, MIB + 5);
    rig_write(file, 6 * MIB, 7 * MIB, 0);
    partial_file_free(file);
    g_assert_cmpuint(held_at_next_run(&rig), ==, 2 * MIB + 5);

    g_assert_cmpint(unlinkat(rig.folder_fd, RIG_KEY, 0), ==, 0);
    g_assert_cmpuint(held_at_next_run(&rig), ==, 0);
    g_assert_false(rig_exists(&rig, JOURNAL));
    rig_clear(&rig);
}

/* Thousands of scattered bytes make a long journal; a sync makes it short, and it says the same. */
static void test_long_journal(void)
{
    Rig rig;
    struct stat st;

    rig_init(&rig);
    PartialFile *file = begin(&rig);
    for (guint64 at = 0; at < TOTAL - 4096; at += 2048)
        rig_write(file, at, at + 100, 0);
    g_assert_cmpint(fstatat(rig.folder_fd, JOURNAL, &st, 0), ==, 0);
    g_assert_cmpint(st.st_size, >, 64 * 1024);
    rig_write(file, 0, TOTAL - 4096, 0);
    g_assert_cmpint(rig_settle(file, SIZE_UNKNOWN), ==, OUTCOME_OK);
    g_assert_cmpint(fstatat(rig.folder_fd, JOURNAL, &st, 0), ==, 0);
    g_assert_cmpint(st.st_size, <, 1024);
    g_assert_false(rig_exists(&rig, JOURNAL ".new"));
    rig_offer(file, RIG_ADDRESS, ETAG, TOTAL, FALSE);
    rig_write(file, TOTAL - 4096, TOTAL - 1, 0); /* goes to the new one */
    partial_file_free(file);
    g_assert_cmpuint(held_at_next_run(&rig), ==, TOTAL - 1);
    change_boot(&rig);
    g_assert_cmpuint(held_at_next_run(&rig), ==, TOTAL - 4096);
    rig_clear(&rig);
}

static void test_lost(void)
{
    Rig rig;
    int errno_value = 0;
    ExtentPiece piece = {2 * MIB, 3 * MIB, 0};

    rig_init(&rig);
    PartialFile *file = begin(&rig);
    rig_write(file, 0, MIB, 0);
    g_assert_cmpint(rig_settle(file, SIZE_UNKNOWN), ==, OUTCOME_OK);
    rig_write(file, 2 * MIB, 3 * MIB, 0);
    partial_file_free(file);

    PartialJournal *journal =
        partial_journal_open(rig.folder_fd, RIG_KEY, "folder/data.bin", 0600, &errno_value);
    g_assert_nonnull(journal);
    g_assert_cmpuint(partial_file_left(rig.folder_fd, RIG_KEY), ==, 2 * MIB);
    g_assert_cmpint(partial_journal_lost(journal), ==, 0);
    g_assert_cmpuint(partial_file_left(rig.folder_fd, RIG_KEY), ==, MIB);
    g_assert_cmpint(partial_journal_held(journal, &piece), ==, 0);
    g_assert_cmpuint(partial_file_left(rig.folder_fd, RIG_KEY), ==, 2 * MIB);
    partial_journal_close(journal);
    rig_clear(&rig);
}

/* Validators come back as they were sent, odd ones too; bytes that are no UTF-8 do not resume. */
static void test_odd_validators(void)
{
    static const struct {
        const char *etag;
        guint64 held;
    } cases[] = {
        {"\"a\\b{}[],:\xc3\xa9\"", 2 * MIB},
        {"\"caf\xe9\"", 0},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Rig rig;
        g_autofree char *etag = NULL;
        rig_init(&rig);
        PartialSpec spec = rig_spec(&rig);
        PartialFile *file = partial_file_new(&spec);
        rig_offer(file, RIG_ADDRESS, cases[i].etag, TOTAL, FALSE);
        rig_write(file, 0, 2 * MIB, 0);
        g_assert_cmpint(rig_settle(file, SIZE_UNKNOWN), ==, OUTCOME_OK);
        partial_file_free(file);
        file = partial_file_new(&spec);
        g_assert_cmpuint(rig_ask(file, RIG_ADDRESS, &etag, NULL), ==, cases[i].held);
        if (cases[i].held)
            g_assert_cmpstr(etag, ==, cases[i].etag);
        partial_file_free(file);
        rig_clear(&rig);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/partial-journal/other-boot", test_other_boot);
    g_test_add_func("/partial-journal/each-left", test_each_left);
    g_test_add_func("/partial-journal/restart-is-durable", test_restart_is_durable);
    g_test_add_func("/partial-journal/torn-lines", test_torn_lines);
    g_test_add_func("/partial-journal/strange-journals", test_strange_journals);
    g_test_add_func("/partial-journal/shorter-data", test_shorter_data);
    g_test_add_func("/partial-journal/long-journal", test_long_journal);
    g_test_add_func("/partial-journal/lost", test_lost);
    g_test_add_func("/partial-journal/odd-validators", test_odd_validators);
    return g_test_run();
}

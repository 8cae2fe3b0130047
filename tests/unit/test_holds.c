/* Holds: written, listed, replaced, released; who protects a version now. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "holds.h"
#include "mirror_rig.h"

typedef struct {
    char *base;
    Mirror *mirror;
} Place;

static void set_up(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    place->base = g_dir_make_tmp("holds-XXXXXX", NULL);
    place->mirror = mirror_open(place->base, MIRROR_OPEN_WRITE, &error);
    g_assert_no_error(error);
}

static void tear_down(Place *place, gconstpointer data)
{
    mirror_close(place->mirror);
    scratch_remove(place->base);
}

static void set(Mirror *mirror, const char *version, const char *user, const char *until,
                const char *note)
{
    g_autoptr(GError) error = NULL;
    Hold hold = {.folder = (char *)RIG_FOLDER,
                 .ref = (char *)"set",
                 .version = (char *)version,
                 .user = (char *)user,
                 .until = (char *)until,
                 .note = (char *)note};
    gboolean done = hold_set(mirror, &hold, &error);
    g_assert_no_error(error);
    g_assert_true(done);
}

static guint count(Mirror *mirror, const char *folder, const char *version)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) holds = hold_list(mirror, folder, version, &error);
    g_assert_no_error(error);
    return holds->len;
}

static void test_dates(void)
{
    static const char *const right[] = {"2027-06-30", "2028-02-29", "0001-01-01"};
    static const char *const wrong[] = {"",           "2027",        "2027-6-30",  "2027-02-29",
                                        "2027-13-01", "30-06-2027",  "2027-06-31", "2027-06-30 ",
                                        "tomorrow",   "2027-06-30T", "-027-06-30"};
    for (guint i = 0; i < G_N_ELEMENTS(right); i++)
        g_assert_true(hold_date_is_valid(right[i]));
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_false(hold_date_is_valid(wrong[i]));
}

static void test_set_and_release(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpuint(count(place->mirror, NULL, NULL), ==, 0);
    g_assert_null(hold_find(place->mirror, RIG_FOLDER, "1.0", &error));
    g_assert_no_error(error);
    set(place->mirror, "1.0", "ana", "2999-01-01", "MICCAI paper");
    set(place->mirror, "1.0", "bo", NULL, NULL);
    set(place->mirror, "1.0/odd name", "ana", NULL, NULL);
    set(place->mirror, "1.10", "ana", NULL, NULL);
    set(place->mirror, "1.9", "ana", NULL, NULL);
    g_assert_cmpuint(count(place->mirror, NULL, NULL), ==, 5);
    g_assert_cmpuint(count(place->mirror, RIG_FOLDER, NULL), ==, 5);
    g_assert_cmpuint(count(place->mirror, RIG_FOLDER, "1.0"), ==, 2);
    g_assert_cmpuint(count(place->mirror, "uci/1", NULL), ==, 0);
    g_autoptr(GPtrArray) holds = hold_list(place->mirror, RIG_FOLDER, "1.0", &error);
    const Hold *first = holds->pdata[0];
    g_assert_cmpstr(first->user, ==, "ana");
    g_assert_cmpstr(first->ref, ==, "set");
    g_assert_cmpstr(first->until, ==, "2999-01-01");
    g_assert_cmpstr(first->note, ==, "MICCAI paper");
    g_assert_cmpuint(strlen(first->since), ==, strlen("2026-11-23T10:00:00Z"));
    g_autofree char *words = hold_describe(first);
    g_assert_cmpstr(words, ==, "held by ana until 2999-01-01: MICCAI paper");

    const Hold many_lines = {.user = (char *)"ana", .note = (char *)"a\nuci/1@2\033[31m\tb"};
    g_autofree char *line = hold_describe(&many_lines);
    g_assert_cmpstr(line, ==, "held by ana: a uci/1@2 [31m b");

    /* One without an end lasts longest; what one releases leaves the other's. */
    g_autoptr(Hold) longest = hold_find(place->mirror, RIG_FOLDER, "1.0", &error);
    g_assert_cmpstr(longest->user, ==, "bo");
    gboolean found = FALSE;
    g_assert_true(hold_remove(place->mirror, RIG_FOLDER, "1.0", "bo", &found, &error));
    g_assert_true(found);
    g_assert_true(hold_remove(place->mirror, RIG_FOLDER, "1.0", "bo", &found, &error));
    g_assert_false(found);
    g_autoptr(Hold) left = hold_find(place->mirror, RIG_FOLDER, "1.0", &error);
    g_assert_cmpstr(left->user, ==, "ana");
}

static void test_replaced_and_over(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    set(place->mirror, "1.0", "ana", NULL, NULL);
    set(place->mirror, "1.0", "ana", "2020-01-01", "old");
    g_assert_cmpuint(count(place->mirror, NULL, NULL), ==, 1);
    g_assert_null(hold_find(place->mirror, RIG_FOLDER, "1.0", &error));
    g_assert_no_error(error);
    g_autofree char *today = NULL;
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    today = g_date_time_format(now, "%Y-%m-%d");
    set(place->mirror, "1.0", "bo", today, NULL);
    g_autoptr(Hold) hold = hold_find(place->mirror, RIG_FOLDER, "1.0", &error);
    g_assert_nonnull(hold);
    g_assert_cmpstr(hold->user, ==, "bo");
}

static void test_unreadable_protects(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *key = mirror_folder_key(RIG_FOLDER);
    g_autofree char *path = g_strdup_printf(".medmirror/holds/%s/1.0/ana.json", key);
    rig_write(place->mirror, path, "{\"user\": ");
    g_autoptr(Hold) hold = hold_find(place->mirror, RIG_FOLDER, "1.0", &error);
    g_assert_nonnull(hold);
    g_assert_cmpstr(hold->user, ==, "ana");
    g_assert_cmpstr(hold->folder, ==, RIG_FOLDER);
}

/* Without a private folder nothing is held, and reading makes none. */
static void test_reading_only(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    rig_write(place->mirror, "bare/x", "");
    g_autofree char *bare = g_build_filename(place->base, "bare", NULL);
    g_autoptr(Mirror) reader = mirror_open(bare, MIRROR_OPEN_READ, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(count(reader, NULL, NULL), ==, 0);
}

/* Many set and release at once: what is set last stands, nothing fails. */
/* A writer that was killed left a file; one that is at work has one too. */
static void test_leftovers(Place *place, gconstpointer data)
{
    set(place->mirror, "1.0", "ana", NULL, NULL);
    g_autofree char *key = mirror_folder_key(RIG_FOLDER);
    g_autofree char *folder =
        g_build_filename(place->base, ".medmirror", "holds", key, "1.0", NULL);
    g_autofree char *old = g_build_filename(folder, ".ana.json.77-0a9a1a86.new", NULL);
    g_autofree char *young = g_build_filename(folder, ".ana.json.78-0a9a1a86.new", NULL);
    const struct timespec long_ago[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    g_assert_true(g_file_set_contents(old, "{", -1, NULL));
    g_assert_true(g_file_set_contents(young, "{", -1, NULL));
    g_assert_cmpint(utimensat(AT_FDCWD, old, long_ago, 0), ==, 0);
    set(place->mirror, "1.0", "ana", NULL, "again");
    g_assert_cmpint(access(old, F_OK), ==, -1);
    g_assert_cmpint(access(young, F_OK), ==, 0);
    g_assert_cmpuint(count(place->mirror, RIG_FOLDER, "1.0"), ==, 1);
}

static void test_at_once(Place *place, gconstpointer data)
{
    pid_t children[6];
    for (guint i = 0; i < G_N_ELEMENTS(children); i++) {
        children[i] = fork();
        g_assert_cmpint(children[i], >=, 0);
        if (children[i] != 0)
            continue;
        g_autoptr(Mirror) own = mirror_open(place->base, MIRROR_OPEN_WRITE, NULL);
        g_autofree char *user = g_strdup_printf("user%u", i);
        gboolean found, good = TRUE;
        for (guint round = 0; good && round < 30; round++) {
            set(own, "1.0", user, NULL, NULL);
            good = round == 29 || hold_remove(own, RIG_FOLDER, "1.0", user, &found, NULL);
        }
        _exit(!good);
    }
    for (guint i = 0; i < G_N_ELEMENTS(children); i++) {
        int status = -1;
        g_assert_cmpint(TEMP_FAILURE_RETRY(waitpid(children[i], &status, 0)), ==, children[i]);
        g_assert_cmpint(status, ==, 0);
    }
    g_assert_cmpuint(count(place->mirror, RIG_FOLDER, "1.0"), ==, G_N_ELEMENTS(children));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/holds/dates", test_dates);
#define CASE(name, func) g_test_add("/holds/" name, Place, NULL, set_up, func, tear_down)
    CASE("set-and-release", test_set_and_release);
    CASE("replaced-and-over", test_replaced_and_over);
    CASE("unreadable-protects", test_unreadable_protects);
    CASE("reading-only", test_reading_only);
    CASE("leftovers", test_leftovers);
    CASE("at-once", test_at_once);
    return g_test_run();
}

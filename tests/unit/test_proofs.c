/* proofs.jsonl: what is read back of what was written, and of what a crash or a hand left there. */
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "mirror_rig.h"
#include "proofs.h"

typedef struct {
    char *path;
    Mirror *mirror;
    GPtrArray *headers;
} Place;

static void add_header(Place *place, const char *folder, const char *version)
{
    g_ptr_array_add(place->headers, rig_header(folder, version, "open"));
}

static void set_up(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    place->path = g_dir_make_tmp("proofs-XXXXXX", &error);
    g_assert_no_error(error);
    place->mirror = mirror_open(place->path, MIRROR_OPEN_WRITE, &error);
    g_assert_no_error(error);
    place->headers = g_ptr_array_new_with_free_func((GDestroyNotify)lock_header_free);
    add_header(place, "p/a", "1");
    add_header(place, "p/a", "2");
}

static void tear_down(Place *place, gconstpointer data)
{
    mirror_close(place->mirror);
    g_ptr_array_unref(place->headers);
    scratch_remove(place->path);
}

static void append(Place *place, const Proof *proof)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(proofs_append(place->mirror, proof, &error));
    g_assert_no_error(error);
}

static void write_raw(Place *place, const char *text)
{
    g_autofree char *file = g_build_filename(place->path, ".medmirror", "proofs.jsonl", NULL);
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
    close(fd);
}

/* What is known of p/a@1. */
typedef struct {
    gint64 proven, read, begun;
    const char *upto;
    guint64 files;
} Known;

static void assert_known(Place *place, const char *version, Known known)
{
    g_autoptr(ProofStates) states = proofs_read(place->mirror, place->headers);
    const ProofState *state = proof_states_get(states, "p/a", version);
    g_assert_cmpint(state->proven, ==, known.proven);
    g_assert_cmpint(state->read, ==, known.read);
    g_assert_cmpstr(state->upto, ==, known.upto);
    g_assert_cmpint(state->begun, ==, known.begun);
    g_assert_cmpuint(state->files, ==, known.files);
}

/* A line of p/a@1. */
#define LINE(...)                                                                                  \
    &(const Proof)                                                                                 \
    {                                                                                              \
        .folder = "p/a", .version = "1", .fingerprint = "mm1:f", __VA_ARGS__                       \
    }

static void test_nothing(Place *place, gconstpointer data)
{
    assert_known(place, "1", (Known){0});
    write_raw(place, "");
    assert_known(place, "1", (Known){0});
}

static void test_whole(Place *place, gconstpointer data)
{
    append(place, LINE(.by = "pull", .begun = 100, .files = 3));
    assert_known(place, "1", (Known){.proven = 100, .read = 100});
    append(place, LINE(.by = "verify", .begun = 200, .files = 3));
    assert_known(place, "1", (Known){.proven = 200, .read = 200});
    assert_known(place, "2", (Known){0});
}

static void test_quick_proves_nothing(Place *place, gconstpointer data)
{
    append(place, LINE(.by = "pull", .begun = 100));
    append(place, LINE(.by = "verify", .begun = 200, .quick = TRUE));
    assert_known(place, "1", (Known){.proven = 100, .read = 100});
}

static void test_damage_is_read_and_not_proven(Place *place, gconstpointer data)
{
    append(place, LINE(.by = "pull", .begun = 100));
    append(place, LINE(.by = "verify", .begun = 200, .damaged = 1));
    assert_known(place, "1", (Known){.proven = 100, .read = 200});
    append(place, LINE(.by = "verify", .begun = 300, .missing = 1));
    assert_known(place, "1", (Known){.proven = 100, .read = 300});
}

static void test_slices(Place *place, gconstpointer data)
{
    append(place, LINE(.by = "pull", .begun = 100));
    append(place, LINE(.by = "verify", .begun = 200, .files = 2, .upto = "b"));
    assert_known(place, "1",
                 (Known){.proven = 100, .read = 100, .upto = "b", .begun = 200, .files = 2});
    append(place, LINE(.by = "verify", .begun = 200, .files = 3, .after = "b", .upto = "e"));
    assert_known(place, "1",
                 (Known){.proven = 100, .read = 100, .upto = "e", .begun = 200, .files = 5});
    append(place, LINE(.by = "verify", .begun = 200, .files = 1, .after = "e"));
    assert_known(place, "1", (Known){.proven = 200, .read = 200});
    append(place, LINE(.by = "verify", .begun = 300, .files = 1, .upto = "a"));
    assert_known(place, "1",
                 (Known){.proven = 200, .read = 200, .upto = "a", .begun = 300, .files = 1});
    /* One that was read whole meanwhile counts, and the slices before it no more. */
    append(place, LINE(.by = "verify", .begun = 400, .files = 6));
    assert_known(place, "1", (Known){.proven = 400, .read = 400});
}

static void test_damage_in_a_slice(Place *place, gconstpointer data)
{
    append(place, LINE(.by = "pull", .begun = 100));
    append(place, LINE(.by = "verify", .begun = 200, .damaged = 1, .missing = 1, .upto = "b"));
    append(place, LINE(.by = "verify", .begun = 200, .after = "b"));
    assert_known(place, "1", (Known){.proven = 100, .read = 200});
    /* Mended: all of it is right. */
    append(place, LINE(.by = "repair", .begun = 200, .mended = 1));
    assert_known(place, "1", (Known){.proven = 100, .read = 200});
    append(place, LINE(.by = "repair", .begun = 200, .mended = 1));
    assert_known(place, "1", (Known){.proven = 200, .read = 200});
}

static void test_mended_in_another_proof(Place *place, gconstpointer data)
{
    append(place, LINE(.by = "verify", .begun = 200, .damaged = 1, .upto = "b"));
    append(place, LINE(.by = "verify", .begun = 200, .after = "b"));
    append(place, LINE(.by = "repair", .begun = 300, .mended = 1));
    assert_known(place, "1", (Known){.read = 200});
}

static void test_begun_anew(Place *place, gconstpointer data)
{
    append(place, LINE(.by = "verify", .begun = 200, .files = 2, .upto = "b"));
    append(place, LINE(.by = "verify", .begun = 300, .files = 1, .upto = "a"));
    assert_known(place, "1", (Known){.upto = "a", .begun = 300, .files = 1});
}

static void test_broken_lines(Place *place, gconstpointer data)
{
    append(place, LINE(.by = "pull", .begun = 100));
    write_raw(place, "{\"when\":\"2026");
    append(place, LINE(.by = "verify", .begun = 200));
    write_raw(place, "\n\n[]\nnull\n{\"folder\":1}\n{\"folder\":\"p/a\",\"version\":\"1\"}x\n");
    assert_known(place, "1", (Known){.proven = 200, .read = 200});
}

static void test_a_line_without_end_is_read(Place *place, gconstpointer data)
{
    write_raw(place, "{\"folder\":\"p/a\",\"version\":\"1\",\"by\":\"pull\",\"quick\":false,"
                     "\"when\":\"1970-01-01T00:01:40Z\",\"damaged\":0,\"missing\":0}");
    assert_known(place, "1", (Known){.proven = 100, .read = 100});
}

/* Lines over several blocks, and one that is longer than any of ours. */
static void test_long(Place *place, gconstpointer data)
{
    g_autofree char *path = g_strnfill(300000, 'x');
    append(place, LINE(.by = "pull", .begun = 100));
    append(place, LINE(.by = "verify", .begun = 200, .files = 1, .upto = path));
    g_autofree char *longest = g_strnfill(3000000, 'y');
    g_autofree char *line = g_strdup_printf("{\"folder\":\"%s\"}\n", longest);
    write_raw(place, line);
    for (guint i = 0; i < 2000; i++) {
        append(place,
               &(const Proof){.folder = "p/a", .version = "2", .by = "verify", .begun = 1000 + i});
    }
    assert_known(place, "1",
                 (Known){.proven = 100, .read = 100, .upto = path, .begun = 200, .files = 1});
    assert_known(place, "2", (Known){.proven = 2999, .read = 2999});
}

static void test_what_is_no_file(Place *place, gconstpointer data)
{
    g_autofree char *file = g_build_filename(place->path, ".medmirror", "proofs.jsonl", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(mkdir(file, 0700), ==, 0);
    assert_known(place, "1", (Known){0});
    g_assert_false(proofs_append(place->mirror, LINE(.by = "pull"), &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, func) g_test_add("/proofs/" name, Place, NULL, set_up, func, tear_down)
    TEST("nothing", test_nothing);
    TEST("whole", test_whole);
    TEST("quick", test_quick_proves_nothing);
    TEST("damage", test_damage_is_read_and_not_proven);
    TEST("slices", test_slices);
    TEST("damage-in-a-slice", test_damage_in_a_slice);
    TEST("mended-in-another-proof", test_mended_in_another_proof);
    TEST("begun-anew", test_begun_anew);
    TEST("broken-lines", test_broken_lines);
    TEST("line-without-end", test_a_line_without_end_is_read);
    TEST("long", test_long);
    TEST("no-file", test_what_is_no_file);
#undef TEST
    return g_test_run();
}

/* The step into the mirror: new versions, growth, what stands in the way; and a death at every call
 * that changes the disk, after which the tree is the old one or the new one, never half. */
#include <errno.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "intent.h"
#include "mirror_rig.h"
#include "verifier.h"

/* These stand in front of libc's: the child dies before (or right after) its n-th call. */
static int calls_left = -1;
static gboolean dies_after;

static void before_call(void)
{
    if (calls_left > 0 && --calls_left == 0 && !dies_after)
        _exit(77);
}

static void after_call(void)
{
    if (calls_left == 0 && dies_after)
        _exit(77);
}

#define COUNTED(call)                                                                              \
    before_call();                                                                                 \
    int result = (int)(call);                                                                      \
    after_call();                                                                                  \
    return result

int renameat(int from, const char *name, int to, const char *new_name)
{
    COUNTED(syscall(SYS_renameat2, from, name, to, new_name, 0));
}

int unlinkat(int fd, const char *name, int flags)
{
    COUNTED(syscall(SYS_unlinkat, fd, name, flags));
}

int linkat(int from, const char *name, int to, const char *new_name, int flags)
{
    COUNTED(syscall(SYS_linkat, from, name, to, new_name, flags));
}

/* Nobody cuts the power here: the disk is spared. */
int fsync(int fd)
{
    COUNTED(fcntl(fd, F_GETFD) < 0 ? -1 : 0);
}

int syncfs(int fd)
{
    COUNTED(fcntl(fd, F_GETFD) < 0 ? -1 : 0);
}

int mkdirat(int fd, const char *name, mode_t mode)
{
    COUNTED(syscall(SYS_mkdirat, fd, name, mode));
}

int symlinkat(const char *target, int fd, const char *name)
{
    COUNTED(syscall(SYS_symlinkat, target, fd, name));
}

typedef struct {
    char *path;
    Mirror *mirror;
} Place;

static void open_mirror(Place *place)
{
    g_autoptr(GError) error = NULL;
    g_clear_pointer(&place->mirror, mirror_close);
    place->mirror = mirror_open(place->path, MIRROR_OPEN_WRITE, &error);
    g_assert_no_error(error);
}

static void set_up(Place *place, gconstpointer data)
{
    place->path = g_dir_make_tmp("stage-XXXXXX", NULL);
    open_mirror(place);
}

static void tear_down(Place *place, gconstpointer data)
{
    mirror_close(place->mirror);
    scratch_remove(place->path);
}

static void assert_file(Place *place, const char *path, const char *text)
{
    g_autofree char *there = rig_read(place->mirror, path);
    g_assert_cmpstr(there, ==, text);
}

static gboolean collect(const char *path, guint64 size, gboolean is_link, gpointer data,
                        GError **error)
{
    g_string_append_printf(data, "%s ", path);
    return TRUE;
}

static char *list_tree(Place *place, const char *path)
{
    g_autoptr(GString) paths = g_string_new(NULL);
    int fd = tree_open_folder(mirror_fd(place->mirror), path, FALSE, 0, NULL);
    if (fd < 0)
        return NULL;
    g_assert_true(tree_walk(fd, collect, paths, NULL));
    close(fd);
    return g_strdup(paths->str);
}

static void assert_tree(Place *place, const char *path, const char *names)
{
    g_autofree char *there = list_tree(place, path);
    g_assert_cmpstr(there, ==, names);
}

/* What stands agrees with its lock and its list, byte for byte. */
static void assert_whole(Place *place, const char *version)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *list_path = g_strdup_printf(RIG_FOLDER "/%s.sha256", version);
    g_autofree char *list = rig_read(place->mirror, list_path);
    g_assert_nonnull(list);
    g_auto(GStrv) lines = g_strsplit(list, "\n", -1);
    g_autoptr(GString) listed = g_string_new(NULL);
    for (guint i = 0; lines[i] != NULL && *lines[i] != '\0'; i++) {
        g_autofree char *path = g_strdup_printf(RIG_FOLDER "/%s/%s", version, lines[i] + 66);
        g_autofree char *text = rig_read(place->mirror, path);
        g_assert_nonnull(text);
        g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
        g_assert_cmpint(strncmp(digest, lines[i], 64), ==, 0);
        g_string_append_printf(listed, "%s ", lines[i] + 66);
    }
    g_autofree char *folder = g_strdup_printf(RIG_FOLDER "/%s", version);
    g_autofree char *tree = list_tree(place, folder);
    g_assert_cmpstr(tree, ==, listed->str);
    g_autoptr(LockReader) lock = mirror_open_lock(place->mirror, RIG_FOLDER, version, &error);
    g_assert_no_error(error);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, list, -1);
    g_autofree char *fingerprint = g_strconcat("mm1:", digest, NULL);
    g_assert_cmpstr(lock_reader_header(lock)->fingerprint, ==, fingerprint);
}

static const char *const part[] = {"a/1", "one", "a/2", "two", "b", "three", NULL};
static const char *const wider[] = {"a/1",   "one",  "a/2", "two",  "b", "three",
                                    "c/d/4", "four", "e",   "five", NULL};

static void test_new(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Stage *stage = rig_stage(place->mirror, RIG_FOLDER, "1.0", NULL, part);
    /* A leftover of an unpacking is nobody's file. */
    g_autoptr(TreeWriter) writer = tree_writer_new(stage_tree_fd(stage), 0444);
    close(tree_writer_create(writer, "left/over", NULL, &error));
    g_assert_true(
        rig_install(place->mirror, stage, RIG_FOLDER, "1.0", "open", FALSE, NULL, &error));
    g_assert_no_error(error);
    assert_tree(place, RIG_FOLDER "/1.0", "a/1 a/2 b ");
    assert_whole(place, "1.0");
    assert_file(place, RIG_FOLDER "/latest/b", "three");
    struct stat now;
    g_assert_cmpint(fstatat(mirror_fd(place->mirror), RIG_FOLDER "/1.0/b", &now, 0), ==, 0);
    g_assert_cmpuint(now.st_mode & 07777, ==, 0444);
    guint64 partial = 1, staged = 1, evidence = 1;
    stage_space(place->mirror, &partial, &staged, &evidence);
    g_assert_cmpuint(partial + staged + evidence, ==, 0);
    g_autoptr(GPtrArray) unfinished = stage_list_unfinished(place->mirror, &error);
    g_assert_cmpuint(unfinished->len, ==, 0);
    assert_tree(place, ".medmirror/intents", "");
    assert_tree(place, ".medmirror/owners", "");
}

static void test_restricted(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Stage *stage = rig_stage(place->mirror, RIG_FOLDER, "1.0", NULL, part);
    g_assert_true(
        rig_install(place->mirror, stage, RIG_FOLDER, "1.0", "credentialed", FALSE, NULL, &error));
    g_assert_no_error(error);
    struct stat now;
    g_assert_cmpint(fstatat(mirror_fd(place->mirror), RIG_FOLDER "/1.0", &now, 0), ==, 0);
    g_assert_cmpuint(now.st_mode & 0777, ==, 0700);
}

static void test_grows(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    rig_pull(place->mirror, RIG_FOLDER, "1.0", part, NULL);
    struct stat before, after;
    g_assert_cmpint(fstatat(mirror_fd(place->mirror), RIG_FOLDER "/1.0/b", &before, 0), ==, 0);
    rig_write(place->mirror, RIG_FOLDER "/1.0/mask.png", "mine");
    rig_write(place->mirror, RIG_FOLDER "/1.0/e", "mine too");
    rig_write(place->mirror, RIG_FOLDER "/1.0/c", "a file where a folder must be");
    rig_pull(place->mirror, RIG_FOLDER, "1.0", wider, NULL);
    /* In the way: set aside. Not in the way: left. */
    assert_tree(place, RIG_FOLDER "/1.0", "a/1 a/2 b c/d/4 e mask.png ");
    assert_tree(place, RIG_FOLDER "/1.0.extra", "c e ");
    assert_file(place, RIG_FOLDER "/1.0.extra/e", "mine too");
    assert_file(place, RIG_FOLDER "/1.0/e", "five");
    g_assert_cmpint(fstatat(mirror_fd(place->mirror), RIG_FOLDER "/1.0/b", &after, 0), ==, 0);
    g_assert_cmpuint(before.st_ino, ==, after.st_ino);
    g_assert_cmpint(unlinkat(mirror_fd(place->mirror), RIG_FOLDER "/1.0/mask.png", 0), ==, 0);
    assert_whole(place, "1.0");
    g_autoptr(GPtrArray) versions = mirror_versions(place->mirror, RIG_FOLDER, &error);
    g_assert_cmpuint(((LockHeader *)versions->pdata[0])->held_files, ==, 5);
}

static void test_only(Place *place, gconstpointer data)
{
    static const char *const includes[] = {"a/*", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(Selection) only_a = selection_new(includes, NULL, NULL);
    rig_pull(place->mirror, RIG_FOLDER, "1.0", wider, NULL);
    rig_write(place->mirror, RIG_FOLDER "/1.0/c/mask.png", "mine");
    Stage *stage = rig_stage(place->mirror, RIG_FOLDER, "1.0", only_a, wider);
    g_assert_true(rig_install(place->mirror, stage, RIG_FOLDER, "1.0", "open", TRUE, NULL, &error));
    g_assert_no_error(error);
    assert_tree(place, RIG_FOLDER "/1.0", "a/1 a/2 ");
    assert_tree(place, RIG_FOLDER "/1.0.extra", "c/mask.png ");
    assert_whole(place, "1.0");
}

static void test_repair(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    rig_pull(place->mirror, RIG_FOLDER, "1.0", part, NULL);
    g_autofree char *damaged = g_build_filename(place->path, RIG_FOLDER "/1.0/b", NULL);
    g_assert_cmpint(g_chmod(damaged, 0644), ==, 0);
    g_assert_true(g_file_set_contents(damaged, "thrEe", -1, NULL));
    Stage *stage = rig_stage(place->mirror, RIG_FOLDER, "1.0", NULL, part);
    g_assert_true(spool_note_damaged(stage_spool(stage), "b", &error));
    stage_close(stage);
    g_autoptr(Selection) all = selection_new_all();
    stage = stage_open(place->mirror, RIG_FOLDER, &error);
    g_autoptr(SpoolDownload) b = spool_find(stage_spool(stage), "b", &error);
    g_assert_cmpint(b->state, ==, SPOOL_QUEUED);
    g_autoptr(TreeWriter) writer = tree_writer_new(stage_tree_fd(stage), 0444);
    int fd = tree_writer_create(writer, "b", NULL, &error);
    g_assert_cmpint(write(fd, "three", 5), ==, 5);
    close(fd);
    DigestSet seen;
    rig_digest("three", &seen);
    g_assert_true(
        spool_note_staged(stage_spool(stage), b->id, &seen, 5, TRUST_LOCKED, NULL, &error));
    g_assert_true(
        rig_install(place->mirror, stage, RIG_FOLDER, "1.0", "open", FALSE, NULL, &error));
    g_assert_no_error(error);
    assert_whole(place, "1.0");
    assert_tree(place, RIG_FOLDER "/1.0.extra", NULL);
}

/* A folder of that name without a lock is somebody's. */
static void test_in_the_way(Place *place, gconstpointer data)
{
    rig_write(place->mirror, RIG_FOLDER "/1.0/mine", "mine");
    rig_pull(place->mirror, RIG_FOLDER, "1.0", part, NULL);
    assert_whole(place, "1.0");
    assert_file(place, RIG_FOLDER "/1.0.extra/1.0/mine", "mine");
}

static void test_incomplete(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Stage *stage = rig_stage(place->mirror, RIG_FOLDER, "1.0", NULL, part);
    g_autoptr(SpoolDownload) b = spool_find(stage_spool(stage), "b", &error);
    g_assert_true(spool_set(stage_spool(stage), "ref", "the reference", &error));
    g_assert_true(spool_set(stage_spool(stage), "reason", "the line is dead", &error));
    g_assert_true(tree_remove_file(stage_tree_fd(stage), "b", &error));
    g_assert_false(
        rig_install(place->mirror, stage, RIG_FOLDER, "1.0", "open", FALSE, NULL, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE);
    g_clear_error(&error);
    assert_tree(place, RIG_FOLDER, NULL);
    g_autoptr(GPtrArray) unfinished = stage_list_unfinished(place->mirror, &error);
    g_assert_cmpuint(unfinished->len, ==, 1);
    const UnfinishedInfo *info = unfinished->pdata[0];
    g_assert_cmpstr(info->folder, ==, RIG_FOLDER);
    g_assert_cmpstr(info->ref, ==, "the reference");
    g_assert_cmpstr(info->reason, ==, "the line is dead");
    g_assert_cmpuint(info->held_files, ==, 2);
    g_assert_cmpuint(info->wanted_files, ==, 3);
    g_assert_cmpuint(info->wanted_bytes, ==, 11);

    stage = stage_open(place->mirror, RIG_FOLDER, &error);
    g_autoptr(SpoolDownload) again = spool_find(stage_spool(stage), "b", &error);
    g_assert_cmpint(again->state, ==, SPOOL_QUEUED);
    g_assert_cmpint(again->id, ==, b->id);
    g_assert_false(
        rig_install(place->mirror, stage, RIG_FOLDER, "1.0", "open", FALSE, NULL, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED);
    g_clear_error(&error);
    stage = stage_open(place->mirror, RIG_FOLDER, &error);
    g_assert_true(stage_discard(stage, &error));
    assert_tree(place, ".medmirror/stage", "");
}

/* After a power cut: files that were noted, and lost, are fetched again. */
static void test_power_cut(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Stage *stage = rig_stage(place->mirror, RIG_FOLDER, "1.0", NULL, part);
    g_assert_true(spool_set(stage_spool(stage), "#boot", "another boot", &error));
    stage_close(stage);
    g_autofree char *emptied =
        g_build_filename(place->path, ".medmirror/stage/http%2Fexample.org%2Fset/tree/a/1", NULL);
    g_assert_cmpint(g_unlink(emptied), ==, 0);
    g_assert_true(g_file_set_contents(emptied, "", 0, NULL));
    stage = stage_open(place->mirror, RIG_FOLDER, &error);
    g_assert_no_error(error);
    static const struct {
        const char *path;
        SpoolState state;
    } rows[] = {{"a/1", SPOOL_QUEUED}, {"a/2", SPOOL_STAGED}, {"b", SPOOL_STAGED}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(SpoolDownload) download = spool_find(stage_spool(stage), rows[i].path, &error);
        g_assert_cmpint(download->state, ==, rows[i].state);
    }
    g_assert_false(g_file_test(emptied, G_FILE_TEST_EXISTS));
    stage_close(stage);
}

typedef enum {
    CRASH_NEW,
    CRASH_GROWTH,
    CRASH_ONLY,
    CRASH_KINDS,
} CrashKind;

static void die_within(Place *place, CrashKind kind, int calls)
{
    static const char *const includes[] = {"a/*", NULL};
    g_autoptr(Selection) only_a = selection_new(includes, NULL, NULL);
    Stage *stage =
        rig_stage(place->mirror, RIG_FOLDER, "1.0", kind == CRASH_ONLY ? only_a : NULL, wider);
    g_autoptr(Owner) owner =
        owner_take(place->mirror, RIG_FOLDER, "pull", TRUE, NULL, NULL, NULL, NULL);
    g_autoptr(LockHeader) header = rig_header(RIG_FOLDER, "1.0", "open");
    InstallSpec spec = {.header = header, .only = kind == CRASH_ONLY};
    calls_left = calls;
    _exit(owner != NULL && stage_install(stage, owner, &spec, NULL) ? 0 : 1);
}

/* FALSE: the install ended before its n-th call. */
static gboolean crash_once(CrashKind kind, int calls, gboolean after)
{
    static const char *const old_tree[] = {NULL, "a/1 a/2 b ", "a/1 a/2 b c/d/4 e "};
    static const char *const new_tree[] = {"a/1 a/2 b c/d/4 e ", "a/1 a/2 b c/d/4 e ", "a/1 a/2 "};
    Place place = {.path = g_strdup("/dev/shm/medmirror-stage-XXXXXX")};
    /* In memory where that can be: SQLite syncs as well, some thousand times here. */
    if (g_mkdtemp(place.path) == NULL) {
        g_free(place.path);
        place.path = g_dir_make_tmp("stage-XXXXXX", NULL);
    }
    open_mirror(&place);
    if (kind != CRASH_NEW)
        rig_pull(place.mirror, RIG_FOLDER, "1.0", kind == CRASH_GROWTH ? part : wider, NULL);
    dies_after = after;
    pid_t child = fork();
    if (child == 0)
        die_within(&place, kind, calls);
    int status = -1;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    gboolean died = WIFEXITED(status) && WEXITSTATUS(status) == 77;
    g_assert_true(died || (WIFEXITED(status) && WEXITSTATUS(status) == 0));

    open_mirror(&place);
    g_autofree char *tree = list_tree(&place, RIG_FOLDER "/1.0");
    gboolean is_new = g_strcmp0(tree, new_tree[kind]) == 0;
    if (!is_new)
        g_assert_cmpstr(tree, ==, old_tree[kind]);
    if (tree != NULL)
        assert_whole(&place, "1.0");
    g_assert_true(is_new || died);
    g_autoptr(GPtrArray) versions = mirror_versions(place.mirror, RIG_FOLDER, NULL);
    g_assert_cmpuint(versions->len, ==, tree != NULL ? 1 : 0);
    g_assert_false(intent_exists(place.mirror, RIG_FOLDER));
    assert_tree(&place, RIG_FOLDER "/1.0.extra", NULL);
    if (!is_new) {
        /* Nothing was lost: the next run installs what was staged. */
        g_autoptr(GError) error = NULL;
        Stage *stage = stage_open(place.mirror, RIG_FOLDER, &error);
        g_assert_true(rig_install(place.mirror, stage, RIG_FOLDER, "1.0", "open",
                                  kind == CRASH_ONLY, NULL, &error));
        g_assert_no_error(error);
        assert_tree(&place, RIG_FOLDER "/1.0", new_tree[kind]);
        assert_whole(&place, "1.0");
    }
    tear_down(&place, NULL);
    return died;
}

static void test_crash(void)
{
    for (CrashKind kind = CRASH_NEW; kind < CRASH_KINDS; kind++) {
        for (guint after = 0; after < 2; after++) {
            int calls = 1;
            while (crash_once(kind, calls, after != 0))
                calls++;
            g_test_message("kind %u: %d calls", kind, calls - 1);
            g_assert_cmpint(calls, >, 20);
            g_assert_cmpint(calls, <, 200);
        }
    }
}

/* An intent whose stage is gone is undone: what stood there stands. */
static void test_undo(Place *place, gconstpointer data)
{
    rig_pull(place->mirror, RIG_FOLDER, "1.0", part, NULL);
    rig_write(place->mirror, ".medmirror/intents/http%2Fexample.org%2Fset.json",
              "{\"format\": 1, \"folder\": \"" RIG_FOLDER
              "\", \"version\": \"2.0\", \"grows\": false, \"only\": false}");
    rig_write(place->mirror, RIG_FOLDER "/2.0.lock.jsonl", "half");
    g_autoptr(GPtrArray) hidden = mirror_versions(place->mirror, RIG_FOLDER, NULL);
    g_assert_cmpuint(hidden->len, ==, 1);
    open_mirror(place);
    g_autoptr(GError) error = NULL;
    g_assert_null(mirror_open_lock(place->mirror, RIG_FOLDER, "2.0", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
    assert_tree(place, ".medmirror/intents", "");
    assert_whole(place, "1.0");
}

/* Many files take the other way to durability; the stage is swept in the same manner. */
static void test_many(Place *place, gconstpointer data)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < 3000; i++) {
        g_ptr_array_add(files, g_strdup_printf("s%u/%u", i / 100, i));
        g_ptr_array_add(files, g_strdup_printf("%u", i));
    }
    g_ptr_array_add(files, NULL);
    /* First a part of it, so that the rest is merged. */
    g_autofree char *kept = files->pdata[2000];
    files->pdata[2000] = NULL;
    rig_pull(place->mirror, RIG_FOLDER, "1.0", (const char *const *)files->pdata, NULL);
    assert_whole(place, "1.0");
    files->pdata[2000] = g_steal_pointer(&kept);
    rig_pull(place->mirror, RIG_FOLDER, "1.0", (const char *const *)files->pdata, NULL);
    assert_whole(place, "1.0");
    g_autoptr(GPtrArray) versions = mirror_versions(place->mirror, RIG_FOLDER, NULL);
    g_assert_cmpuint(((LockHeader *)versions->pdata[0])->held_files, ==, 3000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) g_test_add("/stage/" name, Place, NULL, set_up, func, tear_down)
    ADD("new", test_new);
    ADD("restricted", test_restricted);
    ADD("grows", test_grows);
    ADD("only", test_only);
    ADD("repair", test_repair);
    ADD("in_the_way", test_in_the_way);
    ADD("incomplete", test_incomplete);
    ADD("power_cut", test_power_cut);
    ADD("undo", test_undo);
    ADD("many", test_many);
    g_test_add_func("/stage/crash", test_crash);
    return g_test_run();
}

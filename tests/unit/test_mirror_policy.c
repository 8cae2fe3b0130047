/* What a mirror remembers of itself, and what a group's mirror makes of modes and umasks. */
#include "mirror_policy.h"

#include "group_mode.h"
#include "mirror_rig.h"
#include "room.h"

#include <errno.h>

typedef struct {
    char *base, *path;
    gid_t group;
} Place;

static void set_up(Place *place, gconstpointer data)
{
    place->base = g_dir_make_tmp("policy-XXXXXX", NULL);
    place->path = g_build_filename(place->base, "mirror", NULL);
    place->group = getegid();
}

static void tear_down(Place *place, gconstpointer data)
{
    g_free(place->path);
    scratch_remove(place->base);
}

static mode_t mode_of(const Place *place, const char *path)
{
    struct stat now;
    g_autofree char *whole = g_build_filename(place->path, path, NULL);
    g_assert_cmpint(lstat(whole, &now), ==, 0);
    return now.st_mode & 07777;
}

static void init_group(const Place *place, mode_t mask)
{
    g_autoptr(GError) error = NULL;
    gboolean existed = TRUE;
    const MirrorPolicy policy = {(char *)"lab", 1000000, SIZE_UNKNOWN};
    mode_t before = umask(mask);
    gboolean done = mirror_init(place->path, &policy, place->group, &existed, &error);
    g_assert_cmpint(umask(before), ==, mask);
    g_assert_no_error(error);
    g_assert_true(done);
    g_assert_false(existed);
}

static void test_read_and_write(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_auto(MirrorPolicy) policy = {0};
    int fd = open(place->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_true(mirror_policy_read(fd, &policy, &error));
    g_assert_null(policy.group);
    g_assert_cmpuint(policy.max_size, ==, SIZE_UNKNOWN);
    const MirrorPolicy wanted = {(char *)"lab", G_GUINT64_CONSTANT(18000000000000), 7};
    g_assert_true(mirror_policy_write(fd, &wanted, &error));
    g_assert_true(mirror_policy_read(fd, &policy, &error));
    g_assert_cmpstr(policy.group, ==, "lab");
    g_assert_cmpuint(policy.max_size, ==, wanted.max_size);
    g_assert_cmpuint(policy.max_files, ==, 7);
    static const char *const wrong[] = {"", "[]", "{\"max_size\": -1}", "{\"max_files\": \"7\"}",
                                        "{\"group\": 7}"};
    g_autofree char *file = g_build_filename(place->base, "policy", NULL);
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_assert_true(g_file_set_contents(file, wrong[i], -1, NULL));
        g_assert_false(mirror_policy_read(fd, &policy, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
        g_clear_error(&error);
    }
    close(fd);
}

/* A umask that would shut the others out is not asked. */
static void test_group(Place *place, gconstpointer data)
{
    static const char *const set[] = {"deep/er/1.txt", "one", NULL};
    g_autoptr(GError) error = NULL;
    init_group(place, 0077);
    mode_t before = umask(0077);
    {
        g_autoptr(Mirror) mirror = mirror_open(place->path, MIRROR_OPEN_WRITE, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(mirror_policy(mirror)->group, ==, "lab");
        g_autoptr(Owner) owner =
            owner_take(mirror, RIG_FOLDER, "pull", TRUE, NULL, NULL, NULL, &error);
        g_assert_no_error(error);
        g_autofree char *key = mirror_folder_key(RIG_FOLDER);
        g_autofree char *owned = g_strdup_printf(".medmirror/owners/%s.json", key);
        g_assert_cmpuint(mode_of(place, owned), ==, 0664);
        g_clear_pointer(&owner, owner_release);
        Stage *stage = rig_stage(mirror, RIG_FOLDER, "1.0", NULL, set);
        g_assert_true(stage_set_readers(stage, &READERS_EVERYBODY, &error));
        g_autofree char *folder = g_strdup_printf(".medmirror/stage/%s", key);
        g_autofree char *partial = g_strdup_printf(".medmirror/partial/%s", key);
        g_assert_cmpuint(mode_of(place, folder), ==, 02775);
        g_assert_cmpuint(mode_of(place, partial), ==, 02775);
        g_assert_true(rig_install(mirror, stage, RIG_FOLDER, "1.0", "open", FALSE, NULL, &error));
        g_assert_no_error(error);
    }
    g_assert_cmpint(umask(before), ==, 0077);
    static const char *const folders[] = {
        "",     ".medmirror", ".medmirror/partial", ".medmirror/stage", ".medmirror/owners",
        "http", RIG_FOLDER,   RIG_FOLDER "/1.0"};
    for (guint i = 0; i < G_N_ELEMENTS(folders); i++)
        g_assert_cmpuint(mode_of(place, folders[i]), ==, 02775);
    g_assert_cmpuint(mode_of(place, RIG_FOLDER "/1.0/deep/er/1.txt"), ==, 0444);
    g_assert_cmpuint(mode_of(place, RIG_FOLDER "/1.0.lock.jsonl"), ==, 0444);
    g_assert_cmpuint(mode_of(place, ".medmirror/policy"), ==, 0664);
}

/* Restricted data is its puller's, whoever's the mirror is. */
static void test_restricted(Place *place, gconstpointer data)
{
    static const char *const set[] = {"1.txt", "one", NULL};
    g_autoptr(GError) error = NULL;
    init_group(place, 0022);
    g_autoptr(Mirror) mirror = mirror_open(place->path, MIRROR_OPEN_WRITE, &error);
    Stage *stage = rig_stage(mirror, RIG_FOLDER, "1.0", NULL, set);
    g_assert_true(stage_set_readers(stage, &READERS_OWNER, &error));
    g_assert_true(
        rig_install(mirror, stage, RIG_FOLDER, "1.0", "credentialed", FALSE, NULL, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(mode_of(place, RIG_FOLDER "/1.0") & 0777, ==, 0700);
    g_assert_cmpuint(mode_of(place, RIG_FOLDER "/1.0/1.txt") & 0777, ==, 0400);
    g_assert_cmpuint(mode_of(place, RIG_FOLDER "/1.0.lock.jsonl") & 0777, ==, 0400);
}

/* A mirror of one user's becomes a group's; what is her alone stays so. */
static void test_becomes_a_groups(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean existed = FALSE;
    const MirrorPolicy policy = {(char *)"lab", SIZE_UNKNOWN, SIZE_UNKNOWN};
    {
        g_autoptr(Mirror) mirror = mirror_open(place->path, MIRROR_OPEN_WRITE, &error);
        g_assert_no_error(error);
        static const char *const set[] = {"sub/1.txt", "one", NULL};
        rig_pull(mirror, RIG_FOLDER, "1.0", set, NULL);
        rig_write(mirror, "physionet/closed/1.0/x", "secret");
        rig_write(mirror, ".medmirror/proofs.jsonl", "");
    }
    g_autofree char *closed = g_build_filename(place->path, "physionet/closed", NULL);
    g_assert_cmpint(chmod(closed, 0700), ==, 0);
    g_assert_true(mirror_init(place->path, &policy, place->group, &existed, &error));
    g_assert_no_error(error);
    g_assert_true(existed);
    g_assert_cmpuint(mode_of(place, RIG_FOLDER "/1.0/sub"), ==, 02775);
    g_assert_cmpuint(mode_of(place, ".medmirror/stage"), ==, 02775);
    g_assert_cmpuint(mode_of(place, ".medmirror/proofs.jsonl"), ==, 0664);
    g_assert_cmpuint(mode_of(place, RIG_FOLDER "/1.0/sub/1.txt"), ==, 0444);
    g_assert_cmpuint(mode_of(place, "physionet/closed"), ==, 0700);
    g_assert_cmpuint(mode_of(place, "physionet/closed/1.0"), ==, 0755);
}

static void test_limits(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    init_group(place, 0022);
    g_autoptr(Mirror) mirror = mirror_open(place->path, MIRROR_OPEN_READ, &error);
    const RoomLimits wide = {SIZE_UNKNOWN, SIZE_UNKNOWN, 0}, narrow = {5000, 3, 0};
    g_auto(Room) room = {0};
    g_assert_true(room_measure(mirror, &wide, &room, &error));
    g_assert_cmpuint(room.bytes, <=, 1000000);
    g_assert_nonnull(strstr(room.limited_by, "max-size of"));
    g_assert_true(room_measure(mirror, &narrow, &room, &error));
    g_assert_cmpuint(room.bytes, ==, 5000);
    g_assert_cmpuint(room.files, ==, 3);
}

static void test_modes(Place *place, gconstpointer data)
{
    int fd = open(place->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct {
        mode_t mode, shared;
    } rows[] = {{0755, 0775}, {0644, 0664}, {0444, 0444}, {0700, 0700}, {0600, 0600}, {0400, 0400}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpuint(group_mode(fd, rows[i].mode), ==, rows[i].mode);
    g_assert_cmpint(fchmod(fd, 02775), ==, 0);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpuint(group_mode(fd, rows[i].mode), ==, rows[i].shared);
    close(fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define CASE(name, func) g_test_add("/policy/" name, Place, NULL, set_up, func, tear_down)
    CASE("read-and-write", test_read_and_write);
    CASE("group", test_group);
    CASE("restricted", test_restricted);
    CASE("becomes-a-groups", test_becomes_a_groups);
    CASE("limits", test_limits);
    CASE("modes", test_modes);
    return g_test_run();
}

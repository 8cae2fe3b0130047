/* A version leaves: what stays, what is freed, and every place where a run may have died. */
#include "removal.h"

#include "mirror_rig.h"

#include <errno.h>
#include <stdio.h>

#define VERSION "1.0"
#define PLACE RIG_FOLDER "/" VERSION

typedef struct {
    char *base;
    Mirror *mirror;
} Place;

static const char *const files[] = {"a/1.txt", "one", "b.txt", "two", NULL};

static void set_up(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    place->base = g_dir_make_tmp("removal-XXXXXX", NULL);
    place->mirror = mirror_open(place->base, MIRROR_OPEN_WRITE, &error);
    g_assert_no_error(error);
    rig_pull(place->mirror, RIG_FOLDER, VERSION, files, NULL);
    rig_write(place->mirror, PLACE "/mine/mask.png", "mask");
    rig_write(place->mirror, PLACE ".archives/set.zip", "zip");
}

static void tear_down(Place *place, gconstpointer data)
{
    g_clear_pointer(&place->mirror, mirror_close);
    scratch_remove(place->base);
}

static gboolean is_there(const Place *place, const char *path)
{
    struct stat now;
    return fstatat(mirror_fd(place->mirror), path, &now, AT_SYMLINK_NOFOLLOW) == 0;
}

static LockHeader *header_of(Mirror *mirror, const char *version)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LockReader) lock = mirror_open_lock(mirror, RIG_FOLDER, version, &error);
    g_assert_no_error(error);
    return lock_header_copy(lock_reader_header(lock));
}

static gboolean remove_version(Place *place, const char *version, GError **error)
{
    g_autoptr(LockHeader) header = header_of(place->mirror, version);
    g_autoptr(Owner) owner =
        owner_take(place->mirror, RIG_FOLDER, "remove", TRUE, NULL, NULL, NULL, error);
    g_assert_nonnull(owner);
    return removal_run(place->mirror, owner, header, error);
}

/* Nothing of it, but what was somebody's. */
static void assert_gone(const Place *place)
{
    static const char *const names[] = {PLACE, PLACE ".lock.jsonl", PLACE ".sha256",
                                        PLACE ".archives"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_false(is_there(place, names[i]));
    g_autofree char *mask = rig_read(place->mirror, PLACE ".extra/mine/mask.png");
    g_assert_cmpstr(mask, ==, "mask");
    g_assert_false(intent_exists(place->mirror, RIG_FOLDER));
    g_autofree char *removed = g_build_filename(place->base, ".medmirror", "removed", NULL);
    g_autoptr(GDir) folder = g_dir_open(removed, 0, NULL);
    g_assert_nonnull(folder);
    g_assert_null(g_dir_read_name(folder));
}

static void test_look(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LockHeader) header = header_of(place->mirror, VERSION);
    g_auto(RemovalFacts) facts = {0};
    g_auto(SpaceCount) space = {0};
    g_assert_true(removal_look(place->mirror, header, &facts, &space, NULL, NULL, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(facts.files, ==, 2);
    g_assert_cmpuint(facts.bytes, ==, 6);
    g_assert_cmpuint(facts.foreign, ==, 1);
    g_assert_cmpstr(facts.names->pdata[0], ==, "mine/mask.png");
    g_assert_cmpuint(facts.archives, ==, 1);
    g_assert_false(facts.in_place);
    g_assert_cmpuint(space.files, ==, 3);
    g_assert_cmpuint(space.shared_files, ==, 0);
}

static void test_run(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    rig_pull(place->mirror, RIG_FOLDER, "0.9", files, NULL);
    g_assert_true(remove_version(place, VERSION, &error));
    g_assert_no_error(error);
    assert_gone(place);
    char latest[64] = "";
    g_assert_cmpint(
        readlinkat(mirror_fd(place->mirror), RIG_FOLDER "/latest", latest, sizeof latest - 1), ==,
        3);
    g_assert_cmpstr(latest, ==, "0.9");
    g_assert_true(remove_version(place, "0.9", &error));
    g_assert_no_error(error);
    g_assert_false(is_there(place, RIG_FOLDER "/latest"));
    g_autoptr(GPtrArray) left = mirror_list(place->mirror, &error);
    g_assert_cmpuint(left->len, ==, 0);
}

/* Without anything of somebody's the dataset's folder goes, and those above it. */
static void test_no_folder_stays(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *own = g_build_filename(place->base, PLACE, "mine", "mask.png", NULL);
    g_assert_cmpint(remove(own), ==, 0);
    g_assert_true(remove_version(place, VERSION, &error));
    g_assert_no_error(error);
    g_assert_false(is_there(place, "http"));
    /* And it comes again as if nothing had been. */
    rig_pull(place->mirror, RIG_FOLDER, VERSION, files, NULL);
    g_autofree char *text = rig_read(place->mirror, PLACE "/a/1.txt");
    g_assert_cmpstr(text, ==, "one");
}

static void test_held(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    const Hold hold = {.folder = (char *)RIG_FOLDER,
                       .ref = (char *)"set",
                       .version = (char *)VERSION,
                       .user = (char *)"ana",
                       .note = (char *)"paper"};
    g_assert_true(hold_set(place->mirror, &hold, &error));
    g_assert_false(remove_version(place, VERSION, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_assert_nonnull(strstr(error->message, "held by ana: paper"));
    g_assert_nonnull(strstr(error->message, "medmirror release set@1.0"));
    g_assert_true(is_there(place, PLACE "/a/1.txt"));
    g_assert_true(is_there(place, PLACE "/mine/mask.png"));
    g_assert_false(intent_exists(place->mirror, RIG_FOLDER));
}

/* The run died after so many of the steps; whoever opens the mirror next does the others. */
static void test_died(Place *place, gconstpointer data)
{
    static const char *const moves[][2] = {{PLACE, "tree"},
                                           {PLACE ".lock.jsonl", "lock"},
                                           {PLACE ".sha256", "list"},
                                           {PLACE ".archives", "archives"}};
    guint steps = GPOINTER_TO_UINT(data);
    g_autoptr(GError) error = NULL;
    const Intent intent = {
        .folder = (char *)RIG_FOLDER, .version = (char *)VERSION, .removes = TRUE};
    g_assert_true(intent_write(place->mirror, &intent, &error));
    g_assert_true(intent_is_removal_of(place->mirror, RIG_FOLDER, VERSION));
    g_assert_false(intent_is_removal_of(place->mirror, RIG_FOLDER, "1"));
    g_autofree char *key = mirror_folder_key(RIG_FOLDER);
    g_autofree char *gone = g_strdup_printf("removed/%s", key);
    int fd = tree_open_folder(mirror_private_fd(place->mirror), gone, TRUE, 0755, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < steps; i++)
        g_assert_cmpint(renameat(mirror_fd(place->mirror), moves[i][0], fd, moves[i][1]), ==, 0);
    close(fd);
    if (steps > 0) {
        g_autoptr(GPtrArray) shown = mirror_list(place->mirror, &error);
        g_assert_cmpuint(shown->len, ==, 0);
    }
    mirror_close(place->mirror);
    place->mirror = mirror_open(place->base, MIRROR_OPEN_WRITE, &error);
    g_assert_no_error(error);
    assert_gone(place);
}

/* It died when all was moved and nothing deleted. */
static void test_died_deleting(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(remove_version(place, VERSION, &error));
    rig_write(place->mirror, ".medmirror/removed/.gone-12345678/tree/a/1.txt", "one");
    mirror_close(place->mirror);
    place->mirror = mirror_open(place->base, MIRROR_OPEN_WRITE, &error);
    g_assert_no_error(error);
    assert_gone(place);
}

/* What another version shares keeps its proof: the removal of one name changes the other's ctime.
 */
static void test_shared_stays_proven(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *large = g_strnfill(10000, 'x');
    const char *const set[] = {"large.bin", large, NULL};
    {
        g_autoptr(Index) index = index_open(place->mirror, &error);
        g_assert_no_error(error);
        rig_pull(place->mirror, RIG_FOLDER, "2.0", set, index);
        rig_pull(place->mirror, RIG_FOLDER, "2.1", set, index);
    }
    g_assert_true(remove_version(place, "2.0", &error));
    g_assert_no_error(error);
    g_autoptr(Index) index = index_open(place->mirror, &error);
    int tree = mirror_open_tree(place->mirror, RIG_FOLDER, "2.1", &error);
    FileStamp stamp;
    g_assert_true(file_stamp_of(tree, "large.bin", &stamp));
    g_assert_true(index_is_unchanged(index, RIG_FOLDER, "2.1", "large.bin", &stamp));
    close(tree);
}

/* Its tree is somebody's, elsewhere. */
static void test_in_place(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    rig_write(place->mirror, ".elsewhere/x", "");
    g_autofree char *elsewhere = g_build_filename(place->base, ".elsewhere", "tree", NULL);
    g_assert_cmpint(renameat(mirror_fd(place->mirror), PLACE, AT_FDCWD, elsewhere), ==, 0);
    g_assert_cmpint(symlinkat(elsewhere, mirror_fd(place->mirror), PLACE), ==, 0);
    g_autoptr(LockHeader) header = header_of(place->mirror, VERSION);
    g_auto(RemovalFacts) facts = {0};
    g_auto(SpaceCount) space = {0};
    g_assert_true(removal_look(place->mirror, header, &facts, &space, NULL, NULL, &error));
    g_assert_true(facts.in_place);
    g_assert_cmpuint(space.freed_bytes, ==, 0);
    g_assert_true(remove_version(place, VERSION, &error));
    g_assert_no_error(error);
    g_assert_false(is_there(place, PLACE));
    g_assert_false(is_there(place, PLACE ".lock.jsonl"));
    g_assert_true(is_there(place, ".elsewhere/tree/a/1.txt"));
    g_assert_true(is_there(place, ".elsewhere/tree/mine/mask.png"));
}

static void add(SpaceCount *count, guint64 inode, guint links)
{
    struct stat file = {.st_ino = inode, .st_nlink = links, .st_size = 1000, .st_blocks = 8};
    space_count_add(count, &file);
}

static void test_space(void)
{
    g_auto(SpaceCount) count = {0};
    add(&count, 1, 1);
    g_assert_cmpuint(count.freed_bytes, ==, 4096);
    add(&count, 2, 2);
    g_assert_cmpuint(count.freed_bytes, ==, 4096);
    g_assert_cmpuint(count.shared_bytes, ==, 4096);
    g_assert_cmpuint(count.shared_files, ==, 1);
    add(&count, 3, 3);
    add(&count, 3, 3);
    g_assert_cmpuint(count.shared_files, ==, 3);
    g_assert_cmpuint(count.shared_bytes, ==, 8192);
    /* The last name of both goes as well. */
    add(&count, 3, 3);
    add(&count, 2, 2);
    g_assert_cmpuint(count.shared_files, ==, 0);
    g_assert_cmpuint(count.shared_bytes, ==, 0);
    g_assert_cmpuint(count.freed_bytes, ==, 3 * 4096);
    g_assert_cmpuint(count.files, ==, 6);
    g_assert_false(count.at_least);
    for (guint i = 0; i < SPACE_COUNT_MOST_LINKS; i++)
        add(&count, 100 + i, 2);
    g_assert_true(count.at_least);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define CASE(name, func, data)                                                                     \
    g_test_add("/removal/" name, Place, GUINT_TO_POINTER(data), set_up, func, tear_down)
    CASE("look", test_look, 0);
    CASE("run", test_run, 0);
    CASE("no-folder-stays", test_no_folder_stays, 0);
    CASE("held", test_held, 0);
    CASE("died-after-intent", test_died, 0);
    CASE("died-after-tree", test_died, 1);
    CASE("died-after-lock", test_died, 2);
    CASE("died-after-list", test_died, 3);
    CASE("died-after-archives", test_died, 4);
    CASE("died-deleting", test_died_deleting, 0);
    CASE("shared-stays-proven", test_shared_stays_proven, 0);
    CASE("in-place", test_in_place, 0);
    g_test_add_func("/removal/space", test_space);
    return g_test_run();
}

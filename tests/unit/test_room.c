/* What fits, whose limit it is when it does not, and the proofs that are written down. */
#include "mirror_rig.h"
#include "proofs.h"
#include "room.h"

typedef struct {
    char *path;
    Mirror *mirror;
} Place;

static void set_up(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    place->path = g_dir_make_tmp("room-XXXXXX", NULL);
    place->mirror = mirror_open(place->path, MIRROR_OPEN_WRITE, &error);
    g_assert_no_error(error);
}

static void tear_down(Place *place, gconstpointer data)
{
    mirror_close(place->mirror);
    scratch_remove(place->path);
}

static void test_measure(Place *place, gconstpointer data)
{
    static const char *const files[] = {"a", "12345", "b", "67890", NULL};
    g_autoptr(GError) error = NULL;
    g_auto(Room) room = {0};
    RoomLimits none = {SIZE_UNKNOWN, SIZE_UNKNOWN, 0};
    g_assert_true(room_measure(place->mirror, &none, &room, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(room.bytes, >, 0);
    g_assert_nonnull(strstr(room.limited_by, place->path));

    rig_pull(place->mirror, RIG_FOLDER, "1.0", files, NULL);
    RoomLimits own = {100, 7, 0};
    g_assert_true(room_measure(place->mirror, &own, &room, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(room.bytes, ==, 90);
    g_assert_cmpuint(room.files, ==, 5);
    g_assert_nonnull(strstr(room.limited_by, "max-size"));
    g_assert_nonnull(strstr(room.files_limited_by, "max-files"));
    RoomLimits less = {5, 1, 0};
    g_assert_true(room_measure(place->mirror, &less, &room, &error));
    g_assert_cmpuint(room.bytes, ==, 0);
    g_assert_cmpuint(room.files, ==, 0);
}

static void test_fits(void)
{
    static const struct {
        guint64 peak, files;
        gboolean fits;
        const char *whose;
    } rows[] = {
        {1000, 10, TRUE, NULL},
        {1001, 10, FALSE, "max-size"},
        {1000, 11, FALSE, "max-files"},
        {0, 0, TRUE, NULL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        Room room = {1000, 10, (char *)"max-size", (char *)"max-files"};
        Plan plan = {.peak = {rows[i].peak, FALSE}, .files = {rows[i].files, TRUE}};
        g_assert_cmpint(plan_fits(&plan, &room, &error), ==, rows[i].fits);
        if (rows[i].fits) {
            g_assert_no_error(error);
            continue;
        }
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE);
        g_assert_nonnull(strstr(error->message, rows[i].whose));
    }
}

/* Sums that make sense, and no "at least 0 bytes" where nothing is known. */
static void test_describe(void)
{
    const struct {
        Plan plan;
        const char *says[3];
    } rows[] = {
        {{.fetch = {0, TRUE}, .on_disk = {0, TRUE}, .peak = {0, TRUE}, .files = {0, TRUE}},
         {"to fetch     not known", "on disk      not known", "those in the archives; none"}},
        {{.fetch = {2000, FALSE},
          .on_disk = {3000, FALSE},
          .peak = {2500, FALSE},
          .files = {4, FALSE},
          .have_files = 1,
          .have_bytes = 1000,
          .resume_bytes = 500},
         {"to fetch     2.0 kB\n", "3.0 kB afterwards; new space at the peak: 2.5 kB",
          "4 new; 1 here (1.0 kB); 500 bytes of them received before"}},
        {{.fetch = {2000, TRUE}, .on_disk = {2000, TRUE}, .peak = {0, TRUE}, .files = {4, TRUE}},
         {"at least 2.0 kB\n", "at least 2.0 kB afterwards", "4 new, and those in the archives"}},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = plan_describe(&rows[i].plan, NULL);
        g_test_message("%s", text);
        g_assert_null(strstr(text, " 0 bytes"));
        for (gsize k = 0; k < G_N_ELEMENTS(rows[i].says); k++) {
            g_assert_nonnull(strstr(text, rows[i].says[k]));
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/room/measure", Place, NULL, set_up, test_measure, tear_down);
    g_test_add_func("/room/fits", test_fits);
    g_test_add_func("/room/describe", test_describe);
    return g_test_run();
}

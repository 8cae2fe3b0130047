/*
 * What the engine allows a host: how many requests, how many slots between runs, how many bytes a
 * second.
 */
#include "host_limits.h"
#include "host_slots.h"
#include "rate_bucket.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_halves_and_grows(void)
{
    HostLimits limits;

    host_limits_init(&limits, 8);
    g_assert_cmpuint(limits.allowed, ==, 8);
    host_limits_halve(&limits, 1000, 100);
    host_limits_halve(&limits, 1050, 100); /* the same trouble */
    g_assert_cmpuint(limits.allowed, ==, 4);
    host_limits_halve(&limits, 1100, 100);
    host_limits_halve(&limits, 1200, 100);
    host_limits_halve(&limits, 1300, 100);
    g_assert_cmpuint(limits.allowed, ==, 1);
    for (guint i = 0; i < 1 + 2 + 3; i++)
        host_limits_note_good(&limits);
    g_assert_cmpuint(limits.allowed, ==, 4);
    for (guint i = 0; i < 1000; i++)
        host_limits_note_good(&limits);
    g_assert_cmpuint(limits.allowed, ==, 8);
    /* After trouble a higher ceiling is not taken at once. */
    host_limits_raise(&limits, 32);
    g_assert_cmpuint(limits.allowed, ==, 8);
    host_limits_init(&limits, 8);
    host_limits_raise(&limits, 32);
    g_assert_cmpuint(limits.allowed, ==, 32);
}

static void test_points(void)
{
    HostLimits limits;

    host_limits_init(&limits, 8);
    for (gint64 now = 0; now < 1000; now += 10)
        host_limits_add_point(&limits, now, 60000);
    g_assert_cmpuint(limits.points, ==, 1);
    host_limits_add_point(&limits, 60000, 60000);
    host_limits_add_point(&limits, 120000, 60000);
    g_assert_cmpuint(limits.points, ==, HOST_POINTS_LAST);
}

static void remove_folder(const char *path)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        g_assert_cmpint(unlink(child), ==, 0);
    }
    g_assert_cmpint(rmdir(path), ==, 0);
}

static void test_slots(void)
{
    g_autofree char *folder = g_dir_make_tmp("medmirror-slots-XXXXXX", NULL);
    int fd = host_slots_open_folder(folder);
    HostSlots *one = host_slots_new(fd, "https://h:443", 8);
    HostSlots *two = host_slots_new(fd, "https://h:443", 8);
    HostSlots *other = host_slots_new(fd, "https://../x:443", 8);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpuint(host_slots_hold(one, 20), ==, 8);
    g_assert_cmpuint(host_slots_hold(two, 3), ==, 0);
    g_assert_cmpuint(host_slots_hold(other, 8), ==, 8);
    /* Somebody waits: what is given back is not taken again beyond the half. */
    g_assert_cmpuint(host_slots_hold(one, 6), ==, 6);
    g_assert_cmpuint(host_slots_hold(two, 3), ==, 2);
    g_assert_cmpuint(host_slots_hold(one, 5), ==, 5);
    g_usleep(110 * 1000); /* it is looked at ten times a second */
    g_assert_cmpuint(host_slots_hold(one, 6), ==, 5);
    g_assert_cmpuint(host_slots_hold(two, 3), ==, 3);
    host_slots_free(one); /* as when its run dies */
    g_assert_cmpuint(host_slots_hold(two, 8), ==, 8);
    host_slots_free(two);
    host_slots_free(other);
    close(fd);
    remove_folder(folder);
}

static void test_slots_without_folder(void)
{
    g_assert_cmpint(host_slots_open_folder("/proc/nonexistent/folder"), ==, -1);
    g_autoptr(HostSlots) slots = host_slots_new(-1, "h", 8);
    g_assert_cmpuint(host_slots_hold(slots, 5), ==, 5);
    g_assert_cmpuint(host_slots_hold(slots, 9), ==, 8);
}

static void test_slots_refuse_a_link(void)
{
    g_autofree char *folder = g_dir_make_tmp("medmirror-slots-XXXXXX", NULL);
    g_autofree char *link = g_build_filename(folder, "link", NULL);

    g_assert_cmpint(symlink("/", link), ==, 0);
    g_assert_cmpint(host_slots_open_folder(link), ==, -1);
    remove_folder(folder);
}

static void test_bucket(void)
{
    RateBucket bucket;
    guint64 received = 0;

    rate_bucket_init(&bucket, 1000000, 0);
    for (gint64 now = 0; now < 10 * G_USEC_PER_SEC; now += 700)
        if (rate_bucket_is_open(&bucket, now)) {
            rate_bucket_take(&bucket, 16384);
            received += 16384;
        }
    g_assert_cmpuint(received, >=, 9900000);
    g_assert_cmpuint(received, <=, 10200000);
    /* A debt is paid before it opens again. */
    gint64 now = 20 * G_USEC_PER_SEC;
    g_assert_true(rate_bucket_is_open(&bucket, now));
    rate_bucket_take(&bucket, 1100000);
    g_assert_cmpint(rate_bucket_opens_in_ms(&bucket), >=, 1000);
    g_assert_false(rate_bucket_is_open(&bucket, now + 900 * 1000));
    g_assert_true(rate_bucket_is_open(&bucket, now + 1100 * 1000));
    rate_bucket_init(&bucket, 0, 0);
    rate_bucket_take(&bucket, G_MAXINT64);
    g_assert_true(rate_bucket_is_open(&bucket, 1));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-limits/halves-and-grows", test_halves_and_grows);
    g_test_add_func("/host-limits/points", test_points);
    g_test_add_func("/host-limits/slots", test_slots);
    g_test_add_func("/host-limits/slots-without-folder", test_slots_without_folder);
    g_test_add_func("/host-limits/slots-refuse-a-link", test_slots_refuse_a_link);
    g_test_add_func("/host-limits/bucket", test_bucket);
    return g_test_run();
}

/* How gently each host of a source is treated. */
#include "host_pace.h"
#include "host_slots.h"

#include "next_step.h"
#include "scratch.h"

#include <fcntl.h>
#include <glib.h>
#include <unistd.h>

static const char *const bases[] = {"tcia", "https://nbia.example/nbia-api", "idc-s3",
                                    "https://s3.example", NULL};
static const EndpointPace paces[] = {
    {"tcia", 3, 10}, {"idc-s3", 24, 0}, {"gone", 1, 0}, {NULL, 0, 0}};
static const FetcherRow row = {.name = "tcia", .endpoints = bases, .paces = paces};

static guint connections_at(const Endpoints *endpoints, const char *address)
{
    const EndpointPace *pace = host_pace_of(&row, endpoints, address);
    return pace != NULL ? pace->connections : 0;
}

static void test_by_base(void)
{
    g_autoptr(Endpoints) endpoints = endpoints_new();
    g_assert_cmpuint(connections_at(endpoints, "https://nbia.example/nbia-api/v4/x"), ==, 3);
    g_assert_cmpuint(connections_at(endpoints, "https://nbia.example/nbia-api"), ==, 3);
    g_assert_cmpuint(connections_at(endpoints, "https://nbia.example/nbia-api-too/x"), ==, 0);
    g_assert_cmpuint(connections_at(endpoints, "https://nbia.example/"), ==, 0);
    g_assert_cmpuint(connections_at(endpoints, "https://s3.example/bucket/uuid/"), ==, 24);
    g_assert_cmpuint(connections_at(endpoints, "https://s3.example.org/bucket/"), ==, 0);
}

static void test_none(void)
{
    g_autoptr(Endpoints) endpoints = endpoints_new();
    const FetcherRow without = {.name = "x", .endpoints = bases};
    g_assert_null(host_pace_of(&without, endpoints, "https://s3.example/"));
}

static void test_slots_grow_and_shrink(void)
{
    char *folder = g_dir_make_tmp("slots-XXXXXX", NULL);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(HostSlots) slots = host_slots_new(fd, "https://s3.example:443", 2);
    g_assert_cmpuint(host_slots_hold(slots, 9), ==, 2);
    host_slots_set_most(slots, 5);
    g_assert_cmpuint(host_slots_hold(slots, 9), ==, 5);
    host_slots_set_most(slots, 3);
    g_assert_cmpuint(host_slots_hold(slots, 9), ==, 3);
    g_autoptr(HostSlots) others = host_slots_new(fd, "https://s3.example:443", 5);
    g_assert_cmpuint(host_slots_hold(others, 5), ==, 2);
    g_clear_pointer(&others, host_slots_free);
    g_clear_pointer(&slots, host_slots_free);
    close(fd);
    scratch_remove(folder);
}

static void test_waits_when_wrong(void)
{
    const Outcome wrong = {.kind = OUTCOME_TRUNCATED_ARCHIVE, .retry_after_ms = -1};
    StepLimits limits = {.retries = 8, .delay_min_ms = 10000, .delay_max_ms = 60000};
    TransferHistory history = {.addresses = 1};
    g_assert_cmpuint(next_step(&wrong, &history, &limits, 1.0).delay_ms, ==, 0);
    limits.waits_when_wrong = TRUE;
    history = (TransferHistory){.addresses = 1};
    const Step step = next_step(&wrong, &history, &limits, 1.0);
    g_assert_cmpint(step.kind, ==, STEP_ANEW);
    g_assert_cmpuint(step.delay_ms, ==, 10000);
    g_assert_cmpint(next_step(&wrong, &history, &limits, 1.0).kind, ==, STEP_GIVE_UP);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-pace/by-base", test_by_base);
    g_test_add_func("/host-pace/none", test_none);
    g_test_add_func("/host-pace/slots", test_slots_grow_and_shrink);
    g_test_add_func("/host-pace/waits-when-wrong", test_waits_when_wrong);
    return g_test_run();
}

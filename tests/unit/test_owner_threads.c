/* Owners: one at a time; the dead are taken over, by exactly one; the living are waited for. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "mirror_rig.h"

#define FOLDER "uci/17"
#define OWNER_FILE ".medmirror/owners/uci%2F17.json"

typedef struct {
    char *path;
    Mirror *mirror;
} Place;

static void set_up(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    place->path = g_dir_make_tmp("owner-XXXXXX", NULL);
    place->mirror = mirror_open(place->path, MIRROR_OPEN_WRITE, &error);
    g_assert_no_error(error);
}

static void tear_down(Place *place, gconstpointer data)
{
    mirror_close(place->mirror);
    scratch_remove(place->path);
}

static Owner *take_now(Place *place, GError **error)
{
    return owner_take(place->mirror, FOLDER, "pull", TRUE, NULL, NULL, NULL, error);
}

static void test_one(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Owner) owner = take_now(place, &error);
    g_assert_no_error(error);
    g_assert_true(owner_still(owner, &error));
    g_assert_null(take_now(place, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_BUSY);
    g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
    g_assert_nonnull(strstr(error->message, FOLDER));
    g_assert_nonnull(strstr(error->message, pid));
    g_clear_error(&error);
    /* Another dataset is another matter. */
    g_autoptr(Owner) other =
        owner_take(place->mirror, "uci/18", "verify", TRUE, NULL, NULL, NULL, &error);
    g_assert_no_error(error);
    g_autoptr(GPtrArray) all = owner_list(place->mirror, &error);
    g_assert_cmpuint(all->len, ==, 2);
    const OwnerInfo *info = all->pdata[0];
    g_assert_cmpint(info->pid, ==, getpid());
    g_assert_true(g_str_has_suffix(info->verb, "uci/17") || g_str_has_suffix(info->verb, "uci/18"));
    g_clear_pointer(&owner, owner_release);
    g_clear_pointer(&other, owner_release);
    g_autoptr(GPtrArray) none = owner_list(place->mirror, &error);
    g_assert_cmpuint(none->len, ==, 0);
    owner = take_now(place, &error);
    g_assert_no_error(error);
}

static void test_lost(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Owner) owner = take_now(place, &error);
    g_assert_cmpint(unlinkat(mirror_fd(place->mirror), OWNER_FILE, 0), ==, 0);
    g_assert_false(owner_still(owner, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_BUSY);
    g_clear_error(&error);
    /* Who took over is not disturbed by the end of the one who lost it. */
    g_autoptr(Owner) next = take_now(place, &error);
    g_assert_no_error(error);
    g_clear_pointer(&owner, owner_release);
    g_assert_true(owner_still(next, &error));
}

static void kill_owner(Place *place, gboolean unreaped)
{
    int ready[2];
    g_assert_cmpint(pipe2(ready, O_CLOEXEC), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        Owner *owner = take_now(place, NULL);
        if (owner == NULL || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    char byte;
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    close(ready[0]);
    close(ready[1]);
    g_autoptr(GError) error = NULL;
    g_assert_null(take_now(place, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_BUSY);
    g_assert_cmpint(kill(child, SIGKILL), ==, 0);
    siginfo_t info;
    /* A zombie is dead, though it answers kill(pid, 0). */
    g_assert_cmpint(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), ==, 0);
    if (!unreaped)
        g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
    g_autoptr(GError) problem = NULL;
    g_autoptr(Owner) owner = take_now(place, &problem);
    g_assert_no_error(problem);
    g_assert_true(owner_still(owner, &problem));
    if (unreaped)
        g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
}

static void test_dead(Place *place, gconstpointer data)
{
    kill_owner(place, FALSE);
    kill_owner(place, TRUE);
}

static void touch(Place *place, gint64 seconds_ago)
{
    struct timespec times[2];
    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= seconds_ago;
    times[1] = times[0];
    g_assert_cmpint(utimensat(mirror_fd(place->mirror), OWNER_FILE, times, 0), ==, 0);
}

/* Of another machine only the touches tell. */
static void test_elsewhere(Place *place, gconstpointer data)
{
    static const struct {
        const char *text;
        gint64 seconds_ago;
        gboolean dead;
    } rows[] = {
        {"{\"boot\": \"other\", \"namespace\": \"pid:[1]\", \"pid\": 1, \"start\": 1, \"locked\": "
         "true, \"host\": \"node7\", \"user\": \"ann\", \"verb\": \"pull\"}",
         599, FALSE},
        {"{\"boot\": \"other\", \"namespace\": \"pid:[1]\", \"pid\": 1, \"start\": 1, \"locked\": "
         "true, \"host\": \"node7\", \"user\": \"ann\", \"verb\": \"pull\"}",
         700, TRUE},
        {"", 1, FALSE},
        {"", 60, TRUE},
        {"{\"boot\": \"oth", 1, FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        rig_write(place->mirror, OWNER_FILE, rows[i].text);
        touch(place, rows[i].seconds_ago);
        g_autoptr(Owner) owner = take_now(place, &error);
        g_assert_cmpint(owner != NULL, ==, rows[i].dead);
        if (rows[i].dead)
            continue;
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_BUSY);
        if (i == 0)
            g_assert_nonnull(strstr(error->message, "ann on node7"));
    }
}

typedef struct {
    guint told, asked;
} Waiting;

static void on_waits(const OwnerInfo *info, gpointer data)
{
    Waiting *waiting = data;
    g_assert_cmpint(info->pid, ==, getpid());
    waiting->told++;
}

static gboolean on_cancelled(gpointer data)
{
    Waiting *waiting = data;
    return ++waiting->asked > 3;
}

static void test_waits(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Owner) owner = take_now(place, &error);
    Waiting waiting = {0, 0};
    g_assert_null(
        owner_take(place->mirror, FOLDER, "pull", FALSE, on_waits, on_cancelled, &waiting, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED);
    g_assert_cmpuint(waiting.told, ==, 1);
}

/* Contenders for a dead owner's place: never two at once. */
static void contend(Place *place, volatile gint *shared)
{
    g_autoptr(Owner) owner =
        owner_take(place->mirror, FOLDER, "pull", FALSE, NULL, NULL, NULL, NULL);
    if (owner == NULL)
        _exit(1);
    if (g_atomic_int_add(&shared[0], 1) != 0)
        g_atomic_int_inc(&shared[1]);
    g_usleep(500);
    g_atomic_int_add(&shared[0], -1);
    g_atomic_int_inc(&shared[2]);
    if (!owner_still(owner, NULL))
        g_atomic_int_inc(&shared[1]);
    owner_release(g_steal_pointer(&owner));
    _exit(0);
}

static void test_contenders(Place *place, gconstpointer data)
{
    volatile gint *shared =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    g_assert_true(shared != MAP_FAILED);
    for (guint round = 0; round < 20; round++) {
        pid_t dead = fork();
        if (dead == 0) {
            Owner *owner = take_now(place, NULL);
            _exit(owner == NULL);
        }
        int status = -1;
        g_assert_cmpint(waitpid(dead, &status, 0), ==, dead);
        g_assert_cmpint(status, ==, 0);
        pid_t children[6];
        for (guint i = 0; i < G_N_ELEMENTS(children); i++) {
            children[i] = fork();
            if (children[i] == 0)
                contend(place, shared);
        }
        for (guint i = 0; i < G_N_ELEMENTS(children); i++) {
            g_assert_cmpint(waitpid(children[i], &status, 0), ==, children[i]);
            g_assert_cmpint(status, ==, 0);
        }
        g_assert_cmpint(shared[1], ==, 0);
        g_assert_cmpint(shared[2], ==, (gint)((round + 1) * G_N_ELEMENTS(children)));
    }
    munmap((void *)shared, 4096);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, func) g_test_add("/owner/" name, Place, NULL, set_up, func, tear_down)
    ADD("one", test_one);
    ADD("lost", test_lost);
    ADD("dead", test_dead);
    ADD("elsewhere", test_elsewhere);
    ADD("waits", test_waits);
    ADD("contenders", test_contenders);
    return g_test_run();
}

#include "host_slots.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_EACH_US (100 * 1000)

struct HostSlots {
    int folder_fd; /* borrowed */
    char *host;    /* as a file name */
    guint most;
    int *held; /* -1: not held */
    guint held_count;
    int waiting_fd; /* a shared lock here says: somebody waits; -1 */
    gint64 looked_at_us;
    gboolean others_wait; /* at LOOKED_AT_US */
};

static int open_own_folder(const char *path)
{
    struct stat status;

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return -1;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, &status) != 0 || status.st_uid != geteuid()) {
        close(fd);
        return -1;
    }
    return fd;
}

int host_slots_open_folder(const char *folder)
{
    if (folder != NULL)
        return open_own_folder(folder);
    const char *runtime = g_getenv("XDG_RUNTIME_DIR");
    if (runtime != NULL && *runtime != '\0') {
        g_autofree char *path = g_build_filename(runtime, "medmirror-slots", NULL);
        int fd = open_own_folder(path);
        if (fd >= 0)
            return fd;
    }
    g_autofree char *name = g_strdup_printf("medmirror-slots-%u", (unsigned)geteuid());
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), name, NULL);
    return open_own_folder(path);
}

HostSlots *host_slots_new(int folder_fd, const char *host, guint most)
{
    HostSlots *slots = g_new0(HostSlots, 1);

    slots->folder_fd = folder_fd;
    slots->host = g_uri_escape_string(host, NULL, FALSE);
    slots->most = most;
    slots->held = g_new(int, most);
    for (guint i = 0; i < most; i++)
        slots->held[i] = -1;
    slots->waiting_fd = -1;
    return slots;
}

void host_slots_set_most(HostSlots *slots, guint most)
{
    for (guint i = most; i < slots->most; i++) {
        if (slots->held[i] < 0)
            continue;
        close(slots->held[i]);
        slots->held_count--;
    }
    slots->held = g_renew(int, slots->held, most);
    for (guint i = slots->most; i < most; i++)
        slots->held[i] = -1;
    slots->most = most;
}

static void stop_waiting(HostSlots *slots)
{
    if (slots->waiting_fd >= 0)
        close(slots->waiting_fd);
    slots->waiting_fd = -1;
}

void host_slots_free(HostSlots *slots)
{
    if (slots == NULL)
        return;
    host_slots_hold(slots, 0);
    stop_waiting(slots);
    g_free(slots->held);
    g_free(slots->host);
    g_free(slots);
}

static int open_lock(HostSlots *slots, const char *suffix)
{
    g_autofree char *name = g_strconcat(slots->host, suffix, NULL);

    return openat(slots->folder_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static gboolean somebody_waits(HostSlots *slots)
{
    gint64 now = g_get_monotonic_time();

    if (slots->looked_at_us != 0 && now - slots->looked_at_us < LOOK_EACH_US)
        return slots->others_wait;
    slots->looked_at_us = now;
    slots->others_wait = FALSE;
    int fd = open_lock(slots, ".waiting");
    if (fd >= 0) {
        slots->others_wait = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        close(fd);
    }
    return slots->others_wait;
}

static void say_that_we_wait(HostSlots *slots)
{
    if (slots->waiting_fd >= 0)
        return;
    slots->waiting_fd = open_lock(slots, ".waiting");
    if (slots->waiting_fd >= 0 && flock(slots->waiting_fd, LOCK_SH | LOCK_NB) != 0)
        stop_waiting(slots);
}

static gboolean take_one(HostSlots *slots)
{
    for (guint i = 0; i < slots->most; i++) {
        if (slots->held[i] >= 0)
            continue;
        g_autofree char *suffix = g_strdup_printf(".%u", i);
        int fd = open_lock(slots, suffix);
        if (fd < 0) /* a full or read-only folder must not stop a download */
            return FALSE;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            slots->held[i] = fd;
            slots->held_count++;
            return TRUE;
        }
        close(fd);
    }
    return FALSE;
}

static void give_one_back(HostSlots *slots)
{
    for (guint i = slots->most; i-- > 0;) {
        if (slots->held[i] < 0)
            continue;
        close(slots->held[i]);
        slots->held[i] = -1;
        slots->held_count--;
        return;
    }
}

guint host_slots_hold(HostSlots *slots, guint wanted)
{
    wanted = MIN(wanted, slots->most);
    if (slots->folder_fd < 0) {
        slots->held_count = wanted;
        return wanted;
    }
    while (slots->held_count > wanted)
        give_one_back(slots);
    guint fair = MAX(slots->most / 2, 1);
    while (slots->held_count < wanted) {
        if (slots->held_count >= fair && somebody_waits(slots))
            break;
        if (!take_one(slots))
            break;
    }
    if (slots->held_count < MIN(wanted, fair))
        say_that_we_wait(slots);
    else
        stop_waiting(slots);
    return slots->held_count;
}

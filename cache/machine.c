#include "machine.h"

#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char boot_id[64];
static char pid_namespace[64];

static gssize read_start(const char *path, char *text, gsize size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    gssize got = TEMP_FAILURE_RETRY(read(fd, text, size - 1));
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got;
}

static void find_out(void)
{
    if (read_start("/proc/sys/kernel/random/boot_id", boot_id, sizeof boot_id) > 0)
        g_strchomp(boot_id);
    gssize length = readlink("/proc/self/ns/pid", pid_namespace, sizeof pid_namespace - 1);
    pid_namespace[length > 0 ? length : 0] = '\0';
}

const char *machine_boot_id(void)
{
    pthread_once(&once, find_out);
    return boot_id;
}

const char *machine_pid_namespace(void)
{
    pthread_once(&once, find_out);
    return pid_namespace;
}

guint64 machine_process_start(pid_t pid)
{
    char path[64], text[1024];
    g_snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (read_start(path, text, sizeof text) <= 0)
        return 0;
    /* The name may hold anything: fields are counted from the last parenthesis. */
    const char *at = strrchr(text, ')');
    if (at == NULL || at[1] != ' ')
        return 0;
    at += 2;
    if (*at == 'Z' || *at == 'X' || *at == 'x')
        return 0;
    for (guint field = 3; at != NULL && field < 22; field++) {
        at = strchr(at, ' ');
        at = at == NULL ? NULL : at + 1;
    }
    return at == NULL ? 0 : g_ascii_strtoull(at, NULL, 10);
}

char *machine_user_name(uid_t user)
{
    struct passwd entry, *found = NULL;
    const gsize size = 16384;
    g_autofree char *buffer = g_malloc(size);
    getpwuid_r(user, &entry, buffer, size, &found);
    return found != NULL ? g_strdup(found->pw_name) : g_strdup_printf("%u", (guint)user);
}

#include "owner_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable.h"
#include "error.h"
#include "i18n.h"
#include "machine.h"

/* By the file server's own clock: untouched for so long, an owner elsewhere is dead; */
#define DEAD_AFTER_SECONDS 600
/* empty for so long under its lock free, its maker died between two calls. */
/* No clock is an hour wrong. */
#define SWEPT_AFTER_SECONDS 3600
#define EMPTY_SECONDS 10
#define MOST_BYTES 65536

typedef struct {
    char *boot, *namespace, *folder;
    guint64 start;
    gboolean locked;
    OwnerInfo *info;
} OwnerFile;

static void owner_file_clear(OwnerFile *file)
{
    g_free(file->boot);
    g_free(file->namespace);
    g_free(file->folder);
    owner_info_free(file->info);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OwnerFile, owner_file_clear)

void owner_info_free(OwnerInfo *info)
{
    if (info == NULL)
        return;
    g_free(info->user);
    g_free(info->host);
    g_free(info->verb);
    g_free(info->job);
    g_free(info->since);
    g_free(info);
}

gboolean owner_file_lock(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return TEMP_FAILURE_RETRY(fcntl(fd, F_OFD_SETLK, &lock)) == 0;
}

/* The job of a batch system, for whoever waits for it. */
static const char *batch_job(void)
{
    static const char *const names[] = {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *job = g_getenv(names[i]);
        if (job != NULL && *job != '\0')
            return job;
    }
    return NULL;
}

char *owner_file_describe(const char *folder, const char *verb, gboolean locked)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *since = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
    g_autofree char *user = g_utf8_make_valid(g_get_user_name(), -1);
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s?, s:s, s:s, s:I, s:I, s:b, s:s, s:s}", "user", user, "host",
                  g_get_host_name(), "verb", verb, "job", batch_job(), "boot", machine_boot_id(),
                  "namespace", machine_pid_namespace(), "pid", (json_int_t)getpid(), "start",
                  (json_int_t)machine_process_start(getpid()), "locked", locked, "since", since,
                  "folder", folder);
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    char *line = g_strconcat(text == NULL ? "{}" : text, "\n", NULL);
    free(text);
    json_decref(object);
    return line;
}

static char *get_text(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return g_strdup(text != NULL ? text : otherwise);
}

/* FALSE where it is empty or no owner file (yet). */
static gboolean read_file(int fd, OwnerFile *file)
{
    g_autofree char *text = g_malloc0(MOST_BYTES);
    gssize length = TEMP_FAILURE_RETRY(pread(fd, text, MOST_BYTES - 1, 0));
    json_t *object = length <= 0 ? NULL : json_loadb(text, (gsize)length, 0, NULL);
    file->info = g_new0(OwnerInfo, 1);
    file->info->user = get_text(object, "user", _("somebody"));
    file->info->host = get_text(object, "host", _("a host that is not named"));
    file->info->verb = get_text(object, "verb", _("a run"));
    file->info->job = get_text(object, "job", NULL);
    file->info->since = get_text(object, "since", _("just now"));
    file->info->pid = json_integer_value(json_object_get(object, "pid"));
    file->boot = get_text(object, "boot", "");
    file->namespace = get_text(object, "namespace", "");
    file->folder = get_text(object, "folder", "");
    file->start = (guint64)json_integer_value(json_object_get(object, "start"));
    file->locked = json_is_true(json_object_get(object, "locked"));
    gboolean understood = json_is_object(object) && file->info->pid > 0;
    json_decref(object);
    return understood;
}

static gboolean is_at_name(int owners_fd, const char *name, int fd)
{
    struct stat own, there;
    return fstat(fd, &own) == 0 && fstatat(owners_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           own.st_ino == there.st_ino && own.st_dev == there.st_dev;
}

/* Seconds since FD was touched, by the clock of the file system it lies on. */
static gint64 seconds_untouched(int owners_fd, int fd)
{
    g_autofree char *name = g_strdup_printf(".clock-%d-%08x", (int)getpid(), g_random_int());
    int probe = openat(owners_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct stat now, then;
    gint64 seconds = 0;
    if (probe >= 0 && write_whole(probe, "\n", 1) && fstat(probe, &now) == 0 &&
        fstat(fd, &then) == 0)
        seconds = (gint64)now.st_mtim.tv_sec - (gint64)then.st_mtim.tv_sec;
    if (probe >= 0) {
        close(probe);
        unlinkat(owners_fd, name, 0);
    }
    return seconds;
}

static gboolean is_same_boot(const OwnerFile *file)
{
    return *file->boot != '\0' && strcmp(file->boot, machine_boot_id()) == 0;
}

/* DEAD is proven; what is not, lives. */
typedef enum {
    LIFE_DEAD,
    LIFE_UNCERTAIN,
    LIFE_ALIVE,
} Life;

static Life judge_life(int owners_fd, int fd, const OwnerFile *file, gboolean understood,
                       gboolean got_lock)
{
    if (!understood)
        return got_lock && seconds_untouched(owners_fd, fd) >= EMPTY_SECONDS ? LIFE_DEAD
                                                                             : LIFE_UNCERTAIN;
    if (is_same_boot(file)) {
        if (file->locked && got_lock)
            return LIFE_DEAD;
        if (strcmp(file->namespace, machine_pid_namespace()) == 0) {
            guint64 start = machine_process_start((pid_t)file->info->pid);
            gboolean runs = start != 0 && (file->start == 0 || start == file->start);
            if (runs)
                return LIFE_ALIVE;
            /* The process is gone and the lock is not: another is about to break it. */
            return file->locked ? LIFE_UNCERTAIN : LIFE_DEAD;
        }
        if (file->locked)
            return LIFE_ALIVE;
    }
    return seconds_untouched(owners_fd, fd) >= DEAD_AFTER_SECONDS ? LIFE_DEAD : LIFE_ALIVE;
}

/* Renamed to a name of our own and looked at again: only what we judged is removed. */
static void remove_dead(int owners_fd, const char *name, int fd)
{
    g_autofree char *own = g_strdup_printf(".dead-%d-%08x", (int)getpid(), g_random_int());
    if (renameat(owners_fd, name, owners_fd, own) != 0)
        return;
    /* Not the one that was judged: it goes back, unless a third is there by now. */
    if (!is_at_name(owners_fd, own, fd) && linkat(owners_fd, own, owners_fd, name, 0) != 0 &&
        errno != EEXIST)
        renameat(owners_fd, own, owners_fd, name);
    unlinkat(owners_fd, own, 0);
}

OwnerLife owner_file_judge(int owners_fd, const char *name, gboolean break_dead, OwnerInfo **info)
{
    *info = NULL;
    int fd = openat(owners_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && (errno == EACCES || errno == EROFS))
        fd = openat(owners_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return OWNER_GONE;
    gboolean got_lock = owner_file_lock(fd);
    g_auto(OwnerFile) file = {0};
    gboolean understood = read_file(fd, &file);
    Life life = judge_life(owners_fd, fd, &file, understood, got_lock);
    gboolean there = is_at_name(owners_fd, name, fd);
    if (there && life == LIFE_DEAD && break_dead)
        remove_dead(owners_fd, name, fd);
    /* The lock goes with the descriptor: until here nobody else could break the same one. */
    close(fd);
    if (!there || life == LIFE_DEAD)
        return OWNER_GONE;
    *info = g_steal_pointer(&file.info);
    return life == LIFE_ALIVE ? OWNER_LIVES : OWNER_UNCERTAIN;
}

void owner_file_sweep(int owners_fd)
{
    int copy = openat(owners_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;
    struct stat now;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if ((g_str_has_prefix(entry->d_name, ".clock-") ||
             g_str_has_prefix(entry->d_name, ".dead-")) &&
            fstatat(owners_fd, entry->d_name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
            time(NULL) - now.st_mtim.tv_sec > SWEPT_AFTER_SECONDS)
            unlinkat(owners_fd, entry->d_name, 0);
    }
    if (folder != NULL)
        closedir(folder);
    else if (copy >= 0)
        close(copy);
}

static char *folder_of(int owners_fd, const char *name)
{
    int fd = openat(owners_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    g_auto(OwnerFile) file = {0};
    if (fd >= 0)
        read_file(fd, &file);
    if (fd >= 0)
        close(fd);
    return g_steal_pointer(&file.folder);
}

GPtrArray *owner_list(Mirror *mirror, GError **error)
{
    g_autoptr(GPtrArray) owners = g_ptr_array_new_with_free_func((GDestroyNotify)owner_info_free);
    int fd = mirror_private_fd(mirror) < 0
                 ? -1
                 : openat(mirror_private_fd(mirror), "owners", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return g_steal_pointer(&owners);
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        error_set_storage(error, errno, _("cannot read the owners' folder of %s"),
                          mirror_path(mirror));
        close(fd);
        return NULL;
    }
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.' || !g_str_has_suffix(entry->d_name, ".json"))
            continue;
        OwnerInfo *info = NULL;
        g_autofree char *dataset = folder_of(fd, entry->d_name);
        if (owner_file_judge(fd, entry->d_name, FALSE, &info) != OWNER_LIVES) {
            owner_info_free(info);
            continue;
        }
        g_autofree char *verb = info->verb;
        info->verb = g_strdup_printf("%s %s", verb, dataset == NULL ? "" : dataset);
        g_ptr_array_add(owners, info);
    }
    closedir(folder);
    return g_steal_pointer(&owners);
}

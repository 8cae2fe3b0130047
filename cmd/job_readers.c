#include "job_readers.h"

#include "config_readers.h"
#include "i18n.h"
#include "intent.h"
#include "job_owner.h"
#include "readers.h"
#include "tree_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const places[] = {"", ".archives", ".sha256", ".lock.jsonl"};

/* -1 where it is not there, or may not be read. */
static int open_place(Mirror *mirror, const LockHeader *header, const char *suffix)
{
    g_autofree char *version = mirror_version_name(header->version);
    g_autofree char *path = g_strdup_printf("%s/%s%s", header->folder, version, suffix);
    const char *name = NULL;
    int folder = tree_open_parent(mirror_fd(mirror), path, FALSE, 0, &name, NULL);
    int fd = folder < 0 ? -1 : openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (folder >= 0) {
        close(folder);
    }
    return fd;
}

Readers job_readers_of(Job *job, const LockHeader *header, int tree_fd)
{
    struct stat now;
    if (header->in_place) {
        return READERS_EVERYBODY;
    }
    return tree_fd >= 0 && fstat(tree_fd, &now) == 0 && now.st_uid == geteuid()
               ? config_readers(job_settings(job)->config, header->id, header->ref, header->access)
               : readers_of_tree(header->access, tree_fd);
}

static Readers readers_of(Job *job, Mirror *mirror, const LockHeader *header)
{
    int tree_fd = open_place(mirror, header, "");
    const Readers readers = job_readers_of(job, header, tree_fd);
    if (tree_fd >= 0) {
        close(tree_fd);
    }
    return readers;
}

guint64 job_readers_count_places(Job *job, Mirror *mirror, const LockHeader *header)
{
    const Readers readers = readers_of(job, mirror, header);
    guint64 exposed = 0;
    for (guint i = 0; readers.is_private && i < G_N_ELEMENTS(places); i++) {
        struct stat now;
        int fd = open_place(mirror, header, places[i]);
        if (fd < 0) {
            continue;
        }
        exposed += fstat(fd, &now) == 0 && readers_are_exceeded(&readers, now.st_mode, now.st_gid);
        close(fd);
    }
    return exposed;
}

gboolean job_readers_lack_group(Job *job, Mirror *mirror, const LockHeader *header)
{
    const Readers readers = readers_of(job, mirror, header);
    struct stat now;
    int fd = readers.is_private && readers.group != READERS_NO_GROUP
                 ? open_place(mirror, header, "")
                 : -1;
    gboolean lacks = fd >= 0 && fstat(fd, &now) == 0 &&
                     (now.st_gid != readers.group || (now.st_mode & 0050) != 0050);
    if (fd >= 0) {
        close(fd);
    }
    return lacks;
}

gboolean job_readers_mend(Job *job, Mirror *mirror, const LockHeader *header, gboolean no_wait,
                          GError **error)
{
    const Readers readers = readers_of(job, mirror, header);
    g_autoptr(Owner) owner =
        job_take_owner(job, mirror, header->ref, header->folder, "repair", no_wait, error);
    guint64 changed = 0;
    gboolean done = owner != NULL;
    for (guint i = 0; done && i < G_N_ELEMENTS(places); i++) {
        struct stat now;
        int fd = open_place(mirror, header, places[i]);
        if (fd < 0) {
            continue;
        }
        gboolean is_folder = fstat(fd, &now) == 0 && S_ISDIR(now.st_mode);
        changed += !is_folder && readers_are_exceeded(&readers, now.st_mode, now.st_gid);
        done = is_folder ? readers_apply_below(&readers, fd, &changed, error)
                         : readers_apply(&readers, fd, places[i], error);
        close(fd);
    }
    if (done) {
        job_tell(job, JOB_EVENT_STEP, "private",
                 json_pack("{s:s, s:I}", "ref", header->ref, "changed", (json_int_t)changed),
                 ngettext("private      %s@%s: %" G_GUINT64_FORMAT
                          " file or folder was given to its readers alone",
                          "private      %s@%s: %" G_GUINT64_FORMAT
                          " files and folders were given to their readers alone",
                          changed),
                 header->ref, header->version, changed);
    }
    return done && intent_point_latest(mirror, header->folder, error);
}

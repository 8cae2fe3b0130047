#include "mirror.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable.h"
#include "error.h"
#include "group_mode.h"
#include "i18n.h"
#include "intent.h"
#include "relpath.h"
#include "tree_writer.h"

#include <jansson.h>

#define MIRROR_FORMAT 1
#define PRIVATE_FOLDER ".medmirror"
/* Longer names are cut, and told apart by a digest. */
#define MOST_NAME 200

struct Mirror {
    char *path;
    int fd;
    int private_fd;
    MirrorPolicy policy;
    mode_t umask_before; /* where a group's mirror asks for no umask; else (mode_t)-1 */
};

void mirror_close(Mirror *mirror)
{
    if (mirror == NULL)
        return;
    if (mirror->umask_before != (mode_t)-1)
        umask(mirror->umask_before);
    mirror_policy_clear(&mirror->policy);
    if (mirror->private_fd >= 0)
        close(mirror->private_fd);
    if (mirror->fd >= 0)
        close(mirror->fd);
    g_free(mirror->path);
    g_free(mirror);
}

const char *mirror_path(const Mirror *mirror)
{
    return mirror->path;
}

int mirror_fd(const Mirror *mirror)
{
    return mirror->fd;
}

int mirror_private_fd(const Mirror *mirror)
{
    return mirror->private_fd;
}

const MirrorPolicy *mirror_policy(const Mirror *mirror)
{
    return &mirror->policy;
}

char *mirror_version_name(const char *version)
{
    static const char *const suffixes[] = {".sha256", ".lock.jsonl", ".archives", ".extra",
                                           ".metadata.csv"};
    g_autofree char *name = relpath_encode_part(version);
    if (strcmp(name, "latest") == 0)
        return g_strdup("%6Catest");
    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        if (g_str_has_suffix(name, suffixes[i])) {
            name[strlen(name) - strlen(suffixes[i])] = '\0';
            return g_strconcat(name, "%2E", suffixes[i] + 1, NULL);
        }
    }
    return g_steal_pointer(&name);
}

char *mirror_folder_key(const char *folder)
{
    g_autofree char *key = relpath_encode_part(folder);
    if (strlen(key) <= MOST_NAME)
        return g_steal_pointer(&key);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, folder, -1);
    return g_strdup_printf("%.*s-%.16s", MOST_NAME - 17, key, digest);
}

static gboolean refuse_format(const char *path, json_int_t format, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("The mirror %s has format %" JSON_INTEGER_FORMAT
                  ", which this medmirror cannot use: install a newer one."),
                path, format);
    return FALSE;
}

/* *STANDS: there is a format file. */
static gboolean check_format(const Mirror *mirror, gboolean *stands, GError **error)
{
    gboolean absent = FALSE;
    g_autofree char *text = small_file_read(mirror->private_fd, "format", 4096, &absent, error);
    *stands = text != NULL;
    if (text == NULL) {
        if (absent)
            g_clear_error(error);
        return absent;
    }
    json_t *object = json_loads(text, 0, NULL);
    json_int_t reader = json_integer_value(json_object_get(object, "min_reader"));
    json_int_t format = json_integer_value(json_object_get(object, "format"));
    json_decref(object);
    if (format < 1) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("%s/" PRIVATE_FOLDER
                      "/format cannot be understood. Where the mirror is whole, "
                      "remove that file, and it is written again."),
                    mirror->path);
        return FALSE;
    }
    return reader <= MIRROR_FORMAT || refuse_format(mirror->path, format, error);
}

/* A folder that holds other things is not made a mirror by accident: nothing but what begins with a
 * dot (and a disk's lost+found) may lie there, or a tree that has locks. */
static gboolean check_other_things(Mirror *mirror, GError **error)
{
    int fd = openat(mirror->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        error_set_storage(error, errno, _("cannot read %s"), mirror->path);
        if (fd >= 0)
            close(fd);
        return FALSE;
    }
    gboolean other = FALSE;
    struct dirent *entry;
    while (!other && (entry = readdir(folder)) != NULL)
        other = entry->d_name[0] != '.' && strcmp(entry->d_name, "lost+found") != 0;
    closedir(folder);
    if (!other)
        return TRUE;
    g_autoptr(GPtrArray) versions = mirror_list(mirror, NULL);
    if (versions != NULL && versions->len > 0)
        return TRUE;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%s is no mirror and holds other things: choose an empty folder, as in: "
                  "medmirror init DIR"),
                mirror->path);
    return FALSE;
}

/* Folders that hold bytes of datasets before they are installed are the user's alone, or the
 * group's; below them each dataset's are as private as it is. */
static gboolean make_private(Mirror *mirror, GError **error)
{
    static const struct {
        const char *name;
        mode_t mode;
    } folders[] = {{"partial", 0700},
                   {"stage", 0700},
                   {"evidence", 0700},
                   {"owners", 0755},
                   {"intents", 0755}};
    if (mirror->private_fd < 0) {
        if (!check_other_things(mirror, error))
            return FALSE;
        mirror->private_fd = tree_open_folder(mirror->fd, PRIVATE_FOLDER, TRUE, 0755, error);
        if (mirror->private_fd < 0)
            return FALSE;
    }
    gboolean is_shared = group_is_shared(mirror->private_fd);
    for (guint i = 0; i < G_N_ELEMENTS(folders); i++) {
        mode_t mode = is_shared ? 0775 : folders[i].mode;
        if (mkdirat(mirror->private_fd, folders[i].name, mode) != 0 && errno != EEXIST)
            return error_set_storage(error, errno, _("cannot make %s/" PRIVATE_FOLDER "/%s"),
                                     mirror->path, folders[i].name);
    }
    gboolean stands = FALSE;
    if (!check_format(mirror, &stands, error))
        return FALSE;
    return stands || durable_replace(mirror->private_fd, "format",
                                     "{\"format\": 1, \"min_reader\": 1}\n", 0644, error);
}

static gboolean open_folders(Mirror *mirror, const char *path, MirrorOpen mode, GError **error)
{
    if (mode == MIRROR_OPEN_WRITE && g_mkdir_with_parents(path, 0755) != 0)
        return error_set_storage(error, errno, _("cannot make the mirror's folder %s"), path);
    mirror->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (mirror->fd < 0 && errno == ENOENT) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("There is no mirror at %s: nothing is here yet. Bring a dataset with: "
                      "medmirror pull REF, or name another mirror with --mirror DIR"),
                    path);
        return FALSE;
    }
    char *real = mirror->fd < 0 ? NULL : realpath(path, NULL);
    if (real == NULL)
        return error_set_storage(error, errno, _("cannot open the mirror %s"), path);
    mirror->path = g_strdup(real);
    free(real);
    mirror->private_fd =
        openat(mirror->fd, PRIVATE_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (mirror->private_fd < 0 && mode != MIRROR_OPEN_READ && errno != ENOENT)
        return error_set_storage(error, errno, _("cannot open %s/" PRIVATE_FOLDER), mirror->path);
    return TRUE;
}

/* In a group's mirror nobody's umask is asked: who writes there writes for all of them. */
static gboolean take_policy(Mirror *mirror, MirrorOpen mode, GError **error)
{
    mirror->policy.max_size = mirror->policy.max_files = SIZE_UNKNOWN;
    if (mirror->private_fd < 0)
        return TRUE;
    if (!mirror_policy_read(mirror->private_fd, &mirror->policy, error))
        return FALSE;
    if (mirror->policy.group != NULL && mode != MIRROR_OPEN_READ)
        mirror->umask_before = umask(0002);
    return TRUE;
}

Mirror *mirror_open(const char *path, MirrorOpen mode, GError **error)
{
    g_autoptr(Mirror) mirror = g_new0(Mirror, 1);
    mirror->fd = mirror->private_fd = -1;
    mirror->umask_before = (mode_t)-1;
    if (!open_folders(mirror, path, mode, error) || !take_policy(mirror, mode, error))
        return NULL;
    if (mode != MIRROR_OPEN_READ) {
        if (!make_private(mirror, error) || !intent_recover_all(mirror, error))
            return NULL;
        return g_steal_pointer(&mirror);
    }
    gboolean stands = FALSE;
    if (mirror->private_fd >= 0 && !check_format(mirror, &stands, error))
        return NULL;
    return g_steal_pointer(&mirror);
}

static gboolean make_group(const Mirror *mirror, gid_t group, GError **error)
{
    static const char *const work[] = {"partial", "stage", "evidence"};
    for (guint i = 0; i < G_N_ELEMENTS(work); i++) {
        /* Until now they were their user's alone; what lies in them may be, and stays so. */
        int fd =
            openat(mirror->private_fd, work[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        gboolean opened = fd < 0 || fchmod(fd, 0755) == 0 || errno == EPERM;
        int problem = errno;
        if (fd >= 0)
            close(fd);
        if (!opened)
            return error_set_storage(error, problem, _("cannot open %s/" PRIVATE_FOLDER "/%s"),
                                     mirror->path, work[i]);
    }
    /* A cache, with names of private files in it: it is made anew, the group's. */
    unlinkat(mirror->private_fd, "index.db", 0);
    unlinkat(mirror->private_fd, "index.db-journal", 0);
    return group_open_below(mirror->fd, group, error);
}

gboolean mirror_init(const char *path, const MirrorPolicy *policy, gid_t group, gboolean *existed,
                     GError **error)
{
    g_autoptr(Mirror) mirror = g_new0(Mirror, 1);
    mirror->fd = mirror->private_fd = -1;
    mirror->umask_before = policy->group == NULL ? (mode_t)-1 : umask(0002);
    if (!open_folders(mirror, path, MIRROR_OPEN_WRITE, error))
        return FALSE;
    *existed = mirror->private_fd >= 0;
    return make_private(mirror, error) &&
           (policy->group == NULL || make_group(mirror, group, error)) &&
           mirror_policy_write(mirror->private_fd, policy, error);
}

char *mirror_version_path(const Mirror *mirror, const char *folder, const char *version)
{
    g_autofree char *name = mirror_version_name(version);
    return g_build_filename(mirror->path, folder, name, NULL);
}

gboolean mirror_has_tree(const Mirror *mirror, const LockHeader *header)
{
    g_autofree char *name = mirror_version_name(header->version);
    g_autofree char *path = g_build_filename(header->folder, name, NULL);
    struct stat now;
    /* Whoever may not look does not know. */
    return fstatat(mirror->fd, path, &now, 0) == 0 ? S_ISDIR(now.st_mode) : errno == EACCES;
}

LockReader *mirror_open_lock(Mirror *mirror, const char *folder, const char *version,
                             GError **error)
{
    g_autofree char *name = mirror_version_name(version);
    g_autofree char *path = g_strdup_printf("%s/%s.lock.jsonl", folder, name);
    return relpath_check(folder, error) ? lock_reader_open(mirror->fd, path, error) : NULL;
}

/* A link is followed where the lock says the same of it, and nowhere else. */
static int open_in_place(Mirror *mirror, const char *folder, const char *version, const char *path,
                         GError **error)
{
    g_autoptr(LockReader) lock = mirror_open_lock(mirror, folder, version, NULL);
    const char *place = lock == NULL ? NULL : lock_reader_header(lock)->in_place;
    g_autofree char *target = g_malloc0(PATH_MAX);
    int fd = -1;
    if (place == NULL || readlinkat(mirror->fd, path, target, PATH_MAX - 1) < 0 ||
        strcmp(place, target) != 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                    _("%s/%s is a link that its lock does not tell of; it is not followed. Remove "
                      "it, then pull anew: medmirror pull %s"),
                    mirror->path, path, folder);
        return -1;
    }
    fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
            _("%s@%s is in place at %s, which cannot be opened now: %s. When it is gone for "
              "good, forget it with: medmirror remove %s@%s"),
            folder, version, place, g_strerror(errno), folder, version);
    return fd;
}

int mirror_open_tree(Mirror *mirror, const char *folder, const char *version, GError **error)
{
    g_autofree char *name = mirror_version_name(version);
    g_autofree char *path = g_strdup_printf("%s/%s", folder, name);
    struct stat now;
    if (!relpath_check(folder, error))
        return -1;
    if (fstatat(mirror->fd, path, &now, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(now.st_mode))
        return open_in_place(mirror, folder, version, path, error);
    return tree_open_folder(mirror->fd, path, FALSE, 0, error);
}

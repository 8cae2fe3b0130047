#include "config_edit.h"

#include "config.h"
#include "durable.h"
#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_BYTES ((gsize)1 << 20)

/* Where the file really lies: people keep it elsewhere and link to it. */
static char *real_path(void)
{
    char *path = config_own_path();
    char *real = realpath(path, NULL);
    if (real) {
        g_free(path);
        path = g_strdup(real);
        free(real);
    }
    return path;
}

/* Its folder, under a lock: of two changes at once neither is lost. -1 with an error. */
static int open_folder(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    if (g_mkdir_with_parents(folder, 0755) != 0) {
        error_set_storage(error, errno, _("cannot make the folder %s"), folder);
        return -1;
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        error_set_storage(error, errno, _("cannot open the folder %s"), folder);
        return -1;
    }
    /* Where the file system has no locks it goes without. */
    (void)TEMP_FAILURE_RETRY(flock(fd, LOCK_EX));
    return fd;
}

static gboolean load(GKeyFile *file, int folder, const char *path, mode_t *mode, GError **error)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autoptr(GError) failure = NULL;
    gboolean absent = FALSE;
    struct stat now;
    g_autofree char *text = small_file_read(folder, name, MOST_BYTES, &absent, &failure);
    if (absent) {
        return TRUE;
    }
    if (!text) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (fstatat(folder, name, &now, AT_SYMLINK_NOFOLLOW) == 0) {
        *mode = now.st_mode & 0777;
    }
    if (g_key_file_load_from_data(file, text, strlen(text), G_KEY_FILE_KEEP_COMMENTS, &failure) ||
        !*text) {
        return TRUE;
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("The configuration %s is wrong: %s. Put it right with an editor, then type: "
                  "medmirror config"),
                path, failure->message);
    return FALSE;
}

static gboolean change(GKeyFile *file, const char *group, const char *key, const char *value)
{
    g_autofree char *before = g_key_file_get_string(file, group, key, NULL);
    if (g_strcmp0(before, value) == 0) {
        return FALSE;
    }
    if (value) {
        g_key_file_set_string(file, group, key, value);
        return TRUE;
    }
    g_key_file_remove_key(file, group, key, NULL);
    gsize left = 0;
    g_auto(GStrv) keys = g_key_file_get_keys(file, group, &left, NULL);
    g_autofree char *comment = g_key_file_get_comment(file, group, NULL, NULL);
    if (left == 0 && (!comment || !*comment)) {
        g_key_file_remove_group(file, group, NULL);
    }
    return TRUE;
}

static gboolean has_control(const char *text)
{
    for (const char *at = text; *at; at++) {
        if (g_ascii_iscntrl(*at)) {
            return TRUE;
        }
    }
    return FALSE;
}

/* What the file's syntax has no place for. */
static gboolean check_can_be_written(const char *group, const char *key, const char *value,
                                     GError **error)
{
    if (strpbrk(group, "[]") || strpbrk(key, "[]=") || has_control(group) || has_control(key) ||
        !g_utf8_validate(group, -1, NULL) || !g_utf8_validate(key, -1, NULL) ||
        !g_utf8_validate(value, -1, NULL)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("A configuration cannot hold this: its names have no brackets, equal signs "
                      "or control characters, and its values are UTF-8 text. What can be set: "
                      "medmirror config"));
        return FALSE;
    }
    return TRUE;
}

static gboolean edit(int folder, const char *path, const char *group, const char *key,
                     const char *value, gboolean *changed, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *name = g_path_get_basename(path);
    mode_t mode = 0644;
    if ((value && !check_can_be_written(group, key, value, error)) ||
        !load(file, folder, path, &mode, error)) {
        return FALSE;
    }
    *changed = change(file, group, key, value);
    if (!*changed) {
        return TRUE;
    }
    durable_sweep(folder, name, DURABLE_SWEEP_SECONDS);
    g_autofree char *text = g_key_file_to_data(file, NULL, NULL);
    return (!value || config_check_text(text, path, error)) &&
           durable_replace(folder, name, text, mode, error);
}

gboolean config_edit(const char *group, const char *key, const char *value, char **path,
                     gboolean *changed, GError **error)
{
    g_autofree char *own = real_path();
    int folder = open_folder(own, error);
    gboolean done = folder >= 0 && edit(folder, own, group, key, value, changed, error);
    if (folder >= 0) {
        close(folder);
    }
    if (path) {
        *path = g_steal_pointer(&own);
    }
    return done;
}

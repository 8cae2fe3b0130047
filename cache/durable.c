#include "durable.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "group_mode.h"
#include "i18n.h"

gboolean write_whole(int fd, const char *text, gsize length)
{
    while (length > 0) {
        gssize written = TEMP_FAILURE_RETRY(write(fd, text, length));
        if (written < 0)
            return FALSE;
        text += written;
        length -= (gsize)written;
    }
    return TRUE;
}

gboolean durable_sync_folder(int folder_fd, const char *name, GError **error)
{
    if (TEMP_FAILURE_RETRY(fsync(folder_fd)) == 0 || errno == EINVAL || errno == EOPNOTSUPP)
        return TRUE;
    return error_set_storage(error, errno, _("cannot make the folder %s durable"), name);
}

gboolean durable_replace(int folder_fd, const char *name, const char *text, mode_t mode,
                         GError **error)
{
    /* A name of its own: several processes may make one mirror at once. */
    g_autofree char *beside =
        g_strdup_printf(".%s.%d-%08x.new", name, (int)getpid(), g_random_int());
    int fd = openat(folder_fd, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                    group_mode(folder_fd, mode));
    gboolean written =
        fd >= 0 && write_whole(fd, text, strlen(text)) && TEMP_FAILURE_RETRY(fsync(fd)) == 0;
    int saved = errno;
    if (fd >= 0 && close(fd) != 0 && written) {
        written = FALSE;
        saved = errno;
    }
    if (written && renameat(folder_fd, beside, folder_fd, name) == 0)
        return durable_sync_folder(folder_fd, name, error);
    if (written)
        saved = errno;
    unlinkat(folder_fd, beside, 0);
    return error_set_storage(error, saved, _("cannot write %s"), name);
}

void durable_sweep(int folder_fd, const char *name, gint64 seconds)
{
    g_autofree char *prefix = g_strdup_printf(".%s.", name);
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    struct dirent *entry;
    struct stat left;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (g_str_has_prefix(entry->d_name, prefix) && g_str_has_suffix(entry->d_name, ".new") &&
            (seconds == 0 || (fstatat(fd, entry->d_name, &left, AT_SYMLINK_NOFOLLOW) == 0 &&
                              left.st_mtim.tv_sec < now - seconds)))
            unlinkat(fd, entry->d_name, 0);
    }
    if (folder != NULL)
        closedir(folder);
    else if (fd >= 0)
        close(fd);
}

char *small_file_read(int folder_fd, const char *name, gsize most, gboolean *absent, GError **error)
{
    if (absent != NULL)
        *absent = FALSE;
    int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        if (absent != NULL)
            *absent = errno == ENOENT;
        error_set_storage(error, errno, _("cannot open %s"), name);
        return NULL;
    }
    g_autofree char *text = g_malloc(most + 2);
    gsize length = 0;
    gssize got = 1;
    while (got > 0 && length <= most) {
        got = TEMP_FAILURE_RETRY(read(fd, text + length, most + 1 - length));
        length += got > 0 ? (gsize)got : 0;
    }
    int saved = errno;
    close(fd);
    if (got < 0) {
        error_set_storage(error, saved, _("cannot read %s"), name);
        return NULL;
    }
    if (length > most) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("%s is larger than it can be."), name);
        return NULL;
    }
    text[length] = '\0';
    return g_steal_pointer(&text);
}
